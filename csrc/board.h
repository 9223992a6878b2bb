/* board.h - one bench: a clock, its events, its choices; and one board: CPUs, interrupt lines, and all kernel state. */
#ifndef NUT_BOARD_H
#define NUT_BOARD_H

#include "base.h"
#include "chooser.h"
#include "event.h"
#include "iob.h"
#include "sem.h"
#include "table.h"
#include "task.h"
#include "trace.h"
#include "wdog.h"
#include "wqueue.h"

/* What an operation costs, in picoseconds, from the profile's table (board/profile.py converts cycles by CPU MHz). */

enum cost
{
  COST_CALL,                  /* any primitive that has no entry of its own */
  COST_SEM,                   /* semaphore or mutex operation */
  COST_WORK,                  /* work_queue, one worker pass */
  COST_SWITCH,                /* context switch */
  COST_IRQ_ENTER,
  COST_IRQ_EXIT,
  COST_WDOG,                  /* start, cancel or expiry of a watchdog */
  COST_IOB,                   /* allocate or free one buffer */
  COST_COPY,                  /* one byte copied */
  COST_CSUM,                  /* one byte checksummed */
  COST_FRAME,                 /* one frame through driver and stack, besides its bytes */
  COST_REG,                   /* one device register access */
  NCOSTS
};

enum attn
{
  ATTN_RESCHED = 1,           /* somebody outranks the current task */
  ATTN_OWED    = 2,           /* the current task or handler has something to pay */
  ATTN_BLOCKED = 4,           /* the current task went to sleep */
  ATTN_IRQ     = 8,           /* a line is pending that this CPU would take */
  ATTN_PREEMPT = 16,          /* it came from outside (interrupt, other CPU) and does not wait for payment */
};

/* What the bench as a whole has to attend to. */

enum bench_attn
{
  BENCH_INTERRUPT = 1,        /* Ctrl-C */
  BENCH_WAKE      = 4,        /* something the host waits for is there */
};

enum cpu_state { CPU_FREE, CPU_PAYING, CPU_ISR, CPU_ISR_TAIL };

struct cpu
{
  struct board *board;
  int32_t       id;
  struct tcb   *current;      /* never NULL: the idle task if nothing else */
  struct tcb   *idle;
  uint8_t       state;
  uint8_t       attn;
  bool          dirty;        /* on the bench's list of CPUs to look at */
  struct cpu   *dirty_next;
  struct event  free;         /* when it has paid */
  int32_t       irq;          /* line being handled, -1 if none */
  int64_t       isr_owed;     /* ps */
  int64_t       isr_began;    /* what of that was owed before the handler began, ps */
  uint32_t      irqpend;      /* lines that want this CPU */
};

struct irq_line
{
  uint8_t  enabled, level, latched;
  uint8_t  prio;              /* smaller is served first */
  uint8_t  cpu;
  uint8_t  handler;           /* 0 none, 1 Python, 2 native */
  int64_t (*native)(struct board *b, int32_t irq, void *arg);   /* 0: done; else an action, called again after it */
  void    *arg;
  uint64_t count;
  int64_t  longest;           /* ps a handler took, besides entry and exit, since irq_monitor() was asked ... */
  uint64_t counted;           /* ... and what was served until then ... */
  int64_t  asked;             /* ... and when that was, ns */
  int64_t  since;             /* when the present request was raised, ns */
  struct event late;          /* a request that the chooser delays */
};

struct bench
{
  int64_t           now;      /* ns, above zero from the start */
  struct event_heap heap;
  struct chooser    chooser;
  struct event      deadline; /* until when the host waits */
  struct cpu       *running;  /* whose code is on the stack: a task's or a handler's; NULL: the host's or hardware's */
  uint32_t          owner;    /* greenlet now executing; 0 is the host */
  int32_t           value;    /* what the greenlet to be resumed is handed */
  uint32_t          attn;     /* enum bench_attn */
  bool              check;    /* the host wants a look before time moves ... */
  bool              looked;   /* ... and has had it */
  bool              to_deadline; /* a quiescent bench goes on to the deadline (b.run) or stops at once (a wait) */
  bool              live;
  bool              one_frame; /* loops in C stop after each frame or item: schedules are being explored */
  int64_t           live_origin; /* host's monotonic ns at virtual time 0 */
  uint64_t          entries;  /* kernel entries since time last moved */
  uint64_t          livelock; /* limit of it */
  pthread_t         thread;   /* that made it: tasks run on no other */
  uint64_t          progress; /* only ever grows; what the host watchdog looks at */
  int32_t           wdogs_live; /* running watchdogs that are not housekeeping, over all boards */
  struct cpu       *dirty_head, *dirty_tail;
  struct table      boards;
  struct table      slots;    /* greenlet number -> task; 0 is the host */
  struct table      pyevents;
  struct wire      *wire;     /* cables and switches of the bench, see wire.h */
  struct live      *live_set; /* descriptors of a live run, see live.h */
};

