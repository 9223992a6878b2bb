"""Programs written for Python's socket, select and time modules, on a board: only their imports differ."""

from __future__ import annotations

import errno
import http.client
import socket as host
from typing import Any

import pytest
from stack import Stack, error_of
from tcp_peer import TCP, act, connected

from kernel.bsd import select, socket, system, time

BUFFERS = TCP | {"NET_UDP_WRITE_BUFFERS": True}


def echo_server(family: int = socket.AF_INET, port: int = 7) -> None:
    """Serves any number of clients, as a program would that knows nothing of boards."""
    clients: list[Any] = []
    with socket.create_server(("", port), family=family) as server:
        while True:
            for sock in select.select([server, *clients], [], [])[0]:
                if sock is server:
                    clients.append(server.accept()[0])
                elif data := sock.recv(1024):
                    sock.sendall(data)
                else:
                    clients.remove(sock)
                    sock.close()


def web_server(port: int = 80) -> None:
    with socket.create_server(("", port)) as server:
        while True:
            client, _ = server.accept()
            with client, client.makefile("rwb") as file:
                method, path, _ = file.readline().decode().split()
                while file.readline().strip():
                    pass
                body = f"{method} {path}".encode()
                file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                file.flush()


def on(s: Stack, program: Any, *args: Any) -> Any:
    """Runs a program as a task of a board for 10 s; what it returned, or OSError."""
    results = _start(s, program, *args)
    assert results, "the program did not end"
    return results[0]


def _start(s: Stack, program: Any, *args: Any) -> list[Any]:
    results: list[Any] = []

    def body(_: Any) -> None:
        try:
            results.append(program(*args))
        except OSError as error:
            results.append(error)

    s.kernel.tasks.create(body, "program", 50)
    s.later(10)
    return results


def serve(s: Stack, program: Any) -> None:
    s.kernel.tasks.create(lambda _: program(), "server", 50)
    s.later(0.1)


def test_an_echo_server_with_select_serves_several_clients_at_once() -> None:
    def client() -> list[bytes]:
        socks = [socket.create_connection(("localhost", 7)) for _ in range(3)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%d" % i * 3)
        words = [sock.recv(100) for sock in reversed(socks)]
        for sock in socks:
            sock.close()
        return words

    with Stack(**BUFFERS) as s:
        serve(s, echo_server)
        assert on(s, client) == [b"222", b"111", b"000"]
        assert on(s, client) == [b"222", b"111", b"000"]
        s.later(300)
        assert s.leaks() == 0


def test_an_http_client_of_the_standard_library_talks_to_a_server_with_files() -> None:
    def client() -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = socket.create_connection(("127.0.0.1", 80), timeout=5)
        connection.request("GET", "/page")
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body

    with Stack(**BUFFERS) as s:
        serve(s, web_server)
        assert on(s, client) == (200, "GET /page")
        s.later(300)
        assert s.leaks() == 0


def test_the_module_has_the_numbers_of_the_hosts() -> None:
    shared = [name for name in socket.__all__ if isinstance(getattr(socket, name), int) and hasattr(host, name)]
    assert len(shared) > 30
    different = {name for name in shared if getattr(socket, name) != getattr(host, name)}
    assert different == {"SOMAXCONN", "has_ipv6"} or different == {"SOMAXCONN"}


def test_errors_are_the_exceptions_that_python_programs_catch() -> None:
    def program() -> list[str]:
        seen = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            for timeout, flags in ((0.5, 0), (0.5, socket.MSG_DONTWAIT)):
                sock.settimeout(timeout)
                try:
                    sock.recvfrom(10, flags)
                except socket.timeout:
                    seen.append("timeout")
                except BlockingIOError:
                    seen.append("would block")
        for address in (("127.0.0.1", 9), ("nobody.example", 9)):
            try:
                socket.create_connection(address)
            except ConnectionRefusedError:
                seen.append("refused")
            except socket.gaierror as error:
                seen.append(f"gaierror {error.errno == socket.EAI_NONAME}")
        return seen

    with Stack(NETDB_DNSCLIENT=False, **BUFFERS) as s:
        assert on(s, program) == ["timeout", "would block", "refused", "gaierror True"]


def test_a_socket_is_an_instance_of_socket() -> None:
    def program() -> list[Any]:
        with socket.socket() as sock, socket.socket(type=socket.SOCK_DGRAM) as other:
            assert sock.fileno() != other.fileno() and min(sock.fileno(), other.fileno()) > 2
            numbers = [sock.family, sock.type, sock.proto, other.type]
        return [*numbers, isinstance(sock, socket.socket), isinstance(1, socket.socket), sock.fileno()]

    with Stack(**BUFFERS) as s:
        assert on(s, program) == [2, 1, 6, 2, True, False, -1]
        assert error_of(lambda: on(s, lambda: socket.socket(fileno=3))) is None
        assert on(s, lambda: socket.socket(fileno=3)).errno == errno.EINVAL  # type: ignore[arg-type]


def test_getaddrinfo_knows_numbers_and_this_host() -> None:
    with Stack(NETDB_DNSCLIENT=False, **BUFFERS) as s:
        assert on(s, lambda: socket.getaddrinfo("10.0.1.9", 80, type=socket.SOCK_STREAM)) == [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.1.9", 80))
        ]
        found = on(s, lambda: socket.getaddrinfo(None, "7", flags=socket.AI_PASSIVE, type=socket.SOCK_DGRAM))
        assert found == [(2, 2, 17, "", ("0.0.0.0", 7)), (10, 2, 17, "", ("::", 7, 0, 0))]
        found = on(s, lambda: socket.getaddrinfo(None, 7, socket.AF_INET6))
        assert found == [(10, 1, 6, "", ("::1", 7, 0, 0)), (10, 2, 17, "", ("::1", 7, 0, 0))]
        found = on(s, lambda: socket.getaddrinfo("localhost", None, proto=17))
        assert [entry[4] for entry in found] == [("127.0.0.1", 0), ("::1", 0, 0, 0)]
        assert on(s, lambda: socket.getaddrinfo("fe80::1%eth0", 80, proto=6))[0][4] == ("fe80::1", 80, 0, 0)
        assert on(s, socket.gethostname) == s.kernel.options["LIBC_HOSTNAME"]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("a", 1), socket.EAI_NONAME),
        (("1.2.3.4", "http"), socket.EAI_NONAME),
        (("1.2.3.4", 1, socket.AF_INET6), socket.EAI_NONAME),
        (("fc00::1", 1, socket.AF_INET), socket.EAI_NONAME),
        (("localhost", 1, 0, 0, 0, socket.AI_NUMERICHOST), socket.EAI_NONAME),
        (("1.2.3.4", 1, 1), socket.EAI_FAMILY),
    ],
)
def test_getaddrinfo_says_what_it_does_not_know(args: tuple[Any, ...], why: int) -> None:
    with Stack(NETDB_DNSCLIENT=False, **BUFFERS) as s:
        error = on(s, lambda: socket.getaddrinfo(*args))
        assert isinstance(error, socket.gaierror) and error.errno == why


