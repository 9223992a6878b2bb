"""Streams through small pools: whatever senders, peers and neighbours do, they arrive whole and buffers come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import Stack, hog
from tcp_peer import TCP, Peer, accepted, act, listening, rows
from tcp_pool import holders, quiet, release

from kernel.core import lib
from kernel.iob import IobOwner
from kernel.sockbase import MSG_DONTWAIT

DATA = bytes(range(251)) * 200

STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4000)),
    st.tuples(st.just("poll"), st.integers(1, 6)),
    st.tuples(st.just("ack"), st.integers(0, 3000)),
    st.tuples(st.just("take"), st.integers(1, 30)),
    st.tuples(st.just("give"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([10, 600, 2000])),
)


class Ends:
    """A connection whose peer keeps what it has heard in order, and acknowledges as much of it as it is told to."""

    def __init__(self, s: Stack) -> None:
        self.s, self.peer = s, Peer(s)
        listener = listening(s)
        self.peer.connect()
        self.sock = accepted(s, listener)
        self.heard = b""
        self.told = 0
        """bytes whose acknowledgement found a buffer on the board"""

    def listen(self) -> None:
        for x in self.peer.take():
            assert x.data == DATA[x.seq - 1 : x.seq - 1 + len(x.data)], "not what was written"
            if x.seq - 1 <= len(self.heard):
                self.heard += x.data[len(self.heard) - x.seq + 1 :]

    def acknowledge(self, n: int) -> None:
        self.peer.ack = min(self.peer.ack + n, 1 + len(self.heard))
        lost = self.s.device.stats.rx_noiob
        self.peer.put("A")
        if self.s.device.stats.rx_noiob == lost:
            self.told = self.peer.ack - 1


@settings(max_examples=120, deadline=None)
@given(
    nbuffers=st.integers(12, 64),
    throttle=st.integers(2, 8),  # with none a stream can fill the pool, and no segment and no ACK finds a buffer
    bufsize=st.sampled_from([64, 196, 600]),
    heads=st.sampled_from([0, 2]),
    steps=st.lists(STEPS, max_size=30),
)
def test_what_was_buffered_arrives_whole_and_is_counted_right(
    nbuffers: int, throttle: int, bufsize: int, heads: int, steps: list[tuple[str, int]]
) -> None:
    limit = {"NET_TCP_ALLOC_WRBCHAINS": 0, "NET_TCP_NWRBCHAINS": heads} if heads else {}
    options = {"IOB_NBUFFERS": nbuffers, "IOB_THROTTLE": throttle, "IOB_BUFSIZE": bufsize}
    with Stack(**TCP | options, **limit) as s:
        ends = Ends(s)
        sock, held, written = ends.sock, list[int](), 0
        for what, n in steps:
            if what == "send":
                before = s.kernel.iobs.navail(True)
                (sent,) = act(s, lambda sys, at=written, n=n: sock.send(DATA[at : at + n], MSG_DONTWAIT))
                if isinstance(sent, OSError):
                    assert before == 0 or heads
                else:
                    assert 0 < sent <= n
                    written += sent
            elif what == "poll":
                s.eth.call(lib.netdev_poll, n)
                ends.listen()
            elif what == "ack":
                ends.acknowledge(n)
            elif what == "take":
                held += hog(s, max(0, s.kernel.iobs.navail() - n))
            elif what == "give":
                release(s, held)
            else:
                s.later(n / 1000)
                ends.listen()
            if not rows(s):
                break  # nobody acknowledged anything for too long
            mine = holders(s)[IobOwner.TCP_WRITE, sock.conn]
            assert rows(s)[0].txsize == written - ends.told
            assert mine * bufsize >= rows(s)[0].txsize and (mine == 0) == (rows(s)[0].txsize == 0)
        release(s, held)
        for _ in range(400):
            if not rows(s) or len(ends.heard) == written:
                break
            s.later(0.3)
            ends.listen()
            ends.acknowledge(1 << 30)
        ends.listen()
        ends.acknowledge(1 << 30)
        assert not rows(s) or ends.heard == DATA[:written]
        s.frames()
        assert s.leaks() == 0


@pytest.mark.ipv4
@pytest.mark.parametrize("send_all", [False, True])
def test_many_senders_share_a_small_pool_and_all_get_through(send_all: bool) -> None:
    options: dict[str, Any] = {"IOB_NBUFFERS": 16, "IOB_THROTTLE": 4, "TCP_SEND_ALL": send_all}
    with Stack(**TCP | options) as s:
        listener = listening(s)
        peers = [Peer(s, sport=1000 + i) for i in range(4)]
        for peer in peers:
            peer.connect()
        socks = [accepted(s, listener) for _ in peers]
        done: list[int] = []

        def sender(i: int) -> Any:
            def body(sys: Any) -> None:
                socks[i].sendall(DATA[:4000])
                done.append(i)

            return body

        for i in range(4):
            s.kernel.tasks.create(sender(i), f"s{i}", 50)
        s.later(0.001)
        heard = [b""] * 4
        for _ in range(3000):
            frames = s.frames()
            for frame in frames:
                i = int.from_bytes(frame[36:38], "big") - 1000
                at = (int.from_bytes(frame[38:42], "big") - peers[i].iss) % 2**32 - 1
                if at <= len(heard[i]):
                    heard[i] += frame[54:][len(heard[i]) - at :]
            for i, peer in enumerate(peers):
                peer.put("A", ack=1 + len(heard[i]))
            s.later(0.05)
            if len(done) == 4:
                break
        assert sorted(done) == [0, 1, 2, 3]
        for _ in range(20):
            s.later(1)
            for frame in s.frames():
                i = int.from_bytes(frame[36:38], "big") - 1000
                at = (int.from_bytes(frame[38:42], "big") - peers[i].iss) % 2**32 - 1
                if at <= len(heard[i]):
                    heard[i] += frame[54:][len(heard[i]) - at :]
            for i, peer in enumerate(peers):
                peer.put("A", ack=1 + len(heard[i]))
        assert heard == [DATA[:4000]] * 4 and s.leaks() == 0


def test_streams_both_ways_at_once_with_full_buffers_do_not_stop() -> None:
    """Both ends send all they can and nobody reads until everything stands; the throttle keeps room for reading."""
    with Stack(**TCP | {"IOB_NBUFFERS": 20, "IOB_THROTTLE": 8}) as s:
        ends = Ends(s)
        sock, peer = ends.sock, ends.peer
        results = act(s, lambda sys: sock.sendall(DATA[:6000]))
        at = 0
        for _ in range(30):
            peer.feed("PA", DATA[at : at + 300], seq=1 + at)
            answers = peer.take()
            at = max([at] + [x.ack - 1 for x in answers])
        assert results == [] and rows(s)[0].rxsize - at in (0, 300)  # the last ACK may have found no buffer
        got = bytearray()

        def reader(sys: Any) -> None:
            while len(got) < 6000:
                got.extend(sock.recv(500))

        s.kernel.tasks.create(reader, "reader", 50)
        for _ in range(600):
            s.later(0.05)
            for x in peer.take():
                if x.seq - 1 <= len(ends.heard):
                    ends.heard += x.data[len(ends.heard) - x.seq + 1 :]
                at = max(at, x.ack - 1)
            peer.ack = 1 + len(ends.heard)
            rest = DATA[at : min(6000, at + 300)]
            peer.put("PA" if rest else "A", rest, seq=1 + at)
        assert results == [None] and ends.heard == DATA[:6000] and bytes(got) == DATA[:6000]
        quiet(s)
        s.frames()
        assert s.leaks() == 0
