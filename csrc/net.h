/* net.h - the network of a board: devices, addresses, protocols, connections.
 *
 * IPv4 and IPv6 over Ethernet and a loopback device; ARP, ICMP, ICMPv6, UDP, TCP. Names are NuttX's where it has one
 * (net/devif, net/arp, net/udp, ...). Nothing here waits and nothing here locks: whoever calls holds the network lock, and where NuttX would
 * sleep a call answers one of enum net_wait and Python sleeps.
 *
 * This is the state, and what a driver sees; the protocols among themselves are inet.h.
 *
 * Addresses and ports are in host order everywhere but in packets.
 */
#ifndef NUT_NET_H
#define NUT_NET_H

#include "board.h"
#include "ipaddr.h"
#include "netcfg.h"

#define NET_LL_GUARDSIZE  14u     /* room for an Ethernet header, in the first buffer only */
#define NET_ETHALEN       6u
#define NET_IOB_BUFSIZE   64u     /* smallest IOB: IP header and the first 8 bytes behind it fit the first of a packet */
#define NET_LO_MTU        1518u   /* as in NuttX; Ethernet has 1500 */
#define NET_MTU_MAX       1520u   /* of a device without hardware */
#define NET_NETDEVS       8u
#define NET_NROUTES       8u
#define NET_NEIGHBOR_REQS 16u     /* addresses being resolved for senders at the same time */
#define NET_IPv6_ADDRS    8u      /* of a device, at most */
#define IFNAMSIZ          16u

#define IPv4_HDRLEN 20u
#define IPv6_HDRLEN 40u
#define UDP_HDRLEN  8u
#define ICMP_HDRLEN 8u
#define IP_TTL_DEFAULT 64u

#define IP_PROTO_ICMP 1u
#define IP_PROTO_TCP  6u
#define IP_PROTO_UDP  17u
#define IP_PROTO_ICMP6 58u

/* Where tasks wait for the network. A task announces itself by the very call that tells it to wait, while it still
 * holds the lock: between giving that up and going to sleep somebody else may run, and its wake-up must not be lost.
 * One that never came to sleep, or gave up, leaves a wake-up behind; everybody looks again after waking, so that does
 * no harm.
 */

struct netwait
{
  struct sem sem;
  int32_t    expected;        /* announced and not woken yet */
  struct poll_link *polled;   /* pollers that are woken, too */
};

/* A task in poll(), see poll.c. */

#define NET_POLL_LINKS 3u     /* places where one socket can wake it */
#define NET_POLL_MAX   65535u /* sockets it can watch */

enum poll_iob { POLL_ROOM_ANY = 1, POLL_ROOM_THROTTLED = 2 };

struct poll_link
{
  struct poll_link *next, **prev;
  struct poller    *poller;
};

struct poller
{
  struct sem sem;
  struct poll_link *link;     /* cap of them, nlinks in use */
  uint32_t   nlinks, cap;
  uint32_t   room;            /* enum poll_iob: wakes it when such a buffer is free */
};

/* What a call that would have to sleep answers instead: below every errno. */

enum net_wait
{
  NET_WAIT_NEIGHBOR = -1001,  /* resolve the address (neighbor_begin), then call again */
  NET_WAIT_SND  = -1002,      /* wait where the connection's senders do (announced), then call again */
  NET_WAIT_WRB  = -1003,      /* wait where those without a write buffer do (announced), then call again */
  NET_WAIT_IOB  = -1004,      /* get a throttled IOB, then call with its number */
  NET_WAIT_COPY = -20000,     /* and below: write buffer NET_WAIT_COPY - r needs an unthrottled IOB to go on */
};

/* devif_poll visits what is pending in the order of these bits, NuttX's. */

enum poll_type
{
  TCP_POLL  = 1 << 4,
  UDP_POLL  = 1 << 5,
  PKT_POLL  = 1 << 6,
  IPFRAG_POLL = 1 << 18,
  ARP_POLL  = 1 << 19,
  ICMP_POLL = 1 << 22,
  ICMPv6_POLL = 1 << 23,
};

enum iff
{
  IFF_UP       = 1 << 0,
  IFF_RUNNING  = 1 << 1,      /* carrier */
  IFF_LOOPBACK = 1 << 2,
  IFF_NOARP    = 1 << 3,
};

enum netdev_field { NETDEV_IPADDR, NETDEV_DRADDR, NETDEV_NETMASK, NETDEV_MTU, NETDEV_FLAGS, NETDEV_POLLTYPES,
                    NETDEV_NOARP, NETDEV_UP, NETDEV_CARRIER };

enum netdev_event { NETDEV_RX_ERROR, NETDEV_TX_ERROR, NETDEV_TX_TIMEOUT, NETDEV_TX_DONE };

