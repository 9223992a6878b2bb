/* ethdrv.c - the parts of the Ethernet driver that touch every frame; drivers/ethernet.py is the driver.
 *
 * It is a driver in NuttX's classic style: a received frame is handed to the stack where it lies in the ring, a frame
 * to send is copied into the descriptor's buffer and its IOBs are free again at once. The loops stop at their budget
 * and say that there is more: the driver, holding the network lock, calls again.
 */

#include <stdlib.h>

#include "mac.h"
#include "net.h"

struct ethdrv
{
  int32_t port;                   /* of its MAC; by number, since hardware may be unplugged under a driver */
  int32_t txtimeout;              /* watchdog that runs while a frame is on its way out */
  int64_t patience;               /* ... for so many ticks */
};

static struct mac *mac_behind(const struct netdev *dev)
{
  const struct ethdrv *priv = dev->priv;
  return mac_of(port_find(dev->board->bench, priv->port));
}

static struct wdog *txtimeout(const struct netdev *dev)
{
  return table_get(&dev->board->pywdogs, ((const struct ethdrv *)dev->priv)->txtimeout);
}

static bool txroom(struct netdev *dev)
{
  struct mac *m = mac_behind(dev);
  return m && mac_tx_next(m);
}

static int transmit(struct netdev *dev, struct iob_s *frame)
{
  struct board *b = dev->board;
  struct mac *m = mac_behind(dev);
  struct mac_desc *d = m ? mac_tx_next(m) : NULL;
  uint32_t len = frame->io_pktlen;
  if (d == NULL || len > MAC_BUFSIZE)
    {
      dev->stats.tx_errors++;
      dev->stats.errors++;
      iob_free_chain(b, frame);
      return d ? -EMSGSIZE : -EBUSY;
    }
  iob_copyout(d->buf, frame, len, 0);
  charge(b, COST_COPY, len);
  iob_free_chain(b, frame);
  mac_tx_submit(m, len);
  mac_write(m, MAC_TXDB, 1);
  trace_put(b, TR_TX, dev->index, len);
  struct wdog *w = txtimeout(dev);
  if (w) wd_start(b, w, ((struct ethdrv *)dev->priv)->patience);
  return 0;
}

/* Makes the network device of a MAC, down and with the MAC's address; returns its index. */

int32_t ethdrv_register(struct board *b, const char *name, uint32_t mtu, int32_t port, int32_t wdog, int64_t patience)
{
  struct mac *m = mac_of(port_find(b->bench, port));
  if (m == NULL) return -ENODEV;
  struct ethdrv *priv = malloc(sizeof *priv);
  if (priv == NULL) return -ENOMEM;
  *priv = (struct ethdrv){ .port = port, .txtimeout = wdog, .patience = patience };
  uint8_t addr[NET_ETHALEN];
  for (uint32_t i = 0; i < NET_ETHALEN; i++) addr[i] = (uint8_t)(m->addr[i / 2] >> (i & 1 ? 0 : 8));
  struct netdev *dev = netdev_register(b, name, 0, mtu, addr);
  if (dev == NULL)
    {
      free(priv);
      return -ENOMEM;
    }
  dev->priv = priv;
  dev->fini = free;
  dev->txroom = txroom;
  dev->transmit = transmit;
  return dev->index;
}

static struct mac *find(struct board *b, int32_t index, struct netdev **dev)
{
  *dev = netdev_find(b, index);
  return *dev && (*dev)->transmit == transmit ? mac_behind(*dev) : NULL;
}

/* The interrupt handler's look at the hardware: what has happened. A transmission that is over needs no watchdog. */

int64_t ethdrv_interrupt(struct board *b, int32_t index)
{
  struct netdev *dev;
  struct mac *m = find(b, index, &dev);
  if (m == NULL) return -ENODEV;
  charge(b, COST_REG, 1);
  uint32_t status = mac_read(m, MAC_SR);
  if (status & MAC_SR_TX && m->txbusy == 0 && txtimeout(dev)) wd_cancel(b, txtimeout(dev));
  return answer(b, status);
}

/* Receives up to `budget` frames. 0: the ring is empty; 1: there may be more. */

int64_t ethdrv_receive(struct board *b, int32_t index, int32_t budget)
{
  struct netdev *dev;
  struct mac *m = find(b, index, &dev);
  if (m == NULL) return -ENODEV;
  for (struct mac_desc *d; (d = mac_rx_next(m)) != NULL;)
    {
      net_input(dev, d->buf, d->len);
      mac_rx_release(m);
      if (--budget <= 0 || !budget_left(b)) return answer(b, 1);
    }
  return answer(b, 0);
}

/* Reaps what has been sent, up to `budget` descriptors. 0: done; 1: there may be more. */

int64_t ethdrv_txdone(struct board *b, int32_t index, int32_t budget)
{
  struct netdev *dev;
  struct mac *m = find(b, index, &dev);
  if (m == NULL) return -ENODEV;
  for (struct mac_desc *d; (d = mac_tx_done(m)) != NULL;)
    {
      dev->stats.tx_done++;
      trace_put(b, TR_TX_DONE, dev->index, d->len);
      charge(b, COST_REG, 1);
      if (--budget <= 0 || !budget_left(b)) return answer(b, 1);
    }
  if (m->tx.used == 0 && txtimeout(dev)) wd_cancel(b, txtimeout(dev));
  return answer(b, 0);
}

/* Asks the stack for up to `budget` packets. 0: it has none, or the ring is full; 1: there may be more. */

int64_t ethdrv_poll(struct board *b, int32_t index, int32_t budget)
{
  struct netdev *dev;
  if (find(b, index, &dev) == NULL) return -ENODEV;
  devif_poll(dev, budget > 0 ? (uint32_t)budget : 1);
  return answer(b, dev->polltypes && dev->flags & IFF_UP && netdev_txroom(dev));
}
