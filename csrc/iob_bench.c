/* iob_bench.c - loops that time the buffer pool without Python in the way; only benchmarks/ calls this. */

#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "board.h"
#include "cdef/iob_api.h"

#define FRAME 1460            /* a full TCP segment over Ethernet */

enum iob_bench_what
{
  IOB_BENCH_ALLOC   = 0,      /* tryalloc, free */
  IOB_BENCH_COPYIN  = 1,      /* tryalloc, copy a frame in, free the chain */
  IOB_BENCH_COPYOUT = 2,      /* the same with the frame copied out in between */
};

/* Every frame differs from the one before, so that no copy can be left out. */

static bool bench_once(struct board *b, int what, uint8_t *frame, int64_t loop)
{
  struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TEST, 0));
  if (iob == NULL) return false;
  bool fits = true;
  if (what >= IOB_BENCH_COPYIN)
    {
      frame[loop % FRAME] ^= (uint8_t)loop;
      fits = iob_copyin(b, iob, frame, FRAME, 0, false) == FRAME;
    }
  if (what >= IOB_BENCH_COPYOUT) fits = iob_copyout(frame, iob, FRAME, 0) == FRAME && fits;
  iob_free_chain(b, iob);
  return fits;
}

/* Host nanoseconds that all the loops took; -EINVAL for an unknown `what`, -ENOMEM if the pool was too small. */

int64_t iob_bench(struct board *b, int what, int64_t loops)
{
  uint8_t frame[FRAME] = { 0 };
  struct timespec from, to;
  if (what < IOB_BENCH_ALLOC || what > IOB_BENCH_COPYOUT) return -EINVAL;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int64_t i = 0; i < loops; i++)
    if (!bench_once(b, what, frame, i)) return -ENOMEM;
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (to.tv_sec - from.tv_sec) * NSEC_PER_SEC + to.tv_nsec - from.tv_nsec;
}
