"""Reading a line from a terminal: echo, backspace, and CR, LF or CR LF as one Enter.

Control characters that mean nothing here, Ctrl-C among them, are ignored, and so are escape sequences. A line that
fills CONFIG_LINE_MAX ends there, as in NuttX.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

ERASE_TO_EOL = b"\x1b[K"
BS, LF, CR, ESC, DEL = 0x08, 0x0A, 0x0D, 0x1B, 0x7F


class Stream(Protocol):
    """What a line is read from, and where it is echoed."""

    def read(self, n: int) -> bytes: ...
    def write(self, data: bytes) -> object: ...


class Readline:
    """The line editor of one session."""

    def __init__(self, stdin: Stream, stdout: Stream, limit: int) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._limit = limit
        self._after_cr = False

    def read(self) -> bytes | None:
        """The next line without its end; None at the end of input."""
        self._echo(ERASE_TO_EOL)
        line = bytearray()
        while len(line) + 1 < self._limit:
            data = self._getc()
            if not data:
                return bytes(line) if line else None
            c = data[0]
            after_cr, self._after_cr = self._after_cr, c == CR
            if c == CR or (c == LF and not after_cr):
                self._echo(b"\n")
                break
            if c in (BS, DEL):
                if line:
                    line.pop()
                    self._echo(b"\b" + ERASE_TO_EOL)
            elif c == ESC:
                self._skip_escape()
            elif c >= 0x20:
                line.append(c)
                self._echo(data)
        return bytes(line)

    def _getc(self) -> bytes:
        """One character; a signal does not end the line."""
        while True:
            try:
                return self._stdin.read(1)
            except InterruptedError:
                continue

    def _echo(self, data: bytes) -> None:
        with suppress(InterruptedError):
            self._stdout.write(data)

    def _skip_escape(self) -> None:
        """Swallows the rest of an escape sequence: ESC [ parameters final, ESC O final, or ESC and one character."""
        c = self._getc()
        if c not in (b"[", b"O"):
            return
        while (c := self._getc()) and 0x20 <= c[0] <= 0x3F:
            pass
