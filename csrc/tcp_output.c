/* tcp_output.c - segments: what goes out when the device asks, and what goes out at once.
 *
 * Payload is cloned into buffers of the device (unthrottled, without waiting), so sending needs free IOBs, too. If they
 * are few the segment is cut to what one buffer holds, as NuttX does it; if there is none, nothing leaves, and a timer
 * sees to it that somebody asks again.
 */
#include "tcp.h"

#define ACK_AGAIN (NSEC_PER_SEC / 5)      /* an acknowledgement that found no buffer tries again */

enum sent { NOTHING, SENT, NO_IOB };

/* The list of those who may have something to send: a device takes one segment from each in turn. */

void tcp_pending(struct net *net, struct tcp_conn *c)
{
  if (c->dev == NULL || c->state == TCP_CLOSED) return;
  netdev_txnotify(c->dev, TCP_POLL);
  if (c->listed) return;
  struct tcp *tcp = net->tcp;
  uint32_t i = c->dev->index;
  c->out_next = NULL;
  c->listed = true;
  *(tcp->out[i].tail ? &tcp->out[i].tail->out_next : &tcp->out[i].head) = c;
  tcp->out[i].tail = c;
}

void tcp_unlist(struct net *net, struct tcp_conn *c)
{
  if (!c->listed) return;
  struct tcp *tcp = net->tcp;
  uint32_t i = c->dev->index;
  struct tcp_conn *prev = NULL;
  for (struct tcp_conn *q = tcp->out[i].head; q != c; q = q->out_next) prev = q;
  *(prev ? &prev->out_next : &tcp->out[i].head) = c->out_next;
  if (tcp->out[i].tail == c) tcp->out[i].tail = prev;
  c->listed = false;
}

/* IP and TCP header with options, flat, without the TCP checksum; their length. */

static uint32_t header(struct net *net, struct tcp_conn *c, uint8_t *ip, uint32_t seq, uint32_t len, uint32_t flags)
{
  uint32_t hlen = ip_hdrlen(c->sconn.raddr);
  uint8_t *tcp = ip + hlen;
  uint32_t n = TCP_HDRLEN + tcp_put_options(c, tcp + TCP_HDRLEN, flags, len);
  uint32_t scale = flags & TCP_SYN ? 0 : c->rcv_scale, w = tcp_offer(net, c, scale);
  put16(tcp, c->sconn.lport);
  put16(tcp + 2, c->sconn.rport);
  put32(tcp + 4, seq);
  put32(tcp + 8, flags & TCP_ACK ? c->rcv_nxt : 0);
  tcp[12] = (uint8_t)(n / 4 << 4);
  tcp[13] = (uint8_t)flags;
  put16(tcp + 14, w >> scale);
  put32(tcp + 16, 0);
  struct ip_head head = { .src = c->sconn.laddr, .dst = c->sconn.raddr, .proto = IP_PROTO_TCP, .ttl = c->sconn.ttl,
                          .tos = c->sconn.tos };
  ip_header(net, ip, hlen + n + len, &head);
  return hlen + n;
}

/* A segment as a chain, complete; NULL without buffers. `len` bytes from `offset` behind snd_una. */

static struct iob_s *segment(struct net *net, struct tcp_conn *c, uint32_t seq, uint32_t offset, uint32_t len,
                             uint32_t flags)
{
  struct board *b = net->board;
  struct netdev *dev = c->dev;
  struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  if (iob == NULL)
    {
      dev->stats.tx_noiob++;
      return NULL;
    }
  uint8_t flat[IPv6_HDRLEN + TCP_HDRLEN + TCP_MAXOPTLEN];
  uint32_t n = header(net, c, flat, seq, len, flags);
  iob->io_offset = NET_LL_GUARDSIZE;
  if (iob_copyin(b, iob, flat, n, 0, false) < 0 || (len && tcp_write_clone(net, c, offset, len, iob, n) < 0))
    {
      dev->stats.tx_noiob++;
      iob_free_chain(b, iob);
      return NULL;
    }
  if (net->cfg[NETCFG_TCP_CHECKSUMS])
    {
      uint32_t hlen = ip_hdrlen(c->sconn.raddr), whole = n - hlen + len;
      uint64_t sum = csum_pseudo(c->sconn.laddr, c->sconn.raddr, IP_PROTO_TCP, whole);
      uint16_t folded = csum_fold(csum_iob(sum, iob, hlen));
      iob_copyin(b, iob, (const uint8_t *)&folded, sizeof folded, (int32_t)hlen + 16, false);
      charge(b, COST_CSUM, whole);
    }
  return iob;
}

