/* ipfrag.c - fragments that come in: how packets are put together again (RFC 791, RFC 1122 3.3.2; RFC 8200 4.5).
 *
 * Fragments wait as they came, with their IP headers; keeping one needs no memory besides (see ipfrag.h).
 *
 * The limits are NuttX's. What waits may have a fifth of the pool; beyond it the oldest packets are given up, but never
 * the one whose fragment has just come: a single packet may need any part of the pool, and keep it until its time is over.
 *
 * NuttX counts as `fragerr` what is not kept, and neither what it gives up nor what is late; the device's counters have
 * those.
 */

#include <stdlib.h>

#include "ipfrag.h"

#define NSEC_PER_DSEC  (NSEC_PER_SEC / 10)
#define MAXAGE_MINIMAL (5 * NSEC_PER_DSEC)    /* NuttX REASSEMBLY_TIMEOUT_MINIMAL: nor is looked more often */
#define WORK_IPFRAG    3u                     /* number of the timer's work function */
#define REASSEMBLY_TIMEOUT 1u                 /* code of ICMP_TIME_EXCEEDED and ICMPv6_TIME_EXCEEDED */

struct ipfrag
{
  struct reasm *slot, *free;
  struct reasm *head, *tail;      /* oldest first */
  uint32_t      nbufs, limit;     /* buffers that wait, and how many may */
  struct work   work;
};

/* The table. Every packet that waits holds a buffer, so that the limit of those is one of packets, too. What came in
 * frames to everybody is kept apart: nobody gets an error about it.
 */

static uint8_t proto_of(const struct rxpkt *p)
{
  return ipaddr_isv4(p->src) ? p->proto : 0;
}

static struct reasm *find(struct ipfrag *q, const struct rxpkt *p, uint32_t id)
{
  for (struct reasm *r = q->head; r; r = r->next)
    if (r->id == id && ipaddr_equal(r->src, p->src) && ipaddr_equal(r->dst, p->dst) && r->proto == proto_of(p)
        && r->dev == p->dev && r->broadcast == p->broadcast)
      return r;
  return NULL;
}

static void schedule(struct net *net, int64_t delay)
{
  struct board *b = net->board;
  work_queue_c(b, net->wq, &net->ipfrag->work, WORK_IPFRAG, 0, (delay + b->tick_ns - 1) / b->tick_ns);
}

static int64_t maxage(const struct net *net)
{
  int64_t age = net->cfg[NETCFG_IPFRAG_REASS_MAXAGE] * NSEC_PER_DSEC;
  return age < MAXAGE_MINIMAL ? MAXAGE_MINIMAL : age;
}

static struct reasm *begin(struct net *net, const struct rxpkt *p, uint32_t id)
{
  struct ipfrag *q = net->ipfrag;
  struct reasm *r = q->free;
  q->free = r->next;
  *r = (struct reasm){ .dev = p->dev, .src = p->src, .dst = p->dst, .id = id, .proto = proto_of(p),
                       .broadcast = p->broadcast, .since = net->board->bench->now };
  *(q->tail ? &q->tail->next : &q->head) = r;
  q->tail = r;
  if (work_available(&q->work)) schedule(net, maxage(net));
  return r;
}

/* Its fragments are somebody else's from now on. */

static void end(struct net *net, struct reasm *r)
{
  struct ipfrag *q = net->ipfrag;
  struct reasm *before = NULL, **link = &q->head;
  while (*link != r)
    {
      before = *link;
      link = &before->next;
    }
  *link = r->next;
  if (q->tail == r) q->tail = before;
  q->nbufs -= r->nbufs;
  r->next = q->free;
  q->free = r;
  if (q->head == NULL) work_cancel_c(net->board, &q->work);
}

static void free_from(struct net *net, struct netdev *dev, struct iob_s *iob, enum rx_drop why)
{
  for (struct iob_s *next; iob; iob = next)
    {
      next = fragment_next(net->board, iob);
      trace_put(net->board, TR_RX_DROP, dev->index, why);
      iob_free_chain(net->board, iob);
    }
}

static void give_up(struct net *net, struct reasm *r, enum rx_drop why)
{
  struct iob_s *fragments = r->first;
  end(net, r);
  free_from(net, r->dev, fragments, why);
}

/* This fragment, and those of its packet that are there, are thrown away. */

static void refuse(struct rxpkt *p, struct reasm *r)
{
  struct net *net = p->dev->board->net;
  uint32_t n = 1 + (r ? r->nfrags : 0);
  ip_stats(net, p->src)->drop += n;
  net->stats.fragerr += n;
  if (r) give_up(net, r, DROP_FRAGMENT);
  rx_drop(p, DROP_FRAGMENT);
}

/* Room is made for the fragments of r, which has just got one. */

static void make_room(struct net *net, const struct reasm *r)
{
  struct ipfrag *q = net->ipfrag;
  for (struct reasm *old = q->head, *next; old && q->nbufs > q->limit; old = next)
    {
      next = old->next;
      if (old == r) continue;
      old->dev->stats.rx_reasm_evicted++;
      give_up(net, old, DROP_FULL);
    }
}

static void deliver(struct net *net, struct reasm *r, const uint8_t *eth)
{
  struct board *b = net->board;
  struct netdev *dev = r->dev;
  struct iob_s *first = r->first;
  end(net, r);
  struct iob_s *iob = fragment_join(b, first);
  iob_set_owner(b, iob, IOB_OWNER(IOB_OWNER_RXWORK, dev->index));

  uint8_t flat[RX_FLAT];
  uint32_t hlen = fragment_hlen(iob);
  if (ipaddr_isv4(r->src))
    {
      charge(b, COST_CSUM, hlen);
      ipv4_unfragment(iob, hlen);
    }
  else
    ipv6_unfragment(b, iob, hlen);
  struct rxpkt p = { .dev = dev, .iob = iob, .ip = flat, .len = iob->io_pktlen, .eth = eth,
                     .fragmented = true };
  p.nflat = (uint32_t)iob_copyout(flat, iob, min_u32(p.len, sizeof flat), 0);
  dev->stats.rx_reassembled++;
  (ipaddr_isv4(r->src) ? ipv4_input : ipv6_input)(&p);
}

