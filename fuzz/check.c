/* check.c - what is true of the stack after every step, whatever came in. */

#include <stdio.h>

#include "target.h"

void check_describe(const struct target *t)
{
  const struct iob_pool *pool = &t->b->iob;
  fprintf(stderr, "at %lld ms, %d of %u buffers free\n", (long long)(t->bench->now / 1000000), pool->count, pool->nbuffers);
  for (const struct tcp_conn *c = t->net->tcp->head; c; c = c->next)
    {
      fprintf(stderr, "%u: state %u port %u peer %llx:%u%s%s%s una +%u nxt +%u max +%u wnd %u txsize %u rcv +%u rx %u ofo %u",
              tcp_number(t->net, c), c->state, c->sconn.lport, (unsigned long long)c->sconn.raddr.lo, c->sconn.rport, c->owned ? " owned" : "",
              c->fin ? " fin" : "", c->listed ? " listed" : "", c->snd_una - c->iss, c->snd_nxt - c->iss,
              c->snd_max - c->iss, c->snd_wnd, c->txsize, c->rcv_nxt - c->irs, readahead_len(&c->readahead), c->nofo);
      for (uint32_t i = 0; i < c->nsacked; i++)
        fprintf(stderr, " has +%u to +%u", c->sacked[i].left - c->iss, c->sacked[i].right - c->iss);
      if (c->recovering) fprintf(stderr, " recover +%u resent +%u", c->recover - c->iss, c->resent - c->iss);
      for (int i = 0; i < TCPT_NTIMERS; i++) fprintf(stderr, " %lld", (long long)(c->timer[i] / 1000000));
      fprintf(stderr, " ms\n");
    }
}

static uint32_t chain_length(const struct iob_s *iob)
{
  uint32_t n = 0;
  for (; iob; iob = iob->io_flink) n += iob->io_len;
  return n;
}

static void check_buffers(const struct tcp_conn *c)
{
  uint32_t written = 0;
  for (const struct tcp_wrb *w = c->write_head; w; w = w->next)
    {
      REQUIRE(chain_length(w->iob) == w->iob->io_pktlen && w->iob->io_pktlen > 0);
      REQUIRE(w->next || w == c->write_tail);
      written += w->iob->io_pktlen;
    }
  REQUIRE(written == c->txsize);
  REQUIRE((c->write_head == NULL) == (c->write_tail == NULL));
  REQUIRE(chain_length(c->readahead.head) == readahead_len(&c->readahead));
  REQUIRE(c->nofo <= TCP_OFOSEGS);
  for (uint32_t i = 0; i < c->nofo; i++)
    {
      const struct tcp_ofoseg *o = &c->ofo[i];
      REQUIRE(o->right - o->left == o->data->io_pktlen && chain_length(o->data) == o->data->io_pktlen);
      REQUIRE(seq_lt(o->left, o->right) && seq_gt(o->left, i ? o[-1].right : c->rcv_nxt));
    }
}

static void check_sequence(const struct tcp_conn *c)
{
  REQUIRE(seq_leq(c->snd_una, c->snd_nxt) && seq_leq(c->snd_nxt, c->snd_max));
  if (!tcp_synchronized(c)) return;
  REQUIRE(c->snd_max - c->snd_una <= c->txsize + 1);
  REQUIRE(c->mss >= TCP_MIN_MSS && c->dev && c->rto >= 0);
  bool waits = c->timer[TCPT_REXMIT] || c->timer[TCPT_PERSIST] || c->rexmit || c->listed;
  REQUIRE(c->snd_una == c->snd_max || waits);     /* nothing in flight is forgotten */
}

static void check_scoreboard(const struct tcp_conn *c)
{
  REQUIRE(c->nsacked <= TCP_SACKRUNS && (c->sack_ok || c->nsacked == 0));
  for (uint32_t i = 0; i < c->nsacked; i++)
    {
      const struct tcp_run *r = &c->sacked[i];
      REQUIRE(seq_gt(r->left, i ? r[-1].right : c->snd_una) && seq_lt(r->left, r->right) && seq_leq(r->right, c->snd_max));
    }
  if (!tcp_synchronized(c) || !c->sack_ok) return;
  REQUIRE(tcp_flight(c) <= 2 * (c->snd_max - c->snd_una));
  if (c->recovering) REQUIRE(seq_lt(c->snd_una, c->recover) && seq_leq(c->recover, c->snd_max));
  if (c->recovering) REQUIRE(seq_leq(c->resent, c->recover) && (c->snd_nxt == c->snd_max || c->nsacked == 0));
}

