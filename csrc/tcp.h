/* tcp.h - one TCP connection, and how its parts see each other (RFC 9293).
 *
 * Each file has one job: tcp_conn.c connections and their ends; tcp_handshake.c how they begin; tcp_input.c what a
 * segment does to the state, tcp_payload.c its payload and FIN; tcp_option.c options; tcp_ack.c acknowledgements,
 * round-trip time and congestion; tcp_sack.c what the peer has beyond its acknowledgement; tcp_read.c received data, in
 * order and not; tcp_write.c data to be sent, tcp_unbuffered.c without buffers; tcp_output.c segments; tcp_timer.c timers;
 * tcp_sock.c and tcp_opt.c the owner's side.
 *
 * A segment leaves in two ways. What answers a bad or a duplicate one goes at once, as a reply. Everything else is
 * decided when the device asks (tcp_output): a connection that may have something puts itself on the list of its device
 * (tcp_pending), so that a burst of segments is processed before any of it is acknowledged (RFC 9293, MUST-59).
 *
 * Sequence numbers. snd_una <= snd_nxt <= snd_max; snd_nxt goes back to snd_una when a timeout starts over, snd_max
 * never does. From ESTABLISHED on, the first byte of the write buffers, or of the sender's own memory, has number
 * snd_una, and the FIN, once there is one, the number behind the last byte.
 */
#ifndef NUT_TCP_H
#define NUT_TCP_H

#include "inet.h"

#define TCP_HDRLEN      20u
#define TCP_MAXOPTLEN   40u
#define TCP_HASHSIZE    256u
#define TCP_OFOSEGS     4u        /* out-of-order runs that are kept: as many as SACK can tell of */
#define TCP_SACKRUNS    16u       /* ... and so many the peer may have beyond snd_una before we forget one */
#define TCP_DUPTHRESH   3u        /* duplicates that make a loss */
#define TCP_DEFAULT_MSS 536u      /* of a peer that does not say ... */
#define TCP_DEFAULT_MSS6 1220u    /* ... by IPv6 */
#define TCP_MIN_MSS     88u       /* of a peer that says nonsense */
#define TCP_MAX_WSCALE  14u

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_URG = 0x20 };

/* NuttX's numbers, which /proc/net/tcp shows; LISTEN it does not have. */

enum tcp_state
{
  TCP_CLOSED, TCP_ALLOCATED, TCP_SYN_RCVD, TCP_SYN_SENT, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
  TCP_CLOSE_WAIT, TCP_CLOSING, TCP_TIME_WAIT, TCP_LAST_ACK, TCP_LISTEN
};

enum tcp_timer { TCPT_REXMIT, TCPT_PERSIST, TCPT_DELACK, TCPT_KEEP, TCPT_2MSL, TCPT_LINGER, TCPT_NTIMERS };

struct tcp_run { uint32_t left, right; };         /* sequence numbers from left up to right, which is not of it */

/* What a segment says beside its header. */

struct tcp_options
{
  uint32_t mss;                   /* 0: not there */
  int32_t  wscale;                /* -1: not there */
  bool     sack_permitted, timestamps;
  uint32_t tsval, tsecr;
  uint32_t nsack;
  struct tcp_run sack[4];
};

/* A segment that came in. Its chain is in p->iob, from the IP header on until tcp_input() cuts that off. */

struct tcp_seg
{
  struct rxpkt *p;
  const uint8_t *tcp;
  uint32_t seq, ack, wnd;         /* wnd as it stands in the header */
  uint32_t hdrlen, len;           /* header with options; payload */
  uint16_t sport, dport;
  uint8_t  flags;
  bool     reopens;               /* a call from a pair that was in TIME_WAIT, whose last number is `beyond` */
  uint32_t beyond;
  struct tcp_options opt;
};

struct tcp_ofoseg                 /* received, but not what comes next: [left, right) */
{
  uint32_t left, right;
  uint32_t age;                   /* the largest came last */
  struct iob_s *data;
};

struct tcp_wrb                    /* payload on its way out, see tcp_write.c */
{
  struct tcp_wrb *next;
  struct iob_s   *iob;
};

