/* board.c - making and unmaking benches and boards. All memory of a board is taken here, at boot. */

#include <stdlib.h>

#include "board.h"
#include "clock.h"
#include "cpuload.h"
#include "live.h"
#include "net.h"
#include "notifier.h"
#include "wire.h"

struct bench *bench_new(uint64_t seed, uint64_t livelock)
{
  struct bench *n = calloc(1, sizeof *n);
  if (n == NULL) return NULL;
  n->now = NSEC_PER_SEC;      /* above zero: a time of 0 means "none" to the tools that read our captures */
  n->livelock = livelock;
  n->thread = pthread_self();
  n->chooser.seed = seed;
  n->chooser.bench = n;
  if (event_init(&n->heap, &n->deadline, EV_HOST, EVC_HOST, n) < 0 || wire_init(n) < 0)
    {
      free(n);
      return NULL;
    }
  n->deadline.housekeeping = true;
  return n;
}

/* What is freed stays as an empty shell, in which every number is unknown, until Python drops its last reference: an
 * object that outlives its board gets an error and no memory of somebody else. */

void bench_free(struct bench *n)
{
  wire_fini(n);
  live_free(n);
  for (uint32_t i = 1; i < n->pyevents.n; i++) free(n->pyevents.slot[i]);
  table_fini(&n->pyevents);
  table_fini(&n->boards);
  table_fini(&n->slots);
  chooser_fini(&n->chooser);
  free(n->heap.slot);
  *n = (struct bench){ .now = n->now };
}

void bench_drop(struct bench *n)
{
  free(n);
}

static struct tcb *tcb_new(struct board *b)
{
  struct tcb *t = b->tcb_free;
  if (t)
    {
      b->tcb_free = t->rnext;
      struct wdog timeout = t->timeout;
      *t = (struct tcb){ .timeout = timeout };
    }
  else
    {
      t = calloc(1, sizeof *t);
      if (t == NULL) return NULL;
      if (wd_init(b, &t->timeout) < 0)
        {
          free(t);
          return NULL;
        }
    }
  t->board = b;
  t->affinity = (1u << b->ncpus) - 1;
  return t;
}

static int cpu_init(struct board *b, int32_t id)
{
  struct cpu *c = &b->cpu[id];
  *c = (struct cpu){ .board = b, .id = id, .irq = -1 };
  c->idle = tcb_new(b);
  if (c->idle == NULL) return -ENOMEM;
  c->idle->cpu = c;
  c->idle->pid = id;                        /* one idle task a CPU: they have the first pids */
  c->idle->state = TSTATE_RUNNING;
  c->idle->ran_since = b->bench->now;
  c->idle->load_halves = cpuload_first(b);
  c->current = c->idle;
  return event_init(&b->bench->heap, &c->free, EV_CPU, EVC_CPU, c);
}

static int64_t timer_isr(struct board *b, int32_t irq, void *arg)
{
  (void)irq;
  (void)arg;
  return wd_expire(b);
}

/* Power on, or the reset button: the kernel's state is made anew, hardware keeps its pointer to the board. */

static int board_init(struct board *b, struct bench *n, int32_t ncpus, int64_t tick_ns)
{
  struct trace trace = b->trace;
  uint32_t id = b->id;
  *b = (struct board){ .bench = n, .id = id, .trace = trace, .ncpus = (uint32_t)ncpus, .tick_ns = tick_ns };
  b->boot = n->now;
  b->load_half = NSEC_PER_SEC;
  b->fifo = true;
  b->tcbs_cap = 64;
  b->lastpid = ncpus - 1;
  b->tcbs = calloc(b->tcbs_cap, sizeof *b->tcbs);
  bool ok = b->tcbs != NULL;
  for (int32_t i = 0; i < ncpus && ok; i++) ok = cpu_init(b, i) == 0;
  for (int32_t i = 0; i < NIRQS && ok; i++)
    {
      b->irq[i].prio = 128;
      b->irq[i].asked = n->now;
      ok = event_init(&n->heap, &b->irq[i].late, EV_IRQ, EVC_HARDWARE, b) == 0;
    }
  if (!ok || event_init(&n->heap, &b->timer, EV_TIMER, EVC_HARDWARE, b) < 0) return -ENOMEM;
  b->timer.housekeeping = true;             /* what counts is whether a watchdog behind it does */
  b->timer_irq = 0;
  b->irq[0].handler = 2;
  b->irq[0].native = timer_isr;
  b->irq[0].enabled = 1;
  b->irq[0].prio = 0;
  trace_put(b, TR_BOOT, b->id, ncpus);
  return 0;
}

