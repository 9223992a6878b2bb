/* tcp_input.c - segments that arrive (RFC 9293 3.10.7, with RFC 5961 against those who guess).
 *
 * What makes a connection is in tcp_handshake.c, what acknowledgements do in tcp_ack.c, payload and FIN in tcp_payload.c.
 */

#include "tcp.h"

#define PAWS_IDLE      (24 * 24 * 3600 * NSEC_PER_SEC)
#define CHALLENGE_RATE  10        /* challenge ACKs a second and connection, RFC 5961 section 7 */
#define CHALLENGE_BURST 10        /* ... and how many may go at once */

void tcp_drop(struct tcp_seg *s, enum rx_drop why)
{
  s->p->dev->board->net->stats.tcp.drop++;
  rx_drop(s->p, why);
}

void tcp_consumed(struct tcp_seg *s)            /* it has done its work and has no payload that anybody wants */
{
  iob_free_chain(s->p->dev->board, s->p->iob);
}

/* Answers to what should not have come are rationed, a few at once: a token bucket, as for ICMP. Each connection has its
 * own: of one that all share an attacker could see what others use of it.
 */

static void challenge(struct net *net, struct tcp_conn *c, struct tcp_seg *s, enum rx_drop why)
{
  int64_t now = net->board->bench->now, each = NSEC_PER_SEC / CHALLENGE_RATE, *full = &c->challenge_tat;
  if (*full < now) *full = now;
  tcp_drop(s, why);
  if (*full - now > (CHALLENGE_BURST - 1) * each) return;
  *full += each;
  tcp_reply(net, c, TCP_ACK);
}

/* An ACK that is not rationed: to a duplicate, which the peer sent because it missed ours. Without payload or FIN it is
 * one itself, and two that answer each other's ACKs would never end: over the loopback not before the stack does.
 */

void tcp_answer_old(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  if (s->len == 0 && !(s->flags & TCP_FIN))
    {
      challenge(net, c, s, DROP_DUPLICATE);
      return;
    }
  tcp_drop(s, DROP_DUPLICATE);
  tcp_reply(net, c, TCP_ACK);
}

/* The header. 0, or why it is not one. */

static enum rx_drop parse(struct tcp_seg *s)
{
  struct rxpkt *p = s->p;
  struct net *net = p->dev->board->net;
  const uint8_t *tcp = s->tcp = p->ip + p->hlen;
  uint32_t whole = p->len - p->hlen;
  if (whole < TCP_HDRLEN) return DROP_LENGTH;
  s->hdrlen = (tcp[12] >> 4) * 4u;
  if (s->hdrlen < TCP_HDRLEN || s->hdrlen > whole) return DROP_LENGTH;
  if (net->cfg[NETCFG_TCP_CHECKSUMS])
    {
      charge(net->board, COST_CSUM, whole);
      if (csum_fold(csum_rx(csum_pseudo(p->src, p->dst, IP_PROTO_TCP, whole), p)) != 0)
        {
          net->stats.tcp.chkerr++;
          return DROP_CHECKSUM;
        }
    }
  s->len = whole - s->hdrlen;
  s->sport = (uint16_t)get16(tcp);
  s->dport = (uint16_t)get16(tcp + 2);
  s->seq = get32(tcp + 4);
  s->ack = get32(tcp + 8);
  s->flags = tcp[13] & 0x3f;
  s->wnd = get16(tcp + 14);
  tcp_parse_options(s);
  return 0;
}

/* The synchronized states. */

static uint32_t promised(const struct tcp_conn *c)
{
  return seq_gt(c->rcv_adv, c->rcv_nxt) ? c->rcv_adv - c->rcv_nxt : 0;
}

/* Is any of it inside the window (RFC 9293 table 6)? What has no payload may stand at its end: a peer that has filled
 * the window acknowledges with that number, and its FIN comes there. Two who refuse that of each other while a segment
 * of each is lost hear no ACK any more.
 */

static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *s)
{
  uint32_t span = s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN), wnd = promised(c);
  if (s->len == 0 && !(s->flags & TCP_SYN) && seq_leq(s->seq, c->rcv_nxt + wnd) && seq_geq(s->seq, c->rcv_nxt)) return true;
  if (wnd == 0) return false;
  return seq_lt(s->seq, c->rcv_nxt + wnd) && seq_gt(s->seq + span, c->rcv_nxt);
}

