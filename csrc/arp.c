/* arp.c - the protocol that asks who has an IPv4 address, and answers (RFC 826, RFC 1122 2.3.2; NuttX net/arp). What it
 * learns is in neighbor.c.
 */
#include "inet.h"

#define ARP_LEN     28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u
#define ETHTYPE_IP  0x0800u
#define ETHTYPE_ARP 0x0806u

static const uint8_t broadcast_mac[NET_ETHALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t unknown_mac[NET_ETHALEN];

/* A sender that could be a host of this network: not everybody, not ourselves, and frames can be sent to it. */

static bool believable(const struct netdev *dev, uint32_t ipaddr, const uint8_t *mac)
{
  struct ipaddr addr = ipaddr_v4(ipaddr);
  if (ipaddr == INADDR_ANY || netdev_has(dev, addr) || !netdev_onlink(dev, addr)) return false;
  return !netdev_isbroadcast(dev, addr) && !(mac[0] & 1) && memcmp(mac, unknown_mac, NET_ETHALEN) != 0;
}

void arp_ipin(struct netdev *dev, uint32_t src, const uint8_t *mac)
{
  struct neighbor *e = neighbor_entry(dev, ipaddr_v4(src));
  if (dev->flags & IFF_NOARP) return;
  if (e && !e->permanent && memcmp(e->mac, mac, NET_ETHALEN) == 0 && !(mac[0] & 1))
    e->time = dev->board->bench->now;
  else if (believable(dev, src, mac))
    neighbor_update(dev, ipaddr_v4(src), mac, false);
}

/* A frame, in the first buffer of any chain. */

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
  put32(arp + 14, netdev_ipv4(dev));
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
  uint32_t op = get16(arp + 6), sender = get32(arp + 14), target = get32(arp + 24), ours = netdev_ipv4(dev);
  uint8_t mac[NET_ETHALEN];
  memcpy(mac, arp + 8, NET_ETHALEN);
  if ((op != ARP_REQUEST && op != ARP_REPLY) || ours == INADDR_ANY || (mac[0] & 1))
    {
      devif_drop(p, DROP_SOURCE);
      return;
    }

  /* Learn first, then answer. Whoever talks to us becomes an entry, who talks to others only refreshes one. */

  bool announced = sender == target && dev->board->net->cfg[NETCFG_ARP_GRATUITOUS];
  if (believable(dev, sender, mac) && (target == ours || announced || neighbor_entry(dev, ipaddr_v4(sender))))
    neighbor_update(dev, ipaddr_v4(sender), mac, false);
  if (op == ARP_REPLY || target != ours)
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

void arp_ask(struct netdev *dev, struct iob_s *iob, struct ipaddr addr)
{
  arp_frame(dev, iob, ARP_REQUEST, broadcast_mac, ipaddr_tov4(addr));
  devif_send(dev, iob);
}
