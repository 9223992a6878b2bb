/* iob_api.c - the buffer pool as Python sees it: buffers by index, queues by number.
 *
 * A chain is named by the index of its head. Every call first makes sure that it is one: held by somebody, not in the
 * middle of another chain, not in a queue; -EBADF if not. That costs a look at the whole pool, which is why the data
 * path inside the core does not come through here.
 *
 * A call that hands a buffer out answers at once, and what it cost is paid with the next call: a task killed while it
 * pays could not give back what it has not been told of.
 */
#include <stdlib.h>

#include "board.h"
#include "cdef/iob_api.h"

#define ROW 5                 /* figures per buffer in the ledger */

static int32_t index_or(const struct iob_s *iob, int32_t none)
{
  return iob ? (int32_t)iob->io_index : none;
}

static bool is_linked(const struct iob_pool *p, const struct iob_s *iob)
{
  for (uint32_t i = 0; i < p->nbuffers; i++)
    if (p->iobs[i].io_flink == iob) return true;
  return false;
}

static bool is_queued(const struct iob_pool *p, const struct iob_s *iob)
{
  for (int32_t i = 0; i < p->nchains; i++)
    if (p->qentries[i].qe_head == iob) return true;
  return false;
}

static struct iob_s *held_of(struct board *b, int32_t h)
{
  struct iob_pool *p = &b->iob;
  if (h < 0 || (uint32_t)h >= p->nbuffers || p->iobs[h].io_owner == IOB_OWNER_NONE) return NULL;
  return &p->iobs[h];
}

static struct iob_s *chain_of(struct board *b, int32_t h)
{
  struct iob_s *iob = held_of(b, h);
  return iob && !is_linked(&b->iob, iob) && !is_queued(&b->iob, iob) ? iob : NULL;
}

static struct iob_queue_s *queue_of(struct board *b, int32_t q)
{
  return table_get(&b->iob.queues, q);
}

/* Allocation. */

int32_t iobn_initialize(struct board *b, uint32_t nbuffers, uint32_t bufsize, uint32_t nchains, uint32_t throttle,
                        int32_t timeout_leak, uint32_t notifier_div)
{
  int r = iob_initialize(b, nbuffers, bufsize, nchains, throttle);
  if (r < 0) return r;
  b->iob.timeout_leak = timeout_leak;
  iob_notifier_div(b, notifier_div);
  return 0;
}

int64_t iobn_tryalloc(struct board *b, int32_t throttled, uint32_t owner)
{
  if (owner == IOB_OWNER_NONE) return -EINVAL;
  struct iob_s *iob = iob_tryalloc(b, throttled, owner);
  return iob ? (int32_t)iob->io_index : answer(b, -ENOMEM);
}

int32_t iobn_alloc_begin(struct board *b, int32_t throttled, uint32_t owner)
{
  struct iob_s *iob;
  if (owner == IOB_OWNER_NONE) return -EINVAL;
  int r = iob_alloc_begin(b, throttled, owner, &iob);
  return r < 0 ? r : (int32_t)iob->io_index;
}

int32_t iobn_alloc_finish(struct board *b, int32_t throttled, uint32_t owner, int32_t waited)
{
  return index_or(iob_alloc_finish(b, throttled, owner, waited), -ENOMEM);
}

/* Instead of finish, for a task that is killed while it waits: what the wait got it, if it was over, goes back. */

void iobn_alloc_abandon(struct board *b, int32_t throttled, uint32_t owner)
{
  const struct tcb *t = this_task(b);
  iob_free_chain(b, iob_alloc_finish(b, throttled, owner, t ? t->result : -EINTR));
}

int32_t iobn_sem(struct board *b, int32_t throttled)
{
  return (int32_t)iob_sem(b, throttled)->id;
}

int32_t iobn_qsem(struct board *b)
{
  return (int32_t)b->iob.qsem.id;
}

int64_t iobn_free(struct board *b, int32_t h)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? index_or(iob_free(b, iob), -ENOENT) : -EBADF);
}

int64_t iobn_free_chain(struct board *b, int32_t h)
{
  struct iob_s *iob = chain_of(b, h);
  if (iob == NULL) return -EBADF;
  iob_free_chain(b, iob);
  return answer(b, 0);
}

/* Gives back all chains of an owner that is gone, except those it put into queues. Returns the number of buffers. */

int32_t iobn_reclaim(struct board *b, uint32_t owner)
{
  struct iob_pool *p = &b->iob;
  int32_t n = 0;
  for (uint32_t i = 0; i < p->nbuffers; i++)
    {
      struct iob_s *iob = p->iobs[i].io_owner == owner ? chain_of(b, (int32_t)i) : NULL;
      n += (int32_t)iob_count(iob);
      iob_free_chain(b, iob);
    }
  return n;
}

