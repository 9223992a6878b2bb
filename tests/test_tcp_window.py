"""What goes through a window: closed, small, shrinking, scaled; Nagle (RFC 9293 3.8.6, RFC 7323 section 2)."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest
from stack import Stack, error_of
from tcp_peer import TCP, Peer, Segment, act, connected, listening, rows, states
from tcp_script import MSS, built, called, gaps, watch, writes

from kernel.sockbase import IPPROTO_TCP, TCP_NODELAY


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


# Closed


def test_must_36_a_closed_window_is_probed_with_one_byte(s: Stack) -> None:
    sock, peer = called(s, window=0)
    assert writes(s, peer, sock, b"abcdef") == []
    (probe,) = watch(peer, 0.6)
    assert (probe.seq, probe.data) == (1, b"a")


def test_shld_30_probes_come_ever_more_slowly_though_they_are_answered(s: Stack) -> None:
    sock, peer = called(s, window=0)
    act(s, lambda sys: sock.send(b"abcdef"))
    probes = []
    for _ in range(4000):
        found = watch(peer, 0.01)
        if found:
            probes += found
            peer.put("A")
    assert gaps(probes)[:5] == pytest.approx([0.5, 1, 2, 4, 8], rel=0.1, abs=0.03)


def test_must_37_a_connection_lives_as_long_as_its_probes_are_answered(s: Stack) -> None:
    sock, peer = called(s, window=0)
    act(s, lambda sys: sock.send(b"abcdef"))
    for _ in range(3600):
        for segment in watch(peer, 1, step=0.5):
            assert "R" not in segment.flags
            peer.put("A")
    assert states(s) == ["ESTABLISHED"]
    peer.window = 100
    (rest,) = peer.answers("A")
    assert rest.data == b"abcdef"


def test_a_byte_of_a_probe_that_is_taken_is_not_sent_again(s: Stack) -> None:
    sock, peer = called(s, window=0)
    act(s, lambda sys: sock.send(b"abcdef"))
    watch(peer, 1.7)
    peer.ack, peer.window = 2, 100
    (rest,) = peer.answers("A")
    assert (rest.seq, rest.data) == (2, b"bcdef")


def test_a_peer_that_does_not_answer_probes_is_given_up_after_maxrtx_of_them(s: Stack) -> None:
    sock, peer = called(s, window=0)
    act(s, lambda sys: sock.send(b"abcdef"))
    sent = watch(peer, 600, step=0.1)
    assert [x.flags for x in sent if "R" in x.flags] == ["RA"]
    assert len(sent) == 8 + 1
    assert s.run(lambda sys: error_of(sock.recv, 1)) == errno.ETIMEDOUT
    assert s.leaks() == 0


def test_a_window_that_opens_is_used_at_once(s: Stack) -> None:
    sock, peer = called(s, window=0)
    act(s, lambda sys: sock.send(b"abcdef"))
    peer.window = 1000
    (segment,) = peer.answers("A")
    assert segment.data == b"abcdef"
    peer.ack = 7
    peer.put("A")
    assert watch(peer, 60, step=0.1) == []


def test_a_segment_that_was_overtaken_does_not_close_the_window_again(s: Stack) -> None:
    """RFC 9293 3.10.7.4: SND.WL1."""
    sock, peer = connected(s)
    peer.put("PA", b"second", seq=6)
    peer.put("PA", b"first", seq=1, window=0)
    (segment,) = writes(s, peer, sock, b"abc")
    assert segment.data == b"abc"


def test_an_older_acknowledgement_does_not_close_the_window_again(s: Stack) -> None:
    """SND.WL2."""
    sock, peer = connected(s)
    writes(s, peer, sock, b"abc")
    peer.put("A", ack=4)
    peer.put("A", ack=1, window=0)
    (segment,) = writes(s, peer, sock, b"def")
    assert segment.data == b"def"


def test_must_66_a_closed_window_still_hears_acks_and_resets(s: Stack) -> None:
    sock, peer = connected(s)
    shut(s, peer)
    (out,) = writes(s, peer, sock, b"abc")
    assert out.data == b"abc"
    peer.ack += 3
    (ack,) = peer.answers("PA", b"more text than it can take")
    assert rows(s)[0].txsize == 0
    assert (ack.ack, ack.window) == (peer.seq, 0)
    peer.put("R")
    assert states(s) == []


def test_must_66_an_ack_with_a_fin_is_heard_by_a_closed_window(s: Stack) -> None:
    sock, peer = connected(s)
    shut(s, peer)
    act(s, lambda sys: sock.send(b"abc"))
    peer.take()
    peer.ack += 3
    peer.put("FA")
    assert rows(s)[0].txsize == 0


def shut(s: Stack, peer: Peer) -> Segment:
    """Sends until the board's window is closed."""
    for _ in range(1000):
        ack = peer.write(b"x" * 500)[-1]
        peer.seq = ack.ack
        if ack.window == 0:
            return ack
        if ack.window < 500:
            ack = peer.write(b"x" * ack.window)[-1]
            peer.seq = ack.ack
            if ack.window == 0:
                return ack
    raise AssertionError("it never closed")


