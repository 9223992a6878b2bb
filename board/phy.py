"""The PHY of an Ethernet controller, as code on the board reaches it (register names: drivers/macregs.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.macregs import PHY_SPEEDS, PhyReg
from kernel.core import ACT_BASE, lib

if TYPE_CHECKING:
    from board.mac import Mac


class Phy:
    """Each access costs the board the time of a management frame."""

    def __init__(self, mac: Mac) -> None:
        self._mac = mac

    def read(self, reg: int) -> int:
        """One register, 16 bits; 0 for one that does not exist."""
        mac = self._mac
        r = lib.phy_getreg(mac.board, mac.number, reg)
        return mac.clock.follow(r) if r >= ACT_BASE else int(r)

    def write(self, reg: int, value: int) -> None:
        """One register, 16 bits; nothing happens to one that cannot be written."""
        mac = self._mac
        r = lib.phy_putreg(mac.board, mac.number, reg, value)
        if r >= ACT_BASE:
            mac.clock.follow(r)

    @property
    def speed(self) -> int:
        """Rate of the link in Mbit/s, 0 without one, read the way a driver does."""
        return PHY_SPEEDS[self.read(PhyReg.SR) & 7]
