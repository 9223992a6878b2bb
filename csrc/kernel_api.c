/* kernel_api.c - the primitives as Python calls them: objects by number, one call each, ending in answer().
 *
 * A primitive that would block puts the caller to sleep and answers; bench_settle() then lets others run, and what the
 * caller finally gets is the value it was woken with.
 */

#include <stdlib.h>

#include "board.h"
#include "clock.h"

/* Semaphores. */

int32_t sem_new(struct board *b, int32_t count)
{
  struct sem *s = malloc(sizeof *s);
  if (s == NULL) return -ENOMEM;
  if (nxsem_init(b, s, count) < 0)
    {
      free(s);
      return -ENOMEM;
    }
  s->owned = true;
  return (int32_t)s->id;
}

int32_t sem_free(struct board *b, int32_t h)
{
  struct sem *s = table_get(&b->sems, h);
  if (s == NULL || !s->owned) return -EINVAL;
  nxsem_destroy(b, s);
  free(s);
  return 0;
}

/* ticks < 0: for ever; 0: fails at once with -ETIMEDOUT. */

int64_t nxsem_tickwait(struct board *b, int32_t h, int64_t ticks, int32_t interruptible)
{
  struct sem *s = table_get(&b->sems, h);
  struct tcb *t = this_task(b);
  if (s == NULL) return -EINVAL;
  charge(b, COST_SEM, 1);
  if (t == NULL && s->count <= 0) return -EPERM;
  if (interruptible && t && (t->sigpending & ~t->sigmask))
    {
      t->sigpending &= t->sigmask;
      return answer(b, -EINTR);
    }
  if (s->count > 0)
    {
      s->count--;
      return answer(b, 0);
    }
  if (ticks == 0) return answer(b, -ETIMEDOUT);
  s->count--;
  task_block(t, WAIT_SEM, s, &s->waiters);
  if (interruptible) t->flags |= TCB_INTERRUPTIBLE; else t->flags &= (uint8_t)~TCB_INTERRUPTIBLE;
  if (ticks > 0) task_block_ticks(t, ticks, -ETIMEDOUT);
  return answer(b, 0);
}

int64_t nxsem_wait(struct board *b, int32_t h)
{
  return nxsem_tickwait(b, h, -1, 1);
}

int64_t nxsem_trywait(struct board *b, int32_t h)
{
  struct sem *s = table_get(&b->sems, h);
  if (s == NULL) return -EINVAL;
  charge(b, COST_SEM, 1);
  if (s->count <= 0) return answer(b, -EAGAIN);
  s->count--;
  return answer(b, 0);
}

int64_t nxsem_post(struct board *b, int32_t h)
{
  struct sem *s = table_get(&b->sems, h);
  if (s == NULL) return -EINVAL;
  charge(b, COST_SEM, 1);
  return answer(b, nxsem_post_c(b, s));
}

int32_t nxsem_get_value(struct board *b, int32_t h)
{
  struct sem *s = table_get(&b->sems, h);
  return s ? s->count : -EINVAL;
}

/* Mutexes. They cannot be used where nobody can wait: in a handler, in the idle task. */

int32_t mutex_new(struct board *b)
{
  struct mutex *m = calloc(1, sizeof *m);
  if (m == NULL) return -ENOMEM;
  int32_t id = table_add(&b->mutexes, m);
  if (id < 0)
    {
      free(m);
      return id;
    }
  m->id = (uint32_t)id;
  return id;
}

int64_t nxrmutex_lock(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  struct tcb *t = this_task(b);
  if (m == NULL) return -EINVAL;
  if (t == NULL) return -EPERM;
  charge(b, COST_SEM, 1);
  mutex_lock_c(b, m, t);
  return answer(b, 0);
}

int64_t nxrmutex_trylock(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  struct tcb *t = this_task(b);
  if (m == NULL) return -EINVAL;
  if (t == NULL) return -EPERM;
  charge(b, COST_SEM, 1);
  if (m->holder && m->holder != t) return answer(b, -EAGAIN);
  return answer(b, mutex_lock_c(b, m, t));
}