/* Counters of a device, in the order of /proc/net/<if>; the last seven are ours and shown by no NuttX command.
 *
 * The stack counts packets, bytes and protocols both ways; the driver counts tx_done, tx_timeouts and errors, and keeps
 * `errors` the sum of rx_errors, tx_errors and tx_timeouts.
 */

struct netdev_stats
{
  uint64_t rx_packets, rx_fragments, rx_errors, rx_bytes, rx_ipv4, rx_ipv6, rx_arp, rx_dropped;
  uint64_t tx_packets, tx_done, tx_errors, tx_timeouts, tx_bytes, errors;
  uint64_t rx_noiob;          /* frames lost because the pool was empty: NuttX counts them nowhere */
  uint64_t tx_noroom;         /* replies lost because the transmit ring was full */
  uint64_t tx_noarp;          /* packets lost because their next hop had no known address */
  uint64_t tx_noiob;          /* packets not sent because the pool was empty */
  uint64_t rx_reassembled;    /* packets put together from fragments */
  uint64_t rx_reasm_timeouts; /* ... given up because some did not come */
  uint64_t rx_reasm_evicted;  /* ... because younger ones needed the buffers */
};

/* An address of a device. There is no IPv6 traffic with one that has not passed the test of being the only one. */

enum ifaddr_state { IFADDR_FREE, IFADDR_READY, IFADDR_TENTATIVE, IFADDR_DUPLICATE };

struct ifaddr
{
  struct ipaddr addr, mask;
  uint8_t state;              /* enum ifaddr_state */
  bool    tested;             /* it is tested whenever the link comes up, see icmpv6_dad.c */
  bool    asks;               /* devif_poll has the question to send */
  int64_t asked;              /* ns: when that left */
};

struct netdev
{
  struct board *board;
  uint8_t   index;            /* from 1 */
  char      name[IFNAMSIZ];
  uint8_t   mac[NET_ETHALEN];
  uint16_t  mtu;              /* IP packet, bytes */
  uint16_t  mtu6;             /* what a router says that the link carries of IPv6, while it has a carrier; 0: nothing */
  uint32_t  flags;            /* enum iff */
  struct ifaddr ifaddr[1 + NET_IPv6_ADDRS];     /* the first is the IPv4 address, which may be the unspecified one */
  uint32_t  nifaddrs;         /* how many of them are in use; 1 without IPv6 */
  struct ipaddr router[2];    /* by enum ip_kind */
  bool      asks_routers;     /* devif_poll has that question to send */
  bool      advertised;       /* a router has answered since */
  struct netwait configured;  /* who waits for that, or for an address to be ready; made when first asked for */
  uint32_t  polltypes;        /* what devif_poll has to visit, enum poll_type */
  struct iob_queue_s fragout; /* packets from the IP header on that wait for it: fragments, and errors about them */
  struct netdev_stats stats;

  /* The driver. transmit takes the whole frame, a chain from its Ethernet header on, and frees it or keeps it; it may
   * count on txroom having said yes just before. A loopback device has neither. */

  bool    (*txroom)(struct netdev *dev);
  int     (*transmit)(struct netdev *dev, struct iob_s *frame);
  void    (*fini)(void *priv);                              /* at the end of the board; may be NULL */
  void     *priv;
};

/* /proc/net/stat */

struct proto_stats { uint64_t recv, drop, chkerr, typeerr, sent; };

struct net_stats
{
  struct proto_stats ipv4, ipv6, tcp, udp, icmp, icmpv6;   /* typeerr: unknown protocol or type */
  uint64_t vhlerr, fragerr;                            /* IPv4 */
  uint64_t ipv6_vhlerr, tcp_ackerr, tcp_syndrop, tcp_rst, tcp_synrst, tcp_rexmit;
};

/* Neighbors: who has an address on the link. An entry without a MAC stands for a question in progress, later for an
 * unreachable host. IPv4 and IPv6 have a table each, and a protocol that fills it: ARP, neighbor discovery.
 */

struct neighbor
{
  struct ipaddr addr;
  uint8_t mac[NET_ETHALEN];   /* all zero: not known (yet) */
  uint8_t dev;                /* 0: free */
  bool    permanent;
  int64_t time;               /* ns: last confirmed, or asked for first */
};

struct neighbor_table
{
  struct neighbor *entry;
  uint32_t n;
};

struct neighbor_req           /* senders that wait for one address */
{
  struct ipaddr addr;
  uint8_t    dev;
  bool       send;            /* devif_poll has a question to send for it */
  int32_t    refs;            /* 0: free */
  struct netwait wait;
};

/* What all kinds of sockets have (NuttX's struct socket_conn_s), see sockconn.c. Not every kind uses all of it. */

