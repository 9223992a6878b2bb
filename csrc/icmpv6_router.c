/* icmpv6_router.c - routers: asking for them, and the addresses that they let a host make (RFC 4861 6.3, RFC 4862 5.5.3).
 *
 * Only with CONFIG_NET_ICMPv6_AUTOCONF. As in NuttX a prefix gives one address, and its lifetimes say only whether it is
 * worth one; a router stays the default router until another one, or it itself, says otherwise. Who waits for an answer
 * sleeps where the device's waiters do: kernel/netlib/autoconf.py.
 */
#include "tcp.h"

#define RS_LEN         8u
#define RA_LEN        16u
#define OPT_SRCLLADDR  1u
#define OPT_PREFIX     3u
#define OPT_MTU        5u
#define PREFIX_LEN    32u
#define PREFIX_LINK 0x80u     /* all of it is on the link */
#define PREFIX_AUTO 0x40u     /* hosts may make an address of it */
#define MTU_MIN     1280u
#define HOPLIMIT     255u

static const struct ipaddr all_routers = { 0xff02000000000000u, 2 };

struct ipaddr icmpv6_interface_address(const struct netdev *dev, uint64_t prefix)     /* RFC 4291 appendix A */
{
  const uint8_t *m = dev->mac;
  uint64_t id = (uint64_t)(m[0] ^ 2u) << 56 | (uint64_t)m[1] << 48 | (uint64_t)m[2] << 40 | 0xfffe000000u
                | (uint64_t)m[3] << 16 | (uint64_t)m[4] << 8 | m[5];
  return (struct ipaddr){ prefix, id };
}

/* A question that is due leaves; false: there is none, or no buffer for it. */

bool icmpv6_router_poll(struct netdev *dev)
{
  struct board *b = dev->board;
  if (!dev->asks_routers) return false;
  struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  uint8_t ip[IPv6_HDRLEN + RS_LEN + 8] = { 0 }, *icmp = ip + IPv6_HDRLEN;
  struct ip_head h = { .src = netdev_source(dev, all_routers), .dst = all_routers, .proto = IP_PROTO_ICMP6, .ttl = HOPLIMIT };
  uint32_t len = RS_LEN + (ipaddr_isany(h.src) ? 0 : 8);
  ipv6_header(ip, IPv6_HDRLEN + len, &h);
  icmp[0] = ICMPv6_ROUTER_SOLICIT;
  icmp[RS_LEN] = OPT_SRCLLADDR;
  icmp[RS_LEN + 1] = 1;
  memcpy(icmp + RS_LEN + 2, dev->mac, NET_ETHALEN);
  csum_put(icmp + 2, csum_fold(csum_add(icmp_pseudo(h.src, h.dst, len), icmp, len)));
  if (iob) iob->io_offset = NET_LL_GUARDSIZE;
  if (iob == NULL || iob_copyin(b, iob, ip, IPv6_HDRLEN + len, 0, false) < 0)
    {
      dev->stats.tx_noiob++;
      iob_free_chain(b, iob);
      return false;
    }
  dev->asks_routers = false;
  b->net->stats.icmpv6.sent++;
  b->net->stats.ipv6.sent++;
  neighbor_out(dev, iob, h.dst);
  return true;
}

/* A prefix option. The prefix of link-local addresses needs no router. Where there is room for one address, as without
 * CONFIG_NETDEV_MULTIPLE_IPv6, the new one takes the place of the link-local one, as in NuttX.
 */

static void prefix(struct netdev *dev, const uint8_t *option)
{
  struct ipaddr p = ipaddr_load(option + 16);
  uint32_t valid = get32(option + 4), preferred = get32(option + 8);
  if (!(option[3] & PREFIX_AUTO) || option[2] != 64 || valid == 0 || preferred > valid || ipaddr_islinklocal(p)) return;
  struct ipaddr addr = icmpv6_interface_address(dev, p.hi), first = dev->ifaddr[1].addr;
  bool link = option[3] & PREFIX_LINK;
  if (!link && netdev_ifaddr(dev, addr)) return;      /* that it is not on the link was not said */
  uint32_t len = link ? 64 : 128;
  if (netdev_addaddr(dev, addr, len, true) != -ENOMEM || dev->nifaddrs != 2 || !ipaddr_islinklocal(first)) return;
  netdev_deladdr(dev, first);
  netdev_addaddr(dev, addr, len, true);
}