int64_t nxrmutex_unlock(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  struct tcb *t = this_task(b);
  if (m == NULL) return -EINVAL;
  if (t == NULL || m->holder != t) return -EPERM;
  charge(b, COST_SEM, 1);
  if (m->count > 1)
    m->count--;
  else
    mutex_release_c(b, m);
  return answer(b, 0);
}

/* Gives up all levels and says how many there were; 0 if the caller holds none, which is no error. */

int64_t nxrmutex_breaklock(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  struct tcb *t = this_task(b);
  if (m == NULL) return -EINVAL;
  if (t == NULL || m->holder != t) return 0;
  charge(b, COST_SEM, 1);
  int32_t count = m->count;
  mutex_release_c(b, m);
  return answer(b, count);
}

/* The second half of restoring: the lock is held once, make it `count` levels. */

int32_t nxrmutex_set_count(struct board *b, int32_t h, int32_t count)
{
  struct mutex *m = table_get(&b->mutexes, h);
  struct tcb *t = this_task(b);
  if (m == NULL || t == NULL || m->holder != t || count < 1) return -EPERM;
  m->count = count;
  return 0;
}

int32_t mutex_holder(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  return m && m->holder ? m->holder->pid : -1;
}

int32_t mutex_depth(struct board *b, int32_t h)
{
  struct mutex *m = table_get(&b->mutexes, h);
  return m ? m->count : -EINVAL;
}

/* Sleeping, burning, scheduling. */

int64_t nxsched_ticksleep(struct board *b, int64_t ticks)
{
  struct tcb *t = this_task(b);
  if (t == NULL) return -EPERM;
  if (t->sigpending & ~t->sigmask)
    {
      t->sigpending &= t->sigmask;
      return answer(b, -EINTR);
    }
  task_block(t, WAIT_SIGNAL, NULL, NULL);
  t->flags |= TCB_INTERRUPTIBLE;
  int r = ticks >= 0 ? task_block_ticks(t, ticks, 0) : 0;
  if (r < 0)
    {
      t->state = TSTATE_RUNNING;
      t->waitkind = WAIT_NONE;
    }
  return answer(b, r);
}

/* The caller computes for so long, and can be interrupted meanwhile. */

int64_t cpu_burn(struct board *b, int64_t ns)
{
  struct cpu *c = b->bench->running;
  if (ns < 0) return -EINVAL;
  if (c == NULL || c->board != b) return -EPERM;
  if (c->state == CPU_ISR)
    c->isr_owed += ns * PS_PER_NS;
  else
    {
      c->current->owed += ns * PS_PER_NS;
      c->attn |= ATTN_OWED;
    }
  return answer(b, 0);
}

int32_t sched_lock(struct board *b)
{
  struct tcb *t = this_task(b);
  if (t == NULL) return 0;                  /* no effect in a handler, as on the real one */
  if (t->lockcount == 127) return -EOVERFLOW;
  t->lockcount++;
  return 0;
}

int64_t sched_unlock(struct board *b)
{
  struct tcb *t = this_task(b);
  if (t == NULL || t->lockcount == 0) return 0;
  if (--t->lockcount == 0 && task_top(b, t->cpu) > t->prio) cpu_resched(t->cpu);
  return answer(b, 0);
}

int64_t task_start(struct board *b, int32_t pid)
{
  struct tcb *t = task_find(b, pid);
  if (t == NULL) return -ESRCH;
  if (t->state != TSTATE_INACTIVE) return -EBUSY;
  charge(b, COST_CALL, 1);
  task_ready(t);
  return answer(b, 0);
}

int64_t sched_setpriority(struct board *b, int32_t pid, int32_t prio)
{
  struct tcb *t = task_find(b, pid);
  if (t == NULL) return -ESRCH;
  if (prio < 1 || prio > 255) return -EINVAL;
  t->base_prio = (uint8_t)prio;
  if (b->inherit) mutex_unboost(t); else task_setprio(t, (uint8_t)prio);
  return answer(b, 0);
}

