"""Work queues: HPWORK, LPWORK and any further ones, with their worker tasks.

Semantics are NuttX's (sched/wqueue): queueing an item that is still queued replaces it and sends it to the back; an
item is available again as soon as it has been taken, while its callback runs; a delay of N ticks runs at tick now+N+1.
A callback that blocks blocks its worker, with all that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, ESHUTDOWN
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from kernel.core import ACT_BASE, check, lib, numbers, pids
from kernel.raised import work_raised
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.kernel import Kernel

HPWORK = 0
LPWORK = 1

_NETLOCK = 1  # WORK_NETLOCK
_ITEM_IN_C = 0xFFFF
MAX_DELAY = 1 << 61  # ticks; within what the core can add to any time

C_WORK = {2: "tcp timer"}
"""Work functions in C, by number (csrc/): what their items are called, before the number of what they belong to."""

Worker = Callable[[Any], None]

_work_pass = lib.work_pass
_work_queue = lib.work_queue


class Work:
    """A work item (struct work_s). ``netlock``: its worker takes the network lock around the callback."""

    __slots__ = ("_kernel", "call", "name", "netlock", "number", "taken")

    def __init__(self, kernel: Kernel, name: str = "work", *, netlock: bool = False) -> None:
        self._kernel = kernel
        self.name = name
        self.netlock = netlock
        self.number = check(lib.work_new(kernel.board, _NETLOCK if netlock else 0), "work item")
        self.call: Any = None  # (worker, arg) of the last queueing, until it is fetched or cancelled
        self.taken: list[Any] = []  # the same of earlier ones: a worker has the item, but pays before it runs on
        kernel.works[self.number] = self

    @property
    def available(self) -> bool:
        """work_available(): not queued. True already while its callback runs."""
        return bool(lib.work_is_available(self._kernel.board, self.number) == 1)

    @property
    def timeleft(self) -> int:
        """work_timeleft(): ticks until it is due; negative when overdue."""
        return int(lib.work_timeleft(self._kernel.board, self.number))

    def set_call(self, worker: Worker, arg: Any) -> None:
        """Notes what is to be called once it has been queued, instead of what a queueing that this replaces noted."""
        if self.call is not None and self.available:
            self.taken.append(self.call)
        self.call = (worker, arg)

    def drop_call(self) -> None:
        """It is about to be cancelled."""
        if not self.available:
            self.call = None

    def free(self) -> int:
        """Gives the item back: 0, or -EBUSY while its callback runs."""
        r = int(lib.work_free(self._kernel.board, self.number))
        if r == 0:
            self._kernel.works.pop(self.number, None)
            self.number = 0  # another item's one day
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

    def queue(self, work: Work, worker: Worker | None, arg: Any = None, delay: int = 0, call: Any = _work_queue) -> int:
        """work_queue(): 0, or -EINVAL without a worker or with an impossible delay. Allowed in interrupt handlers."""
        if worker is None or (delay and not 0 < delay <= MAX_DELAY):
            return -EINVAL
        if work.call is None:
            work.call = (worker, arg)
        else:
            work.set_call(worker, arg)
        r: int = call(self._board, self.number, work.number, delay)
        if r >= ACT_BASE:
            r = self._follow(r)
        return 0 if r > 0 else r

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
        if number > _ITEM_IN_C:
            return f"{C_WORK.get(number >> 16, 'work in C')} {number & 0xFFFF}"
        work = self._kernel.works.get(number)
        return work.name if work else f"work {number}"

    def _make_worker(self, thread: int) -> Callable[[Any], None]:
        kernel, board, number = self._kernel, self._kernel.board, self.number
        follow, works = kernel.clock.follow, kernel.works

        def worker(_sys: Any) -> None:
            while True:
                r: int = _work_pass(board, number, thread)
                if r >= ACT_BASE:
                    r = follow(r)
                if 0 < r < _ITEM_IN_C:
                    work = works[r]
                    if work.taken:
                        call, arg = work.taken.pop(0)
                    else:
                        call, arg = work.call
                        work.call = None
                    try:
                        if work.netlock:
                            with kernel.net_lock:
                                call(arg)
                        else:
                            call(arg)
                    except BaseException as error:
                        if isinstance(error, GreenletExit) and kernel.closed:
                            raise
                        work_raised(kernel, self, work, error)
                elif r == _ITEM_IN_C:
                    with kernel.net_lock:
                        r = lib.work_run_c(board, number, thread)
                        if r >= ACT_BASE:
                            follow(r)
                        kernel.net.txavail()
                elif r == -ESHUTDOWN:
                    return

        return worker


def work_cancel(work: Work) -> int:
    """Takes an item out of its queue. 0 whether it was queued or not; a running callback goes on."""
    work.drop_call()
    r = lib.work_cancel(work._kernel.board, work.number)
    return int(work._kernel.clock.follow(r)) if r >= ACT_BASE else int(r)


def work_cancel_sync(work: Work) -> int:
    """The same, then waits, uninterruptibly, until a worker that runs it is done, unless the caller is that worker."""
    work.drop_call()
    r = lib.work_cancel_sync(work._kernel.board, work.number)
    if r >= ACT_BASE:
        r = work._kernel.clock.follow(r)
    if r == -1:
        raise work._kernel.cannot_wait(f"cancel {work.name} and wait for it")
    return int(r)
