/* icmpv6_neighbor.c - neighbor discovery: who has an address, and answers to that (RFC 4861 7.2). What it learns is in
 * neighbor.c; whether an address may be ours is asked by the same messages, see icmpv6_dad.c.
 *
 * As in NuttX there is no test whether a neighbor is still reachable. Unlike it, what contradicts the RFC is not
 * believed: messages that came over a router, advertisements that nobody asked for.
 */
#include "inet.h"

#define ND_LEN        24u     /* ICMPv6 header and target */
#define OPT_LEN        8u     /* an option with an Ethernet address */
#define OPT_SRCLLADDR  1u
#define OPT_TGTLLADDR  2u
#define HOPLIMIT     255u

enum { FLAG_ROUTER = 0x80, FLAG_SOLICITED = 0x40, FLAG_OVERRIDE = 0x20 };

/* Making them, in the first buffer of any chain; a small one needs a second. False: there was none, and it is gone. */

static bool build(struct netdev *dev, struct iob_s *iob, const struct ip_head *h, uint32_t type, uint32_t flags,
                  struct ipaddr target, uint32_t option)
{
  struct board *b = dev->board;
  uint8_t ip[IPv6_HDRLEN + ND_LEN + OPT_LEN], *icmp = ip + IPv6_HDRLEN;
  uint32_t len = ND_LEN + (option ? OPT_LEN : 0);
  ipv6_header(ip, IPv6_HDRLEN + len, h);
  memset(icmp, 0, ICMP_HDRLEN);
  icmp[0] = (uint8_t)type;
  icmp[4] = (uint8_t)flags;
  ipaddr_store(icmp + 8, target);
  if (option)
    {
      icmp[ND_LEN] = (uint8_t)option;
      icmp[ND_LEN + 1] = OPT_LEN / 8;
      memcpy(icmp + ND_LEN + 2, dev->mac, NET_ETHALEN);
    }
  charge(b, COST_CSUM, len);
  csum_put(icmp + 2, csum_fold(csum_add(icmp_pseudo(h->src, h->dst, len), icmp, len)));

  iob_free_chain(b, iob->io_flink);
  iob->io_flink = NULL;
  iob->io_offset = NET_LL_GUARDSIZE;
  iob->io_len = (uint16_t)(iob->io_pktlen = 0);
  if (iob_copyin(b, iob, ip, IPv6_HDRLEN + len, 0, false) < 0)
    {
      dev->stats.tx_noiob++;
      iob_free_chain(b, iob);
      return false;
    }
  b->net->stats.icmpv6.sent++;
  return true;
}

/* To the group of all who could have it: it is sent at once, and no address has to be resolved for that. */

void icmpv6_solicit_from(struct netdev *dev, struct iob_s *iob, struct ipaddr source, struct ipaddr target)
{
  struct ip_head h = { .src = source, .dst = ipv6_solicited_node(target), .proto = IP_PROTO_ICMP6, .ttl = HOPLIMIT };
  if (!build(dev, iob, &h, ICMPv6_NEIGHBOR_SOLICIT, 0, target, ipaddr_isany(source) ? 0 : OPT_SRCLLADDR)) return;
  dev->board->net->stats.ipv6.sent++;
  neighbor_out(dev, iob, h.dst);
}

/* From nobody it would be another question, whether the target is free. */

void icmpv6_solicit(struct netdev *dev, struct iob_s *iob, struct ipaddr target)
{
  struct ipaddr source = netdev_source(dev, target);
  if (ipaddr_isany(source))
    iob_free_chain(dev->board, iob);
  else
    icmpv6_solicit_from(dev, iob, source, target);
}

static void advertise(struct rxpkt *p, struct ipaddr target)
{
  bool known = !ipaddr_isany(p->src);                 /* else it is tested whether the target is free: all are told */
  struct ip_head h = { .src = target, .dst = known ? p->src : ipv6_all_nodes, .proto = IP_PROTO_ICMP6, .ttl = HOPLIMIT };
  uint32_t flags = FLAG_OVERRIDE | (known ? FLAG_SOLICITED : 0);
  if (build(p->dev, p->iob, &h, ICMPv6_NEIGHBOR_ADVERTISE, flags, target, OPT_TGTLLADDR)) ip_reply(p->dev, p->iob, h.dst);
}

