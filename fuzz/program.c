/* program.c - the program on the board: it makes socket calls, and instead of waiting does something else. */

#include <stdio.h>

#include "target.h"

enum call
{
  CALL_SOCKET, CALL_LISTEN, CALL_ACCEPT, CALL_CONNECT, CALL_CONNECT_LO, CALL_SEND, CALL_RECV, CALL_CLOSE, CALL_SHUTDOWN,
  CALL_SET, CALL_PEEK, CALL_UDP, CALL_BIND, NCALLS
};

static void opened(struct target *t, uint32_t h, int64_t conn)
{
  if (conn < 0) return;
  if (t->handle[h] >= 0) tcp_close(t->b, t->handle[h], 0);
  t->handle[h] = (int32_t)conn;
  t->had[h] = 0;
}

/* The bytes that belong at this place of the stream. After NET_WAIT_IOB it gets one, if there is one. */

static void send_some(struct target *t, int32_t conn, uint32_t len)
{
  static const uint32_t most = 8192;
  uint8_t data[8192];
  if (len > most) len = most;
  int64_t queued = tcp_get(t->b, conn, SOCK_QUEUED);
  for (uint32_t i = 0; i < len; i++) data[i] = content((uint32_t)queued + i);
  int64_t r = tcp_send(t->b, conn, data, len, len & 1 ? MSG_DONTWAIT : 0);
  REQUIRE(r <= (int64_t)len);
  struct iob_s *iob = r == NET_WAIT_IOB ? iob_tryalloc(t->b, true, IOB_OWNER(IOB_OWNER_TEST, 0)) : NULL;
  if (iob) REQUIRE(tcp_send_iob(t->b, conn, data, len, iob->io_index) <= (int64_t)len);
}

static void recv_some(struct target *t, uint32_t h, uint32_t len, uint32_t flags)
{
  uint8_t data[4096];
  int64_t r = tcp_recv(t->b, t->handle[h], data, len < sizeof data ? len : sizeof data, flags | MSG_DONTWAIT);
  for (int64_t i = 0; i < r; i++) REQUIRE(t->tainted || data[i] == content(t->had[h] + (uint32_t)i));
  if (r > 0 && !(flags & MSG_PEEK)) t->had[h] += (uint32_t)r;
}

static void set_some(struct target *t, int32_t conn, struct input *in)
{
  static const uint32_t what[] = { SOCK_RCVBUF, SOCK_SNDBUF, SOCK_NODELAY, SOCK_KEEPALIVE, SOCK_KEEPIDLE, SOCK_REUSE };
  uint32_t which = what[take(in) % 6], value = take(in);
  if (which == SOCK_RCVBUF || which == SOCK_SNDBUF || which == SOCK_KEEPIDLE) value *= 64;    /* seconds would be slow */
  tcp_set(t->b, conn, which, value);
}

static void udp_some(struct target *t, uint32_t n)
{
  uint8_t data[1600] = { 0 }, from[SOCKNAME_LEN];
  udp_recvfrom(t->b, t->udp, data, sizeof data, MSG_DONTWAIT, from);
  udp_sendto(t->b, t->udp, data, n * 6, t->host_name, 9, MSG_DONTWAIT);
}

/* Call and socket, then what it needs. */

void program_call(struct target *t, struct input *in)
{
  uint32_t which = take(in), h = which >> 5, n = take(in);
  int32_t conn = t->handle[h];
  switch ((enum call)((which & 31) % NCALLS))
    {
      case CALL_SOCKET:     opened(t, h, tcp_socket(t->b, target_family(t))); return;
      case CALL_BIND:       tcp_bind(t->b, conn, n & 1 ? t->board_name : target_any, n & 2 ? 7 : 0); return;
      case CALL_LISTEN:     tcp_bind(t->b, conn, target_any, 7); tcp_listen(t->b, conn, (int32_t)n & 7); return;
      case CALL_ACCEPT:     opened(t, n & 7, tcp_accept(t->b, conn, MSG_DONTWAIT)); return;
      case CALL_CONNECT:    tcp_connect(t->b, conn, t->host_name, 1000 + (n & 7)); return;
      case CALL_CONNECT_LO: tcp_connect(t->b, conn, n & 1 ? t->board_name : target_any, n & 2 ? 4100 : 7); return;
      case CALL_SEND:       send_some(t, conn, n * (n & 1 ? 1 : 64)); return;
      case CALL_RECV:       recv_some(t, h, n * 16 + 1, 0); return;
      case CALL_PEEK:       recv_some(t, h, n * 16 + 1, MSG_PEEK); return;
      case CALL_SHUTDOWN:   tcp_shutdown(t->b, conn, (int32_t)(n % 3) + 1); return;
      case CALL_SET:        set_some(t, conn, in); return;
      case CALL_UDP:        udp_some(t, n); return;
      case CALL_CLOSE:
        tcp_close(t->b, conn, n & 1);
        t->handle[h] = -1;
        return;
      default: return;
    }
}

void program_end(struct target *t)
{
  for (int i = 0; i < NHANDLES; i++)
    if (t->handle[i] >= 0) tcp_close(t->b, t->handle[i], 0);
  udp_close(t->b, t->udp);
}