struct board *board_new(struct bench *n, int32_t ncpus, int64_t tick_ns, uint32_t trace_size)
{
  if (ncpus < 1 || ncpus > NCPUS_MAX || tick_ns < 1) return NULL;
  struct board *b = calloc(1, sizeof *b);
  if (b == NULL) return NULL;
  int32_t id = table_add(&n->boards, b);
  b->id = (uint32_t)id;
  b->bench = n;
  bool ok = id > 0 && id < NBOARDS_MAX && trace_init(&b->trace, trace_size) == 0;
  if (ok && board_init(b, n, ncpus, tick_ns) == 0) return b;
  board_free(b);
  board_drop(b);
  return NULL;
}

static void drop_dirty(struct board *b)
{
  struct bench *n = b->bench;
  struct cpu *list = n->dirty_head, *next;
  n->dirty_head = n->dirty_tail = NULL;
  for (; list; list = next)
    {
      next = list->dirty_next;
      list->dirty = false;
      if (list->board != b) cpu_dirty(list);
    }
}

static void tcb_list_free(struct tcb *t)
{
  for (struct tcb *next; t; t = next)
    {
      next = t->rnext;
      free(t);
    }
}

static void sems_free(struct board *b)
{
  for (uint32_t i = 1; i < b->sems.n; i++)
    {
      struct sem *s = b->sems.slot[i];
      if (s == NULL || !s->owned) continue;
      b->sems.slot[i] = NULL;
      free(s);
    }
}

static void board_fini(struct board *b)
{
  struct bench *n = b->bench;
  if (n->running && n->running->board == b) n->running = NULL;
  drop_dirty(b);
  sems_free(b);                             /* first: the table also names semaphores inside what goes next */
  net_fini(b);
  notifier_fini(b);
  iob_uninitialize(b);
  for (uint32_t i = 1; i < b->works.n; i++) free(b->works.slot[i]);
  for (uint32_t i = 1; i < b->wqs.n; i++) kwork_queue_free(b->wqs.slot[i]);
  for (uint32_t i = 1; i < b->pywdogs.n; i++) free(b->pywdogs.slot[i]);
  for (uint32_t i = 1; i < b->mutexes.n; i++) free(b->mutexes.slot[i]);
  table_fini(&b->works);
  table_fini(&b->wqs);
  table_fini(&b->pywdogs);
  table_fini(&b->mutexes);
  table_fini(&b->sems);
  for (uint32_t i = 0; i < NIRQS; i++) event_fini(&n->heap, &b->irq[i].late);
  for (uint32_t i = 0; i < b->ncpus; i++)
    {
      event_fini(&n->heap, &b->cpu[i].free);
      free(b->cpu[i].idle);
    }
  event_fini(&n->heap, &b->timer);
  for (uint32_t i = 0; b->tcbs && i < b->tcbs_cap; i++)
    if (b->tcbs[i])
      {
        table_remove(&n->slots, (int32_t)b->tcbs[i]->slot);
        free(b->tcbs[i]);
      }
  tcb_list_free(b->tcb_free);
  tcb_list_free(b->zombies);
  n->wdogs_live -= b->wdogs.live;
  free(b->tcbs);
  free(b->wdogs.slot);
}