enum sock_flag                /* as NuttX's s_flags, which /proc/net/udp shows */
{
  SF_INITD = 0x01, SF_NONBLOCK = 0x08, SF_LISTENING = 0x10, SF_BOUND = 0x20, SF_CONNECTED = 0x40,
};

enum sock_field
{
  SOCK_FLAGS, SOCK_LPORT, SOCK_RPORT, SOCK_RCVBUF, SOCK_SNDBUF, SOCK_REUSE, SOCK_BCAST,
  SOCK_TTL, SOCK_BOUNDIF, SOCK_ERROR, SOCK_RXSIZE, SOCK_TXSIZE, SOCK_QUEUED, SOCK_SENT, SOCK_DROPS, SOCK_NONBLOCK,
  SOCK_RXSEM, SOCK_SNDSEM, SOCK_WRBSEM, SOCK_STATE, SOCK_READY, SOCK_OWNED, SOCK_NODELAY, SOCK_KEEPALIVE, SOCK_KEEPIDLE,
  SOCK_KEEPINTVL, SOCK_KEEPCNT, SOCK_MSS, SOCK_RTO, SOCK_TIMER, SOCK_UNACKED, SOCK_NRTX, SOCK_TOS,
  SOCK_LINGER, SOCK_USER_TIMEOUT,
};

enum net_pollevent { NET_POLLIN = 0x01, NET_POLLOUT = 0x04, NET_POLLERR = 0x08, NET_POLLHUP = 0x10 };

enum net_family { NET_AF_INET = 2, NET_AF_INET6 = 10 };    /* Linux's numbers, which Python has, too */

enum msg_flag { MSG_PEEK = 0x02, MSG_DONTWAIT = 0x40 };

struct readahead              /* received and not read, see readahead.c */
{
  struct iob_s *head, *tail;
};

struct socket_conn
{
  uint8_t  flags;             /* enum sock_flag */
  bool     reuseaddr;
  uint8_t  ttl, tos;          /* of its packets; IPv6 calls them hop limit and traffic class */
  uint8_t  boundif;           /* 0: any device */
  uint16_t lport, rport;
  struct ipaddr laddr, raddr; /* their kind is the socket's */
  int32_t  error;             /* pending, positive errno; told once */
  uint32_t rcvbufs, sndbufs;  /* bytes, 0: no limit */
  struct netwait rx;          /* readers, and those in accept() */
  struct netwait snd;         /* senders, and those in connect() */
};

/* UDP */

struct udp_wrb                /* one datagram on its way out */
{
  struct udp_wrb  *next;
  struct udp_conn *conn;      /* NULL: closed while its sender slept */
  struct iob_s    *iob;       /* from the IP header on; NULL: free */
  struct ipaddr raddr;
  uint16_t rport;
  uint16_t len;               /* payload */
  uint64_t sum;               /* of the payload, not folded */
  uint8_t  dev;
  bool     queued;            /* complete, and the socket's; else its sender's, task `pid` */
  int32_t  pid;
};

struct udp_conn
{
  struct socket_conn sconn;   /* flags 0: free */
  bool      broadcast;
  struct readahead readahead; /* datagrams, each behind what is known about it, see udp.c */
  struct udp_wrb *write_head, *write_tail;
  uint32_t  txsize;           /* bytes in the write queue */
  uint64_t  queued, sent;     /* datagrams: ever queued, ever taken by a driver or thrown away */
  uint64_t  drops;            /* datagrams for it that were lost */
  struct udp_conn *next, *prev;   /* active list, oldest first */
};

/* ICMP sockets, as ping uses them */

enum icmp_send { ICMP_IDLE, ICMP_PENDING, ICMP_SENT };

struct icmp_conn
{
  struct socket_conn sconn;   /* error: why the pending request could not be sent */
  bool      used;
  uint8_t   dev;              /* the last request went there; 0: none */
  uint16_t  id;               /* replies with this identifier are ours */
  struct iob_queue_s readahead;   /* packets from the IP header on */
  struct iob_s *direct;       /* one for a reader that is waiting: takes no queue entry */
  uint8_t   state;            /* enum icmp_send */
  uint32_t  sndlen;
  uint8_t  *sndbuf;           /* the request, until the device is polled for it */
};

/* Packet sockets */

struct pkt_conn
{
  struct socket_conn sconn;   /* boundif 0: it gets nothing */
  bool      used;
  uint16_t  type;             /* EtherType of what it gets; 0: nothing */
  uint64_t  drops;            /* frames for it that were lost */
  struct iob_queue_s readahead;   /* frames */
  struct iob_queue_s *write;
};

struct net_route { struct ipaddr target, mask, router; };   /* router unspecified: free */