/* A recovery with SACK may last longer than a round trip, so that its timer begins again with each (RFC 6675 section 6). */

static void went_again(struct net *net, struct tcp_conn *c, uint32_t end)
{
  if (seq_gt(end, c->resent)) c->resent = end;
  tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
}

/* What every segment that left means for us. */

static void has_left(struct net *net, struct tcp_conn *c, uint32_t seq, uint32_t span, uint32_t flags)
{
  net->stats.tcp.sent++;
  if (flags & TCP_FIN) c->finsent = true;
  if (flags & TCP_ACK)
    {
      c->acknow = false;
      c->unacked = 0;
      c->last_ack_sent = c->rcv_nxt;
      tcp_timer_stop(c, TCPT_DELACK);
    }
  if (span == 0) return;
  c->sent = net->board->bench->now;
  if (seq_lt(seq, c->snd_max))
    {
      c->rtt_timing = false;                        /* nobody knows which one is acknowledged (Karn) */
      net->stats.tcp_rexmit++;
      trace_put(net->board, TR_TCP_REXMIT, tcp_number(net, c), span);
      if (c->recovering && c->sack_ok) went_again(net, c, seq + span);
    }
  else if (!c->rtt_timing && !c->ts_ok)
    {
      c->rtt_timing = true;
      c->rtt_start = net->board->bench->now;
      c->rtt_seq = seq + span;
    }
  if (seq_gt(seq + span, c->snd_max)) c->snd_max = seq + span;
  if (c->timer[TCPT_REXMIT] == 0 && c->timer[TCPT_PERSIST] == 0) tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
}

/* `next` becomes snd_nxt. All of that before the packet goes: over the loopback its answer is here when it returns. */

static enum sent send(struct net *net, struct tcp_conn *c, uint32_t seq, uint32_t len, uint32_t flags, uint32_t next)
{
  struct iob_s *iob = segment(net, c, seq, seq - c->snd_una, len, flags);
  if (iob == NULL) return NO_IOB;
  c->snd_nxt = next;
  has_left(net, c, seq, len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN), flags);
  ip_out(c->dev, iob, c->sconn.raddr);
  return SENT;
}

/* A segment without payload, at once: an answer to a peer that needs one now. */

static void reply(struct net *net, struct tcp_conn *c, uint32_t seq, uint32_t flags)
{
  struct iob_s *iob = segment(net, c, seq, 0, 0, flags);
  if (iob == NULL) return;
  if (flags & TCP_SYN) c->snd_nxt = seq + 1;
  has_left(net, c, seq, flags & TCP_SYN ? 1 : 0, flags);
  ip_reply(c->dev, iob, c->sconn.raddr);
}

/* The number of a segment that is only an acknowledgement: behind everything that was ever sent, not where sending has
 * started over. What the peer already has is old to it, and of two who start over at the same time neither would hear
 * the other. But what lies beyond its window, as a probe does, it has not taken.
 */

static uint32_t ack_seq(const struct tcp_conn *c)
{
  uint32_t edge = c->snd_una + c->snd_wnd;
  return seq_lt(edge, c->snd_max) ? edge : c->snd_max;
}

void tcp_reply(struct net *net, struct tcp_conn *c, uint32_t flags)
{
  reply(net, c, flags & TCP_SYN ? c->iss : ack_seq(c), flags);
}

void tcp_reset(struct net *net, struct tcp_conn *c)
{
  if (c->dev && c->dev->flags & IFF_UP) reply(net, c, c->snd_nxt, TCP_RST | TCP_ACK);
}

/* To a segment that belongs to no connection (RFC 9293 3.10.7.1). It is turned round where it lies. */

