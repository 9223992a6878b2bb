"""A script as the line editor sees it: NuttX reads the lines of files as it reads those that are typed.

So a Tab in a script completes the word before it or is dropped, control characters mean what they mean to the editor,
and the lines go to the history. Carriage returns are dropped.
"""

from __future__ import annotations

from kernel.fs.openfile import OpenFile

CR, LF = b"\r", b"\n"


class ScriptStream:
    """The characters of a file; what is echoed goes nowhere. ``interrupted``: a signal has ended it, not the file."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._last = b""
        self.interrupted = False

    @property
    def line_end(self) -> str:
        """What the line ended with that was read last: nothing at the end of the file, or if it was too long."""
        return "\n" if self._last == LF else ""

    def read(self, n: int) -> bytes:
        """One character; b"" at the end, after a signal, and where the file cannot be read any further."""
        try:
            while (c := self._file.read(1)) == CR:
                pass
        except InterruptedError:
            self.interrupted = True
            c = b""
        except OSError:
            c = b""
        self._last = c
        return c

    def write(self, data: bytes) -> int:
        """Takes it."""
        return len(data)
