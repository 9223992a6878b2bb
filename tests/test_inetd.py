"""The inetd program: echo, discard and chargen."""

from __future__ import annotations

from typing import Any

import pytest
from app_kit import SERVER, ask, dial, kill, pair, pids, receive, sockets, start
from stack import Stack
from tcp_peer import TCP, Peer

from board import Board
from kernel.apps.inetd import CHARGEN, DISCARD, ECHO, chargen_lines, main
from kernel.kernel import SIGTERM
from kernel.socket import AF_INET, SHUT_WR, SOCK_DGRAM
from kernel.udp import udp_connections


def query(sys: Any, port: int, data: bytes, source: int = 0) -> bytes | None:
    """What a datagram is answered with, None for nothing."""
    with sys.socket(AF_INET, SOCK_DGRAM) as sock:
        sock.bind(("", source))
        sock.settimeout(1)
        sock.sendto(data, (SERVER, port))
        try:
            return bytes(sock.recv(2000))
        except TimeoutError:
            return None


def test_the_lines_of_chargen_turn() -> None:
    lines = chargen_lines(0, 96).split(b"\r\n")
    assert lines[0] == bytes(range(0x20, 0x20 + 72)) and lines[1] == bytes(range(0x21, 0x21 + 72))
    assert lines[94] == b"~" + bytes(range(0x20, 0x20 + 71)) and lines[95] == lines[0]


def test_tcp_echo_discard_and_chargen() -> None:
    def talk(sys: Any) -> None:
        with dial(sys, ECHO) as sock:
            sock.sendall(b"hello" * 100)
            sock.shutdown(SHUT_WR)
            assert receive(sock) == b"hello" * 100
        with dial(sys, DISCARD) as sock:
            sock.sendall(b"hello" * 100)
            sock.shutdown(SHUT_WR)
            assert receive(sock) == b""
        with dial(sys, CHARGEN) as sock:
            assert receive(sock, 50_000)[:50_000] == chargen_lines(0, 700)[:50_000]

    with pair() as (server, client):
        start(server, "inetd")
        assert ask(client, talk) is None
        server.run(1)
        assert sorted(sockets(server)) == ["LISTEN"] * 3 and len(pids(server, "chargen")) == 0
        assert server.reports == client.reports == []


def test_udp_echo_discard_and_chargen() -> None:
    with pair() as (server, client):
        start(server, "inetd")
        assert ask(client, lambda sys: query(sys, ECHO, b"x" * 1400)) == b"x" * 1400
        assert ask(client, lambda sys: query(sys, ECHO, b"")) == b""
        assert ask(client, lambda sys: query(sys, DISCARD, b"x")) is None
        assert ask(client, lambda sys: query(sys, CHARGEN, b"")) == chargen_lines(0, 6)


def test_what_claims_to_come_from_a_server_is_not_answered() -> None:
    with pair() as (server, client):
        start(server, "inetd")
        assert ask(client, lambda sys: query(sys, ECHO, b"x", CHARGEN)) is None
        assert ask(client, lambda sys: query(sys, CHARGEN, b"x", ECHO)) is None


def call(s: Stack, port: int, source: int, window: int = 65535) -> Peer:
    """A peer that has called; what the server sends at once waits to be taken."""
    peer = Peer(s, dport=port, sport=source)
    peer.window = window
    assert peer.answer("S", seq=0, options=b"\2\4\5\xb4").flags == "SA"
    peer.seq = peer.ack = 1
    peer.put("A")
    return peer


@pytest.mark.parametrize("port", [ECHO, DISCARD, CHARGEN])
def test_a_caller_that_resets_takes_only_its_connection_along(port: int) -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "inetd", 50)
        s.later(0.01)
        peer = call(s, port, 1000)
        peer.write(b"some")
        peer.take()
        peer.put("R", seq=peer.seq)
        s.later(1)
        call(s, port, 1001)
        assert s.kernel.reports == []
        assert len([t for t in s.kernel.tasks.by_pid.values() if t.name == "echo"]) == (port == ECHO)


def test_a_caller_who_is_gone_without_a_word_is_found_out_by_keep_alive() -> None:
    with Stack(NET_TCP_KEEPALIVE=True, **TCP) as s:
        s.kernel.tasks.create(main, "inetd", 50)
        s.later(0.01)
        call(s, ECHO, 1000)
        s.later(0.1)
        assert "echo" in [task.name for task in s.kernel.tasks.by_pid.values()]
        s.later(3 * 3600)
        assert "echo" not in [task.name for task in s.kernel.tasks.by_pid.values()]


@pytest.mark.parametrize(("limit", "heard"), [(8192, b"hello"), (0, b"")])
def test_a_caller_who_does_not_read_stops_the_others_unless_what_a_socket_may_buffer_is_limited(
    limit: int, heard: bytes
) -> None:
    with Stack(NET_SEND_BUFSIZE=limit, **TCP) as s:
        s.kernel.tasks.create(main, "inetd", 50)
        s.later(0.01)
        call(s, CHARGEN, 1000, window=0)
        s.later(1)
        other = call(s, ECHO, 1001)
        other.put("PA", b"hello")
        other.seq += 5
        assert other.read() == heard


@pytest.mark.parametrize("signo", [9, SIGTERM])
def test_killing_it_ends_everything_it_started(signo: int) -> None:
    with pair(SIG_DEFAULT=signo == 9) as (server, client):
        nused = server.kernel.heap.stats().nused
        job = start(server, "inetd")

        def call(sys: Any) -> None:
            kept = [dial(sys, ECHO), dial(sys, DISCARD), dial(sys, CHARGEN)]
            sys.sleep(5)
            assert kept

        client.spawn(call, name="call")
        client.run(1)
        assert len(sockets(server)) == 6
        kill(server, "inetd", signo)
        server.run(10)
        assert job.done and sockets(server) == [] and udp_connections(server.kernel) == []
        assert server.kernel.heap.stats().nused == nused and server.reports == []


def test_a_port_that_is_taken_is_left_out() -> None:
    with Board() as board:
        board.boot()
        start(board, "udpecho")
        job = start(board, "inetd")
        assert job.text == "inetd: echo/udp: 98\n"
        assert board.nsh("ps").count("/tcp") == 3


def test_what_is_not_configured_is_left_out() -> None:
    with Board(NET_UDP=False, EXAMPLES_UDPBLASTER=False) as board:
        board.boot()
        assert start(board, "inetd").text == ""
        assert board.nsh("ps").count("/udp") == 0
