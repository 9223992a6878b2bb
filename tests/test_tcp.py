"""TCP connections: how they begin, carry data, and end (RFC 9293)."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of
from tcp_peer import TCP, Peer, accepted, act, connected, listener, listening, rows, states

from kernel.sockbase import AF_INET, IPPROTO_TCP, SHUT_RD, SHUT_WR, SOCK_STREAM, TCP_NODELAY


@pytest.fixture
def s() -> Iterator[Stack]:
    with Stack(**TCP) as stack:
        yield stack


def dial(sys: Any, port: int = 7, address: str = "10.0.1.1") -> Any:
    sock = sys.socket(AF_INET, SOCK_STREAM)
    sock.connect((address, port))
    return sock


def dialling(s: Stack) -> tuple[list[Any], Peer]:
    """A task that calls; its socket, or the error, once there is one; and the peer, which has its SYN."""
    results: list[Any] = []

    def body(sys: Any) -> None:
        try:
            results.append(dial(sys))
        except OSError as error:
            results.append(error.errno)
        sys.semaphore().wait()

    s.kernel.tasks.create(body, "dialler", 50)
    s.later(0.001)
    (frame,) = s.frames()
    peer = Peer(s, dport=int.from_bytes(frame[34:36], "big"), sport=7)
    peer.iss = int.from_bytes(frame[38:42], "big")
    return results, peer


# Opening


@pytest.mark.ipv4
def test_a_listener_answers_a_syn_with_its_mss_and_becomes_established_by_the_ack(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    syn = peer.connect()
    assert syn.options == {2: (1460).to_bytes(2, "big")}
    assert states(s) == ["ESTABLISHED"]
    client = accepted(s, sock)
    assert client.getpeername() == ("10.0.1.1", 1000) and client.getsockname() == ("10.0.1.2", 7)


def test_a_syn_to_a_port_without_listener_is_refused(s: Stack) -> None:
    reset = Peer(s).answer("S", seq=0)
    assert (reset.flags, reset.ack) == ("RA", 1)
    assert s.kernel.net.stats.tcp_synrst == 1


def test_an_ack_to_a_listener_is_refused_by_its_own_number(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    reset = peer.answer("A", seq=0, ack=77)
    assert (reset.flags, reset.seq) == ("R", 77)


def test_resets_are_never_answered(s: Stack) -> None:
    listening(s)
    for flags in ("R", "RA", "RSA"):
        assert Peer(s).answers(flags) == []
        assert Peer(s, dport=8).answers(flags) == []


def test_what_is_no_call_does_nothing_at_a_listener(s: Stack) -> None:
    listening(s)
    for flags in ("", "F", "P", "U", "FPU"):
        assert Peer(s).answers(flags) == []
    assert states(s) == []


def test_a_syn_that_comes_again_is_answered_again(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    first = peer.answer("S", seq=0)
    assert peer.answer("S", seq=0)[:5] == first[:5]
    assert states(s) == ["SYN_RCVD"]


def test_a_call_that_is_reset_before_it_is_established_disappears(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    assert peer.answers("R", seq=1) == [] and states(s) == []


def test_a_wrong_ack_of_our_syn_is_reset(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    reset = peer.answer("A", seq=1, ack=2)
    assert reset.flags == "R" and reset.seq == 2


@pytest.mark.ipv4
def test_connect_sends_a_syn_and_waits_for_its_answer(s: Stack) -> None:
    results, peer = dialling(s)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xb4")
    s.later(0.001)
    (sock,) = results
    assert [(a.flags, a.seq, a.ack) for a in peer.take()] == [("A", 1, 1)]
    assert states(s) == ["ESTABLISHED"] and sock.getpeername() == ("10.0.1.1", 7)


@pytest.mark.ipv4
def test_connect_is_refused_by_a_reset(s: Stack) -> None:
    results, peer = dialling(s)
    peer.put("RA", seq=0, ack=1)
    s.later(0.001)
    assert results == [errno.ECONNREFUSED] and states(s) == []


def test_connect_gives_up_after_nuttx_s_five_repetitions(s: Stack) -> None:
    results: list[Any] = []
    s.kernel.tasks.create(lambda sys: results.append(error_of(dial, sys)), "dialler", 50)
    times = []
    for _ in range(20000):
        s.later(0.01)
        times += [round(s.clock.now_ns / 1e9, 1) for _ in s.frames()]
        if results:
            break
    assert results == [errno.ETIMEDOUT]
    gaps = [round(b - a, 1) for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([1.5, 3, 6, 12, 24], abs=0.1)


@pytest.mark.parametrize("address", ["255.255.255.255", "10.0.1.255", "224.0.0.1"])
def test_nobody_calls_everybody(s: Stack, address: str) -> None:
    assert s.run(lambda sys: error_of(dial, sys, 7, address)) == errno.EADDRNOTAVAIL


@pytest.mark.ipv4
def test_two_that_call_each_other_at_once_are_connected(s: Stack) -> None:
    results, peer = dialling(s)
    both = peer.answer("S", seq=0)
    assert (both.flags, both.seq, both.ack) == ("SA", 0, 1) and states(s) == ["SYN_RCVD"]
    peer.seq = peer.ack = 1
    peer.put("SA", seq=0)
    peer.put("A")
    s.later(0.001)
    assert states(s) == ["ESTABLISHED"] and len(results) == 1


# Data


def test_what_the_peer_sends_is_read_and_acknowledged(s: Stack) -> None:
    sock, peer = connected(s)
    (ack,) = peer.write(b"hello")
    assert (ack.flags, ack.ack) == ("A", 6)
    assert s.run(lambda sys: sock.recv(100)) == b"hello"


def test_a_burst_is_acknowledged_once_it_was_all_taken_in(s: Stack) -> None:
    _, peer = connected(s)
    for i in range(5):
        peer.feed("A", b"x" * 100, seq=1 + 100 * i)
    peer.seq = 501
    (ack,) = peer.answers("A", b"y" * 100)
    assert ack.ack == 601


def test_recv_takes_what_there_is_and_leaves_the_rest(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"abcdef")
    assert s.run(lambda sys: (sock.recv(2), sock.recv(3), sock.recv(9))) == (b"ab", b"cde", b"f")


def test_send_goes_out_in_segments_of_the_peers_mss(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    peer.connect(options=b"\2\4\2\0")
    client = accepted(s, sock)
    data = bytes(range(256)) * 5
    act(s, lambda sys: client.send(data))
    segments = peer.take()
    assert [len(x.data) for x in segments] == [512, 512, 256]
    assert [(x.seq, x.flags) for x in segments] == [(1, "A"), (513, "A"), (1025, "PA")]
    assert b"".join(x.data for x in segments) == data


def test_with_nagle_a_short_segment_waits_for_the_last_acknowledgement() -> None:
    with Stack(**TCP, TCP_NAGLE=True) as s:
        sock, peer = connected(s)
        for word in (b"one", b"two"):
            act(s, lambda sys, word=word: sock.send(word))
        assert [x.data for x in peer.take()] == [b"one"]
        peer.ack += 3
        assert [x.data for x in peer.answers("A")] == [b"two"]
        peer.ack += 3
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        for word in (b"one", b"two"):
            act(s, lambda sys, word=word: sock.send(word))
        assert [x.data for x in peer.take()] == [b"one", b"two"]


@pytest.mark.ipv4
def test_a_peer_that_names_no_mss_gets_536_bytes(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    peer.connect(options=b"")
    client = accepted(s, sock)
    act(s, lambda sys: client.send(bytes(1000)))
    assert len(peer.take()[0].data) == 536


def test_a_stream_goes_both_ways_at_once(s: Stack) -> None:
    sock, peer = connected(s)
    out, data = bytes(range(250)) * 40, bytes(range(199)) * 30
    got = bytearray()

    def program(sys: Any) -> None:
        sock.sendall(out)

    def reader(sys: Any) -> None:
        while part := sock.recv(700):
            got.extend(part)

    s.kernel.tasks.create(program, "w", 50)
    s.kernel.tasks.create(reader, "r", 50)
    s.later(0.001)
    heard = b""
    for i in range(0, len(data), 333):
        heard += peer.read()
        peer.put("PA", data[i : i + 333])
        peer.seq += len(data[i : i + 333])
    heard += peer.read()
    assert heard == out
    assert bytes(got) == data


# Closing


def test_the_peers_fin_is_the_end_of_the_stream(s: Stack) -> None:
    sock, peer = connected(s)
    (ack,) = peer.write(b"bye", "FPA")
    assert ack.ack == 5 and states(s) == ["CLOSE_WAIT"]
    assert s.run(lambda sys: (sock.recv(10), sock.recv(10), sock.recv(10))) == (b"bye", b"", b"")


def test_close_after_the_peer_goes_through_last_ack(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"", "FA")
    peer.seq += 1
    act(s, lambda sys: sock.close())
    (fin,) = peer.take()
    assert fin.flags == "FA" and states(s) == ["LAST_ACK"]
    peer.ack += 1
    assert peer.answers("A") == [] and states(s) == []


def test_close_before_the_peer_ends_in_time_wait_for_two_minutes(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    (fin,) = peer.take()
    assert fin.flags == "FA" and states(s) == ["FIN_WAIT_1"]
    peer.ack += 1
    assert peer.answers("A") == [] and states(s) == ["FIN_WAIT_2"]
    (ack,) = peer.answers("FA")
    assert (ack.flags, ack.ack) == ("A", 2) and states(s) == ["TIME_WAIT"]
    s.later(119)
    assert states(s) == ["TIME_WAIT"]
    s.later(2)
    assert states(s) == []


def test_two_that_close_at_once_meet_in_closing(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.put("FA")  # does not acknowledge ours
    assert states(s) == ["CLOSING"]
    peer.seq, peer.ack = 2, 2
    peer.put("A")
    assert states(s) == ["TIME_WAIT"]


def test_a_fin_with_the_ack_of_ours_skips_closing(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    (ack,) = peer.answers("FA")
    assert ack.ack == 2 and states(s) == ["TIME_WAIT"]


def test_a_fin_that_comes_again_is_acknowledged_again_and_starts_time_wait_over(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.answers("FA")
    s.later(100)
    (ack,) = peer.answers("FA")
    assert ack.ack == 2
    s.later(100)
    assert states(s) == ["TIME_WAIT"]


def test_written_data_goes_out_before_the_fin(s: Stack) -> None:
    sock, peer = connected(s)

    def program(sys: Any) -> None:
        sock.send(bytes(5000))
        sock.close()

    act(s, program)
    segments = peer.take()
    assert sum(len(x.data) for x in segments) == 5000
    assert ["F" in x.flags for x in segments] == [False] * (len(segments) - 1) + [True]


def test_a_half_close_lets_the_peer_go_on(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.shutdown(SHUT_WR))
    (fin,) = peer.take()
    assert fin.flags == "FA"
    peer.ack += 1
    peer.put("A")
    peer.write(b"still here")
    assert s.run(lambda sys: sock.recv(100)) == b"still here"
    assert s.run(lambda sys: error_of(sock.send, b"x")) == errno.EPIPE


def test_shutdown_of_reading_ends_a_read_and_drops_what_comes(s: Stack) -> None:
    sock, peer = connected(s)
    results = s.start(lambda sys: sock.recv(10))
    assert results == []
    act(s, lambda sys: sock.shutdown(SHUT_RD))
    assert results == [b""]
    peer.write(b"nobody reads this")
    assert rows(s)[0].rxsize == 0


def test_closing_with_unread_data_resets(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"unread")
    act(s, lambda sys: sock.close())
    (reset,) = peer.take()
    assert reset.flags == "RA" and states(s) == [] and s.leaks() == 0


def test_data_for_a_socket_that_is_closed_resets(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    (reset,) = peer.answers("A", b"too late")
    assert "R" in reset.flags and states(s) == [] and s.leaks() == 0


def test_a_reset_is_told_once_and_then_there_is_no_connection(s: Stack) -> None:
    sock, peer = connected(s)
    peer.put("R")
    assert s.run(lambda sys: error_of(sock.recv, 1)) == errno.ECONNRESET
    assert s.run(lambda sys: sock.recv(1)) == b""
    assert s.run(lambda sys: error_of(sock.send, b"x")) == errno.EPIPE
    act(s, lambda sys: sock.close())
    assert states(s) == [] and s.leaks() == 0


@pytest.mark.ipv4
def test_a_listener_that_closes_resets_those_that_nobody_accepted(s: Stack) -> None:
    sock = listening(s)
    waiting, half = Peer(s), Peer(s, sport=1001)
    waiting.connect()
    half.answer("S", seq=0)
    act(s, lambda sys: sock.close())
    frames = s.frames()
    assert len(frames) == 2 and all(frame[47] & 4 for frame in frames)
    assert rows(s) == []


def test_what_came_before_a_reset_can_still_be_read(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"the last words")
    peer.put("R")
    assert s.run(lambda sys: sock.recv(100)) == b"the last words"
    assert s.run(lambda sys: error_of(sock.recv, 1)) == errno.ECONNRESET


# Listeners


def test_the_backlog_bounds_the_calls_that_wait(s: Stack) -> None:
    sock = listening(s, backlog=2)
    for i in range(2):
        Peer(s, sport=1000 + i).connect()
    assert Peer(s, sport=1002).answers("S", seq=0) == []
    assert s.kernel.net.stats.tcp_syndrop == 1
    accepted(s, sock)
    Peer(s, sport=1002).connect()


def test_calls_that_never_finish_do_not_keep_others_out(s: Stack) -> None:
    sock = listening(s, backlog=2)
    for i in range(100):
        Peer(s, sport=2000 + i).put("S", seq=0)
    s.frames()
    Peer(s, sport=1000).connect()
    assert accepted(s, sock).getpeername()[1] == 1000
    assert len(rows(s)) <= 8


def test_a_call_that_finds_the_backlog_full_in_the_end_is_taken_later(s: Stack) -> None:
    sock = listening(s, backlog=1)
    first, second = Peer(s), Peer(s, sport=1001)
    for peer in (first, second):
        peer.answer("S", seq=0)
        peer.seq = peer.ack = 1
    assert first.answers("A") == [] and second.answers("A") == []
    assert states(s) == ["ESTABLISHED", "SYN_RCVD"]
    sock.setblocking(False)
    clients = [act(s, lambda sys: sock.accept()[0])]
    s.later(2)
    assert [x.flags for x in second.take()] == ["SA"]
    second.put("A")
    assert states(s)[-1] == "ESTABLISHED" and len(clients) == 1


def test_accept_hands_out_connections_in_the_order_of_their_calls(s: Stack) -> None:
    sock = listening(s)
    for i in range(3):
        Peer(s, sport=1000 + i).connect()
    assert [accepted(s, sock).getpeername()[1] for _ in range(3)] == [1000, 1001, 1002]


def test_a_port_has_one_listener(s: Stack) -> None:
    listening(s)
    assert s.run(lambda sys: error_of(listener, sys)) == errno.EADDRINUSE


def test_a_port_can_be_listened_to_again_while_its_old_calls_live_on(s: Stack) -> None:
    sock = listening(s)
    Peer(s).connect()
    client = accepted(s, sock)
    act(s, lambda sys: sock.close())
    listening(s)
    assert client.getpeername()[1] == 1000
    Peer(s, sport=1001).connect()


def test_a_closed_connection_that_has_to_make_room_resets_its_peer() -> None:
    with Stack(**TCP, NET_TCP_PREALLOC_CONNS=2) as s:
        sock, peer = connected(s)
        act(s, lambda sys: sock.close())
        assert [x.flags for x in peer.take()] == ["FA"]
        another = Peer(s, sport=1001)
        another.put("S", seq=0)
        assert [x.flags for x in peer.take() + another.take()] == ["RA"]
        assert [row.rport for row in rows(s)] == [1001]


def test_a_new_call_from_a_pair_in_time_wait_is_taken(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.answers("FA")
    assert states(s) == ["TIME_WAIT"]
    again = Peer(s, isn=peer.isn + 100000)
    again.connect()
    assert states(s) == ["ESTABLISHED"]
