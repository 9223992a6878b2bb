"""The register map of the board's Ethernet controller and its PHY, as a driver knows it (models: csrc/mac.h, phy.c)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

FILTERS = 8
"""Exact addresses that the controller can take besides its own."""


class Reg(IntEnum):
    """Registers (enum mac_reg). ADDR is the first of three for the own address; three more follow for each filter."""

    CR = 0
    SR = 1
    IMR = 2
    RXMIT_N = 3
    RXMIT_US = 4
    TXMIT_N = 5
    TXMIT_US = 6
    TXDB = 7
    RXLEN = 8
    TXLEN = 9
    RXHEAD = 10
    TXHEAD = 11
    RXREADY = 12
    TXFREE = 13
    ADDR = 14
    FILTER_EN = 14 + 3 * (1 + FILTERS)


class Cr(IntFlag):
    """Control: receiver and transmitter on, which frames to take, reset."""

    RE = 1
    TE = 2
    PROMISC = 4
    ALLMULTI = 8
    RESET = 1 << 15


class Sr(IntFlag):
    """Status, and the mask of what raises the interrupt line. Writing a 1 clears a status bit."""

    RX = 1
    TX = 2
    RXOVF = 4
    TXUNF = 8
    LINK = 16
    FATAL = 32


class PhyReg(IntEnum):
    """Registers of the PHY (IEEE 802.3 clause 22); the last is this vendor's."""

    BMCR = 0
    BMSR = 1
    ID1 = 2
    ID2 = 3
    ANAR = 4
    ANLPAR = 5
    SR = 31


class Bmcr(IntFlag):
    """Basic control."""

    ISOLATE = 1 << 10
    PDOWN = 1 << 11
    ANENABLE = 1 << 12
    RESET = 1 << 15


class Bmsr(IntFlag):
    """Basic status. LINK remembers a lost link until it has been read."""

    LINK = 1 << 2
    ANCOMPLETE = 1 << 5


PHY_SPEEDS = (0, 10, 100, 1000, 10000)
"""Mbit/s by the low three bits of PhyReg.SR."""
