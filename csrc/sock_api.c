/* sock_api.c - what Python sees of sockets besides udp_conn.c: their settings and state, and the ICMP ones. */

#include "inet.h"

/* What can be done without waiting: enum net_pollevent. Sending asks for a buffer without regard to the throttle, as
 * NuttX does, although a blocking sender takes a throttled one. */

static uint32_t udp_ready(struct board *b, const struct udp_conn *c)
{
  uint32_t events = c->readahead.head ? NET_POLLIN : 0;
  if (c->sconn.error) events |= NET_POLLIN | NET_POLLERR;
  bool room = (!c->sconn.sndbufs || c->txsize < c->sconn.sndbufs) && iob_navail(b, false) > 0 && b->net->wrb_free;
  return room ? events | NET_POLLOUT : events;
}

int64_t udp_get(struct board *b, int32_t conn, uint32_t what)
{
  const struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  switch (what)
    {
      case SOCK_BCAST:   return c->broadcast;
      case SOCK_RXSIZE:  return readahead_len(&c->readahead);
      case SOCK_TXSIZE:  return c->txsize;
      case SOCK_QUEUED:  return (int64_t)c->queued;
      case SOCK_SENT:    return (int64_t)c->sent;
      case SOCK_DROPS:   return (int64_t)c->drops;
      case SOCK_WRBSEM:  return b->net->wrbwait.sem.id;
      case SOCK_READY:   return udp_ready(b, c);
      default:           return sconn_get(&c->sconn, what);
    }
}

int32_t udp_set(struct board *b, int32_t conn, uint32_t what, int64_t value)
{
  struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (what != SOCK_BCAST) return sconn_set(b, &c->sconn, what, value);
  c->broadcast = value;
  return 0;
}

int32_t udp_name(struct board *b, int32_t conn, int32_t peer, uint8_t *out, uint32_t len)
{
  const struct udp_conn *c = udp_find(b, conn);
  return c ? sconn_name(&c->sconn, peer, out, len) : -EBADF;
}

int32_t udp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events)
{
  struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  struct poll_place at = { .rx = &c->sconn.rx, .snd = &c->sconn.snd, .wrb = &b->net->wrbwait, .room = POLL_ROOM_ANY };
  return poll_watch(b, poller, &at, events, b->net->cfg[NETCFG_UDP_NPOLLWAITERS]);
}

/* Without write buffers: 0 once drivers have taken everything that was queued up to `queued`, else -EAGAIN: the caller
 * will wait where senders do. */

int32_t udp_sent(struct board *b, int32_t conn, int64_t queued)
{
  struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  return (int64_t)c->sent >= queued ? 0 : netwait_expect(&c->sconn.snd, -EAGAIN);
}

/* The sockets in the order they were made: how many numbers were stored. */

int32_t udp_list(struct board *b, int32_t *out, int32_t n)
{
  struct net *net = b->net;
  int32_t k = 0;
  for (struct udp_conn *c = net ? net->udp_head : NULL; c && k < n; c = c->next) out[k++] = (int32_t)(c - net->udp);
  return k;
}

/* ICMP sockets. */

static struct icmp_conn *icmp_find(struct board *b, int32_t conn)
{
  struct net *net = b->net;
  if (net == NULL || conn < 0 || (uint32_t)conn >= net->nicmp || !net->icmp[conn].used) return NULL;
  return &net->icmp[conn];
}

int32_t icmp_socket(struct board *b, uint32_t family)
{
  struct net *net = b->net;
  if (net == NULL) return -ENODEV;
  enum ip_kind kind = family == NET_AF_INET6 ? IP_V6 : IP_V4;
  int64_t left = net->cfg[kind == IP_V4 ? NETCFG_ICMP_PREALLOC_CONNS : NETCFG_ICMPv6_PREALLOC_CONNS];
  for (uint32_t i = 0; i < net->nicmp; i++)
    if (net->icmp[i].used && ipaddr_kind(net->icmp[i].sconn.laddr) == kind) left--;
  if (left <= 0) return -ENOMEM;
  for (uint32_t i = 0; i < net->nicmp; i++)
    {
      struct icmp_conn *c = &net->icmp[i];
      if (c->used) continue;
      *c = (struct icmp_conn){ .used = true, .sndbuf = c->sndbuf, .sconn = c->sconn };
      sconn_init(net, &c->sconn, kind);
      return (int32_t)i;
    }
  return -ENOMEM;
}

/* What was asked for under another identifier is of no interest any more. */

static void icmp_flush(struct board *b, struct icmp_conn *c)
{
  c->id = 0;
  c->dev = 0;
  c->sconn.error = 0;
  c->state = ICMP_IDLE;
  iob_free_queue(b, &c->readahead);
  iob_free_chain(b, c->direct);
  c->direct = NULL;
}

int64_t icmp_close(struct board *b, int32_t conn)
{
  struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  icmp_flush(b, c);
  c->used = false;
  netwait_wake_all(b, &c->sconn.rx);
  netwait_wake_all(b, &c->sconn.snd);
  return answer(b, 0);
}

/* Leaves a message, ICMP header and data, to be polled for. The caller then waits where its senders do until
 * icmp_sent() says what became of it. Only echo requests get replies delivered.
 */

