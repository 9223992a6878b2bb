/* inet.h - the protocols among themselves: how a packet goes from one to the next.
 *
 * A packet inside the stack is an IOB chain that begins at its IP header, with NET_LL_GUARDSIZE free bytes before it.
 * A received one has its first bytes flat besides (the DMA buffer, or a copy): headers are read there, so that no parser
 * has to care where a buffer of the chain ends. `struct rxpkt` is that pair. Whoever is handed a packet owns its chain:
 * it is queued, transmitted or freed, and the caller never looks at it again.
 */
#ifndef NUT_INET_H
#define NUT_INET_H

#include "net.h"

/* Why a received packet was thrown away: the argument of TR_RX_DROP. */

enum rx_drop
{
  DROP_NOIOB = 1,             /* the pool was empty */
  DROP_DOWN,                  /* the interface was not up */
  DROP_LENGTH,                /* runt, giant, or lengths that contradict each other */
  DROP_HEADER,                /* not what its type says: version, hardware type, ... */
  DROP_CHECKSUM,
  DROP_SOURCE,                /* nobody can have this address */
  DROP_DEST,                  /* not for us */
  DROP_FRAGMENT,
  DROP_TYPE,                  /* unknown EtherType, protocol, ICMP type */
  DROP_NOBODY,                /* no socket wants it */
  DROP_FULL,                  /* the socket's buffer is full, or no buffer to keep it */
  DROP_DUPLICATE,             /* came before, or belongs to what is over */
  DROP_LIMIT,                 /* an answer was due, but the rate limit forbids it */
  DROP_LATE,                  /* a fragment whose packet did not become complete in time */
};

/* A received packet. */

#define RX_FLAT 640u          /* all headers with their options, and all that an ICMP error can quote */

struct rxpkt
{
  struct netdev *dev;
  struct iob_s  *iob;         /* from the IP (or ARP) header on */
  const uint8_t *ip;          /* its first bytes again, flat: at least RX_FLAT of them, or all */
  uint32_t       nflat;       /* how many */
  uint32_t       len;         /* of the packet; padding is already cut off behind ipv4_input */
  const uint8_t *eth;         /* Ethernet header, NULL if it came from the board itself */
  uint32_t       hlen;        /* IP header, with what belongs to it before the next protocol's */
  uint8_t        proto;       /* that protocol ... */
  uint32_t       proto_at;    /* ... and where it is named; IPv6 only */
  bool           broadcast;   /* to everybody or a group, at either layer: nobody gets an error for it */
  bool           fragmented;  /* it has or had a fragment header; IPv6 only */
  struct ipaddr  src, dst;
};

/* devif.c */

void devif_send(struct netdev *dev, struct iob_s *frame);                 /* counts and transmits a whole frame */
void devif_loopback(struct netdev *dev, struct iob_s *iob);               /* an IP packet comes back in at once */
void rx_drop(struct rxpkt *p, enum rx_drop why);                          /* traces and frees; counts nothing */
void devif_drop(struct rxpkt *p, enum rx_drop why);                       /* the same, and counts rx_dropped */

/* checksum.c: Internet checksum (RFC 1071) over machine words; sums may be added, then folded once */

uint64_t csum_add(uint64_t sum, const uint8_t *data, uint32_t len);       /* all parts but the last of even length */
uint64_t csum_iob(uint64_t sum, const struct iob_s *iob, uint32_t offset);   /* a chain, from offset on */
uint64_t csum_rx(uint64_t sum, const struct rxpkt *p);                    /* a packet, from its payload on */
uint16_t csum_fold(uint64_t sum);                                         /* to be stored as it lies, by csum_put */
uint64_t csum_pseudo(struct ipaddr src, struct ipaddr dst, uint32_t proto, uint32_t len);
void     csum_put(uint8_t *where, uint16_t folded);

/* readahead.c */

void readahead_add(struct net *net, struct readahead *ra, struct iob_s *iob, uint32_t owner);
void readahead_consume(struct board *b, struct readahead *ra, uint32_t n);      /* n >= its length: all of it */
void readahead_free(struct board *b, struct readahead *ra);

static inline uint32_t readahead_len(const struct readahead *ra)
{
  return ra->head ? ra->head->io_pktlen : 0;
}

/* neighbor.c: the tables, and whoever waits for an entry */

