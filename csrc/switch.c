/* switch.c - a learning Ethernet switch, store and forward: each port sends at its own rate from a bounded backlog. */

#include <stdlib.h>

#include "board.h"
#include "wire.h"

#define FDB_SIZE   1024u                       /* forwarding table, a power of two */
#define FDB_PROBES 8u
#define FDB_AGE    (300 * NSEC_PER_SEC)
#define BACKLOG    (50 * 1000 * NSEC_PER_USEC) /* how far ahead of now a port may be busy: its transmit buffer */

struct fdb_entry
{
  uint64_t     mac;               /* 0: unused */
  struct port *port;
  int64_t      seen;              /* ns */
};

struct sw
{
  struct port      port;          /* its name; no cable goes in here */
  struct sw_port  *ports;
  struct fdb_entry fdb[FDB_SIZE];
};

struct sw_port
{
  struct port     port;
  struct sw      *sw;
  struct sw_port *next;
};

static uint64_t mac_number(const uint8_t *a)
{
  uint64_t v = 0;
  for (int i = 0; i < 6; i++) v = v << 8 | a[i];
  return v;
}

/* The entry of an address, or the one to replace: an unused one, else the one not heard of for longest. */

static struct fdb_entry *fdb_slot(struct sw *sw, uint64_t mac)
{
  struct fdb_entry *oldest = NULL;
  uint64_t hash = mix64(mac);
  for (uint32_t i = 0; i < FDB_PROBES; i++)
    {
      struct fdb_entry *e = &sw->fdb[(hash + i) & (FDB_SIZE - 1)];
      if (e->mac == mac || e->mac == 0) return e;
      if (oldest == NULL || e->seen < oldest->seen) oldest = e;
    }
  return oldest;
}

static void learn(struct sw_port *from, uint64_t mac)
{
  struct fdb_entry *e = fdb_slot(from->sw, mac);
  *e = (struct fdb_entry){ .mac = mac, .port = &from->port, .seen = from->port.bench->now };
}

static struct port *lookup(struct sw *sw, uint64_t mac)
{
  struct fdb_entry *e = fdb_slot(sw, mac);
  return e->mac == mac && sw->port.bench->now - e->seen <= FDB_AGE ? e->port : NULL;
}

static void forget(struct sw *sw, const struct port *p)
{
  for (uint32_t i = 0; i < FDB_SIZE; i++)
    if (sw->fdb[i].port == p) sw->fdb[i].seen = -FDB_AGE;
}

static void send_on(struct port *to, const struct frame *f)
{
  wire_send(to, f->data, f->len, to->bench->now, FRAME_RAW);
}

static void forward(struct sw_port *from, const struct frame *f)
{
  if (f->len < ETH_HDRLEN || f->flags & FRAME_BADFCS) return;
  bool group = f->data[0] & 1;
  if (!(f->data[6] & 1)) learn(from, mac_number(f->data + 6));
  struct port *to = group ? NULL : lookup(from->sw, mac_number(f->data));
  if (to)
    {
      if (to != &from->port) send_on(to, f);
      return;
    }
  for (struct sw_port *p = from->sw->ports; p; p = p->next)
    if (p != from && port_link(&p->port)) send_on(&p->port, f);
}

static void sw_event(struct port *p)
{
  for (struct frame *f; (f = wire_receive(p)) != NULL; frame_free(&p->pool, f))
    forward(container_of(p, struct sw_port, port), f);
  if (p->rx.head) event_at(&p->bench->heap, &p->ev, p->rx.head->time);
}

static void sw_arrived(struct port *p, struct frame *f)
{
  if (p->rx.head == f) event_at(&p->bench->heap, &p->ev, f->time);
}

static void sw_link(struct port *p)
{
  if (!p->linked) forget(container_of(p, struct sw_port, port)->sw, p);
}

static void sw_port_fini(struct port *p)
{
  struct sw_port *sp = container_of(p, struct sw_port, port);
  port_fini(p);
  forget(sp->sw, p);
  for (struct sw_port **at = &sp->sw->ports; *at; at = &(*at)->next)
    if (*at == sp)
      {
        *at = sp->next;
        break;
      }
  free(sp);
}

static void sw_fini(struct port *p)
{
  struct sw *sw = container_of(p, struct sw, port);
  while (sw->ports) port_close(&sw->ports->port);
  port_fini(p);
  free(sw);
}

static const struct port_ops sw_ops = { .fini = sw_fini };

static const struct port_ops sw_port_ops =
  { .arrived = sw_arrived, .event = sw_event, .link = sw_link, .fini = sw_port_fini };

int32_t switch_new(struct bench *n)
{
  struct sw *sw = calloc(1, sizeof *sw);
  if (sw == NULL) return -ENOMEM;
  int ret = port_init(n, &sw->port, PORT_SWITCH, &sw_ops, 1);
  if (ret < 0)
    {
      free(sw);
      return ret;
    }
  sw->port.down = DOWN_BY_BENCH;
  return sw->port.id;
}

int32_t switch_port(struct port *name, uint32_t mbps)
{
  if (name->ops != &sw_ops) return -EINVAL;
  struct sw *sw = container_of(name, struct sw, port);
  struct sw_port *sp = calloc(1, sizeof *sp);
  if (sp == NULL) return -ENOMEM;
  int ret = port_init(name->bench, &sp->port, PORT_SWITCH, &sw_port_ops, mbps);
  if (ret < 0)
    {
      free(sp);
      return ret;
    }
  sp->sw = sw;
  sp->port.backlog = BACKLOG;
  struct sw_port **tail = &sw->ports;
  while (*tail) tail = &(*tail)->next;
  *tail = sp;
  return sp->port.id;
}
