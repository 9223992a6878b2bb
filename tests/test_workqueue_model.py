"""The work queues of the core against a model in plain Python: order, ticks, counts, cancelling, delays, threads."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kernelrig import TICK, Rig

from kernel.wqueue import LPWORK, Work, work_cancel

ITEMS = 5


class Model:
    """NuttX's rules, with lists: items are numbers, ``plan`` has each one's (function, ticks it sleeps)."""

    def __init__(self, nthreads: int) -> None:
        self.tick = 0
        self.expired: list[int] = []
        self.pending: list[tuple[int, int]] = []  # (due tick, item), in order
        self.plan: dict[int, tuple[int, int]] = {}
        self.count = 0
        self.idle = list(range(nthreads))
        self.ready: list[tuple[int, bool]] = []  # (worker, was it woken by a post)
        self.timers: list[tuple[int, int, int]] = []  # (tick, start order, worker; -1 is the queue's own)
        self.started = self.posts = self.passes = self.empty = 0
        self.ran: list[tuple[int, int]] = []  # (function, tick)

    def start_timer(self, tick: int, whose: int) -> None:
        self.started += 1
        self.timers.append((tick, self.started, whose))

    def program(self) -> None:
        self.timers = [t for t in self.timers if t[2] != -1]
        if self.pending:
            self.start_timer(max(self.pending[0][0], self.tick + 1), -1)

    def post(self) -> None:
        self.posts += 1
        if self.idle:
            self.ready.append((self.idle.pop(0), True))
        else:
            self.count += 1

    def remove(self, item: int) -> None:
        if item in self.expired:
            self.expired.remove(item)
        at = [i for i, (_, queued) in enumerate(self.pending) if queued == item]
        if at:
            del self.pending[at[0]]
            if at[0] == 0:
                self.program()

    def queue(self, item: int, function: int, takes: int, delay: int) -> None:
        self.remove(item)
        self.plan[item] = (function, takes)
        if delay == 0:
            self.expired.append(item)
            self.post()
            return
        due = self.tick + delay + 1
        place = sum(1 for other, _ in self.pending if other <= due)
        self.pending.insert(place, (due, item))
        if place == 0:
            self.program()

    def dispatch(self) -> None:
        moved = 0
        while self.pending and self.pending[0][0] <= self.tick:
            self.expired.append(self.pending.pop(0)[1])
            moved += 1
            if moved > 1:
                self.post()
        if self.pending:
            self.program()

    def work(self, worker: int, woken: bool) -> None:
        while True:
            if not woken:
                if self.count == 0:
                    self.idle.append(worker)
                    return
                self.count -= 1
            woken = False
            self.passes += 1
            if all(whose != -1 for _, _, whose in self.timers):
                self.dispatch()
            if not self.expired:
                self.empty += 1
                continue
            function, takes = self.plan[self.expired.pop(0)]
            self.ran.append((function, self.tick))
            if takes:
                self.start_timer(self.tick + takes + 1, worker)
                return

    def settle(self) -> None:
        while self.ready:
            self.work(*self.ready.pop(0))

    def advance(self, ticks: int) -> None:
        self.settle()
        for _ in range(ticks):
            self.tick += 1
            for timer in sorted(t for t in self.timers if t[0] <= self.tick):
                self.timers.remove(timer)
                if timer[2] == -1:
                    self.post()
                else:
                    self.ready.append((timer[2], False))
            self.settle()


class WorkQueueMachine(RuleBasedStateMachine):
    @initialize(nthreads=st.integers(1, 3))
    def boot(self, nthreads: int) -> None:
        self.rig = Rig(SCHED_LPNTHREADS=nthreads)
        self.rig.run(0)
        self.model = Model(nthreads)
        self.works = [Work(self.rig.kernel, str(i)) for i in range(ITEMS)]
        self.functions = 0
        self.ran: list[tuple[int, int]] = []

    def _call(self, arg: tuple[int, int]) -> None:
        function, takes = arg
        self.ran.append((function, self.rig.kernel.ticks))
        if takes:
            self.rig.kernel.ticksleep(takes)

    @rule(item=st.integers(0, ITEMS - 1), takes=st.sampled_from([0, 0, 1, 4]), delay=st.integers(0, 4))
    def queue(self, item: int, takes: int, delay: int) -> None:
        self.functions += 1
        arg = (self.functions, takes)
        assert self.rig.kernel.work_queue(LPWORK, self.works[item], self._call, arg, delay) == 0
        self.model.queue(item, self.functions, takes, delay)

    @rule(item=st.integers(0, ITEMS - 1))
    def cancel(self, item: int) -> None:
        assert work_cancel(self.works[item]) == 0
        self.model.remove(item)

    @rule(ticks=st.integers(0, 6))
    def advance(self, ticks: int) -> None:
        self.rig.run(ticks * TICK)
        self.model.advance(ticks)

    @invariant()
    def same(self) -> None:
        model, info = self.model, self.rig.kernel.queues[LPWORK].info()
        assert self.ran == model.ran
        assert info["queued"] == [str(i) for i in model.expired] + [str(i) for _, i in model.pending]
        assert info["semaphore"] == model.count - len(model.idle)
        assert (info["posts"], info["passes"], info["empty_passes"]) == (model.posts, model.passes, model.empty)
        for i, work in enumerate(self.works):
            queued = str(i) in info["queued"]
            assert work.available is not queued

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.run()
            assert not self.rig.kernel.reports
            self.rig.close()


def _machine() -> Any:
    case = WorkQueueMachine.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=40)
    return case


TestWorkQueueModel = _machine()
