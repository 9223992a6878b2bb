/* net.c - the network of a board as a whole: what it is built like, its memory, its end. */

#include <stdlib.h>

#include "tcp.h"

/* Defaults of NuttX's Kconfig (the ICMP rate is ours), and the limits within which a value makes sense. */

static const struct { int64_t value, min, max; } defaults[NETCFG_NOPTIONS] =
{
  [NETCFG_UDP_PREALLOC_CONNS]      = { 8, 1, 4096 },
  [NETCFG_ICMP_PREALLOC_CONNS]     = { 4, 1, 256 },
  [NETCFG_ARPTAB_SIZE]             = { 16, 1, 4096 },
  [NETCFG_UDP_NWRBCHAINS]          = { 8, 1, 65535 },
  [NETCFG_UDP_ALLOC_WRBCHAINS]     = { 1, 0, 1 },
  [NETCFG_ARP_MAXAGE]              = { 120, 0, 1000000 },
  [NETCFG_ARP_MAXAGE_UNREACHABLE]  = { 1, 0, 1000000 },
  [NETCFG_ARP_INPROGRESS]          = { 100, 0, 1000000 },
  [NETCFG_ARP_IPIN]                = { 0, 0, 1 },
  [NETCFG_RECV_BUFSIZE]            = { 0, 0, INT32_MAX },
  [NETCFG_SEND_BUFSIZE]            = { 0, 0, INT32_MAX },
  [NETCFG_RECV_PACK]               = { 1, 0, 1 },
  [NETCFG_UDP_CHECKSUMS]           = { 1, 0, 1 },
  [NETCFG_DEFAULT_MIN_PORT]        = { 4096, 1, 65535 },
  [NETCFG_DEFAULT_MAX_PORT]        = { 32000, 1, 65535 },
  [NETCFG_ICMP_ERROR_RATE]         = { 100, 0, 1000000 },
  [NETCFG_ICMP_ERROR_BURST]        = { 50, 1, 1000000 },
  [NETCFG_ICMP]                    = { 1, 0, 1 },
  [NETCFG_BROADCAST]               = { 0, 0, 1 },
  [NETCFG_ARP_SEND]                = { 1, 0, 1 },
  [NETCFG_ARP_GRATUITOUS]          = { 0, 0, 1 },
  [NETCFG_TCP_PREALLOC_CONNS]      = { 8, 0, 65535 },
  [NETCFG_TCP_ALLOC_CONNS]         = { 0, 0, 65535 },
  [NETCFG_TCP_MAX_CONNS]           = { 0, 0, 65535 },
  [NETCFG_TCP_NWRBCHAINS]          = { 8, 1, 65535 },
  [NETCFG_TCP_ALLOC_WRBCHAINS]     = { 1, 0, 65535 },
  [NETCFG_TCP_CHECKSUMS]           = { 1, 0, 1 },
  [NETCFG_TCP_RTO]                 = { 3, 1, 240 },
  [NETCFG_TCP_FIXED_RTO]           = { 0, 0, 1 },
  [NETCFG_TCP_MAXRTX]              = { 8, 1, 255 },
  [NETCFG_TCP_MAXSYNRTX]           = { 5, 1, 255 },
  [NETCFG_TCP_WAIT_TIMEOUT]        = { 120, 0, 1000000 },
  [NETCFG_TCPBACKLOG_CONNS]        = { 8, 1, 65535 },
  [NETCFG_TCP_DELAYED_ACK]         = { 0, 0, 1 },
  [NETCFG_TCP_FAST_RETRANSMIT]     = { 1, 0, 1 },
  [NETCFG_TCP_CC_NEWRENO]          = { 0, 0, 1 },
  [NETCFG_TCP_OUT_OF_ORDER]        = { 0, 0, 1 },
  [NETCFG_TCP_OFO_BUFSIZE]         = { 16384, 0, INT32_MAX },
  [NETCFG_TCP_SACK]                = { 0, 0, 1 },
  [NETCFG_TCP_WINDOW_SCALE]        = { 0, 0, 1 },
  [NETCFG_TCP_WINDOW_SCALE_FACTOR] = { 0, 0, 14 },
  [NETCFG_TCP_TIMESTAMPS]          = { 0, 0, 1 },
  [NETCFG_TCP_NAGLE]               = { 0, 0, 1 },
  [NETCFG_TCP_NPOLLWAITERS]        = { 2, 1, 65535 },
  [NETCFG_UDP_NPOLLWAITERS]        = { 1, 1, 65535 },
  [NETCFG_ICMP_NPOLLWAITERS]       = { 1, 1, 65535 },
  [NETCFG_PKT_PREALLOC_CONNS]      = { 0, 0, 256 },
  [NETCFG_PKT_NPOLLWAITERS]        = { 2, 1, 65535 },
  [NETCFG_TCP_WRITE_BUFFERS]       = { 0, 0, 1 },
  [NETCFG_THROTTLE_SEND]           = { 1, 0, 1 },
  [NETCFG_THROTTLE_RECEIVE]        = { 0, 0, 1 },
  [NETCFG_IPFRAG]                  = { 0, 0, 1 },
  [NETCFG_IPFRAG_REASS_MAXAGE]     = { 20, 0, 1000000 },
  [NETCFG_IPv6]                    = { 0, 0, 1 },
  [NETCFG_IPv6_NCONF_ENTRIES]      = { 8, 1, 4096 },
  [NETCFG_IPv6_MAX_ADDR]           = { 1, 1, NET_IPv6_ADDRS },
  [NETCFG_ICMPv6]                  = { 0, 0, 1 },
  [NETCFG_ICMPv6_PREALLOC_CONNS]   = { 0, 0, 256 },
  [NETCFG_ICMPv6_NPOLLWAITERS]     = { 1, 1, 65535 },
  [NETCFG_ICMPv6_NEIGHBOR]         = { 0, 0, 1 },
  [NETCFG_ICMPv6_INPROGRESS]       = { 100, 0, 1000000 },
  [NETCFG_ICMPv6_AUTOCONF]         = { 0, 0, 1 },
  [NETCFG_IPv6_IPIN]               = { 0, 0, 1 },
  [NETCFG_IPv6_DAD]                = { 0, 0, 1 },
};

