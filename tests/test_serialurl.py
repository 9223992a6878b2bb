"""nutloop:// URLs, as pyserial's serial_for_url() opens them."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
import serial
from consoled import PATIENCE
from serial.serialutil import PortNotOpenError, SerialException

from board import Bench, Board
from lab.console import ConsolePort
from lab.threadport import ThreadPort

ROOT = Path(__file__).parent.parent


def prompt(port: Any) -> bytes:
    """What comes up to the shell's next prompt."""
    text: bytes = port.read_until(b"nsh> ")
    assert text.endswith(b"nsh> ")
    return text


def names_of_url_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("nutloop board")]


# A board that is there


def test_a_boards_url_opens_its_console() -> None:
    with Board("sim", name="dut") as b, serial.serial_for_url("nutloop://dut", timeout=10) as port:
        assert isinstance(port, ConsolePort)
        assert port.name == port.port == b.console.url == "nutloop://dut"
        assert b"NuttShell" in prompt(port)
        port.write(b"echo by url\r")
        assert b"\r\nby url\r\n" in prompt(port)


def test_a_boards_name_is_enough_and_names_are_quoted() -> None:
    with Board("sim", name="my board/1") as b:
        assert b.console.url == "nutloop://my%20board%2F1"
        for url in (b.console.url, "nutloop://my board%2f1"):
            with serial.serial_for_url(url, timeout=10) as port:
                port.write(b"\r")
                prompt(port)


def test_boards_of_one_name_have_numbers() -> None:
    with Board("sim", name="twin") as one:
        assert one.console.url == "nutloop://twin"
        with Board("sim", name="twin") as two:
            urls = [one.console.url, two.console.url]
            assert all(re.fullmatch(r"nutloop://twin\?n=\d+", url) for url in urls) and urls[0] != urls[1]
            with pytest.raises(SerialException, match=re.escape(f"several boards have that name: {', '.join(urls)}")):
                serial.serial_for_url("nutloop://twin")
            first, second = (serial.serial_for_url(url, timeout=10) for url in urls)
            prompt(first), prompt(second)
            first.write(b"echo first\r")
            second.write(b"echo second\r")
            prompt(first), prompt(second)
            assert b"first" in one.uart.log.output() and b"first" not in two.uart.log.output()
        assert one.console.url == "nutloop://twin"


def test_boards_of_one_bench_have_their_own_names() -> None:
    with Bench() as bench:
        boards = [bench.board("left"), bench.board("right"), bench.board("a b/c"), bench.board("new")]
        urls = [b.console.url for b in boards]
        assert urls[:3] == ["nutloop://left", "nutloop://right", "nutloop://a%20b%2Fc"]
        assert urls[3].startswith("nutloop://new?n=")
        ports = [serial.serial_for_url(url, timeout=10) for url in urls]
        for b, port in zip(boards, ports, strict=True):
            prompt(port)
            port.write(b"echo at %b\r" % b.name.encode())
            prompt(port)
        for b in boards:
            assert [f"at {other.name}" in b.uart.log.text() for other in boards].count(True) == 1
            assert f"at {b.name}" in b.uart.log.text()


def test_a_closed_boards_url_is_refused_and_its_name_is_free_again() -> None:
    with Board("sim", name="once") as b:
        url = b.console.url
    with pytest.raises(SerialException, match=r"nutloop://once: no such board in this process"):
        serial.serial_for_url(url)
    with Board("sim", name="once") as again:
        assert again.console.url == url


def test_an_unknown_name_says_which_there_are() -> None:
    with Board("sim", name="known"):
        with pytest.raises(SerialException, match=r"there is: .*known"):
            serial.serial_for_url("nutloop://unknown")
        with pytest.raises(SerialException, match=r"NAME\?n=NUMBER"):
            serial.serial_for_url("nutloop://known?seed=3")
        with pytest.raises(SerialException, match="no such board"):
            serial.serial_for_url("nutloop://known?n=1000000")


