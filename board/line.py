"""An interrupt line of a board, for hardware models that are written in Python."""

from __future__ import annotations

from typing import Any

from kernel.core import check, lib

FIRST_FREE, LAST = 6, 31  # 0 is the timer's


class IrqLine:
    """What a device drives. ``core``: the core's board; ``number``: one that no device of the board has.

    Raises ValueError for any other.
    """

    def __init__(self, core: Any, number: int) -> None:
        if not FIRST_FREE <= number <= LAST:
            raise ValueError(f"interrupt line {number} is not free: take one of {FIRST_FREE} to {LAST}")
        self._core = core
        self.number = number

    def set(self, level: bool) -> None:
        """Drives a level: the interrupt is requested as long as it is high and the line enabled."""
        check(lib.irq_line_set(self._core, self.number, level), f"interrupt line {self.number}")

    def pulse(self) -> None:
        """An edge: one request, remembered until it is served."""
        check(lib.irq_line_set(self._core, self.number, -1), f"interrupt line {self.number}")
