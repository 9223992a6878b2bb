"""Work queues, row by row of what NuttX's were seen or read to do: one worker thread unless a row says otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from kernelrig import TICK, Rig

from kernel.wqueue import HPWORK, LPWORK, Work, work_cancel, work_cancel_sync


class Queue:
    """LPWORK of a rig, with items that log their argument and the tick they ran at."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.ran: list[tuple[str, int]] = []
        self.before = self.info()

    def info(self) -> dict[str, Any]:
        return self.rig.kernel.queues[LPWORK].info()

    def grown(self, key: str) -> int:
        """By how much a counter of the queue has grown."""
        return int(self.info()[key] - self.before[key])

    def item(self, name: str = "work") -> Work:
        return Work(self.rig.kernel, name)

    def log(self, word: str) -> None:
        self.ran.append((word, self.rig.kernel.ticks))

    def queue(self, work: Work, delay: int = 0, word: str = "", call: Any = None) -> int:
        return self.rig.kernel.work_queue(LPWORK, work, call or self.log, word or work.name, delay)

    def at_tick(self, tick: int, call: Any) -> None:
        self.rig.at(tick * TICK, lambda: call() and None)


def _booted(**options: Any) -> Rig:
    rig = Rig(**options)
    rig.run()  # the workers wait
    return rig


def test_requeueing_an_item_that_has_not_run_moves_it_to_the_tail_with_a_surplus_wake() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b = q.item("A"), q.item("B")
        assert [q.queue(a), q.queue(b), q.queue(a)] == [0, 0, 0]
        rig.run()
        assert [word for word, _ in q.ran] == ["B", "A"]
        assert q.grown("posts") == 3
        assert q.grown("empty_passes") == 1
        assert q.grown("ran") == 2


def test_a_delay_of_five_ticks_runs_at_the_sixth() -> None:
    with _booted() as rig:
        q = Queue(rig)
        q.queue(q.item("A"), 5)
        rig.run()
        assert q.ran == [("A", 6)]


def test_equal_delays_run_in_queueing_order_before_a_longer_one() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b, c = q.item("A"), q.item("B"), q.item("C")
        q.queue(a, 5), q.queue(b, 3), q.queue(c, 3)
        assert (a.timeleft, b.timeleft) == (6, 4)
        rig.run(4 * TICK - 1)
        assert q.ran == []
        rig.run()
        assert q.ran == [("B", 4), ("C", 4), ("A", 6)]
        assert q.grown("posts") == 3  # the timer's at 4, the dispatcher's for C, the timer's at 6


def test_requeueing_a_delayed_item_restarts_its_delay_with_the_new_function_and_argument() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        q.queue(a, 5, "first")
        q.at_tick(1, lambda: q.queue(a, 2, "second"))
        rig.run()
        assert q.ran == [("second", 4)]


def test_a_due_delayed_item_goes_behind_what_was_queued_while_the_worker_was_busy() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b, busy = q.item("A"), q.item("B"), q.item("busy")
        q.queue(a, 3)
        q.at_tick(3, lambda: q.queue(busy, 0, call=lambda _arg: rig.kernel.burn(3 * TICK)))
        q.at_tick(5, lambda: q.queue(b))
        rig.run()
        assert q.ran == [("B", 6), ("A", 6)]


def test_cancelling_an_idle_item_is_no_error() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        assert work_cancel(a) == 0
        q.queue(a)
        rig.run()
        assert work_cancel(a) == 0


def test_a_cancelled_item_does_not_run_and_takes_no_count_back() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b = q.item("A"), q.item("B")
        q.queue(a), q.queue(b, 2)
        assert (work_cancel(a), work_cancel(b)) == (0, 0)
        assert a.available and b.available
        rig.run(10 * TICK)
        assert q.ran == []
        assert (q.grown("posts"), q.grown("empty_passes")) == (1, 1)