void tcp_refuse(struct tcp_seg *s)
{
  struct rxpkt *p = s->p;
  struct netdev *dev = p->dev;
  struct net *net = dev->board->net;
  if (s->flags & TCP_RST)
    {
      rx_drop(p, DROP_NOBODY);
      return;
    }
  iob_free_chain(dev->board, p->iob);
  struct iob_s *iob = iob_tryalloc(dev->board, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
  if (iob == NULL)
    {
      dev->stats.tx_noiob++;
      return;
    }
  uint8_t ip[IPv6_HDRLEN + TCP_HDRLEN];
  uint32_t hlen = ip_hdrlen(p->dst);
  uint8_t *tcp = ip + hlen;
  bool ack = s->flags & TCP_ACK;
  memset(tcp, 0, TCP_HDRLEN);
  put16(tcp, s->dport);
  put16(tcp + 2, s->sport);
  if (ack)
    put32(tcp + 4, s->ack);
  else
    put32(tcp + 8, s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN));
  tcp[12] = TCP_HDRLEN / 4 << 4;
  tcp[13] = ack ? TCP_RST : TCP_RST | TCP_ACK;
  csum_put(tcp + 16, csum_fold(csum_add(csum_pseudo(p->dst, p->src, IP_PROTO_TCP, TCP_HDRLEN), tcp, TCP_HDRLEN)));
  struct ip_head head = { .src = p->dst, .dst = p->src, .proto = IP_PROTO_TCP, .ttl = IP_TTL_DEFAULT };
  ip_header(net, ip, hlen + TCP_HDRLEN, &head);
  iob->io_offset = NET_LL_GUARDSIZE;
  if (iob_copyin(dev->board, iob, ip, hlen + TCP_HDRLEN, 0, false) < 0)
    {
      dev->stats.tx_noiob++;
      iob_free_chain(dev->board, iob);
      return;
    }
  net->stats.tcp.sent++;
  net->stats.tcp_synrst++;
  ip_reply(dev, iob, p->src);
}

/* What goes out next. */

static uint32_t effective_mss(const struct tcp_conn *c)
{
  return c->mss - tcp_optlen(c);
}

/* NuttX's "tiny packets": with few buffers left a segment gets what one of them holds, and the last one shares that with
 * the headers. (Less one byte: iob_clone_partial gives a buffer that it has filled to the brim a successor.)
 */

static uint32_t cut_to_iobs(const struct net *net, const struct tcp_conn *c, uint32_t len)
{
  struct board *b = net->board;
  uint32_t size = b->iob.bufsize, room = (uint32_t)iob_navail(b, false) * size;
  uint32_t headers = NET_LL_GUARDSIZE + tcp_hdrlen(c) + tcp_optlen(c);
  if (len + headers < room || room <= headers + 1) return len;
  return min_u32(len, min_u32(size, room - headers - 1));
}

/* Is it worth a segment? A full one, all there is if Nagle lets it, half of what the peer can take (RFC 9293
 * 3.8.6.2.1). What went out before goes again in any case.
 */

static bool worth_it(const struct tcp_conn *c, uint32_t len, uint32_t unsent, bool idle)
{
  if (len >= effective_mss(c) || seq_lt(c->snd_nxt, c->snd_max)) return true;
  if (len == unsent && (idle || c->nodelay || c->fin)) return true;
  return 2 * len >= c->snd_wnd_max;
}

/* One segment of what went out before, from `seq` to `end` at most. */

static enum sent send_again(struct net *net, struct tcp_conn *c, uint32_t seq, uint32_t end)
{
  uint32_t off = seq - c->snd_una, room = c->snd_wnd > off ? c->snd_wnd - off : 0;
  uint32_t len = min_u32(min_u32(effective_mss(c), room), min_u32(c->txsize - off, end - seq));
  len = cut_to_iobs(net, c, len);
  uint32_t flags = TCP_ACK | (off + len == c->txsize ? TCP_PSH : 0);
  if (c->fin && off + len == c->txsize && end - c->snd_una > c->txsize) flags |= TCP_FIN;
  if (len == 0 && !(flags & TCP_FIN)) return NOTHING;
  return send(net, c, seq, len, flags, c->snd_nxt);
}

static enum sent send_first_again(struct net *net, struct tcp_conn *c)
{
  c->rexmit = false;
  return send_again(net, c, c->snd_una, tcp_sack_first(c));
}

/* What the peer misses below what it has. That is payload: behind a FIN there is nothing. */

