/* netcfg.h - what the network is built like: Kconfig names without CONFIG_. net_config() takes them by number. */
#ifndef NUT_NETCFG_H
#define NUT_NETCFG_H

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
  NETCFG_IPv6,                /* read at net_initialize, as the next one */
  NETCFG_IPv6_NCONF_ENTRIES,  /* neighbors of IPv6 that are remembered */
  NETCFG_IPv6_MAX_ADDR,       /* addresses of a device */
  NETCFG_ICMPv6,              /* echo replies, errors and neighbor discovery */
  NETCFG_ICMPv6_PREALLOC_CONNS, /* number of ICMPv6 sockets; read at net_initialize */
  NETCFG_ICMPv6_NPOLLWAITERS,
  NETCFG_ICMPv6_NEIGHBOR,     /* a sender waits until its destination is resolved */
  NETCFG_ICMPv6_INPROGRESS,   /* ms; ICMPv6_NEIGHBOR_MAXTRIES * ICMPv6_NEIGHBOR_DELAYMSEC */
  NETCFG_ICMPv6_AUTOCONF,     /* router advertisements give addresses */
  NETCFG_IPv6_IPIN,           /* learn neighbors from any packet of theirs, not in NuttX */
  NETCFG_IPv6_DAD,            /* every address is tested for being the only one, not in NuttX */
  NETCFG_NOPTIONS
};

#endif