/* Hearing them. The link-layer address that an option has, or NULL; false: the message is not valid (RFC 4861 7.1). */

static bool parse(const struct rxpkt *p, uint32_t option, const uint8_t **mac)
{
  const uint8_t *icmp = p->ip + p->hlen;
  uint32_t len = min_u32(p->len, p->nflat) - p->hlen;
  *mac = NULL;
  if (p->fragmented || p->ip[7] != HOPLIMIT || icmp[1] != 0 || len < ND_LEN || icmp[8] == 0xff) return false;
  for (uint32_t at = ND_LEN; at < len; at += icmp[at + 1] * 8u)
    {
      if (len - at < OPT_LEN || icmp[at + 1] == 0 || icmp[at + 1] * 8u > len - at) return false;
      if (icmp[at] == option && icmp[at + 1] == 1) *mac = icmp + at + 2;
    }
  return true;
}

bool icmpv6_believable(const struct netdev *dev, struct ipaddr addr, const uint8_t *mac)
{
  static const uint8_t unknown_mac[NET_ETHALEN];
  if (mac == NULL || mac[0] & 1 || memcmp(mac, unknown_mac, NET_ETHALEN) == 0) return false;
  return !(dev->flags & IFF_NOARP) && netdev_onlink(dev, addr) && !netdev_has(dev, addr);
}

void icmpv6_ipin(const struct rxpkt *p)
{
  if (!p->dev->board->net->cfg[NETCFG_IPv6_IPIN] || p->eth == NULL) return;
  if (icmpv6_believable(p->dev, p->src, p->eth + 6)) neighbor_update(p->dev, p->src, p->eth + 6, false);
}

void icmpv6_solicited(struct rxpkt *p)
{
  struct netdev *dev = p->dev;
  const uint8_t *mac;
  bool probe = ipaddr_isany(p->src);                  /* from who wants to have that address itself */
  if (!parse(p, OPT_SRCLLADDR, &mac))
    {
      icmp_drop(p, NULL, DROP_HEADER);
      return;
    }
  struct ipaddr target = ipaddr_load(p->ip + p->hlen + 8);
  if (probe && (mac || !ipaddr_equal(p->dst, ipv6_solicited_node(target))))
    {
      icmp_drop(p, NULL, DROP_HEADER);
      return;
    }
  if (probe) icmpv6_claimed(dev, target);
  if (!netdev_has(dev, target) || dev->flags & IFF_NOARP)
    {
      icmp_drop(p, NULL, DROP_DEST);
      return;
    }
  if (!probe && icmpv6_believable(dev, p->src, mac)) neighbor_update(dev, p->src, mac, false);
  advertise(p, target);
}

void icmpv6_advertised(struct rxpkt *p)
{
  struct netdev *dev = p->dev;
  const uint8_t *mac;
  uint32_t flags = p->ip[p->hlen + 4];
  if (!parse(p, OPT_TGTLLADDR, &mac) || (flags & FLAG_SOLICITED && ipaddr_ismulticast(p->dst)))
    {
      icmp_drop(p, NULL, DROP_HEADER);
      return;
    }
  struct ipaddr target = ipaddr_load(p->ip + p->hlen + 8);
  icmpv6_claimed(dev, target);
  bool told = dev->board->net->cfg[NETCFG_ICMPv6_AUTOCONF];       /* else the router is who was configured */
  if (told && !(flags & FLAG_ROUTER) && ipaddr_equal(dev->router[IP_V6], target)) dev->router[IP_V6] = ipaddr_anylike(target);
  struct neighbor *e = neighbor_entry(dev, target);
  if (e == NULL || !icmpv6_believable(dev, target, mac))
    {
      icmp_drop(p, NULL, DROP_NOBODY);
      return;
    }
  bool known = neighbor_find(dev, target, NULL) == 0, same = memcmp(e->mac, mac, NET_ETHALEN) == 0;
  if (!known || same || flags & FLAG_OVERRIDE) neighbor_update(dev, target, mac, false);
  iob_free_chain(dev->board, p->iob);
}
