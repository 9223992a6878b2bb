/* cpuload.c - the halvings of the CPU load, and the load as Python sees it. */

#include "cpuload.h"

#define FORGOTTEN 63            /* halvings after which nothing is left of a count */

int64_t cpuload_first(const struct board *b)
{
  int64_t past = (b->bench->now - b->boot) / b->load_half;
  return b->boot + (past < 2 ? 2 : past + 1) * b->load_half;
}

int64_t cpuload_total(const struct board *b)
{
  int64_t up = b->bench->now - b->boot, half = b->load_half;
  return (int64_t)b->ncpus * (up < 2 * half ? up : half + up % half);
}

int64_t cpuload_halve(struct tcb *t, int64_t since)
{
  int64_t now = t->board->bench->now, half = t->board->load_half;
  int64_t skip = (now - t->load_halves) / half - FORGOTTEN;
  if (skip > 0)
    {
      t->load_halves += skip * half;
      if (since < t->load_halves - half) since = t->load_halves - half;
    }
  for (; t->load_halves <= now; t->load_halves += half)
    {
      if (since < t->load_halves)
        {
          t->load += t->load_halves - since;
          since = t->load_halves;
        }
      t->load /= 2;
    }
  return since;
}

/* CONFIG_SCHED_CPULOAD_TIMECONSTANT, in ns. To be set before anything has run. */

int32_t cpuload_init(struct board *b, int64_t timeconstant)
{
  if (timeconstant < 2) return -EINVAL;
  b->load_half = timeconstant / 2;
  for (uint32_t i = 0; i < b->ncpus; i++) b->cpu[i].idle->load_halves = cpuload_first(b);
  return 0;
}

/* How long a task ran lately, and how long all together did, ns. Those below the number of CPUs are the idle tasks. */

int32_t clock_cpuload(struct board *b, int32_t pid, int64_t *out, int32_t n)
{
  struct tcb *t = pid >= 0 && (uint32_t)pid < b->ncpus ? b->cpu[pid].idle : task_find(b, pid);
  if (t == NULL) return -ESRCH;
  if (n < 2) return -EINVAL;
  cpuload_count(t);
  out[0] = t->load;
  out[1] = cpuload_total(b);
  return 0;
}
