"""Interrupts as the kernel sees them: attaching handlers to lines, enabling and disabling lines.

A handler is called as ``handler(irq, arg)`` on the stack of whoever let time pass. It cannot wait; what it may call is
what facts of the real system allow in one: posts, try-calls, work_queue, watchdogs, enabling and disabling lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kernel.core import ACT_BASE, check, lib
from kernel.errors import Panic

if TYPE_CHECKING:
    from kernel.kernel import Kernel

Handler = Callable[[int, Any], Any]

IRQ_TIMER = 0


class Interrupts:
    """The vector table of a board."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._vectors: dict[int, tuple[Handler, Any, str]] = {}

    def attach(self, irq: int, handler: Handler | None, arg: Any = None, *, name: str = "", priority: int = 128) -> int:
        """irq_attach(): installs a handler, or with None takes it away and disables the line. Does not enable the line.

        ``priority``: 0..255, smaller is served first. Returns 0; raises OSError for a line that cannot be had.
        """
        check(lib.irq_attach(self._kernel.board, irq, handler is not None, priority, 0), f"irq_attach({irq})")
        if handler is None:
            self._vectors.pop(irq, None)
        else:
            self._vectors[irq] = (handler, arg, name or getattr(handler, "__qualname__", "handler"))
        return 0

    def enable(self, irq: int) -> None:
        """up_enable_irq(): a request that is already there is served at once."""
        r = lib.up_enable_irq(self._kernel.board, irq)
        if r >= ACT_BASE:
            self._kernel.clock.follow(r)

    def disable(self, irq: int) -> None:
        """up_disable_irq()."""
        r = lib.up_disable_irq(self._kernel.board, irq)
        if r >= ACT_BASE:
            self._kernel.clock.follow(r)

    def dispatch(self, irq: int) -> None:
        """Runs the handler of a line. Raises Panic if it has none, as the unexpected-interrupt handler does."""
        vector = self._vectors.get(irq)
        if vector is None:
            raise Panic(f"unexpected interrupt on line {irq}: no handler is attached")
        vector[0](irq, vector[1])

    def name(self, irq: int) -> str:
        """The name of a line's handler, for a message."""
        if irq == IRQ_TIMER:
            return "the timer"
        vector = self._vectors.get(irq)
        return vector[2] if vector else "no handler"

    def table(self) -> list[tuple[int, str, Any, int]]:
        """Line, handler's name, argument and count of every attached line; the timer first."""
        board = self._kernel.board
        rows: list[tuple[int, str, Any, int]] = [(IRQ_TIMER, "nxsched_timer_expiration", None, lib.irq_count(board, 0))]
        rows += [(irq, v[2], v[1], int(lib.irq_count(board, irq))) for irq, v in sorted(self._vectors.items())]
        return rows
