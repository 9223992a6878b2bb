/* siphash.c - SipHash-2-4. Words are read in the machine's order: what matters here is that nobody can guess it. */

#include "siphash.h"

struct sip
{
  uint64_t a, b, c, d;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
  return x << n | x >> (64 - n);
}

static void mix(struct sip *v, int rounds)
{
  while (rounds-- > 0)
    {
      v->a += v->b;
      v->c += v->d;
      v->b = rotl(v->b, 13) ^ v->a;
      v->d = rotl(v->d, 16) ^ v->c;
      v->a = rotl(v->a, 32);
      v->c += v->b;
      v->a += v->d;
      v->b = rotl(v->b, 17) ^ v->c;
      v->d = rotl(v->d, 21) ^ v->a;
      v->c = rotl(v->c, 32);
    }
}

uint64_t siphash(const uint64_t key[2], const uint8_t *data, uint32_t len)
{
  struct sip v = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                   key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
  uint64_t last = (uint64_t)len << 56, word;
  for (; len >= 8; len -= 8, data += 8)
    {
      memcpy(&word, data, 8);
      v.d ^= word;
      mix(&v, 2);
      v.a ^= word;
    }
  word = 0;
  memcpy(&word, data, len);
  last |= word;
  v.d ^= last;
  mix(&v, 2);
  v.a ^= last;
  v.c ^= 0xff;
  mix(&v, 4);
  return v.a ^ v.b ^ v.c ^ v.d;
}
