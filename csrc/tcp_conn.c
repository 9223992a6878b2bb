/* tcp_conn.c - TCP connections: where they come from, how a segment finds its own, and how they end.
 *
 * The pool is made at boot: CONFIG_NET_TCP_PREALLOC_CONNS of them, or with CONFIG_NET_TCP_ALLOC_CONNS as many as
 * CONFIG_NET_TCP_MAX_CONNS says. When all are in use a connection that nobody owns any more gives way (NuttX
 * tcp_alloc), and to a new SYN also the oldest that has not answered ours: a flood of them is bounded by the pool.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "siphash.h"
#include "tcp.h"

uint32_t tcp_number(const struct net *net, const struct tcp_conn *c)
{
  return (uint32_t)(c - net->tcp->conn);
}

/* Life of the whole. */

static int make_wrbs(struct net *net, struct tcp *tcp)
{
  /* Each holds at least one IOB, so as many of them as IOBs are as good as any number. */

  tcp->nwrb = net->cfg[NETCFG_TCP_ALLOC_WRBCHAINS] ? net->board->iob.nbuffers
                                                   : (uint32_t)net->cfg[NETCFG_TCP_NWRBCHAINS];
  tcp->wrb = calloc(tcp->nwrb, sizeof *tcp->wrb);
  if (tcp->wrb == NULL) return -ENOMEM;
  for (uint32_t i = tcp->nwrb; i-- > 0; )
    {
      tcp->wrb[i].next = tcp->wrb_free;
      tcp->wrb_free = &tcp->wrb[i];
    }
  return nxsem_init(net->board, &tcp->wrbwait.sem, 0);
}

/* In lockstep the secret follows from the bench's seed, so that a run can be repeated; a live board has its own. */

static int make_secret(struct net *net, struct tcp *tcp)
{
  struct bench *n = net->board->bench;
  if (n->live) return getentropy(tcp->secret, sizeof tcp->secret) == 0 ? 0 : -EIO;
  tcp->secret[0] = mix64(n->chooser.seed ^ (uint64_t)net->board->id << 48 ^ SITE_SEQ);
  tcp->secret[1] = mix64(tcp->secret[0]);
  return 0;
}

int tcp_initialize(struct net *net)
{
  int64_t most = net->cfg[NETCFG_TCP_MAX_CONNS], n = net->cfg[NETCFG_TCP_PREALLOC_CONNS];
  if (net->cfg[NETCFG_TCP_ALLOC_CONNS] && most > n) n = most;
  if (n == 0) return 0;
  struct tcp *tcp = calloc(1, sizeof *tcp);
  if (tcp == NULL) return -ENOMEM;
  net->tcp = tcp;
  tcp->net = net;
  tcp->nconns = (uint32_t)n;
  tcp->conn = calloc(tcp->nconns, sizeof *tcp->conn);
  if (tcp->conn == NULL) return -ENOMEM;
  net->board->work_c[WORK_TCP] = tcp_work;
  uint32_t nports = (uint32_t)(net->cfg[NETCFG_DEFAULT_MAX_PORT] - net->cfg[NETCFG_DEFAULT_MIN_PORT]) + 1;
  tcp->last_port = (uint16_t)(net->cfg[NETCFG_DEFAULT_MIN_PORT]
                              + choose(&net->board->bench->chooser, SITE_PORT, net->board->id, nports));
  int ret = make_wrbs(net, tcp);
  return ret < 0 ? ret : make_secret(net, tcp);
}

void tcp_fini(struct net *net)
{
  if (net->tcp == NULL) return;
  free(net->tcp->conn);
  free(net->tcp->wrb);
  free(net->tcp);
  net->tcp = NULL;
}

/* Ports. Two connections may have the same one if their peers differ, so only binding and listening look. */

bool tcp_port_taken(const struct net *net, const struct tcp_conn *self, struct ipaddr laddr, uint16_t port)
{
  for (const struct tcp_conn *c = net->tcp->head; c; c = c->next)
    {
      if (c == self || c->sconn.lport != port) continue;
      if (ipaddr_kind(c->sconn.laddr) != ipaddr_kind(laddr)) continue;
      if (!ipaddr_equal(c->sconn.laddr, laddr) && !ipaddr_isany(c->sconn.laddr) && !ipaddr_isany(laddr)) continue;
      if (c->passive || (self && self->sconn.reuseaddr && c->state != TCP_LISTEN && c->state != TCP_ALLOCATED)) continue;
      return true;
    }
  return false;
}

