/* irq.c - the interrupt controller: lines with enable, level or edge, priority, and the CPU that serves them. */

#include "board.h"
#include "clock.h"

static bool irq_pending(const struct irq_line *l)
{
  return l->enabled && (l->level || l->latched) && l->late.pos < 0;
}

void irq_update(struct board *b, int32_t irq)
{
  struct irq_line *l = &b->irq[irq];
  struct cpu *c = &b->cpu[l->cpu];
  if (!irq_pending(l))
    {
      c->irqpend &= ~(1u << irq);
      return;
    }
  if (c->irqpend & (1u << irq)) return;
  c->irqpend |= 1u << irq;
  c->attn |= ATTN_IRQ;
  cpu_dirty(c);
}

/* A new request may be seen late, if this run explores that. */

static void irq_request(struct board *b, int32_t irq)
{
  struct irq_line *l = &b->irq[irq];
  uint32_t late = choose(&b->bench->chooser, SITE_IRQ_JITTER, b->id << 8 | (uint32_t)irq, b->irq_jitter);
  l->since = b->bench->now;
  if (late) event_at(&b->bench->heap, &l->late, b->bench->now + late);
  irq_update(b, irq);
}

void irq_set(struct board *b, int32_t irq, int level)
{
  struct irq_line *l = &b->irq[irq];
  if (l->level == level) return;
  l->level = (uint8_t)level;
  if (level)
    irq_request(b, irq);
  else
    irq_update(b, irq);
}

void irq_pulse(struct board *b, int32_t irq)
{
  b->irq[irq].latched = 1;
  irq_request(b, irq);
}

/* The line to serve next: smallest priority number, then smallest line. */

int32_t irq_best(const struct cpu *c)
{
  int32_t best = -1;
  for (uint32_t m = c->irqpend; m; m &= m - 1)
    {
      int32_t irq = __builtin_ctz(m);
      if (best < 0 || c->board->irq[irq].prio < c->board->irq[best].prio) best = irq;
    }
  return best;
}

void irq_late(struct event *ev)
{
  struct board *b = ev->owner;
  struct irq_line *l = container_of(ev, struct irq_line, late);
  irq_update(b, (int32_t)(l - b->irq));
}
