/* net_api.c - what Python sees of the network, besides the sockets: devices, addresses, routes, ARP, counters. */

#include "tcp.h"

/* Devices, by index. */

int32_t netdev_loopback(struct board *b)
{
  struct netdev *dev = netdev_register(b, "lo", IFF_LOOPBACK | IFF_NOARP, NET_LO_MTU, NULL);
  if (dev == NULL) return -ENOMEM;
  dev->ifaddr[0] = (struct ifaddr){ .addr = ipaddr_v4(INADDR_LOOPBACK), .mask = ipaddr_mask(96 + 8), .state = IFADDR_READY };
  dev->router[IP_V4] = ipaddr_v4(INADDR_LOOPBACK);
  if (b->net->cfg[NETCFG_IPv6])
    {
      dev->router[IP_V6] = (struct ipaddr){ 0, 1 };
      netdev_addaddr(dev, (struct ipaddr){ 0, 1 }, 128, false);
    }
  return dev->index;
}

int32_t netdev_soft(struct board *b, const char *name, uint32_t mtu, const uint8_t *mac, uint32_t depth)
{
  struct netdev *dev = softdev_register(b, name, mtu, mac, depth);
  return dev ? dev->index : -ENOMEM;
}

int32_t netdev_mac(struct board *b, int32_t index, uint8_t *out, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL || len < NET_ETHALEN) return dev ? -EINVAL : -ENODEV;
  memcpy(out, dev->mac, NET_ETHALEN);
  return NET_ETHALEN;
}

int32_t netdev_setmac(struct board *b, int32_t index, const uint8_t *mac, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  if (len != NET_ETHALEN || (mac[0] & 1)) return -EINVAL;
  memcpy(dev->mac, mac, NET_ETHALEN);
  return 0;
}

int64_t netdev_get(struct board *b, int32_t index, uint32_t what)
{
  const struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  switch (what)
    {
      case NETDEV_IPADDR:    return netdev_ipv4(dev);
      case NETDEV_DRADDR:    return ipaddr_tov4(dev->router[IP_V4]);
      case NETDEV_NETMASK:   return (uint32_t)dev->ifaddr[0].mask.lo;
      case NETDEV_MTU:       return dev->mtu;
      case NETDEV_FLAGS:     return dev->flags;
      case NETDEV_POLLTYPES: return dev->polltypes;
      default:               return -EINVAL;
    }
}

static int64_t set_noarp(struct board *b, struct netdev *dev, bool on)
{
  if (on == !!(dev->flags & IFF_NOARP)) return 0;
  dev->flags ^= IFF_NOARP;
  icmpv6_dad_carrier(dev);
  netwait_wake_all(b, &dev->configured);
  return answer(b, 0);
}

static int set_ipv4(struct netdev *dev, uint32_t addr)
{
  dev->ifaddr[0].addr = ipaddr_v4(addr);
  dev->ifaddr[0].state = addr ? IFADDR_READY : IFADDR_FREE;
  return 0;
}

/* An IPv4 address, or a new state. Waking whoever waited for the interface may take the CPU away from the caller. */

int64_t netdev_set(struct board *b, int32_t index, uint32_t what, int64_t value)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  switch (what)
    {
      case NETDEV_IPADDR:  return set_ipv4(dev, (uint32_t)value);
      case NETDEV_DRADDR:  dev->router[IP_V4] = ipaddr_v4((uint32_t)value); return 0;
      case NETDEV_NETMASK: dev->ifaddr[0].mask.lo = 0xffffffff00000000u | (uint32_t)value; return 0;
      case NETDEV_NOARP:   return set_noarp(b, dev, value);
      case NETDEV_UP:      netdev_setup(dev, value); return answer(b, 0);
      case NETDEV_CARRIER: netdev_carrier(dev, value); return answer(b, 0);
      case NETDEV_MTU:
        if (value < 576 || value > (dev->flags & IFF_LOOPBACK ? NET_LO_MTU : 1500)) return -EINVAL;
        dev->mtu = (uint16_t)value;
        tcp_mtu_changed(dev);
        return 0;
      default: return -EINVAL;
    }
}

