"""The lines that were typed at a board, as CONFIG_READLINE_CMD_HISTORY keeps them: all its sessions share one."""

from __future__ import annotations

from collections import deque


class History:
    """The last ``length`` lines, each cut to ``linelen`` bytes less the terminating zero, and which one is shown.

    A line's number is its age: 1 is the newest, 0 none of them.
    """

    def __init__(self, length: int = 16, linelen: int = 80) -> None:
        if length < 1 or linelen < 2:
            raise ValueError(f"a history of {length} lines of {linelen} bytes keeps nothing")
        self.width = linelen - 1
        self._lines: deque[bytes] = deque(maxlen=length)  # the newest first
        self._shown = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> None:
        """Keeps a line, unless it is empty or the newest one again. A line that is not empty ends the browsing."""
        if not line:
            return
        if not self._lines or self._lines[0] != line:
            self._lines.appendleft(line[: self.width])
        self._shown = 0

    def older(self) -> bytes:
        """The line before the one that is shown; the oldest stays. Without any, b""."""
        self._shown = min(self._shown + 1, len(self._lines))
        return self._line()

    def newer(self) -> bytes:
        """The line after the one that is shown; after the newest comes b""."""
        self._shown = max(self._shown - 1, 0)
        return self._line()

    def find(self, text: bytes, beyond: int) -> tuple[int, bytes] | None:
        """Number and text of the newest line older than number ``beyond`` that contains ``text``; None without one."""
        for number, line in enumerate(self._lines, 1):
            if number > beyond and text and text in line:
                return number, line
        return None

    def _line(self) -> bytes:
        return self._lines[self._shown - 1] if self._shown else b""
