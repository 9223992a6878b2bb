"""What an IPv6 host does not believe, does not answer and does not put on a wire."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from stack import HOST_MAC, checksum
from stack6 import (
    ALL_NODES,
    ANY,
    BOARD,
    DSTOPTS,
    ECHO_REQUEST,
    FRAGMENT,
    HOST,
    PARAM_PROBLEM,
    SOLICIT,
    TCP,
    TOO_BIG,
    UNREACHABLE,
    Stack6,
    advertise,
    ether6,
    extended,
    icmp6,
    ip6,
    option,
    pseudo,
    solicit,
    udp6,
)
from test_ipv6_autoconf import ROUTER, empty, heard, prefix, router, states

from kernel.core import lib
from kernel.neighbor import neighbor_get
from kernel.socket import MSG_DONTWAIT

REPORTED = (DSTOPTS, b"\0\x80\4" + bytes(4))  # an option that has to be complained about


def test_headers_beyond_what_is_read_of_a_packet_are_too_much() -> None:
    with Stack6(IOB_BUFSIZE=1024, NET_ETH_PKTSIZE=1514) as s:
        padding = (DSTOPTS, bytes([74]) + b"\1\xf8" + bytes(248) + b"\1\xf8" + bytes(248) + b"\1\x60" + bytes(96))
        echo = extended(icmp6(ECHO_REQUEST, data=bytes(300)), padding)
        head, rest = echo[:40], echo[40:]
        first = head[:4] + struct.pack("!HB", 8 + 616, FRAGMENT) + head[7:]
        last = head[:4] + struct.pack("!HB", 8 + len(rest) - 616, FRAGMENT) + head[7:]
        pair = (
            first + bytes([DSTOPTS, 0]) + struct.pack("!HI", 1, 9) + rest[:616],
            last + bytes([DSTOPTS, 0]) + struct.pack("!HI", 616, 9) + rest[616:],
        )
        assert s.answers6(*pair) == []
        assert s.kernel.net.stats.ipv6.drop == 1 and s.leaks() == 0 and s.pings6()


def test_a_smaller_mtu_of_the_link_is_for_ipv6_sent_and_only_while_the_link_is_up() -> None:
    with Stack6(NET_ICMPv6_AUTOCONF=True) as s:
        heard(s, router(struct.pack("!BBHI", 5, 1, 0, 1280)))
        (first,) = s.answers6(icmp6(ECHO_REQUEST, data=bytes(1400)))
        assert first.proto == FRAGMENT and len(first.body) <= 1280
        s.kernel.net.txavail()
        s.later(0.001)
        assert [p.proto for p in s.sent6()] == [FRAGMENT]
        heard(s, router(struct.pack("!BBHI", 5, 1, 0, 1500)))
        assert len(s.answers6(icmp6(ECHO_REQUEST, data=bytes(1400)))) == 1
        heard(s, router(struct.pack("!BBHI", 5, 1, 0, 1280)))
        for carrier in (0, 1):
            s.eth.call(lib.netdev_set, lib.NETDEV_CARRIER, carrier)
        s.frames()
        (whole,) = s.answers6(icmp6(ECHO_REQUEST, data=bytes(1400)))
        assert whole.proto != FRAGMENT and s.device.mtu == 1500


def test_a_prefix_that_is_not_on_the_link_is_reached_by_the_router() -> None:
    with empty() as s:
        heard(s, router(option(1), prefix(flags=0x40)))
        s.later(1.2)
        sock = s.bound6(1234)
        s.frames()
        s.run(lambda sys: sock.sendto(b"x", ("2001:db8::99", 9)))
        (sent,) = s.sent6()
        assert sent.dst_mac == HOST_MAC and [row.preflen for row in states(s)] == [128]


def test_a_prefix_that_is_preferred_for_longer_than_it_is_valid_gives_no_address() -> None:
    with empty() as s:
        heard(s, router(prefix(valid=100, preferred=200)))
        assert states(s) == []


def test_a_router_that_is_one_no_more_is_left() -> None:
    with empty() as s:
        heard(s, router())
        s.later(1.2)
        assert s.device.ip6.router == ROUTER
        s.answers6(advertise(ROUTER, flags=0xA0, dst=ALL_NODES))
        assert s.device.ip6.router == ROUTER
        s.answers6(advertise(ROUTER, flags=0x20, dst=ALL_NODES))
        assert s.device.ip6.router == ANY


def test_a_router_s_ethernet_address_of_zeros_is_not_believed() -> None:
    with empty() as s:
        heard(s, router())
        heard(s, router(option(1, bytes(6))))
        assert neighbor_get(s.kernel, s.device, ROUTER) == HOST_MAC


def test_an_address_on_a_device_without_neighbor_discovery_needs_no_test() -> None:
    with Stack6(address="", IPv6_DAD=True) as s:
        s.device.noarp = True
        s.device.ip6.set(BOARD, 112)
        assert states(s) == [(BOARD, 112, "ready")]
        s.device.noarp = False
        assert states(s) == [(BOARD, 112, "tentative")]
        s.kernel.net.txavail()
        s.later(0.001)
        assert [p.type for p in s.sent6()] == [SOLICIT]
        s.later(1.1)
        assert states(s) == [(BOARD, 112, "ready")]


def test_an_address_is_not_ready_because_another_one_is() -> None:
    with Stack6(address="", IPv6_DAD=True, NETDEV_MULTIPLE_IPv6=True, NETDEV_MAX_IPv6_ADDR=4) as s:
        s.device.ip6.add("fc00::2", 112)
        s.later(0.6)
        s.device.ip6.add("fc00::5", 112)
        s.later(0.6)
        assert [row.state for row in states(s)] == ["ready", "tentative"]
        s.later(0.6)
        assert [row.state for row in states(s)] == ["ready", "ready"]


def test_a_call_from_nobody_is_not_answered() -> None:
    with Stack6() as s:
        s.bound6(80, kind=1)
        segment = struct.pack("!HHIIBBHHH", 1000, 81, 1, 0, 0x50, 2, 1000, 0, 0)
        value = checksum(pseudo(ANY, BOARD, TCP, len(segment)) + segment)
        assert s.answers6(ip6(segment[:16] + struct.pack("!HH", value, 0), TCP, src=ANY)) == []
        assert s.kernel.net.stats.ipv6.drop == 1


@pytest.mark.parametrize("kind", [1, 2])
def test_no_address_of_the_loopback_leaves_on_a_wire(kind: int) -> None:
    with Stack6() as s:
        bound = s.bound6(4000, "::1", kind=kind)

        def outwards(sys: Any) -> int | None:
            try:
                bound.connect((HOST, 9))
                return bound.send(b"x") and None
            except OSError as error:
                return error.errno

        assert s.run(outwards) == errno.EINVAL
        s.run(lambda sys: s.kernel.net.device("lo").ifdown())
        other = s.bound6(4001, kind=kind)

        def inwards(sys: Any) -> int | None:
            try:
                other.connect(("::1", 9))
                return other.send(b"x") and None
            except OSError as error:
                return error.errno

        assert s.run(inwards) == errno.ENETUNREACH and s.frames() == []


def test_an_error_is_not_answered_by_an_error() -> None:
    with Stack6() as s:
        assert s.answers6(extended(icmp6(UNREACHABLE, 4, data=bytes(48)), REPORTED)) == []
        assert len(s.answers6(extended(icmp6(ECHO_REQUEST), REPORTED))) == 1


def test_an_option_that_has_to_be_reported_is_if_a_group_was_asked_too() -> None:
    with Stack6() as s:
        (report,) = s.answers6(extended(icmp6(ECHO_REQUEST, dst=ALL_NODES), REPORTED))
        assert (report.type, report.code, report.src) == (PARAM_PROBLEM, 2, BOARD)
        quiet = (DSTOPTS, b"\0\xc0\4" + bytes(4))
        assert s.answers6(extended(icmp6(ECHO_REQUEST, dst=ALL_NODES), quiet)) == []


@pytest.mark.parametrize(
    ("packet", "error"), [((UNREACHABLE, 4, bytes(4)), 111), ((TOO_BIG, 0, struct.pack("!I", 1280)), 90)]
)
def test_an_error_about_a_datagram_in_fragments_reaches_its_socket(packet: tuple[int, int, bytes], error: int) -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.connect((HOST, 9)))
        s.run(lambda sys: sock.send(bytes(2000)))
        first, second = (frame[14:] for frame in s.frames())
        kind, code, rest = packet
        s.answers6(icmp6(kind, code, rest, second[:1232]))
        s.answers6(icmp6(kind, code, rest, first[:1232]))

        def again(sys: Any) -> int | None:
            try:
                return sock.send(b"x") and None
            except OSError as e:
                return e.errno

        assert s.run(again) == error


def test_a_datagram_without_a_checksum_is_none_even_if_zero_would_be_right() -> None:
    with Stack6() as s:
        sock = s.bound6(7)
        right = udp6(b"\0\0")
        total = int.from_bytes(right[46:48], "big")
        fits = udp6(struct.pack("!H", total), sum=0)
        assert checksum(pseudo(HOST, BOARD, 17, len(fits) - 40) + fits[40:]) == 0
        s.input(ether6(fits))
        assert s.kernel.net.stats.udp.chkerr == 1
        with pytest.raises(BlockingIOError):
            s.run(lambda sys: sock.recv(10, MSG_DONTWAIT))


def test_neighbor_discovery_in_a_fragment_is_not_believed() -> None:
    with Stack6() as s:
        assert s.answers6(extended(solicit(), (FRAGMENT, bytes(7)))) == []
        assert len(s.answers6(solicit())) == 1


def test_who_tests_an_address_has_to_ask_the_group_of_that_address() -> None:
    with Stack6(address="", IPv6_DAD=True) as s:
        s.device.ip6.set(BOARD, 112)
        s.later(0.001)
        s.answers6(solicit(src=ANY, dst=ALL_NODES))
        assert [row.state for row in states(s)] == ["tentative"]
        s.answers6(solicit(src=ANY))
        assert [row.state for row in states(s)] == ["duplicate"]


def test_a_link_local_address_that_a_router_replaces_while_it_is_tested_ends_the_test() -> None:
    from test_ipv6_autoconf import begun

    with empty(NETDEV_MULTIPLE_IPv6=False) as s:
        done = begun(s)
        s.later(0.3)
        heard(s, router())
        s.later(7)
        assert done == [errno.ETIMEDOUT] and [row.address for row in states(s)] == ["2001:db8::ff:fe00:2"]


def test_the_length_of_a_prefix_limits_what_an_address_has_in_common_with_a_destination() -> None:
    with Stack6(address="fd00::8", NETDEV_MULTIPLE_IPv6=True) as s:
        s.device.ip6.set("fd00::8", 64)
        s.device.ip6.add("fd00::5", 64)
        s.later(0.01)
        s.frames()
        sock = s.bound6(1234)
        s.kernel.tasks.create(lambda sys: sock.sendto(b"x", ("fd00::4", 9)), "sender", 50)
        s.later(0.001)
        assert s.sent6()[0].src == "fd00::8"