def test_a_board_without_ipv6_has_ipv4_addresses_only() -> None:
    with Stack(NET_IPv6=False, NETDB_DNSCLIENT=False, **BUFFERS) as s:
        assert [row[4] for row in on(s, lambda: socket.getaddrinfo("localhost", 7, proto=6))] == [("127.0.0.1", 7)]
        assert isinstance(on(s, lambda: socket.getaddrinfo(None, 7, socket.AF_INET6)), socket.gaierror)
        assert isinstance(on(s, lambda: socket.getaddrinfo("::1", 7)), socket.gaierror)
        assert on(s, lambda: socket.socket(socket.AF_INET6)).errno == errno.EAFNOSUPPORT


def test_create_server_and_create_connection_give_back_what_they_cannot_use() -> None:
    with Stack(**BUFFERS) as s:
        serve(s, echo_server)
        assert on(s, lambda: socket.create_server(("", 7))).errno == errno.EADDRINUSE
        assert on(s, lambda: socket.create_connection(("127.0.0.1", 9))).errno == errno.ECONNREFUSED
        assert len([sock for sock in s.kernel.sockets if sock.conn >= 0]) == 1

        def program() -> tuple[Any, Any]:
            with socket.create_connection(("127.0.0.1", 7), source_address=("", 5000)) as sock:
                return sock.getsockname(), sock.getpeername()

        assert on(s, program) == (("127.0.0.1", 5000), ("127.0.0.1", 7))


def test_a_poll_object_reports_numbers() -> None:
    def program() -> list[Any]:
        seen: list[Any] = []
        with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
            one.bind(("127.0.0.1", 1000))
            poll = select.poll()
            poll.register(one, select.POLLIN)
            poll.register(two, select.POLLIN)
            seen.append(poll.poll(10))
            two.sendto(b"x", ("127.0.0.1", 1000))
            seen.append(poll.poll() == [(one.fileno(), select.POLLIN)])
            poll.modify(two.fileno(), select.POLLOUT)
            seen.append(len(poll.poll(0.5)))
            poll.unregister(one)
            seen.append(poll.poll() == [(two.fileno(), select.POLLOUT)])
            for call, args in ((poll.unregister, (one,)), (poll.modify, (one, 1))):
                try:
                    call(*args)  # type: ignore[operator]
                except (KeyError, OSError) as error:
                    seen.append(type(error).__name__)
        try:
            poll.register(one)
        except OSError as error:
            seen.append(error.errno)
        return seen

    with Stack(**BUFFERS) as s:
        expected = [[], True, 2, True, "KeyError", "FileNotFoundError", errno.EBADF]
        assert on(s, program) == expected


