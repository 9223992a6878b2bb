/* work_api.c - work queues and items as Python calls them, and what can be seen of a queue. */

#include <stdlib.h>

#include "board.h"

/* Work queues. */

int32_t wq_new(struct board *b, int32_t nthreads)
{
  if (nthreads < 1) return -EINVAL;
  struct kwork_queue *wq = kwork_queue_new(b, (uint32_t)nthreads);
  if (wq == NULL) return -ENOMEM;
  int32_t id = table_add(&b->wqs, wq);
  if (id < 0)
    {
      kwork_queue_free(wq);
      return id;
    }
  wq->id = (uint32_t)id;
  return id;
}

/* Ends a queue: every worker gets -ESHUTDOWN; what is still queued never runs. */

int64_t wq_exit(struct board *b, int32_t qid)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  if (wq == NULL) return -EINVAL;
  wd_cancel(b, &wq->timer);
  wq->exit = true;
  for (uint32_t i = 0; i < wq->nthreads; i++) nxsem_post_c(b, &wq->sem);
  return answer(b, 0);
}

int32_t work_new(struct board *b, int32_t flags)
{
  struct work *w = calloc(1, sizeof *w);
  if (w == NULL) return -ENOMEM;
  int32_t id = table_add(&b->works, w);
  if (id < 0 || id >= 0xffff)
    {
      if (id > 0) table_remove(&b->works, id);
      free(w);
      return -ENOMEM;
    }
  w->id = (uint32_t)id;
  w->flags = (uint8_t)flags;
  return id;
}

int32_t work_free(struct board *b, int32_t h)
{
  struct work *w = table_get(&b->works, h);
  if (w == NULL) return -EINVAL;
  for (uint32_t q = 1; q < b->wqs.n; q++)
    {
      struct kwork_queue *wq = b->wqs.slot[q];
      for (uint32_t i = 0; wq && i < wq->nthreads; i++)
        if (wq->worker[i].running == w) return -EBUSY;
    }
  work_cancel_c(b, w);
  table_remove(&b->works, h);
  free(w);
  return 0;
}

/* An item whose callback is Python's. 1 if it was still queued and has been replaced. */

int64_t work_queue(struct board *b, int32_t qid, int32_t h, int64_t delay)
{
  charge(b, COST_WORK, 1);
  return answer(b, work_queue_c(b, table_get(&b->wqs, qid), table_get(&b->works, h), WORK_PYTHON, 0, delay));
}

int64_t work_queue_next(struct board *b, int32_t qid, int32_t h, int64_t delay)
{
  charge(b, COST_WORK, 1);
  return answer(b, work_queue_next_c(b, table_get(&b->wqs, qid), table_get(&b->works, h), WORK_PYTHON, 0, delay));
}

int64_t work_cancel(struct board *b, int32_t h)
{
  return answer(b, work_cancel_c(b, table_get(&b->works, h)));
}

/* Removes it, then waits, uninterruptibly, for the first worker found running it; unless that is the caller. */

int64_t work_cancel_sync(struct board *b, int32_t h)
{
  struct work *w = table_get(&b->works, h);
  struct tcb *t = this_task(b);
  if (w == NULL) return -EINVAL;
  if (t == NULL) return -EPERM;
  work_cancel_c(b, w);
  struct kwork_queue *wq = w->wq;
  for (uint32_t i = 0; wq && i < wq->nthreads; i++)
    {
      struct kworker *k = &wq->worker[i];
      if (k->running != w) continue;
      if (k->tcb == t) break;
      k->nwait++;
      k->done.count--;
      task_block(t, WAIT_SEM, &k->done, &k->done.waiters);
      t->flags &= (uint8_t)~TCB_INTERRUPTIBLE;
      break;
    }
  return answer(b, 0);
}

int32_t work_is_available(struct board *b, int32_t h)
{
  struct work *w = table_get(&b->works, h);
  return w ? work_available(w) : -EINVAL;
}

int64_t work_timeleft(struct board *b, int32_t h)
{
  struct work *w = table_get(&b->works, h);
  return w ? w->qtime - now_tick(b) : -EINVAL;
}

/* A queue: items queued, semaphore value, posts, passes, empty passes, items run, threads, then per thread the number
 * of the work it runs, or 0. */

int32_t wq_info(struct board *b, int32_t qid, int64_t *out, int32_t n)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  if (wq == NULL || n < 7 + (int32_t)wq->nthreads) return -EINVAL;
  int64_t v[7] = { wq->nqueued, wq->sem.count, (int64_t)wq->posts, (int64_t)wq->passes, (int64_t)wq->empty_passes,
                   (int64_t)wq->ran, wq->nthreads };
  memcpy(out, v, sizeof v);
  for (uint32_t i = 0; i < wq->nthreads; i++) out[7 + i] = wq->worker[i].running ? wq->worker[i].running->id : 0;
  return 0;
}

int32_t wq_queued(struct board *b, int32_t qid, int32_t *out, int32_t n)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  int32_t k = 0;
  if (wq == NULL) return -EINVAL;
  for (struct work *w = wq->expired_head; w && k < n; w = w->next) out[k++] = (int32_t)w->id;
  for (struct work *w = wq->pending_head; w && k < n; w = w->next) out[k++] = (int32_t)w->id;
  return k;
}
