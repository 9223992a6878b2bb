/* mac.h - an Ethernet controller: registers, descriptor rings, DMA, interrupts, and its PHY.
 *
 * The model knows no kernel. It drives one interrupt line, moves frames between its rings and its wire port, and
 * answers register accesses. Arriving frames wait in the port's queue; mac_poll() lets them enter the ring exactly as
 * if it had been called at each arrival, and only the first arrival that would raise the line is an event.
 */
#ifndef NUT_MAC_H
#define NUT_MAC_H

#include "base.h"
#include "event.h"
#include "wire.h"

#define MAC_BUFSIZE  1536u        /* DMA buffer of one descriptor */
#define MAC_NFILTERS 8            /* exact addresses besides its own */
#define MAC_MAXRING  1024u

enum mac_reg
{
  MAC_CR,                         /* control, enum mac_cr */
  MAC_SR,                         /* status, enum mac_sr; writing a 1 clears that bit */
  MAC_IMR,                        /* status bits that raise the line */
  MAC_RXMIT_N,                    /* receive mitigation: RX after n frames ... */
  MAC_RXMIT_US,                   /* ... or this long after the first, us */
  MAC_TXMIT_N,                    /* transmit mitigation: TX after n completions that software has not seen ... */
  MAC_TXMIT_US,                   /* ... or this long after the last frame when nothing is left to send, us */
  MAC_TXDB,                       /* doorbell: look at the transmit ring */
  MAC_RXLEN, MAC_TXLEN,           /* descriptors in the rings, read only */
  MAC_RXHEAD, MAC_TXHEAD,         /* descriptor the hardware uses next, read only */
  MAC_RXREADY,                    /* filled receive descriptors, read only */
  MAC_TXFREE,                     /* transmit descriptors that software may fill, read only */
  MAC_ADDR,                       /* own address, then the filters: 3 registers of 16 bits each, first byte high */
  MAC_FILTER_EN = MAC_ADDR + 3 * (1 + MAC_NFILTERS),   /* bit per filter */
  MAC_NREGS
};

enum mac_cr
{
  MAC_CR_RE = 1 << 0,             /* receiver on */
  MAC_CR_TE = 1 << 1,             /* transmitter on */
  MAC_CR_PROMISC = 1 << 2,
  MAC_CR_ALLMULTI = 1 << 3,
  MAC_CR_RESET = 1 << 15,         /* everything but the address, the PHY and the counters; clears itself */
};

enum mac_sr
{
  MAC_SR_RX = 1 << 0,             /* frames entered the ring */
  MAC_SR_TX = 1 << 1,             /* frames have been sent */
  MAC_SR_RXOVF = 1 << 2,          /* a frame found the ring full */
  MAC_SR_TXUNF = 1 << 3,          /* a descriptor was given to the hardware without a frame */
  MAC_SR_LINK = 1 << 4,           /* the link came or went */
  MAC_SR_FATAL = 1 << 5,          /* DMA gave up; only a reset helps */
};

enum mac_stat
{
  MSTAT_RX_FRAMES, MSTAT_RX_BYTES,
  MSTAT_RX_RUNT, MSTAT_RX_GIANT, MSTAT_RX_FCS, MSTAT_RX_FILTERED,
  MSTAT_RX_OVERFLOW,              /* lost to a full ring */
  MSTAT_RX_OFF,                   /* came while the receiver was off */
  MSTAT_TX_FRAMES, MSTAT_TX_BYTES,
  MSTAT_TX_NOCARRIER,             /* sent without a link */
  MSTAT_INTERRUPTS,               /* times the line was raised */
  NMSTATS
};

/* IEEE 802.3 clause 22 management registers, and one of the vendor's. */

enum phy_reg { PHY_BMCR = 0, PHY_BMSR = 1, PHY_ID1 = 2, PHY_ID2 = 3, PHY_ANAR = 4, PHY_ANLPAR = 5, PHY_SR = 31 };

