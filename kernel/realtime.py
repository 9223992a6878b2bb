"""CLOCK_REALTIME: the time of day.

The board has no clock that runs on while it is off: at power-on the day is the one that CONFIG_START_YEAR and the like
name, and from then on it is that plus the uptime, until somebody sets it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1)


def calendar(year: int, month: int, day: int) -> datetime:
    """That day, counted from the first of its month: the 31st of February is a day of March, as in NuttX."""
    return datetime(year, month, 1) + timedelta(days=day - 1)


def seconds(time: datetime) -> int:
    """timegm(): s since 1970."""
    return (time - EPOCH) // timedelta(seconds=1)


class Realtime:
    """One board's time of day, UTC. ``start``: what it is at power-on; ``uptime``: ns since then."""

    def __init__(self, start: datetime, uptime: Callable[[], int]) -> None:
        self._uptime = uptime
        self._base = seconds(start) * NS

    def gettime(self) -> int:
        """clock_gettime(): ns since 1970."""
        return self._base + self._uptime()

    def settime(self, ns: int) -> None:
        """clock_settime(): from now on it is so many ns since 1970."""
        self._base = ns - self._uptime()

    def now(self) -> datetime:
        """The same, broken down; whole seconds."""
        return EPOCH + timedelta(seconds=self.gettime() // NS)
