/* tcp_payload.c - what a segment in the window brings: payload, and the FIN behind it (RFC 9293 3.10.7.4).
 *
 * tcp_read.c gives payload to the reader, or has it wait for what is missing before it; here is when it is acknowledged,
 * and where the FINs of both sides take the connection.
 */

#include "tcp.h"

/* After it nothing more is expected from the peer, but it may not have heard our last ACK. */

void tcp_time_wait(struct net *net, struct tcp_conn *c)
{
  c->state = TCP_TIME_WAIT;
  for (int i = 0; i < TCPT_NTIMERS; i++) c->timer[i] = 0;
  tcp_timer_set(net, c, TCPT_2MSL, net->cfg[NETCFG_TCP_WAIT_TIMEOUT] * NSEC_PER_SEC);
}

static void fin_wait_2(struct net *net, struct tcp_conn *c)
{
  c->state = TCP_FIN_WAIT_2;
  if (!c->owned) tcp_timer_set(net, c, TCPT_2MSL, net->cfg[NETCFG_TCP_WAIT_TIMEOUT] * NSEC_PER_SEC);
}

/* The peer's FIN has its turn. What it sent beyond it, if it did, is nothing. */

static void fin_input(struct net *net, struct tcp_conn *c)
{
  tcp_ofo_free(net->board, c);
  c->rcv_nxt++;
  c->finrcvd = true;
  c->finofo = false;
  c->acknow = true;
  if (c->state == TCP_ESTABLISHED)
    c->state = TCP_CLOSE_WAIT;
  else if (c->state == TCP_FIN_WAIT_1)
    c->state = TCP_CLOSING;
  else if (c->state == TCP_FIN_WAIT_2)
    tcp_time_wait(net, c);
  tcp_wakeup(net, c);
  tcp_pending(net, c);
}

/* What our FIN's acknowledgement changes. False: the connection is gone. */

bool tcp_fin_acked(struct net *net, struct tcp_conn *c)
{
  if (!c->finsent || c->snd_una != c->snd_max) return true;
  switch (c->state)
    {
      case TCP_FIN_WAIT_1:
        fin_wait_2(net, c);
        return true;
      case TCP_CLOSING:
        tcp_time_wait(net, c);
        tcp_wakeup(net, c);
        return true;
      case TCP_LAST_ACK:
        tcp_ended(net, c, 0);
        return false;
      default:
        return true;
    }
}

/* Payload and FIN. The segment is trimmed, its chain begins with the payload. */

static bool wants_text(const struct tcp_conn *c)
{
  return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2;
}

static void schedule_ack(struct net *net, struct tcp_conn *c, bool now)
{
  if (!now && net->cfg[NETCFG_TCP_DELAYED_ACK] && ++c->unacked < 2)
    {
      if (c->timer[TCPT_DELACK] == 0) tcp_timer_set(net, c, TCPT_DELACK, NSEC_PER_SEC / 5);
      return;
    }
  c->acknow = true;
  tcp_pending(net, c);
}

void tcp_payload(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  bool fin = s->flags & TCP_FIN;
  if (!wants_text(c) || (s->len == 0 && !fin))
    {
      if (fin) tcp_answer_old(net, c, s);
      else tcp_consumed(s);
      return;
    }
  if (s->len && !c->owned && c->listener == NULL)   /* its reader is gone: RFC 9293 3.6.1, and the peer is told */
    {
      tcp_drop(s, DROP_NOBODY);
      tcp_reset(net, c);
      tcp_ended(net, c, ECONNRESET);
      return;
    }
  bool in_order = s->seq == c->rcv_nxt, gap = c->nofo;
  uint32_t end = s->seq + s->len;
  if (fin && !c->finofo)
    {
      c->finofo = true;
      c->rcv_fin = end;
    }
  if (s->len)
    tcp_text(net, c, s);
  else
    tcp_consumed(s);
  if (c->finofo && c->rcv_nxt == c->rcv_fin) fin_input(net, c);
  if (in_order)
    schedule_ack(net, c, fin || gap || s->flags & TCP_URG);
  else
    tcp_reply(net, c, TCP_ACK);                     /* a duplicate, one for each: fast retransmit counts them */
}
