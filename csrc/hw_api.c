/* hw_api.c - what Python sees of wires, host ends, TAPs and MACs. Everything is named by its port's number. */

#include "board.h"
#include "hostend.h"
#include "mac.h"
#include "tap.h"
#include "wire.h"

/* Ports and cables. */

static int fill(int64_t *out, int32_t n, const uint64_t *from, int32_t have)
{
  if (n < have) return -EINVAL;
  for (int32_t i = 0; i < have; i++) out[i] = (int64_t)from[i];
  return have;
}

int32_t cable_plug(struct bench *n, int32_t a, int32_t b, int64_t latency)
{
  struct port *pa = port_find(n, a), *pb = port_find(n, b);
  return pa && pb ? wire_connect(pa, pb, latency) : -ENODEV;
}

int32_t cable_pull(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  wire_disconnect(p);
  return 0;
}

int32_t port_free(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  port_close(p);
  return 0;
}

int32_t port_up(struct bench *n, int32_t port, int32_t up)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  port_set_down(p, DOWN_BY_BENCH, !up);
  return 0;
}

int32_t port_speed(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  return p ? (int32_t)port_link(p) : -ENODEV;
}

int32_t port_peer(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  return p == NULL ? -ENODEV : p->peer ? p->peer->id : 0;
}

int32_t port_counters(struct bench *n, int32_t port, int64_t *out, int32_t max)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  if (p->ops->sweep) p->ops->sweep(p);
  return fill(out, max, p->stat, NPSTATS);
}

/* A site that still decides by default starts to draw by seed: otherwise a rate would change nothing. */

int32_t port_fault(struct bench *n, int32_t port, int32_t kind, uint32_t ppm, int64_t arg)
{
  static const uint8_t site[NFAULTS] =
    { SITE_WIRE_DROP, SITE_WIRE_DUP, SITE_WIRE_REORDER, SITE_WIRE_DELAY, SITE_WIRE_CORRUPT };
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  if (kind < 0 || kind >= NFAULTS || ppm > PPM || arg < 0) return -EINVAL;
  p->fault[kind] = (struct fault_rate){ .ppm = ppm, .arg = arg };
  if (ppm == 0 || n->chooser.site[site[kind]].mode != CHOOSE_DEFAULT) return 0;
  return chooser_set(&n->chooser, site[kind], CHOOSE_RANDOM, NULL, 0);
}

int32_t switch_add_port(struct bench *n, int32_t sw, uint32_t mbps)
{
  struct port *p = port_find(n, sw);
  return p ? switch_port(p, mbps) : -ENODEV;
}

/* Captures. */

int32_t capture_on(struct bench *n, int32_t port, int64_t limit, uint32_t snaplen)
{
  struct port *p = port_find(n, port);
  return p ? capture_start(&p->cap, limit, snaplen) : -ENODEV;
}

int32_t capture_off(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  if (p->ops->sweep) p->ops->sweep(p);
  p->cap.on = false;
  return 0;
}

int64_t capture_pending(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  if (p->ops->sweep) p->ops->sweep(p);
  return (int64_t)p->cap.used;
}

int64_t capture_read(struct bench *n, int32_t port, uint8_t *out, int64_t room)
{
  struct port *p = port_find(n, port);
  if (p == NULL) return -ENODEV;
  return room > 0 ? (int64_t)capture_take(&p->cap, out, (size_t)room) : 0;
}

int64_t capture_drops(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  return p ? (int64_t)p->cap.drops : -ENODEV;
}

/* Host ends. */

int32_t host_ipv6(struct bench *n, int32_t port, const uint8_t *addr, uint32_t len)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL || len != IPADDR_LEN) return h ? -EINVAL : -ENODEV;
  struct ipaddr a = ipaddr_load(addr);
  if (ipaddr_isv4(a) || ipaddr_ismulticast(a) || ipaddr_isloopback(a)) return -EINVAL;
  hostend_ipv6(h, a);
  return 0;
}

int32_t host_answers(struct bench *n, int32_t port, uint32_t answers)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL) return -ENODEV;
  hostend_answer(h, answers);
  return 0;
}

int32_t host_open(struct bench *n, int32_t port, int32_t outgoing, int64_t limit)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL) return -ENODEV;
  return limit > 0 ? hostend_open(h, outgoing, (uint64_t)limit) : -EINVAL;
}

int32_t host_close(struct bench *n, int32_t port, int32_t reader)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL) return -ENODEV;
  hostend_close(h, reader);
  return 0;
}

int32_t host_wait(struct bench *n, int32_t port, int32_t reader, int32_t waiting)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL) return -ENODEV;
  return hostend_wait(h, reader, waiting);
}