@pytest.mark.parametrize("delay", [-1, 2**62])
def test_no_function_an_unknown_queue_and_an_impossible_delay_are_refused(delay: int) -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        assert rig.kernel.work_queue(LPWORK, a, None) == -22
        assert rig.kernel.work_queue(7, a, q.log) == -22
        assert q.queue(a, delay) == -22
        assert a.available and a.call is None


def test_inside_its_callback_an_item_is_available_and_queueing_it_runs_it_after_the_others() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b = q.item("A"), q.item("B")

        def first(_arg: Any) -> None:
            assert a.available
            q.log("first")
            q.queue(a, 0, "again")

        q.queue(a, 0, call=first)
        q.queue(b)
        rig.run()
        assert [word for word, _ in q.ran] == ["first", "B", "again"]


def test_next_counts_from_the_planned_tick_however_late_the_callback_runs() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, queue = q.item("A"), rig.kernel.queues[LPWORK]

        def late(_arg: Any) -> None:
            q.log("planned 6")
            rig.kernel.burn(3 * TICK)
            queue.queue_next(a, q.log, "next", 10)

        q.queue(a, 5, call=late)
        rig.run()
        assert q.ran == [("planned 6", 6), ("next", 16)]


def test_next_that_is_already_past_runs_on_the_following_tick() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, queue = q.item("A"), rig.kernel.queues[LPWORK]

        def late(_arg: Any) -> None:
            rig.kernel.burn(30 * TICK)
            queue.queue_next(a, q.log, "next", 10)

        q.queue(a, 5, call=late)
        rig.run()
        assert q.ran == [("next", 37)]


def test_with_two_threads_an_item_that_requeues_itself_runs_concurrently_with_itself() -> None:
    with _booted(SCHED_LPNTHREADS=2) as rig:
        q = Queue(rig)
        a = q.item("A")

        def sleepy(depth: int) -> None:
            q.log(f"begin {depth}")
            if depth == 1:
                rig.kernel.work_queue(LPWORK, a, sleepy, 2)
            rig.kernel.ticksleep(3)
            q.log(f"end {depth}")

        rig.kernel.work_queue(LPWORK, a, sleepy, 1)
        rig.run()
        assert q.ran == [("begin 1", 0), ("begin 2", 0), ("end 1", 4), ("end 2", 4)]


def test_with_one_thread_a_sleeping_callback_stops_the_queue() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a, b = q.item("A"), q.item("B")
        q.queue(a, 0, call=lambda _arg: (rig.kernel.ticksleep(9), q.log("A")))
        q.queue(b)
        rig.run()
        assert q.ran == [("A", 10), ("B", 10)]


def test_sync_cancel_from_another_task_returns_when_the_callback_does() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")

        def canceller(_sys: Any) -> None:
            assert work_cancel_sync(a) == 0
            q.log("cancelled")

        q.queue(a, 0, call=lambda _arg: (rig.kernel.ticksleep(4), q.log("A done")))
        rig.run(TICK)
        rig.spawn(canceller)
        rig.run()
        assert q.ran == [("A done", 5), ("cancelled", 5)]


def test_sync_cancel_of_a_queued_item_returns_at_once() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        q.queue(a, 3)
        rig.spawn(lambda _sys: (work_cancel_sync(a), q.log("cancelled")))
        rig.run(10 * TICK)
        assert q.ran == [("cancelled", 0)]


def test_sync_cancel_from_inside_the_callback_returns_at_once() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        q.queue(a, 0, call=lambda _arg: (work_cancel_sync(a), q.log("A")))
        rig.run()
        assert q.ran == [("A", 0)]


def test_sync_cancel_leaves_an_item_that_requeues_itself_afterwards_queued() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")

        def stubborn(_arg: Any) -> None:
            rig.kernel.ticksleep(2)
            q.queue(a, 100, "much later")

        q.queue(a, 0, call=stubborn)
        rig.run(TICK)
        rig.spawn(lambda _sys: (work_cancel_sync(a), q.log("cancelled")))
        rig.run(10 * TICK)
        assert q.ran == [("cancelled", 3)] and not a.available


