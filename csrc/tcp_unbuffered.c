/* tcp_unbuffered.c - sending without write buffers (CONFIG_NET_TCP_WRITE_BUFFERS=n), as NuttX's tcp_send_unbuffered.c.
 *
 * The payload stays in the sender's own memory: the connection points there while the task waits in send(), and when
 * the device asks a segment is copied from it. The send is over when the peer has acknowledged everything. No IOB is
 * held meanwhile, but by the segment on its way through the device. One task sends at a time.
 *
 * A sender that leaves before that (timeout, signal, killed, closed) takes its memory along. What never left the board
 * is then not sent. What did leave may have to go once more: it is copied into a write buffer after all, or, if there
 * are no IOBs for that, the connection is reset, since its stream cannot be completed any more.
 */
#include "tcp.h"

int64_t tcp_lend(struct tcp_conn *c, const uint8_t *data, uint32_t len, int32_t pid)
{
  if (len == 0) return 0;
  if (c->txsize) return NET_WAIT_SND;         /* somebody else's bytes */
  c->direct = data;
  c->txsize = len;
  c->sender = pid;
  return 0;
}

int64_t tcp_take_back(struct net *net, struct tcp_conn *c)
{
  const uint8_t *data = c->direct;
  if (data == NULL) return 0;
  uint32_t out = min_u32(c->snd_max - c->snd_una, c->txsize), kept = 0;
  struct iob_s *none = NULL;
  c->direct = NULL;
  c->sender = 0;
  c->txsize = 0;
  while (kept < out)
    {
      int64_t r = tcp_fill(net, c, data + kept, out - kept, &none);
      if (r <= 0) break;
      kept += (uint32_t)r;
    }
  if (kept < out)
    {
      tcp_reset(net, c);
      tcp_ended(net, c, ECONNABORTED);
    }
  else
    tcp_pending(net, c);                      /* a FIN may have waited behind what is not sent now */
  netwait_wake_all(net->board, &c->sconn.snd);
  return out;
}
