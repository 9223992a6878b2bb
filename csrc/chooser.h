/* chooser.h - every free choice is made here, so that one seed makes one run.
 *
 * choose(site, name, n) returns 0..n-1, 0 being what the plain kernel would do. Each site has a mode: default (always
 * 0), random (a hash of seed, site, name and the site's count), scripted (a list, then 0), or ask (Python answers).
 */
#ifndef NUT_CHOOSER_H
#define NUT_CHOOSER_H

#include "base.h"

enum site
{
  SITE_EQPRIO,                /* which of the ready tasks of equal priority runs */
  SITE_IRQ_JITTER,            /* how late an interrupt line is seen, in ns below n */
  SITE_ALLOC_FAIL,            /* 1: a try-allocation fails although a buffer is there */
  SITE_WIRE_DROP,             /* the wire's faults, each drawn in parts per million */
  SITE_WIRE_DUP,
  SITE_WIRE_REORDER,
  SITE_WIRE_DELAY,
  SITE_WIRE_CORRUPT,
  SITE_PORT,                  /* ephemeral port numbers */
  SITE_IPID,                  /* first IP identification */
  SITE_SEQ,                   /* sequence numbers and other secrets of a board */
  SITE_USER,                  /* first of those that Python registers */
  NSITES = 32
};

enum choose_mode { CHOOSE_DEFAULT, CHOOSE_RANDOM, CHOOSE_SCRIPTED, CHOOSE_ASK };

struct choose_site
{
  uint8_t   mode;
  uint64_t  count;            /* choices drawn so far, in any mode but default */
  uint32_t *script;
  uint32_t  nscript;
};

struct chooser
{
  uint64_t           seed;
  struct choose_site site[NSITES];
  uint32_t         (*ask)(void *bench, uint32_t site, uint32_t name, uint32_t n);
  void              *bench;
};

uint64_t mix64(uint64_t x);                                    /* the one hash: splitmix64's finalizer */
uint32_t choose_slow(struct chooser *c, uint32_t site, uint32_t name, uint32_t n);
int      chooser_set(struct chooser *c, uint32_t site, uint32_t mode, const uint32_t *script, uint32_t nscript);
void     chooser_fini(struct chooser *c);

static inline uint32_t choose(struct chooser *c, uint32_t site, uint32_t name, uint32_t n)
{
  if (likely(c->site[site].mode == CHOOSE_DEFAULT || n < 2)) return 0;
  return choose_slow(c, site, name, n);
}

#endif
