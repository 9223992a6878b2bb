"""Packet sockets: frames in and out past all protocols, and how they wait for buffers."""

from __future__ import annotations

import errno
import re
import socket as host
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from stack import BOARD_MAC, HOST_MAC, Stack, arp, bound, error_of, ether, icmp, udp

from board import Board
from kernel.iob import IobOwner
from kernel.poll import POLLERR, POLLIN, POLLOUT
from kernel.socket import AF_INET, AF_PACKET, MSG_DONTWAIT, MSG_PEEK, SOCK_DGRAM, SOCK_RAW
from kernel.sync import Mutex
from lab.state import state_text

PKT = {"NET_PKT": True, "NET_PKT_WRITE_BUFFERS": True}
ALL = host.htons(3)
FRAME = HOST_MAC + BOARD_MAC + b"\x88\xb5" + bytes(range(200))


def packets(s: Stack, proto: int = ALL, device: str = "eth0") -> Any:
    """A packet socket that outlives the task that made it."""

    def make(sys: Any) -> Any:
        sock = sys.socket(AF_PACKET, SOCK_RAW, proto)
        sock.bind((device, 0))
        return sock

    return s.keep(make)


# Receiving


def test_it_gets_a_copy_of_every_frame_and_the_stack_gets_them_too() -> None:
    with Stack(**PKT) as s:
        sock, other = packets(s), s.keep(lambda sys: bound(sys, 7))
        frames = [ether(arp(1), 0x0806), ether(udp(b"hello")), ether(icmp(8, data=bytes(700)))]
        s.input(*frames)
        assert s.run(lambda _: [sock.recvfrom(2000)[0] for _ in frames]) == frames
        assert s.run(lambda _: other.recv(9)) == b"hello"
        assert len(s.frames()) == 2 and s.leaks() == 0


def test_the_sender_is_told_as_python_has_it_and_peek_leaves_the_frame() -> None:
    with Stack(**PKT) as s:
        sock = packets(s)
        s.input(ether(udp(b"x")))
        assert s.run(lambda _: sock.recvfrom(20, MSG_PEEK)[1]) == ("eth0", 0x0800, 0, 1, HOST_MAC)
        assert s.run(lambda _: (len(sock.recv(20)), error_of(sock.recv, 20, MSG_DONTWAIT))) == (20, errno.EAGAIN)


def test_a_protocol_chooses_frames_and_the_first_socket_that_fits_gets_them() -> None:
    with Stack(NET_PKT_PREALLOC_CONNS=3, **PKT) as s:
        only, every, nothing = packets(s, host.htons(0x0806)), packets(s), packets(s, 0)
        s.input(ether(arp(1), 0x0806), ether(udp(b"x")))

        def kinds(sock: Any) -> list[bytes]:
            seen = []
            while error_of(sock.recv, 1, MSG_PEEK | MSG_DONTWAIT) is None:
                seen.append(sock.recv(2000)[12:14])
            return seen

        assert s.run(lambda _: [kinds(sock) for sock in (only, every, nothing)]) == [[b"\x08\x06"], [b"\x08\x00"], []]


def test_a_reader_waits_and_a_poll_tells() -> None:
    with Stack(**PKT) as s:
        sock = packets(s)
        reader, poller = s.start(lambda _: sock.recv(2000)), s.start(lambda sys: sys.poll([(sock, POLLIN)]))
        s.later(1)
        assert reader == [] and poller == []
        s.input(ether(udp(b"x")), ether(udp(b"y")))
        s.clock.run(None)
        assert reader == [ether(udp(b"x"))] and poller == [[(sock, POLLIN)]]


def test_frames_that_find_no_throttled_buffer_are_lost_to_it_but_not_to_the_stack() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, **PKT) as s:
        sock, other = packets(s), s.keep(lambda sys: bound(sys, 7))
        s.keep(lambda sys: [sys.iob_alloc() for _ in range(16)])
        s.input(ether(udp(b"x")))
        assert s.run(lambda _: (error_of(sock.recv, 9, MSG_DONTWAIT), other.recv(9))) == (errno.EAGAIN, b"x")


