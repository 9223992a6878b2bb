/* devif.c - between drivers and protocols: frames come in one at a time, and packets are asked for one at a time. */

#include "tcp.h"

void rx_drop(struct rxpkt *p, enum rx_drop why)
{
  trace_put(p->dev->board, TR_RX_DROP, p->dev->index, why);
  iob_free_chain(p->dev->board, p->iob);
}

void devif_drop(struct rxpkt *p, enum rx_drop why)
{
  p->dev->stats.rx_dropped++;
  rx_drop(p, why);
}

/* The payload of a frame as a chain. Buffers are taken without regard to the throttle, which reserves them for just
 * this, unless NUTLOOP_IOB_THROTTLED says otherwise; there is no waiting. NULL: not enough of them.
 */

static struct iob_s *rx_chain(struct netdev *dev, const uint8_t *data, uint32_t len)
{
  struct board *b = dev->board;
  bool throttled = receive_throttled(b->net);
  struct iob_s *iob = iob_tryalloc(b, throttled, IOB_OWNER(IOB_OWNER_RXWORK, dev->index));
  if (iob == NULL) return NULL;
  uint32_t room = b->iob.bufsize - NET_LL_GUARDSIZE, first = len < room ? len : room;
  iob->io_offset = NET_LL_GUARDSIZE;
  iob->io_len = (uint16_t)first;
  iob->io_pktlen = first;
  memcpy(iob_at(iob, 0), data, first);
  if (first < len && iob_copyin(b, iob, data + first, len - first, (int32_t)first, throttled) < 0)
    {
      iob_free_chain(b, iob);
      return NULL;
    }
  charge(b, COST_COPY, len);
  return iob;
}

static int dropped(struct netdev *dev, uint64_t *count, enum rx_drop why, int result)
{
  ++*count;
  trace_put(dev->board, TR_RX_DROP, dev->index, why);
  return result;
}

int net_input(struct netdev *dev, const uint8_t *frame, uint32_t len)
{
  struct net_stats *stats = &dev->board->net->stats;
  charge(dev->board, COST_FRAME, 1);
  trace_put(dev->board, TR_RX, dev->index, len);
  dev->stats.rx_packets++;
  dev->stats.rx_bytes += len;
  if (!(dev->flags & IFF_UP)) return dropped(dev, &dev->stats.rx_dropped, DROP_DOWN, -ENETDOWN);
  if (len < NET_LL_GUARDSIZE || len > dev->mtu + NET_LL_GUARDSIZE)
    {
      dev->stats.errors++;
      return dropped(dev, &dev->stats.rx_errors, DROP_LENGTH, -EINVAL);
    }

  if (dev->board->net->npkt) pkt_input(dev, frame, len);
  struct rxpkt p = { .dev = dev, .eth = frame, .ip = frame + NET_LL_GUARDSIZE, .len = len - NET_LL_GUARDSIZE };
  p.nflat = p.len;
  p.iob = rx_chain(dev, p.ip, p.len);
  if (p.iob == NULL) return dropped(dev, &dev->stats.rx_noiob, DROP_NOIOB, -ENOMEM);
  switch (get16(frame + 12))
    {
      case 0x0800:
        dev->stats.rx_ipv4++;
        ipv4_input(&p);
        break;
      case 0x0806:
        dev->stats.rx_arp++;
        arp_input(&p);
        break;
      case 0x86dd:
        dev->stats.rx_ipv6++;
        if (dev->board->net->cfg[NETCFG_IPv6])
          {
            ipv6_input(&p);
            break;
          }
        stats->ipv6.recv++;       /* not spoken here, but counted by name as NuttX does */
        stats->ipv6.drop++;
        rx_drop(&p, DROP_TYPE);
        break;
      default:
        devif_drop(&p, DROP_TYPE);
    }
  return 0;
}

void devif_send(struct netdev *dev, struct iob_s *frame)
{
  charge(dev->board, COST_FRAME, 1);
  dev->stats.tx_packets++;
  dev->stats.tx_bytes += frame->io_pktlen;
  dev->transmit(dev, frame);
}

/* What we send to ourselves is sent, received and answered in one go, and never meets a wire. */

void devif_loopback(struct netdev *dev, struct iob_s *iob)
{
  uint8_t flat[RX_FLAT];
  struct rxpkt p = { .dev = dev, .iob = iob, .ip = flat, .len = iob->io_pktlen };
  charge(dev->board, COST_FRAME, 1);
  trace_put(dev->board, TR_RX, dev->index, p.len);
  dev->stats.tx_packets++;
  dev->stats.tx_bytes += p.len;
  dev->stats.tx_done++;
  dev->stats.rx_packets++;
  dev->stats.rx_bytes += p.len;
  if (!(dev->flags & IFF_UP))
    {
      devif_drop(&p, DROP_DOWN);
      return;
    }
  p.nflat = (uint32_t)iob_copyout(flat, iob, min_u32(p.len, sizeof flat), 0);
  iob_set_owner(dev->board, iob, IOB_OWNER(IOB_OWNER_RXWORK, dev->index));
  ip_input(&p);
}

/* One packet of one kind of traffic; false: there is none, or no buffer to build it in. */

static bool poll_one(struct netdev *dev, uint32_t type)
{
  switch (type)
    {
      case TCP_POLL:    return tcp_poll(dev);
      case UDP_POLL:    return udp_poll(dev);
      case PKT_POLL:    return pkt_poll(dev);
      case IPFRAG_POLL: return ipfrag_poll(dev);
      case ARP_POLL:    return neighbor_poll(dev, IP_V4);
      case ICMP_POLL:   return icmp_poll(dev, IP_V4);
      case ICMPv6_POLL:
        return neighbor_poll(dev, IP_V6) || icmpv6_dad_poll(dev) || icmpv6_router_poll(dev) || icmp_poll(dev, IP_V6);
      default:          return false;
    }
}

/* Lower types first: a busy UDP sender keeps requests and pings waiting, and when the ring fills they are not even
 * visited. A type's flag goes when it has nothing more, so also when a buffer is lacking: nobody asks again until the
 * next netdev_txnotify (NuttX's lost poll). Only the fragments of a packet that has begun to leave go before anything
 * else: NuttX sends them in the same go.
 */

int devif_poll(struct netdev *dev, uint32_t budget)
{
  uint32_t sent = 0;
  while (sent < budget && dev->polltypes && (dev->flags & IFF_UP) && netdev_txroom(dev))
    {
      uint32_t type = dev->polltypes & IPFRAG_POLL ? IPFRAG_POLL : dev->polltypes & (0u - dev->polltypes);
      if (!poll_one(dev, type))
        dev->polltypes &= ~type;
      else if (++sent < budget && !budget_left(dev->board))
        break;
    }
  return (int)sent;
}
