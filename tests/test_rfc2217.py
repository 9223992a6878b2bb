"""The console on a TCP port: pyserial's rfc2217:// on it, and clients that behave badly.

The bench runs on the test's thread, the client on another one. Times are the host's here, so none is asserted.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
import serial
from consoled import MS, PATIENCE, Consoled, live, serve, until

from board import Bench, Board
from kernel.errors import BenchError
from lab.paced import OUT_LIMIT
from lab.rfc2217 import Rfc2217Server
from lab.telnet import COM_PORT, DO, IAC, SB, SE, WILL

HELLO = bytes((IAC, WILL, 1, IAC, WILL, 3, IAC, WILL, 0, IAC, DO, 0, IAC, DO, COM_PORT))


def open_port(url: str, **settings: Any) -> Any:
    return serial.serial_for_url(url, timeout=PATIENCE, **settings)


def connect(server: Rfc2217Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def read_to(client: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        data = client.recv(4096)
        assert data, f"hung up after {got[-100:]!r}"
        got += data
    return got


def narrow(connection: socket.socket) -> None:
    """So that it is full soon."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def talk(url: str, text: bytes) -> bytes:
    """Sends a line and reads its echo."""
    with open_port(url) as port:
        port.write(text + b"\r")
        return bytes(port.read_until(text + b"\r\n"))


def test_pyserial_opens_it_and_gets_an_echo() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart)
        assert server.url == f"rfc2217://127.0.0.1:{server.port}"
        assert serve(b, lambda: talk(server.url, b"hello")) == b"hello\r\n"
        server.close()
        server.close()


def test_clients_come_and_go() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart)
        for i in range(3):
            assert serve(b, lambda i=i: talk(server.url, b"client %d" % i)) == b"client %d\r\n" % i  # type: ignore[misc]
        until(b, lambda: server.client is None)
        assert not b.uart.dtr and not b.uart.rts
        server.close()


def test_more_clients_than_the_bench_has_descriptors() -> None:
    def client() -> None:
        for _ in range(100):
            with connect(server) as one:
                read_to(one, HELLO)

    with live() as b:
        server = Rfc2217Server(b.uart)
        serve(b, client)
        server.close()


def test_lines_break_settings_and_modem_state_pass() -> None:
    def client() -> None:
        with open_port(server.url, rtscts=True) as port:
            assert port.cts and port.dsr and port.cd and not port.ri
            assert b.uart.dtr
            port.rts = False
            assert not b.uart.rts
            port.dtr = False
            assert not b.uart.dtr
            port.baudrate = 9600
            port.parity = serial.PARITY_EVEN
            port.break_condition = True
            port.break_condition = False

    with live() as b:
        server = Rfc2217Server(b.uart)
        serve(b, client)
        until(b, lambda: b.console.breaks == 1)
        server.close()


def test_every_byte_value_comes_back() -> None:
    sent = bytes(i for i in range(256) if i not in b"\r\n") * 3

    def client() -> bytes:
        with open_port(server.url) as port:
            port.write(sent)
            return bytes(port.read(len(sent)))

    with live() as b:
        server = Rfc2217Server(b.uart)
        assert serve(b, client) == sent
        server.close()


def test_hundred_kilobytes_without_a_newline_come_back_whole() -> None:
    sent = bytes(32 + i % 90 for i in range(100_000))

    def client() -> bytes:
        got = bytearray()
        with connect(server) as one:
            read_to(one, HELLO)
            writer = threading.Thread(target=one.sendall, args=(sent,))
            writer.start()
            while len(got) < len(sent):
                got += one.recv(65536)
            writer.join()
        return bytes(got)

    with live() as b:
        server = Rfc2217Server(b.uart, baud=10_000_000)
        assert serve(b, client) == sent
        assert server.output.lost == 0
        server.close()


def test_a_second_client_is_told_who_is_there_and_sent_away() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart)

        def clients() -> bytes:
            with connect(server) as first:
                read_to(first, HELLO)
                with connect(server) as second:
                    said = second.recv(4096)
                    assert second.recv(4096) == b""
                first.sendall(b"still here\r")
                read_to(first, b"still here\r\n")
                assert said == b"\r\nThis console is in use by 127.0.0.1:%d.\r\n" % first.getsockname()[1]
            return said

        serve(b, clients)
        server.close()


def test_a_client_takes_over_from_one_that_has_just_gone() -> None:
    """Even from one that left the bench more than it reads."""

    def client() -> None:
        with connect(server) as first:
            first.sendall(b"x" * 100_000)
        with connect(server) as second:
            assert read_to(second, HELLO) == HELLO

    with Consoled(live=True) as b:
        server = Rfc2217Server(b.uart)
        serve(b, client)
        server.close()


def test_a_client_that_vanishes_in_mid_line_or_in_mid_command_does_no_harm() -> None:
    def vanish(last: bytes) -> None:
        one = connect(server)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
        one.sendall(b"half a li" + last)
        one.close()

    with live() as b:
        server = Rfc2217Server(b.uart)
        for last in (b"", bytes((IAC,)), bytes((IAC, SB, COM_PORT, 1, 0)), bytes((IAC, WILL)), HELLO):
            for _ in range(5):
                serve(b, lambda last=last: vanish(last))  # type: ignore[misc]
        assert serve(b, lambda: talk(server.url, b"alive")).endswith(b"alive\r\n")
        server.close()


