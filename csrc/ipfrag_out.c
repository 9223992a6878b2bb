/* ipfrag_out.c - packets that are longer than their device takes, and how they leave (RFC 791; RFC 8200 4.5).
 *
 * As in NuttX a packet is cut all at once: the first fragment of IPv4 stays in its own buffers, the payload of the others
 * moves to new ones behind a header each; of IPv6 all do, whose headers are longer than the packet's. Without buffers or
 * queue entries for all of them nothing is sent. They wait in the device's queue, whose turn comes before anything new.
 */
#include "inet.h"

struct cut                            /* a packet on its way to be fragments */
{
  struct netdev *dev;
  uint8_t  ip[IPv6_HDRLEN];           /* its header */
  bool     v4;
  uint32_t hlen;                      /* of a fragment's headers */
  uint32_t room;                      /* behind them, bytes */
  uint32_t id;                        /* of IPv6; that of IPv4 is in the header */
};

static void header(const struct cut *c, uint8_t *ip, uint32_t len, uint32_t offset, bool more)
{
  if (c->v4)
    {
      memcpy(ip, c->ip, IPv4_HDRLEN);
      put16(ip + 2, len);
      put16(ip + 6, offset / 8 | (more ? IP_MF : 0));
      put16(ip + 10, 0);
      csum_put(ip + 10, csum_fold(csum_add(0, ip, IPv4_HDRLEN)));
      return;
    }
  uint8_t *f = ip + IPv6_HDRLEN;
  memcpy(ip, c->ip, IPv6_HDRLEN);
  put16(ip + 4, len - IPv6_HDRLEN);
  ip[6] = IPv6_FRAGMENT;
  f[0] = c->ip[6];
  f[1] = 0;
  put16(f + 2, offset | more);
  put32(f + 4, c->id);
}

/* A fragment of its own for the payload from `offset` on: up to `room` bytes of what *rest begins with, whose buffers
 * are free as soon as they are empty. NULL: the pool is empty.
 */

static struct iob_s *fragment(const struct cut *c, struct iob_s **rest, uint32_t offset)
{
  struct board *b = c->dev->board;
  uint32_t room = c->room;
  struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, c->dev->index));
  if (iob == NULL) return NULL;
  iob->io_offset = NET_LL_GUARDSIZE;
  iob->io_len = (uint16_t)(iob->io_pktlen = c->hlen);
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
  header(c, iob_at(iob, 0), iob->io_pktlen, offset, *rest != NULL);
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

/* The first fragment of *packet, which becomes what is left of it. NULL: there was no room, *packet is whole or gone. */

static struct iob_s *first_fragment(const struct cut *c, struct iob_s **packet)
{
  struct iob_s *first = *packet;
  if (!c->v4)
    {
      *packet = iob_trimhead(c->dev->board, first, IPv6_HDRLEN);
      return fragment(c, packet, 0);
    }
  struct iob_s *rest = split(c->dev, first, c->hlen + c->room);
  if (rest == NULL) return NULL;
  first->io_pktlen = c->hlen + c->room;
  header(c, iob_at(first, 0), first->io_pktlen, 0, true);
  *packet = rest;
  return first;
}

/* All of a packet, in order; false: there was no room, and it is gone. */

static bool cut(const struct cut *c, struct iob_s *packet, struct iob_queue_s *q)
{
  struct board *b = c->dev->board;
  uint32_t offset = 0;
  struct iob_s *rest = packet, *iob = first_fragment(c, &rest);
  bool ok = iob != NULL;
  while (ok)
    {
      iob_set_owner(b, iob, IOB_OWNER(IOB_OWNER_TXRING, c->dev->index));
      ok = iob_tryadd_queue(b, iob, q) == 0;
      if (!ok || rest == NULL) break;
      offset += c->room;
      iob = fragment(c, &rest, offset);
      ok = iob != NULL;
    }
  if (ok) return true;
  iob_free_chain(b, iob);
  iob_free_chain(b, rest);
  iob_free_queue(b, q);
  return false;
}

static struct cut cut_of(struct netdev *dev, struct iob_s *iob, struct ipaddr dst)
{
  bool v4 = ipaddr_isv4(dst);
  struct cut c = { .dev = dev, .v4 = v4, .hlen = v4 ? IPv4_HDRLEN : IPv6_HDRLEN + IPv6_FRAGLEN };
  memcpy(c.ip, iob_at(iob, 0), v4 ? IPv4_HDRLEN : IPv6_HDRLEN);
  c.room = (netdev_mtu(dev, dst) - c.hlen) & ~7u;
  if (!v4) c.id = ++dev->board->net->ip6id;
  return c;
}

void ipfrag_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst)
{
  struct net *net = dev->board->net;
  struct iob_queue_s q = { NULL, NULL };
  struct ipaddr hop;
  if (net->ipfrag == NULL)                          /* the device has shrunk under it */
    {
      dev->stats.tx_errors++;
      dev->stats.errors++;
      iob_free_chain(dev->board, iob);
      return;
    }
  if (neighbor_need(dev, dst, &hop) < 0)            /* lost like any packet to nowhere, and asked for once */
    {
      ip_stats(net, dst)->sent++;
      neighbor_out(dev, iob, dst);
      return;
    }
  struct cut c = cut_of(dev, iob, dst);
  if (!cut(&c, iob, &q))
    {
      dev->stats.tx_noiob++;
      return;
    }
  ip_stats(net, dst)->sent += iob_get_queue_entry_count(&q);
  iob_concat_queue(&dev->fragout, &q);
  ipfrag_poll(dev);
  if (iob_peek_queue(&dev->fragout)) netdev_txnotify(dev, IPFRAG_POLL);
}

/* Who a finished packet is for. */

static struct ipaddr destination(struct iob_s *iob)
{
  const uint8_t *ip = iob_at(iob, 0);
  return ip[0] >> 4 == 4 ? ipaddr_v4(get32(ip + 16)) : ipaddr_load(ip + 24);
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
  ip_stats(dev->board->net, destination(iob))->sent++;
  netdev_txnotify(dev, IPFRAG_POLL);
}

bool ipfrag_poll(struct netdev *dev)
{
  struct iob_s *iob = iob_remove_queue(dev->board, &dev->fragout);
  if (iob == NULL) return false;
  iob_set_owner(dev->board, iob, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  neighbor_out(dev, iob, destination(iob));
  return true;
}
