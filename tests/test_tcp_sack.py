"""What the peer has beyond its acknowledgement is not sent again: SACK at the sender (RFC 2018, RFC 6675)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, ether, hog, icmp
from tcp_peer import TCP, Peer, accepted, act, listening, rows, states
from tcp_pool import release
from tcp_sacks import SACK, SACKED, Run, has, open_to, option, sack
from tcp_script import M, acks, built, called, duplicates, numbers, sends, stamp, watch, writes


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **SACK, **getattr(request, "param", {})}) as stack:
        yield stack


# What is lost, and what is not


def test_the_holes_go_out_again_once_each_and_in_order(s: Stack) -> None:
    _, peer = open_to(s, 12)
    assert sack(peer, (1, 2)) == [] and sack(peer, (1, 3)) == []
    assert sack(peer, (4, 5), (1, 3)) == [0]
    assert sack(peer, (4, 6), (1, 3)) == []  # two have come from behind segment 3
    assert sack(peer, (4, 7), (1, 3)) == [3]
    assert sack(peer, (9, 12), (4, 7), (1, 3)) == [7, 8]
    for _ in range(5):
        assert sack(peer, (9, 12), (4, 7), (1, 3)) == []
    assert acks(peer, 3, options=option(peer, (9, 12), (4, 7))) == []
    assert acks(peer, 7, options=option(peer, (9, 12))) == []
    assert acks(peer, 12) == [] and rows(s)[0].txsize == 0


def test_all_that_is_missing_leaves_at_once(s: Stack) -> None:
    _, peer = open_to(s, 20)
    assert sack(peer, (17, 20), (11, 12), (5, 9), (1, 2)) == [0, 2, 3, 4, 9, 10, 12, 13, 14, 15, 16]


def test_a_hole_of_many_segments_is_cut_into_full_ones(s: Stack) -> None:
    _, peer = open_to(s, 12)
    again = has(peer, (3.5, 12))
    assert [(x.seq - 1, len(x.data)) for x in again] == [(0, M), (M, M), (2 * M, M), (3 * M, M // 2)]


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        ([(1, 3)], False),
        ([(1, 3.1)], True),
        ([(1, 1.1), (2, 2.1)], False),
        ([(1, 1.1), (2, 2.1), (3, 3.1)], True),
    ],
    ids=["two segments", "a little more", "two runs", "three runs"],
)
def test_three_runs_or_more_than_two_segments_from_behind_make_a_loss(s: Stack, runs: list[Run], lost: bool) -> None:
    """IsLost, RFC 6675 section 4: one acknowledgement is enough."""
    _, peer = open_to(s, 5)
    assert [x.seq for x in has(peer, *runs)][:1] == ([1] if lost else [])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("pieces", [[(1, 1.5), (1.5, 2.5), (2.5, 3)], [(1, 2), (1.5, 2.5), (2.1, 3)]])
def test_runs_that_touch_or_overlap_are_one(s: Stack, pieces: list[Run], order: tuple[int, ...]) -> None:
    """Else three pieces of two segments would be three runs, or count twice."""
    _, peer = open_to(s, 5)
    assert has(peer, *(pieces[i] for i in order)) == []
    assert sack(peer, (4, 4.1)) == [0]


@pytest.mark.parametrize("change", [{"data": b"x"}, {"window": 60000}], ids=["text", "another window"])
def test_what_is_no_duplicate_tells_of_a_loss_as_well(s: Stack, change: dict[str, Any]) -> None:
    """Both keep RFC 5681 from counting; a stream that comes back would hide every loss."""
    _, peer = open_to(s, 6)
    assert [x for x in has(peer, (1, 3), **change) if x.data] == []
    change |= {"seq": 2} if "data" in change else {"window": 59000}
    assert [x.seq for x in has(peer, (1, 4), **change) if x.data] == [1]


def test_three_that_bring_news_count_however_short_their_segments_are(s: Stack) -> None:
    """RFC 6675 section 2: a duplicate is what SACKs something new."""
    sock, peer = called(s, options=SACKED)
    for _ in range(5):
        writes(s, peer, sock, b"x" * 100)
    for i in range(1, 4):
        again = peer.answers("PA", b"y", seq=i, options=option(peer, (100 / M, (100 + 100 * i) / M)))
        assert [x.seq for x in again if x.data] == ([1] if i == 3 else [])


def test_the_same_news_again_and_again_do_not_count_with_text(s: Stack) -> None:
    _, peer = open_to(s, 5)
    for i in range(10):
        assert [x for x in peer.answers("PA", b"y", seq=1 + i, options=option(peer, (1, 2))) if x.data] == []


def test_a_peer_that_tells_nothing_is_served_by_its_duplicates(s: Stack) -> None:
    """As without SACK (RFC 6582)."""
    _, peer = open_to(s, 10)
    assert duplicates(peer, 2) == [] and duplicates(peer, 8) == [0]
    assert acks(peer, 4) == [4] and acks(peer, 7) == [7] and acks(peer, 10) == []


def test_two_segments_that_were_overtaken_are_not_sent_again(s: Stack) -> None:
    _, peer = open_to(s, 10)
    assert sack(peer, (2, 3)) == [] and sack(peer, (2, 4)) == []
    assert acks(peer, 4) == [] and acks(peer, 10) == []
    assert watch(peer, 5, step=0.1) == []


def test_a_partial_acknowledgement_finds_what_nothing_is_sacked_behind(s: Stack) -> None:
    """The last of a flight: no more than one segment can come from behind it."""
    _, peer = open_to(s, 10)
    assert sack(peer, (9, 10), (1, 8)) == [0]
    assert acks(peer, 8, options=option(peer, (9, 10))) == [8]
    assert acks(peer, 10) == []


def test_a_hole_with_little_behind_it_waits(s: Stack) -> None:
    """There is no congestion window to hold it back, and it may only have been overtaken."""
    _, peer = open_to(s, 17)
    assert sack(peer, (15, 17), (1, 14)) == [0]
    assert acks(peer, 14, options=option(peer, (15, 17))) == [14]


def test_a_partial_acknowledgement_of_what_is_on_its_way_again_sends_nothing(s: Stack) -> None:
    _, peer = open_to(s, 12)
    assert sack(peer, (3, 12)) == [0, 1, 2]
    assert acks(peer, 1, options=option(peer, (3, 12))) == []
    assert acks(peer, 2, options=option(peer, (3, 12))) == []
    assert acks(peer, 12) == []


def test_an_acknowledgement_that_goes_on_may_tell_of_another_hole(s: Stack) -> None:
    _, peer = open_to(s, 12)
    assert sack(peer, (2, 5)) == [0, 1]
    assert acks(peer, 1, options=option(peer, (6, 12), (2, 5))) == [5]


def test_what_was_sent_since_a_recovery_began_is_left_to_the_next(s: Stack) -> None:
    sock, peer = open_to(s, 10)
    assert sack(peer, (1, 10)) == [0]
    assert sends(s, peer, sock, 10) == list(range(10, 20))
    assert sack(peer, (11, 20), (1, 10)) == []
    assert acks(peer, 10, options=option(peer, (11, 20))) == [10]
    assert acks(peer, 20) == []


def test_a_recovery_that_ends_before_the_device_asks_sends_nothing_any_more(s: Stack) -> None:
    sock, peer = open_to(s, 12)
    assert sack(peer, (1, 8)) == [0]
    sends(s, peer, sock, 4)
    peer.feed("A", ack=1 + 8 * M)
    assert acks(peer, 12) == []


def test_new_data_leaves_during_a_recovery(s: Stack) -> None:
    sock, peer = open_to(s, 10)
    assert sack(peer, (1, 4)) == [0]
    assert sends(s, peer, sock, 2) == [10, 11]


@built(NET_TCP_FAST_RETRANSMIT=False)
def test_without_fast_retransmit_the_timer_sends_it_all(s: Stack) -> None:
    _, peer = open_to(s, 6)
    assert sack(peer, (1, 3), (4, 6)) == []
    assert numbers(watch(peer, 0.52)) == [0, 1, 2, 3, 4, 5]


def test_without_consent_blocks_mean_nothing(s: Stack) -> None:
    sock, peer = called(s)
    sends(s, peer, sock, 10)
    assert sack(peer, (1, 2), (3, 10)) == [] and sack(peer, (1, 2), (3, 10)) == []
    assert sack(peer, (1, 2), (3, 10)) == [0]
    assert acks(peer, 2, options=option(peer, (3, 10))) == [2]
    assert acks(peer, 4) == [4]


# The timer


def test_a_timeout_starts_over_and_skips_nothing(s: Stack) -> None:
    """RFC 2018 section 8: the peer may have thrown away what it had."""
    _, peer = open_to(s, 8)
    assert sack(peer, (5, 8), (1, 3)) == [0, 3, 4]
    assert numbers(watch(peer, 0.6)) == list(range(8))


def test_after_a_timeout_old_news_do_not_send_anything_twice(s: Stack) -> None:
    """RFC 6675 section 5.1."""
    sock, peer = open_to(s, 8)
    sack(peer, (5, 8), (1, 3))
    watch(peer, 0.6)
    for _ in range(4):
        assert sack(peer, (5, 8), (1, 3)) == []
    assert acks(peer, 3, options=option(peer, (5, 8))) == []
    assert acks(peer, 8) == []
    assert sends(s, peer, sock, 6) == list(range(8, 14))
    assert sack(peer, (9, 14)) == [8]


def test_what_is_lost_behind_a_timeout_is_found_as_soon_as_all_before_it_is_there(s: Stack) -> None:
    sock, peer = open_to(s, 4)
    watch(peer, 0.52)
    assert sends(s, peer, sock, 5) == list(range(4, 9))
    assert sack(peer, (5, 9)) == []
    assert acks(peer, 4, options=option(peer, (5, 9))) == [4]


def test_each_retransmission_of_a_recovery_starts_the_timer_over(s: Stack) -> None:
    """RFC 6675 section 6."""
    _, peer = open_to(s, 12)
    s.later(0.4)
    assert sack(peer, (4, 7), (1, 3)) == [0, 3]
    assert watch(peer, 0.4) == []
    assert sack(peer, (9, 12), (4, 7), (1, 3)) == [7, 8]
    assert watch(peer, 0.45) == []
    assert numbers(watch(peer, 0.1)) == list(range(12))


@built(TCP_TIMESTAMPS=True)
def test_it_works_beside_timestamps(s: Stack) -> None:
    sock, peer = called(s, options=SACKED + stamp(1))
    size = M - 12
    writes(s, peer, sock, bytes(8 * size))
    runs = [(3 * size / M, 6 * size / M), (1 * size / M, 2 * size / M)]
    again = peer.answers("A", options=stamp(2)[2:] + option(peer, *runs)[2:])
    assert [(x.seq - 1) / size for x in again] == [0, 2]


# Windows


def test_nothing_is_sent_again_beyond_a_window_that_has_shrunk(s: Stack) -> None:
    _, peer = open_to(s, 12)
    peer.window = 3 * M + 400
    again = has(peer, (8, 12), (4, 6), (1, 3))
    assert [(x.seq - 1, len(x.data)) for x in again] == [(0, M), (3 * M, 400)]
    peer.window = 65535
    rest = has(peer, (8, 12), (4, 6), (1, 3))
    assert [(x.seq - 1, len(x.data)) for x in rest] == [(3 * M + 400, M - 400), (6 * M, M), (7 * M, M)]


@pytest.mark.parametrize("lost", [False, True])
def test_a_window_that_closes_over_what_is_in_flight_is_probed_and_what_was_sacked_forgotten(
    s: Stack, lost: bool
) -> None:
    """In a recovery or before it: the peer has taken back what it offered, perhaps also what it had."""
    _, peer = open_to(s, 8)
    assert sack(peer, (3, 8 if lost else 4)) == ([0, 1, 2] if lost else [])
    peer.window = 0
    peer.put("A")
    for _ in range(30):
        for segment in watch(peer, 1, step=0.25):
            assert (segment.seq, len(segment.data)) == (1, 1)
            peer.put("A")
    peer.window = 65535
    assert numbers(peer.answers("A")) == list(range(8))
    for _ in range(4):
        assert sack(peer, (3, 8)) == []
    assert acks(peer, 8) == []
    assert states(s) == ["ESTABLISHED"]


def test_a_loss_that_is_heard_of_while_the_window_is_closed_is_sent_when_it_opens(s: Stack) -> None:
    _, peer = open_to(s, 8)
    peer.window = 0
    assert sack(peer, (1, 4), (5, 8)) == []
    peer.window = 65535
    assert sack(peer, (1, 4), (5, 8)) == [0, 4]


# FIN


def closed(s: Stack, n: int) -> Peer:
    """The same as open_to(), with a FIN in the last segment."""
    sock, peer = called(s, options=SACKED)
    results = act(s, lambda sys: (sock.sendall(bytes(n * M)), sock.close()))
    assert results and [x.flags[0] for x in peer.take()] == ["A"] * (n - 1) + ["P", "F"]
    return peer


def test_a_fin_that_is_missing_goes_out_again_with_the_last_byte(s: Stack) -> None:
    peer = closed(s, 5)
    assert sack(peer, (1, 4)) == [0]
    peer.ack = 1 + 4 * M
    (last,) = peer.answers("A")
    assert (last.seq, last.flags, len(last.data)) == (1 + 4 * M, "FPA", M)
    peer.ack += M + 1
    peer.put("A")
    assert states(s) == ["FIN_WAIT_2"]


def test_a_fin_that_is_there_does_not_go_out_with_the_hole_before_it(s: Stack) -> None:
    peer = closed(s, 5)
    fin = (5, 5 + 1 / M)
    again = has(peer, fin, (1, 4))
    assert [(x.seq - 1, x.flags) for x in again] == [(0, "A")]
    peer.ack = 1 + 4 * M
    again = has(peer, fin)
    assert [(x.seq - 1, x.flags) for x in again] == [(4 * M, "PA")]
    peer.ack = 1 + 5 * M + 1
    peer.put("A")
    assert states(s) == ["FIN_WAIT_2"]


# What a peer may do with what it has SACKed


@pytest.mark.parametrize("into", [3, 4, 4.5])
def test_a_peer_that_has_thrown_away_what_it_had_gets_it_again(s: Stack, into: float) -> None:
    """RFC 2018 section 8: an acknowledgement that ends in one of its blocks says so. One segment each, not all."""
    _, peer = open_to(s, 9)
    assert sack(peer, (3, 9)) == [0, 1, 2]
    peer.ack = 1 + round(into * M)
    again = peer.answers("A")
    assert [x.seq for x in again] == [peer.ack]
    peer.ack = 1 + 7 * M
    assert numbers(peer.answers("A")) == [7]
    assert acks(peer, 9) == []


def test_what_a_peer_has_thrown_away_below_holes_that_were_filled_goes_again_too(s: Stack) -> None:
    _, peer = open_to(s, 10)
    assert sack(peer, (6, 10), (1, 5)) == [0, 5]
    assert acks(peer, 3, options=option(peer, (6, 10))) == [3]
    assert acks(peer, 6) == [6]


def test_what_was_sacked_stays_in_the_buffers_until_it_is_acknowledged(s: Stack) -> None:
    _, peer = open_to(s, 9)
    sack(peer, (1, 9))
    assert rows(s)[0].txsize == 9 * M
    acks(peer, 9)
    assert rows(s)[0].txsize == 0 and s.leaks() == 0


def test_sixteen_runs_are_remembered_and_of_more_the_lowest_is_forgotten(s: Stack) -> None:
    _, peer = open_to(s, 40)
    for i in range(17):
        peer.feed("A", options=option(peer, (2 * i + 1, 2 * i + 2)))
    peer.put("A", options=option(peer, (33, 34)))
    sent = numbers(peer.take())
    assert sent == [0, 1, *range(2, 29, 2)]  # 1 was forgotten; behind 30 two runs are known
    assert acks(peer, 4) == [] and acks(peer, 34) == [34] and acks(peer, 40) == []


# Numbers, sizes, buffers


@pytest.mark.parametrize("before", [0, 1, 1459, 1460, 1461, 3 * M, 7 * M + 5])
def test_our_numbers_may_wrap_anywhere_in_a_recovery(s: Stack, before: int) -> None:
    sock = listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    peer.put("R", seq=1)
    s.later((2**32 - before - 2000 - peer.iss) % 2**32 * 4e-6)
    peer.connect(options=SACKED)
    assert 0 <= 2**32 - before - peer.iss < 3000
    client = accepted(s, sock)
    assert sends(s, peer, client, 10) == list(range(10))
    assert sack(peer, (5, 9), (3, 4), (1, 2)) == [0, 2, 4]
    assert acks(peer, 4, options=option(peer, (5, 9))) == []
    assert acks(peer, 9) == [9] and acks(peer, 10) == []
    assert sends(s, peer, client, 5) == list(range(10, 15))
    assert sack(peer, (11, 15)) == [10]


@pytest.mark.ipv4
@pytest.mark.parametrize("before", [[], [(1, 4)], [(1, 4), (6, 12)]], ids=["", "recovering", "all holes sent"])
def test_a_path_that_takes_less_starts_over_and_old_news_send_nothing_twice(s: Stack, before: list[Run]) -> None:
    """RFC 1191, in the middle of a recovery or not."""
    sock, peer = called(s, options=SACKED)
    act(s, lambda sys: sock.send(bytes(12 * M)))
    first, *_ = s.frames()
    if before:
        assert sack(peer, *before)[0] == 0
    s.input(ether(icmp(3, 4, rest=b"\0\0" + (1000).to_bytes(2, "big"), data=first[14:42])))
    s.kernel.net.txavail()
    s.later(0)
    assert [x.seq - 1 for x in peer.take()] == list(range(0, 12 * M, 960))
    for _ in range(4):
        assert has(peer, (1, 4), (6, 12)) == []
    peer.ack = 1 + 5 * 960
    assert peer.answers("A", options=option(peer, (6, 12))) == []
    peer.ack = 1 + 12 * M
    assert peer.answers("A") == []
    assert [len(x.data) for x in writes(s, peer, sock, bytes(5 * 960))] == [960] * 5
    (hole,) = has(peer, (12 + 960 / M, 12 + 5 * 960 / M))
    assert (hole.seq - 1, len(hole.data)) == (12 * M, 960)


@built(IOB_NBUFFERS=200)
def test_with_few_buffers_holes_are_filled_by_crumbs_and_by_nothing_else(s: Stack) -> None:
    _, peer = open_to(s, 12)
    held = hog(s, 3)
    again = has(peer, (4, 12), (1, 2))
    release(s, held)
    again += has(peer, (4, 12), (1, 2))
    sent = [n for x in again for n in range(x.seq - 1, x.seq - 1 + len(x.data))]
    assert sent == [*range(M), *range(2 * M, 4 * M)] and len(again[0].data) == 196


def test_without_a_buffer_a_hole_waits_for_the_next_acknowledgement(s: Stack) -> None:
    _, peer = open_to(s, 8)
    held = hog(s, 0)
    assert has(peer, (2, 8)) == []
    release(s, held)
    assert sack(peer, (2, 8)) == [0, 1]


@built(NET_TCP_WRITE_BUFFERS=False)
def test_holes_are_filled_from_the_senders_own_memory(s: Stack) -> None:
    sock, peer = called(s, options=SACKED)
    data = bytes(range(251)) * 50
    results = act(s, lambda sys: sock.send(data))
    assert len(peer.take()) == -(-len(data) // M)
    again = has(peer, (4, 8), (1, 2))
    assert [(x.seq - 1) // M for x in again] == [0, 2, 3]
    assert all(x.data == data[x.seq - 1 : x.seq - 1 + M] for x in again)
    peer.ack = 1 + len(data)
    peer.put("A")
    s.later(0.001)
    assert results == [len(data)]


@built(NET_TCP_WRITE_BUFFERS=False)
def test_what_a_sender_that_was_killed_leaves_behind_is_filled_in_as_well(s: Stack) -> None:
    sock, peer = called(s, options=SACKED, window=8 * M)
    data, pids = bytes(range(251)) * 50, list[int]()

    def sender(sys: Any) -> None:
        pids.append(sys.getpid())
        sock.send(data)

    s.kernel.tasks.create(sender, "sender", 50)
    s.later(0.001)
    assert len(peer.take()) == 8
    s.kernel.tasks.kill(pids[0])
    s.later(0.001)
    again = has(peer, (4, 8), (1, 2))
    assert [(x.seq - 1) // M for x in again] == [0, 2, 3]
    assert all(x.data == data[x.seq - 1 : x.seq - 1 + M] for x in again)
