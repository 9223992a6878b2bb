/* clock.c - what happens next.
 *
 * bench_next() is the whole engine: it looks at the CPUs that need attention, and when none does, lets the earliest
 * event happen. It returns as soon as Python has to do something (enum action), with everything consistent.
 *
 * Run, then pay: code runs at one instant; what it cost is paid before it goes on, and while it pays the CPU can be
 * interrupted. A CPU is FREE (its task may run), PAYING (its task owes), ISR (a handler runs, possibly in Python), or
 * ISR_TAIL (a handler pays).
 */

#include "board.h"
#include "clock.h"
#include "mac.h"
#include "wire.h"

void cpu_dirty(struct cpu *c)
{
  struct bench *n = c->board->bench;
  if (c->dirty) return;
  c->dirty = true;
  c->dirty_next = NULL;
  if (n->dirty_tail) n->dirty_tail->dirty_next = c; else n->dirty_head = c;
  n->dirty_tail = c;
}

static struct cpu *dirty_pop(struct bench *n)
{
  struct cpu *c = n->dirty_head;
  if (c == NULL) return NULL;
  n->dirty_head = c->dirty_next;
  if (n->dirty_head == NULL) n->dirty_tail = NULL;
  c->dirty = false;
  return c;
}

void cpu_resched(struct cpu *c)
{
  bool own = c->board->bench->running == c && c->state != CPU_ISR;
  c->attn |= own ? ATTN_RESCHED : ATTN_RESCHED | ATTN_PREEMPT;
  cpu_dirty(c);
}

static void time_to(struct bench *n, int64_t t)
{
  if (t <= n->now) return;
  n->now = t;
  n->entries = 0;
  n->looked = false;
  n->progress++;
}

/* Payment. Whole nanoseconds are paid, the rest of the picoseconds is kept for the next time. */

static bool due_before(struct bench *n, int64_t t)
{
  struct event *ev = event_top(&n->heap);
  return n->dirty_head || (ev && (ev->time < t || (ev->time == t && ev->cls <= EVC_CPU)));
}

static bool pay_at_once(struct bench *n, int64_t *owed)
{
  int64_t until = n->now + *owed / PS_PER_NS;
  if (n->live || n->check || n->attn || due_before(n, until)) return false;   /* the host may want a look before */
  time_to(n, until);
  *owed %= PS_PER_NS;
  return true;
}

static void pay_from_now(struct bench *n, struct cpu *c, enum cpu_state state, int64_t owed)
{
  c->state = (uint8_t)state;
  event_at(&n->heap, &c->free, n->now + owed / PS_PER_NS);
}

static void pay_suspend(struct bench *n, struct cpu *c)
{
  if (c->state != CPU_PAYING) return;
  int64_t rest = c->free.time - n->now;
  event_cancel(&n->heap, &c->free);
  c->current->owed = rest * PS_PER_NS + c->current->owed % PS_PER_NS;
  c->state = CPU_FREE;
}

static void cpu_paid(struct cpu *c)
{
  if (c->state == CPU_PAYING) c->current->owed %= PS_PER_NS;
  c->state = CPU_FREE;
  cpu_dirty(c);
}

bool budget_left(struct board *b)
{
  struct bench *n = b->bench;
  struct cpu *c = n->running;
  if (c == NULL || c->state == CPU_ISR) return true;
  if (++n->entries >= n->livelock) return false;
  if (n->attn || n->one_frame || (c->attn & ~ATTN_OWED)) return false;
  if (c->current->owed < PS_PER_NS) return true;
  return pay_at_once(n, &c->current->owed);
}

/* Interrupts. */

static void isr_exit(struct bench *n, struct cpu *c)
{
  struct board *b = c->board;
  trace_put(b, TR_IRQ_EXIT, (uint32_t)c->irq, 0);
  charge(b, COST_IRQ_EXIT, 1);
  n->running = NULL;
  irq_update(b, c->irq);
  c->irq = -1;
  c->state = CPU_FREE;
  struct tcb *t = c->current;
  if (t->state != TSTATE_RUNNING || (t->lockcount == 0 && task_top(b, c) > t->prio))
    c->attn |= ATTN_RESCHED | ATTN_PREEMPT;
  cpu_dirty(c);
  if (c->isr_owed >= PS_PER_NS) pay_from_now(n, c, CPU_ISR_TAIL, c->isr_owed);
  c->isr_owed %= PS_PER_NS;
}