/* Chains. */

int64_t iobn_copyin(struct board *b, int32_t h, const uint8_t *src, uint32_t len, int32_t offset, int32_t throttled)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? iob_copyin(b, iob, src, len, offset, throttled) : -EBADF);
}

int64_t iobn_copyout(struct board *b, uint8_t *dest, int32_t h, uint32_t len, int32_t offset)
{
  struct iob_s *iob = chain_of(b, h);
  int n = iob ? iob_copyout(dest, iob, len, offset) : -EBADF;
  if (n > 0) charge(b, COST_COPY, (uint64_t)n);
  return answer(b, n);
}

int64_t iobn_clone_partial(struct board *b, int32_t src, uint32_t len, int32_t off1, int32_t dst, int32_t off2,
                           int32_t throttled)
{
  struct iob_s *from = chain_of(b, src), *to = chain_of(b, dst);
  if (from == NULL || to == NULL || from == to) return -EBADF;
  return answer(b, iob_clone_partial(b, from, len, off1, to, off2, throttled));
}

int32_t iobn_concat(struct board *b, int32_t first, int32_t second)
{
  struct iob_s *x = chain_of(b, first), *y = chain_of(b, second);
  if (x == NULL || y == NULL || x == y) return -EBADF;
  iob_concat(x, y);
  return 0;
}

int64_t iobn_trimhead(struct board *b, int32_t h, uint32_t n)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? index_or(iob_trimhead(b, iob, n), -EBADF) : -EBADF);
}

int64_t iobn_trimtail(struct board *b, int32_t h, uint32_t n)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? index_or(iob_trimtail(b, iob, n), -ENOENT) : -EBADF);
}

int64_t iobn_pack(struct board *b, int32_t h)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? index_or(iob_pack(b, iob), -EBADF) : -EBADF);
}

int64_t iobn_contig(struct board *b, int32_t h, uint32_t n)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? iob_contig(b, iob, n) : -EBADF);
}

int32_t iobn_reserve(struct board *b, int32_t h, uint32_t n)
{
  struct iob_s *iob = chain_of(b, h);
  if (iob == NULL) return -EBADF;
  iob_reserve(b, iob, n);
  return 0;
}

int64_t iobn_update_pktlen(struct board *b, int32_t h, uint32_t n, int32_t throttled)
{
  struct iob_s *iob = chain_of(b, h);
  return answer(b, iob ? iob_update_pktlen(b, iob, n, throttled) : -EBADF);
}

int32_t iobn_pktlen(struct board *b, int32_t h)
{
  const struct iob_s *iob = held_of(b, h);
  return iob ? (int32_t)iob->io_pktlen : -EBADF;
}

int64_t iobn_owner(struct board *b, int32_t h)
{
  const struct iob_s *iob = held_of(b, h);
  return iob ? (int64_t)iob->io_owner : -EBADF;
}

int32_t iobn_tailroom(struct board *b, int32_t h)
{
  const struct iob_s *iob = held_of(b, h);
  return iob ? (int32_t)iob_tailroom(b, iob) : -EBADF;
}

int32_t iobn_set_owner(struct board *b, int32_t h, uint32_t owner)
{
  struct iob_s *iob = chain_of(b, h);
  if (iob == NULL) return -EBADF;
  if (owner == IOB_OWNER_NONE) return -EINVAL;
  iob_set_owner(b, iob, owner);
  return 0;
}

/* Index, offset and length of every buffer from h on; how many figures that were. */

int32_t iobn_chain(struct board *b, int32_t h, int32_t *out, int32_t n)
{
  int32_t k = 0;
  const struct iob_s *iob = held_of(b, h);
  if (iob == NULL) return -EBADF;
  for (; iob && k + 3 <= n; iob = iob->io_flink)
    {
      out[k++] = (int32_t)iob->io_index;
      out[k++] = iob->io_offset;
      out[k++] = iob->io_len;
    }
  return k;
}

/* Queues. */

int32_t iobn_queue_new(struct board *b)
{
  struct iob_queue_s *q = calloc(1, sizeof *q);
  if (q == NULL) return -ENOMEM;
  int32_t id = table_add(&b->iob.queues, q);
  if (id < 0) free(q);
  return id;
}

int64_t iobn_queue_free(struct board *b, int32_t q)
{
  struct iob_queue_s *queue = queue_of(b, q);
  if (queue == NULL) return -EBADF;
  iob_free_queue(b, queue);
  table_remove(&b->iob.queues, q);
  free(queue);
  return answer(b, 0);
}

