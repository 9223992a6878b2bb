/* hostend_answer.c - what the host end answers itself: who has its addresses (RFC 826; RFC 4861 7.2, RFC 4862 5.4.3), and
 * pings (RFC 792; RFC 4443 4.2).
 */
#include "hostend.h"
#include "inet.h"

#define ETHERTYPE_IP  0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_IP6 0x86ddu
#define ARP_LEN       28u
#define ND_LEN        24u     /* of a solicitation or an advertisement without options */
#define LLADDR_LEN     8u     /* the option with an Ethernet address ... */
#define LLADDR_SOURCE  1u     /* ... and what it may be called */
#define LLADDR_TARGET  2u
#define ND_HOPLIMIT  255u

enum { ADVERTISE_SOLICITED = 0x40, ADVERTISE_OVERRIDE = 0x20 };

enum question { NO_QUESTION, WHO_HAS, WHO_HAS6, PING, PING6 };

/* Questions. Each is handed what follows the Ethernet header. */

static bool who_has(const struct hostend *h, const uint8_t *a, uint32_t len)
{
  return len >= ARP_LEN && get16(a) == 1 && get16(a + 2) == ETHERTYPE_IP && a[4] == 6 && a[5] == 4 && get16(a + 6) == 1
         && get32(a + 24) == h->ip;
}

/* Bytes behind the header of an IPv6 packet, 0 if it is none. */

static uint32_t ipv6_payload(const uint8_t *ip, uint32_t len)
{
  if (len <= IPv6_HDRLEN || ip[0] >> 4 != 6 || get16(ip + 4) > len - IPv6_HDRLEN) return 0;
  return get16(ip + 4);
}

/* A host that has no address yet asks the group, and does not say where it is (RFC 4861 7.1.1). */

static bool who_has6(const struct hostend *h, const uint8_t *ip, uint32_t len)
{
  const uint8_t *icmp = ip + IPv6_HDRLEN;
  uint32_t n = ipv6_payload(ip, len);
  if (n < ND_LEN || ip[6] != IP_PROTO_ICMP6 || ip[7] != ND_HOPLIMIT) return false;
  if (icmp[0] != ICMPv6_NEIGHBOR_SOLICIT || icmp[1] != 0 || !ipaddr_equal(ipaddr_load(icmp + 8), h->ip6)) return false;

  struct ipaddr src = ipaddr_load(ip + 8), dst = ipaddr_load(ip + 24), group = ipv6_solicited_node(h->ip6);
  bool probe = ipaddr_isany(src), single = ipaddr_equal(dst, h->ip6);
  if (ipaddr_ismulticast(src) || ipaddr_isv4(src)) return false;
  if (!ipaddr_equal(dst, group) && (probe || !single)) return false;
  for (uint32_t at = ND_LEN; at < n; at += icmp[at + 1] * 8u)
    {
      if (n - at < LLADDR_LEN || icmp[at + 1] == 0 || icmp[at + 1] * 8u > n - at) return false;
      if (probe && icmp[at] == LLADDR_SOURCE) return false;
    }
  return csum_fold(csum_add(csum_pseudo(src, dst, IP_PROTO_ICMP6, n), icmp, n)) == 0;
}

/* A fragment behind the first one is answered if it belongs to the ping whose first one came last. */

static bool continues(const struct hostend *h, struct ipaddr from, uint32_t id)
{
  const struct hostend_ping *last = &h->ping[ipaddr_kind(from)];
  return ipaddr_equal(from, last->from) && id == last->id;
}

static bool pings(const struct hostend *h, const uint8_t *ip, uint32_t len)
{
  if (len < IPv4_HDRLEN + ICMP_HDRLEN || ip[0] != 0x45) return false;
  uint32_t total = get16(ip + 2);
  if (total <= IPv4_HDRLEN || total > len || ip[9] != IP_PROTO_ICMP || get32(ip + 16) != h->ip) return false;
  if (get16(ip + 6) & IP_OFFSET) return continues(h, ipaddr_v4(get32(ip + 12)), get16(ip + 4));
  return total >= IPv4_HDRLEN + ICMP_HDRLEN && ip[IPv4_HDRLEN] == ICMP_ECHO_REQUEST;
}

static bool pings6(const struct hostend *h, const uint8_t *ip, uint32_t len)
{
  uint32_t n = ipv6_payload(ip, len), at = ip[6] == IPv6_FRAGMENT ? IPv6_FRAGLEN : 0;
  struct ipaddr src = ipaddr_load(ip + 8);
  const uint8_t *payload = ip + IPv6_HDRLEN;
  if (n <= at || !ipaddr_equal(ipaddr_load(ip + 24), h->ip6)) return false;
  if (ipaddr_isany(src) || ipaddr_isv4(src) || ipaddr_ismulticast(src)) return false;
  if ((at ? payload[0] : ip[6]) != IP_PROTO_ICMP6) return false;
  if (at && get16(payload + 2) & ~7u) return continues(h, src, get32(payload + 4));
  return n >= at + ICMP_HDRLEN && payload[at] == ICMPv6_ECHO_REQUEST;
}

static enum question question(const struct hostend *h, const struct frame *f)
{
  const uint8_t *p = f->data + ETH_HDRLEN;
  bool arp = h->answers & HOSTEND_ARP, echo = h->answers & HOSTEND_ECHO;
  if (f->len <= ETH_HDRLEN) return NO_QUESTION;
  uint32_t len = f->len - ETH_HDRLEN, type = get16(f->data + 12);
  if (type == ETHERTYPE_ARP) return arp && who_has(h, p, len) ? WHO_HAS : NO_QUESTION;
  bool ours = memcmp(f->data, h->mac, NET_ETHALEN) == 0;
  if (type == ETHERTYPE_IP) return echo && ours && pings(h, p, len) ? PING : NO_QUESTION;
  if (type != ETHERTYPE_IP6 || ipaddr_isany(h->ip6) || len < IPv6_HDRLEN) return NO_QUESTION;
  if (echo && ours && pings6(h, p, len)) return PING6;
  return arp && (ours || f->data[0] & 1) && who_has6(h, p, len) ? WHO_HAS6 : NO_QUESTION;
}

