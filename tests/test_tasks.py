"""How tasks wait and end: signals, timeouts, kill, errors, and what a dead task leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kernelrig import MS, TICK, US, Rig

from kernel.kernel import SIGKILL

SIGUSR1 = 10


def test_a_task_that_raises_dies_alone_with_its_traceback_on_syslog_and_in_the_reports() -> None:
    with Rig() as rig:

        def broken(_sys: Any) -> None:
            raise LookupError("no such table")

        task = rig.spawn(broken, "broken")
        rig.spawn(lambda _sys: rig.note("alive"))
        rig.run()
        assert rig.words() == ["alive"]
        assert (task.alive, task.status) == (False, 1)
        assert isinstance(task.error, LookupError)
        for text in (rig.kernel.syslog.text(), rig.kernel.reports[0]):
            assert "LookupError" in text and "in broken" in text and "no such table" in text
        log = rig.kernel.syslog.text()
        assert f"broken[{task.pid}]: died of LookupError" in log
        assert 'File "tests/test_tasks.py"' in log and __file__ not in log, "the same on every machine"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, BaseException])
def test_whatever_a_task_raises_the_host_does_not_get_it(error: type[BaseException]) -> None:
    with Rig() as rig:

        def app(_sys: Any) -> None:
            raise error("odd")

        rig.spawn(app)
        rig.run()
        assert error.__name__ in rig.kernel.reports[0]


def test_a_mutex_that_a_dead_task_held_is_reported_and_stays_locked() -> None:
    with Rig() as rig:
        mutex = rig.sys.mutex("bus_lock")

        def app(_sys: Any) -> None:
            mutex.lock()
            raise RuntimeError

        def waiter(_sys: Any) -> None:
            mutex.lock()
            rig.note("never")

        task = rig.spawn(app, "holder")
        rig.spawn(waiter)
        rig.run()
        assert rig.log == []
        assert f"task holder (pid {task.pid}) ended holding bus_lock" in rig.kernel.reports[-1]
        assert mutex.holder == task.pid
        assert rig.kernel.held_by(task.pid) == ["bus_lock"]


def test_exit_gives_a_status_and_runs_finally_blocks_and_cleanups() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.task.at_exit += [lambda: rig.note("first registered"), lambda: rig.note("last registered")]
            try:
                sys.exit(3)
            finally:
                rig.note("finally")

        task = rig.spawn(app)
        rig.run()
        assert task.status == 3
        assert rig.words() == ["finally", "last registered", "first registered"]


def test_a_cleanup_that_raises_does_not_keep_the_others_from_running() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.task.at_exit += [lambda: rig.note("other"), lambda: 1 / 0]

        rig.spawn(app)
        rig.run()
        assert rig.words() == ["other"]
        assert "ZeroDivisionError" in rig.kernel.reports[0]


def test_the_status_is_what_the_function_returns() -> None:
    with Rig() as rig:
        statuses: list[int] = []

        def parent(sys: Any) -> None:
            statuses.extend(sys.waitpid(sys.spawn(app)) for app in (lambda _s: 7, lambda _s: None, lambda _s: "text"))

        rig.spawn(parent)
        rig.run()
        assert statuses == [7, 0, 0]


# Kill


def _sleeping(sys: Any, _rig: Rig) -> None:
    sys.sleep(1000)


def _on_semaphore(sys: Any, _rig: Rig) -> None:
    sys.semaphore(0).wait()


def _on_mutex(_sys: Any, rig: Rig) -> None:
    rig.kernel.net_lock.lock()


def _ready(sys: Any, _rig: Rig) -> None:
    sys.burn(1_000_000)
    sys.sched_yield()


@pytest.mark.parametrize("wait", [_sleeping, _on_semaphore, _on_mutex, _ready])
def test_kill_unwinds_a_task_wherever_it_waits(wait: Callable[[Any, Rig], None]) -> None:
    with Rig() as rig:

        def holder(sys: Any) -> None:
            with sys.net_lock:
                sys.sleep(2)

        def app(sys: Any) -> None:
            try:
                wait(sys, rig)
                rig.note("never")
            finally:
                rig.note("unwound")

        rig.spawn(holder, priority=150)
        task = rig.spawn(app)
        rig.run(500 * MS)
        assert rig.kernel.kill(task.pid, SIGKILL) == 0
        rig.run()
        assert rig.words() == ["unwound"]
        assert not task.alive and rig.kernel.reports == []
        assert rig.kernel.kill(task.pid, SIGKILL) == -3


def test_kill_of_a_task_that_has_not_begun_never_runs_it() -> None:
    with Rig() as rig:
        ready = rig.spawn(lambda _sys: rig.note("never"))
        created = rig.spawn(lambda _sys: rig.note("never"), start=False)
        assert [rig.kernel.kill(t.pid, SIGKILL) for t in (ready, created)] == [0, 0]
        rig.run()
        assert rig.log == [] and not ready.alive and not created.alive
        rig.spawn(lambda _sys: rig.note("the next one runs"))
        rig.run()
        assert rig.words() == ["the next one runs"]


def test_a_killed_task_cleans_up_with_calls_that_wait() -> None:
    with Rig() as rig:
        one, two = rig.sys.mutex("one"), rig.sys.mutex("two")

        def app(sys: Any) -> None:
            try:
                with one, two:
                    sys.semaphore(0).wait()
            finally:
                sys.sleep(0.05)
                rig.note("clean")

        def impatient(_sys: Any, mutex: Any) -> None:
            with mutex:
                rig.note(mutex.name)

        task = rig.spawn(app)
        rig.run()
        rig.spawn(lambda sys: impatient(sys, one), priority=200)
        rig.spawn(lambda sys: impatient(sys, two), priority=200)
        rig.run()
        rig.kernel.kill(task.pid, SIGKILL)
        rig.run()
        assert rig.words() == ["two", "one", "clean"]
        assert rig.kernel.reports == []


def test_a_task_can_kill_itself() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.kill(sys.getpid(), SIGKILL)
            rig.note("never")

        task = rig.spawn(app)
        rig.run()
        assert rig.log == [] and not task.alive


# Signals and timeouts


def test_a_signal_ends_a_sleep_and_a_semaphore_wait_with_eintr() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            with pytest.raises(InterruptedError):
                sys.sleep(10)
            rig.note(sys.semaphore(0).wait())

        task = rig.spawn(app)
        for t in (1, 2):
            rig.at(t * MS, lambda: rig.kernel.kill(task.pid, SIGUSR1) and None)
        rig.run()
        assert rig.log == [(2 * MS, -4)]


def test_a_signal_leaves_a_mutex_wait_alone_and_ends_the_next_wait() -> None:
    with Rig() as rig:
        mutex = rig.sys.mutex()

        def holder(sys: Any) -> None:
            with mutex:
                sys.sleep(0.1)

        def app(sys: Any) -> None:
            rig.note(mutex.lock())
            mutex.unlock()
            rig.note(sys.semaphore(0).wait())

        rig.spawn(holder, priority=200)
        task = rig.spawn(app)
        rig.at(50 * MS, lambda: rig.kernel.kill(task.pid, SIGUSR1) and None)
        rig.run()
        assert rig.log == [(110 * MS, 0), (110 * MS, -4)]


def test_a_masked_signal_ends_no_wait() -> None:
    from kernel.core import lib

    with Rig() as rig:
        task = rig.spawn(lambda sys: (sys.sleep(1), rig.note("slept")))
        lib.task_sigmask(rig.kernel.board, task.pid, 1 << SIGUSR1)
        rig.at(50 * MS, lambda: rig.kernel.kill(task.pid, SIGUSR1) and None)
        rig.run()
        assert rig.log == [(1010 * MS, "slept")]


def test_a_signal_to_nobody_and_an_impossible_one_are_refused() -> None:
    with Rig() as rig:
        task = rig.spawn(lambda sys: sys.sleep(1))
        kill = rig.kernel.kill
        assert (kill(999, SIGUSR1), kill(task.pid, 64), kill(task.pid, -1), kill(task.pid, 0)) == (-3, -22, -22, 0)


@pytest.mark.parametrize(("ms", "ticks"), [(0, 1), (1, 2), (10, 2), (25, 4)])
def test_a_sleep_takes_its_ticks_and_one_more(ms: int, ticks: int) -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: (sys.sleep(ms / 1000), rig.note("awake")))
        rig.run()
        assert rig.log == [(ticks * TICK, "awake")]


def test_a_sleep_that_begins_between_ticks_ends_on_one() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sys.burn(4_000)
            sys.sleep(0.01)
            rig.note("awake")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(2 * TICK, "awake")]


def test_a_timed_wait_of_no_ticks_fails_at_once_and_one_that_is_posted_does_not_time_out() -> None:
    with Rig() as rig:
        sem = rig.sys.semaphore(0)

        def app(_sys: Any) -> None:
            rig.note(sem.wait(0))
            rig.note(sem.wait(100))
            rig.note(sem.wait(3))

        rig.spawn(app)
        rig.at(5 * MS, lambda: sem.post() and None)
        rig.run()
        assert rig.log == [(0, -110), (5 * MS, 0), (40 * MS, -110)]
        assert sem.value == 0


def test_a_destroyed_semaphore_tells_its_waiters() -> None:
    with Rig() as rig:
        sem = rig.sys.semaphore(0)
        rig.spawn(lambda _sys: rig.note(sem.wait()))
        rig.run()
        sem.destroy()
        rig.run()
        assert rig.words() == [-125]


def test_waiters_are_served_by_priority_then_in_order() -> None:
    with Rig() as rig:
        sem = rig.sys.semaphore(0)
        for name, priority in [("a", 50), ("b", 90), ("c", 50), ("d", 90)]:
            rig.spawn(lambda sys: (sem.wait(), rig.note(sys.task.name)), name, priority)
        rig.run()
        for _ in range(4):
            sem.post()
            rig.run()
        assert rig.words() == ["b", "d", "a", "c"]


# What tasks cost


def test_cpu_time_is_what_a_task_ran_and_not_what_it_slept() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            for _ in range(3):
                sys.burn(500)
                sys.sleep(0.1)
            sys.semaphore(0).wait()

        task = rig.spawn(app)
        rig.run()
        assert rig.kernel.task_numbers(task.pid)[10] == 1500 * US


def test_a_task_that_cannot_be_made_leaves_nothing_behind() -> None:
    with Rig() as rig:
        used = rig.kernel.heap.stats().used
        with pytest.raises(OSError, match="task odd of priority 0"):
            rig.spawn(print, "odd", 0)
        with pytest.raises(OSError, match="the board's heap has no 99999999 bytes"):
            rig.spawn(print, "big", stack=99_999_999)
        assert rig.kernel.heap.stats().used == used


def test_thousands_of_tasks_come_and_go_and_give_their_stacks_back() -> None:
    with Rig() as rig:
        used = rig.kernel.heap.stats().used

        def parent(sys: Any) -> None:
            for _ in range(2000):
                sys.waitpid(sys.spawn(lambda s: s.sched_yield()))

        rig.spawn(parent)
        rig.run()
        assert rig.kernel.heap.stats().used == used
        assert len(rig.clock.runners) <= 3
