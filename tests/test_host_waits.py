"""The host's side of time: waits, quiescence, what stops a run, and closing in the middle of anything."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from greenlet import GreenletExit
from kernelrig import MS, US, Rig, S

from kernel.clock import Clock
from kernel.errors import BenchError, ContextError, Hang, Livelock

HOUR = 3600 * S


# Waits


def test_time_moves_only_while_the_host_waits() -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: rig.note("runs"))
        assert rig.log == [] and rig.now == 0
        rig.run(5 * MS)
        assert rig.log == [(0, "runs")] and rig.now == 5 * MS
        rig.run(0)
        assert rig.now == 5 * MS


def test_a_quiescent_bench_ends_an_endless_wait_at_once() -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: sys.sleep(HOUR / S))
        rig.run()
        assert rig.now == HOUR + 10 * MS
        assert rig.run() is False
        assert rig.now == HOUR + 10 * MS


def test_a_quiescent_bench_goes_to_its_deadline_in_one_step() -> None:
    with Rig(livelock=100) as rig:
        rig.run(1000 * HOUR)
        assert rig.now == 1000 * HOUR


def test_housekeeping_timers_run_but_do_not_keep_a_bench_busy() -> None:
    from kernel.sync import Watchdog

    with Rig() as rig:

        def tick() -> None:
            rig.note("tick")
            wdog.start_next(100)

        wdog = Watchdog(rig.kernel, tick, housekeeping=True)
        wdog.start(99)
        rig.run()
        assert rig.log == []
        rig.run(3 * S)
        assert [t for t, _ in rig.log] == [1 * S, 2 * S, 3 * S]


def test_a_predicate_is_asked_whenever_time_is_about_to_move() -> None:
    with Rig() as rig:
        done = []

        def app(sys: Any) -> None:
            for _ in range(10):
                sys.burn(100)
                done.append(sys.now_ns)

        rig.spawn(app)
        assert rig.run(look=lambda: len(done) == 3) is True
        assert rig.now == 300 * US
        assert rig.run(look=lambda: len(done) == 99) is False
        assert len(done) == 10


def test_a_wait_for_something_to_happen_ends_when_a_model_says_so() -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: sys.burn(1000))
        rig.at(300 * US, rig.clock.wake)
        assert rig.run(wait=True) is True
        assert rig.now == 300 * US
        assert rig.run(wait=True) is False
        assert rig.now == 1000 * US


def test_two_boards_share_one_clock() -> None:
    with Rig(name="left") as left, Rig(clock=left.clock, name="right", costs={"SWITCH": 30}) as right:
        log: list[tuple[int, str]] = []

        def app(sys: Any) -> None:
            for _ in range(3):
                sys.burn(100)
                log.append((sys.now_ns - left.boot, sys.kernel.name))

        left.spawn(app)
        right.spawn(app)
        left.run()
        expected = [(t * 100 * US + late, name) for t in (1, 2, 3) for late, name in ((0, "left"), (30, "right"))]
        # The right one's workers, which ran first, have cost it two switches as well.
        shift = log[1][0] - 100 * US - 30
        assert log == [(t + (shift if name == "right" else 0), name) for t, name in expected]


def test_many_benches_take_turns_in_one_process() -> None:
    rigs = [Rig(seed=i) for i in range(20)]
    try:
        for rig in rigs:
            rig.spawn(lambda sys, rig=rig: [(sys.sleep(0.09), rig.note(i)) for i in range(5)])
        for step in range(1, 6):
            for rig in rigs:
                rig.run(100 * MS)
                assert rig.words() == list(range(step))
    finally:
        for rig in rigs:
            rig.close()


# Misuse


def test_a_bench_runs_on_the_thread_that_made_it() -> None:
    with Rig() as rig:
        caught: list[BaseException] = []

        def elsewhere() -> None:
            try:
                rig.run(1 * MS)
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert isinstance(caught[0], BenchError) and "made on another thread" in str(caught[0])
        rig.run(1 * MS)
        assert rig.now == 1 * MS


def test_code_on_a_bench_cannot_make_it_run() -> None:
    with Rig() as rig:

        def app(_sys: Any) -> None:
            with pytest.raises(ContextError, match=r"in a task use sys\.sleep"):
                rig.run(1)
            rig.note("task")

        def look() -> bool:
            with pytest.raises(ContextError, match="time passes already"):
                rig.run(1)
            return True

        rig.spawn(app)
        assert rig.run(look=look) is True
        assert rig.words() == ["task"]


def test_live_is_chosen_before_power_on() -> None:
    with Rig() as rig:
        rig.run(1)
        with pytest.raises(BenchError, match="before power-on"):
            rig.clock.go_live(0)


def test_a_closed_bench_says_so() -> None:
    rig = Rig()
    rig.close()
    rig.close()
    with pytest.raises(BenchError, match="the bench is closed"):
        rig.run(1)


# Code that does not end


def test_a_livelock_names_task_and_stack_and_the_board_goes_on() -> None:
    with Rig(livelock=1000) as rig:

        def spinner(sys: Any) -> None:
            sem = sys.semaphore(0)
            while True:
                sem.trywait()

        task = rig.spawn(spinner, "spinner")
        with pytest.raises(Livelock) as caught:
            rig.run()
        text = str(caught.value)
        assert f"task spinner (pid {task.pid}) of board" in text
        assert "in spinner" in text and "sem.trywait()" in text
        rig.spawn(lambda _sys: rig.note("alive"))
        rig.run()
        assert rig.words() == ["alive"] and not task.alive
        assert "spinner" in rig.kernel.reports[0]


def test_two_tasks_that_wake_each_other_for_ever_are_a_livelock_too() -> None:
    with Rig(livelock=1000) as rig:
        a, b = rig.sys.semaphore(1), rig.sys.semaphore(0)

        def app(take: Any, give: Any) -> None:
            while True:
                take.wait()
                give.post()

        rig.spawn(lambda _sys: app(a, b))
        rig.spawn(lambda _sys: app(b, a))
        with pytest.raises(Livelock, match="time stands still at 1000000000 ns"):
            rig.run()


def test_hardware_that_never_lets_time_pass_is_a_livelock() -> None:
    from kernel.clock import Event

    with Rig(livelock=1000) as rig:
        event = Event(rig.clock, lambda: event.at(0))
        event.at(0)
        with pytest.raises(Livelock, match="events of the hardware"):
            rig.run()


def test_the_watchdog_stops_a_task_that_never_enters_the_kernel() -> None:
    with Rig(watchdog=0.2) as rig:

        def spinner(_sys: Any) -> None:
            while True:
                pass

        task = rig.spawn(spinner, "spinner")
        rig.spawn(lambda _sys: rig.note("alive"))
        with pytest.raises(Hang, match=r"(?s)task spinner \(pid \d+\) ran on without entering the kernel.*in spinner"):
            rig.run()
        rig.run()
        assert rig.words() == ["alive"] and not task.alive


def test_the_watchdog_stops_a_handler_that_never_returns() -> None:
    with Rig(watchdog=0.2) as rig:

        def spinner(_irq: int, _arg: Any) -> None:
            while True:
                pass

        rig.line(5, spinner)
        rig.pulse_at(1 * MS, 5)
        with pytest.raises(Hang, match=r"(?s)handler of line 5, now masked, ran on.*in spinner"):
            rig.run()
        rig.spawn(lambda _sys: rig.note("alive"))
        rig.pulse_at(1 * MS, 5)
        rig.run()
        assert rig.words() == ["alive"]


def test_the_watchdog_lets_a_host_that_does_not_run_the_bench_alone() -> None:
    with Rig(watchdog=0.1) as rig:
        rig.run(1)
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            pass


# Ctrl-C


def _interrupt_soon(delay: float = 0.05) -> threading.Timer:
    timer = threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_ctrl_c_ends_the_run_and_leaves_the_tasks_intact() -> None:
    with Rig(livelock=2**62) as rig:
        rounds = [0]

        def busy(sys: Any) -> None:
            sem = sys.semaphore(0)
            try:
                while True:
                    sem.post()
                    sem.wait()
                    rounds[0] += 1
                    if rounds[0] % 100 == 0:
                        sys.sleep(0)
            except BaseException:
                rig.note("hurt")
                raise

        task = rig.spawn(busy)
        timer = _interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            rig.run()
        timer.join()
        seen = rounds[0]
        rig.run(100 * MS)
        assert task.alive and rounds[0] > seen and rig.log == []


def test_a_second_ctrl_c_reaches_a_task_that_does_not_enter_the_kernel() -> None:
    with Rig() as rig:

        def spinner(_sys: Any) -> None:
            _interrupt_soon(0.05)
            _interrupt_soon(0.15)
            while True:
                pass

        rig.spawn(spinner, "spinner")
        with pytest.raises(KeyboardInterrupt):
            rig.run()
        assert "task spinner" in rig.kernel.reports[0]


def test_a_second_ctrl_c_in_a_handler_stops_the_board_and_hurts_no_task() -> None:
    with Rig() as rig:

        def spinner(_irq: int, _arg: Any) -> None:
            _interrupt_soon(0.05)
            _interrupt_soon(0.15)
            while True:
                pass

        task = rig.spawn(lambda sys: sys.sleep(1))
        rig.line(5, spinner)
        rig.pulse_at(1 * MS, 5)
        with pytest.raises(KeyboardInterrupt):
            rig.run()
        assert task.alive and "panic in interrupt handler of line 5" in rig.kernel.reports[0]


def test_ctrl_c_outside_a_run_is_python_s_own() -> None:
    with Rig() as rig:
        rig.run(1)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# Closing


def test_closing_unwinds_every_task_even_where_finally_blocks_want_to_wait() -> None:
    rig = Rig()
    sem, mutex = rig.sys.semaphore(0), rig.sys.mutex()
    steps: list[str] = []

    def waits(what: Any) -> None:
        try:
            what()
        except GreenletExit:
            steps.append("unwound")
            raise

    def app(sys: Any) -> None:
        try:
            with mutex, sys.net_lock:
                sem.wait()
        finally:
            for what in (sem.wait, lambda: sys.sleep(1), mutex.lock, lambda: sys.burn(5)):
                with suppress(GreenletExit):
                    waits(what)

    rig.spawn(app)
    rig.spawn(app)
    rig.spawn(lambda sys: sys.sleep(99))
    rig.run(1 * S)
    rig.close()
    assert steps == ["unwound"] * 8
    assert rig.kernel.reports == []


def test_a_bench_can_be_closed_in_the_middle_of_everything() -> None:
    for stop in range(0, 400, 7):
        with Rig(costs={"SEM": 1000, "SWITCH": 500, "IRQ_ENTER": 300}, ncpus=2) as rig:
            sem = rig.sys.semaphore(0)

            def app(sys: Any, sem: Any = sem) -> None:
                with sys.net_lock:
                    sem.wait()
                    sys.burn(10)

            for _ in range(3):
                rig.spawn(app)
            rig.line(5, lambda _irq, _arg, sem=sem: sem.post() and None)
            for i in range(6):
                rig.pulse_at(i * 700 + 50, 5)
            rig.run(stop * 100)


def test_a_board_can_be_reset_and_its_clock_goes_on() -> None:
    from board.config import Config
    from kernel.kernel import Kernel

    with Clock(0) as clock, Rig(clock=clock) as rig:
        held = rig.spawn(lambda sys: (sys.net_lock.lock(), sys.sleep(99)))
        rig.run(1 * S)
        rig.kernel.shut_down()
        assert not held.alive
        rig.kernel = Kernel(clock, Config("sim"), board=rig.kernel.board)
        assert rig.kernel.ticks == 0 and clock.now_ns == rig.boot + 1 * S
        assert rig.kernel.net_lock.mutex.holder == -1
        for _ in range(5):
            rig.spawn(lambda sys: (sys.sleep(0.01), rig.note("new life")))
        rig.run()
        assert rig.words() == ["new life"] * 5
