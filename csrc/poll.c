/* poll.c - tasks that wait for several sockets at once (NuttX fs_poll.c and the protocols' *_netpoll.c).
 *
 * A poller hangs at every place where its sockets wake somebody, and at the pool if it wants to send. What wakes it is
 * only a reason to look again: what it reports is what it finds then.
 */
#include <stdlib.h>

#include "notifier.h"
#include "inet.h"

static struct poller *poller_find(struct board *b, int32_t poller)
{
  return b->net ? table_get(&b->net->pollers, poller) : NULL;
}

/* A poller for a task: its number, used again by whoever polls next. */

int32_t poll_new(struct board *b)
{
  struct net *net = b->net;
  if (net == NULL) return -ENODEV;
  struct poller *p = calloc(1, sizeof *p);
  if (p == NULL) return -ENOMEM;
  int32_t id = nxsem_init(b, &p->sem, 0) < 0 ? -ENOMEM : table_add(&net->pollers, p);
  if (id < 0)
    {
      if (p->sem.id) nxsem_destroy(b, &p->sem);
      free(p);
      return id;
    }
  b->iob.notify = iob_freed;
  return id;
}

int32_t poll_sem(struct board *b, int32_t poller)
{
  const struct poller *p = poller_find(b, poller);
  return p ? (int32_t)p->sem.id : -EBADF;
}

static void unlink_all(struct poller *p)
{
  while (p->nlinks)
    {
      struct poll_link *link = &p->link[--p->nlinks];
      *link->prev = link->next;
      if (link->next) link->next->prev = link->prev;
    }
}

/* Before a poll of `n` sockets. */

int32_t poll_begin(struct board *b, int32_t poller, uint32_t n)
{
  struct poller *p = poller_find(b, poller);
  if (p == NULL || n > NET_POLL_MAX) return p ? -EINVAL : -EBADF;
  unlink_all(p);
  if (p->sem.count > 0) p->sem.count = 0;
  if (p->cap >= NET_POLL_LINKS * n) return 0;
  struct poll_link *room = calloc(NET_POLL_LINKS * n, sizeof *room);
  if (room == NULL) return -ENOMEM;
  free(p->link);
  p->link = room;
  p->cap = NET_POLL_LINKS * n;
  return 0;
}

int32_t poll_end(struct board *b, int32_t poller)
{
  struct poller *p = poller_find(b, poller);
  if (p == NULL) return -EBADF;
  unlink_all(p);
  if (p->room) b->iob.npollers--;
  p->room = 0;
  return 0;
}

void poll_fini(struct net *net)
{
  for (uint32_t i = 1; i < net->pollers.n; i++)
    {
      struct poller *p = net->pollers.slot[i];
      if (p) free(p->link);
      free(p);
    }
  table_fini(&net->pollers);
}

static void watch(struct poller *p, struct netwait *w)
{
  struct poll_link *link = &p->link[p->nlinks++];
  *link = (struct poll_link){ .next = w->polled, .prev = &w->polled, .poller = p };
  if (link->next) link->next->prev = &link->next;
  w->polled = link;
}

int poll_watch(struct board *b, int32_t poller, const struct poll_place *at, uint32_t events, int64_t limit)
{
  struct poller *p = poller_find(b, poller);
  if (p == NULL || p->nlinks + NET_POLL_LINKS > p->cap) return p ? -EINVAL : -EBADF;
  int64_t n = 0;
  for (struct poll_link *link = at->rx->polled; link; link = link->next) n++;
  if (n >= limit) return -ENOMEM;
  watch(p, at->rx);
  if (!(events & NET_POLLOUT)) return 0;
  watch(p, at->snd);
  if (at->wrb) watch(p, at->wrb);
  if (p->room == 0 && at->room) b->iob.npollers++;
  p->room |= at->room;
  return 0;
}

/* Once is enough, however much happens until it runs. */

static void post(struct board *b, struct poller *p)
{
  if (p->sem.count < 1) nxsem_post_c(b, &p->sem);
}

void poll_notify(struct board *b, const struct netwait *w)
{
  for (struct poll_link *link = w->polled; link; link = link->next) post(b, link->poller);
}

/* A buffer has come free. */

void poll_room(struct board *b)
{
  const struct net *net = b->net;
  int32_t any = iob_navail(b, false), throttled = iob_navail(b, true);
  for (uint32_t i = 1; i < net->pollers.n; i++)
    {
      struct poller *p = net->pollers.slot[i];
      if (p && ((p->room & POLL_ROOM_ANY && any) || (p->room & POLL_ROOM_THROTTLED && throttled))) post(b, p);
    }
}
