/* iob.c - the buffer pool: who gets a buffer, who waits for one, and how it is handed over.
 *
 * A waiter is served by iob_free() itself: the buffer goes to the committed list, where no try-allocation can take it
 * away before the waiter runs. Unthrottled waiters come before throttled ones; a throttled one is served only while
 * `throttle` buffers stay free. (NuttX mm/iob/iob_alloc.c, iob_free.c.)
 */
#include <stdlib.h>

#include "board.h"

int iob_initialize(struct board *b, uint32_t nbuffers, uint32_t bufsize, uint32_t nchains, uint32_t throttle)
{
  struct iob_pool *p = &b->iob;
  if (nbuffers < 1 || nbuffers > IOB_NBUFFERS_MAX || nbuffers <= throttle) return -EINVAL;
  if (bufsize < 1 || bufsize > IOB_BUFSIZE_MAX || nchains > IOB_NBUFFERS_MAX) return -EINVAL;
  if (p->iobs) return -EALREADY;

  p->iobs = calloc(nbuffers, sizeof *p->iobs);
  p->data = calloc(nbuffers, bufsize);
  p->qentries = nchains ? calloc(nchains, sizeof *p->qentries) : NULL;
  if (p->iobs == NULL || p->data == NULL || (nchains && p->qentries == NULL) || nxsem_init(b, &p->sem, 0) < 0
      || nxsem_init(b, &p->throttle_sem, 0) < 0 || nxsem_init(b, &p->qsem, 0) < 0)
    {
      iob_uninitialize(b);
      return -ENOMEM;
    }

  p->nbuffers = nbuffers;
  p->bufsize = bufsize;
  p->nchains = p->qcount = (int32_t)nchains;
  p->count = p->lowwater = (int32_t)nbuffers;
  p->throttle = (int32_t)throttle;
  for (uint32_t i = 0; i < nbuffers; i++)     /* so the last of the pool is handed out first */
    {
      struct iob_s *iob = &p->iobs[i];
      iob->io_index = i;
      iob->io_data = p->data + (size_t)i * bufsize;
      iob->io_flink = p->freelist;
      p->freelist = iob;
    }
  for (uint32_t i = 0; i < nchains; i++)
    {
      p->qentries[i].qe_flink = p->qfree;
      p->qfree = &p->qentries[i];
    }
  return 0;
}

/* The board goes away with its tasks: nobody is woken, and the semaphores' numbers go with the board's table. */

void iob_uninitialize(struct board *b)
{
  struct iob_pool *p = &b->iob;
  free(p->iobs);
  free(p->data);
  free(p->qentries);
  for (uint32_t i = 1; i < p->queues.n; i++) free(p->queues.slot[i]);
  table_fini(&p->queues);
  memset(p, 0, sizeof *p);
}

void iob_notifier_div(struct board *b, uint32_t div)
{
  uint32_t power = div > 64 ? 64 : div;
  while (power & (power - 1)) power &= power - 1;
  b->iob.notifier_div = power;
}

static inline bool iob_available(const struct iob_pool *p, bool throttled)
{
  return p->count > (throttled ? p->throttle : 0);
}

static inline struct iob_s *iob_take(struct board *b, struct iob_s **list, uint32_t owner)
{
  struct iob_s *iob = *list;
  *list = iob->io_flink;
  iob->io_flink = NULL;
  iob->io_len = 0;
  iob->io_offset = 0;
  iob->io_pktlen = 0;
  iob->io_owner = owner;
  iob->io_since = b->bench->now;
  b->iob.nallocs++;
  trace_put(b, TR_IOB_ALLOC, iob->io_index, owner);
  charge(b, COST_IOB, 1);
  return iob;
}

static inline struct iob_s *iob_take_free(struct board *b, uint32_t owner)
{
  struct iob_pool *p = &b->iob;
  if (--p->count < p->lowwater) p->lowwater = p->count;
  return iob_take(b, &p->freelist, owner);
}

static struct iob_s *iob_failed(struct board *b, bool throttled, uint32_t owner)
{
  b->iob.nfails++;
  trace_put(b, TR_IOB_FAIL, throttled, owner);
  return NULL;
}

