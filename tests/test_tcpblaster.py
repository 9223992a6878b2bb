"""tcpclient and tcpserver."""

from __future__ import annotations

import re
from typing import Any

import pytest
from app_kit import ask, dial, kill, pair, sockets, start

from board import Board
from kernel.apps.tcpblaster import payload

RATE = 100  # Mbit/s
SENT = re.compile(
    r"\[2018-01-01 00:00:\d\d\.000\] (\d+): Sent 50 4096-byte buffers: +([\d.]+)KB \(avg +([\d.]+) KB\)"
    r" in +([\d.]+) seconds \( *([\d.]+) KB/second\)"
)
GOT = re.compile(
    r"\[2018-01-01 00:00:\d\d\.000\] (\d+): Received 50 buffers: +([\d.]+) KB \(buffer averagesize: +([\d.]+) KB\)"
    r" in +([\d.]+) seconds \( *([\d.]+) KB/second\)"
)


def test_the_client_fills_the_link_and_the_server_counts() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        got = start(server, "tcpserver")
        sent = start(client, "tcpclient 10.0.1.2")
        client.run(2)
        kill(client, "tcpclient")
        assert server.run_until(lambda: got.done, 5)
        server.run(1)
        assert sockets(server) == sockets(client) == []
    assert sent.text.startswith("Connecting to IPv4 Address: 0201000a\nclient: Connected\n")
    assert got.text.startswith(
        "Binding to IPv4 Address: 00000000\nserver: Accepting connections on port 5471\n"
        "server: Connection accepted -- receiving\n"
    )
    assert got.text.endswith("server: The client broke the connection\n")
    for pattern, text in ((SENT, sent.text), (GOT, got.text)):
        groups = pattern.findall(text)
        assert [int(g[0]) for g in groups] == list(range(len(groups)))
        rates = sorted(float(g[4]) for g in groups)
        assert rates[len(rates) // 2] == pytest.approx(RATE * 1e6 / 8 / 1024 * 1460 / 1538, rel=0.01)
        assert all(float(g[2]) == pytest.approx(float(g[1]) / 50, abs=0.06) for g in groups)


def test_buffers_that_are_taken_in_part_are_told() -> None:
    with pair(LINK_MBPS=RATE, IOB_NBUFFERS=64) as (server, client):
        start(server, "tcpserver")
        sent = start(client, "tcpclient 10.0.1.2")
        assert re.search(r"\nPartial buffers sent: \d+ Data not sent: +[\d.]+ Kb\n", sent.text)


def test_a_server_that_is_killed_ends_the_client() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        start(server, "tcpserver")
        sent = start(client, "tcpclient 10.0.1.2")
        kill(server, "tcpserver")
        client.run(1)
        assert sent.done and sent.status == 1 and re.search(r"client: send failed: (104|32)\n$", sent.text)
        assert sockets(client) == [] and client.reports == server.reports == []


def test_the_server_takes_one_client() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        job = start(server, "tcpserver")

        def call(sys: Any) -> list[int]:
            errors = []
            kept = []
            for _ in range(2):
                try:
                    kept.append(dial(sys, 5471))
                    kept[-1].sendall(b"x")
                    sys.sleep(0.2)
                except OSError as error:
                    errors.append(error.errno)
            return errors

        ask(client, call)
        server.run(1)
        assert job.done and job.text.count("Connection accepted") == 1 and sockets(server) == []


def test_nobody_there_is_an_error() -> None:
    with pair() as (_, client):
        reply = client.nsh("tcpclient 10.0.1.2")
        assert reply.text == "Connecting to IPv4 Address: 0201000a\nclient: connect failure: 111\n" and not reply.ok


def test_the_server_s_address_and_port_can_be_configured() -> None:
    options = {"EXAMPLES_TCPBLASTER_SERVERIP": "10.0.1.2", "EXAMPLES_TCPBLASTER_SERVER_PORTNO": 99}
    with pair(LINK_MBPS=RATE, **options) as (server, client):
        start(server, "tcpserver")
        assert "client: Connected" in start(client, "tcpclient").text


def test_a_port_in_use_cannot_be_listened_on() -> None:
    with Board() as board:
        board.boot()
        start(board, "tcpserver")
        assert board.nsh("tcpserver").lines[-1] == "server: bind failure: 98"


@pytest.mark.parametrize(
    ("line", "why"), [("tcpclient a b", "Too many arguments"), ("tcpclient nobody", "<server-addr> is invalid")]
)
def test_a_command_line_that_makes_no_sense_is_refused(line: str, why: str) -> None:
    with Board() as board:
        reply = board.nsh(line)
        assert reply.text == f"ERROR: {why}\nUSAGE: tcpclient [<server-addr>]\n" and not reply.ok


def test_the_payload_is_printable_and_as_long_as_asked_for() -> None:
    data = payload(4096)
    assert len(data) == 4096 and data[:95] == bytes(range(0x20, 0x7F)) and data[95:96] == b" "


def test_they_speak_ipv6_if_configured_to() -> None:
    options = {"EXAMPLES_TCPBLASTER_IPv6": True, "EXAMPLES_TCPBLASTER_SERVERIPv6ADDR_8": 2}
    with pair(LINK_MBPS=RATE, **options) as (server, client):
        got = start(server, "tcpserver")
        sent = start(client, "tcpclient")
        client.run(1)
        kill(client, "tcpclient")
        assert server.run_until(lambda: got.done, 5)
        wrong = client.nsh("tcpclient 10.0.1.2")
    zeros = ":".join(["0000"] * 6)
    assert sent.text.startswith(f"Connecting to IPv6 Address: 00fc:{zeros}:0200\nclient: Connected\n")
    assert got.text.startswith(f"Binding to IPv6 Address: 0000:{zeros}:0000\nserver: Accepting connections on port ")
    rates = sorted(float(g[4]) for g in GOT.findall(got.text))
    assert rates[len(rates) // 2] == pytest.approx(RATE * 1e6 / 8 / 1024 * 1440 / 1538, rel=0.01)
    assert wrong.lines[0] == "ERROR: <server-addr> is invalid" and not wrong.ok
