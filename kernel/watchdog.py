"""The host's watchdog: stops Python code on a board that runs on without ever entering the kernel."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import TYPE_CHECKING

from kernel.core import lib
from kernel.errors import Hang

if TYPE_CHECKING:
    from kernel.clock import Clock


class HostWatchdog:
    """Looks from a thread of its own whether the core makes progress. If it does not for ``limit`` seconds of host
    time, raises :class:`Hang` in the thread that runs the board, which hits the greenlet that is spinning there.

    It cannot interrupt a blocking host call such as ``time.sleep``, and keeps still under a debugger.
    """

    def __init__(self, clock: Clock, limit: float) -> None:
        self._clock = clock
        self._limit = limit
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to watch."""
        self._thread = threading.Thread(target=self._watch, name="nutloop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; the thread is gone when this returns."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        seen, steps = -1, 0
        period = self._limit / 4
        while not self._end.wait(period):
            progress = lib.bench_progress(self._clock.bench)
            steps = steps + 1 if self._clock.running and progress == seen and sys.gettrace() is None else 0
            seen = progress
            if steps >= 4:
                steps = 0
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._clock.thread), ctypes.py_object(Hang))