static enum sent send_hole(struct net *net, struct tcp_conn *c, bool sure)
{
  struct tcp_run hole;
  if (!tcp_sack_next(c, sure, &hole) || tcp_cc_room(c) == 0) return NOTHING;
  return send_again(net, c, hole.left, hole.right);
}

/* Something is left that the peer does not let us send, and no acknowledgement will come to change that. A window that
 * was closed behind what is in flight is asked about, too: to send that again is not allowed either.
 */

static void watch(struct net *net, struct tcp_conn *c)
{
  if (c->snd_nxt != c->snd_una) return;
  if (c->snd_wnd == 0 && c->txsize) tcp_timer_stop(c, TCPT_REXMIT);
  if (c->timer[TCPT_REXMIT] == 0 && c->timer[TCPT_PERSIST] == 0) tcp_timer_set(net, c, TCPT_PERSIST, tcp_rto(net, c));
}

static enum sent send_next(struct net *net, struct tcp_conn *c)
{
  uint32_t off = c->snd_nxt - c->snd_una, unsent = off < c->txsize ? c->txsize - off : 0;
  bool finsent = off > c->txsize || (c->finsent && c->snd_una == c->snd_max), forced = c->force;
  if (unsent && c->snd_una == c->snd_max) tcp_cc_idle(net, c);
  uint32_t room = min_u32(c->snd_wnd > off ? c->snd_wnd - off : 0, tcp_cc_room(c));
  uint32_t len = min_u32(min_u32(unsent, room), effective_mss(c));
  if (len && !forced && !worth_it(c, len, unsent, off == 0)) len = 0;
  bool probe = forced && len == 0 && unsent;
  c->force = false;
  if (probe) len = 1;
  if (len) len = cut_to_iobs(net, c, len);

  uint32_t flags = TCP_ACK | (len && off + len == c->txsize ? TCP_PSH : 0);
  if (c->fin && !finsent && off + len == c->txsize) flags |= TCP_FIN;
  if (len == 0 && !(flags & TCP_FIN))
    {
      if (unsent) watch(net, c);
      if (forced && !unsent) return send(net, c, c->snd_una - 1, 0, TCP_ACK, c->snd_nxt);   /* keep-alive */
      if (!c->acknow) return NOTHING;
      enum sent ack = send(net, c, ack_seq(c), 0, TCP_ACK, c->snd_nxt);
      if (ack == NO_IOB) tcp_timer_set(net, c, TCPT_DELACK, ACK_AGAIN);
      return ack;
    }
  if (!probe) tcp_timer_stop(c, TCPT_PERSIST);
  enum sent r = send(net, c, c->snd_nxt, len, flags, probe ? c->snd_nxt : c->snd_nxt + len + !!(flags & TCP_FIN));
  if (r == NO_IOB)
    {
      c->nprobes = c->unanswered = 0;     /* that the pool is empty says nothing about the peer */
      watch(net, c);
    }
  return r;
}

static enum sent output(struct net *net, struct tcp_conn *c)
{
  enum sent r;
  switch (c->state)
    {
      case TCP_SYN_SENT:
      case TCP_SYN_RCVD:
        if (c->snd_nxt != c->iss) return NOTHING;
        r = send(net, c, c->iss, 0, c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK, c->iss + 1);
        if (r == NO_IOB && c->timer[TCPT_REXMIT] == 0) tcp_timer_set(net, c, TCPT_REXMIT, tcp_rto(net, c));
        return r;

      case TCP_CLOSED:
      case TCP_ALLOCATED:
      case TCP_LISTEN:
        return NOTHING;

      default:
        if (c->rexmit && (r = send_first_again(net, c)) != NOTHING) return r;
        if ((r = send_hole(net, c, true)) != NOTHING) return r;
        if ((r = send_next(net, c)) != NOTHING) return r;
        return net->cfg[NETCFG_TCP_CC_NEWRENO] ? send_hole(net, c, false) : NOTHING;
    }
}

/* One segment for the device; false: nobody has one, or there is no buffer to build it in. */

bool tcp_poll(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (struct tcp_conn *c; (c = net->tcp->out[dev->index].head) != NULL; )
    {
      tcp_unlist(net, c);
      enum sent r = output(net, c);
      if (r == SENT) tcp_pending(net, c);
      if (r != NOTHING) return r == SENT;
    }
  return false;
}
