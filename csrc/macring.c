/* macring.c - the descriptor rings of a MAC: DMA on the one side, the driver's accesses on the other. */

#include <stdlib.h>

#include "board.h"
#include "mac.h"

static int ring_new(struct mac_ring *r, uint32_t n, uint8_t *memory)
{
  r->n = n;
  r->desc = calloc(n, sizeof *r->desc);
  if (r->desc == NULL) return -ENOMEM;
  for (uint32_t i = 0; i < n; i++) r->desc[i].buf = memory + (size_t)i * MAC_BUFSIZE;
  return 0;
}

int mac_rings_new(struct mac *m, uint32_t nrx, uint32_t ntx)
{
  m->memory = malloc((size_t)(nrx + ntx) * MAC_BUFSIZE);
  if (m->memory == NULL) return -ENOMEM;
  if (ring_new(&m->rx, nrx, m->memory) < 0) return -ENOMEM;
  if (ring_new(&m->tx, ntx, m->memory + (size_t)nrx * MAC_BUFSIZE) < 0) return -ENOMEM;
  mac_rings_reset(m);
  return 0;
}

static void ring_reset(struct mac_ring *r, uint8_t own)
{
  r->hw = r->sw = r->used = 0;
  for (uint32_t i = 0; i < r->n; i++) r->desc[i] = (struct mac_desc){ .own = own, .buf = r->desc[i].buf };
}

void mac_rings_reset(struct mac *m)
{
  ring_reset(&m->rx, 1);
  ring_reset(&m->tx, 0);
  m->txbusy = m->rxheld = m->txheld = 0;
}

static uint32_t behind(const struct mac_ring *r, uint32_t at, uint32_t n)
{
  return at >= n ? at - n : at + r->n - n;
}

static uint32_t after(const struct mac_ring *r, uint32_t at)
{
  return at + 1 == r->n ? 0 : at + 1;
}

/* Receiving. */

static bool own_address(const struct mac *m, const uint8_t *a, int i)
{
  const uint16_t *w = m->addr + 3 * i;
  return a[0] == w[0] >> 8 && a[1] == (w[0] & 0xff) && a[2] == w[1] >> 8 && a[3] == (w[1] & 0xff)
         && a[4] == w[2] >> 8 && a[5] == (w[2] & 0xff);
}

static bool accepts(const struct mac *m, const uint8_t *to)
{
  static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  if (m->cr & MAC_CR_PROMISC || own_address(m, to, 0)) return true;
  if (to[0] & 1 && (m->cr & MAC_CR_ALLMULTI || memcmp(to, broadcast, 6) == 0)) return true;
  for (int i = 0; i < MAC_NFILTERS; i++)
    if (m->filter_en & (1u << i) && own_address(m, to, i + 1)) return true;
  return false;
}

static void rx_one(struct mac *m, const struct frame *f)
{
  struct mac_ring *r = &m->rx;
  int why = !(m->cr & MAC_CR_RE) || m->dead ? MSTAT_RX_OFF
            : f->flags & FRAME_BADFCS       ? MSTAT_RX_FCS
            : f->len < ETH_MINLEN           ? MSTAT_RX_RUNT
            : f->len > ETH_MAXLEN           ? MSTAT_RX_GIANT
            : !accepts(m, f->data)          ? MSTAT_RX_FILTERED
            : r->used == r->n               ? MSTAT_RX_OVERFLOW
                                            : -1;
  if (why >= 0)
    {
      m->stat[why]++;
      if (why == MSTAT_RX_OVERFLOW) m->sr |= MAC_SR_RXOVF;
      return;
    }
  struct mac_desc *d = &r->desc[r->hw];
  memcpy(d->buf, f->data, f->len);
  d->len = f->len;
  d->own = 0;
  r->hw = after(r, r->hw);
  r->used++;
  m->stat[MSTAT_RX_FRAMES]++;
  m->stat[MSTAT_RX_BYTES] += f->len;
  if (m->rxheld++ == 0) m->rxheld_since = f->time;
}

static void rx_raise(struct mac *m, bool now)
{
  if (m->rxheld == 0 || !(now || m->rxheld >= m->rxmit_n)) return;
  m->rxheld = 0;
  m->sr |= MAC_SR_RX;
}

static int64_t rx_deadline(const struct mac *m, int64_t first)
{
  return first + m->rxmit_us * NSEC_PER_USEC;
}

void mac_rx_settle(struct mac *m)
{
  struct port *p = &m->port;
  for (struct frame *f; (f = wire_receive(p)) != NULL; frame_free(&p->pool, f))
    {
      rx_one(m, f);
      rx_raise(m, false);
    }
  rx_raise(m, p->bench->now >= rx_deadline(m, m->rxheld_since));
}

