"""What was lost is sent again: the retransmission timer (RFC 6298), and when to give up (RFC 9293 3.8.1, 3.8.3)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of
from tcp_peer import TCP, Peer, act, connected, listening, rows, states
from tcp_script import MSS, built, called, gaps, rto, stamp, watch, writes

from kernel.sockbase import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_USER_TIMEOUT
from kernel.sync import Semaphore
from kernel.wqueue import LPWORK, Work

TICK = 0.011  # a timer comes with the first tick after its time, and watch() looks every 10 ms


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


def handshake(s: Stack, rtt: float, *, options: bytes = MSS) -> tuple[Any, Peer]:
    """A connection whose handshake took ``rtt`` seconds."""
    sock = listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0, options=options)
    s.later(rtt)
    peer.take()
    peer.seq = peer.ack = 1
    peer.put("A")
    return s.keep(lambda sys: sock.accept()[0]), peer


def exchange(s: Stack, peer: Peer, sock: Any, rtt: float) -> None:
    """The board sends a byte that is acknowledged after ``rtt`` seconds."""
    act(s, lambda sys: sock.send(b"x"))
    s.later(rtt - 0.001)
    assert [x.data for x in peer.take() if x.data] == [b"x"]
    peer.ack += 1
    peer.put("A")


# The timeout


@pytest.mark.parametrize("half_seconds", [1, 3, 6])
def test_before_any_measurement_it_is_net_tcp_rto(half_seconds: int) -> None:
    with Stack(**TCP, NET_TCP_RTO=half_seconds) as s:
        listening(s)
        peer = Peer(s)
        first = peer.answer("S", seq=0)
        assert gaps([first, *watch(peer, 3.5)])[0] == pytest.approx(half_seconds / 2, abs=2 * TICK)


def test_the_first_measurement_gives_srtt_r_and_rttvar_half_of_it(s: Stack) -> None:
    """RFC 6298 (2.2)."""
    handshake(s, 0.4)
    assert rto(s) == pytest.approx(0.4 + 4 * 0.2, abs=0.001)


def test_later_measurements_move_rttvar_by_a_quarter_and_srtt_by_an_eighth(s: Stack) -> None:
    """RFC 6298 (2.3), in that order."""
    sock, peer = handshake(s, 0.4)
    srtt, rttvar = 0.4, 0.2
    for rtt in (0.4, 0.8, 0.1, 0.6):
        exchange(s, peer, sock, rtt)
        rttvar = 3 / 4 * rttvar + 1 / 4 * abs(srtt - rtt)
        srtt = 7 / 8 * srtt + 1 / 8 * rtt
        assert rto(s) == pytest.approx(srtt + 4 * rttvar, abs=0.002)


def test_it_is_never_below_half_a_second(s: Stack) -> None:
    """NuttX's TCP_RTO_MIN; RFC 6298 (2.4) would have a second."""
    sock, peer = handshake(s, 0.001)
    assert rto(s) == 0.5
    for _ in range(30):
        exchange(s, peer, sock, 0.002)
    assert rto(s) == 0.5


def test_a_steady_path_brings_it_down_to_a_tick_above_the_round_trip(s: Stack) -> None:
    sock, peer = handshake(s, 1)
    for _ in range(60):
        exchange(s, peer, sock, 1)
    assert rto(s) == pytest.approx(1.01, abs=0.003)


@built(NET_TCP_RTO=20)
def test_it_is_never_above_two_minutes(s: Stack) -> None:
    """RFC 6298 (2.5) asks for a minute at least."""
    listening(s)
    peer = Peer(s)
    first = peer.answer("S", seq=0)
    assert gaps([first, *watch(peer, 280, step=0.1)]) == pytest.approx([10, 20, 40, 80, 120], abs=0.15)


@built(NET_TCP_FIXED_RTO=True)
def test_a_fixed_one_neither_follows_the_path_nor_doubles(s: Stack) -> None:
    sock, peer = handshake(s, 0.4)
    assert rto(s) == 1.5
    act(s, lambda sys: sock.send(b"x"))
    assert gaps(watch(peer, 8)) == pytest.approx([1.5] * 5, abs=TICK)


@built(TCP_TIMESTAMPS=True)
def test_a_timestamp_measures_every_acknowledgement(s: Stack) -> None:
    sock, peer = called(s, options=MSS + stamp(1))
    act(s, lambda sys: sock.send(b"x"))
    (first,) = peer.take()
    s.later(0.8)
    peer.take()
    peer.ack = 2
    peer.put("A", options=stamp(2, int.from_bytes(first.options[8][:4], "big")))
    assert rto(s) == pytest.approx(0.8 + 4 * 0.4, abs=0.004)


