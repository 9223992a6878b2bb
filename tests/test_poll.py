"""poll() and select() over UDP, TCP and ICMP sockets."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import Stack, bound, ether, icmp, opened, udp
from tcp_peer import TCP, Peer, act, connected, listening

from kernel.poll import POLLERR, POLLHUP, POLLIN, POLLOUT
from kernel.socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    MSG_DONTWAIT,
    SO_ERROR,
    SO_SNDBUF,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
)

HOST = ("10.0.1.1", 1000)


def look(s: Stack, sock: Any, events: int = POLLIN | POLLOUT) -> int:
    """What a poll that does not wait says of a socket."""
    found: list[tuple[Any, int]] = s.run(lambda sys: sys.poll([(sock, events)], 0))
    assert len(found) <= 1
    return found[0][1] if found else 0


# Waiting


def test_a_poll_of_many_sockets_ends_with_the_one_that_got_a_datagram() -> None:
    with Stack() as s:
        socks = [opened(s, port) for port in (7, 8, 9)]
        results = s.start(lambda sys: (sys.poll([(sock, POLLIN) for sock in socks]), sys.now_ns))
        s.later(3)
        assert results == []
        s.input(ether(udp(b"x", dport=8)))
        s.later(0)
        assert results == [([(socks[1], POLLIN)], s.clock.now_ns)]


def test_it_is_level_triggered() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(ether(udp(b"x")))
        assert [look(s, sock, POLLIN) for _ in range(3)] == [POLLIN] * 3
        s.run(lambda _: sock.recv(9))
        assert look(s, sock, POLLIN) == 0


def test_a_timeout_is_rounded_up_to_ticks_and_ends_with_nothing() -> None:
    with Stack() as s:
        sock = opened(s)
        began = s.clock.now_ns
        ended = s.run(lambda sys: (sys.poll([(sock, POLLIN)], 25), sys.now_ns))
        assert ended[0] == [] and 25_000_000 < ended[1] - began <= 25_000_000 + 2 * s.kernel.tick_ns


def test_a_timeout_holds_however_often_it_is_woken_for_nothing() -> None:
    with Stack() as s:
        sock = opened(s)
        began = s.clock.now_ns
        results = s.start(lambda sys: (sys.poll([(sock, POLLIN)], 100), sys.now_ns))
        for _ in range(3):  # what it is woken for is gone when it looks: a more important task has read it
            s.later(0.02)
            s.start(lambda _: sock.recv(9), priority=200)
            s.input(ether(udp(b"x")))
        s.clock.run(None)
        assert results[0][0] == [] and results[0][1] - began <= 100_000_000 + 2 * s.kernel.tick_ns


def test_a_poll_of_nothing_sleeps() -> None:
    with Stack() as s:
        began = s.clock.now_ns
        assert s.run(lambda sys: sys.poll([], 50)) == []
        assert s.clock.now_ns - began >= 50_000_000


def test_a_signal_ends_it_with_eintr() -> None:
    with Stack() as s:
        sock, pids = opened(s), []

        def body(sys: Any) -> Any:
            sys.signal(15)
            pids.append(sys.getpid())
            return sys.poll([(sock, POLLIN)])

        results = s.start(body)
        s.kernel.kill(pids[0], 15)
        s.clock.run(None)
        assert isinstance(results[0], InterruptedError)


def test_a_killed_poller_leaves_nothing_behind() -> None:
    with Stack() as s:
        sock, pids = opened(s), []

        def body(sys: Any) -> None:
            pids.append(sys.getpid())
            sys.poll([(sock, POLLIN | POLLOUT)])

        taken = [s.kernel.iobs.tryalloc() for _ in range(s.free)]
        s.start(body)
        assert s.kernel.pollers.active
        s.kernel.kill(pids[0], 9)
        s.clock.run(None)
        s.kernel.iobs.free(taken[0] or 0)
        s.kernel.iobs.free(taken[1] or 0)
        s.clock.run(None)
        s.input(ether(udp(b"x")))
        assert look(s, sock, POLLIN) == POLLIN
        assert s.kernel.pollers.active == []


def test_two_pollers_of_one_tcp_socket_are_both_woken_and_a_third_is_refused() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        waiting = [act(s, lambda sys: sys.poll([(sock, POLLIN)])) for _ in range(3)]
        assert waiting == [[], [], [[(sock, POLLERR)]]]
        peer.write(b"x")
        assert waiting[:2] == [[[(sock, POLLIN)]]] * 2


def test_udp_lets_one_task_poll_a_socket_unless_the_configuration_says_more() -> None:
    for limit in (1, 2):
        with Stack(NET_UDP_NPOLLWAITERS=limit) as s:
            sock = opened(s)
            waiting = [act(s, lambda sys, sock=sock: sys.poll([(sock, POLLIN)])) for _ in range(2)]
            assert waiting == [[], [[(sock, POLLERR)]] if limit == 1 else []]


@pytest.mark.parametrize(
    ("option", "name"), [((AF_INET, IPPROTO_ICMP), "NET_ICMP_"), ((AF_INET6, IPPROTO_ICMPV6), "NET_ICMPv6_")]
)
def test_sockets_of_ping_and_ping6_have_limits_of_their_own(option: tuple[int, int], name: str) -> None:
    for other in ("NET_ICMP_", "NET_ICMPv6_"):
        with Stack(**{f"{other}NPOLLWAITERS": 2}) as s:
            sock = s.keep(lambda sys: sys.socket(option[0], SOCK_DGRAM, option[1]))
            waiting = [act(s, lambda sys, sock=sock: sys.poll([(sock, POLLIN)])) for _ in range(2)]
            assert waiting == [[], [] if other == name else [[(sock, POLLERR)]]]


def test_closing_a_polled_socket_wakes_the_poller_with_an_error() -> None:
    with Stack() as s:
        sock = opened(s)
        results = s.start(lambda sys: sys.poll([(sock, POLLIN)]))
        s.run(lambda _: sock.close())
        assert results == [[(sock, POLLERR)]]
        assert look(s, sock) == POLLERR


def test_a_poller_of_a_closed_socket_does_not_disturb_the_next_one_of_that_number() -> None:
    with Stack() as s:
        sock = opened(s)
        results = s.start(lambda sys: sys.poll([(sock, POLLIN)]), priority=10)

        def body(sys: Any) -> Any:
            number = sock.conn
            sock.close()
            again = bound(sys)
            assert again.conn == number
            return [entry[1] for entry in sys.poll([(again, POLLIN | POLLOUT)], 0)]

        assert s.run(body) == [POLLERR]  # the old poller has not run yet: the place is still taken
        assert results == [[(sock, POLLERR)]]
        assert look(s, opened(s, 8), POLLIN | POLLOUT) == POLLOUT


# UDP


def test_a_udp_socket_can_be_written_while_the_pool_has_a_buffer_whatever_the_throttle() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8) as s:
        sock = opened(s)
        taken = s.keep(lambda sys: [sys.iob_alloc() for _ in range(23)])
        assert look(s, sock) == POLLOUT
        last = s.keep(lambda sys: sys.iob_alloc())
        assert look(s, sock) == 0
        results = s.start(lambda sys: sys.poll([(sock, POLLOUT)]))
        s.later(1)
        assert results == []
        s.run(lambda sys: sys.iob_free(last))
        assert results == [[(sock, POLLOUT)]] and len(taken) == 23


def test_a_full_send_buffer_takes_pollout_away_until_the_driver_has_taken_it() -> None:
    with Stack(auto=False, NET_SEND_BUFSIZE=400, NET_UDP_WRITE_BUFFERS=True) as s:
        sock = opened(s)
        s.run(lambda _: (sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 200), sock.sendto(bytes(180), HOST)))
        assert look(s, sock) == 0
        results = s.start(lambda sys: sys.poll([(sock, POLLOUT)]))
        s.run(lambda _: s.eth.poll(None))
        assert results == [[(sock, POLLOUT)]]


def test_an_icmp_error_of_a_connected_udp_socket_is_pollerr_and_readable() -> None:
    with Stack(NET_UDP_WRITE_BUFFERS=True) as s:
        sock = opened(s)
        s.run(lambda _: (sock.connect(HOST), sock.send(b"x")))
        (sent,) = s.frames()
        results = s.start(lambda sys: sys.select([sock], [], [sock]))
        s.input(ether(icmp(3, 3, bytes(4), sent[14:])))
        s.clock.run(None)
        assert results == [([sock], [], [sock])]
        assert s.run(lambda _: sock.getsockopt(SOL_SOCKET, SO_ERROR)) == errno.ECONNREFUSED
        assert look(s, sock) == POLLOUT


# TCP


def test_a_listener_is_readable_while_a_connection_waits_for_accept() -> None:
    with Stack(**TCP) as s:
        sock = listening(s)
        results = act(s, lambda sys: sys.poll([(sock, POLLIN)]))
        assert results == []
        Peer(s).connect()
        assert results == [[(sock, POLLIN)]]
        s.keep(lambda _: sock.accept())
        assert look(s, sock) == 0


def test_a_connection_is_readable_by_data_and_by_its_end() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        assert look(s, sock) == POLLOUT
        peer.write(b"x")
        assert look(s, sock, POLLIN) == POLLIN
        s.run(lambda _: sock.recv(9))
        assert look(s, sock, POLLIN) == 0
        results = act(s, lambda sys: sys.poll([(sock, POLLIN)]))
        peer.put("FA")
        assert results == [[(sock, POLLIN)]]
        assert s.run(lambda _: sock.recv(9)) == b""


def test_a_reset_hangs_up() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        results = act(s, lambda sys: sys.poll([(sock, POLLIN | POLLOUT)], 100) and sys.poll([(sock, POLLIN)]))
        peer.put("R")
        assert results == [[(sock, POLLERR | POLLHUP)]]
        assert look(s, sock) == POLLERR | POLLHUP  # and no POLLOUT beside them
        assert s.run(lambda sys: sys.select([sock], [sock], [sock], 0)) == ([sock], [sock], [sock])


def test_a_blocking_socket_that_is_not_connected_hangs_up_at_once() -> None:
    with Stack(**TCP) as s:
        sock = s.keep(lambda sys: sys.socket(AF_INET, SOCK_STREAM))
        assert look(s, sock) == POLLERR | POLLHUP


@pytest.mark.parametrize("flags", ["SA", "RA"])
def test_a_nonblocking_connect_is_told_by_pollout_or_by_pollerr(flags: str) -> None:
    with Stack(**TCP) as s:

        def body(sys: Any) -> Any:
            sock = sys.socket(AF_INET, SOCK_STREAM)
            sock.setblocking(False)
            first = sock.connect_ex(HOST)
            assert sys.poll([(sock, POLLOUT)], 0) == []
            ((_, revents),) = sys.poll([(sock, POLLOUT)])
            return first, revents, sock.getsockopt(SOL_SOCKET, SO_ERROR), sock.getsockopt(SOL_SOCKET, SO_ERROR)

        results = act(s, body)
        (syn,) = s.frames()
        peer = Peer(s, dport=int.from_bytes(syn[34:36], "big"))
        peer.iss = int.from_bytes(syn[38:42], "big")
        peer.put(flags, seq=0, ack=1)
        revents, error = (POLLOUT, 0) if flags == "SA" else (POLLERR | POLLHUP, errno.ECONNREFUSED)
        assert results == [(errno.EINPROGRESS, revents, error, 0)]


def test_tcp_needs_a_throttled_buffer_to_be_writable_and_is_told_when_one_comes_free() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, **TCP) as s:
        sock, _ = connected(s)
        taken = s.keep(lambda sys: [sys.iob_alloc() for _ in range(16)])
        assert look(s, sock) == 0
        results = act(s, lambda sys: sys.poll([(sock, POLLOUT)]))
        more = s.keep(lambda sys: sys.iob_alloc())
        s.run(lambda sys: sys.iob_free(more))
        s.later(1)
        assert results == []  # 8 are free: all of them are the throttle's
        s.run(lambda sys: sys.iob_free(taken[0]))
        assert results == [[(sock, POLLOUT)]]


def test_an_acknowledgement_makes_room_for_a_poller() -> None:
    with Stack(IOB_NBUFFERS=24, IOB_THROTTLE=8, **TCP) as s:
        sock, peer = connected(s)

        def fill(_: Any) -> int:
            n = 0
            try:
                while True:
                    n += sock.send(bytes(1000), MSG_DONTWAIT)
            except BlockingIOError:
                return n

        n = act(s, fill)[0]
        results = act(s, lambda sys: sys.poll([(sock, POLLOUT)]))
        assert n > 1000 and results == []
        assert len(peer.read()) == n
        assert results == [[(sock, POLLOUT)]]


# ICMP


def test_an_icmp_socket_is_readable_by_its_reply_and_always_writable() -> None:
    with Stack() as s:
        sock = s.keep(lambda sys: sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
        assert look(s, sock) == POLLOUT
        s.run(lambda _: sock.sendto(bytes([8, 0, 0, 0, 0, 7, 0, 3]), ("10.0.1.1", 0)))
        results = s.start(lambda sys: sys.poll([(sock, POLLIN)]))
        assert results == []
        s.input(ether(icmp(0)))
        s.clock.run(None)
        assert results == [[(sock, POLLIN)]]


def test_a_second_reader_of_an_icmp_socket_is_woken_by_a_second_reply() -> None:
    with Stack() as s:
        sock = s.keep(lambda sys: sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
        s.run(lambda _: sock.sendto(bytes([8, 0, 0, 0, 0, 7, 0, 3]), ("10.0.1.1", 0)))
        readers = [s.start(lambda _: sock.recv(100)) for _ in range(2)]
        s.input(ether(icmp(0)), ether(icmp(0)))
        s.clock.run(None)
        assert [len(got[0]) for got in readers] == [8, 8]


# select()


def test_select_sorts_sockets_into_three_lists() -> None:
    with Stack(**TCP) as s:
        one, two = opened(s, 7), opened(s, 8)
        s.input(ether(udp(b"x", dport=8)))
        assert s.run(lambda sys: sys.select([one, two], [one], [one, two])) == ([two], [one], [])


def test_select_refuses_a_closed_socket_and_a_negative_time() -> None:
    with Stack() as s:
        sock = opened(s)

        def body(sys: Any) -> list[int]:
            errors = []
            for timeout in (-1, 0):
                try:
                    sys.select([sock], [], [], timeout)
                except OSError as error:
                    errors.append(error.errno)
                sock.close()
            return errors

        assert s.run(body) == [errno.EINVAL, errno.EBADF]


def test_polls_take_no_memory_of_the_board_after_the_first() -> None:
    with Stack() as s:
        socks = [opened(s, port) for port in range(1, 6)]

        def body(sys: Any) -> int:
            for _ in range(500):
                sys.poll([(sock, POLLIN | POLLOUT) for sock in socks], 0)
            return len(s.kernel.pollers._spare)

        assert s.run(body) == 1


def test_only_sockets_can_be_waited_for() -> None:
    with Stack() as s:

        def body(sys: Any) -> list[str]:
            errors = []
            for call in (lambda: sys.poll([(0, POLLIN)], 0), lambda: sys.select([], ["x"], [], 0)):
                try:
                    call()
                except TypeError as error:
                    errors.append(str(error))
            return errors

        text = "only sockets of this board can be waited for, not "
        assert s.run(body) == [f"{text}0", f"{text}'x'"]


@pytest.mark.parametrize("locks", ["global", "split"])
def test_no_lock_is_held_while_a_task_polls(locks: str) -> None:
    with Stack(NET_LOCKS=locks) as s:
        sock = opened(s)
        results = s.start(lambda sys: sys.poll([(sock, POLLIN)]))
        assert results == [] and s.kernel.net_lock.mutex.holder == -1
        assert sock.lock is None or sock.lock.holder == -1
        s.input(ether(udp(b"x")))
        s.clock.run(None)
        assert results == [[(sock, POLLIN)]]