int64_t icmp_sendto(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr)
{
  struct icmp_conn *c = icmp_find(b, conn);
  struct ipaddr raddr;
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  if (len < ICMP_HDRLEN) return -EINVAL;
  int ret = sconn_address(&c->sconn, addr, &raddr);
  if (ret < 0) return ret;
  if (ipaddr_isany(raddr)) raddr = ipaddr_selflike(raddr);
  struct netdev *dev = netdev_leading(b, c->sconn.boundif, raddr);
  if (dev == NULL || !(dev->flags & IFF_UP)) return -ENETUNREACH;
  uint32_t total = len + ip_hdrlen(raddr);
  if (total > ip_maxlen(dev, raddr)) return total > IP_PACKET_MAX ? -EMSGSIZE : -EINVAL;
  if (NET_LL_GUARDSIZE + total > b->iob.nbuffers * b->iob.bufsize) return -ENOMEM;    /* no poll could ever send it */
  if (c->state == ICMP_PENDING) return netwait_expect(&c->sconn.snd, NET_WAIT_SND);

  bool echo = data[0] == (ipaddr_isv4(raddr) ? ICMP_ECHO_REQUEST : ICMPv6_ECHO_REQUEST);
  uint32_t id = get16(data + 4);
  if (!echo || id != c->id || dev->index != c->dev) icmp_flush(b, c);
  ret = neighbor_wanted(dev, raddr);
  if (ret < 0) return ret;

  c->sconn.raddr = raddr;
  c->sconn.laddr = netdev_source(dev, raddr);
  memcpy(c->sndbuf, data, len);
  memset(c->sndbuf + 2, 0, 2);
  charge(b, COST_CSUM, len);
  csum_put(c->sndbuf + 2, csum_fold(csum_add(icmp_pseudo(c->sconn.laddr, raddr, len), c->sndbuf, len)));
  c->sndlen = len;
  c->id = echo ? (uint16_t)id : 0;
  c->dev = dev->index;
  c->sconn.error = 0;
  c->state = ICMP_PENDING;
  netdev_txnotify(dev, ipaddr_isv4(raddr) ? ICMP_POLL : ICMPv6_POLL);
  return answer(b, (int32_t)len);
}

/* -EAGAIN: not yet, the caller will wait; 0: a device took it; -ENETUNREACH: the device went down. `give_up`: it is not
 * to be sent any more. */

int32_t icmp_sent(struct board *b, int32_t conn, int32_t give_up)
{
  struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  int32_t result = c->sconn.error ? -c->sconn.error : c->state == ICMP_PENDING ? -EAGAIN : 0;
  if (result == -EAGAIN && !give_up) return netwait_expect(&c->sconn.snd, result);
  if (result == 0 || give_up) c->state = ICMP_IDLE;
  if (result != 0) icmp_flush(b, c);
  return result;
}

/* One ICMP message, without its IP header; from: who sent it, SOCKNAME_LEN bytes. */

int64_t icmp_recvfrom(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags, uint8_t *from)
{
  struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  if (c->sconn.error)
    {
      int32_t error = c->sconn.error;
      icmp_flush(b, c);
      return answer(b, -error);
    }
  if (c->dev == 0) return -EPROTO;              /* nothing was asked */
  struct iob_s *iob = iob_peek_queue(&c->readahead);
  if (iob == NULL && c->direct == NULL)
    return answer(b, flags & MSG_DONTWAIT ? -EAGAIN : netwait_expect(&c->sconn.rx, -EAGAIN));
  if (iob)
    iob_remove_queue(b, &c->readahead);
  else
    {
      iob = c->direct;
      c->direct = NULL;
    }
  uint8_t ip[IPv6_HDRLEN];
  uint32_t hlen = ip_hdrlen(c->sconn.laddr);
  iob_copyout(ip, iob, hlen, 0);
  int n = iob_copyout(buf, iob, len, (int32_t)hlen);
  sockname_store(from, ipaddr_isv4(c->sconn.laddr) ? ipaddr_v4(get32(ip + 12)) : ipaddr_load(ip + 8), 0);
  charge(b, COST_COPY, (uint32_t)n);
  iob_free_chain(b, iob);
  return answer(b, n);
}

int32_t icmp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events)
{
  struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  struct poll_place at = { .rx = &c->sconn.rx, .snd = &c->sconn.snd };
  uint32_t option = ipaddr_isv4(c->sconn.laddr) ? NETCFG_ICMP_NPOLLWAITERS : NETCFG_ICMPv6_NPOLLWAITERS;
  return poll_watch(b, poller, &at, events, b->net->cfg[option]);
}

/* A request waits in the socket's own memory, so that there is always room to send. */

static uint32_t icmp_ready(const struct icmp_conn *c)
{
  if (c->sconn.error) return NET_POLLIN | NET_POLLERR;
  return NET_POLLOUT | (iob_peek_queue(&c->readahead) || c->direct ? NET_POLLIN : 0);
}

int32_t icmp_get(struct board *b, int32_t conn, uint32_t what)
{
  const struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  switch (what)
    {
      case SOCK_RXSEM:   return (int32_t)c->sconn.rx.sem.id;
      case SOCK_SNDSEM:  return (int32_t)c->sconn.snd.sem.id;
      case SOCK_BOUNDIF: return c->sconn.boundif;
      case SOCK_READY:   return (int32_t)icmp_ready(c);
      default:           return -EINVAL;
    }
}

/* Of the options of sockets it has SO_BINDTODEVICE. */

int32_t icmp_set(struct board *b, int32_t conn, uint32_t what, int64_t value)
{
  struct icmp_conn *c = icmp_find(b, conn);
  if (c == NULL) return -EBADF;
  return what == SOCK_BOUNDIF ? sconn_set(b, &c->sconn, what, value) : -EINVAL;
}
