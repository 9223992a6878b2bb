/* net.h - the network of a board: devices, addresses, protocols, connections.
 *
 * IPv4 over Ethernet and a loopback device; ARP, ICMP, UDP, TCP. Names are NuttX's where it has one (net/devif, net/arp,
 * net/udp, ...). Nothing here waits and nothing here locks: whoever calls holds the network lock, and where NuttX would
 * sleep a call answers one of enum net_wait and Python sleeps.
 *
 * This is the state, and what a driver sees; the protocols among themselves are inet.h.
 *
 * Addresses and ports are in host order everywhere but in packets.
 */
#ifndef NUT_NET_H
#define NUT_NET_H

#include "board.h"

#define NET_LL_GUARDSIZE  14u     /* room for an Ethernet header, in the first buffer only */
#define NET_ETHALEN       6u
#define NET_IOB_BUFSIZE   64u     /* smallest IOB: all headers of a packet, but for long IP options, fit the first */
#define NET_MTU_MAX       1518u   /* loopback's; Ethernet has 1500 */
#define NET_NETDEVS       8u
#define NET_NROUTES       8u
#define NET_ARP_NREQS     16u     /* addresses being resolved for senders at the same time */
#define IFNAMSIZ          16u

#define IPv4_HDRLEN 20u
#define UDP_HDRLEN  8u
#define ICMP_HDRLEN 8u
#define IP_TTL_DEFAULT 64u

#define IP_PROTO_ICMP 1u
#define IP_PROTO_TCP  6u
#define IP_PROTO_UDP  17u

#define INADDR_ANY       0u
#define INADDR_BROADCAST 0xffffffffu
#define INADDR_LOOPBACK  0x7f000001u
#define IN_MULTICAST(a)  (((a) >> 28) == 14)

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
  NET_WAIT_ARP  = -1001,      /* resolve the address (arp_request), then call again */
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

struct netdev
{
  struct board *board;
  uint8_t   index;            /* from 1 */
  char      name[IFNAMSIZ];
  uint8_t   mac[NET_ETHALEN];
  uint16_t  mtu;              /* IP packet, bytes */
  uint32_t  flags;            /* enum iff */
  uint32_t  ipaddr, draddr, netmask;
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
  struct proto_stats ipv4, ipv6, tcp, udp, icmp;       /* typeerr: unknown protocol or type */
  uint64_t vhlerr, fragerr;                            /* IPv4 */
  uint64_t ipv6_vhlerr, tcp_ackerr, tcp_syndrop, tcp_rst, tcp_synrst, tcp_rexmit;
};

/* What the network is built like. Kconfig names without CONFIG_; net_config() takes them by number. */

