"""The C buffer pool does what the plain-Python model does: chains, queues, hand-off, throttle, timeouts and kills."""

from __future__ import annotations

from contextlib import ExitStack
from errno import EAGAIN, ETIMEDOUT

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from iob_model import Chain, ModelPool, data_of, small_kernel

from kernel.core import lib
from kernel.iob import IobOwner, IobPool, IobQueue, iob_owner

TEST = iob_owner(IobOwner.TEST, 1)
throttled_or_not = st.booleans()
some_bytes = st.binary(max_size=60)
lengths = st.integers(0, 70)


class PoolMachine(RuleBasedStateMachine):
    """Drives both pools with the same calls. The host stands in for the waiting tasks: it registers a wait, and later lets
    it go on or time out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.chains: list[Chain] = []
        self.waiters: list[bool] = []
        self.adders: list[tuple[int, Chain]] = []

    @initialize(
        nbuffers=st.integers(4, 10),
        bufsize=st.integers(8, 24),
        nchains=st.integers(0, 3),
        throttle=st.integers(0, 3),
        leak=st.booleans(),
    )
    def boot(self, nbuffers: int, bufsize: int, nchains: int, throttle: int, leak: bool) -> None:
        self.model = ModelPool(nbuffers, bufsize, nchains, throttle, leak)
        kernel = self.stack.enter_context(
            small_kernel(
                IOB_NBUFFERS=nbuffers,
                IOB_BUFSIZE=bufsize,
                IOB_NCHAINS=nchains,
                IOB_THROTTLE=throttle,
                IOB_TIMEOUT_LEAK=leak,
            )
        )
        self.board = kernel.board
        self.pool: IobPool = kernel.iobs
        self.queues: list[tuple[IobQueue, list[Chain]]] = [(self.pool.queue(), []) for _ in range(2)]

    def teardown(self) -> None:
        self.stack.close()

    def _new(self, index: int | None, chain: Chain | None) -> None:
        assert index == (chain[0].index if chain else None)
        if chain:
            self.chains.append(chain)

    def _pick(self, data: st.DataObject, min_size: int = 1) -> list[Chain]:
        return [self.chains[i] for i in data.draw(st.permutations(range(len(self.chains))))[:min_size]]

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

    # Chains

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

    @precondition(lambda self: len(self.chains) > 1)
    @rule(data=st.data(), n=lengths, off2=st.integers(-1, 40), throttled=throttled_or_not)
    def clone_partial(self, data: st.DataObject, n: int, off2: int, throttled: bool) -> None:
        src, dst = self._pick(data, 2)
        if data_of(dst):
            return
        off1 = data.draw(st.integers(-src[0].offset - 1, len(data_of(src)) + 1))
        heads = src[0].index, dst[0].index
        expected = self.model.clone_partial(src, n, off1, dst, off2, throttled)
        assert self.pool.clone_partial(heads[0], n, off1, heads[1], off2, throttled) == expected
        if expected != -29:
            assert self.pool.pktlen(heads[1]) == n + off2
        if self.pool.pktlen(heads[1]) != len(data_of(dst)):  # a promise that was not kept: such a chain is only freed
            assert [part.len for part in self.pool.chain(heads[1])] == [iob.len for iob in dst]
            self.chains.remove(dst)
            self.pool.free_chain(heads[1])
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

    # Queues

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

    @invariant()
    def same_queues(self) -> None:
        for queue, model_queue in self.queues:
            assert len(queue) == len(model_queue)
            assert queue.size == sum(len(data_of(chain)) for chain in model_queue)
            assert queue.peek() == (model_queue[0][0].index if model_queue else None)


PoolMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=60)
TestPoolAndModelAgree = PoolMachine.TestCase


# Hand-off among real tasks

waiter = st.fixed_dictionaries(
    {
        "priority": st.integers(90, 93),
        "throttled": st.booleans(),
        "ticks": st.one_of(st.none(), st.integers(1, 8)),
        "killed": st.one_of(st.none(), st.integers(0, 8)),
    }
)


class Expected:
    """Who gets which buffer when: waits are served by priority, then in order of arrival; kills and timeouts leave it."""

    def __init__(self, waiters: list[dict], throttle: int) -> None:
        self.waiters = waiters
        self.throttle = throttle
        self.nfree = 0
        order = sorted(range(len(waiters)), key=lambda i: -waiters[i]["priority"])
        self.waiting = {t: [i for i in order if waiters[i]["throttled"] == t] for t in (False, True)}
        self.served: dict[int, int] = {}
        self.ready: list[int] = []

    def expire(self, tick: int) -> None:
        for queue in self.waiting.values():
            for i in list(queue):
                ticks = self.waiters[i]["ticks"]
                if ticks is not None and ticks + 1 <= tick:
                    queue.remove(i)

    def free(self, tick: int) -> None:
        queue = self.waiting[False]
        if not queue and self.nfree >= self.throttle:
            queue = self.waiting[True]
        if queue:
            self.ready.append(queue.pop(0))
        else:
            self.nfree += 1

    def run(self, tick: int) -> None:
        """The tasks that were served run, those that were killed meanwhile give the buffer back."""
        while self.ready:
            i = max(self.ready, key=lambda i: self.waiters[i]["priority"])
            self.ready.remove(i)
            killed = self.waiters[i]["killed"]
            if killed is not None and killed <= tick:
                self.free(tick)
            else:
                self.served[i] = tick

    def kill(self, tick: int) -> None:
        for queue in self.waiting.values():
            for i in list(queue):
                if self.waiters[i]["killed"] == tick:
                    queue.remove(i)


@settings(max_examples=150)
@given(
    waiters=st.lists(waiter, min_size=1, max_size=6),
    frees=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    throttle=st.integers(0, 3),
)
def test_freed_buffers_go_to_waiting_tasks_in_the_order_of_the_model(
    waiters: list[dict], frees: list[int], throttle: int
) -> None:
    expected = Expected(waiters, throttle)
    served: dict[int, int] = {}
    nbuffers = 4 + sum(frees)
    with small_kernel(IOB_NBUFFERS=nbuffers, IOB_THROTTLE=throttle, IOB_BUFSIZE=8) as kernel:
        pool, clock = kernel.iobs, kernel.clock
        start, tick_ns = clock.now_ns, kernel.tick_ns
        held = [iob for iob in iter(lambda: pool.tryalloc(False, TEST), None)]
        assert len(held) == nbuffers

        def wait(i: int, throttled: bool, ticks: int | None) -> None:
            ms = None if ticks is None else ticks * tick_ns // 1_000_000
            iob = pool.timedalloc(throttled, ms, TEST)
            if iob is not None:
                served[i] = (clock.now_ns - start) // tick_ns
                held.append(iob)

        def entry(i: int, w: dict):
            return lambda _sys: wait(i, w["throttled"], w["ticks"])

        tasks = [kernel.tasks.create(entry(i, w), f"w{i}", w["priority"]) for i, w in enumerate(waiters)]
        for tick, n in enumerate(frees):  # half a tick in, where nothing else happens
            clock.run(start + tick * tick_ns + tick_ns // 2)
            expected.expire(tick)
            for _ in range(n):
                pool.free(held.pop(0))
                expected.free(tick)
            for task, w in zip(tasks, waiters, strict=True):
                if w["killed"] == tick and task.alive:
                    kernel.tasks.kill(task.pid)
            expected.kill(tick)
            clock.run(start + tick * tick_ns + tick_ns // 2 + 1000)
            expected.run(tick)
            assert served == expected.served
            assert pool.check() == ""
            assert pool.getstats().nfree == expected.nfree
        for task in tasks:
            if task.alive:
                kernel.tasks.kill(task.pid)
        clock.run(start + 20 * tick_ns)
        for iob in held:
            pool.free(iob)
        assert pool.check() == ""
        assert pool.navail() == nbuffers