@pytest.mark.parametrize("echo", [1, 2**31, 2**32 - 1])
@built(TCP_TIMESTAMPS=True)
def test_a_timestamp_that_we_never_sent_does_not_stop_retransmission(s: Stack, echo: int) -> None:
    sock, peer = called(s, options=MSS + stamp(1))
    writes(s, peer, sock, b"x")
    peer.ack = 2
    peer.put("A", options=stamp(2, echo))
    assert rto(s) == 1.5  # no measurement


# Its timer


def test_what_is_not_acknowledged_is_sent_again_with_a_timeout_that_doubles_up_to_16_times(s: Stack) -> None:
    """RFC 6298 (5.4), (5.5); NuttX stops doubling after the fourth."""
    sock, peer = connected(s)
    assert rto(s) == 0.5
    (first,) = writes(s, peer, sock, b"x" * 100)
    again = watch(peer, 45)
    assert all(x.data == b"x" * 100 and x.seq == 1 for x in again[:8])
    assert gaps([first, *again])[:8] == pytest.approx([0.5, 1, 2, 4, 8, 8, 8, 8], abs=3 * TICK)


def test_must_20_after_maxrtx_retransmissions_the_peer_is_given_up(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"x")
    sent = watch(peer, 60)
    assert [x.flags for x in sent] == ["PA"] * 8 + ["RA"]
    assert s.run(lambda sys: error_of(sock.send, b"y")) == errno.ETIMEDOUT
    assert s.leaks() == 0


@built(NET_TCP_MAXRTX=2)
def test_net_tcp_maxrtx_says_how_often(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"x")
    assert [x.flags for x in watch(peer, 60)] == ["PA"] * 2 + ["RA"]


def patient(s: Stack, ms: int, **peer: Any) -> tuple[Any, Peer]:
    """A connection with this TCP_USER_TIMEOUT."""
    sock, other = called(s, **peer)
    act(s, lambda sys: sock.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, ms))
    assert sock.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) == ms
    return sock, other


@pytest.mark.parametrize("seconds", [1, 10, 600])
def test_must_21_the_owner_may_say_how_long_it_tries(s: Stack, seconds: int) -> None:
    """TCP_USER_TIMEOUT, in milliseconds, instead of NET_TCP_MAXRTX."""
    sock, peer = patient(s, seconds * 1000)
    start = s.clock.now_ns / 1e9
    sent = [*writes(s, peer, sock, b"x"), *watch(peer, seconds + 1)]
    assert [x.flags for x in sent][-1] == "RA" and all(x.data for x in sent[:-1])
    assert sent[-1].time - start == pytest.approx(seconds, abs=3 * TICK)
    assert s.run(lambda sys: error_of(sock.send, b"y")) == errno.ETIMEDOUT


def test_must_21_what_is_acknowledged_in_between_gives_it_more_time(s: Stack) -> None:
    sock, peer = patient(s, 2000)
    for i in range(10):
        writes(s, peer, sock, b"x")
        s.later(1.5)
        peer.ack = 2 + i
        peer.put("A")
        s.later(1.5)
    assert states(s) == ["ESTABLISHED"]


def test_must_21_it_holds_for_a_window_that_nobody_opens(s: Stack) -> None:
    sock, peer = patient(s, 10_000, window=0)
    act(s, lambda sys: sock.send(b"x"))
    assert [x.flags for x in watch(peer, 11)][-1] == "RA" and states(s) == []


@pytest.mark.parametrize("value", [-1, 2**31])
def test_must_21_nonsense_is_refused(s: Stack, value: int) -> None:
    sock, _ = connected(s)
    assert s.run(lambda sys: error_of(sock.setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT, value)) == errno.EINVAL


@pytest.mark.parametrize("most", [1, 5, 10])
def test_must_22_net_tcp_maxsynrtx_says_how_often_a_syn_is_sent_again(most: int) -> None:
    with Stack(**TCP, NET_TCP_MAXSYNRTX=most) as s:
        results = s.start(lambda sys: error_of(sys.socket(AF_INET, SOCK_STREAM).connect, ("10.0.1.1", 7)))
        assert len(s.frames()) == 1 + most and results == [errno.ETIMEDOUT]


@built(NET_TCP_MAXSYNRTX=10)
def test_must_23_a_call_can_be_made_to_try_for_three_minutes(s: Stack) -> None:
    """NuttX's default of five gives up after 70 s; ten, which the option allows, last."""
    start = s.clock.now_ns
    assert s.run(lambda sys: error_of(sys.socket(AF_INET, SOCK_STREAM).connect, ("10.0.1.1", 7))) == errno.ETIMEDOUT
    assert s.clock.now_ns - start >= 180e9