def test_closing_the_bench_closes_the_ports_that_urls_opened() -> None:
    with Board("sim") as b:
        port = serial.serial_for_url(b.console.url)
    assert not port.is_open
    with pytest.raises(PortNotOpenError):
        port.read(1)


def test_a_url_keeps_no_board_alive() -> None:
    b = Board("sim", name="mortal")
    gone = weakref.ref(b)
    b.close()
    del b
    gc.collect()
    assert gone() is None


def test_a_board_boots_without_pyserial_which_knows_its_url_all_the_same() -> None:
    script = (
        "b = Board('sim'); b.boot(); {check}\n"
        "import serial; port = serial.serial_for_url('nutloop://board', timeout=5); port.write(b'\\r')\n"
        "assert port.read_until(b'nsh> ').endswith(b'nsh> ')"
    )
    before = "import sys; from board import Board\n" + script.format(check="assert 'serial' not in sys.modules")
    after = "import serial; from board import Board\n" + script.format(check="pass")
    for text in (before, after):
        subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, timeout=60)


# A board of one's own


def test_new_makes_a_board_that_lives_while_the_port_is_open() -> None:
    port = serial.serial_for_url("nutloop://new/stm32f7?IOB_NBUFFERS=50&IOB_THROTTLE=10&seed=7", timeout=10)
    prompt(port)
    port.write(b"cat /proc/iobinfo\r")
    assert b"        50" in prompt(port)
    first = port._uart
    port.close()
    with pytest.raises(PortNotOpenError):
        port.read(1)
    port.open()
    assert b"NuttShell" in prompt(port)
    assert port._uart is not first and port._uart.log.output().count(b"NuttShell") == 1
    port.close()


def test_new_runs_in_virtual_time() -> None:
    with serial.serial_for_url("nutloop://new", timeout=10_000) as port:
        prompt(port)
        port.write(b"sleep 5000\r")
        prompt(port)
        port.timeout = None
        assert port.read(1) == b"\x1b" or port.read(100) == b""


def test_new_takes_a_nuttx_configuration(tmp_path: Path) -> None:
    config = tmp_path / "defconfig"
    config.write_text('CONFIG_NSH_PROMPT_STRING="mine> "\nCONFIG_NSH_LINELEN=80\n')
    with serial.serial_for_url(f"nutloop://new/sim?config={config}", timeout=10) as port:
        assert port.read_until(b"mine> ").endswith(b"mine> ")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nutloop://new/stm32", "give one of sim"),
        ("nutloop://new//no%20such/file", "no profile and no file '/no such/file'"),
        ("nutloop://new/sim?IOB_NBUFFER=4", "did you mean IOB_NBUFFERS"),
        ("nutloop://new/sim?IOB_NBUFFERS=4&IOB_THROTTLE=9", "IOB_THROTTLE"),
        ("nutloop://new/sim?sed=1", "no option sed; there is seed, live, config"),
        ("nutloop://new/sim?seed=x", "seed=x is no number"),
        ("nutloop://new/sim?config=/no/such/file", "/no/such/file"),
        ("nutloop://new/stm32?live=1", "give one of sim"),
    ],
)
def test_a_board_that_cannot_be_made_is_a_serial_exception_that_says_why(url: str, why: str) -> None:
    with pytest.raises(SerialException, match=why):
        serial.serial_for_url(url)
    assert not names_of_url_threads()


def test_a_live_board_runs_by_itself_and_any_thread_reads() -> None:
    with serial.serial_for_url("nutloop://new/sim?live=1", timeout=PATIENCE) as port:
        assert isinstance(port, ThreadPort)
        assert b"NuttShell" in prompt(port)
        texts: list[bytes] = []
        port.write(b"echo live\r")
        reader = threading.Thread(target=lambda: texts.append(prompt(port)))
        reader.start()
        reader.join()
        assert b"\r\nlive\r\n" in texts[0]
    assert not names_of_url_threads()