enum net_option
{
  NETCFG_UDP_PREALLOC_CONNS,  /* number of UDP sockets; read at net_initialize */
  NETCFG_ICMP_PREALLOC_CONNS, /* number of ICMP sockets; read at net_initialize */
  NETCFG_ARPTAB_SIZE,         /* read at net_initialize */
  NETCFG_UDP_NWRBCHAINS,      /* write buffer headers; a limit only if ALLOC_WRBCHAINS is 0; read at net_initialize */
  NETCFG_UDP_ALLOC_WRBCHAINS, /* 1: the IOBs alone are the limit; read at net_initialize */
  NETCFG_ARP_MAXAGE,          /* 10 s */
  NETCFG_ARP_MAXAGE_UNREACHABLE, /* 10 s; how long a failed lookup is remembered */
  NETCFG_ARP_INPROGRESS,      /* ms; ARP_SEND_MAXTRIES * ARP_SEND_DELAYMSEC */
  NETCFG_ARP_IPIN,            /* learn addresses from IP packets */
  NETCFG_RECV_BUFSIZE,        /* bytes, 0: no limit */
  NETCFG_SEND_BUFSIZE,
  NETCFG_RECV_PACK,           /* read-ahead chains are compacted */
  NETCFG_UDP_CHECKSUMS,
  NETCFG_DEFAULT_MIN_PORT,
  NETCFG_DEFAULT_MAX_PORT,
  NETCFG_ICMP_ERROR_RATE,     /* ICMP errors a second, 0: no limit */
  NETCFG_ICMP_ERROR_BURST,    /* how many may go at once */
  NETCFG_ICMP,                /* echo replies and errors are sent */
  NETCFG_BROADCAST,           /* UDP broadcasts are received */
  NETCFG_ARP_SEND,            /* a sender waits until its destination is resolved */
  NETCFG_ARP_GRATUITOUS,      /* who announces itself becomes an entry, not only a refreshed one */
  NETCFG_TCP_PREALLOC_CONNS,  /* read at net_initialize, as the next four */
  NETCFG_TCP_ALLOC_CONNS,     /* 0: there are no more than those */
  NETCFG_TCP_MAX_CONNS,       /* ... else so many */
  NETCFG_TCP_NWRBCHAINS,
  NETCFG_TCP_ALLOC_WRBCHAINS,
  NETCFG_TCP_CHECKSUMS,
  NETCFG_TCP_RTO,             /* half seconds, before anything is measured */
  NETCFG_TCP_FIXED_RTO,       /* it does not double */
  NETCFG_TCP_MAXRTX,
  NETCFG_TCP_MAXSYNRTX,
  NETCFG_TCP_WAIT_TIMEOUT,    /* s */
  NETCFG_TCPBACKLOG_CONNS,    /* most that listen() gets */
  NETCFG_TCP_DELAYED_ACK,
  NETCFG_TCP_FAST_RETRANSMIT,
  NETCFG_TCP_CC_NEWRENO,
  NETCFG_TCP_OUT_OF_ORDER,
  NETCFG_TCP_OFO_BUFSIZE,     /* bytes that wait out of order, each connection */
  NETCFG_TCP_SACK,
  NETCFG_TCP_WINDOW_SCALE,
  NETCFG_TCP_WINDOW_SCALE_FACTOR,
  NETCFG_TCP_TIMESTAMPS,      /* not in NuttX */
  NETCFG_TCP_NAGLE,           /* not in NuttX */
  NETCFG_TCP_NPOLLWAITERS,    /* tasks that may poll one socket at a time */
  NETCFG_UDP_NPOLLWAITERS,
  NETCFG_ICMP_NPOLLWAITERS,
  NETCFG_PKT_PREALLOC_CONNS,  /* number of packet sockets; read at net_initialize */
  NETCFG_PKT_NPOLLWAITERS,
  NETCFG_TCP_WRITE_BUFFERS,
  NETCFG_THROTTLE_SEND,       /* which allocations leave CONFIG_IOB_THROTTLE alone: of write buffers ... */
  NETCFG_THROTTLE_RECEIVE,    /* ... of frames that come in */
  NETCFG_IPFRAG,              /* fragments are put together and made; read at net_initialize */
  NETCFG_IPFRAG_REASS_MAXAGE, /* 0.1 s */
  NETCFG_NOPTIONS
};

/* ARP: an entry without an address stands for a request in progress, later for an unreachable host. */

struct arp_entry
{
  uint32_t ipaddr;            /* 0: free */
  uint8_t  mac[NET_ETHALEN];  /* all zero: not known (yet) */
  uint8_t  dev;
  bool     permanent;
  int64_t  time;              /* ns: last confirmed, or asked for first */
};

struct arp_req                /* senders that wait for one address */
{
  uint32_t   ipaddr;          /* 0: free */
  uint8_t    dev;
  bool       send;            /* devif_poll has a request to send for it */
  int32_t    refs;
  struct netwait wait;
};

/* UDP */

enum sock_flag                /* as NuttX's s_flags, which /proc/net/udp shows */
{
  SF_INITD = 0x01, SF_NONBLOCK = 0x08, SF_LISTENING = 0x10, SF_BOUND = 0x20, SF_CONNECTED = 0x40,
};

enum sock_field
{
  SOCK_FLAGS, SOCK_LADDR, SOCK_LPORT, SOCK_RADDR, SOCK_RPORT, SOCK_RCVBUF, SOCK_SNDBUF, SOCK_REUSE, SOCK_BCAST,
  SOCK_TTL, SOCK_BOUNDIF, SOCK_ERROR, SOCK_RXSIZE, SOCK_TXSIZE, SOCK_QUEUED, SOCK_SENT, SOCK_DROPS, SOCK_NONBLOCK,
  SOCK_RXSEM, SOCK_SNDSEM, SOCK_WRBSEM, SOCK_STATE, SOCK_READY, SOCK_OWNED, SOCK_NODELAY, SOCK_KEEPALIVE, SOCK_KEEPIDLE,
  SOCK_KEEPINTVL, SOCK_KEEPCNT, SOCK_MSS, SOCK_RTO, SOCK_TIMER, SOCK_UNACKED, SOCK_NRTX, SOCK_TOS,
  SOCK_LINGER, SOCK_USER_TIMEOUT,
};

enum net_pollevent { NET_POLLIN = 0x01, NET_POLLOUT = 0x04, NET_POLLERR = 0x08, NET_POLLHUP = 0x10 };

enum msg_flag { MSG_PEEK = 0x02, MSG_DONTWAIT = 0x40 };

struct readahead              /* received and not read, see readahead.c */
{
  struct iob_s *head, *tail;
};

