"""TCP receiving: read-ahead in the IOBs that frames came in, and the window that follows the free ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import Stack, ether, hog, udp
from tcp_peer import TCP, Peer, accepted, act, connected, listening, rows, states
from tcp_pool import SMALL, holders, mute, poll, quiet, readahead, release, window

from kernel.iob import IobOwner
from kernel.sockbase import MSG_PEEK, SO_RCVBUF, SOL_SOCKET

DATA = bytes(range(251)) * 160
PLENTY: dict[str, Any] = TCP | {"IOB_NBUFFERS": 64, "IOB_THROTTLE": 8, "IOB_BUFSIZE": 196}
OFO: dict[str, Any] = PLENTY | {"NET_TCP_OUT_OF_ORDER": True}


def into(peer: Peer, size: int, at: int | None = None) -> None:
    """The bytes of DATA from ``at`` on, or from where the last ones ended, arrive; nothing is asked for yet."""
    seq = peer.seq if at is None else at
    peer.feed("PA", DATA[seq - 1 : seq - 1 + size], seq=seq)
    if at is None:
        peer.seq += size


# Where received bytes are


@pytest.mark.ipv4
def test_payload_stays_in_the_buffers_it_came_in() -> None:
    with Stack(**PLENTY, NET_RECV_PACK=False) as s:
        sock, peer = mute(s)
        copies = s.kernel.iobs.getstats().nallocs
        into(peer, 500)
        assert s.kernel.iobs.getstats().nallocs - copies == 3  # those of the frame: nothing was copied
        assert holders(s) == {(IobOwner.TCP_READ, sock.conn): 3}
        # Ethernet's 14 bytes, IP's 20 and TCP's 20 lay before the payload in the first one.
        assert [(p.offset, p.len) for p in readahead(s, sock.conn)] == [(54, 142), (0, 196), (0, 162)]


@pytest.mark.parametrize("pack,buffers", [(True, 2), (False, 30)])
def test_packing_closes_the_room_between_segments(pack: bool, buffers: int) -> None:
    with Stack(**PLENTY, NET_RECV_PACK=pack) as s:
        sock, peer = mute(s)
        for _ in range(30):
            into(peer, 10)
        assert holders(s) == {(IobOwner.TCP_READ, sock.conn): buffers}
        assert s.run(lambda sys: sock.recv(1000)) == DATA[:300] and s.leaks() == 0


@pytest.mark.parametrize("pack", [True, False])
def test_reading_gives_buffers_back_as_they_are_emptied(pack: bool) -> None:
    with Stack(**PLENTY, NET_RECV_PACK=pack) as s:
        sock, peer = mute(s)
        into(peer, 1000)
        before = len(readahead(s, sock.conn))
        assert s.run(lambda sys: sock.recv(300, MSG_PEEK)) == DATA[:300]
        assert len(readahead(s, sock.conn)) == before
        read = b""
        for size in (100, 250, 46, 600):
            read += s.run(lambda sys, size=size: sock.recv(size))
            chain = readahead(s, sock.conn)
            assert all(part.len for part in chain) and sum(part.len for part in chain) == 1000 - len(read)
            assert s.leaks() == len(chain)
        assert read == DATA[:996] and len(readahead(s, sock.conn)) == 1


def test_buffers_name_the_connection_that_could_give_them_back() -> None:
    with Stack(**OFO) as s:
        listener = listening(s)
        peers = [Peer(s), Peer(s, sport=1001)]
        for peer in peers:
            peer.connect()
        first, second = accepted(s, listener), accepted(s, listener)
        quiet(s)
        into(peers[0], 300)
        into(peers[1], 100, at=501)
        peers[1].take()  # its duplicate ACK
        act(s, lambda sys: second.send(bytes(400)))
        assert holders(s) == {
            (IobOwner.TCP_READ, first.conn): 2,
            (IobOwner.TCP_OFO, second.conn): 1,
            (IobOwner.TCP_WRITE, second.conn): 3,
        }
        into(peers[1], 500)
        assert holders(s)[IobOwner.TCP_READ, second.conn] == 4 and holders(s)[IobOwner.TCP_OFO, second.conn] == 0
        assert s.run(lambda sys: second.recv(1000)) == DATA[:600]
        poll(s)
        assert {owner for owner, _ in holders(s)} == {IobOwner.TCP_READ, IobOwner.TCP_WRITE, IobOwner.TXRING}


@pytest.mark.parametrize("pack,buffers", [(True, 2), (False, 30)])
def test_short_segments_out_of_order_are_packed_as_well(pack: bool, buffers: int) -> None:
    with Stack(**OFO, NET_RECV_PACK=pack) as s:
        sock, peer = mute(s)
        for i in range(30):
            into(peer, 10, at=101 + 10 * i)
            s.frames()
        assert holders(s) == {(IobOwner.TCP_OFO, sock.conn): buffers}
        into(peer, 100)
        assert s.run(lambda sys: sock.recv(1000)) == DATA[:400]


# The window


def test_the_first_window_of_nuttx_s_default_pool() -> None:
    with Stack(**TCP | {"IOB_NBUFFERS": 36, "IOB_THROTTLE": 8, "IOB_BUFSIZE": 196}) as s:
        listening(s)
        syn = Peer(s).connect()
        assert syn.window == 27 * 196  # 28 are free for it, and the answer itself is in one of them


def test_the_window_closes_as_buffers_fill_and_opens_as_they_are_read() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        windows = []
        for _ in range(7):
            (ack,) = peer.write(bytes(196))
            windows.append(ack.window)
        assert windows == [1176, 980, 784, 588, 392, 196, 0]
        s.run(lambda sys: sock.recv(10000))
        s.later(0.001)
        assert [x.window for x in peer.take()] == [1372]


def test_all_connections_promise_the_same_buffers() -> None:
    with Stack(**SMALL) as s:
        listener = listening(s)
        peers = [Peer(s), Peer(s, sport=1001)]
        assert [peer.connect().window for peer in peers] == [1372, 1372]
        accepted(s, listener)
        peers[0].write(bytes(980))
        (ack,) = peers[1].write(b"x")
        assert ack.window == 196 + 195  # one buffer is left, and room behind the x


def test_a_connection_without_anything_unread_gets_one_segment_of_the_reserve() -> None:
    with Stack(**SMALL | {"IOB_THROTTLE": 10, "IOB_NBUFFERS": 20}) as s:
        _, peer = connected(s)
        held = hog(s, 10)
        assert peer.answer("A", seq=0).window == 1460  # 9 of the 10, and no more than a segment
        hog(s, 5)
        assert peer.answer("A", seq=0).window == 4 * 196
        release(s, held)


@pytest.mark.parametrize("scale", [0, 3])
def test_a_large_pool_offers_what_the_header_can_say(scale: int) -> None:
    scaling = {"NET_TCP_WINDOW_SCALE": True, "NET_TCP_WINDOW_SCALE_FACTOR": scale} if scale else {}
    with Stack(**PLENTY | {"IOB_NBUFFERS": 1024} | scaling) as s:
        listening(s)
        peer = Peer(s)
        syn = peer.connect(options=b"\2\4\5\xb4\1\3\3\0" if scale else b"\2\4\5\xb4")
        assert syn.window == 65535  # that of a SYN is never scaled
        (ack,) = peer.write(b"x")
        # Without a scale the edge stays where it was: one byte is no reason to move it.
        assert ack.window << scale == ((1014 * 196 + 195) >> 3 << 3 if scale else 65534)


def test_so_rcvbuf_bounds_the_window() -> None:
    with Stack(**PLENTY, NET_RECV_BUFSIZE=2000, NET_MAX_RECV_BUFSIZE=5000) as s:
        sock, peer = connected(s)
        assert peer.write(DATA[:500])[0].window == 1500
        sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 9999)
        assert sock.getsockopt(SOL_SOCKET, SO_RCVBUF) == 5000
        (ack,) = peer.write(DATA[:500])
        assert ack.window == 4000
        sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 600)
        assert peer.write(b"")[:1] == [] and peer.answer("A", seq=0).window == 0


def test_rcvbuf_of_a_listener_is_that_of_its_connections() -> None:
    with Stack(**PLENTY, NET_RECV_BUFSIZE=2000) as s:
        listener = listening(s)
        listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 700)
        peer = Peer(s)
        assert peer.connect().window == 700
        assert accepted(s, listener).getsockopt(SOL_SOCKET, SO_RCVBUF) == 700


@pytest.mark.parametrize("nbuffers,first,second", [(24, 1460, 1460), (64, 8604, 7812)])
def test_with_segments_parked_the_window_keeps_room_for_what_is_missing(nbuffers: int, first: int, second: int) -> None:
    with Stack(**OFO | {"IOB_NBUFFERS": nbuffers}) as s:
        sock, peer = mute(s)
        into(peer, 1000, at=1461)
        expected = window(s, sock, parked=1000, gap=1460)
        (ack,) = peer.take()
        assert ack.window == expected == first
        into(peer, 400, at=2461)
        expected = window(s, sock, parked=1400, gap=1460)
        (ack,) = peer.take()
        assert ack.window == expected == second


def test_a_read_tells_of_room_that_is_half_of_all_or_two_segments() -> None:
    with Stack(**PLENTY | {"IOB_NBUFFERS": 28}) as s:  # 20 buffers, 3920 bytes, at most
        sock, peer = connected(s)
        peer.write(DATA[:1460])
        peer.write(DATA[1460:2000])
        peer.write(DATA[2000:3000])
        told = []
        for size in (900, 800, 100, 600, 600):
            s.run(lambda sys, size=size: sock.recv(size))
            s.later(0.001)
            told += [(x.ack, x.window, rows(s)[0].rxsize) for x in peer.take()]
        assert told == [(3001, 2488, 1200)]  # 724 were promised; 1960 more, the buffer of the ACK not counted
        assert rows(s)[0].rxsize == 0
    with Stack(**PLENTY | {"IOB_NBUFFERS": 128}) as s:  # 120 buffers, 23520 bytes: half would be 11760
        sock, peer = connected(s)
        for i in range(10):
            peer.write(DATA[1460 * i : 1460 * i + 1460])
        after = []
        for i in range(1, 11):
            s.run(lambda sys: sock.recv(1460))
            s.later(0.001)
            after += [i for _ in peer.take()]
        assert after == [2, 4, 6, 8, 10]


# No buffers


def test_a_segment_that_finds_no_buffer_is_not_acknowledged_and_comes_again() -> None:
    with Stack(**PLENTY) as s:
        sock, peer = connected(s)
        for leave in (0, 1, 2):  # 500 bytes and their headers need 3
            held = hog(s, leave)
            assert peer.answers("PA", DATA[:500]) == [] and rows(s)[0].rxsize == 0
            assert s.device.stats.rx_noiob == leave + 1 and s.kernel.iobs.navail() == leave
            release(s, held)
        s.later(1)
        assert peer.take() == []
        (ack,) = peer.write(DATA[:500])
        assert ack.ack == 501
        assert s.run(lambda sys: sock.recv(1000)) == DATA[:500] and s.leaks() == 0


def test_a_lost_datagram_is_lost_and_counted() -> None:
    with Stack(**PLENTY) as s:
        sock = s.keep(lambda sys: sys.socket())
        s.run(lambda sys: sock.bind(("", 7)))
        held = hog(s, 0)
        s.input(ether(udp(b"lost")))
        release(s, held)
        s.input(ether(udp(b"kept")))
        assert s.run(lambda sys: sock.recv(100)) == b"kept" and s.device.stats.rx_noiob == 1


def test_without_a_buffer_for_the_acknowledgement_the_data_is_kept_and_acknowledged_when_it_comes_again() -> None:
    with Stack(**PLENTY | {"IOB_THROTTLE": 0}, NET_RECV_PACK=False) as s:
        sock, peer = connected(s)
        held = hog(s, 1)
        assert peer.answers("PA", DATA[:100]) == []  # the frame took the last one
        assert rows(s)[0].rxsize == 100 and s.kernel.iobs.navail() == 0
        s.later(1)
        assert peer.take() == []
        release(s, held)
        (ack,) = peer.write(DATA[:100])
        assert ack.ack == 101 and s.run(lambda sys: sock.recv(1000)) == DATA[:100]


def test_a_closed_window_takes_nothing_and_answers_each_probe() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        while peer.write(bytes(196))[0].window:
            pass
        full = rows(s)[0].rxsize
        probe = peer.answer("A", b"x")
        assert (probe.ack, probe.window, rows(s)[0].rxsize) == (peer.seq, 0, full)
        s.run(lambda sys: sock.recv(10000))
        assert peer.take()[-1].window == 1372
        (ack,) = peer.write(b"x")
        assert ack.ack == peer.seq and s.run(lambda sys: sock.recv(10)) == b"x"


def test_many_readers_get_their_streams_through_a_small_pool() -> None:
    with Stack(**SMALL | {"IOB_THROTTLE": 2}) as s:
        listener = listening(s)
        peers = [Peer(s, sport=1000 + i) for i in range(3)]
        for peer in peers:
            peer.connect()
        socks = [accepted(s, listener) for _ in peers]
        got = [bytearray() for _ in peers]

        def reader(i: int) -> Any:
            def body(sys: Any) -> None:
                while part := socks[i].recv(50):
                    got[i].extend(part)
                    sys.usleep(20000)

            return body

        for i in range(3):
            s.kernel.tasks.create(reader(i), f"r{i}", 50)
        size, lost = 3000, 0
        for _ in range(4000):
            for i, peer in enumerate(peers):
                rest = DATA[peer.seq - 1 : size][: 150 + 100 * i]
                if not rest:
                    continue
                answers = peer.answers("PA", rest)
                lost += not answers
                peer.seq = max([peer.seq] + [x.ack for x in answers])
            s.later(0.01)
        assert [bytes(x) for x in got] == [DATA[:size]] * 3
        assert lost > 0 and s.leaks() == 0


@pytest.mark.parametrize("end", ["reset", "netdown", "kill"])
def test_the_end_of_a_connection_frees_what_it_had_received(end: str) -> None:
    with Stack(**OFO) as s:
        listener, peer = listening(s), Peer(s)
        peer.connect()
        pids: list[int] = []

        def body(sys: Any) -> None:
            sock, _ = listener.accept()
            pids.append(sys.getpid())
            sys.semaphore().wait()
            assert sock

        s.kernel.tasks.create(body, "owner", 50)
        s.later(0.001)
        peer.write(DATA[:600])
        into(peer, 500, at=1001)
        s.frames()
        assert {owner for owner, _ in holders(s)} == {IobOwner.TCP_READ, IobOwner.TCP_OFO}
        if end == "reset":
            peer.put("R")
        elif end == "netdown":
            s.eth.ifdown()
        else:
            s.kernel.tasks.kill(pids[0])
        s.later(0.001)
        s.frames()
        if end in ("reset", "netdown"):  # what came before can still be read, what waited behind a gap cannot
            assert {owner for owner, _ in holders(s)} == {IobOwner.TCP_READ}
            s.kernel.tasks.kill(pids[0])
            s.later(0.001)
        assert s.leaks() == 0 and states(s) == []


OPERATIONS = st.one_of(
    st.tuples(st.just("in"), st.integers(1, 1460)),
    st.tuples(st.just("read"), st.integers(1, 3000)),
    st.tuples(st.just("take"), st.integers(0, 30)),
    st.tuples(st.just("give"), st.just(0)),
)


@pytest.mark.ipv4
@settings(max_examples=150, deadline=None)
@given(
    nbuffers=st.integers(12, 80),
    throttle=st.integers(0, 11),
    bufsize=st.sampled_from([64, 128, 196, 400, 1514]),
    rcvbuf=st.sampled_from([0, 0, 1000, 4000]),
    pack=st.booleans(),
    operations=st.lists(OPERATIONS, max_size=25),
)
def test_every_window_is_the_one_that_the_pool_makes(
    nbuffers: int, throttle: int, bufsize: int, rcvbuf: int, pack: bool, operations: list[tuple[str, int]]
) -> None:
    options = {"IOB_NBUFFERS": nbuffers, "IOB_THROTTLE": throttle, "IOB_BUFSIZE": bufsize, "NET_RECV_PACK": pack}
    with Stack(**TCP | options, NET_RECV_BUFSIZE=rcvbuf) as s:
        listener, peer = listening(s), Peer(s)
        edge = 1 + peer.connect().window  # the right edge that was promised
        sock = accepted(s, listener)
        quiet(s)
        held: list[int] = []
        unread = read = 0
        owed = False  # an acknowledgement that found no buffer; a timer sends it
        for what, n in operations:
            grown = 0
            if what == "in":
                into(peer, n)
                came = rows(s)[0].rxsize - unread  # less if there was no buffer, or no window
                assert came in (0, min(n, edge - peer.seq + n))
                peer.seq += came - n
            elif what == "read" and unread:
                assert s.run(lambda sys, n=n: sock.recv(n)) == DATA[read : read + min(n, unread)]
                read += min(n, unread)
                grown = window(s, sock, rcvbuf=rcvbuf) - max(0, edge - peer.seq)
            elif what == "take":
                held += hog(s, max(0, s.kernel.iobs.navail() - n))
            elif what == "give":
                release(s, held)
            unread = rows(s)[0].rxsize
            most = (nbuffers - throttle) * bufsize
            most = min(65535, max(0, min(most, rcvbuf - unread)) if rcvbuf else most)
            can_tell = s.kernel.iobs.navail() > 0
            poll(s)
            expected, promised = window(s, sock, rcvbuf=rcvbuf), max(0, edge - peer.seq)
            if 0 < expected - promised < min(1460, most // 2) and unread:
                expected = promised  # a crumb is not worth telling
            acks = peer.take()
            if what == "read" and not owed:
                assert bool(acks) == (can_tell and grown > 0 and (2 * grown >= most or grown >= 2 * 1460))
            for ack in acks:
                assert (ack.ack, ack.window) == (peer.seq, expected)
                edge = max(edge, ack.ack + ack.window)
            owed = (owed or what == "in") and not acks
        release(s, held)
        s.run(lambda sys: sock.recv(100000) if unread else b"")
        poll(s)
        s.frames()
        assert s.leaks() == 0