static void take_option(struct rxpkt *p, const uint8_t *option)
{
  struct netdev *dev = p->dev;
  if (option[0] == OPT_SRCLLADDR && option[1] == 1 && icmpv6_believable(dev, p->src, option + 2))
    neighbor_update(dev, p->src, option + 2, false);
  else if (option[0] == OPT_PREFIX && option[1] == PREFIX_LEN / 8)
    prefix(dev, option);
  else if (option[0] == OPT_MTU && option[1] == 1 && get32(option + 4) >= MTU_MIN && get32(option + 4) <= dev->mtu)
    {
      dev->mtu6 = (uint16_t)get32(option + 4);
      tcp_mtu_changed(dev);
    }
}

/* All options have to be well formed before any is taken (RFC 4861 6.1.2). */

static bool valid(const struct rxpkt *p)
{
  const uint8_t *icmp = p->ip + p->hlen;
  uint32_t len = min_u32(p->len, p->nflat) - p->hlen;
  if (p->fragmented || p->ip[7] != HOPLIMIT || icmp[1] != 0 || len < RA_LEN || !ipaddr_islinklocal(p->src)) return false;
  for (uint32_t at = RA_LEN; at < len; at += icmp[at + 1] * 8u)
    if (len - at < 8 || icmp[at + 1] == 0 || icmp[at + 1] * 8u > len - at) return false;
  return true;
}

void icmpv6_router_advertised(struct rxpkt *p)
{
  struct netdev *dev = p->dev;
  struct board *b = dev->board;
  const uint8_t *icmp = p->ip + p->hlen;
  uint32_t len = min_u32(p->len, p->nflat) - p->hlen;
  if (!valid(p))
    {
      icmp_drop(p, NULL, DROP_HEADER);
      return;
    }
  for (uint32_t at = RA_LEN; at < len; at += icmp[at + 1] * 8u) take_option(p, icmp + at);
  if (get16(icmp + 6))
    dev->router[IP_V6] = p->src;
  else if (ipaddr_equal(dev->router[IP_V6], p->src))
    dev->router[IP_V6] = ipaddr_anylike(p->src);
  dev->advertised = true;
  netwait_wake_all(b, &dev->configured);
  iob_free_chain(b, p->iob);
}

/* What Python does with it. Each says 0 or -errno; who asks for a semaphore waits on it for something to change. */

static struct netdev *asker(struct board *b, int32_t index)
{
  return b->net && b->net->cfg[NETCFG_ICMPv6_AUTOCONF] ? netdev_find(b, index) : NULL;
}

int64_t autoconf_linklocal(struct board *b, int32_t index, uint8_t *addr)     /* that address; `addr`: IPADDR_LEN bytes for it */
{
  struct netdev *dev = asker(b, index);
  if (dev == NULL) return -ENODEV;
  struct ipaddr own = icmpv6_interface_address(dev, 0xfe80000000000000u);
  ipaddr_store(addr, own);
  return answer(b, netdev_addaddr(dev, own, 64, true));
}

int32_t autoconf_solicit(struct board *b, int32_t index)
{
  struct netdev *dev = asker(b, index);
  if (dev == NULL) return -ENODEV;
  dev->asks_routers = true;
  dev->advertised = false;
  netdev_txnotify(dev, ICMPv6_POLL);
  return 0;
}

int32_t autoconf_advertised(struct board *b, int32_t index)
{
  const struct netdev *dev = asker(b, index);
  return dev ? dev->advertised : -ENODEV;
}

int32_t autoconf_sem(struct board *b, int32_t index)
{
  struct netdev *dev = asker(b, index);
  if (dev == NULL) return -ENODEV;
  if (dev->configured.sem.id == 0 && nxsem_init(b, &dev->configured.sem, 0) < 0) return -ENOMEM;
  return netwait_expect(&dev->configured, (int32_t)dev->configured.sem.id);
}
