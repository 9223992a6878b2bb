/* udp.c - datagrams that come in (RFC 768, RFC 1122 4.1.3): whose they are, and the read-ahead chain they wait in.
 *
 * A socket has one chain for all its datagrams. Each is preceded by UDP_METALEN bytes in the room that its headers
 * had, so that keeping it needs no further buffer:
 *
 *   2 payload length, 1 interface, 1 size of the address, then as many bytes of that:
 *   16 sockaddr_in (family, port, address, 8 zero bytes), or
 *   28 sockaddr_in6 (family, port, flow information, address, scope)
 */
#include "inet.h"

struct udp_conn *udp_find(struct board *b, int32_t conn)
{
  struct net *net = b->net;
  if (net == NULL || conn < 0 || (uint32_t)conn >= net->nudp || !net->udp[conn].sconn.flags) return NULL;
  return &net->udp[conn];
}

static uint32_t udp_number(const struct net *net, const struct udp_conn *c)
{
  return (uint32_t)(c - net->udp);
}

static void udp_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why)
{
  p->dev->board->net->stats.udp.drop++;
  if (count) ++*count;
  rx_drop(p, why);
}

/* Whether a socket takes what comes to this device, whatever IPv4 address it is for. */

static bool takes_all(const struct udp_conn *c, const struct netdev *dev)
{
  return c->sconn.boundif == dev->index && ipaddr_equal(c->sconn.laddr, ipaddr_v4(INADDR_ANY)) && c->sconn.lport;
}

bool udp_bound(const struct netdev *dev)
{
  for (const struct udp_conn *c = dev->board->net->udp_head; c; c = c->next)
    if (takes_all(c, dev)) return true;
  return false;
}

/* Bound to that address, or to every one of its kind. */

static bool listens_at(const struct socket_conn *s, struct ipaddr addr)
{
  return ipaddr_equal(s->laddr, addr) || ipaddr_equal(s->laddr, ipaddr_anylike(addr));
}

/* The next socket, from c on, that takes a datagram of p to this port. A connected one listens to its peer only. */

static struct udp_conn *udp_active(struct udp_conn *c, const struct rxpkt *p, uint16_t sport, uint16_t dport)
{
  bool ours = netdev_has(p->dev, p->dst) || netdev_isgroup(p->dev, p->dst);
  bool everybody = ipaddr_equal(p->dst, ipaddr_v4(INADDR_BROADCAST));
  for (; c; c = c->next)
    {
      const struct socket_conn *s = &c->sconn;
      if (s->lport != dport || !listens_at(s, p->dst) || (!ours && !takes_all(c, p->dev))) continue;
      if (s->boundif && s->boundif != p->dev->index) continue;
      if (!(s->flags & SF_CONNECTED)) return c;
      if (s->rport == sport && (ipaddr_equal(s->raddr, p->src) || everybody)) return c;
    }
  return NULL;
}

static void put_meta(uint8_t *meta, const struct rxpkt *p, uint32_t len)
{
  bool v4 = ipaddr_isv4(p->src);
  memset(meta, 0, udp_metalen(p->src));
  put16(meta, len);
  meta[2] = p->dev->index;
  meta[3] = (uint8_t)(udp_metalen(p->src) - UDP_METALEN);
  put16(meta + 4, v4 ? NET_AF_INET : NET_AF_INET6);
  memcpy(meta + 6, p->ip + p->hlen, 2);
  if (v4)
    put32(meta + 8, ipaddr_tov4(p->src));
  else
    ipaddr_store(meta + 12, p->src);
}

/* The datagram is p's; its chain goes to the socket or to the pool. */

