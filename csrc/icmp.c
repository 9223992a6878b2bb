/* icmp.c - control messages: echo, errors that we send, errors that we are sent (RFC 792, RFC 1122 3.2.2). */

#include "tcp.h"

#define ICMP_MAXMSGLEN 576u       /* whole packet; RFC 1812 4.3.2.3 */

static void icmp_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why)
{
  p->dev->board->net->stats.icmp.drop++;
  if (count) ++*count;
  rx_drop(p, why);
}

/* The request itself becomes the reply: same identifier, sequence and data, our own header without its options. */

static void echo_reply(struct rxpkt *p)
{
  struct net *net = p->dev->board->net;
  struct iob_s *iob = p->iob;
  uint32_t options = p->hlen - IPv4_HDRLEN;
  iob->io_offset = (uint16_t)(iob->io_offset + options);
  iob->io_len = (uint16_t)(iob->io_len - options);
  iob->io_pktlen -= options;
  ipv4_header(net, iob_at(iob, 0), iob->io_pktlen, IP_PROTO_ICMP, p->dst, p->src, IP_TTL_DEFAULT);

  uint8_t *icmp = iob_at(iob, IPv4_HDRLEN);
  uint16_t was, now, sum;         /* only one word changes, so the checksum follows it: RFC 1624 */
  memcpy(&was, icmp, 2);
  memcpy(&sum, icmp + 2, 2);
  icmp[0] = ICMP_ECHO_REPLY;
  memcpy(&now, icmp, 2);
  csum_put(icmp + 2, csum_fold((uint64_t)(uint16_t)~sum + (uint16_t)~was + now));
  net->stats.icmp.sent++;
  ipv4_reply(p->dev, iob, p->src);
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

static bool error_input(struct rxpkt *p, const uint8_t *icmp, uint32_t len)
{
  const uint8_t *ip = icmp + ICMP_HDRLEN;
  uint32_t quoted = len - ICMP_HDRLEN;
  if (quoted < IPv4_HDRLEN || ip[0] >> 4 != 4) return false;
  uint32_t hlen = (ip[0] & 15u) * 4;
  if (hlen < IPv4_HDRLEN || quoted < hlen + UDP_HDRLEN) return false;
  if ((get16(ip + 6) & 0x1fff) != 0 || get32(ip + 12) != p->dst) return false;

  uint16_t lport = (uint16_t)get16(ip + hlen), rport = (uint16_t)get16(ip + hlen + 2);
  uint32_t raddr = get32(ip + 16), seq = get32(ip + hlen + 4);
  bool unreachable = icmp[0] == ICMP_DEST_UNREACHABLE;
  if (ip[9] == IP_PROTO_UDP)
    udp_error(p->dev, p->dst, lport, raddr, rport, error_of(icmp[0], icmp[1]));
  else if (ip[9] != IP_PROTO_TCP)
    return false;
  else if (unreachable && icmp[1] == ICMP_FRAG_NEEDED)
    tcp_mtu(p->dev, p->dst, lport, raddr, rport, seq, get16(icmp + 6));
  else
    tcp_error(p->dev, p->dst, lport, raddr, rport, seq, error_of(icmp[0], icmp[1]),
              unreachable && (icmp[1] == ICMP_PROT_UNREACH || icmp[1] == ICMP_PORT_UNREACH));
  return true;
}

void icmp_input(struct rxpkt *p)
{
  struct net_stats *stats = &p->dev->board->net->stats;
  const uint8_t *icmp = p->ip + p->hlen;
  uint32_t len = p->len - p->hlen;
  stats->icmp.recv++;
  if (len < ICMP_HDRLEN)
    {
      icmp_drop(p, NULL, DROP_LENGTH);
      return;
    }
  if (!p->dev->board->net->cfg[NETCFG_ICMP])
    {
      icmp_drop(p, &stats->icmp.typeerr, DROP_TYPE);
      return;
    }
  charge(p->dev->board, COST_CSUM, len);
  if (csum_fold(csum_rx(0, p)) != 0)
    {
      icmp_drop(p, &stats->icmp.chkerr, DROP_CHECKSUM);
      return;
    }
  switch (icmp[0])
    {
      case ICMP_ECHO_REQUEST:
        echo_reply(p);
        return;
      case ICMP_ECHO_REPLY:
        if (!icmp_deliver(p, get16(icmp + 4))) icmp_drop(p, &stats->icmp.typeerr, DROP_NOBODY);
        return;
      case ICMP_DEST_UNREACHABLE:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAM_PROBLEM:
        if (!error_input(p, icmp, len)) break;
        iob_free_chain(p->dev->board, p->iob);
        return;
    }
  icmp_drop(p, &stats->icmp.typeerr, DROP_TYPE);
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

static struct iob_s *quote(struct rxpkt *p, uint32_t quoted)
{
  struct board *b = p->dev->board;
  uint32_t headers = IPv4_HDRLEN + ICMP_HDRLEN;
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

struct iob_s *icmp_error_packet(struct rxpkt *p, uint32_t type, uint32_t code)
{
  struct net *net = p->dev->board->net;
  bool silent = p->broadcast || p->src == INADDR_ANY || !net->cfg[NETCFG_ICMP];
  if (silent || !icmp_allowed(net))
    {
      rx_drop(p, silent ? DROP_NOBODY : DROP_LIMIT);
      return NULL;
    }
  uint32_t room = ICMP_MAXMSGLEN - IPv4_HDRLEN - ICMP_HDRLEN, quoted = p->len < room ? p->len : room;
  struct iob_s *iob = quote(p, quoted);
  if (iob == NULL) return NULL;
  ipv4_header(net, iob_at(iob, 0), iob->io_pktlen, IP_PROTO_ICMP, p->dst, p->src, IP_TTL_DEFAULT);

  uint8_t *icmp = iob_at(iob, IPv4_HDRLEN);
  memset(icmp, 0, ICMP_HDRLEN);
  icmp[0] = (uint8_t)type;
  icmp[1] = (uint8_t)code;
  charge(p->dev->board, COST_CSUM, ICMP_HDRLEN + quoted);
  csum_put(icmp + 2, csum_fold(csum_add(csum_add(0, icmp, ICMP_HDRLEN), p->ip, quoted)));
  net->stats.icmp.sent++;
  return iob;
}

void icmp_error(struct rxpkt *p, uint32_t type, uint32_t code)
{
  struct iob_s *iob = icmp_error_packet(p, type, code);
  if (iob) ipv4_reply(p->dev, iob, p->src);
}
