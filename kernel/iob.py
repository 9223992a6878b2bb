"""I/O buffers (IOBs): the board's fixed pool of small buffers, chains of them, queues of chains.

Semantics are NuttX's (mm/iob, include/nuttx/mm/iob.h); the work is done in csrc/iob*.c. A buffer is named by its place
in the pool, a chain by its first buffer. A freed buffer goes straight to whoever waits for one, unthrottled waiters
first; throttled ones are served only while CONFIG_IOB_THROTTLE buffers stay free. Every buffer in use carries a tag
that says who holds it.

Calls return negative errno values where NuttX's do. A number that is not the head of a chain in use, or whose chain
lies in a queue, raises ValueError.
"""

from __future__ import annotations

from enum import IntEnum
from errno import EAGAIN, EBADF, ENOENT, ENOMEM
from typing import TYPE_CHECKING, NamedTuple

from kernel.core import ACT_BASE, buffer, check, lib, numbers, pids
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.task import Task

Iob = int
"""A buffer's place in the pool, from 0."""

OVERHEAD = 20  # bytes of a buffer besides its data, as on a 64-bit NuttX


class IobOwner(IntEnum):
    """Who can hold a buffer (``enum iob_owner_class``, csrc/iob.h); its instance is a device, connection or task."""

    NONE = 0
    TEST = 1
    RXWORK = 2
    TXWORK = 3
    TXRING = 4
    UDP_READ = 5
    UDP_WRITE = 6
    ICMP_READ = 7
    TCP_READ = 8
    TCP_WRITE = 9
    TCP_OFO = 10
    REASM = 11
    APP = 12
    PKT_READ = 13
    PKT_WRITE = 14


class IobStats(NamedTuple):
    """The first four are those of /proc/iobinfo: ``nwait`` counts unthrottled waiters only."""

    ntotal: int
    nfree: int
    nwait: int
    nthrottle: int
    throttle_wait: int
    """throttled waiters"""
    committed: int
    """buffers handed to a waiter that has not run yet"""
    lowwater: int
    """fewest free buffers since boot"""
    nallocs: int
    """buffers handed out since boot"""
    nfails: int
    """tries that got nothing, and waits that ended without a buffer"""
    nchains: int
    qcount: int
    """free queue entries; negative: tasks wait for one"""
    bufsize: int


class IobHolder(NamedTuple):
    """One line of the ledger: a buffer in use."""

    iob: Iob
    owner: IobOwner
    instance: int
    len: int
    since_ns: int


class IobPart(NamedTuple):
    """One buffer of a chain."""

    iob: Iob
    offset: int
    len: int


FAULTS = (
    "",
    "the free list loops or holds a buffer that is in use",
    "the committed list loops or holds a buffer that is in use",
    "a buffer that nobody holds is in neither list",
    "the count does not fit the length of the free list",
    "there are fewer than no waiters",
    "data of a buffer in use lie outside of it",
    "a chain runs into a free buffer, another chain or itself",
    "queue entries are lost, or their count is wrong",
)


def iob_owner(owner: IobOwner, instance: int) -> int:
    """The tag of a holder: IOB_OWNER(class, instance). ``instance``: 0..2**24-1, what is above is cut off."""
    return owner << 24 | instance & 0xFFFFFF


