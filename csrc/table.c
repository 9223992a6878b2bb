/* table.c - growing and reusing the numbers of table.h. */

#include <stdlib.h>

#include "table.h"

int32_t table_add(struct table *t, void *object)
{
  if (t->nfree)
    {
      uint32_t id = t->free[--t->nfree];
      t->slot[id] = object;
      return (int32_t)id;
    }
  if (t->n + 1 >= t->cap)
    {
      uint32_t cap = t->cap ? 2 * t->cap : 16;
      void **slot = realloc(t->slot, cap * sizeof *slot);
      if (slot == NULL) return -ENOMEM;
      t->slot = slot;
      uint32_t *freed = realloc(t->free, cap * sizeof *freed);
      if (freed == NULL) return -ENOMEM;
      t->free = freed;
      t->cap = cap;
      if (t->n == 0)
        {
          t->slot[0] = NULL;
          t->n = 1;
        }
    }
  t->slot[t->n] = object;
  return (int32_t)t->n++;
}

void table_remove(struct table *t, int32_t id)
{
  if (table_get(t, id) == NULL) return;
  t->slot[id] = NULL;
  t->free[t->nfree++] = (uint32_t)id;
}

void table_fini(struct table *t)
{
  free(t->slot);
  free(t->free);
  *t = (struct table){ 0 };
}
