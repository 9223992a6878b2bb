/* net_api.c - what Python sees of the network, besides the sockets: devices, addresses, routes, ARP, counters. */

#include "tcp.h"

/* Devices, by index. */

int32_t netdev_loopback(struct board *b)
{
  struct netdev *dev = netdev_register(b, "lo", IFF_LOOPBACK | IFF_NOARP, NET_MTU_MAX, NULL);
  if (dev == NULL) return -ENOMEM;
  dev->ipaddr = dev->draddr = INADDR_LOOPBACK;
  dev->netmask = 0xff000000;
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
      case NETDEV_IPADDR:    return dev->ipaddr;
      case NETDEV_DRADDR:    return dev->draddr;
      case NETDEV_NETMASK:   return dev->netmask;
      case NETDEV_MTU:       return dev->mtu;
      case NETDEV_FLAGS:     return dev->flags;
      case NETDEV_POLLTYPES: return dev->polltypes;
      default:               return -EINVAL;
    }
}

static int set_flag(struct netdev *dev, uint32_t flag, bool on)
{
  dev->flags = on ? dev->flags | flag : dev->flags & ~flag;
  return 0;
}

/* An address, or a new state. Waking whoever waited for the interface may take the CPU away from the caller. */

int64_t netdev_set(struct board *b, int32_t index, uint32_t what, int64_t value)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  switch (what)
    {
      case NETDEV_IPADDR:  dev->ipaddr = (uint32_t)value; return 0;
      case NETDEV_DRADDR:  dev->draddr = (uint32_t)value; return 0;
      case NETDEV_NETMASK: dev->netmask = (uint32_t)value; return 0;
      case NETDEV_NOARP:   return set_flag(dev, IFF_NOARP, value);
      case NETDEV_UP:      netdev_setup(dev, value); return answer(b, 0);
      case NETDEV_CARRIER: netdev_carrier(dev, value); return answer(b, 0);
      case NETDEV_MTU:
        if (value < 576 || value > (dev->flags & IFF_LOOPBACK ? NET_MTU_MAX : 1500)) return -EINVAL;
        dev->mtu = (uint16_t)value;
        tcp_mtu_changed(dev);
        return 0;
      default: return -EINVAL;
    }
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

int32_t netdev_findby_ripv4addr(struct board *b, uint32_t dst)
{
  struct netdev *dev = netdev_foraddr(b, dst);
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

/* Routes. */

int32_t route_add(struct board *b, uint32_t target, uint32_t netmask, uint32_t router)
{
  struct net_route *free = NULL;
  if (b->net == NULL) return -ENODEV;
  if (router == INADDR_ANY) return -EINVAL;
  for (uint32_t i = NET_NROUTES; i-- > 0; )
    {
      struct net_route *r = &b->net->route[i];
      if (r->router && r->target == target && r->netmask == netmask) return -EEXIST;
      if (r->router == INADDR_ANY) free = r;
    }
  if (free == NULL) return -ENOMEM;
  *free = (struct net_route){ target, netmask, router };
  return 0;
}

int32_t route_del(struct board *b, uint32_t target, uint32_t netmask)
{
  for (uint32_t i = 0; b->net && i < NET_NROUTES; i++)
    {
      struct net_route *r = &b->net->route[i];
      if (r->router == INADDR_ANY || r->target != target || r->netmask != netmask) continue;
      *r = (struct net_route){ 0 };
      return 0;
    }
  return -ENOENT;
}

int32_t route_info(struct board *b, int32_t i, int64_t *out, int32_t n)
{
  if (b->net == NULL || i < 0 || (uint32_t)i >= NET_NROUTES || n < 3) return -EINVAL;
  const struct net_route *r = &b->net->route[i];
  out[0] = r->target;
  out[1] = r->netmask;
  out[2] = r->router;
  return 0;
}

/* ARP. */

int32_t arp_get(struct board *b, int32_t index, uint32_t ipaddr, uint8_t *out, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL || len < NET_ETHALEN) return dev ? -EINVAL : -ENODEV;
  int ret = arp_find(dev, ipaddr, out);
  return ret < 0 ? ret : (int32_t)NET_ETHALEN;
}

