"""SACK blocks that lie, and an honest peer on a bad path: what is in flight leaves twice at most, nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import Stack
from tcp_peer import TCP, Peer, Segment, act, rows, states
from tcp_sacks import SACK, SACKED, has, open_to, option, sack
from tcp_script import M, acks, called, numbers, watch

Block = tuple[int, int]


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **SACK, **getattr(request, "param", {})}) as stack:
        yield stack


def blocks(peer: Peer, *runs: Block) -> bytes:
    """A SACK option of these bytes, from the first in flight on, modulo 2**32."""
    ends = [(peer.iss + peer.ack + n) % 2**32 for run in runs for n in run]
    return bytes([1, 1, 5, 2 + 8 * len(runs)]) + b"".join(n.to_bytes(4, "big") for n in ends)


# Nonsense

OUT = 8 * M
NONSENSE: dict[str, Block] = {
    "empty": (M, M),
    "the wrong way round": (3 * M, M),
    "what is acknowledged": (-2 * M, -M),
    "up to what is acknowledged": (-M, 0),
    "what comes next": (0, M),
    "over what comes next": (-M, M),
    "all": (0, OUT),
    "a byte too much": (M, OUT + 1),
    "not sent yet": (OUT, OUT + M),
    "far ahead": (2**30, 2**30 + M),
    "half the numbers ahead": (2**31, 2**31 + M),
    "from half the numbers ahead to before it": (2**31 - 1, -2),
    "all numbers": (1, 0),
    "all but one": (1, -1),
    "from far ahead into it": (-(2**31), 4 * M),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_block_that_cannot_be_is_not_there(s: Stack, name: str) -> None:
    """RFC 2018, and RFC 2883 for what came twice. With text it does not even count as a duplicate."""
    _, peer = open_to(s, 8)
    for i in range(10):
        wild = blocks(peer, *[NONSENSE[name]] * 4)
        assert [x for x in peer.answers("PA", b"y", seq=1 + i, options=wild) if x.data] == []
    peer.seq = 11
    assert numbers(has(peer, (1, 3))) == []
    again = peer.answers("A", options=blocks(peer, NONSENSE[name], (5 * M, 8 * M)))
    assert numbers(again) == [0, 3, 4]
    assert acks(peer, 8) == [] and rows(s)[0].txsize == 0


def test_what_came_twice_is_no_loss_after_a_recovery(s: Stack) -> None:
    """RFC 2883: the peer got both the segment and its repetition."""
    sock, peer = open_to(s, 8)
    sack(peer, (1, 8))
    assert acks(peer, 8, options=blocks(peer, (-M, 0))) == []
    act(s, lambda sys: sock.send(bytes(8 * M)))
    peer.take()
    for _ in range(5):
        assert peer.answers("A", options=blocks(peer, (-8 * M, -7 * M)), window=60000) == []


@pytest.mark.parametrize("ack", [1 - M, 1 + 9 * M])
def test_blocks_of_a_segment_whose_acknowledgement_is_not_taken_are_not_heard(s: Stack, ack: int) -> None:
    _, peer = open_to(s, 8)
    for _ in range(5):
        assert [x for x in peer.answers("A", ack=ack, options=option(peer, (1, 8))) if x.data] == []
    assert sack(peer, (1, 2)) == []


@pytest.mark.parametrize("flags", ["SA", "S", "R", "", "FPU"])
def test_blocks_of_a_segment_that_is_dropped_are_not_heard(s: Stack, flags: str) -> None:
    _, peer = open_to(s, 8)
    for _ in range(5):
        assert [x for x in peer.answers(flags, seq=500, options=option(peer, (1, 8))) if x.data] == []
    assert states(s) == ["ESTABLISHED"]


# Lies


def test_a_peer_that_claims_what_it_has_not_gets_it_after_a_timeout(s: Stack) -> None:
    _, peer = open_to(s, 8)
    assert sack(peer, (1, 8)) == [0]
    acks(peer, 1, options=option(peer, (2, 8)))
    assert numbers(watch(peer, 0.6)) == list(range(1, 8))


def test_one_that_takes_back_what_it_claimed_gets_a_segment_for_each_answer_and_no_more(s: Stack) -> None:
    """Answers that contradict each other, byte by byte: beside those what is in flight leaves once."""
    _, peer = open_to(s, 40)
    sent, answers = len(sack(peer, (1, 40))), 0
    while peer.ack < 30 * M:
        peer.ack += 7
        sent += len(peer.answers("A", options=blocks(peer, (1, 20 * M))))
        peer.ack += 1
        sent += len(peer.answers("A", options=blocks(peer, (50 * (answers % 3), 10 * M))))
        peer.ack += answers // 5
        sent += len(has(peer, (35, 40)))
        answers += 3
    assert sent <= 40 + answers


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_crumbs_send_what_is_in_flight_once(s: Stack, seed: int) -> None:
    source = random.Random(seed)
    _, peer = open_to(s, 40)
    sent = 0
    for _ in range(3000):
        crumbs = [(n, n + 1) for n in source.sample(range(1, 40 * M, 2), 4)]
        sent += sum(len(x.data) for x in peer.answers("A", options=blocks(peer, *crumbs)))
    assert 0 < sent <= 40 * M
    assert acks(peer, 40) == [] and s.leaks() == 0


@pytest.mark.parametrize("seed", range(10))
def test_random_blocks_and_acknowledgements_never_break_the_stream(seed: int) -> None:
    source = random.Random(seed)
    options = {"NET_TCP_CC_NEWRENO": bool(seed % 2), "NET_TCP_WRITE_BUFFERS": seed % 3 > 0}
    data = source.randbytes(60_000)
    with Stack(**{**TCP, **SACK, **options}) as s:
        sock, peer = called(s, options=SACKED)
        act(s, lambda sys: sock.sendall(data))
        top = peer.ack
        for _ in range(300):
            for x in peer.take():
                assert x.data == data[x.seq - 1 : x.seq - 1 + len(x.data)] and x.seq + len(x.data) <= peer.ack + 65535
                top = max(top, x.seq + len(x.data))
            ends = [source.choice([0, 1, M, 2 * M, top - peer.ack, source.randrange(-M, 70_000)]) for _ in range(8)]
            if source.random() < 0.1:
                peer.ack = source.randint(peer.ack, top)
            peer.window = source.choice([65535, 65535, 20_000, 1])
            peer.put("A", options=blocks(peer, *zip(ends[::2], ends[1::2], strict=True)))
            s.later(source.choice([0, 0, 0, 0, 0.02, 0.3]))
        peer.window = 65535
        while peer.ack < 1 + len(data):
            peer.put("A")
            s.later(2)
            ends = [x.seq + len(x.data) for x in peer.take() if x.seq <= peer.ack]
            assert ends
            peer.ack = max(peer.ack, *ends)
        peer.put("A")
        assert rows(s)[0].txsize == 0 and states(s) == ["ESTABLISHED"]
        s.frames()
        assert s.leaks() == 0


# An honest one


class Receiver:
    """The peer keeps what comes and tells of it as RFC 2018 has it; segments and its answers take a path that loses."""

    def __init__(self, peer: Peer, n: int) -> None:
        self.peer = peer
        self.has = bytearray(n)
        self.times = bytearray(n)
        """how often each byte was sent"""
        self.told = bytearray(n)
        """the board knows that it is here"""
        self.order: list[int] = []
        """where the segments began that came, the newest first"""
        self.coming: list[Segment] = []
        self.answers: list[tuple[int, list[Block]]] = []

    @property
    def next(self) -> int:
        at = self.has.find(0)
        return len(self.has) if at < 0 else at

    def look(self) -> None:
        """Takes from the device what the board has sent."""
        for x in self.peer.take():
            at = slice(x.seq - 1, x.seq - 1 + len(x.data))
            assert not any(self.told[at]), "sent again though the board knows that it is here"
            self.times[at] = bytes(n + 1 for n in self.times[at])
            self.coming.append(x)

    def arrive(self, i: int) -> None:
        x = self.coming.pop(i % len(self.coming))
        self.has[x.seq - 1 : x.seq - 1 + len(x.data)] = b"\1" * len(x.data)
        self.order.insert(0, x.seq - 1)
        runs: list[Block] = []
        for at in self.order:
            if at < self.next or any(left <= at < right for left, right in runs):
                continue
            right = self.has.find(0, at)
            runs.append((self.has.rfind(0, 0, at) + 1, right if right >= 0 else len(self.has)))
        self.answers.append((self.next, runs[:4]))

    def answer(self) -> None:
        """The oldest of its answers reaches the board."""
        ack, runs = self.answers.pop(0)
        self.peer.ack = 1 + ack
        for left, right in ((0, ack), *runs):
            self.told[left:right] = b"\1" * (right - left)
        options = blocks(self.peer, *((left - ack, right - ack) for left, right in runs)) if runs else b""
        self.peer.put("A", options=options)
        self.look()


STEPS = st.lists(
    st.tuples(st.sampled_from(["arrive", "arrive", "lose", "answer", "answer", "silence", "send"]), st.integers(0, 3)),
    max_size=150,
)


@settings(max_examples=100, deadline=None)
@given(newreno=st.booleans(), size=st.sampled_from([M, 400]), steps=STEPS)
def test_without_a_timeout_nothing_leaves_three_times_and_nothing_that_is_there_twice(
    newreno: bool, size: int, steps: list[tuple[str, int]]
) -> None:
    """Segments may be lost and overtaken, answers lost. Not more than sixteen runs are in flight."""
    with Stack(**TCP, **SACK, NET_TCP_CC_NEWRENO=newreno) as s:
        sock, peer = called(s, options=SACKED, window=30 * size)
        receiver, written = Receiver(peer, 300 * M), 0

        def send(n: int) -> None:
            nonlocal written
            for _ in range(n):
                act(s, lambda sys: sock.send(bytes(size)))
                written += size
            receiver.look()

        send(12)
        start = s.clock.now_ns
        for what, n in steps:
            if what == "send" and written < 200 * size:
                send(3 * n)
            elif what == "arrive" and receiver.coming:
                receiver.arrive(n)
            elif what == "lose" and receiver.coming:
                receiver.coming.pop(n % len(receiver.coming))
            elif what == "answer" and receiver.answers:
                receiver.answer()
            elif what == "silence" and receiver.answers:
                receiver.answers.pop(0)
        assert s.clock.now_ns - start < 450_000_000 and max(receiver.times) <= 2
        receiver.told[:] = bytes(len(receiver.told))  # a timeout skips nothing
        for _ in range(200):
            if receiver.next >= written and not receiver.answers:
                break
            while receiver.coming:
                receiver.arrive(0)
            while receiver.answers:
                ack, _ = receiver.answers.pop(0)
                peer.put("A", ack=1 + ack)
                peer.ack = 1 + ack
            s.later(1)
            receiver.look()
        assert receiver.next == written and rows(s)[0].txsize == 0 and s.leaks() == 0