/* IPv6 addresses, IPADDR_LEN bytes each. */

int64_t netdev_addip6(struct board *b, int32_t index, const uint8_t *addr, uint32_t preflen)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  return answer(b, netdev_addaddr(dev, ipaddr_load(addr), preflen, b->net->cfg[NETCFG_IPv6_DAD]));
}

int32_t netdev_delip6(struct board *b, int32_t index, const uint8_t *addr)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? netdev_deladdr(dev, ipaddr_load(addr)) : -ENODEV;
}

/* Address i, one byte of prefix length and one of enum ifaddr_state; -ENOENT: there are no more. */

int32_t netdev_ip6(struct board *b, int32_t index, uint32_t i, uint8_t *out, uint32_t len)
{
  const struct netdev *dev = netdev_find(b, index);
  if (dev == NULL || len < IPADDR_LEN + 2) return dev ? -EINVAL : -ENODEV;
  if (i + 1 >= dev->nifaddrs) return -ENOENT;
  const struct ifaddr *a = &dev->ifaddr[i + 1];
  ipaddr_store(out, a->addr);
  out[IPADDR_LEN] = (uint8_t)ipaddr_preflen(a->mask);
  out[IPADDR_LEN + 1] = a->state;
  return IPADDR_LEN + 2;
}

int32_t netdev_router6(struct board *b, int32_t index, uint8_t *out, uint32_t len)
{
  const struct netdev *dev = netdev_find(b, index);
  if (dev == NULL || len < IPADDR_LEN) return dev ? -EINVAL : -ENODEV;
  ipaddr_store(out, dev->router[IP_V6]);
  return IPADDR_LEN;
}

int32_t netdev_setrouter6(struct board *b, int32_t index, const uint8_t *addr)
{
  struct netdev *dev = netdev_find(b, index);
  struct ipaddr a = ipaddr_load(addr);
  if (dev == NULL) return -ENODEV;
  if (ipaddr_isv4(a) || ipaddr_ismulticast(a)) return -EINVAL;
  dev->router[IP_V6] = a;
  return 0;
}

int32_t netdev_statistics(struct board *b, int32_t index, int64_t *out, int32_t n)
{
  const struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  if (n < 0 || (size_t)n * sizeof *out > sizeof dev->stats) return -EINVAL;
  memcpy(out, &dev->stats, (size_t)n * sizeof *out);
  return 0;
}

/* A driver in Python: counts what only it can know. */

int32_t netdev_count_up(struct board *b, int32_t index, uint32_t which)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  switch (which)
    {
      case NETDEV_RX_ERROR:   dev->stats.rx_errors++; dev->stats.errors++; return 0;
      case NETDEV_TX_ERROR:   dev->stats.tx_errors++; dev->stats.errors++; return 0;
      case NETDEV_TX_TIMEOUT: dev->stats.tx_timeouts++; dev->stats.errors++; return 0;
      case NETDEV_TX_DONE:    dev->stats.tx_done++; return 0;
      default:                return -EINVAL;
    }
}

int64_t netdev_input(struct board *b, int32_t index, const uint8_t *frame, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? answer(b, net_input(dev, frame, len)) : -ENODEV;
}

int64_t netdev_poll(struct board *b, int32_t index, uint32_t budget)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? answer(b, devif_poll(dev, budget)) : -ENODEV;
}

int64_t netdev_take(struct board *b, int32_t index, uint8_t *out, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? answer(b, softdev_take(dev, out, len)) : -ENODEV;
}

/* Which drivers have to be told that there is something to send: a bit per index, told once. */

uint32_t net_txavail(struct board *b)
{
  if (b->net == NULL) return 0;
  uint32_t devs = b->net->txavail;
  b->net->txavail = 0;
  return devs;
}