int  neighbor_find(struct netdev *dev, struct ipaddr addr, uint8_t *mac);  /* 0, -ENOENT, -EINPROGRESS, -ENETUNREACH */
int  neighbor_update(struct netdev *dev, struct ipaddr addr, const uint8_t *mac, bool permanent); /* NULL: in progress */
int  neighbor_delete(struct netdev *dev, struct ipaddr addr);
void neighbor_clear(struct netdev *dev);
struct neighbor *neighbor_entry(struct netdev *dev, struct ipaddr addr);   /* known or not; NULL */
void neighbor_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst);  /* Ethernet header; sends, or asks instead */
bool neighbor_poll(struct netdev *dev, enum ip_kind kind);                 /* sends one pending question; false: none left */
int  neighbor_need(struct netdev *dev, struct ipaddr dst, struct ipaddr *hop);   /* neighbor_find for the next hop, or 0 */
int  neighbor_request(struct board *b, int32_t dev, struct ipaddr addr);   /* a request to wait for, or -ENOSPC */
int  neighbor_wanted(struct netdev *dev, struct ipaddr dst);               /* the same, as a sender needs it: below */

/* arp.c, icmpv6_neighbor.c: the protocols. Any chain will do to build a question in: only its first buffer is kept. */

void arp_input(struct rxpkt *p);
void arp_ipin(struct netdev *dev, uint32_t src, const uint8_t *mac);
void arp_ask(struct netdev *dev, struct iob_s *iob, struct ipaddr addr);
void icmpv6_solicit(struct netdev *dev, struct iob_s *iob, struct ipaddr target);
void icmpv6_solicit_from(struct netdev *dev, struct iob_s *iob, struct ipaddr source, struct ipaddr target);
void icmpv6_solicited(struct rxpkt *p);
void icmpv6_advertised(struct rxpkt *p);
bool icmpv6_believable(const struct netdev *dev, struct ipaddr addr, const uint8_t *mac);    /* as that of a neighbor */
void icmpv6_ipin(const struct rxpkt *p);                  /* a packet says where its sender is, if that is an option */

/* icmpv6_router.c */

void icmpv6_router_advertised(struct rxpkt *p);
bool icmpv6_router_poll(struct netdev *dev);                              /* sends one question; false: none left */

/* icmpv6_dad.c */

void icmpv6_dad_initialize(struct net *net);
void icmpv6_dad_start(struct netdev *dev, struct ifaddr *a);              /* if the address is to be tested */
void icmpv6_dad_carrier(struct netdev *dev);                              /* the link is there: all of them */
bool icmpv6_dad_poll(struct netdev *dev);                                 /* sends one question; false: none left */
void icmpv6_claimed(struct netdev *dev, struct ipaddr addr);              /* by somebody else */

/* ip.c: what does not depend on which kind it is */

struct ip_head
{
  struct ipaddr src, dst;
  uint8_t proto, ttl, tos;
};

static inline uint32_t ip_hdrlen(struct ipaddr a)
{
  return ipaddr_isv4(a) ? IPv4_HDRLEN : IPv6_HDRLEN;
}

void ip_input(struct rxpkt *p);                                           /* of either version */
void ip_deliver(struct rxpkt *p);                                         /* whole, for us: on to its protocol */
void ip_trim(struct rxpkt *p, uint32_t len);                              /* padding goes */
void ip_header(struct net *net, uint8_t *ip, uint32_t len, const struct ip_head *h);      /* len: with it */
void ip_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst);    /* a finished packet, on to the link layer */
void ip_reply(struct netdev *dev, struct iob_s *iob, struct ipaddr dst);  /* the same, if the device has room for it */
struct proto_stats *ip_stats(struct net *net, struct ipaddr a);           /* of its kind */

/* ipv4.c */

#define IP_DF     0x4000u
#define IP_MF     0x2000u
#define IP_OFFSET 0x1fffu     /* in units of 8 bytes */
#define IP_PACKET_MAX 65535u

void ipv4_input(struct rxpkt *p);
void ipv4_header(struct net *net, uint8_t *ip, uint32_t len, const struct ip_head *h);
void ipv4_unfragment(struct iob_s *iob, uint32_t hlen);                   /* its fragments are joined: the header follows */

/* ipv6.c */

#define IPv6_FRAGLEN   8u     /* fragment header */
#define IPv6_FRAGMENT 44u     /* ... whose number as a next header is this */

static const struct ipaddr ipv6_all_nodes = { 0xff02000000000000u, 1 };

void ipv6_input(struct rxpkt *p);
bool ipv6_is_error(const struct rxpkt *p);
struct ipaddr ipv6_solicited_node(struct ipaddr a);                       /* the group that an address makes us a member of */
void ipv6_header(uint8_t *ip, uint32_t len, const struct ip_head *h);
void ipv6_unfragment(struct board *b, struct iob_s *iob, uint32_t hlen);

