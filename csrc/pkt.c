/* pkt.c - packet sockets: whole frames past all protocols, both ways (NuttX net/pkt).
 *
 * A frame that comes in is copied, into throttled buffers and without waiting, to the first socket that has its device
 * and type, before the stack sees it. What a socket sends is put together in Python, where NuttX waits with the locks
 * held (kernel/packet.py); it lies in a queue that Python named until the device asks.
 */
#include <stdlib.h>

#include "inet.h"

#define ETH_P_ALL 3u

int pkt_initialize(struct net *net)
{
  net->npkt = (uint32_t)net->cfg[NETCFG_PKT_PREALLOC_CONNS];
  net->pkt = calloc(net->npkt, sizeof *net->pkt);
  if (net->npkt && net->pkt == NULL) return -ENOMEM;
  for (uint32_t i = 0; i < net->npkt; i++)
    if (sconn_sems(net->board, &net->pkt[i].sconn) < 0) return -ENOMEM;
  return 0;
}

static struct pkt_conn *pkt_find(struct board *b, int32_t conn)
{
  struct net *net = b->net;
  if (net == NULL || conn < 0 || (uint32_t)conn >= net->npkt || !net->pkt[conn].used) return NULL;
  return &net->pkt[conn];
}

/* Frames in. */

static struct pkt_conn *listener(struct net *net, const struct netdev *dev, uint32_t type)
{
  for (uint32_t i = 0; i < net->npkt; i++)
    {
      struct pkt_conn *c = &net->pkt[i];
      if (c->used && c->sconn.boundif == dev->index && (c->type == ETH_P_ALL || c->type == type)) return c;
    }
  return NULL;
}

void pkt_input(struct netdev *dev, const uint8_t *frame, uint32_t len)
{
  struct board *b = dev->board;
  struct pkt_conn *c = listener(b->net, dev, get16(frame + 12));
  if (c == NULL) return;
  struct iob_s *iob = iob_tryalloc(b, true, IOB_OWNER(IOB_OWNER_PKT_READ, c - b->net->pkt));
  if (iob && iob_copyin(b, iob, frame, len, 0, true) >= 0 && iob_tryadd_queue(b, iob, &c->readahead) == 0)
    {
      charge(b, COST_COPY, len);
      netwait_wake(b, &c->sconn.rx);
      return;
    }
  iob_free_chain(b, iob);
  c->drops++;
}

/* Frames out: one, of the socket whose turn it is. */