# The queues themselves


def test_high_priority_work_runs_before_low_priority_work_and_before_tasks() -> None:
    with _booted() as rig:
        q = Queue(rig)
        high, low = q.item("high"), q.item("low")

        def app(_sys: Any) -> None:
            q.queue(low)
            rig.kernel.work_queue(HPWORK, high, q.log, "high")
            q.log("task")

        rig.spawn(app)
        rig.run()
        assert [word for word, _ in q.ran] == ["high", "task", "low"]


def test_the_only_queue_that_is_built_has_both_names() -> None:
    with _booted(SCHED_HPWORK=False) as rig:
        q = Queue(rig)
        assert rig.kernel.work_queue(0, q.item("A"), q.log, "A") == 0
        assert rig.kernel.work_queue(1, q.item("B"), q.log, "B") == 0
        rig.run()
        assert [word for word, _ in q.ran] == ["A", "B"]
        assert [t.name for t in rig.kernel.tasks.by_pid.values()] == ["lpwork"]


def test_work_queued_before_its_worker_first_runs_is_not_lost() -> None:
    with Rig() as rig:
        q = Queue(rig)
        q.queue(q.item("early"))
        rig.run()
        assert q.ran == [("early", 0)]


def test_work_that_raises_is_reported_and_its_worker_goes_on() -> None:
    with _booted() as rig:
        q = Queue(rig)
        q.queue(q.item("broken"), 0, call=lambda _arg: (rig.kernel.net_lock.lock(), 1 / 0))
        q.queue(q.item("next"))
        rig.run()
        assert [word for word, _ in q.ran] == ["next"]
        assert "work broken on lpwork raised ZeroDivisionError" in rig.kernel.reports[0]
        assert "its worker still holds net_lock" in rig.kernel.reports[0]


def test_a_queue_that_is_freed_ends_its_workers_and_never_runs_what_is_left() -> None:
    from kernel.wqueue import WorkQueue

    with _booted() as rig:
        q = Queue(rig)
        own = WorkQueue(rig.kernel, "own", 150, 2)
        rig.run()
        own.queue(q.item("delayed"), q.log, "delayed", 5)
        rig.spawn(lambda _sys: (own.exit(), q.log("freed")))
        rig.run(100 * TICK)
        assert q.ran == [("freed", 0)]
        assert not any(t.alive for t in own.workers)


def test_an_item_cannot_be_freed_while_its_callback_runs() -> None:
    with _booted() as rig:
        q = Queue(rig)
        a = q.item("A")
        answers: list[int] = []
        q.queue(a, 0, call=lambda _arg: answers.append(a.free()))
        rig.run()
        assert (answers, a.free()) == ([-16], 0)


def test_an_item_queued_again_while_its_worker_still_pays_runs_both_functions() -> None:
    with _booted(costs={"WORK": 100_000}) as rig:
        q = Queue(rig)
        a = q.item("A")
        start = rig.now
        rig.line(5, lambda _irq, _arg: q.queue(a, 0, "second"))
        rig.pulse_at(start + 50_000, 5)
        q.queue(a, 0, "first")
        rig.run()
        assert [word for word, _ in q.ran] == ["first", "second"]
        assert a.call is None and a.taken == []


def test_items_in_c_run_without_waking_python_and_in_their_order() -> None:
    from kernel.core import lib

    with _booted() as rig:
        q = Queue(rig)
        items = [q.item(str(i)).number for i in range(64)]
        assert lib.core_bench_queue(rig.kernel.board, rig.kernel.queues[LPWORK].number, items[0], 64) == 0
        q.queue(q.item("after"))
        rig.run()
        assert [event.object for event in rig.trace("work.start")] == [*items, items[-1] + 1]
        assert q.ran == [("after", 0)]