struct tcp_conn
{
  struct socket_conn sconn;
  uint8_t   state;                /* enum tcp_state; CLOSED and no owner: free */
  bool      owned;                /* a socket has it; false: nobody reads it any more, or not yet */
  bool      passive;              /* came by a listener */
  bool      nodelay, keepalive;
  bool      fin;                  /* the owner sends no more; a FIN follows the last byte ... */
  bool      finsent;              /* ... and has left at least once */
  bool      finrcvd;              /* the peer sends no more, and all it sent is here */
  bool      rdshut;               /* the owner reads no more */
  bool      acknow;               /* an acknowledgement is due */
  bool      force;                /* one segment goes out whatever the window says: a probe */
  bool      rexmit;               /* the segment at snd_una goes out once more, see tcp_ack.c */
  bool      recovering;           /* fast recovery, until `recover` is acknowledged */
  bool      rtt_timing;
  bool      synlost;              /* our SYN was sent again */
  bool      sack_ok, ts_ok, ws_ok;
  bool      finofo;               /* a FIN came before its turn, at rcv_fin */
  uint8_t   snd_scale, rcv_scale;
  uint8_t   nrtx;                 /* timeouts in a row */
  uint8_t   backoff;              /* how often the timeout has doubled, until something is measured again (Karn) */
  uint8_t   nprobes;              /* of a closed window: their distance doubles */
  uint8_t   unanswered;           /* ... and those in a row that nobody answered */
  uint8_t   dupacks;
  uint8_t   unacked;              /* segments received and not acknowledged, for delayed ACKs */
  uint8_t   keepcnt, keepprobes;
  uint16_t  user_mss;             /* TCP_MAXSEG; 0: not set */
  int32_t   linger;               /* SO_LINGER, s; -1: off */
  int32_t   softerror;            /* what ICMP said meanwhile: the reason, should it time out */
  struct netdev *dev;

  uint32_t  iss, snd_una, snd_nxt, snd_max;
  uint32_t  snd_wnd, snd_wnd_max, snd_wl1, snd_wl2;
  uint32_t  mss;                  /* payload of a full segment, before options */
  uint32_t  irs, rcv_nxt, rcv_adv;    /* rcv_adv: the right edge we have ever promised */
  uint32_t  rcv_mss;              /* what the peer sends at most */
  uint32_t  rcv_fin;
  uint32_t  ts_recent, last_ack_sent;
  int64_t   ts_when;              /* ns: when ts_recent came */

  uint32_t  cwnd, ssthresh, recover;
  struct tcp_run sacked[TCP_SACKRUNS];    /* the scoreboard, see tcp_sack.c */
  uint32_t  nsacked;
  uint32_t  resent;               /* holes below it have gone out again in this recovery */
  int64_t   srtt, rttvar, rto;    /* ns; srtt 0: never measured */
  uint32_t  rtt_seq;
  int64_t   rtt_start;

  struct readahead  readahead;
  struct tcp_ofoseg ofo[TCP_OFOSEGS];
  uint32_t  nofo, ofo_age;
  struct tcp_wrb *write_head, *write_tail;
  uint32_t  txsize;               /* bytes in the write buffers, or from `direct` on */
  const uint8_t *direct;          /* without write buffers: the sender's byte with number snd_una; NULL: nobody sends */
  int32_t   sender;               /* its task, which waits in send() */
  uint64_t  acked;                /* bytes that the peer ever acknowledged */

  int64_t   timer[TCPT_NTIMERS];  /* ns; 0: off */
  int64_t   work_due;             /* ns; what the queued work item waits for */
  struct work work;
  int64_t   keepidle, keepintvl;  /* ns */
  int64_t   challenge_tat;        /* rate limit of challenge ACKs, RFC 5961 section 7 */
  int64_t   user_timeout;         /* ns that the peer may owe us something; 0: NET_TCP_MAXRTX tries */
  int64_t   owed_since;           /* ns; 0: nothing */
  int64_t   heard;                /* ns: the peer's last segment */
  int64_t   sent;                 /* ns: our last one with payload */

  struct tcp_conn *listener;      /* SYN_RCVD and not accepted yet: whose it will be */
  struct tcp_conn *accept_head, *accept_tail, *accept_next;    /* established, waiting for accept() */
  uint32_t  backlog, npending;    /* room of that queue; in it. Half-open ones are bounded by the pool */

  bool      listed;               /* on its device's list of senders */
  struct tcp_conn *out_next;
  struct tcp_conn *hash_next;
  struct tcp_conn *next, *prev;   /* all that are not CLOSED, oldest first */
};

