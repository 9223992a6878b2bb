"""Fragments of IPv4 packets: how they are put together, what lies cost, and how long packets leave."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import (
    BOARD_IP,
    EVERYBODY,
    HOST_IP,
    Packet,
    Stack,
    arp,
    checksum,
    error_of,
    ether,
    icmp,
    ip,
    opened,
    sent,
    udp,
    waiting,
)
from tcp_peer import act, connected

from board import Board
from kernel.core import lib
from kernel.inet import inet_addr
from kernel.socket import AF_INET, IPPROTO_ICMP, SOCK_DGRAM
from kernel.wqueue import LPWORK, Work

HOST = (HOST_IP, 5)
MORE = 0x2000
ECHO_REQUEST, TIME_EXCEEDED = 8, 11
PAYLOAD = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(65507))
LIMIT = 1024 // 5  # of the buffers of the profile sim, what may wait


# Fragments as they should be


def header_of(packet: bytes, **change: int) -> bytes:
    """The header of a packet with other fields: total, ident, field (flags and offset)."""
    hlen = (packet[0] & 15) * 4
    total, ident, field = struct.unpack("!HHH", packet[2:8])
    fields = struct.pack("!HHH", change.get("total", total), change.get("ident", ident), change.get("field", field))
    head = packet[:2] + fields + packet[8:10] + b"\0\0" + packet[12:hlen]
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def piece(packet: bytes, start: int, end: int, ident: int = 1) -> bytes:
    """The fragment with bytes start to end of a packet's payload."""
    hlen = (packet[0] & 15) * 4
    body = packet[hlen:]
    more = MORE if end < len(body) else 0
    return header_of(packet, total=hlen + end - start, ident=ident, field=start // 8 | more) + body[start:end]


def pieces(packet: bytes, *cuts: int, ident: int = 1) -> list[bytes]:
    """A packet, cut at these places of its payload."""
    places = [0, *sorted(cuts), len(packet) - (packet[0] & 15) * 4]
    return [piece(packet, start, end, ident) for start, end in pairwise(places)]


def every(packet: bytes, size: int, ident: int = 1) -> list[bytes]:
    """A packet in fragments with ``size`` bytes of payload each."""
    return pieces(packet, *range(size, len(packet) - 20, size), ident=ident)


def lone(start: int, size: int, more: bool, ident: int = 1, src: str = HOST_IP, proto: int = 17) -> bytes:
    """A frame with a fragment of no particular packet."""
    packet = ip(PAYLOAD[:size], proto, src=src)
    return ether(header_of(packet, ident=ident, field=start // 8 | (MORE if more else 0)) + packet[20:])


def joined(frames: list[bytes]) -> bytes:
    """The payload of the one packet that these are the fragments of; checks everything that can be wrong with them."""
    heads = [frame[14:34] for frame in frames]
    assert all(checksum(head) == 0 and head[0] == 0x45 for head in heads)
    assert len({(head[4:6], head[8:10], head[12:20]) for head in heads}) == 1
    fields = [int.from_bytes(head[6:8], "big") for head in heads]
    assert [field & MORE for field in fields] == [MORE] * (len(frames) - 1) + [0]
    assert not any(field & 0xC000 for field in fields)
    payload = b""
    for frame, field in zip(frames, fields, strict=True):
        assert int.from_bytes(frame[16:18], "big") == len(frame) - 14
        assert (field & 0x1FFF) * 8 == len(payload)
        payload += frame[34:]
    return payload


# Reassembly


@st.composite
def in_fragments(draw: Any) -> tuple[bytes, list[bytes]]:
    """Data, and the fragments of a datagram with it in any order, some of them twice."""
    data = PAYLOAD[: draw(st.integers(1, 3000))]
    packet = udp(data, options=b"\1" * draw(st.sampled_from([0, 4, 20])))
    cuts = draw(st.sets(st.integers(1, max(1, len(data) // 8)).map(lambda n: n * 8), min_size=1, max_size=12))
    parts = draw(st.permutations(pieces(packet, *(cuts | set(range(1440, len(data), 1440))))))
    again = draw(st.lists(st.sampled_from(parts[:-1]), max_size=3))
    return data, draw(st.permutations(parts[:-1] + again)) + parts[-1:]


@settings(max_examples=80)
@given(in_fragments(), st.sampled_from([64, 196, 1514]))
def test_any_fragments_in_any_order_give_the_datagram_back(case: tuple[bytes, list[bytes]], bufsize: int) -> None:
    data, fragments = case
    with Stack(IOB_BUFSIZE=bufsize) as s:
        sock = opened(s)
        for fragment in fragments:
            s.input(ether(fragment))
            assert s.kernel.iobs.check() == ""
        assert s.run(lambda _: sock.recvfrom(4000)) == (data, (HOST_IP, 1000))
        assert s.device.stats.rx_reassembled == 1
        assert s.kernel.net.stats.fragerr == s.kernel.net.stats.udp.chkerr == 0
        assert s.leaks() == 0


def test_the_longest_datagram_there_is_arrives() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(*map(ether, every(udp(PAYLOAD), 1480)))
        assert s.run(lambda _: sock.recv(65535)) == PAYLOAD
        assert s.leaks() == 0


def test_every_fragment_counts_as_received_and_so_does_the_packet() -> None:
    with Stack() as s:
        opened(s)
        s.input(*map(ether, every(udp(PAYLOAD[:3000]), 1480)))
        stats, device = s.kernel.net.stats, s.device.stats
        assert (stats.ipv4.recv, stats.ipv4.drop, stats.udp.recv, stats.fragerr) == (4, 0, 1, 0)
        assert (device.rx_packets, device.rx_fragments, device.rx_reassembled) == (3, 3, 1)


def test_a_damaged_fragment_damages_the_datagram() -> None:
    first, second = every(udp(PAYLOAD[:2000]), 1480)
    with Stack() as s:
        opened(s)
        s.input(ether(first), ether(second[:-1] + b"?"))
        assert (s.device.stats.rx_reassembled, s.kernel.net.stats.udp.chkerr) == (1, 1)
        assert s.leaks() == 0


@pytest.mark.parametrize("change", [{"ident": 2}, {"src": "10.0.1.3"}, {"proto": 6}])
def test_fragments_of_different_packets_are_not_mixed(change: dict[str, Any]) -> None:
    with Stack() as s:
        opened(s)
        s.input(ether(every(udp(PAYLOAD[:1600]), 1480)[0]))
        before = waiting(s)
        s.input(lone(1480, 128, False, **change))
        assert s.device.stats.rx_reassembled == 0 and waiting(s) > before


def test_an_identical_fragment_replaces_the_one_that_is_there() -> None:
    first, second = every(udp(PAYLOAD[:2000]), 1480)
    with Stack() as s:
        sock = opened(s)
        s.input(ether(first[:-1] + b"?"))
        held = waiting(s)
        s.input(ether(first))
        assert waiting(s) == held
        s.input(ether(second))
        assert s.run(lambda _: sock.recv(4000)) == PAYLOAD[:2000]
        assert s.leaks() == 0


def test_a_datagram_to_everybody_may_come_in_fragments() -> None:
    with Stack() as s:
        sock = opened(s)
        packet = udp(PAYLOAD[:2000], dst="10.0.1.255")
        s.input(*[ether(part, dst=EVERYBODY) for part in every(packet, 1480)])
        assert s.run(lambda _: sock.recv(4000)) == PAYLOAD[:2000]
        assert s.leaks() == 0


def test_nobody_gets_an_error_if_a_part_of_it_was_for_everybody() -> None:
    first, second = every(udp(PAYLOAD[:2000], dport=9), 1480)
    with Stack() as s:
        assert s.answers(ether(first, dst=EVERYBODY), ether(second)) == []
        assert s.answers(ether(second, dst=EVERYBODY)) == []
        assert s.device.stats.rx_reassembled == 1


def test_an_echo_is_answered_in_as_many_fragments() -> None:
    with Stack() as s:
        s.input(*map(ether, every(icmp(ECHO_REQUEST, data=PAYLOAD[:65507]), 1480)))
        frames = sent(s)
        reply = joined(frames)
        assert [len(frame) for frame in frames[:-1]] == [1514] * 44
        assert (reply[0], reply[4:8], reply[8:], checksum(reply)) == (0, b"\0\7\0\3", PAYLOAD, 0)
        assert s.kernel.net.stats.ipv4.sent == 45 and s.kernel.net.stats.icmp.sent == 1
        assert s.leaks() == 0


def test_an_error_about_a_datagram_in_fragments_quotes_its_beginning() -> None:
    packet = udp(PAYLOAD[:3000], dport=9)
    with Stack() as s:
        (error,) = s.answers(*map(ether, every(packet, 1480)))
        assert (error.type, error.code, error.data[20:]) == (3, 3, packet[20:548])
        assert s.leaks() == 0


# Lies

LIES: dict[str, list[tuple[int, int, bool]]] = {
    "teardrop": [(0, 40, True), (24, 8, False)],
    "overlap from before": [(32, 40, True), (0, 40, True)],
    "overlap from behind": [(0, 40, True), (32, 40, True)],
    "one inside of another": [(0, 80, True), (16, 16, True)],
    "one around another": [(16, 16, True), (0, 80, True)],
    "one over two": [(0, 40, True), (40, 40, True), (16, 48, True)],
    "longer at the same place": [(0, 40, True), (0, 48, True)],
    "shorter at the same place": [(0, 48, True), (0, 40, True)],
    "an end before what is there": [(80, 40, True), (40, 8, False)],
    "two ends": [(80, 40, False), (160, 40, False)],
    "something behind the end": [(80, 40, False), (160, 40, True)],
    "an end that goes on": [(80, 40, False), (80, 40, True)],
}


@pytest.mark.parametrize("lie", LIES)
def test_fragments_that_contradict_each_other_are_thrown_away_together(lie: str) -> None:
    with Stack() as s:
        opened(s)
        s.input(*[lone(*place) for place in LIES[lie]])
        n = len(LIES[lie])
        stats = s.kernel.net.stats
        assert (stats.fragerr, stats.ipv4.drop, s.device.stats.rx_reassembled) == (n, n, 0)
        assert s.leaks() == 0 and s.pings()


BAD = {
    "of nothing": lone(0, 0, True),
    "the end of nothing": lone(80, 0, False),
    "not of eight bytes each, but more follow": lone(0, 13, True),
    "of one byte, but more follow": lone(80, 1, True),
    "beyond the longest packet": lone(65528, 8, False),
    "just beyond the longest packet": lone(65512, 4, False),
    "at the highest offset": lone(65528, 1472, True),
}


@pytest.mark.parametrize("name", BAD)
def test_an_impossible_fragment_is_dropped_and_counted(name: str) -> None:
    with Stack() as s:
        assert s.answers(BAD[name]) == []
        stats = s.kernel.net.stats
        assert (stats.fragerr, stats.ipv4.drop, s.device.stats.rx_fragments) == (1, 1, 1)
        assert s.leaks() == 0 and s.pings()


def test_a_packet_that_only_its_first_header_makes_too_long_is_dropped() -> None:
    packet = ip(bytes(65512), 17)
    with Stack() as s:
        head = ip(PAYLOAD[:1440], 17, options=b"\1" * 8)
        rest = pieces(packet, 1440, *range(2920, 65512, 1480))[1:]
        s.input(ether(header_of(head, ident=1, field=MORE) + PAYLOAD[:1440]), *map(ether, rest))
        assert s.device.stats.rx_reassembled == 0
        assert s.kernel.net.stats.fragerr == len(rest) + 1
        assert s.leaks() == 0 and s.pings()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 90), st.booleans(), st.integers(0, 2)), max_size=40))
def test_whatever_comes_is_kept_dropped_or_a_packet(places: list[tuple[int, int, bool, int]]) -> None:
    with Stack() as s:
        frames = [lone(start * 8, size, more, ident, proto=99) for start, size, more, ident in places]
        for frame in frames:
            s.input(frame)
            assert s.kernel.iobs.check() == ""
        s.later(10)
        assert waiting(s) == 0
        sent(s)
        assert s.leaks() == 0 and s.pings()


# Limits


def test_heads_without_tails_may_hold_a_fifth_of_the_pool() -> None:
    with Stack() as s:
        for ident in range(1000):
            s.input(lone(0, 400, True, ident))
            assert waiting(s) <= LIMIT
        each = -(-(400 + 34) // 196)
        assert waiting(s) == LIMIT // each * each
        assert s.device.stats.rx_reasm_evicted == 1000 - LIMIT // each
        assert s.pings()
        s.later(3)
        assert waiting(s) == 0


def test_identical_fragments_push_nothing_out() -> None:
    with Stack() as s:
        s.input(lone(8, 8, True, 1))
        for _ in range(LIMIT):
            s.input(lone(0, 400, True, 2))
        assert (waiting(s), s.device.stats.rx_reasm_evicted) == (1 + 3, 0)


def test_the_oldest_is_given_up_first() -> None:
    with Stack(IOB_NBUFFERS=50) as s:
        sock = opened(s)
        for ident in range(11):
            s.input(lone(16, 8, True, ident))
        head = every(udp(PAYLOAD[:16]), 16, ident=11)
        s.input(ether(head[0]))
        assert s.device.stats.rx_reasm_evicted == 2
        s.input(ether(head[1]))
        assert s.run(lambda _: sock.recv(100)) == PAYLOAD[:16]


def test_one_packet_may_need_more_than_that() -> None:
    with Stack() as s:
        opened(s)
        *most, last = map(ether, every(udp(PAYLOAD), 1480))
        s.input(lone(0, 8, True, 77), *most)
        assert waiting(s) > LIMIT
        assert s.device.stats.rx_reasm_evicted == 1
        s.input(last)
        assert s.device.stats.rx_reassembled == 1


def test_a_pool_that_cannot_hold_a_packet_gets_over_it() -> None:
    with Stack(IOB_NBUFFERS=36, IOB_THROTTLE=8, IOB_NCHAINS=36) as s:
        s.input(*map(ether, every(icmp(ECHO_REQUEST, data=PAYLOAD), 1480)))
        assert s.device.stats.rx_noiob > 0 and waiting(s) > 30
        s.later(3)
        assert s.device.stats.rx_reasm_timeouts == 1
        assert len(sent(s)) == 1  # that its time is over
        assert s.leaks() == 0 and s.pings()


@pytest.mark.parametrize("nbuffers", [1, 2, 4, 5, 9])
def test_the_smallest_pools_survive_a_flood(nbuffers: int) -> None:
    with Stack(IOB_NBUFFERS=nbuffers, IOB_THROTTLE=0, IOB_NCHAINS=9) as s:
        for ident in range(100):
            s.input(lone(8 * (ident % 3), 8, True, ident), lone(24, 4, False, ident))
        s.later(5)
        sent(s)
        assert s.leaks() == 0 and s.pings()


def test_many_small_fragments_of_one_packet_are_taken_in_any_order() -> None:
    packet = udp(PAYLOAD[:4000])
    with Stack() as s:
        sock = opened(s)
        s.input(*map(ether, reversed(every(packet, 8))))
        assert s.run(lambda _: sock.recv(4000)) == PAYLOAD[:4000]
        assert s.leaks() == 0


# Time


def errors(s: Stack) -> list[tuple[int, int, bytes]]:
    """The ICMP messages that the board has sent: type, code, what they quote."""
    return [(frame[34], frame[35], frame[42:]) for frame in sent(s)]


def test_what_is_incomplete_after_two_seconds_is_given_up_and_its_sender_told() -> None:
    first = every(udp(PAYLOAD[:3000]), 1480)[0]
    with Stack() as s:
        s.input(ether(first))
        s.later(1.9)
        assert waiting(s) > 0 and errors(s) == []
        s.later(0.2)
        (error,) = [Packet(frame) for frame in s.frames()]
        assert (error.type, error.code, error.data, error.dst) == (TIME_EXCEEDED, 1, first[:548], HOST_IP)
        assert s.device.stats.rx_reasm_timeouts == 1 and s.kernel.net.stats.fragerr == 0
        assert s.leaks() == 0


def test_without_its_first_fragment_nobody_is_told() -> None:
    with Stack() as s:
        s.input(*map(ether, every(udp(PAYLOAD[:5000]), 1480)[1:]))
        s.later(3)
        assert errors(s) == [] and s.device.stats.rx_reasm_timeouts == 1
        assert s.leaks() == 0


SILENT = {
    "a broadcast": ether(piece(udp(PAYLOAD[:2000], dst="10.0.1.255"), 0, 1480), dst=EVERYBODY),
    "an ICMP error": ether(piece(icmp(3, 3, bytes(4), PAYLOAD[:2000]), 0, 1480)),
}


@pytest.mark.parametrize("name", SILENT)
def test_nobody_is_told_of(name: str) -> None:
    with Stack() as s:
        s.input(SILENT[name])
        s.later(3)
        assert errors(s) == [] and s.device.stats.rx_reasm_timeouts == 1
        assert s.leaks() == 0


def test_nobody_is_told_in_the_name_of_another_address() -> None:
    with Stack() as s:
        sock = opened(s)
        lib.udp_set(s.board, sock.conn, lib.SOCK_BOUNDIF, s.eth.index)  # hears what is for others, too
        s.input(ether(piece(udp(PAYLOAD[:2000], dst="10.0.1.99"), 0, 1480)))
        assert waiting(s) > 0
        s.later(3)
        assert errors(s) == [] and s.leaks() == 0


def test_without_a_link_nobody_can_be_told() -> None:
    with Stack() as s:
        s.eth.call(lib.netdev_set, lib.NETDEV_CARRIER, 0)
        s.input(ether(every(udp(PAYLOAD[:3000]), 1480)[0]))
        s.later(3)
        assert s.device.stats.rx_reasm_timeouts == 1
        assert s.leaks() == 0


def test_a_ping_that_is_late_is_told() -> None:
    with Stack() as s:
        s.input(ether(every(icmp(ECHO_REQUEST, data=PAYLOAD[:2000]), 1480)[0]))
        s.later(3)
        assert [error[:2] for error in errors(s)] == [(TIME_EXCEEDED, 1)]


def test_each_packet_has_its_own_time() -> None:
    with Stack() as s:
        s.input(lone(8, 8, True, 1))
        s.later(1)
        s.input(lone(8, 8, True, 2), lone(16, 8, True, 1))
        s.later(1.2)
        assert (waiting(s), s.device.stats.rx_reasm_timeouts) == (1, 1)
        s.later(1)
        assert (waiting(s), s.device.stats.rx_reasm_timeouts) == (0, 2)


@pytest.mark.parametrize("maxage,seconds", [(50, 5.0), (5, 0.5), (1, 0.5)])
def test_the_time_is_configured_and_half_a_second_at_least(maxage: int, seconds: float) -> None:
    with Stack(NET_IPFRAG_REASS_MAXAGE=maxage) as s:
        s.input(lone(8, 8, True))
        s.later(seconds - 0.01)
        assert waiting(s) == 1
        s.later(0.05)
        assert waiting(s) == 0


def test_a_complete_packet_leaves_no_timer_behind() -> None:
    with Stack() as s:
        opened(s)
        s.input(*map(ether, every(udp(PAYLOAD[:2000]), 1480)))
        before = s.clock.now_ns
        s.clock.run(None)
        assert s.clock.now_ns == before


def test_a_blocked_work_queue_keeps_fragments_for_ever() -> None:
    with Stack() as s:
        gate = s.keep(lambda sys: sys.semaphore(0))
        job = Work(s.kernel, "job")
        s.kernel.work_queue(LPWORK, job, lambda _: gate.wait())
        s.later(0.1)
        s.input(lone(8, 8, True))
        s.later(100)
        assert waiting(s) == 1
        gate.post()
        s.later(0.1)
        assert waiting(s) == 0


def test_an_interface_that_goes_down_forgets_its_fragments() -> None:
    with Stack(depth=4) as s:
        s.input(*map(ether, every(icmp(ECHO_REQUEST, data=PAYLOAD[:20000]), 1480)))  # its reply waits in fragments
        s.input(lone(0, 800, True, 9))
        s.eth.ifdown()
        assert waiting(s) == 0
        s.frames()
        assert s.leaks() == 0
        s.later(10)
        assert s.device.stats.rx_reasm_timeouts == 0


# Sending


def icmp_socket(s: Stack) -> Any:
    return s.keep(lambda sys: sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))


@settings(max_examples=60)
@given(st.integers(0, 9000), st.integers(576, 1500), st.sampled_from([64, 196, 1514]))
def test_a_datagram_of_any_length_leaves_in_fragments_that_fit(size: int, mtu: int, bufsize: int) -> None:
    with Stack(IOB_BUFSIZE=bufsize, IOB_NBUFFERS=2000, IOB_NCHAINS=200) as s:
        s.device.mtu = mtu
        assert s.run(lambda sys: sys.socket().sendto(PAYLOAD[:size], HOST)) == size
        frames = sent(s)
        assert all(len(frame) - 14 <= mtu for frame in frames)
        if size + 28 <= mtu:
            assert [frame[20] for frame in frames] == [0x40]  # whole, and not to be fragmented
            return
        datagram = joined(frames)
        assert datagram[8:] == PAYLOAD[:size]
        assert all(len(frame) - 14 > mtu - 8 for frame in frames[:-1])
        pseudo = struct.pack("!IIHH", inet_addr(BOARD_IP), inet_addr(HOST_IP), 17, len(datagram))
        assert checksum(pseudo + datagram) == 0
        assert s.leaks() == 0


def test_the_longest_request_leaves_in_fragments() -> None:
    with Stack() as s:
        sock = icmp_socket(s)
        message = bytes([ECHO_REQUEST, 0, 0, 0, 0, 7, 0, 1]) + PAYLOAD
        s.run(lambda _: sock.sendto(message, HOST))
        request = joined(sent(s))
        assert request[4:] == message[4:] and checksum(request) == 0
        assert s.kernel.net.stats.ipv4.sent == 45
        assert s.leaks() == 0


def test_fragments_of_a_packet_leave_before_anything_new() -> None:
    with Stack(depth=3) as s:
        sock = opened(s)
        s.run(lambda _: [sock.sendto(PAYLOAD[:6000], HOST), sock.sendto(b"small", HOST)])
        frames = sent(s)
        assert joined(frames[:-1])[8:] == PAYLOAD[:6000]
        assert frames[-1][42:47] == b"small"
        assert s.leaks() == 0


@pytest.mark.parametrize("room", [{"IOB_NCHAINS": 40}, {"IOB_NBUFFERS": 340, "IOB_THROTTLE": 0, "IOB_NCHAINS": 99}])
def test_without_room_for_all_fragments_none_is_sent(room: dict[str, int]) -> None:
    with Stack(**room) as s:
        assert s.run(lambda sys: sys.socket().sendto(PAYLOAD, HOST)) == len(PAYLOAD)
        assert sent(s) == []
        assert (s.device.stats.tx_noiob, s.kernel.net.stats.ipv4.sent) == (1, 0)
        assert s.leaks() == 0 and s.pings()


def test_a_reply_that_finds_no_room_is_dropped_and_counted() -> None:
    with Stack(IOB_NCHAINS=40) as s:
        s.input(*map(ether, every(icmp(ECHO_REQUEST, data=PAYLOAD), 1480)))
        assert sent(s) == []
        assert (s.device.stats.rx_reassembled, s.device.stats.tx_noiob) == (1, 1)
        assert s.leaks() == 0 and s.pings()


def test_a_request_that_the_pool_can_never_hold_is_refused() -> None:
    with Stack(IOB_NBUFFERS=36, IOB_THROTTLE=0) as s:
        sock = icmp_socket(s)
        message = bytes([ECHO_REQUEST, 0, 0, 0, 0, 7, 0, 1]) + PAYLOAD
        assert s.run(lambda _: error_of(sock.sendto, message, HOST)) == errno.ENOMEM
        assert s.leaks() == 0 and s.pings()


def test_an_unknown_neighbour_is_asked_for_once() -> None:
    with Stack(known=False, NET_ARP_SEND=False) as s:
        assert s.run(lambda sys: sys.socket().sendto(PAYLOAD[:9000], HOST)) == 9000
        (question,) = sent(s)
        assert question[12:14] == b"\x08\x06"
        assert s.device.stats.tx_noarp == 1
        s.input(ether(arp(2), 0x0806))
        s.run(lambda sys: sys.socket().sendto(PAYLOAD[:9000], HOST))
        assert joined(sent(s))[8:] == PAYLOAD[:9000]
        assert s.leaks() == 0


def test_the_loopback_fragments_nothing() -> None:
    def talk(sys: Any) -> Any:
        sock = sys.socket()
        sock.bind(("127.0.0.1", 9))
        sock.sendto(PAYLOAD, ("127.0.0.1", 9))
        return sock.recv(65535)

    with Stack() as s:
        assert s.run(talk) == PAYLOAD
        assert s.kernel.net.stats.ipv4.recv == s.kernel.net.stats.ipv4.sent == 1
        assert s.leaks() == 0


def test_tcp_is_never_fragmented_even_if_its_device_shrinks() -> None:
    with Stack() as s:
        sock, _ = connected(s)
        s.device.mtu = 700
        act(s, lambda _: sock.send(PAYLOAD[:3000]))
        frames = s.frames()
        assert [len(frame) - 14 for frame in frames] == [700] * 4 + [40 + 3000 - 4 * 660]
        assert all(frame[20] == 0x40 for frame in frames)  # DF, and whole


def test_frag_needed_is_told_to_a_connected_socket() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.connect(HOST))
        s.run(lambda _: sock.send(PAYLOAD[:1400]))
        (frame,) = s.frames()
        s.input(ether(icmp(3, 4, struct.pack("!HH", 0, 1280), frame[14:42])))
        assert s.run(lambda _: error_of(sock.send, b"x")) == errno.EMSGSIZE
        assert s.run(lambda _: sock.send(b"x")) == 1


# Not built in


@pytest.mark.parametrize("start,more", [(0, True), (8, True), (16, False)])
def test_without_it_every_fragment_is_dropped_and_counted(start: int, more: bool) -> None:
    with Stack(NET_IPFRAG=False) as s:
        assert s.answers(lone(start, 8, more)) == []
        stats = s.kernel.net.stats
        assert (stats.fragerr, stats.ipv4.drop, s.device.stats.rx_fragments) == (1, 1, 1)
        assert s.leaks() == 0 and s.pings()


def test_without_it_nothing_longer_than_a_frame_is_sent() -> None:
    def send(sys: Any) -> Any:
        ping = sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
        message = bytes([ECHO_REQUEST, 0, 0, 0, 0, 7, 0, 1]) + PAYLOAD[:1465]
        sock = sys.socket()
        return (
            error_of(sock.sendto, PAYLOAD[:1473], HOST),
            sock.sendto(PAYLOAD[:1472], HOST),
            (error_of(ping.sendto, message + b"x" * 8, HOST),),
        )

    with Stack(NET_IPFRAG=False) as s:
        assert s.run(send) == (errno.EMSGSIZE, 1472, (errno.EINVAL,))


# A whole board


def test_the_shell_counts_fragments_as_nuttx_does() -> None:
    with Board() as b:
        assert b.eth0.host is not None
        b.eth0.host.answers(echo=True)
        assert "1 received" in b.nsh("ping -c 1 -s 4000 10.0.1.1")
        b.eth0.host.send(ether(lone(0, 13, True)[14:], dst=bytes.fromhex(b.eth0.mac.replace(":", ""))))
        b.run(0.1)
        lines = b.nsh("ifconfig eth0").splitlines()
        received, fragments = lines[lines.index("\tRX: Received Fragment Errors   Bytes   ") + 1].split()[:2]
        assert (int(received, 16), int(fragments, 16)) == (5, 4)  # an ARP reply, three of the echo reply, a bad one
        assert "Frg: 0001" in b.nsh("cat /proc/net/stat")


def test_what_the_board_sends_in_fragments_pleases_wireshark(tmp_path: Path, run_tool: Callable[..., str]) -> None:
    def sender(sys: Any) -> None:
        sys.socket().sendto(PAYLOAD, HOST)
        sys.usleep(1000)

    path = tmp_path / "frag.pcapng"
    with Board() as b:
        assert b.eth0.host is not None
        b.eth0.host.answers(arp=True, echo=True)
        b.capture(str(path))
        for size in (1473, 5000, 65507):
            assert "1 received" in b.nsh(f"ping -c 1 -s {size} 10.0.1.1")
        b.spawn(sender, "sender")
        b.run(1)
    checks = [word for proto in ("ip", "udp") for word in ("-o", f"{proto}.check_checksum:TRUE")]
    bad = " or ".join(
        ["_ws.malformed", "ip.fragment.error", "ip.fragment.overlap", "ip.fragment.toolongfragment"]
        + [f'{proto}.checksum.status == "Bad"' for proto in ("ip", "udp", "icmp")]
    )
    assert run_tool("tshark", "-r", str(path), *checks, "-Y", f"({bad})") == ""
    whole = run_tool("tshark", "-r", str(path), *checks, "-Y", "ip.reassembled.length", "-T", "fields", "-e", "ip.dst")
    assert whole.split().count(HOST_IP) == 4