/* A closed window takes neither payload nor FIN, but what the segment says besides is heard (MUST-66). */

static bool strip_for_closed_window(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  if (promised(c) || s->seq != c->rcv_nxt || s->flags & TCP_SYN) return false;
  s->len = 0;
  s->flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
  c->acknow = true;
  tcp_pending(net, c);
  return true;
}

/* RFC 5961: only the very number that is expected resets. Nothing shortens TIME_WAIT: the reset that comes then is the
 * answer to our answer to an old duplicate (RFC 1337).
 */

static void reset_input(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  net->stats.tcp_rst++;
  if (s->seq != c->rcv_nxt)
    {
      if (seq_gt(s->seq, c->rcv_nxt) && seq_lt(s->seq, c->rcv_nxt + promised(c)))
        challenge(net, c, s, DROP_HEADER);
      else
        tcp_drop(s, DROP_DUPLICATE);
      return;
    }
  tcp_drop(s, DROP_NOBODY);
  if (c->state == TCP_TIME_WAIT) return;
  if (c->state == TCP_SYN_RCVD)
    tcp_ended(net, c, c->passive ? 0 : ECONNREFUSED);
  else if (c->state == TCP_CLOSING || c->state == TCP_LAST_ACK)
    tcp_ended(net, c, 0);
  else
    tcp_ended(net, c, ECONNRESET);
}

/* Cuts off what came before and what lies behind the window. */

static void trim(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  struct board *b = net->board;
  if (seq_lt(s->seq, c->rcv_nxt))
    {
      uint32_t n = c->rcv_nxt - s->seq;
      if (s->flags & TCP_SYN)
        {
          s->flags &= (uint8_t)~TCP_SYN;
          n--;
          s->seq++;
        }
      if (n > s->len) n = s->len;
      if (n) s->p->iob = iob_trimhead(b, s->p->iob, n);
      s->seq += n;
      s->len -= n;
    }
  uint32_t edge = c->rcv_nxt + promised(c);
  if (s->len && seq_gt(s->seq + s->len, edge))
    {
      uint32_t n = s->seq + s->len - edge;
      s->p->iob = iob_trimtail(b, s->p->iob, n);
      s->len -= n;
      s->flags &= (uint8_t)~TCP_FIN;
    }
}

/* False: it was not acceptable, and the segment is gone. */

static bool ack_input(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  if (c->state == TCP_SYN_RCVD)
    {
      if (seq_leq(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_max))
        {
          net->stats.tcp_ackerr++;
          tcp_refuse(s);
          return false;
        }
      if (c->listener && c->listener->npending >= c->listener->backlog)     /* no room now: it will ask again */
        {
          net->stats.tcp_syndrop++;
          tcp_drop(s, DROP_FULL);
          return false;
        }
      c->snd_wl1 = s->seq - 1;                      /* the window of this one counts */
      tcp_ack(net, c, s);
      tcp_established(net, c);
      return true;
    }
  if (seq_gt(s->ack, c->snd_max) || seq_lt(s->ack, c->snd_una - c->snd_wnd_max))
    {
      net->stats.tcp_ackerr++;
      challenge(net, c, s, DROP_HEADER);
      return false;
    }
  if (seq_geq(s->ack, c->snd_una)) tcp_ack(net, c, s);
  if (tcp_fin_acked(net, c)) return true;
  tcp_consumed(s);
  return false;
}

/* A segment of which nothing is new. It says what its sender has of ours all the same: two who lost each other's
 * acknowledgements, and send old things again and again, have to learn that. How old is bounded, since a stranger may
 * guess. False: the connection is gone.
 */

static bool hear_old_ack(struct net *net, struct tcp_conn *c, const struct tcp_seg *s)
{
  if ((s->flags & (TCP_ACK | TCP_SYN)) != TCP_ACK || c->state == TCP_SYN_RCVD) return true;
  if (seq_geq(s->seq, c->rcv_nxt) || c->rcv_nxt - s->seq > 65535u << c->rcv_scale) return true;
  if (seq_leq(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_max)) return true;
  tcp_ack(net, c, s);
  return tcp_fin_acked(net, c);
}

/* PAWS (RFC 7323 section 5): a segment with an old timestamp is an old segment, whatever its number. A timestamp that
 * stood for so long that the peer's clock may have gone half round says nothing.
 */

