/* tcp_sock.c - TCP sockets from the side of their owner. Python calls these, and sleeps where they say (enum net_wait).
 * Settings and state are in tcp_opt.c. */

#include "tcp.h"

int32_t tcp_socket(struct board *b, uint32_t family)
{
  struct net *net = b->net;
  if (net == NULL || net->tcp == NULL) return -ENODEV;
  struct tcp_conn *c = tcp_alloc(net, family == NET_AF_INET6 ? IP_V6 : IP_V4);
  if (c == NULL) return -ENOMEM;
  c->owned = true;
  return (int32_t)tcp_number(net, c);
}

/* What it holds to read is lost, and if there was something the peer is told by a reset (RFC 9293 SHLD-3); what it has
 * written still goes out, by itself. SO_LINGER sets a time for that, which may be none.
 */

int64_t tcp_close(struct board *b, int32_t conn, int32_t abort)
{
  struct net *net = b->net;
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  tcp_take_back(net, c);
  bool unread = abort || c->linger == 0 || readahead_len(&c->readahead);
  if (c->state == TCP_SYN_RCVD || (tcp_synchronized(c) && unread && c->state != TCP_TIME_WAIT))
    {
      tcp_reset(net, c);
      tcp_free(net, c);
      return answer(b, 0);
    }
  c->fin = true;
  if (c->state == TCP_ESTABLISHED)
    c->state = TCP_FIN_WAIT_1;
  else if (c->state == TCP_CLOSE_WAIT)
    c->state = TCP_LAST_ACK;
  else if (c->state == TCP_FIN_WAIT_2)
    tcp_timer_set(net, c, TCPT_2MSL, net->cfg[NETCFG_TCP_WAIT_TIMEOUT] * NSEC_PER_SEC);
  if (c->linger > 0 && tcp_synchronized(c) && c->state != TCP_TIME_WAIT)
    tcp_timer_set(net, c, TCPT_LINGER, c->linger * NSEC_PER_SEC);
  tcp_orphan(net, c);
  tcp_pending(net, c);
  return answer(b, 0);
}

int32_t tcp_bind(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port)
{
  struct tcp_conn *c = tcp_find(b, conn);
  struct ipaddr laddr;
  if (c == NULL) return -EBADF;
  int ret = sconn_address(&c->sconn, addr, &laddr);
  if (ret < 0) return ret;
  if (port > 65535 || c->sconn.lport || c->state != TCP_ALLOCATED) return -EINVAL;
  bool special = ipaddr_isany(laddr) || ipaddr_equal(laddr, ipaddr_selflike(laddr));
  if (!special && !netdev_isours(b, laddr)) return -EADDRNOTAVAIL;
  if (port && tcp_port_taken(b->net, c, laddr, (uint16_t)port)) return -EADDRINUSE;
  c->sconn.laddr = laddr;
  c->sconn.lport = (uint16_t)port;
  ret = tcp_autobind(b->net, c);
  if (ret < 0)
    c->sconn.laddr = ipaddr_anylike(laddr);
  else
    c->sconn.flags |= SF_BOUND;
  return ret;
}

int32_t tcp_listen(struct board *b, int32_t conn, int32_t backlog)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->state != TCP_ALLOCATED && c->state != TCP_LISTEN) return -EINVAL;
  int ret = tcp_autobind(b->net, c);
  if (ret < 0) return ret;
  if (c->state == TCP_ALLOCATED && tcp_port_taken(b->net, c, c->sconn.laddr, c->sconn.lport)) return -EADDRINUSE;
  uint32_t most = (uint32_t)b->net->cfg[NETCFG_TCPBACKLOG_CONNS];
  c->backlog = backlog < 1 ? 1 : (uint32_t)backlog < most ? (uint32_t)backlog : most;
  c->state = TCP_LISTEN;
  c->sconn.flags |= SF_LISTENING;
  return 0;
}

/* The oldest connection that is established: its number, now a socket's. -EAGAIN: the caller will wait where readers do.
 */

