"""TCP options: lengths of all kinds, MSS, timestamps (RFC 7323), SACK (RFC 2018), and how they share a segment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stack import Stack
from tcp_peer import TCP, Peer, Segment, act, connected, listening, rows, states
from tcp_script import MSS, built, called, stamp, watch, writes

SACK = {"NET_TCP_SELECTIVE_ACK": True, "NET_TCP_OUT_OF_ORDER": True}
SACKED = MSS + b"\4\2"
TIMED = {"TCP_TIMESTAMPS": True}


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


def times(segment: Segment) -> tuple[int, int]:
    """Value and echo of its timestamp."""
    option = segment.options[8]
    return int.from_bytes(option[:4], "big"), int.from_bytes(option[4:], "big")


def blocks(segment: Segment, peer: Peer) -> list[tuple[int, int]]:
    """The runs that its SACK option names."""
    raw = segment.options.get(5, b"")
    ends = [(int.from_bytes(raw[i : i + 4], "big") - peer.isn) % 2**32 for i in range(0, len(raw), 4)]
    return list(zip(ends[::2], ends[1::2], strict=True))


# Lengths


@pytest.mark.parametrize("kind", [2, 3, 4, 5, 8, 30, 254])
def test_must_7_every_option_length_is_survived_in_a_syn_and_after_it(kind: int) -> None:
    """Also those that do not fit, and 0 and 1, which lead nowhere."""
    with Stack(**TCP, **SACK, TCP_TIMESTAMPS=True, NET_TCP_WINDOW_SCALE=True) as s:
        listening(s, backlog=200)
        for length in range(42):
            for room in (4, 20, 40):
                option = bytes([kind, length]) + bytes(room - 2)
                peer = Peer(s, sport=2000 + length)
                peer.connect(options=option)
                assert states(s) == ["ESTABLISHED"]
                (ack,) = peer.write(b"x")
                assert ack.ack == 2
                (ack,) = peer.answers("PA", b"y", options=option)
                assert ack.ack in (2, 3)  # a timestamp of zero may be an old one
                peer.put("R", seq=ack.ack)
                assert rows(s) == [] and peer.take() == []
        assert s.leaks() == 0 and s.pings()


@pytest.mark.parametrize("words", range(16))
@pytest.mark.parametrize("octet", [0, 1, 2, 5, 8, 255])
def test_every_header_length_with_options_of_one_octet_is_survived(s: Stack, words: int, octet: int) -> None:
    _sock, peer = connected(s)
    answers = peer.answers("PA", b"x", options=bytes([octet]) * 40, offset=words)
    if words < 5:
        assert answers == [] and rows(s)[0].rxsize == 0
    else:
        assert rows(s)[0].rxsize == 1 + 60 - 4 * words
    assert states(s) == ["ESTABLISHED"]


def test_a_header_that_is_longer_than_its_segment_is_dropped(s: Stack) -> None:
    _, peer = connected(s)
    assert peer.answers("PA", b"1234", offset=7) == [] and rows(s)[0].rxsize == 0


@pytest.mark.parametrize("before", [b"\1", b"\1\1\1", b"\xfd\2", b"\xfd\5abc", b"\x1e\6wxyz\1"])
def test_must_6_64_what_is_unknown_is_skipped_and_nothing_has_to_be_aligned(s: Stack, before: bytes) -> None:
    sock, peer = called(s, options=before + b"\2\4\2\0")
    assert [len(x.data) for x in writes(s, peer, sock, bytes(1024))] == [512, 512]


@pytest.mark.ipv4
@pytest.mark.parametrize("before", [b"\0", b"\xfd\0", b"\xfd\1", b"\xfd\x28", b"\2\0"])
def test_what_follows_the_end_or_a_length_that_leads_nowhere_is_not_read(s: Stack, before: bytes) -> None:
    sock, peer = called(s, options=before + b"\2\4\2\0")
    assert [len(x.data) for x in writes(s, peer, sock, bytes(1072))] == [536, 536]


def test_must_5_an_option_may_come_in_any_segment(s: Stack) -> None:
    sock, peer = connected(s)
    (ack,) = peer.answers("PA", b"hello", options=b"\xfd\4ab\1\1")
    assert ack.ack == 6
    peer.put("A", seq=6, options=b"\2\4\1\0")  # an MSS means something in a SYN only
    assert [len(x.data) for x in writes(s, peer, sock, bytes(1460))] == [1460]


@pytest.mark.ipv4
@pytest.mark.parametrize(("mss", "want"), [(0, 536), (1, 88), (87, 88), (88, 88), (1461, 1460), (65535, 1460)])
def test_must_14_segments_are_as_long_as_the_peer_says_within_reason(s: Stack, mss: int, want: int) -> None:
    sock, peer = called(s, options=b"\2\4" + mss.to_bytes(2, "big"))
    assert len(writes(s, peer, sock, bytes(3000))[0].data) == want


# Together in one segment


@built(**TIMED, **SACK)
def test_must_16_options_come_off_the_payload(s: Stack) -> None:
    sock, peer = called(s, options=SACKED + stamp(1))
    assert [len(x.data) for x in writes(s, peer, sock, bytes(1448 * 2))] == [1448, 1448]
    peer.ack = 1 + 1448 * 2
    peer.put("A", options=stamp(2))
    for seq in (100, 200, 300, 400):
        peer.put("PA", b"x", seq=seq, options=stamp(2))
    for segment in writes(s, peer, sock, bytes(1448 * 3)):
        length = 40 + 4 * sum(-(-(len(v) + 2) // 4) for v in segment.options.values()) + len(segment.data)
        assert length <= 1500 and segment.data


@built(**TIMED, **SACK)
def test_a_segment_with_timestamps_has_room_for_three_runs(s: Stack) -> None:
    _, peer = called(s, options=SACKED + stamp(1))
    for seq in (100, 200, 300, 400):
        ack = peer.answer("PA", b"x", seq=seq, options=stamp(2))
    assert blocks(ack, peer) == [(400, 401), (300, 301), (200, 201)]


# Timestamps


@built(**TIMED)
def test_timestamps_are_in_every_segment_once_both_have_sent_them(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    syn = peer.connect(options=MSS + stamp(7000))
    assert times(syn)[1] == 7000
    ack = peer.answer("PA", b"x", options=stamp(7001))
    assert times(ack)[1] == 7001


@built(**TIMED)
def test_they_are_not_sent_to_a_peer_that_does_not(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    assert 8 not in peer.connect().options
    assert 8 not in peer.write(b"x")[0].options


def test_a_board_without_them_ignores_the_peers(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    assert 8 not in peer.connect(options=MSS + stamp(7000)).options
    assert peer.answer("PA", b"x", options=stamp(7001)).options == {}


@built(**TIMED)
def test_their_clock_ticks_every_millisecond(s: Stack) -> None:
    _, peer = called(s, options=MSS + stamp(1))
    first = times(peer.answer("PA", b"x", options=stamp(1)))[0]
    peer.seq = 2
    s.later(10)
    assert times(peer.answer("PA", b"y", options=stamp(1)))[0] - first == 10_000


@built(**TIMED, **SACK)
def test_the_echo_is_that_of_the_last_segment_in_order(s: Stack) -> None:
    """RFC 7323 4.3: one that leaves a gap is not echoed, one that fills it is."""
    _, peer = called(s, options=SACKED + stamp(10))
    assert times(peer.answer("PA", b"a", seq=1, options=stamp(11)))[1] == 11
    assert times(peer.answer("PA", b"c", seq=3, options=stamp(13)))[1] == 11
    assert times(peer.answer("PA", b"b", seq=2, options=stamp(12)))[1] == 12


@built(**TIMED, NET_TCP_DELAYED_ACK=True)
def test_of_two_segments_acknowledged_at_once_the_first_is_echoed(s: Stack) -> None:
    """RFC 7323 4.3 (1)."""
    _, peer = called(s, options=MSS + stamp(10))
    peer.put("PA", b"a", seq=1, options=stamp(11))
    assert times(peer.answer("PA", b"b", seq=2, options=stamp(12)))[1] == 11


@built(**TIMED)
def test_paws_an_old_timestamp_makes_an_old_segment(s: Stack) -> None:
    _sock, peer = called(s, options=MSS + stamp(1000))
    peer.put("PA", b"a", options=stamp(1005))
    peer.take()
    peer.seq = 2
    ack = peer.answer("PA", b"b", options=stamp(1004))
    assert ack.ack == 2 and rows(s)[0].rxsize == 1
    assert peer.answer("PA", b"b", options=stamp(1005)).ack == 3


@built(**TIMED)
def test_paws_timestamps_wrap(s: Stack) -> None:
    _, peer = called(s, options=MSS + stamp(2**32 - 1))
    assert peer.answer("PA", b"a", options=stamp(0)).ack == 2
    assert peer.answer("PA", b"b", seq=2, options=stamp(2**32 - 1)).ack == 2


@built(**TIMED)
def test_paws_a_reset_is_heard_whatever_its_timestamp(s: Stack) -> None:
    _, peer = called(s, options=MSS + stamp(1000))
    peer.put("R", options=stamp(1))
    assert states(s) == []


@built(**TIMED)
def test_paws_a_segment_outside_the_window_does_not_set_the_clock(s: Stack) -> None:
    """Else one blind segment with a late timestamp would shut the peer out (RFC 7323 5.3 R2 before R3)."""
    _, peer = called(s, options=MSS + stamp(1000))
    peer.put("PA", b"z", seq=-1000, options=stamp(1000 + 2**30))
    peer.take()
    assert peer.answer("PA", b"a", options=stamp(1001)).ack == 2


@built(**TIMED)
def test_paws_a_segment_with_a_wrong_acknowledgement_does_not_set_the_clock(s: Stack) -> None:
    _, peer = called(s, options=MSS + stamp(1000))
    peer.put("PA", b"z", ack=2**30, options=stamp(1000 + 2**30))
    peer.take()
    assert peer.answer("PA", b"a", options=stamp(1001)).ack == 2


@built(**TIMED)
def test_paws_forgets_a_clock_that_was_silent_for_24_days(s: Stack) -> None:
    """RFC 7323 5.5: the peer's may have gone halfway round."""
    _, peer = called(s, options=MSS + stamp(1000))
    s.later(25 * 86400)
    assert peer.answer("PA", b"a", options=stamp(1000 + 2**31)).ack == 2
    assert peer.answer("PA", b"b", seq=2, options=stamp(1000)).ack == 2


