/* task.c - ready list, wait lists, blocking and waking. */

#include "board.h"

/* The ready list. */

static bool cpu_allows(const struct cpu *c, const struct tcb *t)
{
  return (t->affinity >> c->id) & 1;
}

/* The CPU doing the least important thing, if t outranks that, among those that have been asked to look or have not. */

static struct cpu *outranked(const struct tcb *t, bool asked)
{
  struct board *b = t->board;
  struct cpu *best = NULL;
  int least = t->prio;
  for (uint32_t i = 0; i < b->ncpus; i++)
    {
      struct cpu *c = &b->cpu[i];
      const struct tcb *cur = c->current;
      if (!cpu_allows(c, t) || ((c->attn & ATTN_RESCHED) != 0) != asked) continue;
      int prio = cur->state != TSTATE_RUNNING ? -1 : cur->lockcount ? NPRIO : cur->prio;
      if (prio >= least) continue;
      best = c;
      least = prio;
    }
  return best;
}

/* A task became ready. A CPU that was asked already will take whoever is best by then: rather ask another. */

static void place(struct tcb *t)
{
  struct cpu *c = outranked(t, false);
  if (c == NULL) c = outranked(t, true);
  if (c) cpu_resched(c);
}

static void ready_insert(struct tcb *t, bool first)
{
  struct ready *r = &t->board->ready;
  struct tcb **head = &r->list[t->prio].head, **tail = &r->list[t->prio].tail;
  t->state = TSTATE_READY;
  t->rnext = first ? *head : NULL;
  t->rprev = first ? NULL : *tail;
  if (t->rnext) t->rnext->rprev = t; else *tail = t;
  if (t->rprev) t->rprev->rnext = t; else *head = t;
  r->map[t->prio >> 6] |= 1ULL << (t->prio & 63);
  r->n++;
}

void task_ready(struct tcb *t)
{
  trace_put(t->board, TR_READY, (uint32_t)t->pid, t->prio);
  ready_insert(t, false);
  place(t);
}

void task_ready_first(struct tcb *t)
{
  ready_insert(t, true);
  place(t);                 /* another CPU may do something less important */
}

void task_unready(struct tcb *t)
{
  struct ready *r = &t->board->ready;
  if (t->rnext) t->rnext->rprev = t->rprev; else r->list[t->prio].tail = t->rprev;
  if (t->rprev) t->rprev->rnext = t->rnext; else r->list[t->prio].head = t->rnext;
  if (r->list[t->prio].head == NULL) r->map[t->prio >> 6] &= ~(1ULL << (t->prio & 63));
  t->rnext = t->rprev = NULL;
  r->n--;
}

int task_top(struct board *b, const struct cpu *c)
{
  for (int w = NPRIO / 64 - 1; w >= 0; w--)
    for (uint64_t m = b->ready.map[w]; m; )
      {
        int bit = 63 - __builtin_clzll(m);
        int prio = w * 64 + bit;
        for (struct tcb *t = b->ready.list[prio].head; t; t = t->rnext)
          if (cpu_allows(c, t)) return prio;
        m &= ~(1ULL << bit);
      }
  return -1;
}

void task_setprio(struct tcb *t, uint8_t prio)
{
  if (t->prio == prio) return;
  if (t->state == TSTATE_READY)
    {
      task_unready(t);
      t->prio = prio;
      ready_insert(t, false);
      place(t);
    }
  else if (t->waitq)
    {
      struct waitq *q = t->waitq;
      waitq_remove(q, t);
      t->prio = prio;
      waitq_add(q, t);
    }
  else
    {
      bool lowered = prio < t->prio;
      t->prio = prio;
      if (lowered && t->state == TSTATE_RUNNING && t->cpu && task_top(t->board, t->cpu) > prio) cpu_resched(t->cpu);
    }
}

struct tcb *task_find(struct board *b, int32_t pid)
{
  if (pid < 0 || b->tcbs == NULL) return NULL;
  struct tcb *t = b->tcbs[(uint32_t)pid & (b->tcbs_cap - 1)];
  return t && t->pid == pid ? t : NULL;
}

/* Wait lists: by priority, FIFO among equals. Searched from the tail, so a crowd of equals joins in constant time. */

void waitq_add(struct waitq *q, struct tcb *t)
{
  struct tcb *after = q->tail;
  while (after && after->prio < t->prio) after = after->wprev;
  t->wprev = after;
  t->wnext = after ? after->wnext : q->head;
  if (t->wnext) t->wnext->wprev = t; else q->tail = t;
  if (after) after->wnext = t; else q->head = t;
  t->waitq = q;
}

void waitq_remove(struct waitq *q, struct tcb *t)
{
  if (t->wnext) t->wnext->wprev = t->wprev; else q->tail = t->wprev;
  if (t->wprev) t->wprev->wnext = t->wnext; else q->head = t->wnext;
  t->wnext = t->wprev = NULL;
  t->waitq = NULL;
}

/* Blocking: the task leaves the CPU when its primitive answers; until then it stays `current` and pays. */

void task_block(struct tcb *t, enum wait_kind kind, void *obj, struct waitq *q)
{
  trace_put(t->board, TR_BLOCK, (uint32_t)t->pid, kind);
  t->state = TSTATE_BLOCKED;
  t->waitkind = (uint8_t)kind;
  t->waitobj = obj;
  t->blocked_since = t->board->bench->now;
  if (q) waitq_add(q, t);
  t->cpu->attn |= ATTN_BLOCKED;
}

static void wait_timeout(struct board *b, void *arg)
{
  struct tcb *t = arg;
  (void)b;
  if (t->state != TSTATE_BLOCKED) return;
  task_wake(t, t->timeout_result);
}

int task_block_ticks(struct tcb *t, int64_t ticks, int32_t result)
{
  t->timeout.fn = wait_timeout;
  t->timeout.arg = t;
  t->timeout_result = result;
  return wd_start(t->board, &t->timeout, ticks);
}

/* Ends a wait early or late. A semaphore waiter that leaves without a count gives its place back; a mutex waiter that
 * leaves without the mutex may have been the reason for its holder's priority. */

void task_wake(struct tcb *t, int32_t result)
{
  if (t->state != TSTATE_BLOCKED) return;
  if (t->waitq)
    {
      waitq_remove(t->waitq, t);
      if (t->waitkind == WAIT_SEM)
        ((struct sem *)t->waitobj)->count++;
      else if (t->waitkind == WAIT_MUTEX)
        mutex_abandon(t->waitobj, t);
    }
  if (wd_active(&t->timeout)) wd_cancel(t->board, &t->timeout);
  t->waitkind = WAIT_NONE;
  t->waitobj = NULL;
  t->result = result;
  task_ready(t);
}