class IobPool:
    """All buffers of a board. ``throttled``: leave CONFIG_IOB_THROTTLE of them to others. ``owner``: see iob_owner();
    0 stands for the running task.
    """

    def __init__(self, kernel: Kernel) -> None:
        o = kernel.options
        nbuffers, bufsize, nchains = int(o["IOB_NBUFFERS"]), int(o["IOB_BUFSIZE"]), int(o["IOB_NCHAINS"])
        throttle, div = int(o["IOB_THROTTLE"]), int(o["IOB_NOTIFIER_DIV"]) if o["IOB_NOTIFIER"] else 0
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        r = lib.iobn_initialize(self._board, nbuffers, bufsize, nchains, throttle, bool(o["IOB_TIMEOUT_LEAK"]), div)
        check(r, f"IOB pool of {nbuffers} buffers, {bufsize} bytes each, throttle {throttle}, {nchains} queue entries")
        kernel.heap.malloc(nbuffers * (bufsize + OVERHEAD), "IOB pool")
        self.nbuffers = nbuffers
        self.bufsize = bufsize
        self._sems = [
            Semaphore(kernel, number=lib.iobn_sem(self._board, throttled), what=what)
            for throttled, what in ((False, "an IOB"), (True, "a throttled IOB"))
        ]
        self._qsem = Semaphore(kernel, number=lib.iobn_qsem(self._board), what="an entry of an IOB queue")
        kernel.on_task_gone.append(self._task_gone)

    def _answer(self, r: int) -> int:
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == -EBADF:
            raise ValueError("not the head of an IOB chain in use: it was freed, joined to another, or put in a queue")
        return int(r)

    def _owner(self, owner: int) -> int:
        return owner or iob_owner(IobOwner.APP, max(0, lib.board_current(self._board)))

    def _can_wait(self) -> bool:
        return int(lib.board_current(self._board)) > 0

    # Allocation

    def tryalloc(self, throttled: bool = False, owner: int = 0) -> Iob | None:
        """iob_tryalloc(): an empty buffer, or None."""
        iob = self._answer(lib.iobn_tryalloc(self._board, throttled, self._owner(owner)))
        return iob if iob >= 0 else None

    def alloc(self, throttled: bool = False, owner: int = 0) -> Iob | None:
        """iob_alloc(): waits as long as it takes. In handlers, in the idle task and for the host it only tries."""
        return self.timedalloc(throttled, None, owner)

    def timedalloc(self, throttled: bool, ms: int | None, owner: int = 0) -> Iob | None:
        """iob_timedalloc(): waits at most ``ms`` milliseconds, rounded up to ticks; 0 only tries, None is for ever.

        The wait cannot be interrupted. None when it timed out. A buffer freed between the timeout and the moment the
        task runs again is taken. With CONFIG_IOB_TIMEOUT_LEAK each timeout costs the pool a buffer, as in NuttX 13.
        """
        if ms == 0 or not self._can_wait():
            return self.tryalloc(throttled, owner)
        owner = self._owner(owner)
        iob = lib.iobn_alloc_begin(self._board, throttled, owner)
        if iob == -EAGAIN:
            try:
                waited = self._sems[throttled].wait(self._kernel.ms2tick(ms), interruptible=False)
            except BaseException:
                lib.iobn_alloc_abandon(self._board, throttled, owner)
                raise
            iob = lib.iobn_alloc_finish(self._board, throttled, owner, waited)
        return int(iob) if iob >= 0 else None

    def free(self, iob: Iob) -> Iob | None:
        """iob_free(): gives back the head of a chain; returns the next buffer, which is the head now, or None."""
        following = self._answer(lib.iobn_free(self._board, iob))
        return following if following >= 0 else None

    def free_chain(self, iob: Iob) -> None:
        """iob_free_chain(): gives back all of it."""
        self._answer(lib.iobn_free_chain(self._board, iob))

    def reclaim(self, owner: int) -> int:
        """Gives back every chain of a holder that is gone, but not those in queues. Returns the number of buffers."""
        return int(lib.iobn_reclaim(self._board, owner))

    def _task_gone(self, task: Task) -> None:
        n = self.reclaim(iob_owner(IobOwner.APP, task.pid))
        if n:
            self._kernel.report(f"task {task.name} (pid {task.pid}) ended holding {n} IOBs; they went back to the pool")

    # Chains

    def trycopyin(self, iob: Iob, data: bytes, offset: int = 0, throttled: bool = False) -> int:
        """iob_trycopyin(): writes at ``offset`` bytes from the start, growing the chain at its end.

        Returns len(data); -ENOMEM when a buffer was missing (what fitted stays, and the packet length shows it);
        -ESPIPE for an offset behind the data or in front of the head-room.
        """
        return self._answer(lib.iobn_copyin(self._board, iob, data, len(data), offset, throttled))

    def copyin(self, iob: Iob, data: bytes, offset: int = 0, throttled: bool = False) -> int:
        """iob_copyin(): the same, waiting for buffers. -ENOMEM only where nobody can wait."""
        r = self.trycopyin(iob, data, offset, throttled)
        rest = data
        while r == -ENOMEM:
            more = self.alloc(throttled, self.owner(iob))
            if more is None:
                return r
            done = self.pktlen(iob) - offset  # all before the place where it ran out of buffers
            offset, rest = offset + done, rest[done:]
            self.concat(iob, more)
            r = self.trycopyin(iob, rest, offset, throttled)
        return len(data) if r >= 0 else r

    def copyout(self, iob: Iob, n: int | None = None, offset: int = 0) -> bytes:
        """iob_copyout(): up to ``n`` bytes (None: all) from ``offset``. OSError (ESPIPE) before the head-room."""
        room = bytearray(max(0, self.pktlen(iob) - offset) if n is None else n)
        got = self._answer(lib.iobn_copyout(self._board, buffer(room), iob, len(room), offset))
        return bytes(room[: check(got, f"copy out of IOB {iob} at {offset}")])

    def clone_partial(self, src: Iob, n: int, off1: int, dst: Iob, off2: int = 0, throttled: bool = False) -> int:
        """iob_clone_partial(), without waiting: n bytes from ``off1`` of one chain to ``off2`` of another.

        0, or -ENOMEM when a buffer was missing: the packet length of ``dst`` is then that of the whole all the same.
        -ESPIPE for an offset in front of the source's head-room or of the target's data.
        """
        return self._answer(lib.iobn_clone_partial(self._board, src, n, off1, dst, off2, throttled))

    def clone(self, src: Iob, dst: Iob, throttled: bool = False) -> int:
        """iob_clone(), without waiting: all of one chain to another, empty one."""
        return self.clone_partial(src, self.pktlen(src), 0, dst, 0, throttled)

    def concat(self, iob: Iob, tail: Iob) -> None:
        """iob_concat(): joins ``tail`` to the end; from then on it is no chain of its own."""
        self._answer(lib.iobn_concat(self._board, iob, tail))

    def trimhead(self, iob: Iob, n: int) -> Iob:
        """iob_trimhead(): cuts n bytes off the start; returns the new head. One buffer, if empty, always stays."""
        return self._answer(lib.iobn_trimhead(self._board, iob, n))

    def trimtail(self, iob: Iob, n: int) -> Iob | None:
        """iob_trimtail(): cuts n bytes off the end; None if nothing is left."""
        head = self._answer(lib.iobn_trimtail(self._board, iob, n))
        return head if head >= 0 else None

    def pack(self, iob: Iob) -> Iob:
        """iob_pack(): moves data up into the room in front and frees emptied buffers; returns the new head."""
        return self._answer(lib.iobn_pack(self._board, iob))

    def contig(self, iob: Iob, n: int) -> int:
        """iob_contig(): brings the first n bytes into one buffer.

        0, -ENOSPC if there are fewer, -EINVAL if no buffer is so large.
        """
        return self._answer(lib.iobn_contig(self._board, iob, n))

    def reserve(self, iob: Iob, n: int) -> None:
        """iob_reserve(): makes the head-room n bytes, n > 0.

        Data that was there is cut off; head-room given up becomes data, with whatever bytes lie in it.
        """
        self._answer(lib.iobn_reserve(self._board, iob, n))

    def update_pktlen(self, iob: Iob, n: int, throttled: bool = False) -> int:
        """iob_update_pktlen(): grows or cuts the chain to n bytes; returns how many it got, fewer without buffers."""
        return self._answer(lib.iobn_update_pktlen(self._board, iob, n, throttled))

    def pktlen(self, iob: Iob) -> int:
        """io_pktlen: bytes of data in the chain."""
        return self._answer(lib.iobn_pktlen(self._board, iob))

    def tailroom(self, iob: Iob) -> int:
        """iob_tailroom(): bytes that the last buffer can still take."""
        return self._answer(lib.iobn_tailroom(self._board, iob))

    def chain(self, iob: Iob) -> list[IobPart]:
        """The buffers from this one on."""
        self.owner(iob)
        v = pids(lib.iobn_chain, self._board, iob, limit=3 * self.nbuffers)
        return [IobPart(*v[i : i + 3]) for i in range(0, len(v), 3)]

    def count(self, iob: Iob) -> int:
        """iob_count(): how many they are."""
        return len(self.chain(iob))

    def owner(self, iob: Iob) -> int:
        """The tag of a buffer's holder."""
        return self._answer(lib.iobn_owner(self._board, iob))

    def set_owner(self, iob: Iob, owner: int) -> None:
        """The chain changes hands: its buffers get another tag."""
        self._answer(lib.iobn_set_owner(self._board, iob, self._owner(owner)))

    # Queues of chains

    def queue(self) -> IobQueue:
        """A new, empty queue of chains."""
        return IobQueue(self)

    # Views

    def navail(self, throttled: bool = False) -> int:
        """iob_navail(): how many buffers a try could get."""
        return int(lib.iob_navail(self._board, throttled))

    def qentry_navail(self) -> int:
        """iob_qentry_navail(): free queue entries."""
        return int(lib.iob_qentry_navail(self._board))

    def getstats(self) -> IobStats:
        """iob_getstats(), and what else there is to count."""
        return IobStats(*numbers(lib.iobn_getstats, self._board, n=len(IobStats._fields)))

    def ledger(self) -> list[IobHolder]:
        """Who holds what: every buffer in use, by index."""
        v = numbers(lib.iobn_ledger, self._board, n=5 * self.nbuffers)
        rows = (v[i : i + 5] for i in range(0, len(v), 5))
        return [IobHolder(r[0], IobOwner(r[1]), *r[2:]) for r in rows if r[1]]

    def check(self) -> str:
        """What is wrong with the pool's books; empty if they balance."""
        return FAULTS[check(lib.iob_check(self._board), "check of the IOB pool")]


