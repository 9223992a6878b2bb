"""The console for other threads than the bench's: pyserial's ReaderThread, a reader beside a writer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import serial
from consoled import PATIENCE, Consoled, live, serve, until
from serial.serialutil import PortNotOpenError, SerialException, SerialTimeoutException
from serial.threaded import LineReader, ReaderThread

from board import Bench, Board
from kernel.errors import BenchError
from lab import threadport
from lab.serialport import OUT_LIMIT
from lab.threadport import ThreadPort


def port_on(b: Consoled, **settings: Any) -> ThreadPort:
    settings.setdefault("timeout", PATIENCE)
    return ThreadPort(b.uart, "test", **settings)


def test_another_thread_writes_and_reads() -> None:
    with live() as b, port_on(b) as port:

        def client() -> bytes:
            port.write(b"hello\r")
            return port.read_until(b"\r\n")

        assert serve(b, client) == b"hello\r\n"


def test_pyserials_reader_thread_works_on_a_live_board() -> None:
    class Lines(LineReader):  # type: ignore[misc]
        def handle_line(self, line: str) -> None:
            lines.append(line)

    lines: list[str] = []
    with Board("sim", live=True) as b, ReaderThread(b.console.threaded(), Lines) as protocol:
        b.boot()
        protocol.write_line("echo from a thread")
        assert b.run_until(lambda: "from a thread" in lines, timeout=PATIENCE)


def test_the_boards_url_opens_for_another_thread() -> None:
    def client() -> bytes:
        with serial.serial_for_url(url, timeout=PATIENCE) as port:
            assert isinstance(port, ThreadPort)
            port.write(b"echo elsewhere\r")
            return port.read_until(b"\r\nelsewhere\r\n")

    with Board("sim", live=True) as b:
        url = b.console.url
        assert serve(b.bench, client).endswith(b"elsewhere\r\n")


def test_a_reader_waits_while_a_writer_sends_more_than_there_is_room_for() -> None:
    sent = bytes(32 + i % 90 for i in range(50_000))
    with live() as b, port_on(b) as port:

        def client() -> bytes:
            writer = threading.Thread(target=port.write, args=(sent,))
            writer.start()
            got = port.read(len(sent))
            writer.join()
            port.flush()
            return got

        assert serve(b, client) == sent
        assert port.lost == 0


def test_reads_end_at_the_timeout_with_what_there_is() -> None:
    with live() as b, port_on(b, timeout=0.05) as port:
        assert serve(b, lambda: port.read(5)) == b""

        def client() -> bytes:
            port.write(b"ab")
            return port.read(2) + port.read(5)

        assert serve(b, client) == b"ab"


def test_inter_byte_timeout_ends_a_read_after_a_gap() -> None:
    with live() as b, port_on(b, inter_byte_timeout=0.05) as port:

        def client() -> bytes:
            port.write(b"burst")
            return port.read(100)

        assert serve(b, client) == b"burst"


def test_polling_and_reading_all_that_is_there() -> None:
    with live() as b, port_on(b, timeout=0) as port:

        def client() -> bytes:
            assert port.read(10) == b""
            port.write(b"poll")
            while port.in_waiting < 4:
                time.sleep(0.001)
            return port.read_all() or b""

        assert serve(b, client) == b"poll"


def test_cancel_read_ends_a_read_that_waits() -> None:
    with live() as b, port_on(b, timeout=None) as port:

        def client() -> bytes:
            threading.Timer(0.05, port.cancel_read).start()
            return port.read(1)

        assert serve(b, client) == b""


def test_a_write_that_finds_no_room_times_out_or_is_cancelled() -> None:
    with Consoled(live=True) as b, port_on(b, write_timeout=0.05) as port:

        def times_out() -> None:
            with pytest.raises(SerialTimeoutException):
                port.write(b"x" * 20_000)

        def is_cancelled() -> None:
            port.write_timeout = None
            threading.Timer(0.05, port.cancel_write).start()
            with pytest.raises(SerialTimeoutException):
                port.write(b"x" * 20_000)
            assert port.out_waiting <= OUT_LIMIT
            port.reset_output_buffer()
            port.flush()
            assert port.out_waiting == 0

        serve(b, times_out)
        serve(b, is_cancelled)


def test_lines_and_break_reach_the_board() -> None:
    with live() as b, port_on(b) as port:

        def client() -> None:
            assert port.cts and port.dsr and port.cd and not port.ri
            port.rts = False
            port.dtr = False
            port.send_break(0.01)
            port.reset_input_buffer()

        serve(b, client)
        until(b, lambda: b.console.breaks == 1)  # the last of what was posted to the bench
        assert not b.uart.rts and not b.uart.dtr


def test_dtr_resets_the_board() -> None:
    def client() -> bytes:
        port.read_until(b"nsh> ")
        port.dtr = False
        port.dtr = True
        return port.read_until(b"nsh> ")

    with Board("sim", live=True) as b, b.console.threaded(timeout=PATIENCE) as port:
        kernel = b.kernel
        assert b"NuttShell" in serve(b.bench, client)
        assert b.kernel is not kernel


def test_closing_the_bench_ends_a_read_that_waits() -> None:
    errors: list[BaseException] = []

    def reader(port: ThreadPort) -> None:
        try:
            port.timeout = None
            while True:
                port.read(1)
        except SerialException as error:
            errors.append(error)

    with Bench(live=True) as bench:
        b = bench.board("b")
        port = b.console.threaded()
        thread = threading.Thread(target=reader, args=(port,))
        thread.start()
        bench.run(0.05)
    thread.join(PATIENCE)
    assert errors and not thread.is_alive()
    with pytest.raises(PortNotOpenError):
        port.read(1)


def test_a_call_after_the_end_of_the_bench_is_pyserials_exception() -> None:
    errors: list[BaseException] = []

    def client() -> None:
        try:
            port.rts = False
        except SerialException as error:
            errors.append(error)

    with Bench(live=True) as bench:
        port = ThreadPort(bench.board("b").uart, "b")
        bench.boot()
    thread = threading.Thread(target=client)
    thread.start()
    thread.join()
    assert "the bench is closed" in str(errors[0])


def test_the_benchs_own_thread_is_told_that_it_would_wait_for_itself() -> None:
    with live() as b, port_on(b) as port:
        for call in (lambda: port.read(1), port.flush):
            with pytest.raises(BenchError, match=r"for other threads.*open\(\)"):
                call()


def test_lockstep_is_refused() -> None:
    with Board("sim") as b:
        with pytest.raises(BenchError, match="live=True"):
            b.console.threaded()
        errors: list[BaseException] = []

        def opener() -> None:
            try:
                serial.serial_for_url(url)
            except SerialException as error:
                errors.append(error)

        url = b.console.url
        thread = threading.Thread(target=opener)
        thread.start()
        thread.join()
        assert "lockstep, on another thread" in str(errors[0])


def test_a_bench_that_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadport, "PATIENCE", 0.1)
    errors: list[BaseException] = []

    def client(port: ThreadPort) -> None:
        try:
            _ = port.cts
        except SerialException as error:
            errors.append(error)

    with live() as b, port_on(b) as port:
        b.later(1)
        thread = threading.Thread(target=client, args=(port,))
        thread.start()
        thread.join()
        assert "does not let time pass" in str(errors[0])


def test_text_is_refused() -> None:
    with live() as b, port_on(b) as port:

        def client() -> None:
            with pytest.raises(TypeError, match="takes bytes"):
                port.write("text")

        serve(b, client)


def test_a_call_that_was_given_up_is_not_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadport, "PATIENCE", 0.1)
    errors: list[BaseException] = []

    def client(port: ThreadPort) -> None:
        try:
            port.open()
        except SerialException as error:
            errors.append(error)

    with live() as b:
        b.later(1)
        port = port_on(b, exclusive=True)
        port.close()
        listeners = list(b.uart.listeners)
        thread = threading.Thread(target=client, args=(port,))
        thread.start()
        thread.join()
        assert "does not let time pass" in str(errors[0]) and not port.is_open
        later: list[bool] = []
        b.clock.post(lambda: later.append(True))
        until(b, lambda: bool(later))
        assert b.uart.listeners == listeners and b.uart.claimed_by is None


def test_a_write_timeout_of_0_sends_what_there_is_room_for() -> None:
    with Consoled(live=True) as b, port_on(b, write_timeout=0) as port:

        def client() -> None:
            sent = port.write(b"x" * 20_000)
            assert 0 < sent < 20_000
            while port.write(b"x"):
                pass

        serve(b, client)


def test_cancel_write_does_no_harm_to_a_write_that_need_not_wait() -> None:
    with live() as b, port_on(b) as port:

        def client() -> int:
            port.cancel_write()
            return port.write(b"hello\r")

        assert serve(b, client) == 6


def test_a_negative_size_reads_nothing() -> None:
    with live() as b, port_on(b) as port:

        def client() -> bytes:
            port.write(b"hello\r")
            port.read(1)
            return port.read(-1) + port.read_until(b"\r\n")

        assert serve(b, client) == b"ello\r\n"
