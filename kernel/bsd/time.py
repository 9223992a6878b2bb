"""What programs need of Python's time module, in the board's time."""

from __future__ import annotations

from kernel.bsd import system

__all__ = ["monotonic", "monotonic_ns", "perf_counter", "sleep", "time", "time_ns"]


def sleep(secs: float) -> None:
    """Sleeps at least so long. Raises OSError: EINTR, EINVAL."""
    system().sleep(secs)


def time() -> float:
    """s since 1970, as the board's clock has it."""
    return time_ns() / 1_000_000_000


def time_ns() -> int:
    """ns since 1970."""
    return system().kernel.realtime.gettime()


def monotonic() -> float:
    """s since the bench began; only differences mean something."""
    return system().now


def monotonic_ns() -> int:
    """The same in ns."""
    return system().now_ns


perf_counter = monotonic