int tcp_autobind(struct net *net, struct tcp_conn *c)
{
  if (c->sconn.lport) return 0;
  uint16_t start = net->tcp->last_port, port = start;
  do
    {
      port = port >= net->cfg[NETCFG_DEFAULT_MAX_PORT] ? (uint16_t)net->cfg[NETCFG_DEFAULT_MIN_PORT] : port + 1;
      if (!tcp_port_taken(net, NULL, c->sconn.laddr, port))
        {
          c->sconn.lport = net->tcp->last_port = port;
          return 0;
        }
    }
  while (port != start);
  return -EADDRINUSE;
}

/* Making one. */

static bool sacrificed(const struct tcp_conn *c)
{
  if (c->owned) return false;
  return c->state == TCP_CLOSING || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2
         || c->state == TCP_TIME_WAIT || c->state == TCP_LAST_ACK;
}

/* The list is in the order of creation, so the first that fits is the oldest. A half-open one goes last. */

static struct tcp_conn *make_room(struct net *net)
{
  struct tcp_conn *half_open = NULL;
  for (struct tcp_conn *c = net->tcp->head; c; c = c->next)
    {
      if (sacrificed(c))
        {
          if (c->state != TCP_TIME_WAIT) tcp_reset(net, c);     /* its peer may wait for what will not come any more */
          tcp_free(net, c);
          return c;
        }
      if (c->state == TCP_SYN_RCVD && !c->owned && half_open == NULL) half_open = c;
    }
  if (half_open) tcp_free(net, half_open);
  return half_open;
}

struct tcp_conn *tcp_alloc(struct net *net, enum ip_kind kind)
{
  struct tcp *tcp = net->tcp;
  struct tcp_conn *c = tcp->conn, *end = tcp->conn + tcp->nconns;
  while (c < end && (c->state != TCP_CLOSED || c->owned)) c++;
  if (c == end) c = make_room(net);
  if (c == NULL || sconn_sems(net->board, &c->sconn) < 0) return NULL;

  *c = (struct tcp_conn){ .state = TCP_ALLOCATED, .sconn = c->sconn };
  sconn_init(net, &c->sconn, kind);
  c->nodelay = !net->cfg[NETCFG_TCP_NAGLE];
  c->mss = tcp_default_mss(c);
  c->rto = net->cfg[NETCFG_TCP_RTO] * (NSEC_PER_SEC / 2);
  c->keepidle = 2 * 3600 * NSEC_PER_SEC;
  c->keepintvl = 2 * NSEC_PER_SEC;
  c->keepcnt = 3;
  c->linger = -1;
  c->work.flags = WORK_NETLOCK;
  c->work.id = work_id_c(WORK_TCP, tcp_number(net, c));
  c->prev = tcp->tail;
  *(tcp->tail ? &tcp->tail->next : &tcp->head) = c;
  tcp->tail = c;
  return c;
}

struct tcp_conn *tcp_find(struct board *b, int32_t conn)
{
  struct tcp *tcp = b->net ? b->net->tcp : NULL;
  if (tcp == NULL || conn < 0 || (uint32_t)conn >= tcp->nconns || !tcp->conn[conn].owned) return NULL;
  return &tcp->conn[conn];
}

/* Finding one. */

static struct tcp_conn **bucket(struct tcp *tcp, struct ipaddr raddr, uint16_t rport, uint16_t lport)
{
  uint64_t fold = raddr.hi ^ raddr.lo;
  uint32_t h = (uint32_t)(fold >> 32 ^ fold) ^ ((uint32_t)rport << 16 | lport);
  h *= 0x9e3779b1u;
  return &tcp->hash[h >> 24 & (TCP_HASHSIZE - 1)];
}

