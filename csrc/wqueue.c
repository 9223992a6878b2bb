/* wqueue.c - queueing, dispatch and the worker pass, see wqueue.h. */

#include <stdlib.h>

#include "board.h"

enum { NOWHERE, EXPIRED, PENDING };

struct kwork_queue *kwork_queue_new(struct board *b, uint32_t nthreads)
{
  struct kwork_queue *wq = calloc(1, sizeof *wq);
  if (wq == NULL) return NULL;
  wq->board = b;
  wq->worker = calloc(nthreads, sizeof *wq->worker);
  wq->nthreads = nthreads;
  bool ok = wq->worker && nxsem_init(b, &wq->sem, 0) == 0 && wd_init(b, &wq->timer) == 0;
  for (uint32_t i = 0; ok && i < nthreads; i++)
    {
      wq->worker[i].wq = wq;
      ok = nxsem_init(b, &wq->worker[i].done, 0) == 0;
    }
  if (ok) return wq;
  free(wq->worker);
  free(wq);
  return NULL;
}

void kwork_queue_free(struct kwork_queue *wq)
{
  if (wq == NULL) return;
  free(wq->worker);
  free(wq);
}

/* The two lists. */

static void list_add(struct work **head, struct work **tail, struct work *after, struct work *w)
{
  w->prev = after;
  w->next = after ? after->next : *head;
  if (w->next) w->next->prev = w; else *tail = w;
  if (after) after->next = w; else *head = w;
}

static void list_del(struct work **head, struct work **tail, struct work *w)
{
  if (w->next) w->next->prev = w->prev; else *tail = w->prev;
  if (w->prev) w->prev->next = w->next; else *head = w->next;
  w->next = w->prev = NULL;
}

static void expire_last(struct kwork_queue *wq, struct work *w)
{
  w->where = EXPIRED;
  list_add(&wq->expired_head, &wq->expired_tail, wq->expired_tail, w);
}

static void post(struct kwork_queue *wq)
{
  wq->posts++;
  nxsem_post_c(wq->board, &wq->sem);
}

/* One timer for the whole queue: its expiry only wakes a worker, which then moves what is due. */

static void timer_expired(struct board *b, void *arg)
{
  (void)b;
  post(arg);
}

static void timer_program(struct kwork_queue *wq)
{
  struct board *b = wq->board;
  if (wq->pending_head == NULL)
    {
      wd_cancel(b, &wq->timer);
      return;
    }
  wq->timer.fn = timer_expired;
  wq->timer.arg = wq;
  int64_t next = now_tick(b) + 1;           /* what is overdue runs on the following tick */
  wd_start_abstick(b, &wq->timer, wq->pending_head->qtime > next ? wq->pending_head->qtime : next);
}

static void work_remove(struct work *w)
{
  struct kwork_queue *wq = w->wq;
  if (w->where == EXPIRED) list_del(&wq->expired_head, &wq->expired_tail, w);
  if (w->where == PENDING)
    {
      bool head = wq->pending_head == w;
      list_del(&wq->pending_head, &wq->pending_tail, w);
      if (head) timer_program(wq);
    }
  w->where = NOWHERE;
  w->worker = 0;
  wq->nqueued--;
}

static void work_insert(struct kwork_queue *wq, struct work *w, int64_t delay)
{
  struct board *b = wq->board;
  w->wq = wq;
  w->queued_at = b->bench->now;
  wq->nqueued++;
  trace_put(b, TR_WORK_QUEUE, w->id, delay);
  if (delay == 0)
    {
      w->qtime = now_tick(b);
      expire_last(wq, w);
      post(wq);
      return;
    }
  struct work *after = wq->pending_tail;
  while (after && after->qtime > w->qtime) after = after->prev;
  w->where = PENDING;
  list_add(&wq->pending_head, &wq->pending_tail, after, w);
  if (wq->pending_head == w) timer_program(wq);
}

/* Returns 1 if it replaced an item that was still queued, else 0. */

int work_queue_c(struct board *b, struct kwork_queue *wq, struct work *w, uint32_t worker, uint32_t arg, int64_t delay)
{
  if (wq == NULL || w == NULL || worker == 0 || delay < 0 || delay > WDOG_MAX_DELAY - now_tick(b) - 1) return -EINVAL;
  int replaced = w->worker != 0;
  if (replaced) work_remove(w);
  w->worker = worker;
  w->arg = arg;
  w->qtime = now_tick(b) + delay + 1;
  work_insert(wq, w, delay);
  return replaced;
}

/* Periodic work without drift: counted from when it was due, not from now. Meant for use inside the callback. */

