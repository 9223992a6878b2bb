/* hostend.c - the host end of a wire, see hostend.h. */

#include <stdlib.h>

#include "board.h"
#include "hostend.h"

#define ETHERTYPE_IP  0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ARP_LEN       28u
#define IP_HDRLEN     20u
#define ICMP_HDRLEN   8u
#define IP_OFFSET     0x1fffu

static uint32_t get16(const uint8_t *p)
{
  return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
  return get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
  put16(p, v >> 16);
  put16(p + 2, v & 0xffff);
}

/* What it answers itself (RFC 826, RFC 792). */

static bool asks_for_us(const struct hostend *h, const struct frame *f)
{
  const uint8_t *a = f->data + ETH_HDRLEN;
  if (!(h->answers & HOSTEND_ARP) || f->len < ETH_HDRLEN + ARP_LEN) return false;
  return get16(f->data + 12) == ETHERTYPE_ARP && get16(a) == 1 && get16(a + 2) == ETHERTYPE_IP && a[4] == 6 && a[5] == 4
         && get16(a + 6) == 1 && get32(a + 24) == h->ip;
}

static bool pings_us(const struct hostend *h, const struct frame *f)
{
  const uint8_t *ip = f->data + ETH_HDRLEN;
  if (!(h->answers & HOSTEND_ECHO) || f->len < ETH_HDRLEN + IP_HDRLEN + ICMP_HDRLEN) return false;
  if (memcmp(f->data, h->mac, 6) != 0 || get16(f->data + 12) != ETHERTYPE_IP || ip[0] != 0x45) return false;
  uint32_t total = get16(ip + 2);
  if (total <= IP_HDRLEN || total > f->len - ETH_HDRLEN || ip[9] != 1 || get32(ip + 16) != h->ip) return false;
  if (get16(ip + 6) & IP_OFFSET) return get32(ip + 12) == h->pinger && get16(ip + 4) == h->ping_id;
  return total >= IP_HDRLEN + ICMP_HDRLEN && ip[IP_HDRLEN] == 8;
}

static void send_own(struct hostend *h, const uint8_t *data, uint32_t len)
{
  h->answered++;
  hostend_send(h, data, len, false);
}

static void answer_arp(struct hostend *h, const struct frame *f)
{
  uint8_t r[ETH_HDRLEN + ARP_LEN], *a = r + ETH_HDRLEN;
  memcpy(r, f->data, sizeof r);
  memcpy(r, f->data + 6, 6);
  memcpy(r + 6, h->mac, 6);
  put16(a + 6, 2);
  memcpy(a + 18, f->data + ETH_HDRLEN + 8, 10);
  memcpy(a + 8, h->mac, 6);
  put32(a + 14, h->ip);
  send_own(h, r, sizeof r);
}

/* An echo reply is the request with both pairs of addresses swapped and type 0, which the checksum has to follow. A
 * fragment is answered by a fragment, those behind the first if they are of the ping whose first one came last.
 */

static void answer_ping(struct hostend *h, struct frame *f)
{
  uint8_t *ip = f->data + ETH_HDRLEN, *icmp = ip + IP_HDRLEN;
  memcpy(f->data, f->data + 6, 6);
  memcpy(f->data + 6, h->mac, 6);
  uint32_t from = get32(ip + 12);
  put32(ip + 12, h->ip);
  put32(ip + 16, from);
  if ((get16(ip + 6) & IP_OFFSET) == 0)
    {
      h->pinger = from;
      h->ping_id = get16(ip + 4);
      icmp[0] = 0;
      uint32_t sum = get16(icmp + 2) + 0x0800;
      put16(icmp + 2, (sum & 0xffff) + (sum >> 16));
    }
  send_own(h, f->data, f->len);
}

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
  return h->nwaiting > 0 || asks_for_us(h, f) || pings_us(h, f);
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
      bool ping = pings_us(h, f);
      if (asks_for_us(h, f)) answer_arp(h, f);
      struct frame *reply = ping ? copy_of(h, f) : NULL;
      if (reply)
        {
          answer_ping(h, reply);
          frame_free(&p->pool, reply);
        }
      give_all(h, f);
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
