"""Socket options, and what sockets answer to calls that make no sense."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from stack import Stack, error_of, opened
from tcp_peer import TCP, Peer, accepted, act, connected, listening, rows, segment_of, states

from kernel.socket import (
    AF_INET,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_TCP,
    SHUT_RD,
    SHUT_RDWR,
    SO_ACCEPTCONN,
    SO_BINDTODEVICE,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_MAXSEG,
    TCP_NODELAY,
)

LINGER = TCP | {"NET_SOLINGER": True}
HOST = ("10.0.1.1", 1000)


def stream(s: Stack) -> Any:
    return s.keep(lambda sys: sys.socket(AF_INET, SOCK_STREAM))


# As bytes


def test_options_can_be_passed_as_the_bytes_of_a_c_program() -> None:
    with Stack(**LINGER) as s:
        sock = stream(s)
        for option, value, plain in (
            (SO_REUSEADDR, struct.pack("i", 1), 1),
            (SO_LINGER, struct.pack("ii", 1, 7), (1, 7)),
            (SO_RCVTIMEO, struct.pack("qq", 2, 500_000), 2.5),
        ):
            sock.setsockopt(SOL_SOCKET, option, value)
            assert sock.getsockopt(SOL_SOCKET, option) == plain
            assert sock.getsockopt(SOL_SOCKET, option, 64) == value
        sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, b"eth0\0")


@pytest.mark.parametrize(
    ("level", "option", "value", "error"),
    [
        (SOL_SOCKET, SO_REUSEADDR, b"\1", errno.EINVAL),
        (SOL_SOCKET, SO_LINGER, b"\1\0\0\0", errno.EINVAL),
        (SOL_SOCKET, SO_LINGER, 1, errno.EINVAL),
        (SOL_SOCKET, SO_LINGER, (1, -1), errno.EINVAL),
        (SOL_SOCKET, SO_RCVTIMEO, "soon", errno.EINVAL),
        (SOL_SOCKET, SO_KEEPALIVE, (1, 2), errno.EINVAL),
        (SOL_SOCKET, SO_TYPE, 1, errno.EINVAL),
        (SOL_SOCKET, SO_ERROR, 1, errno.EINVAL),
        (SOL_SOCKET, SO_ACCEPTCONN, 1, errno.EINVAL),
        (IPPROTO_TCP, TCP_NODELAY, b"\1", errno.EDOM),
        (IPPROTO_TCP, TCP_NODELAY, (1, 1), errno.EINVAL),
        (IPPROTO_TCP, TCP_MAXSEG, 20, errno.EINVAL),
        (IPPROTO_TCP, TCP_MAXSEG, 70000, errno.EINVAL),
        (IPPROTO_TCP, TCP_KEEPCNT, 3, errno.ENOPROTOOPT),  # CONFIG_NET_TCP_KEEPALIVE is not set
        (IPPROTO_IP, IP_TOS, 256, errno.EINVAL),
        (IPPROTO_IP, IP_TTL, 0, errno.EINVAL),
        (IPPROTO_IP, 99, 0, errno.ENOPROTOOPT),
    ],
)
def test_what_cannot_be_set(level: int, option: int, value: Any, error: int) -> None:
    with Stack(**LINGER) as s:
        assert error_of(stream(s).setsockopt, level, option, value) == error


def test_a_buffer_that_is_too_short_for_an_option_is_refused() -> None:
    with Stack(**TCP) as s:
        assert error_of(stream(s).getsockopt, SOL_SOCKET, SO_TYPE, 3) == errno.EINVAL
        assert stream(s).getsockopt(SOL_SOCKET, SO_TYPE, 4) == struct.pack("i", SOCK_STREAM)


def test_flags_without_effect_are_kept() -> None:
    with Stack(**TCP) as s:
        for sock in (stream(s), opened(s)):
            assert sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 0
            sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            assert sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
            sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 0)
            assert sock.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 0


def test_acceptconn_tells_listeners() -> None:
    with Stack(**TCP) as s:
        assert listening(s).getsockopt(SOL_SOCKET, SO_ACCEPTCONN) == 1
        assert stream(s).getsockopt(SOL_SOCKET, SO_ACCEPTCONN) == 0
        assert opened(s, 8).getsockopt(SOL_SOCKET, SO_ACCEPTCONN) == 0


# What goes into packets


def test_ip_tos_is_in_every_packet() -> None:
    with Stack(NET_UDP_WRITE_BUFFERS=True, **TCP) as s:
        sock, peer = connected(s)
        other = opened(s, 8)
        for one in (sock, other):
            assert one.getsockopt(IPPROTO_IP, IP_TOS) == 0
            one.setsockopt(IPPROTO_IP, IP_TOS, 0xB8)
            assert one.getsockopt(IPPROTO_IP, IP_TOS) == 0xB8
        act(s, lambda _: (sock.send(b"x"), other.sendto(b"y", HOST)))
        frames = s.frames()
        assert [frame[15] for frame in frames] == [0xB8, 0xB8]
        assert segment_of(frames[0], 0) is not None  # its checksums are right
        assert peer.answers("A") == []


def test_tcp_maxseg_is_announced_and_kept_to() -> None:
    with Stack(**TCP) as s:

        def body(sys: Any) -> None:
            sock = sys.socket(AF_INET, SOCK_STREAM)
            sock.setsockopt(IPPROTO_TCP, TCP_MAXSEG, 500)
            sock.connect(HOST)
            sock.send(bytes(1200))
            sys.semaphore().wait()

        act(s, body)
        (frame,) = s.frames()
        syn = segment_of(frame, 0)
        assert syn is not None and syn.options[2] == (500).to_bytes(2, "big")
        peer = Peer(s, dport=syn.sport, sport=1000)
        peer.iss = syn.seq
        peer.ack = 1
        peer.put("SA", seq=0, options=b"\2\4\5\xb4")
        peer.seq = 1
        assert [len(segment.data) for segment in peer.take() if segment.data][:2] == [500, 500]


def test_tcp_maxseg_changes_nothing_once_connected() -> None:
    with Stack(**TCP) as s:
        sock, _ = connected(s)
        sock.setsockopt(IPPROTO_TCP, TCP_MAXSEG, 1)
        assert sock.getsockopt(IPPROTO_TCP, TCP_MAXSEG) == 1460


# SO_LINGER


def test_linger_needs_its_option() -> None:
    with Stack(**TCP) as s:
        assert error_of(stream(s).setsockopt, SOL_SOCKET, SO_LINGER, (1, 0)) == errno.ENOPROTOOPT
        assert error_of(stream(s).getsockopt, SOL_SOCKET, SO_LINGER) == errno.ENOPROTOOPT


def test_closing_with_no_time_to_linger_resets() -> None:
    with Stack(**LINGER) as s:
        sock, peer = connected(s)
        sock.setsockopt(SOL_SOCKET, SO_LINGER, (1, 0))
        act(s, lambda _: (sock.send(b"lost"), sock.close()))
        assert "R" in peer.take()[-1].flags
        assert rows(s) == [] and s.leaks() == 0


def test_closing_lingers_and_then_resets_if_the_peer_does_not_acknowledge() -> None:
    with Stack(**LINGER) as s:
        sock, peer = connected(s)
        sock.setsockopt(SOL_SOCKET, SO_LINGER, (1, 2))
        assert (
            act(s, lambda sys: (sock.send(b"x"), sock.close(), sys.now))[0][2] < s.clock.now_ns / 1e9
        )  # it is no wait
        s.later(1.9)
        assert states(s) == ["FIN_WAIT_1"] and not any("R" in segment.flags for segment in peer.take())
        s.later(0.2)
        assert states(s) == [] and peer.take()[-1].flags[0] == "R"
        assert s.leaks() == 0


def test_a_close_that_is_done_in_time_ends_in_time_wait_as_ever() -> None:
    with Stack(**LINGER) as s:
        sock, peer = connected(s)
        sock.setsockopt(SOL_SOCKET, SO_LINGER, (1, 2))
        act(s, lambda _: sock.close())
        peer.read()
        peer.put("FA")
        s.later(5)
        assert states(s) == ["TIME_WAIT"]


def test_udp_waits_for_its_driver_no_longer_than_linger_says() -> None:
    with Stack(auto=False, NET_UDP_WRITE_BUFFERS=True, NET_UDP_NOTIFIER=True, NET_SOLINGER=True) as s:
        sock = opened(s)
        sock.setsockopt(SOL_SOCKET, SO_LINGER, (1, 3))
        began = s.clock.now_ns
        s.run(lambda _: (sock.sendto(b"x", HOST), sock.close()))
        assert 3.0 <= (s.clock.now_ns - began) / 1e9 < 3.1
        assert s.leaks() == 0


# Misuse


def test_shutting_a_listener_down_ends_its_listening() -> None:
    with Stack(**TCP) as s:
        sock = listening(s)
        Peer(s).connect()  # nobody has accepted it yet
        waiting = listening(s, 8)
        results = act(s, lambda _: waiting.accept())
        s.run(lambda _: (sock.shutdown(SHUT_RDWR), waiting.shutdown(SHUT_RD)))
        assert results[0].errno == errno.EINVAL and states(s) == ["ALLOCATED", "ALLOCATED"]
        assert error_of(s.run, lambda _: sock.accept()) == errno.EINVAL
        assert Peer(s, sport=1001).answer("S", seq=0).flags == "RA"
        s.run(lambda _: sock.listen())
        Peer(s, sport=1002).connect()
        assert accepted(s, sock).getpeername() == ("10.0.1.1", 1002)


@pytest.mark.parametrize(
    ("kind", "call", "args", "error"),
    [
        (SOCK_DGRAM, "listen", (), errno.EOPNOTSUPP),
        (SOCK_DGRAM, "accept", (), errno.EOPNOTSUPP),
        (SOCK_DGRAM, "shutdown", (SHUT_RDWR,), errno.EOPNOTSUPP),
        (SOCK_DGRAM, "send", (b"x",), errno.EDESTADDRREQ),
        (SOCK_DGRAM, "getpeername", (), errno.ENOTCONN),
        (SOCK_STREAM, "accept", (), errno.EINVAL),
        (SOCK_STREAM, "shutdown", (SHUT_RDWR,), errno.ENOTCONN),
        (SOCK_STREAM, "shutdown", (5,), errno.EINVAL),
        (SOCK_STREAM, "send", (b"x",), errno.ENOTCONN),
        (SOCK_STREAM, "recv", (10,), errno.ENOTCONN),
        (SOCK_STREAM, "sendto", (b"x", HOST), errno.EOPNOTSUPP),
        (SOCK_STREAM, "getpeername", (), errno.ENOTCONN),
        (SOCK_STREAM, "bind", (("10.9.9.9", 7),), errno.EADDRNOTAVAIL),
        (SOCK_STREAM, "bind", (("", 70000),), errno.EINVAL),
        (SOCK_STREAM, "connect", (None,), errno.EINVAL),
    ],
)
def test_calls_that_make_no_sense(kind: int, call: str, args: tuple[Any, ...], error: int) -> None:
    with Stack(**TCP) as s:
        assert s.run(lambda sys: error_of(getattr(sys.socket(AF_INET, kind), call), *args)) == error


@pytest.mark.parametrize("call", ["recv", "send", "accept", "listen", "getsockname", "connect", "shutdown"])
def test_a_closed_socket_is_a_bad_descriptor(call: str) -> None:
    args: dict[str, tuple[Any, ...]] = {"recv": (1,), "send": (b"",), "connect": (HOST,), "shutdown": (2,)}
    with Stack(**TCP) as s:

        def body(sys: Any) -> int | None:
            sock = sys.socket(AF_INET, SOCK_STREAM)
            sock.close()
            return error_of(getattr(sock, call), *args.get(call, ()))

        assert s.run(body) == errno.EBADF
