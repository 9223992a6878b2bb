/* cpu.c - what a CPU does next: payment, interrupts, tasks.
 *
 * Run, then pay: code runs at one instant; what it cost is paid before it goes on, and while it pays the CPU can be
 * interrupted. A CPU is FREE (its task may run), PAYING (its task owes), ISR (a handler runs, possibly in Python), or
 * ISR_TAIL (a handler pays).
 */

#include "board.h"
#include "clock.h"
#include "cpuload.h"

void cpu_resched(struct cpu *c)
{
  bool own = c->board->bench->running == c && c->state != CPU_ISR;
  c->attn |= own ? ATTN_RESCHED : ATTN_RESCHED | ATTN_PREEMPT;
  cpu_dirty(c);
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

void cpu_paid(struct cpu *c)
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
  struct irq_line *l = &b->irq[c->irq];
  if (c->isr_owed - c->isr_began > l->longest) l->longest = c->isr_owed - c->isr_began;
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
  c->isr_began = c->isr_owed;
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
  if (result == 0) return act_make(ACT_RUN, 0, (int32_t)t->slot);
  if (t->slot < NBOARDS_MAX && result > 0 && result <= UINT16_MAX) return act_make(ACT_RUN16, t->slot, result);
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
  if (t->ran_since) cpuload_count(t);
  t->ran_since = 0;
}

static void go_idle(struct cpu *c)
{
  ran_until_now(c->current);
  c->current = c->idle;
  c->idle->ran_since = c->board->bench->now;
  c->attn = 0;
  trace_put(c->board, TR_SWITCH, (uint32_t)c->idle->pid, c->id);
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

/* One look at a CPU: interrupts first, then payment, then whoever should run. */

int64_t cpu_step(struct bench *n, struct cpu *c)
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

/* Who shares out the CPUs: the core, in its own order (SCHED_FIFO), or a policy in Python that is asked each time. */

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
