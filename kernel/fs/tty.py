"""What a program sees of a terminal: lines, echoed, as in NuttX's serial driver (ICRNL, ECHO, ICANON).

A line ends at Enter, which is LF for the program, whatever was sent. Backspace takes back what the same read has not
handed over yet. Control characters and escape sequences are not shown. Ctrl-D ends a line where it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel.console import Console

BS, LF, CR, EOT, ESC, DEL = 0x08, 0x0A, 0x0D, 0x04, 0x1B, 0x7F
BLANK = 0x20
ERASE = b"\b \b"


class Terminal:
    """The line discipline of one console. ``raw``: a line editor does it all by itself, and sees what was typed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.raw = False
        self._after_cr = False
        self._escape = b""  # what has come of an escape sequence

    def read(self, n: int) -> bytes:
        """Up to ``n`` bytes of a line, waiting for its end. Raises InterruptedError if nothing of it has come."""
        if self.raw:
            data = self.console.read(n)
            self._after_cr = data.endswith(b"\r")
            return data
        line = bytearray()
        while len(line) < n:
            try:
                data = self.console.read(1)
            except InterruptedError:
                if line:
                    break
                raise
            if not data or self._take(data[0], line):
                break
        return bytes(line)

    def _take(self, c: int, line: bytearray) -> bool:
        """One character; whether it ends the line."""
        second, self._after_cr = c == LF and self._after_cr, c == CR
        if second:  # of CR LF
            return False
        if c in (BS, DEL):
            if line:
                line.pop()
                self.console.write(ERASE)
            return False
        if c == CR:
            c = LF
        line.append(c)
        if not self._escaping(c) and (c >= BLANK or c == LF):
            self.console.write(bytes((c,)))
        return c in (LF, EOT)

    def _escaping(self, c: int) -> bool:
        """Whether a character belongs to an escape sequence: ESC [ ... final, ESC O final."""
        if c == ESC:
            self._escape = b"\x1b"
            return True
        sequence, self._escape = self._escape, b""
        if sequence == b"\x1b" and c in b"[O":
            self._escape = bytes((c,))
            return True
        if sequence == b"[" and not 0x40 <= c <= 0x7E:
            self._escape = sequence
        return sequence in (b"[", b"O")
