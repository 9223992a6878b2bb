/* wire.c - ports and cables: who is connected to whom, when a frame arrives, and what may happen to it on the way. */

#include <stdlib.h>

#include "board.h"
#include "wire.h"

#define RX_LIMIT (64u << 20)      /* bytes that may lie before one port */

/* Ports. */

int port_init(struct bench *n, struct port *p, enum port_kind kind, const struct port_ops *ops, uint32_t mbps)
{
  if (mbps == 0) return -EINVAL;
  *p = (struct port){ .bench = n, .kind = (uint8_t)kind, .ops = ops, .mbps = mbps, .rx = { .limit = RX_LIMIT } };
  int ret = event_init(&n->heap, &p->ev, EV_WIRE, EVC_HARDWARE, p);
  if (ret < 0) return ret;
  p->id = table_add(&n->wire->ports, p);
  if (p->id > 0) return 0;
  event_fini(&n->heap, &p->ev);
  return p->id;
}

void port_fini(struct port *p)
{
  wire_disconnect(p);
  table_remove(&p->bench->wire->ports, p->id);
  event_fini(&p->bench->heap, &p->ev);
  frameq_clear(&p->rx, &p->pool);
  framepool_fini(&p->pool);
  capture_fini(&p->cap);
}

void port_close(struct port *p)
{
  p->ops->fini(p);
}

struct port *port_find(struct bench *n, int32_t id)
{
  return n->wire ? table_get(&n->wire->ports, id) : NULL;
}

int wire_init(struct bench *n)
{
  n->wire = calloc(1, sizeof *n->wire);
  return n->wire ? 0 : -ENOMEM;
}

void wire_fini(struct bench *n)
{
  if (n->wire == NULL) return;
  for (uint32_t id = 1; id < n->wire->ports.n; id++)
    {
      struct port *p = port_find(n, (int32_t)id);
      if (p) port_close(p);
    }
  table_fini(&n->wire->ports);
  free(n->wire);
  n->wire = NULL;
}

/* Cables. */

uint32_t port_link(const struct port *p)
{
  const struct port *peer = p->peer;
  if (peer == NULL || p->down || peer->down) return 0;
  return p->mbps < peer->mbps ? p->mbps : peer->mbps;
}

/* A receiver first takes in what arrived before the change; what is still on the way is cut. */

static void link_changed(struct port *p)
{
  bool linked = port_link(p) != 0;
  if (linked == p->linked) return;
  p->linked = linked;
  if (!linked)
    {
      p->stat[PSTAT_CUT] += p->rx.n;
      frameq_clear(&p->rx, &p->pool);
      p->busy_until = 0;
    }
  if (p->ops->link) p->ops->link(p);
}

static void sweep(struct port *p)
{
  if (p->ops->sweep) p->ops->sweep(p);
}

static void both_changed(struct port *a, struct port *b)
{
  link_changed(a);
  if (b) link_changed(b);
}

void port_set_down(struct port *p, enum port_down why, bool down)
{
  uint8_t before = p->down, now = (uint8_t)(down ? before | why : before & ~why);
  if (now == before) return;
  sweep(p);
  if (p->peer) sweep(p->peer);
  p->down = now;
  both_changed(p, p->peer);
}

int wire_connect(struct port *a, struct port *b, int64_t latency)
{
  if (a == b || a->bench != b->bench || latency < 0) return -EINVAL;
  if (a->peer || b->peer) return -EBUSY;
  a->peer = b;
  b->peer = a;
  a->latency = b->latency = latency;
  both_changed(a, b);
  return 0;
}

void wire_disconnect(struct port *p)
{
  struct port *peer = p->peer;
  if (peer == NULL) return;
  sweep(p);
  sweep(peer);
  p->peer = peer->peer = NULL;
  both_changed(p, peer);
}

void wire_event(struct port *p)
{
  p->ops->event(p);
}

/* Faults. A rate of PPM happens always and needs no choice; otherwise the choices 1..ppm out of a million are a hit, so
 * that a script says "now" with a 1 whatever the rate is.
 */

static bool fault_hit(struct port *p, enum fault_kind kind)
{
  static const uint8_t site[NFAULTS] =
    { SITE_WIRE_DROP, SITE_WIRE_DUP, SITE_WIRE_REORDER, SITE_WIRE_DELAY, SITE_WIRE_CORRUPT };
  struct fault_rate *r = &p->fault[kind];
  if (likely(r->ppm == 0)) return false;
  if (r->ppm < PPM)
    {
      uint32_t v = choose(&p->bench->chooser, site[kind], (uint32_t)p->id, PPM);
      if (v == 0 || v > r->ppm) return false;
    }
  p->stat[PSTAT_FAULTS + kind]++;
  return true;
}