@built(**TIMED)
def test_a_call_of_our_own_offers_them_with_an_echo_of_zero(s: Stack) -> None:
    act(s, lambda sys: sys.socket(2, 1).connect(("10.0.1.1", 7)))
    peer = Peer(s, sport=7)
    (syn,) = peer.take()
    assert syn.flags == "S" and times(syn)[1] == 0


# SACK


@built(**SACK)
def test_sack_is_offered_and_agreed_in_syns_only(s: Stack) -> None:
    listening(s)
    assert 4 in Peer(s).connect(options=SACKED).options
    assert 4 not in Peer(s, sport=1001).connect().options


@built(**SACK)
def test_sack_names_the_newest_run_first(s: Stack) -> None:
    """RFC 2018 section 4."""
    _, peer = called(s, options=SACKED)
    assert blocks(peer.answer("PA", b"c" * 10, seq=101), peer) == [(101, 111)]
    assert blocks(peer.answer("PA", b"e" * 10, seq=301), peer) == [(301, 311), (101, 111)]
    assert blocks(peer.answer("PA", b"d" * 10, seq=201), peer) == [(201, 211), (301, 311), (101, 111)]
    assert blocks(peer.answer("PA", b"f" * 10, seq=311), peer) == [(301, 321), (201, 211), (101, 111)]


