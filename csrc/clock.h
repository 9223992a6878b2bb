/* clock.h - the engine's own small types, see clock.c. */
#ifndef NUT_CLOCK_H
#define NUT_CLOCK_H

#include "board.h"

struct py_event               /* an event of a hardware model written in Python */
{
  struct event ev;
  int32_t      id;
};

void    irq_pulse(struct board *b, int32_t irq);       /* an edge: remembered until served */
void    irq_late(struct event *ev);                    /* a delayed request is seen now */
int32_t irq_best(const struct cpu *c);
int64_t live_now(const struct bench *n);               /* virtual ns that the host's clock has reached */

#endif