/* Apart from the fast path, which so needs no register saved. */

static __attribute__((noinline)) struct iob_s *iob_tryalloc_slow(struct board *b, bool throttled, uint32_t owner)
{
  if (!iob_available(&b->iob, throttled)) return iob_failed(b, throttled, owner);
  if (choose(&b->bench->chooser, SITE_ALLOC_FAIL, owner, 2)) return iob_failed(b, throttled, owner);
  return iob_take_free(b, owner);
}

struct iob_s *iob_tryalloc(struct board *b, bool throttled, uint32_t owner)
{
  const struct choose_site *fault = &b->bench->chooser.site[SITE_ALLOC_FAIL];
  if (likely(iob_available(&b->iob, throttled) && fault->mode == CHOOSE_DEFAULT)) return iob_take_free(b, owner);
  return iob_tryalloc_slow(b, throttled, owner);
}

int iob_alloc_begin(struct board *b, bool throttled, uint32_t owner, struct iob_s **out)
{
  struct iob_pool *p = &b->iob;
  if (iob_available(p, throttled))
    {
      *out = iob_take_free(b, owner);
      return 0;
    }
  *out = NULL;
  if (throttled)
    p->throttle_wait++;
  else
    p->count--;
  trace_put(b, TR_IOB_WAIT, throttled, owner);
  return -EAGAIN;
}

struct sem *iob_sem(struct board *b, bool throttled)
{
  return throttled ? &b->iob.throttle_sem : &b->iob.sem;
}

struct iob_s *iob_alloc_finish(struct board *b, bool throttled, uint32_t owner, int waited)
{
  struct iob_pool *p = &b->iob;
  struct sem *sem = iob_sem(b, throttled);
  if (waited != 0)
    {
      if (p->timeout_leak) return iob_failed(b, throttled, owner);
      if (sem->count <= 0)
        {
          if (throttled)
            p->throttle_wait--;
          else
            p->count++;
          return iob_failed(b, throttled, owner);
        }
      sem->count--;           /* a post that woke nobody: it was for us, and came between the timeout and now */
    }
  return p->committed ? iob_take(b, &p->committed, owner) : iob_failed(b, throttled, owner);
}

/* A buffer comes back: to a waiter if there is one, else to the free list. */

static inline void iob_release(struct board *b, struct iob_s *iob)
{
  struct iob_pool *p = &b->iob;
  trace_put(b, TR_IOB_FREE, iob->io_index, iob->io_owner);
  charge(b, COST_IOB, 1);
  iob->io_owner = IOB_OWNER_NONE;
  if (unlikely(p->count < 0))
    {
      p->count++;
      iob->io_flink = p->committed;
      p->committed = iob;
      nxsem_post_c(b, &p->sem);
    }
  else if (unlikely(p->throttle_wait > 0 && p->count >= p->throttle))
    {
      p->throttle_wait--;
      iob->io_flink = p->committed;
      p->committed = iob;
      nxsem_post_c(b, &p->throttle_sem);
    }
  else
    {
      p->count++;
      iob->io_flink = p->freelist;
      p->freelist = iob;
    }
  if (unlikely(p->notify != NULL)) p->notify(b);
}

struct iob_s *iob_free(struct board *b, struct iob_s *iob)
{
  struct iob_s *next = iob->io_flink;
  if (next) next->io_pktlen = iob->io_pktlen > iob->io_len ? iob->io_pktlen - iob->io_len : 0;
  iob_release(b, iob);
  return next;
}

void iob_free_chain(struct board *b, struct iob_s *iob)
{
  while (iob)
    {
      struct iob_s *next = iob->io_flink;
      iob_release(b, iob);
      iob = next;
    }
}

int iob_navail(struct board *b, bool throttled)
{
  int32_t navail = b->iob.count - (throttled ? b->iob.throttle : 0);
  return navail > 0 ? navail : 0;
}

void iob_set_owner(struct board *b, struct iob_s *iob, uint32_t owner)
{
  for (; iob; iob = iob->io_flink)
    {
      iob->io_owner = owner;
      iob->io_since = b->bench->now;
    }
}
