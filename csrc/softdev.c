/* softdev.c - a network device without hardware: frames that the stack sends wait until somebody takes them.
 *
 * For drivers written frame by frame, and for tests of the stack alone.
 */
#include <stdlib.h>

#include "net.h"

struct softdev
{
  struct iob_queue_s queue;
  uint32_t n, depth;
};

static bool softdev_txroom(struct netdev *dev)
{
  const struct softdev *soft = dev->priv;
  return soft->n < soft->depth;
}

static int softdev_transmit(struct netdev *dev, struct iob_s *frame)
{
  struct softdev *soft = dev->priv;
  iob_set_owner(dev->board, frame, IOB_OWNER(IOB_OWNER_TXRING, dev->index));
  if (iob_tryadd_queue(dev->board, frame, &soft->queue) == 0)
    {
      soft->n++;
      return 0;
    }
  dev->stats.tx_errors++;
  dev->stats.errors++;
  iob_free_chain(dev->board, frame);
  return -ENOMEM;
}

struct netdev *softdev_register(struct board *b, const char *name, uint32_t mtu, const uint8_t *mac, uint32_t depth)
{
  struct softdev *soft = calloc(1, sizeof *soft);
  struct netdev *dev = soft ? netdev_register(b, name, 0, mtu, mac) : NULL;
  if (dev == NULL)
    {
      free(soft);
      return NULL;
    }
  soft->depth = depth;
  dev->priv = soft;
  dev->txroom = softdev_txroom;
  dev->transmit = softdev_transmit;
  dev->fini = free;
  return dev;
}

int softdev_take(struct netdev *dev, uint8_t *out, uint32_t len)
{
  struct softdev *soft = dev->priv;
  if (dev->transmit != softdev_transmit) return -ENODEV;
  struct iob_s *frame = iob_remove_queue(dev->board, &soft->queue);
  if (frame == NULL) return -EAGAIN;
  uint32_t total = frame->io_pktlen;
  iob_copyout(out, frame, total < len ? total : len, 0);
  iob_free_chain(dev->board, frame);
  soft->n--;
  dev->stats.tx_done++;
  return (int)total;
}
