/* iob_view.c - the pool seen from outside: the figures of /proc/iobinfo, and whether its books balance. */
#include <stdlib.h>

#include "board.h"

void iob_getstats(struct board *b, struct iob_stats_s *st)
{
  const struct iob_pool *p = &b->iob;
  st->ntotal = (int32_t)p->nbuffers;
  st->nfree = iob_navail(b, false);
  st->nwait = p->count < 0 ? -p->count : 0;    /* throttled waiters are not seen here */
  st->nthrottle = p->throttle > 0 ? iob_navail(b, true) : 0;
}

/* Length of a list of buffers that nobody may own, or -1. */

static int32_t list_length(const struct iob_pool *p, const struct iob_s *iob)
{
  int32_t n = 0;
  for (; iob; iob = iob->io_flink)
    if (iob->io_owner != IOB_OWNER_NONE || (uint32_t)n++ >= p->nbuffers) return -1;
  return n;
}

static int check_lists(const struct iob_pool *p)
{
  int32_t unowned = 0;
  int32_t nfree = list_length(p, p->freelist);
  int32_t ncommitted = list_length(p, p->committed);
  if (nfree < 0) return IOB_FAULT_FREELIST;
  if (ncommitted < 0) return IOB_FAULT_COMMITTED;
  for (uint32_t i = 0; i < p->nbuffers; i++) unowned += p->iobs[i].io_owner == IOB_OWNER_NONE;
  if (unowned != nfree + ncommitted) return IOB_FAULT_LOST;
  if (nfree ? p->count != nfree : p->count > 0) return IOB_FAULT_COUNT;
  return p->throttle_wait < 0 ? IOB_FAULT_WAITERS : 0;
}

/* Every held buffer lies in exactly one chain, and every chain has a head and an end. */

static int check_chains(const struct iob_pool *p, uint8_t *linked)
{
  uint32_t held = 0, reached = 0;
  for (uint32_t i = 0; i < p->nbuffers; i++)
    {
      const struct iob_s *iob = &p->iobs[i];
      if (iob->io_owner == IOB_OWNER_NONE) continue;
      held++;
      if ((uint32_t)iob->io_offset + iob->io_len > p->bufsize) return IOB_FAULT_BOUNDS;
      if (iob->io_flink == NULL) continue;
      if (iob->io_flink->io_owner == IOB_OWNER_NONE || linked[iob->io_flink->io_index]++) return IOB_FAULT_LINK;
    }
  for (uint32_t i = 0; i < p->nbuffers; i++)
    {
      if (linked[i] || p->iobs[i].io_owner == IOB_OWNER_NONE) continue;
      for (const struct iob_s *iob = &p->iobs[i]; iob; iob = iob->io_flink) reached++;
    }
  return reached == held ? 0 : IOB_FAULT_LINK;
}

static int check_qentries(const struct iob_pool *p)
{
  int32_t unused = 0, nfree = 0, ncommitted = 0;
  for (int32_t i = 0; i < p->nchains; i++) unused += p->qentries[i].qe_head == NULL;
  for (const struct iob_qentry_s *e = p->qfree; e; e = e->qe_flink)
    if (e->qe_head || nfree++ >= p->nchains) return IOB_FAULT_QENTRY;
  for (const struct iob_qentry_s *e = p->qcommitted; e; e = e->qe_flink)
    if (e->qe_head || ncommitted++ >= p->nchains) return IOB_FAULT_QENTRY;
  if (unused != nfree + ncommitted) return IOB_FAULT_QENTRY;
  return (nfree ? p->qcount != nfree : p->qcount > 0) ? IOB_FAULT_QENTRY : 0;
}

int iob_check(struct board *b)
{
  const struct iob_pool *p = &b->iob;
  uint8_t *linked = calloc(p->nbuffers + 1, 1);
  if (linked == NULL) return -ENOMEM;
  int fault = check_lists(p);
  if (fault == 0) fault = check_chains(p, linked);
  if (fault == 0) fault = check_qentries(p);
  free(linked);
  return fault;
}