int64_t tcp_accept(struct board *b, int32_t conn, uint32_t flags)
{
  struct tcp_conn *l = tcp_find(b, conn);
  if (l == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  if (l->state != TCP_LISTEN) return answer(b, -EINVAL);
  struct tcp_conn *c = l->accept_head;
  if (c == NULL) return answer(b, flags & MSG_DONTWAIT ? -EAGAIN : netwait_expect(&l->sconn.rx, -EAGAIN));
  l->accept_head = c->accept_next;
  if (l->accept_head == NULL) l->accept_tail = NULL;
  l->npending--;
  c->listener = NULL;
  c->accept_next = NULL;
  c->owned = true;
  return answer(b, (int64_t)tcp_number(b->net, c));
}

/* Begins to connect: 0; NET_WAIT_NEIGHBOR. The SYN leaves when the device asks for it, and tcp_connected() says what became
 * of it. */

int64_t tcp_connect(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port)
{
  struct net *net = b->net;
  struct tcp_conn *c = tcp_find(b, conn);
  struct ipaddr raddr;
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD) return -EALREADY;
  if (c->state != TCP_ALLOCATED) return c->state == TCP_LISTEN ? -EOPNOTSUPP : -EISCONN;
  if (port == 0 || port > 65535) return -EADDRNOTAVAIL;
  int ret = sconn_address(&c->sconn, addr, &raddr);
  if (ret < 0) return ret;
  if (ipaddr_isany(raddr)) raddr = ipaddr_selflike(raddr);
  if (ipaddr_ismulticast(raddr) || ipaddr_equal(raddr, ipaddr_v4(INADDR_BROADCAST))) return -EADDRNOTAVAIL;   /* MUST-46 */
  struct netdev *dev = netdev_leading(b, c->sconn.boundif, raddr);
  if (dev == NULL || !(dev->flags & IFF_UP)) return -ENETUNREACH;
  if (netdev_isbroadcast(dev, raddr)) return -EADDRNOTAVAIL;
  if (sconn_confined(&c->sconn, dev, raddr)) return -EINVAL;
  ret = neighbor_wanted(dev, raddr);
  if (ret < 0) return ret;
  if (ipaddr_isany(c->sconn.laddr)) c->sconn.laddr = netdev_has(dev, raddr) ? raddr : netdev_source(dev, raddr);
  ret = tcp_autobind(net, c);
  if (ret < 0) return ret;
  c->sconn.raddr = raddr;
  c->sconn.rport = (uint16_t)port;
  tcp_open(c, dev);
  c->state = TCP_SYN_SENT;
  tcp_pending(net, c);
  return answer(b, 0);
}

/* 0: it is; -EAGAIN: not yet, and the caller will wait where senders do; else why not. */

int32_t tcp_connected(struct board *b, int32_t conn, uint32_t flags)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD)
    return flags & MSG_DONTWAIT ? -EAGAIN : netwait_expect(&c->sconn.snd, -EAGAIN);
  if (tcp_synchronized(c)) return 0;
  int32_t error = c->sconn.error ? c->sconn.error : ENOTCONN;
  c->sconn.error = 0;
  return -error;
}

/* An error is told once; after it the end of the stream, or that there is no connection. */

static int32_t pending_error(struct tcp_conn *c, int32_t otherwise)
{
  int32_t error = c->sconn.error ? -c->sconn.error : otherwise;
  c->sconn.error = 0;
  return error;
}

/* Whether it may send: 0, NET_WAIT_NEIGHBOR, -errno. */

static int64_t may_send(struct board *b, struct tcp_conn *c)
{
  charge(b, COST_CALL, 1);
  if (c->state == TCP_CLOSED) return pending_error(c, c->sconn.flags & SF_CONNECTED ? -EPIPE : -ENOTCONN);
  if (!tcp_synchronized(c)) return -ENOTCONN;
  if (c->fin) return -EPIPE;
  return neighbor_wanted(c->dev, c->sconn.raddr);
}

static int64_t start(struct board *b, struct tcp_conn *c, const uint8_t *data, uint32_t len, struct iob_s *first)
{
  int64_t r = may_send(b, c);
  if (r < 0)
    {
      iob_free_chain(b, first);
      return r;
    }
  r = tcp_buffer(b->net, c, data, len, first);
  if (r > 0) tcp_pending(b->net, c);
  return r;
}

/* Takes bytes into the write buffers: how many, or enum net_wait if not one. Nonblocking: -EAGAIN instead. */

