/* icmp.c - control messages: echo, errors that we send, errors that we are sent (RFC 792, RFC 1122 3.2.2; RFC 4443).
 *
 * ICMP and ICMPv6 differ in numbers, in the length of what is quoted, and in that the checksum of the latter covers a
 * pseudo-header. Here is what they have in common, and what only ICMP has; icmpv6.c has the rest.
 */
#include "tcp.h"

#define ICMP_MAXMSGLEN   576u     /* whole packet of an error; RFC 1812 4.3.2.3 */
#define ICMPv6_MAXMSGLEN 1280u    /* RFC 4443 2.4 (c) */

struct proto_stats *icmp_stats(struct net *net, struct ipaddr a)
{
  return ipaddr_isv4(a) ? &net->stats.icmp : &net->stats.icmpv6;
}

void icmp_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why)
{
  icmp_stats(p->dev->board->net, p->dst)->drop++;
  if (count) ++*count;
  rx_drop(p, why);
}

uint64_t icmp_pseudo(struct ipaddr src, struct ipaddr dst, uint32_t len)
{
  return ipaddr_isv4(dst) ? 0 : csum_pseudo(src, dst, IP_PROTO_ICMP6, len);
}

/* The checksum, and what may be wrong besides. */

bool icmp_valid(struct rxpkt *p, bool built_in)
{
  struct proto_stats *stats = icmp_stats(p->dev->board->net, p->dst);
  uint32_t len = p->len - p->hlen;
  stats->recv++;
  if (len < ICMP_HDRLEN)
    {
      icmp_drop(p, NULL, DROP_LENGTH);
      return false;
    }
  if (!built_in)
    {
      icmp_drop(p, &stats->typeerr, DROP_TYPE);
      return false;
    }
  charge(p->dev->board, COST_CSUM, len);
  if (csum_fold(csum_rx(icmp_pseudo(p->src, p->dst, len), p)) == 0) return true;
  icmp_drop(p, &stats->chkerr, DROP_CHECKSUM);
  return false;
}

/* The request itself becomes the reply: same identifier, sequence and data, our own header without its options. What
 * changes is the type, and the source if the request was for a group: the checksum follows that (RFC 1624).
 */

static uint64_t plus(struct ipaddr a)
{
  uint8_t flat[IPADDR_LEN];
  ipaddr_store(flat, a);
  return csum_add(0, flat, sizeof flat);
}

void icmp_echo_reply(struct rxpkt *p, uint32_t type)
{
  struct net *net = p->dev->board->net;
  struct iob_s *iob = p->iob;
  bool single = netdev_has(p->dev, p->dst);
  struct ip_head head = { .src = single ? p->dst : netdev_source(p->dev, p->src), .dst = p->src, .proto = p->proto,
                          .ttl = IP_TTL_DEFAULT };
  uint32_t hlen = ip_hdrlen(p->dst), options = p->hlen - hlen;
  iob->io_offset = (uint16_t)(iob->io_offset + options);
  iob->io_len = (uint16_t)(iob->io_len - options);
  iob->io_pktlen -= options;
  ip_header(net, iob_at(iob, 0), iob->io_pktlen, &head);

  uint8_t *icmp = iob_at(iob, hlen);
  uint16_t was, now, sum;
  memcpy(&was, icmp, 2);
  memcpy(&sum, icmp + 2, 2);
  icmp[0] = (uint8_t)type;
  memcpy(&now, icmp, 2);
  uint64_t total = (uint64_t)(uint16_t)~sum + (uint16_t)~was + now;
  if (!single && !ipaddr_isv4(p->dst)) total += csum_fold(plus(p->dst)) + plus(head.src);
  csum_put(icmp + 2, csum_fold(total));
  icmp_stats(net, p->src)->sent++;
  ip_reply(p->dev, iob, p->src);
}

/* An error about something we sent goes to the socket that sent it. The quoted header is the sender's word only:
 * nothing in it is taken for granted.
 */

