"""A task that is killed in a call on a mutex leaves it as it was before the call."""

from __future__ import annotations

from typing import Any

import pytest
from kernelrig import MS, US, Rig

from kernel.kernel import SIGKILL


def test_task_killed_after_a_mutex_was_handed_to_it_does_not_keep_it() -> None:
    with Rig() as rig:
        mutex = rig.sys.mutex("m")

        def holder(sys: Any) -> None:
            mutex.lock()
            sys.sleep(0.1)
            mutex.unlock()  # the waiter has it now, but cannot run yet
            sys.kill(waiter.pid, SIGKILL)

        def wait(_sys: Any) -> None:
            with mutex:
                rig.note("never")

        rig.spawn(holder, priority=150)
        waiter = rig.spawn(wait)
        rig.run()
        assert (rig.log, mutex.holder, rig.kernel.reports) == ([], -1, [])


def test_task_killed_again_while_it_takes_a_lock_back_unwinds_with_it() -> None:
    with Rig() as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore()

        def sleeper(_sys: Any) -> None:
            with lock, lock:
                try:
                    lock.sem_wait(sem)
                finally:
                    rig.note(("unwinds", lock.mutex.depth))

        def killer(sys: Any) -> None:
            with lock:
                for _ in range(2):
                    sys.kill(task.pid, SIGKILL)
                    sys.sleep(0.1)
                rig.note("gives the lock up")

        task = rig.spawn(sleeper)
        rig.spawn(killer, priority=50)
        rig.run()
        assert rig.words() == ["gives the lock up", ("unwinds", 2)]
        assert (lock.mutex.holder, rig.kernel.reports) == (-1, [])


@pytest.mark.parametrize("at", range(1, 12))
def test_task_killed_in_the_payment_for_a_lock_leaves_it_balanced(at: int) -> None:
    with Rig(costs={"SEM": 100 * US, "SWITCH": 50 * US}) as rig:
        lock, sem = rig.kernel.net_lock, rig.sys.semaphore()

        def app(_sys: Any) -> None:
            with lock:
                lock.sem_timedwait(sem, 1)

        task = rig.spawn(app)
        rig.pulse_at(at * 60 * US, 9)
        rig.kernel.irqs.attach(9, lambda *_: rig.kernel.kill(task.pid, SIGKILL))
        rig.kernel.irqs.enable(9)
        rig.run(50 * MS)
        assert not task.alive
        assert (lock.mutex.holder, rig.kernel.reports) == (-1, [])
