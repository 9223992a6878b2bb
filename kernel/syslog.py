"""The board's syslog: a bounded RAM log (what ``dmesg`` prints) that may go to the console as well."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

LEVELS = ("EMERG", "ALERT", "CRIT", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG")
LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG = range(8)


class Syslog:
    """Keeps the last ``size`` bytes of text; 0: none. ``now``: uptime in ns.

    Lines begin with the time if ``timestamp`` is set, then with the CPU if there are several, which ``cpu`` tells, then
    with the level if ``priority`` is set.
    """

    def __init__(
        self,
        now: Callable[[], int],
        size: int = 16384,
        *,
        timestamp: bool = True,
        priority: bool = True,
        cpu: Callable[[], int] | None = None,
    ) -> None:
        self._now = now
        self._cpu = cpu
        self._size = size
        self._timestamp = timestamp
        self._priority = priority
        self._lines: deque[str] = deque()
        self._bytes = 0
        self.console: Callable[[str], object] | None = None
        self.console_level = LOG_ERR

    def log(self, level: int, text: str) -> None:
        """Adds each line of ``text``."""
        entries = self.keep(level, text)
        if self.console is not None and level <= self.console_level:
            self.console(entries)

    def keep(self, level: int, text: str) -> str:
        """The same, but not for the console; returns what was added."""
        head = self._head(level)
        entries = [head + line for line in text.rstrip("\n").split("\n")]
        for entry in entries:
            self._keep(entry)
        return "".join(entry + "\n" for entry in entries)

    def _keep(self, entry: str) -> None:
        self._lines.append(entry)
        self._bytes += len(entry) + 1
        while self._bytes > self._size:
            self._bytes -= len(self._lines.popleft()) + 1

    def _head(self, level: int) -> str:
        """As drivers/syslog/vsyslog.c begins a line."""
        us = self._now() // 1000
        stamp = f"[{us // 1_000_000:5d}.{us % 1_000_000:06d}] " if self._timestamp else ""
        cpu = f"[CPU{self._cpu()}] " if self._cpu is not None else ""
        return stamp + cpu + (f"[{LEVELS[level & 7]:>6}] " if self._priority else "")

    def add(self, text: str) -> None:
        """Adds a line as it is: what is written to /dev/kmsg."""
        self._keep(text.rstrip("\n"))

    def clear(self) -> None:
        """Forgets what was logged."""
        self._lines.clear()
        self._bytes = 0

    def text(self) -> str:
        """The log, oldest line first."""
        return "".join(line + "\n" for line in self._lines)
