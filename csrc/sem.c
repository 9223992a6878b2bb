/* sem.c - counting semaphores and the recursive mutex. */

#include "board.h"

int nxsem_init(struct board *b, struct sem *s, int32_t count)
{
  *s = (struct sem){ .count = count };
  int32_t id = table_add(&b->sems, s);
  if (id < 0) return id;
  s->id = (uint32_t)id;
  return 0;
}

void nxsem_destroy(struct board *b, struct sem *s)
{
  while (s->waiters.head) task_wake(s->waiters.head, -ECANCELED);
  table_remove(&b->sems, (int32_t)s->id);
  s->id = 0;
}

int nxsem_post_c(struct board *b, struct sem *s)
{
  if (s->count == INT32_MAX) return -EOVERFLOW;
  trace_put(b, TR_SEM_POST, s->id, s->count + 1);
  s->count++;
  struct tcb *t = s->waiters.head;
  if (t == NULL) return 0;
  waitq_remove(&s->waiters, t);     /* the count is handed over, so task_wake has none to give back */
  task_wake(t, 0);
  return 0;
}

/* Mutexes. The wait cannot be interrupted: signals and timeouts leave it alone. */

static void mutex_take(struct mutex *m, struct tcb *t)
{
  m->holder = t;
  m->count = 1;
  m->held_next = t->held;
  t->held = m;
}

static void mutex_drop(struct mutex *m)
{
  struct mutex **p = &m->holder->held;
  while (*p != m) p = &(*p)->held_next;
  *p = m->held_next;
  m->held_next = NULL;
  m->holder = NULL;
  m->count = 0;
}

int mutex_lock_c(struct board *b, struct mutex *m, struct tcb *t)
{
  if (m->holder == t)
    {
      m->count++;
      return 0;
    }
  if (m->holder == NULL)
    {
      mutex_take(m, t);
      trace_put(b, TR_LOCK, m->id, 1);
      return 0;
    }
  task_block(t, WAIT_MUTEX, m, &m->waiters);
  t->flags &= (uint8_t)~TCB_INTERRUPTIBLE;
  if (b->inherit) mutex_boost(t);
  return -EAGAIN;
}

/* Released for good: the first waiter becomes the holder at once, nobody can slip in between. */

void mutex_release_c(struct board *b, struct mutex *m)
{
  struct tcb *was = m->holder;
  mutex_drop(m);
  trace_put(b, TR_UNLOCK, m->id, 0);
  if (b->inherit) mutex_unboost(was);
  struct tcb *t = m->waiters.head;
  if (t == NULL) return;
  waitq_remove(&m->waiters, t);
  mutex_take(m, t);
  trace_put(b, TR_LOCK, m->id, t->pid);
  task_wake(t, 0);
}

void mutex_abandon(struct mutex *m, struct tcb *t)
{
  if (t->board->inherit && m->holder) mutex_unboost(m->holder);
}

void mutex_boost(struct tcb *t)
{
  while (t->waitkind == WAIT_MUTEX)
    {
      struct tcb *holder = ((struct mutex *)t->waitobj)->holder;
      if (holder == NULL || holder->prio >= t->prio) return;
      task_setprio(holder, t->prio);
      t = holder;
    }
}

void mutex_unboost(struct tcb *t)
{
  while (t)
    {
      uint8_t prio = t->base_prio;
      for (struct mutex *m = t->held; m; m = m->held_next)
        if (m->waiters.head && m->waiters.head->prio > prio) prio = m->waiters.head->prio;
      task_setprio(t, prio);
      t = t->waitkind == WAIT_MUTEX ? ((struct mutex *)t->waitobj)->holder : NULL;
    }
}
