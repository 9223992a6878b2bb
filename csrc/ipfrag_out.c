/* ipfrag_out.c - packets that are longer than their device takes, and how they leave (RFC 791).
 *
 * As in NuttX a packet is cut all at once: the first fragment stays in its own buffers, the payload of the others moves
 * to new ones behind a header each. Without buffers or queue entries for all of them nothing is sent. They wait in the
 * device's queue, whose turn comes before anything new.
 */
#include "inet.h"

static void header(uint8_t *ip, const uint8_t *whole, uint32_t len, uint32_t offset, bool more)
{
  if (ip != whole) memcpy(ip, whole, IPv4_HDRLEN);
  put16(ip + 2, len);
  put16(ip + 6, offset / 8 | (more ? IP_MF : 0));
  put16(ip + 10, 0);
  csum_put(ip + 10, csum_fold(csum_add(0, ip, IPv4_HDRLEN)));
}

/* A fragment of its own for the payload from `offset` on: up to `room` bytes of what *rest begins with, whose buffers
 * are free as soon as they are empty. NULL: the pool is empty.
 */

static struct iob_s *fragment(struct netdev *dev, const uint8_t *whole, struct iob_s **rest, uint32_t offset,
                              uint32_t room)
{
  struct board *b = dev->board;
  struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  if (iob == NULL) return NULL;
  iob->io_offset = NET_LL_GUARDSIZE;
  iob->io_len = (uint16_t)(iob->io_pktlen = IPv4_HDRLEN);
  while (*rest && room)
    {
      struct iob_s *from = *rest;
      uint32_t n = min_u32(room, from->io_len);
      if (iob_copyin(b, iob, iob_at(from, 0), n, (int32_t)iob->io_pktlen, false) < 0)
        {
          iob_free_chain(b, iob);
          return NULL;
        }
      room -= n;
      from->io_offset = (uint16_t)(from->io_offset + n);
      from->io_len = (uint16_t)(from->io_len - n);
      if (from->io_len == 0) *rest = iob_free(b, from);
    }
  header(iob_at(iob, 0), whole, iob->io_pktlen, offset, *rest != NULL);
  return iob;
}

/* The chain ends behind its first n bytes; what follows is a chain of its own. NULL: the pool is empty. */

static struct iob_s *split(struct netdev *dev, struct iob_s *iob, uint32_t n)
{
  struct board *b = dev->board;
  struct iob_s *last = iob;
  for (; n > last->io_len; last = last->io_flink) n -= last->io_len;
  uint32_t behind = last->io_len - n;
  struct iob_s *rest = last->io_flink;
  if (behind)
    {
      rest = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      if (rest == NULL) return NULL;
      memcpy(rest->io_data, iob_at(last, n), behind);
      rest->io_len = (uint16_t)behind;
      rest->io_flink = last->io_flink;
    }
  last->io_len = (uint16_t)n;
  last->io_flink = NULL;
  return rest;
}

/* All of a packet, in order; false: there was no room, and it is gone. */

static bool cut(struct netdev *dev, struct iob_s *iob, struct iob_queue_s *q)
{
  struct board *b = dev->board;
  uint32_t room = (dev->mtu - IPv4_HDRLEN) & ~7u, total = iob->io_pktlen, offset = 0;
  const uint8_t *whole = iob_at(iob, 0);
  struct iob_s *rest = split(dev, iob, IPv4_HDRLEN + room);
  bool ok = rest != NULL;
  if (ok)
    {
      iob->io_pktlen = IPv4_HDRLEN + room;
      header(iob_at(iob, 0), whole, iob->io_pktlen, 0, true);
      total -= iob->io_pktlen;
    }
  while (ok)
    {
      iob_set_owner(b, iob, IOB_OWNER(IOB_OWNER_TXRING, dev->index));
      ok = iob_tryadd_queue(b, iob, q) == 0;
      if (!ok || rest == NULL) break;
      offset += room;
      iob = fragment(dev, whole, &rest, offset, room);
      ok = iob != NULL;
    }
  if (ok) return true;
  iob_free_chain(b, iob);
  iob_free_chain(b, rest);
  iob_free_queue(b, q);
  return false;
}

void ipfrag_out(struct netdev *dev, struct iob_s *iob, uint32_t dst)
{
  struct net *net = dev->board->net;
  struct iob_queue_s q = { NULL, NULL };
  uint32_t hop;
  if (net->ipfrag == NULL)                          /* the device has shrunk under it */
    {
      dev->stats.tx_errors++;
      dev->stats.errors++;
      iob_free_chain(dev->board, iob);
    }
  else if (arp_need(dev, dst, &hop) < 0)            /* lost like any packet to nowhere, and asked for once */
    {
      net->stats.ipv4.sent++;
      arp_out(dev, iob, dst);
    }
  else if (!cut(dev, iob, &q))
    dev->stats.tx_noiob++;
  else
    {
      net->stats.ipv4.sent += iob_get_queue_entry_count(&q);
      iob_concat_queue(&dev->fragout, &q);
      ipfrag_poll(dev);
      if (iob_peek_queue(&dev->fragout)) netdev_txnotify(dev, IPFRAG_POLL);
    }
}

/* A packet that nobody has asked for waits until the device does. */

void ipfrag_later(struct netdev *dev, struct iob_s *iob)
{
  iob_set_owner(dev->board, iob, IOB_OWNER(IOB_OWNER_TXRING, dev->index));
  if (iob_tryadd_queue(dev->board, iob, &dev->fragout) < 0)
    {
      dev->stats.tx_noiob++;
      iob_free_chain(dev->board, iob);
      return;
    }
  dev->board->net->stats.ipv4.sent++;
  netdev_txnotify(dev, IPFRAG_POLL);
}

bool ipfrag_poll(struct netdev *dev)
{
  struct iob_s *iob = iob_remove_queue(dev->board, &dev->fragout);
  if (iob == NULL) return false;
  iob_set_owner(dev->board, iob, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  arp_out(dev, iob, get32(iob_at(iob, 16)));
  return true;
}
