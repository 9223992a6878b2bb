"""The network lock, and every way to wait while it is held.

By default one re-entrant mutex protects the whole network, as the documents describe it; ``conn_dev_lock()`` is then
that same mutex. With ``NET_LOCKS=split`` devices and connections have locks of their own, as today's NuttX has, taken
device first. Each wait here gives the locks up fully and takes them back at the old depth; state may have changed
meanwhile, which ``generation`` shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kernel.sync import Mutex, Semaphore

if TYPE_CHECKING:
    from kernel.iob import Iob
    from kernel.kernel import Kernel


class HasLock(Protocol):
    """A network device or a connection."""

    lock: Mutex | None


class NetLock:
    """net_lock() and its family. Usable as a context manager."""

    def __init__(self, kernel: Kernel, split: bool = False) -> None:
        self._kernel = kernel
        self.mutex = Mutex(kernel, "net_lock")
        self.split = split
        self.generation = 0  # grows whenever somebody may have changed the network's state under a waiter

    def lock(self) -> int:
        """net_lock()."""
        return self.mutex.lock()

    def __call__(self) -> int:
        """net_lock(), called by its own name."""
        return self.mutex.lock()

    def trylock(self) -> int:
        """net_trylock(): 0 or -EAGAIN."""
        return self.mutex.trylock()

    def unlock(self) -> int:
        """net_unlock()."""
        return self.mutex.unlock()

    def breaklock(self) -> int:
        """net_breaklock(): gives up all levels, returns how many."""
        return self.mutex.breaklock()

    def restorelock(self, count: int) -> None:
        """net_restorelock(): back to that many levels."""
        if not self._kernel.closed:  # a task that is unwound at the end takes nothing any more
            self.mutex.restorelock(count)
        self.generation += 1

    def __enter__(self) -> NetLock:
        self.mutex.lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.mutex.unlock()

    # Waiting with the global lock given up

    def sem_wait(self, sem: Semaphore) -> int:
        """net_sem_wait() (net_lockedwait() in the documents): 0, -EINTR or -ECANCELED."""
        return self._wait(sem, -1, True)

    def sem_wait_uninterruptible(self, sem: Semaphore) -> int:
        """net_sem_wait_uninterruptible()."""
        return self._wait(sem, -1, False)

    def sem_timedwait(self, sem: Semaphore, ms: int | None) -> int:
        """net_sem_timedwait() (net_timedwait()): also -ETIMEDOUT. ``ms``: rounded up to ticks; None: for ever."""
        return self._wait(sem, self._kernel.ms2tick(ms), True)

    def sem_timedwait_uninterruptible(self, sem: Semaphore, ms: int | None) -> int:
        """net_sem_timedwait_uninterruptible()."""
        return self._wait(sem, self._kernel.ms2tick(ms), False)

    def _wait(self, sem: Semaphore, ticks: int, interruptible: bool) -> int:
        count = self.breaklock()
        try:
            return sem.wait(ticks, interruptible)
        finally:
            self.restorelock(count)

    def ioballoc(self, throttled: bool, owner: int) -> Iob | None:
        """net_ioballoc(): tries first; if it has to wait for a buffer, gives up the global lock, only that."""
        return self.iobtimedalloc(throttled, None, owner)

    def iobtimedalloc(self, throttled: bool, ms: int | None, owner: int) -> Iob | None:
        """net_iobtimedalloc(): the same for at most ``ms`` milliseconds; 0 only tries. None when no buffer came."""
        iobs = self._kernel.iobs
        iob = iobs.tryalloc(throttled, owner)
        if iob is not None or ms == 0:
            return iob
        count = self.breaklock()
        try:
            return iobs.timedalloc(throttled, ms, owner)
        finally:
            self.restorelock(count)

    # Device and connection

    def conn_dev_lock(self, conn: HasLock | None, dev: HasLock | None) -> None:
        """Locks a connection and its device: the device first. Without split locks both are the global one."""
        if not self.split:
            self.mutex.lock()
            return
        for owner in (dev, conn):
            if owner is not None and owner.lock is not None:
                owner.lock.lock()

    def conn_dev_unlock(self, conn: HasLock | None, dev: HasLock | None) -> None:
        """The reverse."""
        if not self.split:
            self.mutex.unlock()
            return
        for owner in (conn, dev):
            if owner is not None and owner.lock is not None:
                owner.lock.unlock()

    def conn_dev_sem_timedwait(
        self, sem: Semaphore, interruptible: bool, ms: int | None, conn: HasLock | None, dev: HasLock | None
    ) -> int:
        """Waits with the connection's and the device's lock given up, in that order; takes the device's back first."""
        ticks = self._kernel.ms2tick(ms)
        if not self.split:
            return self._wait(sem, ticks, interruptible)
        depth = [(o.lock, o.lock.breaklock()) for o in (conn, dev) if o is not None and o.lock is not None]
        try:
            return sem.wait(ticks, interruptible)
        finally:
            for lock, count in reversed(depth):
                lock.restorelock(count)
            self.generation += 1
