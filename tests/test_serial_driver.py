"""The serial driver: buffers, blocking, output processing, Ctrl-C, flow control, errors."""

from __future__ import annotations

from typing import Any

import pytest
from consoled import CHAR, MS, Consoled
from hypothesis import given
from hypothesis import strategies as st

from drivers.uartregs import CharError
from kernel.syslog import LOG_ERR
from kernel.task import Task


def test_echo_goes_through_uart_driver_and_task() -> None:
    with Consoled() as b:
        b.echo()
        b.uart.send(b"hello\r")
        b.settle()
        assert b.heard == b"hello\r\n"


def test_output_has_cr_lf_for_lf() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"a\nb\r\n\n"))
        b.settle()
        assert b.heard == b"a\r\nb\r\r\n\r\n"


def test_read_returns_what_is_there_and_no_more_than_asked() -> None:
    with Consoled() as b:
        got: list[bytes] = []
        b.uart.send(b"abcdef")
        b.later(10 * CHAR)
        b.task(lambda: got.extend([b.console.read(4), b.console.read(4), b.console.read(0)]))
        b.settle()
        assert got == [b"abcd", b"ef", b""]


def test_read_waits_for_the_first_character() -> None:
    with Consoled() as b:
        times: list[int] = []

        def reader() -> None:
            b.console.read(1)
            times.append(b.clock.now_ns)

        b.task(reader)
        b.later(50 * MS)
        assert not times
        start = b.clock.now_ns
        b.uart.send(b"x")
        b.settle()
        assert times == [start + CHAR]


def test_write_waits_while_the_buffer_is_full_and_leaves_nothing_out() -> None:
    with Consoled() as b:
        text = bytes(i % 26 + 97 for i in range(2000))
        done: list[int] = []

        def writer() -> None:
            b.console.write(text)
            done.append(b.clock.now_ns)

        b.task(writer)
        b.later(100 * CHAR)
        assert not done
        b.settle()
        assert b.heard == text
        assert done[0] > 1_000_000_000 + (2000 - 256 - 32) * CHAR


def test_line_is_never_idle_while_a_task_writes() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(bytes(1000)))
        b.settle()
        assert b.clock.now_ns == 1_000_000_000 + 1000 * CHAR


def test_two_writers_do_not_mix_within_a_write() -> None:
    with Consoled() as b:
        for letter in b"ab":
            b.task(lambda letter=letter: b.console.write(bytes([letter]) * 400))  # type: ignore[misc]
        b.settle()
        assert b.heard == b"a" * 400 + b"b" * 400


def waiting_task(b: Consoled, sig_default: bool, foreground: bool = True) -> tuple[Task, list[str]]:
    """A foreground task that reads; says how that ended."""
    outcome: list[str] = []

    def reader() -> None:
        try:
            outcome.append(repr(b.console.read(10)))
        except InterruptedError:
            outcome.append("interrupted")

    task = b.task(reader)
    if foreground:
        b.console.set_foreground(task.pid)
    b.later(MS)
    return task, outcome


def test_ctrl_c_interrupts_the_read_of_the_foreground_task() -> None:
    with Consoled(SIG_DEFAULT=False) as b:
        _, outcome = waiting_task(b, False)
        b.uart.send(b"\x03")
        b.settle()
        assert outcome == ["interrupted"]


def test_ctrl_c_ends_the_foreground_task_by_default_action() -> None:
    with Consoled(SIG_DEFAULT=True) as b:
        task, outcome = waiting_task(b, True)
        b.uart.send(b"\x03")
        b.settle()
        assert outcome == [] and not task.alive


def test_ctrl_c_is_a_character_without_foreground_task() -> None:
    with Consoled() as b:
        _, outcome = waiting_task(b, True, foreground=False)
        b.uart.send(b"\x03")
        b.settle()
        assert outcome == [repr(b"\x03")]


def test_ctrl_c_is_not_input_for_who_reads_next() -> None:
    with Consoled() as b:
        b.console.set_foreground(b.task(lambda: b.kernel.ticksleep(1000)).pid)
        b.uart.send(b"ab\x03cd")
        b.later(10 * CHAR)
        b.console.set_foreground(None)
        got: list[bytes] = []
        b.task(lambda: got.append(b.console.read(10)))
        b.settle()
        assert got == [b"abcd"]


def test_ctrl_c_for_a_task_that_is_gone_is_swallowed() -> None:
    with Consoled() as b:
        b.console.set_foreground(b.task(lambda: None).pid)
        b.later(MS)
        b.uart.send(b"\x03")
        b.settle()
        assert b.kernel.panic is None


def test_signal_ends_a_write_that_waits_and_frees_the_port() -> None:
    with Consoled(SIG_DEFAULT=False) as b:
        outcome: list[str] = []

        def writer() -> None:
            try:
                b.console.write(b"x" * 1000)
            except InterruptedError:
                outcome.append("interrupted")

        task = b.task(writer)
        b.later(MS)
        b.kernel.kill(task.pid, 2)
        b.task(lambda: b.console.write(b"next"))
        b.settle()
        assert outcome == ["interrupted"]
        assert b.heard.endswith(b"next")


