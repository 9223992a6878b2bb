"""What a connection does when it has nothing to say: delayed acknowledgements, keep-alive, TIME_WAIT."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of
from tcp_peer import TCP, Peer, Segment, accepted, act, connected, listening, rows, states
from tcp_script import built, called, gaps, watch, writes

from kernel.sockbase import (
    IPPROTO_TCP,
    SHUT_WR,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
)

DELAYED = {"NET_TCP_DELAYED_ACK": True}
KEEPALIVE = {"NET_TCP_KEEPALIVE": True, "NET_SOCKOPTS": True}


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


# Delayed acknowledgements: RFC 9293 3.8.6.3, RFC 5681 4.2


def test_without_delayed_acks_each_burst_is_acknowledged_at_once(s: Stack) -> None:
    _, peer = connected(s)
    assert [x.ack for x in peer.write(b"x")] == [2]


@built(**DELAYED)
def test_must_40_a_single_segment_is_acknowledged_within_a_fifth_of_a_second(s: Stack) -> None:
    _, peer = connected(s)
    start = s.clock.now_ns / 1e9
    assert peer.write(b"x") == []
    (ack,) = watch(peer, 1)
    assert ack.ack == 2 and 0.1 < ack.time - start <= 0.23


@built(**DELAYED)
def test_shld_19_every_second_segment_is_acknowledged_at_once(s: Stack) -> None:
    _, peer = connected(s)
    acks = [[x.ack for x in peer.write(bytes(100))] for _ in range(6)]
    assert acks == [[], [201], [], [401], [], [601]]
    assert watch(peer, 1) == []


@built(**DELAYED)
def test_data_that_goes_back_carries_the_acknowledgement(s: Stack) -> None:
    sock, peer = connected(s)
    assert peer.write(b"question") == []
    (answer,) = writes(s, peer, sock, b"answer")
    assert answer.ack == 9 and [x for x in watch(peer, 0.4) if not x.data] == []


@built(**DELAYED, NET_TCP_OUT_OF_ORDER=True)
def test_what_leaves_or_fills_a_gap_is_acknowledged_at_once(s: Stack) -> None:
    _, peer = connected(s)
    assert [x.ack for x in peer.answers("PA", b"c", seq=3)] == [1]
    assert [x.ack for x in peer.answers("PA", b"b", seq=2)] == [1]
    assert [x.ack for x in peer.answers("PA", b"a", seq=1)] == [4]


@built(**DELAYED)
@pytest.mark.parametrize(("flags", "data", "ack"), [("FA", b"", 2), ("PAU", b"!", 2), ("FPA", b"bye", 5)])
def test_a_fin_or_urgent_data_is_acknowledged_at_once(s: Stack, flags: str, data: bytes, ack: int) -> None:
    _, peer = connected(s)
    assert [x.ack for x in peer.answers(flags, data, urgent=1)] == [ack]


@built(**DELAYED)
def test_a_duplicate_is_acknowledged_at_once(s: Stack) -> None:
    _, peer = connected(s)
    peer.write(b"x")
    assert [x.ack for x in peer.answers("PA", b"x", seq=1)] == [2]


# Keep-alive: RFC 9293 3.8.4


def test_must_25_without_its_option_there_is_no_keep_alive(s: Stack) -> None:
    _, peer = connected(s)
    assert watch(peer, 86400, step=600) == [] and states(s) == ["ESTABLISHED"]


@built(NET_SOCKOPTS=True)
def test_a_board_built_without_it_takes_the_flag_to_no_effect_and_refuses_its_times(s: Stack) -> None:
    sock, peer = connected(s)
    s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1))
    assert s.run(lambda _: error_of(sock.setsockopt, IPPROTO_TCP, TCP_KEEPIDLE, 1)) == errno.ENOPROTOOPT
    assert watch(peer, 86400, step=600) == []


@built(**KEEPALIVE)
def test_must_25_it_is_off_until_asked_for(s: Stack) -> None:
    sock, peer = connected(s)
    assert s.run(lambda sys: sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE)) == 0
    assert watch(peer, 86400, step=600) == []


def keeping(
    s: Stack, idle: int | None = None, interval: int | None = None, count: int | None = None
) -> tuple[Any, Peer]:
    """A connection with keep-alive."""
    sock, peer = connected(s)

    def ask(sys: Any) -> None:
        for option, value in ((TCP_KEEPIDLE, idle), (TCP_KEEPINTVL, interval), (TCP_KEEPCNT, count)):
            if value is not None:
                sock.setsockopt(IPPROTO_TCP, option, value)
                assert sock.getsockopt(IPPROTO_TCP, option) == value
        sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)

    act(s, ask)
    return sock, peer


@built(**KEEPALIVE)
def test_must_28_it_begins_after_two_idle_hours(s: Stack) -> None:
    _, peer = keeping(s)
    assert watch(peer, 7199, step=1) == []
    (probe,) = watch(peer, 1.5, step=0.5)
    assert (probe.flags, probe.seq, probe.ack, probe.data) == ("A", 0, 1, b"")


@built(**KEEPALIVE)
def test_idle_interval_and_count_are_the_owners_choice_and_then_the_peer_is_given_up(s: Stack) -> None:
    """MUST-27, MUST-29: one lost answer is not death."""
    sock, peer = keeping(s, idle=10, interval=3, count=4)
    start = s.clock.now_ns / 1e9
    sent = watch(peer, 60)
    assert [x.flags for x in sent] == ["A"] * 4 + ["RA"]
    assert sent[0].time - start == pytest.approx(10, abs=0.03)
    assert gaps(sent) == pytest.approx([3, 3, 3, 3], abs=0.03)
    assert s.run(lambda sys: error_of(sock.recv, 1)) == errno.ETIMEDOUT
    assert states(s) == []


@built(**KEEPALIVE)
def test_an_answer_starts_it_over(s: Stack) -> None:
    _, peer = keeping(s, idle=10, interval=3, count=2)
    for _ in range(20):
        assert [x.flags for x in watch(peer, 10.2)] == ["A"]
        peer.put("A")
    assert states(s) == ["ESTABLISHED"]


@built(**KEEPALIVE)
def test_must_26_it_does_not_ask_while_the_peer_talks(s: Stack) -> None:
    _, peer = keeping(s, idle=10)
    for _ in range(10):
        s.later(9)
        assert [x.ack for x in peer.write(b"x")] == [peer.seq]
    assert watch(peer, 9) == []


@built(**KEEPALIVE, NET_TCP_MAXRTX=3)
def test_must_26_it_does_not_ask_while_something_waits_to_be_acknowledged(s: Stack) -> None:
    """Retransmission finds out by itself."""
    sock, peer = keeping(s, idle=1, interval=1, count=1)
    writes(s, peer, sock, b"data")
    assert all(x.data == b"data" or "R" in x.flags for x in watch(peer, 6))


@built(**KEEPALIVE)
def test_turned_off_it_asks_no_more(s: Stack) -> None:
    sock, peer = keeping(s, idle=10)
    act(s, lambda sys: sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0))
    assert watch(peer, 100, step=0.5) == []


@built(**KEEPALIVE)
def test_connections_inherit_it_from_their_listener(s: Stack) -> None:
    sock = listening(s)

    def ask(sys: Any) -> None:
        sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        sock.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 5)

    act(s, ask)
    peer = Peer(s)
    peer.connect()

    def program(sys: Any) -> None:
        client = sock.accept()[0]
        client.recv(1)

    act(s, program)
    assert len(watch(peer, 5.5)) == 1


@built(**KEEPALIVE)
@pytest.mark.parametrize("option", [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT])
@pytest.mark.parametrize("value", [0, -1, 2**40])
def test_nonsense_is_refused(s: Stack, option: int, value: int) -> None:
    sock, _ = connected(s)
    assert s.run(lambda sys: error_of(sock.setsockopt, IPPROTO_TCP, option, value)) == errno.EINVAL


@built(**KEEPALIVE)
def test_it_works_while_the_peers_window_is_closed(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    peer.window = 0
    peer.connect()
    client = accepted(s, sock)

    def ask(sys: Any) -> None:
        client.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 5)
        client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)

    act(s, ask)
    assert [(x.seq, x.data) for x in watch(peer, 5.5)] == [(0, b"")]


# The end


def ending(s: Stack) -> Peer:
    """A connection in TIME_WAIT."""
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.put("FA")
    peer.take()
    assert states(s) == ["TIME_WAIT"]
    return peer


@pytest.mark.parametrize("seconds", [1, 30, 240])
def test_must_13_net_tcp_wait_timeout_is_how_long_time_wait_lasts(seconds: int) -> None:
    with Stack(**TCP, NET_TCP_WAIT_TIMEOUT=seconds) as s:
        ending(s)
        s.later(seconds - 0.1)
        assert states(s) == ["TIME_WAIT"]
        s.later(0.2)
        assert states(s) == [] and s.leaks() == 0


def test_a_peer_that_never_closes_does_not_keep_fin_wait_2_for_ever(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.put("A")
    assert states(s) == ["FIN_WAIT_2"]
    s.later(121)
    assert states(s) == []


def test_a_half_closed_connection_that_still_has_its_owner_waits_as_long_as_it_takes(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.shutdown(SHUT_WR))
    peer.take()
    peer.ack += 1
    peer.put("A")
    s.later(86400)
    assert states(s) == ["FIN_WAIT_2"]
    peer.write(b"at last", "FPA")
    assert act(s, lambda sys: (sock.recv(100), sock.recv(100))) == [(b"at last", b"")]


def test_the_peers_half_close_leaves_our_direction_open(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"", "FA")
    peer.seq += 1
    s.later(3600)
    data = bytes(range(256)) * 30
    results = act(s, lambda sys: sock.sendall(data))
    assert peer.read() == data
    s.later(0.001)
    assert results == [None] and states(s) == ["CLOSE_WAIT"]


def test_a_lost_last_ack_is_made_good(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"", "FA")
    peer.seq += 1
    act(s, lambda sys: sock.close())
    assert [x.flags for x in peer.take()] == ["FA"]
    fins = watch(peer, 2)
    assert [x.flags for x in fins] == ["FA", "FA"]
    peer.ack += 1
    peer.put("A")
    assert states(s) == []


def test_simultaneous_close_with_data_on_both_sides(s: Stack) -> None:
    sock, peer = connected(s)

    def program(sys: Any) -> None:
        sock.send(b"ours")
        sock.shutdown(SHUT_WR)

    act(s, program)
    sent: list[Segment] = peer.take()
    assert b"".join(x.data for x in sent) == b"ours" and "F" in sent[-1].flags
    peer.put("FPA", b"theirs")  # acknowledges nothing of it
    assert states(s) == ["CLOSING"]
    assert act(s, lambda sys: (sock.recv(10), sock.recv(10))) == [(b"theirs", b"")]
    peer.seq, peer.ack = 8, 6
    peer.put("A")
    assert states(s) == ["TIME_WAIT"] and rows(s)[0].txsize == 0


def test_a_peer_that_keeps_its_window_closed_still_gets_our_fin_once_it_opens(s: Stack) -> None:
    """A FIN that a full peer drops is tried as long as the peer answers."""
    sock, peer = called(s, window=4)

    def program(sys: Any) -> None:
        sock.send(b"last")
        sock.close()

    act(s, program)
    peer.take()
    peer.ack, peer.window = 5, 0
    for _ in range(600):
        peer.put("A")
        assert all("R" not in x.flags for x in watch(peer, 1, step=0.5))
    assert states(s) == ["FIN_WAIT_1"]
    peer.window = 100
    peer.put("A")
    assert "F" in watch(peer, 10)[0].flags
