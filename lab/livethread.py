"""A board that runs by itself: live, on a thread of its own, as a board on a desk does."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from kernel.errors import BenchError, Panic

if TYPE_CHECKING:
    from board.board import Board

LOOK = 0.001  # host seconds between two looks whether somebody listens


class LiveThread:
    """Makes a board with ``make`` on a new thread and lets its time pass there until :meth:`stop`.

    It is switched on as soon as somebody listens to its console, so that nobody has to miss what it says first. A crash
    of the board ends nothing, it can be reset; any other fault of the bench does. ``board`` belongs to that thread:
    others reach it through ``board.bench.clock.post()``. Raises what ``make`` raises.
    """

    def __init__(self, make: Callable[[], Board]) -> None:
        self._made = threading.Event()
        self._stopped = False
        self._errors: list[BaseException] = []  # what ended it: one at most
        self.board: Board
        self._thread = threading.Thread(target=self._main, args=(make,), name="nutloop board", daemon=True)
        self._thread.start()
        self._made.wait()
        for error in self._errors:
            self._thread.join()
            raise error
        atexit.register(self.stop)  # a thread that runs while the interpreter goes away takes it down

    def stop(self) -> None:
        """Ends the board. Idempotent. Raises the fault that ended it before, if one did."""
        if self._stopped:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        clock = self.board.bench.clock
        with contextlib.suppress(BenchError, OSError):  # it has ended by itself
            clock.post(clock.wake)
        self._thread.join()
        for error in self._errors:
            raise error

    def _main(self, make: Callable[[], Board]) -> None:
        try:
            self.board = make()
        except BaseException as error:
            self._errors.append(error)
            return
        finally:
            self._made.set()
        try:
            while not self._stopped and not self.board.uart.listeners:
                time.sleep(LOOK)
            while not self._stopped:
                try:
                    self.board.run_until(lambda: self._stopped)
                except Panic:
                    continue  # it has said so on its console
        except BaseException as error:
            self._errors.append(error)
        finally:
            self.board.close()

    def __enter__(self) -> LiveThread:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
