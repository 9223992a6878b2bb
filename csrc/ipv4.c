/* ipv4.c - what is accepted, whom it goes to, and the header of what is sent (RFC 791, RFC 1122 3.2).
 *
 * A host, not a router: nothing is forwarded. Options are skipped.
 */
#include "tcp.h"

static void ipv4_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why)
{
  p->dev->board->net->stats.ipv4.drop++;
  if (count) ++*count;
  rx_drop(p, why);
}

/* Nobody can have sent this: RFC 1122 3.2.1.3. The unspecified address is for those who have none yet, and they ask
 * everybody. Our own comes back only by loopback.
 */

static bool impossible_source(const struct rxpkt *p, bool everybody)
{
  const struct netdev *dev = p->dev;
  if (p->eth == NULL) return false;
  if (p->src == INADDR_ANY) return !everybody;
  return p->src == dev->ipaddr || p->src >> 24 == 127 || IN_MULTICAST(p->src) || netdev_isbroadcast(dev, p->src);
}

/* Also UDP for an address that this device does not have, if a socket is bound to it: a DHCP server sends to the address
 * that it offers (NuttX: CONFIG_NET_BINDTODEVICE).
 */

static bool for_us(const struct rxpkt *p, uint32_t proto, bool everybody)
{
  const struct netdev *dev = p->dev;
  if (everybody) return dev->board->net->cfg[NETCFG_BROADCAST];
  if (p->dst == INADDR_ANY || IN_MULTICAST(p->dst)) return false;
  return p->dst == dev->ipaddr || (proto == IP_PROTO_UDP && p->eth && udp_bound(dev));
}

/* Padding goes: the chain becomes as long as the packet says it is. */

static void trim(struct rxpkt *p, uint32_t len)
{
  struct iob_s *iob = p->iob;
  p->len = len;
  if (iob->io_flink == NULL)
    iob->io_len = (uint16_t)(iob->io_pktlen = len);
  else if (iob->io_pktlen > len)
    p->iob = iob_trimtail(p->dev->board, iob, iob->io_pktlen - len);
}

/* Version, lengths, checksum. What is wrong with it, 0 if nothing; *count is what that counts as besides a drop. */

static enum rx_drop invalid(const struct rxpkt *p, struct net_stats *stats, uint64_t **count)
{
  uint32_t contiguous = p->dev->board->iob.bufsize - NET_LL_GUARDSIZE;
  const uint8_t *ip = p->ip;
  *count = NULL;
  if (p->len < IPv4_HDRLEN) return DROP_LENGTH;
  *count = &stats->vhlerr;
  if (ip[0] >> 4 != 4 || p->hlen < IPv4_HDRLEN) return DROP_HEADER;
  *count = NULL;
  uint32_t total = get16(ip + 2);
  if (p->hlen > p->len || total < p->hlen || total > p->len) return DROP_LENGTH;
  if (p->hlen + UDP_HDRLEN > contiguous) return DROP_LENGTH;    /* more options than a small IOB can hold */
  *count = &stats->ipv4.chkerr;
  return csum_fold(csum_add(0, ip, p->hlen)) ? DROP_CHECKSUM : 0;
}

void ipv4_input(struct rxpkt *p)
{
  struct netdev *dev = p->dev;
  struct net *net = dev->board->net;
  const uint8_t *ip = p->ip;
  uint64_t *count;
  net->stats.ipv4.recv++;

  p->hlen = p->len ? (ip[0] & 15u) * 4 : 0;
  enum rx_drop why = invalid(p, &net->stats, &count);
  if (why)
    {
      ipv4_drop(p, count, why);
      return;
    }
  charge(dev->board, COST_CSUM, p->hlen);
  p->src = get32(ip + 12);
  p->dst = get32(ip + 16);
  bool everybody = netdev_isbroadcast(dev, p->dst);
  p->broadcast = everybody || (p->eth && (p->eth[0] & 1));
  if (impossible_source(p, everybody))
    {
      ipv4_drop(p, NULL, DROP_SOURCE);
      return;
    }
  if (p->eth && net->cfg[NETCFG_ARP_IPIN]) arp_ipin(dev, p->src, p->eth + 6);

  if (!for_us(p, ip[9], everybody))
    {
      ipv4_drop(p, NULL, DROP_DEST);
      return;
    }
  trim(p, get16(ip + 2));
  if (get16(ip + 6) & (IP_MF | IP_OFFSET))
    {
      ipfrag_input(p);
      return;
    }

  uint32_t proto = ip[9];
  if (proto == IP_PROTO_UDP)
    udp_input(p);
  else if (everybody)
    ipv4_drop(p, NULL, DROP_DEST);
  else if (proto == IP_PROTO_ICMP)
    icmp_input(p);
  else if (proto == IP_PROTO_TCP && net->tcp)
    tcp_input(p);
  else
    {
      net->stats.ipv4.drop++;
      net->stats.ipv4.typeerr++;
      icmp_error(p, ICMP_DEST_UNREACHABLE, ICMP_PROT_UNREACH);
    }
}

void ipv4_header(struct net *net, uint8_t *ip, uint32_t len, uint32_t proto, uint32_t src, uint32_t dst, uint32_t ttl)
{
  put16(ip, 0x4500);
  put16(ip + 2, len);
  put16(ip + 4, ++net->ipid);
  put16(ip + 6, IP_DF);
  ip[8] = (uint8_t)ttl;
  ip[9] = (uint8_t)proto;
  put16(ip + 10, 0);
  put32(ip + 12, src);
  put32(ip + 16, dst);
  csum_put(ip + 10, csum_fold(csum_add(0, ip, IPv4_HDRLEN)));
}

void ipv4_settos(uint8_t *ip, uint32_t tos)
{
  if (tos == 0) return;
  ip[1] = (uint8_t)tos;
  put16(ip + 10, 0);
  csum_put(ip + 10, csum_fold(csum_add(0, ip, IPv4_HDRLEN)));
}

/* Only UDP and ICMP make what does not fit (TCP never does). What is for the board itself has no frame to fit. */

void ipv4_out(struct netdev *dev, struct iob_s *iob, uint32_t dst)
{
  bool loopback = (dev->flags & IFF_LOOPBACK) || dst == dev->ipaddr;
  if (!loopback && iob->io_pktlen > dev->mtu)
    {
      ipfrag_out(dev, iob, dst);
      return;
    }
  dev->board->net->stats.ipv4.sent++;
  if (loopback)
    devif_loopback(dev, iob);
  else
    arp_out(dev, iob, dst);
}

/* An answer made while a packet is taken in goes out at once or not at all. */

void ipv4_reply(struct netdev *dev, struct iob_s *iob, uint32_t dst)
{
  if (netdev_txroom(dev))
    ipv4_out(dev, iob, dst);
  else
    {
      dev->stats.tx_noroom++;
      iob_free_chain(dev->board, iob);
    }
}
