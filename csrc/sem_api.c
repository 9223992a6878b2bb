/* sem_api.c - semaphores and mutexes as Python calls them: by number, one call each, ending in answer().
 *
 * A call that would block puts the caller to sleep and answers; bench_settle() then lets others run, and what the
 * caller finally gets is the value it was woken with.
 */

#include <stdlib.h>

#include "board.h"

/* Semaphores. */

int32_t sem_new(struct board *b, int32_t count)
{
  if (count < 0) return -EINVAL;
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

/* ticks < 0: for ever; 0: fails at once with -ETIMEDOUT; -EINVAL if there are not so many. */

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
  if (ticks > 0)
    {
      int r = task_block_ticks(t, ticks, -ETIMEDOUT);
      if (r < 0) return answer(b, r);
    }
  s->count--;
  task_block(t, WAIT_SEM, s, &s->waiters);
  if (interruptible) t->flags |= TCB_INTERRUPTIBLE; else t->flags &= (uint8_t)~TCB_INTERRUPTIBLE;
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
