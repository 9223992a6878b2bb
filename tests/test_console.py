"""The console as a pyserial object in this process: its timeouts are virtual, and a wait that cannot succeed ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from consoled import CHAR, MS, Consoled
from serial.serialutil import PortNotOpenError, SerialBase, SerialException, SerialTimeoutException

from kernel.errors import BenchError, Panic
from lab.console import ConsolePort
from lab.serialport import IN_LIMIT


def port_on(b: Consoled, **settings: Any) -> ConsolePort:
    return ConsolePort(b.uart, "test", **settings)


def prompting(b: Consoled) -> None:
    """A task that answers each line after 100 ms of thought, with a prompt."""

    def main() -> None:
        b.console.write(b"hello\n> ")
        line = bytearray()
        while data := b.console.read(1):
            line += data
            if data == b"\r":
                b.kernel.ticksleep(10)
                b.console.write(b"got %d\n> " % (len(line) - 1))
                line.clear()

    b.task(main, "prompter")


def test_is_a_pyserial_port() -> None:
    with Consoled() as b, port_on(b, timeout=1) as port:
        assert isinstance(port, SerialBase)
        assert port.is_open and port.name == "test" and port.baudrate == 100_000
        assert port.readable() and port.writable()
        port.baudrate = 115200
        port.apply_settings({"timeout": 2})
        assert port.timeout == 2


def test_write_and_read_until_the_prompt() -> None:
    with Consoled() as b:
        prompting(b)
        port = port_on(b, timeout=5)
        assert port.read_until(b"> ") == b"hello\r\n> "
        assert port.write(b"abc\r") == 4
        assert port.read_until(b"> ") == b"got 3\r\n> "


def test_timeout_is_virtual_and_exact() -> None:
    with Consoled() as b:
        port = port_on(b, timeout=3.5)
        start = b.clock.now_ns
        assert port.read(10) == b""
        assert b.clock.now_ns - start == 3_500_000_000


def test_read_without_timeout_ends_when_nothing_can_happen_any_more() -> None:
    with Consoled() as b:
        prompting(b)
        port = port_on(b)
        assert port.read(1000) == b"hello\r\n> "
        now = b.clock.now_ns
        assert port.read(1) == b""
        assert b.clock.now_ns == now


def test_read_takes_no_more_time_than_it_needs() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"x" * 100))
        port = port_on(b, timeout=1)
        assert port.read(16) == b"x" * 16
        assert b.clock.now_ns == 1_000_000_000 + 16 * CHAR
        assert len(port.read(1000)) == 84


def test_inter_byte_timeout_ends_a_read_after_a_gap() -> None:
    with Consoled() as b:

        def main() -> None:
            for _ in range(3):
                b.console.write(b"burst")
                b.kernel.ticksleep(50)

        b.task(main)
        port = port_on(b, timeout=10, inter_byte_timeout=0.1)
        assert port.read(100) == b"burst"
        assert port.read(100) == b"burst"


def test_polling_loop_gets_somewhere() -> None:
    with Consoled() as b:
        prompting(b)
        port = port_on(b, timeout=0)
        got = b""
        while not got.endswith(b"> "):
            got += port.read(4)
        assert got == b"hello\r\n> "
        port.write(b"\r")
        while port.in_waiting < 9:
            pass
        assert port.read_all() == b"got 0\r\n> "
        assert b.clock.now_ns < 2_000_000_000


def test_readline_and_iteration_work_as_on_any_port() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"one\ntwo\nthree"))
        port = port_on(b, timeout=1)
        assert port.readline() == b"one\r\n"
        assert port.readlines() == [b"two\r\n", b"three"]


def test_read_until_stops_at_size_and_at_timeout() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"abcdefgh"))
        port = port_on(b, timeout=0.5)
        assert port.read_until(b"zz", 3) == b"abc"
        assert port.read_until(b"zz") == b"defgh"
        assert b.clock.now_ns >= 1_500_000_000


def test_expected_text_is_found_across_batches() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"x" * 14 + b"prompt> " + b"rest"))
        port = port_on(b)
        assert port.read_until(b"prompt> ") == b"x" * 14 + b"prompt> "


def test_cancel_read_from_the_board_ends_a_wait() -> None:
    with Consoled() as b:
        port = port_on(b, timeout=60)

        def main() -> None:
            b.kernel.ticksleep(10)
            port.cancel_read()

        b.task(main)
        assert port.read(1) == b""
        assert b.clock.now_ns < 2_000_000_000


def test_write_does_not_make_time_pass_while_there_is_room() -> None:
    with Consoled() as b:
        port = port_on(b)
        port.write(b"x" * 1000)
        assert b.clock.now_ns == 1_000_000_000
        assert port.out_waiting == 1000
        port.reset_output_buffer()
        assert port.out_waiting == 0


def test_flush_waits_until_the_board_has_it() -> None:
    with Consoled() as b:
        b.echo()
        port = port_on(b)
        port.write(b"x" * 100)
        port.flush()
        assert port.out_waiting == 0
        assert b.clock.now_ns == 1_000_000_000 + 100 * CHAR


def test_large_write_waits_for_the_line_and_loses_nothing() -> None:
    with Consoled() as b:
        b.echo()
        port = port_on(b)
        assert port.write(b"x" * 20_000) == 20_000
        port.flush()
        assert port.read(20_000) == b"x" * 20_000


def test_write_timeout_is_virtual() -> None:
    with Consoled() as b:
        port = port_on(b, write_timeout=2)
        with pytest.raises(SerialTimeoutException):
            port.write(b"x" * 20_000)
        assert b.clock.now_ns == 3_000_000_000


def test_a_write_timeout_of_0_sends_what_there_is_room_for() -> None:
    with Consoled() as b:
        port = port_on(b, write_timeout=0)
        sent = port.write(b"x" * 20_000)
        assert 0 < sent < 20_000
        now = b.clock.now_ns
        while port.write(b"x"):
            pass
        assert b.clock.now_ns > now


def test_a_negative_size_reads_nothing() -> None:
    with Consoled() as b:
        b.echo()
        port = port_on(b, timeout=1)
        port.write(b"hello\r")
        assert port.read(1) + port.read(-1) + port.read_until(b"z", -1) + port.read(4) == b"hello"


def test_write_to_a_board_that_reads_no_more_says_so() -> None:
    with Consoled() as b:
        port = port_on(b)
        with pytest.raises(SerialException, match="reads no more"):
            port.write(b"x" * 20_000)


def test_without_handshake_the_board_may_overrun() -> None:
    with Consoled() as b:
        port = port_on(b, rtscts=False)
        port.write(b"x" * 1000)
        port.flush()
        assert b.uart.overruns == 1000 - 255 - 16


def test_text_is_refused() -> None:
    with Consoled() as b:
        port = port_on(b)
        for wrong in ("text", 5):
            with pytest.raises(TypeError, match="takes bytes"):
                port.write(wrong)
        assert port.write(bytearray(b"ab")) + port.write(memoryview(b"c")) + port.write([1, 2]) == 5


def test_modem_lines() -> None:
    with Consoled() as b:
        port = port_on(b)
        assert port.cts and port.dsr and port.cd and not port.ri
        assert b.uart.dtr and b.uart.rts
        port.dtr = False
        port.rts = False
        assert not b.uart.dtr and not b.uart.rts
        port.close()
        port.open()
        assert not b.uart.dtr


def test_send_break_takes_virtual_time_and_reaches_the_driver() -> None:
    with Consoled() as b:
        port = port_on(b)
        port.send_break(0.5)
        assert b.clock.now_ns == 1_500_000_000
        assert b.console.breaks == 1


def test_closed_port_says_so_and_can_be_opened_again() -> None:
    with Consoled() as b:
        b.echo()
        port = port_on(b, timeout=1)
        with pytest.raises(SerialException, match="open already"):
            port.open()
        port.close()
        port.close()
        assert not b.uart.dtr
        for call in (lambda: port.read(1), lambda: port.write(b"x"), lambda: port.in_waiting, port.flush):
            with pytest.raises(PortNotOpenError):
                call()
        port.open()
        port.write(b"again")
        assert port.read(5) == b"again"


def test_port_of_a_closed_bench_says_so() -> None:
    with Consoled() as b:
        port = port_on(b)
        port.close()
    with pytest.raises(SerialException, match="bench is closed"):
        port.open()


def test_what_came_before_the_port_was_opened_is_gone_but_logged() -> None:
    with Consoled() as b:
        b.task(lambda: b.console.write(b"boot\n"))
        b.later(10 * MS)
        port = port_on(b)
        assert port.read(1) == b""
        assert "boot" in b.uart.log.text()


def test_unread_output_is_bounded() -> None:
    with Consoled(baud=0) as b:
        port = port_on(b)

        def main() -> None:
            for _ in range(IN_LIMIT // 4096 + 10):
                b.console.write(b"x" * 4096)

        b.task(main)
        b.settle()
        assert port.in_waiting == IN_LIMIT
        assert port.lost == 10 * 4096


def test_two_ports_hear_the_same() -> None:
    with Consoled() as b:
        one, two = port_on(b, timeout=1), port_on(b, timeout=1)
        b.echo()
        one.write(b"abc")
        assert one.read(3) == two.read(3) == b"abc"


def test_reset_input_buffer_drops_what_was_not_read() -> None:
    with Consoled() as b:
        prompting(b)
        port = port_on(b, timeout=1)
        b.later(100 * MS)
        port.reset_input_buffer()
        port.write(b"\r")
        assert port.read_until(b"> ") == b"got 0\r\n> "


def test_crash_of_the_board_comes_out_of_the_read() -> None:
    with Consoled() as b:
        port = port_on(b, timeout=1)

        def handler(_irq: int, _arg: object) -> None:
            raise RuntimeError("bad handler")

        b.kernel.irqs.attach(5, handler)
        port.write(b"x")
        with pytest.raises(Panic):
            port.read(1)


def test_another_thread_is_told_that_it_cannot_run_the_board() -> None:
    with Consoled() as b:
        port = port_on(b, timeout=1)
        errors: list[BaseException] = []

        def reader() -> None:
            try:
                port.read(1)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=reader)
        thread.start()
        thread.join()
        assert isinstance(errors[0], BenchError) and "thread" in str(errors[0])


def test_same_session_takes_the_same_virtual_time_every_time() -> None:
    def session() -> tuple[int, str]:
        with Consoled() as b:
            prompting(b)
            port = port_on(b, timeout=5)
            port.read_until(b"> ")
            for i in range(5):
                port.write(b"x" * i + b"\r")
                port.read_until(b"> ")
            return b.clock.now_ns, b.uart.log.text(sent=True)

    assert session() == session()
