/* readahead.c - what a connection has received and nobody has read yet: one IOB chain, as NuttX keeps it.
 *
 * The chain that a packet arrived in is added without a copy. CONFIG_NET_RECV_PACK then closes the room between
 * packets, so that many short ones do not take a buffer each.
 */
#include "inet.h"

/* Bytes move into the free end of the last buffer, the rest to the start of its own. A hole that reading left at the
 * head of the chain stays until that buffer is read empty.
 */

static void append_packed(struct board *b, struct readahead *ra, struct iob_s *iob)
{
  uint32_t bufsize = b->iob.bufsize, moved = 0;
  while (iob)
    {
      struct iob_s *tail = ra->tail, *next = iob->io_flink;
      uint32_t room = tail ? bufsize - tail->io_offset - tail->io_len : 0;
      uint32_t n = iob->io_len < room ? iob->io_len : room;
      if (n)
        {
          memcpy(iob_at(tail, tail->io_len), iob_at(iob, 0), n);
          tail->io_len = (uint16_t)(tail->io_len + n);
          iob->io_len = (uint16_t)(iob->io_len - n);
        }
      if (iob->io_len == 0)
        iob_free(b, iob);
      else
        {
          memmove(iob->io_data, iob_at(iob, n), iob->io_len);
          iob->io_offset = 0;
          iob->io_flink = NULL;
          if (tail)
            tail->io_flink = iob;
          else
            ra->head = iob;
          ra->tail = iob;
          moved += iob->io_len;
        }
      moved += n;
      iob = next;
    }
  charge(b, COST_COPY, moved);
}

void readahead_add(struct net *net, struct readahead *ra, struct iob_s *iob, uint32_t owner)
{
  uint32_t total = iob->io_pktlen + readahead_len(ra);
  iob_set_owner(net->board, iob, owner);
  if (net->cfg[NETCFG_RECV_PACK])
    append_packed(net->board, ra, iob);
  else
    {
      if (ra->head)
        ra->tail->io_flink = iob;
      else
        ra->head = iob;
      while (iob->io_flink) iob = iob->io_flink;
      ra->tail = iob;
    }
  ra->head->io_pktlen = total;
}

void readahead_consume(struct board *b, struct readahead *ra, uint32_t n)
{
  if (n >= readahead_len(ra))
    readahead_free(b, ra);
  else
    ra->head = iob_trimhead(b, ra->head, n);
}

void readahead_free(struct board *b, struct readahead *ra)
{
  iob_free_chain(b, ra->head);
  ra->head = ra->tail = NULL;
}
