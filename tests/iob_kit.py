"""A small kernel to try the buffer pool on, and short ways to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from board.config import Config
from kernel.clock import Clock
from kernel.core import lib
from kernel.heap import Heap
from kernel.iob import Iob, IobOwner, IobPool, iob_owner
from kernel.kernel import Kernel

SIM = dict(Config("sim"))
TEST = iob_owner(IobOwner.TEST, 1)
TICK = 10_000_000  # ns


POOL = {"IOB_NBUFFERS": 8, "IOB_THROTTLE": 2, "IOB_BUFSIZE": 196, "IOB_NCHAINS": 4}


@contextmanager
def small_kernel(**options: object) -> Iterator[Kernel]:
    """A kernel alone, without hardware, on a bench of its own; 8 buffers, throttle 2, unless told otherwise."""
    with Clock(seed=1, watchdog=0) as clock:
        kernel = Kernel(clock, SIM | POOL | options, trace=256)
        try:
            yield kernel
        finally:
            kernel.close()


@contextmanager
def bare_pool(**options: object) -> Iterator[IobPool]:
    """A pool on a board without a kernel: nobody can wait, and buffers may be smaller than a network needs."""
    with Clock(seed=1, watchdog=0) as clock:
        board = lib.board_new(clock.bench, 1, TICK, 0)
        kernel = SimpleNamespace(
            board=board, clock=clock, options=SIM | POOL | options, heap=Heap(1 << 20), on_task_gone=[], sem_names={}
        )
        try:
            yield IobPool(kernel)
        finally:
            lib.board_free(board)


def new(pool: IobPool) -> Iob:
    """A buffer of a pool that has one."""
    iob = pool.tryalloc(False, TEST)
    assert iob is not None
    return iob


def take_all(pool: IobPool, throttled: bool = False) -> list[Iob]:
    return list(iter(lambda: pool.tryalloc(throttled, TEST), None))


def run(kernel: Kernel, ticks: int = 100) -> None:
    kernel.clock.run(kernel.clock.now_ns + ticks * TICK)


def in_task(kernel: Kernel, call: Callable[[], Any], priority: int = 100, ticks: int = 100) -> Any:
    """What `call` returns in a task of its own."""
    result = []
    kernel.tasks.create(lambda _sys: result.append(call()), "caller", priority)
    run(kernel, ticks)
    return result[0]


def info(pool: IobPool) -> tuple[int, ...]:
    """The four columns of /proc/iobinfo: ntotal, nfree, nwait, nthrottle."""
    return pool.getstats()[:4]


def lens(pool: IobPool, iob: Iob) -> list[int]:
    return [part.len for part in pool.chain(iob)]
