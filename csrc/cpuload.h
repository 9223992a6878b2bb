/* cpuload.h - how long tasks run, and how busy each has been lately (NuttX's sched_cpuload.c).
 *
 * NuttX counts samples and halves all counts whenever their sum exceeds a time constant. Here time is measured: while
 * the CPUs run, the sum grows with the clock, so the halvings are due at known times, the first after one time
 * constant and the others half of one apart. Each task catches up on them when somebody looks at it.
 */
#ifndef NUT_CPULOAD_H
#define NUT_CPULOAD_H

#include "board.h"

int64_t cpuload_halve(struct tcb *t, int64_t since);     /* returns since when what it runs is not counted yet */
int64_t cpuload_first(const struct board *b);            /* the first halving that is still to come, ns */
int64_t cpuload_total(const struct board *b);            /* ns that all tasks together have been counted */

/* Counts the time until now, if it is running. */

static inline void cpuload_count(struct tcb *t)
{
  int64_t now = t->board->bench->now, since = t->ran_since ? t->ran_since : now;
  t->cputime += now - since;
  if (now >= t->load_halves) since = cpuload_halve(t, since);
  t->load += now - since;
  if (t->ran_since) t->ran_since = now;
}

#endif
