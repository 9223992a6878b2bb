/* tcp_timer.c - the timers of a connection: retransmission (RFC 6298), zero window, delayed ACK, keep-alive, TIME_WAIT.
 *
 * They are one delayed work item each connection, on the queue that the network has (LPWORK, as in NuttX): a queue that
 * is blocked stops retransmission. The item is queued for the earliest of them; one that moves away finds out when it
 * comes. Like NuttX, what a timer finds to send is left for the device to ask for.
 */
#include "tcp.h"

#define RTO_MIN      (NSEC_PER_SEC / 2)       /* NuttX TCP_RTO_MIN */
#define RTO_MAX      (120 * NSEC_PER_SEC)
#define RTO_MAX_SHIFT 4                       /* the timeout doubles up to 16 times its value */
#define PROBE_MAX    (120 * NSEC_PER_SEC)
#define PROBE_MAX_SHIFT 8

int64_t tcp_rto(const struct net *net, const struct tcp_conn *c)
{
  int64_t rto = c->rto < RTO_MIN ? RTO_MIN : c->rto;
  if (net->cfg[NETCFG_TCP_FIXED_RTO]) return rto;
  rto <<= c->backoff;
  return rto < RTO_MAX ? rto : RTO_MAX;
}

static int64_t earliest(const struct tcp_conn *c)
{
  int64_t first = 0;
  for (int i = 0; i < TCPT_NTIMERS; i++)
    if (c->timer[i] && (first == 0 || c->timer[i] < first)) first = c->timer[i];
  return first;
}

static void schedule(struct net *net, struct tcp_conn *c, int64_t when)
{
  struct board *b = net->board;
  int64_t delay = when - b->bench->now;
  c->work_due = when;
  work_queue_c(b, net->wq, &c->work, WORK_TCP, tcp_number(net, c), delay > 0 ? (delay + b->tick_ns - 1) / b->tick_ns : 0);
}

/* Two of them wait for the peer; the owner may have said how long that may take (TCP_USER_TIMEOUT). */

void tcp_timer_set(struct net *net, struct tcp_conn *c, enum tcp_timer which, int64_t delay)
{
  int64_t now = net->board->bench->now, when = now + delay;
  if (which == TCPT_REXMIT || which == TCPT_PERSIST)
    {
      if (c->owed_since == 0) c->owed_since = now;
      int64_t last = c->owed_since + c->user_timeout;
      if (c->user_timeout && when > last) when = last;
    }
  c->timer[which] = when;
  if (c->work_due == 0 || when < c->work_due) schedule(net, c, when);
}

static bool given_up(const struct net *net, const struct tcp_conn *c, uint32_t tries, enum net_option most)
{
  if (c->user_timeout) return net->board->bench->now - c->owed_since >= c->user_timeout;
  return tries >= (uint32_t)net->cfg[most];
}

/* The peer's window is closed and its opening may have been lost: one byte asks (RFC 9293 3.8.6.1). Peers that answer
 * may keep it closed for ever. */

static void persist_timeout(struct net *net, struct tcp_conn *c)
{
  bool acked = c->snd_una == c->snd_max && (!c->fin || c->finsent);
  if (c->txsize == 0 && acked) return;                /* there is nothing left to ask for */
  if (given_up(net, c, c->unanswered, NETCFG_TCP_MAXRTX))
    {
      tcp_reset(net, c);
      tcp_ended(net, c, c->softerror ? c->softerror : ETIMEDOUT);
      return;
    }
  int64_t next = NSEC_PER_SEC / 2 << c->nprobes;
  if (c->nprobes < PROBE_MAX_SHIFT) c->nprobes++;
  if (c->unanswered < UINT8_MAX) c->unanswered++;
  c->force = true;
  tcp_timer_set(net, c, TCPT_PERSIST, next < PROBE_MAX ? next : PROBE_MAX);
  tcp_pending(net, c);
}

/* Nothing was acknowledged in time: start over from there, as if nothing behind it had arrived, whatever the peer SACKed
 * before, and whatever it SACKs until that is through: a sender that believed a peer who has thrown it away would never
 * get past it. A peer that has closed its window over what was in flight is probed instead (MUST-34).
 */

static void rexmit_timeout(struct net *net, struct tcp_conn *c)
{
  bool syn = c->state == TCP_SYN_SENT || c->state == TCP_SYN_RCVD;
  tcp_sack_forget(c);
  if (!syn && c->snd_wnd == 0 && c->txsize)
    {
      c->snd_nxt = c->snd_una;
      c->recovering = c->rexmit = false;
      persist_timeout(net, c);
      return;
    }
  if (given_up(net, c, c->nrtx, syn ? NETCFG_TCP_MAXSYNRTX : NETCFG_TCP_MAXRTX))
    {
      if (tcp_synchronized(c)) tcp_reset(net, c);
      tcp_ended(net, c, c->softerror ? c->softerror : ETIMEDOUT);
      return;
    }
  if (c->nrtx < UINT8_MAX) c->nrtx++;
  if (c->backoff < RTO_MAX_SHIFT) c->backoff++;
  if (syn) c->synlost = true;
  c->rtt_timing = false;
  c->dupacks = 0;
  c->recovering = c->rexmit = false;
  tcp_cc_timeout(net, c);
  c->snd_nxt = c->snd_una;
  tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
  tcp_pending(net, c);
}

static void delack_timeout(struct net *net, struct tcp_conn *c)
{
  c->acknow = true;
  tcp_pending(net, c);
}

static void keep_timeout(struct net *net, struct tcp_conn *c)
{
  int64_t idle = net->board->bench->now - c->heard;
  bool waiting = c->snd_una != c->snd_max || c->txsize;       /* other timers ask the peer already (MUST-26) */
  if (idle < c->keepidle || waiting)
    {
      c->keepprobes = 0;
      tcp_timer_set(net, c, TCPT_KEEP, idle < c->keepidle ? c->keepidle - idle : c->keepidle);
      return;
    }
  if (c->keepprobes >= c->keepcnt)
    {
      tcp_reset(net, c);
      tcp_ended(net, c, c->softerror ? c->softerror : ETIMEDOUT);
      return;
    }
  c->keepprobes++;
  c->force = c->acknow = true;
  tcp_timer_set(net, c, TCPT_KEEP, c->keepintvl);
  tcp_pending(net, c);
}

static void expire(struct net *net, struct tcp_conn *c, enum tcp_timer which)
{
  switch (which)
    {
      case TCPT_REXMIT:  rexmit_timeout(net, c); return;
      case TCPT_PERSIST: persist_timeout(net, c); return;
      case TCPT_DELACK:  delack_timeout(net, c); return;
      case TCPT_KEEP:    keep_timeout(net, c); return;
      case TCPT_LINGER:                 /* the time that close() gave it is over */
        tcp_reset(net, c);
        tcp_ended(net, c, ETIMEDOUT);
        return;
      default:           tcp_ended(net, c, 0); return;
    }
}

void tcp_work(struct board *b, uint32_t conn)
{
  struct net *net = b->net;
  struct tcp_conn *c = &net->tcp->conn[conn];
  c->work_due = 0;
  for (int i = 0; i < TCPT_NTIMERS; i++)
    if (c->timer[i] && c->timer[i] <= b->bench->now)
      {
        c->timer[i] = 0;
        expire(net, c, (enum tcp_timer)i);
        if (c->state == TCP_CLOSED) return;
      }
  int64_t first = earliest(c);
  if (first && (c->work_due == 0 || first < c->work_due)) schedule(net, c, first);
}
