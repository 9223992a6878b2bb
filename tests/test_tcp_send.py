"""TCP sending: write buffers in IOBs, and what a sender does when the pool runs dry."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from stack import Stack, error_of, hog
from tcp_peer import Peer, accepted, act, connected, listening, rows, states
from tcp_pool import SMALL, holders, mute, poll, quiet, release

from kernel.iob import IobOwner
from kernel.sockbase import MSG_DONTWAIT, SO_SNDBUF, SO_SNDTIMEO, SOL_SOCKET

DATA = bytes(range(251)) * 40


def write(s: Stack, sock: Any, size: int, flags: int = 0) -> list[Any]:
    """A task that sends the first ``size`` bytes of DATA; what it got appears in the list."""
    return act(s, lambda sys: sock.send(DATA[:size], flags))


def pool_of(nbuffers: int, throttle: int, **options: Any) -> Stack:
    return Stack(**SMALL | {"IOB_NBUFFERS": nbuffers, "IOB_THROTTLE": throttle} | options)


# Where written bytes are


def test_written_bytes_wait_in_buffers_that_name_their_connection() -> None:
    with Stack(**SMALL) as s:
        sock, peer = mute(s)
        assert write(s, sock, 500) == [500]
        rows_ = [(h.owner, h.instance, h.len) for h in s.kernel.iobs.ledger()]
        assert sorted(rows_, key=lambda row: -row[2]) == [(IobOwner.TCP_WRITE, sock.conn, n) for n in (196, 196, 108)]
        poll(s)
        assert holders(s) == {(IobOwner.TCP_WRITE, sock.conn): 3, (IobOwner.TXRING, 1): 3}
        assert peer.read() == DATA[:500] and s.leaks() == 0


def test_short_sends_share_the_last_unsent_buffer() -> None:
    with Stack(**SMALL, NET_TCP_ALLOC_WRBCHAINS=0, NET_TCP_NWRBCHAINS=1) as s:
        sock, peer = mute(s)
        sent = act(s, lambda sys: [sock.send(DATA[i : i + 10]) for i in range(0, 300, 10)])
        assert sent == [[10] * 30]
        assert holders(s) == {(IobOwner.TCP_WRITE, sock.conn): 2}
        quiet(s)
        poll(s)
        assert peer.read() == DATA[:300]


def test_what_comes_after_a_buffer_was_sent_goes_into_another() -> None:
    with Stack(**SMALL, NET_TCP_ALLOC_WRBCHAINS=0, NET_TCP_NWRBCHAINS=1) as s:
        sock, peer = mute(s)
        write(s, sock, 10)
        poll(s)
        peer.take()
        assert write(s, sock, 10, MSG_DONTWAIT)[0].errno == errno.EAGAIN
        peer.ack += 10
        peer.put("A")
        assert write(s, sock, 10, MSG_DONTWAIT) == [10]


@pytest.mark.parametrize(
    "nbuffers,mss,chunk",
    [(36, 1460, 2920), (1024, 1460, 5840), (36, 536, 2144), (36, 1000, 3000), (14, 1460, 1372), (20, 1460, 1460)],
)
def test_a_write_buffer_takes_four_segments_but_no_more_than_half_the_pool(nbuffers: int, mss: int, chunk: int) -> None:
    with pool_of(nbuffers, 0, NET_TCP_ALLOC_WRBCHAINS=0, NET_TCP_NWRBCHAINS=1) as s:
        sock = listening(s)
        peer = Peer(s)
        peer.connect(options=b"\2\4" + mss.to_bytes(2, "big"))
        client = accepted(s, sock)
        quiet(s)
        assert write(s, client, 10000) == [chunk]


# Acknowledgements


def test_acknowledged_buffers_go_back_at_once_and_half_acknowledged_ones_are_trimmed() -> None:
    with Stack(**SMALL) as s:
        sock, peer = mute(s)
        write(s, sock, 1000)
        mine = (IobOwner.TCP_WRITE, sock.conn)
        assert holders(s) == {mine: 6}
        peer.window = 2000
        poll(s)
        peer.take()
        kept = []
        for ack in (195, 196, 197, 391, 392, 979, 980, 999):
            peer.put("A", ack=1 + ack)
            kept.append((holders(s)[mine], rows(s)[0].txsize))
        assert kept == [(6, 805), (5, 804), (5, 803), (5, 609), (4, 608), (2, 21), (1, 20), (1, 1)]
        peer.put("A", ack=1001)
        assert s.leaks() == 0


# The three behaviours


def test_a_blocking_send_without_a_first_buffer_waits_with_the_lock_given_up() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        held = hog(s, 4)
        results = write(s, sock, 100)
        assert results == [] and rows(s)[0].txsize == 0
        assert s.kernel.iobs.getstats().throttle_wait == 1
        assert s.kernel.net_lock.mutex.holder == -1
        s.later(3600)
        assert results == [] and s.pings()  # who holds no lock keeps nobody waiting
        release(s, held[:1])
        assert results == [100]
        assert peer.read() == DATA[:100]
        release(s, held[1:])
        assert s.leaks() == 0


def test_a_waiting_sender_is_served_by_an_acknowledgement_of_another_connection() -> None:
    with Stack(**SMALL) as s:
        listener = listening(s)
        peers = [Peer(s), Peer(s, sport=1001)]
        for peer in peers:
            peer.connect()
        first, second = accepted(s, listener), accepted(s, listener)
        assert write(s, first, 5000) == [1568]
        waiting = write(s, second, 100)
        assert waiting == []
        assert [len(x.data) for x in peers[0].take()] == [196, 196]  # the frames are gone, the write buffer is not
        assert waiting == []
        peers[0].put("A", ack=197)
        s.later(0.001)
        assert waiting == [100]


@pytest.mark.parametrize("how", ["MSG_DONTWAIT", "O_NONBLOCK"])
def test_a_nonblocking_send_without_a_first_buffer_gets_eagain_at_once(how: str) -> None:
    with Stack(**SMALL) as s:
        sock, _ = connected(s)
        held = hog(s, 4)
        if how == "O_NONBLOCK":
            sock.setblocking(False)
        before = s.clock.now_ns
        flags = MSG_DONTWAIT if how == "MSG_DONTWAIT" else 0
        assert s.run(lambda sys: (error_of(sock.send, DATA, flags), s.clock.now_ns)) == (errno.EAGAIN, before)
        assert rows(s)[0].txsize == 0 and s.kernel.iobs.getstats().throttle_wait == 0
        release(s, held)
        assert s.leaks() == 0


@pytest.mark.parametrize("flags", [0, MSG_DONTWAIT])
@pytest.mark.parametrize("leave", [5, 6, 8])
def test_a_send_that_runs_out_in_the_middle_returns_the_count_it_buffered(flags: int, leave: int) -> None:
    with Stack(**SMALL) as s:
        sock, peer = mute(s)
        held = hog(s, leave)
        count = (leave - 4) * 196
        assert write(s, sock, 2000, flags) == [count]
        assert s.kernel.iobs.navail() == 4
        assert write(s, sock, 2000, MSG_DONTWAIT)[0].errno == errno.EAGAIN
        release(s, held)
        poll(s)
        assert sum(len(x.data) for x in peer.take()) == count
        assert rows(s)[0].txsize == count


def test_a_program_that_calls_send_again_gets_everything_through() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        counts: list[int] = []

        def body(sys: Any) -> None:
            data = DATA
            while data:
                counts.append(sock.send(data))
                data = data[counts[-1] :]

        s.kernel.tasks.create(body, "sender", 50)
        s.later(0.001)
        assert peer.read() == DATA
        assert counts[0] == 1568 and sum(counts) == len(DATA) and s.leaks() == 0


# Today's NuttX


def test_with_send_all_a_blocking_send_loops_until_everything_is_buffered() -> None:
    with Stack(**SMALL, TCP_SEND_ALL=True) as s:
        sock, peer = connected(s)
        held = hog(s, 6)
        results = write(s, sock, 2000)
        assert results == [] and rows(s)[0].txsize == 392
        assert s.kernel.net_lock.mutex.holder == -1
        release(s, held)
        assert results == []
        assert peer.read() == DATA[:2000]
        assert results == [2000] and s.leaks() == 0


def test_with_send_all_a_nonblocking_send_still_returns_a_short_count() -> None:
    with Stack(**SMALL, TCP_SEND_ALL=True) as s:
        sock, _ = mute(s)
        hog(s, 6)
        assert write(s, sock, 2000, MSG_DONTWAIT) == [392]


def test_with_send_all_a_timeout_in_the_middle_returns_the_short_count() -> None:
    with Stack(**SMALL, TCP_SEND_ALL=True) as s:
        sock, _ = mute(s)
        sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
        hog(s, 6)
        results = write(s, sock, 2000)
        s.later(0.19)
        assert results == []
        s.later(0.04)
        assert results == [392] and s.kernel.iobs.getstats().throttle_wait == 0


def test_a_timeout_without_a_first_buffer_is_eagain() -> None:
    with Stack(**SMALL) as s:
        sock, _ = mute(s)
        sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
        hog(s, 4)
        before = s.clock.now_ns
        assert s.run(lambda sys: error_of(sock.send, DATA)) == errno.EAGAIN
        assert 200_000_000 <= s.clock.now_ns - before <= 220_000_000
        assert s.kernel.iobs.getstats().throttle_wait == 0


# SO_SNDBUF and write buffer heads


def test_sndbuf_is_a_limit_for_which_a_sender_waits() -> None:
    with Stack(**SMALL, NET_SEND_BUFSIZE=1000) as s:
        sock, peer = mute(s)
        assert sock.getsockopt(SOL_SOCKET, SO_SNDBUF) == 1000
        results = write(s, sock, 1500)
        assert results == [] and rows(s)[0].txsize == 1000 and s.kernel.net_lock.mutex.holder == -1
        poll(s)
        peer.take()
        peer.put("A", ack=301)
        s.later(0.001)
        assert results == [] and rows(s)[0].txsize == 1000
        poll(s)
        peer.take()
        peer.put("A", ack=1001)
        s.later(0.001)
        assert results == [1500] and rows(s)[0].txsize == 500


def test_a_nonblocking_send_fills_sndbuf_and_then_gets_eagain() -> None:
    with Stack(**SMALL, NET_SEND_BUFSIZE=1000) as s:
        sock, _ = mute(s)
        sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 300)
        assert write(s, sock, 1500, MSG_DONTWAIT) == [300]
        assert write(s, sock, 1, MSG_DONTWAIT)[0].errno == errno.EAGAIN
        assert holders(s) == {(IobOwner.TCP_WRITE, sock.conn): 2}


def test_a_timeout_at_the_limit_is_eagain() -> None:
    with Stack(**SMALL, NET_SEND_BUFSIZE=100) as s:
        sock, _ = mute(s)
        write(s, sock, 100)
        sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.3)
        assert s.run(lambda sys: error_of(sock.send, b"x")) == errno.EAGAIN


def test_a_fixed_number_of_heads_is_a_limit_for_all_connections_together() -> None:
    with pool_of(64, 8, NET_TCP_ALLOC_WRBCHAINS=0, NET_TCP_NWRBCHAINS=2) as s:
        listener = listening(s)
        peers = [Peer(s), Peer(s, sport=1001)]
        for peer in peers:
            peer.connect(options=b"\2\4" + (100).to_bytes(2, "big"))  # 400 bytes fill a write buffer
        first, second = accepted(s, listener), accepted(s, listener)
        quiet(s)
        assert write(s, first, 1000) == [800]
        assert write(s, second, 1, MSG_DONTWAIT)[0].errno == errno.EAGAIN
        waiting = write(s, second, 10)
        assert waiting == [] and s.kernel.net_lock.mutex.holder == -1
        poll(s)
        peers[0].put("A", ack=401)
        s.later(0.001)
        assert waiting == [10]


# Few buffers for segments


@pytest.mark.ipv4
@pytest.mark.parametrize("leave,size", [(0, 0), (1, 141), (2, 196), (3, 196), (5, 196), (6, 1000)])
def test_a_segment_is_cut_to_what_few_buffers_hold(leave: int, size: int) -> None:
    with pool_of(16, 0) as s:
        sock, peer = mute(s)
        write(s, sock, 1000)
        hog(s, leave)
        poll(s, 1)
        assert [len(x.data) for x in peer.take()] == [size][: bool(size)]


@pytest.mark.ipv4
def test_tiny_packets_get_a_stream_through_a_pool_that_is_nearly_empty() -> None:
    with pool_of(16, 0) as s:
        sock, peer = mute(s)
        assert write(s, sock, 1000) == [1000]
        hog(s, 1)
        sizes = []
        for _ in range(100):
            poll(s, 1)
            got = peer.take()
            if not got:
                break
            sizes += [len(x.data) for x in got]
            peer.ack += len(got[0].data)
            peer.feed("A")
        assert sum(sizes) == 1000 and sizes[0] == 141 and rows(s)[0].txsize == 0


@pytest.mark.parametrize("seconds", [1, 300])
def test_a_segment_without_a_buffer_goes_out_by_a_timer_once_there_is_one(seconds: int) -> None:
    with pool_of(16, 0) as s:
        sock, peer = connected(s)
        held = hog(s, 1)
        assert write(s, sock, 100) == [100]  # the last one
        assert peer.take() == [] and s.device.stats.tx_noiob > 0
        s.later(seconds)
        assert peer.take() == [] and states(s) == ["ESTABLISHED"]
        release(s, held)
        s.later(2)
        assert b"".join(x.data for x in peer.take()[:1]) == DATA[:100]


def test_a_fin_without_a_buffer_goes_out_by_a_timer_once_there_is_one() -> None:
    with pool_of(16, 0) as s:
        sock, peer = connected(s)
        held = hog(s, 0)
        act(s, lambda sys: sock.close())
        assert peer.take() == []
        s.later(10)
        release(s, held)
        s.later(2)
        assert [x.flags for x in peer.take()][:1] == ["FA"]


def test_once_a_probe_has_carried_the_last_byte_nothing_is_asked_any_more() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        peer.window = 0
        peer.put("A")
        write(s, sock, 1)
        s.later(2)
        assert b"".join(x.data for x in peer.take()[:1]) == DATA[:1]
        peer.put("A", ack=2)
        s.later(1000)
        assert peer.take() == [] and states(s) == ["ESTABLISHED"]


# Ends


def reset(s: Stack, peer: Peer) -> None:
    peer.put("R")


def netdown(s: Stack, peer: Peer) -> None:
    s.eth.ifdown()
    s.later(0.001)


def silence(s: Stack, peer: Peer) -> None:
    for _ in range(400):
        s.later(1)
        s.frames()


@pytest.mark.parametrize(
    "end,code", [(reset, errno.ECONNRESET), (netdown, errno.ENETUNREACH), (silence, errno.ETIMEDOUT)]
)
def test_the_end_of_a_connection_frees_its_buffers_and_wakes_its_sender(
    end: Callable[[Stack, Peer], None], code: int
) -> None:
    with Stack(**SMALL, TCP_SEND_ALL=True, NET_SEND_BUFSIZE=1000) as s:
        sock, peer = connected(s)
        results = write(s, sock, 5000)
        peer.take()
        assert results == []
        end(s, peer)
        assert results == [1000]  # what had been buffered; why the rest could not be comes with the next call
        s.frames()
        assert s.leaks() == 0 and states(s) == []
        assert s.run(lambda sys: error_of(sock.send, b"x")) == code


def test_a_closed_socket_keeps_its_buffers_until_they_are_acknowledged() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        write(s, sock, 1000)
        act(s, lambda sys: sock.close())
        assert peer.read() == DATA[:1000]
        assert states(s) == ["FIN_WAIT_2"] and s.leaks() == 0


def test_a_closed_socket_whose_peer_is_gone_gives_up_its_buffers() -> None:
    with Stack(**SMALL) as s:
        sock, peer = connected(s)
        write(s, sock, 1000)
        act(s, lambda sys: sock.close())
        silence(s, peer)
        assert states(s) == [] and s.leaks() == 0


@pytest.mark.parametrize("waits_for", ["an IOB", "SO_SNDBUF", "a head"])
def test_a_killed_sender_leaves_nothing_behind(waits_for: str) -> None:
    extra = {"NET_SEND_BUFSIZE": 500} if waits_for == "SO_SNDBUF" else {}
    if waits_for == "a head":
        extra = {"NET_TCP_ALLOC_WRBCHAINS": 0, "NET_TCP_NWRBCHAINS": 1}
    with Stack(**SMALL | extra, TCP_SEND_ALL=True) as s:
        sock, peer = connected(s)
        pids: list[int] = []

        def body(sys: Any) -> None:
            pids.append(sys.getpid())
            sock.send(DATA)

        s.kernel.tasks.create(body, "sender", 50)
        s.later(0.001)
        s.kernel.tasks.kill(pids[0])
        s.later(0.001)
        assert s.kernel.net_lock.mutex.holder == -1 and s.kernel.iobs.getstats().throttle_wait == 0
        heard = peer.read()
        assert heard == DATA[: len(heard)] and 500 <= len(heard) <= 1568
        assert s.leaks() == 0 and s.pings()
        results = write(s, sock, 300)
        assert peer.read() == DATA[:300] and results == [300] and s.leaks() == 0


@pytest.mark.parametrize("buffered", [0, 500])
def test_a_signal_at_the_limit_is_eintr_or_the_short_count(buffered: int) -> None:
    with Stack(**SMALL, NET_SEND_BUFSIZE=500) as s:
        sock, _ = mute(s)
        if not buffered:
            write(s, sock, 500)
        pids: list[int] = []

        def body(sys: Any) -> int:
            pids.append(sys.getpid())
            count: int = sock.send(DATA)
            return count

        results = act(s, body)
        assert results == []
        act(s, lambda sys: sys.kill(pids[0], 10))
        assert ([buffered] if buffered else [errno.EINTR]) == [getattr(r, "errno", r) for r in results]


def test_a_socket_closed_under_a_waiting_sender_fails_it() -> None:
    with Stack(**SMALL) as s:
        sock, _ = connected(s)
        held = hog(s, 4)
        results = write(s, sock, 100)
        act(s, lambda sys: sock.close())
        release(s, held)
        assert [error.errno for error in results] == [errno.EBADF] and holders(s)[IobOwner.TCP_WRITE, sock.conn] == 0
        s.frames()
        assert s.leaks() == 0