static struct net *net_new(struct board *b)
{
  struct net *net = calloc(1, sizeof *net);
  if (net == NULL) return NULL;
  net->board = b;
  for (int i = 0; i < NETCFG_NOPTIONS; i++) net->cfg[i] = defaults[i].value;
  b->net = net;
  return net;
}

int net_config(struct board *b, uint32_t option, int64_t value)
{
  if (option >= NETCFG_NOPTIONS || value < defaults[option].min || value > defaults[option].max) return -EINVAL;
  struct net *net = b->net ? b->net : net_new(b);
  if (net == NULL) return -ENOMEM;
  net->cfg[option] = value;
  return 0;
}

static int udp_initialize(struct net *net)
{
  struct board *b = net->board;
  net->nudp = (uint32_t)net->cfg[NETCFG_UDP_PREALLOC_CONNS];
  net->udp = calloc(net->nudp, sizeof *net->udp);
  if (net->udp == NULL) return -ENOMEM;

  /* Each header has an IOB from its first moment on, so as many headers as IOBs are as good as any number of them. */

  net->nwrb = net->cfg[NETCFG_UDP_ALLOC_WRBCHAINS] ? b->iob.nbuffers : (uint32_t)net->cfg[NETCFG_UDP_NWRBCHAINS];
  net->wrb = calloc(net->nwrb, sizeof *net->wrb);
  if (net->wrb == NULL) return -ENOMEM;
  for (uint32_t i = net->nwrb; i-- > 0; )
    {
      net->wrb[i].next = net->wrb_free;
      net->wrb_free = &net->wrb[i];
    }
  for (uint32_t i = 0; i < net->nudp; i++)
    if (sconn_sems(b, &net->udp[i].sconn) < 0) return -ENOMEM;
  return nxsem_init(b, &net->wrbwait.sem, 0);
}

