/* neighbor.c - who has which address on the link: the tables, what waits for an entry, and packets on their way there.
 *
 * ARP and neighbor discovery fill a table each, by the same rules. Entries age by comparing times, there is no timer. An
 * entry whose MAC is not known stands for a question that is under way, and later for a host that did not answer: for
 * as long as that is remembered, senders fail at once. Neighbors of IPv6 neither age nor fail in advance, as in NuttX.
 */
#include "inet.h"

#define ETHTYPE_IP  0x0800u
#define ETHTYPE_IP6 0x86ddu

static const uint8_t unknown_mac[NET_ETHALEN];

/* The tables. */

struct neighbor *neighbor_entry(struct netdev *dev, struct ipaddr addr)
{
  struct neighbor_table *t = &dev->board->net->neighbors[ipaddr_kind(addr)];
  for (uint32_t i = 0; i < t->n; i++)
    if (t->entry[i].dev == dev->index && ipaddr_equal(t->entry[i].addr, addr)) return &t->entry[i];
  return NULL;
}

static int64_t inprogress(const int64_t *cfg, enum ip_kind kind)
{
  return cfg[kind == IP_V4 ? NETCFG_ARP_INPROGRESS : NETCFG_ICMPv6_INPROGRESS] * NSEC_PER_SEC / 1000;
}

int neighbor_find(struct netdev *dev, struct ipaddr addr, uint8_t *mac)
{
  const int64_t *cfg = dev->board->net->cfg;
  enum ip_kind kind = ipaddr_kind(addr);
  struct neighbor *e = neighbor_entry(dev, addr);
  if (e == NULL || ipaddr_isany(addr)) return -ENOENT;
  int64_t age = dev->board->bench->now - e->time;
  if (memcmp(e->mac, unknown_mac, NET_ETHALEN) == 0)
    {
      int64_t remembered = kind == IP_V4 ? cfg[NETCFG_ARP_MAXAGE_UNREACHABLE] * 10 * NSEC_PER_SEC : 0;
      if (age <= inprogress(cfg, kind)) return -EINPROGRESS;
      return age <= remembered ? -ENETUNREACH : -ENOENT;
    }
  if (kind == IP_V4 && !e->permanent && age > cfg[NETCFG_ARP_MAXAGE] * 10 * NSEC_PER_SEC) return -ENOENT;
  if (mac) memcpy(mac, e->mac, NET_ETHALEN);
  return 0;
}

/* A free entry, else the oldest that is not permanent. */

static struct neighbor *victim(struct neighbor_table *t)
{
  struct neighbor *oldest = NULL;
  for (uint32_t i = 0; i < t->n; i++)
    {
      struct neighbor *e = &t->entry[i];
      if (e->dev == 0) return e;
      if (!e->permanent && (oldest == NULL || e->time < oldest->time)) oldest = e;
    }
  return oldest;
}

/* Whoever waits for an address of this device; the unspecified one: for any. */

static void wake(struct netdev *dev, struct ipaddr addr)
{
  for (uint32_t i = 0; i < NET_NEIGHBOR_REQS; i++)
    {
      struct neighbor_req *r = &dev->board->net->neighbor_req[i];
      if (r->refs && r->dev == dev->index && (ipaddr_isany(addr) || ipaddr_equal(r->addr, addr)))
        netwait_wake_all(dev->board, &r->wait);
    }
}

int neighbor_update(struct netdev *dev, struct ipaddr addr, const uint8_t *mac, bool permanent)
{
  struct neighbor *e = neighbor_entry(dev, addr);
  if (ipaddr_isany(addr)) return -EINVAL;
  if (e == NULL) e = victim(&dev->board->net->neighbors[ipaddr_kind(addr)]);
  if (e == NULL || (e->permanent && !permanent)) return -ENOSPC;
  *e = (struct neighbor){ .addr = addr, .dev = dev->index, .permanent = permanent, .time = dev->board->bench->now };
  memcpy(e->mac, mac ? mac : unknown_mac, NET_ETHALEN);
  if (mac) wake(dev, addr);
  return 0;
}

int neighbor_delete(struct netdev *dev, struct ipaddr addr)
{
  struct neighbor *e = neighbor_entry(dev, addr);
  if (e == NULL || ipaddr_isany(addr)) return -ENOENT;
  *e = (struct neighbor){ 0 };
  return 0;
}

void neighbor_clear(struct netdev *dev)
{
  for (int kind = IP_V4; kind <= IP_V6; kind++)
    {
      struct neighbor_table *t = &dev->board->net->neighbors[kind];
      for (uint32_t i = 0; i < t->n; i++)
        if (t->entry[i].dev == dev->index) t->entry[i] = (struct neighbor){ 0 };
    }
}

/* Sending. */

static bool group_mac(const struct netdev *dev, struct ipaddr dst, uint8_t *mac)
{
  if (netdev_isbroadcast(dev, dst))
    memset(mac, 0xff, NET_ETHALEN);
  else if (!ipaddr_ismulticast(dst))
    return false;
  else if (ipaddr_isv4(dst))
    {
      put32(mac + 2, dst.lo & 0x7fffff);              /* RFC 1112 6.4 */
      memcpy(mac, "\x01\x00\x5e", 3);
    }
  else
    {
      memcpy(mac, "\x33\x33", 2);                     /* RFC 2464 7 */
      put32(mac + 2, (uint32_t)dst.lo);
    }
  return true;
}

