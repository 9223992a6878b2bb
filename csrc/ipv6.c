/* ipv6.c - what is accepted, whom it goes to, and the header of what is sent (RFC 8200, RFC 4291).
 *
 * A host, not a router: nothing is forwarded. Extension headers are read as far as a host has to: options that it does
 * not know say themselves what to do about that, fragments are put together, a source route is refused.
 */
#include "tcp.h"

#define NEXT_HOPOPTS  0u
#define NEXT_ROUTING 43u
#define NEXT_NONE    59u
#define NEXT_DSTOPTS 60u

#define NEXT_MAX     60u      /* of the header behind the extensions: TCP with its options; ICMPv6's quotes have less */

#define PARAM_HEADER 0u       /* codes of ICMPv6_PARAM_PROBLEM besides ICMPv6_BAD_NEXT */
#define PARAM_OPTION 2u

static void ipv6_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why)
{
  p->dev->board->net->stats.ipv6.drop++;
  if (count) ++*count;
  rx_drop(p, why);
}

static bool is_extension(uint32_t type)
{
  return type == NEXT_HOPOPTS || type == NEXT_DSTOPTS || type == NEXT_ROUTING || type == IPv6_FRAGMENT;
}

/* How long an extension header is, of which 8 bytes are there. */

static uint32_t extension_len(uint32_t type, const uint8_t *header)
{
  return type == IPv6_FRAGMENT ? IPv6_FRAGLEN : (header[1] + 1u) * 8;
}

/* Whether it brings an error of ICMPv6, which is never answered by another (RFC 4443 2.4), as far as can be seen. */

bool ipv6_is_error(const struct rxpkt *p)
{
  uint32_t at = IPv6_HDRLEN, readable = min_u32(p->nflat, p->len), next = p->ip[6];
  while (is_extension(next))
    {
      if (at > readable || readable - at < 8) return false;
      if (next == IPv6_FRAGMENT && get16(p->ip + at + 2) & 0xfff8) return false;
      uint32_t len = extension_len(next, p->ip + at);
      next = p->ip[at];
      at += len;
    }
  return next == IP_PROTO_ICMP6 && at < readable && p->ip[at] < ICMPv6_ECHO_REQUEST;
}

static void complain(struct rxpkt *p, uint32_t code, uint32_t at)
{
  p->dev->board->net->stats.ipv6.drop++;
  icmp_error(p, ICMPv6_PARAM_PROBLEM, code, at);
}

/* Addresses that no packet on a wire has: the loopback's, groups as a source, IPv4 addresses in the form that is ours. */

static bool possible(const struct rxpkt *p)
{
  if (ipaddr_isv4(p->src) || ipaddr_isv4(p->dst) || ipaddr_ismulticast(p->src) || ipaddr_isany(p->dst)) return false;
  if (p->eth == NULL) return true;
  return !ipaddr_isloopback(p->src) && !ipaddr_isloopback(p->dst) && !netdev_has(p->dev, p->src);
}

/* The group of all who have an address with these last 24 bits (RFC 4291 2.7.1). */

struct ipaddr ipv6_solicited_node(struct ipaddr a)
{
  return (struct ipaddr){ 0xff02000000000000u, 0x1ff000000u | (a.lo & 0xffffff) };
}

/* All nodes, and the groups of our addresses, also of those that are still being tested. Without an address a device is
 * no node, unless a router may give it one.
 */