static int32_t error_of(uint32_t type, uint32_t code)
{
  static const int32_t unreachable[] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE };
  if (type == ICMP_PARAM_PROBLEM) return EPROTO;
  if (type == ICMP_DEST_UNREACHABLE && code < sizeof unreachable / sizeof *unreachable) return unreachable[code];
  return EHOSTUNREACH;
}

static bool parse_quoted(const struct rxpkt *p, const uint8_t *ip, uint32_t quoted, struct quoted *q, uint32_t *proto)
{
  if (quoted < IPv4_HDRLEN || ip[0] >> 4 != 4) return false;
  uint32_t hlen = (ip[0] & 15u) * 4;
  if (hlen < IPv4_HDRLEN || quoted < hlen + UDP_HDRLEN || (get16(ip + 6) & IP_OFFSET) != 0) return false;
  *proto = ip[9];
  *q = (struct quoted){ ipaddr_v4(get32(ip + 12)), ipaddr_v4(get32(ip + 16)), (uint16_t)get16(ip + hlen),
                        (uint16_t)get16(ip + hlen + 2), get32(ip + hlen + 4) };
  return ipaddr_equal(q->laddr, p->dst);
}

static bool error_input(struct rxpkt *p, const uint8_t *icmp, uint32_t len)
{
  struct quoted q;
  uint32_t proto;
  if (!parse_quoted(p, icmp + ICMP_HDRLEN, len - ICMP_HDRLEN, &q, &proto)) return false;
  bool unreachable = icmp[0] == ICMP_DEST_UNREACHABLE;
  if (proto == IP_PROTO_UDP)
    udp_error(p->dev, &q, error_of(icmp[0], icmp[1]));
  else if (proto != IP_PROTO_TCP)
    return false;
  else if (unreachable && icmp[1] == ICMP_FRAG_NEEDED)
    tcp_mtu(p->dev->board->net, &q, get16(icmp + 6));
  else
    tcp_error(p->dev->board->net, &q, error_of(icmp[0], icmp[1]),
              unreachable && (icmp[1] == ICMP_PROT_UNREACH || icmp[1] == ICMP_PORT_UNREACH));
  return true;
}

void icmp_input(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  const uint8_t *icmp = p->ip + p->hlen;
  if (!icmp_valid(p, net->cfg[NETCFG_ICMP])) return;
  switch (icmp[0])
    {
      case ICMP_ECHO_REQUEST:
        icmp_echo_reply(p, ICMP_ECHO_REPLY);
        return;
      case ICMP_ECHO_REPLY:
        if (!icmp_deliver(p, get16(icmp + 4))) icmp_drop(p, &net->stats.icmp.typeerr, DROP_NOBODY);
        return;
      case ICMP_DEST_UNREACHABLE:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAM_PROBLEM:
        if (!error_input(p, icmp, p->len - p->hlen)) break;
        iob_free_chain(p->dev->board, p->iob);
        return;
    }
  icmp_drop(p, &net->stats.icmp.typeerr, DROP_TYPE);
}

/* Errors that we send. At most ICMP_ERROR_RATE a second, ICMP_ERROR_BURST of them at once: a token bucket, kept as the
 * time at which it will be full again.
 */

static bool icmp_allowed(struct net *net)
{
  int64_t rate = net->cfg[NETCFG_ICMP_ERROR_RATE], now = net->board->bench->now;
  if (rate == 0) return true;
  int64_t each = NSEC_PER_SEC / rate;
  int64_t full = net->icmp_tat > now ? net->icmp_tat : now;
  if (full - now > (net->cfg[NETCFG_ICMP_ERROR_BURST] - 1) * each) return false;
  net->icmp_tat = full + each;
  return true;
}

/* Room for two headers before the first `quoted` bytes of the packet: in its own buffer, else in one before it. */

