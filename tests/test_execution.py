"""Time and payment: charges are paid interruptibly, CPUs overlap, choices are the chooser's."""

from __future__ import annotations

from typing import Any

from kernelrig import MS, TICK, US, Rig

from kernel.core import SITES, chooser_script

# Run, then pay


def test_code_runs_at_one_instant_and_its_cost_is_paid_on_return() -> None:
    with Rig(costs={"SEM": 250}) as rig:

        def app(sys: Any) -> None:
            sem = sys.semaphore(0)
            rig.note("before")
            sem.post()
            rig.note("after")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(0, "before"), (250, "after")]


def test_without_costs_time_stands_still_while_code_runs() -> None:
    with Rig() as rig:

        def app(sys: Any) -> None:
            sem = sys.semaphore(0)
            for _ in range(1000):
                sem.post()
            rig.note("done")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(0, "done")]


def test_costs_below_a_nanosecond_add_up() -> None:
    with Rig(costs={"SEM": 0.25}) as rig:

        def app(sys: Any) -> None:
            sem = sys.semaphore(0)
            for _ in range(1000):
                sem.post()
            rig.note("done")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(250, "done")]


def test_every_operation_has_the_cost_of_the_table() -> None:
    costs = {"SWITCH": 7, "SEM": 100, "WORK": 1000, "WDOG": 10_000}
    with Rig(costs=costs) as rig:

        def app(sys: Any) -> None:
            rig.note("start")
            sys.semaphore(0).post()
            rig.note("sem")
            sys.work_cancel(work)
            sys.work_queue(sys.LPWORK, work, lambda _arg: None)
            rig.note("work")
            sys.watchdog(lambda: None).start(5)
            rig.note("wdog")

        work = rig.sys.work()
        rig.run()
        begin = rig.now
        rig.spawn(app, priority=200)
        rig.run(1 * MS)
        times = [t - begin for t, _ in rig.log]
        assert times == [7, 107, 1107, 11107]


def test_an_interrupt_inside_a_charge_is_on_time_to_the_nanosecond() -> None:
    with Rig() as rig:
        rig.line(5, lambda _irq, _arg: rig.note("interrupt"))
        rig.pulse_at(123_457, 5)

        def app(sys: Any) -> None:
            sys.burn(1000)
            rig.note("burnt")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(123_457, "interrupt"), (1000 * US, "burnt")]


def test_what_a_handler_costs_is_added_to_the_task_it_interrupts() -> None:
    with Rig(costs={"IRQ_ENTER": 300, "IRQ_EXIT": 200}) as rig:
        rig.line(5, lambda _irq, _arg: rig.kernel.burn(1500))
        rig.pulse_at(10_000, 5)

        def app(sys: Any) -> None:
            sys.burn(100)
            rig.note("burnt")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(100_000 + 300 + 1500 + 200, "burnt")]


def test_preemption_inside_a_charge_leaves_the_rest_to_be_paid_later() -> None:
    with Rig() as rig:
        go = rig.sys.semaphore(0)
        rig.line(5, lambda _irq, _arg: go.post())
        rig.pulse_at(300_000, 5)

        def high(sys: Any) -> None:
            go.wait()
            rig.note("high")
            sys.burn(50)
            rig.note("high done")

        def low(sys: Any) -> None:
            sys.burn(1000)
            rig.note("low done")

        rig.spawn(high, "high", 200)
        rig.spawn(low, "low", 100)
        rig.run()
        assert rig.log == [(300_000, "high"), (350_000, "high done"), (1_050_000, "low done")]


def test_a_task_that_fell_asleep_still_pays_when_nobody_else_wants_the_cpu() -> None:
    with Rig(costs={"SEM": 40_000}) as rig:
        task = rig.spawn(lambda sys: sys.semaphore(0).wait())
        rig.run()
        assert rig.now == 40_000
        assert rig.kernel.task_numbers(task.pid)[15] == 0  # nothing owed


def test_a_wake_during_the_payment_for_the_wait_lets_the_payment_end_first() -> None:
    with Rig(costs={"SEM": 40_000}) as rig:
        sem = rig.sys.semaphore(0)
        rig.line(5, lambda _irq, _arg: sem.post())
        rig.pulse_at(10_000, 5)

        def app(_sys: Any) -> None:
            sem.wait()
            rig.note("woken")

        rig.spawn(app)
        rig.run()
        assert rig.log == [(80_000, "woken")]  # its wait, and the post that the handler pays for


# Several CPUs


