/* sem.h - counting semaphores and the wait lists under everything that sleeps.
 *
 * count > 0: posts not yet taken; count < 0: that many tasks wait. A post with waiters hands the count directly to the
 * first of the list: highest priority, FIFO among equals.
 */
#ifndef NUT_SEM_H
#define NUT_SEM_H

#include "base.h"

struct waitq
{
  struct tcb *head, *tail;
};

enum wait_kind { WAIT_NONE, WAIT_SEM, WAIT_MUTEX, WAIT_SIGNAL };

struct sem
{
  int32_t      count;
  uint32_t     id;            /* its handle, and its name in the trace; 0 if it has none */
  struct waitq waiters;
  bool         owned;         /* made by number, and freed with it; otherwise part of a larger object */
};

void waitq_add(struct waitq *q, struct tcb *t);
void waitq_remove(struct waitq *q, struct tcb *t);

int  nxsem_init(struct board *b, struct sem *s, int32_t count);   /* gives it a handle, so that Python can wait on it */
void nxsem_destroy(struct board *b, struct sem *s);               /* whoever still waits gets -ECANCELED */
int  nxsem_post_c(struct board *b, struct sem *s);      /* for use inside the core: no charge, no verdict */

struct mutex;
int  mutex_lock_c(struct board *b, struct mutex *m, struct tcb *t);   /* 0, or -EAGAIN with the task put to sleep */
void mutex_release_c(struct board *b, struct mutex *m);               /* all levels of it */

#endif
