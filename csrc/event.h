/* event.h - the one queue of things to come, ordered by (time, class, sequence).
 *
 * Events are embedded in their owners and know their place in the heap, so that cancelling one is cheap and nothing is
 * allocated while the clock runs. Invariant: ev->pos >= 0 exactly while the event is in the heap, at heap->slot[pos].
 */
#ifndef NUT_EVENT_H
#define NUT_EVENT_H

#include "base.h"

/* At one instant hardware speaks first, then CPUs come free, then the host's deadline is reached. */

enum event_class { EVC_HARDWARE = 0, EVC_CPU = 1, EVC_HOST = 2 };

enum event_kind { EV_TIMER, EV_IRQ, EV_CPU, EV_MAC_RX, EV_MAC_TX, EV_WIRE, EV_PYTHON, EV_HOST };

struct event
{
  int64_t  time;              /* ns */
  uint64_t seq;
  int32_t  pos;               /* index in the heap, -1 when not queued */
  uint8_t  cls;
  uint8_t  kind;
  bool     housekeeping;      /* does not keep the bench from being quiescent */
  void    *owner;
};

struct event_heap
{
  struct event **slot;
  int32_t        n;
  int32_t        cap;
  int32_t        owners;      /* events that exist; cap >= owners, so queueing never allocates */
  int32_t        live;        /* queued events that are not housekeeping */
  uint64_t       seq;
};

int  event_init(struct event_heap *h, struct event *ev, enum event_kind kind, enum event_class cls, void *owner);
void event_fini(struct event_heap *h, struct event *ev);
void event_at(struct event_heap *h, struct event *ev, int64_t time);   /* queue, or move if already queued */
void event_cancel(struct event_heap *h, struct event *ev);

static inline struct event *event_top(const struct event_heap *h)
{
  return h->n ? h->slot[0] : NULL;
}

#endif
