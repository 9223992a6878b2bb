"""Programs for Python's socket module that use IPv6, on a board: what they ask for, and what a board cannot do."""

from __future__ import annotations

import errno
import socket as host
from typing import Any

import pytest
from stack import error_of
from stack6 import Stack6
from tcp_peer import TCP, act
from test_bsd_modules import echo_server

from kernel.bsd import socket

BUFFERS = TCP | {"NET_UDP_WRITE_BUFFERS": True, "NETDB_DNSCLIENT": False}


def on(s: Any, program: Any, *args: Any) -> Any:
    """Runs a program as a task of a board for 10 s; what it returned, or OSError."""
    results = act(s, lambda _: guarded(program, *args))
    s.later(10)
    assert results, "the program did not end"
    return results[0]


def guarded(program: Any, *args: Any) -> Any:
    try:
        return program(*args)
    except OSError as error:
        return error


def client_of(address: tuple[str, int]) -> tuple[int, bytes, Any, Any]:
    with socket.create_connection(address, timeout=5) as sock:
        sock.sendall(b"hello")
        return sock.family, sock.recv(10), sock.getsockname()[0], sock.getpeername()


@pytest.fixture
def s() -> Any:
    with Stack6(**BUFFERS) as stack:
        yield stack


def test_the_same_server_serves_ipv6(s: Stack6) -> None:
    s.start(lambda _: echo_server(socket.AF_INET6))
    assert on(s, client_of, ("::1", 7)) == (socket.AF_INET6, b"hello", "::1", ("::1", 7, 0, 0))
    assert on(s, client_of, ("fc00::2", 7))[3] == ("fc00::2", 7, 0, 0)
    assert on(s, client_of, ("127.0.0.1", 7)).errno == errno.ECONNREFUSED


def test_a_server_of_each_family_may_have_the_same_port(s: Stack6) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        s.start(lambda _, family=family: echo_server(family))
    assert on(s, client_of, ("::1", 7))[0] == socket.AF_INET6
    assert on(s, client_of, ("127.0.0.1", 7))[0] == socket.AF_INET


def test_create_connection_takes_the_first_address_that_answers(s: Stack6) -> None:
    s.start(lambda _: echo_server(socket.AF_INET6))
    assert on(s, client_of, ("localhost", 7))[0] == socket.AF_INET6
    assert on(s, client_of, ("localhost", 9)).errno == errno.ECONNREFUSED


def test_datagrams_have_names_of_four_parts(s: Stack6) -> None:
    def program() -> list[Any]:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 1000, 0, 0))
            one.sendto(b"x", ("::1", 1000))
            return [one.recvfrom(10), one.getsockname(), (one.family, one.type, one.proto)]

    name = ("::1", 1000, 0, 0)
    assert on(s, program) == [(b"x", name), name, (10, 2, 17)]


def test_options_of_ipv6(s: Stack6) -> None:
    def program() -> list[Any]:
        seen: list[Any] = []
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET6, kind) as sock:
                for option in (socket.IPV6_UNICAST_HOPS, socket.IPV6_TCLASS):
                    seen.append(sock.getsockopt(socket.IPPROTO_IPV6, option))
                    for value in (3, -1):
                        sock.setsockopt(socket.IPPROTO_IPV6, option, value)
                        seen.append(sock.getsockopt(socket.IPPROTO_IPV6, option))
        return seen

    assert on(s, program) == [64, 3, 64, 0, 3, 0] * 2


def test_hops_and_class_are_in_the_packets(s: Stack6) -> None:
    def program() -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 3)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xB8)
            sock.sendto(b"x", ("fc00::1", 9))

    on(s, program)
    (packet,) = s.sent6()
    assert (packet.hops, packet.tos, packet.data) == (3, 0xB8, b"x")


@pytest.mark.parametrize(
    ("level", "option", "value", "expected"),
    [
        (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0, errno.ENOSYS),
        (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1, None),
        (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 0, errno.EINVAL),
        (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 256, errno.EINVAL),
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 256, errno.EINVAL),
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, -2, errno.EINVAL),
        (socket.IPPROTO_IPV6, 99, 1, errno.ENOPROTOOPT),
        (socket.IPPROTO_IP, socket.IP_TTL, 3, errno.ENOPROTOOPT),
        (socket.IPPROTO_IP, socket.IP_TOS, 3, errno.ENOPROTOOPT),
    ],
)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_what_an_ipv6_socket_takes(
    s: Stack6, kind: int, level: int, option: int, value: int, expected: int | None
) -> None:
    assert on(s, lambda: error_of(socket.socket(socket.AF_INET6, kind).setsockopt, level, option, value)) == expected


def test_an_ipv4_socket_has_no_options_of_ipv6(s: Stack6) -> None:
    option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    assert on(s, lambda: error_of(socket.socket().setsockopt, *option, 3)) == errno.ENOPROTOOPT
    assert on(s, lambda: error_of(socket.socket().getsockopt, *option)) == errno.ENOPROTOOPT


def test_ipv6_only_is_what_it_always_is(s: Stack6) -> None:
    def program() -> list[Any]:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            own = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            return [own, error_of(sock.bind, ("::ffff:10.0.1.2", 7)), error_of(sock.sendto, b"x", ("10.0.1.1", 7))]

    assert on(s, program) == [1, errno.EINVAL, errno.EINVAL]
    with pytest.raises(ValueError, match="IPv4 and IPv6"):
        socket.create_server(("", 7), family=socket.AF_INET6, dualstack_ipv6=True)
    assert socket.has_ipv6 and not socket.has_dualstack_ipv6()


@pytest.mark.parametrize("text", ["fc00::1", "::", "::1", "2001:db8::8:800:200c:417a"])
def test_addresses_are_written_and_read_as_on_the_host(text: str) -> None:
    packed = host.inet_pton(host.AF_INET6, text)
    assert socket.inet_pton(socket.AF_INET6, text) == packed
    assert socket.inet_ntop(socket.AF_INET6, packed) == text
    assert socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, "10.0.1.2")) == "10.0.1.2"
    for bad in ("10.0.1.2", "fc00:::1", "x"):
        with pytest.raises(OSError, match="illegal IP address string"):
            socket.inet_pton(socket.AF_INET6, bad)
    for family in (0, 17):
        assert error_of(socket.inet_pton, family, text) == errno.EAFNOSUPPORT
        with pytest.raises(ValueError, match="unknown address family"):
            socket.inet_ntop(family, packed)