/* The length of an IPv6 packet does not count its header, and the packet will have no fragment header. */

static bool too_long(struct ipaddr src, uint32_t hlen, uint32_t payload)
{
  uint32_t uncounted = ipaddr_isv4(src) ? 0 : IPv6_HDRLEN + IPv6_FRAGLEN;
  return hlen + payload > IP_PACKET_MAX + uncounted;
}

void ipfrag_input(struct rxpkt *p, uint32_t id, uint32_t start, bool more)
{
  struct net *net = p->dev->board->net;
  struct ipfrag *q = net->ipfrag;
  uint32_t len = p->len - p->hlen;
  p->dev->stats.rx_fragments++;
  if (q == NULL || len == 0 || (more && len % 8) || too_long(p->src, p->hlen, start + len))
    {
      refuse(p, NULL);
      return;
    }

  struct reasm *r = find(q, p, id);
  if (r == NULL) r = begin(net, p, id);
  struct fragment f = { .start = (uint16_t)start, .end = (uint16_t)(start + len), .hlen = (uint16_t)p->hlen };
  uint32_t nbufs = r->nbufs;
  if (!fragment_insert(net->board, r, p->iob, f, more))
    {
      refuse(p, r);
      return;
    }
  q->nbufs += r->nbufs - nbufs;
  iob_set_owner(net->board, p->iob, IOB_OWNER(IOB_OWNER_REASM, p->dev->index));
  bool complete = r->bytes == r->end;
  if (complete && too_long(r->src, fragment_hlen(r->first), r->end))    /* only with the first one's options */
    {
      ip_stats(net, r->src)->drop += r->nfrags;
      net->stats.fragerr += r->nfrags;
      give_up(net, r, DROP_FRAGMENT);
    }
  else if (complete)
    deliver(net, r, p->eth);
  else
    make_room(net, r);
}

/* Too late. The sender is told if the first fragment is there, which alone says whose packet it was; not about an ICMP
 * error (RFC 1122 3.2.2), nor in the name of an address that is not ours.
 */

static bool may_tell(const struct reasm *r)
{
  if (fragment_of(r->first).start != 0 || !netdev_has(r->dev, r->dst) || !(r->dev->flags & IFF_RUNNING)) return false;
  uint32_t type = iob_at(r->first, fragment_hlen(r->first))[0];
  if (!ipaddr_isv4(r->dst)) return true;              /* icmp_error_packet() sees to it */
  return r->proto != IP_PROTO_ICMP || type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY;
}

static void expire(struct net *net, struct reasm *r)
{
  r->dev->stats.rx_reasm_timeouts++;
  if (!may_tell(r))
    {
      give_up(net, r, DROP_LATE);
      return;
    }
  struct iob_s *iob = r->first, *others = fragment_next(net->board, iob);
  end(net, r);
  free_from(net, r->dev, others, DROP_LATE);

  uint8_t flat[RX_FLAT];
  struct rxpkt p = { .dev = r->dev, .iob = iob, .ip = flat, .len = iob->io_pktlen, .src = r->src, .dst = r->dst,
                     .broadcast = r->broadcast };
  p.nflat = (uint32_t)iob_copyout(flat, iob, min_u32(p.len, sizeof flat), 0);
  uint32_t type = ipaddr_isv4(p.dst) ? ICMP_TIME_EXCEEDED : ICMPv6_TIME_EXCEEDED;
  iob = icmp_error_packet(&p, type, REASSEMBLY_TIMEOUT, 0);
  if (iob) ipfrag_later(p.dev, iob);
}

static void ipfrag_work(struct board *b, uint32_t arg)
{
  struct net *net = b->net;
  struct ipfrag *q = net->ipfrag;
  int64_t age = 0, most = maxage(net);
  (void)arg;
  while (q->head && (age = b->bench->now - q->head->since) >= most) expire(net, q->head);
  if (q->head) schedule(net, most - age > MAXAGE_MINIMAL ? most - age : MAXAGE_MINIMAL);
}

void ipfrag_netdown(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (struct reasm *r = net->ipfrag ? net->ipfrag->head : NULL, *next; r; r = next)
    {
      next = r->next;
      if (r->dev == dev) give_up(net, r, DROP_DOWN);
    }
  iob_free_queue(dev->board, &dev->fragout);
}

int ipfrag_initialize(struct net *net)
{
  struct board *b = net->board;
  if (!net->cfg[NETCFG_IPFRAG]) return 0;
  struct ipfrag *q = calloc(1, sizeof *q);
  if (q == NULL) return -ENOMEM;
  net->ipfrag = q;
  q->limit = b->iob.nbuffers / 5;
  uint32_t n = q->limit + 2;                        /* as many as may wait, or one above it, and a new one */
  q->slot = calloc(n, sizeof *q->slot);
  if (q->slot == NULL) return -ENOMEM;
  for (uint32_t i = n; i-- > 0; )
    {
      q->slot[i].next = q->free;
      q->free = &q->slot[i];
    }
  q->work.flags = WORK_NETLOCK;
  b->work_c[WORK_IPFRAG] = ipfrag_work;
  return 0;
}

void ipfrag_fini(struct net *net)
{
  if (net->ipfrag) free(net->ipfrag->slot);
  free(net->ipfrag);
  net->ipfrag = NULL;
}
