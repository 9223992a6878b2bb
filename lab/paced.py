"""What a board prints, handed on at a serial line's pace to a program of the host.

Many such programs throw away what came while they were still getting ready, and then send something: they must see the
answer to it, as they would on a real line.
"""

from __future__ import annotations

from collections.abc import Callable

from board.uart import BITS_PER_CHAR, Uart
from kernel.clock import NS, Event

FASTEST = 115200  # of a UART that is faster, or infinitely fast: what terminal programs expect of a serial port
CHUNK = 16  # characters that come at once
OUT_LIMIT = 1 << 16  # bytes kept for a reader that does not read; beyond that the oldest are lost


def checked(baud: int | None) -> int | None:
    """The rate, if it is one. Raises ValueError."""
    if baud is not None and baud < 1:
        raise ValueError(f"{baud} bits per second: give 1 or more, or None for the rate of the board's UART")
    return baud


class PacedOutput:
    """Listens to a UART and hands what it sends to ``write``, a few characters at a time.

    ``write`` says how many it took; if none, :meth:`resume` has to be called once there is room again. ``baud``: bits
    per second, the UART's own by default, at most 115200. ``lost``: bytes that were not read in time.
    """

    def __init__(self, uart: Uart, write: Callable[[bytes], int], *, baud: int | None = None) -> None:
        self.lost = 0
        self._uart = uart
        self._write = write
        self._char_ns = BITS_PER_CHAR * NS // (baud or min(uart.baud or FASTEST, FASTEST))
        self._out = bytearray()
        self._busy = False
        self._held = False
        self._event = Event(uart.clock, self._due)
        uart.listeners.append(self._on_output)

    @property
    def waiting(self) -> int:
        """Bytes that have yet to be handed on."""
        return len(self._out)

    def rest(self) -> bytes:
        """Takes what has yet to be handed on."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def resume(self) -> None:
        """There is room again."""
        self._held = False
        if not self._busy:
            self._next()

    def close(self) -> None:
        """Listens no more; what is left can still be taken with :meth:`rest`."""
        self._uart.listeners.remove(self._on_output)
        if not self._uart.clock.closed:
            self._event.free()

    def _on_output(self, data: bytes) -> None:
        self._out += data
        if len(self._out) > OUT_LIMIT:
            self.lost += len(self._out) - OUT_LIMIT
            del self._out[:-OUT_LIMIT]
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = bool(self._out) and not self._held
        if self._busy:
            self._event.at(self._uart.clock.now_ns + min(CHUNK, len(self._out)) * self._char_ns)

    def _due(self) -> None:
        self._busy = False
        piece = bytes(self._out[:CHUNK])
        if self._held or not piece:
            return
        n = self._write(piece)
        del self._out[:n]
        self._held = n == 0
        self._next()
