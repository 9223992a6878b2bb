/* task.h - task control blocks and the ready list.
 *
 * The core knows which tasks are ready and in what order; Python decides which of them runs (kernel/sched.py) and
 * switches greenlets. A task is in exactly one place: a CPU's `current` (RUNNING), the ready list (READY), a wait list
 * or a timer (BLOCKED), or nowhere (INACTIVE: created, not started; or dead).
 */
#ifndef NUT_TASK_H
#define NUT_TASK_H

#include "base.h"
#include "sem.h"
#include "wdog.h"

enum task_state { TSTATE_INACTIVE, TSTATE_READY, TSTATE_RUNNING, TSTATE_BLOCKED };

enum task_flag
{
  TCB_INTERRUPTIBLE = 1 << 0, /* the present wait ends with -EINTR when a signal comes */
  TCB_KILLED        = 1 << 1, /* resumes only to unwind */
  TCB_SERVICE       = 1 << 4, /* serves others (workers, the shell): waiting for ever is its normal state */
};

struct mutex
{
  struct tcb   *holder;
  int32_t       count;        /* recursion depth */
  uint32_t      id;
  struct waitq  waiters;
  struct mutex *held_next;    /* list of what `holder` holds, for inheritance and for the report of a dead holder */
};

struct tcb
{
  struct board *board;
  int32_t       pid;
  uint32_t      slot;         /* the greenlet's number in the bench */
  uint8_t       state;
  uint8_t       flags;
  uint8_t       prio, base_prio;
  uint8_t       waitkind;
  uint8_t       lockcount;    /* sched_lock depth */
  uint32_t      affinity;     /* bit per CPU */
  struct cpu   *cpu;          /* where it runs, while RUNNING (or blocked and still paying) */
  void         *waitobj;      /* struct sem or struct mutex */
  struct waitq *waitq;        /* the list it is in, NULL if none */
  struct tcb   *wnext, *wprev;
  struct tcb   *rnext, *rprev;/* ready list */
  struct mutex *held;
  int64_t       owed;         /* ps of work done and not paid for */
  int32_t       result;       /* what its pending primitive will answer ... */
  int32_t     (*resume)(void *arg); /* ... unless this finds the answer, when it is about to run again */
  void         *resume_arg;
  struct wdog   timeout;
  int32_t       timeout_result;
  uint64_t      sigpending, sigmask;
  int64_t       blocked_since;/* ns */
  int64_t       ran_since;    /* ns, while it has a CPU: until when its running is counted; else 0 */
  int64_t       cputime;      /* ns spent running */
  int64_t       load;         /* the same lately, see cpuload.h ... */
  int64_t       load_halves;  /* ... and when that is halved next, ns */
  uint64_t      switches;
};

struct ready
{
  struct { struct tcb *head, *tail; } list[NPRIO];
  uint64_t map[NPRIO / 64];   /* bit set: that list is not empty */
  uint32_t n;
};

struct tcb *task_find(struct board *b, int32_t pid);
void task_ready(struct tcb *t);                          /* behind its equals */
void task_ready_first(struct tcb *t);                    /* before them: it was pre-empted */
void task_unready(struct tcb *t);
void task_setprio(struct tcb *t, uint8_t prio);
int  task_top(struct board *b, const struct cpu *c);     /* priority of the best ready task for c, -1 if none */

void task_block(struct tcb *t, enum wait_kind kind, void *obj, struct waitq *q);
int  task_block_ticks(struct tcb *t, int64_t ticks, int32_t result);  /* arm the timeout of a blocked task */
void task_wake(struct tcb *t, int32_t result);

void mutex_boost(struct tcb *t);                         /* priority inheritance along the chain of holders */
void mutex_unboost(struct tcb *t);
void mutex_abandon(struct mutex *m, struct tcb *t);      /* a waiter gave up */

#endif
