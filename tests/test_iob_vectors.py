"""What the real IOB code of NuttX was seen to do with 8 buffers of 196 bytes and throttle 2, one test a step."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOMEM, ESPIPE

import pytest
from iob_kit import TEST, in_task, info, lens, new, run, small_kernel, take_all

from kernel.iob import Iob, IobPool
from kernel.kernel import Kernel


@pytest.fixture
def leaky() -> Iterator[Kernel]:
    """As NuttX 13.0 is: a wait that times out is never un-registered."""
    with small_kernel(IOB_TIMEOUT_LEAK=True) as kernel:
        yield kernel


def exhausted_by_timeouts(kernel: Kernel) -> list[Iob]:
    """All buffers taken, after a throttled and then an unthrottled wait that timed out."""
    pool = kernel.iobs
    held = take_all(pool, throttled=True)
    assert in_task(kernel, lambda: pool.timedalloc(True, 50, TEST)) is None
    held += take_all(pool)
    assert in_task(kernel, lambda: pool.timedalloc(False, 50, TEST)) is None
    return held


def parked_by_timeouts(kernel: Kernel) -> list[Iob]:
    """The same, then everything freed and all that can be had taken again: two buffers are parked."""
    pool = kernel.iobs
    for iob in exhausted_by_timeouts(kernel):
        pool.free(iob)
    return take_all(pool)


# The vectors, row by row


def test_fresh_pool_is_all_free(pool: IobPool) -> None:
    assert info(pool) == (8, 8, 0, 6)


def test_throttled_tryalloc_leaves_as_many_as_the_throttle(pool: IobPool) -> None:
    assert len(take_all(pool, throttled=True)) == 6
    assert info(pool) == (8, 2, 0, 0)


@pytest.mark.parametrize("leak", [False, True])
def test_throttled_wait_is_invisible_in_iobinfo_while_and_after_it_lasts(leak: bool) -> None:
    with small_kernel(IOB_TIMEOUT_LEAK=leak) as kernel:
        pool = kernel.iobs
        take_all(pool, throttled=True)
        seen = []
        kernel.tasks.create(lambda _sys: seen.append(pool.timedalloc(True, 500, TEST)), "sender")
        run(kernel, 10)
        assert (seen, info(pool), pool.getstats().throttle_wait) == ([], (8, 2, 0, 0), 1)
        run(kernel)
        assert (seen, info(pool), pool.getstats().throttle_wait) == ([None], (8, 2, 0, 0), int(leak))


def test_unthrottled_tryalloc_takes_the_reserve(pool: IobPool) -> None:
    take_all(pool, throttled=True)
    assert len(take_all(pool)) == 2
    assert info(pool)[1] == 0


def test_unthrottled_wait_that_expires_stays_counted_with_the_leak(leaky: Kernel) -> None:
    exhausted_by_timeouts(leaky)
    assert info(leaky.iobs)[1:3] == (0, 1)


def test_unthrottled_wait_that_expires_is_forgotten(kernel: Kernel) -> None:
    exhausted_by_timeouts(kernel)
    assert info(kernel.iobs)[1:3] == (0, 0)
    assert kernel.iobs.check() == ""


def test_first_buffer_freed_after_a_leaked_wait_is_parked(leaky: Kernel) -> None:
    held = exhausted_by_timeouts(leaky)
    leaky.iobs.free(held.pop())
    assert info(leaky.iobs)[1:3] == (0, 0)
    assert leaky.iobs.getstats().committed == 1


def test_freeing_the_rest_after_leaked_waits_never_fills_the_pool(leaky: Kernel) -> None:
    pool, nfree = leaky.iobs, []
    for iob in exhausted_by_timeouts(leaky):
        pool.free(iob)
        nfree.append(info(pool)[1])
    assert nfree == [0, 1, 2, 2, 3, 4, 5, 6]
    assert pool.check() == ""


def test_freeing_the_rest_after_forgotten_waits_fills_the_pool(kernel: Kernel) -> None:
    for iob in exhausted_by_timeouts(kernel):
        kernel.iobs.free(iob)
    assert info(kernel.iobs) == (8, 8, 0, 6)
    assert kernel.iobs.check() == ""


def test_leaked_waits_shrink_the_pool_for_good(leaky: Kernel) -> None:
    assert len(parked_by_timeouts(leaky)) == 6


def test_wait_after_a_leaked_wait_gets_the_parked_buffer_at_once_and_the_deficit_stays(leaky: Kernel) -> None:
    parked_by_timeouts(leaky)
    before = leaky.ticks
    iob, ticks = in_task(leaky, lambda: (leaky.iobs.alloc(False, TEST), leaky.ticks))
    assert iob is not None
    assert ticks == before
    assert info(leaky.iobs)[2] == 1


def test_copyin_of_1000_bytes_makes_a_chain_of_six(pool: IobPool) -> None:
    iob = new(pool)
    assert pool.trycopyin(iob, bytes(1000)) == 1000
    assert lens(pool, iob) == [196] * 5 + [20]
    assert pool.navail() == 2


def test_copyin_that_runs_out_of_buffers_keeps_what_fitted(pool: IobPool) -> None:
    iob = new(pool)
    pool.trycopyin(iob, b"a" * 1000)
    assert pool.trycopyin(iob, b"b" * 1000, 1000) == -ENOMEM
    assert pool.pktlen(iob) == 1568
    assert pool.copyout(iob) == b"a" * 1000 + b"b" * 568


@pytest.mark.parametrize("offset", [5000, -5])
def test_copyin_outside_of_the_chain_is_refused(pool: IobPool, offset: int) -> None:
    iob = new(pool)
    pool.trycopyin(iob, bytes(1000))
    assert pool.trycopyin(iob, b"data", offset) == -ESPIPE


def test_setting_the_length_grows_an_empty_chain(pool: IobPool) -> None:
    iob = new(pool)
    assert pool.update_pktlen(iob, 300) == 300
    assert lens(pool, iob) == [196, 104]


def test_setting_more_than_the_pool_holds_gives_what_there_is(pool: IobPool) -> None:
    iob = new(pool)
    assert pool.update_pktlen(iob, 4000) == 1568
    assert pool.navail() == 0


def test_setting_a_small_length_gives_buffers_back(pool: IobPool) -> None:
    iob = new(pool)
    pool.update_pktlen(iob, 4000)
    assert pool.update_pktlen(iob, 10) == 10
    assert pool.navail() == 7
