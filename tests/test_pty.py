"""Live consoles: the pseudo-terminal with pyserial's own Serial on it.

The bench runs on the test's thread, the client on another one. Times are the host's here, so none is asserted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import serial
from consoled import MS, PATIENCE, Consoled, live, serve, until

from board import Board
from kernel.errors import BenchError
from lab.livefd import LiveInput
from lab.paced import OUT_LIMIT
from lab.pty import ConsolePty
from lab.stdio import StdioConsole


def open_port(path: str, **settings: Any) -> serial.Serial:
    return serial.Serial(path, timeout=PATIENCE, write_timeout=PATIENCE, **settings)


def talk(path: str, text: bytes) -> bytes:
    """Sends a line and reads its echo."""
    with open_port(path) as port:
        port.write(text + b"\r")
        return port.read_until(text + b"\r\n")


def test_pyserial_opens_the_link_and_gets_an_echo() -> None:
    with live() as b:
        console = ConsolePty(b.uart, name="board")
        assert os.path.islink(console.link) and stat.S_ISCHR(os.stat(console.link).st_mode)
        assert serve(b, lambda: talk(console.link, b"hello")) == b"hello\r\n"
        console.close()


def test_clients_come_and_go() -> None:
    with live() as b:
        console = ConsolePty(b.uart)
        for i in range(3):
            assert serve(b, lambda i=i: talk(console.link, b"client %d" % i)).endswith(b"client %d\r\n" % i)  # type: ignore[misc]
        console.close()


def test_nothing_is_echoed_before_a_client_sets_its_mode() -> None:
    with live() as b:
        console = ConsolePty(b.uart)
        attributes = termios.tcgetattr(console._slave)
        assert not attributes[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
        assert not attributes[1] & termios.OPOST
        console.close()


def test_consoles_come_and_go_on_one_bench_without_end() -> None:
    with live() as b:
        for _ in range(100):
            ConsolePty(b.uart).close()
        console = ConsolePty(b.uart)
        assert serve(b, lambda: talk(console.link, b"the last")) == b"the last\r\n"
        console.close()


def test_more_consoles_at_once_than_a_bench_can_listen_to_say_so() -> None:
    too_many = pytest.raises(BenchError, match="as many inputs as it can listen to")
    with live() as b, contextlib.ExitStack() as consoles, too_many:
        for _ in range(100):
            consoles.callback(ConsolePty(b.uart).close)


def test_client_that_flushes_its_input_after_sending_still_gets_the_answer() -> None:
    with live() as b:
        console = ConsolePty(b.uart, baud=300)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        os.write(client, b"question\r")
        until(b, lambda: bool(b.heard))  # the board has answered; the first character is still on its way
        termios.tcflush(client, termios.TCIFLUSH)
        until(b, lambda: not console.output.waiting)
        assert os.read(client, 100) == b"question\r\n"
        os.close(client)
        console.close()


def test_every_byte_value_comes_back() -> None:
    sent = bytes(i for i in range(256) if i not in b"\r\n")

    def client() -> bytes:
        with open_port(console.link) as port:
            port.write(sent)
            return port.read(len(sent))

    with live() as b:
        console = ConsolePty(b.uart)
        assert serve(b, client) == sent
        console.close()


def test_hundred_kilobytes_without_a_newline_come_back_whole() -> None:
    sent = bytes(32 + i % 90 for i in range(100_000))

    def client() -> bytes:
        got = bytearray()
        with open_port(console.link) as port:
            writer = threading.Thread(target=port.write, args=(sent,))
            writer.start()
            while len(got) < len(sent) and (data := port.read(min(1000, len(sent) - len(got)))):
                got += data
            writer.join()
        return bytes(got)

    with live() as b:
        console = ConsolePty(b.uart, baud=10_000_000)
        assert serve(b, client) == sent
        assert console.output.lost == 0
        console.close()


def test_client_that_never_reads_costs_a_bounded_amount_of_memory() -> None:
    with live() as b:
        console = ConsolePty(b.uart, baud=100_000_000)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)

        def chatter() -> None:
            for _ in range(300):
                b.console.write(b"x" * 1000)

        b.task(chatter)
        b.clock.run(b.clock.now_ns + 400 * MS)
        assert console.output.waiting <= OUT_LIMIT
        assert console.output.lost > 0
        os.close(client)
        assert serve(b, lambda: talk(console.link, b"after")).endswith(b"after\r\n")
        console.close()


def test_flood_into_a_board_that_does_not_read_is_held_back() -> None:
    with Consoled(live=True) as b:
        console = ConsolePty(b.uart)

        def client() -> int:
            with serial.Serial(console.link, write_timeout=0.3) as port, pytest.raises(serial.SerialTimeoutException):
                port.write(b"x" * 200_000)
            return 0

        serve(b, client)
        assert b.uart.out_waiting <= 8192
        console.close()


def test_client_that_vanishes_in_mid_line_leaves_the_console_usable() -> None:
    def vanish() -> None:
        fd = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"half a li")
        os.close(fd)

    with live() as b:
        console = ConsolePty(b.uart)
        for _ in range(20):
            serve(b, vanish)
        assert b"alive\r\n" in serve(b, lambda: talk(console.link, b"alive"))
        console.close()


def test_link_of_ones_own_choice_is_taken_away_at_the_end(tmp_path: Path) -> None:
    link = tmp_path / "console"
    with live() as b:
        console = ConsolePty(b.uart, link=str(link))
        assert link.is_symlink()
        with pytest.raises(BenchError, match="exists already"):
            ConsolePty(b.uart, link=str(link))
        assert os.readlink(link) == console.path
        console.close()
        console.close()
        assert not link.is_symlink()
        os.symlink("/nowhere/at/all", link)
        ConsolePty(b.uart, link=str(link)).close()
        with pytest.raises(BenchError, match="cannot be published"):
            ConsolePty(b.uart, link=str(tmp_path / "no" / "such"))


def test_a_terminal_that_another_input_closes_has_no_say_any_more() -> None:
    with live() as b:
        console = ConsolePty(b.uart)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        os.write(client, b"both at once\r")
        b.clock.post(console.close)
        b.later(20 * MS)
        assert console.closed and not b.heard
        os.close(client)


def test_two_boards_have_two_links() -> None:
    with live() as a, live() as b:
        one, two = ConsolePty(a.uart, name="board"), ConsolePty(b.uart, name="board")
        assert one.link != two.link and one.path != two.path
        one.close()
        two.close()
        assert not os.path.exists(os.path.dirname(one.link))


def test_last_words_are_delivered_before_the_terminal_goes() -> None:
    with live() as b:
        console = ConsolePty(b.uart, baud=300)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        b.console.puts("Power off\n")
        got = bytearray()
        reader = threading.Thread(target=lambda: got.extend(os.read(client, 100)))
        reader.start()
        b.clock.run(b.clock.now_ns + 5 * MS)
        console.close()
        reader.join()
        os.close(client)
        assert got == b"Power off\r\n"


def test_last_words_are_delivered_however_many_they_are() -> None:
    with live() as b:
        console = ConsolePty(b.uart, baud=300)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        b.console.puts("x" * 50_000 + "Power off\n")
        got = bytearray()

        def read() -> None:
            while not got.endswith(b"Power off\r\n"):
                got.extend(os.read(client, 1000))

        reader = threading.Thread(target=read)
        reader.start()
        b.clock.run(b.clock.now_ns + 100 * MS)
        console.close()
        reader.join()
        os.close(client)
        assert len(got) == 50_011


def test_lockstep_bench_refuses_and_says_what_to_do() -> None:
    with Consoled() as b:
        for attach in (ConsolePty, StdioConsole):
            with pytest.raises(BenchError, match=r"live=True.*b\.console\.open"):
                attach(b.uart)
    with pytest.raises(BenchError, match="closed"):
        ConsolePty(b.uart)


def test_descriptor_that_cannot_be_read_is_named() -> None:
    with live() as b:
        read_end, write_end = os.pipe()
        os.close(write_end)
        os.close(read_end)
        with pytest.raises(BenchError, match=f"standard input: descriptor {read_end}"):
            LiveInput(b.clock, read_end, lambda: None, name="standard input")


def test_board_shell_answers_on_its_pty() -> None:
    def client() -> bytes:
        with open_port(link) as port:
            port.write(b"\r")
            port.read_until(b"nsh> ")
            port.write(b"echo over the pty\r")
            return port.read_until(b"\r\nover the pty\r\n")

    with Board("sim", live=True) as b:
        link = b.console.pty()
        assert serve(b.bench, client).endswith(b"\r\nover the pty\r\n")
    assert not os.path.islink(link)


def test_hostile_bytes_leave_the_boards_shell_answering() -> None:
    hostile = bytes(range(256)) * 8 + b"\x1b[" * 500 + b"A" * 100_000 + b"\x00\xff\x80" * 100

    def client() -> bytes:
        with open_port(link) as port:
            got = bytearray()
            writer = threading.Thread(target=port.write, args=(hostile + b"\x03\r\x03\recho alive$?\r",))
            writer.start()
            while b"\r\nalive" not in got and (data := port.read(max(1, port.in_waiting))):
                got += data
            writer.join()
            return bytes(got)

    with Board("sim", live=True) as b:
        link = b.console.pty(baud=10_000_000)
        assert b"\r\nalive" in serve(b.bench, client)
        assert not b.reports


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "x" * 300])
def test_whatever_a_board_is_called_its_link_can_be_made(name: str) -> None:
    with live() as b:
        console = ConsolePty(b.uart, name=name)
        assert os.readlink(console.link) == console.path
        console.close()
        assert not os.path.exists(os.path.dirname(console.link))


@pytest.mark.parametrize("link", ["", ".", "nosuch/link", "a\0b", "x" * 300])
def test_a_link_that_cannot_be_made_costs_no_descriptors(link: str) -> None:
    with live() as b:
        ConsolePty(b.uart).close()  # the bench keeps the place of one input
        before = os.listdir("/proc/self/fd")
        with pytest.raises(BenchError):
            ConsolePty(b.uart, link=link)
        assert os.listdir("/proc/self/fd") == before


def test_a_directory_that_somebody_has_cleared_away_or_uses_is_left_alone() -> None:
    with live() as b:
        for used in (False, True):
            console = ConsolePty(b.uart)
            directory = Path(console.link).parent
            os.unlink(console.link)
            if used:
                (directory / "notes").touch()
            else:
                directory.rmdir()
            console.close()
            assert not os.path.exists(console.path)
            assert directory.exists() == used
        shutil.rmtree(directory)


def test_a_relative_link_is_taken_away_from_where_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with live() as b:
        console = ConsolePty(b.uart, link="here")
        monkeypatch.chdir("/")
        console.close()
        assert not (tmp_path / "here").is_symlink()


def test_a_client_that_reads_very_slowly_does_not_hear_all_of_the_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.pty.LAST_WORDS_MS", 100)
    with live() as b:
        console = ConsolePty(b.uart, baud=300)
        client = os.open(console.path, os.O_RDWR | os.O_NOCTTY)
        b.console.puts("x" * 2000)
        b.clock.run(b.clock.now_ns + 100 * MS)
        got = bytearray()

        def read() -> None:
            with contextlib.suppress(OSError):  # EIO: hung up
                while data := os.read(client, 1):
                    got.extend(data)
                    time.sleep(0.01)

        reader = threading.Thread(target=read)
        reader.start()
        console.close()
        reader.join()
        os.close(client)
        assert 0 < len(got) < 1000


@pytest.mark.parametrize("way", ["pty", "rfc2217"])
@pytest.mark.parametrize("baud", [0, -9600])
def test_a_rate_that_is_none_is_refused_and_leaves_nothing(way: str, baud: int) -> None:
    with Board(live=True) as board:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(ValueError, match="give 1 or more"):
            getattr(board.console, way)(baud=baud)
        assert len(os.listdir("/proc/self/fd")) == before
