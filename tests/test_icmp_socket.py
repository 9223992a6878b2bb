"""ICMP sockets, which ping uses."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import Packet, Stack, error_of, ether, icmp

from kernel.core import lib
from kernel.socket import AF_INET, IPPROTO_ICMP, MSG_DONTWAIT, SO_BINDTODEVICE, SO_RCVTIMEO, SOCK_DGRAM, SOL_SOCKET

HOST = ("10.0.1.1", 0)
PAYLOAD = bytes(range(256)) * 6


def echo(seq: int = 1, ident: int = 7, data: bytes = b"data", kind: int = 8) -> bytes:
    return bytes([kind, 0, 0, 0]) + ident.to_bytes(2, "big") + seq.to_bytes(2, "big") + data


def reply(seq: int = 1, ident: int = 7, data: bytes = b"data", **change: Any) -> bytes:
    return ether(icmp(0, 0, ident.to_bytes(2, "big") + seq.to_bytes(2, "big"), data, **change))


def opened(s: Stack) -> Any:
    return s.keep(lambda sys: sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))


@pytest.mark.parametrize("size", [0, 1, 56, 155, 1472])
def test_request_is_sent_with_its_checksum_and_the_reply_received(size: int) -> None:
    with Stack() as s:
        sock = opened(s)
        assert s.run(lambda _: sock.sendto(echo(data=PAYLOAD[:size]), HOST)) == 8 + size
        (request,) = [Packet(f) for f in s.frames()]
        assert (request.type, request.data, request.ttl) == (8, PAYLOAD[:size], 64)
        results = s.start(lambda _: sock.recvfrom(2000))
        s.input(reply(data=PAYLOAD[:size]))
        s.clock.run(None)
        message, peer = results[0]
        assert (message[:2], message[4:], peer) == (b"\0\0", echo(data=PAYLOAD[:size])[4:], HOST)
        assert s.leaks() == 0


def test_replies_that_come_early_wait_in_order() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.sendto(echo(), HOST))
        s.frames()
        s.input(*[reply(seq=n) for n in (1, 2, 3)])
        assert s.run(lambda _: [sock.recv(99)[7] for _ in range(3)]) == [1, 2, 3]
        assert s.leaks() == 0


def test_replies_to_others_are_not_delivered() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.sendto(echo(), HOST))
        s.input(reply(ident=8))
        assert s.run(lambda _: error_of(sock.recv, 99, MSG_DONTWAIT)) == errno.EAGAIN
        assert s.kernel.net.stats.icmp.drop == 1


def test_reader_that_waits_needs_no_further_buffer() -> None:
    with Stack(IOB_NBUFFERS=4, IOB_THROTTLE=0, IOB_NCHAINS=1) as s:
        sock = opened(s)
        s.run(lambda _: sock.sendto(echo(), HOST))
        s.frames()
        held = [s.kernel.iobs.tryalloc() for _ in range(3)]
        results = s.start(lambda _: sock.recv(99))
        s.input(reply())
        s.clock.run(None)
        assert len(results) == 1 and isinstance(results[0], bytes)
        s.input(reply(seq=2))  # nobody waits: a copy would be needed
        assert s.kernel.net.stats.icmp.drop == 1
        for iob in held:
            assert iob is not None
            s.kernel.iobs.free_chain(iob)
        assert s.leaks() == 0


def test_another_identifier_forgets_old_replies() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.sendto(echo(), HOST))
        s.input(reply())
        s.run(lambda _: sock.sendto(echo(ident=9), HOST))
        s.frames()
        assert s.run(lambda _: error_of(sock.recv, 99, MSG_DONTWAIT)) == errno.EAGAIN
        assert s.leaks() == 0


def test_nothing_asked_nothing_received() -> None:
    with Stack() as s:
        sock = opened(s)
        assert s.run(lambda _: error_of(sock.recv, 99)) == errno.EPROTO


@pytest.mark.parametrize(
    "data,address,expected",
    [
        (b"\x08\0\0\0\0\7\0", HOST, errno.EINVAL),
        (echo(data=bytes(65508)), HOST, errno.EMSGSIZE),
        (echo(), ("10.0.1.77", 0), errno.ENETUNREACH),
    ],
)
def test_impossible_request_is_refused(data: bytes, address: tuple[str, int], expected: int) -> None:
    with Stack() as s:
        sock = opened(s)
        assert s.run(lambda _: error_of(sock.sendto, data, address)) == expected
        s.frames()
        assert s.leaks() == 0


def test_no_reply_within_the_timeout_is_eagain() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_RCVTIMEO, 1))
        s.run(lambda _: sock.sendto(echo(), HOST))
        assert s.run(lambda _: error_of(sock.recv, 99)) == errno.EAGAIN


def test_interface_going_down_ends_both_waits() -> None:
    with Stack(auto=False) as s:
        first, second = opened(s), opened(s)
        sending = s.start(lambda _: error_of(first.sendto, echo(), HOST))
        s.start(lambda _: second.sendto(echo(ident=8), HOST))
        s.eth.call(lib.netdev_poll, 1)
        assert sending == []  # auto=False: nobody polls for the second request
        s.eth.ifdown()
        s.clock.run(None)
        assert sending in ([errno.ENETUNREACH], [None])
        s.frames()
        assert s.leaks() == 0


def test_killed_sender_frees_its_socket() -> None:
    with Stack(auto=False, NET_ICMP_PREALLOC_CONNS=1) as s:
        pids: list[int] = []

        def body(sys: Any) -> None:
            pids.append(sys.getpid())
            sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP).sendto(echo(), HOST)

        s.start(body)
        s.kernel.tasks.kill(pids[0])
        s.clock.run(None)
        assert s.kernel.net_lock.mutex.holder == -1
        opened(s)
        assert s.leaks() == 0


def test_a_socket_that_is_bound_to_a_device_sends_there() -> None:
    with Stack() as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, "eth0"))
        assert s.run(lambda _: error_of(sock.sendto, echo(), ("127.0.0.1", 0))) == errno.ENETUNREACH
        s.run(lambda _: sock.sendto(echo(), ("10.0.1.1", 0)))
        (request,) = [Packet(f) for f in s.frames()]
        assert request.type == 8
        s.eth.ifdown()
        assert s.run(lambda _: error_of(sock.sendto, echo(), ("10.0.1.1", 0))) == errno.ENETUNREACH
        assert s.run(lambda _: error_of(sock.setsockopt, SOL_SOCKET, SO_BINDTODEVICE, "eth9")) == errno.ENODEV


def test_without_the_option_there_is_no_such_socket() -> None:
    with Stack(NET_ICMP_SOCKET=False, SYSTEM_PING=False) as s:
        assert s.run(lambda sys: error_of(sys.socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)) == errno.EPROTONOSUPPORT
