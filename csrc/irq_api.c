/* irq_api.c - what comes from outside, as Python calls it: interrupt lines, watchdogs, events of hardware models. */

#include <stdlib.h>

#include "board.h"
#include "clock.h"

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

static int64_t set_enabled(struct board *b, int32_t irq, uint8_t enabled)
{
  if (irq < 0 || irq >= NIRQS) return -EINVAL;
  b->irq[irq].enabled = enabled;
  charge(b, COST_REG, 1);
  irq_update(b, irq);
  return answer(b, 0);
}

int64_t up_enable_irq(struct board *b, int32_t irq)
{
  return set_enabled(b, irq, 1);
}

int64_t up_disable_irq(struct board *b, int32_t irq)
{
  return set_enabled(b, irq, 0);
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

/* enabled, requested, served */

int32_t irq_info(struct board *b, int32_t irq, int64_t *out, int32_t n)
{
  if (irq < 0 || irq >= NIRQS || n < 3) return -EINVAL;
  const struct irq_line *l = &b->irq[irq];
  out[0] = l->enabled;
  out[1] = l->level || l->latched;
  out[2] = (int64_t)l->count;
  return 0;
}

/* Since the last time this was asked: interrupts served, the longest time a handler took (ps), and how long that was
 * (ns). */

int32_t irq_monitor(struct board *b, int32_t irq, int64_t *out, int32_t n)
{
  if (irq < 0 || irq >= NIRQS || n < 3) return -EINVAL;
  struct irq_line *l = &b->irq[irq];
  out[0] = (int64_t)(l->count - l->counted);
  out[1] = l->longest;
  out[2] = b->bench->now - l->asked;
  l->counted = l->count;
  l->longest = 0;
  l->asked = b->bench->now;
  return 0;
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
