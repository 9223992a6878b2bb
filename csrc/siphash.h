/* siphash.h - SipHash-2-4 (Aumasson, Bernstein, 2012): a keyed hash whose key its values do not betray. */
#ifndef NUT_SIPHASH_H
#define NUT_SIPHASH_H

#include "base.h"

uint64_t siphash(const uint64_t key[2], const uint8_t *data, uint32_t len);

#endif
