/* wire.h - Ethernet outside the boards: ports, the cables between them, what a cable does to a frame, and captures.
 *
 * A port is one end of a cable: a board's MAC, the host end, a TAP interface or a port of a switch. A frame that leaves
 * a port takes its wire time and lies, until somebody looks, in the peer's queue, sorted by the time its last bit
 * arrives. Looking costs nothing extra for a frame that nobody waits for: it is no event.
 *
 * All of this is the world around a board, so buffers come from the host's heap; every queue is bounded and counts
 * what it could not hold.
 */
#ifndef NUT_WIRE_H
#define NUT_WIRE_H

#include "base.h"
#include "event.h"
#include "table.h"

#define ETH_HDRLEN    14u
#define ETH_MINLEN    60u         /* shortest legal frame without its FCS */
#define ETH_MAXLEN    1518u       /* longest, with a VLAN tag */
#define ETH_OVERHEAD  24u         /* FCS, preamble and inter-frame gap, in byte times */
#define WIRE_MAXLEN   65535u      /* what a cable carries at all */
#define PPM           1000000u
#define FRAME_CAP     1600u       /* an ordinary buffer: a full frame and a bit, so that a giant is seen as one */

/* One frame on its way or waiting. */

enum frame_flag                   /* also the comment flags of a capture record */
{
  FRAME_LOST      = 1 << 0,
  FRAME_DUP       = 1 << 1,       /* the second copy */
  FRAME_REORDERED = 1 << 2,
  FRAME_DELAYED   = 1 << 3,
  FRAME_CORRUPT   = 1 << 4,       /* a bit was flipped on the way */
  FRAME_BADFCS    = 1 << 5,       /* ... and the receiver can tell */
  FRAME_RAW       = 1 << 6,       /* sent as it is, not padded to ETH_MINLEN */
  FRAME_OUT       = 1 << 7,       /* sent by the host end itself, as a listener there sees it */
};

struct frame
{
  struct frame *next, *prev;
  int64_t  time;                  /* ns: arrival of its last bit */
  uint32_t len, cap;
  uint8_t  flags;
  uint8_t  data[];
};

struct frameq
{
  struct frame *head, *tail;
  uint32_t n;
  uint64_t bytes, limit;          /* limit: bytes it may hold */
};

struct framepool                  /* buffers of one port: a free list that grows by chunks, giants apart */
{
  struct frame *free;
  void         *chunks;
};

struct frame *frame_new(struct framepool *pool, uint32_t len);
void          frame_free(struct framepool *pool, struct frame *f);
void          framepool_fini(struct framepool *pool);
void          frameq_insert(struct frameq *q, struct frame *f);          /* by time, behind its equals */
struct frame *frameq_take(struct frameq *q);                             /* the head, or NULL */
void          frameq_clear(struct frameq *q, struct framepool *pool);

static inline bool frameq_full(const struct frameq *q, uint32_t len)
{
  return q->bytes + len > q->limit;
}

/* A capture: records in an arena of the host, taken away by capture_take(). */

struct capture
{
  uint8_t *bytes;
  size_t   used, cap, limit;
  uint32_t snaplen;
  uint64_t drops;                 /* frames that found the arena full */
  bool     on;
};

struct capture_record             /* followed by `caplen` bytes */
{
  int64_t  time;                  /* ns */
  uint32_t caplen, len;
  uint32_t port;
  uint8_t  out;                   /* 1: left the port, 0: came in */
  uint8_t  flags;                 /* enum frame_flag */
  uint8_t  pad[2];
};

void capture_put(struct capture *c, uint32_t port, bool out, int64_t time, const uint8_t *data, uint32_t len,
                 uint8_t flags);
int  capture_start(struct capture *c, int64_t limit, uint32_t snaplen);
size_t capture_take(struct capture *c, uint8_t *out, size_t room);      /* whole records; bytes written */
void capture_fini(struct capture *c);

/* Faults of what leaves a port. */

enum fault_kind { FAULT_LOSE, FAULT_DUPLICATE, FAULT_REORDER, FAULT_DELAY, FAULT_CORRUPT, NFAULTS };

