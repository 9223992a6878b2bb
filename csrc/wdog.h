/* wdog.h - watchdogs: one-shot timers of a board, in ticks, run from the timer interrupt.
 *
 * A delay of N ticks expires at tick now+N+1: never earlier than N whole ticks. Equal expiries run in start order.
 */
#ifndef NUT_WDOG_H
#define NUT_WDOG_H

#include "base.h"

#define WDOG_MAX_DELAY ((1LL << 62) - 1)

struct wdog
{
  int64_t  tick;              /* absolute tick of expiry */
  uint64_t seq;
  int32_t  pos;               /* place in the board's heap, -1 when not running */
  bool     housekeeping;
  int32_t  pyid;              /* >= 0: a Python callback of that number, and fn is not used */
  void   (*fn)(struct board *b, void *arg);
  void    *arg;
};

struct wdog_heap
{
  struct wdog **slot;
  int32_t       n, cap, owners, live;
  uint64_t      seq;
};

int  wd_init(struct board *b, struct wdog *w);
int  wd_start(struct board *b, struct wdog *w, int64_t delay);     /* ticks */
int  wd_start_abstick(struct board *b, struct wdog *w, int64_t tick);
int  wd_cancel(struct board *b, struct wdog *w);                   /* -EINVAL if it was not running */
int64_t wd_gettime(struct board *b, const struct wdog *w);         /* ticks left, 0 if not running */

int64_t wd_expire(struct board *b);   /* the timer interrupt's work; 0, or an action for a Python callback */

static inline bool wd_active(const struct wdog *w)
{
  return w->pos >= 0;
}

#endif
