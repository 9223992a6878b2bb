/* ip.c - what does not depend on the version of IP: which protocol a packet goes to, and how one leaves. */

#include "tcp.h"

struct proto_stats *ip_stats(struct net *net, struct ipaddr a)
{
  return ipaddr_isv4(a) ? &net->stats.ipv4 : &net->stats.ipv6;
}

void ip_input(struct rxpkt *p)
{
  if (p->len && p->ip[0] >> 4 == 6)
    {
      p->dev->stats.rx_ipv6++;
      ipv6_input(p);
    }
  else
    {
      p->dev->stats.rx_ipv4++;
      ipv4_input(p);
    }
}

/* The chain becomes as long as the packet says it is. */

void ip_trim(struct rxpkt *p, uint32_t len)
{
  struct iob_s *iob = p->iob;
  p->len = len;
  if (iob->io_flink == NULL)
    iob->io_len = (uint16_t)(iob->io_pktlen = len);
  else if (iob->io_pktlen > len)
    p->iob = iob_trimtail(p->dev->board, iob, iob->io_pktlen - len);
}

void ip_deliver(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  if (p->proto == IP_PROTO_UDP)
    udp_input(p);
  else if (p->proto == IP_PROTO_TCP && net->tcp && !netdev_isgroup(p->dev, p->dst))
    tcp_input(p);
  else if (p->proto == IP_PROTO_ICMP && ipaddr_isv4(p->dst) && !netdev_isgroup(p->dev, p->dst))
    icmp_input(p);
  else if (p->proto == IP_PROTO_ICMP6 && !ipaddr_isv4(p->dst))
    icmpv6_input(p);
  else
    {
      struct proto_stats *stats = ip_stats(net, p->dst);
      stats->drop++;
      if (netdev_isgroup(p->dev, p->dst))
        {
          rx_drop(p, DROP_DEST);
          return;
        }
      stats->typeerr++;
      icmp_unreachable_protocol(p);
    }
}

void ip_header(struct net *net, uint8_t *ip, uint32_t len, const struct ip_head *h)
{
  if (ipaddr_isv4(h->dst))
    ipv4_header(net, ip, len, h);
  else
    ipv6_header(ip, len, h);
}

/* Only UDP and ICMP make what does not fit (TCP never does). What is for the board itself has no frame to fit. */

void ip_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst)
{
  bool loopback = (dev->flags & IFF_LOOPBACK) || netdev_has(dev, dst);
  if (!loopback && iob->io_pktlen > netdev_mtu(dev, dst))
    {
      ipfrag_out(dev, iob, dst);
      return;
    }
  ip_stats(dev->board->net, dst)->sent++;
  if (loopback)
    devif_loopback(dev, iob);
  else
    neighbor_out(dev, iob, dst);
}

/* An answer made while a packet is taken in goes out at once or not at all. */

void ip_reply(struct netdev *dev, struct iob_s *iob, struct ipaddr dst)
{
  if (netdev_txroom(dev))
    ip_out(dev, iob, dst);
  else
    {
      dev->stats.tx_noroom++;
      iob_free_chain(dev->board, iob);
    }
}
