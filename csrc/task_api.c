/* task_api.c - sleeping, burning, scheduling and signals as Python calls them, and what can be seen of a task. */

#include "board.h"
#include "cpuload.h"

#define BURN_MAX (1000000 * NSEC_PER_SEC)   /* in ps well within 63 bits */

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

/* The caller computes for so long, a million seconds at most, and can be interrupted meanwhile. What a handler burns
 * adds up until it returns, so that has the same limit. */

int64_t cpu_burn(struct board *b, int64_t ns)
{
  struct cpu *c = b->bench->running;
  if (ns < 0 || ns > BURN_MAX) return -EINVAL;
  if (c == NULL || c->board != b) return -EPERM;
  if (c->state == CPU_ISR)
    {
      if (c->isr_owed > (BURN_MAX - ns) * PS_PER_NS) return -EINVAL;
      c->isr_owed += ns * PS_PER_NS;
    }
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

/* One task: pid, state, prio, base prio, wait kind, wait object (number of a semaphore or mutex), the mutex's holder
 * (pid, or -1), flags, sigmask, cpu, cputime ns, blocked since ns, sched_lock depth, switches, slot, owed ps. */

int32_t task_info(struct board *b, int32_t pid, int64_t *out, int32_t n)
{
  if (n < 16) return -EINVAL;
  struct tcb *t = pid >= 0 && (uint32_t)pid < b->ncpus ? b->cpu[pid].idle : task_find(b, pid);
  if (t == NULL) return -ESRCH;
  cpuload_count(t);
  struct mutex *m = t->waitkind == WAIT_MUTEX ? t->waitobj : NULL;
  struct sem *s = t->waitkind == WAIT_SEM ? t->waitobj : NULL;
  int64_t v[16] = {
    t->pid, t->state, t->prio, t->base_prio, t->waitkind, m ? m->id : s ? s->id : 0,
    m && m->holder ? m->holder->pid : -1, t->flags, (int64_t)t->sigmask, t->cpu ? t->cpu->id : 0,
    t->cputime, t->blocked_since, t->lockcount, (int64_t)t->switches, t->slot, t->owed
  };
  memcpy(out, v, sizeof v);
  return 0;
}

/* What a dead or living task holds: mutex numbers; returns how many. */

int32_t task_held(struct board *b, int32_t pid, int32_t *out, int32_t n)
{
  struct tcb *t = task_find(b, pid);
  for (struct tcb *z = b->zombies; z && t == NULL; z = z->rnext)
    if (z->pid == pid) t = z;
  int32_t k = 0;
  for (struct mutex *m = t ? t->held : NULL; m && k < n; m = m->held_next) out[k++] = (int32_t)m->id;
  return k;
}

uint32_t task_slot(struct board *b, int32_t pid)
{
  struct tcb *t = task_find(b, pid);
  return t ? t->slot : 0;
}

int32_t task_pids(struct board *b, int32_t *out, int32_t n)
{
  int32_t k = 0;
  for (uint32_t i = 0; i < b->tcbs_cap && k < n; i++)
    if (b->tcbs[i]) out[k++] = b->tcbs[i]->pid;
  return k;
}