struct fault_rate
{
  uint32_t ppm;
  int64_t  arg;                   /* reorder: how long it is held, ns; delay: longest, ns; corrupt: 1 = the FCS tells */
};

/* Ports. */

enum port_kind { PORT_MAC, PORT_HOST, PORT_TAP, PORT_SWITCH };

enum port_down { DOWN_BY_BENCH = 1, DOWN_BY_PHY = 2 };

struct port;

struct port_ops                   /* what the owner of a port does; any may be NULL */
{
  void (*arrived)(struct port *p, struct frame *f);   /* f is in p->rx; its time may lie ahead */
  void (*event)(struct port *p);                      /* p->ev is due */
  void (*sweep)(struct port *p);                      /* take in whatever has arrived by now */
  void (*link)(struct port *p);                       /* the link may have changed */
  void (*fini)(struct port *p);                       /* frees the owner, the port with it */
};

enum port_stat
{
  PSTAT_TX_FRAMES, PSTAT_TX_BYTES, PSTAT_RX_FRAMES, PSTAT_RX_BYTES,
  PSTAT_NOLINK,                   /* sent while there was no link */
  PSTAT_TXFULL,                   /* its transmit backlog was full (a switch's port) */
  PSTAT_RXFULL,                   /* the peer's queue was full */
  PSTAT_CUT,                      /* on the way when the cable was pulled */
  PSTAT_FAULTS,                   /* NFAULTS counts from here */
  NPSTATS = PSTAT_FAULTS + NFAULTS
};

struct wire                       /* of one bench */
{
  struct table ports;
};

struct port
{
  struct bench *bench;
  int32_t       id;               /* its name towards Python, in captures and in choices */
  uint8_t       kind;
  uint8_t       down;             /* enum port_down: why there is no link, 0 if it may have one */
  bool          linked;           /* what ops->link was told last */
  bool          instant;          /* what it sends takes no time: it has already been on a real wire */
  const struct port_ops *ops;
  struct port  *peer;             /* other end of the cable, NULL if none is plugged in */
  int64_t       latency;          /* of that cable, ns */
  uint32_t      mbps;             /* fastest it can; the link runs at the slower of both ends */
  int64_t       busy_until;       /* it sends one frame after the other */
  int64_t       backlog;          /* longest it may be busy ahead of now, ns; 0: no limit */
  struct frameq rx;
  struct framepool pool;
  struct event  ev;
  struct capture cap;
  struct fault_rate fault[NFAULTS];
  uint64_t      stat[NPSTATS];
};

int  port_init(struct bench *n, struct port *p, enum port_kind kind, const struct port_ops *ops, uint32_t mbps);
void port_fini(struct port *p);              /* unplugs and frees what port_init made; called by ops->fini */
void port_close(struct port *p);             /* the whole owner */
struct port *port_find(struct bench *n, int32_t id);   /* NULL if there is none */
uint32_t port_link(const struct port *p);    /* Mbit/s of the link, 0 if there is none */
void port_set_down(struct port *p, enum port_down why, bool down);
int  wire_init(struct bench *n);
void wire_fini(struct bench *n);             /* closes all ports of a bench */

int  wire_connect(struct port *a, struct port *b, int64_t latency);
void wire_disconnect(struct port *p);
void wire_event(struct port *p);             /* EV_WIRE */

/* Sends a frame no earlier than `start`. Returns when its last bit has left (ns), or -EINVAL. */

int64_t wire_send(struct port *p, const uint8_t *data, uint32_t len, int64_t start, uint8_t flags);

/* The same without a copy: the frame was made with wire_frame(). */

struct frame *wire_frame(struct port *p, uint32_t len);        /* NULL: no link or no memory, counted */
int64_t wire_carry(struct port *p, struct frame *f, int64_t start, uint8_t flags);

/* The next frame that has arrived by now, captured and counted; the caller frees it to p->pool. NULL if none. */

struct frame *wire_receive(struct port *p);

/* A switch learns who is where, and sends a frame on when it has arrived whole. -ENOMEM if there is no memory. */

int32_t switch_new(struct bench *n);                   /* the number of the switch: itself a port without a cable */
int32_t switch_port(struct port *sw, uint32_t mbps);   /* the number of a new port of it; -EINVAL if sw is no switch */

#endif