struct net
{
  struct board *board;
  int64_t    cfg[NETCFG_NOPTIONS];
  struct netdev dev[NET_NETDEVS];     /* dev[i] has index i + 1 */
  uint32_t   ndevs;
  uint32_t   txavail;                 /* bit per index: its driver has to be told, see netdev_txnotify() */
  struct net_route route[NET_NROUTES];
  struct pkt_conn  *pkt;
  uint32_t          npkt, pkt_turn;
  struct net_stats stats;
  uint16_t   ipid;
  uint32_t   ip6id;
  uint16_t   last_port;
  int64_t    icmp_tat;                /* rate limit of ICMP errors, see icmp_allowed() */
  struct kwork_queue *wq;             /* where timers are work */

  struct neighbor_table neighbors[2];   /* by enum ip_kind */
  struct neighbor_req   neighbor_req[NET_NEIGHBOR_REQS];

  struct udp_conn *udp;
  uint32_t         nudp;
  struct udp_conn *udp_head, *udp_tail;
  struct udp_conn *udp_turn;          /* polled next, so that one socket does not starve the others */
  struct udp_wrb  *wrb, *wrb_free;
  uint32_t         nwrb;
  struct netwait   wrbwait;           /* senders that wait for a header */

  struct tcp       *tcp;              /* see tcp.h; NULL: not built in */
  struct table      pollers;
  struct ipfrag    *ipfrag;           /* see ipfrag.c; NULL: not built in */
  struct work       dad_work;         /* see icmpv6_dad.c */

  struct icmp_conn *icmp;
  uint32_t          nicmp;
  uint8_t          *icmp_bufs;
};

/* net.c: life and configuration */

int  net_initialize(struct board *b);       /* 0, -EINVAL (IOBs smaller than NET_IOB_BUFSIZE, bad option), -ENOMEM */
void net_fini(struct board *b);             /* at the end of the board; all buffers die with the pool */
int  net_config(struct board *b, uint32_t option, int64_t value);   /* -EINVAL; before net_initialize, or any time */

/* netdev.c, netdev_addr.c */

uint32_t netdev_mtu(const struct netdev *dev, struct ipaddr dst);         /* of packets to there */
struct netdev *netdev_register(struct board *b, const char *name, uint32_t flags, uint32_t mtu, const uint8_t *mac);
struct netdev *netdev_find(struct board *b, int32_t index);               /* NULL if there is none */
struct netdev *netdev_foraddr(struct board *b, struct ipaddr dst);        /* which device leads there; NULL: none */
struct netdev *netdev_leading(struct board *b, int32_t boundif, struct ipaddr dst);     /* the same, unless a socket is bound to one */
struct ipaddr netdev_hop(const struct netdev *dev, struct ipaddr dst);    /* itself, or a router; unspecified: none */
struct ipaddr netdev_source(const struct netdev *dev, struct ipaddr dst); /* from which address; unspecified: none */
bool netdev_has(const struct netdev *dev, struct ipaddr addr);            /* the address is its own */
bool netdev_onlink(const struct netdev *dev, struct ipaddr addr);         /* a neighbor would have it */
bool netdev_isbroadcast(const struct netdev *dev, struct ipaddr addr);
bool netdev_isours(struct board *b, struct ipaddr addr);
struct ifaddr *netdev_ifaddr(struct netdev *dev, struct ipaddr addr);          /* an IPv6 address of it, or NULL */
int  netdev_addaddr(struct netdev *dev, struct ipaddr addr, uint32_t preflen, bool test);    /* -EINVAL, -ENOMEM */
int  netdev_deladdr(struct netdev *dev, struct ipaddr addr);        /* -EADDRNOTAVAIL */
void netdev_txnotify(struct netdev *dev, uint32_t type);
void netdev_carrier(struct netdev *dev, bool on);
void netdev_setup(struct netdev *dev, bool up);                     /* IFF_UP; down also clears the carrier */

static inline uint32_t netdev_ipv4(const struct netdev *dev)
{
  return ipaddr_tov4(dev->ifaddr[0].addr);
}

static inline bool netdev_isgroup(const struct netdev *dev, struct ipaddr addr)
{
  return ipaddr_ismulticast(addr) || netdev_isbroadcast(dev, addr);
}

static inline bool netdev_txroom(struct netdev *dev)
{
  return dev->txroom == NULL || dev->txroom(dev);
}

/* devif.c: what a driver calls */

int  net_input(struct netdev *dev, const uint8_t *frame, uint32_t len);   /* one frame; 0, or why it was dropped */
int  devif_poll(struct netdev *dev, uint32_t budget);                     /* packets handed to the driver */

/* softdev.c: a device without hardware, whose frames wait in a queue until somebody takes them */

struct netdev *softdev_register(struct board *b, const char *name, uint32_t mtu, const uint8_t *mac, uint32_t depth);
int softdev_take(struct netdev *dev, uint8_t *out, uint32_t len);         /* the oldest frame: its length, or -EAGAIN */

#endif
