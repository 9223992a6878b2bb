"""The execution core: work items to Python and in C, beside what two bare greenlet switches cost here."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from common import figure, median_seconds, seconds
from greenlet import getcurrent, greenlet

from board.config import Config
from kernel.clock import Clock
from kernel.core import ACT_BASE, lib
from kernel.kernel import Kernel
from kernel.wqueue import LPWORK, Work

ROUNDS = 50_000
BATCH = 64


def _with_kernel(app: Callable[[Kernel, Any], Callable[[], None]], repeats: int = 9, priority: int = 100) -> float:
    """Host seconds that a task's loop takes on a board that does nothing else, with the trace on; the median."""
    clock = Clock(0, 0, 2**62)
    kernel = Kernel(clock, Config("sim"))
    times: list[float] = []

    def task(sys: Any) -> None:
        loop = app(kernel, sys)
        for _ in range(repeats):
            times.append(seconds(loop))

    kernel.tasks.create(task, "bench", priority)
    clock.run(None)
    kernel.close()
    clock.close()
    return statistics.median(times)


def work_to_python() -> float:
    """ns for: a task queues an item, sleeps, a worker runs its Python callable, which wakes the task."""

    def app(kernel: Kernel, sys: Any) -> Callable[[], None]:
        sem, work = sys.semaphore(0), Work(kernel)
        queue, wait, post = kernel.work_queue, sem.wait, sem.post

        def callback(_arg: Any) -> None:
            post()

        def loop() -> None:
            for _ in range(ROUNDS):
                queue(LPWORK, work, callback)
                wait()

        return loop

    return _with_kernel(app) / ROUNDS * 1e9


def work_in_c() -> float:
    """ns an item for: a task queues 64 items that are C functions, a worker that outranks it runs them."""

    def app(kernel: Kernel, _sys: Any) -> Callable[[], None]:
        first = min(Work(kernel).number for _ in range(BATCH))
        board, qid, follow = kernel.board, kernel.queues[LPWORK].number, kernel.clock.follow

        def loop() -> None:
            for _ in range(ROUNDS // BATCH):
                r = lib.core_bench_queue(board, qid, first, BATCH)
                if r >= ACT_BASE:
                    follow(r)

        return loop

    return _with_kernel(app, priority=50) / (ROUNDS // BATCH * BATCH) * 1e9


def greenlet_round_trip() -> float:
    """ns for two bare switches: what two task switches cost at the very least."""
    back = getcurrent().switch

    def other() -> None:
        while True:
            back()

    switch = greenlet(other).switch

    def loop() -> None:
        for _ in range(ROUNDS):
            switch()

    return median_seconds(loop) / ROUNDS * 1e9


def main() -> None:
    """All figures."""
    figure("core.greenlet_round_trip", greenlet_round_trip(), "ns")
    figure("core.work_to_python", work_to_python(), "ns", floor=2000, aim=1000, nuttx=3937, gate=1500)
    figure("core.work_in_c", work_in_c(), "ns", floor=60, aim=20, nuttx=1488)


if __name__ == "__main__":
    main()
