/* ipfrag.h - packets of which only fragments are there, see ipfrag.c. */
#ifndef NUT_IPFRAG_H
#define NUT_IPFRAG_H

#include "inet.h"

struct reasm
{
  struct reasm  *next;            /* younger; or the next free one */
  struct netdev *dev;
  struct ipaddr src, dst;
  uint32_t id;
  uint8_t  proto;                 /* of IPv4, where it is part of the name */
  bool     broadcast;
  uint32_t end;                   /* length of its payload; 0: the last fragment is not there yet */
  uint32_t bytes, nbufs, nfrags;  /* what is there */
  struct iob_s *first, *last;     /* heads of the fragments' chains, by offset */
  int64_t  since;                 /* ns */
};

/* What is known of a fragment stands in its first buffer, in the room for the Ethernet header. */

struct fragment
{
  uint32_t next;                  /* buffer that the next fragment begins with */
  uint16_t start, end;            /* of its payload within the packet's */
  uint16_t hlen;                  /* what stands before that here; of IPv6 with the fragment header */
};

#define NO_FRAGMENT UINT32_MAX

_Static_assert(sizeof(struct fragment) <= NET_LL_GUARDSIZE, "it has to fit the room for the Ethernet header");

static inline struct fragment fragment_of(const struct iob_s *iob)
{
  struct fragment f;
  memcpy(&f, iob->io_data, sizeof f);
  return f;
}

static inline struct iob_s *fragment_next(struct board *b, const struct iob_s *iob)
{
  uint32_t next = fragment_of(iob).next;
  return next == NO_FRAGMENT ? NULL : &b->iob.iobs[next];
}

static inline uint32_t fragment_hlen(const struct iob_s *iob)
{
  return fragment_of(iob).hlen;
}

/* ipfrag_list.c: the fragments of one packet */

bool fragment_insert(struct board *b, struct reasm *r, struct iob_s *iob, struct fragment f, bool more);
                                  /* false: it contradicts those that are there, and stays the caller's */
struct iob_s *fragment_join(struct board *b, struct iob_s *first);    /* all are there: the packet, its header as it was */

#endif
