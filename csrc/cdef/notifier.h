int32_t notifier_setup(struct board *b, int32_t evtype, uint32_t qualifier, int32_t qid, int32_t work);
int32_t notifier_remove(struct board *b, int32_t key);
