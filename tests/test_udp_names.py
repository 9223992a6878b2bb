"""Which UDP socket a datagram or an error belongs to: names, ports, demultiplexing, options."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import BOARD_IP, EVERYBODY, Stack, bound, checksum, error_of, ether, icmp, opened, udp

from kernel.socket import (
    AF_INET,
    AF_INET6,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    MSG_DONTWAIT,
    SO_BINDTODEVICE,
    SO_BROADCAST,
    SO_ERROR,
    SO_RCVBUF,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
)

PAYLOAD = bytes(range(256)) * 6
HOST = ("10.0.1.1", 1000)


# Names


def test_sockets_are_limited_in_number() -> None:
    with Stack(NET_UDP_PREALLOC_CONNS=3) as s:
        assert s.run(lambda sys: error_of(lambda: [sys.socket() for _ in range(4)])) == errno.ENOMEM


@pytest.mark.parametrize(
    "args,expected",
    [
        ((1, SOCK_DGRAM), errno.EAFNOSUPPORT),
        ((AF_INET, SOCK_STREAM, IPPROTO_UDP), errno.EPROTONOSUPPORT),
        ((AF_INET, SOCK_DGRAM, IPPROTO_TCP), errno.EPROTONOSUPPORT),
    ],
)
def test_what_is_not_there_cannot_be_opened(args: tuple[int, ...], expected: int) -> None:
    with Stack() as s:
        assert s.run(lambda sys: error_of(sys.socket, *args)) == expected


def test_without_ipv6_there_are_no_sockets_of_it() -> None:
    with Stack(NET_IPv6=False) as s:
        assert s.run(lambda sys: error_of(sys.socket, AF_INET6, SOCK_DGRAM)) == errno.EAFNOSUPPORT
        assert s.run(lambda sys: error_of(sys.socket, AF_INET6, SOCK_STREAM)) == errno.EAFNOSUPPORT


def test_port_is_taken_once_unless_both_sockets_allow_more() -> None:
    def body(sys: Any) -> Any:
        bound(sys, 7, BOARD_IP)
        other = sys.socket()
        taken = error_of(other.bind, (BOARD_IP, 7))
        elsewhere = error_of(other.bind, ("127.0.0.1", 7))
        first, second = sys.socket(), sys.socket()
        first.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        first.bind(("", 8))
        alone = error_of(second.bind, ("", 8))
        second.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        return taken, elsewhere, alone, error_of(second.bind, ("", 8))

    with Stack() as s:
        assert s.run(body) == (errno.EADDRINUSE, None, errno.EADDRINUSE, None)


@pytest.mark.parametrize(
    "address,expected",
    [
        (("10.0.1.99", 7), errno.EADDRNOTAVAIL),
        (("10.0.1", 7), errno.EINVAL),
        (("host", 7), errno.EINVAL),
        (("", 65536), errno.EINVAL),
        (("255.255.255.255", 7), None),
        (("", 0), None),
    ],
)
def test_bind_refuses_what_is_not_ours(address: tuple[str, int], expected: int | None) -> None:
    with Stack() as s:
        assert s.run(lambda sys: error_of(sys.socket().bind, address)) == expected


def test_bound_socket_cannot_be_bound_again() -> None:
    with Stack() as s:
        assert s.run(lambda sys: error_of(bound(sys).bind, ("", 8))) == errno.EINVAL


def test_free_ports_are_given_in_turn_and_skip_those_in_use() -> None:
    def body(sys: Any) -> list[int]:
        bound(sys, 5001)
        ports = []
        for _ in range(4):
            with sys.socket() as sock:
                sock.bind(("", 0))
                ports.append(sock.getsockname()[1])
        return ports

    with Stack(NET_DEFAULT_MIN_PORT=5000, NET_DEFAULT_MAX_PORT=5002) as s:
        assert s.run(body) == [5002, 5000, 5002, 5000]


def test_no_port_left_is_eaddrinuse() -> None:
    def body(sys: Any) -> Any:
        return error_of(lambda: [bound(sys, 0) for _ in range(3)])

    with Stack(NET_DEFAULT_MIN_PORT=5000, NET_DEFAULT_MAX_PORT=5001) as s:
        assert s.run(body) == errno.EADDRINUSE


# Who gets it


def test_connected_socket_hears_its_peer_only() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.connect(HOST))
        assert s.run(lambda _: sock.getpeername()) == HOST
        s.input(
            ether(udp(b"other port", sport=1001)),
            ether(udp(b"other host", src="10.0.1.3")),
            ether(udp(b"peer")),
        )
        assert s.run(lambda _: sock.recv(99, MSG_DONTWAIT)) == b"peer"
        s.run(lambda _: sock.connect(None))
        assert s.run(lambda _: error_of(sock.getpeername)) == errno.ENOTCONN


def test_broadcast_goes_to_every_socket_of_the_port() -> None:
    def body(sys: Any) -> list[Any]:
        socks = [sys.socket() for _ in range(3)]
        for sock in socks:
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            sock.bind(("", 7))
        sys.sleep(1)
        return [sock.recvfrom(2000, MSG_DONTWAIT) for sock in socks]

    with Stack() as s:
        results: list[Any] = []
        s.kernel.tasks.create(lambda sys: results.append(body(sys)), "listener", 50)
        s.later(0.5)
        s.input(ether(udp(PAYLOAD[:700], dst="10.0.1.255"), dst=EVERYBODY))
        s.clock.run(None)
        assert results == [[(PAYLOAD[:700], HOST)] * 3]
        assert s.leaks() == 0


def test_without_net_broadcast_none_is_received() -> None:
    with Stack(NET_BROADCAST=False) as s:
        opened(s)
        s.input(ether(udp(b"all", dst="255.255.255.255"), dst=EVERYBODY))
        assert s.kernel.net.stats.udp.recv == 0 and s.kernel.net.stats.ipv4.drop == 1


def test_socket_bound_to_a_device_hears_that_device_only() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, "lo"))
        assert len(s.answers(ether(udp(b"x")))) == 1  # port unreachable
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, ""))
        assert s.answers(ether(udp(b"x"))) == []


# Errors that others tell


def test_a_sender_that_is_bound_to_a_wire_does_not_reach_the_loopback() -> None:
    with Stack(known=False) as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, "eth0"))
        assert s.run(lambda _: error_of(sock.sendto, b"x", ("127.0.0.1", 9))) == errno.ENETUNREACH
        assert s.frames() == []


def refusal(sport: int, dport: int, kind: int = 3, code: int = 3) -> bytes:
    return ether(icmp(kind, code, bytes(4), udp(b"x", src=BOARD_IP, dst="10.0.1.1", sport=sport, dport=dport)[:28]))


@pytest.mark.parametrize(
    "kind,code,expected",
    [
        (3, 0, errno.ENETUNREACH),
        (3, 1, errno.EHOSTUNREACH),
        (3, 2, errno.ENOPROTOOPT),
        (3, 3, errno.ECONNREFUSED),
        (3, 4, errno.EMSGSIZE),
        (3, 13, errno.EHOSTUNREACH),
        (11, 0, errno.EHOSTUNREACH),
        (12, 0, errno.EPROTO),
    ],
)
def test_icmp_error_reaches_the_connected_socket_once(kind: int, code: int, expected: int) -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.connect(HOST))
        results = s.start(lambda _: error_of(sock.recv, 9))
        s.input(refusal(7, 1000, kind, code))
        s.clock.run(None)
        assert results == [expected]
        s.input(refusal(7, 1000, kind, code))
        assert s.run(lambda _: error_of(sock.send, b"x")) == expected
        s.input(refusal(7, 1000, kind, code))
        assert s.run(lambda _: [sock.getsockopt(SOL_SOCKET, SO_ERROR) for _ in range(2)]) == [expected, 0]
        assert s.run(lambda _: sock.send(b"x")) == 1


@pytest.mark.parametrize("sport,dport", [(8, 1000), (7, 1001)])
def test_icmp_error_about_somebody_else_is_ignored(sport: int, dport: int) -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.connect(HOST))
        s.input(refusal(sport, dport))
        assert s.run(lambda _: sock.getsockopt(SOL_SOCKET, SO_ERROR)) == 0


def test_unconnected_socket_is_told_nothing() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(refusal(7, 1000))
        assert s.run(lambda _: error_of(sock.recv, 9, MSG_DONTWAIT)) == errno.EAGAIN


def test_reader_on_the_address_of_an_interface_hears_that_it_went_down() -> None:
    with Stack() as s:
        sock = opened(s, address=BOARD_IP)
        results = s.start(lambda _: error_of(sock.recv, 9))
        s.eth.ifdown()
        s.clock.run(None)
        assert results == [errno.ENETUNREACH]


# Options


def test_options_are_kept() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        sock.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        sock.setsockopt(IPPROTO_IP, IP_TTL, 3)
        sock.setsockopt(IPPROTO_IP, IP_TOS, 0x10)
        sock.setsockopt(SOL_SOCKET, SO_RCVTIMEO, (1, 500_000))
        sock.sendto(b"x", HOST)
        return [sock.getsockopt(SOL_SOCKET, o) for o in (SO_TYPE, SO_BROADCAST, SO_RCVTIMEO)]

    with Stack() as s:
        assert s.run(body) == [SOCK_DGRAM, 1, 1.5]
        (frame,) = s.frames()
        assert (frame[15], frame[22]) == (0x10, 3) and checksum(frame[14:34]) == 0


@pytest.mark.parametrize(
    "level,option,value,expected",
    [
        (SOL_SOCKET, 9999, 1, errno.ENOPROTOOPT),
        (IPPROTO_TCP, 1, 1, errno.ENOPROTOOPT),
        (IPPROTO_IP, IP_TOS, -1, errno.EINVAL),
        (IPPROTO_IP, IP_TOS, 256, errno.EINVAL),
        (IPPROTO_IP, IP_TTL, 0, errno.EINVAL),
        (IPPROTO_IP, IP_TTL, 256, errno.EINVAL),
        (SOL_SOCKET, SO_RCVBUF, 100, errno.ENOPROTOOPT),  # CONFIG_NET_RECV_BUFSIZE is 0
        (SOL_SOCKET, SO_RCVTIMEO, -1, errno.EDOM),
        (SOL_SOCKET, SO_BINDTODEVICE, "eth9", errno.ENODEV),
    ],
)
def test_impossible_options_are_refused(level: int, option: int, value: Any, expected: int) -> None:
    with Stack() as s:
        assert s.run(lambda sys: error_of(sys.socket().setsockopt, level, option, value)) == expected


def test_receive_buffer_size_is_clipped_and_not_negative() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 5000)
        return sock.getsockopt(SOL_SOCKET, SO_RCVBUF), error_of(sock.setsockopt, SOL_SOCKET, SO_RCVBUF, -1)

    with Stack(NET_RECV_BUFSIZE=1000, NET_MAX_RECV_BUFSIZE=2000) as s:
        assert s.run(body) == (2000, errno.EINVAL)


@pytest.mark.parametrize("locks", ["global", "split"])
def test_echo_works_with_either_kind_of_lock(locks: str) -> None:
    def echo(sys: Any) -> None:
        sock = bound(sys)
        while True:
            data, peer = sock.recvfrom(2048)
            sock.sendto(data, peer)

    with Stack(NET_LOCKS=locks) as s:
        s.start(echo)
        for size in (0, 1, 200, 1472):
            s.input(ether(udp(PAYLOAD[:size])))
            s.clock.run(None)
            assert [f[42:] for f in s.frames()] == [PAYLOAD[:size]]
        assert s.leaks() == 0