/* ipfrag.c, ipfrag_out.c */

int  ipfrag_initialize(struct net *net);
void ipfrag_fini(struct net *net);
void ipfrag_input(struct rxpkt *p, uint32_t id, uint32_t start, bool more);       /* a fragment, whole and for us */
void ipfrag_out(struct netdev *dev, struct iob_s *iob, struct ipaddr dst);   /* a packet longer than the device's MTU */
void ipfrag_later(struct netdev *dev, struct iob_s *iob);                 /* a packet for the next poll */
bool ipfrag_poll(struct netdev *dev);                                     /* sends one of those; false: none left */
void ipfrag_netdown(struct netdev *dev);

static inline uint32_t ip_maxlen(const struct netdev *dev, struct ipaddr dst)     /* of a packet that can be sent there */
{
  if (dev->board->net->ipfrag == NULL) return netdev_mtu(dev, dst);
  return ipaddr_isv4(dst) ? IP_PACKET_MAX : IPv6_HDRLEN + IP_PACKET_MAX;  /* RFC 8200 3: its length does not count itself */
}

/* sockconn.c */

#define SOCKNAME_LEN (IPADDR_LEN + 4u)    /* as Python gets it: the address, and the port as a native 32-bit word */

bool    sconn_confined(const struct socket_conn *s, const struct netdev *dev, struct ipaddr raddr);   /* a loopback address is */
void    sconn_init(const struct net *net, struct socket_conn *s, enum ip_kind kind);      /* a socket begins */
int     sconn_sems(struct board *b, struct socket_conn *s);               /* makes them if there are none; -ENOMEM */
int64_t sconn_get(const struct socket_conn *s, uint32_t what);            /* enum sock_field; -EINVAL */
int32_t sconn_set(struct board *b, struct socket_conn *s, uint32_t what, int64_t value);
void    sockname_store(uint8_t *out, struct ipaddr addr, uint16_t port);
int     sconn_address(const struct socket_conn *s, const uint8_t *addr, struct ipaddr *out);      /* 0 or -EAFNOSUPPORT */
int32_t sconn_name(const struct socket_conn *s, bool peer, uint8_t *out, uint32_t len);   /* SOCKNAME_LEN, or -EINVAL */

/* icmp.c, icmp_sock.c */

struct quoted                 /* what an error says of the packet that it is about */
{
  struct ipaddr laddr, raddr;
  uint16_t lport, rport;
  uint32_t seq;               /* TCP */
};

#define ICMP_ECHO_REPLY       0u
#define ICMP_DEST_UNREACHABLE 3u
#define ICMP_ECHO_REQUEST     8u
#define ICMP_TIME_EXCEEDED    11u
#define ICMP_PARAM_PROBLEM    12u
#define ICMP_PROT_UNREACH     2u
#define ICMP_PORT_UNREACH     3u
#define ICMP_FRAG_NEEDED      4u

#define ICMPv6_UNREACHABLE    1u
#define ICMPv6_TOO_BIG        2u
#define ICMPv6_TIME_EXCEEDED  3u
#define ICMPv6_PARAM_PROBLEM  4u
#define ICMPv6_ECHO_REQUEST 128u
#define ICMPv6_ECHO_REPLY   129u
#define ICMPv6_ROUTER_SOLICIT     133u
#define ICMPv6_ROUTER_ADVERTISE   134u
#define ICMPv6_NEIGHBOR_SOLICIT   135u
#define ICMPv6_NEIGHBOR_ADVERTISE 136u
#define ICMPv6_PORT_UNREACH   4u      /* code of ICMPv6_UNREACHABLE */
#define ICMPv6_BAD_NEXT       1u      /* code of ICMPv6_PARAM_PROBLEM: next header not known */

void icmp_input(struct rxpkt *p);
void icmpv6_input(struct rxpkt *p);
void icmp_echo_reply(struct rxpkt *p, uint32_t type);                      /* the request turned into it */
bool icmp_valid(struct rxpkt *p, bool built_in);                          /* false: it is not, and p is gone */
void icmp_drop(struct rxpkt *p, uint64_t *count, enum rx_drop why);
uint64_t icmp_pseudo(struct ipaddr src, struct ipaddr dst, uint32_t len); /* sum of the pseudo-header, which ICMP has not */
struct proto_stats *icmp_stats(struct net *net, struct ipaddr a);         /* of its kind */
void icmp_error(struct rxpkt *p, uint32_t type, uint32_t code, uint32_t data);    /* to the sender of p; data: bytes 4 to 7 */
void icmp_unreachable_port(struct rxpkt *p);                              /* in the words of its version of IP */
void icmp_unreachable_protocol(struct rxpkt *p);
struct iob_s *icmp_error_packet(struct rxpkt *p, uint32_t type, uint32_t code, uint32_t data);  /* made of p; NULL: p is gone */
bool icmp_deliver(struct rxpkt *p, uint32_t id);                          /* to a socket: p is gone if true */
bool icmp_poll(struct netdev *dev, enum ip_kind kind);
void icmp_netdown(struct netdev *dev);