struct udp_wrb                /* one datagram on its way out */
{
  struct udp_wrb  *next;
  struct udp_conn *conn;      /* NULL: closed while its sender slept */
  struct iob_s    *iob;       /* from the IP header on; NULL: free */
  uint32_t raddr;
  uint16_t rport;
  uint16_t len;               /* payload */
  uint64_t sum;               /* of the payload, not folded */
  uint8_t  dev;
  bool     queued;            /* complete, and the socket's; else its sender's, task `pid` */
  int32_t  pid;
};

struct udp_conn
{
  uint8_t   flags;            /* enum sock_flag; 0: free */
  bool      reuseaddr, broadcast;
  uint16_t  lport, rport;
  uint32_t  laddr, raddr;
  int32_t   error;            /* pending, positive errno; told once */
  uint32_t  rcvbufs, sndbufs; /* bytes, 0: no limit */
  uint8_t   ttl, tos;
  uint8_t   boundif;          /* 0: any */
  struct readahead readahead; /* datagrams, each behind UDP_METALEN bytes about it */
  struct udp_wrb *write_head, *write_tail;
  uint32_t  txsize;           /* bytes in the write queue */
  uint64_t  queued, sent;     /* datagrams: ever queued, ever taken by a driver or thrown away */
  uint64_t  drops;            /* datagrams for it that were lost */
  struct netwait rx;          /* readers */
  struct netwait snd;         /* senders: for SO_SNDBUF, or without write buffers for the driver */
  struct udp_conn *next, *prev;   /* active list, oldest first */
};

/* ICMP sockets, as ping uses them */

enum icmp_send { ICMP_IDLE, ICMP_PENDING, ICMP_SENT };

struct icmp_conn
{
  bool      used;
  uint8_t   dev;              /* the last request went there; 0: none */
  uint16_t  id;               /* replies with this identifier are ours */
  struct iob_queue_s readahead;   /* packets from the IP header on */
  struct iob_s *direct;       /* one for a reader that is waiting: takes no queue entry */
  int32_t   error;            /* why the pending request could not be sent, negative */
  uint8_t   state;            /* enum icmp_send */
  uint32_t  raddr;
  uint32_t  sndlen;
  uint8_t  *sndbuf;           /* the request, until the device is polled for it */
  struct netwait rx, snd;
};

/* Packet sockets */

struct pkt_conn
{
  bool      used;
  uint8_t   dev;              /* 0: not bound */
  uint16_t  type;             /* EtherType of what it gets; 0: nothing */
  uint32_t  sndbufs;          /* bytes, 0: no limit */
  uint64_t  drops;            /* frames for it that were lost */
  struct iob_queue_s readahead;   /* frames */
  struct iob_queue_s *write;
  struct netwait rx, snd;
};

struct net_route { uint32_t target, netmask, router; };    /* netmask 0 and router 0: free */

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
  uint16_t   last_port;
  int64_t    icmp_tat;                /* rate limit of ICMP errors, see icmp_allowed() */
  struct kwork_queue *wq;             /* where timers are work */

  struct arp_entry *arptab;
  struct arp_req    arpreq[NET_ARP_NREQS];

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

  struct icmp_conn *icmp;
  uint32_t          nicmp;
  uint8_t          *icmp_bufs;
};

/* net.c: life and configuration */

int  net_initialize(struct board *b);       /* 0, -EINVAL (IOBs smaller than NET_IOB_BUFSIZE, bad option), -ENOMEM */
void net_fini(struct board *b);             /* at the end of the board; all buffers die with the pool */
int  net_config(struct board *b, uint32_t option, int64_t value);   /* -EINVAL; before net_initialize, or any time */

/* netdev.c */

struct netdev *netdev_register(struct board *b, const char *name, uint32_t flags, uint32_t mtu, const uint8_t *mac);
struct netdev *netdev_find(struct board *b, int32_t index);         /* NULL if there is none */
struct netdev *netdev_foraddr(struct board *b, uint32_t dst);       /* which device leads there; NULL: none */
uint32_t netdev_router(const struct netdev *dev, uint32_t dst);     /* next hop; 0: none */
bool netdev_isbroadcast(const struct netdev *dev, uint32_t addr);
bool netdev_isours(struct board *b, uint32_t addr);
void netdev_txnotify(struct netdev *dev, uint32_t type);
void netdev_carrier(struct netdev *dev, bool on);
void netdev_setup(struct netdev *dev, bool up);                     /* IFF_UP; down also clears the carrier */

static inline bool netdev_onlink(const struct netdev *dev, uint32_t addr)
{
  return ((addr ^ dev->ipaddr) & dev->netmask) == 0;
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
