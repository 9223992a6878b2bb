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
  if (p->eth == NULL) return false;
  if (ipaddr_isany(p->src)) return !everybody;
  return netdev_has(p->dev, p->src) || ipaddr_isloopback(p->src) || netdev_isgroup(p->dev, p->src);
}

/* Also UDP for an address that this device does not have, if a socket is bound to it: a DHCP server sends to the address
 * that it offers (NuttX: CONFIG_NET_BINDTODEVICE).
 */

static bool for_us(const struct rxpkt *p, bool everybody)
{
  const struct netdev *dev = p->dev;
  if (everybody) return dev->board->net->cfg[NETCFG_BROADCAST];
  if (ipaddr_isany(p->dst) || ipaddr_ismulticast(p->dst)) return false;
  return netdev_has(dev, p->dst) || (p->proto == IP_PROTO_UDP && p->eth && udp_bound(dev));
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
  p->proto = ip[9];
  p->src = ipaddr_v4(get32(ip + 12));
  p->dst = ipaddr_v4(get32(ip + 16));
  bool everybody = netdev_isbroadcast(dev, p->dst);
  p->broadcast = everybody || (p->eth && (p->eth[0] & 1));
  if (impossible_source(p, everybody))
    {
      ipv4_drop(p, NULL, DROP_SOURCE);
      return;
    }
  if (p->eth && net->cfg[NETCFG_ARP_IPIN]) arp_ipin(dev, ipaddr_tov4(p->src), p->eth + 6);

  if (!for_us(p, everybody))
    {
      ipv4_drop(p, NULL, DROP_DEST);
      return;
    }
  ip_trim(p, get16(ip + 2));
  if (get16(ip + 6) & (IP_MF | IP_OFFSET))
    ipfrag_input(p, get16(ip + 4), (get16(ip + 6) & IP_OFFSET) * 8, get16(ip + 6) & IP_MF);
  else
    ip_deliver(p);
}

void ipv4_unfragment(struct iob_s *iob, uint32_t hlen)
{
  uint8_t *ip = iob_at(iob, 0);
  put16(ip + 2, iob->io_pktlen);
  put16(ip + 6, 0);
  put16(ip + 10, 0);
  csum_put(ip + 10, csum_fold(csum_add(0, ip, hlen)));
}

void ipv4_header(struct net *net, uint8_t *ip, uint32_t len, const struct ip_head *h)
{
  ip[0] = 0x45;
  ip[1] = h->tos;
  put16(ip + 2, len);
  put16(ip + 4, ++net->ipid);
  put16(ip + 6, IP_DF);
  ip[8] = h->ttl;
  ip[9] = h->proto;
  put16(ip + 10, 0);
  put32(ip + 12, ipaddr_tov4(h->src));
  put32(ip + 16, ipaddr_tov4(h->dst));
  csum_put(ip + 10, csum_fold(csum_add(0, ip, IPv4_HDRLEN)));
}
