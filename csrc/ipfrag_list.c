/* ipfrag_list.c - the fragments of one packet, in the order of their offsets.
 *
 * No two of them overlap: one with the place of another replaces it (RFC 791), any other overlap is somebody's lie, as
 * RFC 5722 has it for IPv6. So a packet is complete when the lengths add up.
 */
#include "ipfrag.h"

static void put(struct iob_s *iob, struct fragment f, const struct iob_s *next)
{
  f.next = next ? next->io_index : NO_FRAGMENT;
  memcpy(iob->io_data, &f, sizeof f);
}

static void add(struct reasm *r, const struct iob_s *iob)
{
  struct fragment f = fragment_of(iob);
  r->bytes += (uint32_t)f.end - f.start;
  r->nbufs += iob_count(iob);
  r->nfrags++;
}

static void take_away(struct board *b, struct reasm *r, struct iob_s *iob)
{
  struct fragment f = fragment_of(iob);
  r->bytes -= (uint32_t)f.end - f.start;
  r->nbufs -= iob_count(iob);
  r->nfrags--;
  iob_free_chain(b, iob);
}

bool fragment_insert(struct board *b, struct reasm *r, struct iob_s *iob, struct fragment f, bool more)
{
  struct iob_s *before = NULL, *after = r->first;
  if (r->last && f.start >= fragment_of(r->last).end)         /* they come in order, mostly */
    {
      before = r->last;
      after = NULL;
    }
  while (after && fragment_of(after).start < f.start)
    {
      before = after;
      after = fragment_next(b, after);
    }

  struct iob_s *same = after && fragment_of(after).start == f.start && fragment_of(after).end == f.end ? after : NULL;
  if (same) after = fragment_next(b, same);
  if (before && fragment_of(before).end > f.start) return false;
  if (after && fragment_of(after).start < f.end) return false;
  if (more ? r->end && f.end >= r->end : after || (r->end && f.end != r->end)) return false;

  if (!more) r->end = f.end;
  if (same) take_away(b, r, same);
  put(iob, f, after);
  if (before)
    put(before, fragment_of(before), iob);
  else
    r->first = iob;
  if (after == NULL) r->last = iob;
  add(r, iob);
  return true;
}

/* The headers of all but the first go, and what is left is one chain. */

struct iob_s *fragment_join(struct board *b, struct iob_s *first)
{
  struct iob_s *last = first;
  for (struct iob_s *iob = fragment_next(b, first), *next; iob; iob = next)
    {
      uint32_t hlen = fragment_hlen(iob);
      next = fragment_next(b, iob);
      iob->io_offset = (uint16_t)(iob->io_offset + hlen);
      iob->io_len = (uint16_t)(iob->io_len - hlen);
      first->io_pktlen += iob->io_pktlen - hlen;
      while (last->io_flink) last = last->io_flink;
      last->io_flink = iob;
    }
  return first;
}
