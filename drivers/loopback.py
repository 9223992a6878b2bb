"""The loopback device lo, 127.0.0.1/8: what is sent on it comes back in on the worker that polls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernel.core import ACT_BASE, check, lib
from kernel.sync import Mutex
from kernel.wqueue import LPWORK, Work

if TYPE_CHECKING:
    from kernel.kernel import Kernel

BUDGET = 1 << 16  # packets a C loop may send in one call; what falls due stops it earlier


class LoopbackDriver:
    """lo. Up from the start, as in NuttX. Its polls are LPWORK's, where every network driver belongs."""

    name = "lo"

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lock = Mutex(kernel, "lo lock") if kernel.net_lock.split else None
        self.work = Work(kernel, "lo work")
        self.index = check(lib.netdev_loopback(kernel.board), "lo: netdev_register")
        self._set(lib.NETDEV_UP, 1)
        self._set(lib.NETDEV_CARRIER, 1)

    def _set(self, field: int, value: int) -> int:
        r = lib.netdev_set(self.kernel.board, self.index, field, value)
        return self.kernel.clock.follow(r) if r >= ACT_BASE else int(r)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.kernel.net_lock
        lock.conn_dev_lock(None, self)
        try:
            yield
        finally:
            lock.conn_dev_unlock(None, self)

    def ifup(self) -> int:
        """Always 0."""
        with self._locked():
            return self._set(lib.NETDEV_UP, 1) or self._set(lib.NETDEV_CARRIER, 1)

    def ifdown(self) -> int:
        """Always 0. What waits to be sent is thrown away."""
        with self._locked():
            return self._set(lib.NETDEV_UP, 0)

    def txavail(self) -> int:
        """The stack has something to send. A hint, dropped if the work is queued already."""
        if self.work.available:
            self.kernel.work_queue(LPWORK, self.work, self._poll)
        return 0

    def _poll(self, _arg: Any) -> None:
        kernel = self.kernel
        with self._locked():
            while True:
                r = lib.netdev_poll(kernel.board, self.index, BUDGET)
                if r >= ACT_BASE:
                    r = kernel.clock.follow(r)
                if r <= 0:
                    break
        kernel.effort.looped()
