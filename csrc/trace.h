/* trace.h - what happened, as a ring of fixed-size events cheap enough to leave on.
 *
 * Nothing in an event depends on the host: objects are named by number, never by address.
 */
#ifndef NUT_TRACE_H
#define NUT_TRACE_H

#include "base.h"

enum trace_kind
{
  TR_NONE, TR_BOOT, TR_TASK_START, TR_TASK_EXIT, TR_SWITCH, TR_READY, TR_BLOCK,
  TR_IRQ_ENTER, TR_IRQ_EXIT, TR_SEM_POST, TR_LOCK, TR_UNLOCK,
  TR_WORK_QUEUE, TR_WORK_CANCEL, TR_WORK_START, TR_WORK_END, TR_WDOG,
  TR_IOB_ALLOC, TR_IOB_FREE, TR_IOB_WAIT, TR_IOB_FAIL,
  TR_RX, TR_RX_DROP, TR_TX, TR_TX_DONE, TR_UDP_IN, TR_UDP_DROP,
  TR_TCP_IN, TR_TCP_REXMIT, TR_IP6_DUPLICATE,
  TR_NKINDS
};

struct trace_event
{
  int64_t  time;              /* ns */
  uint16_t kind;
  uint16_t task;              /* pid of the running task, 0xffff in an interrupt, 0 when idle */
  uint32_t object;
  int64_t  arg;
};

struct trace
{
  struct trace_event *ring;
  uint32_t mask;              /* size - 1; size is a power of two */
  bool     on;
  uint64_t head;              /* events ever written */
};

int  trace_init(struct trace *t, uint32_t size);
void trace_fini(struct trace *t);

#endif
