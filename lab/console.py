"""The serial console as a pyserial object, in this process, for the thread that runs the bench.

It has every method of a ``serial.Serial``, but its timeouts are virtual seconds: a read makes the board run until what
it waits for is there, its time is over, or, in lockstep, nothing can ever happen any more. Nothing here reads the
host's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from serial.serialutil import SerialException, SerialTimeoutException

from board.uart import Uart
from kernel.clock import NS
from lab.serialport import OUT_LIMIT, Outlet, UartPort

POLL_NS = 1_000_000  # what a poll that finds nothing lets pass, so that a loop of polls gets somewhere

T = TypeVar("T")


class ConsolePort(UartPort):
    """A port whose waits make the bench run. See :class:`lab.serialport.UartPort`.

    ``timeout`` and ``write_timeout``: virtual seconds; None: until nothing can happen any more (live: for ever).
    """

    def __init__(self, uart: Uart | Outlet, name: str | None = "console", *args: Any, **settings: Any) -> None:
        self._waiting = False
        self._polled = 0  # what in_waiting said last
        super().__init__(uart, name, *args, **settings)

    def _do(self, call: Callable[[], T]) -> T:
        self._clock.require_thread()
        return call()

    def _changed(self) -> None:
        if self._waiting:
            self._clock.wake()

    # Waiting

    def _deadline(self, seconds: float | None) -> int | None:
        return None if seconds is None else self._clock.now_ns + round(seconds * NS)

    def _wait(self, until: int | None) -> bool:
        """Lets the board run until something happens on the line; False if nothing did and the wait is over."""
        if self._cancelled:
            self._cancelled = False
            return False
        self._waiting = True
        try:
            return self._clock.run(until, wait=True)
        finally:
            self._waiting = False

    def _more(self, until: int | None) -> bool:
        """Waits for more input."""
        before = len(self._in)
        while len(self._in) == before:
            if not self._wait(until):
                return len(self._in) > before
        return True

    def _take(self, n: int) -> bytes:
        self._polled = 0
        return super()._take(n)

    # Reading

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read without waiting. If nothing has come since it was last asked, 1 ms passes first."""
        self._check_open()
        if len(self._in) == self._polled:
            self._more(self._clock.now_ns + POLL_NS)
        self._polled = len(self._in)
        return self._polled

    def read(self, size: int = 1, /) -> bytes:
        """Reads ``size`` bytes, fewer if the timeout or ``inter_byte_timeout`` ends it. Raises PortNotOpenError.

        With a timeout of 0 it takes what is there; if that is nothing, a moment (1 ms) passes first.
        """
        self._check_open()
        if self.timeout == 0:
            return self._take(min(size, self.in_waiting)) if size > 0 else b""
        until = self._deadline(self.timeout)
        while len(self._in) < size:
            limit = until
            if self._in and self.inter_byte_timeout is not None:
                gap = self._clock.now_ns + round(self.inter_byte_timeout * NS)
                limit = gap if until is None else min(gap, until)
            if not self._more(limit):
                break
        return self._take(size)

    def read_until(self, expected: bytes = b"\n", size: int | None = None) -> bytes:
        """Reads up to and including ``expected``, or ``size`` bytes, or what came until the timeout."""
        self._check_open()
        until = self._deadline(self.timeout)
        seen = 0
        while True:
            at = self._in.find(expected, max(0, seen - len(expected) + 1))
            seen = at + len(expected) if at >= 0 else len(self._in)
            if at >= 0 or (size is not None and seen >= size) or not self._more(until):
                return self._take(seen if size is None else min(seen, size))

    def cancel_read(self) -> None:
        """Ends a read that waits, or the next one that would: it returns what it has."""
        if self.is_open:
            self._cancelled = True
            self._clock.wake()

    def reset_input_buffer(self) -> None:
        """Throws away what has come and was not read."""
        self._check_open()
        self._in.clear()
        self._polled = 0

    # Writing

    def write(self, b: Any, /) -> int:
        """Sends bytes; returns their number. Waits while 4096 are on their way to the board.

        With a ``write_timeout`` of 0 it sends what there is room for within a moment (1 ms). Raises
        SerialTimeoutException after ``write_timeout``, PortNotOpenError, and SerialException if the board takes no more
        and nothing can happen that changes it.
        """
        self._check_open()
        data = self._bytes(b)
        until = self._deadline(POLL_NS / NS if self.write_timeout == 0 else self.write_timeout)
        done = 0
        while done < len(data):
            room = OUT_LIMIT - self._uart.out_waiting
            if room > 0:
                self._uart.send(data[done : done + room])
                done += room
            elif not self._wait_for_room(until):
                if self.write_timeout == 0:
                    return done
                if until is not None:
                    raise SerialTimeoutException("Write timeout")
                raise SerialException(
                    f"{self.port}: {len(data) - done} bytes cannot be sent: the board reads no more and nothing else "
                    "can happen; see what its tasks wait for: b.nsh('ps')"
                )
        return len(data)

    def _wait_for_room(self, until: int | None) -> bool:
        while self._uart.out_waiting >= OUT_LIMIT:
            if not self._wait(until):
                return self._uart.out_waiting < OUT_LIMIT
        return True

    def cancel_write(self) -> None:
        """Ends a write that waits, as its timeout does."""
        self.cancel_read()

    def flush(self) -> None:
        """Waits until everything written has arrived at the board, or nothing can happen any more."""
        self._check_open()
        while self._uart.out_waiting and self._wait(None):
            pass

    def send_break(self, duration: float = 0.25) -> None:
        """A break of so many virtual seconds."""
        self._check_open()
        self.break_condition = True
        self._clock.run(self._clock.now_ns + round(duration * NS))
        self.break_condition = False
