"""The webserver program: /proc and /tmp over HTTP, and clients that do not behave."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from app_kit import ask, dial, kill, pair, pids, receive, sockets, start
from stack import Stack
from tcp_peer import TCP, Peer

from board import Board
from kernel.apps.httprequest import HttpError, Request, parse
from kernel.apps.webserver import main

PORT = 80


@contextmanager
def web(*commands: str, **options: Any) -> Iterator[tuple[Board, Any]]:
    """A board that serves, after these commands, and a function that sends a request and returns the answer."""
    with pair(**options) as (server, client):
        for command in commands:
            assert server.nsh(command).ok, command
        start(server, "webserver &")
        server.run(0.1)

        def request(data: bytes) -> tuple[str, dict[str, str], bytes]:
            def body(sys: Any) -> bytes:
                with dial(sys, PORT) as sock:
                    sock.sendall(data)
                    return receive(sock)

            got = ask(client, body)
            assert isinstance(got, bytes), got
            head, _, rest = got.partition(b"\r\n\r\n")
            status, *fields = head.decode().split("\r\n")
            return status, dict(field.split(": ", 1) for field in fields), rest

        yield server, request
        server.run(15)
        assert server.reports == client.reports == []
        assert sockets(server) == ["LISTEN"] * 2 and pids(server, "httpd") == []


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.0\r\n\r\n".encode()


def test_a_file_in_proc_is_what_cat_prints() -> None:
    with web() as (server, request):
        status, fields, body = request(get("/proc/version"))
        assert status == "HTTP/1.0 200 OK" and fields["Content-Type"] == "text/plain"
        assert body.decode() == server.nsh("cat /proc/version").text
        assert int(fields["Content-Length"]) == len(body) and fields["Connection"] == "close"


def test_a_large_file_comes_whole_with_the_type_of_its_name() -> None:
    with web("dd if=/dev/urandom of=/tmp/page.html bs=1000 count=100") as (server, request):
        _, fields, body = request(get("/tmp/page.html"))
        assert fields["Content-Type"] == "text/html" and fields["Content-Length"] == "100000"
        with server.kernel.vfs.open("/tmp/page.html") as file:
            assert body == file.read(200_000)


def test_head_sends_no_body() -> None:
    with web("echo 12345 > /tmp/x") as (_, request):
        status, fields, body = request(b"HEAD /tmp/x HTTP/1.1\r\nHost: board\r\n\r\n")
        assert (status, fields["Content-Length"], body) == ("HTTP/1.0 200 OK", "6", b"")


def test_directories_are_lists_of_links() -> None:
    with web("mkdir /tmp/dir", 'echo 1 > "/tmp/dir/a b<"', "mkdir /tmp/dir/sub") as (_, request):
        _, _, body = request(get("/tmp/dir/"))
        assert b"<title>Index of /tmp/dir</title>" in body
        assert b'<a href="a%20b%3C">a b&lt;</a>' in body and b'<a href="sub/">sub/</a>' in body
        assert request(get("/tmp/dir/a%20b%3c"))[2] == b"1\n"
        _, _, body = request(get("/"))
        assert body.count(b"<li>") == 2 and b'<a href="proc/">' in body and b'<a href="tmp/">' in body


def test_a_directory_without_its_slash_is_elsewhere() -> None:
    with web() as (_, request):
        status, fields, _ = request(get("/proc/net"))
        assert status == "HTTP/1.0 301 Moved Permanently" and fields["Location"] == "/proc/net/"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dev/zero", 403),
        ("/tmp/../dev/console", 403),
        ("/tmp/%2e%2e/dev/console", 403),
        ("/link/zero", 403),
        ("/fifo", 403),
        ("/bin/", 403),
        ("/tmpfoo", 404),
        ("/tmp/nothing", 404),
        ("/tmp/file/more", 404),
        ("/loop", 404),
        ("/tmp/" + "x" * 100, 414),
        ("/tmp/%00", 400),
        ("tmp/file", 400),
    ],
)
def test_what_is_not_to_be_seen_or_not_there_is_an_error(path: str, status: int) -> None:
    with web("ln -s /dev /link", "mkfifo /fifo", "echo 1 > /tmp/file", "ln -s /loop /loop") as (_, request):
        line, fields, body = request(get(path))
        assert line.startswith(f"HTTP/1.0 {status} ") and body.startswith(f"Error {status}: ".encode())
        assert int(fields["Content-Length"]) == len(body)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.0\r\nnonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\nabcde", 413),
        (b"x" * 5000, 413),
        (b"\xff\xfe\0\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_an_error(data: bytes, status: int) -> None:
    with web() as (_, request):
        assert request(data)[0].startswith(f"HTTP/1.0 {status} ")


def test_a_client_that_says_nothing_is_told_that_it_took_too_long() -> None:
    with web(NETUTILS_HTTPD_TIMEOUT=3) as (_, request):
        assert request(b"GET /")[0] == "HTTP/1.0 408 Request Timeout"


def test_lines_may_end_in_lf_alone_and_paths_have_queries() -> None:
    assert parse(b"GET /a?b=c HTTP/1.0\nHost: x", 63) == Request("/a", True)
    assert parse(b"HEAD /%41%zz%4 HTTP/1.1", 63) == Request("/A%zz%4", False)
    with pytest.raises(HttpError, match="414"):
        parse(b"GET /aaa HTTP/1.0", 3)


def call(s: Stack, source: int = 1000) -> Peer:
    peer = Peer(s, dport=PORT, sport=source)
    peer.connect()
    return peer


def threads(s: Stack) -> int:
    return [task.name for task in s.kernel.tasks.by_pid.values()].count("httpd")


@pytest.mark.parametrize("sent", [b"", b"GET /proc/ver", b"GET /proc/version HTTP/1.0\r\n\r\n"])
@pytest.mark.parametrize("end", ["R", "FA"])
def test_a_client_that_goes_away_takes_its_task_along(sent: bytes, end: str) -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "webserver", 50)
        s.later(0.01)
        peer = call(s)
        if sent:
            peer.put("PA", sent)
            peer.seq += len(sent)
        peer.put(end)
        s.later(1)
        assert threads(s) == 0
        other = call(s, 1001)
        other.put("PA", get("/proc/version"))
        other.seq += len(get("/proc/version"))
        assert other.read().startswith(b"HTTP/1.0 200 OK")
        assert s.kernel.reports == []


def test_a_client_that_does_not_read_is_given_up_in_time() -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "webserver", 50)
        s.later(0.01)
        peer = call(s)
        peer.put("PA", get("/proc/version"), window=0)
        s.later(25)
        assert threads(s) == 0


def test_rubbish_ends_nothing() -> None:
    chance = random.Random(3)
    with web() as (_, request):
        for _ in range(50):
            request(bytes(chance.choice(b"GETHTTP/1.0 \r\n:%\xff\0") for _ in range(40)) + b"\r\n\r\n")


def test_killing_it_ends_its_connections() -> None:
    with pair() as (server, client):
        nused = server.kernel.heap.stats().nused
        job = start(server, "webserver")
        client.spawn(lambda sys: (dial(sys, PORT), sys.sleep(5)), name="caller")
        client.run(1)
        assert len(sockets(server)) == 3 and job.text == "Starting webserver\n"
        kill(server, "webserver")
        server.run(10)
        assert job.done and sockets(server) == [] and server.kernel.heap.stats().nused == nused


def test_a_port_that_is_taken_is_an_error() -> None:
    with Board() as board:
        board.boot()
        start(board, "webserver &")
        reply = board.nsh("webserver")
        assert reply.text == "Starting webserver\nwebserver: port 80: Unknown error 98\n" and not reply.ok


def test_it_is_there_if_configured() -> None:
    with Board(EXAMPLES_WEBSERVER=False) as board:
        assert board.nsh("webserver").text == "nsh: webserver: command not found\n"
