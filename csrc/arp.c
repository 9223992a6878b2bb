/* arp.c - the address table and the protocol that fills it (RFC 826, RFC 1122 2.3.2; NuttX net/arp).
 *
 * Entries age by comparing times, there is no timer. An entry whose address is not known stands for a request that is
 * under way, and later for a host that did not answer: for as long as it is remembered, senders fail at once.
 */
#include "inet.h"

#define ARP_LEN     28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u
#define ETHTYPE_IP  0x0800u
#define ETHTYPE_ARP 0x0806u

static const uint8_t broadcast_mac[NET_ETHALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t unknown_mac[NET_ETHALEN];

/* The table. */

static struct arp_entry *arp_entry(struct netdev *dev, uint32_t ipaddr)
{
  struct net *net = dev->board->net;
  for (int64_t i = 0; i < net->cfg[NETCFG_ARPTAB_SIZE]; i++)
    if (net->arptab[i].ipaddr == ipaddr && net->arptab[i].dev == dev->index) return &net->arptab[i];
  return NULL;
}

int arp_find(struct netdev *dev, uint32_t ipaddr, uint8_t *mac)
{
  const int64_t *cfg = dev->board->net->cfg;
  struct arp_entry *e = arp_entry(dev, ipaddr);
  if (e == NULL || ipaddr == INADDR_ANY) return -ENOENT;
  int64_t age = dev->board->bench->now - e->time;
  if (memcmp(e->mac, unknown_mac, NET_ETHALEN) == 0)
    {
      if (age <= cfg[NETCFG_ARP_INPROGRESS] * NSEC_PER_SEC / 1000) return -EINPROGRESS;
      return age <= cfg[NETCFG_ARP_MAXAGE_UNREACHABLE] * 10 * NSEC_PER_SEC ? -ENETUNREACH : -ENOENT;
    }
  if (!e->permanent && age > cfg[NETCFG_ARP_MAXAGE] * 10 * NSEC_PER_SEC) return -ENOENT;
  if (mac) memcpy(mac, e->mac, NET_ETHALEN);
  return 0;
}

/* A free entry, else the oldest that is not permanent. */

static struct arp_entry *arp_victim(struct net *net)
{
  struct arp_entry *oldest = NULL;
  for (int64_t i = 0; i < net->cfg[NETCFG_ARPTAB_SIZE]; i++)
    {
      struct arp_entry *e = &net->arptab[i];
      if (e->ipaddr == INADDR_ANY) return e;
      if (!e->permanent && (oldest == NULL || e->time < oldest->time)) oldest = e;
    }
  return oldest;
}

int arp_update(struct netdev *dev, uint32_t ipaddr, const uint8_t *mac, bool permanent)
{
  struct arp_entry *e = arp_entry(dev, ipaddr);
  if (ipaddr == INADDR_ANY) return -EINVAL;
  if (e == NULL) e = arp_victim(dev->board->net);
  if (e == NULL || (e->permanent && !permanent)) return -ENOSPC;
  e->ipaddr = ipaddr;
  e->dev = dev->index;
  e->permanent = permanent;
  e->time = dev->board->bench->now;
  memcpy(e->mac, mac ? mac : unknown_mac, NET_ETHALEN);
  if (mac) arp_wake(dev, ipaddr);
  return 0;
}

int arp_delete(struct netdev *dev, uint32_t ipaddr)
{
  struct arp_entry *e = arp_entry(dev, ipaddr);
  if (e == NULL || ipaddr == INADDR_ANY) return -ENOENT;
  *e = (struct arp_entry){ 0 };
  return 0;
}

void arp_clear(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (int64_t i = 0; i < net->cfg[NETCFG_ARPTAB_SIZE]; i++)
    if (net->arptab[i].dev == dev->index) net->arptab[i] = (struct arp_entry){ 0 };
}

/* A sender that could be a host of this network: not everybody, not ourselves, and frames can be sent to it. */

static bool believable(const struct netdev *dev, uint32_t ipaddr, const uint8_t *mac)
{
  if (ipaddr == INADDR_ANY || ipaddr == dev->ipaddr || !netdev_onlink(dev, ipaddr)) return false;
  return !netdev_isbroadcast(dev, ipaddr) && !(mac[0] & 1) && memcmp(mac, unknown_mac, NET_ETHALEN) != 0;
}

void arp_ipin(struct netdev *dev, uint32_t src, const uint8_t *mac)
{
  struct arp_entry *e = arp_entry(dev, src);
  if (dev->flags & IFF_NOARP) return;
  if (e && !e->permanent && memcmp(e->mac, mac, NET_ETHALEN) == 0 && !(mac[0] & 1))
    e->time = dev->board->bench->now;
  else if (believable(dev, src, mac))
    arp_update(dev, src, mac, false);
}

/* The protocol. Any chain will do to build a frame in: only its first buffer is kept. */

static void arp_frame(struct netdev *dev, struct iob_s *iob, uint32_t op, const uint8_t *mac, uint32_t ipaddr)
{
  iob_free_chain(dev->board, iob->io_flink);
  iob->io_flink = NULL;
  iob->io_offset = 0;
  iob->io_len = NET_LL_GUARDSIZE + ARP_LEN;
  iob->io_pktlen = iob->io_len;

  static const uint8_t fixed[6] = { 0, 1, ETHTYPE_IP >> 8, ETHTYPE_IP & 0xff, NET_ETHALEN, 4 };
  uint8_t *eth = iob->io_data, *arp = eth + NET_LL_GUARDSIZE;
  memcpy(eth, mac, NET_ETHALEN);
  memcpy(eth + 6, dev->mac, NET_ETHALEN);
  put16(eth + 12, ETHTYPE_ARP);
  memcpy(arp, fixed, sizeof fixed);
  put16(arp + 6, op);
  memcpy(arp + 8, dev->mac, NET_ETHALEN);
  put32(arp + 14, dev->ipaddr);
  memcpy(arp + 18, op == ARP_REQUEST ? unknown_mac : mac, NET_ETHALEN);
  put32(arp + 24, ipaddr);
}

void arp_input(struct rxpkt *p)
{
  static const uint8_t expected[6] = { 0, 1, ETHTYPE_IP >> 8, ETHTYPE_IP & 0xff, NET_ETHALEN, 4 };
  struct netdev *dev = p->dev;
  const uint8_t *arp = p->ip;
  if (p->len < ARP_LEN || memcmp(arp, expected, sizeof expected) != 0 || (dev->flags & IFF_NOARP))
    {
      devif_drop(p, p->len < ARP_LEN ? DROP_LENGTH : DROP_HEADER);
      return;
    }
  uint32_t op = get16(arp + 6), sender = get32(arp + 14), target = get32(arp + 24);
  uint8_t mac[NET_ETHALEN];
  memcpy(mac, arp + 8, NET_ETHALEN);
  if ((op != ARP_REQUEST && op != ARP_REPLY) || dev->ipaddr == INADDR_ANY || (mac[0] & 1))
    {
      devif_drop(p, DROP_SOURCE);
      return;
    }

  /* Learn first, then answer. Whoever talks to us becomes an entry, who talks to others only refreshes one. */

  bool announced = sender == target && dev->board->net->cfg[NETCFG_ARP_GRATUITOUS];
  if (believable(dev, sender, mac) && (target == dev->ipaddr || announced || arp_entry(dev, sender)))
    arp_update(dev, sender, mac, false);
  if (op == ARP_REPLY || target != dev->ipaddr)
    {
      iob_free_chain(dev->board, p->iob);
      return;
    }
  arp_frame(dev, p->iob, ARP_REPLY, mac, sender);
  if (netdev_txroom(dev))
    devif_send(dev, p->iob);
  else
    {
      dev->stats.tx_noroom++;
      iob_free_chain(dev->board, p->iob);
    }
}

/* Sending. */

static bool group_mac(const struct netdev *dev, uint32_t dst, uint8_t *mac)
{
  if (netdev_isbroadcast(dev, dst))
    memcpy(mac, broadcast_mac, NET_ETHALEN);
  else if (IN_MULTICAST(dst))
    {
      put32(mac + 2, dst & 0x7fffff);                  /* RFC 1112 6.4 */
      memcpy(mac, "\x01\x00\x5e", 3);
    }
  else
    return false;
  return true;
}

int arp_need(struct netdev *dev, uint32_t dst, uint32_t *hop)
{
  uint8_t mac[NET_ETHALEN];
  if ((dev->flags & (IFF_LOOPBACK | IFF_NOARP)) || dst == dev->ipaddr || group_mac(dev, dst, mac)) return 0;
  *hop = netdev_onlink(dev, dst) ? dst : netdev_router(dev, dst);
  return *hop == INADDR_ANY ? -EHOSTUNREACH : arp_find(dev, *hop, NULL);
}

/* A packet whose next hop is not known is lost, its buffer becomes the question who that is: one question, then
 * silence until the answer or until the failure is forgotten.
 */

void arp_out(struct netdev *dev, struct iob_s *iob, uint32_t dst)
{
  uint8_t mac[NET_ETHALEN] = { 0 };
  if (!group_mac(dev, dst, mac))
    {
      uint32_t hop = netdev_onlink(dev, dst) ? dst : netdev_router(dev, dst);
      int found = arp_find(dev, hop, mac);
      if (found < 0) dev->stats.tx_noarp++;
      if (found == -ENOENT && hop != INADDR_ANY && !(dev->flags & IFF_NOARP))
        {
          arp_update(dev, hop, NULL, false);
          arp_frame(dev, iob, ARP_REQUEST, broadcast_mac, hop);
          devif_send(dev, iob);
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
  put16(eth + 12, ETHTYPE_IP);
  devif_send(dev, iob);
}

/* Requests that senders wait for (NuttX's arp_send, whose loop is kernel/arp.py). */

int arp_request(struct board *b, int32_t dev, uint32_t ipaddr)
{
  struct arp_req *free = NULL;
  for (uint32_t i = NET_ARP_NREQS; i-- > 0; )
    {
      struct arp_req *r = &b->net->arpreq[i];
      if (r->refs && r->ipaddr == ipaddr && r->dev == dev)
        {
          r->refs++;
          return (int)i + 1;
        }
      if (r->refs == 0) free = r;
    }
  if (free == NULL) return -ENOSPC;
  free->ipaddr = ipaddr;
  free->dev = (uint8_t)dev;
  free->refs = 1;
  free->send = false;
  free->wait.expected = 0;
  return (int)(free - b->net->arpreq) + 1;
}

void arp_wake(struct netdev *dev, uint32_t ipaddr)
{
  for (uint32_t i = 0; i < NET_ARP_NREQS; i++)
    {
      struct arp_req *r = &dev->board->net->arpreq[i];
      if (r->refs && r->dev == dev->index && (ipaddr == INADDR_ANY || r->ipaddr == ipaddr))
        netwait_wake_all(dev->board, &r->wait);
    }
}

bool arp_poll(struct netdev *dev)
{
  for (uint32_t i = 0; i < NET_ARP_NREQS; i++)
    {
      struct arp_req *r = &dev->board->net->arpreq[i];
      if (!r->send || r->dev != dev->index) continue;
      struct iob_s *iob = iob_tryalloc(dev->board, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      if (iob == NULL)
        {
          dev->stats.tx_noiob++;
          return false;
        }
      r->send = false;
      arp_frame(dev, iob, ARP_REQUEST, broadcast_mac, r->ipaddr);
      devif_send(dev, iob);
      return true;
    }
  return false;
}