/* Runs the handler, or hands it to Python: then irq_return() brings us back here. */

static int64_t isr_run(struct bench *n, struct cpu *c)
{
  struct board *b = c->board;
  struct irq_line *l = &b->irq[c->irq];
  n->running = c;
  if (l->handler != 2) return act_make(ACT_IRQ, b->id, c->irq);
  int64_t action = l->native(b, c->irq, l->arg);
  if (action) return action;
  isr_exit(n, c);
  return ACT_NONE;
}

static int64_t isr_enter(struct bench *n, struct cpu *c, int32_t irq)
{
  struct board *b = c->board;
  if (++n->entries >= n->livelock)
    {
      n->entries = 0;
      cpu_dirty(c);
      return act_make(ACT_FAULT, b->id, FAULT_IRQ_STORM | irq << 8);
    }
  pay_suspend(n, c);
  c->irq = irq;
  c->state = CPU_ISR;
  c->irqpend &= ~(1u << irq);
  b->irq[irq].latched = 0;
  b->irq[irq].count++;
  n->running = c;
  trace_put(b, TR_IRQ_ENTER, (uint32_t)irq, n->now - b->irq[irq].since);
  charge(b, COST_IRQ_ENTER, 1);
  return isr_run(n, c);
}

int64_t irq_return(struct board *b)
{
  struct bench *n = b->bench;
  struct cpu *c = n->running;
  if (c == NULL || c->state != CPU_ISR || c->board != b) return bench_next(n);   /* the board crashed under it */
  if (b->irq[c->irq].handler == 2)
    {
      int64_t action = isr_run(n, c);
      if (action != ACT_NONE) return action;
    }
  else
    isr_exit(n, c);
  return bench_next(n);
}

/* Tasks. */

static int64_t run(struct bench *n, struct cpu *c)
{
  struct tcb *t = c->current;
  int32_t result = t->flags & TCB_KILLED ? RESULT_KILLED : t->result;
  t->flags &= (uint8_t)~TCB_KILLED;        /* said once: what it does while it unwinds works as ever */
  t->resume = NULL;
  c->attn = c->irqpend ? ATTN_IRQ : 0;
  n->running = c;
  if (n->owner == t->slot) return result;
  n->owner = t->slot;
  if (t->slot < NBOARDS_MAX && result >= 0 && result <= UINT16_MAX) return act_make(ACT_RUN, t->slot, result);
  n->value = result;
  return act_make(ACT_RUNV, 0, (int32_t)t->slot);
}

/* The rest of the primitive that a task slept in, before its Python code goes on. It may cost, wake others, or put the
 * task to sleep again. */

static void resume(struct bench *n, struct cpu *c)
{
  struct tcb *t = c->current;
  int32_t (*rest)(void *arg) = t->resume;
  t->resume = NULL;
  c->attn = c->irqpend ? ATTN_IRQ : 0;
  n->running = c;
  t->result = rest(t->resume_arg);
  n->running = NULL;
}

static void ran_until_now(struct tcb *t)
{
  if (t->ran_since) t->cputime += t->board->bench->now - t->ran_since;
  t->ran_since = 0;
}

static void go_idle(struct cpu *c)
{
  ran_until_now(c->current);
  c->current = c->idle;
  c->attn = 0;
  trace_put(c->board, TR_SWITCH, 0, c->id);
}

/* A task that slept on another CPU, still paying, was woken and runs here. */

static void leave_cpu(struct tcb *t)
{
  struct cpu *c = t->cpu;
  pay_suspend(c->board->bench, c);
  go_idle(c);
  c->attn = ATTN_RESCHED;
  cpu_dirty(c);
}

static struct tcb *first_of(const struct cpu *c, int prio)
{
  struct tcb *t = c->board->ready.list[prio].head;
  while (!((t->affinity >> c->id) & 1)) t = t->rnext;
  return t;
}

