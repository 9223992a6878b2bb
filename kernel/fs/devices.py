"""The character devices that every board has: null, zero, random, console, kmsg."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EINTR
from os import O_ACCMODE, O_RDONLY, O_RDWR
from typing import TYPE_CHECKING

from kernel.fs.node import File
from kernel.fs.openfile import STDERR, STDIN, FileTable, OpenFile
from kernel.fs.tty import Terminal

if TYPE_CHECKING:
    from kernel.console import Console
    from kernel.kernel import Kernel
    from kernel.syslog import Syslog

SOURCE_USEC = 200  # for a KB; a microcontroller's random number generator is not faster


class Device(File):
    """A device: ``opened(path, flags)`` makes what open() returns. ``unlinks``: its driver has an unlink()."""

    kind = "c"

    def __init__(self, opened: Callable[[str, int], OpenFile], mode: int = 0o666, *, unlinks: bool = False) -> None:
        self._opened = opened
        self.mode = mode
        self.unlinks = unlinks

    def open(self, path: str, flags: int) -> OpenFile:
        """Opens it. Raises OSError (EACCES) for writing if its driver has no write()."""
        if flags & O_ACCMODE != O_RDONLY and not self.mode & 0o222:
            raise OSError(EACCES, f"open {path}: its driver has no write()")
        return self._opened(path, flags)


class OpenNull(OpenFile):
    """/dev/null: takes everything, gives nothing."""

    def _read(self, n: int) -> bytes:
        return b""

    def _write(self, data: bytes) -> int:
        return len(data)


class OpenSource(OpenNull):
    """/dev/zero, /dev/random and /dev/urandom: take everything, and give what ``draw`` makes, without end.

    That takes time even where copying takes none, so that a copy without end does not stop the board's clock, and a
    signal ends the read: Ctrl-C is all that can end the copy.
    """

    def __init__(self, path: str, flags: int, kernel: Kernel, draw: Callable[[int], bytes]) -> None:
        super().__init__(path, flags)
        self._kernel = kernel
        self._draw = draw

    def _read(self, n: int) -> bytes:
        try:
            self._kernel.effort.toil(-(-n // 1024) * SOURCE_USEC)
        except InterruptedError:
            raise InterruptedError(EINTR, f"read {self.path}: a signal ended it") from None
        return self._draw(n)


class OpenConsole(OpenFile):
    """The console line."""

    isatty = True

    def __init__(self, console: Console, path: str = "/dev/console", flags: int = O_RDWR) -> None:
        super().__init__(path, flags)
        self.console = console
        self._terminal = Terminal(console)

    @property
    def edited(self) -> bool:
        """Whether a line editor has it, as at the shell's prompt."""
        return self._terminal.raw

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Meanwhile what is typed is handed over as it is, unseen."""
        before, self._terminal.raw = self._terminal.raw, True
        try:
            yield
        finally:
            self._terminal.raw = before

    def _read(self, n: int) -> bytes:
        return self._terminal.read(n)

    def _write(self, data: bytes) -> int:
        self.console.write(data)
        return len(data)


def use_console(files: FileTable, console: Console, first: int = STDIN) -> None:
    """Standard input, output and error of a task, from ``first`` on, are the console."""
    for fd in range(first, STDERR + 1):
        files.put(fd, OpenConsole(console))


class OpenLog(OpenFile):
    """/dev/kmsg: the log that is kept in RAM. What is written there is logged."""

    def __init__(self, path: str, flags: int, syslog: Syslog) -> None:
        super().__init__(path, flags)
        self._syslog = syslog
        self._text = syslog.text().encode()

    def _read(self, n: int) -> bytes:
        data = self._text[self.position : self.position + n]
        self.position += len(data)
        return data

    def _write(self, data: bytes) -> int:
        self._syslog.add(data.decode("utf-8", "replace"))
        return len(data)