static void deliver(struct udp_conn *c, struct rxpkt *p)
{
  struct board *b = p->dev->board;
  struct net *net = b->net;
  uint32_t headers = p->hlen + UDP_HDRLEN, len = p->len - headers;
  if (c->sconn.rcvbufs && readahead_len(&c->readahead) > c->sconn.rcvbufs)
    {
      c->drops++;
      trace_put(b, TR_UDP_DROP, udp_number(net, c), len);
      udp_drop(p, NULL, DROP_FULL);
      return;
    }
  struct iob_s *iob = p->iob;
  uint32_t cut = headers - udp_metalen(p->src);
  iob->io_offset = (uint16_t)(iob->io_offset + cut);
  iob->io_len = (uint16_t)(iob->io_len - cut);
  iob->io_pktlen -= cut;

  put_meta(iob_at(iob, 0), p, len);
  readahead_add(net, &c->readahead, iob, IOB_OWNER(IOB_OWNER_UDP_READ, udp_number(net, c)));
  trace_put(b, TR_UDP_IN, udp_number(net, c), len);
  netwait_wake(b, &c->sconn.rx);
}

/* A datagram to everybody goes to every socket of that port; all but the last get a copy, if there are buffers. */

static bool deliver_copy(struct udp_conn *c, const struct rxpkt *p)
{
  struct board *b = p->dev->board;
  struct rxpkt copy = *p;
  copy.iob = iob_tryalloc(b, true, IOB_OWNER(IOB_OWNER_RXWORK, p->dev->index));
  if (copy.iob == NULL) return false;
  copy.iob->io_offset = NET_LL_GUARDSIZE;
  if (iob_clone(b, p->iob, copy.iob, true) < 0)
    {
      iob_free_chain(b, copy.iob);
      return false;
    }
  deliver(c, &copy);
  return true;
}

void udp_input(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  const uint8_t *udp = p->ip + p->hlen;
  uint32_t len = p->len - p->hlen;
  net->stats.udp.recv++;
  if (len < UDP_HDRLEN || get16(udp + 4) != len)
    {
      udp_drop(p, NULL, DROP_LENGTH);
      return;
    }
  bool summed = udp[6] | udp[7];
  if (!summed && !ipaddr_isv4(p->src))                /* IPv6 has no datagrams without, RFC 8200 8.1 */
    {
      udp_drop(p, &net->stats.udp.chkerr, DROP_CHECKSUM);
      return;
    }
  if (summed && net->cfg[NETCFG_UDP_CHECKSUMS])
    {
      charge(net->board, COST_CSUM, len);
      if (csum_fold(csum_rx(csum_pseudo(p->src, p->dst, IP_PROTO_UDP, len), p)) != 0)
        {
          udp_drop(p, &net->stats.udp.chkerr, DROP_CHECKSUM);
          return;
        }
    }

  uint16_t sport = (uint16_t)get16(udp), dport = (uint16_t)get16(udp + 2);
  struct udp_conn *c = udp_active(net->udp_head, p, sport, dport), *next;
  bool single = netdev_has(p->dev, p->dst);
  if (c == NULL && single)
    {
      net->stats.udp.drop++;
      icmp_unreachable_port(p);
      return;
    }
  if (c == NULL)
    {
      udp_drop(p, NULL, DROP_NOBODY);
      return;
    }
  if (!single)
    while ((next = udp_active(c->next, p, sport, dport)) && deliver_copy(c, p)) c = next;
  deliver(c, p);
}

/* An ICMP error about a datagram of ours. Only a connected socket is told: another would not know which of its
 * datagrams is meant.
 */

void udp_error(struct netdev *dev, const struct quoted *q, int32_t error)
{
  struct board *b = dev->board;
  for (struct udp_conn *c = b->net->udp_head; c; c = c->next)
    {
      struct socket_conn *s = &c->sconn;
      if (!(s->flags & SF_CONNECTED) || s->lport != q->lport || s->rport != q->rport) continue;
      if (!ipaddr_equal(s->raddr, q->raddr) || !listens_at(s, q->laddr)) continue;
      s->error = error;
      netwait_wake_all(b, &s->rx);
    }
}

/* The interface is gone: what waits to be sent there is thrown away, who reads from its address is told. */

void udp_netdown(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (struct udp_conn *c = net->udp_head; c; c = c->next)
    {
      udp_write_discard(net, c, dev->index);
      if (ipaddr_isany(c->sconn.laddr) || !netdev_has(dev, c->sconn.laddr)) continue;
      if (c->sconn.rx.expected || c->sconn.rx.polled) c->sconn.error = ENETUNREACH;
      netwait_wake_all(net->board, &c->sconn.rx);
    }
}
