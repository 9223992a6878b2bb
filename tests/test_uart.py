"""The UART as hardware: FIFOs, timing, interrupt line, modem lines, errors. No driver: the test is the CPU."""

from __future__ import annotations

import pytest
from consoled import CHAR, MS, Consoled, S

from drivers.uartregs import CharError, UartMcr, UartMsr, UartReg, UartSr
from kernel.core import lib

CONNECTED = UartMcr.DTR | UartMcr.RTS | UartMcr.AUTORTS


def hardware(mask: int = 0, mcr: int = CONNECTED, baud: int = 100_000) -> Consoled:
    b = Consoled(baud=baud, driver=False)
    b.uart.write(UartReg.MCR, mcr)
    b.uart.write(UartReg.IMR, mask)
    return b


def on_interrupt(b: Consoled, handler: object) -> list[int]:
    """Attaches a handler that also notes when it was called, ns after power-on."""
    times: list[int] = []

    def isr(_irq: int, _arg: object) -> None:
        times.append(b.clock.now_ns - S)
        handler()  # type: ignore[operator]

    b.kernel.irqs.attach(5, isr)
    b.kernel.irqs.enable(5)
    return times


def test_character_takes_ten_bit_times() -> None:
    with hardware() as b:
        b.uart.put(b"ab")
        b.later(CHAR - 1)
        assert b.heard == b""
        b.uart.read(UartReg.SR)
        b.later(1)
        assert b.uart.read(UartReg.SR) == 0
        assert b.heard == b"a"
        b.later(CHAR)
        assert b.heard == b"ab"
        assert b.uart.read(UartReg.SR) == UartSr.TX


def test_transmit_fifo_takes_sixteen_and_refills_as_it_sends() -> None:
    with hardware() as b:
        assert b.uart.put(b"x" * 20) == 16
        assert b.uart.put(b"x") == 0
        b.later(3 * CHAR)
        assert b.uart.put(b"yyyyy") == 3
        b.settle()
        assert b.heard == b"x" * 16 + b"yyy"
        assert b.clock.now_ns == S + 19 * CHAR


def test_transmit_interrupt_comes_when_the_last_character_has_left() -> None:
    with hardware(UartSr.TX) as b:
        b.uart.put(b"x" * 16)
        times = on_interrupt(b, lambda: b.uart.write(UartReg.IMR, 0))
        b.settle()
        assert times == [16 * CHAR]


def test_infinitely_fast_uart_sends_at_once() -> None:
    with hardware(baud=0) as b:
        assert b.uart.put(b"x" * 16) == 16
        assert b.uart.put(b"y" * 16) == 16
        assert b.heard == b"x" * 16 + b"y" * 16
        assert not b.uart.sending


def test_received_characters_arrive_one_by_one() -> None:
    with hardware() as b:
        b.uart.send(b"abc")
        b.later(2 * CHAR)
        assert b.uart.take(16) == (b"ab", b"\0\0")
        assert b.uart.out_waiting == 1
        b.settle()
        assert b.uart.take(16) == (b"c", b"\0")


def test_receive_interrupt_comes_at_half_full_and_when_the_line_is_idle() -> None:
    with hardware(UartSr.RX) as b:
        taken: list[bytes] = []
        times = on_interrupt(b, lambda: taken.append(b.uart.take(16)[0]))
        b.uart.send(bytes(range(11)))
        b.settle()
        assert times == [8 * CHAR, 11 * CHAR]
        assert taken == [bytes(range(8)), bytes(range(8, 11))]


def test_sender_with_handshake_waits_while_the_fifo_is_full() -> None:
    with hardware() as b:
        b.uart.send(bytes(range(40)))
        b.later(100 * CHAR)
        assert not b.uart.cts
        assert b.uart.out_waiting == 24
        assert b.uart.take(16)[0] == bytes(range(16))
        assert b.uart.cts
        b.later(100 * CHAR)
        assert b.uart.take(16)[0] == bytes(range(16, 32))
        b.later(100 * CHAR)
        assert b.uart.take(16)[0] == bytes(range(32, 40))
        assert b.uart.overruns == 0


def test_overrun_without_handshake_is_counted_and_marked() -> None:
    with hardware() as b:
        b.uart.handshake = False
        b.uart.send(bytes(range(20)))
        b.later(100 * CHAR)
        assert b.uart.overruns == 4
        assert b.uart.take(16) == (bytes(range(16)), bytes(16))
        b.uart.send(b"z")
        b.settle()
        assert b.uart.take(16) == (b"z", bytes([CharError.OVERRUN]))


def test_switching_the_handshake_off_lets_a_held_sender_go_on() -> None:
    with hardware() as b:
        b.uart.send(bytes(20))
        b.later(100 * CHAR)
        assert b.uart.out_waiting == 4
        b.uart.write(UartReg.MCR, UartMcr.RTS)
        b.later(4 * CHAR)
        assert b.uart.out_waiting == 0
        assert b.uart.overruns == 4


@pytest.mark.parametrize("error", [CharError.FRAMING, CharError.PARITY])
def test_line_errors_come_with_their_character(error: CharError) -> None:
    with hardware() as b:
        b.uart.send(b"a")
        b.uart.send(b"b", error)
        b.uart.send(b"c")
        b.settle()
        assert b.uart.take(16) == (b"abc", bytes([0, error, 0]))


