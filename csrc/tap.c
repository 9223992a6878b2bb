/* tap.c - frames from and to a TAP interface (Linux), see tap.h. */

#define _GNU_SOURCE               /* struct ifreq, O_CLOEXEC */

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "board.h"
#include "tap.h"

struct tap
{
  struct port port;
  int         fd;
  uint64_t    lost;               /* frames that the descriptor would not take */
  uint8_t     giant[WIRE_MAXLEN]; /* the part of a frame that an ordinary buffer does not hold */
};

/* Reads one frame: its length, 0 if there is none, or -errno. */

static int64_t read_one(struct tap *t, struct frame *f)
{
  struct iovec part[2] = { { f ? f->data : NULL, f ? FRAME_CAP : 0 }, { t->giant, sizeof t->giant } };
  ssize_t len;
  do
    len = readv(t->fd, part, 2);
  while (len < 0 && errno == EINTR);
  if (len < 0 && (errno == EAGAIN || errno == EIO)) return 0;    /* EIO: the host's interface is down for now */
  return len < 0 ? -errno : len == 0 ? -EPIPE : len;
}

/* Without a link the frame is read and lost, as on a NIC without a cable. */

static void deliver(struct tap *t, struct frame *f, uint32_t len)
{
  struct port *p = &t->port;
  if (f == NULL)
    {
      p->stat[PSTAT_NOLINK]++;
      return;
    }
  if (len > WIRE_MAXLEN) len = WIRE_MAXLEN;
  if (len <= FRAME_CAP)
    {
      f->len = len;
      wire_carry(p, f, p->bench->now, 0);
      return;
    }
  struct frame *giant = wire_frame(p, len);
  if (giant)
    {
      memcpy(giant->data, f->data, FRAME_CAP);
      memcpy(giant->data + FRAME_CAP, t->giant, len - FRAME_CAP);
      wire_carry(p, giant, p->bench->now, 0);
    }
  frame_free(&p->peer->pool, f);
}

/* The interface was deleted, or whoever held the other end is gone. Its descriptor would be "readable" for ever after,
 * so one takes its place that never is: an unarmed timer.
 */

static int lost(struct tap *t, int why)
{
  int never = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (never >= 0)
    {
      dup2(never, t->fd);
      close(never);
    }
  port_set_down(&t->port, DOWN_BY_BENCH, true);
  return why;
}

int tap_drain(struct port *p)
{
  struct tap *t = container_of(p, struct tap, port);
  for (int n = 0; n < TAP_BURST; n++)
    {
      struct frame *f = port_link(p) ? wire_frame(p, FRAME_CAP) : NULL;
      int64_t len = read_one(t, f);
      if (len > 0)
        {
          deliver(t, f, (uint32_t)len);
          continue;
        }
      if (f) frame_free(&p->peer->pool, f);
      return len < 0 ? lost(t, (int)len) : n;
    }
  return TAP_BURST;
}

/* What the board sends is written at once; a frame that the wire delays on purpose waits for its time. */

static void write_out(struct port *p, int64_t until)
{
  struct tap *t = container_of(p, struct tap, port);
  while (p->rx.head && p->rx.head->time <= until)
    {
      struct frame *f = frameq_take(&p->rx);
      p->stat[PSTAT_RX_FRAMES]++;
      p->stat[PSTAT_RX_BYTES] += f->len;
      capture_put(&p->cap, (uint32_t)p->id, false, f->time, f->data, f->len, f->flags);
      if (write(t->fd, f->data, f->len) < 0) t->lost++;
      frame_free(&p->pool, f);
    }
  if (p->rx.head) event_at(&p->bench->heap, &p->ev, p->rx.head->time);
}

static void tap_arrived(struct port *p, struct frame *f)
{
  bool held = f->flags & (FRAME_DELAYED | FRAME_REORDERED);
  write_out(p, held ? p->bench->now : f->time);
}

static void tap_event(struct port *p)
{
  write_out(p, p->bench->now);
}

static void tap_fini(struct port *p)
{
  struct tap *t = container_of(p, struct tap, port);
  port_fini(p);
  close(t->fd);
  free(t);
}

static const struct port_ops tap_ops = { .arrived = tap_arrived, .event = tap_event, .fini = tap_fini };

int port_fd(const struct port *p)
{
  return p->ops == &tap_ops ? container_of(p, const struct tap, port)->fd : -1;
}

uint64_t tap_lost(const struct port *p)
{
  return p->ops == &tap_ops ? container_of(p, const struct tap, port)->lost : 0;
}

int32_t tap_attach(struct bench *n, int fd, uint32_t mbps)
{
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) return -errno;
  struct tap *t = calloc(1, sizeof *t);
  if (t == NULL) return -ENOMEM;
  int ret = port_init(n, &t->port, PORT_TAP, &tap_ops, mbps);
  if (ret < 0)
    {
      free(t);
      return ret;
    }
  t->fd = fd;
  t->port.instant = true;
  return t->port.id;
}

int32_t tap_open(struct bench *n, const char *name, uint32_t mbps)
{
  struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
  if (strlen(name) >= sizeof ifr.ifr_name) return -(TAP_NO_SETIFF + ENAMETOOLONG);
  strcpy(ifr.ifr_name, name);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return -(TAP_NO_OPEN + errno);
  int ret = ioctl(fd, TUNSETIFF, &ifr) < 0 ? -(TAP_NO_SETIFF + errno) : tap_attach(n, fd, mbps);
  if (ret < 0) close(fd);
  return ret;
}