int32_t netdev_findby_ripaddr(struct board *b, const uint8_t *dst)
{
  struct netdev *dev = netdev_foraddr(b, ipaddr_load(dst));
  return dev ? dev->index : -ENETUNREACH;
}

/* The queue on which the timers of the protocols are work. */

int32_t net_queue(struct board *b, int32_t qid)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  if (wq == NULL || b->net == NULL) return -EINVAL;
  b->net->wq = wq;
  return 0;
}

int32_t net_statistics(struct board *b, int64_t *out, int32_t n)
{
  if (b->net == NULL) return -ENODEV;
  if (n < 0 || (size_t)n * sizeof *out > sizeof b->net->stats) return -EINVAL;
  memcpy(out, &b->net->stats, (size_t)n * sizeof *out);
  return 0;
}

/* Routes of both kinds. */

int32_t route_add(struct board *b, const uint8_t *target, const uint8_t *mask, const uint8_t *router)
{
  struct net_route *free = NULL, new = { ipaddr_load(target), ipaddr_load(mask), ipaddr_load(router) };
  if (b->net == NULL) return -ENODEV;
  if (ipaddr_isany(new.router) || ipaddr_kind(new.router) != ipaddr_kind(new.target)) return -EINVAL;
  for (uint32_t i = NET_NROUTES; i-- > 0; )
    {
      struct net_route *r = &b->net->route[i];
      if (ipaddr_isany(r->router))
        free = r;
      else if (ipaddr_equal(r->target, new.target) && ipaddr_equal(r->mask, new.mask))
        return -EEXIST;
    }
  if (free == NULL) return -ENOMEM;
  *free = new;
  return 0;
}

int32_t route_del(struct board *b, const uint8_t *target, const uint8_t *mask)
{
  struct ipaddr t = ipaddr_load(target), m = ipaddr_load(mask);
  for (uint32_t i = 0; b->net && i < NET_NROUTES; i++)
    {
      struct net_route *r = &b->net->route[i];
      if (ipaddr_isany(r->router) || !ipaddr_equal(r->target, t) || !ipaddr_equal(r->mask, m)) continue;
      *r = (struct net_route){ 0 };
      return 0;
    }
  return -ENOENT;
}

/* Target, mask and router of route i, IPADDR_LEN bytes each. -ENOENT: there is none. */

int32_t route_info(struct board *b, uint32_t i, uint8_t *out, uint32_t len)
{
  if (b->net == NULL || i >= NET_NROUTES || len < 3 * IPADDR_LEN) return -EINVAL;
  const struct net_route *r = &b->net->route[i];
  if (ipaddr_isany(r->router)) return -ENOENT;
  ipaddr_store(out, r->target);
  ipaddr_store(out + IPADDR_LEN, r->mask);
  ipaddr_store(out + 2 * IPADDR_LEN, r->router);
  return 3 * IPADDR_LEN;
}

/* Neighbors: the ARP table and that of IPv6. */

int32_t neighbor_get(struct board *b, int32_t index, const uint8_t *addr, uint8_t *out, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL || len < NET_ETHALEN) return dev ? -EINVAL : -ENODEV;
  int ret = neighbor_find(dev, ipaddr_load(addr), out);
  return ret < 0 ? ret : (int32_t)NET_ETHALEN;
}

int64_t neighbor_set(struct board *b, int32_t index, const uint8_t *addr, const uint8_t *mac, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  return len == NET_ETHALEN ? answer(b, neighbor_update(dev, ipaddr_load(addr), mac, true)) : -EINVAL;
}

int32_t neighbor_remove(struct board *b, int32_t index, const uint8_t *addr)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? neighbor_delete(dev, ipaddr_load(addr)) : -ENODEV;
}

/* Entry i of the table of a family: address, MAC, one byte each of device and permanent, age in ns as a native 64-bit
 * word. -ENOENT: free, or not known; -EINVAL: the table ends before.
 */