def test_a_flood_of_commands_from_a_client_that_reads_no_answers_is_held_back() -> None:
    flood = bytes((IAC, DO, 99)) * 2000 + bytes((IAC, SB, COM_PORT, 0, IAC, SE)) * 2000
    with live() as b:
        server = Rfc2217Server(b.uart)
        with connect(server) as one:
            until(b, lambda: server.client is not None)
            assert server.client is not None
            narrow(one)
            narrow(server.client._connection)
            one.setblocking(False)
            most = refused = 0
            give_up = time.monotonic() + PATIENCE
            while (refused < 20 or not most) and time.monotonic() < give_up:  # looks in a row at which it was full
                try:
                    one.send(flood)
                    refused = 0
                except BlockingIOError:
                    refused += 1
                b.later(MS)
                if server.client is not None:
                    most = max(most, len(server.client._unsent))
            assert 0 < most < OUT_LIMIT
        assert serve(b, lambda: talk(server.url, b"alive")).endswith(b"alive\r\n")
        server.close()


def test_a_client_that_never_reads_costs_a_bounded_amount_of_memory() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart, baud=100_000_000)

        def chatter() -> None:
            while server.output.lost == 0:
                b.console.write(b"x" * 1000)
                b.kernel.ticksleep(0)

        with connect(server) as one:
            until(b, lambda: server.client is not None)
            assert server.client is not None
            narrow(one)
            narrow(server.client._connection)
            b.task(chatter)
            until(b, lambda: server.output.lost > 0)
            assert server.output.waiting <= OUT_LIMIT
        assert serve(b, lambda: talk(server.url, b"after")).endswith(b"after\r\n")
        server.close()


def test_a_client_can_suspend_the_output() -> None:
    def client() -> bytes:
        with connect(server) as one:
            read_to(one, HELLO)
            one.sendall(bytes((IAC, SB, COM_PORT, 8, IAC, SE)) + b"later\r")
            one.settimeout(0.2)
            with pytest.raises(TimeoutError):
                one.recv(10)
            one.settimeout(PATIENCE)
            one.sendall(bytes((IAC, SB, COM_PORT, 9, IAC, SE)))
            return read_to(one, b"\r\n")

    with live() as b:
        server = Rfc2217Server(b.uart)
        assert serve(b, client) == b"later\r\n"
        server.close()


def test_a_client_that_purges_after_sending_still_gets_the_answer() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart, baud=300)
        with connect(server) as one:
            one.sendall(b"question\r")
            until(b, lambda: bool(b.heard))  # the board has answered; the first character is still on its way
            one.sendall(b"again\r")
            until(b, lambda: b"again" in b.heard and not server.output.waiting)
            assert read_to(one, b"again\r\n").endswith(b"question\r\nagain\r\n")
        server.close()


def test_a_port_that_is_taken_and_one_that_does_not_exist_are_named() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart)
        with pytest.raises(BenchError, match=f"TCP port {server.port} of 127.0.0.1 cannot be had: Address already"):
            Rfc2217Server(b.uart, port=server.port)
        with pytest.raises(ValueError, match="70000 is no TCP port"):
            Rfc2217Server(b.uart, port=70000)
        server.close()
    with Consoled() as b, pytest.raises(BenchError, match="live=True"):
        Rfc2217Server(b.uart)


def test_it_listens_on_the_loopback_interface_alone() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart)
        assert server._listener.getsockname()[0] == "127.0.0.1"
        server.close()


def test_the_boards_last_words_are_delivered() -> None:
    with live() as b:
        server = Rfc2217Server(b.uart, baud=300)
        with connect(server) as one:
            until(b, lambda: server.client is not None)
            read_to(one, HELLO)
            b.console.puts("Power off\n")
            b.clock.run(b.clock.now_ns + 5 * MS)
            server.close()
            assert read_to(one, b"Power off\r\n") == b"Power off\r\n"
            assert one.recv(10) == b""


def test_the_shell_answers_and_dtr_resets_the_board_under_its_client() -> None:
    def client() -> None:
        with open_port(url) as port:
            port.write(b"\r")
            port.read_until(b"nsh> ")
            port.dtr = False
            port.dtr = True
            assert b"NuttShell" in port.read_until(b"nsh> ")
            port.write(b"echo again\r")
            assert port.read_until(b"\r\nagain\r\n").endswith(b"\r\nagain\r\n")

    with Board("sim", live=True) as b:
        url = b.console.rfc2217()
        b.boot()
        kernel = b.kernel
        serve(b.bench, client)
        assert b.kernel is not kernel and b.uart.log.output().count(b"NuttShell") == 2


def test_hostile_bytes_leave_the_shell_answering() -> None:
    def client() -> bytes:
        with open_port(url) as port:
            port.write(bytes(range(256)) * 8 + b"\x1b[" * 500 + b"A" * 100_000 + b"\x00\xff\x80" * 100)
            port.write(b"\x03\r\x03\recho alive$?\r")
            return bytes(port.read_until(b"\r\nalive"))

    with Board("sim", live=True) as b:
        url = b.console.rfc2217(baud=10_000_000)
        assert serve(b.bench, client).endswith(b"\r\nalive")
        assert not b.reports


def test_boards_of_one_bench_each_have_a_console_of_every_kind() -> None:
    with Bench(live=True) as bench:
        boards = [bench.board(name) for name in ("one", "two", "three")]
        urls = [b.console.rfc2217() for b in boards]
        ptys = [b.console.pty() for b in boards]
        ports = [b.console.threaded(timeout=PATIENCE) for b in boards]
        bench.boot()

        def client() -> None:
            for b, url, pty, port in zip(boards, urls, ptys, ports, strict=True):
                for i, way in enumerate((open_port(url), serial.Serial(pty, timeout=PATIENCE), port)):
                    with way:
                        text = b"way %d to %b" % (i, b.name.encode())
                        way.write(b"echo %b\r" % text)
                        assert way.read_until(b"\r\n%b\r\n" % text).endswith(text + b"\r\n")

        serve(bench, client)
        for b in boards:
            assert [f"way {i} to {b.name}" in b.uart.log.text() for i in range(4)] == [True, True, True, False]
