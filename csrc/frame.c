/* frame.c - buffers for frames outside the boards, and queues sorted by arrival time. */

#include <stdlib.h>

#include "wire.h"

#define CHUNK_SIZE 32u

struct chunk
{
  struct chunk *next;
};

static size_t frame_size(void)
{
  return (sizeof(struct frame) + FRAME_CAP + 15) & ~(size_t)15;
}

static bool pool_grow(struct framepool *pool)
{
  size_t size = frame_size(), head = (sizeof(struct chunk) + 15) & ~(size_t)15;
  struct chunk *c = malloc(head + CHUNK_SIZE * size);
  if (c == NULL) return false;
  c->next = pool->chunks;
  pool->chunks = c;
  for (uint32_t i = 0; i < CHUNK_SIZE; i++)
    {
      struct frame *f = (struct frame *)(void *)((char *)c + head + i * size);
      f->cap = FRAME_CAP;
      f->next = pool->free;
      pool->free = f;
    }
  return true;
}

struct frame *frame_new(struct framepool *pool, uint32_t len)
{
  struct frame *f;
  if (len > FRAME_CAP)
    {
      f = malloc(sizeof *f + len);
      if (f == NULL) return NULL;
      f->cap = len;
    }
  else
    {
      if (pool->free == NULL && !pool_grow(pool)) return NULL;
      f = pool->free;
      pool->free = f->next;
    }
  f->next = f->prev = NULL;
  f->len = len;
  f->flags = 0;
  return f;
}

void frame_free(struct framepool *pool, struct frame *f)
{
  if (f->cap > FRAME_CAP)
    {
      free(f);
      return;
    }
  f->next = pool->free;
  pool->free = f;
}

void framepool_fini(struct framepool *pool)
{
  for (struct chunk *c = pool->chunks, *next; c; c = next)
    {
      next = c->next;
      free(c);
    }
  *pool = (struct framepool){ 0 };
}

/* Frames nearly always arrive in the order they were sent, so the search starts at the tail. */

void frameq_insert(struct frameq *q, struct frame *f)
{
  struct frame *before = q->tail;
  while (before && before->time > f->time) before = before->prev;
  f->prev = before;
  f->next = before ? before->next : q->head;
  if (f->next) f->next->prev = f; else q->tail = f;
  if (before) before->next = f; else q->head = f;
  q->n++;
  q->bytes += f->len;
}

struct frame *frameq_take(struct frameq *q)
{
  struct frame *f = q->head;
  if (f == NULL) return NULL;
  q->head = f->next;
  if (q->head) q->head->prev = NULL; else q->tail = NULL;
  f->next = NULL;
  q->n--;
  q->bytes -= f->len;
  return f;
}

void frameq_clear(struct frameq *q, struct framepool *pool)
{
  for (struct frame *f; (f = frameq_take(q)) != NULL;) frame_free(pool, f);
}
