"""UDP sending: errors in NuttX's order, write buffers, and what a sender does when the IOB pool runs dry."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import BOARD_IP, Packet, Stack, error_of, ether, hog, icmp

from kernel.core import lib
from kernel.iob import IobOwner
from kernel.socket import MSG_DONTWAIT, SO_SNDBUF, SO_SNDTIMEO, SOL_SOCKET

PAYLOAD = bytes(range(256)) * 6
HOST = ("10.0.1.1", 1000)


def opened(s: Stack) -> Any:
    """A socket that outlives the task that made it."""
    return s.keep(lambda sys: sys.socket())


def drain(s: Stack, n: int = 1000) -> list[Packet]:
    """The device asks for packets and sends them."""
    s.eth.call(lib.netdev_poll, n)
    return [Packet(f) for f in s.frames()]


def release(s: Stack, iobs: list[int]) -> None:
    for iob in iobs:
        s.kernel.iobs.free_chain(iob)
    s.clock.run(None)


# What is sent


@pytest.mark.parametrize("size", [0, 1, 2, 153, 154, 155, 349, 350, 351, 1471, 1472])
@pytest.mark.parametrize("bufsize", [64, 196, 1514])
def test_datagram_leaves_as_it_was_given(size: int, bufsize: int) -> None:
    with Stack(IOB_BUFSIZE=bufsize) as s:
        assert s.run(lambda sys: sys.socket().sendto(PAYLOAD[:size], HOST)) == size
        (packet,) = [Packet(f) for f in s.frames()]
        assert (packet.data, packet.src, packet.dst, packet.dport) == (PAYLOAD[:size], BOARD_IP, *HOST)
        assert packet.payload[6:8] != b"\0\0"
        assert s.leaks() == 0


def test_without_udp_checksums_none_is_sent() -> None:
    with Stack(NET_UDP_CHECKSUMS=False) as s:
        s.run(lambda sys: sys.socket().sendto(b"x", HOST))
        assert Packet(s.frames()[0]).payload[6:8] == b"\0\0"


def test_anything_like_bytes_can_be_sent_with_flags_in_the_middle() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        return sock.sendto(bytearray(b"ab"), 0, HOST), sock.sendto(memoryview(b"abc"), HOST)

    with Stack() as s:
        assert s.run(body) == (2, 3)


def test_identification_differs_from_packet_to_packet() -> None:
    with Stack() as s:
        s.run(lambda sys: [sys.socket().sendto(b"x", HOST) for _ in range(3)])
        assert len({f[18:20] for f in s.frames()}) == 3


# Errors


@pytest.mark.parametrize(
    "data,address,expected",
    [
        (bytes(65536), HOST, errno.EMSGSIZE),
        (bytes(65508), HOST, errno.EMSGSIZE),
        (b"x", ("10.0.1.1", 0), errno.EINVAL),
        (b"x", ("", 0), errno.EDESTADDRREQ),
        (b"x", ("10.0.1.1", 70000), errno.EINVAL),
        (b"x", ("no.such.host", 5), errno.EINVAL),
    ],
)
def test_impossible_datagram_is_refused(data: bytes, address: tuple[str, int], expected: int) -> None:
    with Stack() as s:
        assert s.run(lambda sys: error_of(sys.socket().sendto, data, address)) == expected
        assert s.leaks() == 0


def test_connected_socket_takes_no_address_and_another_needs_one() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        first = error_of(sock.send, b"x")
        sock.connect(HOST)
        return first, error_of(sock.sendto, b"x", HOST), sock.send(b"x")

    with Stack() as s:
        assert s.run(body) == (errno.EDESTADDRREQ, errno.EISCONN, 1)


def test_without_a_way_there_the_network_is_unreachable() -> None:
    with Stack() as s:
        s.device.draddr = "0.0.0.0"
        assert s.run(lambda sys: error_of(sys.socket().sendto, b"x", ("8.8.8.8", 9))) == errno.ENETUNREACH
        s.eth.ifdown()
        assert s.run(lambda sys: error_of(sys.socket().sendto, b"x", HOST)) == errno.ENETUNREACH


def test_without_carrier_the_host_is_unreachable() -> None:
    with Stack() as s:
        s.eth.call(lib.netdev_set, lib.NETDEV_CARRIER, 0)
        assert s.run(lambda sys: error_of(sys.socket().sendto, b"x", ("10.0.1.255", 9))) == errno.EHOSTUNREACH


def test_closed_socket_is_ebadf() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        sock.close()
        return error_of(sock.sendto, b"x", HOST)

    with Stack() as s:
        assert s.run(body) == errno.EBADF


# Write buffers


def test_sender_does_not_wait_for_the_driver() -> None:
    with Stack(auto=False) as s:
        sock = opened(s)
        assert s.run(lambda _: [sock.sendto(PAYLOAD[:n], HOST) for n in (1, 2, 3)]) == [1, 2, 3]
        assert {h.owner for h in s.kernel.iobs.ledger()} == {IobOwner.UDP_WRITE}
        assert [len(p.data) for p in drain(s)] == [1, 2, 3]
        assert s.leaks() == 0


def test_without_write_buffers_a_send_ends_when_the_driver_has_it() -> None:
    with Stack(auto=False, NET_UDP_WRITE_BUFFERS=False) as s:
        sock = opened(s)
        results = s.start(lambda _: sock.sendto(b"x", HOST))
        assert results == []
        drain(s)
        s.clock.run(None)
        assert results == [1]


def test_send_buffer_limit_counts_queued_headers_and_wakes_when_sent() -> None:
    with Stack(auto=False, NET_SEND_BUFSIZE=1000) as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 228))
        s.run(lambda _: sock.sendto(bytes(100), HOST))  # 128 bytes with its header
        assert s.run(lambda _: error_of(sock.sendto, bytes(101), MSG_DONTWAIT, HOST)) == errno.EAGAIN
        assert s.run(lambda _: sock.sendto(bytes(100), MSG_DONTWAIT, HOST)) == 100
        results = s.start(lambda _: sock.sendto(b"more", HOST))
        assert results == []
        drain(s, 1)
        s.clock.run(None)
        assert results == [4]


def test_send_timeout_is_eagain() -> None:
    with Stack(auto=False, NET_SEND_BUFSIZE=1000) as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 50))
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.2))
        s.run(lambda _: sock.sendto(b"x", HOST))
        before = s.clock.now_ns
        assert s.run(lambda _: error_of(sock.sendto, bytes(40), HOST)) == errno.EAGAIN
        assert 200_000_000 <= s.clock.now_ns - before <= 220_000_000


def test_fixed_number_of_write_buffers_is_a_limit() -> None:
    with Stack(auto=False, NET_UDP_ALLOC_WRBCHAINS=0, NET_UDP_NWRBCHAINS=2) as s:
        sock = opened(s)
        s.run(lambda _: [sock.sendto(b"x", HOST) for _ in range(2)])
        assert s.run(lambda _: error_of(sock.sendto, b"x", MSG_DONTWAIT, HOST)) == errno.EAGAIN
        results = s.start(lambda _: sock.sendto(b"later", HOST))
        assert results == []
        drain(s, 1)
        s.clock.run(None)
        assert results == [5]


def test_closing_discards_what_was_not_sent() -> None:
    with Stack(auto=False, NET_UDP_NOTIFIER=False) as s:
        sock = opened(s)
        s.run(lambda _: [sock.sendto(PAYLOAD[:1000], HOST) for _ in range(3)])
        s.run(lambda _: sock.close())
        assert drain(s) == [] and s.leaks() == 0


def test_interface_that_goes_down_discards_what_waits_for_it() -> None:
    with Stack(auto=False) as s:
        sock = opened(s)
        s.run(lambda _: [sock.sendto(PAYLOAD[:1000], HOST) for _ in range(3)])
        s.eth.ifdown()
        s.clock.run(None)
        assert s.leaks() == 0
        s.eth.ifup()
        assert drain(s) == []


# A pool that runs dry: 12 buffers, 4 of them reserved for receiving. 1000 bytes need 6.

SMALL: dict[str, Any] = {"IOB_NBUFFERS": 12, "IOB_THROTTLE": 4}


def test_nonblocking_sender_without_a_first_buffer_gets_eagain() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 0)
        assert s.run(lambda _: error_of(sock.sendto, b"x", MSG_DONTWAIT, HOST)) == errno.EAGAIN
        release(s, held)
        assert s.leaks() == 0


def test_nonblocking_sender_that_runs_out_in_the_middle_gets_enomem_and_keeps_nothing() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 3)
        assert s.run(lambda _: error_of(sock.sendto, PAYLOAD[:1000], MSG_DONTWAIT, HOST)) == errno.ENOMEM
        assert s.kernel.iobs.navail() == 3
        release(s, held)
        assert s.leaks() == 0


def test_nonblocking_sender_may_use_the_reserve_and_a_blocking_one_may_not_begin_with_it() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 4)
        assert s.run(lambda _: sock.sendto(b"x", MSG_DONTWAIT, HOST)) == 1
        s.frames()
        results = s.start(lambda _: sock.sendto(b"y", HOST))
        assert results == [] and s.kernel.iobs.getstats().throttle_wait == 1
        release(s, held)
        assert results == [1]
        s.frames()
        assert s.leaks() == 0


def test_blocking_sender_keeps_what_it_has_while_it_waits_for_more() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 5)
        results = s.start(lambda _: sock.sendto(PAYLOAD[:1400], HOST))
        assert results == []
        assert s.kernel.iobs.navail() == 0
        mine = [h for h in s.kernel.iobs.ledger() if h.owner == IobOwner.UDP_WRITE]
        assert len(mine) == 5 and s.kernel.iobs.getstats().nwait == 1
        assert s.kernel.net_lock.mutex.holder == -1
        release(s, held)
        assert results == [1400]
        assert [Packet(f).data for f in s.frames()] == [PAYLOAD[:1400]]
        assert s.leaks() == 0


def test_two_senders_that_each_hold_a_part_block_each_other_for_ever() -> None:
    with Stack(IOB_NBUFFERS=12, IOB_THROTTLE=0) as s:
        held = hog(s, 0)
        socks = [opened(s), opened(s)]
        results = [s.start(lambda _, sock=sock: sock.sendto(PAYLOAD[:1400], HOST)) for sock in socks]
        release(s, held[:2])
        s.later(3600)
        assert results == [[], []]
        parts = [h.instance for h in s.kernel.iobs.ledger() if h.owner == IobOwner.UDP_WRITE]
        assert sorted(parts) == [0, 1] and s.kernel.iobs.getstats().nwait == 2
        release(s, held[2:])  # only somebody else's buffers can help
        s.frames()
        s.clock.run(None)
        assert results == [[1400], [1400]]
        assert len(s.frames()) == 1 and s.leaks() == 0


def test_timeout_covers_the_first_buffer_but_not_the_rest() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0.1))
        held = hog(s, 4)
        assert s.run(lambda _: error_of(sock.sendto, b"x", HOST)) == errno.EAGAIN
        release(s, held)
        held = hog(s, 5)
        results = s.start(lambda _: sock.sendto(PAYLOAD[:1400], HOST))
        s.later(10)
        assert results == []
        release(s, held)
        assert results == [1400]
        s.frames()
        assert s.leaks() == 0


def test_killed_sender_gives_back_what_it_had_collected() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 5)
        pids: list[int] = []

        def body(sys: Any) -> Any:
            pids.append(sys.getpid())
            return sock.sendto(PAYLOAD[:1400], HOST)

        s.start(body)
        s.kernel.tasks.kill(pids[0])
        s.clock.run(None)
        release(s, held)
        assert s.leaks() == 0
        assert s.kernel.net_lock.mutex.holder == -1


def test_socket_closed_under_a_waiting_sender_fails_it() -> None:
    with Stack(**SMALL) as s:
        sock = opened(s)
        held = hog(s, 5)
        results = s.start(lambda _: sock.sendto(PAYLOAD[:1400], HOST))
        s.run(lambda _: sock.close())
        assert results == []
        release(s, held)
        assert results[0].errno == errno.EBADF
        assert s.frames() == [] and s.leaks() == 0


@pytest.mark.parametrize("locks", ["global", "split"])
def test_received_frames_get_in_while_a_sender_waits(locks: str) -> None:
    with Stack(NET_LOCKS=locks, **SMALL) as s:
        sock = opened(s)
        held = hog(s, 4)
        results = s.start(lambda _: sock.sendto(b"x", HOST))
        assert results == []
        assert len(s.answers(ether(icmp(8)))) == 1
        release(s, held)
        assert results == [1]