static int icmp_initialize(struct net *net)
{
  struct board *b = net->board;
  uint32_t bufsize = net->ipfrag ? IP_PACKET_MAX : NET_MTU_MAX;
  net->nicmp = (uint32_t)(net->cfg[NETCFG_ICMP_PREALLOC_CONNS] + net->cfg[NETCFG_ICMPv6_PREALLOC_CONNS]);
  net->icmp = calloc(net->nicmp, sizeof *net->icmp);
  net->icmp_bufs = calloc(net->nicmp, bufsize);
  if (net->icmp == NULL || net->icmp_bufs == NULL) return -ENOMEM;
  for (uint32_t i = 0; i < net->nicmp; i++)
    {
      struct icmp_conn *c = &net->icmp[i];
      c->sndbuf = net->icmp_bufs + (size_t)i * bufsize;
      if (sconn_sems(b, &c->sconn) < 0) return -ENOMEM;
    }
  return 0;
}

static int neighbor_initialize(struct net *net)
{
  static const enum net_option size[] = { NETCFG_ARPTAB_SIZE, NETCFG_IPv6_NCONF_ENTRIES };
  for (int kind = IP_V4; kind <= IP_V6; kind++)
    {
      struct neighbor_table *t = &net->neighbors[kind];
      t->n = kind == IP_V4 || net->cfg[NETCFG_IPv6] ? (uint32_t)net->cfg[size[kind]] : 0;
      t->entry = calloc(t->n, sizeof *t->entry);
      if (t->n && t->entry == NULL) return -ENOMEM;
    }
  for (uint32_t i = 0; i < NET_NEIGHBOR_REQS; i++)
    if (nxsem_init(net->board, &net->neighbor_req[i].wait.sem, 0) < 0) return -ENOMEM;
  return 0;
}

int net_initialize(struct board *b)
{
  struct net *net = b->net ? b->net : net_new(b);
  if (net == NULL) return -ENOMEM;
  if (net->udp || b->iob.bufsize < NET_IOB_BUFSIZE) return -EINVAL;
  if (net->cfg[NETCFG_DEFAULT_MIN_PORT] > net->cfg[NETCFG_DEFAULT_MAX_PORT]) return -EINVAL;

  struct chooser *chooser = &b->bench->chooser;
  uint32_t nports = (uint32_t)(net->cfg[NETCFG_DEFAULT_MAX_PORT] - net->cfg[NETCFG_DEFAULT_MIN_PORT]) + 1;
  net->last_port = (uint16_t)(net->cfg[NETCFG_DEFAULT_MIN_PORT] + choose(chooser, SITE_PORT, b->id, nports));
  net->ipid = (uint16_t)choose(chooser, SITE_IPID, b->id, 65536);
  net->ip6id = net->ipid;
  icmpv6_dad_initialize(net);

  int ret = ipfrag_initialize(net);
  if (ret == 0) ret = udp_initialize(net);
  if (ret == 0) ret = icmp_initialize(net);
  if (ret == 0) ret = neighbor_initialize(net);
  if (ret == 0) ret = tcp_initialize(net);
  if (ret == 0) ret = pkt_initialize(net);
  return ret;
}

void net_fini(struct board *b)
{
  struct net *net = b->net;
  if (net == NULL) return;
  for (uint32_t i = 0; i < net->ndevs; i++)
    if (net->dev[i].fini) net->dev[i].fini(net->dev[i].priv);
  tcp_fini(net);
  poll_fini(net);
  ipfrag_fini(net);
  free(net->udp);
  free(net->wrb);
  free(net->icmp);
  free(net->icmp_bufs);
  free(net->neighbors[IP_V4].entry);
  free(net->neighbors[IP_V6].entry);
  free(net->pkt);
  free(net);
  b->net = NULL;
}