int work_queue_next_c(struct board *b, struct kwork_queue *wq, struct work *w, uint32_t worker, uint32_t arg,
                      int64_t delay)
{
  if (wq == NULL || w == NULL || worker == 0 || delay < 0 || delay > WDOG_MAX_DELAY - now_tick(b) - 1) return -EINVAL;
  int replaced = w->worker != 0;
  if (replaced) work_remove(w);             /* NuttX corrupts its list here; we only do what was meant */
  w->worker = worker;
  w->arg = arg;
  w->qtime = w->planned + delay;
  work_insert(wq, w, delay ? delay : 1);
  return replaced;
}

int work_cancel_c(struct board *b, struct work *w)
{
  if (w == NULL) return -EINVAL;
  if (w->worker == 0) return 0;
  trace_put(b, TR_WORK_CANCEL, w->id, 0);
  work_remove(w);
  return 0;
}

/* A worker found the timer idle: what is due goes behind what is there, and each but one brings its own wake-up. */

static void dispatch(struct kwork_queue *wq)
{
  int64_t now = now_tick(wq->board);
  uint32_t moved = 0;
  while (wq->pending_head && wq->pending_head->qtime <= now)
    {
      struct work *w = wq->pending_head;
      list_del(&wq->pending_head, &wq->pending_tail, w);
      expire_last(wq, w);
      if (moved++) post(wq);
    }
  if (wq->pending_head) timer_program(wq);
}

static struct work *take(struct kwork_queue *wq, struct kworker *k)
{
  wq->passes++;
  charge(wq->board, COST_WORK, 1);
  if (!wd_active(&wq->timer)) dispatch(wq);
  struct work *w = wq->expired_head;
  if (w == NULL)
    {
      wq->empty_passes++;
      return NULL;
    }
  list_del(&wq->expired_head, &wq->expired_tail, w);
  w->where = NOWHERE;
  w->planned = w->qtime;
  wq->nqueued--;
  wq->ran++;
  k->running = w;
  trace_put(wq->board, TR_WORK_START, w->id, wq->board->bench->now - w->queued_at);
  return w;
}

static void done(struct kwork_queue *wq, struct kworker *k)
{
  if (k->running == NULL) return;
  trace_put(wq->board, TR_WORK_END, k->running->id, 0);
  k->running = NULL;
  for (; k->nwait; k->nwait--) nxsem_post_c(wq->board, &k->done);
}

#define ITEM_IN_C 0xffff       /* run it with work_run_c(), under the network lock */

static int32_t worker_resume(void *arg);

/* What a worker does next, which all happens here but for the call of Python: the number of an item to call, ITEM_IN_C,
 * -ESHUTDOWN when the queue is to end; 0 if it went to sleep, or if others come first for a moment. It takes no item
 * before it has a count, and a count it was given while it slept is still there when it runs again. */

static int32_t next_item(struct kworker *k, bool has_count)
{
  struct kwork_queue *wq = k->wq;
  struct board *b = wq->board;
  for (;; has_count = false)
    {
      if (wq->exit) return -ESHUTDOWN;
      if (!has_count && --wq->sem.count < 0)
        {
          task_block(k->tcb, WAIT_SEM, &wq->sem, &wq->sem.waiters);
          k->tcb->flags &= (uint8_t)~TCB_INTERRUPTIBLE;
          k->tcb->resume = worker_resume;
          k->tcb->resume_arg = k;
          return 0;
        }
      struct work *w = take(wq, k);
      if (w == NULL) continue;
      uint32_t worker = w->worker;
      w->worker = 0;
      if (worker == WORK_PYTHON) return (int32_t)w->id;
      if (w->flags & WORK_NETLOCK)
        {
          k->native = worker;
          k->native_arg = w->arg;
          return ITEM_IN_C;
        }
      b->work_c[worker](b, w->arg);
      done(wq, k);
      if (!budget_left(b)) return 0;
    }
}

/* It was woken, so it has a count: what its work_pass() answers is found when it runs again, not before. */

static int32_t worker_resume(void *arg)
{
  return next_item(arg, true);
}

/* The worker's call between two items: finishes the last one, waits for the next. Answers as next_item() does; after 0
 * it has to ask again. */

int64_t work_pass(struct board *b, int32_t qid, int32_t thread)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  struct tcb *t = this_task(b);
  if (wq == NULL || t == NULL || thread < 0 || (uint32_t)thread >= wq->nthreads) return -EINVAL;
  struct kworker *k = &wq->worker[thread];
  k->tcb = t;
  done(wq, k);
  return answer(b, next_item(k, false));
}

int64_t work_run_c(struct board *b, int32_t qid, int32_t thread)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  if (wq == NULL || thread < 0 || (uint32_t)thread >= wq->nthreads) return -EINVAL;
  struct kworker *k = &wq->worker[thread];
  b->work_c[k->native](b, k->native_arg);
  return answer(b, 0);
}