# Sending


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("locks", ["global", "split"])
def test_a_frame_goes_out_as_it_is(buffered: bool, locks: str) -> None:
    with Stack(NET_PKT=True, NET_PKT_WRITE_BUFFERS=buffered, NET_LOCKS=locks) as s:
        sock = packets(s)
        assert s.run(lambda _: (sock.send(FRAME), sock.sendto(FRAME[:14], ("eth0", 0)), sock.send(b""))) == (214, 14, 0)
        assert s.frames() == [FRAME, FRAME[:14]]
        assert s.leaks() == 0


def test_without_buffering_send_returns_when_the_device_has_taken_the_frame() -> None:
    with Stack(auto=False, NET_PKT=True) as s:
        sock = packets(s)
        results = s.start(lambda _: sock.send(FRAME))
        s.later(1)
        assert results == []
        s.run(lambda _: s.eth.poll(None))
        assert results == [214]


def test_closing_waits_for_the_device_and_a_device_that_goes_down_takes_what_is_left() -> None:
    for down in (False, True):
        with Stack(auto=False, **PKT) as s:
            sock = packets(s)
            results = s.start(lambda _, sock=sock: (sock.send(FRAME), sock.close()))
            s.later(1)
            assert results == []
            s.run(lambda _, s=s, down=down: s.eth.ifdown() if down else s.eth.poll(None))
            assert results == [(214, None)] and len(s.frames()) == (not down) and s.leaks() == 0


def test_what_cannot_be_sent() -> None:
    with Stack(**PKT) as s:
        sock = packets(s)

        def body(sys: Any) -> list[int | None]:
            sock.bind(("eth0", 0))
            calls = [(sock.send, FRAME[:13]), (sock.send, bytes(1515)), (sock.sendto, FRAME, ("lo", 0))]
            errors = [error_of(*call) for call in calls]
            s.eth.ifdown()
            return [*errors, error_of(sock.send, FRAME)]

        assert s.run(body) == [errno.EINVAL, errno.EMSGSIZE, errno.EINVAL, errno.ENETDOWN]


def test_names_that_cannot_be_bound_and_a_socket_that_is_not() -> None:
    with Stack(**PKT) as s:

        def body(sys: Any) -> list[Any]:
            sock = sys.socket(AF_PACKET, SOCK_RAW, ALL)
            errors: list[Any] = [error_of(sock.bind, (name, 0)) for name in ("lo", "eth9")]
            errors += [error_of(call, arg) for call, arg in ((sock.recv, 9), (sock.send, FRAME), (sock.connect, None))]
            errors.append([entry[1] for entry in sys.poll([(sock, POLLIN)], 0)])
            sock.bind(("eth0", 0x88B5))
            return [*errors, sock.getsockname(), error_of(sys.socket, AF_PACKET, SOCK_RAW)]

        no, not_bound = errno.EADDRNOTAVAIL, errno.ENODEV
        name = ("eth0", 0x88B5, 0, 1, BOARD_MAC)
        expected = [no, no, not_bound, not_bound, errno.EOPNOTSUPP, [POLLERR], name, errno.ENOMEM]
        assert s.run(body) == expected
        assert s.run(lambda sys: error_of(sys.socket, AF_PACKET, SOCK_DGRAM)) == errno.EPROTONOSUPPORT
    with Stack() as s:
        assert s.run(lambda sys: error_of(sys.socket, AF_PACKET, SOCK_RAW)) == errno.EPROTONOSUPPORT
        assert s.run(lambda sys: error_of(sys.socket, 1, SOCK_DGRAM)) == errno.EAFNOSUPPORT
        assert s.run(lambda sys: error_of(sys.socket, AF_INET, SOCK_RAW)) == errno.EPROTONOSUPPORT


# Waiting for buffers


def test_a_nonblocking_sender_takes_unthrottled_buffers_or_fails() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, IOB_BUFSIZE=196, auto=False, **PKT) as s:
        sock = packets(s)
        s.keep(lambda sys: [sys.iob_alloc() for _ in range(23)])
        assert s.run(lambda _: error_of(sock.send, FRAME, MSG_DONTWAIT)) == errno.ENOMEM  # it needs two
        assert s.run(lambda _: sock.send(FRAME[:100], MSG_DONTWAIT)) == 100
        assert s.run(lambda sys: [entry[1] for entry in sys.poll([(sock, POLLOUT)], 0)]) == []
        assert s.run(lambda _: error_of(sock.send, FRAME, MSG_DONTWAIT)) == errno.EAGAIN
        (mine,) = [holder for holder in s.kernel.iobs.ledger() if holder.owner == IobOwner.PKT_WRITE]
        assert mine.instance == sock.conn


