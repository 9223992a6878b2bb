"""The serial console as a pseudo-terminal, for any terminal program; live benches only.

Its slave is raw before anybody learns its name, so nothing is echoed back to the board, and one descriptor of it stays
open here, so that clients come and go without the master seeing a hang-up. What the board prints is paced at the baud
rate, see `lab/paced.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sys
import tempfile
import termios
import time
import tty
from typing import TYPE_CHECKING

from board.uart import Uart
from kernel.errors import BenchError
from lab.livefd import Feeder, require_live
from lab.paced import PacedOutput, checked

if TYPE_CHECKING:
    from board.board import Board

NAME_LIMIT = 100  # characters of a link's name
LINGER_MS = 50  # host milliseconds in which a client that reads will have read something
LAST_WORDS_MS = 2000  # that even one who reads very slowly gets to hear the last words


class ConsolePty:
    """A pseudo-terminal on a UART's line. ``path``: the terminal; ``link``: a symbolic link to it with a stable name.

    ``link`` given as an argument must not exist, unless it is the dangling leftover of an earlier run; by default one
    is made in a new directory. ``baud``: bits per second of what the board prints, the UART's own by default, at most
    115200. ``output.lost``: bytes that no client read in time. Raises BenchError on a lockstep bench or if there is no
    pseudo-terminal or link to be had.
    """

    def __init__(self, uart: Uart, *, link: str | None = None, baud: int | None = None, name: str = "console") -> None:
        require_live(uart.clock, "a pseudo-terminal")
        self._uart = uart
        self._directory: str | None = None
        self._published: str | None = None  # the link's absolute path
        self.closed = False
        try:
            self._master, self._slave = os.openpty()
        except OSError as error:
            raise BenchError(f"no pseudo-terminal to be had: {error}; is /dev/pts mounted?") from error
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        try:
            self.link = self._publish(link, name)
            self._feeder = Feeder(uart, self._master, self.close, writable=self._writable, name="a pseudo-terminal")
        except (OSError, ValueError) as error:  # ValueError: a NUL in the link's name
            self._release()
            raise BenchError(f"pseudo-terminal {self.path} cannot be published: {error}") from error
        except BenchError:
            self._release()
            raise
        self.output = PacedOutput(uart, self._write, baud=baud)
        uart.plug_in()

    def close(self) -> None:
        """Takes the terminal and its link away. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._feeder.close()
        self.output.close()
        self._last_words()
        self._release()

    def _last_words(self) -> None:
        """Hands over what is left, as long as a client reads: the hang-up throws away what has not been read."""
        rest = self.output.rest()
        idle, unread = 0, -1
        for _ in range(LAST_WORDS_MS):
            if idle >= LINGER_MS or not unread:
                return
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self._master, rest) :]
            time.sleep(0.001)  # in which the kernel moves it to the other end, too
            before, unread = unread, len(rest) + self._unread()
            idle = 0 if unread < before else idle + 1

    def _unread(self) -> int:
        """Bytes that a client could read and has not."""
        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder)

    def _publish(self, link: str | None, name: str) -> str:
        if link is None:
            self._directory = tempfile.mkdtemp(prefix="nutloop-")
            link = os.path.join(self._directory, re.sub(r"[^\w.-]|^\.", "_", name)[:NAME_LIMIT] or "_")
        elif os.path.islink(link) and not os.path.exists(link):
            os.unlink(link)
        try:
            os.symlink(self.path, link)
        except FileExistsError as error:
            raise BenchError(f"{link} exists already: another board's console? Choose another name") from error
        self._published = os.path.abspath(link)
        return link

    def _release(self) -> None:
        os.close(self._master)
        os.close(self._slave)
        with contextlib.suppress(OSError):  # somebody has been there: it is his now
            if self._published is not None and os.readlink(self._published) == self.path:
                os.unlink(self._published)
            if self._directory is not None:
                os.rmdir(self._directory)

    # Output

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            self._feeder.input.want_room(True)
            return 0

    def _writable(self) -> None:
        self._feeder.input.want_room(False)
        self.output.resume()


def open_pty(board: Board, *, link: str | None = None, baud: int | None = None) -> str:
    """A pseudo-terminal on a board's console, there until its bench closes; returns the name to open.

    ``link``: the name of the link to make; by default one that nothing else has. See :class:`ConsolePty`.
    """
    pty = ConsolePty(board.uart, link=link, baud=checked(baud), name=board.name)
    board.bench.on_close.append(pty.close)
    return pty.link
