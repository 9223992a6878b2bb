/* notifier.h - work that waits for an event: NuttX's kwork_notifier (sched/wqueue). */
#ifndef NUT_NOTIFIER_H
#define NUT_NOTIFIER_H

#include "board.h"

enum work_evtype              /* NuttX's numbers */
{
  WORK_IOB_AVAIL = 1, WORK_NET_DOWN, WORK_TCP_READAHEAD, WORK_TCP_WRITEBUFFER, WORK_TCP_DISCONNECT,
  WORK_UDP_READAHEAD, WORK_UDP_WRITEBUFFER
};

struct notifier
{
  struct notifier *next;
  int32_t  key;
  uint8_t  evtype;
  bool     told;              /* its work was queued */
  uint32_t qualifier;
  struct kwork_queue *wq;
  struct work *work;
};

void work_notifier_signal(struct board *b, enum work_evtype evtype, uint32_t qualifier);
void notifier_fini(struct board *b);
void iob_freed(struct board *b);          /* iob_pool.notify, once there is somebody to tell */
void poll_room(struct board *b);          /* poll.c */

#endif
