"""Semaphores, mutexes and watchdogs of a board, each a number in the core.

Waits return 0 or a negative errno, as the kernel-internal calls of NuttX do; only misuse raises.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EPERM
from typing import TYPE_CHECKING

from kernel.core import ACT_BASE, check, lib
from kernel.errors import ContextError, TaskExit

if TYPE_CHECKING:
    from kernel.kernel import Kernel

_NOBODY_WAITS = -EPERM  # a wait in a handler, in the idle task, by the host; an unlock by a stranger

_sem_wait = lib.nxsem_wait
_sem_trywait = lib.nxsem_trywait
_sem_post = lib.nxsem_post
_mutex_lock = lib.nxrmutex_lock
_mutex_unlock = lib.nxrmutex_unlock


class Semaphore:
    """A counting semaphore (nxsem). ``number`` names it in the core; pass one to wrap a semaphore that C made.

    ``what``: what is waited for there, for whoever looks at a task that waits.
    """

    __slots__ = ("_board", "_follow", "_kernel", "number")

    def __init__(self, kernel: Kernel, count: int = 0, *, number: int | None = None, what: str = "") -> None:
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self.number = check(lib.sem_new(kernel.board, count), "semaphore") if number is None else number
        kernel.sem_names[self.number] = what or f"semaphore {self.number}"

    def wait(self, ticks: int = -1, interruptible: bool = True) -> int:
        """Takes a count, sleeping if there is none: for ever, or until now + ``ticks`` + 1.

        Returns 0, -EINTR when a signal came, -ETIMEDOUT, or -ECANCELED when the semaphore was destroyed. Raises
        ContextError where nobody can wait.
        """
        if ticks < 0 and interruptible:
            r: int = _sem_wait(self._board, self.number)
        else:
            r = lib.nxsem_tickwait(self._board, self.number, ticks, interruptible)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == _NOBODY_WAITS:
            raise self._kernel.cannot_wait("wait on a semaphore")
        return r

    def trywait(self) -> int:
        """Takes a count if there is one: 0 or -EAGAIN. Allowed in interrupt handlers."""
        r: int = _sem_trywait(self._board, self.number)
        return self._follow(r) if r >= ACT_BASE else r

    def post(self) -> int:
        """Gives a count, to the first waiter if there is one: 0 or -EOVERFLOW. Allowed in interrupt handlers."""
        r: int = _sem_post(self._board, self.number)
        return self._follow(r) if r >= ACT_BASE else r

    @property
    def value(self) -> int:
        """The count; negative: that many tasks wait."""
        return int(lib.nxsem_get_value(self._board, self.number))

    def destroy(self) -> None:
        """Frees it. Whoever still waits gets -ECANCELED."""
        lib.sem_free(self._board, self.number)
        self.number = 0  # another one's soon


class Mutex:
    """A recursive mutex (nxrmutex). Waiting for it cannot be interrupted.

    A task that is killed in one of these calls unwinds as if it had not made it, holding what it held before.
    """

    __slots__ = ("_board", "_follow", "_kernel", "name", "number")

    def __init__(self, kernel: Kernel, name: str = "mutex") -> None:
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self.name = name
        self.number = check(lib.mutex_new(kernel.board), "mutex")
        kernel.mutex_names[self.number] = name

    def lock(self) -> int:
        """Takes it, one level deeper if the caller holds it already. Raises ContextError where nobody can wait."""
        r: int = _mutex_lock(self._board, self.number)
        if r >= ACT_BASE:
            try:
                r = self._follow(r)
            except TaskExit:
                if self.holder == lib.board_current(self._board):
                    self.unlock()  # it was handed over before it could run; nobody else would give it back
                raise
        if r == _NOBODY_WAITS:
            raise self._kernel.cannot_wait(f"take {self.name}")
        return r

    def trylock(self) -> int:
        """0, or -EAGAIN if somebody else holds it."""
        r: int = lib.nxrmutex_trylock(self._board, self.number)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == _NOBODY_WAITS:
            raise self._kernel.cannot_wait(f"take {self.name}")
        return r

    def unlock(self) -> int:
        """Gives back one level. Raises ContextError if the caller is not the holder, which NuttX asserts."""
        r: int = _mutex_unlock(self._board, self.number)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == _NOBODY_WAITS:
            if self._kernel.closed:
                raise self._kernel.cannot_wait(f"give back {self.name}")
            holder = self.holder
            who = "nobody" if holder < 0 else f"pid {holder}"
            raise ContextError(f"{self._kernel.where()} gives back {self.name}, which {who} holds")
        return r

    def breaklock(self) -> int:
        """Gives back all levels; returns how many, 0 if the caller holds none."""
        count = self.depth
        r: int = lib.nxrmutex_breaklock(self._board, self.number)
        if r >= ACT_BASE:
            try:
                r = self._follow(r)
            except TaskExit:
                self.restorelock(count)
                raise
        return r

    def restorelock(self, count: int) -> None:
        """Takes it again, ``count`` levels deep; nothing for 0."""
        if not count:
            return
        end: TaskExit | None = None
        while True:
            try:
                self.lock()
                break
            except TaskExit as killed:  # it unwinds with the lock, which the code that it unwinds through gives back
                end = killed
        if count > 1 or end is not None:
            lib.nxrmutex_set_count(self._board, self.number, count)
        if end is not None:
            raise end

    @property
    def holder(self) -> int:
        """Pid of the holder, -1 if there is none."""
        return int(lib.mutex_holder(self._board, self.number))

    @property
    def depth(self) -> int:
        """How many levels the holder has."""
        return int(lib.mutex_depth(self._board, self.number))

    def __enter__(self) -> Mutex:
        self.lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()


class Watchdog:
    """A one-shot timer (wd_start); its function runs in the timer interrupt and must not wait.

    ``housekeeping``: does not keep the bench from being quiescent.
    """

    __slots__ = ("_board", "_follow", "call", "number")

    def __init__(self, kernel: Kernel, call: Callable[[], None], housekeeping: bool = False) -> None:
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self.call = call
        self.number = check(lib.wdog_new(kernel.board, housekeeping), "watchdog")
        kernel.wdogs[self.number] = self

    def start(self, ticks: int) -> int:
        """Expires at tick now + ``ticks`` + 1. Restarting replaces. 0, or -EINVAL for an impossible delay."""
        r: int = lib.wdog_start(self._board, self.number, ticks)
        return self._follow(r) if r >= ACT_BASE else r

    def start_next(self, ticks: int) -> int:
        """Expires ``ticks`` after it was last due, so that a period does not drift."""
        r: int = lib.wdog_start_next(self._board, self.number, ticks)
        return self._follow(r) if r >= ACT_BASE else r

    def cancel(self) -> int:
        """0, or -EINVAL if it was not running."""
        r: int = lib.wdog_cancel(self._board, self.number)
        return self._follow(r) if r >= ACT_BASE else r

    @property
    def ticks_left(self) -> int:
        """Ticks to go; 0 if it is not running."""
        return int(lib.wdog_gettime(self._board, self.number))
