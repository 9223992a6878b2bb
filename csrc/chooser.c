/* chooser.c - the modes of a choice site, see chooser.h. */

#include <stdlib.h>

#include "chooser.h"

uint64_t mix64(uint64_t x)
{
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint32_t choose_slow(struct chooser *c, uint32_t site, uint32_t name, uint32_t n)
{
  struct choose_site *s = &c->site[site];
  uint64_t count = s->count++;
  uint32_t v = 0;

  switch (s->mode)
    {
      case CHOOSE_RANDOM:
        v = (uint32_t)(mix64(mix64(mix64(c->seed ^ ((uint64_t)site << 32)) ^ name) ^ count) % n);
        break;

      case CHOOSE_SCRIPTED:
        v = count < s->nscript ? s->script[count] : 0;
        break;

      case CHOOSE_ASK:
        v = c->ask ? c->ask(c->bench, site, name, n) : 0;
        break;

      default:
        break;
    }
  return v < n ? v : 0;
}

int chooser_set(struct chooser *c, uint32_t site, uint32_t mode, const uint32_t *script, uint32_t nscript)
{
  if (site >= NSITES || mode > CHOOSE_ASK) return -EINVAL;
  struct choose_site *s = &c->site[site];
  uint32_t *copy = NULL;
  if (mode == CHOOSE_SCRIPTED && nscript > 0)
    {
      copy = malloc(nscript * sizeof *copy);
      if (copy == NULL) return -ENOMEM;
      memcpy(copy, script, nscript * sizeof *copy);
    }
  free(s->script);
  *s = (struct choose_site){ .mode = (uint8_t)mode, .script = copy, .nscript = nscript };
  return 0;
}

void chooser_fini(struct chooser *c)
{
  for (int i = 0; i < NSITES; i++) free(c->site[i].script);
}
