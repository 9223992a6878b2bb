"""Standard input and output as the console of a live board."""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import select
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from consoled import MS, Consoled, live, until

from lab.stdio import StdioConsole


def read_all(fd: int) -> bytes:
    """What is in a pipe or terminal now."""
    data = b""
    while select.select([fd], [], [], 0)[0]:
        try:
            chunk = os.read(fd, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                break
            raise
        if not chunk:
            break
        data += chunk
    return data


@contextlib.contextmanager
def piped(b: Consoled) -> Iterator[tuple[int, int, StdioConsole]]:
    stdin, into = os.pipe()
    out, stdout = os.pipe()
    console = StdioConsole(b.uart, infd=stdin, outfd=stdout)
    try:
        yield into, out, console
    finally:
        console.close()
        for fd in {stdin, out, stdout}:
            os.close(fd)


def test_piped_script_is_handed_over_as_fast_as_the_board_reads() -> None:
    script = b"".join(b"line %d\r" % i for i in range(500))
    with live() as b, piped(b) as (into, out, console):
        os.write(into, script)
        os.close(into)
        until(b, lambda: len(b.heard) == len(script) + 500)
        assert read_all(out) == script.replace(b"\r", b"\r\n")
        until(b, lambda: console.ended)
        assert not console.quit


def test_file_as_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"one\rtwo\r" * 1000)
    out, stdout = os.pipe()
    with live() as b, script.open("rb") as file:
        console = StdioConsole(b.uart, infd=file.fileno(), outfd=stdout)
        until(b, lambda: console.ended and not b.uart.out_waiting)
        b.clock.run(b.clock.now_ns + 20 * MS)
        assert b.heard == b"one\r\ntwo\r\n" * 1000
        console.close()
    os.close(out)
    os.close(stdout)


def test_dev_null_as_standard_input_leaves_the_board_running() -> None:
    out, stdout = os.pipe()
    with live() as b, open(os.devnull, "rb") as nothing:
        console = StdioConsole(b.uart, infd=nothing.fileno(), outfd=stdout)
        until(b, lambda: console.ended)
        b.task(lambda: b.console.write(b"still here"))
        until(b, lambda: b"still here" in b.heard)
        assert read_all(out) == b"still here" and not console.quit
        console.close()
    os.close(out)
    os.close(stdout)


def test_output_that_nobody_reads_any_more_ends_the_console() -> None:
    with live() as b:
        stdin, into = os.pipe()
        out, stdout = os.pipe()
        console = StdioConsole(b.uart, infd=stdin, outfd=stdout)
        os.close(out)
        os.write(into, b"x")
        until(b, lambda: console.quit)
        console.close()
        for fd in (stdin, into, stdout):
            os.close(fd)


@contextlib.contextmanager
def terminal(b: Consoled) -> Iterator[tuple[int, StdioConsole]]:
    """A user's terminal: the user's end, and the console on the other."""
    user, tty = pty.openpty()
    before = termios.tcgetattr(tty)
    console = StdioConsole(b.uart, infd=tty, outfd=tty)
    try:
        yield user, console
    finally:
        console.close()
        assert termios.tcgetattr(tty) == before
        os.close(user)
        os.close(tty)


def test_terminal_is_raw_and_put_back() -> None:
    with live() as b, terminal(b) as (user, console):
        os.write(user, b"ab\x03\r")
        until(b, lambda: len(b.heard) == 5)
        assert read_all(user) == b"ab\x03\r\n"
        assert not console.quit


@pytest.mark.parametrize("keys", [b"\x1d", b"\x01x", b"\x01X"])
def test_ways_out_end_the_hosts_wait(keys: bytes) -> None:
    with live() as b, terminal(b) as (user, console):
        os.write(user, b"abc" + keys)
        while not console.quit:
            assert b.clock.run(b.clock.now_ns + 10_000 * MS, wait=True)
        b.clock.run(b.clock.now_ns + 5 * MS)
        assert bytes(b.heard) == b"abc"


def test_ways_out_are_seen_although_the_board_reads_nothing() -> None:
    with Consoled(live=True) as b, terminal(b) as (user, console):
        os.write(user, b"x" * 2000)
        b.clock.run(b.clock.now_ns + 20 * MS)
        os.write(user, b"\x1d")
        until(b, lambda: console.quit)


def test_ctrl_a_is_a_prefix() -> None:
    with live() as b, terminal(b) as (user, console):
        os.write(user, b"\x01\x01\x01q\x01b")
        until(b, lambda: len(b.heard) >= 3 and b.console.breaks == 1)
        assert bytes(b.heard) == b"\x01\x01q"
        read_all(user)
        os.write(user, b"\x01h")
        until(b, lambda: bool(select.select([user], [], [], 0)[0]))
        assert b"quit" in read_all(user)
        assert not console.quit


@pytest.mark.skipif(sys.platform != "linux", reason="other systems report a hang-up differently")
def test_terminal_that_hangs_up_ends_the_console() -> None:
    with live() as b:
        user, tty = pty.openpty()
        console = StdioConsole(b.uart, infd=tty, outfd=tty)
        os.close(user)
        until(b, lambda: console.quit)
        console.close()
        os.close(tty)
