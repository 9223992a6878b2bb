"""Interrupts: lines, priorities, what a handler may do and what becomes of one that goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from kernelrig import MS, US, Rig

from kernel.core import SITES, chooser_script
from kernel.errors import ContextError, Livelock, Panic


def test_a_level_asks_again_until_its_handler_quiets_it() -> None:
    with Rig() as rig:
        left = [3]

        def handler(_irq: int, _arg: Any) -> None:
            rig.note(left[0])
            left[0] -= 1
            if left[0] == 0:
                drive(0)

        drive = rig.line(5, handler)
        rig.at(1 * MS, lambda: drive(1))
        rig.run()
        assert rig.words() == [3, 2, 1]


def test_a_pulse_on_a_disabled_line_is_served_when_it_is_enabled() -> None:
    with Rig() as rig:
        drive = rig.line(5, lambda _irq, _arg: rig.note("served"))
        rig.kernel.irqs.disable(5)
        drive(-1)
        rig.run(1 * MS)
        assert rig.log == []
        rig.kernel.irqs.enable(5)
        rig.run(1 * MS)
        assert rig.log == [(1 * MS, "served")]


def test_simultaneous_lines_are_served_by_priority_then_by_number() -> None:
    with Rig() as rig:
        for irq, priority in [(9, 10), (7, 50), (3, 50), (5, 200)]:
            drive = rig.line(irq, lambda irq, _arg: rig.note(irq), priority)
            rig.kernel.irqs.disable(irq)
            drive(-1)

        def enable_all(_irq: int, _arg: Any) -> None:
            for irq in (3, 5, 7, 9):
                rig.kernel.irqs.enable(irq)

        rig.line(1, enable_all)(-1)
        rig.run()
        assert rig.words() == [9, 3, 7, 5]


def test_a_handler_is_not_interrupted_by_another() -> None:
    with Rig() as rig:

        def slow(_irq: int, _arg: Any) -> None:
            rig.note("slow")
            rig.kernel.burn(100 * US)

        rig.line(5, slow)
        rig.line(6, lambda _irq, _arg: rig.note("urgent"), 0)
        rig.pulse_at(10 * US, 5)
        rig.pulse_at(20 * US, 6)
        rig.run()
        assert rig.log == [(10 * US, "slow"), (110 * US, "urgent")]


def test_what_a_handler_burns_delays_the_task_it_interrupted() -> None:
    with Rig() as rig:
        rig.line(5, lambda _irq, _arg: rig.kernel.burn(70 * US))
        rig.pulse_at(10 * US, 5)

        def app(sys: Any) -> None:
            sys.burn(100)
            rig.note("done")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(170 * US, "done")]


def test_the_handler_runs_before_any_task_it_wakes() -> None:
    with Rig() as rig:
        go = rig.sys.semaphore(0)

        def waiter(_sys: Any) -> None:
            go.wait()
            rig.note("task")

        def handler(_irq: int, _arg: Any) -> None:
            go.post()
            rig.note("handler")

        rig.spawn(waiter, priority=255)
        rig.line(5, handler)
        rig.pulse_at(1 * MS, 5)
        rig.run()
        assert rig.words() == ["handler", "task"]


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("wait on a semaphore", lambda rig: rig.sys.semaphore(0).wait()),
        ("take mutex", lambda rig: rig.sys.mutex().lock()),
        ("take mutex", lambda rig: rig.sys.mutex().trylock()),
        ("sleep", lambda rig: rig.kernel.ticksleep(1)),
        ("cancel work and wait for it", lambda rig: rig.sys.work_cancel_sync(rig.sys.work())),
    ],
)
def test_a_call_that_waits_is_refused_in_a_handler_and_in_the_host(what: str, call: Any) -> None:
    with Rig() as rig:
        with pytest.raises(ContextError, match=what):
            call(rig)

        def handler(_irq: int, _arg: Any) -> None:
            with pytest.raises(ContextError, match=f"an interrupt handler of board cannot {what}: only a task"):
                call(rig)
            rig.note("refused")

        rig.line(5, handler)
        rig.pulse_at(1 * MS, 5)
        rig.run()
        assert rig.words() == ["refused"]


def test_a_handler_may_post_try_queue_and_start_timers() -> None:
    with Rig() as rig:
        sem, work = rig.sys.semaphore(0), rig.sys.work()
        wdog = rig.sys.watchdog(lambda: rig.note("wdog"))

        def handler(_irq: int, _arg: Any) -> None:
            assert (sem.trywait(), sem.post(), sem.trywait()) == (-11, 0, 0)
            assert rig.kernel.work_queue(1, work, rig.note, "work") == 0
            assert wdog.start(2) == 0

        rig.line(5, handler)
        rig.pulse_at(1 * MS, 5)
        rig.run()
        assert rig.log == [(1 * MS, "work"), (30 * MS, "wdog")]


def test_a_handler_that_raises_is_a_panic_and_stops_the_board_but_not_the_bench() -> None:
    with Rig(name="left") as rig, Rig(clock=rig.clock, name="right") as other:

        def handler(_irq: int, _arg: Any) -> None:
            raise ValueError("no such descriptor")

        rig.line(5, handler)
        rig.pulse_at(1 * MS, 5)
        rig.spawn(lambda sys: (sys.sleep(1), rig.note("never")))
        other.spawn(lambda sys: (sys.sleep(1), other.note("alive")))
        with pytest.raises(Panic, match=r"left crashed in interrupt handler of line 5: ValueError\('no such") as caught:
            rig.run()
        assert isinstance(caught.value.__cause__, ValueError)
        assert "PANIC!!! in interrupt handler of line 5" in rig.kernel.syslog.text()
        assert "in handler" in rig.kernel.reports[0]
        rig.run()
        assert rig.log == []
        assert other.words() == ["alive"]


def test_an_interrupt_without_a_handler_is_a_panic() -> None:
    with Rig() as rig:
        rig.kernel.irqs.enable(5)
        rig.pulse_at(1 * MS, 5)
        with pytest.raises(Panic, match="unexpected interrupt on line 5"):
            rig.run()


def test_a_timer_function_that_raises_is_a_panic() -> None:
    with Rig() as rig:
        rig.sys.watchdog(lambda: 1 / 0).start(1)
        with pytest.raises(Panic, match="crashed in timer: ZeroDivisionError"):
            rig.run()


def test_a_storm_on_a_line_is_a_livelock_that_names_line_and_handler() -> None:
    with Rig(livelock=1000) as rig:

        def deaf(_irq: int, _arg: Any) -> None:
            rig.log.append(1)

        drive = rig.line(5, deaf)
        rig.at(1 * MS, lambda: drive(1))
        with pytest.raises(Livelock, match=r"interrupt line 5 \(.*deaf\) of board asks again as soon as"):
            rig.run()
        assert len(rig.log) < 1000
        drive(0)
        rig.spawn(lambda sys: rig.note("goes on"))
        rig.run()
        assert rig.log[-1] == (1 * MS, "goes on")


def test_jitter_shows_an_interrupt_late_by_less_than_its_bound_and_the_same_for_one_seed() -> None:
    def served(seed: int, mode: int) -> list[int]:
        with Rig(seed=seed, irq_jitter=1000) as rig:
            chooser_script(rig.clock.bench, SITES.index("irq.jitter"), mode, [])
            rig.line(5, lambda _irq, _arg: rig.note("served"))
            for i in range(20):
                rig.pulse_at((i + 1) * MS, 5)
            rig.run()
            return [t % MS for t, _ in rig.log]

    assert served(1, 0) == [0] * 20
    late = served(1, 1)
    assert all(t < 1000 for t in late) and len(set(late)) > 10
    assert late == served(1, 1) != served(2, 1)


def test_a_line_belongs_to_one_handler_and_can_be_given_back() -> None:
    with Rig() as rig:
        irqs = rig.kernel.irqs
        drive = rig.line(5, lambda _irq, _arg: rig.note("first"))
        irqs.attach(5, lambda _irq, _arg: rig.note("second"))
        drive(-1)
        rig.run()
        irqs.attach(5, None)
        drive(-1)
        rig.run()
        assert rig.words() == ["second"]
        with pytest.raises(OSError, match=r"irq_attach\(99\)"):
            irqs.attach(99, print)
        with pytest.raises(OSError, match=r"irq_attach\(0\)"):
            irqs.attach(0, print)
