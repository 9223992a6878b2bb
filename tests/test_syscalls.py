"""The calls of a program on the board, by NuttX's names."""

from __future__ import annotations

from errno import EAGAIN, EINTR, ETIMEDOUT
from typing import Any

from board import Board
from kernel.task import Task


def run(app: Any, **options: Any) -> None:
    """Runs ``app`` on a board until nothing happens any more; what it raised is raised here."""
    with Board("sim", **options) as b:
        task = b.spawn(app)
        b.run(10)
        if task.error is not None:
            raise task.error
        assert not task.alive


def test_net_lock_is_reentrant_and_breaks_and_restores() -> None:
    def app(sys: Any) -> None:
        sys.net_lock()
        with sys.net_lock:
            assert sys.net_lock.mutex.depth == 2
            assert sys.net_breaklock() == 2
            assert sys.net_lock.mutex.holder == -1
            sys.net_restorelock(2)
        assert sys.net_unlock() == 0
        assert sys.net_lock.mutex.holder == -1

    run(app)


def test_net_trylock_fails_while_another_task_holds_it() -> None:
    def holder(sys: Any) -> None:
        with sys.net_lock:
            sys.sleep(1)

    def app(sys: Any) -> None:
        sys.spawn(holder, priority=150)
        assert sys.net_trylock() == -EAGAIN
        sys.sleep(2)
        assert sys.net_trylock() == 0
        sys.net_unlock()

    run(app)


def test_net_ioballoc_waits_without_the_lock() -> None:
    def other(sys: Any) -> None:
        with sys.net_lock:
            sys.iob_free(taken.pop())

    taken: list[int] = []

    def app(sys: Any) -> None:
        while (iob := sys.iob_tryalloc()) is not None:
            taken.append(iob)
        sys.spawn(other, priority=50)
        with sys.net_lock:
            iob = sys.net_ioballoc()
            assert iob is not None
            assert sys.net_lock.mutex.depth == 1
            taken.append(iob)
        for iob in taken:
            sys.iob_free(iob)

    run(app, IOB_NBUFFERS=8, IOB_THROTTLE=2)


def test_net_timedwait_times_out_and_net_lockedwait_is_interrupted() -> None:
    def app(sys: Any) -> None:
        sem = sys.semaphore()
        with sys.net_lock:
            assert sys.net_timedwait(sem, 25) == -ETIMEDOUT
        pid = sys.getpid()
        sys.signal(15)
        sys.spawn(lambda s: s.kill(pid), priority=50)
        with sys.net_lock:
            assert sys.net_lockedwait(sem) == -EINTR

    run(app)


def test_an_iob_notifier_queues_work_when_buffers_come_free() -> None:
    told: list[Any] = []

    def app(sys: Any) -> None:
        held = [sys.iob_tryalloc() for _ in range(8)]
        assert sys.iob_notifier_setup(sys.LPWORK, told.append, "free") > 0
        for iob in held:
            sys.iob_free(iob)
        sys.sleep(0.1)

    run(app, IOB_NBUFFERS=8, IOB_THROTTLE=2, IOB_NOTIFIER=True)
    assert told == ["free"]


def test_a_child_inherits_the_standard_streams_and_can_be_waited_for() -> None:
    seen: list[Any] = []

    def child(sys: Any) -> int:
        seen.append(sys.task.files[1])
        sys.exit(7)
        return 0

    def app(sys: Any) -> None:
        task: Task = sys.spawn(child, "child")
        assert sys.waitpid(task) == 7
        assert seen == [sys.task.files[1]]

    run(app)
