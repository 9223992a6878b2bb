"""TCP sending without CONFIG_NET_TCP_WRITE_BUFFERS: from the program's own memory, until all is acknowledged."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of, hog
from tcp_peer import Peer, act, connected, rows, states
from tcp_pool import SMALL, holders, mute, narrow, poll, release, stream

from kernel.core import lib
from kernel.iob import IobOwner
from kernel.sockbase import MSG_DONTWAIT, SHUT_WR, SO_SNDTIMEO, SOL_SOCKET

DATA = bytes(range(251)) * 40
OPTIONS: dict[str, Any] = SMALL | {"NET_TCP_WRITE_BUFFERS": False, "IOB_THROTTLE": 0}


@pytest.fixture(params=["global", "split"])
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**OPTIONS, NET_LOCKS=request.param) as stack:
        yield stack


def sender(s: Stack, sock: Any, data: bytes, flags: int = 0) -> tuple[list[Any], int]:
    """A task that sends ``data``: its result once there is one, and its pid."""
    results: list[Any] = []
    pids: list[int] = []

    def body(sys: Any) -> None:
        pids.append(sys.getpid())
        try:
            results.append(sock.send(data, flags))
        except OSError as error:
            results.append(error.errno)

    s.kernel.tasks.create(body, "sender", 50)
    s.later(0.001)
    return results, pids[0]


def test_send_returns_when_everything_is_acknowledged(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, DATA[:500])
    (segment,) = peer.take()
    assert segment.data == DATA[:500] and results == []
    peer.put("A", ack=401)
    s.later(0.001)
    assert results == [] and rows(s)[0].txsize == 100
    peer.put("A", ack=501)
    s.later(0.001)
    assert results == [500] and rows(s)[0].txsize == 0


def test_a_waiting_sender_holds_no_buffer_and_no_lock(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, DATA[:500])
    assert {owner for owner, _ in holders(s)} == {IobOwner.TXRING}
    peer.take()
    assert holders(s) == {} and s.leaks() == 0
    assert results == [] and s.kernel.net_lock.mutex.holder == -1 and s.pings()


def test_more_than_the_pool_holds_goes_out_in_one_send(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, DATA)
    assert stream(peer) == DATA
    assert results == [len(DATA)] and s.leaks() == 0


def test_what_was_lost_is_sent_again_from_the_senders_memory(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, DATA[:500])
    peer.take()
    s.later(2)
    again = peer.take()
    assert [(x.seq, x.data) for x in again] == [(1, DATA[:500])] * len(again) and again and results == []
    peer.put("A", ack=501)
    s.later(0.001)
    assert results == [500]


def test_the_second_of_two_senders_waits_for_the_first(s: Stack) -> None:
    sock, peer = connected(s)
    first, _ = sender(s, sock, b"first")
    second, _ = sender(s, sock, b"second")
    assert rows(s)[0].txsize == 5
    assert stream(peer) == b"firstsecond"
    assert (first, second) == ([5], [6])


def test_a_nonblocking_send_waits_as_well_as_in_nuttx(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, b"abc", MSG_DONTWAIT)
    assert results == [] and stream(peer) == b"abc" and results == [3]


def test_an_empty_send_is_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    assert sender(s, sock, b"")[0] == [0] and peer.take() == []


def test_a_socket_can_always_be_written(s: Stack) -> None:
    sock, _ = connected(s)
    hog(s, 0)
    assert lib.tcp_get(s.board, sock.conn, lib.SOCK_READY) & lib.NET_POLLOUT


def test_over_the_loopback_a_send_ends_by_itself(s: Stack) -> None:
    def body(sys: Any) -> Any:
        server = sys.socket(2, 1)
        server.bind(("", 9))
        server.listen()
        client = sys.socket(2, 1)
        client.connect(("127.0.0.1", 9))
        other, _ = server.accept()
        return client.send(b"x" * 100), other.recv(1000)

    assert s.run(body) == (100, b"x" * 100)


# Segments need buffers all the same


def test_without_a_buffer_for_a_segment_a_timer_tries_again(s: Stack) -> None:
    sock, peer = connected(s)
    held = hog(s, 0)
    results, _ = sender(s, sock, b"abc")
    s.later(200)
    assert peer.take() == [] and results == []
    release(s, held)
    s.later(2)
    assert stream(peer) == b"abc" and results == [3]


# A send that ends early


def test_a_timeout_before_anything_left_is_eagain_and_the_stream_goes_on(s: Stack) -> None:
    sock, peer = mute(s)
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
    before = s.clock.now_ns
    assert s.run(lambda sys: error_of(sock.send, b"never")) == errno.EAGAIN
    assert 200_000_000 <= s.clock.now_ns - before <= 220_000_000
    assert rows(s)[0].txsize == 0
    results, _ = sender(s, sock, b"then")
    poll(s)
    assert [x.data for x in peer.take()] == [b"then"]
    peer.put("A", ack=5)
    s.later(0.001)
    assert results == [4]


def test_a_timeout_is_one_without_progress(s: Stack) -> None:
    sock, peer = connected(s)
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.4)
    results, _ = sender(s, sock, DATA[:500])
    for ack in (101, 201, 301, 401):
        s.later(0.3)
        assert results == []
        peer.put("A", ack=ack)
    s.later(0.3)
    peer.put("A", ack=501)
    s.later(0.001)
    assert results == [500]


def test_a_timeout_with_bytes_on_their_way_returns_their_number_and_they_arrive(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
    results, _ = sender(s, sock, DATA[:1000])
    assert sum(len(x.data) for x in peer.take()) == 300
    peer.put("A", ack=101, window=200)
    s.later(0.3)
    assert results == [300]
    assert holders(s) == {(IobOwner.TCP_WRITE, sock.conn): 2}  # the 200 that may have to go once more
    peer.take()
    s.later(2)
    assert b"".join(x.data for x in peer.take()[:1]) == DATA[100:300]
    peer.ack, peer.window = 301, 65535
    peer.put("A")
    assert s.leaks() == 0
    results, _ = sender(s, sock, DATA[300:400])
    assert stream(peer) == DATA[300:400] and results == [100]


def test_the_next_send_waits_until_what_the_last_one_left_is_acknowledged(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
    results, _ = sender(s, sock, DATA[:1000])
    s.later(0.3)
    assert results == [300]
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0)
    results, _ = sender(s, sock, DATA[300:400])
    assert results == [] and rows(s)[0].txsize == 300
    assert stream(peer) == DATA[:400]
    assert results == [100] and s.leaks() == 0


def test_a_peer_that_keeps_its_window_shut_costs_a_timed_send_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    peer.window = 0
    peer.put("A")
    sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2)
    assert s.run(lambda sys: error_of(sock.send, b"abc")) == errno.EAGAIN
    peer.window = 65535
    peer.put("A")
    results, _ = sender(s, sock, b"xyz")
    assert stream(peer) == b"xyz" and results == [3]


def test_a_signal_before_anything_left_is_eintr(s: Stack) -> None:
    sock, _ = mute(s)
    results, pid = sender(s, sock, b"never")
    s.run(lambda sys: sys.kill(pid, 10))
    assert results == [errno.EINTR] and rows(s)[0].txsize == 0


def test_a_signal_with_bytes_on_their_way_returns_their_number(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    results, pid = sender(s, sock, DATA[:1000])
    assert sum(len(x.data) for x in peer.take()) == 300
    act(s, lambda sys: sys.kill(pid, 10))
    assert results == [300] and rows(s)[0].txsize == 300
    peer.ack = 301
    peer.put("A")
    assert s.leaks() == 0 and states(s) == ["ESTABLISHED"]


def test_a_killed_sender_takes_back_what_never_left(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    results, pid = sender(s, sock, DATA[:1000])
    peer.take()
    s.kernel.tasks.kill(pid)
    s.later(0.001)
    assert results == [] and rows(s)[0].txsize == 300
    assert s.kernel.net_lock.mutex.holder == -1
    s.later(2)
    assert stream(peer) == DATA[:300]
    assert s.leaks() == 0 and states(s) == ["ESTABLISHED"]


@pytest.mark.ipv4
def test_a_killed_owner_closes_behind_what_has_left(s: Stack) -> None:
    pids: list[int] = []

    def body(sys: Any) -> None:
        pids.append(sys.getpid())
        mine = sys.socket(2, 1)
        mine.connect(("10.0.1.1", 80))
        mine.send(DATA[:1000])

    s.kernel.tasks.create(body, "owner", 50)
    s.later(0.001)
    other = Peer(s, sport=80, dport=0)
    (frame,) = s.frames()
    other.dport, other.iss = int.from_bytes(frame[34:36], "big"), int.from_bytes(frame[38:42], "big")
    other.window = 300
    other.put("SA", seq=0, ack=1, options=b"\2\4\5\xb4")
    other.seq = other.ack = 1
    s.later(0.001)
    assert sum(len(x.data) for x in other.take()) == 300
    s.kernel.tasks.kill(pids[0])
    s.later(0.001)
    other.put("A", ack=101)
    s.later(2)
    last = other.take()[-1]
    assert last.flags == "FPA" and last.data == DATA[100:300]
    other.put("A", ack=302)
    assert s.leaks() == 0


def test_without_buffers_for_what_has_left_the_connection_is_reset(s: Stack) -> None:
    sock, peer = connected(s)
    results, pid = sender(s, sock, DATA[:500])
    peer.take()
    held = hog(s, 1)
    s.kernel.tasks.kill(pid)
    s.later(0.001)
    assert states(s) == [] and results == []
    release(s, held)
    s.frames()
    assert s.leaks() == 0
    assert s.run(lambda sys: error_of(sock.send, b"x")) == errno.ECONNABORTED


def test_a_socket_closed_by_another_task_fails_its_sender(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    results, _ = sender(s, sock, DATA[:1000])
    peer.take()
    act(s, lambda sys: sock.close())
    assert results == [errno.EBADF]
    peer.window = 65535
    s.later(2)
    assert stream(peer) == DATA[:300]
    assert states(s) == ["FIN_WAIT_2"] and s.leaks() == 0


def test_a_half_close_by_another_task_lets_the_send_finish(s: Stack) -> None:
    sock, peer = narrow(s, 300)
    results, _ = sender(s, sock, DATA[:1000])
    act(s, lambda sys: sock.shutdown(SHUT_WR))
    peer.window = 65535
    assert stream(peer) == DATA[:1000]
    assert results == [1000] and states(s) == ["FIN_WAIT_2"]


def test_a_reset_fails_the_sender(s: Stack) -> None:
    sock, peer = connected(s)
    results, _ = sender(s, sock, DATA[:500])
    peer.take()
    peer.put("R")
    s.later(0.001)
    assert results == [errno.ECONNRESET] and s.leaks() == 0


def test_an_interface_that_goes_down_fails_the_sender(s: Stack) -> None:
    sock, _ = connected(s)
    results, _ = sender(s, sock, DATA[:500])
    s.eth.ifdown()
    s.later(0.001)
    s.frames()
    assert results == [errno.ENETUNREACH] and s.leaks() == 0


def test_a_board_that_is_closed_leaves_its_sender_in_peace() -> None:
    with Stack(**OPTIONS) as s:
        sock, _ = connected(s)
        results, _ = sender(s, sock, DATA)
    assert results == []
