"""The wget program, against the webserver and against servers that do not behave; by name, too."""

from __future__ import annotations

from typing import Any

import pytest
from app_kit import SERVER, kill, pair, pids, sockets, start
from names_kit import DnsServer, Host, a, answer

from board import Board
from kernel.apps.wget import Url, parse_url
from kernel.socket import AF_INET, SOCK_STREAM


def content(board: Board, path: str) -> bytes:
    with board.kernel.vfs.open(path) as file:
        data = b""
        while more := file.read(4096):
            data += more
        return data


def test_a_file_comes_over_as_it_is() -> None:
    with pair() as (server, client):
        server.nsh("dd if=/dev/urandom of=/tmp/data bs=1000 count=77")
        start(server, "webserver &")
        reply = client.nsh(f"cd /tmp; wget http://{SERVER}/tmp/data")
        assert reply.ok and reply.text == "", reply
        assert (
            content(client, "/tmp/data") == content(server, "/tmp/data") and len(content(client, "/tmp/data")) == 77000
        )
        client.run(5)
        assert sockets(client) == [] and server.reports == client.reports == []


def test_o_names_the_file_and_a_directory_is_followed_to_its_list() -> None:
    with pair() as (server, client):
        start(server, "webserver &")
        assert client.nsh(f"wget -o /tmp/index http://{SERVER}:80/proc").ok
        assert b"Index of /proc" in content(client, "/tmp/index")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "missing required argument(s)"),
        ("-o", "missing required argument(s)"),
        ("-x http://10.0.1.2/", "argument invalid"),
        ("http://10.0.1.2/a b", "too many arguments"),
        ("-o /proc/x http://10.0.1.2/", "open failed: 2"),
        ("-o /tmp/x nonsense", "wget failed: 22"),
        ("-o /tmp/x http://10.0.1.2:99999/", "wget failed: 22"),
        ("-o /tmp/x https://10.0.1.2/", "wget failed: 93"),
        ("-o /tmp/x http://example.org/", "wget failed: 113"),
        ("-o /tmp/x http://10.0.1.256/", "wget failed: 113"),
        ("-o /tmp/x http://10.0.1.2/tmp/nothing", "wget failed: 2"),
        ("-o /tmp/x http://10.0.1.2/dev/zero", "wget failed: 103"),
        ("-o /tmp/x http://10.0.1.2:99/", "wget failed: 111"),
    ],
)
def test_what_fails_says_why(arguments: str, message: str) -> None:
    with pair() as (server, client):
        start(server, "webserver &")
        reply = client.nsh(f"wget {arguments}", timeout=100)
        assert reply.text == f"nsh: wget: {message}\n" and not reply.ok
        client.run(5)
        assert sockets(client) == []


def answering(answer: bytes, then: float = 0) -> Any:
    """A program that answers one request with these bytes, and closes after so many seconds."""

    def main(sys: Any) -> None:
        with sys.socket(AF_INET, SOCK_STREAM) as listener:
            listener.bind(("", 80))
            listener.listen()
            while True:
                client, _ = listener.accept()
                with client:
                    client.recv(1000)
                    client.sendall(answer)
                    sys.sleep(then)

    return main


OK = b"HTTP/1.0 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "then", "message"),
    [
        (b"", 0, "wget failed: 103"),
        (b"HTTP/1.0 200", 0, "wget failed: 103"),
        (b"SSH-2.0-OpenSSH\r\n", 0, "wget failed: 71"),
        (b"HTTP/1.0 two OK\r\n\r\n", 0, "wget failed: 71"),
        (b"x" * 5000, 0, "wget failed: 71"),
        (OK + b"A: " + b"x" * 5000, 0, "wget failed: 71"),
        (OK + b"Content-Length: 10\r\n\r\nshort", 0, "wget failed: 103"),
        (OK + b"Content-Length: 10\r\n\r\nshort", 30, "wget failed: 110"),
        (OK, 30, "wget failed: 110"),
        (b"HTTP/1.0 302 Found\r\nLocation: /again\r\n\r\n", 0, "wget failed: 103"),
        (b"HTTP/1.0 302 Found\r\nLocation: ftp://10.0.1.2/\r\n\r\n", 0, "wget failed: 93"),
        (b"HTTP/1.0 500 Oh\r\n\r\n", 0, "wget failed: 103"),
    ],
)
def test_a_server_that_does_not_behave_is_an_error(answer: bytes, then: float, message: str) -> None:
    with pair() as (server, client):
        server.spawn(answering(answer, then), name="server")
        reply = client.nsh(f"wget -o /tmp/x http://{SERVER}/")
        assert reply.text == f"nsh: wget: {message}\n" and not reply.ok
        client.run(60)
        assert sockets(client) == [] and client.reports == server.reports == []


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"\r\nto the end", b"to the end"),
        (OK.replace(b"\r", b"") + b"content-length: 3\n\nabcdef", b"abc"),
        (OK + b"Content-Length: x\r\n\r\nall", b"all"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
    ],
)
def test_what_a_body_is(answer: bytes, body: bytes) -> None:
    with pair() as (server, client):
        server.spawn(answering(answer), name="server")
        assert client.nsh(f"wget -o /tmp/x http://{SERVER}/").ok
        assert content(client, "/tmp/x") == body


