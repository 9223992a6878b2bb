"""The C buffer pool does what the plain-Python model does: chains, queues, hand-off, throttle, timeouts."""

from __future__ import annotations

from contextlib import ExitStack
from errno import EAGAIN, ESPIPE, ETIMEDOUT

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from iob_kit import TEST, bare_pool
from iob_model import Chain, ModelPool, data_of

from kernel.core import lib
from kernel.iob import IobPool, IobQueue

throttled_or_not = st.booleans()
some_bytes = st.binary(max_size=60)
lengths = st.integers(0, 70)


class PoolMachine(RuleBasedStateMachine):
    """Drives both pools with the same calls. Pools are small, so that they run dry. The host stands in for the waiting
    tasks: it registers a wait, and later lets it go on or time out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.chains: list[Chain] = []
        self.waiters: list[bool] = []
        self.adders: list[tuple[int, Chain]] = []

    @initialize(
        nbuffers=st.integers(3, 8),
        bufsize=st.integers(8, 16),
        nchains=st.integers(0, 2),
        throttle=st.integers(0, 2),
        leak=st.booleans(),
    )
    def boot(self, nbuffers: int, bufsize: int, nchains: int, throttle: int, leak: bool) -> None:
        self.model = ModelPool(nbuffers, bufsize, nchains, throttle, leak)
        self.pool: IobPool = self.stack.enter_context(
            bare_pool(
                IOB_NBUFFERS=nbuffers,
                IOB_BUFSIZE=bufsize,
                IOB_NCHAINS=nchains,
                IOB_THROTTLE=throttle,
                IOB_TIMEOUT_LEAK=leak,
            )
        )
        self.board = self.pool._board
        self.queues: list[tuple[IobQueue, list[Chain]]] = [(self.pool.queue(), []) for _ in range(2)]

    def teardown(self) -> None:
        self.stack.close()

    def _new(self, index: int | None, chain: Chain | None) -> None:
        assert index == (chain[0].index if chain else None)
        if chain:
            self.chains.append(chain)

    def _pick(self, data: st.DataObject, n: int = 1) -> list[Chain]:
        place = st.integers(0, len(self.chains) - 1)
        return [self.chains[i] for i in data.draw(st.lists(place, min_size=n, max_size=n, unique=True))]

    def _length(self, data: st.DataObject, chain: Chain) -> int:
        total = len(data_of(chain))
        edges = [total, max(0, total - 1), total + 1, chain[0].len, chain[-1].len]
        return data.draw(st.one_of(st.sampled_from(edges), lengths))

    # Pool

    @rule(throttled=throttled_or_not)
    def tryalloc(self, throttled: bool) -> None:
        iob = self.model.tryalloc(throttled)
        self._new(self.pool.tryalloc(throttled, TEST), [iob] if iob else None)

    @rule(throttled=throttled_or_not)
    def alloc_begin(self, throttled: bool) -> None:
        iob = self.model.alloc_begin(throttled)
        r = lib.iobn_alloc_begin(self.board, throttled, TEST)
        if iob is None:
            assert r == -EAGAIN
            self.waiters.append(throttled)
        else:
            self._new(r, [iob])

    @precondition(lambda self: self.waiters)
    @rule(data=st.data(), times_out=st.booleans())
    def alloc_end(self, data: st.DataObject, times_out: bool) -> None:
        throttled = data.draw(st.sampled_from(self.waiters))
        if times_out:
            iob = self.model.alloc_timeout(throttled)
        else:
            waited = self.pool._sems[throttled].trywait()
            assert (waited == 0) == (self.model.waiting[throttled].posts > 0)
            if waited:
                return
            iob = self.model.alloc_resume(throttled)
        self.waiters.remove(throttled)
        r = lib.iobn_alloc_finish(self.board, throttled, TEST, -ETIMEDOUT if times_out else 0)
        self._new(r if r >= 0 else None, [iob] if iob else None)

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        following = self.pool.free(chain[0].index)
        self.model.give(chain.pop(0))
        assert following == (chain[0].index if chain else None)
        if not chain:
            self.chains.remove(chain)

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def free_chain(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        self.chains.remove(chain)
        self.pool.free_chain(chain[0].index)
        self.model.give_all(chain)

    # What has to hold after every step

    @invariant()
    def same_pool(self) -> None:
        assert self.pool.check() == ""
        stats = self.pool.getstats()
        assert stats[:4] == self.model.stats()
        assert stats.committed == len(self.model.committed)
        assert stats.throttle_wait == self.model.waiting[True].registered
        assert stats.qcount == self.model.queue_entries - self.model.entry_waiting.registered
        assert self.pool.qentry_navail() == self.model.queue_entries
        assert [self.pool.navail(t) for t in (False, True)] == [self.model.navail(t) for t in (False, True)]

    @invariant()
    def same_chains(self) -> None:
        for chain in self.chains:
            head = chain[0].index
            assert self.pool.chain(head) == [(iob.index, iob.offset, iob.len) for iob in chain]
            assert self.pool.pktlen(head) == len(data_of(chain))
            assert self.pool.copyout(head, None, -chain[0].offset) == self.model.read(chain, 1 << 20, -chain[0].offset)
            assert self.pool.tailroom(head) == chain[-1].space - chain[-1].len


class ChainMachine(PoolMachine):
    """Adds what changes chains."""

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), content=some_bytes, throttled=throttled_or_not)
    def trycopyin(self, data: st.DataObject, content: bytes, throttled: bool) -> None:
        (chain,) = self._pick(data)
        offset = data.draw(st.integers(-chain[0].offset - 1, len(data_of(chain)) + 1))
        index = chain[0].index
        expected = self.model.trycopyin(chain, content, offset, throttled)
        assert self.pool.trycopyin(index, content, offset, throttled) == expected

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), n=lengths)
    def copyout(self, data: st.DataObject, n: int) -> None:
        (chain,) = self._pick(data)
        offset = data.draw(st.integers(-chain[0].offset, len(data_of(chain)) + 1))
        assert self.pool.copyout(chain[0].index, n, offset) == self.model.read(chain, n, offset)

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), room=st.integers(0, 9), off2=st.integers(-1, 30), throttled=throttled_or_not)
    def clone_partial(self, data: st.DataObject, room: int, off2: int, throttled: bool) -> None:
        (src,) = self._pick(data)
        iob = self.model.tryalloc(throttled)
        self._new(self.pool.tryalloc(throttled, TEST), [iob] if iob else None)
        if iob is None:
            return
        dst = self.chains[-1]
        self.model.reserve(dst, room)
        self.pool.reserve(iob.index, room)
        n = self._length(data, src)
        off1 = data.draw(st.integers(-src[0].offset - 1, len(data_of(src)) + 1))
        expected = self.model.clone_partial(src, n, off1, dst, off2, throttled)
        assert self.pool.clone_partial(src[0].index, n, off1, iob.index, off2, throttled) == expected
        assert self.pool.pktlen(iob.index) == (0 if expected == -ESPIPE else n + off2)
        if self.pool.pktlen(iob.index) != len(data_of(dst)):  # promised more than there is: such a chain is only freed
            assert [part.len for part in self.pool.chain(iob.index)] == [part.len for part in dst]
            self.chains.remove(dst)
            self.pool.free_chain(iob.index)
            self.model.give_all(dst)

    @precondition(lambda self: len(self.chains) > 1)
    @rule(data=st.data())
    def concat(self, data: st.DataObject) -> None:
        chain, tail = self._pick(data, 2)
        self.pool.concat(chain[0].index, tail[0].index)
        self.chains.remove(tail)
        chain.extend(tail)

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def trimhead(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        n, head = self._length(data, chain), chain[0].index
        self.model.trimhead(chain, n)
        assert self.pool.trimhead(head, n) == chain[0].index

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def trimtail(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        n, head = self._length(data, chain), chain[0].index
        self.model.trimtail(chain, n)
        assert self.pool.trimtail(head, n) == (head if chain else None)
        if not chain:
            self.chains.remove(chain)

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def pack(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        head = chain[0].index
        self.model.pack(chain)
        assert self.pool.pack(head) == chain[0].index

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def contig(self, data: st.DataObject) -> None:
        (chain,) = self._pick(data)
        n = self._length(data, chain)
        assert self.model.contig(chain, n) == self.pool.contig(chain[0].index, n)

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), n=st.integers(0, 40))
    def reserve(self, data: st.DataObject, n: int) -> None:
        (chain,) = self._pick(data)
        self.pool.reserve(chain[0].index, n)
        self.model.reserve(chain, n)

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), throttled=throttled_or_not)
    def update_pktlen(self, data: st.DataObject, throttled: bool) -> None:
        (chain,) = self._pick(data)
        n = self._length(data, chain)
        assert self.model.update_pktlen(chain, n, throttled) == self.pool.update_pktlen(chain[0].index, n, throttled)


class QueueMachine(PoolMachine):
    """Adds what changes queues of chains."""

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), which=st.integers(0, 1), waits=st.booleans())
    def add_queue(self, data: st.DataObject, which: int, waits: bool) -> None:
        (chain,) = self._pick(data)
        queue, model_queue = self.queues[which]
        if waits:
            expected = self.model.add_begin(model_queue, chain)
            r = lib.iobn_add_queue_begin(self.board, chain[0].index, queue.number)
        else:
            expected = self.model.tryadd(model_queue, chain)
            r = queue.tryadd(chain[0].index)
        assert r == expected
        if r in (0, -EAGAIN):
            self.chains.remove(chain)
        if r == -EAGAIN:
            self.adders.append((which, chain))

    @precondition(lambda self: self.adders)
    @rule(data=st.data(), times_out=st.booleans())
    def add_queue_end(self, data: st.DataObject, times_out: bool) -> None:
        i = data.draw(st.integers(0, len(self.adders) - 1))
        which, chain = self.adders[i]
        queue, model_queue = self.queues[which]
        if times_out:
            added = self.model.add_timeout(model_queue, chain)
        else:
            waited = self.pool._qsem.trywait()
            added = self.model.add_resume(model_queue, chain)
            assert (waited == 0) == added
            if not added:
                return
        del self.adders[i]
        waited = -ETIMEDOUT if times_out else 0
        r = lib.iobn_add_queue_finish(self.board, chain[0].index, queue.number, waited)
        assert r == (0 if added else -ETIMEDOUT)
        if not added:
            self.chains.append(chain)

    @rule(which=st.integers(0, 1))
    def remove_queue(self, which: int) -> None:
        queue, model_queue = self.queues[which]
        iob = queue.remove()
        self._new(iob, self.model.remove(model_queue) if model_queue else None)

    @rule(which=st.integers(0, 1))
    def concat_queue(self, which: int) -> None:
        queue, model_queue = self.queues[which]
        other, model_other = self.queues[1 - which]
        queue.concat(other)
        model_queue.extend(model_other)
        model_other.clear()

    @rule(which=st.integers(0, 1), n=st.integers(0, 40))
    def trimhead_queue(self, which: int, n: int) -> None:
        queue, model_queue = self.queues[which]
        if model_queue:
            self.model.trimhead(model_queue[0], n)
        assert queue.trimhead(n) == (model_queue[0][0].index if model_queue else None)

    @rule(data=st.data(), which=st.integers(0, 1))
    def free_chain_in_queue(self, data: st.DataObject, which: int) -> None:
        queue, model_queue = self.queues[which]
        queued = self.queues[0][1] + self.queues[1][1]
        if not queued:
            return
        chain = data.draw(st.sampled_from(queued))
        head = chain[0].index
        assert queue.free_chain(head) == self.model.free_from_queue(model_queue, chain)

    @invariant()
    def same_queues(self) -> None:
        for queue, model_queue in self.queues:
            assert len(queue) == len(model_queue)
            assert queue.size == sum(len(data_of(chain)) for chain in model_queue)
            assert queue.peek() == (model_queue[0][0].index if model_queue else None)


ChainMachine.TestCase.settings = QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestChainsAgreeWithTheModel = ChainMachine.TestCase
TestQueuesAgreeWithTheModel = QueueMachine.TestCase
