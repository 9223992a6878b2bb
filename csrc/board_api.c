/* board_api.c - what Python sees of benches and boards as a whole: time, state, costs, choices, trace, views. */

#include "board.h"
#include "clock.h"

int64_t bench_now(const struct bench *n)
{
  return n->now;
}

int32_t bench_value(const struct bench *n)
{
  return n->value;
}

int64_t bench_progress(const struct bench *n)
{
  return (int64_t)(n->progress + n->entries);
}

void bench_attend(struct bench *n, int32_t what)
{
  n->attn |= (uint32_t)what;
}

void bench_set_one_frame(struct bench *n, int32_t on)
{
  n->one_frame = on;
}

uint32_t bench_choose(struct bench *n, uint32_t site, uint32_t name, uint32_t range)
{
  return site < NSITES ? choose(&n->chooser, site, name, range) : 0;
}

int32_t bench_chooser_set(struct bench *n, uint32_t site, uint32_t mode, const uint32_t *script, uint32_t nscript)
{
  return chooser_set(&n->chooser, site, mode, script, nscript);
}

void bench_chooser_ask(struct bench *n, uint32_t (*ask)(void *bench, uint32_t site, uint32_t name, uint32_t range))
{
  n->chooser.ask = ask;
}

int32_t board_id(const struct board *b)
{
  return (int32_t)b->id;
}

int32_t board_cost(struct board *b, int32_t what, int64_t ps)
{
  if (what < 0 || what >= NCOSTS || ps < 0) return -EINVAL;
  b->cost[what] = (uint64_t)ps;
  return 0;
}

void board_options(struct board *b, int32_t inherit, uint32_t irq_jitter)
{
  b->inherit = inherit;
  b->irq_jitter = irq_jitter;
}

/* No code of it runs any more; its hardware goes on. */

void board_halt(struct board *b)
{
  b->halted = true;
  if (b->bench->running && b->bench->running->board == b) b->bench->running = NULL;
  for (uint32_t i = 0; i < b->ncpus; i++)
    {
      event_cancel(&b->bench->heap, &b->cpu[i].free);
      b->cpu[i].state = CPU_FREE;
    }
  event_cancel(&b->bench->heap, &b->timer);
  b->bench->wdogs_live -= b->wdogs.live;
  for (int32_t i = 0; i < b->wdogs.n; i++) b->wdogs.slot[i]->pos = -1;
  b->wdogs.live = b->wdogs.n = 0;
}

/* -1: the host or hardware; 0: idle; a pid; or -2 in a handler. */

int32_t board_current(const struct board *b)
{
  const struct cpu *c = b->bench->running;
  if (c == NULL || c->board != b) return -1;
  return c->state == CPU_ISR ? -2 : c->current->pid;
}

int32_t board_current_cpu(const struct board *b)
{
  const struct cpu *c = b->bench->running;
  return c && c->board == b ? c->id : 0;
}

int64_t board_ticks(const struct board *b)
{
  return now_tick(b);
}

int64_t board_uptime(const struct board *b)
{
  return b->bench->now - b->boot;
}

/* Trace: events since number `from`, as 24-byte records; returns how many were copied. */

uint64_t trace_head(const struct board *b)
{
  return b->trace.head;
}

uint32_t trace_read(const struct board *b, uint64_t from, uint8_t *out, uint32_t max)
{
  const struct trace *t = &b->trace;
  if (t->ring == NULL) return 0;
  uint64_t size = (uint64_t)t->mask + 1;
  if (t->head > size && from < t->head - size) from = t->head - size;
  uint32_t k = 0;
  for (; from < t->head && k < max; from++, k++)
    memcpy(out + k * sizeof *t->ring, &t->ring[from & t->mask], sizeof *t->ring);
  return k;
}
