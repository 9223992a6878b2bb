/* hostend.c - the host end of a wire, see hostend.h. */

#include <stdlib.h>

#include "board.h"
#include "hostend.h"

/* Readers. */

static void give(struct hostend *h, struct reader *r, struct frame *f)
{
  if (frameq_full(&r->q, f->len))
    {
      r->drops++;
      frame_free(&h->port.pool, f);
      return;
    }
  frameq_insert(&r->q, f);
  if (r->waiting) bench_host_wake(h->port.bench);
}

static struct frame *copy_of(struct hostend *h, const struct frame *f)
{
  struct frame *copy = frame_new(&h->port.pool, f->len);
  if (copy == NULL) return NULL;
  memcpy(copy->data, f->data, f->len);
  copy->time = f->time;
  copy->flags = f->flags;
  return copy;
}

/* The first reader gets the frame itself, the others a copy. */

static void give_all(struct hostend *h, struct frame *f)
{
  struct reader *first = NULL;
  for (struct reader *r = h->reader; r < h->reader + h->nreaders; r++)
    {
      if (!r->open || (f->flags & FRAME_OUT && !r->outgoing)) continue;
      if (first == NULL)
        {
          first = r;
          continue;
        }
      struct frame *copy = copy_of(h, f);
      if (copy) give(h, r, copy); else r->drops++;
    }
  if (first) give(h, first, f); else frame_free(&h->port.pool, f);
}

static bool wanted(const struct hostend *h, const struct frame *f)
{
  return h->nwaiting > 0 || hostend_asked(h, f);
}

/* The next moment something has to happen: an arrival that somebody waits for or that has to be answered. */

static void arm(struct hostend *h)
{
  struct port *p = &h->port;
  for (struct frame *f = p->rx.head; f; f = f->next)
    if (wanted(h, f))
      {
        event_at(&p->bench->heap, &p->ev, f->time);
        return;
      }
  event_cancel(&p->bench->heap, &p->ev);
}

void hostend_sweep(struct hostend *h)
{
  struct port *p = &h->port;
  for (struct frame *f; (f = wire_receive(p)) != NULL;)
    {
      struct frame *asked = hostend_asked(h, f) ? copy_of(h, f) : NULL;
      give_all(h, f);
      if (asked == NULL) continue;
      hostend_reply(h, asked);
      frame_free(&p->pool, asked);
    }
}

static void host_sweep(struct port *p)
{
  hostend_sweep(container_of(p, struct hostend, port));
}

static void host_event(struct port *p)
{
  struct hostend *h = container_of(p, struct hostend, port);
  hostend_sweep(h);
  arm(h);
}

static void host_arrived(struct port *p, struct frame *f)
{
  struct hostend *h = container_of(p, struct hostend, port);
  if (p->ev.pos >= 0 && p->ev.time <= f->time) return;
  if (wanted(h, f)) event_at(&p->bench->heap, &p->ev, f->time);
}

static void host_fini(struct port *p)
{
  struct hostend *h = container_of(p, struct hostend, port);
  while (h->nreaders > 0) hostend_close(h, h->nreaders - 1);
  port_fini(p);
  free(h);
}

static const struct port_ops host_ops =
  { .arrived = host_arrived, .event = host_event, .sweep = host_sweep, .fini = host_fini };

int32_t hostend_new(struct bench *n, const uint8_t *mac, uint32_t ip, uint32_t mbps)
{
  struct hostend *h = calloc(1, sizeof *h);
  if (h == NULL) return -ENOMEM;
  int ret = port_init(n, &h->port, PORT_HOST, &host_ops, mbps);
  if (ret < 0)
    {
      free(h);
      return ret;
    }
  memcpy(h->mac, mac, 6);
  h->ip = ip;
  h->answers = HOSTEND_ARP;
  return h->port.id;
}

struct hostend *hostend_of(struct port *p)
{
  return p && p->ops == &host_ops ? container_of(p, struct hostend, port) : NULL;
}

void hostend_answer(struct hostend *h, uint32_t answers)
{
  hostend_sweep(h);
  h->answers = answers;
  arm(h);
}

void hostend_ipv6(struct hostend *h, struct ipaddr ip6)
{
  hostend_sweep(h);
  h->ip6 = ip6;
  arm(h);
}

int hostend_open(struct hostend *h, bool outgoing, uint64_t limit)
{
  hostend_sweep(h);               /* what came before belongs to those who were there */
  for (int i = 0; i < HOSTEND_READERS; i++)
    if (!h->reader[i].open)
      {
        h->reader[i] = (struct reader){ .open = true, .outgoing = outgoing, .q = { .limit = limit } };
        h->noutgoing += outgoing;
        if (i >= h->nreaders) h->nreaders = i + 1;
        return i;
      }
  return -EMFILE;
}

struct reader *hostend_reader(struct hostend *h, int i)
{
  return i >= 0 && i < h->nreaders && h->reader[i].open ? &h->reader[i] : NULL;
}

bool hostend_wait(struct hostend *h, int reader, bool waiting)
{
  struct reader *r = hostend_reader(h, reader);
  if (r == NULL) return false;
  hostend_sweep(h);
  bool there = r->q.head != NULL;
  if (r->waiting == waiting) return there;
  r->waiting = waiting;
  h->nwaiting += waiting ? 1 : -1;
  if (waiting && there) bench_host_wake(h->port.bench);
  arm(h);
  return there;
}

void hostend_close(struct hostend *h, int reader)
{
  struct reader *r = hostend_reader(h, reader);
  if (r == NULL) return;
  hostend_wait(h, reader, false);
  frameq_clear(&r->q, &h->port.pool);
  h->noutgoing -= r->outgoing;
  r->open = false;
  while (h->nreaders > 0 && !h->reader[h->nreaders - 1].open) h->nreaders--;
}

int64_t hostend_send(struct hostend *h, const uint8_t *data, uint32_t len, bool raw)
{
  struct port *p = &h->port;
  int64_t sent = wire_send(p, data, len, p->bench->now, raw ? FRAME_RAW : 0);
  if (sent < 0 || h->noutgoing == 0) return sent;
  struct frame *copy = frame_new(&p->pool, len);
  if (copy == NULL) return sent;
  memcpy(copy->data, data, len);
  copy->time = p->bench->now;
  copy->flags = FRAME_OUT;
  give_all(h, copy);
  return sent;
}