/* Nobody can be asked, and nothing be sent, from an address that the device does not have. With IPv4 DHCP does. */

int neighbor_need(struct netdev *dev, struct ipaddr dst, struct ipaddr *hop)
{
  uint8_t mac[NET_ETHALEN];
  if (ipaddr_isloopback(dst) && !(dev->flags & IFF_LOOPBACK)) return -EHOSTUNREACH;      /* never on a wire */
  if (!ipaddr_isv4(dst) && ipaddr_isany(netdev_source(dev, dst))) return -EHOSTUNREACH;
  if ((dev->flags & (IFF_LOOPBACK | IFF_NOARP)) || netdev_has(dev, dst) || group_mac(dev, dst, mac)) return 0;
  *hop = netdev_hop(dev, dst);
  return ipaddr_isany(*hop) ? -EHOSTUNREACH : neighbor_find(dev, *hop, NULL);
}

/* 0, NET_WAIT_NEIGHBOR or -ENETUNREACH. Without CONFIG_NET_ARP_SEND or CONFIG_NET_ICMPv6_NEIGHBOR nobody waits: a packet
 * that finds no entry becomes the question for it.
 */

int neighbor_wanted(struct netdev *dev, struct ipaddr dst)
{
  struct ipaddr hop;
  int ret = neighbor_need(dev, dst, &hop);
  bool waits = dev->board->net->cfg[ipaddr_isv4(dst) ? NETCFG_ARP_SEND : NETCFG_ICMPv6_NEIGHBOR];
  if (ret == -ENOENT || ret == -EINPROGRESS) return waits ? NET_WAIT_NEIGHBOR : 0;
  return ret < 0 ? -ENETUNREACH : 0;
}

static void ask(struct netdev *dev, struct iob_s *iob, struct ipaddr addr)
{
  if (ipaddr_isv4(addr))
    arp_ask(dev, iob, addr);
  else
    icmpv6_solicit(dev, iob, addr);
}

/* A packet whose next hop is not known is lost, its buffer becomes the question who that is: one question, then
 * silence until the answer or until the failure is forgotten.
 */

void neighbor_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst)
{
  uint8_t mac[NET_ETHALEN] = { 0 };
  if (!group_mac(dev, dst, mac))
    {
      struct ipaddr hop = netdev_hop(dev, dst);
      int found = neighbor_find(dev, hop, mac);
      if (found < 0) dev->stats.tx_noarp++;
      if (found == -ENOENT && !ipaddr_isany(hop) && !(dev->flags & IFF_NOARP))
        {
          neighbor_update(dev, hop, NULL, false);
          ask(dev, iob, hop);
          return;
        }
      if (found < 0)
        {
          iob_free_chain(dev->board, iob);
          return;
        }
    }
  iob->io_offset -= NET_LL_GUARDSIZE;
  iob->io_len += NET_LL_GUARDSIZE;
  iob->io_pktlen += NET_LL_GUARDSIZE;
  uint8_t *eth = iob_at(iob, 0);
  memcpy(eth, mac, NET_ETHALEN);
  memcpy(eth + 6, dev->mac, NET_ETHALEN);
  put16(eth + 12, ipaddr_isv4(dst) ? ETHTYPE_IP : ETHTYPE_IP6);
  devif_send(dev, iob);
}

/* Questions that senders wait for (NuttX's arp_send and icmpv6_neighbor, whose loop is kernel/neighbor.py). */

int neighbor_request(struct board *b, int32_t dev, struct ipaddr addr)
{
  struct neighbor_req *free = NULL;
  for (uint32_t i = NET_NEIGHBOR_REQS; i-- > 0; )
    {
      struct neighbor_req *r = &b->net->neighbor_req[i];
      if (r->refs && ipaddr_equal(r->addr, addr) && r->dev == dev)
        {
          r->refs++;
          return (int)i + 1;
        }
      if (r->refs == 0) free = r;
    }
  if (free == NULL) return -ENOSPC;
  free->addr = addr;
  free->dev = (uint8_t)dev;
  free->refs = 1;
  free->send = false;
  free->wait.expected = 0;
  return (int)(free - b->net->neighbor_req) + 1;
}

bool neighbor_poll(struct netdev *dev, enum ip_kind kind)
{
  for (uint32_t i = 0; i < NET_NEIGHBOR_REQS; i++)
    {
      struct neighbor_req *r = &dev->board->net->neighbor_req[i];
      if (!r->send || r->dev != dev->index || ipaddr_kind(r->addr) != kind) continue;
      struct iob_s *iob = iob_tryalloc(dev->board, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      if (iob == NULL)
        {
          dev->stats.tx_noiob++;
          return false;
        }
      r->send = false;
      ask(dev, iob, r->addr);
      return true;
    }
  return false;
}
