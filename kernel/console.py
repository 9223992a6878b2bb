"""What the kernel needs of a console; drivers/serial.py is one."""

from __future__ import annotations

from typing import Protocol


class Console(Protocol):
    """A terminal line that a task reads and everybody writes."""

    def read(self, n: int) -> bytes:
        """Up to n bytes, waiting for the first; b"" at the end. Raises InterruptedError when a signal came."""
        ...

    def wait_input(self, ticks: int) -> bool:
        """Whether there is something to read within so many ticks, -1 being for ever. Raises InterruptedError."""
        ...

    def write(self, data: bytes) -> object:
        """Writes all of it, waiting while the transmit buffer is full."""
        ...

    def puts(self, text: str) -> int:
        """Prints at once, anywhere, polling the device; returns for how many ns that keeps the CPU."""
        ...

    def set_foreground(self, pid: int | None) -> int | None:
        """Ctrl-C sends SIGINT to that task; None: it is an ordinary character. Returns what it was before."""
        ...

    def drain(self) -> None:
        """Waits until everything written has left the board."""
        ...
