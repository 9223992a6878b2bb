"""Ctrl-C while a bench runs."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from kernel.core import BENCH_INTERRUPT, lib

if TYPE_CHECKING:
    from kernel.clock import Clock


class CtrlC:
    """It belongs to the host, not to the task that happens to run: the core stops at its next step.

    ``came``: the host's call has yet to end with it.
    """

    def __init__(self, clock: Clock) -> None:
        self.came = False
        self._clock = clock
        self._before: Any = None  # who else it was for

    def heed(self) -> None:
        """From now on, if this thread is the one that hears of it and it is not ignored."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if callable(self._before):
                signal.signal(signal.SIGINT, self._come)

    def forget(self) -> None:
        """Its clock is closed."""
        if self._before is not None:
            _drop_closed_handlers()

    def _come(self, signum: int, frame: FrameType | None) -> None:
        if self._clock.running and not self.came:
            self.came = True
            lib.bench_attend(self._clock.bench, BENCH_INTERRUPT)
        else:
            self.came = False
            self._before(signum, frame)


def _drop_closed_handlers() -> None:
    """Takes the handlers of closed benches away from Ctrl-C; benches may end in another order than they began in."""
    first = handler = signal.getsignal(signal.SIGINT)
    while isinstance(owner := getattr(handler, "__self__", None), CtrlC) and owner._clock.closed:
        handler = owner._before
    if handler is not first:
        signal.signal(signal.SIGINT, handler)
