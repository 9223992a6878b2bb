"""Fragments of IPv6 packets (RFC 8200 4.5, RFC 6946). What they share with IPv4 is in tests/test_ipfrag.py."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import ether, hog, sent, udp, waiting
from stack6 import (
    ALL_NODES,
    BOARD,
    DSTOPTS,
    ECHO_REPLY,
    ECHO_REQUEST,
    FRAGMENT,
    HOST,
    PARAM_PROBLEM,
    TIME_EXCEEDED,
    UDP,
    UNREACHABLE,
    Packet6,
    Stack6,
    ether6,
    extended,
    icmp6,
    ip6,
    udp6,
)

from kernel.core import lib

PAYLOAD = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(65527))


def piece(packet: bytes, start: int, end: int, ident: int = 1, nxt: int | None = None) -> bytes:
    """The fragment with bytes start to end of what stands behind a packet's header."""
    body = packet[40:]
    more = end < len(body)
    head = struct.pack("!BBHI", packet[6] if nxt is None else nxt, 0, start | more, ident)
    return packet[:4] + struct.pack("!HB", 8 + end - start, FRAGMENT) + packet[7:40] + head + body[start:end]


def pieces(packet: bytes, *cuts: int, ident: int = 1) -> list[bytes]:
    """A packet, cut at these places."""
    places = [0, *sorted(cuts), len(packet) - 40]
    return [piece(packet, start, end, ident) for start, end in pairwise(places)]


def every(packet: bytes, size: int, ident: int = 1) -> list[bytes]:
    """A packet in fragments with ``size`` bytes each."""
    return pieces(packet, *range(size, len(packet) - 40, size), ident=ident)


def lone(start: int, size: int, more: bool, ident: int = 1, proto: int = UDP) -> bytes:
    """A fragment of no particular packet."""
    return ip6(struct.pack("!BBHI", proto, 0, start | more, ident) + PAYLOAD[:size], FRAGMENT)


def joined(frames: list[bytes]) -> Packet6:
    """The packet that these are the fragments of; checks everything that can be wrong with them."""
    packets = [Packet6(frame) for frame in frames]
    assert all(packet.proto == FRAGMENT for packet in packets)
    assert len({(p.src, p.dst, p.hops, p.payload[0], p.payload[4:8]) for p in packets}) == 1
    fields = [int.from_bytes(packet.payload[2:4], "big") for packet in packets]
    assert [field & 7 for field in fields] == [1] * (len(frames) - 1) + [0]
    payload = b""
    for packet, field in zip(packets, fields, strict=True):
        assert field & ~7 == len(payload)
        payload += packet.payload[8:]
    first = packets[0]
    return Packet6(ether6(ip6(payload, first.payload[0], src=first.src, dst=first.dst, hops=first.hops)))


def receives(s: Stack6, sock: Any) -> bytes:
    data: bytes = s.run(lambda sys: sock.recvfrom(65535))[0]
    return data


# Reassembly


