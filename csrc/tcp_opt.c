/* tcp_opt.c - what Python sees of a TCP socket: its settings, its state, and whether it would have to wait. */

#include "tcp.h"

/* What can be done without waiting: enum net_pollevent, as NuttX says it. A blocking socket that is not connected is an
 * error, and one whose connection is over, however it ended, hangs up for good.
 */

static uint32_t ready(struct board *b, const struct tcp_conn *c)
{
  if (c->state == TCP_LISTEN) return c->accept_head ? NET_POLLIN : 0;
  if (c->state == TCP_ALLOCATED || c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD)
    return c->sconn.flags & SF_NONBLOCK ? 0 : NET_POLLERR | NET_POLLHUP;
  uint32_t events = readahead_len(&c->readahead) || c->finrcvd || c->rdshut ? NET_POLLIN : 0;
  if (c->state == TCP_CLOSED) return events | NET_POLLERR | NET_POLLHUP;
  bool room = (!c->sconn.sndbufs || c->txsize < c->sconn.sndbufs) && iob_navail(b, send_throttled(b->net)) > 0
              && b->net->tcp->wrb_free;
  if (c->fin || room || !b->net->cfg[NETCFG_TCP_WRITE_BUFFERS]) events |= NET_POLLOUT;
  return events;
}

int32_t tcp_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  struct poll_place at = { .rx = &c->sconn.rx, .snd = &c->sconn.snd, .wrb = &b->net->tcp->wrbwait };
  at.room = send_throttled(b->net) ? POLL_ROOM_THROTTLED : POLL_ROOM_ANY;
  return poll_watch(b, poller, &at, events, b->net->cfg[NETCFG_TCP_NPOLLWAITERS]);
}

/* Half seconds until something is sent again or, in TIME_WAIT, the connection is forgotten; rounded up. 0: nothing. */

static int64_t timer_left(const struct board *b, const struct tcp_conn *c)
{
  static const enum tcp_timer shown[] = { TCPT_REXMIT, TCPT_PERSIST, TCPT_2MSL };
  int64_t first = INT64_MAX;
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
    if (c->timer[shown[i]] && c->timer[shown[i]] < first) first = c->timer[shown[i]];
  if (first == INT64_MAX || first <= b->bench->now) return 0;
  return (first - b->bench->now + NSEC_PER_SEC / 2 - 1) / (NSEC_PER_SEC / 2);
}

int64_t tcp_get(struct board *b, int32_t conn, uint32_t what)
{
  struct tcp *tcp = b->net ? b->net->tcp : NULL;
  if (tcp == NULL || conn < 0 || (uint32_t)conn >= tcp->nconns) return -EBADF;
  const struct tcp_conn *c = &tcp->conn[conn];
  if (c->state == TCP_CLOSED && !c->owned) return -EBADF;
  switch (what)
    {
      case SOCK_STATE:    return c->state;
      case SOCK_LINGER:   return c->linger;
      case SOCK_RXSIZE:   return readahead_len(&c->readahead);
      case SOCK_TXSIZE:   return c->txsize;
      case SOCK_QUEUED:   return (int64_t)(c->acked + c->txsize);
      case SOCK_SENT:     return (int64_t)c->acked;
      case SOCK_WRBSEM:   return tcp->wrbwait.sem.id;
      case SOCK_READY:    return ready(b, c);
      case SOCK_NODELAY:  return c->nodelay;
      case SOCK_KEEPALIVE: return c->keepalive;
      case SOCK_KEEPIDLE: return c->keepidle / NSEC_PER_SEC;
      case SOCK_KEEPINTVL: return c->keepintvl / NSEC_PER_SEC;
      case SOCK_KEEPCNT:  return c->keepcnt;
      case SOCK_USER_TIMEOUT: return c->user_timeout / 1000000;
      case SOCK_MSS:      return c->mss;
      case SOCK_RTO:      return tcp_rto(b->net, c);
      case SOCK_OWNED:    return c->owned || c->listener;
      case SOCK_TIMER:    return timer_left(b, c);
      case SOCK_UNACKED:  return c->snd_max - c->snd_una;
      case SOCK_NRTX:     return c->nrtx;
      default:            return sconn_get(&c->sconn, what);
    }
}

static int32_t set_keepalive(struct net *net, struct tcp_conn *c, bool on)
{
  c->keepalive = on;
  c->keepprobes = 0;
  if (!on)
    tcp_timer_stop(c, TCPT_KEEP);
  else if (tcp_synchronized(c))
    tcp_timer_set(net, c, TCPT_KEEP, c->keepidle);
  return 0;
}

int32_t tcp_set(struct board *b, int32_t conn, uint32_t what, int64_t value)
{
  struct tcp_conn *c = tcp_find(b, conn);
  if (c == NULL) return -EBADF;
  switch (what)
    {
      case SOCK_KEEPALIVE: return set_keepalive(b->net, c, value);
      case SOCK_NODELAY:
        c->nodelay = value;
        tcp_pending(b->net, c);
        return 0;
      case SOCK_LINGER:   c->linger = (int32_t)value; return 0;
      case SOCK_MSS:                      /* before it is connected; afterwards it changes nothing, as in NuttX */
        if (c->state != TCP_ALLOCATED) return 0;
        if (value < TCP_MIN_MSS || value > UINT16_MAX) return -EINVAL;
        c->user_mss = (uint16_t)value;
        return 0;
      case SOCK_KEEPIDLE:
      case SOCK_KEEPINTVL:
        if (value < 1 || value > INT32_MAX) return -EINVAL;
        *(what == SOCK_KEEPIDLE ? &c->keepidle : &c->keepintvl) = value * NSEC_PER_SEC;
        return set_keepalive(b->net, c, c->keepalive);
      case SOCK_KEEPCNT:
        if (value < 1 || value > 255) return -EINVAL;
        c->keepcnt = (uint8_t)value;
        return 0;
      case SOCK_USER_TIMEOUT:
        if (value < 0 || value > INT32_MAX) return -EINVAL;
        c->user_timeout = value * 1000000;
        return 0;
      default: return sconn_set(b, &c->sconn, what, value);
    }
}

/* Its own name or its peer's. */

int32_t tcp_name(struct board *b, int32_t conn, int32_t peer, uint8_t *out, uint32_t len)
{
  struct tcp *tcp = b->net ? b->net->tcp : NULL;
  if (tcp == NULL || conn < 0 || (uint32_t)conn >= tcp->nconns) return -EBADF;
  return sconn_name(&tcp->conn[conn].sconn, peer, out, len);
}

/* All connections, oldest first, also those that no socket has any more: how many numbers were stored. */

int32_t tcp_list(struct board *b, int32_t *out, int32_t n)
{
  struct tcp *tcp = b->net ? b->net->tcp : NULL;
  int32_t k = 0;
  for (struct tcp_conn *c = tcp ? tcp->head : NULL; c && k < n; c = c->next) out[k++] = (int32_t)(c - tcp->conn);
  return k;
}