int64_t mac_rx_due(const struct mac *m)
{
  const struct frame *f = m->port.rx.head;
  if (!(m->cr & MAC_CR_RE) || m->dead || (f == NULL && m->rxheld == 0)) return INT64_MAX;
  bool full = m->rx.used == m->rx.n;
  if (full && f && m->imr & MAC_SR_RXOVF) return f->time;
  if (!(m->imr & MAC_SR_RX)) return INT64_MAX;
  if (full) return m->rxheld ? rx_deadline(m, m->rxheld_since) : INT64_MAX;
  int64_t due = rx_deadline(m, m->rxheld ? m->rxheld_since : f->time);
  for (uint32_t held = m->rxheld; f && f->time < due; f = f->next)
    if (++held >= m->rxmit_n) return f->time;
  return due;
}

struct mac_desc *mac_rx_next(struct mac *m)
{
  mac_poll(m);
  return m->rx.used ? &m->rx.desc[m->rx.sw] : NULL;
}

void mac_rx_release(struct mac *m)
{
  if (m->rx.used == 0) return;
  mac_poll(m);                    /* what arrived before this moment met a ring without this descriptor */
  m->rx.desc[m->rx.sw].own = 1;
  m->rx.sw = after(&m->rx, m->rx.sw);
  if (m->rx.used-- == m->rx.n) mac_poll(m);
}

/* Sending. A descriptor is free, then filled and the hardware's, then busy on the wire, then waits to be reaped. */

static int64_t tx_one(struct mac *m, const struct mac_desc *d)
{
  struct port *p = &m->port;
  if (d->len == 0)
    {
      m->sr |= MAC_SR_TXUNF;
      return p->bench->now;
    }
  if (port_link(p) == 0)
    {
      m->stat[MSTAT_TX_NOCARRIER]++;
      return p->bench->now;
    }
  m->stat[MSTAT_TX_FRAMES]++;
  m->stat[MSTAT_TX_BYTES] += d->len;
  return wire_send(p, d->buf, d->len, p->bench->now, 0);
}

void mac_tx_start(struct mac *m)
{
  struct mac_ring *r = &m->tx;
  if (!(m->cr & MAC_CR_TE) || m->stalled || m->dead) return;
  for (struct mac_desc *d; d = &r->desc[r->hw], d->own && !d->busy; r->hw = after(r, r->hw))
    {
      d->done_at = tx_one(m, d);
      d->busy = 1;
      m->txbusy++;
    }
}

void mac_tx_settle(struct mac *m)
{
  struct mac_ring *r = &m->tx;
  while (m->txbusy)
    {
      struct mac_desc *d = &r->desc[behind(r, r->hw, m->txbusy)];
      if (d->done_at > m->port.bench->now) break;
      d->own = d->busy = 0;
      m->txbusy--;
      m->txheld++;
      m->txdone_at = d->done_at;
    }
  bool idle = m->txbusy == 0 && m->port.bench->now >= m->txdone_at + m->txmit_us * NSEC_PER_USEC;
  if (m->txheld == 0 || (m->txheld < m->txmit_n && !idle)) return;
  m->txheld = 0;
  m->sr |= MAC_SR_TX;
}

int64_t mac_tx_due(const struct mac *m)
{
  if (m->txbusy + m->txheld == 0 || !(m->imr & MAC_SR_TX)) return INT64_MAX;
  uint32_t need = m->txmit_n - m->txheld;
  if (need <= m->txbusy) return m->tx.desc[behind(&m->tx, m->tx.hw, m->txbusy - need + 1)].done_at;
  int64_t last = m->txbusy ? m->tx.desc[behind(&m->tx, m->tx.hw, 1)].done_at : m->txdone_at;
  return last + m->txmit_us * NSEC_PER_USEC;
}

struct mac_desc *mac_tx_next(struct mac *m)
{
  return m->tx.used < m->tx.n ? &m->tx.desc[m->tx.sw] : NULL;
}

void mac_tx_submit(struct mac *m, uint32_t len)
{
  struct mac_desc *d = mac_tx_next(m);
  if (d == NULL) return;
  d->len = len < MAC_BUFSIZE ? len : MAC_BUFSIZE;
  d->own = 1;
  m->tx.sw = after(&m->tx, m->tx.sw);
  m->tx.used++;
}

struct mac_desc *mac_tx_done(struct mac *m)
{
  mac_poll(m);
  struct mac_desc *d = &m->tx.desc[behind(&m->tx, m->tx.sw, m->tx.used)];
  if (m->tx.used == 0 || d->own) return NULL;
  m->tx.used--;
  if (m->txheld) m->txheld--;     /* seen: it need not be told any more */
  return d;
}
