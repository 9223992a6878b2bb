/* clock.c - what happens next.
 *
 * bench_next() is the whole engine: it looks at the CPUs that need attention (cpu.c), and when none does, lets the
 * earliest event happen. It returns as soon as Python has to do something (enum action), with everything consistent.
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