def test_killing_it_gives_its_socket_and_file_back() -> None:
    with pair() as (server, client):
        server.spawn(answering(OK, 30), name="server")
        job = start(client, f"wget -o /tmp/x http://{SERVER}/")
        kill(client, "wget")
        client.run(5)
        assert job.done and pids(client, "wget") == [] and sockets(client) == []


def test_a_full_file_system_is_an_error() -> None:
    with pair(RAM_SIZE=2 << 20) as (server, client):
        server.spawn(answering(OK + b"\r\n" + bytes(4 << 20)), name="server")
        reply = client.nsh(f"wget -o /tmp/x http://{SERVER}/")
        assert reply.text == "nsh: wget: wget failed: 12\n"


def test_urls() -> None:
    assert parse_url("http://10.0.1.2") == Url("10.0.1.2", 80, "/")
    assert parse_url("HTTP://10.0.1.2:8080/a/b?c#d") == Url("10.0.1.2", 8080, "/a/b?c")
    assert parse_url("http://www.Example.org:8080") == Url("www.Example.org", 8080, "/")


# By name: the server is on the board itself, its name server at the host's end of the wire


WWW = "www.example.org"


def board_with_server(then: bytes = b"", **options: Any) -> tuple[Board, Host, list[bytes]]:
    """A board with a server on ports 80 and 8080, and the requests that it gets. ``then`` is its first answer."""
    board = Board(**options)
    board.boot()
    requests: list[bytes] = []

    def main(sys: Any) -> None:
        with sys.socket(AF_INET, SOCK_STREAM) as listener:
            listener.bind(("", int(sys.argv[1])))
            listener.listen()
            while True:
                client, _ = listener.accept()
                with client:
                    requests.append(client.recv(1000))
                    client.sendall(then if then and len(requests) == 1 else OK + b"\r\nhello")

    for port in ("80", "8080"):
        board.spawn(main, name="server", args=(port,))
    return board, Host(board), requests


def local(query: bytes) -> list[bytes]:
    """www.example.org is the board itself."""
    return [answer(query, a(WWW, "10.0.1.2"))]


@pytest.mark.parametrize("host", [WWW, f"{WWW}:8080", "localhost", "10.0.1.2:8080"])
def test_the_server_hears_by_what_name_it_was_called(host: str) -> None:
    board, wire, requests = board_with_server()
    with board:
        server = DnsServer(wire, local)
        assert wire.nsh(f"wget -o /tmp/x http://{host}/a") == ("", 0)
        assert content(board, "/tmp/x") == b"hello"
        assert requests == [f"GET /a HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()]
        assert len(server.queries) == (2 if WWW in host else 0)  # for AAAA and A


def test_a_redirection_may_lead_to_a_name() -> None:
    board, wire, requests = board_with_server(b"HTTP/1.0 301 Moved\r\nLocation: http://%s/b\r\n\r\n" % WWW.encode())
    with board:
        DnsServer(wire, local)
        assert wire.nsh("wget -o /tmp/x http://10.0.1.2/a") == ("", 0)
        assert [request.split(b"\r\n")[:2] for request in requests] == [
            [b"GET /a HTTP/1.0", b"Host: 10.0.1.2"],
            [b"GET /b HTTP/1.0", b"Host: www.example.org"],
        ]


def test_a_name_that_nobody_knows_is_an_unreachable_host() -> None:
    board, wire, requests = board_with_server()
    with board:
        server = DnsServer(wire, lambda query: [answer(query, flags=0x8183)])
        assert wire.nsh(f"wget -o /tmp/x http://{WWW}/") == ("nsh: wget: wget failed: 113\n", 1)
        server.make = lambda query: []
        assert wire.nsh(f"wget -o /tmp/x http://{WWW}/") == ("nsh: wget: wget failed: 113\n", 1)
        assert len(server.queries) == 8 and requests == [] and sockets(board) == 2 * ["LISTEN"]


def test_ctrl_c_ends_the_wait_for_a_name_server() -> None:
    board, wire, _ = board_with_server()
    with board:
        DnsServer(wire, lambda query: [])
        with board.console.open(timeout=5) as port:
            port.expect_prompt()
            port.write(f"wget -o /tmp/x http://{WWW}/\r".encode())
            board.run(1)
            port.write(b"\x03")
            port.expect_prompt()
        assert pids(board, "wget") == [] and board.reports == []


def test_without_netdb_there_are_addresses_only() -> None:
    board, wire, _ = board_with_server(LIBC_NETDB=False, NETDB_DNSCLIENT=False)
    with board:
        server = DnsServer(wire, local)
        assert wire.nsh(f"wget -o /tmp/x http://{WWW}/") == ("nsh: wget: wget failed: 113\n", 1)
        assert wire.nsh("wget -o /tmp/x http://10.0.1.2/") == ("", 0)
        assert server.queries == []


def test_it_is_there_if_configured() -> None:
    with Board(NETUTILS_WEBCLIENT=False) as board:
        assert board.nsh("wget").text == "nsh: wget: command not found\n"
