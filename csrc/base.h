/* base.h - what every file of the core needs: types, limits, and how a call answers Python.
 *
 * A primitive is one C call. It either has a plain answer (a count, a handle, a negative errno), or the caller has to
 * do something before it may go on: let another task run, call a handler. Both travel in one number: below ACT_BASE it
 * is the plain answer, from there up an action made by act_make(). Everything stays below 2^30, where Python's integers
 * are cheapest.
 */
#ifndef NUT_BASE_H
#define NUT_BASE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NSEC_PER_USEC 1000LL
#define NSEC_PER_SEC  1000000000LL
#define PS_PER_NS     1000LL

#define NCPUS_MAX  8          /* CPUs of one board */
#define NIRQS      32         /* interrupt lines of one board */
#define NPRIO      256        /* priorities 0 (idle) .. 255 */

struct bench;
struct board;
struct cpu;
struct tcb;

/* What Python has to do next (see kernel/clock.py, which obeys them). The payload is a greenlet's slot, or a board's
 * number and 16 bits more. */

enum action
{
  ACT_RUN    = 1,             /* switch to greenlet `slot`, handing it 0 */
  ACT_RUN16  = 2,             /* switch to greenlet `slot` (where others have the board), handing it the 16 bits */
  ACT_RUNV   = 3,             /* switch to greenlet `slot`, handing it bench_value() */
  ACT_PICK   = 4,             /* board, CPU: ask the scheduling policy who runs */
  ACT_IRQ    = 5,             /* board, line: call its handler, then irq_return() */
  ACT_WDOG   = 6,             /* board, watchdog: call it, then irq_return() */
  ACT_EVENT  = 7,             /* call a hardware event of the bench, then bench_next() */
  ACT_HOST   = 8,             /* give control back to the host; the payload says why */
  ACT_POLL   = 9,             /* live: wait in live_poll(), then bench_next() */
  ACT_FAULT  = 10,            /* board, enum fault */
};

#define ACT_NONE  INT64_MIN   /* inside the engine: nothing for Python to do, go on (0 is a task's plain answer) */
#define ACT_SHIFT 26
#define ACT_BASE  (1LL << ACT_SHIFT)
#define NBOARDS_MAX 1024      /* on one bench: what a payload can name */

static inline int64_t act_make(enum action kind, uint32_t board, int32_t value)
{
  return ((int64_t)kind << ACT_SHIFT) | ((int64_t)board << 16) | (uint32_t)value;
}

enum host_reason
{
  HOST_DEADLINE  = 1,         /* the time the host asked for has come */
  HOST_QUIESCENT = 2,         /* nothing can ever happen any more */
  HOST_CHECK     = 3,         /* time is about to move and the host wants to look first */
  HOST_WAKE      = 4,         /* something the host waits for (a frame, console output) is there */
  HOST_INTERRUPT = 5,         /* Ctrl-C */
};

enum fault
{
  FAULT_LIVELOCK  = 1,        /* too many kernel entries without time moving */
  FAULT_IRQ_STORM = 2,        /* the same, and it is a line that asks again and again: its number << 8 is added */
};

/* A task that has to die is resumed with this value instead of its answer. */

#define RESULT_KILLED (-9999)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static inline uint32_t min_u32(uint32_t x, uint32_t y)
{
  return x < y ? x : y;
}

static inline uint32_t max_u32(uint32_t x, uint32_t y)
{
  return x > y ? x : y;
}

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
