"""The time that the kernel's and the shell's own work takes: copying, and what is done again and again.

On a profile whose code costs nothing it takes a little all the same, where it could go on for ever: a loop that never
waits would stop the board's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from errno import EINTR
from typing import TYPE_CHECKING

from kernel.core import ACT_BASE, lib
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

COPIES_MAX, COPY_NS = 10_000, 5000  # reads and writes in an instant; what each takes when there were more
TURNS_MAX, TURN_NS = 1000, 5000  # the same of turns of the worker of lo


class Effort:
    """That of one board. ``costs``: picoseconds by name of the operation. What the host does takes no time."""

    def __init__(self, kernel: Kernel, costs: Mapping[str, int]) -> None:
        self._board = kernel.board
        self._clock = kernel.clock
        self._copy_ps = costs.get("COPY", 0)
        self._copies = self._copies_since = 0
        self._turns = self._turns_since = 0
        self._signals = Semaphore(kernel, what="a signal")  # that nobody posts

    def toil(self, usec: int) -> None:
        """The caller computes for so long, and a signal may end what it does. Raises InterruptedError."""
        self._burn(usec * 1000)
        if lib.board_current(self._board) > 0 and self._signals.wait(0) == -EINTR:
            raise InterruptedError(EINTR, "a signal came")

    def copied(self, n: int) -> None:
        """The caller has copied ``n`` bytes.

        Where that costs nothing time moves as soon as too much was copied in one instant, so that bytes read one by one
        from a large file are no livelock.
        """
        ns = n * self._copy_ps // 1000
        self._copies += 1
        if self._copies == COPIES_MAX:
            now = self._clock.now_ns
            if now == self._copies_since:
                ns += COPIES_MAX * COPY_NS
            self._copies, self._copies_since = 0, now
        self._burn(ns)

    def looped(self) -> None:
        """Packets went round on lo. No wire takes its time: two programs that talk there would stop the clock."""
        self._turns += 1
        if self._turns < TURNS_MAX:
            return
        since, self._turns_since = self._turns_since, self._clock.now_ns
        self._turns = 0
        if since == self._turns_since:
            self._burn(TURNS_MAX * TURN_NS)

    def _burn(self, ns: int) -> None:
        r = lib.cpu_burn(self._board, ns)
        if r >= ACT_BASE:
            self._clock.follow(r)
