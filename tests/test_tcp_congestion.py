"""Loss and congestion: fast retransmit (RFC 5681), and NewReno (RFC 6582) with CONFIG_NET_TCP_CC_NEWRENO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack
from tcp_peer import TCP, Peer, act, listening
from tcp_script import M, acks, built, called, duplicates, numbers, sends, watch, writes

NEWRENO = {"NET_TCP_CC_NEWRENO": True}


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


# Without a congestion window: NuttX's default


def test_without_newreno_the_peers_window_is_all_there_is(s: Stack) -> None:
    sock, peer = called(s)
    assert sends(s, peer, sock, 60) == list(range(65535 // M))


def test_the_third_duplicate_sends_what_is_missing_at_once(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    assert duplicates(peer, 2) == [] and duplicates(peer, 1) == [0]


def test_further_duplicates_send_it_no_more(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    assert duplicates(peer, 20) == [0]


def test_a_partial_acknowledgement_sends_the_next_that_is_missing(s: Stack) -> None:
    """RFC 6582 3.2 (4)."""
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    duplicates(peer, 3)
    assert acks(peer, 4) == [4] and acks(peer, 7) == [7] and acks(peer, 10) == []


@pytest.mark.parametrize(
    "change",
    [{"data": b"x"}, {"window": 60000}, {"flags": "FA"}],
    ids=["text", "another window", "FIN"],
)
def test_what_is_no_duplicate_does_not_count(s: Stack, change: dict[str, Any]) -> None:
    """RFC 5681 section 2: text, FIN, or another window make it none."""
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    duplicates(peer, 2)
    assert [x for x in peer.answers(**{"flags": "A"} | change) if x.data] == []


def test_duplicates_when_nothing_is_in_flight_mean_nothing(s: Stack) -> None:
    sock, peer = called(s)
    assert duplicates(peer, 5) == []
    assert sends(s, peer, sock, 1) == [0]
    assert acks(peer, 1) == [] and duplicates(peer, 5) == []


@built(NET_TCP_FAST_RETRANSMIT=False)
def test_without_fast_retransmit_only_the_timer_sends_it(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 4)
    assert duplicates(peer, 10) == []
    assert numbers(watch(peer, 0.52))[:1] == [0]


def test_duplicates_of_what_a_timeout_sent_again_do_not_start_fast_retransmit(s: Stack) -> None:
    """RFC 6582 3.2 (1): the acknowledgement has to cover more than what was sent before the timeout."""
    sock, peer = called(s)
    sends(s, peer, sock, 4)
    watch(peer, 0.52)
    acks(peer, 2)
    assert duplicates(peer, 4) == []
    acks(peer, 4)
    assert sends(s, peer, sock, 4) == [4, 5, 6, 7]
    assert duplicates(peer, 4) == []  # the peer got 0 to 3 twice
    acks(peer, 5)
    assert duplicates(peer, 3) == [5]


def test_fast_retransmit_keeps_within_a_window_that_has_shrunk(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    peer.window = 400
    again = [x for _ in range(4) for x in peer.answers("A")]
    assert [(x.seq, len(x.data)) for x in again] == [(1, 400)]


# NewReno


@built(**NEWRENO)
def test_the_initial_window_is_three_segments_of_1460(s: Stack) -> None:
    """RFC 5681 (1)."""
    sock, peer = called(s)
    assert sends(s, peer, sock, 30) == [0, 1, 2]


@pytest.mark.parametrize(("mss", "segments"), [(536, 4), (1095, 4), (1096, 3), (1460, 3)])
@built(**NEWRENO)
def test_the_initial_window_follows_the_size_of_segments(s: Stack, mss: int, segments: int) -> None:
    sock, peer = called(s, options=b"\2\4" + mss.to_bytes(2, "big"))
    assert [len(x.data) for x in writes(s, peer, sock, bytes(30000))] == [mss] * segments


@built(**NEWRENO)
def test_after_a_lost_syn_it_is_one_segment(s: Stack) -> None:
    """RFC 5681 3.1."""
    sock = listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    assert [x.flags for x in watch(peer, 1.6)] == ["SA"]
    peer.seq = peer.ack = 1
    peer.put("A")
    client = s.keep(lambda sys: sock.accept()[0])
    assert len(writes(s, peer, client, bytes(30000))) == 1


@built(**NEWRENO)
def test_slow_start_adds_a_segment_for_each_acknowledgement(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 40)
    assert [acks(peer, i) for i in range(1, 6)] == [[3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]


@built(**NEWRENO)
def test_an_acknowledgement_of_many_segments_adds_one_and_one_of_crumbs_what_it_acknowledges(s: Stack) -> None:
    """RFC 5681 (2): min(N, SMSS), against those who split acknowledgements."""
    sock, peer = called(s)
    sends(s, peer, sock, 40)
    assert acks(peer, 3) == [3, 4, 5, 6]
    for crumb in range(1, 5):
        peer.ack += 300
        assert numbers(peer.answers("A")) == ([7] if crumb == 3 else [])  # 900 acknowledged, 900 grown
    assert acks(peer, 4) == [8]


@built(**NEWRENO)
def test_fast_recovery_halves_the_window_inflates_it_and_deflates_it(s: Stack) -> None:
    """RFC 5681 3.2, RFC 6582 3.2."""
    sock, peer = called(s)
    sends(s, peer, sock, 40)
    for i in range(1, 8):
        acks(peer, i)  # cwnd is 10 segments now: 7 to 16 are out
    assert duplicates(peer, 2) == []
    assert duplicates(peer, 1) == [7]  # ssthresh 5, cwnd 8
    assert duplicates(peer, 2) == []  # 9, 10: all that is out
    assert duplicates(peer, 4) == [17, 18, 19, 20]
    assert acks(peer, 18) == [21]  # three are out: one more
    assert acks(peer, 21) == [22, 23, 24, 25]


@built(**NEWRENO)
def test_a_partial_acknowledgement_takes_what_it_acknowledges_off_the_window_and_adds_one_segment(s: Stack) -> None:
    """RFC 6582 3.2 (4)."""
    sock, peer = called(s)
    sends(s, peer, sock, 40)
    for i in range(1, 8):
        acks(peer, i)
    assert duplicates(peer, 3) == [7]  # cwnd 8, 10 are out
    assert acks(peer, 9) == [9]  # cwnd 7, 8 are out
    assert duplicates(peer, 3) == [17, 18]


@built(**NEWRENO)
def test_after_recovery_the_window_is_at_most_half_of_what_was_in_flight(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 40)
    for i in range(1, 8):
        acks(peer, i)
    duplicates(peer, 3)
    assert acks(peer, 17) == [17, 18]  # nothing is out: two, not five at once (RFC 6582 3.2 (3))
    assert acks(peer, 18) == [19, 20]


@built(**NEWRENO)
def test_congestion_avoidance_adds_one_segment_a_round(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 120)
    for i in range(1, 8):
        acks(peer, i)
    duplicates(peer, 3)
    top = max(acks(peer, 17), default=16)
    sizes = []
    n = 17
    for _ in range(8):
        flight = top + 1 - n
        sizes.append(flight)
        for _ in range(flight):
            n += 1
            top = max([top, *acks(peer, n)])
    assert sizes == [2, 4, 5, 6, 7, 8, 9, 10]  # ssthresh is 5


@built(**NEWRENO)
def test_a_timeout_begins_again_with_one_segment_and_half_of_the_flight(s: Stack) -> None:
    """RFC 5681 (4) and 3.1."""
    sock, peer = called(s)
    sends(s, peer, sock, 80)
    for i in range(1, 8):
        acks(peer, i)  # 10 are out
    assert numbers(watch(peer, 0.52)) == [7]
    assert acks(peer, 8) == [8, 9]
    assert acks(peer, 9) == [10, 11] and acks(peer, 10) == [12, 13]
    assert acks(peer, 11) == [14, 15]  # five: ssthresh
    assert acks(peer, 12) == [16]
    assert acks(peer, 13) == [17]


@built(**NEWRENO)
def test_a_second_timeout_does_not_halve_again(s: Stack) -> None:
    """RFC 5681 3.1: ssthresh stays when the same segment is lost again."""
    sock, peer = called(s)
    sends(s, peer, sock, 80)
    for i in range(1, 8):
        acks(peer, i)
    assert numbers(watch(peer, 1.6)) == [7, 7]
    acks(peer, 8), acks(peer, 9), acks(peer, 10)
    assert acks(peer, 11) == [14, 15]


@built(**NEWRENO)
def test_after_a_rest_longer_than_the_timeout_the_window_is_the_initial_one(s: Stack) -> None:
    """RFC 5681 4.1."""
    sock, peer = called(s)
    assert sends(s, peer, sock, 20) == [0, 1, 2]
    for i in range(1, 21):
        acks(peer, i)
    s.later(10)
    act(s, lambda sys: sock.send(bytes(20 * M)))
    assert numbers(peer.take()) == [20, 21, 22]


@built(**NEWRENO)
def test_after_a_short_rest_the_window_is_what_it_was(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 20)
    for i in range(1, 21):
        acks(peer, i)
    s.later(0.1)
    assert len(sends(s, peer, sock, 20)) == 20