int64_t iobn_tryadd_queue(struct board *b, int32_t h, int32_t q)
{
  struct iob_s *iob = chain_of(b, h);
  struct iob_queue_s *queue = queue_of(b, q);
  return iob && queue ? answer(b, iob_tryadd_queue(b, iob, queue)) : -EBADF;
}

int32_t iobn_add_queue_begin(struct board *b, int32_t h, int32_t q)
{
  struct iob_s *iob = chain_of(b, h);
  struct iob_queue_s *queue = queue_of(b, q);
  return iob && queue ? iob_add_queue_begin(b, iob, queue) : -EBADF;
}

/* A chain or queue that is gone when the wait is over cannot be added; the entry then goes to whoever waits next. */

int32_t iobn_add_queue_finish(struct board *b, int32_t h, int32_t q, int32_t waited)
{
  struct iob_s *iob = chain_of(b, h);
  struct iob_queue_s *queue = queue_of(b, q), nowhere = { NULL, NULL };
  if (iob && queue) return iob_add_queue_finish(b, iob, queue, waited);
  if (iob_add_queue_finish(b, NULL, &nowhere, waited) == 0) iob_remove_queue(b, &nowhere);
  return -EBADF;
}

void iobn_add_queue_abandon(struct board *b)
{
  const struct tcb *t = this_task(b);
  iobn_add_queue_finish(b, -1, 0, t ? t->result : -EINTR);
}

int64_t iobn_remove_queue(struct board *b, int32_t q)
{
  struct iob_queue_s *queue = queue_of(b, q);
  return queue ? answer(b, index_or(iob_remove_queue(b, queue), -ENOENT)) : -EBADF;
}

int32_t iobn_peek_queue(struct board *b, int32_t q)
{
  const struct iob_queue_s *queue = queue_of(b, q);
  return queue ? index_or(iob_peek_queue(queue), -ENOENT) : -EBADF;
}

int64_t iobn_free_queue_qentry(struct board *b, int32_t h, int32_t q)
{
  struct iob_s *iob = held_of(b, h);
  struct iob_queue_s *queue = queue_of(b, q);
  return iob && queue ? answer(b, iob_free_queue_qentry(b, iob, queue)) : -EBADF;
}

int32_t iobn_concat_queue(struct board *b, int32_t dst, int32_t src)
{
  struct iob_queue_s *x = queue_of(b, dst), *y = queue_of(b, src);
  if (x == NULL || y == NULL || x == y) return -EBADF;
  iob_concat_queue(x, y);
  return 0;
}

int64_t iobn_trimhead_queue(struct board *b, int32_t q, uint32_t n)
{
  struct iob_queue_s *queue = queue_of(b, q);
  return queue ? answer(b, index_or(iob_trimhead_queue(b, queue, n), -ENOENT)) : -EBADF;
}

int32_t iobn_queue_size(struct board *b, int32_t q)
{
  const struct iob_queue_s *queue = queue_of(b, q);
  return queue ? (int32_t)iob_get_queue_size(queue) : -EBADF;
}

int32_t iobn_queue_count(struct board *b, int32_t q)
{
  const struct iob_queue_s *queue = queue_of(b, q);
  return queue ? (int32_t)iob_get_queue_entry_count(queue) : -EBADF;
}

/* Views. */

int32_t iobn_getstats(struct board *b, int64_t *out, int32_t n)
{
  const struct iob_pool *p = &b->iob;
  struct iob_stats_s st;
  iob_getstats(b, &st);
  const int64_t all[] = { st.ntotal, st.nfree, st.nwait, st.nthrottle, p->throttle_wait, iob_count(p->committed),
                          p->lowwater, (int64_t)p->nallocs, (int64_t)p->nfails, p->nchains, p->qcount, p->bufsize };
  if (n != (int32_t)(sizeof all / sizeof *all)) return -EINVAL;
  memcpy(out, all, sizeof all);
  return 0;
}

/* Of every held buffer: index, class and instance of its owner, bytes, since when (ns). The rest stays as it was. */

int32_t iobn_ledger(struct board *b, int64_t *out, int32_t n)
{
  const struct iob_pool *p = &b->iob;
  for (uint32_t i = 0; i < p->nbuffers && n >= ROW; i++)
    {
      const struct iob_s *iob = &p->iobs[i];
      if (iob->io_owner == IOB_OWNER_NONE) continue;
      const int64_t row[ROW] = { i, iob->io_owner >> 24, iob->io_owner & 0xffffff, iob->io_len, iob->io_since };
      memcpy(out, row, sizeof row);
      out += ROW;
      n -= ROW;
    }
  return 0;
}
