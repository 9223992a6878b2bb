"""Who runs: strict priority, equals in the order they came, sched_lock, priority inheritance."""

from __future__ import annotations

from typing import Any

import pytest
from kernelrig import MS, US, Rig

# Who runs


def test_priority_is_strict_and_equals_run_in_the_order_they_came() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            rig.note(sys.task.name)

        for name, priority in [("a", 100), ("b", 200), ("c", 100), ("d", 255), ("e", 1)]:
            rig.spawn(app, name, priority)
        rig.run()
        assert rig.words() == ["d", "b", "a", "c", "e"]


def test_a_task_does_not_give_way_to_an_equal_that_it_wakes() -> None:
    with Rig() as rig:

        def first(sys: Any) -> None:
            sys.spawn(lambda _sys: rig.note("second"), priority=100)
            sys.sleep(0)
            rig.note("never before second")

        def app(sys: Any) -> None:
            sys.spawn(lambda _sys: rig.note("equal"), priority=100)
            rig.note("still me")

        rig.spawn(app, priority=100)
        rig.run()
        rig.spawn(first, priority=100)
        rig.run()
        assert rig.words() == ["still me", "equal", "second", "never before second"]


def test_a_more_important_task_runs_the_moment_it_becomes_ready() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.spawn(lambda _sys: rig.note("high"), priority=101)
            rig.note("low")

        rig.spawn(app, priority=100)
        rig.run()
        assert rig.words() == ["high", "low"]


def test_a_preempted_task_stays_before_its_equals() -> None:
    with Rig() as rig:

        def preempted(sys: Any) -> None:
            sys.burn(1000)
            rig.note("first")

        rig.line(5, lambda _irq, _arg: rig.spawn(lambda sys: sys.burn(10), "high", 200) and None)
        rig.pulse_at(500 * US, 5)
        rig.spawn(preempted, priority=100)
        rig.spawn(lambda _sys: rig.note("second"), priority=100)
        rig.run()
        assert rig.log == [(1010 * US, "first"), (1010 * US, "second")]


def test_yield_lets_equals_go_first_and_nobody_below() -> None:
    with Rig() as rig:

        def polite(sys: Any) -> None:
            rig.note("polite")
            sys.sched_yield()
            rig.note("polite again")

        rig.spawn(polite, priority=100)
        rig.spawn(lambda _sys: rig.note("equal"), priority=100)
        rig.spawn(lambda _sys: rig.note("below"), priority=99)
        rig.run()
        assert rig.words() == ["polite", "equal", "polite again", "below"]


def test_round_robin_shares_the_cpu_in_slices() -> None:
    with Rig(RR_INTERVAL=20) as rig:

        def app(sys: Any) -> None:
            for _ in range(3):
                sys.burn(20_000)
                rig.note(sys.task.name)

        for name in "ab":
            rig.spawn(app, name)
        rig.run()
        assert rig.words() == ["a", "b"] * 3
        assert rig.now == 120 * MS


def test_a_slice_that_ends_during_a_call_does_not_change_its_answer() -> None:
    with Rig(RR_INTERVAL=10, costs={"SEM": 20 * MS}) as rig:
        answers: list[int] = []

        def app(sys: Any) -> None:
            answers.append(sys.semaphore(0).trywait())

        for _ in range(3):
            rig.spawn(app)
        rig.run()
        assert answers == [-11] * 3


def test_without_round_robin_an_equal_waits_for_ever() -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: sys.burn(50_000_000), "hog")
        rig.spawn(lambda _sys: rig.note("starved"), "starved")
        rig.run(10_000 * MS)
        assert rig.log == []


def test_sched_lock_keeps_the_cpu_until_it_is_given_up_or_the_task_waits() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.sched_lock()
            sys.sched_lock()
            sys.spawn(lambda _sys: rig.note("high"), priority=200)
            sys.sched_unlock()
            rig.note("still locked")
            sys.sched_unlock()
            rig.note("unlocked")
            sys.sched_lock()
            sys.spawn(lambda _sys: rig.note("while it sleeps"), priority=200)
            sys.sleep(0.01)
            rig.note("awake")

        rig.spawn(app, priority=100)
        rig.run()
        assert rig.words() == ["still locked", "high", "unlocked", "while it sleeps", "awake"]


def test_an_interrupt_cuts_into_sched_lock_but_a_task_does_not() -> None:
    with Rig() as rig:
        go = rig.sys.semaphore(0)

        def handler(_irq: int, _arg: Any) -> None:
            rig.note("interrupt")
            go.post()

        rig.line(5, handler)
        rig.pulse_at(100 * US, 5)

        def high(_sys: Any) -> None:
            go.wait()
            rig.note("high")

        def app(sys: Any) -> None:
            sys.sched_lock()
            sys.burn(1000)
            rig.note("burnt")
            sys.sched_unlock()

        rig.spawn(high, priority=200)
        rig.spawn(app, priority=100)
        rig.run()
        assert rig.log == [(100 * US, "interrupt"), (1000 * US, "burnt"), (1000 * US, "high")]


@pytest.mark.parametrize("inherit", [True, False])
def test_priority_inheritance_bounds_the_wait_for_a_mutex(inherit: bool) -> None:
    with Rig(PRIORITY_INHERITANCE=inherit) as rig:
        mutex = rig.sys.mutex()

        def low(sys: Any) -> None:
            with mutex:
                sys.burn(100)
                rig.note(sys.kernel.task_numbers(sys.getpid())[2])  # its priority before it gives the mutex back
            rig.note("low done")

        def middle(sys: Any) -> None:
            sys.burn(10_000)
            rig.note("middle done")

        def high(_sys: Any) -> None:
            with mutex:
                rig.note("high has it")

        rig.spawn(low, "low", 50)
        rig.at(10 * US, lambda: rig.spawn(middle, "middle", 100) and rig.spawn(high, "high", 150) and None)
        rig.run()
        if inherit:
            assert rig.words() == [150, "high has it", "middle done", "low done"]
        else:
            assert rig.words() == ["middle done", 50, "high has it", "low done"]


def test_inheritance_reaches_along_a_chain_of_holders_and_ends_with_each() -> None:
    with Rig(PRIORITY_INHERITANCE=True) as rig:
        facade = rig.sys
        a, b = facade.mutex("a"), facade.mutex("b")
        go = facade.semaphore(0)

        def first(_sys: Any) -> None:
            with a:
                go.wait()

        def second(_sys: Any) -> None:
            with b, a:
                pass

        def third(_sys: Any) -> None:
            with b:
                pass

        one = rig.spawn(first, "one", 10)
        rig.run()
        two = rig.spawn(second, "two", 20)
        rig.run()
        three = rig.spawn(third, "three", 30)

        def priorities() -> list[int]:
            return [rig.kernel.task_numbers(t.pid)[2] for t in (one, two)]

        rig.run()
        assert priorities() == [30, 30]
        rig.kernel.tasks.kill(three.pid)
        rig.run()
        assert priorities() == [20, 20]
        go.post()
        rig.run()
        assert not (one.alive or two.alive or three.alive)
