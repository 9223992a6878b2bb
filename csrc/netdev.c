/* netdev.c - network devices: registration, state, and which of them leads where. */

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
  strcpy(dev->name, name);
  if (mac) memcpy(dev->mac, mac, NET_ETHALEN);
  return dev;
}

struct netdev *netdev_find(struct board *b, int32_t index)
{
  struct net *net = b->net;
  return net && index > 0 && (uint32_t)index <= net->ndevs ? &net->dev[index - 1] : NULL;
}

bool netdev_isbroadcast(const struct netdev *dev, uint32_t addr)
{
  if (addr == INADDR_BROADCAST) return true;
  return dev->ipaddr && dev->netmask < 0xfffffffe && netdev_onlink(dev, addr) && (addr | dev->netmask) == ~0u;
}

bool netdev_isours(struct board *b, uint32_t addr)
{
  for (uint32_t i = 0; b->net && i < b->net->ndevs; i++)
    if (addr != INADDR_ANY && b->net->dev[i].ipaddr == addr) return true;
  return false;
}

static bool leads_to(const struct netdev *dev, uint32_t dst)
{
  if (!(dev->flags & IFF_UP) || dev->ipaddr == INADDR_ANY) return false;
  return dst == dev->ipaddr || netdev_onlink(dev, dst);
}

/* The longest match, as with NuttX's CONFIG_ROUTE_LONGEST_MATCH, which is its default. */

static uint32_t route_lookup(const struct net *net, uint32_t dst)
{
  const struct net_route *best = NULL;
  for (uint32_t i = 0; i < NET_NROUTES; i++)
    {
      const struct net_route *r = &net->route[i];
      if (r->router == INADDR_ANY || ((r->target ^ dst) & r->netmask)) continue;
      if (best == NULL || r->netmask > best->netmask) best = r;
    }
  return best ? best->router : INADDR_ANY;
}

/* In NuttX's order: a device on that very network, a route, the first device that has a router. */

struct netdev *netdev_foraddr(struct board *b, uint32_t dst)
{
  struct net *net = b->net;
  if (net == NULL) return NULL;
  uint32_t router = INADDR_ANY;
  if (dst != INADDR_BROADCAST && !IN_MULTICAST(dst))
    {
      for (uint32_t i = 0; i < net->ndevs; i++)
        if (leads_to(&net->dev[i], dst)) return &net->dev[i];
      router = route_lookup(net, dst);
    }
  for (uint32_t i = 0; i < net->ndevs && router; i++)
    if (leads_to(&net->dev[i], router)) return &net->dev[i];

  bool all = dst == INADDR_BROADCAST || IN_MULTICAST(dst);
  for (uint32_t i = 0; i < net->ndevs; i++)
    {
      struct netdev *dev = &net->dev[i];
      if ((dev->flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP && (all || dev->draddr)) return dev;
    }
  return NULL;
}

uint32_t netdev_router(const struct netdev *dev, uint32_t dst)
{
  uint32_t router = route_lookup(dev->board->net, dst);
  return router && netdev_onlink(dev, router) ? router : dev->draddr;
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
  if (on) return;
  arp_clear(dev);
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