@built(**SACK)
def test_runs_that_grow_together_are_one(s: Stack) -> None:
    _, peer = called(s, options=SACKED)
    peer.put("PA", b"a" * 10, seq=101)
    peer.put("PA", b"c" * 10, seq=121)
    peer.take()
    assert blocks(peer.answer("PA", b"b" * 10, seq=111), peer) == [(101, 131)]


@built(**SACK)
def test_there_are_four_runs_at_most_and_a_fifth_is_not_kept(s: Stack) -> None:
    _sock, peer = called(s, options=SACKED)
    for seq in (100, 200, 300, 400):
        ack = peer.answer("PA", b"x", seq=seq)
    kept = [(400, 401), (300, 301), (200, 201), (100, 101)]
    assert blocks(ack, peer) == kept
    assert blocks(peer.answer("PA", b"x", seq=500), peer) == kept
    assert blocks(peer.answer("PA", b"x", seq=401), peer)[0] == (400, 402)  # it belongs to one of them


@built(**SACK)
def test_without_gaps_there_are_no_blocks(s: Stack) -> None:
    _, peer = called(s, options=SACKED)
    peer.put("PA", b"b", seq=2)
    peer.take()
    ack = peer.answer("PA", b"a", seq=1)
    assert ack.ack == 3 and 5 not in ack.options


@built(**SACK)
def test_without_its_consent_a_peer_gets_no_blocks_but_its_segments_are_kept(s: Stack) -> None:
    _, peer = connected(s)
    assert 5 not in peer.answer("PA", b"b", seq=2).options
    assert peer.answer("PA", b"a", seq=1).ack == 3


def test_without_out_of_order_what_comes_too_early_is_not_kept(s: Stack) -> None:
    _, peer = connected(s)
    assert peer.answer("PA", b"b", seq=2).ack == 1
    assert peer.answer("PA", b"a", seq=1).ack == 2


@built(**SACK, NET_TCP_OUT_OF_ORDER_BUFSIZE=1000)
def test_net_tcp_out_of_order_bufsize_bounds_what_is_kept(s: Stack) -> None:
    _, peer = called(s, options=SACKED)
    assert blocks(peer.answer("PA", b"x" * 600, seq=1001), peer) == [(1001, 1601)]
    assert blocks(peer.answer("PA", b"x" * 500, seq=1601), peer) == [(1001, 1601)]
    assert blocks(peer.answer("PA", b"x" * 400, seq=1601), peer) == [(1001, 2001)]


@built(**SACK)
def test_what_the_peer_says_by_sack_is_not_believed_blindly(s: Stack) -> None:
    sock, peer = called(s, options=SACKED)
    writes(s, peer, sock, bytes(2920))
    wild = b"\1\1\5\x12" + b"\xff" * 8 + bytes(8)
    peer.put("A", options=wild)
    peer.ack = 2921
    peer.put("A")
    assert rows(s)[0].txsize == 0 and watch(peer, 5, step=0.1) == []
