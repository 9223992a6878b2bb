/* tcp_read.c - what has been received: in order into the read-ahead chain, out of order into runs beside it.
 *
 * The chain that a segment came in becomes part of the read-ahead; nothing is copied but by CONFIG_NET_RECV_PACK. How
 * much the peer may send follows the IOBs that are free (NuttX tcp_recvwindow.c): all connections promise the same
 * ones, so a segment may find none when it comes. Then it is lost, is not acknowledged, and comes again.
 */
#include "tcp.h"

/* What can be taken in now. Throttled buffers first; if only those are left that the throttle keeps for receiving, one
 * segment for a connection that has nothing yet, so that none starves.
 */

static uint32_t window_by_iobs(struct net *net, struct tcp_conn *c)
{
  struct board *b = net->board;
  int throttled = iob_navail(b, true), all = iob_navail(b, false);
  uint32_t tail = c->readahead.head ? b->iob.bufsize - c->readahead.tail->io_offset - c->readahead.tail->io_len : 0;
  if (throttled > 0) return tail + (uint32_t)throttled * b->iob.bufsize;
  if (c->readahead.head == NULL && b->iob.throttle > 0 && !receive_throttled(net))
    return c->rcv_mss < (uint32_t)all * b->iob.bufsize ? c->rcv_mss : (uint32_t)all * b->iob.bufsize;
  return tail;
}

static uint32_t parked(const struct tcp_conn *c)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->nofo; i++) n += c->ofo[i].right - c->ofo[i].left;
  return n;
}

/* Not more than SO_RCVBUF leaves; a number that a header can say. */

static uint32_t within_rcvbuf(const struct tcp_conn *c, uint32_t w)
{
  uint32_t used = readahead_len(&c->readahead);
  if (c->sconn.rcvbufs == 0) return w;
  return used < c->sconn.rcvbufs ? min_u32(w, c->sconn.rcvbufs - used) : 0;
}

static uint32_t representable(uint32_t w, uint32_t scale)
{
  return min_u32(w >> scale, 65535) << scale;
}

/* What can be taken in. The peer may always send what is missing in front of segments that wait out of order. */

static uint32_t window(struct net *net, struct tcp_conn *c, uint32_t scale)
{
  uint32_t w = within_rcvbuf(c, window_by_iobs(net, c));
  if (c->nofo)
    {
      uint32_t held = parked(c), least = max_u32(c->ofo[0].left - c->rcv_nxt, c->rcv_mss);
      w = max_u32(w > held ? w - held : 0, least);
    }
  return representable(w, scale);
}

static uint32_t promised(const struct tcp_conn *c)
{
  return seq_gt(c->rcv_adv, c->rcv_nxt) ? c->rcv_adv - c->rcv_nxt : 0;
}

/* What it could be at most, all buffers being free. */

static uint32_t largest(const struct net *net, const struct tcp_conn *c)
{
  const struct iob_pool *pool = &net->board->iob;
  return representable(within_rcvbuf(c, (pool->nbuffers - (uint32_t)pool->throttle) * pool->bufsize), c->rcv_scale);
}

/* The right edge is moved by little only if the reader has read everything, so that the peer is not made to send crumbs
 * (RFC 9293 MUST-39, with one half for its fraction). It can move to the left: the buffers may be somebody else's.
 */

uint32_t tcp_offer(struct net *net, struct tcp_conn *c, uint32_t scale)
{
  uint32_t w = window(net, c, scale), was = promised(c);
  if (w > was && w - was < min_u32(c->rcv_mss, largest(net, c) / 2) && readahead_len(&c->readahead))
    w = representable(was, scale);
  if (w > was) c->rcv_adv = c->rcv_nxt + w;
  return w;
}

/* NuttX's rule (tcp_should_send_recvwindow), which is that of RFC 9293 3.8.6.2.2: a change is told if it is worth two
 * segments or half of what there can be.
 */

void tcp_window_update(struct net *net, struct tcp_conn *c)
{
  if (c->state != TCP_ESTABLISHED && c->state != TCP_FIN_WAIT_1 && c->state != TCP_FIN_WAIT_2) return;
  uint32_t w = window(net, c, c->rcv_scale), was = promised(c);
  if (w <= was || (2 * (w - was) < largest(net, c) && w - was < 2 * c->rcv_mss)) return;
  c->acknow = true;
  tcp_pending(net, c);
}

/* In order. */

static void take(struct net *net, struct tcp_conn *c, struct iob_s *iob)
{
  c->rcv_nxt += iob->io_pktlen;
  if (c->rdshut || iob->io_pktlen == 0)
    {
      iob_free_chain(net->board, iob);
      return;
    }
  trace_put(net->board, TR_TCP_IN, tcp_number(net, c), iob->io_pktlen);
  readahead_add(net, &c->readahead, iob, IOB_OWNER(IOB_OWNER_TCP_READ, tcp_number(net, c)));
  netwait_wake(net->board, &c->sconn.rx);
}

/* Out of order: runs, sorted, never touching or overlapping each other. */

static void ofo_remove(struct tcp_conn *c, uint32_t i)
{
  c->nofo--;
  memmove(&c->ofo[i], &c->ofo[i + 1], (c->nofo - i) * sizeof c->ofo[0]);
}

/* A gap is closed: runs that now come next are in order. */

