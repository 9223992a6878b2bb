"""The execution core: work items, idle time, boots. Fails no test; `floor` is what DESIGN's gate asks for."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable
from typing import Any

from common import figure, median_seconds, seconds
from greenlet import getcurrent, greenlet

from board import Board
from board.config import Config
from kernel.clock import Clock
from kernel.core import ACT_BASE, lib
from kernel.kernel import Kernel
from kernel.wqueue import LPWORK, Work

ROUNDS = 50_000
BATCH = 64
HOUR = 3600 * 10**9
BOOTS = 10_000


def _with_kernel(app: Callable[[Kernel, Any], Callable[[], None]], repeats: int = 9, priority: int = 100) -> float:
    """Host seconds that a task's loop takes on a board that does nothing else, with the trace on; the median."""
    clock = Clock(0, 0, 2**62)
    kernel = Kernel(clock, Config("sim"))
    times: list[float] = []

    def task(sys: Any) -> None:
        loop = app(kernel, sys)
        times.extend(seconds(loop) for _ in range(repeats))

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


def idle(hours: int) -> float:
    """Host seconds that a booted board takes to do nothing for that long."""
    with Board("sim") as board:
        board.boot()
        clock = board.bench.clock
        return median_seconds(lambda: clock.run(clock.now_ns + hours * HOUR))


def _rss() -> int:
    """Resident memory, kB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def boots(make: Callable[[], object], n: int) -> tuple[float, int]:
    """us a boot and close, and by how many kB memory grew over the last nine tenths of n of them."""
    for _ in range(n // 10):
        make()
    before = _rss()
    took = seconds(lambda: [make() for _ in range(n - n // 10)])
    return took / (n - n // 10) * 1e6, _rss() - before


def kernel_boot() -> None:
    """A kernel and its workers, which begin to wait."""
    with Clock(0, 0) as clock:
        kernel = Kernel(clock, CONFIG)
        clock.run(None)
        kernel.close()


def board_boot() -> None:
    """A whole board up to its shell's prompt."""
    with Board("sim", watchdog=0) as board:
        board.boot()


CONFIG = Config("sim")


def main() -> None:
    """All figures."""
    figure("core.greenlet_round_trip", greenlet_round_trip(), "ns")
    figure("core.work_to_python", work_to_python(), "ns", floor=2000, aim=1000, nuttx=3937, gate=1500)
    figure("core.work_in_c", work_in_c(), "ns", floor=60, aim=20, nuttx=1488)
    figure("core.idle_hour", idle(1) * 1e3, "ms", floor=10, aim=1, nuttx=HOUR / 1e6)
    figure("core.idle_1000_hours", idle(1000), "s", floor=1)
    figure("core.boot_to_prompt", median_seconds(board_boot) * 1e3, "ms", floor=5, aim=2, nuttx=2.1)
    for name, make in (("kernel", kernel_boot), ("board", board_boot)):
        us, grown = boots(make, BOOTS)
        figure(f"core.{name}_boot_and_close", us, "us", boots=BOOTS)
        figure(f"core.{name}_boots_memory", grown, "kB", floor=1024, boots=BOOTS)


if __name__ == "__main__":
    main()
