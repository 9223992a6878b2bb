/* iob_chain.c - data in chains of buffers: copy, trim, pack, join.
 *
 * The head of a chain knows the packet's length (io_pktlen), every buffer its own part of it (io_offset, io_len).
 * What these do to a chain, down to the number of buffers left, is what NuttX's mm/iob does: how fast a pool runs dry
 * depends on it. (The same calls on NuttX's own compiled code gave the same chains.)
 */
#include "board.h"

static inline uint32_t space_of(const struct board *b, const struct iob_s *iob)
{
  return b->iob.bufsize - iob->io_offset;
}

static inline uint8_t *data_of(const struct iob_s *iob)
{
  return iob->io_data + iob->io_offset;
}

/* Puts bytes behind the last buffer's data, then into new buffers. Returns how many found no room. */

static uint32_t append(struct board *b, struct iob_s *head, struct iob_s *last, const uint8_t *src, uint32_t len,
                       bool throttled)
{
  uint32_t left = len;
  for (;;)
    {
      uint32_t n = min_u32(left, space_of(b, last) - last->io_len);
      memcpy(data_of(last) + last->io_len, src, n);
      last->io_len = (uint16_t)(last->io_len + n);
      src += n;
      left -= n;
      if (left == 0) break;
      struct iob_s *next = iob_tryalloc(b, throttled, head->io_owner);
      if (next == NULL) break;
      last->io_flink = next;
      last = next;
    }
  head->io_pktlen += len - left;
  return left;
}

/* Bytes inside the chain are overwritten, the rest goes behind it; a buffer in the middle of the chain never grows. A
 * negative offset reaches into the head-room of the head. */

int iob_copyin(struct board *b, struct iob_s *iob, const uint8_t *src, uint32_t len, int32_t offset, bool throttled)
{
  struct iob_s *head = iob;
  uint32_t left = len;
  if (offset > (int64_t)iob->io_pktlen || offset < -(int32_t)iob->io_offset) return -ESPIPE;
  while (offset > (int32_t)iob->io_len && iob->io_flink)
    {
      offset -= iob->io_len;
      iob = iob->io_flink;
    }

  for (;;)
    {
      uint32_t n = min_u32(left, (uint32_t)(iob->io_len - offset));
      memcpy(data_of(iob) + offset, src, n);
      src += n;
      left -= n;
      if (left == 0 || iob->io_flink == NULL) break;
      iob = iob->io_flink;
      offset = 0;
    }
  if (left) left = append(b, head, iob, src, left, throttled);
  charge(b, COST_COPY, len - left);
  return left ? -ENOMEM : (int)len;
}

int iob_copyout(uint8_t *dest, const struct iob_s *iob, uint32_t len, int32_t offset)
{
  uint32_t left = len;
  if (offset < -(int32_t)iob->io_offset) return -ESPIPE;
  for (; iob && offset >= (int32_t)iob->io_len; iob = iob->io_flink) offset -= iob->io_len;
  for (; iob && left; iob = iob->io_flink)
    {
      uint32_t n = min_u32(left, (uint32_t)(iob->io_len - offset));
      memcpy(dest, data_of(iob) + offset, n);
      dest += n;
      left -= n;
      offset = 0;
    }
  return (int)(len - left);
}

uint32_t iob_count(const struct iob_s *iob)
{
  uint32_t n = 0;
  for (; iob; iob = iob->io_flink) n++;
  return n;
}

static struct iob_s *last_of(struct iob_s *iob)
{
  while (iob->io_flink) iob = iob->io_flink;
  return iob;
}

uint32_t iob_tailroom(struct board *b, const struct iob_s *iob)
{
  while (iob->io_flink) iob = iob->io_flink;
  return space_of(b, iob) - iob->io_len;
}

void iob_concat(struct iob_s *a, struct iob_s *b)
{
  a->io_pktlen += b->io_pktlen;
  b->io_pktlen = 0;
  last_of(a)->io_flink = b;
}

/* The buffer that a clone goes on in: the next of the chain, emptied, or a new one. */

static struct iob_s *clone_next(struct board *b, struct iob_s *dst, bool throttled, uint32_t owner)
{
  struct iob_s *next = dst->io_flink;
  if (next == NULL)
    return dst->io_flink = iob_tryalloc(b, throttled, owner);
  next->io_len = next->io_offset = 0;
  next->io_pktlen = 0;
  return next;
}

int iob_clone_partial(struct board *b, const struct iob_s *src, uint32_t len, int32_t off1, struct iob_s *dst,
                      int32_t off2, bool throttled)
{
  uint32_t owner = dst->io_owner, room, n, copied = 0;
  if (off1 < -(int32_t)src->io_offset || off2 < 0) return -ESPIPE;

  dst->io_pktlen = len + (uint32_t)off2;   /* promised, whether the buffers suffice or not */
  for (; src && off1 >= (int32_t)src->io_len; src = src->io_flink) off1 -= src->io_len;
  for (; (uint32_t)off2 >= (room = space_of(b, dst)); off2 -= (int32_t)room)
    {
      dst->io_len = (uint16_t)room;
      if ((dst = clone_next(b, dst, throttled, owner)) == NULL) return -ENOMEM;
    }

  while (src && len)
    {
      n = min_u32((uint32_t)(src->io_len - off1), space_of(b, dst) - (uint32_t)off2);
      n = min_u32(n, len);
      memcpy(data_of(dst) + off2, data_of(src) + off1, n);
      len -= n;
      copied += n;
      off1 += (int32_t)n;
      off2 += (int32_t)n;
      dst->io_len = (uint16_t)off2;
      if (off1 >= (int32_t)src->io_len)
        {
          do
            src = src->io_flink;
          while (src && src->io_len == 0);
          off1 = 0;
        }

      /* A full buffer gets a successor whenever the source goes on, even if nothing more of it is wanted. */

      if ((uint32_t)off2 >= space_of(b, dst) && src)
        {
          if ((dst = clone_next(b, dst, throttled, owner)) == NULL) break;
          off2 = 0;
        }
    }
  charge(b, COST_COPY, copied);
  return dst ? 0 : -ENOMEM;
}