enum phy_bits
{
  PHY_BMCR_RESET = 1 << 15, PHY_BMCR_ANENABLE = 1 << 12, PHY_BMCR_PDOWN = 1 << 11, PHY_BMCR_ISOLATE = 1 << 10,
  PHY_BMSR_ANCOMPLETE = 1 << 5, PHY_BMSR_LINK = 1 << 2,
  PHY_SR_DUPLEX = 1 << 3, PHY_SR_SPEED = 7,   /* 0 none, 1..4: 10, 100, 1000, 10000 Mbit/s */
};

struct phy
{
  uint16_t bmcr;
  bool     link_low;              /* latched: the link was lost since BMSR was read */
};

/* A descriptor belongs to the hardware while `own` is set. */

struct mac_desc
{
  uint32_t len;
  uint8_t  own;
  uint8_t  busy;                  /* transmit: on the wire until done_at */
  int64_t  done_at;               /* ns */
  uint8_t *buf;                   /* MAC_BUFSIZE bytes */
};

struct mac_ring
{
  struct mac_desc *desc;
  uint32_t n;
  uint32_t hw;                    /* next for the hardware */
  uint32_t sw;                    /* next for software */
  uint32_t used;                  /* receive: filled; transmit: given to the hardware and not yet reaped */
};

struct mac
{
  struct port     port;
  uint32_t        board;          /* by number: the hardware may outlive what runs on it */
  int32_t         irq;
  uint32_t        cr, sr, imr;
  uint32_t        rxmit_n, rxmit_us, txmit_n, txmit_us;
  uint16_t        addr[3 * (1 + MAC_NFILTERS)];
  uint32_t        filter_en;
  struct mac_ring rx, tx;
  uint32_t        txbusy;         /* transmit descriptors on the wire */
  uint32_t        rxheld, txheld; /* frames in, completions that have not raised their status bit yet */
  int64_t         rxheld_since;   /* first of them, ns */
  int64_t         txdone_at;      /* end of the last transmission, ns */
  bool            line;
  bool            stalled;        /* fault: the transmitter starts nothing */
  bool            dead;           /* a fatal DMA error: until the next reset */
  struct event    rx_ev, tx_ev;
  struct phy      phy;
  uint8_t        *memory;
  uint64_t        stat[NMSTATS];
};

struct mac *mac_new(struct board *b, int32_t irq, uint32_t nrx, uint32_t ntx, uint32_t mbps, const uint8_t addr[6]);
struct mac *mac_of(struct port *p);                     /* NULL if the port is no MAC */
void     mac_event(struct mac *m, int kind);            /* EV_MAC_RX, EV_MAC_TX */
uint32_t mac_read(struct mac *m, uint32_t reg);
int      mac_write(struct mac *m, uint32_t reg, uint32_t value);
void     mac_poll(struct mac *m);                       /* hardware up to now */
void     mac_stall(struct mac *m, bool stalled);
void     mac_fatal(struct mac *m);

uint32_t phy_link(const struct mac *m);                 /* Mbit/s, 0: none */
uint16_t phy_read(struct mac *m, uint32_t reg);
void     phy_write(struct mac *m, uint32_t reg, uint16_t value);

/* The rings (macring.c): the hardware's side ... */

int     mac_rings_new(struct mac *m, uint32_t nrx, uint32_t ntx);
void    mac_rings_reset(struct mac *m);
void    mac_rx_settle(struct mac *m);                   /* takes in what has arrived */
void    mac_tx_settle(struct mac *m);                   /* completes what has been sent */
void    mac_tx_start(struct mac *m);
int64_t mac_rx_due(const struct mac *m);                /* when RX will be raised, ns; INT64_MAX: not foreseeable */
int64_t mac_tx_due(const struct mac *m);                /* the same for TX */

/* ... and the driver's. */

struct mac_desc *mac_rx_next(struct mac *m);            /* the oldest filled descriptor, or NULL */
void             mac_rx_release(struct mac *m);         /* gives it back to the hardware */
struct mac_desc *mac_tx_next(struct mac *m);            /* a descriptor to fill, or NULL: the ring is full */
void             mac_tx_submit(struct mac *m, uint32_t len);   /* ... filled; ring the doorbell (MAC_TXDB) to start */
struct mac_desc *mac_tx_done(struct mac *m);            /* reaps the oldest one sent, or NULL */

#endif
