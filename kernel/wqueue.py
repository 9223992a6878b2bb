"""Work queues: HPWORK, LPWORK and any further ones, with their worker tasks.

Semantics are NuttX's (sched/wqueue): queueing an item that is still queued replaces it and sends it to the back; an item
is available again as soon as it has been taken, while its callback runs; a delay of N ticks runs at tick now+N+1.
A callback that blocks blocks its worker, with all that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, ESHUTDOWN
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from kernel.core import ACT_BASE, check, lib, numbers, pids
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.kernel import Kernel

HPWORK = 0
LPWORK = 1

_NETLOCK = 1  # WORK_NETLOCK
_ITEM_IN_C = 0xFFFF
_AGAIN = 0x10000

Worker = Callable[[Any], None]

_work_pass = lib.work_pass


class Work:
    """A work item (struct work_s). ``netlock``: its worker takes the network lock around the callback."""

    __slots__ = ("_kernel", "calls", "name", "netlock", "number", "seq")

    def __init__(self, kernel: Kernel, name: str = "work", *, netlock: bool = False) -> None:
        self._kernel = kernel
        self.name = name
        self.netlock = netlock
        self.number = check(lib.work_new(kernel.board, _NETLOCK if netlock else 0), "work item")
        self.seq = 0  # number of the last queueing
        self.calls: dict[int, tuple[Worker, Any]] = {}  # what each asked for, until it is taken or replaced
        kernel.works[self.number] = self

    @property
    def available(self) -> bool:
        """work_available(): not queued. True already while its callback runs."""
        return bool(lib.work_is_available(self._kernel.board, self.number) == 1)

    @property
    def timeleft(self) -> int:
        """work_timeleft(): ticks until it is due; negative when overdue."""
        return int(lib.work_timeleft(self._kernel.board, self.number))

    def prepare(self, worker: Worker, arg: Any) -> int:
        """For C code that will queue it: notes the callback and returns the number to queue it with."""
        self.seq = (self.seq + 1) & 0x3FF
        self.calls[self.seq] = (worker, arg)
        return self.seq

    def free(self) -> int:
        """Gives the item back: 0, or -EBUSY while its callback runs."""
        r = int(lib.work_free(self._kernel.board, self.number))
        if r == 0:
            self._kernel.works.pop(self.number, None)
        return r


class WorkQueue:
    """A queue and its worker tasks."""

    def __init__(self, kernel: Kernel, name: str, priority: int, nthreads: int, stack: int = 2048) -> None:
        if nthreads < 1:
            raise ValueError(f"work queue {name}: {nthreads} threads; at least one has to run its items")
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self.name = name
        self.nthreads = nthreads
        self.number = check(lib.wq_new(kernel.board, nthreads), f"work queue {name}")
        heap = kernel.heap
        self._address = heap.malloc(64 + 32 * nthreads, f"work queue {name}")
        self.workers: list[Task] = [
            kernel.tasks.create(
                self._make_worker(thread),
                name,
                priority,
                kind="Kthread",
                stack=stack,
                args=(f"0x{self._address:x}", f"0x{self._address + 64 + 32 * thread:x}"),
                service=True,
            )
            for thread in range(nthreads)
        ]

    def queue(self, work: Work, worker: Worker | None, arg: Any = None, delay: int = 0, call: Any = lib.work_queue) -> int:
        """work_queue(): 0, or -EINVAL without a worker or with an impossible delay. Allowed in interrupt handlers."""
        if worker is None:
            return -EINVAL
        before = work.seq
        work.seq = seq = (before + 1) & 0x3FF
        work.calls[seq] = (worker, arg)
        r: int = call(self._board, self.number, work.number, seq, delay)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == 0:
            return 0
        del work.calls[before if r > 0 else seq]
        return min(r, 0)

    def queue_next(self, work: Work, worker: Worker | None, arg: Any = None, delay: int = 0) -> int:
        """work_queue_next(): ``delay`` ticks after it was last due. For use inside the callback."""
        return self.queue(work, worker, arg, delay, lib.work_queue_next)

    def exit(self) -> int:
        """work_queue_free(): ends the workers; what is still queued never runs. Waits for callbacks to return."""
        r = lib.wq_exit(self._kernel.board, self.number)
        if r >= ACT_BASE:
            self._kernel.clock.follow(r)
        for task in self.workers:
            self._kernel.join(task)
        self._kernel.heap.free(self._address)
        return 0

    def info(self) -> dict[str, Any]:
        """What it is doing: queued items by name, semaphore value, passes, and the item of each worker."""
        v = numbers(lib.wq_info, self._kernel.board, self.number, n=7 + self.nthreads)
        names = [self._work_name(n) for n in pids(lib.wq_queued, self._kernel.board, self.number)]
        running = [self._work_name(n) if n else None for n in v[7 : 7 + self.nthreads]]
        keys = ("nqueued", "semaphore", "posts", "passes", "empty_passes", "ran", "nthreads")
        return dict(zip(keys, v, strict=False)) | {"queued": names, "running": running}

    def _work_name(self, number: int) -> str:
        work = self._kernel.works.get(number)
        return work.name if work else f"work {number}"

    def _make_worker(self, thread: int) -> Callable[[Any], None]:
        kernel, board, number = self._kernel, self._kernel.board, self.number
        follow, works = kernel.clock.follow, kernel.works

        def worker(_sys: Any) -> None:
            awake = 0
            while True:
                r: int = _work_pass(board, number, thread, awake)
                if r >= ACT_BASE:
                    r = follow(r)
                awake = 0
                if r == 0:
                    awake = 1
                elif r == _ITEM_IN_C:
                    with kernel.net_lock:
                        r = lib.work_run_c(board, number, thread)
                        if r >= ACT_BASE:
                            follow(r)
                elif r > _AGAIN or 0 < r < _ITEM_IN_C:
                    work = works[r & 0xFFFF]
                    call, arg = work.calls.pop(r >> 16)
                    try:
                        if work.netlock:
                            with kernel.net_lock:
                                call(arg)
                        else:
                            call(arg)
                    except GreenletExit:
                        raise
                    except Exception as error:
                        kernel.work_raised(self, work, error)
                elif r == -ESHUTDOWN:
                    return

        return worker


def work_cancel(work: Work) -> int:
    """Takes an item out of its queue. 0 whether it was queued or not; a running callback goes on."""
    r = lib.work_cancel(work._kernel.board, work.number)
    return int(work._kernel.clock.follow(r)) if r >= ACT_BASE else int(r)


def work_cancel_sync(work: Work) -> int:
    """The same, then waits, uninterruptibly, until a worker that runs it is done, unless the caller is that worker."""
    r = lib.work_cancel_sync(work._kernel.board, work.number)
    if r >= ACT_BASE:
        r = work._kernel.clock.follow(r)
    if r == -1:
        raise work._kernel.cannot_wait(f"cancel {work.name} and wait for it")
    return int(r)