def test_a_live_board_that_crashes_can_be_reset() -> None:
    with serial.serial_for_url("nutloop://new/sim?live=1", timeout=PATIENCE) as port:
        prompt(port)
        board = port._uart.on_reset.__self__

        def handler(_irq: int, _arg: object) -> None:
            raise RuntimeError("bad handler")

        board.bench.clock.post(lambda: board.kernel.irqs.attach(board.uart.irq, handler))
        port.write(b"x")
        give_up = time.monotonic() + PATIENCE
        while board.kernel.panic is None and time.monotonic() < give_up:
            time.sleep(0.01)
        assert board.kernel.panic is not None
        port.dtr = False
        port.dtr = True
        assert b"NuttShell" in port.read_until(b"NuttShell")
        prompt(port)


# What pyserial lets one do with a port


def test_a_port_can_be_set_up_before_it_is_opened() -> None:
    port = serial.serial_for_url("nutloop://new/sim", 57600, 7, "E", timeout=3, do_not_open=True)
    assert (port.baudrate, port.bytesize, port.parity, port.timeout, port.is_open) == (57600, 7, "E", 3, False)
    for call in (lambda: port.read(1), lambda: port.write(b"x"), port.flush, port.send_break, lambda: port.cts):
        with pytest.raises(PortNotOpenError):
            call()
    port.cancel_read()
    port.cancel_write()
    port.close()
    port.dtr = False
    with port:
        assert port.is_open and not port._uart.dtr
        prompt(port)


def test_settings_are_saved_and_applied() -> None:
    with Board("sim") as b:
        one = serial.serial_for_url(b.console.url, timeout=3, write_timeout=4, inter_byte_timeout=0.5, rtscts=True)
        two = serial.serial_for_url(b.console.url)
        two.apply_settings(one.get_settings())
        assert two.get_settings() == one.get_settings()
        assert (two.timeout, two.write_timeout, two.inter_byte_timeout) == (3, 4, 0.5)
        two.rs485_mode = None


def test_lines_are_read_in_every_way_there_is() -> None:
    with Board("sim") as b, serial.serial_for_url(b.console.url, timeout=1) as port:
        prompt(port)
        port.write(b"echo 1; echo 2; echo 3; echo 4; echo 5\r")
        assert port.readline().endswith(b"echo 5\r\n")
        assert next(port) == b"1\r\n"
        assert port.read_until() == b"2\r\n"
        assert next(iter(port.iread_until(b"\n"))) == b"3\r\n"
        buffer = bytearray(3)
        assert port.readinto(buffer) == 3 and buffer == b"4\r\n"
        assert port.readlines(1) == [b"5\r\n"]
        port.reset_input_buffer()
        port.write(b"\r")
        assert port.read_all() is not None
        assert not port.seekable()


def test_exclusive_keeps_other_exclusive_ports_out() -> None:
    with Board("sim") as b:
        first = serial.serial_for_url(b.console.url, exclusive=True)
        with pytest.raises(SerialException, match="alone"):
            serial.serial_for_url(b.console.url, exclusive=True)
        other = serial.serial_for_url(b.console.url)
        with pytest.raises(SerialException, match="alone"):
            other.exclusive = True
        first.close()
        other.exclusive = True
        other.exclusive = False
        with serial.serial_for_url(b.console.url, exclusive=True, do_not_open=True) as third:
            assert third.exclusive


def test_without_rtscts_the_line_has_three_wires() -> None:
    with Board("stm32f7") as b:
        port = serial.serial_for_url(b.console.url, rtscts=False, timeout=1)
        assert not b.uart.handshake
        port.rtscts = True
        assert b.uart.handshake


def test_importing_board_is_enough_for_pyserial_to_know_the_protocol() -> None:
    text = (
        "import board, sys; assert 'serial' not in sys.modules; import serial;"
        " port = serial.serial_for_url('nutloop://new/sim', timeout=1); assert port.read_until(b'nsh> '); port.close()"
    )
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, timeout=60)