# Shrinking


def test_must_34_a_window_that_shrinks_to_nothing_over_what_is_in_flight_is_probed(s: Stack) -> None:
    sock, peer = connected(s)
    assert len(writes(s, peer, sock, b"a" * 1000)[0].data) == 1000
    peer.window = 0
    peer.put("A")
    for _ in range(1200):
        for segment in watch(peer, 0.5, step=0.25):
            assert "R" not in segment.flags and segment.seq == 1
            peer.put("A")
    assert states(s) == ["ESTABLISHED"]
    peer.window = 1000
    assert peer.answers("A")[0].data == b"a" * 1000


def test_must_34_what_lies_behind_a_shrunken_window_is_not_sent_again(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.send(b"a" * 1000))
    peer.take()
    peer.window = 400
    peer.put("A")
    again = watch(peer, 0.6)
    assert [(x.seq, len(x.data)) for x in again] == [(1, 400)]
    peer.ack = 401
    (rest,) = peer.answers("A")
    assert (rest.seq, len(rest.data)) == (401, 400)


def test_nothing_new_is_sent_into_a_window_that_has_shrunk_to_the_left(s: Stack) -> None:
    sock, peer = called(s, window=10000)
    assert len(writes(s, peer, sock, bytes(20000))) == 6
    peer.ack, peer.window = 1461, 1460
    assert peer.answers("A") == []


# Silly windows and small segments


def test_must_38_a_sender_does_not_fill_a_window_that_opens_by_crumbs(s: Stack) -> None:
    sock, peer = called(s, window=5840)
    assert len(writes(s, peer, sock, bytes(30000))) == 4
    for i in range(1, 10):
        peer.window = i * 100
        peer.ack = 5841
        assert peer.answers("A") == []
    peer.window = 1460
    assert len(peer.answers("A")[0].data) == 1460


def test_a_small_window_is_used_after_a_while_all_the_same(s: Stack) -> None:
    sock, peer = called(s, window=5840)
    act(s, lambda sys: sock.send(bytes(30000)))
    peer.take()
    peer.ack, peer.window = 5841, 300
    assert peer.answers("A") == []
    (segment,) = watch(peer, 0.6)
    assert len(segment.data) == 300


def test_half_of_the_largest_window_ever_is_worth_a_segment(s: Stack) -> None:
    sock, peer = called(s, window=1000)
    assert [len(x.data) for x in writes(s, peer, sock, bytes(3000))] == [1000]
    peer.ack, peer.window = 1001, 499
    assert peer.answers("A") == []
    peer.window = 500
    assert [len(x.data) for x in peer.answers("A")] == [500]


def test_must_39_a_receiver_does_not_open_its_window_by_crumbs(s: Stack) -> None:
    sock, peer = connected(s)
    shut(s, peer)
    last = 0
    updates = []
    for _ in range(200):
        act(s, lambda sys: sock.recv(20))
        for segment in peer.take():
            updates.append(segment.window - last)
            last = segment.window
    assert updates and min(updates) >= 1460


