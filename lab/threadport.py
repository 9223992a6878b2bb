"""The serial console as a pyserial object for other threads than the bench's; live benches only.

pyserial's ReaderThread, its miniterm and much that is built on them read on one thread and write on another, while a
bench belongs to the thread that made it. Here what the board sends is handed to whichever thread reads; what a thread
writes goes through the bench's inbox. Timeouts are the host's seconds, which are the bench's as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from serial.serialutil import SerialException, SerialTimeoutException

from board.uart import Uart
from kernel.errors import BenchError
from lab.livefd import require_live
from lab.serialport import OUT_LIMIT, Outlet, UartPort

if TYPE_CHECKING:
    from board.board import Board

PATIENCE = 10.0  # host seconds in which the bench's thread has to take a call
SLICE = 0.2  # host seconds between two looks whether the bench is still there

T = TypeVar("T")


class ThreadPort(UartPort):
    """A port whose waits let other threads run, the bench's among them. See :class:`lab.serialport.UartPort`.

    ``timeout`` and ``write_timeout``: host seconds; None: for ever, or until the bench is closed. One thread may read
    while another one writes.
    """

    def __init__(self, uart: Uart | Outlet, name: str | None = "console", *args: Any, **settings: Any) -> None:
        self._moved = threading.Condition()
        self._posted = 0  # bytes that the bench's thread has yet to take
        self._write_cancelled = False
        super().__init__(uart, name, *args, **settings)

    def _do(self, call: Callable[[], T]) -> T:
        """Before power-on nothing runs that it could disturb.

        Raises SerialException if the bench's thread does not get round to it: it is not inside run().
        """
        if threading.get_ident() == self._clock.thread or not self._clock.powered:
            return call()
        results: list[T] = []
        errors: list[BaseException] = []
        done = threading.Event()
        claim = threading.Lock()  # whose the call is: the bench's thread, to make it, or ours, to give it up

        def made() -> None:
            if not claim.acquire(blocking=False):
                return
            try:
                results.append(call())
            except BaseException as error:
                errors.append(error)
            done.set()

        self._post(made)
        give_up = time.monotonic() + PATIENCE
        while not done.wait(SLICE) and not self._clock.closed:
            if time.monotonic() > give_up and claim.acquire(blocking=False):
                raise SerialException(f"{self.port}: the thread of its bench does not let time pass: run() it there")
        if errors:
            raise errors[0]
        if not results:
            raise SerialException(f"{self.port}: its bench was closed")
        return results[0]

    def _tell(self, call: Callable[[], None]) -> None:
        if threading.get_ident() == self._clock.thread:
            call()
        else:
            self._post(call)

    def _post(self, call: Callable[[], None]) -> None:
        try:
            self._clock.post(call)
        except (BenchError, OSError) as error:  # it is being closed
            raise SerialException(f"{self.port}: {error}") from error

    def _changed(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _on_output(self, data: bytes) -> None:
        with self._moved:
            super()._on_output(data)

    def _wait_for(self, condition: Callable[[], bool], seconds: float | None) -> bool:
        """Waits, the condition's lock being held, until it is true, or the port or its bench is closed."""
        give_up = None if seconds is None else time.monotonic() + seconds
        while not condition():
            if not self.is_open or self._clock.closed:
                return False
            left = SLICE if give_up is None else min(SLICE, give_up - time.monotonic())
            if left <= 0:
                return False
            self._moved.wait(left)
        return True

    # Reading

    def _check_open(self) -> None:
        super()._check_open()
        if self._clock.closed:
            raise SerialException(f"{self.port}: its bench was closed")

    def _elsewhere(self) -> None:
        self._check_open()
        if threading.get_ident() == self._clock.thread:
            raise BenchError(f"{self.port} is for other threads: the bench's own would wait for itself; use open()")

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read without waiting."""
        self._check_open()
        return len(self._in)

    def read(self, size: int = 1, /) -> bytes:
        """Reads ``size`` bytes, fewer if the timeout or ``inter_byte_timeout`` ends it, or the bench is closed."""
        self._elsewhere()
        give_up = None if self.timeout is None else time.monotonic() + self.timeout
        with self._moved:
            while len(self._in) < size and not self._cancelled:
                before = len(self._in)
                left = None if give_up is None else max(0.0, give_up - time.monotonic())
                if before and self.inter_byte_timeout is not None:
                    left = self.inter_byte_timeout if left is None else min(left, self.inter_byte_timeout)
                if not self._wait_for(lambda n=before: len(self._in) != n or self._cancelled, left):  # type: ignore[misc]
                    break
            self._cancelled = False
            data = self._take(size)
        if not data and size > 0:
            self._check_open()
        return data

    def cancel_read(self) -> None:
        """Ends a read that waits, or the next one that would: it returns what it has."""
        with self._moved:
            self._cancelled = self.is_open
            self._moved.notify_all()

    def reset_input_buffer(self) -> None:
        """Throws away what has come and was not read."""
        self._check_open()
        with self._moved:
            self._in.clear()

    # Writing

    def write(self, b: Any, /) -> int:
        """Sends bytes; returns their number. Waits while 4096 are on their way to the board.

        With a ``write_timeout`` of 0 it sends what there is room for, and on the bench's own thread it does not wait
        either: ReaderThread reads elsewhere, but lets its user write. Raises SerialTimeoutException after
        ``write_timeout``, and PortNotOpenError.
        """
        self._check_open()
        data = self._bytes(b)
        if threading.get_ident() == self._clock.thread:
            self._uart.send(data)
            return len(data)
        give_up = None if self.write_timeout is None else time.monotonic() + self.write_timeout
        done = 0
        while done < len(data):
            with self._moved:
                left = None if give_up is None else max(0.0, give_up - time.monotonic())
                self._wait_for(lambda: self._room > 0 or self._write_cancelled, left)
                self._check_open()
                room = self._room
                if room <= 0 and self.write_timeout == 0:
                    return done
                if room <= 0:
                    self._write_cancelled = False
                    raise SerialTimeoutException("Write timeout")
                piece = data[done : done + room]
                self._posted += len(piece)
            self._post(lambda piece=piece: self._send(piece))  # type: ignore[misc]
            done += len(piece)
        return len(data)

    def _send(self, data: bytes) -> None:
        """On the bench's thread."""
        self._uart.send(data)
        with self._moved:
            self._posted -= len(data)
            self._moved.notify_all()

    @property
    def _room(self) -> int:
        return OUT_LIMIT - self._posted - self._uart.queued

    def cancel_write(self) -> None:
        """Ends a write that waits, or the next one that would, as its timeout does."""
        with self._moved:
            self._write_cancelled = self.is_open
            self._moved.notify_all()

    def flush(self) -> None:
        """Waits until everything written has arrived at the board, ``write_timeout`` at most."""
        self._elsewhere()
        with self._moved:
            self._wait_for(lambda: self._room == OUT_LIMIT, self.write_timeout)


def open_threaded(board: Board, **settings: Any) -> ThreadPort:
    """A port on a board's console for other threads; closed with its bench. ``settings``: those of the port."""
    require_live(board.bench.clock, "a port for other threads")
    port = ThreadPort(board.uart, board.name, **settings)
    board.bench.close_with(port)
    return port
