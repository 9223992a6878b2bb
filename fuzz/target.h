/* target.h - what the fuzz target's files know of each other: one board without hardware, and who plays with it. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdlib.h>

#include "tcp.h"
#include "cdef/net_api.h"
#include "cdef/tcp_api.h"
#include "cdef/work_api.h"

#define HOST_IP   0x0a000101u     /* 10.0.1.1 */
#define BOARD_IP  0x0a000102u
#define HOST_IP6  ((struct ipaddr){ 0xfc00000000000000u, 1 })
#define BOARD_IP6 ((struct ipaddr){ 0xfc00000000000000u, 2 })
#define NHANDLES  8
#define FRAME_MAX 1600u

struct input                      /* what the fuzzer made; behind its end there are zeros */
{
  const uint8_t *at, *end;
};

struct target
{
  struct bench *bench;
  struct board *b;
  struct net   *net;
  struct netdev *eth;
  struct kwork_queue *wq;
  int32_t  handle[NHANDLES];      /* sockets of the program; -1: none */
  uint32_t had[NHANDLES];         /* bytes that it has read from each */
  int32_t  udp;
  bool     six;                   /* sockets and peers speak IPv6 */
  struct ipaddr host, board;      /* the addresses of the two, and the same as calls take them */
  uint8_t  host_name[IPADDR_LEN], board_name[IPADDR_LEN];
  struct iob_s *hog;              /* buffers that the program has taken away */
  bool     busy;                  /* the driver asks for nothing */
  bool     tainted;               /* payload came that is not content(): reads are not compared any more */
};

static const uint8_t target_any[IPADDR_LEN];       /* of either family */

static inline uint32_t target_family(const struct target *t)
{
  return t->six ? NET_AF_INET6 : NET_AF_INET;
}

static inline uint8_t take(struct input *in)
{
  return in->at < in->end ? *in->at++ : 0;
}

static inline uint32_t take16(struct input *in)
{
  uint32_t high = take(in);
  return high << 8 | take(in);
}

/* Byte n of every stream, in either direction, of every connection. */

static inline uint8_t content(uint32_t n)
{
  return (uint8_t)((n * 2654435761u) >> 24);
}

#define REQUIRE(what) do { if (!(what)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); abort(); } } while (0)

/* check.c: abort() if something about the stack cannot be true */

void check_stack(struct target *t);
void check_describe(const struct target *t);                /* to stderr, for whoever looks into an abort */
void check_frame(struct target *t, const uint8_t *frame, uint32_t len);

/* world.c: time, the driver, the other hosts */

void world_poll(struct target *t);                          /* the driver asks for frames and sends them; each is checked */
void world_later(struct target *t, int64_t ns);             /* timers run when they are due */
void world_segment(struct target *t, struct input *in);     /* a segment that nearly fits a connection */
void world_raw(struct target *t, struct input *in);         /* bytes, with checksums put right or not */
void world_error(struct target *t, struct input *in);       /* an ICMP error about a connection */

/* program.c: what runs on the board */

void program_call(struct target *t, struct input *in);
void program_end(struct target *t);

#endif
