/* world.c - what is around the stack: time, its driver, and hosts that send it things. */

#include <stdio.h>

#include "target.h"

#define MOST_TIMERS 100000        /* that may run in one step before it counts as a livelock */

static const uint8_t board_mac[6] = { 2, 0, 0, 0, 0, 2 }, host_mac[6] = { 2, 0, 0, 0, 0, 1 };

static bool sent(struct target *t)
{
  uint8_t frame[FRAME_MAX];
  int n, frames = 0;
  for (; (n = softdev_take(t->eth, frame, sizeof frame)) >= 0; frames++) check_frame(t, frame, (uint32_t)n);
  return frames > 0;
}

/* What a driver does: asks for frames, sends them, and asks again. A busy one does neither. */

void world_poll(struct target *t)
{
  bool more = true;
  for (int turns = 0; more; turns++)
    {
      REQUIRE(turns < MOST_TIMERS);
      more = net_txavail(t->b) != 0;
      for (uint32_t i = 0; i < t->net->ndevs; i++)
        if (&t->net->dev[i] != t->eth || !t->busy) devif_poll(&t->net->dev[i], 64);
      if (!t->busy && sent(t)) more = true;
    }
}

/* What a worker would do: items in their order, each at its time. */

void world_later(struct target *t, int64_t ns)
{
  struct board *b = t->b;
  int64_t until = t->bench->now + ns;
  for (int turns = 0; ; turns++)
    {
      REQUIRE(turns < MOST_TIMERS);
      struct work *w = t->wq->expired_head ? t->wq->expired_head : t->wq->pending_head;
      int64_t due = w ? b->boot + w->qtime * b->tick_ns : INT64_MAX;
      if (due > until) break;
      if (due > t->bench->now) t->bench->now = due;
      uint32_t worker = w->worker, arg = w->arg;
      work_cancel_c(b, w);
      b->work_c[worker](b, arg);
      world_poll(t);
    }
  t->bench->now = until;
}

/* Frames. */

static void arrives(struct target *t, const uint8_t *frame, uint32_t len)
{
  uint8_t *exact = malloc(len);             /* so that a read behind its end is seen */
  REQUIRE(exact != NULL);
  memcpy(exact, frame, len);
  net_input(t->eth, exact, len);
  free(exact);
}

static void ip_checksum(uint8_t *ip)
{
  uint32_t hlen = (ip[0] & 15u) * 4;
  put16(ip + 10, 0);
  csum_put(ip + 10, csum_fold(csum_add(0, ip, hlen)));
}

static void ethernet(uint8_t *frame, bool six)
{
  memcpy(frame, board_mac, 6);
  memcpy(frame + 6, host_mac, 6);
  put16(frame + 12, six ? 0x86dd : 0x0800);
}

static void ip4_header(uint8_t *ip, uint32_t total, uint32_t proto, uint32_t frag, uint32_t id)
{
  memset(ip, 0, IPv4_HDRLEN);
  ip[0] = 0x45;
  put16(ip + 2, total);
  put16(ip + 4, id);
  put16(ip + 6, frag);
  ip[8] = 64;
  ip[9] = (uint8_t)proto;
  put32(ip + 12, HOST_IP);
  put32(ip + 16, BOARD_IP);
  ip_checksum(ip);
}

static void ip6_header(uint8_t *ip, uint32_t total, uint32_t proto)
{
  struct ip_head h = { .src = HOST_IP6, .dst = BOARD_IP6, .proto = (uint8_t)proto, .ttl = 64 };
  ipv6_header(ip, total, &h);
}

/* The header, of IPv6 with one of fragments where it is a fragment; its length. `frag`: offset and flag as of IPv4. */

static uint32_t header(const struct target *t, uint8_t *ip, uint32_t len, uint32_t proto, uint32_t frag, uint32_t id)
{
  if (!t->six)
    {
      ip4_header(ip, IPv4_HDRLEN + len, proto, frag, id);
      return IPv4_HDRLEN;
    }
  uint32_t more = frag ? IPv6_FRAGLEN : 0;
  uint8_t *f = ip + IPv6_HDRLEN;
  ip6_header(ip, IPv6_HDRLEN + more + len, frag ? IPv6_FRAGMENT : proto);
  if (frag)
    {
      put16(f, proto << 8);
      put16(f + 2, (frag & IP_OFFSET) * 8 | !!(frag & IP_MF));
      put32(f + 4, id);
    }
  return IPv6_HDRLEN + more;
}

/* An IP payload, whole, twice, or in two fragments, in order or not. */

enum { WHOLE, TWICE, FRAGMENTS, FRAGMENTS_REVERSED };