static struct tcp_conn *listener(struct net *net, const struct tcp_seg *s)
{
  struct tcp_conn *any = NULL;
  for (struct tcp_conn *c = net->tcp->head; c; c = c->next)
    {
      if (c->state != TCP_LISTEN || c->sconn.lport != s->dport) continue;
      if (c->sconn.boundif && c->sconn.boundif != s->p->dev->index) continue;
      if (ipaddr_equal(c->sconn.laddr, s->p->dst)) return c;
      if (ipaddr_equal(c->sconn.laddr, ipaddr_anylike(s->p->dst))) any = c;
    }
  return any;
}

struct tcp_conn *tcp_lookup(struct net *net, const struct tcp_seg *s)
{
  const struct rxpkt *p = s->p;
  for (struct tcp_conn *c = *bucket(net->tcp, p->src, s->sport, s->dport); c; c = c->hash_next)
    if (c->sconn.lport == s->dport && c->sconn.rport == s->sport && ipaddr_equal(c->sconn.raddr, p->src)
        && ipaddr_equal(c->sconn.laddr, p->dst))
      return c;
  return listener(net, s);
}

/* RFC 6528: a clock of 4 us, and for each pair of sockets an offset that nobody can guess. */

static uint32_t first_sequence(struct net *net, const struct tcp_conn *c)
{
  const struct socket_conn *s = &c->sconn;
  uint64_t tuple[5] = { s->laddr.hi, s->laddr.lo, s->raddr.hi, s->raddr.lo, (uint64_t)s->lport << 16 | s->rport };
  return (uint32_t)(net->board->bench->now / 4000)
         + (uint32_t)siphash(net->tcp->secret, (const uint8_t *)tuple, sizeof tuple);
}

void tcp_first_number(struct tcp_conn *c, uint32_t iss)
{
  c->iss = c->snd_una = c->snd_nxt = c->snd_max = c->recover = iss;
}

void tcp_open(struct tcp_conn *c, struct netdev *dev)
{
  struct net *net = dev->board->net;
  c->dev = dev;
  tcp_first_number(c, first_sequence(net, c));
  c->rcv_mss = dev->mtu - tcp_hdrlen(c);
  if (c->user_mss) c->rcv_mss = min_u32(c->rcv_mss, c->user_mss);
  c->rcv_scale = (uint8_t)net->cfg[NETCFG_TCP_WINDOW_SCALE_FACTOR];
  c->ssthresh = UINT32_MAX;
  c->cwnd = UINT32_MAX;
  struct tcp_conn **head = bucket(net->tcp, c->sconn.raddr, c->sconn.rport, c->sconn.lport);
  c->hash_next = *head;
  *head = c;
}

/* Ends. */

void tcp_wakeup(struct net *net, struct tcp_conn *c)
{
  netwait_wake_all(net->board, &c->sconn.rx);
  netwait_wake_all(net->board, &c->sconn.snd);
}

static void unhash(struct tcp *tcp, struct tcp_conn *c)
{
  struct tcp_conn **link = bucket(tcp, c->sconn.raddr, c->sconn.rport, c->sconn.lport);
  while (*link && *link != c) link = &(*link)->hash_next;
  if (*link) *link = c->hash_next;
}

static void leave_listener(struct tcp_conn *c)
{
  struct tcp_conn *l = c->listener, *prev = NULL;
  if (l == NULL) return;
  c->listener = NULL;
  for (struct tcp_conn *q = l->accept_head; q; prev = q, q = q->accept_next)
    if (q == c)
      {
        *(prev ? &prev->accept_next : &l->accept_head) = c->accept_next;
        if (l->accept_tail == c) l->accept_tail = prev;
        l->npending--;
        break;
      }
}

/* A listener takes those with it that nobody has accepted: each gets a reset. */

static void abandon(struct net *net, struct tcp_conn *l)
{
  for (struct tcp_conn *c = net->tcp->head, *next; c; c = next)
    {
      next = c->next;
      if (c->listener != l) continue;
      tcp_reset(net, c);
      tcp_free(net, c);
    }
}

void tcp_unlisten(struct net *net, struct tcp_conn *l)
{
  abandon(net, l);
  l->state = TCP_ALLOCATED;
  l->sconn.flags = (uint8_t)(l->sconn.flags & ~SF_LISTENING);
  tcp_wakeup(net, l);
}

/* What it holds goes back and no segment finds it any more; its socket, if it has one, still does. */

