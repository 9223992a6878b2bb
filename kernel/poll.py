"""poll() and select(): waiting for several sockets at once.

Both are level-triggered: what is reported is what can be done at that moment. A task that polls hangs at every
place where its sockets wake somebody (csrc/poll.c), looks at each of them whenever one does, and sleeps on if there is
nothing it asked for. No lock is held while it sleeps; each look takes the locks of one socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from errno import EBADF, EINTR, EINVAL, ETIMEDOUT
from typing import TYPE_CHECKING

from kernel.core import check, lib
from kernel.sockbase import Socket, os_error
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

POLLIN: int = lib.NET_POLLIN
POLLPRI = 0x02
POLLOUT: int = lib.NET_POLLOUT
POLLERR: int = lib.NET_POLLERR
POLLHUP: int = lib.NET_POLLHUP
POLLNVAL = 0x20
_ALWAYS = POLLERR | POLLHUP

Ready = list[tuple[Socket, int]]


class Poller:
    """One task's poll: a number in the core, and the semaphore that it sleeps on."""

    def __init__(self, kernel: Kernel) -> None:
        self.number = check(lib.poll_new(kernel.board), "poll")
        self.sem = Semaphore(kernel, number=lib.poll_sem(kernel.board, self.number), what="a socket in poll()")
        self.sockets: list[Socket] = []


class Pollers:
    """The polls of a board; those that are over are used again."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._spare: list[Poller] = []
        self.active: list[Poller] = []

    def poll(self, watched: Sequence[tuple[Socket, int]], timeout_ms: int | None) -> Ready:
        """poll(): which of the sockets can do what was asked of them, waiting until there is one.

        ``timeout_ms``: rounded up to ticks; 0 looks only, None and what is negative is for ever. POLLERR and POLLHUP
        need not be asked for, and take POLLOUT away; POLLERR alone stands for a socket that is closed or that as many
        tasks poll as CONFIG_NET_TCP_NPOLLWAITERS and its like allow. Raises OSError: EINTR, ENOMEM.
        """
        kernel = self._kernel
        _check_sockets(sock for sock, _ in watched)
        poller = self._spare.pop() if self._spare else Poller(kernel)
        poller.sockets = [sock for sock, _ in watched]
        self.active.append(poller)
        try:
            check(lib.poll_begin(kernel.board, poller.number, len(watched)), "poll")
            ready = self._setup(poller, watched)
            if not ready and timeout_ms != 0:
                ticks = -1 if timeout_ms is None or timeout_ms < 0 else kernel.ms2tick(timeout_ms)
                ready = self._wait(poller, watched, ticks)
            return ready
        finally:
            if not kernel.closed:
                lib.poll_end(kernel.board, poller.number)
            self.active.remove(poller)
            poller.sockets = []
            self._spare.append(poller)

    @staticmethod
    def _setup(poller: Poller, watched: Sequence[tuple[Socket, int]]) -> Ready:
        """Joins those who wait for each socket; stops at the first that will not have it."""
        ready: Ready = []
        for sock, events in watched:
            with sock._locked():
                joined = sock._pollsetup(poller.number, events)
                revents = _revents(sock._ready(), events) if joined >= 0 else POLLERR
            if revents:
                ready.append((sock, revents))
            if joined < 0:
                break
        return ready

    def _wait(self, poller: Poller, watched: Sequence[tuple[Socket, int]], ticks: int) -> Ready:
        end = self._kernel.ticks + ticks
        while True:
            r = poller.sem.wait(ticks)
            if r == -EINTR:
                raise InterruptedError(EINTR, "poll: a signal ended the wait")
            ready: Ready = []
            for sock, events in watched:
                with sock._locked():
                    revents = _revents(sock._ready(), events)
                if revents:
                    ready.append((sock, revents))
            if ready or r == -ETIMEDOUT:
                return ready
            if ticks >= 0:
                ticks = max(0, end - self._kernel.ticks)

    def select(
        self, readers: Iterable[Socket], writers: Iterable[Socket], broken: Iterable[Socket], timeout: float | None
    ) -> tuple[list[Socket], list[Socket], list[Socket]]:
        """select(): those that can be read, written, or are in error; one that hangs up can be read and written.

        ``timeout``: s, rounded up to ms and then to ticks; None is for ever. Raises OSError: EINTR, EINVAL, EBADF.
        """
        if timeout is not None and timeout < 0:
            raise os_error(EINVAL, f"select: {timeout} s")
        sets = [list(dict.fromkeys(socks)) for socks in (readers, writers, broken)]
        events = dict.fromkeys(sock for socks in sets for sock in socks)
        _check_sockets(events)
        watched = [(sock, POLLIN * (sock in sets[0]) | POLLOUT * (sock in sets[1])) for sock in events]
        if any(sock.conn < 0 for sock in events):
            raise os_error(EBADF, "select: a socket is closed")
        ms = None if timeout is None else -(-round(timeout * 1_000_000) // 1000)
        ready = dict(self.poll(watched, ms))
        masks = (POLLIN | POLLHUP, POLLOUT | POLLHUP, POLLERR)
        found = [[s for s in socks if ready.get(s, 0) & mask] for socks, mask in zip(sets, masks, strict=True)]
        return found[0], found[1], found[2]


def _check_sockets(socks: Iterable[object]) -> None:
    for sock in socks:
        if not isinstance(sock, Socket):
            raise TypeError(f"only sockets of this board can be waited for, not {sock!r}")


def _revents(ready: int, events: int) -> int:
    if ready < 0:
        return POLLERR
    revents = ready & (events | _ALWAYS)
    return revents & ~POLLOUT if revents & _ALWAYS else revents
