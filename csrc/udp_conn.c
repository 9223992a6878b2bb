/* udp_conn.c - UDP sockets from the side of their owner: making, naming, reading and closing them. */

#include "inet.h"

/* A port is taken if another socket has it on the same address, or on every address; two that both allow it share one
 * (NuttX udp_find_conn). */

static bool port_taken(const struct net *net, const struct udp_conn *self, struct ipaddr laddr, uint16_t port, bool reuse)
{
  for (const struct udp_conn *c = net->udp_head; c; c = c->next)
    {
      if (c == self || c->sconn.lport != port || (reuse && c->sconn.reuseaddr)) continue;
      if (ipaddr_equal(c->sconn.laddr, laddr) || ipaddr_equal(c->sconn.laddr, ipaddr_anylike(laddr))) return true;
    }
  return false;
}

int udp_autobind(struct net *net, struct udp_conn *c)
{
  if (c->sconn.lport) return 0;
  uint16_t start = net->last_port, port = start;
  do
    {
      port = port >= net->cfg[NETCFG_DEFAULT_MAX_PORT] ? (uint16_t)net->cfg[NETCFG_DEFAULT_MIN_PORT] : port + 1;
      if (!port_taken(net, c, c->sconn.laddr, port, false))
        {
          c->sconn.lport = net->last_port = port;
          return 0;
        }
    }
  while (port != start);
  return -EADDRINUSE;
}

int32_t udp_socket(struct board *b, uint32_t family)
{
  struct net *net = b->net;
  if (net == NULL) return -ENODEV;
  struct udp_conn *c = net->udp;
  while (c < net->udp + net->nudp && c->sconn.flags) c++;
  if (c == net->udp + net->nudp) return -ENOMEM;
  *c = (struct udp_conn){ .sconn = c->sconn };
  sconn_init(net, &c->sconn, family == NET_AF_INET6 ? IP_V6 : IP_V4);
  c->prev = net->udp_tail;
  if (net->udp_tail)
    net->udp_tail->next = c;
  else
    net->udp_head = c;
  net->udp_tail = c;
  return (int32_t)(c - net->udp);
}

/* Everything it held goes back. Whoever sleeps on it is woken and finds it gone; a datagram whose sender sleeps in the
 * middle of it is left to that sender.
 */

int64_t udp_close(struct board *b, int32_t conn)
{
  struct net *net = b->net;
  struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  udp_write_discard(net, c, 0);
  for (uint32_t i = 0; i < net->nwrb; i++)
    if (net->wrb[i].conn == c) net->wrb[i].conn = NULL;
  readahead_free(b, &c->readahead);

  if (net->udp_turn == c) net->udp_turn = c->next;
  *(c->prev ? &c->prev->next : &net->udp_head) = c->next;
  *(c->next ? &c->next->prev : &net->udp_tail) = c->prev;
  c->sconn.flags = 0;
  c->sconn.lport = 0;
  netwait_wake_all(b, &c->sconn.rx);
  netwait_wake_all(b, &c->sconn.snd);
  return answer(b, 0);
}

int32_t udp_bind(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port)
{
  struct udp_conn *c = udp_find(b, conn);
  struct ipaddr laddr;
  if (c == NULL) return -EBADF;
  int ret = sconn_address(&c->sconn, addr, &laddr);
  if (ret < 0) return ret;
  if (port > 65535 || c->sconn.lport) return -EINVAL;
  bool special = ipaddr_isany(laddr) || ipaddr_equal(laddr, ipaddr_selflike(laddr)) || ipaddr_ismulticast(laddr)
                 || ipaddr_equal(laddr, ipaddr_v4(INADDR_BROADCAST));
  if (!special && !netdev_isours(b, laddr)) return -EADDRNOTAVAIL;
  if (port && port_taken(b->net, c, laddr, (uint16_t)port, c->sconn.reuseaddr)) return -EADDRINUSE;
  struct ipaddr was = c->sconn.laddr;
  c->sconn.laddr = laddr;
  c->sconn.lport = (uint16_t)port;
  ret = udp_autobind(b->net, c);
  if (ret < 0)
    c->sconn.laddr = was;
  else
    c->sconn.flags |= SF_BOUND;
  return ret;
}

/* Port 0 dissolves the association. The unspecified address stands for this host. */

