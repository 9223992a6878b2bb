/* iob_queue.c - queues of chains, through a fixed pool of queue entries (CONFIG_IOB_NCHAINS).
 *
 * An entry that comes back is handed to a waiter like a buffer is: over a committed list that try-adds cannot see.
 * There is no throttle. (NuttX mm/iob/iob_alloc_qentry.c, iob_free_qentry.c, iob_add_queue.c.)
 */
#include "board.h"

static struct iob_qentry_s *qentry_take(struct iob_qentry_s **list)
{
  struct iob_qentry_s *e = *list;
  *list = e->qe_flink;
  e->qe_flink = NULL;
  return e;
}

static void qentry_free(struct board *b, struct iob_qentry_s *e)
{
  struct iob_pool *p = &b->iob;
  struct iob_qentry_s **list = p->qcount < 0 ? &p->qcommitted : &p->qfree;
  e->qe_head = NULL;
  e->qe_flink = *list;
  *list = e;
  p->qcount++;
  if (list == &p->qcommitted) nxsem_post_c(b, &p->qsem);
}

static int queue_append(struct iob_queue_s *q, struct iob_qentry_s *e, struct iob_s *iob)
{
  e->qe_head = iob;
  if (q->qh_tail)
    q->qh_tail->qe_flink = e;
  else
    q->qh_head = e;
  q->qh_tail = e;
  return 0;
}

static void queue_detach(struct iob_queue_s *q, struct iob_qentry_s *prev, struct iob_qentry_s *e)
{
  if (prev)
    prev->qe_flink = e->qe_flink;
  else
    q->qh_head = e->qe_flink;
  if (q->qh_tail == e) q->qh_tail = prev;
}

int iob_qentry_navail(struct board *b)
{
  return b->iob.qcount > 0 ? b->iob.qcount : 0;
}

int iob_tryadd_queue(struct board *b, struct iob_s *iob, struct iob_queue_s *q)
{
  struct iob_pool *p = &b->iob;
  if (p->qcount <= 0) return -ENOMEM;
  p->qcount--;
  return queue_append(q, qentry_take(&p->qfree), iob);
}

int iob_add_queue_begin(struct board *b, struct iob_s *iob, struct iob_queue_s *q)
{
  if (b->iob.nchains == 0) return -ENOMEM;     /* a wait for an entry would never end */
  if (iob_tryadd_queue(b, iob, q) == 0) return 0;
  b->iob.qcount--;
  return -EAGAIN;
}

int iob_add_queue_finish(struct board *b, struct iob_s *iob, struct iob_queue_s *q, int waited)
{
  struct iob_pool *p = &b->iob;
  if (waited != 0)
    {
      if (p->qsem.count <= 0)
        {
          p->qcount++;
          return waited < 0 ? waited : -ENOMEM;
        }
      p->qsem.count--;        /* an entry came between the end of the wait and now */
    }
  if (p->qcommitted == NULL) return -ENOMEM;
  return queue_append(q, qentry_take(&p->qcommitted), iob);
}

struct iob_s *iob_peek_queue(const struct iob_queue_s *q)
{
  return q->qh_head ? q->qh_head->qe_head : NULL;
}

struct iob_s *iob_remove_queue(struct board *b, struct iob_queue_s *q)
{
  struct iob_qentry_s *e = q->qh_head;
  if (e == NULL) return NULL;
  struct iob_s *iob = e->qe_head;
  queue_detach(q, NULL, e);
  qentry_free(b, e);
  return iob;
}

void iob_free_queue(struct board *b, struct iob_queue_s *q)
{
  while (q->qh_head) iob_free_chain(b, iob_remove_queue(b, q));
}

int iob_free_queue_qentry(struct board *b, struct iob_s *iob, struct iob_queue_s *q)
{
  struct iob_qentry_s *prev = NULL;
  for (struct iob_qentry_s *e = q->qh_head; e; prev = e, e = e->qe_flink)
    if (e->qe_head == iob)
      {
        queue_detach(q, prev, e);
        qentry_free(b, e);
        iob_free_chain(b, iob);
        return 0;
      }
  return -ENOENT;
}

void iob_concat_queue(struct iob_queue_s *dst, struct iob_queue_s *src)
{
  if (src->qh_head == NULL) return;
  if (dst->qh_tail)
    dst->qh_tail->qe_flink = src->qh_head;
  else
    dst->qh_head = src->qh_head;
  dst->qh_tail = src->qh_tail;
  src->qh_head = src->qh_tail = NULL;
}

struct iob_s *iob_trimhead_queue(struct board *b, struct iob_queue_s *q, uint32_t n)
{
  struct iob_qentry_s *e = q->qh_head;
  return e ? e->qe_head = iob_trimhead(b, e->qe_head, n) : NULL;
}

uint32_t iob_get_queue_size(const struct iob_queue_s *q)
{
  uint32_t bytes = 0;
  for (const struct iob_qentry_s *e = q->qh_head; e; e = e->qe_flink) bytes += e->qe_head->io_pktlen;
  return bytes;
}

uint32_t iob_get_queue_entry_count(const struct iob_queue_s *q)
{
  uint32_t n = 0;
  for (const struct iob_qentry_s *e = q->qh_head; e; e = e->qe_flink) n++;
  return n;
}
