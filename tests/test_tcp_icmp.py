"""What ICMP says about a connection: RFC 5927, RFC 1122 4.2.3.9, path MTU (RFC 1191)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack, error_of, ether, icmp
from tcp_peer import TCP, Segment, act, connected, rows, states
from tcp_script import called, writes

from kernel.sockbase import AF_INET, SO_ERROR, SOCK_STREAM, SOL_SOCKET

PORT_UNREACHABLE, HOST_UNREACHABLE, FRAG_NEEDED = (3, 3), (3, 1), (3, 4)


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


def out(s: Stack, sock: Any, data: bytes = b"x" * 1400) -> bytes:
    """The IP packet of a segment in flight."""
    s.frames()
    act(s, lambda sys: sock.send(data))
    return s.frames()[0][14:]


def complain(s: Stack, error: tuple[int, int], packet: bytes, rest: bytes = bytes(4), quote: int = 28) -> None:
    """An ICMP error about a packet arrives."""
    s.input(ether(icmp(*error, rest=rest, data=packet[:quote])))
    s.kernel.net.txavail()
    s.later(0)


def calls(s: Stack) -> tuple[list[int | None], bytes]:
    """The board calls; errno once that ended, and its SYN."""
    results = act(s, lambda sys: error_of(sys.socket(AF_INET, SOCK_STREAM).connect, ("10.0.1.1", 7)))
    return results, s.frames()[-1][14:]


@pytest.mark.parametrize("code", range(16))
def test_must_56_an_error_does_not_end_a_connection(s: Stack, code: int) -> None:
    sock, peer = connected(s)
    complain(s, (3, code), out(s, sock))
    assert states(s) == ["ESTABLISHED"]
    peer.take()
    peer.ack += 1400
    peer.put("A")
    assert rows(s)[0].txsize == 0


@pytest.mark.parametrize("error", [(3, 2), (3, 3)])
def test_a_hard_error_ends_a_call(s: Stack, error: tuple[int, int]) -> None:
    results, syn = calls(s)
    complain(s, error, syn)
    s.later(0.001)
    assert results == [errno.ECONNREFUSED if error == (3, 3) else errno.ENOPROTOOPT]


@pytest.mark.parametrize(
    ("error", "reason"), [((3, 0), errno.ENETUNREACH), ((3, 1), errno.EHOSTUNREACH), ((11, 0), errno.EHOSTUNREACH)]
)
def test_must_47_a_soft_error_is_the_reason_once_a_call_times_out(
    s: Stack, error: tuple[int, int], reason: int
) -> None:
    results, syn = calls(s)
    complain(s, error, syn)
    s.later(0.001)
    assert results == []
    s.later(200)
    assert results == [reason]


def test_must_47_a_soft_error_is_the_reason_once_a_connection_times_out(s: Stack) -> None:
    sock, peer = connected(s)
    complain(s, HOST_UNREACHABLE, out(s, sock))
    s.later(200)
    assert s.run(lambda sys: sock.getsockopt(SOL_SOCKET, SO_ERROR)) == errno.EHOSTUNREACH
    assert states(s) == [] and peer.take()


@pytest.mark.parametrize("offset", [-1, 1, 2**31, -70000])
def test_an_error_about_what_is_not_in_flight_is_ignored(s: Stack, offset: int) -> None:
    results, syn = calls(s)
    seq = (int.from_bytes(syn[24:28], "big") + offset) % 2**32
    complain(s, PORT_UNREACHABLE, syn[:24] + seq.to_bytes(4, "big"))
    s.later(0.001)
    assert results == [] and states(s) == ["SYN_SENT"]


def test_must_54_an_error_reaches_its_connection_and_no_other(s: Stack) -> None:
    first, syn = calls(s)
    second, _ = calls(s)
    complain(s, PORT_UNREACHABLE, syn)
    s.later(0.001)
    assert first == [errno.ECONNREFUSED] and second == []


@pytest.mark.parametrize("length", range(28))
def test_an_error_that_quotes_too_little_is_ignored(s: Stack, length: int) -> None:
    results, syn = calls(s)
    complain(s, PORT_UNREACHABLE, syn, quote=length)
    s.later(0.001)
    assert results == []


def lengths(segments: list[Segment]) -> list[int]:
    return [len(x.data) for x in segments]


def test_frag_needed_makes_segments_smaller_and_sends_again_at_once(s: Stack) -> None:
    """RFC 1191."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 2920)
    complain(s, FRAG_NEEDED, packet, b"\0\0" + (1000).to_bytes(2, "big"))
    assert lengths(peer.take()) == [960, 960, 960, 40]
    peer.ack = 2921
    peer.put("A")
    assert lengths(writes(s, peer, sock, bytes(1920))) == [960, 960]


@pytest.mark.parametrize("mtu", [1, 20, 67, 1500, 65535])
def test_frag_needed_with_an_impossible_size_is_ignored(s: Stack, mtu: int) -> None:
    """Below 68 there is no IP; what fits already did not need it."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    complain(s, FRAG_NEEDED, packet, b"\0\0" + mtu.to_bytes(2, "big"))
    assert peer.take() == []
    assert lengths(writes(s, peer, sock, bytes(1460))) == [1460]


def test_frag_needed_of_an_old_router_that_names_no_size_means_576(s: Stack) -> None:
    """RFC 1191 section 5."""
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1072)
    complain(s, FRAG_NEEDED, packet, bytes(4))
    assert lengths(peer.take()) == [536, 536]


def test_frag_needed_does_not_make_crumbs(s: Stack) -> None:
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    complain(s, FRAG_NEEDED, packet, b"\0\0\0\x44")
    assert min(lengths(peer.take())[:-1]) >= 88


def test_frag_needed_about_what_is_not_in_flight_is_ignored(s: Stack) -> None:
    sock, peer = called(s)
    packet = out(s, sock, b"x" * 1460)
    peer.ack = 1461
    peer.put("A")
    peer.take()
    complain(s, FRAG_NEEDED, packet, b"\0\0\2\x40")
    assert lengths(writes(s, peer, sock, bytes(1460))) == [1460]