def test_must_39_nor_does_the_answer_to_a_probe_tell_of_crumbs(s: Stack) -> None:
    sock, peer = connected(s)
    shut(s, peer)
    windows = []
    while not windows or windows[-1] == 0:
        act(s, lambda sys: sock.recv(200))  # about one IOB
        windows += [x.window for x in peer.answers("PA", b"p")]
    assert windows[-1] >= 1460


@built(TCP_NAGLE=True)
def test_shld_7_nagle_a_short_segment_waits_for_the_acknowledgement_of_the_last(s: Stack) -> None:
    sock, peer = connected(s)
    assert len(writes(s, peer, sock, b"a")) == 1
    assert writes(s, peer, sock, b"b") == [] and writes(s, peer, sock, b"c") == []
    peer.ack = 2
    (both,) = peer.answers("A")
    assert both.data == b"bc"


@built(TCP_NAGLE=True)
def test_must_17_tcp_nodelay_sends_at_once_also_what_nagle_held_back(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"a")
    assert writes(s, peer, sock, b"b") == []
    act(s, lambda sys: sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1))
    assert [x.data for x in peer.take()] == [b"b"]
    assert [x.data for x in writes(s, peer, sock, b"c")] == [b"c"]


def test_without_nagle_short_segments_do_not_wait_as_in_nuttx(s: Stack) -> None:
    sock, peer = connected(s)
    assert [writes(s, peer, sock, x)[0].data for x in (b"a", b"b")] == [b"a", b"b"]


@built(TCP_NAGLE=True)
def test_nagle_does_not_hold_back_what_a_fin_follows(s: Stack) -> None:
    sock, peer = connected(s)
    writes(s, peer, sock, b"a")
    writes(s, peer, sock, b"b")
    act(s, lambda sys: sock.close())
    (last,) = peer.take()
    assert (last.data, last.flags) == (b"b", "FPA")


def test_a_window_follows_the_iobs_that_others_use_too_but_what_was_promised_is_taken(s: Stack) -> None:
    """NuttX takes back what it has offered, against RFC 9293 SHLD-14."""
    _, first = connected(s)
    second = Peer(s, sport=1001)
    second.connect()
    promised = first.write(b"x")[-1].window
    while second.write(b"y" * 1400)[-1].window > 5000:
        pass
    left = first.write(b"x")[-1].window
    assert left < 5000 < promised
    while rows(s)[0].rxsize <= left:
        assert first.write(b"x" * 196)[-1].ack == first.seq


# Scaled


SCALED = {"NET_TCP_WINDOW_SCALE": True, "NET_TCP_WINDOW_SCALE_FACTOR": 3}


@built(**SCALED)
def test_a_window_is_scaled_if_both_say_so_and_never_in_a_syn(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    syn = peer.connect(options=MSS + b"\3\3\2")
    assert syn.options[3] == b"\3" and syn.window == 65535
    (ack,) = peer.write(b"x")
    assert 65535 < ack.window << 3 <= 1024 * 196


@built(**SCALED)
def test_the_peers_window_is_scaled_by_what_it_said(s: Stack) -> None:
    sock, peer = called(s, options=MSS + b"\3\3\1", window=5840)
    assert len(writes(s, peer, sock, bytes(30000))) == 8


@built(**SCALED)
def test_without_the_peers_scale_there_is_none(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    syn = peer.connect()
    assert 3 not in syn.options
    (ack,) = peer.write(b"x")
    assert ack.window > 3000


@built(**SCALED)
def test_a_scale_above_14_is_14(s: Stack) -> None:
    sock, peer = called(s, options=MSS + b"\3\3\xff", window=1)
    assert sum(len(x.data) for x in writes(s, peer, sock, bytes(30000))) == 16384 // 1460 * 1460


def test_a_board_without_window_scale_does_not_answer_it(s: Stack) -> None:
    listening(s)
    assert 3 not in Peer(s).connect(options=MSS + b"\3\3\2").options


@built(**SCALED)
def test_a_scale_outside_a_syn_means_nothing(s: Stack) -> None:
    sock, peer = called(s, options=MSS + b"\3\3\0", window=3)
    peer.put("A", options=b"\3\3\x0e")
    assert [len(x.data) for x in writes(s, peer, sock, bytes(100))] == [3]
