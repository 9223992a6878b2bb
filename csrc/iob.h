/* iob.h - I/O buffers: a fixed pool of small buffers, linked into chains, chains linked into queues.
 *
 * Names and semantics are NuttX's (include/nuttx/mm/iob.h, mm/iob). Every call takes the board first, since there is
 * no global pool. No call here blocks: where NuttX's would, the caller gets -EAGAIN, waits in Python on the pool's
 * semaphore, and takes its buffer from the committed list (iob_alloc_begin / iob_alloc_finish).
 *
 * Invariants, checked by iob_check():
 *   free list + committed list + buffers held by an owner = nbuffers;
 *   count = length of the free list - unthrottled waiters not served yet, and only one of the two is not zero.
 *
 * Trace: TR_IOB_ALLOC and TR_IOB_FREE name the buffer's index and its owner, TR_IOB_FAIL and TR_IOB_WAIT whether the
 * request was throttled (0 or 1) and for which owner.
 */
#ifndef NUT_IOB_H
#define NUT_IOB_H

#include "base.h"
#include "sem.h"
#include "table.h"

#define IOB_NBUFFERS_MAX 65535
#define IOB_BUFSIZE_MAX  65535 /* io_len and io_offset have 16 bits */

/* Who holds a buffer. The diagnosis has to say who could give one back, so every buffer carries a tag:
 * class in the high byte, an instance (connection, device, task) below it. A buffer in use always has a class other
 * than NONE; NONE marks one that lies in the free or committed list. */

enum iob_owner_class
{
  IOB_OWNER_NONE      = 0,
  IOB_OWNER_TEST      = 1,
  IOB_OWNER_RXWORK    = 2,    /* frame being taken in by device n */
  IOB_OWNER_TXWORK    = 3,    /* packet being built for device n */
  IOB_OWNER_TXRING    = 4,    /* waiting in the transmit ring or queue of device n */
  IOB_OWNER_UDP_READ  = 5,    /* read-ahead of UDP connection n */
  IOB_OWNER_UDP_WRITE = 6,    /* write buffer of UDP connection n */
  IOB_OWNER_ICMP_READ = 7,    /* replies waiting in ICMP socket n */
  IOB_OWNER_TCP_READ  = 8,
  IOB_OWNER_TCP_WRITE = 9,
  IOB_OWNER_TCP_OFO   = 10,
  IOB_OWNER_REASM     = 11,
  IOB_OWNER_APP       = 12,   /* taken by task n through the application interface */
  IOB_OWNER_PKT_READ  = 13,   /* frames waiting in packet socket n */
  IOB_OWNER_PKT_WRITE = 14,
};

#define IOB_OWNER(cls, n) (((uint32_t)(cls) << 24) | ((uint32_t)(n) & 0xffffff))

struct iob_s
{
  struct iob_s *io_flink;     /* next buffer of the chain, or of the list it lies in */
  uint16_t      io_len;       /* bytes of data in this buffer */
  uint16_t      io_offset;    /* where they begin */
  uint32_t      io_pktlen;    /* bytes in the whole chain; valid in the head only */
  uint32_t      io_owner;     /* IOB_OWNER(class, instance) */
  uint32_t      io_index;     /* place in the pool; its name towards Python and in the trace */
  int64_t       io_since;     /* when the present owner got it, ns */
  uint8_t      *io_data;      /* bufsize bytes, fixed for life */
};

struct iob_qentry_s
{
  struct iob_qentry_s *qe_flink;
  struct iob_s        *qe_head;  /* the chain it carries; NULL while it is free */
};

struct iob_queue_s
{
  struct iob_qentry_s *qh_head;
  struct iob_qentry_s *qh_tail;
};

struct iob_pool
{
  struct iob_s *iobs;         /* the pool itself, nbuffers of them */
  uint8_t      *data;
  struct iob_s *freelist;     /* LIFO: the buffer freed last is handed out first */
  struct iob_s *committed;    /* handed to a waiter that has not run yet; invisible to try-alloc */
  int32_t       count;        /* free buffers minus unthrottled waiters */
  int32_t       throttle;     /* CONFIG_IOB_THROTTLE */
  int32_t       throttle_wait;/* throttled waiters */
  struct sem    sem;          /* unthrottled waiters sleep here */
  struct sem    throttle_sem; /* throttled waiters sleep here */
  uint32_t      nbuffers, bufsize;

  struct iob_qentry_s *qentries, *qfree, *qcommitted;
  int32_t       nchains, qcount;   /* qcount: free entries minus waiters */
  struct sem    qsem;

  struct table  queues;       /* those that Python names by number, see iob_api.c */

  bool          timeout_leak; /* option: keep today's NuttX behaviour after a wait that timed out */
  uint32_t      notifier_div; /* CONFIG_IOB_NOTIFIER_DIV rounded down to a power of two; 0: no notifier */
  void        (*notify)(struct board *b);   /* what iob_free calls; NULL: nobody asked yet */
  uint32_t      npollers;     /* tasks that poll until they can send */
  int32_t       lowwater;     /* fewest free buffers ever seen */
  uint64_t      nallocs;      /* buffers handed out; what of them is not held any more was freed */
  uint64_t      nfails;       /* try-allocations that got nothing, and waits that ended without a buffer */
};

/* pool: iob.c. iob_initialize: 0, -EINVAL (a figure NuttX's build would refuse too), -ENOMEM, -EALREADY. */

