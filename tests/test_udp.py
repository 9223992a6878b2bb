"""UDP sockets from the receiving side: read-ahead, waiting, ends."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import Stack, bound, error_of, ether, icmp, opened, udp

from kernel.core import lib
from kernel.iob import IobOwner
from kernel.socket import (
    MSG_DONTWAIT,
    MSG_PEEK,
    SO_RCVBUF,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SOL_SOCKET,
)

PAYLOAD = bytes(range(256)) * 6
HOST = ("10.0.1.1", 1000)


# Receiving


@pytest.mark.parametrize("size", [0, 1, 150, 154, 155, 182, 183, 1000, 1472])
@pytest.mark.parametrize("pack", [0, 1])
def test_datagrams_come_out_whole_and_in_order(size: int, pack: int) -> None:
    with Stack() as s:
        s.kernel.net.config(lib.NETCFG_RECV_PACK, pack)
        sock = opened(s)
        for n in (size, 3, size):
            s.input(ether(udp(PAYLOAD[:n], sport=1000 + n)))
        got = s.run(lambda _: [sock.recvfrom(2000) for _ in range(3)])
        assert got == [(PAYLOAD[:n], ("10.0.1.1", 1000 + n)) for n in (size, 3, size)]
        assert s.leaks() == 0


def test_short_buffer_loses_the_rest_of_its_datagram_only() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(ether(udp(PAYLOAD[:500])), ether(udp(b"next")))
        assert s.run(lambda _: (sock.recv(300), sock.recv(300))) == (PAYLOAD[:300], b"next")


def test_peek_leaves_the_datagram() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(ether(udp(b"hello")))
        assert s.run(lambda _: (sock.recv(2, MSG_PEEK), sock.recv(9), error_of(sock.recv, 9, MSG_DONTWAIT))) == (
            b"he",
            b"hello",
            errno.EAGAIN,
        )


def test_read_ahead_takes_one_buffer_a_datagram_unless_packed() -> None:
    for pack, buffers in ((0, 10), (1, 3)):
        with Stack() as s:
            s.kernel.net.config(lib.NETCFG_RECV_PACK, pack)
            sock = opened(s)
            s.input(*[ether(udp(PAYLOAD[:30]))] * 10)
            held = [h for h in s.kernel.iobs.ledger() if h.owner == IobOwner.UDP_READ]
            assert len(held) == buffers  # 10 * (20 + 30) bytes in buffers of 196
            assert {h.instance for h in held} == {sock.conn}
            s.run(lambda _, sock=sock: [sock.recv(99) for _ in range(10)])
            assert s.leaks() == 0


def test_chain_stays_in_order_while_it_is_read_and_filled() -> None:
    with Stack() as s:
        sock = opened(s)
        sizes = [0, 7, 196, 400, 1, 1472, 33, 176, 20, 0, 900]
        got = []
        for i in range(len(sizes) + 3):
            if i < len(sizes):
                s.input(ether(udp(PAYLOAD[: sizes[i]], sport=i)))
            if i >= 3:
                got += s.run(lambda _: [sock.recvfrom(2000)])
        assert [(len(data), peer[1]) for data, peer in got] == [(n, i) for i, n in enumerate(sizes)]
        assert all(data == PAYLOAD[: len(data)] for data, _ in got)
        assert s.leaks() == 0


def test_receive_buffer_limit_is_checked_before_adding_and_counts_headers() -> None:
    with Stack(NET_RECV_BUFSIZE=1000) as s:
        sock = opened(s)
        s.run(lambda _: sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 240))
        s.input(*[ether(udp(bytes(100)))] * 5)  # 120 bytes each with their header: 240 is not yet above 240
        assert s.kernel.net.stats.udp.drop == 2
        assert s.run(lambda _: len([sock.recv(200) for _ in range(3)])) == 3
        assert s.leaks() == 0


def test_without_a_limit_an_idle_socket_swallows_the_pool() -> None:
    with Stack(IOB_NBUFFERS=20, IOB_THROTTLE=8) as s:
        sock = opened(s)
        s.input(*[ether(udp(bytes(1000)))] * 10)
        assert s.device.stats.rx_noiob > 0
        assert s.answers(ether(icmp(8, data=bytes(1000)))) == []
        s.run(lambda _: sock.close())
        assert s.leaks() == 0 and s.pings()


@pytest.mark.parametrize("given,accepted", [(None, True), (0, True), (0x1234, False), (0xFFFF, False)])
def test_checksum_is_checked_unless_it_is_zero(given: int | None, accepted: bool) -> None:
    with Stack() as s:
        opened(s)
        s.input(ether(udp(b"hello", sum=given)))
        stats = s.kernel.net.stats.udp
        assert (stats.recv, stats.drop, stats.chkerr) == (1, int(not accepted), int(not accepted))


@pytest.mark.parametrize("length", [0, 7, 12, 14, 500, 0xFFFF])
def test_lying_length_is_dropped(length: int) -> None:
    with Stack() as s:
        opened(s)
        assert s.answers(ether(udp(b"hello", length=length))) == []
        assert s.kernel.net.stats.udp.drop == 1
        assert s.leaks() == 0


def test_truncated_header_is_dropped() -> None:
    with Stack() as s:
        for n in range(8):
            packet = udp(b"", total=20 + n)
            assert s.answers(ether(packet[: 20 + n])) == []
        assert s.leaks() == 0


# Waiting


def test_reader_sleeps_until_something_comes() -> None:
    with Stack() as s:
        results = s.start(lambda sys: bound(sys).recvfrom(100))
        assert results == []
        s.input(ether(udp(b"at last")))
        s.clock.run(None)
        assert results == [(b"at last", HOST)]


def test_each_datagram_wakes_one_reader() -> None:
    with Stack() as s:
        sock = opened(s)
        results = [s.start(lambda _: sock.recv(9)) for _ in range(3)]
        s.input(ether(udp(b"a")), ether(udp(b"b")))
        s.clock.run(None)
        assert results == [[b"a"], [b"b"], []]


def test_nonblocking_socket_does_not_wait() -> None:
    def body(sys: Any) -> Any:
        sock = bound(sys)
        sock.setblocking(False)
        return error_of(sock.recv, 9), sock.getblocking(), sys.now

    with Stack() as s:
        begin = s.clock.now_ns / 1e9
        assert s.run(body) == (errno.EAGAIN, False, begin)


@pytest.mark.parametrize("timeout,slept", [(0.05, 0.11), (0.1, 0.11), (0.25, 0.31), (2.0, 2.01)])
def test_receive_timeout_has_steps_of_100_ms(timeout: float, slept: float) -> None:
    def body(sys: Any) -> tuple[int | None, float]:
        sock = bound(sys)
        sock.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeout)
        begin = sys.now_ns
        with pytest.raises(TimeoutError) as error:
            sock.recv(9)
        return error.value.errno, round((sys.now_ns - begin) / 1e9, 6)

    with Stack() as s:
        assert s.run(body) == (errno.EAGAIN, slept)


def test_settimeout_is_pythons() -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        seen = [sock.gettimeout()]
        for value in (0.3, 0, None):
            sock.settimeout(value)
            seen.append(sock.gettimeout())
        return seen, error_of(sock.settimeout, -1)

    with Stack() as s:
        assert s.run(body) == ([None, 0.3, 0.0, None], errno.EINVAL)


def test_without_sockopts_there_are_no_timeouts() -> None:
    with Stack(NET_SOCKOPTS=False) as s:
        assert s.run(lambda sys: error_of(sys.socket().settimeout, 1)) == errno.ENOPROTOOPT
        assert s.run(lambda sys: error_of(sys.socket().setsockopt, SOL_SOCKET, SO_REUSEADDR, 1)) == errno.ENOPROTOOPT


def test_signal_ends_the_wait_with_eintr() -> None:
    with Stack() as s:
        pids: list[int] = []

        def body(sys: Any) -> Any:
            pids.append(sys.getpid())
            return bound(sys).recv(9)

        results = s.start(body)
        s.run(lambda sys: sys.kill(pids[0], 10))
        assert results[0].errno == errno.EINTR
        assert s.kernel.net_lock.mutex.holder == -1


def test_closing_wakes_whoever_reads() -> None:
    with Stack() as s:
        sock = opened(s)
        results = s.start(lambda _: sock.recv(9))
        s.run(lambda _: sock.close())
        assert results[0].errno == errno.EBADF


# Ends


def test_killed_reader_leaves_no_lock_and_no_socket() -> None:
    with Stack(NET_UDP_PREALLOC_CONNS=1) as s:
        pids: list[int] = []

        def body(sys: Any) -> Any:
            pids.append(sys.getpid())
            return bound(sys).recv(9)

        s.start(body)
        s.kernel.tasks.kill(pids[0])
        s.clock.run(None)
        assert s.kernel.net_lock.mutex.holder == -1
        assert not s.kernel.reports
        assert len(s.answers(ether(udp(b"x")))) == 1  # nobody has the port any more
        assert s.run(lambda sys: bound(sys).getsockname()) == ("0.0.0.0", 7)
        assert s.leaks() == 0


def test_task_that_ends_gives_its_sockets_back() -> None:
    with Stack(NET_UDP_PREALLOC_CONNS=2) as s:
        for _ in range(5):
            s.run(lambda sys: bound(sys).getsockname())
        assert len(s.answers(ether(udp(b"x")))) == 1


def test_close_frees_what_was_not_read_and_may_be_repeated() -> None:
    with Stack() as s:
        sock = opened(s)
        s.input(*[ether(udp(PAYLOAD[:1000]))] * 5)
        assert s.leaks() > 0
        s.run(lambda _: [sock.close() for _ in range(2)])
        assert s.leaks() == 0
        assert s.run(lambda _: error_of(sock.recv, 9)) == errno.EBADF
