/* tcp_ack.c - what an acknowledgement means for the sender: round-trip time (RFC 6298), loss, congestion (RFC 5681).
 *
 * Fast retransmit (CONFIG_NET_TCP_FAST_RETRANSMIT): three duplicates, and the segment they ask for goes out at once;
 * until everything sent by then is acknowledged, each partial acknowledgement sends the next one that is missing (RFC
 * 6582). CONFIG_NET_TCP_CC_NEWRENO adds the congestion window; without it, NuttX's default, the peer's window is all
 * there is.
 *
 * With SACK the recovery is that of RFC 6675: it also begins when enough has arrived behind what is missing, sends again
 * what tcp_sack.c finds, and its congestion window stands still, since what the path carries is known. A partial
 * acknowledgement of something that has not gone out again proves that lost, which finds the end of a flight, behind
 * which nothing is SACKed.
 */
#include "tcp.h"

#define RTT_MAX   (120 * NSEC_PER_SEC)
#define SYN_RTO   (3 * NSEC_PER_SEC)      /* RFC 6298 (5.7) */

/* RFC 6298 section 2. The clock's granularity is the tick: timers cannot tell less. What no timeout could have come to is
 * no measurement: the peer's echo of a timestamp is its word only.
 */

void tcp_measured(struct net *net, struct tcp_conn *c, int64_t rtt)
{
  if (net->cfg[NETCFG_TCP_FIXED_RTO] || rtt > RTT_MAX) return;
  c->backoff = 0;
  if (c->srtt == 0)
    {
      c->srtt = rtt ? rtt : 1;
      c->rttvar = rtt / 2;
    }
  else
    {
      int64_t error = rtt > c->srtt ? rtt - c->srtt : c->srtt - rtt;
      c->rttvar += (error - c->rttvar) / 4;
      c->srtt += (rtt - c->srtt) / 8;
    }
  int64_t spread = 4 * c->rttvar, tick = net->board->tick_ns;
  c->rto = c->srtt + (spread > tick ? spread : tick);
}

/* Congestion. */

static bool newreno(const struct net *net)
{
  return net->cfg[NETCFG_TCP_CC_NEWRENO];
}

static uint32_t initial_window(const struct tcp_conn *c)       /* RFC 5681 (1) */
{
  return c->synlost ? c->mss : min_u32(4 * c->mss, max_u32(2 * c->mss, 4380));
}

/* The handshake is over. If it measured nothing because our SYN was lost, the path is not what we took it for. */

void tcp_cc_start(struct net *net, struct tcp_conn *c)
{
  if (c->synlost && c->srtt == 0 && !net->cfg[NETCFG_TCP_FIXED_RTO])
    {
      c->backoff = 0;
      if (c->rto < SYN_RTO) c->rto = SYN_RTO;
    }
  if (!newreno(net)) return;
  c->cwnd = initial_window(c);
  c->ssthresh = UINT32_MAX;
}

/* Nobody knows what the path has become meanwhile: RFC 5681 4.1. */

void tcp_cc_idle(struct net *net, struct tcp_conn *c)
{
  if (newreno(net) && net->board->bench->now - c->sent > tcp_rto(net, c)) c->cwnd = min_u32(c->cwnd, initial_window(c));
}

static void halve(struct tcp_conn *c, uint32_t flight)
{
  c->ssthresh = max_u32(flight / 2, 2 * c->mss);
}

void tcp_cc_timeout(struct net *net, struct tcp_conn *c)
{
  c->recover = c->snd_max;
  if (!newreno(net)) return;
  if (c->nrtx == 1) halve(c, c->snd_max - c->snd_una);
  c->cwnd = c->mss;
}

static void grow(struct net *net, struct tcp_conn *c, uint32_t acked)
{
  if (!newreno(net) || c->cwnd > 1u << 30) return;
  if (c->cwnd < c->ssthresh)
    c->cwnd += min_u32(acked, c->mss);
  else
    c->cwnd += max_u32(c->mss * c->mss / c->cwnd, 1);
}

/* In a recovery with SACK whole segments or nothing (RFC 6675 section 5 (C)). */

uint32_t tcp_cc_room(const struct tcp_conn *c)
{
  uint32_t flight = tcp_flight(c), room = c->cwnd > flight ? c->cwnd - flight : 0;
  return c->recovering && c->sack_ok && room < c->mss ? 0 : room;
}

/* Loss. */

static void retransmit_first(struct net *net, struct tcp_conn *c)
{
  c->rexmit = true;
  c->rtt_timing = false;
  tcp_pending(net, c);
}

static void recover(struct net *net, struct tcp_conn *c)
{
  if (!net->cfg[NETCFG_TCP_FAST_RETRANSMIT]) return;
  c->recovering = true;
  c->recover = c->snd_max;
  c->resent = c->snd_una;
  if (newreno(net) && c->sack_ok)
    {
      halve(c, min_u32(c->snd_max - c->snd_una, c->cwnd));      /* without what limited transmit added */
      c->cwnd = c->ssthresh;
    }
  else if (newreno(net))
    {
      halve(c, c->snd_max - c->snd_una);
      c->cwnd = c->ssthresh + TCP_DUPTHRESH * c->mss;
    }
  retransmit_first(net, c);
}

