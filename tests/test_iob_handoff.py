"""Freed buffers reach waiting tasks as a plain-Python model says: by priority, throttle, timeouts and kills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from iob_kit import TEST, small_kernel, take_all


class Waiter(NamedTuple):
    priority: int
    throttled: bool
    ticks: int | None
    """how long it waits"""
    killed: int | None
    """the tick it is killed in"""


some_waiter = st.builds(
    Waiter, st.integers(90, 93), st.booleans(), st.none() | st.integers(1, 8), st.none() | st.integers(0, 8)
)


class Expected:
    """Who gets a buffer when: waits are served by priority, then in order of arrival, unless a kill or timeout came."""

    def __init__(self, waiters: list[Waiter], throttle: int) -> None:
        self.waiters = waiters
        self.throttle = throttle
        self.nfree = 0
        order = sorted(range(len(waiters)), key=lambda i: -waiters[i].priority)
        self.waiting = {t: [i for i in order if waiters[i].throttled == t] for t in (False, True)}
        self.served: dict[int, int] = {}
        self.ready: list[int] = []

    def expire(self, tick: int) -> None:
        for queue in self.waiting.values():
            for i in list(queue):
                ticks = self.waiters[i].ticks
                if ticks is not None and ticks + 1 <= tick:
                    queue.remove(i)

    def free(self, tick: int) -> None:
        queue = self.waiting[False]
        if not queue and self.nfree >= self.throttle:
            queue = self.waiting[True]
        if queue:
            self.ready.append(queue.pop(0))
        else:
            self.nfree += 1

    def run(self, tick: int) -> None:
        """The tasks that were served run, those that were killed meanwhile give the buffer back."""
        while self.ready:
            i = max(self.ready, key=lambda i: self.waiters[i].priority)
            self.ready.remove(i)
            killed = self.waiters[i].killed
            if killed is not None and killed <= tick:
                self.free(tick)
            else:
                self.served[i] = tick

    def kill(self, tick: int) -> None:
        for queue in self.waiting.values():
            for i in list(queue):
                if self.waiters[i].killed == tick:
                    queue.remove(i)


@settings(max_examples=150)
@given(
    waiters=st.lists(some_waiter, min_size=1, max_size=6),
    frees=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    throttle=st.integers(0, 3),
)
def test_freed_buffers_go_to_waiting_tasks_in_the_order_of_the_model(
    waiters: list[Waiter], frees: list[int], throttle: int
) -> None:
    expected = Expected(waiters, throttle)
    served: dict[int, int] = {}
    nbuffers = 4 + sum(frees)
    with small_kernel(IOB_NBUFFERS=nbuffers, IOB_THROTTLE=throttle) as kernel:
        pool, clock = kernel.iobs, kernel.clock
        start, tick_ns = clock.now_ns, kernel.tick_ns
        held = take_all(pool)
        assert len(held) == nbuffers

        def waits(i: int, w: Waiter) -> Callable[[Any], None]:
            def entry(_sys: Any) -> None:
                iob = pool.timedalloc(w.throttled, None if w.ticks is None else w.ticks * tick_ns // 1_000_000, TEST)
                if iob is not None:
                    served[i] = (clock.now_ns - start) // tick_ns
                    held.append(iob)

            return entry

        tasks = [kernel.tasks.create(waits(i, w), f"w{i}", w.priority) for i, w in enumerate(waiters)]
        for tick, n in enumerate(frees):  # half a tick in, where nothing else happens
            clock.run(start + tick * tick_ns + tick_ns // 2)
            expected.expire(tick)
            for _ in range(n):
                pool.free(held.pop(0))
                expected.free(tick)
            for task, w in zip(tasks, waiters, strict=True):
                if w.killed == tick and task.alive:
                    kernel.tasks.kill(task.pid)
            expected.kill(tick)
            clock.run(start + tick * tick_ns + tick_ns // 2 + 1000)
            expected.run(tick)
            assert served == expected.served
            assert pool.check() == ""
            assert pool.getstats().nfree == expected.nfree
        for task in tasks:
            if task.alive:
                kernel.tasks.kill(task.pid)
        clock.run(start + 20 * tick_ns)
        for iob in held:
            pool.free(iob)
        assert pool.check() == ""
        assert pool.navail() == nbuffers