static void put_on(struct cpu *c, struct tcb *t)
{
  struct tcb *was = c->current;
  if (t->cpu && t->cpu != c && t->cpu->current == t) leave_cpu(t);
  task_unready(t);
  ran_until_now(was);
  t->state = TSTATE_RUNNING;
  t->cpu = c;
  t->ran_since = c->board->bench->now;
  c->current = t;
  c->attn &= ATTN_IRQ;
  if (t != was)
    {
      t->switches++;
      t->owed += (int64_t)c->board->cost[COST_SWITCH];
    }
  trace_put(c->board, TR_SWITCH, (uint32_t)t->pid, c->id);
  if (was->state == TSTATE_RUNNING && was != t && was != c->idle) task_ready_first(was);
}

/* One CPU: interrupts first, then payment, then whoever should run. ACT_NONE: nothing to ask of Python. */

static int64_t cpu_step(struct bench *n, struct cpu *c)
{
  struct board *b = c->board;
  for (;;)
    {
      if (b->halted || c->state == CPU_ISR || c->state == CPU_ISR_TAIL) return ACT_NONE;
      if (c->irqpend)
        {
          int64_t action = isr_enter(n, c, irq_best(c));
          if (action != ACT_NONE) return action;
          continue;
        }
      if (c->attn & ATTN_PREEMPT) pay_suspend(n, c);
      if (c->state == CPU_PAYING) return ACT_NONE;

      struct tcb *t = c->current;
      if (!(c->attn & ATTN_PREEMPT) && t->owed >= PS_PER_NS)
        {
          if (pay_at_once(n, &t->owed)) continue;
          pay_from_now(n, c, CPU_PAYING, t->owed);
          return ACT_NONE;
        }
      bool gone = t->state != TSTATE_RUNNING;
      int top = b->ready.n ? task_top(b, c) : -1;
      if (gone && top < 0)
        {
          if (t->owed >= PS_PER_NS)
            {
              c->attn &= (uint8_t)~ATTN_PREEMPT;   /* asleep, but not done paying, and nobody else wants the CPU */
              continue;
            }
          go_idle(c);
          return ACT_NONE;
        }
      if (gone || ((c->attn & ATTN_RESCHED) && top > t->prio && t->lockcount == 0))
        {
          if (!b->fifo) return act_make(ACT_PICK, b->id, c->id);
          put_on(c, first_of(c, top));
          continue;
        }
      c->attn &= (uint8_t)~(ATTN_RESCHED | ATTN_PREEMPT);
      if (t == c->idle) return ACT_NONE;
      if (t->owed >= PS_PER_NS) continue;
      if (t->resume == NULL || (t->flags & TCB_KILLED)) return run(n, c);
      resume(n, c);
    }
}

/* Puts the index-th of the best on a CPU: the answer of a policy that was asked. */

int64_t sched_take(struct board *b, int32_t cpu, int32_t index)
{
  struct cpu *c = &b->cpu[cpu];
  int top = task_top(b, c);
  if (top >= 0)
    {
      struct tcb *t = first_of(c, top);
      for (struct tcb *o = t->rnext; o && index > 0; o = o->rnext)
        if ((o->affinity >> cpu) & 1)
          {
            t = o;
            index--;
          }
      put_on(c, t);
    }
  c->attn = 0;
  cpu_dirty(c);
  return bench_next(b->bench);
}

/* How the CPUs are shared out: by the core's own order (SCHED_FIFO), or by a policy in Python that is asked each time. */

void sched_policy(struct board *b, bool fifo)
{
  b->fifo = fifo;
}

/* How many tasks share the best priority: the policy's free choice. */

int32_t sched_ties(struct board *b, int32_t cpu)
{
  struct cpu *c = &b->cpu[cpu];
  int top = task_top(b, c);
  int32_t n = 0;
  if (top >= 0)
    for (struct tcb *t = b->ready.list[top].head; t; t = t->rnext) n += (t->affinity >> cpu) & 1;
  return n;
}

/* The caller's slice is over, or it yields: behind its equals. -ESRCH: the CPU has no task. */

