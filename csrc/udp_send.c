/* udp_send.c - datagrams that go out: write buffers, and the device's poll for them (NuttX udp_sendto_buffered.c).
 *
 * A datagram is built in IOBs, queued on its socket, and handed to the device chain and all when that asks. A send is
 * whole or fails. Buffers come as NuttX takes them: the first one throttled, the others not, if the sender may sleep;
 * all unthrottled if not. A sender that sleeps in the middle keeps what it has: such senders can eat the pool up
 * between them, and the documents' deadlock is there.
 */
#include "inet.h"

static uint32_t headers(struct ipaddr raddr)
{
  return ip_hdrlen(raddr) + UDP_HDRLEN;
}

static uint32_t udp_owner(const struct net *net, const struct udp_conn *c)
{
  return IOB_OWNER(IOB_OWNER_UDP_WRITE, c - net->udp);
}

void udp_wrb_release(struct net *net, struct udp_wrb *w)
{
  iob_free_chain(net->board, w->iob);
  w->iob = NULL;
  w->next = net->wrb_free;
  net->wrb_free = w;
  netwait_wake(net->board, &net->wrbwait);
}

/* Out of the write queue, sent or thrown away: senders of this socket look again. */

static void dequeued(struct net *net, struct udp_conn *c, struct udp_wrb *w)
{
  c->txsize -= w->iob->io_pktlen;
  c->sent++;
  netwait_wake_all(net->board, &c->sconn.snd);
}

void udp_write_discard(struct net *net, struct udp_conn *c, uint32_t dev)
{
  struct udp_wrb **link = &c->write_head;
  c->write_tail = NULL;
  for (struct udp_wrb *w; (w = *link); )
    {
      if (dev && w->dev != dev)
        {
          c->write_tail = w;
          link = &w->next;
          continue;
        }
      *link = w->next;
      dequeued(net, c, w);
      udp_wrb_release(net, w);
    }
}

/* Copies what is missing of the payload. Complete: it is queued and the device told. */

static int64_t fill(struct net *net, struct udp_wrb *w, const uint8_t *data, uint32_t flags)
{
  struct board *b = net->board;
  struct udp_conn *c = w->conn;
  uint32_t head = headers(w->raddr), done = w->iob->io_pktlen - head, missing = w->len - done;
  int ret = missing ? iob_copyin(b, w->iob, data + done, missing, (int32_t)(done + head), false) : 0;
  uint32_t now = w->iob->io_pktlen - head;
  charge(b, COST_COPY, now - done);
  if (ret < 0 && !(flags & MSG_DONTWAIT)) return NET_WAIT_COPY - (w - net->wrb);
  if (ret >= 0 && !(net->dev[w->dev - 1].flags & IFF_RUNNING)) ret = -EHOSTUNREACH;   /* went down meanwhile */
  if (ret < 0)
    {
      udp_wrb_release(net, w);
      return ret;
    }
  w->sum = csum_add(0, data, w->len);
  w->next = NULL;
  if (c->write_head)
    c->write_tail->next = w;
  else
    c->write_head = w;
  c->write_tail = w;
  w->queued = true;
  c->txsize += w->iob->io_pktlen;
  c->queued++;
  netdev_txnotify(&net->dev[w->dev - 1], UDP_POLL);
  return w->len;
}

/* Where it would go, and whether it may; NuttX's order of errors. */

static int check(struct board *b, struct udp_conn *c, uint32_t len, struct ipaddr raddr, uint16_t rport,
                 struct netdev **out)
{
  bool connected = c->sconn.flags & SF_CONNECTED;
  if (len > 65535) return -EMSGSIZE;
  if (connected && (!ipaddr_isany(raddr) || rport)) return -EISCONN;
  if (!connected && rport == 0) return ipaddr_isany(raddr) ? -EDESTADDRREQ : -EINVAL;
  if (c->sconn.error)
    {
      int error = c->sconn.error;
      c->sconn.error = 0;
      return -error;
    }
  if (connected) raddr = c->sconn.raddr;
  if (ipaddr_isany(raddr)) raddr = ipaddr_selflike(raddr);
  struct netdev *dev = netdev_leading(b, c->sconn.boundif, raddr);
  if (dev == NULL || !(dev->flags & IFF_UP)) return -ENETUNREACH;
  if (sconn_confined(&c->sconn, dev, raddr)) return -EINVAL;
  int ret = neighbor_wanted(dev, raddr);
  if (ret < 0) return ret;
  if (!(dev->flags & IFF_RUNNING)) return -EHOSTUNREACH;
  if (len + headers(raddr) > ip_maxlen(dev, raddr)) return -EMSGSIZE;
  *out = dev;
  return 0;
}

/* One datagram, as far as it goes without sleeping; the unspecified address and port 0 are "none given". `first` is a buffer the caller
 * slept for, or NULL; it is used or freed. The bytes sent, -errno, or enum net_wait.
 */

