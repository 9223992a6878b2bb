"""Segments of somebody else: RFC 5961, TIME_WAIT (RFC 1337), guessed numbers (RFC 6528), and old tricks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, ether
from tcp_peer import TCP, Peer, accepted, act, connected, listening, rows, states, tcp
from tcp_script import MSS, built, called, stamp, watch

from kernel.sockbase import AF_INET, SOCK_STREAM


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


def bring_to(s: Stack, state: str) -> Peer:
    """A connection in this state."""
    if state == "SYN_RCVD":
        listening(s)
        peer = Peer(s)
        peer.answer("S", seq=0)
        peer.seq = peer.ack = 1
        return peer
    sock, peer = connected(s)
    if state == "CLOSE_WAIT":
        peer.write(b"", "FA")
        peer.seq += 1
    elif state == "LAST_ACK":
        peer.write(b"", "FA")
        peer.seq += 1
        act(s, lambda sys: sock.close())
    elif state != "ESTABLISHED":
        act(s, lambda sys: sock.close())
        if state in ("FIN_WAIT_2", "TIME_WAIT"):
            peer.ack += 1
            peer.put("A")
        if state in ("CLOSING", "TIME_WAIT"):
            peer.put("FA")
            peer.seq += 1
    peer.take()
    assert states(s) == [state]
    return peer


SYNCHRONIZED = ["ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK"]
ALL = ["SYN_RCVD", *SYNCHRONIZED, "TIME_WAIT"]


# Resets: RFC 5961 section 3


@pytest.mark.parametrize("state", ["SYN_RCVD", *SYNCHRONIZED])
def test_a_reset_with_the_very_number_that_is_expected_ends_it(s: Stack, state: str) -> None:
    peer = bring_to(s, state)
    assert peer.answers("R") == [] and states(s) == []
    assert s.leaks() == 0


@pytest.mark.parametrize("state", SYNCHRONIZED)
def test_a_reset_inside_the_window_is_challenged(s: Stack, state: str) -> None:
    peer = bring_to(s, state)
    ack = peer.answer("R", seq=peer.seq + 1)
    assert (ack.flags, ack.ack) == ("A", peer.seq) and states(s) == [state]
    peer.put("R", seq=ack.ack)  # so a peer that meant it goes on
    assert states(s) == []


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("away", [-1, -1000, 2**31 - 1, -(2**31), 70000])
def test_a_reset_outside_the_window_is_dropped(s: Stack, state: str, away: int) -> None:
    peer = bring_to(s, state)
    assert peer.answers("R", seq=peer.seq + away) == [] and states(s) == [state]


def calling(s: Stack) -> Peer:
    """The board has called this peer, who has not answered."""
    act(s, lambda sys: sys.socket(AF_INET, SOCK_STREAM).connect(("10.0.1.1", 7)))
    (frame,) = s.frames()
    peer = Peer(s, dport=int.from_bytes(frame[34:36], "big"), sport=7)
    peer.iss = int.from_bytes(frame[38:42], "big")
    return peer


@pytest.mark.parametrize(("flags", "ack"), [("R", 0), ("RA", 0), ("RA", 2), ("RA", 2**31), ("RSA", 2), ("RS", 0)])
def test_a_reset_that_does_not_acknowledge_our_call_does_not_refuse_it(s: Stack, flags: str, ack: int) -> None:
    peer = calling(s)
    assert peer.answers(flags, seq=0, ack=ack) == [] and states(s) == ["SYN_SENT"]


@pytest.mark.parametrize("flags", ["A", "SA", "FA", "SFA"])
@pytest.mark.parametrize("ack", [0, 2, 2**31, -5])
def test_an_answer_to_a_call_that_we_did_not_make_is_reset_by_its_number(s: Stack, flags: str, ack: int) -> None:
    """What a call of before a restart left behind (RFC 9293 figure 9); ours goes on."""
    peer = calling(s)
    reset = peer.answer(flags, seq=0, ack=ack)
    assert (reset.flags, reset.seq) == ("R", ack % 2**32) and states(s) == ["SYN_SENT"]
    assert [x.flags for x in watch(peer, 1.6)] == ["S"]


@pytest.mark.ipv4
@pytest.mark.parametrize("flags", ["", "F", "P", "A"])
def test_what_is_no_answer_to_a_call_is_ignored(s: Stack, flags: str) -> None:
    peer = calling(s)
    assert peer.answers(flags, b"text", seq=0, ack=1) == [] and states(s) == ["SYN_SENT"]


# SYNs: section 4


@pytest.mark.parametrize("state", SYNCHRONIZED)
@pytest.mark.parametrize("away", [-1, 0, 1, 100, 100000, -100000, 2**31])
@pytest.mark.parametrize("flags", ["S", "SA"])
def test_a_syn_in_a_connection_is_challenged_whatever_its_number(s: Stack, state: str, away: int, flags: str) -> None:
    peer = bring_to(s, state)
    ack = peer.answer(flags, seq=peer.seq + away)
    assert (ack.flags, ack.ack) == ("A", peer.seq) and states(s) == [state]


# Acknowledgements: section 5


@pytest.mark.parametrize("state", SYNCHRONIZED)
@pytest.mark.parametrize("away", [2, 1000, 2**31 - 10, -(2**31) + 10, -70000])
def test_an_acknowledgement_outside_of_what_was_sent_is_answered_and_dropped(s: Stack, state: str, away: int) -> None:
    peer = bring_to(s, state)
    ack = peer.answer("PA", b"evil", ack=peer.ack + away)
    assert (ack.flags, ack.ack) == ("A", peer.seq) and states(s) == [state]
    assert sum(row.rxsize for row in rows(s)) == 0


def test_an_old_acknowledgement_within_the_largest_window_is_taken_with_its_text(s: Stack) -> None:
    _, peer = connected(s)
    (ack,) = peer.answers("PA", b"text", ack=peer.ack - 60000)
    assert ack.ack == 5 and rows(s)[0].rxsize == 4


# Challenges are rationed: section 7


def test_challenges_are_rationed(s: Stack) -> None:
    _, peer = connected(s)
    assert 1 <= len([x for _ in range(1000) for x in peer.answers("S", seq=500)]) <= 20
    s.later(1)
    assert len(peer.answers("S", seq=500)) == 1


def test_challenges_of_one_connection_say_nothing_about_another(s: Stack) -> None:
    """A ration that all share lets an attacker count those of others (CVE-2016-5696)."""
    listening(s)
    mine, others = Peer(s, sport=2000), Peer(s, sport=2001)
    mine.connect(), others.connect()
    for _ in range(1000):
        mine.put("S", seq=500)
    mine.take()
    assert len(others.answers("S", seq=500)) == 1


def test_two_ends_that_disagree_do_not_argue_for_ever(s: Stack) -> None:
    """Empty segments outside the window are answered, but not each of thousands."""
    _, peer = connected(s)
    assert 1 <= len([x for _ in range(1000) for x in peer.answers("A", seq=-5000)]) <= 20


def test_a_keep_alive_of_the_peer_is_always_answered(s: Stack) -> None:
    _, peer = connected(s)
    for _ in range(100):
        s.later(1)
        assert peer.answer("A", seq=peer.seq - 1).ack == peer.seq


# TIME_WAIT: RFC 1337


def test_must_13_a_reset_does_not_shorten_time_wait(s: Stack) -> None:
    peer = bring_to(s, "TIME_WAIT")
    old = peer.answer("PA", b"o", seq=1)
    assert old.flags == "A"
    peer.put("R", seq=old.ack)  # so the peer, who knows nothing of it any more, answers
    assert states(s) == ["TIME_WAIT"]
    s.later(121)
    assert states(s) == []


def test_an_old_call_does_not_end_time_wait(s: Stack) -> None:
    peer = bring_to(s, "TIME_WAIT")
    ack = peer.answer("S", seq=0)
    assert (ack.flags, ack.ack) == ("A", peer.seq) and states(s) == ["TIME_WAIT"]


@pytest.mark.parametrize("megabytes", [0, 1])
def test_a_new_call_in_time_wait_gets_numbers_beyond_the_old(s: Stack, megabytes: int) -> None:
    """RFC 9293 MAY-2: a fast connection has used more numbers than the clock of the first ones gives out."""
    sock, peer = connected(s)
    for _ in range(megabytes * 16):
        act(s, lambda sys: sock.send(bytes(62500)))
        assert len(peer.read()) == 62500
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.put("FA")
    peer.take()
    last = peer.iss + peer.ack
    again = Peer(s, isn=peer.isn + 100000)
    again.connect()
    assert 0 < (again.iss - last) % 2**32 < 2**31


@pytest.mark.parametrize(("value", "taken"), [(99, False), (101, False), (102, True), (110 + 2**31, False)])
@built(TCP_TIMESTAMPS=True)
def test_a_call_in_time_wait_with_lower_numbers_is_told_from_an_old_one_by_its_timestamp(
    s: Stack, value: int, taken: bool
) -> None:
    """RFC 6191."""
    sock, peer = called(s, options=MSS + stamp(100))
    act(s, lambda sys: sock.close())
    peer.take()
    peer.ack += 1
    peer.put("FA", options=stamp(101))
    peer.take()
    assert states(s) == ["TIME_WAIT"]
    answer = Peer(s, isn=peer.isn - 100000).answer("S", seq=0, options=MSS + stamp(value))
    assert answer.flags == ("SA" if taken else "A")


# Numbers that nobody guesses: RFC 6528


def test_the_first_numbers_of_different_peers_are_unrelated(s: Stack) -> None:
    listening(s)
    numbers = []
    for i in range(20):
        peer = Peer(s, sport=3000 + i)
        peer.connect()
        peer.put("R")
        numbers.append(peer.iss)
    differences = [(b - a) % 2**32 for a in numbers for b in numbers if a != b]
    assert sum(d < 2**22 or d > 2**32 - 2**22 for d in differences) <= 2
    assert len(set(numbers)) == 20


def first_number(**options: Any) -> int:
    with Stack(**TCP) as s:
        if options:
            s.later(options["later"])
        listening(s)
        peer = Peer(s)
        peer.connect()
        return peer.iss


def test_they_follow_from_the_seed_in_lockstep() -> None:
    assert first_number() == first_number()
    assert first_number(later=1) != first_number()


def test_a_segment_with_a_guessed_number_has_to_hit_window_and_acknowledgement(s: Stack) -> None:
    _sock, peer = connected(s)
    for i in range(0, 2**32, 2**32 // 97):
        peer.put("PA", b"evil", seq=1, ack=i + 200000)
        peer.put("PA", b"evil", seq=i + 200000, ack=1)
    assert rows(s)[0].rxsize == 0 and states(s) == ["ESTABLISHED"]


# Old tricks


@pytest.mark.parametrize("flags", ["S", "SA", "A", "FA", "R"])
def test_land_a_segment_from_ourselves_is_dropped(s: Stack, flags: str) -> None:
    listening(s)
    assert s.answers(ether(tcp(7, 7, flags, 5000, src="10.0.1.2"))) == []
    assert rows(s) == [] and s.leaks() == 0


@pytest.mark.parametrize("flags", ["", "F", "FPU", "FSRPAU", "SF", "SR", "FP", "SFPU", "U", "P"])
def test_scans_by_nonsense_change_nothing(s: Stack, flags: str) -> None:
    """Null, FIN, Xmas and others, at a listener, a closed port and a connection."""
    _, peer = connected(s)
    for sport, dport in ((2000, 7), (2000, 9)):
        for frame in s.answers(ether(tcp(sport, dport, flags, 5000))):
            assert frame.proto == 6
    peer.put(flags, seq=70000)
    assert "ESTABLISHED" in states(s)
    peer.take()
    assert peer.write(b"still there")[-1].ack == 12


@built(NET_TCP_PREALLOC_CONNS=8)
def test_a_flood_of_calls_is_bounded_and_others_are_still_served(s: Stack) -> None:
    sock = listening(s, backlog=4)
    for i in range(2000):
        s.input(ether(tcp(i + 1, 7, "S", 5000 + i, options=MSS)))
        s.frames()
    assert len(rows(s)) <= 8
    s.later(200)  # those that never answered are gone
    s.frames()
    assert rows(s) == [] and s.leaks() == 0
    Peer(s, sport=60000).connect()
    assert accepted(s, sock).getpeername()[1] == 60000


def test_a_connection_with_itself_at_both_ends_stays_quiet(s: Stack) -> None:
    """What RFC 9293 3.5 lets two do at once, one socket may do alone; nothing goes round for ever."""

    def program(sys: Any) -> bytes:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.bind(("", 9000))
        sock.connect(("10.0.1.2", 9000))
        sock.send(b"echo")
        return bytes(sock.recv(10))

    results = act(s, program)
    s.later(5)
    assert results == [b"echo"] and s.frames() == []


def test_a_reset_that_answers_a_forged_call_leaves_no_trace(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    for _ in range(50):
        peer.answer("S", seq=0)
        assert peer.answers("R", seq=1) == []
    assert rows(s) == [] and watch(peer, 10, step=0.5) == []
