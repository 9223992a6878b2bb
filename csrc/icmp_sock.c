/* icmp_sock.c - ICMP sockets, as ping uses them (NuttX net/icmp/icmp_sendmsg.c, icmp_recvmsg.c).
 *
 * A request waits in its socket until the device is polled for it, and takes its buffers only then. A reply goes to
 * the socket that last sent a request with its identifier.
 */
#include "inet.h"

#define ROOM_V4 16u               /* for the sender's address, which NuttX puts before a kept message ... */
#define ROOM_V6 29u               /* ... for that and the hop limit */

static uint32_t icmp_owner(const struct net *net, const struct icmp_conn *c)
{
  return IOB_OWNER(IOB_OWNER_ICMP_READ, c - net->icmp);
}

/* Nobody is reading: the socket keeps a copy, whose first buffer comes from the reserve and whose others do not.
 * NuttX drops what does not fit, and so does this.
 */

static bool keep_copy(struct net *net, struct icmp_conn *c, const struct iob_s *packet)
{
  struct board *b = net->board;
  struct iob_s *copy = iob_tryalloc(b, false, icmp_owner(net, c));
  if (copy == NULL) return false;
  copy->io_offset = ipaddr_isv4(c->sconn.laddr) ? ROOM_V4 : ROOM_V6;
  if (iob_clone(b, packet, copy, true) == 0 && iob_tryadd_queue(b, copy, &c->readahead) == 0) return true;
  iob_free_chain(b, copy);
  return false;
}

/* Options go, so that whoever reads knows where the message begins. */

static void cut_options(struct rxpkt *p)
{
  struct iob_s *iob = p->iob;
  uint32_t hlen = ip_hdrlen(p->dst), options = p->hlen - hlen;
  if (options == 0) return;
  memmove(iob_at(iob, options), iob_at(iob, 0), hlen);
  iob->io_offset = (uint16_t)(iob->io_offset + options);
  iob->io_len = (uint16_t)(iob->io_len - options);
  iob->io_pktlen -= options;
}

bool icmp_deliver(struct rxpkt *p, uint32_t id)
{
  struct net *net = p->dev->board->net;
  for (uint32_t i = 0; i < net->nicmp; i++)
    {
      struct icmp_conn *c = &net->icmp[i];
      if (!c->used || c->dev != p->dev->index || c->id != id || ipaddr_kind(c->sconn.laddr) != ipaddr_kind(p->src)) continue;
      cut_options(p);
      if (c->sconn.rx.expected && c->direct == NULL)
        {
          iob_set_owner(net->board, p->iob, icmp_owner(net, c));
          c->direct = p->iob;
          netwait_wake(net->board, &c->sconn.rx);
          return true;
        }
      if (keep_copy(net, c, p->iob))
        {
          iob_free_chain(net->board, p->iob);
          netwait_wake(net->board, &c->sconn.rx);
        }
      else
        {
          icmp_stats(net, p->dst)->drop++;
          rx_drop(p, DROP_FULL);
        }
      return true;
    }
  return false;
}

/* The device asks for a packet. Without buffers the request stays where it is, but nobody will ask for it again until
 * the next notification: the sender may wait for ever, as in NuttX.
 */

bool icmp_poll(struct netdev *dev, enum ip_kind kind)
{
  struct net *net = dev->board->net;
  struct board *b = dev->board;
  for (uint32_t i = 0; i < net->nicmp; i++)
    {
      struct icmp_conn *c = &net->icmp[i];
      if (c->state != ICMP_PENDING || c->dev != dev->index || ipaddr_kind(c->sconn.raddr) != kind) continue;
      uint32_t hlen = ip_hdrlen(c->sconn.raddr);
      struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      if (iob)
        {
          iob->io_offset = NET_LL_GUARDSIZE;
          iob->io_len = (uint16_t)(iob->io_pktlen = hlen);
        }
      if (iob == NULL || iob_copyin(b, iob, c->sndbuf, c->sndlen, (int32_t)hlen, false) < 0)
        {
          dev->stats.tx_noiob++;
          iob_free_chain(b, iob);
          return false;
        }
      charge(b, COST_COPY, c->sndlen);
      struct ip_head head = { .src = c->sconn.laddr, .dst = c->sconn.raddr, .ttl = IP_TTL_DEFAULT,
                              .proto = kind == IP_V4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6 };
      ip_header(net, iob_at(iob, 0), iob->io_pktlen, &head);
      icmp_stats(net, head.dst)->sent++;
      c->state = ICMP_SENT;
      netwait_wake_all(b, &c->sconn.snd);
      ip_out(dev, iob, c->sconn.raddr);
      return true;
    }
  return false;
}

void icmp_netdown(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (uint32_t i = 0; i < net->nicmp; i++)
    {
      struct icmp_conn *c = &net->icmp[i];
      if (!c->used || c->dev != dev->index) continue;
      if (c->state == ICMP_PENDING) c->state = ICMP_SENT;
      c->sconn.error = ENETUNREACH;
      netwait_wake_all(dev->board, &c->sconn.snd);
      netwait_wake_all(dev->board, &c->sconn.rx);
    }
}