@built(NET_TCP_MAXSYNRTX=2)
def test_a_half_open_call_goes_after_maxsynrtx_answers(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    assert [x.flags for x in watch(peer, 30)] == ["SA"] * 2
    assert states(s) == [] and s.leaks() == 0


def test_everything_acknowledged_stops_the_timer(s: Stack) -> None:
    """RFC 6298 (5.2)."""
    sock, peer = connected(s)
    writes(s, peer, sock, b"x" * 2920)
    peer.ack = 2921
    peer.put("A")
    assert watch(peer, 10, step=0.1) == []


def test_something_acknowledged_starts_the_timer_over(s: Stack) -> None:
    """RFC 6298 (5.3)."""
    sock, peer = connected(s)
    writes(s, peer, sock, b"x" * 2920)
    s.later(0.4)
    peer.ack = 1461
    peer.put("A")
    assert watch(peer, 0.45) == []
    assert [x.seq for x in watch(peer, 0.1)] == [1461]


def test_an_old_or_duplicate_acknowledgement_does_not_start_it_over(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"x" * 2920)
    s.later(0.4)
    peer.put("A")
    assert [x.seq for x in watch(peer, 0.15)][:1] == [1]


def test_sending_more_does_not_start_it_over(s: Stack) -> None:
    """RFC 6298 (5.1)."""
    sock, peer = connected(s)
    writes(s, peer, sock, b"x" * 1460)
    s.later(0.4)
    writes(s, peer, sock, b"y" * 1460)
    assert [x.seq for x in watch(peer, 0.15)][:1] == [1]


# Karn: what was sent twice measures nothing, and the timeout stays long until something does


def test_karn_an_acknowledgement_of_what_was_sent_twice_is_no_measurement(s: Stack) -> None:
    sock, peer = handshake(s, 0.4)
    before = rto(s)
    writes(s, peer, sock, b"x")
    watch(peer, before + 0.5)
    peer.ack = 2
    peer.put("A")
    assert rto(s) == pytest.approx(2 * before, abs=0.001)


def test_karn_the_timeout_stays_doubled_until_something_new_is_measured(s: Stack) -> None:
    sock, peer = handshake(s, 0.4)
    writes(s, peer, sock, b"x")
    watch(peer, 1.3)
    peer.ack = 2
    peer.put("A")
    exchange(s, peer, sock, 0.4)
    rttvar = 3 / 4 * 0.2
    assert rto(s) == pytest.approx(0.4 + 4 * rttvar, abs=0.003)


def test_karn_a_syn_ack_that_was_sent_twice_is_no_measurement(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    s.later(0.3)
    peer.answer("S", seq=0)
    s.later(0.3)
    peer.take()
    peer.put("A", seq=1, ack=1)
    assert rto(s) == 1.5  # nothing was measured


def test_after_a_lost_syn_it_begins_with_three_seconds(s: Stack) -> None:
    """RFC 6298 (5.7)."""
    handshake(s, 1.6)
    assert rto(s) == 3


def test_a_timeout_starts_over_with_what_the_peer_did_not_acknowledge(s: Stack) -> None:
    sock, peer = connected(s)
    data = bytes(range(219)) * 20
    writes(s, peer, sock, data)
    peer.ack = 1461
    peer.put("A")
    again = watch(peer, 0.6)
    assert again[0].seq == 1461 and b"".join(x.data for x in again) == data[1460:]


def test_an_acknowledgement_of_the_original_after_a_timeout_is_as_good(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"x" * 4380)
    watch(peer, 0.52)
    peer.ack = 4381
    peer.put("A")
    assert rows(s)[0].txsize == 0 and watch(peer, 10, step=0.1) == []


def test_a_fin_is_sent_again(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.close())
    assert [x.flags for x in peer.take()] == ["FA"]
    assert [(x.seq, x.flags) for x in watch(peer, 0.6)] == [(1, "FA")]


def test_a_queue_that_is_blocked_stops_retransmission(s: Stack) -> None:
    """The timer is work of LPWORK, as in NuttX."""
    sock, peer = connected(s)
    writes(s, peer, sock, b"x")
    gate = Semaphore(s.kernel)
    s.kernel.work_queue(LPWORK, Work(s.kernel, "blocker"), lambda _arg: gate.wait())
    assert watch(peer, 10, step=0.1) == []
    gate.post()
    assert [x.data for x in watch(peer, 0.1)] == [b"x"]