int  iob_initialize(struct board *b, uint32_t nbuffers, uint32_t bufsize, uint32_t nchains, uint32_t throttle);
void iob_uninitialize(struct board *b);
void iob_notifier_div(struct board *b, uint32_t div);   /* 0: no notifier */

struct iob_s *iob_tryalloc(struct board *b, bool throttled, uint32_t owner);
struct iob_s *iob_free(struct board *b, struct iob_s *iob);               /* returns the next of the chain */
void          iob_free_chain(struct board *b, struct iob_s *iob);
int           iob_navail(struct board *b, bool throttled);
void          iob_set_owner(struct board *b, struct iob_s *iob, uint32_t owner);  /* whole chain */

/* The two halves of a blocking allocation. begin: 0 and *out set, or -EAGAIN with the waiter registered; the caller
 * then waits on iob_sem() and calls finish(0), which takes a committed buffer. A wait that failed calls finish(errno):
 * it un-registers the waiter (or leaks it, see timeout_leak) and returns NULL, unless a buffer was committed
 * meanwhile, which it then returns. Every begin that said -EAGAIN must be followed by exactly one finish, also when
 * the task is killed while it waits. */

int           iob_alloc_begin(struct board *b, bool throttled, uint32_t owner, struct iob_s **out);
struct sem   *iob_sem(struct board *b, bool throttled);
struct iob_s *iob_alloc_finish(struct board *b, bool throttled, uint32_t owner, int waited);

/* chains: iob_chain.c. Buffers that a chain grows by get the owner of its head. */

int  iob_copyin(struct board *b, struct iob_s *iob, const uint8_t *src, uint32_t len, int32_t offset, bool throttled);
                                               /* = NuttX's iob_trycopyin: len, -ENOMEM (partial data stays), -ESPIPE */
int  iob_copyout(uint8_t *dest, const struct iob_s *iob, uint32_t len, int32_t offset);   /* bytes, or -ESPIPE */
uint32_t      iob_tailroom(struct board *b, const struct iob_s *iob);     /* of the last buffer */
int           iob_clone_partial(struct board *b, const struct iob_s *src, uint32_t len, int32_t off1, struct iob_s *dst,
                                int32_t off2, bool throttled);            /* 0, -ENOMEM, -ESPIPE */
int           iob_clone(struct board *b, const struct iob_s *src, struct iob_s *dst, bool throttled);
void          iob_concat(struct iob_s *a, struct iob_s *b);
struct iob_s *iob_trimhead(struct board *b, struct iob_s *iob, uint32_t n);   /* the new head; keeps one buffer */
struct iob_s *iob_trimtail(struct board *b, struct iob_s *iob, uint32_t n);   /* NULL when everything went */
struct iob_s *iob_pack(struct board *b, struct iob_s *iob);                   /* the new head */
int           iob_contig(struct board *b, struct iob_s *iob, uint32_t n);     /* 0, -ENOSPC, -EINVAL (n > bufsize) */
void          iob_reserve(struct board *b, struct iob_s *iob, uint32_t n);
int           iob_update_pktlen(struct board *b, struct iob_s *iob, uint32_t n, bool throttled);
uint32_t      iob_count(const struct iob_s *iob);

/* queues of chains: iob_queue.c. The blocking add has two halves like the allocation, and waits on pool.qsem. */

int           iob_qentry_navail(struct board *b);
int           iob_tryadd_queue(struct board *b, struct iob_s *iob, struct iob_queue_s *q);    /* 0, -ENOMEM */
int           iob_add_queue_begin(struct board *b, struct iob_s *iob, struct iob_queue_s *q); /* 0, -EAGAIN, -ENOMEM */
int           iob_add_queue_finish(struct board *b, struct iob_s *iob, struct iob_queue_s *q, int waited);
struct iob_s *iob_remove_queue(struct board *b, struct iob_queue_s *q);
struct iob_s *iob_peek_queue(const struct iob_queue_s *q);
void          iob_free_queue(struct board *b, struct iob_queue_s *q);
int           iob_free_queue_qentry(struct board *b, struct iob_s *iob, struct iob_queue_s *q); /* 0, -ENOENT */
void          iob_concat_queue(struct iob_queue_s *dst, struct iob_queue_s *src);
struct iob_s *iob_trimhead_queue(struct board *b, struct iob_queue_s *q, uint32_t n);    /* the new first chain */
uint32_t      iob_get_queue_size(const struct iob_queue_s *q);                           /* bytes */
uint32_t      iob_get_queue_entry_count(const struct iob_queue_s *q);

/* views: iob_view.c */

struct iob_stats_s { int32_t ntotal, nfree, nwait, nthrottle; };          /* the four numbers of /proc/iobinfo */
void iob_getstats(struct board *b, struct iob_stats_s *st);

enum iob_fault
{
  IOB_FAULT_FREELIST  = 1,    /* the free list loops, or holds a buffer that somebody owns */
  IOB_FAULT_COMMITTED = 2,    /* the same of the committed list */
  IOB_FAULT_LOST      = 3,    /* a buffer that nobody owns is in neither list */
  IOB_FAULT_COUNT     = 4,    /* count does not fit the length of the free list */
  IOB_FAULT_WAITERS   = 5,    /* fewer than no waiters */
  IOB_FAULT_BOUNDS    = 6,    /* data of a held buffer lie outside of it */
  IOB_FAULT_LINK      = 7,    /* a chain runs into a free buffer, into another chain, or into itself */
  IOB_FAULT_QENTRY    = 8,    /* queue entries: lists, count */
};

int  iob_check(struct board *b);                     /* 0, an enum iob_fault, or -ENOMEM: no memory to look */

#endif