static void duplicate(struct net *net, struct tcp_conn *c)
{
  if (c->dupacks < UINT8_MAX) c->dupacks++;
  if (c->recovering)
    {
      if (newreno(net) && !c->sack_ok && c->cwnd < 1u << 30) c->cwnd += c->mss;
      tcp_pending(net, c);
      return;
    }
  if (c->dupacks != TCP_DUPTHRESH) return;
  if (seq_leq(c->snd_una, c->recover)) return;        /* of a loss that was dealt with: RFC 6582 section 3.2 (1) */
  recover(net, c);
}

/* What the peer has beyond what it waits for was sent after the last loss, so that these are no echoes of that one. */

static void sacked(struct net *net, struct tcp_conn *c)
{
  if (!c->recovering && tcp_sack_lost(c) && seq_geq(c->snd_una, c->recover)) recover(net, c);
}

static void recovered(struct net *net, struct tcp_conn *c)
{
  c->recovering = false;
  if (c->sack_ok) c->rexmit = false;                  /* the device had not asked yet */
  if (newreno(net)) c->cwnd = min_u32(c->ssthresh, max_u32(c->snd_max - c->snd_una, c->mss) + c->mss);
}

static void partial(struct net *net, struct tcp_conn *c, uint32_t acked)
{
  if (newreno(net)) c->cwnd = max_u32(c->cwnd > acked ? c->cwnd - acked : 0, c->mss) + (acked >= c->mss ? c->mss : 0);
  retransmit_first(net, c);
}

static void sack_partial(struct net *net, struct tcp_conn *c, bool reneged)
{
  if (reneged || seq_geq(c->snd_una, c->resent)) retransmit_first(net, c);
}

/* Something new is acknowledged. */

static void advance(struct net *net, struct tcp_conn *c, const struct tcp_seg *s)
{
  uint32_t acked = s->ack - c->snd_una, bytes = min_u32(acked, c->txsize);
  if (c->ts_ok && s->opt.timestamps && s->opt.tsecr)
    tcp_measured(net, c, (int64_t)(tcp_timestamp(net) - s->opt.tsecr) * 1000000);
  else if (c->rtt_timing && seq_geq(s->ack, c->rtt_seq))
    {
      tcp_measured(net, c, net->board->bench->now - c->rtt_start);
      c->rtt_timing = false;
    }
  if (bytes) tcp_write_trim(net, c, bytes);
  c->snd_una = s->ack;
  bool reneged = tcp_sack_acked(c);
  if (seq_lt(c->snd_nxt, c->snd_una)) c->snd_nxt = c->snd_una;
  c->nrtx = 0;
  c->nprobes = c->unanswered = 0;
  c->dupacks = 0;
  c->softerror = 0;
  c->owed_since = 0;
  if (c->recovering && seq_geq(s->ack, c->recover))
    recovered(net, c);
  else if (c->recovering && c->sack_ok)
    sack_partial(net, c, reneged);
  else if (c->recovering)
    partial(net, c, acked);
  else
    grow(net, c, acked);
  if (seq_lt(c->recover, c->snd_una)) c->recover = c->snd_una - 1;    /* else it would lie ahead after half the numbers */
  if (c->snd_una == c->snd_max)
    tcp_timer_stop(c, TCPT_REXMIT);
  else
    tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
  netwait_wake_all(net->board, &c->sconn.snd);
}

/* The window, unless an older segment brings it (RFC 9293 3.10.7.4). */

static bool update_window(struct net *net, struct tcp_conn *c, const struct tcp_seg *s)
{
  if (seq_gt(c->snd_wl1, s->seq) || (c->snd_wl1 == s->seq && seq_gt(c->snd_wl2, s->ack))) return false;
  uint32_t was = c->snd_wnd;
  c->snd_wnd = s->flags & TCP_SYN ? s->wnd : s->wnd << c->snd_scale;
  c->snd_wl1 = s->seq;
  c->snd_wl2 = s->ack;
  if (c->snd_wnd > c->snd_wnd_max) c->snd_wnd_max = c->snd_wnd;
  if (c->snd_wnd && c->timer[TCPT_PERSIST])
    {
      tcp_timer_stop(c, TCPT_PERSIST);
      c->owed_since = 0;
      c->force = false;
      c->nprobes = c->unanswered = 0;
    }
  if (c->snd_wnd > was) tcp_pending(net, c);
  return c->snd_wnd != was;
}

/* An acceptable acknowledgement of a synchronized connection. */

void tcp_ack(struct net *net, struct tcp_conn *c, const struct tcp_seg *s)
{
  if (c->snd_wnd == 0) c->nrtx = 0;
  if (c->snd_wnd == 0 && c->owned) c->unanswered = 0; /* it keeps its window closed, but it is there (MUST-37) */
  bool moved = update_window(net, c, s), more = seq_gt(s->ack, c->snd_una);
  if (more) advance(net, c, s);
  bool news = tcp_sack_input(c, &s->opt);
  bool same = s->len == 0 && !moved && !(s->flags & TCP_FIN) && c->snd_wnd && c->snd_una != c->snd_max;
  if (!more && (same || news)) duplicate(net, c);
  sacked(net, c);
  if (c->txsize > c->snd_nxt - c->snd_una || c->fin || (c->recovering && c->sack_ok)) tcp_pending(net, c);
}