/* Signals, as far as waits go: one that is not masked ends an interruptible wait, or the next one to begin. */

int64_t nxsig_kill(struct board *b, int32_t pid, int32_t signo)
{
  struct tcb *t = task_find(b, pid);
  if (t == NULL) return -ESRCH;
  if (signo < 0 || signo > 63) return -EINVAL;
  if (signo == 0) return 0;
  charge(b, COST_CALL, 1);
  uint64_t bit = 1ULL << signo;
  bool wakes = t->state == TSTATE_BLOCKED && (t->flags & TCB_INTERRUPTIBLE) && !(t->sigmask & bit);
  if (wakes)
    task_wake(t, -EINTR);
  else
    t->sigpending |= bit;
  return answer(b, 0);
}

int64_t task_sigmask(struct board *b, int32_t pid, int64_t mask)
{
  struct tcb *t = task_find(b, pid);
  if (t == NULL) return -ESRCH;
  if (mask >= 0) t->sigmask = (uint64_t)mask;
  return (int64_t)t->sigmask;
}

/* The task is to unwind: whatever it waits for, it is resumed with RESULT_KILLED. */

int64_t task_kill(struct board *b, int32_t pid)
{
  struct tcb *t = task_find(b, pid);
  if (t == NULL) return -ESRCH;
  t->flags |= TCB_KILLED;
  if (t->state == TSTATE_BLOCKED) task_wake(t, -EINTR);
  if (t->state == TSTATE_INACTIVE) task_ready(t);
  return answer(b, 0);
}

/* Watchdogs with a Python callback. */

int32_t wdog_new(struct board *b, int32_t housekeeping)
{
  struct wdog *w = malloc(sizeof *w);
  if (w == NULL) return -ENOMEM;
  int32_t id = wd_init(b, w) < 0 ? -ENOMEM : table_add(&b->pywdogs, w);
  if (id < 0)
    {
      free(w);
      return id;
    }
  w->pyid = id;
  w->housekeeping = housekeeping;
  return id;
}

int32_t wdog_free(struct board *b, int32_t h)
{
  struct wdog *w = table_get(&b->pywdogs, h);
  if (w == NULL) return -EINVAL;
  wd_fini(b, w);
  table_remove(&b->pywdogs, h);
  free(w);
  return 0;
}

int64_t wdog_start(struct board *b, int32_t h, int64_t delay)
{
  struct wdog *w = table_get(&b->pywdogs, h);
  return w ? answer(b, wd_start(b, w, delay)) : -EINVAL;
}

/* From when it was last due, so that a period does not drift. */

int64_t wdog_start_next(struct board *b, int32_t h, int64_t delay)
{
  struct wdog *w = table_get(&b->pywdogs, h);
  if (w == NULL || delay < 1) return -EINVAL;
  return answer(b, wd_start_abstick(b, w, w->tick + delay));
}

int64_t wdog_cancel(struct board *b, int32_t h)
{
  struct wdog *w = table_get(&b->pywdogs, h);
  return w ? answer(b, wd_cancel(b, w)) : -EINVAL;
}

int64_t wdog_gettime(struct board *b, int32_t h)
{
  struct wdog *w = table_get(&b->pywdogs, h);
  return w ? wd_gettime(b, w) : -EINVAL;
}

/* Interrupt lines. */

int32_t irq_attach(struct board *b, int32_t irq, int32_t attached, int32_t prio, int32_t cpu)
{
  if (irq < 0 || irq >= NIRQS || cpu < 0 || (uint32_t)cpu >= b->ncpus || prio < 0 || prio > 255) return -EINVAL;
  struct irq_line *l = &b->irq[irq];
  if (l->handler == 2) return -EBUSY;
  b->cpu[l->cpu].irqpend &= ~(1u << irq);
  l->handler = attached ? 1 : 0;
  l->prio = (uint8_t)prio;
  l->cpu = (uint8_t)cpu;
  if (!attached) l->enabled = 0;
  irq_update(b, irq);
  return 0;
}

