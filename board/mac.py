"""The Ethernet controller of a board (csrc/mac.h): registers by name, counters, its PHY, and faults for tests."""

from __future__ import annotations

from typing import Any

from board.phy import Phy
from board.wire import Port, mac_bytes
from drivers.macregs import Reg
from kernel.clock import Clock
from kernel.core import ACT_BASE, lib, numbers

COUNTERS = (
    "rx_frames",
    "rx_bytes",
    "rx_runts",
    "rx_giants",
    "rx_bad_fcs",
    "rx_filtered",
    "rx_overflows",
    "rx_off",
    "tx_frames",
    "tx_bytes",
    "tx_nocarrier",
    "interrupts",
)  # enum mac_stat


class Mac(Port):
    """The controller; as a :class:`Port` it is also the end of a cable.

    ``board``: the core's board; ``irq``: its line there; ``rx_ring`` and ``tx_ring``: descriptors, 1 to 1024.
    """

    def __init__(
        self,
        clock: Clock,
        board: Any,
        mac: str | bytes,
        *,
        irq: int,
        rx_ring: int = 64,
        tx_ring: int = 64,
        mbps: int = 10000,
        name: str = "eth0",
    ) -> None:
        self.address = mac_bytes(mac)
        self.board = board
        self.irq = irq
        self.tx_ring = tx_ring
        super().__init__(clock, lib.mac_create(board, irq, rx_ring, tx_ring, mbps, self.address), name)
        self.phy = Phy(self)

    # The board's side

    def read(self, reg: int) -> int:
        """Reads a register, at the cost of a bus access."""
        r = lib.mac_getreg(self.board, self.number, reg)
        return self.clock.follow(r) if r >= ACT_BASE else int(r)

    def write(self, reg: int, value: int) -> None:
        """Writes a register, at the cost of a bus access. Raises OSError (EINVAL) for one that cannot be written."""
        r = lib.mac_putreg(self.board, self.number, reg, value)
        if r >= ACT_BASE:
            r = self.clock.follow(r)
        if r < 0:
            raise OSError(-r, f"{self.name}: register {reg} cannot be written")

    def write_address(self, index: int, mac: bytes) -> None:
        """Sets the own address (``index`` 0) or that of filter ``index`` - 1."""
        for i in range(3):
            self.write(Reg.ADDR + 3 * index + i, int.from_bytes(mac[2 * i : 2 * i + 2], "big"))

    # The bench's side

    def peek(self, reg: int) -> int:
        """A register's value, for looking on: costs the board nothing."""
        return int(lib.mac_peek(self.clock.bench, self.number, reg))

    @property
    def mac_counters(self) -> dict[str, int]:
        """The controller's own counters; :attr:`counters` are those of the wire's end."""
        values = numbers(lib.mac_counters, self.clock.bench, self.number, n=len(COUNTERS))
        return dict(zip(COUNTERS, values, strict=True))

    def reset(self) -> None:
        """Power-on: registers and rings as new. Cable, own address and counters stay."""
        lib.mac_power_on(self.clock.bench, self.number)

    def stall_tx(self, stalled: bool = True) -> None:
        """A fault: the transmitter starts no frame until the stall is lifted."""
        lib.mac_set_stall(self.clock.bench, self.number, stalled)

    def fatal(self) -> None:
        """A fault: DMA stops with FATAL status; only a reset of the controller helps."""
        lib.mac_raise_fatal(self.clock.bench, self.number)