def test_two_cpus_run_two_tasks_at_the_same_time() -> None:
    with Rig(ncpus=2) as rig:

        def app(sys: Any) -> None:
            for _ in range(3):
                sys.burn(100)
                rig.note(sys.task.name)

        rig.spawn(app, "a")
        rig.spawn(app, "b")
        rig.run()
        assert rig.log == [(t * 100 * US, name) for t in (1, 2, 3) for name in "ab"]


def test_cpus_interleave_at_each_charge() -> None:
    with Rig(ncpus=2, costs={"SEM": 1000}) as rig:

        def app(sys: Any) -> None:
            sem = sys.semaphore(0)
            for _ in range(4):
                sem.post()
                rig.note(sys.task.name)

        rig.spawn(app, "a")
        rig.spawn(app, "b")
        rig.run()
        assert rig.words() == ["a", "b"] * 4


def test_affinity_keeps_a_task_on_its_cpu() -> None:
    with Rig(ncpus=2) as rig:
        for name in "abc":
            rig.spawn(lambda sys: (sys.burn(100), rig.note(sys.task.name)), name, affinity=0b10)
        rig.run()
        assert rig.log == [(100 * US, "a"), (200 * US, "b"), (300 * US, "c")]


def test_a_displaced_task_displaces_a_lesser_one_elsewhere() -> None:
    with Rig(ncpus=2) as rig:

        def app(sys: Any) -> None:
            sys.burn(100)
            rig.note(sys.task.name)

        rig.spawn(app, "middle", 50, affinity=0b11)
        rig.spawn(app, "low", 10, affinity=0b10)
        rig.at(10 * US, lambda: rig.spawn(app, "high", 100, affinity=0b01) and None)
        rig.run()
        assert rig.log == [(100 * US, "middle"), (110 * US, "high"), (190 * US, "low")]


def test_a_sleeper_that_still_pays_on_one_cpu_can_be_taken_by_another_and_pays_the_rest_there() -> None:
    with Rig(ncpus=2, costs={"SEM": 40_000}) as rig:
        wakes_low, wakes_high = rig.sys.semaphore(0), rig.sys.semaphore(0)

        def high(sys: Any) -> None:
            wakes_high.wait()
            rig.note(("high", sys.kernel.task_numbers(sys.getpid())[9]))  # the CPU it runs on

        def low(sys: Any) -> None:
            wakes_low.wait()
            rig.note(("low", sys.kernel.task_numbers(sys.getpid())[9]))

        rig.run()
        start = rig.now
        rig.spawn(low, priority=50, affinity=0b01)
        rig.run()
        rig.spawn(lambda sys: sys.burn(1), priority=150, affinity=0b01)
        rig.spawn(high, priority=100)  # on CPU 1, for a moment the only one for it
        rig.run(10 * US)
        wakes_low.post()  # CPU 0 is asked to look, and finds the other one better when it does
        wakes_high.post()
        rig.run()
        assert [(t - start - 40 * US, word) for t, word in rig.log] == [(40 * US, ("high", 0)), (40 * US, ("low", 0))]


# Choices


def test_the_chooser_decides_among_equals_if_asked_to() -> None:
    def order(script: list[int]) -> list[str]:
        with Rig() as rig:
            rig.kernel.explore_ties()
            chooser_script(rig.clock.bench, SITES.index("eqprio"), 2, script)
            rig.run()
            for name in "abcd":
                rig.spawn(lambda sys: rig.note(sys.task.name), name)
            rig.run()
            return rig.words()

    assert order([]) == ["a", "b", "c", "d"]
    assert order([0, 3, 1]) != order([0, 0, 0])
    assert sorted(order([9, 3, 1, 1])) == ["a", "b", "c", "d"]


def test_a_random_choice_is_the_same_for_the_same_seed_and_differs_between_seeds() -> None:
    def order(seed: int) -> str:
        with Rig(seed=seed) as rig:
            rig.kernel.explore_ties()
            chooser_script(rig.clock.bench, SITES.index("eqprio"), 1, [])
            for name in "abcdefgh":
                rig.spawn(lambda sys: rig.note(sys.task.name), name)
            rig.run()
            return "".join(rig.words())

    orders = [order(seed) for seed in range(8)]
    assert orders == [order(seed) for seed in range(8)]
    assert len(set(orders)) > 4


def test_the_tick_is_not_charged_when_nothing_is_due() -> None:
    with Rig() as rig:
        rig.spawn(lambda sys: sys.sleep(3600))
        before = rig.kernel.irqs.table()[0][3]
        rig.run(3601 * 1000 * MS)
        assert rig.kernel.irqs.table()[0][3] - before == 1
        assert rig.now >= 3600 * 1000 * MS + TICK
