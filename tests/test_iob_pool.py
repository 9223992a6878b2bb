"""The buffer pool as a board relies on it: who is served first, who holds what, what dead tasks leave behind."""

from __future__ import annotations

import struct
from errno import EALREADY, EINVAL
from typing import Any

import pytest
from iob_kit import TEST, TICK, in_task, info, new, run, small_kernel, take_all

from kernel.core import COSTS, TRACE_KINDS, chooser_script, lib, trace_records
from kernel.iob import IobOwner, IobPool, iob_owner
from kernel.kernel import Kernel

# Handing over


def test_first_buffer_is_the_last_of_the_pool_and_the_one_freed_last_comes_next(pool: IobPool) -> None:
    a, b = new(pool), new(pool)
    assert (a, b) == (7, 6)
    pool.free(7)
    assert pool.tryalloc() == 7


def test_unthrottled_waiters_are_served_before_throttled_ones_of_higher_priority(kernel: Kernel) -> None:
    pool, order = kernel.iobs, []
    held = take_all(pool)
    for name, priority, throttled in (("low", 50, False), ("high", 150, True), ("mid", 100, False)):

        def wait(_sys: Any, name: str = name, throttled: bool = throttled) -> None:
            pool.alloc(throttled, TEST)
            order.append(name)

        kernel.tasks.create(wait, name, priority)
    run(kernel)
    for _ in range(4):
        pool.free(held.pop())
        run(kernel)
    assert order == ["mid", "low"]  # two more are free now, and as many as that the throttle keeps back
    pool.free(held.pop())
    run(kernel)
    assert order == ["mid", "low", "high"]


def test_buffer_on_its_way_to_a_waiter_cannot_be_stolen(kernel: Kernel) -> None:
    pool, got = kernel.iobs, []
    held = take_all(pool)
    kernel.tasks.create(lambda _sys: got.append(pool.alloc(False, TEST)), "waiter")
    run(kernel)
    pool.free(held[0])
    assert pool.tryalloc() is None
    assert pool.getstats().committed == 1
    run(kernel)
    assert got == [held[0]]


@pytest.mark.parametrize("leak", [False, True])
def test_buffer_freed_between_a_timeout_and_the_waiters_turn_goes_to_it_unless_leaked(leak: bool) -> None:
    with small_kernel(IOB_TIMEOUT_LEAK=leak) as kernel:
        pool, got = kernel.iobs, []
        held = take_all(pool)

        def busy(_sys: Any) -> None:
            kernel.ticksleep(2)
            kernel.burn(20 * TICK)  # the waiter's time is up meanwhile, but it cannot run
            pool.free(held[0])

        kernel.tasks.create(lambda _sys: got.append(pool.timedalloc(False, 50, TEST)), "waiter", 50)
        kernel.tasks.create(busy, "busy", 200)
        run(kernel)
        assert got == [None if leak else held[0]]
        assert pool.getstats().committed == int(leak)
        assert pool.check() == ""
        if not leak:  # nothing of that wait is left for the next one to be woken by
            before = kernel.ticks
            assert in_task(kernel, lambda: (pool.timedalloc(False, 50, TEST), kernel.ticks - before)) == (None, 6)
            assert info(pool)[2] == 0


def test_waiter_that_is_killed_leaves_the_queue(kernel: Kernel) -> None:
    pool = kernel.iobs
    held = take_all(pool)
    task = kernel.tasks.create(lambda _sys: pool.alloc(False, TEST), "waiter")
    run(kernel)
    assert info(pool)[2] == 1
    kernel.tasks.kill(task.pid)
    run(kernel)
    assert info(pool)[2] == 0
    pool.free(held.pop())
    assert (info(pool)[1], pool.check()) == (1, "")


def test_waiter_killed_with_its_buffer_on_the_way_passes_it_on(kernel: Kernel) -> None:
    pool, got = kernel.iobs, []
    held = take_all(pool)
    first = kernel.tasks.create(lambda _sys: pool.alloc(False, TEST), "first", 120)
    kernel.tasks.create(lambda _sys: got.append(pool.alloc(False, TEST)), "second", 100)
    run(kernel)
    pool.free(held[0])
    kernel.tasks.kill(first.pid)
    run(kernel)
    assert got == [held[0]]
    assert pool.check() == ""


def test_nobody_waits_on_behalf_of_the_host(pool: IobPool) -> None:
    take_all(pool)
    assert pool.alloc() is None
    assert info(pool)[2] == 0


def test_blocking_copyin_goes_on_when_buffers_come(kernel: Kernel) -> None:
    pool, done = kernel.iobs, []
    held = take_all(pool)
    data = bytes(range(256)) * 2
    head = held.pop()
    kernel.tasks.create(lambda _sys: done.append(pool.copyin(head, data)), "writer")
    run(kernel)
    assert (done, pool.pktlen(head)) == ([], 196)
    pool.free(held.pop())
    run(kernel)
    assert (done, pool.pktlen(head)) == ([], 392)
    pool.free(held.pop())
    run(kernel)
    assert (done, pool.copyout(head)) == ([512], data)
    assert {holder.owner for holder in pool.ledger()} == {IobOwner.TEST}


