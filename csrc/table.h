/* table.h - numbers for objects: what Python holds instead of pointers. 0 is never a valid number.
 *
 * Freed numbers are used again, last one first, so that the same run gives the same numbers.
 */
#ifndef NUT_TABLE_H
#define NUT_TABLE_H

#include "base.h"

struct table
{
  void    **slot;
  uint32_t *free;             /* stack of freed numbers */
  uint32_t  n, cap, nfree;
};

int32_t table_add(struct table *t, void *object);       /* its number, or -ENOMEM */
void    table_remove(struct table *t, int32_t id);
void    table_fini(struct table *t);

static inline void *table_get(const struct table *t, int64_t id)
{
  return id > 0 && id < (int64_t)t->n ? t->slot[id] : NULL;
}

#endif
