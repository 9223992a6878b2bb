/* phy.c - the PHY of a MAC: IEEE 802.3 clause 22 management registers over the state of the wire.
 *
 * Negotiation takes no time and always ends at the slower of both ends, full duplex. An isolated PHY is treated as one
 * that is powered down.
 */

#include "board.h"
#include "mac.h"

#define BMSR_ABILITIES 0x7849u    /* 10 and 100 Mbit/s in both duplexes, negotiates, extended registers */
#define ANAR_ABILITIES 0x01e1u
#define ID1            0x0007u
#define ID2            0xc0f1u

uint32_t phy_link(const struct mac *m)
{
  return port_link(&m->port);
}

static uint16_t speed_code(uint32_t mbps)
{
  return mbps >= 10000 ? 4 : mbps >= 1000 ? 3 : mbps >= 100 ? 2 : mbps ? 1 : 0;
}

/* The link bit remembers a lost link until it has been read (IEEE 802.3, 22.2.4.2.13). */

static uint16_t read_bmsr(struct mac *m)
{
  uint16_t v = BMSR_ABILITIES;
  if (phy_link(m) && !m->phy.link_low) v |= PHY_BMSR_LINK | PHY_BMSR_ANCOMPLETE;
  m->phy.link_low = false;
  return v;
}

uint16_t phy_read(struct mac *m, uint32_t reg)
{
  uint32_t link = phy_link(m);
  switch (reg)
    {
      case PHY_BMCR:   return m->phy.bmcr;
      case PHY_BMSR:   return read_bmsr(m);
      case PHY_ID1:    return ID1;
      case PHY_ID2:    return ID2;
      case PHY_ANAR:   return ANAR_ABILITIES;
      case PHY_ANLPAR: return link ? ANAR_ABILITIES : 0;
      case PHY_SR:     return (uint16_t)(speed_code(link) | (link ? PHY_SR_DUPLEX : 0));
      default:         return 0;
    }
}

void phy_write(struct mac *m, uint32_t reg, uint16_t value)
{
  if (reg != PHY_BMCR) return;
  if (value & PHY_BMCR_RESET) value = PHY_BMCR_ANENABLE;
  m->phy.bmcr = value;
  port_set_down(&m->port, DOWN_BY_PHY, value & (PHY_BMCR_PDOWN | PHY_BMCR_ISOLATE));
}
