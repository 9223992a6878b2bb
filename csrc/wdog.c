/* wdog.c - the board's timers: a heap by (tick, start order) behind one hardware compare register. */

#include <stdlib.h>

#include "board.h"

static bool before(const struct wdog *a, const struct wdog *b)
{
  return a->tick != b->tick ? a->tick < b->tick : a->seq < b->seq;
}

static void place(struct wdog_heap *h, struct wdog *w, int32_t pos)
{
  h->slot[pos] = w;
  w->pos = pos;
}

static void sift_up(struct wdog_heap *h, struct wdog *w, int32_t pos)
{
  for (; pos > 0; pos = (pos - 1) / 2)
    {
      if (!before(w, h->slot[(pos - 1) / 2])) break;
      place(h, h->slot[(pos - 1) / 2], pos);
    }
  place(h, w, pos);
}

static void sift_down(struct wdog_heap *h, struct wdog *w, int32_t pos)
{
  for (;;)
    {
      int32_t kid = 2 * pos + 1;
      if (kid >= h->n) break;
      if (kid + 1 < h->n && before(h->slot[kid + 1], h->slot[kid])) kid++;
      if (!before(h->slot[kid], w)) break;
      place(h, h->slot[kid], pos);
      pos = kid;
    }
  place(h, w, pos);
}

/* Tickless: the compare register always holds the next tick boundary at which something is due. */

static void program(struct board *b)
{
  struct event_heap *h = &b->bench->heap;
  if (b->wdogs.n == 0)
    {
      event_cancel(h, &b->timer);
      return;
    }
  int64_t at = b->boot + b->wdogs.slot[0]->tick * b->tick_ns;
  if (at < b->bench->now) at = b->bench->now;
  if (b->timer.pos < 0 || b->timer.time != at) event_at(h, &b->timer, at);
}

static void heap_remove(struct board *b, struct wdog *w)
{
  struct wdog_heap *h = &b->wdogs;
  int32_t pos = w->pos;
  struct wdog *last = h->slot[--h->n];
  w->pos = -1;
  if (!w->housekeeping)
    {
      h->live--;
      b->bench->wdogs_live--;
    }
  if (last == w) return;
  if (pos > 0 && before(last, h->slot[(pos - 1) / 2]))
    sift_up(h, last, pos);
  else
    sift_down(h, last, pos);
}

int wd_init(struct board *b, struct wdog *w)
{
  struct wdog_heap *h = &b->wdogs;
  if (h->owners == h->cap)
    {
      int32_t cap = h->cap ? 2 * h->cap : 32;
      struct wdog **slot = realloc(h->slot, (size_t)cap * sizeof *slot);
      if (slot == NULL) return -ENOMEM;
      h->slot = slot;
      h->cap = cap;
    }
  h->owners++;
  *w = (struct wdog){ .pos = -1, .pyid = -1 };
  return 0;
}

int wd_start_abstick(struct board *b, struct wdog *w, int64_t tick)
{
  struct wdog_heap *h = &b->wdogs;
  if (b->halted) return 0;                  /* its time stands still */
  if (wd_active(w)) heap_remove(b, w);
  w->tick = tick;
  w->seq = h->seq++;
  if (!w->housekeeping)
    {
      h->live++;
      b->bench->wdogs_live++;
    }
  sift_up(h, w, h->n++);
  program(b);
  charge(b, COST_WDOG, 1);
  return 0;
}

int wd_start(struct board *b, struct wdog *w, int64_t delay)
{
  if (delay < 0 || delay > WDOG_MAX_DELAY - now_tick(b) - 1) return -EINVAL;
  return wd_start_abstick(b, w, now_tick(b) + delay + 1);
}

int wd_cancel(struct board *b, struct wdog *w)
{
  if (!wd_active(w)) return -EINVAL;
  heap_remove(b, w);
  program(b);
  charge(b, COST_WDOG, 1);
  return 0;
}

int64_t wd_gettime(struct board *b, const struct wdog *w)
{
  return wd_active(w) ? w->tick - now_tick(b) : 0;
}

/* The timer interrupt: run what is due, one after the other. A Python callback is handed out as an action; the
 * interrupt goes on when it has returned. */

int64_t wd_expire(struct board *b)
{
  struct wdog_heap *h = &b->wdogs;
  irq_set(b, b->timer_irq, 0);
  while (h->n && h->slot[0]->tick <= now_tick(b))
    {
      struct wdog *w = h->slot[0];
      heap_remove(b, w);
      charge(b, COST_WDOG, 1);
      trace_put(b, TR_WDOG, (uint32_t)w->pyid, w->tick);
      if (w->pyid >= 0)
        {
          program(b);
          return act_make(ACT_WDOG, b->id, w->pyid);
        }
      w->fn(b, w->arg);
    }
  program(b);
  return 0;
}
