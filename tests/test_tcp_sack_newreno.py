"""SACK with a congestion window: what may leave follows what the path carries (RFC 6675)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack
from tcp_peer import TCP, Peer
from tcp_sacks import SACK, SACKED, option, sack
from tcp_script import acks, called, numbers, sends, watch


@pytest.fixture
def s() -> Iterator[Stack]:
    with Stack(**TCP, **SACK, NET_TCP_CC_NEWRENO=True) as stack:
        yield stack


def grown(s: Stack, sock: Any, peer: Peer) -> None:
    """The congestion window is 10 segments, 7 to 16 are out, and there is more to send."""
    sends(s, peer, sock, 60)
    for i in range(1, 8):
        acks(peer, i)


@pytest.fixture
def flow(s: Stack) -> tuple[Any, Peer]:
    sock, peer = called(s, options=SACKED)
    grown(s, sock, peer)
    return sock, peer


def test_the_first_two_that_arrive_out_of_order_let_one_new_segment_out_each(flow: tuple[Any, Peer]) -> None:
    """Limited transmit, RFC 3042 and RFC 6675 section 5 (3)."""
    _, peer = flow
    assert sack(peer, (8, 9)) == [17] and sack(peer, (8, 10)) == [18]


def test_a_recovery_halves_the_window_once_and_sends_when_the_path_has_emptied(flow: tuple[Any, Peer]) -> None:
    """RFC 6675 section 5: cwnd 5 from 10 in flight. On the way: 12 less three SACKed, less the lost one, sent again."""
    _, peer = flow
    sack(peer, (8, 9)), sack(peer, (8, 10))
    assert sack(peer, (8, 11)) == [7]  # 9 on the way
    assert [sack(peer, (8, n)) for n in (12, 13, 14, 15)] == [[], [], [], []]
    assert [sack(peer, (8, n)) for n in (16, 17, 18)] == [[19], [20], [21]]


def test_holes_come_before_new_data_and_keep_within_the_window(flow: tuple[Any, Peer]) -> None:
    _, peer = flow
    peer.feed("A", options=option(peer, (11, 14)))  # 7 to 10 are lost: 3 on the way, cwnd 5
    peer.put("A", options=option(peer, (11, 14)))
    assert numbers(peer.take()) == [7, 8]
    assert sack(peer, (11, 15)) == [9] and sack(peer, (11, 16)) == [10] and sack(peer, (11, 17)) == [17]
    assert acks(peer, 8, options=option(peer, (11, 17))) == [18]


def test_a_hole_that_is_not_known_to_be_lost_goes_out_when_there_is_nothing_else(s: Stack) -> None:
    """NextSeg (3)."""
    sock, peer = called(s, options=SACKED)
    sends(s, peer, sock, 17)
    for i in range(1, 8):
        acks(peer, i)
    sent = [x for n in (9, 10, 11, 12, 13, 14) for x in sack(peer, (8, n))]
    assert sent == [7]
    assert sack(peer, (15, 17), (8, 14)) == [14]


def test_a_partial_acknowledgement_leaves_the_window_as_it_is(flow: tuple[Any, Peer]) -> None:
    _, peer = flow
    for n in range(9, 17):
        sack(peer, (8, n))  # 16 and the two of limited transmit are out, and 7 again
    assert acks(peer, 16, options=option(peer, (17, 18))) == [16, 20]


def test_another_loss_halves_again_once_the_first_is_repaired(flow: tuple[Any, Peer]) -> None:
    _, peer = flow
    assert [x for n in range(9, 20) for x in sack(peer, (8, n))] == [17, 18, 7, 19, 20, 21, 22]
    assert acks(peer, 19) == [23]  # five are out
    assert [sack(peer, (20, n)) for n in (21, 22)] == [[24], [25]]
    assert [sack(peer, (20, n)) for n in (23, 24, 25)] == [[19], [], []]  # two and a half; 25 and 19 are on their way
    assert sack(peer, (20, 26)) == [26]
    assert acks(peer, 26) == [27]


def test_a_timeout_in_a_recovery_begins_again_with_one_segment(flow: tuple[Any, Peer]) -> None:
    _, peer = flow
    for n in (9, 10, 11):
        sack(peer, (8, n))
    assert numbers(watch(peer, 0.52)) == [7]
    assert sack(peer, (9, 19)) == [] and sack(peer, (9, 19)) == []
    assert acks(peer, 8, options=option(peer, (9, 19))) == [8, 9]


def test_news_after_a_timeout_let_nothing_out(s: Stack) -> None:
    """They may be of what was sent before it, and what is sent again still be on its way."""
    sock, peer = called(s, options=SACKED)
    assert sends(s, peer, sock, 20) == [0, 1, 2]
    assert numbers(watch(peer, 0.52)) == [0]
    assert acks(peer, 1) == [1, 2]
    assert sack(peer, (2, 3)) == [] and sack(peer, (2, 3)) == []
    assert acks(peer, 3) == [3, 4]


def test_half_a_segment_of_room_is_none(flow: tuple[Any, Peer]) -> None:
    """RFC 6675 section 5 (C)."""
    _, peer = flow
    for n in range(9, 20):
        sack(peer, (8, n))
    acks(peer, 19)  # 19 to 23 are out
    sack(peer, (20, 21)), sack(peer, (22, 23), (20, 21))  # and 24 and 25
    assert sack(peer, (22, 24), (20, 21)) == [19]  # cwnd two and a half
    assert sack(peer, (22, 25), (20, 21)) == []  # 21 is lost, 19 and 25 are on their way
    assert sack(peer, (22, 26), (20, 21)) == [21]