def test_a_full_send_buffer_makes_senders_wait() -> None:
    with Stack(auto=False, NET_SEND_BUFSIZE=300, NET_UDP_WRITE_BUFFERS=True, **PKT) as s:
        sock = packets(s)
        results = s.start(lambda _: (sock.send(FRAME), sock.send(FRAME)))
        assert results == []
        assert s.run(lambda _: error_of(sock.send, FRAME, MSG_DONTWAIT)) == errno.EAGAIN
        s.run(lambda _: s.eth.poll(None))
        assert results == [(214, 214)]


def starving(s: Stack) -> tuple[list[Any], list[int], list[int]]:
    """A sender that waits for its first buffer: its result, its pid, and the buffers that it waits for."""
    sock, pids = packets(s), []
    taken = s.keep(lambda sys: [sys.iob_alloc() for _ in range(16)])

    def body(sys: Any) -> int:
        pids.append(sys.getpid())
        return int(sock.send(FRAME))

    results = s.start(body)
    s.later(1)
    assert results == []
    return results, pids, taken


def test_with_one_lock_a_sender_that_waits_for_its_first_buffer_gives_it_up() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, **PKT) as s:
        results, _, taken = starving(s)
        assert s.kernel.net_lock.mutex.holder == -1
        s.run(lambda sys: sys.iob_free(taken[0]))
        assert results == [214] and s.frames() == [FRAME]


def test_with_split_locks_a_sender_that_waits_for_its_first_buffer_holds_the_device() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, NET_LOCKS="split", **PKT) as s:
        lock = s.eth.lock = Mutex(s.kernel, "eth0 lock")  # type: ignore[assignment]
        results, pids, taken = starving(s)
        assert lock.holder == pids[0]
        driver = s.start(lambda _: (lock.lock(), lock.unlock()))  # a driver's worker, with frames to receive
        s.later(5)
        assert driver == []
        s.run(lambda sys: sys.iob_free(taken[0]))
        assert results == [214] and driver == [(0, 0)] and lock.holder == -1


def test_a_sender_waits_for_a_queue_entry_with_the_locks_held() -> None:
    with Stack(IOB_NCHAINS=2, auto=False, **PKT) as s:
        sock = packets(s)
        s.run(lambda _: (sock.send(FRAME), sock.send(FRAME)))
        pids: list[int] = []
        results = s.start(lambda sys: (pids.append(sys.getpid()), sock.send(FRAME)))
        s.later(1)
        assert results == [] and s.kernel.net_lock.mutex.holder == pids[0]


def test_a_killed_sender_leaves_nothing_behind() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, NET_LOCKS="split", **PKT) as s:
        lock = s.eth.lock = Mutex(s.kernel, "eth0 lock")  # type: ignore[assignment]
        results, pids, taken = starving(s)
        s.kernel.kill(pids[0], 9)
        s.clock.run(None)
        assert results == [] and lock.holder == -1
        s.run(lambda sys: [sys.iob_free(iob) for iob in taken])
        assert s.leaks() == 0


@pytest.mark.parametrize("locks", ["global", "split"])
def test_an_injector_more_important_than_the_driver_hangs_a_board_with_split_locks(locks: str) -> None:
    def injector(sys: Any) -> None:
        sock = sys.socket(AF_PACKET, SOCK_RAW, ALL)
        sock.bind(("eth0", 0))
        for _ in range(100):
            sock.send(FRAME)

    with Board("sim", IOB_NBUFFERS=36, IOB_THROTTLE=8, NET_LOCKS=locks, **PKT) as board:
        board.boot()
        task = board.spawn(injector, "injector", 200)
        board.run(60)
        ping = Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP()
        answer = board.eth0.wire().sr1(ping, timeout=5)
        hung = locks == "split"
        assert task.alive == hung and (answer is None) == hung
        if hung:
            text = state_text(board)
            assert "injector: waits for a throttled IOB" in text
            assert re.search(r"lpwork: waits for eth0.*, held by injector \(pid \d+\)", text)
            queued = re.search(r"(\d+) pkt_write 0\n", text)
            assert queued and int(queued[1]) >= 28  # all that the throttle leaves: they are its own
