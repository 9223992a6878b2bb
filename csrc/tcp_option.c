/* tcp_option.c - the options of a TCP header: MSS, window scale, SACK (RFC 2018), timestamps (RFC 7323). */

#include "tcp.h"

enum { OPT_END, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK_PERMITTED, OPT_SACK, OPT_TIMESTAMP = 8 };

/* The clock of our timestamps ticks every millisecond. It starts somewhere else on each board. */

uint32_t tcp_timestamp(const struct net *net)
{
  return (uint32_t)(net->board->bench->now / 1000000 + (int64_t)(net->tcp->secret[1] >> 34));
}

static void parse_one(struct tcp_options *o, const uint8_t *p, uint32_t len)
{
  if (p[0] == OPT_MSS && len == 4)
    o->mss = get16(p + 2);
  else if (p[0] == OPT_WSCALE && len == 3)
    o->wscale = p[2] > TCP_MAX_WSCALE ? (int32_t)TCP_MAX_WSCALE : p[2];
  else if (p[0] == OPT_SACK_PERMITTED && len == 2)
    o->sack_permitted = true;
  else if (p[0] == OPT_TIMESTAMP && len == 10)
    {
      o->timestamps = true;
      o->tsval = get32(p + 2);
      o->tsecr = get32(p + 6);
    }
  else if (p[0] == OPT_SACK && len >= 10 && (len - 2) % 8 == 0)
    {
      o->nsack = (len - 2) / 8;
      for (uint32_t i = 0; i < o->nsack; i++)
        {
          o->sack[i].left = get32(p + 2 + 8 * i);
          o->sack[i].right = get32(p + 6 + 8 * i);
        }
    }
}

/* What is unknown, or of a wrong length, is skipped by its length (RFC 9293 MUST-6). A length that leads nowhere ends
 * it (MUST-7): the segment itself is as good as any.
 */

void tcp_parse_options(struct tcp_seg *s)
{
  struct tcp_options *o = &s->opt;
  *o = (struct tcp_options){ .wscale = -1 };
  const uint8_t *p = s->tcp + TCP_HDRLEN, *end = s->tcp + s->hdrlen;
  while (p < end && *p != OPT_END)
    {
      if (*p == OPT_NOP)
        {
          p++;
          continue;
        }
      if (end - p < 2 || p[1] < 2 || p[1] > end - p) return;
      parse_one(o, p, p[1]);
      p += p[1];
    }
}

uint32_t tcp_optlen(const struct tcp_conn *c)
{
  return c->ts_ok ? 12 : 0;
}

static uint32_t put_timestamp(struct tcp_conn *c, uint8_t *p)
{
  p[0] = p[1] = OPT_NOP;
  p[2] = OPT_TIMESTAMP;
  p[3] = 10;
  put32(p + 4, tcp_timestamp(c->dev->board->net));
  put32(p + 8, c->ts_recent);
  return 12;
}

static uint32_t put_syn(struct tcp_conn *c, uint8_t *p, bool answer)
{
  const struct net *net = c->dev->board->net;
  uint32_t n = 4;
  p[0] = OPT_MSS;
  p[1] = 4;
  put16(p + 2, c->rcv_mss);
  if (answer ? c->sack_ok : net->cfg[NETCFG_TCP_SACK] != 0)
    {
      p[n] = OPT_SACK_PERMITTED;
      p[n + 1] = 2;
      p[n + 2] = p[n + 3] = OPT_NOP;
      n += 4;
    }
  if (answer ? c->ts_ok : net->cfg[NETCFG_TCP_TIMESTAMPS] != 0) n += put_timestamp(c, p + n);
  if (answer ? c->ws_ok : net->cfg[NETCFG_TCP_WINDOW_SCALE] != 0)
    {
      p[n] = OPT_NOP;
      p[n + 1] = OPT_WSCALE;
      p[n + 2] = 3;
      p[n + 3] = c->rcv_scale;
      n += 4;
    }
  return n;
}

/* The run that grew last comes first, so that the peer learns of it even if this is the only ACK it gets. Nothing if there
 * is no room for one.
 */

static uint32_t put_sack(const struct tcp_conn *c, uint8_t *p, uint32_t room)
{
  if (room < 12) return 0;
  uint32_t most = (room - 4) / 8, n = 0, below = UINT32_MAX;
  for (; n < c->nofo && n < most; n++)
    {
      const struct tcp_ofoseg *newest = NULL;
      for (uint32_t i = 0; i < c->nofo; i++)
        if (c->ofo[i].age < below && (newest == NULL || c->ofo[i].age > newest->age)) newest = &c->ofo[i];
      if (newest == NULL) break;
      put32(p + 4 + 8 * n, newest->left);
      put32(p + 8 + 8 * n, newest->right);
      below = newest->age;
    }
  p[0] = p[1] = OPT_NOP;
  p[2] = OPT_SACK;
  p[3] = (uint8_t)(2 + 8 * n);
  return 4 + 8 * n;
}

/* With payload there is only as much room as that leaves of a full segment. */

uint32_t tcp_put_options(struct tcp_conn *c, uint8_t *out, uint32_t flags, uint32_t len)
{
  if (flags & TCP_SYN) return put_syn(c, out, flags & TCP_ACK);
  if (flags & TCP_RST) return 0;
  uint32_t n = c->ts_ok ? put_timestamp(c, out) : 0, room = len ? min_u32(c->mss - len, TCP_MAXOPTLEN) : TCP_MAXOPTLEN;
  if (c->sack_ok && c->nofo && room > n) n += put_sack(c, out + n, room - n);
  return n;
}

/* What the peer's SYN offers and we want, too, is agreed; its MSS limits our segments (RFC 9293 MUST-15, MUST-16). */

void tcp_negotiate(struct tcp_conn *c, const struct tcp_seg *syn)
{
  const struct net *net = c->dev->board->net;
  const struct tcp_options *o = &syn->opt;
  uint32_t mss = o->mss ? o->mss : tcp_default_mss(c), ours = netdev_mtu(c->dev, c->sconn.raddr) - tcp_hdrlen(c);
  if (mss < TCP_MIN_MSS) mss = TCP_MIN_MSS;
  if (c->user_mss) ours = min_u32(ours, c->user_mss);
  c->mss = mss < ours ? mss : ours;
  c->sack_ok = o->sack_permitted && net->cfg[NETCFG_TCP_SACK];
  c->ts_ok = o->timestamps && net->cfg[NETCFG_TCP_TIMESTAMPS];
  c->ws_ok = o->wscale >= 0 && net->cfg[NETCFG_TCP_WINDOW_SCALE];
  c->snd_scale = c->ws_ok ? (uint8_t)o->wscale : 0;
  if (!c->ws_ok) c->rcv_scale = 0;
  c->ts_recent = o->tsval;
  c->ts_when = c->dev->board->bench->now;
}