int64_t udp_start(struct board *b, struct udp_conn *c, const uint8_t *data, uint32_t len, struct ipaddr raddr,
                  uint16_t rport, uint32_t flags, struct iob_s *first)
{
  struct net *net = b->net;
  struct netdev *dev = NULL;
  charge(b, COST_CALL, 1);
  int ret = check(b, c, len, raddr, rport, &dev);
  if (ret == 0) ret = udp_autobind(net, c);
  if (ret == 0 && c->sconn.sndbufs && c->txsize + len > c->sconn.sndbufs) ret = NET_WAIT_SND;
  if (ret == 0 && net->wrb_free == NULL) ret = NET_WAIT_WRB;
  if (ret == 0 && first == NULL)
    {
      first = iob_tryalloc(b, send_throttled(net) && !(flags & MSG_DONTWAIT), udp_owner(net, c));
      if (first == NULL) ret = NET_WAIT_IOB;
    }
  if (ret != 0)
    {
      iob_free_chain(b, first);
      if (ret < -1000 && ret != NET_WAIT_NEIGHBOR && (flags & MSG_DONTWAIT)) return -EAGAIN;
      if (ret == NET_WAIT_SND) return netwait_expect(&c->sconn.snd, ret);
      return ret == NET_WAIT_WRB ? netwait_expect(&net->wrbwait, ret) : ret;
    }
  iob_set_owner(b, first, udp_owner(net, c));
  first->io_offset = NET_LL_GUARDSIZE;
  first->io_len = (uint16_t)(first->io_pktlen = headers(raddr));

  struct udp_wrb *w = net->wrb_free;
  net->wrb_free = w->next;
  bool connected = c->sconn.flags & SF_CONNECTED;
  w->conn = c;
  w->iob = first;
  w->raddr = connected ? c->sconn.raddr : ipaddr_isany(raddr) ? ipaddr_selflike(raddr) : raddr;
  w->rport = connected ? c->sconn.rport : rport;
  w->len = (uint16_t)len;
  w->dev = dev->index;
  w->queued = false;
  w->pid = this_task(b) ? this_task(b)->pid : 0;
  return fill(net, w, data, flags);
}

/* The sender has slept for one more buffer. */

int64_t udp_continue(struct board *b, struct udp_wrb *w, struct iob_s *iob, const uint8_t *data)
{
  struct net *net = b->net;
  if (w->conn == NULL)                /* the socket was closed meanwhile */
    {
      iob_free_chain(b, iob);
      udp_wrb_release(net, w);
      return -EBADF;
    }
  iob_set_owner(b, iob, udp_owner(net, w->conn));
  struct iob_s *last = w->iob;
  while (last->io_flink) last = last->io_flink;
  last->io_flink = iob;
  return fill(net, w, data, 0);
}

/* The device asks. Sockets take turns, so that one that always has something does not keep the others waiting. */

static struct udp_conn *next_sender(struct net *net, uint32_t dev)
{
  struct udp_conn *start = net->udp_turn ? net->udp_turn : net->udp_head, *c = start;
  if (c == NULL) return NULL;
  do
    {
      if (c->write_head && c->write_head->dev == dev)
        {
          net->udp_turn = c->next;
          return c;
        }
      c = c->next ? c->next : net->udp_head;
    }
  while (c != start);
  return NULL;
}

bool udp_poll(struct netdev *dev)
{
  struct net *net = dev->board->net;
  struct udp_conn *c = next_sender(net, dev->index);
  if (c == NULL) return false;
  struct udp_wrb *w = c->write_head;
  c->write_head = w->next;
  if (c->write_head == NULL) c->write_tail = NULL;

  struct iob_s *iob = w->iob;
  struct ip_head head = { .src = c->sconn.laddr, .dst = w->raddr, .proto = IP_PROTO_UDP, .ttl = c->sconn.ttl,
                          .tos = c->sconn.tos };
  if (ipaddr_isany(head.src) || netdev_isgroup(dev, head.src)) head.src = netdev_source(dev, head.dst);
  uint8_t *udp = iob_at(iob, ip_hdrlen(head.dst));
  uint32_t len = w->len + UDP_HDRLEN;
  put16(udp, c->sconn.lport);
  put16(udp + 2, w->rport);
  put16(udp + 4, len);
  put16(udp + 6, 0);
  if (net->cfg[NETCFG_UDP_CHECKSUMS])
    {
      charge(net->board, COST_CSUM, len);
      uint16_t sum = csum_fold(csum_pseudo(head.src, head.dst, IP_PROTO_UDP, len) + csum_add(w->sum, udp, UDP_HDRLEN));
      csum_put(udp + 6, sum ? sum : 0xffff);
    }
  ip_header(net, iob_at(iob, 0), iob->io_pktlen, &head);
  iob_set_owner(net->board, iob, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  net->stats.udp.sent++;
  dequeued(net, c, w);
  w->iob = NULL;
  udp_wrb_release(net, w);
  ip_out(dev, iob, head.dst);
  return true;
}
