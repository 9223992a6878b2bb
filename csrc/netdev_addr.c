/* netdev_addr.c - the addresses of a device: which are its own, whom it reaches, and which one it sends from. */

#include "inet.h"

static bool usable(const struct ifaddr *a)
{
  return a->state == IFADDR_READY;
}

bool netdev_has(const struct netdev *dev, struct ipaddr addr)
{
  for (const struct ifaddr *a = dev->ifaddr; a < dev->ifaddr + dev->nifaddrs; a++)
    if (ipaddr_equal(a->addr, addr) && usable(a)) return true;
  return false;
}

bool netdev_isours(struct board *b, struct ipaddr addr)
{
  for (uint32_t i = 0; b->net && i < b->net->ndevs; i++)
    if (netdev_has(&b->net->dev[i], addr)) return true;
  return false;
}

/* Link-local addresses are nowhere else (RFC 4861 5.2). The IPv4 network counts before the device has an address, too. */

bool netdev_onlink(const struct netdev *dev, struct ipaddr addr)
{
  const struct ifaddr *a = dev->ifaddr;
  if (ipaddr_isv4(addr)) return ipaddr_matches(addr, a->addr, a->mask);
  if (ipaddr_islinklocal(addr)) return true;
  while (++a < dev->ifaddr + dev->nifaddrs)
    if (usable(a) && ipaddr_matches(addr, a->addr, a->mask)) return true;
  return false;
}

bool netdev_isbroadcast(const struct netdev *dev, struct ipaddr addr)
{
  const struct ifaddr *a = dev->ifaddr;
  uint32_t v4 = ipaddr_tov4(addr), mask = (uint32_t)a->mask.lo;
  if (!ipaddr_isv4(addr)) return false;
  if (v4 == INADDR_BROADCAST) return true;
  return usable(a) && mask < 0xfffffffe && ipaddr_matches(addr, a->addr, a->mask) && (v4 | mask) == ~0u;
}

/* How far an address reaches (RFC 4007 5, RFC 4291 2.7), as multicast addresses say it. */

static uint32_t scope(struct ipaddr a)
{
  if (ipaddr_ismulticast(a)) return a.hi >> 48 & 15;
  return ipaddr_islinklocal(a) || ipaddr_isloopback(a) ? 2 : 14;
}

static uint32_t common_bits(struct ipaddr a, struct ipaddr b)
{
  if (a.hi != b.hi) return (uint32_t)__builtin_clzll(a.hi ^ b.hi);
  return a.lo != b.lo ? 64 + (uint32_t)__builtin_clzll(a.lo ^ b.lo) : 128;
}

static uint32_t common_prefix(const struct ifaddr *a, struct ipaddr dst)
{
  return min_u32(common_bits(a->addr, dst), ipaddr_preflen(a->mask));
}

/* RFC 6724 section 5, rules 2 and 8, those that NuttX knows; rule 1 is that both are the same. */

static bool better(const struct ifaddr *a, const struct ifaddr *best, struct ipaddr dst)
{
  uint32_t reach = scope(a->addr), most = scope(best->addr);
  if (ipaddr_equal(a->addr, dst)) return true;
  if (reach < most) return reach >= scope(dst);
  if (reach > most) return most < scope(dst);
  return !ipaddr_equal(best->addr, dst) && common_prefix(a, dst) > common_prefix(best, dst);
}

struct ipaddr netdev_source(const struct netdev *dev, struct ipaddr dst)
{
  if (ipaddr_isv4(dst)) return dev->ifaddr[0].addr;
  const struct ifaddr *best = NULL;
  for (const struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    if (usable(a) && (best == NULL || better(a, best, dst))) best = a;
  return best ? best->addr : ipaddr_anylike(dst);
}

/* IPv6 addresses stand without gaps behind the IPv4 one, in the order in which they came. */

struct ifaddr *netdev_ifaddr(struct netdev *dev, struct ipaddr addr)
{
  for (struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    if (ipaddr_equal(a->addr, addr)) return a;
  return NULL;
}

int netdev_addaddr(struct netdev *dev, struct ipaddr addr, uint32_t preflen, bool test)
{
  const int64_t *cfg = dev->board->net->cfg;
  bool loopback = dev->flags & IFF_LOOPBACK;
  if (ipaddr_isv4(addr) || ipaddr_isany(addr) || ipaddr_ismulticast(addr) || preflen > 128) return -EINVAL;
  if (ipaddr_isloopback(addr) && !loopback) return -EINVAL;
  struct ifaddr *a = netdev_ifaddr(dev, addr);
  if (a == NULL)
    {
      if (!cfg[NETCFG_IPv6] || dev->nifaddrs > (loopback ? NET_IPv6_ADDRS : cfg[NETCFG_IPv6_MAX_ADDR])) return -ENOMEM;
      a = &dev->ifaddr[dev->nifaddrs++];
      *a = (struct ifaddr){ .addr = addr, .tested = test && !loopback };
      a->state = a->tested && !(dev->flags & IFF_NOARP) ? IFADDR_TENTATIVE : IFADDR_READY;
      icmpv6_dad_start(dev, a);
    }
  a->mask = ipaddr_mask(preflen);
  return 0;
}

int netdev_deladdr(struct netdev *dev, struct ipaddr addr)
{
  struct ifaddr *a = netdev_ifaddr(dev, addr);
  if (a == NULL) return -EADDRNOTAVAIL;
  dev->nifaddrs--;
  memmove(a, a + 1, (size_t)(dev->ifaddr + dev->nifaddrs - a) * sizeof *a);
  return 0;
}