static void check_connections(struct target *t)
{
  struct tcp *tcp = t->net->tcp;
  uint32_t n = 0, found = 0;
  const struct tcp_conn *prev = NULL;
  for (const struct tcp_conn *c = tcp->head; c; prev = c, c = c->next)
    {
      REQUIRE(c->prev == prev && c->state != TCP_CLOSED && ++n <= tcp->nconns);
      check_buffers(c);
      check_sequence(c);
      check_scoreboard(c);
      uint32_t queued = 0;
      for (const struct tcp_conn *o = c->accept_head; o; o = o->accept_next)
        REQUIRE(o->listener == c && ++queued <= c->npending);
      REQUIRE(queued == c->npending && (c->state == TCP_LISTEN || queued == 0));
      REQUIRE(c->listener == NULL || (c->listener->state == TCP_LISTEN && !c->owned));
      REQUIRE(c->work_due == 0 || c->work.worker);
      for (int i = 0; i < TCPT_NTIMERS; i++) REQUIRE(c->timer[i] == 0 || (c->work_due && c->work_due <= c->timer[i]));
    }
  REQUIRE(tcp->tail == prev);
  for (uint32_t i = 0; i < tcp->nconns; i++)
    {
      const struct tcp_conn *c = &tcp->conn[i];
      found += c->state != TCP_CLOSED;
      if (c->state == TCP_CLOSED) REQUIRE(!c->write_head && !c->listed && !c->listener && !c->work.worker);
    }
  REQUIRE(found == n);
  for (uint32_t i = 0; i < TCP_HASHSIZE; i++)
    for (const struct tcp_conn *c = tcp->hash[i]; c; c = c->hash_next) REQUIRE(c->state != TCP_CLOSED);
}

void check_stack(struct target *t)
{
  REQUIRE(iob_check(t->b) == 0);
  check_connections(t);
}

/* What the peer has said that it has does not leave again in a recovery. */

static void check_wanted(const struct tcp_conn *c, uint32_t seq, uint32_t len)
{
  for (uint32_t i = 0; len && c->recovering && i < c->nsacked; i++)
    REQUIRE(seq_geq(seq, c->sacked[i].right) || seq_leq(seq + len, c->sacked[i].left));
}

/* A frame that left: lengths, checksums, and the payload that belongs at its place of the stream. */

static void check_segment(struct target *t, struct ipaddr src, struct ipaddr dst, const uint8_t *tcp, uint32_t len)
{
  uint32_t hdrlen = (tcp[12] >> 4) * 4u;
  REQUIRE(len >= TCP_HDRLEN && hdrlen >= TCP_HDRLEN && hdrlen <= len);
  REQUIRE(csum_fold(csum_add(csum_pseudo(src, dst, IP_PROTO_TCP, len), tcp, len)) == 0);
  for (const struct tcp_conn *c = t->net->tcp->head; c; c = c->next)
    {
      if (c->sconn.lport != get16(tcp) || c->sconn.rport != get16(tcp + 2) || !ipaddr_equal(c->sconn.raddr, dst)) continue;
      uint32_t first = get32(tcp + 4) - c->iss - 1;
      if (!tcp_synchronized(c) || seq_gt(get32(tcp + 4), c->snd_max)) continue;     /* of the one before it */
      for (uint32_t i = hdrlen; i < len; i++) REQUIRE(tcp[i] == content(first + i - hdrlen));
      check_wanted(c, get32(tcp + 4), len - hdrlen);
    }
}

static void check_ip6(struct target *t, const uint8_t *ip, uint32_t len)
{
  REQUIRE(len >= IPv6_HDRLEN && ip[0] >> 4 == 6 && get16(ip + 4) + IPv6_HDRLEN == len && ip[7] > 0);
  struct ipaddr src = ipaddr_load(ip + 8), dst = ipaddr_load(ip + 24);
  const uint8_t *up = ip + IPv6_HDRLEN;
  len -= IPv6_HDRLEN;
  if (ip[6] == IP_PROTO_TCP) check_segment(t, src, dst, up, len);
  if (ip[6] == IP_PROTO_ICMP6) REQUIRE(len >= ICMP_HDRLEN && csum_fold(csum_add(icmp_pseudo(src, dst, len), up, len)) == 0);
}

void check_frame(struct target *t, const uint8_t *frame, uint32_t len)
{
  REQUIRE(len >= NET_LL_GUARDSIZE && len <= t->eth->mtu + NET_LL_GUARDSIZE);
  const uint8_t *ip = frame + NET_LL_GUARDSIZE;
  if (get16(frame + 12) == 0x86dd) check_ip6(t, ip, len - NET_LL_GUARDSIZE);
  if (get16(frame + 12) != 0x0800) return;
  uint32_t hlen = (ip[0] & 15u) * 4, total = get16(ip + 2);
  REQUIRE(hlen == IPv4_HDRLEN && total == len - NET_LL_GUARDSIZE && csum_fold(csum_add(0, ip, hlen)) == 0);
  struct ipaddr src = ipaddr_v4(get32(ip + 12)), dst = ipaddr_v4(get32(ip + 16));
  if (ip[9] == IP_PROTO_TCP) check_segment(t, src, dst, ip + hlen, total - hlen);
}