int32_t neighbor_info(struct board *b, uint32_t family, uint32_t i, uint8_t *out, uint32_t len)
{
  struct net *net = b->net;
  const struct neighbor_table *t = net ? &net->neighbors[family == NET_AF_INET6 ? IP_V6 : IP_V4] : NULL;
  if (t == NULL || i >= t->n || len < IPADDR_LEN + NET_ETHALEN + 2 + 8) return -EINVAL;
  const struct neighbor *e = &t->entry[i];
  uint8_t mac[NET_ETHALEN];
  struct netdev *dev = netdev_find(b, e->dev);
  if (dev == NULL || neighbor_find(dev, e->addr, mac) < 0) return -ENOENT;
  int64_t age = b->bench->now - e->time;
  ipaddr_store(out, e->addr);
  memcpy(out + IPADDR_LEN, mac, NET_ETHALEN);
  out[IPADDR_LEN + NET_ETHALEN] = e->dev;
  out[IPADDR_LEN + NET_ETHALEN + 1] = e->permanent;
  memcpy(out + IPADDR_LEN + NET_ETHALEN + 2, &age, sizeof age);
  return IPADDR_LEN + NET_ETHALEN + 2 + 8;
}

/* Resolving for a sender, the steps of NuttX's arp_send and icmpv6_neighbor. begin: 0 there is nothing to do,
 * -EHOSTUNREACH no way there, -ENETUNREACH it failed a moment ago, else the number of a request that the sender has
 * joined and has to leave. boundif: the device that it is bound to, 0: none.
 */

int32_t neighbor_begin(struct board *b, const uint8_t *addr, int32_t boundif)
{
  struct ipaddr dst = ipaddr_load(addr), hop;
  struct netdev *dev = netdev_leading(b, boundif, dst);
  if (dev == NULL) return -EHOSTUNREACH;
  int ret = neighbor_need(dev, dst, &hop);
  return ret == -ENOENT || ret == -EINPROGRESS ? neighbor_request(b, dev->index, hop) : ret;
}

static struct neighbor_req *request(struct board *b, int32_t req)
{
  struct neighbor_req *r = b->net && req > 0 && (uint32_t)req <= NET_NEIGHBOR_REQS ? &b->net->neighbor_req[req - 1] : NULL;
  return r && r->refs ? r : NULL;
}

/* One try. 0: known now; -ENETUNREACH; 1: this sender's question is on its way; 2: somebody else's is. In both cases it
 * sleeps on neighbor_sem() for ARP_SEND_DELAYMSEC and tries again; `asking` is whether it got a 1 before.
 */

int32_t neighbor_try(struct board *b, int32_t req, int32_t asking)
{
  struct neighbor_req *r = request(b, req);
  struct netdev *dev = r ? netdev_find(b, r->dev) : NULL;
  if (dev == NULL) return -EINVAL;
  int ret = neighbor_find(dev, r->addr, NULL);
  if (ret == 0 || ret == -ENETUNREACH) return ret;
  if (ret == -EINPROGRESS && !asking) return netwait_expect(&r->wait, 2);
  if (!asking) neighbor_update(dev, r->addr, NULL, false);
  r->send = true;
  netdev_txnotify(dev, ipaddr_isv4(r->addr) ? ARP_POLL : ICMPv6_POLL);
  return netwait_expect(&r->wait, 1);
}

int32_t neighbor_known(struct board *b, int32_t req)
{
  struct neighbor_req *r = request(b, req);
  return r ? neighbor_find(netdev_find(b, r->dev), r->addr, NULL) : -EINVAL;
}

int32_t neighbor_sem(struct board *b, int32_t req)
{
  struct neighbor_req *r = request(b, req);
  return r ? (int32_t)r->wait.sem.id : -EINVAL;
}

int32_t neighbor_end(struct board *b, int32_t req)
{
  struct neighbor_req *r = request(b, req);
  if (r == NULL) return -EINVAL;
  if (--r->refs == 0) r->send = false;
  return 0;
}