class IobQueue:
    """A queue of chains (struct iob_queue_s). A chain in it can only be taken out, trimmed or freed here."""

    __slots__ = ("_board", "_pool", "number")

    def __init__(self, pool: IobPool) -> None:
        self._pool = pool
        self._board = pool._board
        self.number = check(lib.iobn_queue_new(pool._board), "IOB queue")

    def _iob(self, r: int) -> Iob | None:
        iob = self._pool._answer(r)
        return None if iob == -ENOENT else iob

    def tryadd(self, iob: Iob) -> int:
        """iob_tryadd_queue(): puts a chain at the end. 0, or -ENOMEM without a free queue entry."""
        return self._pool._answer(lib.iobn_tryadd_queue(self._board, iob, self.number))

    def add(self, iob: Iob) -> int:
        """iob_add_queue(): the same, waiting for an entry; -ENOMEM where nobody can wait, or if the pool has none."""
        if not self._pool._can_wait():
            return self.tryadd(iob)
        r = lib.iobn_add_queue_begin(self._board, iob, self.number)
        if r == -EAGAIN:
            try:
                waited = self._pool._qsem.wait(interruptible=False)
            except BaseException:
                lib.iobn_add_queue_abandon(self._board)
                raise
            r = lib.iobn_add_queue_finish(self._board, iob, self.number, waited)
        return self._pool._answer(r)

    def remove(self) -> Iob | None:
        """iob_remove_queue(): takes out the first chain, None if there is none."""
        return self._iob(lib.iobn_remove_queue(self._board, self.number))

    def peek(self) -> Iob | None:
        """iob_peek_queue(): the first chain, which stays."""
        return self._iob(lib.iobn_peek_queue(self._board, self.number))

    def free_chain(self, iob: Iob) -> int:
        """iob_free_queue_qentry(): frees one chain, wherever it stands. 0, or -ENOENT if it is not in this queue."""
        return self._pool._answer(lib.iobn_free_queue_qentry(self._board, iob, self.number))

    def concat(self, other: IobQueue) -> None:
        """iob_concat_queue(): moves all chains of ``other`` to the end."""
        self._pool._answer(lib.iobn_concat_queue(self._board, self.number, other.number))

    def trimhead(self, n: int) -> Iob | None:
        """iob_trimhead_queue(): cuts n bytes off the start of the first chain; returns its head now."""
        return self._iob(lib.iobn_trimhead_queue(self._board, self.number, n))

    @property
    def size(self) -> int:
        """iob_get_queue_size(): bytes in all chains."""
        return self._pool._answer(lib.iobn_queue_size(self._board, self.number))

    def __len__(self) -> int:
        """iob_get_queue_entry_count(): chains."""
        return self._pool._answer(lib.iobn_queue_count(self._board, self.number))

    def free(self) -> None:
        """iob_free_queue(), and the queue itself: it cannot be used any more."""
        self._pool._answer(lib.iobn_queue_free(self._board, self.number))
