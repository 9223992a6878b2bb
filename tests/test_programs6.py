"""The network programs between two boards that speak IPv6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from app_kit import SERVER, SERVER6, ask, dial, kill, pair, receive, sockets, start
from test_wget import content

from board import Board
from kernel.apps.inetd import CHARGEN, DISCARD, ECHO, chargen_lines, may_answer
from kernel.apps.wget import Url, parse_url
from kernel.socket import AF_INET, AF_INET6, SHUT_WR, SOCK_DGRAM

BOTH = pytest.mark.parametrize("address", [SERVER, SERVER6])


@pytest.fixture
def boards() -> Iterator[tuple[Board, Board]]:
    with pair() as (server, client):
        yield server, client
        server.run(1)
        assert server.reports == client.reports == []


def query(sys: Any, port: int, data: bytes, address: str = SERVER6) -> bytes | None:
    """What a datagram is answered with, None for nothing."""
    with sys.socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(data, (address, port))
        try:
            return bytes(sock.recv(2000))
        except TimeoutError:
            return None


def said(port: int, address: str, data: bytes) -> Any:
    """A program that sends something by TCP, ends the stream, and returns what it got."""

    def body(sys: Any) -> bytes:
        with dial(sys, port, address) as sock:
            sock.sendall(data)
            sock.shutdown(SHUT_WR)
            return receive(sock)

    return body


# Servers


@BOTH
def test_tcpecho_serves_both_protocols(boards: tuple[Board, Board], address: str) -> None:
    server, client = boards
    start(server, "tcpecho")
    assert ask(client, said(80, address, b"hello" * 1000)) == b"hello" * 1000


def test_callers_of_both_protocols_are_served_at_once(boards: tuple[Board, Board]) -> None:
    server, client = boards
    start(server, "tcpecho")

    def talk(sys: Any) -> list[bytes]:
        socks = [dial(sys, 80, address) for address in (SERVER, SERVER6, SERVER, SERVER6)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%d" % i)
        answers = [sock.recv(9) for sock in reversed(socks)]
        for sock in socks:
            sock.close()
        return answers

    assert ask(client, talk) == [b"3", b"2", b"1", b"0"]
    kill(server, "tcpecho")
    assert sockets(server) == []


def test_a_board_without_ipv6_or_without_connections_serves_ipv4() -> None:
    for options in ({"NET_IPv6": False}, {"NET_TCP_PREALLOC_CONNS": 1}):
        with Board(**options) as board:  # type: ignore[arg-type]
            board.boot()
            start(board, "webserver")
            assert sockets(board) == ["LISTEN"]
            assert ("port 80 is open for IPv4 only" in board.nsh("dmesg").text) == ("NET_IPv6" not in options)


@BOTH
def test_udpecho_serves_both_protocols(boards: tuple[Board, Board], address: str) -> None:
    server, client = boards
    start(server, "udpecho")
    assert ask(client, lambda sys: query(sys, 7, b"hello", address)) == b"hello"


def test_webserver_and_wget_by_an_address_in_brackets(boards: tuple[Board, Board]) -> None:
    server, client = boards
    server.nsh("dd if=/dev/urandom of=/tmp/data bs=1000 count=77")
    start(server, "webserver &")
    for url in (f"http://[{SERVER6}]/tmp/data", f"http://[{SERVER6}]:80/tmp/data", f"http://{SERVER}/tmp/data"):
        assert client.nsh(f"wget -o /tmp/data {url}").ok
        assert content(client, "/tmp/data") == content(server, "/tmp/data")


def test_the_server_hears_the_address_as_it_was_written(boards: tuple[Board, Board]) -> None:
    server, client = boards
    requests: list[bytes] = []

    def program(sys: Any) -> None:
        with sys.socket(AF_INET6, 1) as listener:
            listener.bind(("", 8080))
            listener.listen()
            sock, _ = listener.accept()
            requests.append(sock.recv(1000))
            sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            sock.close()

    server.spawn(program)
    assert client.nsh(f"wget -o /tmp/x http://[{SERVER6}]:8080/a").ok
    assert requests == [b"GET /a HTTP/1.0\r\nHost: [fc00::2]:8080\r\nConnection: close\r\n\r\n"]


def test_urls_with_addresses_of_ipv6() -> None:
    assert parse_url("http://[fc00::1]:80/x#y") == Url("[fc00::1]", 80, "/x")
    assert parse_url("http://[::1]") == Url("[::1]", 80, "/")
    for bad in ("http://fc00::1/", "http://[fc00::1/", "http://fc00]/", "http://[]/", "http://[fc00::1]80/"):
        with pytest.raises(OSError, match="no URL"):
            parse_url(bad)


@pytest.mark.parametrize("host", ["[fc00:::1]", "[10.0.1.2]", "[]"])
def test_wget_of_what_is_no_address_fails(boards: tuple[Board, Board], host: str) -> None:
    reply = boards[1].nsh(f"wget -o /tmp/x http://{host}/", timeout=100)
    assert reply.text.startswith("nsh: wget: wget failed: ") and not reply.ok


def test_telnetd_serves_the_protocol_that_it_is_told(boards: tuple[Board, Board]) -> None:
    server, client = boards
    start(server, "telnetd -6 &")

    def talk(sys: Any) -> bytes:
        with dial(sys, 23, SERVER6) as sock:
            data = b""
            while b"nsh> " not in data:
                data += sock.recv(1000)
            sock.sendall(b"echo $((1\r\nuname\r\n")
            while b"NuttX\r\n" not in data:
                data += sock.recv(1000)
            return data

    assert b"NuttShell (NSH)" in ask(client, talk)
    assert ask(client, lambda sys: dial(sys, 23, SERVER)).errno == 111
    with Board(NET_IPv6=False) as board:
        assert board.nsh("telnetd -6") == "Usage: telnetd [-4|-6] [-p port]\n"


def test_inetd_serves_ipv6_if_asked_to(boards: tuple[Board, Board]) -> None:
    server, client = boards
    start(server, "inetd -6")
    assert ask(client, said(ECHO, SERVER6, b"hello")) == b"hello"
    assert ask(client, said(DISCARD, SERVER6, b"hello")) == b""
    assert ask(client, lambda sys: query(sys, ECHO, b"hello")) == b"hello"
    assert ask(client, lambda sys: query(sys, CHARGEN, b"")) == chargen_lines(0, 6)
    assert ask(client, said(ECHO, SERVER, b"hello")).errno == 111


def test_inetd_serves_both_if_there_are_sockets_enough() -> None:
    with pair(NET_TCP_PREALLOC_CONNS=16, NET_UDP_PREALLOC_CONNS=16) as (server, client):
        job = start(server, "inetd -46")
        assert sockets(server) == ["LISTEN"] * 6 and job.text == ""
        for address in (SERVER, SERVER6):
            assert ask(client, said(ECHO, address, b"hello")) == b"hello"
    with Board() as board:
        assert board.nsh("inetd x") == board.nsh("inetd -5") == "Usage: inetd [-4] [-6]\n"


def test_inetd_does_not_answer_nobody_and_no_servers() -> None:
    assert may_answer(("fc00::1", 1024, 0, 0))
    assert not may_answer(("::", 1024, 0, 0)) and not may_answer(("fc00::1", 7, 0, 0))


# iperf


@pytest.mark.parametrize("kind", ["", "-u "])
@pytest.mark.parametrize("server_line", ["iperf -s -V", "iperf -s -B fc00::2"])
def test_iperf_measures_ipv6(kind: str, server_line: str) -> None:
    with pair(LINK_MBPS=10) as (server, client):
        job = start(server, f"{server_line} {kind}-t 6")
        text = client.nsh(f"iperf -c fc00::2 {kind}-i 1 -t 2").text
        mode = "udp" if kind else "tcp"
        assert text.startswith("     IP: fc00::3\n\n")
        assert f" mode={mode}-client sip=[fc00::3]:5001,dip=[fc00::2]:5001, interval=1, time=2\n" in text
        assert text.endswith("iperf exit\n")
        (rate,) = re.findall(r"   0\.00-   2\.\d\d sec +\d+ Bytes +([\d.]+) Mbits/sec", text)
        assert 8 < float(rate) < 11  # the last bytes are still on their way
        assert server.run_until(lambda: job.done, 20)
        assert re.search(r"accept: \[fc00::3\]:\d+\n", job.text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("iperf -c fc00::2 -B 10.0.1.3", "ERROR: addresses of IPv4 and of IPv6 do not go together"),
        ("iperf -V -c 10.0.1.2", "ERROR: addresses of IPv4 and of IPv6 do not go together"),
        ("iperf -s -B fc00:::2", "ERROR: access IP is 0xffffffff"),
        ("iperf -c fc00:::2", 'iperf: invalid argument "fc00:::2" to option -c|--client=<ip>'),
        ("ifconfig eth0 inet6 del fc00::2/112; iperf -s -V", "ERROR: access IP is 0x00"),
    ],
)
def test_iperf_refuses_what_makes_no_sense(line: str, message: str) -> None:
    with Board() as board:
        reply = board.nsh(line)
        assert reply.lines[0] == message and not reply.ok