def test_task_killed_in_a_write_leaves_the_port_free() -> None:
    with Consoled() as b:
        task = b.task(lambda: b.console.write(b"x" * 1000))
        b.later(MS)
        b.kernel.kill(task.pid, 9)
        b.task(lambda: b.console.write(b"next"))
        b.settle()
        assert b.heard.endswith(b"next")


def test_closing_a_board_whose_tasks_wait_on_the_console() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.read(1))
        for _ in range(2):
            b.task(lambda: b.console.write(b"x" * 1000))
        b.later(MS)
        b.kernel.close()
        assert not [r for r in b.kernel.reports if "raised" in r]


def test_full_receive_buffer_holds_the_sender_and_loses_nothing() -> None:
    with Consoled() as b:
        sent = bytes(i & 0xFF for i in range(3000)).replace(b"\x03", b"")
        b.uart.send(sent)
        b.later(5000 * CHAR)
        assert not b.uart.cts
        assert b.uart.out_waiting == len(sent) - 255 - 16
        got = bytearray()

        def reader() -> None:
            while len(got) < len(sent):
                got.extend(b.console.read(7))

        b.task(reader)
        b.settle()
        assert got == sent and b.console.dropped == 0 and b.uart.overruns == 0


def test_without_flow_control_the_driver_drops_what_does_not_fit() -> None:
    with Consoled() as b:
        b.console._iflow = False
        b.uart.send(bytes(1000))
        b.later(2000 * CHAR)
        assert b.console.dropped == 1000 - 255
        assert b.uart.overruns == 0


def test_damaged_characters_are_counted_and_left_out() -> None:
    with Consoled() as b:
        b.echo()
        for error in (0, CharError.FRAMING, CharError.PARITY, CharError.OVERRUN):
            b.uart.send(b"%d" % error, error)
        b.uart.send_break()
        b.settle()
        assert b.heard == b"08"
        c = b.console
        assert (c.framing_errors, c.parity_errors, c.breaks, c.overruns) == (1, 1, 1, 1)


def test_drain_waits_until_the_last_character_has_left() -> None:
    with Consoled() as b:
        left: list[bytes] = []

        def writer() -> None:
            b.console.write(b"x" * 200)
            b.console.drain()
            left.append(bytes(b.heard))

        b.task(writer)
        b.settle()
        assert left == [b"x" * 200]


def test_puts_from_an_interrupt_keeps_the_order_and_wakes_writers() -> None:
    with Consoled() as b:
        b.kernel.irqs.attach(6, lambda _irq, _arg: b.console.puts("[log]\n"))
        b.kernel.irqs.enable(6)

        def writer() -> None:
            b.console.write(b"a" * 100)
            from kernel.core import lib

            lib.irq_line_set(b.kernel.board, 6, -1)
            b.console.write(b"b" * 100)

        b.task(writer)
        b.settle()
        assert b.heard == b"a" * 100 + b"[log]\r\n" + b"b" * 100


def test_puts_from_the_host_is_printed() -> None:
    with Consoled() as b:
        b.console.puts("PANIC\n")
        b.settle()
        assert b.heard == b"PANIC\r\n"


def test_syslog_goes_to_the_console_unless_it_goes_to_memory() -> None:
    for ramlog in (False, True):
        with Consoled(RAMLOG_SYSLOG=ramlog) as b:
            b.kernel.syslog.log(LOG_ERR, "something failed")
            b.settle()
            assert (b"[ ERROR] something failed\r\n" in b.heard) is not ramlog


def test_polling_costs_the_caller_the_time_on_the_line() -> None:
    with Consoled() as b:
        after: list[int] = []

        def logger() -> None:
            b.console.puts("0123456789")
            after.append(b.clock.now_ns - 1_000_000_000)

        b.task(logger)
        b.settle()
        assert after == [10 * CHAR]


def test_register_accesses_cost_what_the_profile_says() -> None:
    with Consoled(COST_REG=50, CPU_MHZ=1) as b:
        after: list[int] = []

        def writer() -> None:
            b.console.write(b"x")
            after.append(b.clock.now_ns - 1_000_000_000)

        b.task(writer)
        b.settle()
        # IMR; in the handler SR and the character
        assert after == [3 * 50_000]


@pytest.mark.parametrize("baud", [0, 9600, 10_000_000])
def test_any_baud_rate_echoes_everything(baud: int) -> None:
    with Consoled(baud=baud) as b:
        b.echo()
        b.uart.send(b"y" * 5000)
        b.settle()
        assert b.heard == b"y" * 5000


@given(chunks=st.lists(st.tuples(st.binary(max_size=400), st.integers(0, 3_000_000), st.integers(0, 8)), max_size=12))
def test_random_bytes_never_crash_the_board(chunks: list[tuple[bytes, int, int]]) -> None:
    with Consoled() as b:
        b.echo()
        sink: Any = b.console
        sink.set_foreground(b.task(lambda: b.kernel.ticksleep(-1)).pid)
        for data, gap, error in chunks:
            b.uart.send(data, error)
            b.later(gap)
        b.uart.handshake = False
        b.uart.send(bytes(range(256)) * 4)
        b.settle()
        assert b.kernel.panic is None
        assert not b.kernel.reports
        b.heard.clear()
        b.uart.send(b"still here\r")
        b.settle()
        assert b.heard.endswith(b"still here\r\n")