int64_t host_send(struct bench *n, int32_t port, const uint8_t *data, uint32_t len, int32_t raw)
{
  struct hostend *h = hostend_of(port_find(n, port));
  return h ? hostend_send(h, data, len, raw) : -ENODEV;
}

/* As many of a reader's frames as fit: time (ns, 8 bytes), flags (4), length (4), then the frame. Returns the bytes
 * written; -EMSGSIZE if not even one fits. */

int64_t host_read(struct bench *n, int32_t port, int32_t reader, uint8_t *out, int64_t room)
{
  struct hostend *h = hostend_of(port_find(n, port));
  if (h == NULL) return -ENODEV;
  struct reader *r = hostend_reader(h, reader);
  if (r == NULL) return -EBADF;
  hostend_sweep(h);
  int64_t used = 0;
  for (struct frame *f; (f = r->q.head) != NULL && used + 16 + f->len <= room; frame_free(&h->port.pool, f))
    {
      uint32_t word[2] = { f->flags, f->len };
      memcpy(out + used, &f->time, 8);
      memcpy(out + used + 8, word, 8);
      memcpy(out + used + 16, f->data, f->len);
      used += 16 + f->len;
      frameq_take(&r->q);
    }
  return used || r->q.head == NULL ? used : -EMSGSIZE;
}

int64_t host_drops(struct bench *n, int32_t port, int32_t reader)
{
  struct hostend *h = hostend_of(port_find(n, port));
  struct reader *r = h ? hostend_reader(h, reader) : NULL;
  return r ? (int64_t)r->drops : -EBADF;
}

/* TAP. */

int32_t tap_take(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  return p && port_fd(p) >= 0 ? tap_drain(p) : -ENODEV;
}

int64_t tap_drops(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  return p ? (int64_t)tap_lost(p) : -ENODEV;
}

/* MACs. What code on the board does costs time: a register access through the bus, and more through the PHY's. */

#define MDIO_ACCESSES 64          /* bits of a management frame */

int32_t mac_create(struct board *b, int32_t irq, uint32_t nrx, uint32_t ntx, uint32_t mbps, const uint8_t *addr)
{
  struct mac *m = mac_new(b, irq, nrx, ntx, mbps, addr);
  return m ? m->port.id : -ENOMEM;
}

int64_t mac_getreg(struct board *b, int32_t port, uint32_t reg)
{
  struct mac *m = mac_of(port_find(b->bench, port));
  if (m == NULL) return -ENODEV;
  charge(b, COST_REG, 1);
  return answer(b, mac_read(m, reg));
}

int64_t mac_putreg(struct board *b, int32_t port, uint32_t reg, uint32_t value)
{
  struct mac *m = mac_of(port_find(b->bench, port));
  if (m == NULL) return -ENODEV;
  charge(b, COST_REG, 1);
  return answer(b, mac_write(m, reg, value));
}

int64_t phy_getreg(struct board *b, int32_t port, uint32_t reg)
{
  struct mac *m = mac_of(port_find(b->bench, port));
  if (m == NULL) return -ENODEV;
  charge(b, COST_REG, MDIO_ACCESSES);
  return answer(b, phy_read(m, reg));
}

int64_t phy_putreg(struct board *b, int32_t port, uint32_t reg, uint32_t value)
{
  struct mac *m = mac_of(port_find(b->bench, port));
  if (m == NULL) return -ENODEV;
  charge(b, COST_REG, MDIO_ACCESSES);
  phy_write(m, reg, (uint16_t)value);
  return answer(b, 0);
}

uint32_t mac_peek(struct bench *n, int32_t port, uint32_t reg)
{
  struct mac *m = mac_of(port_find(n, port));
  return m ? mac_read(m, reg) : 0;
}

int32_t mac_counters(struct bench *n, int32_t port, int64_t *out, int32_t max)
{
  struct mac *m = mac_of(port_find(n, port));
  if (m == NULL) return -ENODEV;
  mac_poll(m);
  return fill(out, max, m->stat, NMSTATS);
}

int32_t mac_set_stall(struct bench *n, int32_t port, int32_t stalled)
{
  struct mac *m = mac_of(port_find(n, port));
  if (m == NULL) return -ENODEV;
  mac_stall(m, stalled);
  return 0;
}

int32_t mac_power_on(struct bench *n, int32_t port)
{
  struct mac *m = mac_of(port_find(n, port));
  if (m == NULL) return -ENODEV;
  mac_write(m, MAC_CR, MAC_CR_RESET);
  phy_write(m, PHY_BMCR, PHY_BMCR_RESET);
  return 0;
}

int32_t mac_raise_fatal(struct bench *n, int32_t port)
{
  struct mac *m = mac_of(port_find(n, port));
  if (m == NULL) return -ENODEV;
  mac_fatal(m);
  return 0;
}
