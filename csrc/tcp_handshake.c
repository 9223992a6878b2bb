/* tcp_handshake.c - how a connection begins: calls that come in, and the answers to our own (RFC 9293 3.10.7.2, .3). */

#include "tcp.h"

#define REOPEN_GAP 65536u         /* our first number is so far behind the last of the connection before */

/* LISTEN: a SYN makes a connection that knows its listener; there is no other way in. */

static struct tcp_conn *inherit(struct net *net, struct tcp_conn *l, const struct tcp_seg *s)
{
  struct tcp_conn *c = tcp_alloc(net, ipaddr_kind(l->sconn.laddr));
  if (c == NULL) return NULL;
  c->passive = true;
  c->listener = l;
  c->sconn.lport = s->dport;
  c->sconn.rport = s->sport;
  c->sconn.laddr = s->p->dst;
  c->sconn.raddr = s->p->src;
  c->sconn.ttl = l->sconn.ttl;
  c->sconn.tos = l->sconn.tos;
  c->sconn.boundif = l->sconn.boundif;
  c->sconn.rcvbufs = l->sconn.rcvbufs;
  c->sconn.sndbufs = l->sconn.sndbufs;
  c->nodelay = l->nodelay;
  c->keepalive = l->keepalive;
  c->keepidle = l->keepidle;
  c->keepintvl = l->keepintvl;
  c->keepcnt = l->keepcnt;
  c->user_timeout = l->user_timeout;
  return c;
}

static void first_syn(struct net *net, struct tcp_conn *c, const struct tcp_seg *s)
{
  c->irs = s->seq;
  c->rcv_nxt = c->rcv_adv = s->seq + 1;
  c->snd_wnd = c->snd_wnd_max = s->wnd;            /* never scaled in a SYN */
  c->snd_wl1 = s->seq;
  c->heard = net->board->bench->now;
  tcp_negotiate(c, s);
}

void tcp_listening(struct net *net, struct tcp_conn *l, struct tcp_seg *s)
{
  if (s->flags & TCP_RST)
    {
      tcp_drop(s, DROP_NOBODY);
      return;
    }
  if (s->flags & TCP_ACK)
    {
      tcp_refuse(s);
      return;
    }
  bool syn = s->flags & TCP_SYN;
  struct tcp_conn *c = syn && l->npending < l->backlog ? inherit(net, l, s) : NULL;
  if (c == NULL)
    {
      if (syn) net->stats.tcp_syndrop++;
      tcp_drop(s, syn ? DROP_FULL : DROP_NOBODY);
      return;
    }
  tcp_open(c, s->p->dev);
  if (s->reopens && seq_leq(c->iss, s->beyond)) tcp_first_number(c, s->beyond + REOPEN_GAP);
  first_syn(net, c, s);
  c->state = TCP_SYN_RCVD;
  tcp_consumed(s);
  tcp_reply(net, c, TCP_SYN | TCP_ACK);
  if (c->timer[TCPT_REXMIT] == 0) tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
}

/* Established: whoever waits for it is told. */

void tcp_established(struct net *net, struct tcp_conn *c)
{
  c->state = TCP_ESTABLISHED;
  c->sconn.flags |= SF_CONNECTED;
  tcp_cc_start(net, c);
  if (c->keepalive) tcp_timer_set(net, c, TCPT_KEEP, c->keepidle);
  struct tcp_conn *l = c->listener;
  if (l)
    {
      *(l->accept_tail ? &l->accept_tail->accept_next : &l->accept_head) = c;
      l->accept_tail = c;
      l->npending++;
      c->accept_next = NULL;
      netwait_wake(net->board, &l->sconn.rx);
    }
  netwait_wake_all(net->board, &c->sconn.snd);
}

/* SYN-SENT: the answer to our call. */

void tcp_syn_sent(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  bool ack = s->flags & TCP_ACK;
  if (ack && (seq_leq(s->ack, c->iss) || seq_gt(s->ack, c->snd_max)))
    {
      net->stats.tcp_ackerr++;
      tcp_refuse(s);
      return;
    }
  if (s->flags & TCP_RST)
    {
      net->stats.tcp_rst++;
      tcp_drop(s, DROP_NOBODY);
      if (ack) tcp_ended(net, c, ECONNREFUSED);
      return;
    }
  if (!(s->flags & TCP_SYN))
    {
      tcp_drop(s, DROP_HEADER);
      return;
    }
  first_syn(net, c, s);
  s->seq++;
  if (!ack)                                         /* both have called at once */
    {
      c->state = TCP_SYN_RCVD;
      tcp_consumed(s);
      tcp_reply(net, c, TCP_SYN | TCP_ACK);
      return;
    }
  tcp_ack(net, c, s);
  tcp_established(net, c);
  c->acknow = true;
  tcp_pending(net, c);
  tcp_payload(net, c, s);
}
