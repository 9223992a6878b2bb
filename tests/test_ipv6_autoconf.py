"""Autoconfiguration of IPv6 addresses (RFC 4862): what a board makes itself, and what of a router it believes."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from stack import BOARD_MAC, HOST_MAC, hog
from stack6 import (
    ALL_NODES,
    ANY,
    ECHO_REQUEST,
    SOLICIT,
    Stack6,
    advertise,
    group_mac,
    icmp6,
    option,
    pton,
)

from board import Board
from kernel.inet import ether_aton
from kernel.neighbor import neighbor_get
from kernel.netdev_ipv6 import Ifaddr6
from kernel.netlib.autoconf import autoconfigure

ROUTER = "fe80::1"
LINK_LOCAL = "fe80::ff:fe00:2"  # of 02:00:00:00:00:02
GLOBAL = "2001:db8::ff:fe00:2"
ROUTER_SOLICIT, ROUTER_ADVERTISE = 133, 134
ALL_ROUTERS = "ff02::2"


def prefix(
    address: str = "2001:db8::", length: int = 64, flags: int = 0xC0, valid: int = 86400, preferred: int = 14400
) -> bytes:
    return struct.pack("!BBBBIII", 3, 4, length, flags, valid, preferred, 0) + pton(address)


def router(*options: bytes, lifetime: int = 1800, src: str = ROUTER, hops: int = 255, **change: Any) -> bytes:
    """An advertisement; the source link-layer address is in it if nothing else is said."""
    rest = struct.pack("!BBH", 64, 0, lifetime)
    data = bytes(8) + b"".join(options or (option(1), prefix()))
    return icmp6(ROUTER_ADVERTISE, change.pop("code", 0), rest, data, src=src, dst=ALL_NODES, hops=hops, **change)


def empty(**options: Any) -> Stack6:
    """A board with autoconfiguration and no address yet."""
    s = Stack6(address="", known6=False, NET_ICMPv6_AUTOCONF=True, **options)
    s.device.ip6.router = ANY
    return s


def begun(s: Stack6) -> list[int | None]:
    """Autoconfiguration in a task; its errno, or None, once it ends."""
    results: list[int | None] = []

    def body(sys: Any) -> None:
        try:
            autoconfigure(s.kernel, s.device)
            results.append(None)
        except OSError as error:
            results.append(error.errno)

    s.kernel.tasks.create(body, "netinit", 100)
    s.later(0.001)
    return results


def heard(s: Stack6, *advertisements: bytes) -> None:
    """They arrive, and the device sends what it has to say about that."""
    s.answers6(*advertisements)
    s.kernel.net.txavail()
    s.later(0.001)


def states(s: Stack6) -> list[Ifaddr6]:
    return list(s.device.ip6)


def test_the_link_local_address_is_made_of_the_ethernet_address_and_tested() -> None:
    with empty() as s:
        done = begun(s)
        assert states(s) == [(LINK_LOCAL, 64, "tentative")]
        (question,) = s.sent6()
        assert (question.type, question.src, question.payload[8:]) == (SOLICIT, ANY, pton(LINK_LOCAL))
        s.later(1.03)
        assert states(s) == [(LINK_LOCAL, 64, "ready")] and not done
        (question,) = s.sent6()
        assert (question.type, question.src, question.dst, question.hops) == (
            ROUTER_SOLICIT,
            LINK_LOCAL,
            ALL_ROUTERS,
            255,
        )
        assert question.dst_mac == group_mac(ALL_ROUTERS) and question.payload[8:] == option(1, BOARD_MAC)


def test_a_router_gives_its_own_address_and_a_prefix() -> None:
    with empty() as s:
        done = begun(s)
        s.later(1.03)
        s.frames()
        heard(s, router())
        s.later(0.001)
        assert done == [None]
        assert states(s) == [(LINK_LOCAL, 64, "ready"), (GLOBAL, 64, "tentative")]
        assert s.device.ip6.router == ROUTER and neighbor_get(s.kernel, s.device, ROUTER) == HOST_MAC
        s.later(1.1)
        assert states(s)[1] == (GLOBAL, 64, "ready")
        sock = s.bound6(1234)
        s.frames()
        s.run(lambda sys: sock.sendto(b"far", ("2001:db8:1::1", 9)))
        (sent,) = s.sent6()
        assert (sent.src, sent.dst_mac) == (GLOBAL, HOST_MAC) and s.leaks() == 0


def test_without_a_router_the_link_local_address_stays_and_a_caller_hears_of_it() -> None:
    with empty() as s:
        done = begun(s)
        s.later(1.5)
        assert done == [errno.ETIMEDOUT] and states(s) == [(LINK_LOCAL, 64, "ready")]
        assert [p.type for p in s.sent6()] == [SOLICIT] + [ROUTER_SOLICIT] * 5
        assert s.leaks() == 0


def test_an_address_that_somebody_has_is_given_up() -> None:
    with empty() as s:
        done = begun(s)
        s.answers6(advertise(LINK_LOCAL, flags=0x20, dst=ALL_NODES))
        s.later(0.001)
        assert done == [errno.EEXIST] and states(s) == []


def test_a_test_that_cannot_be_made_ends_in_an_error() -> None:
    with empty() as s:
        held = hog(s, 0)
        done = begun(s)
        s.later(6)
        assert done == [errno.EADDRINUSE]
        for iob in held:
            s.kernel.iobs.free(iob)
        s.later(3)
        s.frames()
        assert s.leaks() == 0


def test_an_advertisement_that_nobody_asked_for_is_taken_too() -> None:
    with empty() as s:
        heard(s, router())
        s.later(1.2)
        assert states(s) == [(GLOBAL, 64, "ready")] and s.device.ip6.router == ROUTER


def test_with_room_for_one_address_the_routers_takes_the_place_of_the_link_local_one() -> None:
    with empty(NETDEV_MULTIPLE_IPv6=False) as s:
        done = begun(s)
        s.later(1.03)
        heard(s, router())
        s.later(1.2)
        assert done == [None] and states(s) == [(GLOBAL, 64, "ready")]


def test_a_lifetime_of_zero_ends_a_router_but_not_another_one() -> None:
    with empty() as s:
        heard(s, router(), router(lifetime=0, src="fe80::9"))
        assert s.device.ip6.router == ROUTER
        heard(s, router(lifetime=0))
        assert s.device.ip6.router == ANY


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(router(hops=254), id="came over a router"),
        pytest.param(router(src="2001:db8::1"), id="not link-local"),
        pytest.param(router(code=1), id="code"),
        pytest.param(router(bad=1), id="checksum"),
        pytest.param(router(b"\3\0" + prefix()[2:]), id="option without length"),
        pytest.param(router(prefix()[:24]), id="half a prefix"),
        pytest.param(router(option(1), b"\5"), id="half an option"),
        pytest.param(icmp6(ROUTER_ADVERTISE, rest=bytes(4), src=ROUTER, dst=ALL_NODES, hops=255), id="too short"),
    ],
)
def test_what_is_no_advertisement_changes_nothing(packet: bytes) -> None:
    with empty() as s:
        assert s.answers6(packet) == []
        assert states(s) == [] and s.device.ip6.router == ANY
        assert s.kernel.net.stats.icmpv6.drop + s.kernel.net.stats.ipv6.drop == 1 and s.leaks() == 0


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(prefix(flags=0x80), id="not for addresses"),
        pytest.param(prefix(length=60), id="another length"),
        pytest.param(prefix(valid=0), id="over already"),
        pytest.param(prefix("fe80::"), id="link-local"),
        pytest.param(prefix("ff02::"), id="group"),
        pytest.param(b"\x19\3" + bytes(22), id="name server"),
    ],
)
def test_what_gives_no_address_gives_none_but_the_router_counts(given: bytes) -> None:
    with empty() as s:
        heard(s, router(given))
        assert states(s) == [] and s.device.ip6.router == ROUTER and s.leaks() == 0


@pytest.mark.parametrize(("mtu", "becomes"), [(1400, 1400), (1280, 1280), (1279, 1500), (9000, 1500), (0, 1500)])
def test_the_mtu_of_the_link_is_the_routers_within_reason(mtu: int, becomes: int) -> None:
    with Stack6(NET_ICMPv6_AUTOCONF=True) as s:
        heard(s, router(b"\5\1\0\0" + struct.pack("!I", mtu)))
        first = s.answers6(icmp6(ECHO_REQUEST, data=bytes(1452)))[0]
        assert becomes - 8 < len(first.body) <= becomes and s.device.mtu == 1500


def test_without_the_option_routers_are_not_heard() -> None:
    with Stack6() as s:
        assert s.answers6(router()) == []
        assert len(states(s)) == 1 and s.kernel.net.stats.icmpv6.typeerr == 1


def test_many_prefixes_fill_a_device_and_no_more() -> None:
    with empty(NETDEV_MAX_IPv6_ADDR=3) as s:
        for n in range(20):
            heard(s, router(prefix(f"2001:db8:{n}::")))
        assert len(states(s)) == 3 and s.leaks() == 0


def test_a_board_configures_itself_at_boot() -> None:
    with Board("sim", NET_ICMPv6_AUTOCONF=True) as b:
        start = b.now
        text = b.nsh("ifconfig eth0")
        assert "inet6 addr: fe80::6e:6cff:fe00:101/64\n" in text
        assert ether_aton("02:6e:6c:00:01:01") == bytes.fromhex(b.eth0.mac.replace(":", ""))
        assert 1.1 <= b.now - start <= 1.2  # a second for the test, five times 20 ms and ticks for routers
        assert "no router answers" in b.nsh("dmesg")
