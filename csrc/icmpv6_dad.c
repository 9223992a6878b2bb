/* icmpv6_dad.c - is an address that we were given free? Duplicate address detection (RFC 4862 5.4).
 *
 * A new address is tentative: nothing is sent from it or received for it. One solicitation asks for it, from nobody; if
 * nobody has answered within a second, and nobody has asked the same, it is ours. Else it stays unused. The link going
 * down and up again starts over. Time is measured by a work item, on the queue that the network's timers have.
 *
 * NuttX tests only the link-local address that it makes itself. Here that is so, too, unless NUTLOOP_IPv6_DAD is set.
 */
#include "inet.h"

#define WORK_DAD      4u                  /* number of the timer's work function */
#define RETRANS_TIMER NSEC_PER_SEC        /* RFC 4861 10 */

/* The timer runs for the address whose second ends first; none that begins later can end before it. */

static void schedule(struct net *net, int64_t ns)
{
  struct board *b = net->board;
  if (!work_available(&net->dad_work)) return;
  work_queue_c(b, net->wq, &net->dad_work, WORK_DAD, 0, (ns + b->tick_ns - 1) / b->tick_ns);
}

static bool testable(const struct netdev *dev)
{
  return (dev->flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK | IFF_NOARP)) == (IFF_UP | IFF_RUNNING);
}

void icmpv6_dad_start(struct netdev *dev, struct ifaddr *a)
{
  if (a->state != IFADDR_TENTATIVE || !testable(dev)) return;
  a->asks = true;
  a->asked = 0;
  netdev_txnotify(dev, ICMPv6_POLL);
}

/* The link is there, or what may be asked on it has changed. */

void icmpv6_dad_carrier(struct netdev *dev)
{
  for (struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    {
      if (a->tested) a->state = dev->flags & IFF_NOARP ? IFADDR_READY : IFADDR_TENTATIVE;
      icmpv6_dad_start(dev, a);
    }
}

/* One question that is due. Its second begins when it leaves: nothing is decided while the device has not asked. */

bool icmpv6_dad_poll(struct netdev *dev)
{
  struct board *b = dev->board;
  for (struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    {
      if (!a->asks) continue;
      struct iob_s *iob = iob_tryalloc(b, false, IOB_OWNER(IOB_OWNER_TXWORK, dev->index));
      if (iob == NULL)
        {
          dev->stats.tx_noiob++;
          schedule(b->net, RETRANS_TIMER);
          return false;
        }
      a->asks = false;
      a->asked = b->bench->now;
      schedule(b->net, RETRANS_TIMER);
      icmpv6_solicit_from(dev, iob, ipaddr_anylike(a->addr), a->addr);
      return true;
    }
  return false;
}

/* Somebody has that address, or wants it. */

void icmpv6_claimed(struct netdev *dev, struct ipaddr addr)
{
  for (struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
    if (a->state == IFADDR_TENTATIVE && ipaddr_equal(a->addr, addr))
      {
        a->state = IFADDR_DUPLICATE;
        a->asks = false;
        netwait_wake_all(dev->board, &dev->configured);
        trace_put(dev->board, TR_IP6_DUPLICATE, dev->index, (int64_t)addr.lo);
      }
}

static void dad_work(struct board *b, uint32_t arg)
{
  struct net *net = b->net;
  int64_t left = 0;           /* until the next second ends; 0: none has begun */
  (void)arg;
  for (struct netdev *dev = net->dev; dev < net->dev + net->ndevs; dev++)
    for (struct ifaddr *a = dev->ifaddr + 1; a < dev->ifaddr + dev->nifaddrs; a++)
      {
        if (a->state != IFADDR_TENTATIVE || !testable(dev) || !(a->asks || a->asked)) continue;
        if (a->asks) netdev_txnotify(dev, ICMPv6_POLL);       /* there was no buffer for it */
        int64_t rest = a->asks ? RETRANS_TIMER : a->asked + RETRANS_TIMER - b->bench->now;
        if (rest > 0)
          {
            left = left && left < rest ? left : rest;
            continue;
          }
        a->state = IFADDR_READY;
        netwait_wake_all(b, &dev->configured);
      }
  if (left) schedule(net, left);
}

void icmpv6_dad_initialize(struct net *net)
{
  net->dad_work.flags = WORK_NETLOCK;
  net->board->work_c[WORK_DAD] = dad_work;
}
