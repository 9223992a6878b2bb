"""Chains of buffers and queues of chains, where it is easy to go wrong."""

from __future__ import annotations

from errno import EINVAL, ENOENT, ENOMEM, ENOSPC, ESPIPE

import pytest
from iob_kit import in_task, lens, new, run, small_kernel

from kernel.core import lib
from kernel.iob import IobPool
from kernel.kernel import Kernel


def test_clone_that_fills_its_buffer_takes_another_if_the_source_goes_on(pool: IobPool) -> None:
    src, dst = new(pool), new(pool)
    pool.trycopyin(src, bytes(300))
    assert pool.clone_partial(src, 196, 0, dst) == 0
    assert lens(pool, dst) == [196, 0]


def test_clone_of_the_whole_takes_no_buffer_too_many(pool: IobPool) -> None:
    src, dst, empty = new(pool), new(pool), new(pool)
    pool.trycopyin(src, bytes(196))
    pool.concat(src, empty)
    assert pool.clone(src, dst) == 0
    assert lens(pool, dst) == [196]


def test_clone_without_buffers_promises_the_whole_length_all_the_same(pool: IobPool) -> None:
    src = new(pool)
    pool.trycopyin(src, bytes(1000))
    dst = new(pool)
    assert pool.clone(src, dst) == -ENOMEM
    assert (pool.pktlen(dst), lens(pool, dst)) == (1000, [196, 196])


def test_clone_takes_a_link_header_from_the_head_room(pool: IobPool) -> None:
    src, dst = new(pool), new(pool)
    pool.reserve(src, 14)
    pool.trycopyin(src, b"payload")
    pool.trycopyin(src, b"ethernet header"[:14], -14)
    assert pool.clone_partial(src, 21, -14, dst) == 0
    assert pool.copyout(dst) == b"ethernet headepayload"
    assert pool.clone_partial(src, 1, -15, dst) == -ESPIPE


def test_trimhead_of_everything_keeps_one_empty_buffer(pool: IobPool) -> None:
    iob = new(pool)
    pool.trycopyin(iob, bytes(500))
    iob = pool.trimhead(iob, 500)
    assert pool.chain(iob) == [(iob, 0, 0)]
    assert pool.navail() == 7


def test_trimtail_of_everything_leaves_nothing(pool: IobPool) -> None:
    iob = new(pool)
    pool.trycopyin(iob, bytes(500))
    assert pool.trimtail(iob, 500) is None
    assert pool.navail() == 8


def test_pack_does_not_fill_a_buffer_from_two_others(pool: IobPool) -> None:
    iob, second, third = (new(pool) for _ in range(3))
    for part in (iob, second, third):
        pool.trycopyin(part, bytes(10))
    pool.concat(iob, second)
    pool.concat(iob, third)
    assert lens(pool, pool.pack(iob)) == [20, 10]


def test_contig_needs_the_bytes_and_a_buffer_that_takes_them(pool: IobPool) -> None:
    iob = new(pool)
    pool.reserve(iob, 150)
    pool.trycopyin(iob, bytes(range(200)))
    assert pool.contig(iob, 201) == -ENOSPC
    assert pool.contig(iob, 197) == -EINVAL
    assert pool.contig(iob, 196) == 0
    assert lens(pool, iob) == [196, 4]
    assert pool.copyout(iob) == bytes(range(200))


def test_head_room_given_up_becomes_data(pool: IobPool) -> None:
    iob = new(pool)
    pool.reserve(iob, 10)
    pool.reserve(iob, 4)
    assert (pool.chain(iob), pool.pktlen(iob)) == ([(iob, 4, 6)], 6)


def test_free_moves_the_packet_length_to_the_next_buffer(pool: IobPool) -> None:
    iob = new(pool)
    pool.trycopyin(iob, bytes(500))
    following = pool.free(iob)
    assert pool.pktlen(following) == 304


# Queues


def test_queue_entries_run_out_and_a_waiting_task_gets_the_first_that_comes(kernel: Kernel) -> None:
    pool = kernel.iobs
    queue, chains = pool.queue(), [new(pool) for _ in range(6)]
    assert [queue.tryadd(c) for c in chains[:5]] == [0, 0, 0, 0, -ENOMEM]
    done: list[int] = []
    kernel.tasks.create(lambda _sys: done.append(queue.add(chains[4])), "adder")
    run(kernel)
    assert (done, pool.getstats().qcount) == ([], -1)
    assert queue.remove() == chains[0]
    assert chains[5] is not None
    assert queue.tryadd(chains[5]) == -ENOMEM  # the entry is the waiter's
    run(kernel)
    assert (done, len(queue), pool.check()) == ([0], 4, "")


def test_task_killed_while_it_waits_for_a_queue_entry_leaves_no_trace(kernel: Kernel) -> None:
    pool = kernel.iobs
    queue, chains = pool.queue(), [new(pool) for _ in range(5)]
    for chain in chains[:4]:
        queue.tryadd(chain)
    for entry_comes in (False, True):
        task = kernel.tasks.create(lambda _sys: queue.add(chains[4]), "adder")
        run(kernel)
        if entry_comes:
            queue.remove()
        kernel.tasks.kill(task.pid)
        run(kernel)
        assert (pool.getstats().qcount, pool.check()) == (int(entry_comes), "")


def test_entry_freed_between_a_failed_wait_and_its_end_adds_the_chain(kernel: Kernel) -> None:
    pool, board = kernel.iobs, kernel.board
    queue, chains = pool.queue(), [new(pool) for _ in range(6)]
    assert all(lib.iobn_tryadd_queue(board, chain, queue.number) == 0 for chain in chains[:4])
    assert lib.iobn_add_queue_begin(board, chains[4], queue.number) == -11
    queue.remove()
    assert lib.iobn_add_queue_finish(board, chains[4], queue.number, -110) == 0
    assert lib.iobn_add_queue_begin(board, chains[5], queue.number) == -11
    assert lib.iobn_add_queue_finish(board, chains[5], queue.number, -110) == -110
    assert (len(queue), pool.check()) == (4, "")


def test_pool_without_queue_entries_says_so_instead_of_waiting() -> None:
    with small_kernel(IOB_NCHAINS=0) as kernel:
        queue, iob = kernel.iobs.queue(), new(kernel.iobs)
        assert in_task(kernel, lambda: queue.add(iob)) == -ENOMEM


def test_freeing_a_queue_frees_its_chains_and_entries(pool: IobPool) -> None:
    queue = pool.queue()
    for n in (10, 400):
        iob = new(pool)
        pool.trycopyin(iob, bytes(n))
        queue.tryadd(iob)
    assert (queue.size, len(queue)) == (410, 2)
    queue.free()
    assert (pool.navail(), pool.qentry_navail(), pool.check()) == (8, 4, "")
    with pytest.raises(ValueError):
        queue.peek()


def test_chain_of_another_queue_is_not_freed(pool: IobPool) -> None:
    mine, other, iob = pool.queue(), pool.queue(), new(pool)
    other.tryadd(iob)
    assert mine.free_chain(iob) == -ENOENT
    assert other.free_chain(iob) == 0
    assert pool.navail() == 8