static void stop(struct net *net, struct tcp_conn *c)
{
  struct tcp *tcp = net->tcp;
  if (c->state == TCP_CLOSED) return;
  if (c->state == TCP_LISTEN) abandon(net, c);
  leave_listener(c);
  for (int i = 0; i < TCPT_NTIMERS; i++) c->timer[i] = 0;
  work_cancel_c(net->board, &c->work);
  c->work_due = 0;
  tcp_unlist(net, c);
  unhash(tcp, c);
  tcp_write_free(net, c);
  *(c->prev ? &c->prev->next : &tcp->head) = c->next;
  *(c->next ? &c->next->prev : &tcp->tail) = c->prev;
  c->next = c->prev = NULL;
  c->state = TCP_CLOSED;
}

void tcp_free(struct net *net, struct tcp_conn *c)
{
  stop(net, c);
  tcp_read_free(net->board, c);
  c->owned = false;
  c->sconn.flags = 0;
  tcp_wakeup(net, c);
}

/* What was received in order can still be read; then the owner hears of the error. */

void tcp_ended(struct net *net, struct tcp_conn *c, int32_t error)
{
  if (!c->owned)
    {
      tcp_free(net, c);
      return;
    }
  c->sconn.error = error;
  tcp_ofo_free(net->board, c);
  stop(net, c);
  tcp_wakeup(net, c);
}

void tcp_orphan(struct net *net, struct tcp_conn *c)
{
  c->owned = false;
  tcp_read_free(net->board, c);
  if (c->state == TCP_CLOSED || c->state == TCP_ALLOCATED || c->state == TCP_LISTEN || c->state == TCP_SYN_SENT)
    tcp_free(net, c);
  else
    tcp_wakeup(net, c);
}

void tcp_netdown(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (struct tcp_conn *c = net->tcp ? net->tcp->head : NULL, *next; c; c = next)
    {
      next = c->next;
      if (c->dev == dev) tcp_ended(net, c, ENETUNREACH);
    }
}

/* ICMP. An error has to quote something that is in flight (RFC 5927), else anybody could break connections. A hard one
 * ends an attempt to connect; established connections live on, and tell the reason if they time out (RFC 1122
 * 4.2.3.9).
 */

static struct tcp_conn *about(struct net *net, const struct quoted *q)
{
  struct tcp_conn *c = net->tcp ? *bucket(net->tcp, q->raddr, q->rport, q->lport) : NULL;
  for (; c; c = c->hash_next)
    {
      const struct socket_conn *s = &c->sconn;
      if (s->lport == q->lport && s->rport == q->rport && ipaddr_equal(s->raddr, q->raddr) && ipaddr_equal(s->laddr, q->laddr))
        return seq_geq(q->seq, c->snd_una) && seq_lt(q->seq, c->snd_max) ? c : NULL;
    }
  return NULL;
}

void tcp_error(struct net *net, const struct quoted *q, int32_t error, bool hard)
{
  struct tcp_conn *c = about(net, q);
  if (c == NULL) return;
  c->softerror = error;
  if (hard && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD)) tcp_ended(net, c, error);
}

/* RFC 1191, RFC 8201: smaller segments from now on, beginning with the one that did not fit. Routers older than RFC 1191
 * say no size; everybody takes 576.
 */

void tcp_mtu(struct net *net, const struct quoted *q, uint32_t mtu)
{
  struct tcp_conn *c = about(net, q);
  if (mtu == 0) mtu = 576;
  if (c == NULL || mtu < 68 || mtu >= c->mss + tcp_hdrlen(c)) return;
  c->mss = mtu < TCP_MIN_MSS + tcp_hdrlen(c) ? TCP_MIN_MSS : mtu - tcp_hdrlen(c);
  c->snd_nxt = c->snd_una;
  c->rtt_timing = false;
  tcp_sack_forget(c);
  tcp_pending(net, c);
}

/* The device takes less than before. */

void tcp_mtu_changed(struct netdev *dev)
{
  struct tcp *tcp = dev->board->net->tcp;
  for (struct tcp_conn *c = tcp ? tcp->head : NULL; c; c = c->next)
    if (c->dev == dev) c->mss = min_u32(c->mss, netdev_mtu(dev, c->sconn.raddr) - tcp_hdrlen(c));
}
