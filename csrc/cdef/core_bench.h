struct board;

int64_t core_bench_queue(struct board *b, int32_t qid, int32_t first, int32_t n);