int64_t up_enable_irq(struct board *b, int32_t irq)
{
  if (irq < 0 || irq >= NIRQS) return -EINVAL;
  b->irq[irq].enabled = 1;
  charge(b, COST_REG, 1);
  irq_update(b, irq);
  return answer(b, 0);
}

int64_t up_disable_irq(struct board *b, int32_t irq)
{
  if (irq < 0 || irq >= NIRQS) return -EINVAL;
  b->irq[irq].enabled = 0;
  charge(b, COST_REG, 1);
  irq_update(b, irq);
  return answer(b, 0);
}

int32_t irq_line_set(struct board *b, int32_t irq, int32_t level)
{
  if (irq < 0 || irq >= NIRQS) return -EINVAL;
  if (level < 0)
    irq_pulse(b, irq);
  else
    irq_set(b, irq, level != 0);
  return 0;
}

int64_t irq_count(struct board *b, int32_t irq)
{
  return irq >= 0 && irq < NIRQS ? (int64_t)b->irq[irq].count : -EINVAL;
}

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

/* An item whose callback is Python's; seq tells the worker which queueing it has taken. 1 if one was replaced. */

int64_t work_queue(struct board *b, int32_t qid, int32_t h, uint32_t seq, int64_t delay)
{
  charge(b, COST_WORK, 1);
  return answer(b, work_queue_c(b, table_get(&b->wqs, qid), table_get(&b->works, h), WORK_PYTHON, seq, delay));
}

int64_t work_queue_next(struct board *b, int32_t qid, int32_t h, uint32_t seq, int64_t delay)
{
  charge(b, COST_WORK, 1);
  return answer(b, work_queue_next_c(b, table_get(&b->wqs, qid), table_get(&b->works, h), WORK_PYTHON, seq, delay));
}

/* An item that is a C function of the board, by its number. */

int64_t work_queue_native(struct board *b, int32_t qid, int32_t h, int32_t worker, uint32_t arg, int64_t delay)
{
  if (worker < 1 || worker >= WORK_NFUNCS || b->work_c[worker] == NULL) return -EINVAL;
  charge(b, COST_WORK, 1);
  return answer(b, work_queue_c(b, table_get(&b->wqs, qid), table_get(&b->works, h), (uint32_t)worker, arg, delay));
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
  return w ? w->qtime - (b->bench->now - b->boot) / b->tick_ns : -EINVAL;
}

/* Events of hardware models written in Python. */

int32_t pyevent_new(struct bench *n, int32_t housekeeping)
{
  struct py_event *p = calloc(1, sizeof *p);
  if (p == NULL) return -ENOMEM;
  int32_t id = event_init(&n->heap, &p->ev, EV_PYTHON, EVC_HARDWARE, p) < 0 ? -ENOMEM : table_add(&n->pyevents, p);
  if (id < 0)
    {
      free(p);
      return id;
    }
  p->id = id;
  p->ev.housekeeping = housekeeping;
  return id;
}

int32_t pyevent_at(struct bench *n, int32_t h, int64_t time)
{
  struct py_event *p = table_get(&n->pyevents, h);
  if (p == NULL) return -EINVAL;
  event_at(&n->heap, &p->ev, time > n->now ? time : n->now);
  return 0;
}

int32_t pyevent_cancel(struct bench *n, int32_t h)
{
  struct py_event *p = table_get(&n->pyevents, h);
  if (p == NULL) return -EINVAL;
  event_cancel(&n->heap, &p->ev);
  return 0;
}

int32_t pyevent_free(struct bench *n, int32_t h)
{
  struct py_event *p = table_get(&n->pyevents, h);
  if (p == NULL) return -EINVAL;
  event_fini(&n->heap, &p->ev);
  table_remove(&n->pyevents, h);
  free(p);
  return 0;
}