struct board
{
  struct bench     *bench;
  uint32_t          id;
  bool              halted;   /* crashed or powered off: no code of it runs any more */
  struct cpu        cpu[NCPUS_MAX];
  uint32_t          ncpus;
  uint64_t          cost[NCOSTS];

  struct ready      ready;
  struct tcb      **tcbs;     /* by pid & (tcbs_cap - 1) */
  uint32_t          tcbs_cap, ntasks;
  int32_t           lastpid;
  struct tcb       *tcb_free;
  struct tcb       *zombies;  /* dead holders of mutexes */
  bool              fifo;     /* among equals, first come first served; false: Python is asked */
  bool              inherit;  /* CONFIG_PRIORITY_INHERITANCE */

  struct irq_line   irq[NIRQS];
  int32_t           timer_irq;
  uint32_t          irq_jitter; /* ns; the chooser may delay a request by less than this */
  struct event      timer;    /* compare register of the system timer */
  int64_t           boot;     /* ns: tick 0 */
  int64_t           load_half;/* ns: half of CONFIG_SCHED_CPULOAD_TIMECONSTANT */
  int64_t           tick_ns;
  struct wdog_heap  wdogs;

  struct table      sems, mutexes, works, wqs, pywdogs;   /* what Python names by number */
  work_fn           work_c[WORK_NFUNCS];  /* C functions that work items may name */

  struct notifier  *notifiers; /* see notifier.h */
  int32_t           notifier_key;
  struct trace      trace;
  struct iob_pool   iob;
  struct net       *net;      /* protocols and devices, see net.h */
};

/* bench and board */

struct bench *bench_new(uint64_t seed, uint64_t livelock);
void          bench_free(struct bench *n);
void          bench_drop(struct bench *n);
struct board *board_new(struct bench *n, int32_t ncpus, int64_t tick_ns, uint32_t trace_size);
int32_t       board_reset(struct board *b, int32_t ncpus, int64_t tick_ns);
void          board_free(struct board *b);
void          board_drop(struct board *b);
int64_t bench_next(struct bench *n);                  /* what happens next */
int64_t bench_settle(struct board *b, int64_t result);/* a primitive has to pay, switch or fault before it answers */
void    cpu_dirty(struct cpu *c);
void    cpu_resched(struct cpu *c);
void    irq_update(struct board *b, int32_t irq);
void    irq_set(struct board *b, int32_t irq, int level);   /* hardware drives a line */

static inline void bench_host_wake(struct bench *n)   /* something the host waits for is there */
{
  n->attn |= BENCH_WAKE;
}

static inline bool on_own_thread(const struct bench *n)
{
  return pthread_equal(pthread_self(), n->thread);
}

/* The task whose code is running on this board, or NULL in the host, in hardware, in a handler and on other threads. */

static inline struct tcb *this_task(struct board *b)
{
  struct cpu *c = b->bench->running;
  return c && c->board == b && c->state != CPU_ISR && on_own_thread(b->bench) ? c->current : NULL;
}

/* clock_systime_ticks(): whole ticks since boot. */

static inline int64_t now_tick(const struct board *b)
{
  return (b->bench->now - b->boot) / b->tick_ns;
}

/* Something was done that takes time: remember it, it is paid when the primitive returns. */

static inline void charge(struct board *b, enum cost what, uint64_t times)
{
  uint64_t ps = b->cost[what] * times;
  struct cpu *c = b->bench->running;
  if (ps == 0 || c == NULL || c->board != b) return;
  if (c->state == CPU_ISR)
    c->isr_owed += (int64_t)ps;
  else
    {
      c->current->owed += (int64_t)ps;
      c->attn |= ATTN_OWED;
    }
}

/* The end of every primitive. */

static inline int64_t answer(struct board *b, int64_t result)
{
  struct bench *n = b->bench;
  struct cpu *c = n->running;
  if (c == NULL || c->state == CPU_ISR) return result;
  if (likely(++n->entries < n->livelock && !(c->attn | n->attn))) return result;
  return bench_settle(b, result);
}

/* A loop inside C asks this between two frames or items. It pays what is owed so far, and says no when something falls
 * due meanwhile, when somebody outranks the caller, or when the host wants attention. */

bool budget_left(struct board *b);

static inline void trace_put(struct board *b, enum trace_kind kind, uint32_t object, int64_t arg)
{
  struct trace *t = &b->trace;
  if (unlikely(!t->on)) return;
  struct cpu *c = b->bench->running;
  struct trace_event *e = &t->ring[t->head++ & t->mask];
  e->time = b->bench->now;
  e->kind = (uint16_t)kind;
  e->task = !c || c->board != b ? 0 : c->state == CPU_ISR ? 0xffff : (uint16_t)c->current->pid;
  e->object = object;
  e->arg = arg;
}

#endif
