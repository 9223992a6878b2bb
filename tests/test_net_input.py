"""What the stack does with a frame before a socket sees it: IPv4, ICMP (RFC 1122), and anything a wire can carry."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stack import BOARD_IP, BOARD_MAC, EVERYBODY, HOST_MAC, Stack, arp, checksum, ether, icmp, ip, udp

from kernel.core import TRACE_KINDS, trace_records

PAYLOAD = bytes(range(256)) * 6
ECHO_REQUEST, ECHO_REPLY, UNREACHABLE, TIME_EXCEEDED = 8, 0, 3, 11


# Echo


@pytest.mark.parametrize("size", [0, 1, 55, 56, 153, 154, 155, 181, 182, 350, 351, 1000, 1471, 1472])
def test_echo_reply_has_everything_of_the_request(size: int) -> None:
    with Stack() as s:
        (reply,) = s.answers(ether(icmp(ECHO_REQUEST, rest=b"\x12\x34\xab\xcd", data=PAYLOAD[:size])))
        assert (reply.type, reply.code, reply.payload[4:8]) == (ECHO_REPLY, 0, b"\x12\x34\xab\xcd")
        assert reply.data == PAYLOAD[:size]
        assert (reply.src, reply.dst, reply.ttl) == ("10.0.1.2", "10.0.1.1", 64)
        assert (reply.dst_mac, reply.src_mac) == (HOST_MAC, BOARD_MAC)
        assert s.leaks() == 0


@pytest.mark.parametrize("bufsize", [64, 128, 196, 1514])
def test_echo_works_with_any_size_of_iob(bufsize: int) -> None:
    with Stack(IOB_BUFSIZE=bufsize) as s:
        for size in (0, 14, 15, 22, 23, 200, 1472):
            (reply,) = s.answers(ether(icmp(ECHO_REQUEST, data=PAYLOAD[:size])))
            assert reply.data == PAYLOAD[:size]
        assert s.leaks() == 0


@pytest.mark.parametrize("ttl", [0, 1, 255])
def test_any_ttl_is_accepted(ttl: int) -> None:
    with Stack() as s:
        assert len(s.answers(ether(icmp(ECHO_REQUEST, ttl=ttl)))) == 1


@pytest.mark.parametrize(
    "options", [b"\1\1\1\0", b"\x07\x27\x04" + bytes(37), b"\xff" * 8, b"\x44\0\0\0", b"\x94\4\0\0"]
)
def test_ip_options_are_skipped_and_not_returned(options: bytes) -> None:
    with Stack() as s:
        (reply,) = s.answers(ether(icmp(ECHO_REQUEST, data=b"data", options=options)))
        assert reply.data == b"data"


def test_padding_of_short_frames_is_not_data() -> None:
    with Stack() as s:
        (reply,) = s.answers(ether(icmp(ECHO_REQUEST, data=b"ab")) + bytes(16))
        assert len(reply.frame) == 14 + 20 + 8 + 2


def test_long_padding_frees_its_buffers() -> None:
    with Stack() as s:
        (reply,) = s.answers(ether(icmp(ECHO_REQUEST, data=b"ab") + bytes(1400)))
        assert len(reply.frame) == 44
        assert s.leaks() == 0


def test_without_icmp_nothing_is_answered() -> None:
    with Stack(NET_ICMP=False, NET_ICMP_SOCKET=False, SYSTEM_PING=False) as s:
        assert s.answers(ether(icmp(ECHO_REQUEST)), ether(udp(b"x"))) == []


# What is dropped, and how it is counted


def total(change: int) -> bytes:
    packet = icmp(ECHO_REQUEST, data=b"12345678")
    return icmp(ECHO_REQUEST, data=b"12345678", total=len(packet) + change)


DROPS: dict[str, tuple[bytes, str]] = {
    "version 6": (ether(icmp(ECHO_REQUEST, vhl=0x65)), "vhlerr"),
    "version 0": (ether(icmp(ECHO_REQUEST, vhl=0x05)), "vhlerr"),
    "header of 16 bytes": (ether(icmp(ECHO_REQUEST, vhl=0x44)), "vhlerr"),
    "header of 0 bytes": (ether(icmp(ECHO_REQUEST, vhl=0x40)), "vhlerr"),
    "header longer than the packet": (ether(icmp(ECHO_REQUEST, vhl=0x4F)), "drop"),
    "total length beyond the frame": (ether(total(1)), "drop"),
    "total length below the header": (ether(icmp(ECHO_REQUEST, total=19)), "drop"),
    "total length 0": (ether(icmp(ECHO_REQUEST, total=0)), "drop"),
    "bad checksum": (ether(icmp(ECHO_REQUEST, bad=1)), "chkerr"),
    "fragment of nothing": (ether(ip(b"", 1, frag=0x2000)), "fragerr"),
    "fragment beyond 65535": (ether(icmp(ECHO_REQUEST, frag=0x1FFF)), "fragerr"),
    "other destination": (ether(icmp(ECHO_REQUEST, dst="10.0.1.3")), "drop"),
    "loopback destination": (ether(icmp(ECHO_REQUEST, dst="127.0.0.1")), "drop"),
    "multicast destination": (ether(icmp(ECHO_REQUEST, dst="224.0.0.1")), "drop"),
    "destination nobody": (ether(icmp(ECHO_REQUEST, dst="0.0.0.0")), "drop"),
    "ping to everybody": (ether(icmp(ECHO_REQUEST, dst="255.255.255.255"), dst=EVERYBODY), "drop"),
    "ping to the subnet": (ether(icmp(ECHO_REQUEST, dst="10.0.1.255"), dst=EVERYBODY), "drop"),
    "own source (land)": (ether(icmp(ECHO_REQUEST, src=BOARD_IP)), "drop"),
    "loopback source": (ether(icmp(ECHO_REQUEST, src="127.0.0.1")), "drop"),
    "broadcast source": (ether(icmp(ECHO_REQUEST, src="255.255.255.255")), "drop"),
    "subnet broadcast source": (ether(icmp(ECHO_REQUEST, src="10.0.1.255")), "drop"),
    "multicast source": (ether(icmp(ECHO_REQUEST, src="239.1.1.1")), "drop"),
    "source nobody": (ether(icmp(ECHO_REQUEST, src="0.0.0.0")), "drop"),
    "empty": (ether(b""), "drop"),
    "19 bytes": (ether(icmp(ECHO_REQUEST)[:19]), "drop"),
}


@pytest.mark.parametrize("name", DROPS)
def test_bad_ip_packet_is_dropped_counted_and_not_answered(name: str) -> None:
    frame, counter = DROPS[name]
    with Stack() as s:
        assert s.answers(frame) == []
        stats = s.kernel.net.stats
        counts = {
            "drop": stats.ipv4.drop,
            "chkerr": stats.ipv4.chkerr,
            "vhlerr": stats.vhlerr,
            "fragerr": stats.fragerr,
        }
        expected = {key: int(key in ("drop", counter)) for key in counts}
        assert (stats.ipv4.recv, counts) == (1, expected)
        assert s.device.stats.rx_fragments == (counter == "fragerr")
        assert s.leaks() == 0 and s.pings()


@pytest.mark.parametrize("length", [*range(14), 1515, 1600, 2000])
def test_runts_and_giants_are_receive_errors(length: int) -> None:
    frame = (ether(icmp(ECHO_REQUEST)) + bytes(2000))[:length]
    with Stack() as s:
        assert s.answers(frame) == []
        stats = s.device.stats
        assert (stats.rx_packets, stats.rx_errors, stats.errors) == (1, 1, 1)
        assert s.leaks() == 0 and s.pings()


@pytest.mark.parametrize("kind", [0x0000, 0x002E, 0x0801, 0x8100, 0x88CC, 0xFFFF])
def test_unknown_ethertype_is_dropped(kind: int) -> None:
    with Stack() as s:
        assert s.answers(ether(bytes(46), kind)) == []
        assert s.device.stats.rx_dropped == 1
        assert s.leaks() == 0


def test_ipv6_is_counted_by_name_and_dropped() -> None:
    with Stack() as s:
        s.input(ether(bytes(40), 0x86DD))
        assert s.device.stats.rx_ipv6 == 1
        assert (s.kernel.net.stats.ipv6.recv, s.kernel.net.stats.ipv6.drop) == (1, 1)


def test_interface_that_is_down_drops() -> None:
    with Stack() as s:
        s.eth.ifdown()
        assert s.answers(ether(icmp(ECHO_REQUEST))) == []
        assert s.device.stats.rx_dropped == 1


def test_drop_is_in_the_trace_with_its_reason() -> None:
    with Stack() as s:
        s.input(ether(icmp(ECHO_REQUEST, bad=1)))
        records = trace_records(s.board, 0)
        reasons = [arg for _, kind, *_, arg in struct.iter_unpack("=qHHIq", records) if TRACE_KINDS[kind] == "rx.drop"]
        assert reasons == [5]  # DROP_CHECKSUM


# ICMP errors


def test_closed_port_is_unreachable_and_quotes_the_datagram() -> None:
    datagram = udp(b"hello", dport=9)
    with Stack() as s:
        (error,) = s.answers(ether(datagram))
        assert (error.type, error.code, error.payload[4:8], error.data) == (3, 3, bytes(4), datagram)


@pytest.mark.parametrize("size", [0, 100, 132, 133, 134, 135, 400, 520, 521, 1472])
def test_quote_is_cut_at_576_bytes(size: int) -> None:
    datagram = udp(PAYLOAD[:size], dport=9)
    with Stack() as s:
        (error,) = s.answers(ether(datagram))
        assert error.data == datagram[:548]
        assert len(error.body) <= 576
        assert s.leaks() == 0


@pytest.mark.parametrize("proto", [0, 2, 6, 47, 132, 255])
def test_unknown_protocol_is_unreachable(proto: int) -> None:
    packet = ip(bytes(20), proto)
    with Stack(NET_TCP=False, NET_TCP_WRITE_BUFFERS=False) as s:
        (error,) = s.answers(ether(packet))
        assert (error.type, error.code, error.data) == (3, 2, packet)
        assert s.kernel.net.stats.ipv4.typeerr == 1


SILENT = {
    "to everybody": ether(udp(b"x", dst="255.255.255.255"), dst=EVERYBODY),
    "to the subnet": ether(udp(b"x", dst="10.0.1.255"), dst=EVERYBODY),
    "to us in a broadcast frame": ether(udp(b"x"), dst=EVERYBODY),
    "to us in a multicast frame": ether(ip(bytes(20), 99), dst=b"\1\0\x5e\0\0\1"),
    "about an echo reply nobody waits for": ether(icmp(ECHO_REPLY)),
    "about an error": ether(icmp(UNREACHABLE, 3, bytes(4), udp(b"x", src=BOARD_IP, dst="10.0.1.1"))),
    "about an unknown ICMP type": ether(icmp(99)),
    "about source quench": ether(icmp(4, 0, bytes(4), udp(b"x", src=BOARD_IP, dst="10.0.1.1"))),
    "about ICMP with a bad checksum": ether(icmp(ECHO_REQUEST, sum=0x1111)),
    "about 7 bytes of ICMP": ether(ip(b"\x08\0\xf7\xff\0\0\0", 1)),
}


@pytest.mark.parametrize("name", SILENT)
def test_no_error_is_sent(name: str) -> None:
    with Stack() as s:
        assert s.answers(SILENT[name]) == []
        assert s.leaks() == 0 and s.pings()


def test_errors_are_limited_in_rate() -> None:
    with Stack() as s:
        frames = [ether(udp(b"x", dport=9))] * 100
        assert len(s.answers(*frames[:60])) == 50  # what may go at once
        s.later(0.1)
        assert len(s.answers(*frames)) == 10  # 100 a second
        s.later(10)
        s.frames()
        assert len(s.answers(*frames[:60])) == 50
        assert s.leaks() == 0


@pytest.mark.parametrize("quote", [b"", bytes(19), bytes(28), b"\x65" + bytes(40), b"\x4f" + bytes(40), b"\x45" * 60])
def test_error_with_a_lying_quote_is_harmless(quote: bytes) -> None:
    with Stack() as s:
        for kind in (UNREACHABLE, TIME_EXCEEDED, 12):
            assert s.answers(ether(icmp(kind, 0, bytes(4), quote))) == []
        assert s.leaks() == 0 and s.pings()


# Shortage


def test_frame_without_buffers_is_lost_and_only_a_diagnosis_counts_it() -> None:
    with Stack(IOB_NBUFFERS=4, IOB_THROTTLE=0) as s:
        before = s.device.stats
        s.input(ether(icmp(ECHO_REQUEST, data=PAYLOAD[:1000])))
        after = s.device.stats
        assert s.frames() == []
        assert after.rx_noiob == before.rx_noiob + 1
        assert after.rx_dropped == before.rx_dropped and after.errors == before.errors
        assert s.leaks() == 0 and s.pings()


def test_reply_that_finds_no_room_is_lost_and_counted() -> None:
    with Stack(depth=2) as s:
        s.input(*[ether(icmp(ECHO_REQUEST))] * 5)
        assert s.device.stats.tx_noroom == 3
        assert len(s.frames()) == 2
        assert s.leaks() == 0


# Anything

OCTETS = st.binary(max_size=200)
WELL_FORMED: list[bytes] = [
    ether(icmp(ECHO_REQUEST, data=b"x" * 40)),
    ether(udp(b"y" * 40, dport=7)),
    ether(udp(b"z" * 300, dport=9)),
    ether(icmp(UNREACHABLE, 3, bytes(4), udp(b"x", src=BOARD_IP, dst="10.0.1.1", sport=7, dport=5))),
    ether(ip(b"\0" * 20, 6)),
    ether(arp(1), 0x0806, dst=EVERYBODY),
    ether(udp(b"all", dst="10.0.1.255"), dst=EVERYBODY),
]


def repair(frame: bytearray) -> None:
    """Makes the header checksum right again, so that what lies behind it is reached."""
    hlen = (frame[14] & 15) * 4
    if frame[12:14] == b"\x08\0" and 20 <= hlen <= len(frame) - 14:
        frame[24:26] = b"\0\0"
        frame[24:26] = checksum(bytes(frame[14 : 14 + hlen])).to_bytes(2, "big")


@st.composite
def mutated(draw: Any) -> bytes:
    frame = bytearray(draw(st.sampled_from(WELL_FORMED)))
    for _ in range(draw(st.integers(0, 4))):
        frame[draw(st.integers(12, len(frame) - 1))] = draw(st.sampled_from([0, 1, 4, 7, 0x45, 0x4F, 0x7F, 0x80, 0xFF]))
    if draw(st.booleans()):
        repair(frame)
    cut = draw(st.integers(0, len(frame)))
    return bytes(frame[:cut] if draw(st.integers(0, 3)) == 0 else frame) + draw(
        st.sampled_from([b"", b"\0", bytes(40)])
    )


@settings(max_examples=60)
@given(st.lists(st.one_of(mutated(), OCTETS, OCTETS.map(ether)), max_size=40))
def test_no_frame_whatever_hurts_the_board(frames: list[bytes]) -> None:
    with Stack(IOB_NBUFFERS=40, IOB_THROTTLE=4, NET_ARP_GRATUITOUS=True) as s:
        sock: list[Any] = []

        def listen(sys: Any) -> None:
            sock.append(sys.socket())
            sock[0].bind(("", 7))
            sys.semaphore().wait()

        s.start(listen)
        for frame in frames:
            s.input(frame)
            s.frames()
            assert s.kernel.iobs.check() == ""
        s.run(lambda _: sock[0].close())
        assert s.leaks() == 0
        s.answers(ether(arp(1), 0x0806, dst=EVERYBODY))
        assert s.pings()
