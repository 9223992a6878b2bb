/* event.c - the heap behind event.h: binary, intrusive, stable by sequence number. */

#include <stdlib.h>

#include "event.h"

static bool before(const struct event *a, const struct event *b)
{
  if (a->time != b->time) return a->time < b->time;
  if (a->cls != b->cls) return a->cls < b->cls;
  return a->seq < b->seq;
}

static void place(struct event_heap *h, struct event *ev, int32_t pos)
{
  h->slot[pos] = ev;
  ev->pos = pos;
}

static void sift_up(struct event_heap *h, struct event *ev, int32_t pos)
{
  while (pos > 0)
    {
      int32_t up = (pos - 1) / 2;
      if (!before(ev, h->slot[up])) break;
      place(h, h->slot[up], pos);
      pos = up;
    }
  place(h, ev, pos);
}

static void sift_down(struct event_heap *h, struct event *ev, int32_t pos)
{
  for (;;)
    {
      int32_t kid = 2 * pos + 1;
      if (kid >= h->n) break;
      if (kid + 1 < h->n && before(h->slot[kid + 1], h->slot[kid])) kid++;
      if (!before(h->slot[kid], ev)) break;
      place(h, h->slot[kid], pos);
      pos = kid;
    }
  place(h, ev, pos);
}

int event_init(struct event_heap *h, struct event *ev, enum event_kind kind, enum event_class cls, void *owner)
{
  if (h->owners == h->cap)
    {
      int32_t cap = h->cap ? 2 * h->cap : 16;
      struct event **slot = realloc(h->slot, (size_t)cap * sizeof *slot);
      if (slot == NULL) return -ENOMEM;
      h->slot = slot;
      h->cap = cap;
    }
  h->owners++;
  *ev = (struct event){ .pos = -1, .cls = (uint8_t)cls, .kind = (uint8_t)kind, .owner = owner };
  return 0;
}

void event_fini(struct event_heap *h, struct event *ev)
{
  if (ev->owner == NULL) return;
  event_cancel(h, ev);
  ev->owner = NULL;
  h->owners--;
}

void event_at(struct event_heap *h, struct event *ev, int64_t time)
{
  if (ev->pos >= 0) event_cancel(h, ev);
  ev->time = time;
  ev->seq = h->seq++;
  if (!ev->housekeeping) h->live++;
  sift_up(h, ev, h->n++);
}

void event_cancel(struct event_heap *h, struct event *ev)
{
  if (ev->pos < 0) return;
  int32_t pos = ev->pos;
  struct event *last = h->slot[--h->n];
  ev->pos = -1;
  if (!ev->housekeeping) h->live--;
  if (last == ev) return;
  if (pos > 0 && before(last, h->slot[(pos - 1) / 2]))
    sift_up(h, last, pos);
  else
    sift_down(h, last, pos);
}