static void deliver(struct target *t, const uint8_t *payload, uint32_t len, uint32_t proto, uint32_t how, uint32_t id)
{
  uint8_t frame[FRAME_MAX], *ip = frame + NET_LL_GUARDSIZE;
  uint32_t cut = len / 2 / 8 * 8;
  ethernet(frame, t->six);
  for (int i = 0; i < 2; i++)
    {
      bool second = how == FRAGMENTS_REVERSED ? i == 0 : i == 1;
      bool pieces = how >= FRAGMENTS && cut;
      uint32_t from = pieces && second ? cut : 0, to = pieces && !second ? cut : len;
      if (how == WHOLE && i) return;
      uint32_t hlen = header(t, ip, to - from, proto, pieces ? (second ? cut / 8 : IP_MF) : 0, id);
      memcpy(ip + hlen, payload + from, to - from);
      arrives(t, frame, NET_LL_GUARDSIZE + hlen + to - from);
    }
}

/* The n-th connection that has a peer on the wire; NULL: a stranger is meant. */

static struct tcp_conn *pick(struct target *t, uint32_t n)
{
  struct tcp_conn *c = t->net->tcp->head;
  for (; c; c = c->next)
    if (c->sconn.rport && ipaddr_equal(c->sconn.raddr, t->host) && n-- == 0) return c;
  return NULL;
}

static uint32_t shift(struct input *in, uint32_t scale)
{
  return (uint32_t)((int32_t)(int8_t)take(in) * (1 << scale));
}

/* A number of the peer's stream, and one of ours: near those that the connection knows. */

static uint32_t near_seq(const struct tcp_conn *c, uint32_t which)
{
  switch (which & 3)
    {
      case 0:  return c->rcv_nxt;
      case 1:  return c->rcv_adv;
      case 2:  return c->nofo ? c->ofo[0].left : c->rcv_nxt;
      default: return c->nofo ? c->ofo[c->nofo - 1].right : c->irs;
    }
}

static uint32_t near_ack(const struct tcp_conn *c, uint32_t which)
{
  switch (which & 3)
    {
      case 0:  return c->snd_nxt;
      case 1:  return c->snd_una;
      case 2:  return c->snd_max;
      default: return c->snd_una + (c->snd_max - c->snd_una) / 2;
    }
}

/* SACK: that it is permitted, or one to three blocks in what is in flight or a little beyond; the option's length. */

static uint32_t sack(uint8_t *opt, const struct tcp_conn *c, bool syn, struct input *in)
{
  if (syn) memcpy(opt, "\4\2\1\1", 4);
  if (syn || c == NULL) return syn ? 4 : 0;
  uint32_t n = 1 + take(in) % 3, unit = (c->snd_max - c->snd_una) / 128 + 1;
  memcpy(opt, "\1\1\5", 3);
  opt[3] = (uint8_t)(2 + 8 * n);
  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t left = c->snd_una + unit * take(in);
      put32(opt + 4 + 8 * i, left);
      put32(opt + 8 + 8 * i, left + unit * (uint32_t)(int8_t)take(in));
    }
  return 4 + 8 * n;
}

/* Which, flags, bases and scales, two shifts, length, window, options; each a byte. Timestamps that are acceptable and
 * blocks that can be get their own bits, since nobody finds those by chance. */

void world_segment(struct target *t, struct input *in)
{
  uint8_t segment[TCP_HDRLEN + TCP_MAXOPTLEN + FRAME_MAX];
  uint32_t who = take(in), flags = take(in), bases = take(in), scales = take(in);
  struct tcp_conn *c = who < 128 ? pick(t, who & 7) : NULL;
  uint32_t dseq = shift(in, scales & 3 ? (scales & 3) * 8 - 2 : 0);
  uint32_t dack = shift(in, scales >> 2 & 3 ? (scales >> 2 & 3) * 8 - 2 : 0);
  uint32_t len = take(in) * (scales & 0x10 ? 8 : 1), window = take(in), nopt = 0;
  uint32_t irs = c ? c->irs : 0xfffff000u + who, seq = c ? near_seq(c, bases) : irs;
  if (scales & 0x20) window <<= 8;
  put16(segment, c ? c->sconn.rport : 1000 + (who & 7));
  put16(segment + 2, c ? c->sconn.lport : 7);
  put32(segment + 4, seq + dseq);
  put32(segment + 8, c && flags & TCP_ACK ? near_ack(c, bases >> 2) + dack : 0);
  segment[13] = flags & 0x3f;
  put16(segment + 14, window);
  put16(segment + 16, 0);
  put16(segment + 18, flags & TCP_URG ? window : 0);
  uint8_t *opt = segment + TCP_HDRLEN;
  if (bases & 0x10)
    {
      memcpy(opt, "\1\1\10\12", 4);
      put32(opt + 4, c ? c->ts_recent + (bases >> 5 & 1) : 77);
      put32(opt + 8, tcp_timestamp(t->net));
      nopt = 12;
    }
  if (bases & 0x40) nopt += sack(opt + nopt, c, flags & TCP_SYN, in);
  if (bases & 0x80)
    for (uint32_t n = min_u32(take(in) % 29 & ~3u, TCP_MAXOPTLEN - nopt); n; n--) opt[nopt++] = take(in);
  segment[12] = (uint8_t)((TCP_HDRLEN + nopt) / 4 << 4);
  uint32_t most = (t->six ? 1452 : 1480) - TCP_HDRLEN - nopt;
  if (len > most) len = most;
  if (c && c->state == TCP_SYN_SENT) irs = seq + dseq;      /* the stream begins here */
  uint32_t first = seq + dseq - irs - 1 + !!(flags & TCP_SYN);
  for (uint32_t i = 0; i < len; i++) opt[nopt + i] = content(first + i);
  uint32_t whole = TCP_HDRLEN + nopt + len;
  csum_put(segment + 16, csum_fold(csum_add(csum_pseudo(t->host, t->board, IP_PROTO_TCP, whole), segment, whole)));
  deliver(t, segment, whole, IP_PROTO_TCP, flags >> 6, who);
}