static struct iob_s *quote(struct rxpkt *p, uint32_t headers, uint32_t quoted)
{
  struct board *b = p->dev->board;
  struct iob_s *iob = p->iob;
  if (iob->io_pktlen > quoted) iob = iob_trimtail(b, iob, iob->io_pktlen - quoted);
  if (iob->io_flink == NULL && NET_LL_GUARDSIZE + headers + quoted <= b->iob.bufsize)
    {
      memmove(iob->io_data + NET_LL_GUARDSIZE + headers, iob_at(iob, 0), quoted);
      iob->io_offset = NET_LL_GUARDSIZE;
      iob->io_len = (uint16_t)(iob->io_pktlen = headers + quoted);
      return iob;
    }
  struct iob_s *head = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_RXWORK, p->dev->index));
  if (head == NULL)
    {
      p->dev->stats.tx_noiob++;
      iob_free_chain(b, iob);
      return NULL;
    }
  head->io_offset = NET_LL_GUARDSIZE;
  head->io_len = (uint16_t)(head->io_pktlen = headers);
  iob_concat(head, iob);
  return head;
}

struct iob_s *icmp_error_packet(struct rxpkt *p, uint32_t type, uint32_t code, uint32_t data)
{
  struct net *net = p->dev->board->net;
  bool v4 = ipaddr_isv4(p->dst);
  struct ipaddr source = ipaddr_ismulticast(p->dst) ? netdev_source(p->dev, p->src) : p->dst;
  bool silent = p->broadcast || ipaddr_isany(p->src) || ipaddr_isany(source) || !net->cfg[v4 ? NETCFG_ICMP : NETCFG_ICMPv6];
  if (!v4 && ipv6_is_error(p)) silent = true;
  if (silent || !icmp_allowed(net))
    {
      rx_drop(p, silent ? DROP_NOBODY : DROP_LIMIT);
      return NULL;
    }
  uint32_t hlen = ip_hdrlen(p->dst), headers = hlen + ICMP_HDRLEN;
  uint32_t quoted = min_u32(p->len, (v4 ? ICMP_MAXMSGLEN : ICMPv6_MAXMSGLEN) - headers);
  struct iob_s *iob = quote(p, headers, quoted);
  if (iob == NULL) return NULL;
  struct ip_head head = { .src = source, .dst = p->src, .proto = v4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6,
                          .ttl = IP_TTL_DEFAULT };
  ip_header(net, iob_at(iob, 0), iob->io_pktlen, &head);

  uint8_t *icmp = iob_at(iob, hlen);
  icmp[0] = (uint8_t)type;
  icmp[1] = (uint8_t)code;
  put16(icmp + 2, 0);
  put32(icmp + 4, data);
  charge(p->dev->board, COST_CSUM, ICMP_HDRLEN + quoted);
  csum_put(icmp + 2, csum_fold(csum_iob(icmp_pseudo(head.src, head.dst, iob->io_pktlen - hlen), iob, hlen)));
  icmp_stats(net, p->dst)->sent++;
  return iob;
}

void icmp_error(struct rxpkt *p, uint32_t type, uint32_t code, uint32_t data)
{
  struct iob_s *iob = icmp_error_packet(p, type, code, data);
  if (iob) ip_reply(p->dev, iob, p->src);
}

void icmp_unreachable_port(struct rxpkt *p)
{
  bool v4 = ipaddr_isv4(p->dst);
  icmp_error(p, v4 ? ICMP_DEST_UNREACHABLE : ICMPv6_UNREACHABLE, v4 ? ICMP_PORT_UNREACH : ICMPv6_PORT_UNREACH, 0);
}

void icmp_unreachable_protocol(struct rxpkt *p)
{
  if (ipaddr_isv4(p->dst))
    icmp_error(p, ICMP_DEST_UNREACHABLE, ICMP_PROT_UNREACH, 0);
  else
    icmp_error(p, ICMPv6_PARAM_PROBLEM, ICMPv6_BAD_NEXT, p->proto_at);
}
