/* capture.c - what passed a port, kept in host memory until somebody takes it away. */

#include <stdlib.h>

#include "wire.h"

#define ARENA_FIRST 65536u

static bool arena_room(struct capture *c, size_t need)
{
  if (c->cap - c->used >= need) return true;
  if (c->limit - c->used < need) return false;
  size_t cap = c->cap ? c->cap : ARENA_FIRST;
  while (cap - c->used < need) cap *= 2;
  if (cap > c->limit) cap = c->limit;
  uint8_t *bytes = realloc(c->bytes, cap);
  if (bytes == NULL) return false;
  c->bytes = bytes;
  c->cap = cap;
  return true;
}

void capture_put(struct capture *c, uint32_t port, bool out, int64_t time, const uint8_t *data, uint32_t len,
                 uint8_t flags)
{
  if (!c->on) return;
  uint32_t caplen = len < c->snaplen ? len : c->snaplen;
  struct capture_record r = { .time = time, .caplen = caplen, .len = len, .port = port, .out = out, .flags = flags };
  if (!arena_room(c, sizeof r + caplen))
    {
      c->drops++;
      return;
    }
  memcpy(c->bytes + c->used, &r, sizeof r);
  memcpy(c->bytes + c->used + sizeof r, data, caplen);
  c->used += sizeof r + caplen;
}

size_t capture_take(struct capture *c, uint8_t *out, size_t room)
{
  size_t n = 0;
  while (n < c->used)
    {
      struct capture_record r;
      memcpy(&r, c->bytes + n, sizeof r);
      if (n + sizeof r + r.caplen > room) break;
      n += sizeof r + r.caplen;
    }
  if (n == 0) return 0;
  memcpy(out, c->bytes, n);
  memmove(c->bytes, c->bytes + n, c->used - n);
  c->used -= n;
  return n;
}

int capture_start(struct capture *c, int64_t limit, uint32_t snaplen)
{
  if (limit < (int64_t)sizeof(struct capture_record) || snaplen == 0) return -EINVAL;
  c->limit = (size_t)limit > c->used ? (size_t)limit : c->used;
  c->snaplen = snaplen;
  c->on = true;
  return 0;
}

void capture_fini(struct capture *c)
{
  free(c->bytes);
  *c = (struct capture){ 0 };
}
