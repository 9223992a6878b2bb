/* tcp_write.c - what the owner has written and the peer has not acknowledged: write buffers of IOB chains.
 *
 * A write buffer is a chain of throttled IOBs with a header (struct tcp_wrb), as in NuttX's tcp_send_buffered.c. It is
 * filled up to a chunk, four full segments or half the pool; what comes next goes into the last one as long as nothing
 * of that was sent. Acknowledged bytes go back at once, buffer by buffer.
 *
 * What happens when there are no more IOBs: none at the start, and the caller waits (NET_WAIT_IOB) or is told EAGAIN;
 * in the middle, and the number of bytes that were taken is returned.
 */
#include "tcp.h"

static uint32_t owner(const struct net *net, const struct tcp_conn *c)
{
  return IOB_OWNER(IOB_OWNER_TCP_WRITE, tcp_number(net, c));
}

/* Half the pool at most, and whole segments, so that none is left over (NuttX tcp_max_wrb_size). */

static uint32_t chunk_size(const struct net *net, const struct tcp_conn *c)
{
  const struct iob_pool *pool = &net->board->iob;
  uint32_t size = 4 * c->mss, most = pool->nbuffers * pool->bufsize / 2;
  if (size > most) size = most;
  return size > c->mss ? size / c->mss * c->mss : size;
}

/* The last write buffer, if nothing of it was sent and it has room. */

static struct tcp_wrb *unsent_tail(const struct tcp_conn *c, uint32_t chunk)
{
  struct tcp_wrb *w = c->write_tail;
  if (w == NULL || w->iob->io_pktlen >= chunk) return NULL;
  return c->snd_max - c->snd_una <= c->txsize - w->iob->io_pktlen ? w : NULL;
}

static struct tcp_wrb *new_wrb(struct net *net, struct tcp_conn *c, struct iob_s *iob)
{
  struct tcp_wrb *w = net->tcp->wrb_free;
  net->tcp->wrb_free = w->next;
  *w = (struct tcp_wrb){ .iob = iob };
  *(c->write_tail ? &c->write_tail->next : &c->write_head) = w;
  c->write_tail = w;
  return w;
}

static void release(struct net *net, struct tcp_conn *c)
{
  struct tcp *tcp = net->tcp;
  struct tcp_wrb *w = c->write_head;
  c->write_head = w->next;
  if (c->write_head == NULL) c->write_tail = NULL;
  iob_free_chain(net->board, w->iob);
  w->iob = NULL;
  w->next = tcp->wrb_free;
  tcp->wrb_free = w;
  netwait_wake(net->board, &tcp->wrbwait);
}

int64_t tcp_fill(struct net *net, struct tcp_conn *c, const uint8_t *data, uint32_t len, struct iob_s **first)
{
  struct board *b = net->board;
  uint32_t chunk = chunk_size(net, c);
  struct tcp_wrb *w = unsent_tail(c, chunk);
  uint32_t room = w ? iob_tailroom(b, w->iob) : 0;
  if (w == NULL || room == 0)
    {
      if (w == NULL && net->tcp->wrb_free == NULL) return NET_WAIT_WRB;
      struct iob_s *iob = *first ? *first : iob_tryalloc(b, send_throttled(net), owner(net, c));
      *first = NULL;
      if (iob == NULL) return NET_WAIT_IOB;
      iob_set_owner(b, iob, owner(net, c));
      if (w == NULL)
        w = new_wrb(net, c, iob);
      else
        iob_concat(w->iob, iob);
    }
  uint32_t was = w->iob->io_pktlen;
  iob_copyin(b, w->iob, data, min_u32(len, chunk - was), (int32_t)was, send_throttled(net));
  uint32_t taken = w->iob->io_pktlen - was;
  c->txsize += taken;
  return taken;
}

int64_t tcp_buffer(struct net *net, struct tcp_conn *c, const uint8_t *data, uint32_t len, struct iob_s *first)
{
  int64_t r = 0;
  uint32_t done = 0;
  while (done < len)
    {
      uint32_t most = len - done;
      if (c->sconn.sndbufs)
        {
          if (c->txsize >= c->sconn.sndbufs)
            {
              r = NET_WAIT_SND;
              break;
            }
          most = min_u32(most, c->sconn.sndbufs - c->txsize);
        }
      r = tcp_fill(net, c, data + done, most, &first);
      if (r < 0) break;
      done += (uint32_t)r;
    }
  iob_free_chain(net->board, first);
  return done ? done : r;
}

/* The peer has it. */

void tcp_write_trim(struct net *net, struct tcp_conn *c, uint32_t n)
{
  c->txsize -= n;
  c->acked += n;
  if (c->direct)
    {
      c->direct += n;
      return;
    }
  while (n && n >= c->write_head->iob->io_pktlen)
    {
      n -= c->write_head->iob->io_pktlen;
      release(net, c);
    }
  if (n) c->write_head->iob = iob_trimhead(net->board, c->write_head->iob, n);
}

void tcp_write_free(struct net *net, struct tcp_conn *c)
{
  while (c->write_head) release(net, c);
  c->txsize = 0;
  c->direct = NULL;
}

/* Copies bytes from `offset` behind snd_una to `at` of a packet being built. */

int tcp_write_clone(struct net *net, const struct tcp_conn *c, uint32_t offset, uint32_t len, struct iob_s *to,
                    uint32_t at)
{
  if (c->direct) return iob_copyin(net->board, to, c->direct + offset, len, (int32_t)at, false) < 0 ? -ENOMEM : 0;
  const struct tcp_wrb *w = c->write_head;
  while (w && offset >= w->iob->io_pktlen)
    {
      offset -= w->iob->io_pktlen;
      w = w->next;
    }
  for (; w && len; w = w->next)
    {
      uint32_t n = min_u32(len, w->iob->io_pktlen - offset);
      int ret = iob_clone_partial(net->board, w->iob, n, (int32_t)offset, to, (int32_t)at, false);
      if (ret < 0) return ret;
      at += n;
      len -= n;
      offset = 0;
    }
  return len ? -EINVAL : 0;
}