def test_break_is_a_marked_nul() -> None:
    with hardware() as b:
        b.uart.send_break()
        b.settle()
        assert b.uart.take(16) == (b"\0", bytes([CharError.BREAK]))


def test_modem_lines_cross_over_and_interrupt_until_read() -> None:
    with hardware(UartSr.MODEM) as b:
        seen: list[int] = []
        times = on_interrupt(b, lambda: seen.append(b.uart.read(UartReg.MSR)))
        assert b.uart.dsr and b.uart.cts
        b.uart.dtr = True
        b.later(MS)
        b.uart.rts = True
        b.later(MS)
        b.uart.rts = True
        b.later(MS)
        assert seen == [UartMsr.DSR, UartMsr.DSR | UartMsr.CTS]
        assert times == [0, MS]


def test_purge_takes_back_what_has_not_arrived() -> None:
    with hardware() as b:
        b.uart.send(b"abcdef")
        b.later(2 * CHAR + CHAR // 2)
        b.uart.purge()
        b.settle()
        assert b.uart.take(16)[0] == b"ab"


def test_drained_is_called_once_everything_has_arrived() -> None:
    with hardware() as b:
        times: list[int] = []
        b.uart.on_drained.append(lambda: times.append(b.clock.now_ns - S))
        b.uart.send(b"abc")
        b.settle()
        b.uart.send(b"d")
        b.uart.send(b"e")
        b.settle()
        assert times == [3 * CHAR, 5 * CHAR]


def test_drained_is_called_also_when_the_cpu_looked_first() -> None:
    with hardware() as b:
        calls: list[bool] = []
        b.uart.on_drained.append(lambda: calls.append(True))
        b.uart.send(bytes(20))
        b.later(17 * CHAR)
        b.uart.take(16)
        b.later(4 * CHAR)
        assert b.uart.take(16)[0] == bytes(4)
        b.later(1)
        assert calls == [True]


def test_reset_empties_the_fifos_and_lowers_the_line() -> None:
    with hardware(UartSr.RX) as b:
        b.uart.send(b"abc")
        b.uart.put(b"xyz")
        b.later(10 * CHAR)
        b.uart.put(b"lost")
        b.uart.reset()
        b.settle()
        assert b.heard == b"xyz"
        assert b.uart.take(16) == (b"", b"")
        assert not b.uart.cts and not b.uart.dsr
        assert lib.irq_count(b.kernel.board, 5) == 0


def test_polled_output_is_heard_as_it_goes_and_reset_cuts_it_at_the_character() -> None:
    with hardware() as b:
        assert b.uart.put_polled(b"x" * 100) == 100 * CHAR
        b.later(40 * CHAR)
        assert 32 <= len(b.heard) <= 40
        b.uart.reset()
        b.settle()
        assert b.heard == b"x" * 40


def test_dead_line_swallows_what_is_sent() -> None:
    with hardware() as b:
        b.uart.send(b"abc")
        b.uart.power_off()
        b.uart.power_off()
        b.uart.send(b"abc")
        b.uart.send_break()
        b.uart.dtr = True
        b.uart.purge()
        assert b.uart.out_waiting == 0
        b.settle()
    b.uart.send(b"abc")  # nor does a closed bench mind
    b.uart.rts = True


def test_log_keeps_both_directions_with_the_time_of_each_line() -> None:
    with hardware() as b:
        b.uart.send(b"ls\r\n")
        b.uart.put(b"one\r\ntwo\x1b")
        b.settle()
        assert b.uart.log.text() == "[    1.000900] one\n[    1.000900] two\\x1b\n"
        assert b.uart.log.text(last=1) == "[    1.000900] two\\x1b\n"
        assert b.uart.log.text(last=0) == ""
        assert b.uart.log.text(sent=True).splitlines()[0] == "[    1.000000] < ls"
        assert b.uart.log.output() == b"one\r\ntwo\x1b"


def test_log_forgets_the_oldest_lines() -> None:
    from board.consolelog import ConsoleLog

    log = ConsoleLog(limit=1000)
    for i in range(1000):
        log.add(i, b"line %d\n" % i)
    log.add(1000, bytes(100_000))
    assert log.forgotten >= 900
    assert len(log.output()) <= 101_000
    log.add(1001, b"\nend\n")
    assert log.text().endswith("end\n")


def test_log_has_a_line_for_each_enter_that_was_sent() -> None:
    from board.consolelog import ConsoleLog

    log = ConsoleLog()
    for data in (b"ps\r", b"un", b"ame\r\n", b"a\rb\nc"):
        log.add(5, data, sent=True)
    lines = [line.split("] ")[1] for line in log.text(sent=True).splitlines()]
    assert lines == ["< ps", "< uname", "< a", "< b", "< c"]


def test_log_knows_the_latest_line_with_something_in_it() -> None:
    from board.consolelog import ConsoleLog

    log = ConsoleLog()
    assert log.last() is None
    log.add(1, b"nsh> ps\nnsh> ls\nbye\n")
    log.add(2, b"ls\r", sent=True)
    line = log.last(b"nsh> ")
    assert line is not None and bytes(line.data) == b"nsh> ls\n"
    typed = log.last(sent=True)
    assert typed is not None and (typed.time, bytes(typed.data)) == (2, b"ls\r")
    assert log.last(b"xyz") is None
