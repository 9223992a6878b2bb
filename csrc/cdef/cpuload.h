int32_t cpuload_init(struct board *b, int64_t timeconstant);
int32_t clock_cpuload(struct board *b, int32_t pid, int64_t *out, int32_t n);