static void ofo_take(struct net *net, struct tcp_conn *c)
{
  while (c->nofo && seq_leq(c->ofo[0].left, c->rcv_nxt))
    {
      struct tcp_ofoseg run = c->ofo[0];
      ofo_remove(c, 0);
      if (seq_leq(run.right, c->rcv_nxt))
        iob_free_chain(net->board, run.data);
      else
        take(net, c, iob_trimhead(net->board, run.data, c->rcv_nxt - run.left));
    }
}

/* Cuts the new run so that it overlaps nothing kept; what it covers whole goes. False: nothing of it is new. */

static bool ofo_cut(struct board *b, struct tcp_conn *c, struct tcp_ofoseg *run)
{
  for (uint32_t i = 0; i < c->nofo; )
    {
      struct tcp_ofoseg *o = &c->ofo[i];
      if (seq_leq(o->left, run->left) && seq_geq(o->right, run->right)) return false;
      if (seq_geq(o->left, run->left) && seq_leq(o->right, run->right))
        {
          iob_free_chain(b, o->data);
          ofo_remove(c, i);
          continue;
        }
      if (seq_lt(run->left, o->right) && seq_gt(run->left, o->left))
        {
          run->data = iob_trimhead(b, run->data, o->right - run->left);
          run->left = o->right;
        }
      else if (seq_gt(run->right, o->left) && seq_lt(run->right, o->right))
        {
          run->data = iob_trimtail(b, run->data, run->right - o->left);
          run->right = o->left;
        }
      i++;
    }
  return true;
}

/* Runs that touch become one. */

static struct iob_s *join(struct net *net, struct iob_s *first, struct iob_s *second)
{
  iob_concat(first, second);
  return net->cfg[NETCFG_RECV_PACK] ? iob_pack(net->board, first) : first;
}

static void ofo_join(struct net *net, struct tcp_conn *c, uint32_t i)
{
  if (i + 1 == c->nofo || c->ofo[i].right != c->ofo[i + 1].left) return;
  c->ofo[i].data = join(net, c->ofo[i].data, c->ofo[i + 1].data);
  c->ofo[i].right = c->ofo[i + 1].right;
  if (c->ofo[i + 1].age > c->ofo[i].age) c->ofo[i].age = c->ofo[i + 1].age;
  ofo_remove(c, i + 1);
}

static bool touches(const struct tcp_conn *c, const struct tcp_ofoseg *run)
{
  for (uint32_t i = 0; i < c->nofo; i++)
    if (c->ofo[i].right == run->left || c->ofo[i].left == run->right) return true;
  return false;
}

/* The buffers that the throttle reserves for receiving are not for this: a pool of which senders hold the rest would
 * take in nothing any more, not even the acknowledgements that give it buffers back.
 */

static bool ofo_affordable(struct board *b)
{
  return iob_navail(b, false) >= b->iob.throttle;
}

static void ofo_keep(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  struct board *b = net->board;
  struct tcp_ofoseg run = { s->seq, s->seq + s->len, ++c->ofo_age, s->p->iob };
  if (!ofo_cut(b, c, &run))
    {
      iob_free_chain(b, run.data);
      return;
    }
  bool full = c->nofo == TCP_OFOSEGS && !touches(c, &run);
  if (full || !ofo_affordable(b) || parked(c) + (run.right - run.left) > (uint32_t)net->cfg[NETCFG_TCP_OFO_BUFSIZE])
    {
      s->p->iob = run.data;
      rx_drop(s->p, DROP_FULL);
      return;
    }
  iob_set_owner(b, run.data, IOB_OWNER(IOB_OWNER_TCP_OFO, tcp_number(net, c)));
  uint32_t i = 0;
  while (i < c->nofo && seq_lt(c->ofo[i].left, run.left)) i++;
  if (i < c->nofo && c->ofo[i].left == run.right)          /* grows downwards */
    {
      run.data = join(net, run.data, c->ofo[i].data);
      run.right = c->ofo[i].right;
      c->ofo[i] = run;
    }
  else if (i > 0 && c->ofo[i - 1].right == run.left)       /* grows upwards */
    {
      i--;
      c->ofo[i].data = join(net, c->ofo[i].data, run.data);
      c->ofo[i].right = run.right;
      c->ofo[i].age = run.age;
    }
  else
    {
      memmove(&c->ofo[i + 1], &c->ofo[i], (c->nofo - i) * sizeof c->ofo[0]);
      c->ofo[i] = run;
      c->nofo++;
    }
  ofo_join(net, c, i);
  if (i > 0) ofo_join(net, c, i - 1);
}

/* The payload of a segment whose ends are inside the window. */

void tcp_text(struct net *net, struct tcp_conn *c, struct tcp_seg *s)
{
  if (s->seq != c->rcv_nxt)
    {
      if (net->cfg[NETCFG_TCP_OUT_OF_ORDER] && s->len)
        ofo_keep(net, c, s);
      else
        iob_free_chain(net->board, s->p->iob);
      return;
    }
  take(net, c, s->p->iob);
  ofo_take(net, c);
}

void tcp_ofo_free(struct board *b, struct tcp_conn *c)
{
  while (c->nofo) iob_free_chain(b, c->ofo[--c->nofo].data);
}

void tcp_read_free(struct board *b, struct tcp_conn *c)
{
  readahead_free(b, &c->readahead);
  tcp_ofo_free(b, c);
}
