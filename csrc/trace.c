/* trace.c - the memory of the trace ring; writing to it is inline in board.h. */

#include <stdlib.h>

#include "trace.h"

int trace_init(struct trace *t, uint32_t size)
{
  if (size == 0)
    {
      t->on = false;
      return 0;
    }
  if (size & (size - 1)) return -EINVAL;
  t->ring = calloc(size, sizeof *t->ring);
  if (t->ring == NULL) return -ENOMEM;
  t->mask = size - 1;
  t->on = true;
  return 0;
}

void trace_fini(struct trace *t)
{
  free(t->ring);
  t->ring = NULL;
  t->on = false;
}