static bool too_old(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  if (!c->ts_ok || !s->opt.timestamps || s->flags & TCP_RST) return false;
  if (seq_geq(s->opt.tsval, c->ts_recent) || net->board->bench->now - c->ts_when > PAWS_IDLE) return false;
  tcp_answer_old(net, c, s);
  return true;
}

/* `seq`: where the segment began before it was trimmed. */

static void keep_timestamp(struct net *net, struct tcp_conn *c, const struct tcp_seg *s, uint32_t seq)
{
  if (!c->ts_ok || !s->opt.timestamps || seq_gt(seq, c->last_ack_sent)) return;
  c->ts_recent = s->opt.tsval;
  c->ts_when = net->board->bench->now;
}

/* Both have called at once, and this acknowledges our call; the SYN in it was known. RFC 9293 3.10.7.4 would have it
 * thrown away and wait for the peer's answer to our complaint.
 */

static bool answers_both_calls(const struct tcp_conn *c, const struct tcp_seg *s)
{
  return c->state == TCP_SYN_RCVD && !c->passive && (s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)
         && s->seq == c->irs;
}

static void synchronized_input(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  c->heard = net->board->bench->now;
  if (too_old(net, c, s)) return;
  if (c->state == TCP_SYN_RCVD && s->flags & TCP_SYN && !(s->flags & (TCP_ACK | TCP_RST)) && s->seq == c->irs)
    {
      tcp_drop(s, DROP_DUPLICATE);                      /* our answer to it was lost */
      tcp_reply(net, c, TCP_SYN | TCP_ACK);
      return;
    }
  if (s->flags & TCP_RST)
    {
      reset_input(net, c, s);
      return;
    }
  if (answers_both_calls(c, s))
    {
      s->flags &= (uint8_t)~TCP_SYN;
      s->seq++;
      c->acknow = true;
      tcp_pending(net, c);
    }
  if (!acceptable(c, s) && !strip_for_closed_window(net, c, s))
    {
      if (c->state == TCP_TIME_WAIT && s->flags & TCP_FIN) tcp_time_wait(net, c);
      if (s->flags & TCP_SYN)
        challenge(net, c, s, DROP_HEADER);
      else if (hear_old_ack(net, c, s))
        tcp_answer_old(net, c, s);
      else
        tcp_consumed(s);
      return;
    }
  uint32_t seq = s->seq;
  trim(net, c, s);
  if (s->flags & TCP_SYN)
    {
      challenge(net, c, s, DROP_HEADER);
      return;
    }
  if (!(s->flags & TCP_ACK))
    {
      tcp_drop(s, DROP_HEADER);
      return;
    }
  if (!ack_input(net, c, s)) return;
  keep_timestamp(net, c, s, seq);
  tcp_payload(net, c, s);
}

/* A new call may come from the pair of sockets that still waits for the last one to die, if its numbers are beyond
 * those, or its timestamp is (RFC 6191); our numbers will be, too (RFC 9293 MAY-2).
 */

static bool reopens(const struct tcp_conn *c, const struct tcp_seg *s)
{
  bool later = c->ts_ok && s->opt.timestamps && seq_gt(s->opt.tsval, c->ts_recent);
  return c->state == TCP_TIME_WAIT && !c->owned && (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN
         && (later || seq_gt(s->seq, c->rcv_nxt));
}

void tcp_input(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  struct tcp_seg s = { .p = p };
  net->stats.tcp.recv++;
  enum rx_drop why = p->broadcast ? DROP_DEST : parse(&s);      /* nobody is called by calling everybody (MUST-57) */
  if (why)
    {
      tcp_drop(&s, why);
      return;
    }
  struct tcp_conn *c = tcp_lookup(net, &s);
  if (c && reopens(c, &s))
    {
      s.beyond = c->snd_max;
      s.reopens = true;
      tcp_free(net, c);
      c = tcp_lookup(net, &s);
    }
  if (c == NULL)
    {
      net->stats.tcp.drop++;
      tcp_refuse(&s);
      return;
    }
  p->iob = iob_trimhead(net->board, p->iob, p->hlen + s.hdrlen);
  if (c->state == TCP_LISTEN)
    tcp_listening(net, c, &s);
  else if (c->state == TCP_SYN_SENT)
    tcp_syn_sent(net, c, &s);
  else
    synchronized_input(net, c, &s);
}
