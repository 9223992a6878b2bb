/* core_bench.c - work items in C for benchmarks/bench_core.py; nothing else calls this. */

#include "board.h"

#define BENCH_WORK (WORK_NFUNCS - 1)

static void nothing(struct board *b, uint32_t arg)
{
  (void)b;
  (void)arg;
}

/* Queues the n items numbered from `first`, each a function that does nothing, as one primitive. */

int64_t core_bench_queue(struct board *b, int32_t qid, int32_t first, int32_t n)
{
  b->work_c[BENCH_WORK] = nothing;
  for (int32_t i = 0; i < n; i++)
    {
      int r = work_queue_c(b, table_get(&b->wqs, qid), table_get(&b->works, first + i), BENCH_WORK, 0, 0);
      if (r < 0) return r;
    }
  return answer(b, 0);
}