int64_t arp_set(struct board *b, int32_t index, uint32_t ipaddr, const uint8_t *mac, uint32_t len)
{
  struct netdev *dev = netdev_find(b, index);
  if (dev == NULL) return -ENODEV;
  return len == NET_ETHALEN ? answer(b, arp_update(dev, ipaddr, mac, true)) : -EINVAL;
}

int32_t arp_remove(struct board *b, int32_t index, uint32_t ipaddr)
{
  struct netdev *dev = netdev_find(b, index);
  return dev ? arp_delete(dev, ipaddr) : -ENODEV;
}

/* Entry i of the table: address, MAC as a number, device, permanent, age in ns. -ENOENT: free, or not known. */

int32_t arp_info(struct board *b, int32_t i, int64_t *out, int32_t n)
{
  struct net *net = b->net;
  if (net == NULL || i < 0 || i >= net->cfg[NETCFG_ARPTAB_SIZE] || n < 5) return -EINVAL;
  const struct arp_entry *e = &net->arptab[i];
  uint8_t mac[NET_ETHALEN];
  struct netdev *dev = netdev_find(b, e->dev);
  if (dev == NULL || e->ipaddr == INADDR_ANY || arp_find(dev, e->ipaddr, mac) < 0) return -ENOENT;
  out[0] = e->ipaddr;
  out[1] = (int64_t)get16(mac) << 32 | get32(mac + 2);
  out[2] = e->dev;
  out[3] = e->permanent;
  out[4] = b->bench->now - e->time;
  return 0;
}

/* Resolving for a sender, the steps of NuttX's arp_send. begin: 0 there is nothing to do, -EHOSTUNREACH no way there,
 * -ENETUNREACH it failed a moment ago, else the number of a request that the sender has joined and has to leave.
 */

int32_t arp_begin(struct board *b, uint32_t dst)
{
  uint32_t hop;
  struct netdev *dev = netdev_foraddr(b, dst);
  if (dev == NULL) return -EHOSTUNREACH;
  int ret = arp_need(dev, dst, &hop);
  return ret == -ENOENT || ret == -EINPROGRESS ? arp_request(b, dev->index, hop) : ret;
}

static struct arp_req *arp_req(struct board *b, int32_t req)
{
  struct arp_req *r = b->net && req > 0 && (uint32_t)req <= NET_ARP_NREQS ? &b->net->arpreq[req - 1] : NULL;
  return r && r->refs ? r : NULL;
}

/* One try. 0: known now; -ENETUNREACH; 1: this sender's request is on its way; 2: somebody else's is. In both cases it
 * sleeps on arp_sem() for ARP_SEND_DELAYMSEC and tries again; `asking` is whether it got a 1 before.
 */

int32_t arp_try(struct board *b, int32_t req, int32_t asking)
{
  struct arp_req *r = arp_req(b, req);
  struct netdev *dev = r ? netdev_find(b, r->dev) : NULL;
  if (dev == NULL) return -EINVAL;
  int ret = arp_find(dev, r->ipaddr, NULL);
  if (ret == 0 || ret == -ENETUNREACH) return ret;
  if (ret == -EINPROGRESS && !asking) return netwait_expect(&r->wait, 2);
  if (!asking) arp_update(dev, r->ipaddr, NULL, false);
  r->send = true;
  netdev_txnotify(dev, ARP_POLL);
  return netwait_expect(&r->wait, 1);
}

int32_t arp_known(struct board *b, int32_t req)
{
  struct arp_req *r = arp_req(b, req);
  return r ? arp_find(netdev_find(b, r->dev), r->ipaddr, NULL) : -EINVAL;
}

int32_t arp_sem(struct board *b, int32_t req)
{
  struct arp_req *r = arp_req(b, req);
  return r ? (int32_t)r->wait.sem.id : -EINVAL;
}

int32_t arp_end(struct board *b, int32_t req)
{
  struct arp_req *r = arp_req(b, req);
  if (r == NULL) return -EINVAL;
  if (--r->refs == 0) r->send = false;
  return 0;
}
