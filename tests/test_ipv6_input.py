"""What the stack does with a packet of IPv6 before a socket sees it (RFC 8200), echo and errors (RFC 4443)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import BOARD_MAC, HOST_MAC, ether
from stack6 import (
    ALL_NODES,
    ANY,
    BOARD,
    DSTOPTS,
    ECHO_REPLY,
    ECHO_REQUEST,
    HOPOPTS,
    HOST,
    ICMPV6,
    NONE,
    PARAM_PROBLEM,
    ROUTING,
    TCP,
    TOO_BIG,
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

PAYLOAD = bytes(range(256)) * 6
PAD = b"\0" + b"\1\4" + bytes(4)  # the rest of an options header of 8 bytes with nothing in it


# Echo


@pytest.mark.parametrize("size", [0, 1, 55, 133, 134, 135, 329, 330, 1000, 1451, 1452])
def test_echo_reply_has_everything_of_the_request(size: int) -> None:
    with Stack6() as s:
        (reply,) = s.answers6(icmp6(ECHO_REQUEST, rest=b"\x12\x34\xab\xcd", data=PAYLOAD[:size]))
        assert (reply.type, reply.code, reply.payload[4:8]) == (ECHO_REPLY, 0, b"\x12\x34\xab\xcd")
        assert reply.data == PAYLOAD[:size]
        assert (reply.src, reply.dst, reply.hops) == (BOARD, HOST, 64)
        assert (reply.dst_mac, reply.src_mac) == (HOST_MAC, BOARD_MAC)
        assert s.leaks() == 0


@pytest.mark.parametrize("bufsize", [64, 96, 128, 196, 1514])
def test_echo_works_with_any_size_of_iob(bufsize: int) -> None:
    with Stack6(IOB_BUFSIZE=bufsize) as s:
        for size in (0, 14, 15, 22, 23, 200, 1452):
            (reply,) = s.answers6(icmp6(ECHO_REQUEST, data=PAYLOAD[:size]))
            assert reply.data == PAYLOAD[:size]
        assert s.leaks() == 0


def test_a_ping_for_all_nodes_is_answered_from_the_own_address() -> None:
    with Stack6() as s:
        (reply,) = s.answers6(icmp6(ECHO_REQUEST, data=b"all", dst=ALL_NODES))
        assert (reply.src, reply.dst, reply.data) == (BOARD, HOST, b"all")


def test_a_ping_for_a_solicited_node_group_is_not_answered() -> None:
    with Stack6() as s:
        assert s.answers6(icmp6(ECHO_REQUEST, dst="ff02::1:ff00:2")) == []


def test_padding_of_short_frames_is_not_data() -> None:
    with Stack6() as s:
        s.input(ether6(icmp6(ECHO_REQUEST, data=b"ab")) + bytes(100))
        (reply,) = s.sent6()
        assert reply.data == b"ab" and s.leaks() == 0


def test_without_icmpv6_nothing_is_answered() -> None:
    with Stack6(NET_ICMPv6=False, NET_ICMPv6_SOCKET=False, NET_ICMPv6_NEIGHBOR=False, SYSTEM_PING6=False) as s:
        assert s.answers6(icmp6(ECHO_REQUEST), udp6(b"x")) == []


def test_a_board_without_ipv6_counts_its_frames_and_drops_them() -> None:
    with Stack6(NET_IPv6=False, known6=False, address="") as s:
        assert s.answers6(icmp6(ECHO_REQUEST)) == []
        assert (s.kernel.net.stats.ipv6.recv, s.kernel.net.stats.ipv6.drop) == (1, 1)
        assert s.device.stats.rx_ipv6 == 1 and s.leaks() == 0


# What is dropped, and how it is counted


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(icmp6(ECHO_REQUEST)[:39], id="shorter than a header"),
        pytest.param(icmp6(ECHO_REQUEST, plen=9), id="longer than the frame"),
        pytest.param(icmp6(ECHO_REQUEST, plen=0), id="no payload"),
        pytest.param(icmp6(ECHO_REQUEST, dst="fc00::3"), id="for somebody else"),
        pytest.param(icmp6(ECHO_REQUEST, dst=ANY), id="for nobody"),
        pytest.param(icmp6(ECHO_REQUEST, dst="::1"), id="for the loopback"),
        pytest.param(icmp6(ECHO_REQUEST, dst="::ffff:10.0.1.2"), id="for the IPv4 address"),
        pytest.param(icmp6(ECHO_REQUEST, dst="ff02::2"), id="for all routers"),
        pytest.param(icmp6(ECHO_REQUEST, dst="ff02::1:ff00:3"), id="for the group of somebody else"),
        pytest.param(icmp6(ECHO_REQUEST, src="::1"), id="from the loopback"),
        pytest.param(icmp6(ECHO_REQUEST, src="ff02::1"), id="from a group"),
        pytest.param(icmp6(ECHO_REQUEST, src=BOARD), id="from the board itself"),
        pytest.param(icmp6(ECHO_REQUEST, src="::ffff:10.0.1.1"), id="from an IPv4 address"),
        pytest.param(icmp6(ECHO_REQUEST, src=ANY), id="from nobody"),
        pytest.param(icmp6(ECHO_REQUEST, bad=1), id="bad checksum"),
        pytest.param(icmp6(ECHO_REQUEST)[:47], id="half an ICMPv6 header"),
        pytest.param(ip6(b"", NONE), id="no next header"),
        pytest.param(udp6(b"x", sum=0), id="UDP without a checksum"),
        pytest.param(udp6(b"x", sum=1), id="UDP with a bad checksum"),
        pytest.param(ip6(b"\3\xe8\0\7\0\7", UDP), id="half a UDP header"),
    ],
)
def test_what_is_wrong_is_dropped_in_silence(packet: bytes) -> None:
    with Stack6() as s:
        s.bound6()
        if len(packet) < 48 and packet[6] == ICMPV6 and len(packet) > 40:
            packet = packet[:4] + struct.pack("!H", len(packet) - 40) + packet[6:]
        assert s.answers6(packet) == []
        stats = s.kernel.net.stats
        assert stats.ipv6.recv == 1
        assert stats.ipv6.drop + stats.icmpv6.drop + stats.udp.drop == 1
        assert s.leaks() == 0 and s.pings6()


def test_another_version_is_counted_as_such() -> None:
    with Stack6() as s:
        assert s.answers6(icmp6(ECHO_REQUEST, version=4)) == []
        assert s.kernel.net.stats.ipv6_vhlerr == 1 and s.leaks() == 0


def test_ipv4_in_a_frame_of_ipv6_is_dropped_and_the_reverse() -> None:
    with Stack6() as s:
        s.input(ether(icmp6(ECHO_REQUEST)))
        assert s.frames() == [] and s.kernel.net.stats.vhlerr == 1 and s.leaks() == 0


# Extension headers


@pytest.mark.parametrize(
    "headers",
    [
        [(HOPOPTS, PAD)],
        [(DSTOPTS, PAD)],
        [(HOPOPTS, PAD), (DSTOPTS, PAD), (ROUTING, b"\0\0\0" + bytes(4)), (DSTOPTS, PAD)],
        [(DSTOPTS, b"\0" + bytes(6))],  # six times Pad1
        [(DSTOPTS, b"\0" + b"\x1e\4" + bytes(4))],  # an unknown option that may be passed over
        [(DSTOPTS, b"\3" + b"\1\x1c" + bytes(28))],
    ],
)
def test_extension_headers_are_passed_over_and_not_returned(headers: list[tuple[int, bytes]]) -> None:
    with Stack6() as s:
        (reply,) = s.answers6(extended(icmp6(ECHO_REQUEST, data=b"data"), *headers))
        assert reply.type == ECHO_REPLY and reply.data == b"data" and reply.proto == ICMPV6
        sock = s.bound6()
        s.answers6(extended(udp6(b"datagram"), *headers))
        assert s.run(lambda sys: sock.recvfrom(100)) == (b"datagram", (HOST, 1000, 0, 0))
        assert s.leaks() == 0


@pytest.mark.parametrize(
    ("headers", "code", "pointer"),
    [
        pytest.param([(DSTOPTS, PAD), (HOPOPTS, PAD)], 1, 40, id="hop-by-hop not first"),
        pytest.param([(ROUTING, b"\0\0\1" + bytes(4))], 0, 42, id="source route"),
        pytest.param([(DSTOPTS, b"\0" + b"\x9e\4" + bytes(4))], 2, 42, id="option that asks to be told"),
        pytest.param([(DSTOPTS, b"\0" + b"\xde\4" + bytes(4))], 2, 42, id="the same, unless it was a group"),
        pytest.param([(DSTOPTS, b"\0" + b"\1\0\xc1\2" + bytes(2))], 2, 44, id="behind another"),
        pytest.param([(253, PAD)], 1, 6, id="unknown next header"),
        pytest.param([(HOPOPTS, PAD), (253, PAD)], 1, 40, id="unknown, behind one that is known"),
    ],
)
def test_what_cannot_be_processed_is_told(headers: list[tuple[int, bytes]], code: int, pointer: int) -> None:
    packet = extended(icmp6(ECHO_REQUEST, data=b"data"), *headers)
    with Stack6() as s:
        (error,) = s.answers6(packet)
        assert (error.type, error.code, error.dst) == (PARAM_PROBLEM, code, HOST)
        assert int.from_bytes(error.payload[4:8], "big") == pointer
        assert error.data == packet and s.leaks() == 0


@pytest.mark.parametrize(
    "packet",
    [
        extended(icmp6(ECHO_REQUEST), (DSTOPTS, b"\0" + b"\x5e\4" + bytes(4))),  # discard in silence
        extended(icmp6(ECHO_REQUEST, dst=ALL_NODES), (DSTOPTS, b"\0" + b"\xde\4" + bytes(4))),
        extended(icmp6(ECHO_REQUEST), (DSTOPTS, b"\0" + b"\x1e\5" + bytes(4))),  # longer than its header
        extended(icmp6(ECHO_REQUEST), (DSTOPTS, b"\xff" + b"\1\4" + bytes(4))),  # longer than the packet
    ],
)
def test_options_that_ask_for_silence_get_it(packet: bytes) -> None:
    with Stack6() as s:
        assert s.answers6(packet) == []
        assert s.leaks() == 0 and s.pings6()


def test_headers_that_fill_a_small_buffer_are_too_many() -> None:
    with Stack6(IOB_BUFSIZE=64) as s:
        assert s.answers6(extended(icmp6(ECHO_REQUEST), (DSTOPTS, PAD))) == []
        assert s.leaks() == 0 and s.pings6()


# Errors


def test_a_port_that_nobody_has_is_unreachable() -> None:
    packet = udp6(PAYLOAD[:1400], dport=99)
    with Stack6() as s:
        (error,) = s.answers6(packet)
        assert (error.type, error.code, error.src, error.dst) == (UNREACHABLE, 4, BOARD, HOST)
        assert len(error.body) == 1280 and error.data == packet[: 1280 - 48]  # RFC 4443 2.4 (c)
        assert s.leaks() == 0


@pytest.mark.parametrize("packet", [udp6(b"x", dst=ALL_NODES), udp6(b"x", src=ANY)])
def test_nobody_is_told_about_a_group_or_from_nobody(packet: bytes) -> None:
    with Stack6() as s:
        assert s.answers6(packet) == [] and s.leaks() == 0


def test_nobody_is_told_what_came_in_a_frame_to_a_group() -> None:
    with Stack6() as s:
        s.input(ether6(udp6(b"x"), dst=b"\x33\x33\0\0\0\1"))
        assert s.frames() == [] and s.leaks() == 0


def test_errors_are_rationed_together_with_those_of_ipv4() -> None:
    with Stack6() as s:
        assert len(s.answers6(*[udp6(b"x", dport=99)] * 200)) == 50


def test_a_tcp_segment_without_connection_is_refused() -> None:
    segment = struct.pack("!HHIIBBHHH", 1000, 80, 5, 0, 0x50, 2, 1000, 0, 0)
    from stack import checksum
    from stack6 import pseudo

    value = checksum(pseudo(HOST, BOARD, TCP, 20) + segment)
    with Stack6() as s:
        (reset,) = s.answers6(ip6(segment[:16] + struct.pack("!H", value) + segment[18:], TCP))
        assert (reset.flags, reset.ack, reset.seq) == (0x14, 6, 0)
        assert s.leaks() == 0


def test_a_connected_socket_hears_that_its_port_is_unreachable() -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.connect((HOST, 9)))
        s.run(lambda sys: sock.send(b"hello"))
        (sent,) = s.sent6()
        assert (sent.sport, sent.dport, sent.data, sent.hops) == (1234, 9, b"hello", 64)
        s.input(ether6(icmp6(UNREACHABLE, 4, bytes(4), sent.body)))
        with pytest.raises(ConnectionRefusedError):
            s.run(lambda sys: sock.recv(10))


@pytest.mark.parametrize(
    ("kind", "code", "errno"),
    [(UNREACHABLE, 0, 101), (UNREACHABLE, 1, 13), (UNREACHABLE, 3, 113), (TOO_BIG, 0, 90), (PARAM_PROBLEM, 1, 71)],
)
def test_what_an_error_is_to_a_socket(kind: int, code: int, errno: int) -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.connect((HOST, 9)))
        s.run(lambda sys: sock.send(b"hello"))
        (sent,) = s.sent6()
        s.input(ether6(icmp6(kind, code, struct.pack("!I", 1280), sent.body)))
        with pytest.raises(OSError) as raised:
            s.run(lambda sys: sock.recv(10))
        assert raised.value.errno == errno


@pytest.mark.parametrize("cut", [0, 20, 39, 40, 47])
def test_an_error_that_quotes_too_little_is_dropped(cut: int) -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.connect((HOST, 9)))
        s.run(lambda sys: sock.send(b"hello"))
        (sent,) = s.sent6()
        s.input(ether6(icmp6(UNREACHABLE, 4, bytes(4), sent.body[:cut])))
        assert s.kernel.net.stats.icmpv6.typeerr == 1 and s.leaks() == 0


# Anything


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([HOPOPTS, TCP, UDP, ROUTING, 44, ICMPV6, NONE, DSTOPTS, 51, 255]))
def test_any_bytes_behind_a_good_header_do_no_harm(data: bytes, proto: int) -> None:
    with Stack6() as s:
        s.bound6()
        s.input(ether6(ip6(data, proto)))
        for frame in s.frames():
            Packet6(frame)
        s.later(70)
        assert s.pings6() and s.kernel.iobs.check() == ""


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_of_a_good_packet_does_no_harm(data: st.DataObject) -> None:
    packet = bytearray(
        data.draw(
            st.sampled_from(
                [
                    icmp6(ECHO_REQUEST, data=PAYLOAD[:300]),
                    udp6(b"x" * 20, dport=99),
                    extended(icmp6(ECHO_REQUEST), (HOPOPTS, PAD), (DSTOPTS, PAD)),
                ]
            )
        )
    )
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(packet) - 1), st.integers(0, 255)), max_size=4)):
        packet[at] = value
    end = data.draw(st.integers(0, len(packet)))
    with Stack6() as s:
        s.input(ether(bytes(packet[:end]), 0x86DD))
        s.frames()
        s.later(70)
        assert s.pings6() and s.kernel.iobs.check() == ""