def test_injected_failure_takes_nothing_and_is_not_drawn_from_an_empty_pool(kernel: Kernel) -> None:
    pool = kernel.iobs
    assert chooser_script(kernel.clock.bench, 2, 2, [0, 1, 0]) == 0  # alloc.fail, scripted
    assert [pool.tryalloc() for _ in range(3)] == [7, None, 6]
    assert pool.getstats().nfails == 1
    take_all(pool)
    assert info(pool)[1] == 0


# Who holds what


def test_ledger_names_holders_and_since_when(kernel: Kernel) -> None:
    pool = kernel.iobs
    start = kernel.clock.now_ns
    pool.tryalloc(False, iob_owner(IobOwner.TXRING, 0))
    run(kernel, 3)
    iob = pool.tryalloc(False, iob_owner(IobOwner.UDP_READ, 5))
    pool.trycopyin(iob, bytes(200))
    assert [tuple(line) for line in pool.ledger()] == [
        (5, IobOwner.UDP_READ, 5, 4, start + 3 * TICK),
        (6, IobOwner.UDP_READ, 5, 196, start + 3 * TICK),
        (7, IobOwner.TXRING, 0, 0, start),
    ]
    pool.set_owner(iob, iob_owner(IobOwner.APP, 9))
    assert {(line.owner, line.instance) for line in pool.ledger()[:2]} == {(IobOwner.APP, 9)}


def test_buffers_of_a_task_that_dies_go_back_and_the_report_says_so(kernel: Kernel) -> None:
    pool = kernel.iobs

    def careless(_sys: Any) -> None:
        iob = pool.alloc()
        pool.copyin(iob, bytes(500))
        raise RuntimeError("no clean-up")

    task = kernel.tasks.create(careless, "careless")
    run(kernel)
    assert (pool.navail(), pool.check()) == (8, "")
    assert any(f"careless (pid {task.pid}) ended holding 3 IOBs" in line for line in kernel.reports)


def test_chain_that_a_dead_task_put_in_a_queue_stays_there(kernel: Kernel) -> None:
    pool = kernel.iobs
    queue = pool.queue()

    def producer(_sys: Any) -> None:
        iob = pool.alloc()
        queue.add(iob)

    kernel.tasks.create(producer, "producer")
    run(kernel)
    assert (len(queue), pool.navail()) == (1, 7)


@pytest.mark.parametrize("call", ["free", "free_chain", "pack", "pktlen", "owner"])
def test_number_of_a_free_buffer_is_refused(pool: IobPool, call: str) -> None:
    for iob in (3, -1, 8, 2**31 - 1):
        with pytest.raises(ValueError, match="not the head of an IOB chain in use"):
            getattr(pool, call)(iob)


def test_only_heads_of_unqueued_chains_can_be_changed(pool: IobPool) -> None:
    iob, tail, queued = (new(pool) for _ in range(3))
    pool.concat(iob, tail)
    queue = pool.queue()
    queue.tryadd(queued)
    for number in (tail, queued):
        with pytest.raises(ValueError):
            pool.free(number)
        with pytest.raises(ValueError):
            queue.tryadd(number)
    with pytest.raises(ValueError):
        pool.concat(iob, iob)
    assert pool.check() == ""


def test_trace_names_buffers_and_owners(kernel: Kernel) -> None:
    pool = kernel.iobs
    since = lib.trace_head(kernel.board)
    held = take_all(pool)
    pool.free(held[0])
    events = struct.iter_unpack("<qHHIq", trace_records(kernel.board, since))
    seen = [(TRACE_KINDS[kind], number, arg) for _time, kind, _task, number, arg in events]
    assert seen[0] == ("iob.alloc", 7, TEST)
    assert seen[-2:] == [("iob.fail", 0, TEST), ("iob.free", 7, TEST)]


def test_buffers_and_copied_bytes_take_their_time(kernel: Kernel) -> None:
    pool, clock = kernel.iobs, kernel.clock
    lib.board_cost(kernel.board, COSTS.index("IOB"), 1_000_000)
    lib.board_cost(kernel.board, COSTS.index("COPY"), 1_000)

    def work() -> list[int]:
        times = [clock.now_ns]
        iob = pool.tryalloc()
        pool.trycopyin(iob, bytes(300))
        times.append(clock.now_ns)
        pool.free_chain(iob)
        return [*times, clock.now_ns]

    start, copied, freed = in_task(kernel, work)
    assert (copied - start, freed - copied) == (2_300, 2_000)


def test_pools_that_nuttx_would_not_build_are_refused(kernel: Kernel) -> None:
    for nbuffers, bufsize, throttle in ((0, 196, 0), (2, 196, 2), (8, 0, 2), (8, 70_000, 2), (70_000, 196, 2)):
        assert lib.iobn_initialize(kernel.board, nbuffers, bufsize, 0, throttle, False, 0) == -EINVAL
    assert lib.iobn_initialize(kernel.board, 8, 196, 0, 2, False, 0) == -EALREADY


def test_benchmark_loops_leave_the_pool_as_it_was(kernel: Kernel) -> None:
    for what in range(3):
        assert lib.iob_bench(kernel.board, what, 10) > 0
    assert lib.iob_bench(kernel.board, 3, 10) == -EINVAL
    assert (kernel.iobs.navail(), kernel.iobs.check()) == (8, "")
