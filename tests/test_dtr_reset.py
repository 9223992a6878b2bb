"""DTR of the console is the board's reset line: its rise starts the board anew, opening a port does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from board import Bench, Board
from kernel.errors import Panic
from kernel.syscalls import Sys
from lab.console import ConsolePort


def settled(b: Board) -> ConsolePort:
    """A port whose board has booted."""
    port: ConsolePort = b.console.open(timeout=10)
    port.read_until(b"nsh> ")
    return port


def pulse(port: ConsolePort) -> None:
    port.dtr = False
    port.dtr = True


def boots(b: Board) -> int:
    return b.uart.log.output().count(b"NuttShell")


def test_a_rise_of_dtr_resets_and_the_port_stays_where_it_is() -> None:
    with Board("sim") as b:
        port = settled(b)
        kernel = b.kernel
        port.dtr = False
        b.run(1)
        assert b.kernel is kernel and boots(b) == 1
        port.dtr = True
        assert b"NuttShell" in port.read_until(b"nsh> ")
        assert b.kernel is not kernel
        port.write(b"echo again\r")
        assert b"\r\nagain\r\n" in port.read_until(b"nsh> ")


def test_what_the_host_asks_next_is_answered_by_the_board_after_its_reset() -> None:
    with Board("sim") as b:
        port = settled(b)
        kernel = b.kernel
        pulse(port)
        assert b.nsh("echo here").ok and b.kernel is not kernel


def test_opening_closing_and_opening_again_resets_nothing() -> None:
    with Board("sim") as b:
        port = settled(b)
        for _ in range(3):
            port.close()
            b.run(0.1)
            port.open()
            b.run(0.1)
        with b.console.open() as other:
            assert other.dtr
        b.run(0.1)
        assert boots(b) == 1


def test_setting_dtr_to_what_it_is_resets_nothing() -> None:
    with Board("sim") as b:
        port = settled(b)
        with b.console.open():
            pass  # which takes the line down, though not for this port
        port.dtr = True
        b.run(0.1)
        assert boots(b) == 1
        port.dtr = False
        port.dtr = False
        b.run(0.1)
        assert boots(b) == 1


def test_a_port_opened_with_dtr_down_resets_when_it_goes_up() -> None:
    with Board("sim") as b:
        b.boot()
        port = b.console.open(timeout=10)
        port.close()
        port.dtr = False
        port.open()
        b.run(0.1)
        assert boots(b) == 1 and not b.uart.dtr
        port.dtr = True
        assert b"NuttShell" in port.read_until(b"nsh> ")


def test_a_reset_by_dtr_takes_no_virtual_time() -> None:
    with Board("sim") as b:
        port = settled(b)
        now = b.now_ns
        pulse(port)
        assert b.now_ns == now
        port.read_until(b"NuttShell")
        assert b.now_ns - now < 1_000_000


def test_a_task_that_computes_for_ever_is_reset_too() -> None:
    def spin(sys: Sys) -> None:
        while True:
            sys.burn(1000)

    with Board("stm32f7") as b:
        port = settled(b)
        b.spawn(spin, priority=250)
        b.run(0.5)
        port.write(b"echo dead\r")
        port.timeout = 1
        assert b"dead" not in port.read_until(b"dead")
        pulse(port)
        assert b"NuttShell" in port.read_until(b"nsh> ")
        port.write(b"echo alive\r")
        assert b"\r\nalive" in port.read_until(b"\r\nalive")


def test_a_crashed_board_is_reset() -> None:
    def handler(_irq: int, _arg: object) -> None:
        raise RuntimeError("bad handler")

    with Board("sim") as b:
        port = settled(b)
        b.kernel.irqs.attach(b.uart.irq, handler)
        port.write(b"x")
        with pytest.raises(Panic):
            b.run(1)
        pulse(port)
        assert b"NuttShell" in port.read_until(b"NuttShell")
        port.write(b"echo alive\r")
        assert b"\r\nalive" in port.read_until(b"\r\nalive")
        assert any("bad handler" in report for report in b.reports)


def test_a_task_of_another_board_may_pull_the_line() -> None:
    with Bench() as bench:
        one, two = bench.board("one"), bench.board("two")
        port = settled(one)
        bench.run(0.1)
        two.spawn(lambda sys: pulse(port))
        bench.run(0.1)
        assert (boots(one), boots(two)) == (2, 1)
        assert two.nsh("echo on").ok and not two.reports


def test_a_board_that_was_switched_off_is_switched_on() -> None:
    with Board("sim") as b:
        port = settled(b)
        b.power_off()
        pulse(port)
        assert b"NuttShell" in port.read_until(b"nsh> ")


@pytest.mark.parametrize("end", [Board.close, Board.remove])
def test_the_dead_line_of_a_removed_board_resets_nothing(end: Callable[[Board], None]) -> None:
    with Bench() as bench:
        one, two = bench.board("one"), bench.board("two")
        ports = [settled(one), settled(two)]
        pulse(ports[0])
        end(one)  # before the reset came to pass
        pulse(ports[0])
        bench.run(0.1)
        assert boots(two) == 1 and two.nsh("echo on").ok


def test_only_the_board_at_the_end_of_the_line_is_reset() -> None:
    with Bench() as bench:
        one, two = bench.board("one"), bench.board("two")
        first, second = settled(one), settled(two)
        pulse(first)
        bench.run(0.1)
        assert (boots(one), boots(two)) == (2, 1)
        second.write(b"echo here\r")
        assert b"\r\nhere" in second.read_until(b"\r\nhere")


def test_a_reset_is_the_same_in_every_run() -> None:
    def session() -> tuple[int, str]:
        with Board("stm32f7", seed=5) as b:
            port = settled(b)
            port.write(b"sleep 3\r")
            b.run(0.7)
            pulse(port)
            port.read_until(b"nsh> ")
            return b.now_ns, b.uart.log.text(sent=True)

    assert session() == session()