struct tcp                        /* of one board */
{
  struct net      *net;
  struct tcp_conn *conn;
  uint32_t         nconns;
  struct tcp_conn *head, *tail;
  struct tcp_conn *hash[TCP_HASHSIZE];
  struct { struct tcp_conn *head, *tail; } out[NET_NETDEVS + 1];    /* senders by index of the device */
  struct tcp_wrb  *wrb, *wrb_free;
  uint32_t         nwrb;
  struct netwait   wrbwait;
  uint16_t         last_port;
  uint64_t         secret[2];     /* RFC 6528 */
};

/* tcp_conn.c */

int  tcp_initialize(struct net *net);
void tcp_fini(struct net *net);
struct tcp_conn *tcp_find(struct board *b, int32_t conn);                 /* one with an owner; NULL */
struct tcp_conn *tcp_alloc(struct net *net, enum ip_kind kind);           /* ALLOCATED; NULL: all in use */
struct tcp_conn *tcp_lookup(struct net *net, const struct tcp_seg *s);    /* its connection, else its listener */
uint32_t tcp_number(const struct net *net, const struct tcp_conn *c);
bool tcp_port_taken(const struct net *net, const struct tcp_conn *self, struct ipaddr laddr, uint16_t port);
int  tcp_autobind(struct net *net, struct tcp_conn *c);                   /* 0 or -EADDRINUSE */
void tcp_open(struct tcp_conn *c, struct netdev *dev);                    /* names and numbers are complete: hash it */
void tcp_first_number(struct tcp_conn *c, uint32_t iss);
void tcp_unlisten(struct net *net, struct tcp_conn *l);                   /* takes no calls any more; ALLOCATED */
void tcp_orphan(struct net *net, struct tcp_conn *c);                     /* its owner is gone */
void tcp_free(struct net *net, struct tcp_conn *c);                       /* everything back, at once */
void tcp_ended(struct net *net, struct tcp_conn *c, int32_t error);       /* CLOSED; the owner, if any, will hear why */
void tcp_wakeup(struct net *net, struct tcp_conn *c);                     /* whoever sleeps on it looks again */
void tcp_netdown(struct netdev *dev);
void tcp_error(struct net *net, const struct quoted *q, int32_t error, bool hard);
void tcp_mtu(struct net *net, const struct quoted *q, uint32_t mtu);
void tcp_mtu_changed(struct netdev *dev);

/* tcp_input.c */

void tcp_input(struct rxpkt *p);
void tcp_drop(struct tcp_seg *s, enum rx_drop why);                       /* counts and frees it */
void tcp_consumed(struct tcp_seg *s);                                     /* it has done its work and has no payload */
void tcp_answer_old(struct net *net, struct tcp_conn *c, struct tcp_seg *s);      /* drops it, and says what we have */

/* tcp_payload.c */

void tcp_time_wait(struct net *net, struct tcp_conn *c);
bool tcp_fin_acked(struct net *net, struct tcp_conn *c);                  /* false: the connection is gone */
void tcp_payload(struct net *net, struct tcp_conn *c, struct tcp_seg *s); /* payload and FIN, which it owns */

/* tcp_handshake.c */

void tcp_listening(struct net *net, struct tcp_conn *l, struct tcp_seg *s);
void tcp_syn_sent(struct net *net, struct tcp_conn *c, struct tcp_seg *s);
void tcp_established(struct net *net, struct tcp_conn *c);

/* tcp_option.c */

void tcp_parse_options(struct tcp_seg *s);
uint32_t tcp_put_options(struct tcp_conn *c, uint8_t *out, uint32_t flags, uint32_t len);
                                                                          /* their length, a multiple of 4 */
uint32_t tcp_optlen(const struct tcp_conn *c);                            /* of every data segment */
void tcp_negotiate(struct tcp_conn *c, const struct tcp_seg *syn);
uint32_t tcp_timestamp(const struct net *net);

/* tcp_ack.c */

