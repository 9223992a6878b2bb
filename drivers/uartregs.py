"""The register map of the board's UART, as a driver knows it (model: board/uart.py).

Bits are IntEnum, not IntFlag, whose operators cost more than the rest of an interrupt.
"""

from __future__ import annotations

from enum import IntEnum


class UartReg(IntEnum):
    """Registers. Characters go through the two FIFOs, see ``take`` and ``put`` of the device."""

    SR = 0
    IMR = 1
    MCR = 2
    MSR = 3


class UartSr(IntEnum):
    """Status, and the mask of what raises the interrupt line. Each bit shows a condition and goes away with it.

    RX: the receive FIFO is half full, or holds something and the line is idle. TX: everything has been sent. MODEM: the
    other end changed a modem line; reading MSR clears it.
    """

    RX = 1
    TX = 2
    MODEM = 4


class UartMcr(IntEnum):
    """Modem control: the board's own lines. AUTORTS: RTS goes off by itself while the receive FIFO is full."""

    DTR = 1
    RTS = 2
    AUTORTS = 4


class UartMsr(IntEnum):
    """Modem status: the lines of the other end."""

    CTS = 1
    DSR = 2


class CharError(IntEnum):
    """What was wrong with a received character. OVERRUN: others before it were lost. BREAK: it is none at all."""

    FRAMING = 1
    PARITY = 2
    BREAK = 4
    OVERRUN = 8