static void corrupt(struct port *p, struct frame *f)
{
  uint32_t bit = choose(&p->bench->chooser, SITE_WIRE_CORRUPT, (uint32_t)p->id, f->len * 8);
  f->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  f->flags |= p->fault[FAULT_CORRUPT].arg ? FRAME_CORRUPT | FRAME_BADFCS : FRAME_CORRUPT;
}

static void meet_faults(struct port *p, struct frame *f)
{
  if (fault_hit(p, FAULT_LOSE)) f->flags |= FRAME_LOST;
  if (fault_hit(p, FAULT_CORRUPT)) corrupt(p, f);
  if (fault_hit(p, FAULT_DELAY))
    {
      int64_t longest = p->fault[FAULT_DELAY].arg;
      uint32_t n = longest < UINT32_MAX ? (uint32_t)longest : UINT32_MAX;
      f->time += 1 + choose(&p->bench->chooser, SITE_WIRE_DELAY, (uint32_t)p->id, n);
      f->flags |= FRAME_DELAYED;
    }
  if (fault_hit(p, FAULT_REORDER))
    {
      f->time += p->fault[FAULT_REORDER].arg;
      f->flags |= FRAME_REORDERED;
    }
}

/* Sending. */

static void lie_before(struct port *to, struct frame *f)
{
  if (frameq_full(&to->rx, f->len))
    {
      to->stat[PSTAT_RXFULL]++;
      frame_free(&to->pool, f);
      return;
    }
  frameq_insert(&to->rx, f);
  if (to->ops->arrived) to->ops->arrived(to, f);
}

static struct frame *duplicate(struct port *p, const struct frame *f)
{
  if (f->flags & FRAME_LOST || !fault_hit(p, FAULT_DUPLICATE)) return NULL;
  struct frame *copy = frame_new(&p->peer->pool, f->len);
  if (copy == NULL) return NULL;
  memcpy(copy->data, f->data, f->len);
  copy->time = f->time;
  copy->flags = f->flags | FRAME_DUP;
  return copy;
}

struct frame *wire_frame(struct port *p, uint32_t len)
{
  struct frame *f = port_link(p) ? frame_new(&p->peer->pool, len < ETH_MINLEN ? ETH_MINLEN : len) : NULL;
  if (f) f->len = len; else p->stat[PSTAT_NOLINK]++;
  return f;
}

/* A NIC pads a short frame; what is shorter than a header is no NIC's doing and goes out as it is. */

static void pad(struct frame *f)
{
  if (f->len >= ETH_MINLEN || f->len < ETH_HDRLEN || f->flags & FRAME_RAW) return;
  memset(f->data + f->len, 0, ETH_MINLEN - f->len);
  f->len = ETH_MINLEN;
}

int64_t wire_carry(struct port *p, struct frame *f, int64_t start, uint8_t flags)
{
  if (start < p->busy_until) start = p->busy_until;
  if (p->backlog && start - p->bench->now > p->backlog)
    {
      p->stat[PSTAT_TXFULL]++;
      frame_free(&p->peer->pool, f);
      return start;
    }
  f->flags = flags;
  pad(f);
  uint64_t bits = (f->len + ETH_OVERHEAD) * 8ull, mbps = port_link(p);
  p->busy_until = start + (p->instant ? 0 : (int64_t)((bits * 1000 + mbps - 1) / mbps));
  f->time = p->busy_until + p->latency;
  p->stat[PSTAT_TX_FRAMES]++;
  p->stat[PSTAT_TX_BYTES] += f->len;

  int64_t end = p->busy_until;
  meet_faults(p, f);
  struct frame *twin = duplicate(p, f);
  capture_put(&p->cap, (uint32_t)p->id, true, start, f->data, f->len, twin ? twin->flags : f->flags);
  if (f->flags & FRAME_LOST)
    frame_free(&p->peer->pool, f);
  else
    lie_before(p->peer, f);
  if (twin) lie_before(p->peer, twin);
  return end;
}

int64_t wire_send(struct port *p, const uint8_t *data, uint32_t len, int64_t start, uint8_t flags)
{
  if (len == 0 || len > WIRE_MAXLEN) return -EINVAL;
  struct frame *f = wire_frame(p, len);
  if (f == NULL) return start;
  memcpy(f->data, data, len);
  return wire_carry(p, f, start, flags);
}

struct frame *wire_receive(struct port *p)
{
  if (p->rx.head == NULL || p->rx.head->time > p->bench->now) return NULL;
  struct frame *f = frameq_take(&p->rx);
  p->stat[PSTAT_RX_FRAMES]++;
  p->stat[PSTAT_RX_BYTES] += f->len;
  capture_put(&p->cap, (uint32_t)p->id, false, f->time, f->data, f->len, f->flags);
  return f;
}
