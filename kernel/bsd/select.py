"""Python's select module for programs on a board: select() and poll() over its sockets."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EBADF, ENOENT
from typing import TYPE_CHECKING

from kernel.bsd import system
from kernel.poll import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI

if TYPE_CHECKING:
    from kernel.socket import Socket

__all__ = ["POLLERR", "POLLHUP", "POLLIN", "POLLNVAL", "POLLOUT", "POLLPRI", "error", "poll", "select"]

error = OSError


def select(
    rlist: Iterable[Socket], wlist: Iterable[Socket], xlist: Iterable[Socket], timeout: float | None = None
) -> tuple[list[Socket], list[Socket], list[Socket]]:
    """Those that can be read, written, or are in error; waits ``timeout`` s for one. Raises OSError, ValueError."""
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    return system().select(rlist, wlist, xlist, timeout)


class poll:
    """A set of sockets and what is asked of each."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[Socket, int]] = {}

    def register(self, fd: Socket, eventmask: int = POLLIN | POLLPRI | POLLOUT) -> None:
        """Adds a socket, or changes what is asked of it. Raises OSError (EBADF: it is closed)."""
        if fd.fileno() < 0:
            raise OSError(EBADF, "poll: the socket is closed")
        self._watched[fd.fileno()] = (fd, eventmask)

    def modify(self, fd: Socket | int, eventmask: int) -> None:
        """Changes what is asked of it. Raises OSError (ENOENT: it was not added)."""
        number = self._number(fd)
        if number not in self._watched:
            raise OSError(ENOENT, "poll: the socket was not registered")
        self._watched[number] = (self._watched[number][0], eventmask)

    def unregister(self, fd: Socket | int) -> None:
        """Takes it out. Raises KeyError."""
        del self._watched[self._number(fd)]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """The fileno() of those that are ready, and what they are ready for; waits ``timeout`` ms. Raises OSError."""
        ms = None if timeout is None or timeout < 0 else -int(-timeout // 1)
        ready = dict(system().poll(list(self._watched.values()), ms))
        return [(number, ready[sock]) for number, (sock, _) in self._watched.items() if sock in ready]

    def _number(self, fd: Socket | int) -> int:
        if isinstance(fd, int):
            return fd
        return next((number for number, (sock, _) in self._watched.items() if sock is fd), fd.fileno())