def test_time_is_the_boards() -> None:
    def program() -> tuple[float, float, int]:
        before, day = time.monotonic(), time.time()
        time.sleep(2.5)
        return time.monotonic() - before, time.time() - day, time.time_ns() // 10**9

    with Stack() as s:
        passed, by_clock, now = on(s, program)
        assert 2.5 <= passed < 2.6 and abs(by_clock - passed) < 1e-3
        assert now - s.kernel.realtime.gettime() // 10**9 in (-8, -7)


def test_outside_of_a_task_there_is_no_board() -> None:
    for call in (socket.socket, system, time.monotonic):
        with pytest.raises(RuntimeError, match="no task of a board"):
            call()


def test_two_boards_have_sockets_of_their_own() -> None:
    with Stack(**BUFFERS) as one, Stack(**BUFFERS) as two:
        serve(one, echo_server)
        assert on(two, lambda: socket.create_connection(("127.0.0.1", 7))).errno == errno.ECONNREFUSED
        assert on(one, lambda: socket.create_connection(("127.0.0.1", 7)).close()) is None


# Calls made of others


def pair() -> tuple[Any, Any]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname())
        return caller, server.accept()[0]


def test_recv_into_and_sendmsg() -> None:
    def program() -> list[Any]:
        a, b = pair()
        room = bytearray(b"........")
        seen: list[Any] = [a.sendmsg([b"he", b"", bytearray(b"llo")]), b.recv_into(room, 3), bytes(room)]
        seen += [b.recvfrom_into(memoryview(room)[4:])[0], bytes(room), a.send(memoryview(b"xy")), b.recvmsg(9)[0]]
        for call, args in ((b.recv_into, (room, 9)), (b.recv_into, (room, -1)), (a.sendmsg, ([b"x"], [1]))):
            try:
                call(*args)
            except (ValueError, OSError) as error:
                seen.append(type(error))
        return seen

    with Stack(**BUFFERS) as s:
        assert on(s, program) == [5, 3, b"hel.....", 2, b"hel.lo..", 2, b"xy", ValueError, ValueError, OSError]


def test_sendall_takes_its_time_for_what_does_not_fit() -> None:
    with Stack(IOB_NBUFFERS=36, IOB_THROTTLE=8, IOB_BUFSIZE=196, **BUFFERS) as s:
        sock, peer = connected(s)
        data = bytes(range(250)) * 200
        results = act(s, lambda _: sock.sendall(memoryview(data)))
        assert results == []
        got = b""
        while more := peer.read():
            got += more
        assert got == data and results == [None]


def test_text_files_read_lines_and_a_socket_outlives_its_owner_until_they_are_closed() -> None:
    def program() -> list[Any]:
        a, b = pair()
        file = b.makefile("rw", encoding="utf-8", newline="\n")
        b.close()
        a.sendall("grün\nzwei\n".encode())
        seen: list[Any] = [file.readline(), file.readline()]
        file.write("drei\n")
        file.flush()
        seen += [a.recv(99), b.fileno() >= 0]
        file.close()
        return [*seen, b.fileno(), a.recv(99)]

    with Stack(**BUFFERS) as s:
        assert on(s, program) == ["grün\n", "zwei\n", b"drei\n", True, -1, b""]


def test_files_of_other_modes_and_of_sockets_that_do_not_wait() -> None:
    def program() -> list[Any]:
        a, b = pair()
        raw = b.makefile("rb", buffering=0)
        a.settimeout(0.2)
        b.setblocking(False)
        seen: list[Any] = [raw.read(5), raw.readable(), raw.writable(), raw.fileno() == b.fileno()]
        for mode, buffering in (("a", -1), ("r", 0)):
            try:
                b.makefile(mode, buffering)
            except ValueError:
                seen.append("no")
        try:
            a.makefile("rb").read(1)
        except TimeoutError:
            seen.append("timeout")
        try:
            raw.write(b"x")
        except OSError as error:
            seen.append(str(error))
        return seen

    with Stack(**BUFFERS) as s:
        assert on(s, program) == [None, True, False, True, "no", "no", "timeout", "not writable"]
