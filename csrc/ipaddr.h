/* ipaddr.h - one type for the addresses of both protocols: 128 bits, in host order.
 *
 * An IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that comparing, hashing and masking need not know
 * which kind it is. That form stays inside: a packet of IPv6 that brings such an address is refused. Each kind has its
 * own unspecified address, ::ffff:0.0.0.0 and ::, so the address that a socket is bound to also says its family.
 */
#ifndef NUT_IPADDR_H
#define NUT_IPADDR_H

#include "base.h"

struct ipaddr
{
  uint64_t hi, lo;
};

#define IPADDR_LEN 16u        /* as Python passes them: in network order */

#define INADDR_ANY       0u
#define INADDR_BROADCAST 0xffffffffu
#define INADDR_LOOPBACK  0x7f000001u

static inline struct ipaddr ipaddr_v4(uint32_t a)
{
  return (struct ipaddr){ 0, 0xffff00000000u | a };
}

static inline bool ipaddr_isv4(struct ipaddr a)
{
  return a.hi == 0 && a.lo >> 32 == 0xffff;
}

static inline uint32_t ipaddr_tov4(struct ipaddr a)      /* of one that is such an address */
{
  return (uint32_t)a.lo;
}

static inline bool ipaddr_equal(struct ipaddr a, struct ipaddr b)
{
  return a.hi == b.hi && a.lo == b.lo;
}

static inline bool ipaddr_isany(struct ipaddr a)         /* of either kind */
{
  return a.hi == 0 && (a.lo == 0 || a.lo == 0xffff00000000u);
}

enum ip_kind { IP_V4, IP_V6 };

static inline enum ip_kind ipaddr_kind(struct ipaddr a)
{
  return ipaddr_isv4(a) ? IP_V4 : IP_V6;
}

static inline struct ipaddr ipaddr_anylike(struct ipaddr a)      /* the unspecified address of its kind */
{
  return ipaddr_isv4(a) ? ipaddr_v4(INADDR_ANY) : (struct ipaddr){ 0, 0 };
}

static inline struct ipaddr ipaddr_selflike(struct ipaddr a)     /* the loopback address of its kind */
{
  return ipaddr_isv4(a) ? ipaddr_v4(INADDR_LOOPBACK) : (struct ipaddr){ 0, 1 };
}

static inline bool ipaddr_isloopback(struct ipaddr a)    /* 127.0.0.0/8, ::1 */
{
  return a.hi == 0 && (a.lo >> 24 == 0xffff7f || a.lo == 1);
}

static inline bool ipaddr_ismulticast(struct ipaddr a)   /* 224.0.0.0/4, ff00::/8 */
{
  return a.hi >> 56 == 0xff || (ipaddr_isv4(a) && (a.lo >> 28 & 15) == 14);
}

static inline bool ipaddr_islinklocal(struct ipaddr a)   /* fe80::/10 */
{
  return a.hi >> 54 == 0x3fa;
}

static inline bool ipaddr_matches(struct ipaddr a, struct ipaddr b, struct ipaddr mask)
{
  return ((a.hi ^ b.hi) & mask.hi) == 0 && ((a.lo ^ b.lo) & mask.lo) == 0;
}

static inline struct ipaddr ipaddr_mask(uint32_t preflen)        /* of that many bits, 128 at most */
{
  struct ipaddr mask = { UINT64_MAX, UINT64_MAX };
  if (preflen <= 64)
    mask = (struct ipaddr){ preflen ? UINT64_MAX << (64 - preflen) : 0, 0 };
  else if (preflen < 128)
    mask.lo = UINT64_MAX << (128 - preflen);
  return mask;
}

static inline uint32_t ipaddr_preflen(struct ipaddr mask)
{
  return mask.lo ? 64 + (uint32_t)__builtin_popcountll(mask.lo) : (uint32_t)__builtin_popcountll(mask.hi);
}

static inline struct ipaddr ipaddr_load(const uint8_t *p)
{
  struct ipaddr a = { 0, 0 };
  for (uint32_t i = 0; i < 8; i++)
    {
      a.hi = a.hi << 8 | p[i];
      a.lo = a.lo << 8 | p[i + 8];
    }
  return a;
}

static inline void ipaddr_store(uint8_t *p, struct ipaddr a)
{
  for (uint32_t i = 8; i-- > 0; a.hi >>= 8, a.lo >>= 8)
    {
      p[i] = (uint8_t)a.hi;
      p[i + 8] = (uint8_t)a.lo;
    }
}

#endif
