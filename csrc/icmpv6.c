/* icmpv6.c - control messages of IPv6 (RFC 4443): what icmp.c does not have in common with ICMP. Neighbor discovery is in
 * icmpv6_neighbor.c.
 */
#include "tcp.h"

#define PMTU_MIN 1280u        /* every link carries that much; what says less is not believed (RFC 8201 4) */

static int32_t error_of(uint32_t type, uint32_t code)
{
  static const int32_t unreachable[] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES };
  if (type == ICMPv6_TOO_BIG) return EMSGSIZE;
  if (type == ICMPv6_PARAM_PROBLEM) return EPROTO;
  if (type == ICMPv6_UNREACHABLE && code < sizeof unreachable / sizeof *unreachable) return unreachable[code];
  return EHOSTUNREACH;
}

/* What it quotes is of ours, which has no extension headers but that of a fragment. */

static bool error_input(struct rxpkt *p, const uint8_t *icmp, uint32_t len)
{
  const uint8_t *ip = icmp + ICMP_HDRLEN, *up = ip + IPv6_HDRLEN;
  struct net *net = p->dev->board->net;
  uint32_t type = icmp[0], code = icmp[1];
  if (len < ICMP_HDRLEN + IPv6_HDRLEN + UDP_HDRLEN || ip[0] >> 4 != 6) return false;
  if (type == ICMPv6_TOO_BIG && get32(icmp + 4) < PMTU_MIN) return false;
  uint32_t proto = ip[6];
  if (proto == IPv6_FRAGMENT)
    {
      if (len < ICMP_HDRLEN + IPv6_HDRLEN + IPv6_FRAGLEN + UDP_HDRLEN || get16(up + 2) & 0xfff8) return false;
      proto = up[0];
      up += IPv6_FRAGLEN;
    }
  struct quoted q = { ipaddr_load(ip + 8), ipaddr_load(ip + 24), (uint16_t)get16(up), (uint16_t)get16(up + 2),
                      get32(up + 4) };
  if (!ipaddr_equal(q.laddr, p->dst)) return false;
  if (proto == IP_PROTO_UDP)
    udp_error(p->dev, &q, error_of(type, code));
  else if (proto != IP_PROTO_TCP)
    return false;
  else if (type == ICMPv6_TOO_BIG)
    tcp_mtu(net, &q, get32(icmp + 4));
  else
    tcp_error(net, &q, error_of(type, code), type == ICMPv6_UNREACHABLE && code == ICMPv6_PORT_UNREACH);
  return true;
}

/* A ping for everybody is answered, too, by who has an address to answer from. */

static void echo(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  if (ipaddr_isany(p->src) || ipaddr_isany(netdev_source(p->dev, p->src)))
    icmp_drop(p, NULL, DROP_SOURCE);
  else if (ipaddr_ismulticast(p->dst) && !ipaddr_equal(p->dst, ipv6_all_nodes))
    icmp_drop(p, &net->stats.icmpv6.typeerr, DROP_DEST);
  else
    {
      icmpv6_ipin(p);
      icmp_echo_reply(p, ICMPv6_ECHO_REPLY);
    }
}

void icmpv6_input(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  const uint8_t *icmp = p->ip + p->hlen;
  if (!icmp_valid(p, net->cfg[NETCFG_ICMPv6])) return;
  switch (icmp[0])
    {
      case ICMPv6_ECHO_REQUEST:
        echo(p);
        return;
      case ICMPv6_ECHO_REPLY:
        if (!icmp_deliver(p, get16(icmp + 4))) icmp_drop(p, &net->stats.icmpv6.typeerr, DROP_NOBODY);
        return;
      case ICMPv6_NEIGHBOR_SOLICIT:
        icmpv6_solicited(p);
        return;
      case ICMPv6_NEIGHBOR_ADVERTISE:
        icmpv6_advertised(p);
        return;
      case ICMPv6_ROUTER_ADVERTISE:
        if (!net->cfg[NETCFG_ICMPv6_AUTOCONF]) break;
        icmpv6_router_advertised(p);
        return;
      case ICMPv6_UNREACHABLE:
      case ICMPv6_TOO_BIG:
      case ICMPv6_TIME_EXCEEDED:
      case ICMPv6_PARAM_PROBLEM:
        if (!error_input(p, icmp, p->len - p->hlen)) break;
        iob_free_chain(p->dev->board, p->iob);
        return;
    }
  icmp_drop(p, &net->stats.icmpv6.typeerr, DROP_TYPE);
}
