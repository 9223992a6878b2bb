"""What passed on a console line, with the virtual time of every line, for reports and artifacts."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

NS = 1_000_000_000
LINE_LIMIT = 4096  # bytes after which a line without an end is cut


class LogLine(NamedTuple):
    """``time``: of its first character, ns. ``sent``: to the board, not by it. ``data``: with its line end."""

    time: int
    sent: bool
    data: bytearray


def printable(data: bytes | bytearray) -> str:
    """Text as a person can read it: UTF-8, CR and the line end left out, other control characters as ``\\x1b``."""
    text = bytes(data).decode("utf-8", "backslashreplace").replace("\r", "").rstrip("\n")
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


class ConsoleLog:
    """Both directions of one console line, line by line. Holds at most ``limit`` bytes; then the oldest lines go."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self._limit = limit
        self._lines: deque[LogLine] = deque()
        self._open: dict[bool, LogLine] = {}  # the unfinished line of each direction
        self._bytes = 0
        self.forgotten = 0  # lines that were dropped

    def add(self, time: int, data: bytes, sent: bool = False) -> None:
        """Notes characters that passed at ``time`` (ns)."""
        ends = (b"\n", b"\r") if sent else b"\n"  # Enter is a CR
        for piece in data.splitlines(keepends=True) if sent or b"\n" in data else (data,):
            line = self._open.get(sent)
            if line is None or len(line.data) >= LINE_LIMIT:
                line = self._open[sent] = LogLine(time, sent, bytearray())
                self._lines.append(line)
            line.data.extend(piece)
            if piece.endswith(ends):
                del self._open[sent]
        self._bytes += len(data)
        while self._bytes > self._limit and len(self._lines) > 1:
            self._bytes -= len(self._lines.popleft().data)
            self.forgotten += 1

    def note(self, time: int, text: str) -> None:
        """Tells of something that did not pass on the line, on lines of its own."""
        self._open.pop(False, None)
        self.add(time, text.encode("utf-8", "backslashreplace"))
        self._open.pop(False, None)

    def output(self, until: int | None = None) -> bytes:
        """What the board sent, as it sent it; in lines that began before ``until`` (ns), if that is given."""
        lines = (line for line in self._lines if not line.sent and (until is None or line.time < until))
        return b"".join(line.data for line in lines)

    def last(self, part: bytes = b"", *, sent: bool = False) -> LogLine | None:
        """The latest line of one direction that has ``part`` in it."""
        return next((line for line in reversed(self._lines) if line.sent == sent and part in line.data), None)

    def text(self, last: int | None = None, *, sent: bool = False) -> str:
        """The board's lines, or the last of them, each with its time in seconds; with ``sent`` also what it was sent.

        Lines stand in the order in which they began. What the board was sent is marked with ``<``.
        """
        lines = [line for line in self._lines if sent or not line.sent]
        shown = lines if last is None else lines[-last:] if last > 0 else []
        mark = {True: "< ", False: "> "} if sent else {False: ""}
        return "".join(f"[{line.time / NS:12.6f}] {mark[line.sent]}{printable(line.data)}\n" for line in shown)