int64_t tcp_send(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, uint32_t flags)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  int64_t r = start(b, c, data, len, NULL);
  if (r <= NET_WAIT_NEIGHBOR && r != NET_WAIT_NEIGHBOR && flags & MSG_DONTWAIT) r = -EAGAIN;
  if (r == NET_WAIT_SND) r = netwait_expect(&c->sconn.snd, (int)r);
  if (r == NET_WAIT_WRB) r = netwait_expect(&b->net->tcp->wrbwait, (int)r);
  return answer(b, r);
}

/* After NET_WAIT_IOB: the same with the buffer that was waited for, by its number. */

int64_t tcp_send_iob(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, uint32_t index)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (index >= b->iob.nbuffers) return -EINVAL;
  if (c == NULL)
    {
      iob_free_chain(b, &b->iob.iobs[index]);
      return answer(b, -EBADF);
    }
  int64_t r = start(b, c, data, len, &b->iob.iobs[index]);
  if (r == NET_WAIT_SND) r = netwait_expect(&c->sconn.snd, (int)r);
  if (r == NET_WAIT_WRB) r = netwait_expect(&b->net->tcp->wrbwait, (int)r);
  return answer(b, r);
}

/* Without write buffers, see tcp_unbuffered.c. Begins to send, 0, or why not: enum net_wait, -errno. The bytes have to
 * stay where they are until tcp_withdraw() or tcp_close().
 */

int64_t tcp_send_direct(struct board *b, int32_t conn, const uint8_t *data, uint32_t len)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  int64_t r = may_send(b, c);
  if (r == 0) r = tcp_lend(c, data, len, this_task(b) ? this_task(b)->pid : 0);
  if (r == NET_WAIT_SND) r = netwait_expect(&c->sconn.snd, (int)r);
  if (r == 0) tcp_pending(b->net, c);
  return answer(b, r);
}

/* 0 once the peer has acknowledged everything; -EAGAIN: the caller will wait where senders do; -errno. */

int32_t tcp_drained(struct board *b, int32_t conn)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->sconn.error) return pending_error(c, 0);
  return c->txsize == 0 ? 0 : netwait_expect(&c->sconn.snd, -EAGAIN);
}

/* The task that sends is about to leave send(): how many of its bytes have left the board, and may not have arrived. */

int64_t tcp_withdraw(struct board *b, int32_t conn)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->direct == NULL || this_task(b) == NULL || c->sender != this_task(b)->pid) return 0;
  return answer(b, tcp_take_back(b->net, c));
}

/* Up to `len` bytes that have come; 0 at the end of the stream. */

int64_t tcp_recv(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  uint32_t have = readahead_len(&c->readahead), n = len < have ? len : have;
  if (n)
    {
      iob_copyout(buf, c->readahead.head, n, 0);
      charge(b, COST_COPY, n);
      if (!(flags & MSG_PEEK))
        {
          readahead_consume(b, &c->readahead, n);
          tcp_window_update(b->net, c);
        }
      return answer(b, n);
    }
  if (c->state == TCP_CLOSED) return answer(b, pending_error(c, c->sconn.flags & SF_CONNECTED ? 0 : -ENOTCONN));
  if (!tcp_synchronized(c)) return answer(b, -ENOTCONN);
  if (len == 0 || c->finrcvd || c->rdshut) return answer(b, 0);
  return answer(b, flags & MSG_DONTWAIT ? -EAGAIN : netwait_expect(&c->sconn.rx, -EAGAIN));
}

/* how: 1 no more reading, 2 no more writing, 3 both. A listener only stops listening, whatever it is. */

int64_t tcp_shutdown(struct board *b, int32_t conn, int32_t how)
{
  struct net *net = b->net;
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->state == TCP_LISTEN)
    {
      tcp_unlisten(net, c);
      return answer(b, 0);
    }
  if (!tcp_synchronized(c)) return -ENOTCONN;
  if (how & 1)
    {
      c->rdshut = true;
      readahead_free(b, &c->readahead);
      tcp_window_update(net, c);
    }
  if (how & 2 && !c->fin)
    {
      c->fin = true;
      c->state = c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1;
      tcp_pending(net, c);
    }
  tcp_wakeup(net, c);
  return answer(b, 0);
}