int iob_clone(struct board *b, const struct iob_s *src, struct iob_s *dst, bool throttled)
{
  return iob_clone_partial(b, src, src->io_pktlen, 0, dst, 0, throttled);
}

struct iob_s *iob_trimhead(struct board *b, struct iob_s *iob, uint32_t n)
{
  uint32_t pktlen = iob->io_pktlen;
  if (n == 0) return iob;
  while (n && n >= iob->io_len && iob->io_flink)
    {
      n -= iob->io_len;
      pktlen -= iob->io_len;
      iob = iob_free(b, iob);
    }
  if (n && n >= iob->io_len)
    {
      pktlen -= iob->io_len;
      iob->io_len = iob->io_offset = 0;
    }
  else
    {
      pktlen -= n;
      iob->io_len = (uint16_t)(iob->io_len - n);
      iob->io_offset = (uint16_t)(iob->io_offset + n);
    }
  iob->io_pktlen = pktlen;
  return iob;
}

/* From the end, one buffer at a time: few are ever cut off, and the one freed last is the next to be allocated. */

struct iob_s *iob_trimtail(struct board *b, struct iob_s *iob, uint32_t n)
{
  while (n)
    {
      struct iob_s **link = &iob;
      while ((*link)->io_flink) link = &(*link)->io_flink;
      struct iob_s *last = *link;
      uint32_t cut = min_u32(n, last->io_len);
      n -= cut;
      iob->io_pktlen -= cut;
      last->io_len = (uint16_t)(last->io_len - cut);
      if (last->io_len) break;
      *link = NULL;
      iob_free(b, last);
      if (iob == NULL) break;
    }
  return iob;
}

static void drop_offset(struct iob_s *iob)
{
  if (iob->io_offset == 0) return;
  memmove(iob->io_data, data_of(iob), iob->io_len);
  iob->io_offset = 0;
}

/* Up to n bytes move from the buffer behind to the end of this one, which begins at offset 0. */

static uint32_t pull_up(struct iob_s *iob, uint32_t n)
{
  struct iob_s *next = iob->io_flink;
  n = min_u32(n, next->io_len);
  memcpy(iob->io_data + iob->io_len, data_of(next), n);
  iob->io_len = (uint16_t)(iob->io_len + n);
  next->io_offset = (uint16_t)(next->io_offset + n);
  next->io_len = (uint16_t)(next->io_len - n);
  return n;
}

/* One pass: a buffer takes from the one behind it and, if that emptied it, no more from the one after. */

struct iob_s *iob_pack(struct board *b, struct iob_s *iob)
{
  struct iob_s *head;
  while (iob->io_len == 0 && iob->io_flink) iob = iob_free(b, iob);
  for (head = iob; iob; iob = iob->io_flink)
    {
      drop_offset(iob);
      if (iob->io_flink == NULL) break;
      charge(b, COST_COPY, pull_up(iob, space_of(b, iob) - iob->io_len));
      if (iob->io_flink->io_len == 0) iob->io_flink = iob_free(b, iob->io_flink);
    }
  return head;
}

int iob_contig(struct board *b, struct iob_s *iob, uint32_t n)
{
  if (n <= iob->io_len) return 0;
  if (n > iob->io_pktlen) return -ENOSPC;
  if (n > b->iob.bufsize) return -EINVAL;
  drop_offset(iob);
  while (n > iob->io_len && iob->io_flink)
    {
      charge(b, COST_COPY, pull_up(iob, n - iob->io_len));
      if (iob->io_flink->io_len == 0) iob->io_flink = iob_free(b, iob->io_flink);
    }
  return n <= iob->io_len ? 0 : -ENOSPC;
}

void iob_reserve(struct board *b, struct iob_s *iob, uint32_t n)
{
  for (struct iob_s *head = iob; iob && n; iob = iob->io_flink)
    {
      uint32_t offset = min_u32(n, b->iob.bufsize);
      int32_t cut = (int32_t)offset - iob->io_offset;
      if (cut > iob->io_len) cut = iob->io_len;
      head->io_pktlen -= (uint32_t)cut;
      iob->io_len = (uint16_t)(iob->io_len - cut);
      iob->io_offset = (uint16_t)offset;
      n -= offset;
    }
}

int iob_update_pktlen(struct board *b, struct iob_s *iob, uint32_t n, bool throttled)
{
  if (iob == NULL) return -EINVAL;
  struct iob_s *last = iob;
  uint32_t left = n;

  /* As many buffers as it takes: the chain's own, then new ones, and none behind. */

  while (left > space_of(b, last))
    {
      left -= space_of(b, last);
      if (last->io_flink == NULL && (last->io_flink = iob_tryalloc(b, throttled, iob->io_owner)) == NULL) break;
      last = last->io_flink;
    }
  iob_free_chain(b, last->io_flink);
  last->io_flink = NULL;

  left = n;
  for (last = iob; last; last = last->io_flink)
    {
      last->io_len = (uint16_t)min_u32(left, space_of(b, last));
      left -= last->io_len;
    }
  iob->io_pktlen = n - left;
  return (int)iob->io_pktlen;
}
