/* notifier.c - the list of those who want to be told, in the order in which they asked. */

#include <stdlib.h>

#include "notifier.h"

/* Every match is queued, in order. An IOB event has no qualifier to be cleared, so it is told again until its worker
 * has begun. */

void work_notifier_signal(struct board *b, enum work_evtype evtype, uint32_t qualifier)
{
  for (struct notifier *e = b->notifiers; e; e = e->next)
    {
      if (e->evtype != evtype || e->qualifier != qualifier) continue;
      if (e->told && (evtype != WORK_IOB_AVAIL || work_available(e->work))) continue;
      e->told = true;
      work_queue_c(b, e->wq, e->work, WORK_PYTHON, 0, 0);
    }
}

void iob_freed(struct board *b)
{
  const struct iob_pool *p = &b->iob;
  if (p->notifier_div && p->count > 0 && !((uint32_t)p->count & (p->notifier_div - 1)))
    work_notifier_signal(b, WORK_IOB_AVAIL, 0);
  if (p->npollers) poll_room(b);
}

int32_t notifier_setup(struct board *b, int32_t evtype, uint32_t qualifier, int32_t qid, int32_t work)
{
  struct kwork_queue *wq = table_get(&b->wqs, qid);
  struct work *w = table_get(&b->works, work);
  if (wq == NULL || w == NULL || evtype < WORK_IOB_AVAIL || evtype > WORK_UDP_WRITEBUFFER) return -EINVAL;
  struct notifier *e = calloc(1, sizeof *e);
  if (e == NULL) return -ENOMEM;
  b->notifier_key = b->notifier_key == INT32_MAX ? 1 : b->notifier_key + 1;
  *e = (struct notifier){ .key = b->notifier_key, .evtype = (uint8_t)evtype, .qualifier = qualifier, .wq = wq,
                          .work = w };
  struct notifier **end = &b->notifiers;
  while (*end) end = &(*end)->next;
  *end = e;
  if (evtype == WORK_IOB_AVAIL) b->iob.notify = iob_freed;
  return e->key;
}

int32_t notifier_remove(struct board *b, int32_t key)
{
  for (struct notifier **p = &b->notifiers; *p; p = &(*p)->next)
    if ((*p)->key == key)
      {
        struct notifier *e = *p;
        *p = e->next;
        free(e);
        return 0;
      }
  return -ENOENT;
}

void notifier_fini(struct board *b)
{
  while (b->notifiers) notifier_remove(b, b->notifiers->key);
}