int32_t board_reset(struct board *b, int32_t ncpus, int64_t tick_ns)
{
  struct bench *n = b->bench;
  board_fini(b);
  return board_init(b, n, ncpus, tick_ns);
}

void board_free(struct board *b)
{
  struct bench *n = b->bench;
  board_fini(b);
  trace_fini(&b->trace);
  table_remove(&n->boards, (int32_t)b->id);
  *b = (struct board){ .bench = n, .halted = true, .tick_ns = b->tick_ns };
}

void board_drop(struct board *b)
{
  free(b);
}

/* Tasks. Process ids count up, as NuttX's do; the table doubles when it is half full. */

static int tcbs_grow(struct board *b)
{
  uint32_t cap = 2 * b->tcbs_cap;
  struct tcb **tcbs = calloc(cap, sizeof *tcbs);
  if (tcbs == NULL) return -ENOMEM;
  for (uint32_t i = 0; i < b->tcbs_cap; i++)
    if (b->tcbs[i]) tcbs[(uint32_t)b->tcbs[i]->pid & (cap - 1)] = b->tcbs[i];
  free(b->tcbs);
  b->tcbs = tcbs;
  b->tcbs_cap = cap;
  return 0;
}

int32_t task_create(struct board *b, int32_t prio, uint32_t affinity, uint32_t flags)
{
  if (prio < 1 || prio > 255) return -EINVAL;
  if (b->ntasks == INT16_MAX) return -EAGAIN;      /* every process id is taken */
  if (2 * b->ntasks >= b->tcbs_cap && tcbs_grow(b) < 0) return -ENOMEM;
  struct tcb *t = tcb_new(b);
  if (t == NULL) return -ENOMEM;
  int32_t slot = table_add(&b->bench->slots, t);
  if (slot < 0)
    {
      t->rnext = b->tcb_free;
      b->tcb_free = t;
      return -ENOMEM;
    }
  do
    b->lastpid = b->lastpid == INT16_MAX ? (int32_t)b->ncpus : b->lastpid + 1;
  while (b->tcbs[(uint32_t)b->lastpid & (b->tcbs_cap - 1)]);
  t->pid = b->lastpid;
  t->slot = (uint32_t)slot;
  t->prio = t->base_prio = (uint8_t)prio;
  t->load_halves = cpuload_first(b);
  t->flags = (uint8_t)flags;
  if (affinity) t->affinity &= affinity;
  b->tcbs[(uint32_t)t->pid & (b->tcbs_cap - 1)] = t;
  b->ntasks++;
  trace_put(b, TR_TASK_START, (uint32_t)t->pid, prio);
  return t->pid;
}

/* The caller is gone. If it dies holding a mutex its control block stays, so that the report can name the holder. */

int64_t task_exit(struct board *b)
{
  struct tcb *t = this_task(b);
  if (t == NULL) return -EPERM;
  trace_put(b, TR_TASK_EXIT, (uint32_t)t->pid, 0);
  cpuload_count(t);
  t->ran_since = 0;
  t->state = TSTATE_INACTIVE;
  t->cpu->attn |= ATTN_BLOCKED;
  wd_cancel(b, &t->timeout);
  b->tcbs[(uint32_t)t->pid & (b->tcbs_cap - 1)] = NULL;
  b->ntasks--;
  table_remove(&b->bench->slots, (int32_t)t->slot);
  struct cpu *c = t->cpu;
  c->idle->owed += t->owed;                /* the CPU was busy with it all the same */
  c->current = c->idle;
  c->idle->ran_since = b->bench->now;
  c->attn |= ATTN_RESCHED;
  b->bench->owner = UINT32_MAX;            /* whoever runs next is another greenlet */
  struct tcb **list = t->held ? &b->zombies : &b->tcb_free;
  t->rnext = *list;
  *list = t;
  cpu_dirty(c);
  return bench_next(b->bench);
}