/* udp.c, udp_conn.c, udp_send.c */

#define UDP_METALEN_MAX 32u
#define UDP_METALEN 4u        /* before the sender's address, before each datagram of a read-ahead chain, see udp.c */

static inline uint32_t udp_metalen(struct ipaddr sender)
{
  return UDP_METALEN + (ipaddr_isv4(sender) ? 16 : 28);
}

void udp_input(struct rxpkt *p);
void udp_error(struct netdev *dev, const struct quoted *q, int32_t error);
bool udp_poll(struct netdev *dev);                                        /* sends one datagram; false: none left */
void udp_netdown(struct netdev *dev);
bool udp_bound(const struct netdev *dev);                                 /* a socket takes what is not for us, too */
struct udp_conn *udp_find(struct board *b, int32_t conn);
int  udp_autobind(struct net *net, struct udp_conn *c);                   /* a port if it has none; -EADDRINUSE */
void udp_wrb_release(struct net *net, struct udp_wrb *w);
void udp_write_discard(struct net *net, struct udp_conn *c, uint32_t dev);   /* dev 0: all */
int64_t udp_start(struct board *b, struct udp_conn *c, const uint8_t *data, uint32_t len, struct ipaddr raddr,
                  uint16_t rport, uint32_t flags, struct iob_s *first);
int64_t udp_continue(struct board *b, struct udp_wrb *w, struct iob_s *iob, const uint8_t *data);

/* pkt.c */

int  pkt_initialize(struct net *net);
void pkt_input(struct netdev *dev, const uint8_t *frame, uint32_t len);
bool pkt_poll(struct netdev *dev);
void pkt_netdown(struct netdev *dev);

/* poll.c */

struct poll_place             /* where a socket wakes whoever waits for it */
{
  struct netwait *rx, *snd, *wrb;     /* wrb: NULL if it needs no header to send */
  uint32_t room;                      /* enum poll_iob: the buffers it sends from; 0: none */
};

int  poll_watch(struct board *b, int32_t poller, const struct poll_place *at, uint32_t events,
                int64_t limit);                               /* 0, -ENOMEM: `limit` tasks poll it, -EBADF, -EINVAL */
void poll_notify(struct board *b, const struct netwait *w);
void poll_fini(struct net *net);

/* Who leaves CONFIG_IOB_THROTTLE buffers to others. */

static inline bool send_throttled(const struct net *net)
{
  return net->cfg[NETCFG_THROTTLE_SEND];
}

static inline bool receive_throttled(const struct net *net)
{
  return net->cfg[NETCFG_THROTTLE_RECEIVE];
}

/* Big-endian fields of a packet. */

static inline uint32_t get16(const uint8_t *p)
{
  return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t get32(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put16(uint8_t *p, uint32_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
  put16(p, v >> 16);
  put16(p + 2, v);
}

static inline uint8_t *iob_at(struct iob_s *iob, uint32_t offset)   /* a byte of the first buffer */
{
  return iob->io_data + iob->io_offset + offset;
}

static inline void netwait_wake(struct board *b, struct netwait *w)       /* one of those announced, and all pollers */
{
  if (w->polled) poll_notify(b, w);
  if (w->expected == 0) return;
  w->expected--;
  nxsem_post_c(b, &w->sem);
}

static inline void netwait_wake_all(struct board *b, struct netwait *w)
{
  if (w->polled) poll_notify(b, w);
  for (; w->expected; w->expected--) nxsem_post_c(b, &w->sem);
}

/* Of a connection that begins: whoever polled the last one of this number is not there any more, or about to go. */

static inline struct netwait netwait_renew(const struct netwait *w)
{
  return (struct netwait){ .sem = w->sem, .polled = w->polled };
}

static inline int netwait_expect(struct netwait *w, int answer)           /* whoever gets this answer will wait */
{
  w->expected++;
  return answer;
}

#endif