void world_error(struct target *t, struct input *in)
{
  uint8_t icmp[ICMP_HDRLEN + IPv6_HDRLEN + 8] = { 0 }, *ip = icmp + ICMP_HDRLEN;
  struct tcp_conn *c = pick(t, take(in) & 7);
  icmp[0] = take(in);
  icmp[1] = take(in);
  put16(icmp + 6, take16(in));
  if (c == NULL) return;
  uint32_t hlen = header(t, ip, 1400, IP_PROTO_TCP, 0, 1), len = ICMP_HDRLEN + hlen + 8;
  if (t->six)
    {
      ipaddr_store(ip + 8, t->board);
      ipaddr_store(ip + 24, t->host);
    }
  else
    {
      put32(ip + 12, BOARD_IP);
      put32(ip + 16, HOST_IP);
    }
  put16(ip + hlen, c->sconn.lport);
  put16(ip + hlen + 2, c->sconn.rport);
  put32(ip + hlen + 4, c->snd_una + take(in));
  csum_put(icmp + 2, csum_fold(csum_add(icmp_pseudo(t->host, t->board, len), icmp, len)));
  deliver(t, icmp, len, t->six ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, WHOLE, 0);
}

static uint32_t where_checksum_is(uint32_t proto)
{
  return proto == IP_PROTO_TCP ? 16 : proto == IP_PROTO_UDP ? 6 : 2;
}

/* The checksum behind a header of IPv6, which names the protocol itself. */

static void right_ip6(uint8_t *ip, uint32_t len)
{
  uint32_t whole = IPv6_HDRLEN + get16(ip + 4), sum = where_checksum_is(ip[6]), rest = whole - IPv6_HDRLEN;
  if (len < IPv6_HDRLEN || whole > len || sum + 2 > rest) return;
  uint64_t pseudo = csum_pseudo(ipaddr_load(ip + 8), ipaddr_load(ip + 24), ip[6], rest);
  put16(ip + IPv6_HDRLEN + sum, 0);
  csum_put(ip + IPv6_HDRLEN + sum, csum_fold(csum_add(pseudo, ip + IPv6_HDRLEN, rest)));
}

/* How, length, bytes: 1 put an Ethernet header before it, 2 make the IP checksum right, 4 the one behind it; 8 it is
 * IPv6.
 */

void world_raw(struct target *t, struct input *in)
{
  uint8_t frame[FRAME_MAX] = { 0 }, *ip = frame + NET_LL_GUARDSIZE;
  uint32_t how = take(in), n = take16(in) % FRAME_MAX, at = how & 1 ? NET_LL_GUARDSIZE : 0;
  if (how & 1) ethernet(frame, how & 8);
  while (at < n) frame[at++] = take(in);
  if (at < NET_LL_GUARDSIZE + IPv4_HDRLEN)
    {
      arrives(t, frame, at ? at : 1);
      return;
    }
  if (how & 8)
    {
      if (how & 4) right_ip6(ip, at - NET_LL_GUARDSIZE);
      t->tainted = true;                    /* TCP may stand behind other headers */
      arrives(t, frame, at);
      return;
    }
  uint32_t hlen = (ip[0] & 15u) * 4, total = get16(ip + 2), sum = where_checksum_is(ip[9]);
  if (how & 2 && NET_LL_GUARDSIZE + hlen <= at) ip_checksum(ip);
  if (how & 4 && hlen + sum + 2 <= total && NET_LL_GUARDSIZE + total <= at)
    {
      uint64_t pseudo = ip[9] == IP_PROTO_ICMP ? 0 : csum_pseudo(ipaddr_v4(get32(ip + 12)), ipaddr_v4(get32(ip + 16)), ip[9], total - hlen);
      put16(ip + hlen + sum, 0);
      csum_put(ip + hlen + sum, csum_fold(csum_add(pseudo, ip + hlen, total - hlen)));
    }
  if (ip[9] == IP_PROTO_TCP) t->tainted = true;
  arrives(t, frame, at);
}