bool hostend_asked(const struct hostend *h, const struct frame *f)
{
  return question(h, f) != NO_QUESTION;
}

/* Answers. */

static void send_own(struct hostend *h, const uint8_t *data, uint32_t len)
{
  h->answered++;
  hostend_send(h, data, len, false);
}

static void ether(uint8_t *frame, const uint8_t *dst, const struct hostend *h, uint32_t type)
{
  memcpy(frame, dst, NET_ETHALEN);
  memcpy(frame + 6, h->mac, NET_ETHALEN);
  put16(frame + 12, type);
}

static void answer_arp(struct hostend *h, const struct frame *f)
{
  uint8_t r[ETH_HDRLEN + ARP_LEN], *a = r + ETH_HDRLEN;
  memcpy(r, f->data, sizeof r);
  ether(r, f->data + 6, h, ETHERTYPE_ARP);
  put16(a + 6, 2);
  memcpy(a + 18, f->data + ETH_HDRLEN + 8, 10);
  memcpy(a + 8, h->mac, NET_ETHALEN);
  put32(a + 14, h->ip);
  send_own(h, r, sizeof r);
}

/* Who tests whether the address is free has none to be told at: all nodes are told. */

static void advertise(struct hostend *h, const struct frame *f)
{
  static const uint8_t all_nodes_mac[NET_ETHALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
  uint8_t r[ETH_HDRLEN + IPv6_HDRLEN + ND_LEN + LLADDR_LEN] = { 0 }, *ip = r + ETH_HDRLEN, *icmp = ip + IPv6_HDRLEN;
  struct ipaddr asker = ipaddr_load(f->data + ETH_HDRLEN + 8);
  bool probe = ipaddr_isany(asker);
  struct ip_head head = { .src = h->ip6, .dst = probe ? ipv6_all_nodes : asker, .proto = IP_PROTO_ICMP6,
                          .ttl = ND_HOPLIMIT };
  uint32_t len = ND_LEN + LLADDR_LEN;
  ether(r, probe ? all_nodes_mac : f->data + 6, h, ETHERTYPE_IP6);
  ipv6_header(ip, IPv6_HDRLEN + len, &head);
  icmp[0] = ICMPv6_NEIGHBOR_ADVERTISE;
  icmp[4] = ADVERTISE_OVERRIDE | (probe ? 0 : ADVERTISE_SOLICITED);
  ipaddr_store(icmp + 8, h->ip6);
  icmp[ND_LEN] = LLADDR_TARGET;
  icmp[ND_LEN + 1] = LLADDR_LEN / 8;
  memcpy(icmp + ND_LEN + 2, h->mac, NET_ETHALEN);
  csum_put(icmp + 2, csum_fold(csum_add(csum_pseudo(head.src, head.dst, IP_PROTO_ICMP6, len), icmp, len)));
  send_own(h, r, sizeof r);
}

/* An echo reply is the request with both pairs of addresses swapped and another type, which the checksum follows
 * (RFC 1624). A fragment is answered by a fragment.
 */

static void reply(uint8_t *icmp, uint32_t type)
{
  uint32_t was = get16(icmp), sum = ~get16(icmp + 2) & 0xffff;
  icmp[0] = (uint8_t)type;
  sum += (~was & 0xffff) + get16(icmp);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(icmp + 2, ~((sum & 0xffff) + (sum >> 16)));
}

static void answer_ping(struct hostend *h, struct frame *f)
{
  uint8_t *ip = f->data + ETH_HDRLEN;
  uint32_t from = get32(ip + 12);
  ether(f->data, f->data + 6, h, ETHERTYPE_IP);
  put32(ip + 12, h->ip);
  put32(ip + 16, from);
  if ((get16(ip + 6) & IP_OFFSET) == 0)
    {
      h->ping[IP_V4] = (struct hostend_ping){ ipaddr_v4(from), get16(ip + 4) };
      reply(ip + IPv4_HDRLEN, ICMP_ECHO_REPLY);
    }
  send_own(h, f->data, f->len);
}

static void answer_ping6(struct hostend *h, struct frame *f)
{
  uint8_t *ip = f->data + ETH_HDRLEN, *payload = ip + IPv6_HDRLEN;
  struct ipaddr from = ipaddr_load(ip + 8);
  bool fragment = ip[6] == IPv6_FRAGMENT;
  ether(f->data, f->data + 6, h, ETHERTYPE_IP6);
  ipaddr_store(ip + 8, h->ip6);
  ipaddr_store(ip + 24, from);
  if (!fragment || (get16(payload + 2) & ~7u) == 0)
    {
      h->ping[IP_V6] = (struct hostend_ping){ from, fragment ? get32(payload + 4) : 0 };
      reply(payload + (fragment ? IPv6_FRAGLEN : 0), ICMPv6_ECHO_REPLY);
    }
  send_own(h, f->data, f->len);
}

void hostend_reply(struct hostend *h, struct frame *f)
{
  switch (question(h, f))
    {
      case WHO_HAS:     answer_arp(h, f); break;
      case WHO_HAS6:    advertise(h, f); break;
      case PING:        answer_ping(h, f); break;
      case PING6:       answer_ping6(h, f); break;
      case NO_QUESTION: break;
    }
}
