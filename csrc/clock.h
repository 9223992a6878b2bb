/* clock.h - what clock.c, cpu.c and the interrupt controller have in common. */
#ifndef NUT_CLOCK_H
#define NUT_CLOCK_H

#include "board.h"

struct py_event               /* an event of a hardware model written in Python */
{
  struct event ev;
  int32_t      id;
};

/* Time is `t` now, unless it is later already. */

static inline void time_to(struct bench *n, int64_t t)
{
  if (t <= n->now) return;
  n->now = t;
  n->entries = 0;
  n->looked = false;
  n->progress++;
}

int64_t cpu_step(struct bench *n, struct cpu *c);      /* an action, or ACT_NONE: nothing to ask of Python */
void    cpu_paid(struct cpu *c);                       /* its payment is over */
void    irq_pulse(struct board *b, int32_t irq);       /* an edge: remembered until served */
void    irq_late(struct event *ev);                    /* a delayed request is seen now */
int32_t irq_best(const struct cpu *c);
int64_t live_now(const struct bench *n);               /* virtual ns that the host's clock has reached */

#endif
