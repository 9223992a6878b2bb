/* wqueue.h - work queues as NuttX has them (sched/wqueue).
 *
 * "Queued" is defined by work->worker != 0 alone: it is cleared before the callback runs, so a callback may queue its
 * own work again. A worker pass moves due delayed items behind the expired ones, then takes at most one.
 */
#ifndef NUT_WQUEUE_H
#define NUT_WQUEUE_H

#include "base.h"
#include "sem.h"
#include "wdog.h"

enum work_flag { WORK_NETLOCK = 1 << 0 };  /* its worker takes the network lock around it */

/* A worker function by number: 1 .. WORK_NFUNCS-1 is a C function of the board, WORK_PYTHON a Python callable. */

#define WORK_NFUNCS 16
#define WORK_PYTHON 255

struct work
{
  struct work        *next, *prev;
  struct kwork_queue *wq;     /* the queue it is queued on */
  int64_t   qtime;            /* planned tick */
  uint32_t  worker;           /* 0: not queued */
  uint8_t   flags;
  uint8_t   where;            /* 0 nowhere, 1 expired, 2 pending */
  uint32_t  arg;              /* what a C function is called with */
  uint32_t  id;               /* its number; of an item inside a C object: work_id_c() */
  int64_t   planned;          /* tick at which its last run was due, for work_queue_next */
  int64_t   queued_at;        /* ns, for latency figures */
};

struct kworker
{
  struct kwork_queue *wq;
  struct work *running;
  struct tcb  *tcb;
  struct sem   done;          /* sync-cancellers wait here */
  uint32_t     native, native_arg;   /* a C item waiting for its worker to hold the network lock */
  int32_t      nwait;
};

struct kwork_queue
{
  struct board *board;
  struct work  *expired_head, *expired_tail;
  struct work  *pending_head, *pending_tail;
  struct sem    sem;
  struct wdog   timer;
  struct kworker *worker;
  uint32_t      nthreads;
  bool          exit;
  uint32_t      id;
  uint32_t      nqueued;      /* expired + pending */
  uint64_t      posts, passes, empty_passes, ran;
};

typedef void (*work_fn)(struct board *b, uint32_t arg);

struct kwork_queue *kwork_queue_new(struct board *b, uint32_t nthreads);
void kwork_queue_free(struct kwork_queue *wq);
int work_queue_c(struct board *b, struct kwork_queue *wq, struct work *w, uint32_t worker, uint32_t arg, int64_t delay);
int work_queue_next_c(struct board *b, struct kwork_queue *wq, struct work *w, uint32_t worker, uint32_t arg,
                      int64_t delay);
int work_cancel_c(struct board *b, struct work *w);

/* What the trace and the views call the item of a C object: above all numbers that Python's items have. */

static inline uint32_t work_id_c(uint32_t worker, uint32_t arg)
{
  return worker << 16 | (arg & 0xffff);
}

static inline bool work_available(const struct work *w)
{
  return w->worker == 0;
}

#endif
