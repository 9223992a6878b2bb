"""What mm/iob of NuttX does, as plain Python: the model that the C pool is compared with.

A chain is a list of buffers, a queue a list of chains. Data are written and read byte by byte, so that nothing here is
built like the C code. Buffers keep what was in their memory, since head-room that becomes data shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from errno import EAGAIN, EINVAL, ENOENT, ENOMEM, ENOSPC, ESPIPE


@dataclass(eq=False)
class Buffer:
    index: int
    memory: bytearray
    offset: int = 0
    len: int = 0

    @property
    def space(self) -> int:
        return len(self.memory) - self.offset

    @property
    def data(self) -> bytes:
        return bytes(self.memory[self.offset : self.offset + self.len])

    def reset(self) -> Buffer:
        self.offset = self.len = 0
        return self


Chain = list[Buffer]


def data_of(chain: Chain) -> bytes:
    return b"".join(iob.data for iob in chain)


@dataclass
class Waiting:
    """One kind of waiter: how many are registered, and posts of their semaphore that nobody has taken."""

    registered: int = 0
    posts: int = 0


@dataclass
class ModelPool:
    nbuffers: int
    bufsize: int
    nchains: int
    throttle: int
    leak: bool = False
    free_list: Chain = field(default_factory=list)
    committed: Chain = field(default_factory=list)
    queue_entries: int = 0
    committed_entries: int = 0
    waiting: dict[bool, Waiting] = field(default_factory=lambda: {False: Waiting(), True: Waiting()})
    entry_waiting: Waiting = field(default_factory=Waiting)

    def __post_init__(self) -> None:
        self.free_list = [Buffer(i, bytearray(self.bufsize)) for i in range(self.nbuffers)]
        self.queue_entries = self.nchains

    # Pool

    def navail(self, throttled: bool) -> int:
        return max(0, len(self.free_list) - (self.throttle if throttled else 0))

    def stats(self) -> tuple[int, int, int, int]:
        nthrottle = self.navail(True) if self.throttle else 0
        return self.nbuffers, len(self.free_list), self.waiting[False].registered, nthrottle

    def tryalloc(self, throttled: bool) -> Buffer | None:
        return self.free_list.pop().reset() if self.navail(throttled) else None

    def alloc_begin(self, throttled: bool) -> Buffer | None:
        iob = self.tryalloc(throttled)
        if iob is None:
            self.waiting[throttled].registered += 1
        return iob

    def alloc_resume(self, throttled: bool) -> Buffer | None:
        """The waiter's semaphore wait ends, if it can."""
        w = self.waiting[throttled]
        if w.posts == 0:
            return None
        w.posts -= 1
        return self.committed.pop().reset()

    def alloc_timeout(self, throttled: bool) -> Buffer | None:
        w = self.waiting[throttled]
        if self.leak:
            return None
        if w.posts:
            return self.alloc_resume(throttled)
        w.registered -= 1
        return None

    def give(self, iob: Buffer) -> None:
        unthrottled, throttled = self.waiting[False], self.waiting[True]
        waiter = None
        if unthrottled.registered:
            waiter = unthrottled
        elif throttled.registered and len(self.free_list) >= self.throttle:
            waiter = throttled
        if waiter is None:
            self.free_list.append(iob)
        else:
            waiter.registered -= 1
            waiter.posts += 1
            self.committed.append(iob)

    def give_all(self, chain: Chain) -> None:
        for iob in chain:
            self.give(iob)

    # Chains

    def trycopyin(self, chain: Chain, data: bytes, offset: int, throttled: bool) -> int:
        if offset > len(data_of(chain)) or offset < -chain[0].offset:
            return -ESPIPE
        for at, byte in enumerate(data, offset):
            where = self._find(chain, at)
            if where is None:
                last = chain[-1]
                if last.len == last.space:
                    more = self.tryalloc(throttled)
                    if more is None:
                        return -ENOMEM
                    chain.append(more)
                    last = more
                last.len += 1
                where = last, last.offset + last.len - 1
            iob, place = where
            iob.memory[place] = byte
        return len(data)

    @staticmethod
    def _find(chain: Chain, at: int) -> tuple[Buffer, int] | None:
        """Where byte `at` of the packet lies; None behind its end."""
        if at < 0:
            return chain[0], chain[0].offset + at
        for iob in chain:
            if at < iob.len:
                return iob, iob.offset + at
            at -= iob.len
        return None

    @staticmethod
    def read(chain: Chain, n: int, offset: int) -> bytes | None:
        """What copyout gives; None in front of the head-room."""
        head = chain[0]
        if offset < -head.offset:
            return None
        if offset < 0:
            return (bytes(head.memory[head.offset + offset : head.offset]) + data_of(chain))[:n]
        return data_of(chain)[offset : offset + n]

    def clone_partial(self, src: Chain, n: int, off1: int, dst: Chain, off2: int, throttled: bool) -> int:
        def advance(i: int) -> bool:
            if i + 1 < len(dst):
                dst[i + 1].reset()
                return True
            more = self.tryalloc(throttled)
            if more is not None:
                dst.append(more)
            return more is not None

        source = self.read(src, 1 << 20, off1)
        if source is None or off2 < 0:
            return -ESPIPE
        i = 0
        while off2 >= dst[i].space:
            dst[i].len = dst[i].space
            off2 -= dst[i].space
            if not advance(i):
                return -ENOMEM
            i += 1
        for done, byte in enumerate(source[:n], 1):
            dst[i].memory[dst[i].offset + off2] = byte
            off2 += 1
            dst[i].len = off2
            if off2 == dst[i].space and done < len(source):
                if not advance(i):
                    return -ENOMEM
                i, off2 = i + 1, 0
        return 0

    def trimhead(self, chain: Chain, n: int) -> None:
        while n and n >= chain[0].len and len(chain) > 1:
            n -= chain[0].len
            self.give(chain.pop(0))
        if n and n >= chain[0].len:
            chain[0].reset()
        else:
            chain[0].offset += n
            chain[0].len -= n

    def trimtail(self, chain: Chain, n: int) -> None:
        while n and chain:
            if chain[-1].len > n:
                chain[-1].len -= n
                return
            n -= chain[-1].len
            self.give(chain.pop())

    def _pull_up(self, chain: Chain, i: int, n: int) -> None:
        here, following = chain[i], chain[i + 1]
        n = min(n, following.len)
        here.memory[here.len : here.len + n] = following.data[:n]
        here.len += n
        following.offset += n
        following.len -= n
        if following.len == 0:
            self.give(chain.pop(i + 1))

    @staticmethod
    def _drop_offset(iob: Buffer) -> None:
        iob.memory[: iob.len] = iob.data
        iob.offset = 0

    def pack(self, chain: Chain) -> None:
        while chain[0].len == 0 and len(chain) > 1:
            self.give(chain.pop(0))
        i = 0
        while i < len(chain):
            self._drop_offset(chain[i])
            if i + 1 < len(chain):
                self._pull_up(chain, i, chain[i].space - chain[i].len)
            i += 1

    def contig(self, chain: Chain, n: int) -> int:
        if n <= chain[0].len:
            return 0
        if n > len(data_of(chain)):
            return -ENOSPC
        if n > self.bufsize:
            return -EINVAL
        self._drop_offset(chain[0])
        while chain[0].len < n:
            self._pull_up(chain, 0, n - chain[0].len)
        return 0

    def reserve(self, chain: Chain, n: int) -> None:
        for iob in chain:
            if n == 0:
                return
            offset = min(n, self.bufsize)
            iob.len = max(0, iob.len + iob.offset - offset)
            iob.offset = offset
            n -= offset

    def update_pktlen(self, chain: Chain, n: int, throttled: bool) -> int:
        wanted = 1
        while n > sum(iob.space for iob in chain[:wanted]):
            wanted += 1
            if wanted > len(chain):
                more = self.tryalloc(throttled)
                if more is None:
                    break
                chain.append(more)
        self.give_all(chain[wanted:])
        del chain[wanted:]
        for iob in chain:
            iob.len = min(n, iob.space)
            n -= iob.len
        return len(data_of(chain))

    # Queues of chains

    def tryadd(self, queue: list[Chain], chain: Chain) -> int:
        if self.queue_entries == 0:
            return -ENOMEM
        self.queue_entries -= 1
        queue.append(chain)
        return 0

    def add_begin(self, queue: list[Chain], chain: Chain) -> int:
        if self.nchains == 0 or self.tryadd(queue, chain) == 0:
            return 0 if self.nchains else -ENOMEM
        self.entry_waiting.registered += 1
        return -EAGAIN

    def add_resume(self, queue: list[Chain], chain: Chain) -> bool:
        if self.entry_waiting.posts == 0:
            return False
        self.entry_waiting.posts -= 1
        self.committed_entries -= 1
        queue.append(chain)
        return True

    def add_timeout(self, queue: list[Chain], chain: Chain) -> bool:
        if self.add_resume(queue, chain):
            return True
        self.entry_waiting.registered -= 1
        return False

    def remove(self, queue: list[Chain], i: int = 0) -> Chain:
        chain = queue.pop(i)
        if self.entry_waiting.registered:
            self.entry_waiting.registered -= 1
            self.entry_waiting.posts += 1
            self.committed_entries += 1
        else:
            self.queue_entries += 1
        return chain

    def free_from_queue(self, queue: list[Chain], chain: Chain) -> int:
        if chain not in queue:
            return -ENOENT
        self.give_all(self.remove(queue, queue.index(chain)))
        return 0
