/* netdev.c - network devices: registration, state, and which of them leads where. Their addresses are in netdev_addr.c. */

#include "tcp.h"

/* A device is born down, without an address. It lives as long as its board. NULL: too many, or a bad argument. */

struct netdev *netdev_register(struct board *b, const char *name, uint32_t flags, uint32_t mtu, const uint8_t *mac)
{
  struct net *net = b->net;
  if (net == NULL || net->ndevs == NET_NETDEVS || mtu < 576 || mtu > NET_MTU_MAX) return NULL;
  if (strlen(name) >= IFNAMSIZ) return NULL;
  struct netdev *dev = &net->dev[net->ndevs++];
  dev->board = b;
  dev->index = (uint8_t)net->ndevs;
  dev->flags = flags;
  dev->mtu = (uint16_t)mtu;
  dev->ifaddr[0] = (struct ifaddr){ .addr = ipaddr_v4(INADDR_ANY), .mask = ipaddr_mask(96) };
  dev->nifaddrs = 1;
  dev->router[IP_V4] = ipaddr_v4(INADDR_ANY);
  strcpy(dev->name, name);
  if (mac) memcpy(dev->mac, mac, NET_ETHALEN);
  return dev;
}

struct netdev *netdev_find(struct board *b, int32_t index)
{
  struct net *net = b->net;
  return net && index > 0 && (uint32_t)index <= net->ndevs ? &net->dev[index - 1] : NULL;
}

/* The device is up and has an address there. Every neighbor has a link-local one. */

static bool leads_to(const struct netdev *dev, struct ipaddr dst)
{
  if (!(dev->flags & IFF_UP)) return false;
  if (netdev_has(dev, dst)) return true;
  if (ipaddr_islinklocal(dst) && dev->flags & IFF_LOOPBACK) return false;
  return netdev_onlink(dev, dst) && !ipaddr_isany(netdev_source(dev, dst));
}

/* The longest match, as with NuttX's CONFIG_ROUTE_LONGEST_MATCH, which is its default. */

static struct ipaddr route_lookup(const struct net *net, struct ipaddr dst)
{
  const struct net_route *best = NULL;
  for (uint32_t i = 0; i < NET_NROUTES; i++)
    {
      const struct net_route *r = &net->route[i];
      if (ipaddr_isany(r->router) || !ipaddr_matches(r->target, dst, r->mask)) continue;
      if (ipaddr_kind(r->target) != ipaddr_kind(dst)) continue;
      if (best == NULL || ipaddr_preflen(r->mask) > ipaddr_preflen(best->mask)) best = r;
    }
  return best ? best->router : ipaddr_anylike(dst);
}

/* In NuttX's order: a device on that very network, a route, the first device that has a router. */

struct netdev *netdev_foraddr(struct board *b, struct ipaddr dst)
{
  struct net *net = b->net;
  if (net == NULL) return NULL;
  bool all = ipaddr_ismulticast(dst) || ipaddr_equal(dst, ipaddr_v4(INADDR_BROADCAST));
  struct ipaddr router = ipaddr_anylike(dst);
  if (!all)
    {
      for (uint32_t i = 0; i < net->ndevs; i++)
        if (leads_to(&net->dev[i], dst)) return &net->dev[i];
      router = route_lookup(net, dst);
    }
  for (uint32_t i = 0; i < net->ndevs && !ipaddr_isany(router); i++)
    if (leads_to(&net->dev[i], router)) return &net->dev[i];

  for (uint32_t i = 0; i < net->ndevs; i++)
    {
      struct netdev *dev = &net->dev[i];
      bool way = all ? ipaddr_isv4(dst) || !ipaddr_isany(netdev_source(dev, dst))
                     : !ipaddr_isany(dev->router[ipaddr_kind(dst)]);
      if ((dev->flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP && way) return dev;
    }
  return NULL;
}

struct netdev *netdev_leading(struct board *b, int32_t boundif, struct ipaddr dst)
{
  return boundif ? netdev_find(b, boundif) : netdev_foraddr(b, dst);
}

struct ipaddr netdev_hop(const struct netdev *dev, struct ipaddr dst)
{
  if (netdev_onlink(dev, dst)) return dst;
  struct ipaddr router = route_lookup(dev->board->net, dst);
  return !ipaddr_isany(router) && netdev_onlink(dev, router) ? router : dev->router[ipaddr_kind(dst)];
}

uint32_t netdev_mtu(const struct netdev *dev, struct ipaddr dst)
{
  return !ipaddr_isv4(dst) && dev->mtu6 && dev->mtu6 < dev->mtu ? dev->mtu6 : dev->mtu;
}

/* Something can be sent. The driver is told by whoever called into the core (net_txavail): it may be in Python. */

void netdev_txnotify(struct netdev *dev, uint32_t type)
{
  dev->polltypes |= type;
  dev->board->net->txavail |= 1u << dev->index;
}

void netdev_carrier(struct netdev *dev, bool on)
{
  if (on == !!(dev->flags & IFF_RUNNING)) return;
  dev->flags ^= IFF_RUNNING;
  if (on)
    {
      icmpv6_dad_carrier(dev);
      return;
    }
  dev->mtu6 = 0;
  dev->asks_routers = false;
  neighbor_clear(dev);
  tcp_netdown(dev);
  udp_netdown(dev);
  icmp_netdown(dev);
  ipfrag_netdown(dev);
  pkt_netdown(dev);
}

void netdev_setup(struct netdev *dev, bool up)
{
  if (up)
    dev->flags |= IFF_UP;
  else
    {
      netdev_carrier(dev, false);
      dev->flags &= ~(uint32_t)IFF_UP;
    }
}
