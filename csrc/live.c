/* live.c - running against the wall clock: sleep until the next event is due or a descriptor has something.
 *
 * The only place where the core waits, and the only one that gives up the GIL: the wait happens on the thread that
 * runs the board, between two instants, with nothing of ours on the stack.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "live.h"
#include "tap.h"

#define LOOK_NS 10000000LL    /* how often a host that waits for something of its own gets to look for it */

static int64_t host_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t live_now(const struct bench *n)
{
  return host_ns() - n->live_origin;
}

int32_t live_start(struct bench *n, int64_t spin_ns)
{
  if (n->live_set) return -EBUSY;
  n->live_set = calloc(1, sizeof *n->live_set);
  if (n->live_set == NULL) return -ENOMEM;
  n->live_set->spin_ns = spin_ns;
  n->live = true;
  n->live_origin = host_ns() - n->now;
  return 0;
}

/* A file descriptor of Python's: live_poll() returns bit `index` when it is readable. */

int32_t live_add_fd(struct bench *n, int32_t fd)
{
  struct live *l = n->live_set;
  if (l == NULL || fd < 0) return -EINVAL;
  if (l->nfds == LIVE_MAXFDS) return -ENOSPC;
  l->fd[l->nfds].fd = fd;
  return (int32_t)l->nfds++;
}

/* A wire end that frames come from. */

int32_t live_add_port(struct bench *n, int32_t port)
{
  struct port *p = port_find(n, port);
  int32_t i = p ? live_add_fd(n, port_fd(p)) : -EINVAL;
  if (i < 0) return i;
  n->live_set->fd[i].drain = tap_drain;
  n->live_set->fd[i].port = p;
  return i;
}

int32_t live_remove(struct bench *n, int32_t index)
{
  struct live *l = n->live_set;
  if (l == NULL || index < 0 || (uint32_t)index >= l->nfds) return -EINVAL;
  l->fd[index].fd = -1;                     /* poll() skips it; the other numbers stay as they are */
  l->fd[index].drain = NULL;
  return 0;
}

static int64_t take_in(struct bench *n, const struct pollfd *fds)
{
  struct live *l = n->live_set;
  int64_t ready = 0;
  for (uint32_t i = 0; i < l->nfds; i++)
    {
      if (fds[i].fd < 0 || !(fds[i].revents & (POLLIN | POLLHUP | POLLERR))) continue;
      if (l->fd[i].drain)
        l->fd[i].drain(l->fd[i].port);
      else
        ready |= 1LL << i;
    }
  return ready;
}

static void clock_forward(struct bench *n)
{
  struct event *ev = event_top(&n->heap);
  int64_t t = live_now(n);
  if (ev && ev->time < t) t = ev->time;     /* events keep their own time, however late the host is */
  if (t > n->now)
    {
      n->now = t;
      n->entries = 0;
      n->looked = false;
      n->progress++;
    }
}

/* Waits for the next event's time or for input, whichever is first. Spins for a while after input, since an answer is
 * likely to follow and waking up costs more than it takes to come. */

int64_t live_poll(struct bench *n)
{
  struct live *l = n->live_set;
  struct pollfd fds[LIVE_MAXFDS];
  if (l == NULL) return -EINVAL;
  for (uint32_t i = 0; i < l->nfds; i++) fds[i] = (struct pollfd){ .fd = l->fd[i].fd, .events = POLLIN };
  struct event *ev = event_top(&n->heap);
  int64_t wait = ev ? ev->time - live_now(n) : NSEC_PER_SEC;
  if (n->check && wait > LOOK_NS) wait = LOOK_NS;
  int got = 0;

  PyThreadState *thread = PyEval_SaveThread();
  if (wait > 0)
    {
      int64_t start = host_ns();
      bool spin = start - l->last_input < l->spin_ns;
      do
        got = poll(fds, l->nfds, 0);
      while (got == 0 && spin && host_ns() - start < (wait < l->spin_ns ? wait : l->spin_ns));
      if (got == 0 && wait > host_ns() - start)
        {
          int64_t left = wait - (host_ns() - start);
          struct timespec ts = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };
          got = ppoll(fds, l->nfds, &ts, NULL);
        }
    }
  else
    got = poll(fds, l->nfds, 0);
  PyEval_RestoreThread(thread);

  clock_forward(n);
  if (got <= 0) return 0;
  l->last_input = host_ns();
  return take_in(n, fds);
}

void live_free(struct bench *n)
{
  free(n->live_set);
  n->live_set = NULL;
}
