"""Segments of somebody else: RFC 5961, ICMP errors (RFC 5927, RFC 1191), guesses (RFC 6528), and old tricks."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of, ether, icmp
from tcp_peer import TCP, Peer, Segment, accepted, act, connected, listening, rows, states, tcp
from tcp_script import MSS, built, called, watch, writes

from kernel.sockbase import AF_INET, SO_ERROR, SOCK_STREAM, SOL_SOCKET

PORT_UNREACHABLE, HOST_UNREACHABLE, FRAG_NEEDED = (3, 3), (3, 1), (3, 4)


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


# ICMP: RFC 5927, RFC 1122 4.2.3.9, RFC 1191


def out(s: Stack, sock: Any, data: bytes = b"x" * 1400) -> bytes:
    """The IP packet of a segment in flight."""
    s.frames()
    act(s, lambda sys: sock.send(data))
    return s.frames()[0][14:]


def complain(s: Stack, error: tuple[int, int], packet: bytes, rest: bytes = bytes(4), quote: int = 28) -> None:
    """An ICMP error about a packet arrives."""
    s.input(ether(icmp(*error, rest=rest, data=packet[:quote])))
    s.kernel.net.txavail()
    s.later(0)


def calls(s: Stack) -> tuple[list[int | None], bytes]:
    """The board calls; errno once that ended, and its SYN."""
    results = act(s, lambda sys: error_of(sys.socket(AF_INET, SOCK_STREAM).connect, ("10.0.1.1", 7)))
    return results, s.frames()[-1][14:]


@pytest.mark.parametrize("code", range(16))
def test_must_56_an_error_does_not_end_a_connection(s: Stack, code: int) -> None:
    sock, peer = connected(s)
    complain(s, (3, code), out(s, sock))
    assert states(s) == ["ESTABLISHED"]
    peer.take()
    peer.ack += 1400
    peer.put("A")
    assert rows(s)[0].txsize == 0


@pytest.mark.parametrize("error", [(3, 2), (3, 3)])
def test_a_hard_error_ends_a_call(s: Stack, error: tuple[int, int]) -> None:
    results, syn = calls(s)
    complain(s, error, syn)
    s.later(0.001)
    assert results == [errno.ECONNREFUSED if error == (3, 3) else errno.ENOPROTOOPT]


@pytest.mark.parametrize(
    ("error", "reason"), [((3, 0), errno.ENETUNREACH), ((3, 1), errno.EHOSTUNREACH), ((11, 0), errno.EHOSTUNREACH)]
)
def test_must_47_a_soft_error_is_the_reason_once_a_call_times_out(
    s: Stack, error: tuple[int, int], reason: int
) -> None:
    results, syn = calls(s)
    complain(s, error, syn)
    s.later(0.001)
    assert results == []
    s.later(200)
    assert results == [reason]


def test_must_47_a_soft_error_is_the_reason_once_a_connection_times_out(s: Stack) -> None:
    sock, peer = connected(s)
    complain(s, HOST_UNREACHABLE, out(s, sock))
    s.later(200)
    assert s.run(lambda sys: sock.getsockopt(SOL_SOCKET, SO_ERROR)) == errno.EHOSTUNREACH
    assert states(s) == [] and peer.take()


@pytest.mark.parametrize("offset", [-1, 1, 2**31, -70000])
def test_an_error_about_what_is_not_in_flight_is_ignored(s: Stack, offset: int) -> None:
    results, syn = calls(s)
    seq = (int.from_bytes(syn[24:28], "big") + offset) % 2**32
    complain(s, PORT_UNREACHABLE, syn[:24] + seq.to_bytes(4, "big"))
    s.later(0.001)
    assert results == [] and states(s) == ["SYN_SENT"]


def test_must_54_an_error_reaches_its_connection_and_no_other(s: Stack) -> None:
    first, syn = calls(s)
    second, _ = calls(s)
    complain(s, PORT_UNREACHABLE, syn)
    s.later(0.001)
    assert first == [errno.ECONNREFUSED] and second == []


@pytest.mark.parametrize("length", range(28))
def test_an_error_that_quotes_too_little_is_ignored(s: Stack, length: int) -> None:
    results, syn = calls(s)
    complain(s, PORT_UNREACHABLE, syn, quote=length)
    s.later(0.001)
    assert results == []


def lengths(segments: list[Segment]) -> list[int]:
    return [len(x.data) for x in segments]


def test_frag_needed_makes_segments_smaller_and_sends_again_at_once(s: Stack) -> None:
    """RFC 1191."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 2920)
    complain(s, FRAG_NEEDED, packet, b"\0\0" + (1000).to_bytes(2, "big"))
    assert lengths(peer.take()) == [960, 960, 960, 40]
    peer.ack = 2921
    peer.put("A")
    assert lengths(writes(s, peer, sock, bytes(1920))) == [960, 960]


@pytest.mark.parametrize("mtu", [1, 20, 67, 1500, 65535])
def test_frag_needed_with_an_impossible_size_is_ignored(s: Stack, mtu: int) -> None:
    """Below 68 there is no IP; what fits already did not need it."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    complain(s, FRAG_NEEDED, packet, b"\0\0" + mtu.to_bytes(2, "big"))
    assert peer.take() == []
    assert lengths(writes(s, peer, sock, bytes(1460))) == [1460]


def test_frag_needed_of_an_old_router_that_names_no_size_means_576(s: Stack) -> None:
    """RFC 1191 section 5."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1072)
    complain(s, FRAG_NEEDED, packet, bytes(4))
    assert lengths(peer.take()) == [536, 536]


def test_frag_needed_does_not_make_crumbs(s: Stack) -> None:
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    complain(s, FRAG_NEEDED, packet, b"\0\0\0\x44")
    assert min(lengths(peer.take())[:-1]) >= 88


def test_frag_needed_about_what_is_not_in_flight_is_ignored(s: Stack) -> None:
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    peer.ack = 1461
    peer.put("A")
    peer.take()
    complain(s, FRAG_NEEDED, packet, b"\0\0\2\x40")
    assert lengths(writes(s, peer, sock, bytes(1460))) == [1460]


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