static bool member(const struct netdev *dev, struct ipaddr group)
{
  bool node = dev->nifaddrs > 1 || dev->board->net->cfg[NETCFG_ICMPv6_AUTOCONF];
  if (node && ipaddr_equal(group, ipv6_all_nodes)) return true;
  for (const struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    if (a->state != IFADDR_FREE && ipaddr_equal(ipv6_solicited_node(a->addr), group)) return true;
  return false;
}

/* Options: 0 if all may be passed over; else code and place of the complaint, or DROP_HEADER where there is none. */

struct verdict { enum rx_drop why; bool tell; uint32_t code, at; };

static struct verdict options(const struct rxpkt *p, uint32_t at, uint32_t end)
{
  for (at += 2; at < end; )
    {
      uint32_t type = p->ip[at];
      if (type == 0)                                  /* Pad1 */
        {
          at++;
          continue;
        }
      if (end - at < 2 || p->ip[at + 1] + 2u > end - at) return (struct verdict){ DROP_HEADER, false, 0, 0 };
      uint32_t unknown = type >> 6;                   /* RFC 8200 4.2: skip, discard, tell, tell unless it was a group */
      if (unknown)
        {
          bool tell = unknown == 2 || (unknown == 3 && !p->broadcast);
          return (struct verdict){ DROP_HEADER, tell, PARAM_OPTION, at };
        }
      at += p->ip[at + 1] + 2u;
    }
  return (struct verdict){ 0 };
}

/* A fragment that is the whole packet has nothing to do with others (RFC 6946): its header is passed over like any. */

static bool is_fragment(const uint8_t *header)
{
  return get16(header + 2) & 0xfff9;
}

/* Goes through the extension headers: p->proto and p->hlen are set. A fragment header ends it. */

static struct verdict extensions(struct rxpkt *p)
{
  uint32_t at = IPv6_HDRLEN, readable = min_u32(p->nflat, p->len);
  p->proto = p->ip[6];
  p->proto_at = 6;
  while (is_extension(p->proto))
    {
      if (p->proto == NEXT_HOPOPTS && at != IPv6_HDRLEN)
        return (struct verdict){ DROP_HEADER, true, ICMPv6_BAD_NEXT, p->proto_at };
      if (readable - at < 8) return (struct verdict){ DROP_LENGTH, false, 0, 0 };
      p->fragmented |= p->proto == IPv6_FRAGMENT;
      if (p->proto == IPv6_FRAGMENT && is_fragment(p->ip + at)) break;
      uint32_t len = extension_len(p->proto, p->ip + at);
      if (len > readable - at) return (struct verdict){ DROP_LENGTH, false, 0, 0 };
      if (p->proto == NEXT_ROUTING && p->ip[at + 3])        /* segments left: RFC 8200 4.4, RFC 5095 */
        return (struct verdict){ DROP_HEADER, true, PARAM_HEADER, at + 2 };
      bool has_options = p->proto == NEXT_HOPOPTS || p->proto == NEXT_DSTOPTS;
      struct verdict v = has_options ? options(p, at, at + len) : (struct verdict){ 0 };
      if (v.why) return v;
      p->proto = p->ip[at];
      p->proto_at = at;
      at += len;
    }
  p->hlen = at;
  return (struct verdict){ 0 };
}

static void fragment_input(struct rxpkt *p)
{
  const uint8_t *f = p->ip + p->hlen;
  uint32_t field = get16(f + 2), start = field & ~7u, plen = p->len - IPv6_HDRLEN;
  if (field & 1 && plen % 8)                                /* RFC 8200 4.5 */
    {
      complain(p, PARAM_HEADER, 4);
      return;
    }
  if (start + plen - IPv6_FRAGLEN > IP_PACKET_MAX)
    {
      complain(p, PARAM_HEADER, p->hlen + 2);
      return;
    }
  p->hlen += IPv6_FRAGLEN;
  ipfrag_input(p, get32(f + 4), start, field & 1);
}

/* Version and lengths; 0 if they are right. */

static enum rx_drop invalid(const struct rxpkt *p)
{
  if (p->len < IPv6_HDRLEN) return DROP_LENGTH;
  if (p->ip[0] >> 4 != 6) return DROP_HEADER;
  return get16(p->ip + 4) + IPv6_HDRLEN > p->len ? DROP_LENGTH : 0;
}

void ipv6_input(struct rxpkt *p)
{
  struct netdev *dev = p->dev;
  struct net *net = dev->board->net;
  net->stats.ipv6.recv++;
  enum rx_drop why = invalid(p);
  if (why)
    {
      ipv6_drop(p, why == DROP_HEADER ? &net->stats.ipv6_vhlerr : NULL, why);
      return;
    }
  p->src = ipaddr_load(p->ip + 8);
  p->dst = ipaddr_load(p->ip + 24);
  bool group = ipaddr_ismulticast(p->dst);
  p->broadcast = group || (p->eth && (p->eth[0] & 1));
  if (!possible(p))
    {
      ipv6_drop(p, NULL, DROP_SOURCE);
      return;
    }
  if (!(group ? member(dev, p->dst) : netdev_has(dev, p->dst)))
    {
      ipv6_drop(p, NULL, DROP_DEST);
      return;
    }
  ip_trim(p, get16(p->ip + 4) + IPv6_HDRLEN);
  struct verdict v = extensions(p);
  if (p->proto != IP_PROTO_ICMP6) icmpv6_ipin(p);
  if (v.code == PARAM_OPTION && p->ip[v.at] >> 6 == 2) p->broadcast = false;        /* to a group, too: RFC 4443 2.4 (e.3) */
  if (v.why && v.tell)
    complain(p, v.code, v.at);
  else if (v.why || p->proto == NEXT_NONE)
    ipv6_drop(p, NULL, v.why ? v.why : DROP_TYPE);
  else if (ipaddr_isany(p->src) && p->proto != IP_PROTO_ICMP6)  /* only neighbor discovery comes from nobody */
    ipv6_drop(p, NULL, DROP_SOURCE);
  else if (p->hlen + IPv6_FRAGLEN > dev->board->iob.bufsize - NET_LL_GUARDSIZE      /* more than a small IOB can hold */
           || (p->len > p->nflat && p->hlen + NEXT_MAX > p->nflat))                 /* or than can be read */
    ipv6_drop(p, NULL, DROP_LENGTH);
  else if (p->proto == IPv6_FRAGMENT)
    fragment_input(p);
  else
    ip_deliver(p);
}

void ipv6_header(uint8_t *ip, uint32_t len, const struct ip_head *h)
{
  put32(ip, 6u << 28 | (uint32_t)h->tos << 20);
  put16(ip + 4, len - IPv6_HDRLEN);
  ip[6] = h->proto;
  ip[7] = h->ttl;
  ipaddr_store(ip + 8, h->src);
  ipaddr_store(ip + 24, h->dst);
}

/* The fragment header goes, and whoever named it names what it named. The first buffer stays as full as it was: the
 * headers behind have to be in it.
 */

void ipv6_unfragment(struct board *b, struct iob_s *iob, uint32_t hlen)
{
  uint8_t *ip = iob_at(iob, 0), *next = ip + 6;
  uint32_t before = hlen - IPv6_FRAGLEN;
  for (uint32_t at = IPv6_HDRLEN, len; at < before; at += len)
    {
      len = extension_len(*next, ip + at);
      next = ip + at;
    }
  *next = ip[before];
  put16(ip + 4, iob->io_pktlen - IPv6_FRAGLEN - IPv6_HDRLEN);
  memmove(ip + before, ip + hlen, iob->io_len - hlen);
  iob->io_len = (uint16_t)(iob->io_len - IPv6_FRAGLEN);
  iob->io_pktlen -= IPv6_FRAGLEN;
  for (struct iob_s *next = iob->io_flink; next && iob->io_offset + iob->io_len < b->iob.bufsize; next = iob->io_flink)
    {
      uint32_t n = min_u32(next->io_len, b->iob.bufsize - iob->io_offset - iob->io_len);
      memcpy(iob_at(iob, iob->io_len), iob_at(next, 0), n);
      iob->io_len = (uint16_t)(iob->io_len + n);
      next->io_offset = (uint16_t)(next->io_offset + n);
      next->io_len = (uint16_t)(next->io_len - n);
      if (next->io_len == 0) iob->io_flink = iob_free(b, next);
    }
}
