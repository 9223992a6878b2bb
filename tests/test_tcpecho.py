"""The tcpecho program."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from app_kit import ask, dial, kill, pair, pids, receive, sockets, start

from board import Board
from kernel.kernel import SIGTERM
from kernel.socket import SHUT_WR

PORT = 80


def test_what_is_sent_comes_back_until_the_caller_ends() -> None:
    data = bytes(range(256)) * 400

    def talk(sys: Any) -> bytes:
        sock = dial(sys, PORT)

        def writer(own: Any) -> None:
            sock.sendall(data)
            sock.shutdown(SHUT_WR)

        sys.spawn(writer, "writer")
        return receive(sock)

    with pair() as (server, client):
        job = start(server, "tcpecho")
        assert ask(client, talk) == data
        assert job.text == "Start echo server\n"
        server.run(1)
        assert sockets(server) == ["LISTEN"] * 2


def test_a_line_that_says_exit_ends_the_connection() -> None:
    with pair() as (server, client):
        start(server, "tcpecho")

        def talk(sys: Any) -> bytes:
            sock = dial(sys, PORT)
            sock.sendall(b"exit\r\n")
            return receive(sock)

        assert ask(client, talk) == b""


def test_more_callers_than_it_has_places_for_wait_their_turn() -> None:
    with pair(EXAMPLES_TCPECHO_NCONN=3) as (server, client):
        start(server, "tcpecho")
        heard: list[int] = []
        ends = itertools.count()

        def talk(number: int) -> Any:
            def body(sys: Any) -> None:
                with dial(sys, PORT) as sock:
                    sock.sendall(b"x")
                    assert receive(sock, 1) == b"x"
                    heard.append(number)
                    sys.sleep(1)
                next(ends)

            return body

        for number in range(4):
            client.spawn(talk(number), name="talker")
        client.run(0.9)
        assert len(heard) == 2
        client.run(5)
        assert sorted(heard) == [0, 1, 2, 3] and next(ends) == 4


@pytest.mark.parametrize("signo", [9, SIGTERM])
def test_killing_it_closes_all_its_connections(signo: int) -> None:
    with pair() as (server, client):
        job = start(server, "tcpecho")

        heard: list[bytes] = []

        def talk(sys: Any) -> None:
            sock = dial(sys, PORT)
            sock.sendall(b"x")
            heard.append(receive(sock, 1))
            heard.append(receive(sock))

        client.spawn(talk, name="talker")
        client.run(0.1)
        assert heard == [b"x"] and len(pids(server, "tcpecho")) == 2
        kill(server, "tcpecho", signo)
        assert heard == [b"x", b""]
        server.run(1)
        assert job.done and pids(server, "tcpecho") == [] and sockets(server) == []
        assert server.reports == []


def test_a_signal_ends_it_where_signals_do_not_kill() -> None:
    with Board(SIG_DEFAULT=False) as board:
        board.boot()
        job = start(board, "tcpecho")
        kill(board, "tcpecho", SIGTERM)
        assert job.done and sockets(board) == []


def test_a_port_that_is_taken_is_an_error() -> None:
    with Board() as board:
        board.boot()
        start(board, "tcpecho")
        reply = board.nsh("tcpecho")
        assert reply.text == "Start echo server\nERROR: failed to bind socket.\n: Unknown error 98\n" and not reply.ok


def test_it_is_there_if_configured() -> None:
    with Board(EXAMPLES_TCPECHO=False) as board:
        assert board.nsh("tcpecho").text == "nsh: tcpecho: command not found\n"
