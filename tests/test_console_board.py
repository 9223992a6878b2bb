"""A board's own console through pyserial: the shell, resets, power, other boards."""

from __future__ import annotations

import pytest
from consoled import US
from hypothesis import given, settings
from hypothesis import strategies as st
from serial.serialutil import PortNotOpenError

from board import Bench, Board


def test_board_shell_answers_through_pyserial() -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=10)
        assert port.read_until(b"nsh> ").endswith(b"nsh> ")
        port.write(b"echo hi\r")
        assert b"\r\nhi\r\n" in port.read_until(b"nsh> ")
        assert b.now * 1e9 >= 1_000_000_000 + 10 * US


def test_hostile_input_leaves_the_shell_answering() -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=10)
        port.read_until(b"nsh> ")
        hostile = bytes(range(256)) * 8 + b"\x1b[" * 500 + b"A" * 100_000 + b"\x00\xff\x80" * 100
        port.write(hostile)
        port.write(b"\x03\r")
        port.flush()
        b.run(1)
        port.reset_input_buffer()
        port.write(b"\recho alive$?\r")
        assert b"\r\nalive" in port.read_until(b"\r\nalive")
        assert b.kernel.panic is None


def test_port_survives_the_reset_button_and_a_reboot_from_inside() -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=10)
        port.read_until(b"nsh> ")
        port.write(b"half a comm")
        port.flush()
        b.reset()
        assert b"NuttShell" in port.read_until(b"nsh> ")
        port.write(b"reboot\r")
        assert b"NuttShell" in port.read_until(b"nsh> ")
        port.write(b"echo again\r")
        assert port.read_until(b"\r\nagain\r\n").endswith(b"\r\nagain\r\n")


def test_port_of_a_board_that_was_powered_off_is_silent() -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=10)
        port.read_until(b"nsh> ")
        port.write(b"poweroff\r")
        port.timeout = None
        port.read(1000)
        port.write(b"anyone?\r")
        assert port.read(1000) == b""


def test_console_of_a_slow_board_runs_at_its_baud_rate() -> None:
    with Board("stm32f7") as b:
        port = b.console.open(timeout=10)
        assert port.baudrate == 115200
        port.read_until(b"nsh> ")
        start = b.now
        port.write(b"help\r")
        text = port.read_until(b"nsh> ")
        assert b.now - start >= len(text) * 10 / 115200


def test_closing_the_bench_closes_its_ports() -> None:
    with Board("sim") as b:
        port = b.console.open()
        b.run(1)
    assert not port.is_open
    with pytest.raises(PortNotOpenError):
        port.read(1)


def test_closing_one_board_of_a_bench_leaves_a_dead_line() -> None:
    with Bench() as bench:
        one, two = bench.board("one"), bench.board("two")
        port = one.console.open(timeout=1)
        bench.run(1)
        one.close()
        port.write(b"help\r")
        assert one.uart.board is None
        assert "nsh" in two.nsh("ps")


@settings(max_examples=25)
@given(chunks=st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 20_000_000)), max_size=6))
def test_random_input_leaves_the_shell_answering(chunks: list[tuple[bytes, int]]) -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=600)
        port.read_until(b"nsh> ")
        for data, gap in chunks:
            port.write(data)
            b.run(gap / 1e9)
        port.write(b"\x03\r\x03\r")
        b.run(1)
        port.reset_input_buffer()
        port.write(b"echo alive\r")
        assert port.read_until(b"\r\nalive").endswith(b"\r\nalive")
        assert not b.reports