bool pkt_poll(struct netdev *dev)
{
  struct board *b = dev->board;
  struct net *net = b->net;
  for (uint32_t i = 0; i < net->npkt; i++)
    {
      struct pkt_conn *c = &net->pkt[(net->pkt_turn + i) % net->npkt];
      struct iob_s *iob = c->used && c->sconn.boundif == dev->index ? iob_remove_queue(b, c->write) : NULL;
      if (iob == NULL) continue;
      net->pkt_turn = (net->pkt_turn + i + 1) % net->npkt;
      iob_set_owner(b, iob, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      netwait_wake_all(b, &c->sconn.snd);
      devif_send(dev, iob);
      return true;
    }
  return false;
}

void pkt_netdown(struct netdev *dev)
{
  struct net *net = dev->board->net;
  for (uint32_t i = 0; i < net->npkt; i++)
    {
      struct pkt_conn *c = &net->pkt[i];
      if (!c->used || c->sconn.boundif != dev->index) continue;
      iob_free_queue(dev->board, c->write);
      netwait_wake_all(dev->board, &c->sconn.snd);
      netwait_wake_all(dev->board, &c->sconn.rx);
    }
}

/* From the side of their owner. `queue`: the number of the queue for what it sends. */

int32_t pkt_socket(struct board *b, uint32_t type, int32_t queue)
{
  struct net *net = b->net;
  if (net == NULL) return -ENODEV;
  struct iob_queue_s *write = table_get(&b->iob.queues, queue);
  if (write == NULL || type > 65535) return -EINVAL;
  for (uint32_t i = 0; i < net->npkt; i++)
    {
      struct pkt_conn *c = &net->pkt[i];
      if (c->used) continue;
      *c = (struct pkt_conn){ .used = true, .type = (uint16_t)type, .write = write, .sconn = c->sconn };
      sconn_init(net, &c->sconn, IP_V4);
      return (int32_t)i;
    }
  return -ENOMEM;
}

int64_t pkt_close(struct board *b, int32_t conn)
{
  struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  iob_free_queue(b, &c->readahead);
  iob_free_queue(b, c->write);
  c->used = false;
  netwait_wake_all(b, &c->sconn.rx);
  netwait_wake_all(b, &c->sconn.snd);
  return answer(b, 0);
}

/* Loopback has no frames. */

int32_t pkt_bind(struct board *b, int32_t conn, int32_t dev, uint32_t type)
{
  struct pkt_conn *c = pkt_find(b, conn);
  const struct netdev *d = netdev_find(b, dev);
  if (c == NULL) return -EBADF;
  if (type > 65535) return -EINVAL;
  if (d == NULL || d->transmit == NULL) return -EADDRNOTAVAIL;
  c->sconn.boundif = d->index;
  if (type) c->type = (uint16_t)type;
  return 0;
}

/* The next frame: its first `len` bytes, the rest is lost. */

int64_t pkt_recv(struct board *b, int32_t conn, uint8_t *buf, uint32_t len, uint32_t flags)
{
  struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  if (c->sconn.boundif == 0) return -ENODEV;
  struct iob_s *iob = iob_peek_queue(&c->readahead);
  if (iob == NULL) return answer(b, flags & MSG_DONTWAIT ? -EAGAIN : netwait_expect(&c->sconn.rx, -EAGAIN));
  int n = iob_copyout(buf, iob, len, 0);
  charge(b, COST_COPY, (uint32_t)n);
  if (!(flags & MSG_PEEK))
    {
      iob_remove_queue(b, &c->readahead);
      iob_free_chain(b, iob);
    }
  return answer(b, n);
}

/* Whether the device can have a frame of that length and the socket may queue it. 0; NET_WAIT_SND. */

int64_t pkt_begin(struct board *b, int32_t conn, uint32_t len)
{
  struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  charge(b, COST_CALL, 1);
  const struct netdev *dev = netdev_find(b, c->sconn.boundif);
  if (dev == NULL) return -ENODEV;
  if (!(dev->flags & IFF_UP)) return -ENETDOWN;
  if (len < NET_LL_GUARDSIZE) return -EINVAL;
  if (len > dev->mtu + NET_LL_GUARDSIZE) return -EMSGSIZE;
  if (c->sconn.sndbufs && iob_get_queue_size(c->write) + len >= c->sconn.sndbufs) return netwait_expect(&c->sconn.snd, NET_WAIT_SND);
  return answer(b, 0);
}

/* A frame is in the queue now: it is not its task's any more, and the device is told. */

int32_t pkt_queued(struct board *b, int32_t conn)
{
  struct pkt_conn *c = pkt_find(b, conn);
  struct netdev *dev = c ? netdev_find(b, c->sconn.boundif) : NULL;
  if (dev == NULL) return -EBADF;
  if (c->write->qh_tail) iob_set_owner(b, c->write->qh_tail->qe_head, IOB_OWNER(IOB_OWNER_PKT_WRITE, conn));
  netdev_txnotify(dev, PKT_POLL);
  return 0;
}

/* 0 once the device has taken everything; -EAGAIN: the caller will wait where senders do. */

int32_t pkt_sent(struct board *b, int32_t conn)
{
  struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  return iob_peek_queue(c->write) ? netwait_expect(&c->sconn.snd, -EAGAIN) : 0;
}

int32_t pkt_pollsetup(struct board *b, int32_t conn, int32_t poller, uint32_t events)
{
  struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  if (c->sconn.boundif == 0) return -ENODEV;
  struct poll_place at = { .rx = &c->sconn.rx, .snd = &c->sconn.snd, .room = POLL_ROOM_ANY };
  return poll_watch(b, poller, &at, events, b->net->cfg[NETCFG_PKT_NPOLLWAITERS]);
}

static uint32_t ready(struct board *b, const struct pkt_conn *c)
{
  bool room = iob_navail(b, false) > 0 && (!c->sconn.sndbufs || iob_get_queue_size(c->write) < c->sconn.sndbufs);
  return (iob_peek_queue(&c->readahead) ? NET_POLLIN : 0) | (room ? NET_POLLOUT : 0);
}

int64_t pkt_get(struct board *b, int32_t conn, uint32_t what)
{
  const struct pkt_conn *c = pkt_find(b, conn);
  if (c == NULL) return -EBADF;
  switch (what)
    {
      case SOCK_LPORT:   return c->type;
      case SOCK_DROPS:   return (int64_t)c->drops;
      case SOCK_READY:   return ready(b, c);
      default:           return sconn_get(&c->sconn, what);
    }
}
