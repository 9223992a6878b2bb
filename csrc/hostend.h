/* hostend.h - the test bench's own end of a wire: an address of each kind, answers to who asks for it, and readers.
 *
 * Each reader has its own queue of what arrived since it was opened. Frames are events only while a reader waits, or
 * when they ask for an answer that the host end gives itself.
 */
#ifndef NUT_HOSTEND_H
#define NUT_HOSTEND_H

#include "ipaddr.h"
#include "wire.h"

#define HOSTEND_READERS 64

enum hostend_answers
{
  HOSTEND_ARP  = 1,               /* who has its address, in ARP and in neighbor discovery */
  HOSTEND_ECHO = 2
};

struct hostend_ping               /* a ping's first fragment */
{
  struct ipaddr from;
  uint32_t      id;               /* its identification */
};

struct reader
{
  struct frameq q;
  uint64_t      drops;            /* frames that found its queue full */
  bool          open;
  bool          outgoing;         /* it also sees what the host end sends */
  bool          waiting;          /* its next frame wakes the host */
};

struct hostend
{
  struct port   port;
  uint8_t       mac[6];
  uint32_t      ip;               /* host byte order */
  struct ipaddr ip6;              /* unspecified: it has none */
  uint32_t      answers;          /* enum hostend_answers */
  uint64_t      answered;         /* replies it has sent itself */
  struct hostend_ping ping[2];    /* the latest, by enum ip_kind */
  int           nreaders;         /* all open ones are below this index */
  int           nwaiting, noutgoing;
  struct reader reader[HOSTEND_READERS];
};

int32_t hostend_new(struct bench *n, const uint8_t *mac, uint32_t ip, uint32_t mbps);      /* its port's number */
struct hostend *hostend_of(struct port *p);                                   /* NULL if the port is none */
void hostend_answer(struct hostend *h, uint32_t answers);                     /* enum hostend_answers, from now on */
void hostend_ipv6(struct hostend *h, struct ipaddr ip6);
int  hostend_open(struct hostend *h, bool outgoing, uint64_t limit);          /* a reader's number, -EMFILE */
struct reader *hostend_reader(struct hostend *h, int reader);                  /* NULL if there is none */
void hostend_close(struct hostend *h, int reader);
bool hostend_wait(struct hostend *h, int reader, bool waiting);               /* true: a frame is there already */
int64_t hostend_send(struct hostend *h, const uint8_t *data, uint32_t len, bool raw);
void hostend_sweep(struct hostend *h);                       /* takes in what has arrived by now */

/* hostend_answer.c */

bool hostend_asked(const struct hostend *h, const struct frame *f);      /* something that it answers itself */
void hostend_reply(struct hostend *h, struct frame *f);                  /* does so; f may become the reply */

#endif
