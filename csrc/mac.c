/* mac.c - registers and interrupt of the Ethernet controller, see mac.h. */

#include <stdlib.h>

#include "board.h"
#include "mac.h"

/* The line follows the status; the events follow the line: while it is high nothing more has to be told. */

static void set_line(struct mac *m)
{
  bool level = (m->sr & m->imr) != 0;
  if (level == m->line) return;
  m->line = level;
  m->stat[MSTAT_INTERRUPTS] += level;
  struct board *b = table_get(&m->port.bench->boards, m->board);
  if (b) irq_set(b, m->irq, level);
}

static void arm(struct mac *m, struct event *ev, int64_t due)
{
  struct event_heap *heap = &m->port.bench->heap;
  if (due == INT64_MAX || m->line)
    event_cancel(heap, ev);
  else if (ev->pos < 0 || ev->time != due)
    event_at(heap, ev, due);
}

static void update(struct mac *m)
{
  set_line(m);
  arm(m, &m->rx_ev, mac_rx_due(m));
  arm(m, &m->tx_ev, mac_tx_due(m));
}

void mac_poll(struct mac *m)
{
  mac_rx_settle(m);
  mac_tx_settle(m);
  update(m);
}

void mac_event(struct mac *m, int kind)
{
  (void)kind;                     /* either way: the hardware up to now */
  mac_poll(m);
}

/* Registers. */

static void reset(struct mac *m)
{
  mac_rings_reset(m);
  m->cr = m->sr = m->imr = 0;
  m->rxmit_n = m->txmit_n = 1;
  m->rxmit_us = m->txmit_us = 0;
  m->dead = false;
}

static void write_cr(struct mac *m, uint32_t value)
{
  if (value & MAC_CR_RESET)
    {
      reset(m);
      return;
    }
  m->cr = value & (MAC_CR_RE | MAC_CR_TE | MAC_CR_PROMISC | MAC_CR_ALLMULTI);
  mac_tx_start(m);
}

uint32_t mac_read(struct mac *m, uint32_t reg)
{
  mac_poll(m);
  switch (reg)
    {
      case MAC_CR:        return m->cr;
      case MAC_SR:        return m->sr;
      case MAC_IMR:       return m->imr;
      case MAC_RXMIT_N:   return m->rxmit_n;
      case MAC_RXMIT_US:  return m->rxmit_us;
      case MAC_TXMIT_N:   return m->txmit_n;
      case MAC_TXMIT_US:  return m->txmit_us;
      case MAC_RXLEN:     return m->rx.n;
      case MAC_TXLEN:     return m->tx.n;
      case MAC_RXHEAD:    return m->rx.hw;
      case MAC_TXHEAD:    return m->tx.hw;
      case MAC_RXREADY:   return m->rx.used;
      case MAC_TXFREE:    return m->tx.n - m->tx.used;
      case MAC_FILTER_EN: return m->filter_en;
      default:            return reg >= MAC_ADDR && reg < MAC_FILTER_EN ? m->addr[reg - MAC_ADDR] : 0;
    }
}

int mac_write(struct mac *m, uint32_t reg, uint32_t value)
{
  if (reg >= MAC_NREGS || (reg >= MAC_RXLEN && reg < MAC_ADDR)) return -EINVAL;
  mac_poll(m);
  switch (reg)
    {
      case MAC_CR:        write_cr(m, value); break;
      case MAC_SR:        m->sr &= ~value; break;
      case MAC_IMR:       m->imr = value & (2 * MAC_SR_FATAL - 1); break;
      case MAC_RXMIT_N:   m->rxmit_n = value ? value : 1; break;
      case MAC_RXMIT_US:  m->rxmit_us = value; break;
      case MAC_TXMIT_N:   m->txmit_n = value ? value : 1; break;
      case MAC_TXMIT_US:  m->txmit_us = value; break;
      case MAC_TXDB:      mac_tx_start(m); break;
      case MAC_FILTER_EN: m->filter_en = value & ((1u << MAC_NFILTERS) - 1); break;
      default:            m->addr[reg - MAC_ADDR] = (uint16_t)value; break;
    }
  mac_poll(m);
  return 0;
}

/* Faults of the hardware, for tests. */

void mac_stall(struct mac *m, bool stalled)
{
  mac_poll(m);
  m->stalled = stalled;
  mac_tx_start(m);
  mac_poll(m);
}

void mac_fatal(struct mac *m)
{
  mac_poll(m);
  m->dead = true;
  m->sr |= MAC_SR_FATAL;
  update(m);
}

/* The wire's side. */

static void mac_arrived(struct port *p, struct frame *f)
{
  struct mac *m = container_of(p, struct mac, port);
  if (m->line || (m->rx_ev.pos >= 0 && m->rx_ev.time <= f->time)) return;
  arm(m, &m->rx_ev, mac_rx_due(m));
}

static void mac_sweep(struct port *p)
{
  mac_poll(container_of(p, struct mac, port));
}

static void mac_link(struct port *p)
{
  struct mac *m = container_of(p, struct mac, port);
  if (!p->linked) m->phy.link_low = true;
  m->sr |= MAC_SR_LINK;
  update(m);
}

static void mac_fini(struct port *p)
{
  struct mac *m = container_of(p, struct mac, port);
  port_fini(p);
  event_fini(&p->bench->heap, &m->rx_ev);
  event_fini(&p->bench->heap, &m->tx_ev);
  free(m->rx.desc);
  free(m->tx.desc);
  free(m->memory);
  free(m);
}

static const struct port_ops mac_ops =
  { .arrived = mac_arrived, .sweep = mac_sweep, .link = mac_link, .fini = mac_fini };

struct mac *mac_of(struct port *p)
{
  return p && p->ops == &mac_ops ? container_of(p, struct mac, port) : NULL;
}

static void set_address(struct mac *m, const uint8_t addr[6])
{
  for (int i = 0; i < 3; i++) m->addr[i] = (uint16_t)(addr[2 * i] << 8 | addr[2 * i + 1]);
}

struct mac *mac_new(struct board *b, int32_t irq, uint32_t nrx, uint32_t ntx, uint32_t mbps, const uint8_t addr[6])
{
  struct bench *n = b->bench;
  if (irq < 1 || irq >= NIRQS || nrx < 1 || nrx > MAC_MAXRING || ntx < 1 || ntx > MAC_MAXRING) return NULL;
  struct mac *m = calloc(1, sizeof *m);
  if (m == NULL) return NULL;
  if (port_init(n, &m->port, PORT_MAC, &mac_ops, mbps) < 0)
    {
      free(m);
      return NULL;
    }
  m->board = b->id;
  m->irq = irq;
  m->phy.bmcr = PHY_BMCR_ANENABLE;
  set_address(m, addr);
  if (event_init(&n->heap, &m->rx_ev, EV_MAC_RX, EVC_HARDWARE, m) < 0
      || event_init(&n->heap, &m->tx_ev, EV_MAC_TX, EVC_HARDWARE, m) < 0 || mac_rings_new(m, nrx, ntx) < 0)
    {
      mac_fini(&m->port);
      return NULL;
    }
  reset(m);
  return m;
}