@st.composite
def in_fragments(draw: Any) -> tuple[bytes, list[bytes]]:
    """Data, and the fragments of a datagram with it in any order, some of them twice."""
    data = PAYLOAD[: draw(st.integers(1, 3000))]
    cuts = draw(st.sets(st.integers(1, max(1, len(data) // 8)).map(lambda n: n * 8), min_size=1, max_size=12))
    fragments = pieces(udp6(data), *(cuts | set(range(1448, len(data), 1448))))
    again = draw(st.lists(st.sampled_from(fragments), max_size=3))
    return data, draw(st.permutations(fragments + again))


@settings(max_examples=200, deadline=None)
@given(in_fragments(), st.sampled_from([64, 96, 196, 1514]))
def test_any_fragments_in_any_order_give_the_datagram_back(case: tuple[bytes, list[bytes]], bufsize: int) -> None:
    data, fragments = case
    with Stack6(IOB_BUFSIZE=bufsize) as s:
        sock = s.bound6()
        s.input(*map(ether6, fragments))
        assert receives(s, sock) == data
        s.later(60)
        while lib.udp_get(s.board, sock.conn, lib.SOCK_RXSIZE):  # all of its fragments came twice
            assert receives(s, sock) == data
        s.frames()
        assert s.leaks() == 0


def test_the_longest_datagram_there_is_arrives() -> None:
    with Stack6() as s:
        sock = s.bound6()
        s.input(*map(ether6, every(udp6(PAYLOAD), 1448)))
        assert receives(s, sock) == PAYLOAD and s.leaks() == 0


def test_an_echo_is_answered_in_as_many_fragments() -> None:
    request = icmp6(ECHO_REQUEST, data=PAYLOAD[:3000])
    with Stack6() as s:
        s.input(*map(ether6, every(request, 1448)))
        frames = sent(s)
        assert [len(frame) for frame in frames] == [14 + 48 + 1448, 14 + 48 + 1448, 14 + 48 + 112]
        reply = joined(frames)
        assert (reply.type, reply.src, reply.dst, reply.data) == (ECHO_REPLY, BOARD, HOST, PAYLOAD[:3000])
        assert s.leaks() == 0


def test_headers_before_the_fragment_header_and_in_the_fragments_are_read() -> None:
    inner = extended(udp6(PAYLOAD[:500]), (DSTOPTS, b"\0\1\4" + bytes(4)))
    outer = [extended(p, (DSTOPTS, b"\1\1\x0c" + bytes(12))) for p in every(inner, 200)]
    with Stack6() as s:
        sock = s.bound6()
        s.input(*map(ether6, outer))
        assert receives(s, sock) == PAYLOAD[:500] and s.leaks() == 0


def test_a_packet_in_one_fragment_is_a_packet() -> None:
    with Stack6() as s:
        sock = s.bound6()
        s.input(ether6(pieces(udp6(b"atomic"))[0]))
        assert receives(s, sock) == b"atomic" and waiting(s) == 0 and s.leaks() == 0


def test_a_packet_in_one_fragment_has_nothing_to_do_with_others_of_its_number() -> None:
    first, second = pieces(udp6(PAYLOAD[:100]), 48)
    with Stack6() as s:
        sock = s.bound6()
        s.input(ether6(first), ether6(pieces(udp6(b"atomic"))[0]), ether6(second))
        assert receives(s, sock) == b"atomic"
        assert receives(s, sock) == PAYLOAD[:100] and s.leaks() == 0


@pytest.mark.parametrize("change", ["ident", "source", "destination"])
def test_fragments_of_different_packets_are_not_mixed(change: str) -> None:
    first, second = pieces(udp6(PAYLOAD[:100]), 48)
    if change == "ident":
        second = pieces(udp6(PAYLOAD[:100]), 48, ident=2)[1]
    elif change == "source":
        second = pieces(udp6(PAYLOAD[:100], src="fc00::3"), 48)[1]
    else:
        second = pieces(udp6(PAYLOAD[:100], dst=ALL_NODES), 48)[1]
    with Stack6() as s:
        s.bound6()
        s.input(ether6(first), ether6(second))
        assert waiting(s) == 2 and s.kernel.net.stats.udp.recv == 0
        s.later(60)
        s.frames()
        assert s.leaks() == 0


def test_those_of_ipv4_with_the_same_number_are_others() -> None:
    from test_ipfrag import pieces as pieces4

    with Stack6() as s:
        six, four = s.bound6(), s.keep(lambda sys: _four(sys))
        a, b = pieces(udp6(b"six" * 20), 48, ident=1)
        c, d = pieces4(udp(b"four" * 20), 48, ident=1)
        s.input(ether6(a), ether(c), ether6(b), ether(d))
        assert receives(s, six) == b"six" * 20 and receives(s, four) == b"four" * 20


def _four(sys: Any) -> Any:
    sock = sys.socket()
    sock.bind(("", 7))
    return sock


def test_only_the_first_fragment_says_what_the_packet_is() -> None:
    packet = udp6(PAYLOAD[:100])
    with Stack6() as s:
        sock = s.bound6()
        s.input(ether6(piece(packet, 0, 48)), ether6(piece(packet, 48, 108, nxt=6)))
        assert receives(s, sock) == PAYLOAD[:100] and s.leaks() == 0


# Lies


@pytest.mark.parametrize(
    ("places", "name"),
    [
        ([(0, 48), (40, 104)], "overlap"),
        ([(0, 48), (0, 40)], "another length"),
        ([(48, 96), (0, 56)], "overlap before it"),
    ],
)
def test_fragments_that_overlap_are_thrown_away_together(places: list[tuple[int, int]], name: str) -> None:
    packet = udp6(PAYLOAD[:200])
    with Stack6() as s:
        s.bound6()
        s.input(*(ether6(piece(packet, *place)) for place in places))
        assert waiting(s) == 0 and s.kernel.net.stats.fragerr == len(places), name
        assert s.frames() == [] and s.leaks() == 0


def test_a_fragment_with_an_odd_length_is_told() -> None:
    packet = lone(0, 47, more=True)
    with Stack6() as s:
        (error,) = s.answers6(packet)
        assert (error.type, error.code, error.payload[4:8], error.data) == (PARAM_PROBLEM, 0, b"\0\0\0\4", packet)
        assert waiting(s) == 0 and s.leaks() == 0


def test_a_fragment_that_ends_beyond_all_packets_is_told() -> None:
    with Stack6() as s:
        (error,) = s.answers6(lone(65528, 16, more=False))
        assert (error.type, error.code, error.payload[4:8]) == (PARAM_PROBLEM, 0, b"\0\0\0\x2a")
        assert waiting(s) == 0 and s.leaks() == 0


@pytest.mark.parametrize("packet", [ip6(b"\x11\0\0\0\0\0\0", FRAGMENT), lone(8, 0, more=False), lone(0, 0, more=True)])
def test_what_is_no_fragment_is_dropped(packet: bytes) -> None:
    with Stack6() as s:
        assert s.answers6(packet) == []
        assert waiting(s) == 0 and s.leaks() == 0 and s.pings6()


def test_a_fragment_of_a_fragment_is_put_together_twice_and_no_more() -> None:
    inner = b"".join(p[40:] for p in pieces(udp6(b"x" * 50)))
    with Stack6() as s:
        sock = s.bound6()
        s.input(ether6(ip6(struct.pack("!BBHI", FRAGMENT, 0, 0, 9) + inner, FRAGMENT)))
        assert receives(s, sock) == b"x" * 50 and s.leaks() == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.booleans(), st.integers(1, 3)), max_size=30))
def test_whatever_comes_is_kept_dropped_or_a_packet(places: list[tuple[int, int, bool, int]]) -> None:
    with Stack6(IOB_NBUFFERS=60, IOB_THROTTLE=4) as s:
        s.bound6()
        s.input(*(ether6(lone(start * 8, size * 8, more, ident)) for start, size, more, ident in places))
        assert s.kernel.iobs.check() == ""
        s.later(60)
        s.frames()
        assert waiting(s) == 0 and s.pings6()


# Time and room


def test_what_is_incomplete_is_given_up_and_its_sender_told() -> None:
    first = every(icmp6(ECHO_REQUEST, data=PAYLOAD[:3000]), 1200)[0]
    with Stack6() as s:
        s.input(ether6(first))
        s.later(2.1)
        (error,) = map(Packet6, sent(s))
        assert (error.type, error.code, error.dst) == (TIME_EXCEEDED, 1, HOST)
        assert error.data == first[: 1280 - 48] and len(error.body) <= 1280
        assert s.leaks() == 0


def test_nobody_is_told_of_a_late_error_or_without_the_first_fragment() -> None:
    with Stack6() as s:
        s.input(ether6(piece(icmp6(UNREACHABLE, 4, bytes(4), PAYLOAD[:100]), 0, 48, ident=3)))
        s.input(ether6(lone(8, 8, more=False, ident=4)))
        s.later(3)
        assert sent(s) == [] and s.leaks() == 0


def test_heads_without_tails_may_hold_a_fifth_of_the_pool() -> None:
    with Stack6(IOB_NBUFFERS=100, IOB_THROTTLE=4) as s:
        s.input(*(ether6(lone(0, 8, more=True, ident=n)) for n in range(200)))
        assert waiting(s) <= 20 and s.pings6()
        s.later(60)
        sent(s)
        assert s.leaks() == 0


def test_without_ipfrag_fragments_are_dropped_and_counted() -> None:
    with Stack6(NET_IPFRAG=False) as s:
        s.input(*map(ether6, pieces(udp6(PAYLOAD[:100]), 48)))
        assert s.kernel.net.stats.fragerr == 2 and s.leaks() == 0


# Sending


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.integers(1280, 1500), st.sampled_from([64, 100, 196, 1514]))
def test_a_datagram_of_any_length_leaves_in_fragments_that_fit(size: int, mtu: int, bufsize: int) -> None:
    with Stack6(IOB_BUFSIZE=bufsize) as s:
        s.device.mtu = mtu
        sock = s.bound6(1234)
        assert s.run(lambda sys: sock.sendto(PAYLOAD[:size], (HOST, 9))) == size
        frames = sent(s)
        assert all(len(frame) <= 14 + mtu for frame in frames)
        packet = Packet6(frames[0]) if size + 48 <= mtu else joined(frames)
        assert (packet.sport, packet.dport, packet.data) == (1234, 9, PAYLOAD[:size])
        assert s.leaks() == 0


def test_each_packet_has_its_own_number() -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        for _ in range(2):
            s.run(lambda sys: sock.sendto(PAYLOAD[:2000], (HOST, 9)))
        numbers = [Packet6(frame).payload[4:8] for frame in sent(s)]
        assert len(numbers) == 4 and len(set(numbers)) == 2


@pytest.mark.parametrize("left", [0, 2, 5, 12])
def test_without_room_for_all_fragments_none_is_sent(left: int) -> None:
    with Stack6(IOB_NBUFFERS=60, IOB_THROTTLE=2, IOB_BUFSIZE=196) as s:
        sock = s.bound6(1234)
        s.kernel.net._txavail[s.eth.index] = lambda: 0  # the device does not ask yet
        s.run(lambda sys: sock.sendto(PAYLOAD[:5000], (HOST, 9)))
        held = hog(s, left)
        s.eth.txavail()
        s.later(0.01)
        frames = s.frames()
        assert frames == [] or joined(frames).data == PAYLOAD[:5000]
        assert s.device.stats.tx_noiob == (0 if frames else 1)
        for iob in held:
            s.kernel.iobs.free(iob)
        assert s.leaks() == 0