int32_t udp_connect(struct board *b, int32_t conn, const uint8_t *addr, uint32_t port)
{
  struct udp_conn *c = udp_find(b, conn);
  struct ipaddr raddr;
  if (c == NULL) return -EBADF;
  int ret = sconn_address(&c->sconn, addr, &raddr);
  if (ret < 0) return ret;
  if (port > 65535) return -EINVAL;
  c->sconn.flags = (uint8_t)(c->sconn.flags & ~SF_CONNECTED);
  c->sconn.error = 0;
  c->sconn.raddr = ipaddr_anylike(raddr);
  c->sconn.rport = 0;
  if (port == 0) return 0;
  ret = udp_autobind(b->net, c);
  if (ret < 0) return ret;
  c->sconn.raddr = ipaddr_isany(raddr) ? ipaddr_selflike(raddr) : raddr;
  c->sconn.rport = (uint16_t)port;
  c->sconn.flags |= SF_CONNECTED;
  return 0;
}

/* The oldest datagram: its first `len` bytes, the rest of it is lost. from: who sent it, SOCKNAME_LEN bytes. */

int64_t udp_recvfrom(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags, uint8_t *from)
{
  struct udp_conn *c = udp_find(b, conn);
  if (c == NULL) return -EBADF;
  struct iob_s *iob = c->readahead.head;
  charge(b, COST_CALL, 1);
  if (iob == NULL)
    {
      int error = c->sconn.error ? -c->sconn.error : -EAGAIN;
      c->sconn.error = 0;
      if (error == -EAGAIN && !(flags & MSG_DONTWAIT)) netwait_expect(&c->sconn.rx, error);
      return answer(b, error);
    }
  uint8_t meta[UDP_METALEN_MAX];
  iob_copyout(meta, iob, sizeof meta, 0);
  bool v4 = get16(meta + 4) == NET_AF_INET;
  uint32_t metalen = UDP_METALEN + meta[3], datalen = get16(meta), whole = metalen + datalen, n = min_u32(len, datalen);
  if (n) iob_copyout(buf, iob, n, metalen);
  sockname_store(from, v4 ? ipaddr_v4(get32(meta + 8)) : ipaddr_load(meta + 12), (uint16_t)get16(meta + 6));
  charge(b, COST_COPY, n);
  if (!(flags & MSG_PEEK)) readahead_consume(b, &c->readahead, whole);
  return answer(b, n);
}

/* addr: where to, IPADDR_LEN bytes; the unspecified one and port 0 are "none given". */

int64_t udp_sendto(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr, uint32_t port,
                   uint32_t flags)
{
  struct udp_conn *c = udp_find(b, conn);
  struct ipaddr raddr;
  if (c == NULL) return -EBADF;
  if (port > 65535) return -EINVAL;
  int ret = sconn_address(&c->sconn, addr, &raddr);
  return ret < 0 ? ret : answer(b, udp_start(b, c, data, len, raddr, (uint16_t)port, flags, NULL));
}

/* After NET_WAIT_IOB: the same with the buffer that was waited for, by its number. */

int64_t udp_sendto_iob(struct board *b, int32_t conn, const uint8_t *data, uint32_t len, const uint8_t *addr, uint32_t port,
                       uint32_t index)
{
  struct udp_conn *c = udp_find(b, conn);
  struct ipaddr raddr;
  if (index >= b->iob.nbuffers) return -EINVAL;
  int ret = c ? sconn_address(&c->sconn, addr, &raddr) : -EBADF;
  if (ret == 0) return answer(b, udp_start(b, c, data, len, raddr, (uint16_t)port, 0, &b->iob.iobs[index]));
  iob_free_chain(b, &b->iob.iobs[index]);
  return answer(b, ret);
}

static struct udp_wrb *unfinished(struct board *b, int32_t wrb)
{
  struct net *net = b->net;
  struct udp_wrb *w = net && wrb >= 0 && (uint32_t)wrb < net->nwrb ? &net->wrb[wrb] : NULL;
  return w && w->iob && !w->queued ? w : NULL;
}

/* After NET_WAIT_COPY: goes on with one more buffer. `data` is the whole payload again. */

int64_t udp_sendto_more(struct board *b, int32_t wrb, const uint8_t *data, uint32_t index)
{
  struct udp_wrb *w = unfinished(b, wrb);
  if (w == NULL || index >= b->iob.nbuffers) return -EINVAL;
  return answer(b, udp_continue(b, w, &b->iob.iobs[index], data));
}

/* A task is gone: what it had begun to send goes back. How many datagrams that were. */

int32_t udp_task_gone(struct board *b, int32_t pid)
{
  struct net *net = b->net;
  int32_t n = 0;
  for (uint32_t i = 0; net && i < net->nwrb; i++)
    {
      struct udp_wrb *w = &net->wrb[i];
      if (w->iob == NULL || w->queued || w->pid != pid) continue;
      udp_wrb_release(net, w);
      n++;
    }
  return n;
}
