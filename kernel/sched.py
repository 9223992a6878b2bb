"""Who runs: the policies that the clock asks whenever a CPU has to choose.

The core keeps the ready list in order and knows when somebody outranks the running task; a policy says which of the
best goes next. All of them are strict by priority, 255 first, as NuttX is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kernel.core import SITES, lib
from kernel.sync import Watchdog

if TYPE_CHECKING:
    from kernel.kernel import Kernel

EQPRIO = SITES.index("eqprio")


class Policy(Protocol):
    """Puts a task on a CPU and returns what the core answers."""

    def pick(self, cpu: int) -> int: ...


class Fifo:
    """SCHED_FIFO: among equals, whoever became ready first runs until it blocks.

    That is the order of the ready list itself, so under this policy the core goes ahead without asking.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._board = kernel.board

    def pick(self, cpu: int) -> int:
        """The first of the best."""
        r: int = lib.sched_take(self._board, cpu, 0)
        return r


class RoundRobin:
    """SCHED_RR: a task gives way to its equals when its slice of ``interval`` ticks is over."""

    def __init__(self, kernel: Kernel, interval: int) -> None:
        self._board = kernel.board
        self._interval = interval
        self._slice = [
            Watchdog(kernel, lambda cpu=cpu: self._expired(cpu), housekeeping=True)  # type: ignore[misc]
            for cpu in range(kernel.ncpus)
        ]

    def pick(self, cpu: int) -> int:
        """The first of the best, with a whole slice."""
        self._slice[cpu].start(self._interval - 1)
        r: int = lib.sched_take(self._board, cpu, 0)
        return r

    def _expired(self, cpu: int) -> None:
        if lib.sched_rotate(self._board, cpu) >= 0:  # an idle CPU needs no slices
            self._slice[cpu].start_next(self._interval)


class Explore:
    """Lets the chooser decide among equals (site ``eqprio``), on top of what another policy does."""

    def __init__(self, kernel: Kernel) -> None:
        self._board = kernel.board
        self._bench = kernel.clock.bench

    def pick(self, cpu: int) -> int:
        """Any of the best."""
        ties = lib.sched_ties(self._board, cpu)
        index = lib.bench_choose(self._bench, EQPRIO, cpu, ties) if ties > 1 else 0
        r: int = lib.sched_take(self._board, cpu, index)
        return r