int64_t sched_rotate(struct board *b, int32_t cpu)
{
  struct cpu *c = &b->cpu[cpu];
  struct tcb *t = c->current;
  if (t == c->idle || t->state != TSTATE_RUNNING) return answer(b, -ESRCH);
  if (task_top(b, c) < t->prio || t->lockcount) return answer(b, 0);
  task_ready(t);
  cpu_resched(c);
  return answer(b, 0);
}

int64_t bench_settle(struct board *b, int64_t result)
{
  struct bench *n = b->bench;
  struct cpu *c = n->running;
  if (!on_own_thread(n)) return result;    /* another thread's call: the task that runs will see what it changed */
  c->current->result = (int32_t)result;
  cpu_dirty(c);
  if (n->entries >= n->livelock)
    {
      n->entries = 0;
      return act_make(ACT_FAULT, b->id, FAULT_LIVELOCK);
    }
  return bench_next(n);
}

static int64_t to_host(struct bench *n, enum host_reason why)
{
  n->running = NULL;
  n->owner = 0;
  return act_make(ACT_HOST, 0, why);
}

static bool quiescent(const struct bench *n)
{
  return n->heap.live == 0 && n->wdogs_live == 0 && !n->live;
}

/* One event. Returns an action if it is Python's. */

static int64_t happen(struct bench *n, struct event *ev)
{
  event_cancel(&n->heap, ev);
  time_to(n, ev->time);
  n->looked = false;
  switch (ev->kind)
    {
      case EV_CPU:
        cpu_paid(ev->owner);
        return 0;

      case EV_TIMER:
        irq_set(ev->owner, ((struct board *)ev->owner)->timer_irq, 1);
        return 0;

      case EV_IRQ:
        irq_late(ev);
        return 0;

      case EV_MAC_RX:
      case EV_MAC_TX:
        mac_event(ev->owner, ev->kind);
        return 0;

      case EV_WIRE:
        wire_event(ev->owner);
        return 0;

      case EV_PYTHON:
        return act_make(ACT_EVENT, 0, container_of(ev, struct py_event, ev)->id);

      default:
        return to_host(n, HOST_DEADLINE);
    }
}

int64_t bench_next(struct bench *n)
{
  n->running = NULL;
  for (;;)
    {
      if (n->attn & BENCH_INTERRUPT)
        {
          n->attn &= ~(uint32_t)BENCH_INTERRUPT;
          return to_host(n, HOST_INTERRUPT);
        }
      struct cpu *c = dirty_pop(n);
      if (c)
        {
          int64_t action = cpu_step(n, c);
          if (action != ACT_NONE) return action;
          continue;
        }
      if (n->attn & BENCH_WAKE)
        {
          n->attn &= ~(uint32_t)BENCH_WAKE;
          return to_host(n, HOST_WAKE);
        }
      if (n->check && !n->looked)
        {
          n->looked = true;
          return to_host(n, HOST_CHECK);
        }
      struct event *ev = event_top(&n->heap);
      if (n->live && (ev == NULL || (ev->time > n->now && ev->time > live_now(n)))) return act_make(ACT_POLL, 0, 0);
      if (ev == NULL || (quiescent(n) && !n->to_deadline)) return to_host(n, HOST_QUIESCENT);
      if (++n->entries >= n->livelock)
        {
          n->entries = 0;
          return act_make(ACT_FAULT, 0, FAULT_LIVELOCK);
        }
      int64_t action = happen(n, ev);
      if (action) return action;
    }
}

/* Control goes to the host from wherever Python is: the code that ran is looked at again when the host returns. */

void bench_leave(struct bench *n)
{
  if (n->running && n->running->state != CPU_ISR) cpu_dirty(n->running);
  n->running = NULL;
}

/* The host waits: until `deadline`, or for ever if it is negative. */

int64_t bench_run(struct bench *n, int64_t deadline, bool to_deadline, bool check)
{
  n->to_deadline = to_deadline;
  n->check = check;
  n->looked = false;
  n->owner = 0;
  if (deadline >= 0)
    event_at(&n->heap, &n->deadline, deadline > n->now ? deadline : n->now);
  else
    event_cancel(&n->heap, &n->deadline);
  return bench_next(n);
}
