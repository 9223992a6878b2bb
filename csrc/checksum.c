/* checksum.c - the Internet checksum (RFC 1071), eight bytes at a time.
 *
 * The sum does not depend on byte order if it is read and stored in the machine's own (RFC 1071, 2B), so nothing is
 * swapped: csum_fold() gives 16 bits to be copied into the packet as they lie in memory.
 */
#include "inet.h"

uint64_t csum_add(uint64_t sum, const uint8_t *data, uint32_t len)
{
  uint64_t high = 0, w[4];
  for (; len >= sizeof w; data += sizeof w, len -= (uint32_t)sizeof w)
    {
      memcpy(w, data, sizeof w);
      sum += (uint32_t)w[0];
      high += w[0] >> 32;
      sum += (uint32_t)w[1];
      high += w[1] >> 32;
      sum += (uint32_t)w[2];
      high += w[2] >> 32;
      sum += (uint32_t)w[3];
      high += w[3] >> 32;
    }
  for (uint32_t half; len >= sizeof half; data += sizeof half, len -= (uint32_t)sizeof half)
    {
      memcpy(&half, data, sizeof half);
      sum += half;
    }
  uint32_t rest = 0;
  memcpy(&rest, data, len);
  return sum + high + rest;
}

uint16_t csum_fold(uint64_t sum)
{
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

/* The pseudo-header of IPv6 (RFC 8200 8.1). It serves IPv4, too: what its addresses have more here are two words of
 * 0xffff, which are zero in this arithmetic.
 */

uint64_t csum_pseudo(struct ipaddr src, struct ipaddr dst, uint32_t proto, uint32_t len)
{
  uint8_t header[2 * IPADDR_LEN + 8];
  ipaddr_store(header, src);
  ipaddr_store(header + IPADDR_LEN, dst);
  put32(header + 2 * IPADDR_LEN, len);
  put32(header + 2 * IPADDR_LEN + 4, proto);
  return csum_add(0, header, sizeof header);
}

uint64_t csum_rx(uint64_t sum, const struct rxpkt *p)
{
  return p->len <= p->nflat ? csum_add(sum, p->ip + p->hlen, p->len - p->hlen) : csum_iob(sum, p->iob, p->hlen);
}

void csum_put(uint8_t *where, uint16_t folded)
{
  memcpy(where, &folded, sizeof folded);
}

/* A part that begins at an odd byte counts with its bytes swapped: times 256, modulo 65535. */

uint64_t csum_iob(uint64_t sum, const struct iob_s *iob, uint32_t offset)
{
  bool odd = false;
  for (; iob; iob = iob->io_flink)
    {
      uint32_t skip = offset < iob->io_len ? offset : iob->io_len, n = iob->io_len - skip;
      uint64_t part = csum_add(0, iob->io_data + iob->io_offset + skip, n);
      part = (part & 0xffffffff) + (part >> 32);
      sum += odd ? part << 8 : part;
      odd ^= n & 1;
      offset -= skip;
    }
  return sum;
}
