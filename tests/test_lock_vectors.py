"""The network lock, row by row of what NuttX's recursive mutex was seen or read to do."""

from __future__ import annotations

from typing import Any

import pytest
from kernelrig import MS, TICK, Rig

from kernel.errors import ContextError

SIGUSR1 = 10
WAIT_MUTEX = 2


def test_break_gives_up_all_levels_and_restore_brings_them_back() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock

        def app(sys: Any) -> None:
            for _ in range(3):
                lock.lock()
            rig.note(lock.breaklock())
            sys.spawn(lambda _sys: (lock.lock(), rig.note("other has it"), lock.unlock()), priority=200)
            lock.restorelock(3)
            for _ in range(3):
                assert lock.mutex.holder == sys.getpid()
                lock.unlock()
            rig.note(lock.mutex.holder)

        rig.spawn(app)
        rig.run()
        assert rig.words() == [3, "other has it", -1]


def test_break_by_somebody_else_gives_up_nothing_and_restoring_nothing_takes_nothing() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock

        def app(_sys: Any) -> None:
            rig.note(lock.breaklock())
            lock.restorelock(0)
            rig.note(lock.mutex.holder)

        rig.spawn(app)
        rig.run()
        assert rig.words() == [0, -1]


def test_trylock_fails_while_somebody_else_holds_it_and_nests_for_the_holder() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock

        def holder(sys: Any) -> None:
            rig.note([lock.trylock(), lock.trylock(), lock.mutex.depth])
            sys.sleep(1)

        rig.spawn(holder)
        rig.run(10 * MS)
        rig.spawn(lambda _sys: rig.note(lock.trylock()))
        rig.run(10 * MS)
        assert rig.words() == [[0, 0, 2], -11]


def test_a_signal_does_not_end_the_wait_for_the_lock() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock
        holder = rig.spawn(lambda sys: (lock.lock(), sys.sleep(1)))
        waiter = rig.spawn(lambda _sys: (lock.lock(), rig.note("never")))
        rig.run(10 * MS)
        rig.kernel.kill(waiter.pid, SIGUSR1)
        rig.run(10 * MS)
        numbers = rig.kernel.task_numbers(waiter.pid)
        assert rig.log == []
        assert (numbers[4], numbers[6]) == (WAIT_MUTEX, holder.pid)  # what ps shows as Mutex:<holder>


def test_a_signal_ends_net_sem_wait_with_the_lock_taken_again_at_its_old_depth() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore(0)

        def app(sys: Any) -> None:
            with lock, lock:
                result = lock.sem_wait(sem)
                rig.note((result, lock.mutex.holder == sys.getpid(), lock.mutex.depth))

        task = rig.spawn(app)
        rig.run()
        assert lock.mutex.holder == -1
        rig.kernel.kill(task.pid, SIGUSR1)
        rig.run()
        assert rig.words() == [(-4, True, 2)]


def test_a_signal_leaves_the_uninterruptible_wait_alone() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore(0)
        task = rig.spawn(lambda _sys: rig.note(lock.sem_wait_uninterruptible(sem)))
        rig.run()
        rig.kernel.kill(task.pid, SIGUSR1)
        rig.run()
        assert rig.log == []
        sem.post()
        rig.run()
        assert rig.words() == [0]


def test_a_timed_wait_of_25_ms_wakes_four_ticks_later() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore(0)

        def app(_sys: Any) -> None:
            with lock:
                rig.note(lock.sem_timedwait(sem, 25))

        rig.spawn(app)
        rig.run()
        assert rig.log == [(4 * TICK, -110)]


def test_a_signal_leaves_the_uninterruptible_timed_wait_alone() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore(0)

        def app(_sys: Any) -> None:
            with lock:
                rig.note(lock.sem_timedwait_uninterruptible(sem, 25))

        task = rig.spawn(app)
        rig.run(TICK)
        rig.kernel.kill(task.pid, SIGUSR1)
        rig.run()
        assert rig.log == [(4 * TICK, -110)]


def test_the_wait_shows_that_the_state_may_have_changed() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore(1)

        def app(_sys: Any) -> None:
            with lock:
                before = lock.generation
                lock.sem_wait(sem)
                rig.note(lock.generation - before)

        rig.spawn(app)
        rig.run()
        assert rig.words() == [1]


def test_the_lock_goes_to_its_first_waiter_and_nobody_slips_in_between() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock

        def holder(sys: Any) -> None:
            with lock:
                sys.sleep(0.05)
            rig.note(lock.trylock())

        def waiter(sys: Any) -> None:
            with lock:
                rig.note(sys.task.name)

        rig.spawn(holder)
        rig.run(10 * MS)
        for name, priority in [("a", 50), ("b", 90), ("c", 50)]:
            rig.spawn(waiter, name, priority)
        rig.run()
        assert rig.words() == [-11, "b", "a", "c"]


def test_unlocking_what_somebody_else_holds_is_an_error_that_names_both() -> None:
    with Rig() as rig:
        lock = rig.kernel.net_lock
        holder = rig.spawn(lambda sys: (lock.lock(), sys.sleep(1)))
        rig.run(10 * MS)

        def thief(_sys: Any) -> None:
            with pytest.raises(ContextError, match=rf"task thief .* gives back net_lock, which pid {holder.pid} holds"):
                lock.unlock()
            rig.note("refused")

        rig.spawn(thief, "thief")
        rig.run(10 * MS)
        assert rig.words() == ["refused"]