void tcp_ack(struct net *net, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_cc_start(struct net *net, struct tcp_conn *c);
void tcp_cc_timeout(struct net *net, struct tcp_conn *c);
void tcp_cc_idle(struct net *net, struct tcp_conn *c);                    /* before payload leaves and none is out */
void tcp_measured(struct net *net, struct tcp_conn *c, int64_t rtt);
uint32_t tcp_cc_room(const struct tcp_conn *c);                           /* how much more the path may carry */

/* tcp_sack.c */

bool tcp_sack_input(struct tcp_conn *c, const struct tcp_options *o);
bool tcp_sack_acked(struct tcp_conn *c);
void tcp_sack_forget(struct tcp_conn *c);
bool tcp_sack_lost(const struct tcp_conn *c);                             /* what snd_una asks for */
uint32_t tcp_sack_first(const struct tcp_conn *c);
bool tcp_sack_next(const struct tcp_conn *c, bool sure, struct tcp_run *next);
uint32_t tcp_flight(const struct tcp_conn *c);

/* tcp_read.c */

uint32_t tcp_offer(struct net *net, struct tcp_conn *c, uint32_t scale);  /* the window that a segment offers, bytes */
void tcp_text(struct net *net, struct tcp_conn *c, struct tcp_seg *s);    /* the payload, which it owns */
void tcp_ofo_free(struct board *b, struct tcp_conn *c);
void tcp_read_free(struct board *b, struct tcp_conn *c);
void tcp_window_update(struct net *net, struct tcp_conn *c);              /* after a read: is it worth telling? */

/* tcp_write.c */

int64_t tcp_buffer(struct net *net, struct tcp_conn *c, const uint8_t *data, uint32_t len,
                   struct iob_s *first);                                  /* bytes taken, or enum net_wait */
int64_t tcp_fill(struct net *net, struct tcp_conn *c, const uint8_t *data, uint32_t len,
                 struct iob_s **first);         /* the same for one write buffer, SO_SNDBUF or not; uses up `first` */
void tcp_write_trim(struct net *net, struct tcp_conn *c, uint32_t n);     /* acknowledged */
void tcp_write_free(struct net *net, struct tcp_conn *c);
int  tcp_write_clone(struct net *net, const struct tcp_conn *c, uint32_t offset, uint32_t len, struct iob_s *to,
                     uint32_t at);                                        /* 0 or -ENOMEM */

/* tcp_unbuffered.c */

int64_t tcp_lend(struct tcp_conn *c, const uint8_t *data, uint32_t len, int32_t pid);   /* 0, or NET_WAIT_SND */
int64_t tcp_take_back(struct net *net, struct tcp_conn *c);               /* the sender goes: how much of it stays */

/* tcp_output.c */

void tcp_pending(struct net *net, struct tcp_conn *c);                    /* may have something to send */
void tcp_unlist(struct net *net, struct tcp_conn *c);
bool tcp_poll(struct netdev *dev);
void tcp_reply(struct net *net, struct tcp_conn *c, uint32_t flags);      /* an empty segment, at once */
void tcp_reset(struct net *net, struct tcp_conn *c);                      /* RST of a synchronized connection */
void tcp_refuse(struct tcp_seg *s);                                       /* RST to a segment that has no connection */

/* tcp_timer.c */

#define WORK_TCP 2u               /* number of the timer's work function */

void tcp_timer_set(struct net *net, struct tcp_conn *c, enum tcp_timer which, int64_t delay);
void tcp_work(struct board *b, uint32_t conn);
int64_t tcp_rto(const struct net *net, const struct tcp_conn *c);         /* with its backoff, ns */

static inline void tcp_timer_stop(struct tcp_conn *c, enum tcp_timer which)
{
  c->timer[which] = 0;
}

/* Sequence numbers are compared modulo 2^32 (RFC 9293 3.4). */

static inline bool seq_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq_leq(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }
static inline bool seq_gt(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static inline bool seq_geq(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }

static inline uint32_t tcp_hdrlen(const struct tcp_conn *c)      /* of a packet without options */
{
  return ip_hdrlen(c->sconn.laddr) + TCP_HDRLEN;
}

static inline uint32_t tcp_default_mss(const struct tcp_conn *c)
{
  return ipaddr_isv4(c->sconn.laddr) ? TCP_DEFAULT_MSS : TCP_DEFAULT_MSS6;
}

static inline bool tcp_synchronized(const struct tcp_conn *c)
{
  return c->state >= TCP_ESTABLISHED && c->state <= TCP_LAST_ACK;
}

#endif
