"""The command nutloop: what it prints and how it ends."""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from scapy.utils import PcapNgReader

from board.config import Config
from lab import run
from lab.cli import FAILED, NO_START, OK, USAGE, main
from lab.terminal import port_name

PATIENCE = 30.0  # host seconds; only a failing test waits so long

Nutloop = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def nutloop(tmp_path: Path) -> Iterator[Nutloop]:
    """Starts the command in a process of its own, away from the checkout."""
    started = []

    def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.cli", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            **(dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[bytes]) -> str:
    """Its next line of output."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE)[0]
    return process.stdout.readline().decode()


def bytes_in(fd: int) -> int:
    """Bytes of a pipe that nobody has read."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def exit_code(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_the_demo_shows_a_board_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("demo") == OK
    text = capsys.readouterr().out
    assert "NuttShell (NSH)" in text and "nsh> ps" in text and "lpwork" in text
    assert "> 10.0.1.2 echo-request 0" in text and "> 10.0.1.1 echo-reply 0" in text
    assert text.count("hello, board") == 2
    assert "yes; that hour took" in text
    assert max(map(len, text.splitlines())) <= 150


def test_the_demo_does_without_scapy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "scapy" or n in ("lab.wire", "lab.wireview")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scapy", None)
    assert exit_code("demo") == OK
    text = capsys.readouterr().out
    assert "scapy is not installed" in text and "ICMP echo reply from 10.0.1.2" in text


def test_boards_lists_the_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("boards") == OK
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()[::2]] == ["sim", "sim-console", "smp4", "stm32f7"]
    assert "4 CPUs" in text and "1024 IOBs of" in text


@pytest.mark.parametrize("profile", ["sim", "sim-console", "smp4", "stm32f7"])
def test_options_prints_a_configuration_that_is_the_boards(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("options", "--profile", profile) == OK
    file = tmp_path / "config"
    file.write_text(capsys.readouterr().out)
    assert dict(Config(str(file))) == dict(Config(profile))


def test_options_looks_in_names_and_meanings_and_shows_what_was_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("options", "CONFIG_IOB_N", "workers", "--set", "IOB_NBUFFERS=36") == OK
    lines = capsys.readouterr().out.splitlines()
    assert "CONFIG_IOB_NBUFFERS=36" in lines and "CONFIG_SCHED_LPNTHREADS=1" in lines
    assert not any("NSH" in line for line in lines)


def test_options_fails_if_there_is_no_such_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("options", "warp") == FAILED
    assert "no option has warp" in capsys.readouterr().err
    assert exit_code("options", "--set", "WARP=9") == NO_START
    assert "nutloop options" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["demo", "run", "console", "boards", "options"])
def test_help_has_two_examples_and_the_exit_codes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(verb, "--help") == OK
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    assert examples.partition("\n\n")[0].count("nutloop " + verb) == 2
    assert "3 the board cannot start" in examples


def test_version_names_what_it_works_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == OK
    text = capsys.readouterr().out
    assert text.startswith("nutloop ") and "scapy 2" in text and "pyserial 3" in text


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("run", "--set", "X"),
        ("run", "--console", "tty"),
        ("run", "--console", "stdio:x"),
        ("run", "--console", "rfc2217:-1"),
        ("run", "--console", "rfc2217:x"),
        ("run", "--console", "rfc2217:65536"),
        ("run", "--", "--raw"),
        ("console", "one", "two"),
        ("demo", "x"),
    ],
)
def test_a_wrong_usage_is_2(arguments: tuple[str, ...]) -> None:
    assert exit_code(*arguments) == USAGE


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--set", "IOB_NBUFFER=4"), "did you mean IOB_NBUFFERS"),
        (("--set", "IOB_NBUFFERS=4", "--set", "IOB_THROTTLE=9"), "IOB_THROTTLE"),
        (("--profile", "stm32"), "give one of sim"),
        (("--config", "/no/such/file"), "/no/such/file"),
        (("--config", sys.executable), "it is not text; is this a NuttX .config?"),
        (("--capture", "/nope/x"), "nutloop: cannot write the capture /nope/x: No such file or directory\n"),
        (("--tap", "an-interface-name-that-is-too-long"), "TAP an-interface-name-that-is-too-long"),
    ],
)
def test_a_board_that_cannot_start_is_3_and_says_why(
    arguments: tuple[str, ...], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("run", *arguments) == NO_START
    captured = capsys.readouterr()
    assert captured.err.startswith("nutloop: ") and hint in captured.err
    assert captured.out == ""


def test_a_core_that_is_not_built_is_3_and_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "kernel.core", raising=False)
    monkeypatch.setitem(sys.modules, "kernel._core", None)
    assert exit_code("demo") == NO_START
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "make core" in error


def test_run_serves_a_script_on_its_standard_input(nutloop: Nutloop, tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    process = nutloop("run", "--set", "IOB_NBUFFERS=40", "--capture", str(path))
    out, err = process.communicate(b"cat /proc/iobinfo\nping -c 1 -W 10 10.0.1.1\npoweroff\n", PATIENCE)
    assert (process.returncode, err) == (OK, b"")
    assert b"NuttShell" in out and b"        40" in out
    assert b"1 packets transmitted, 1 received" in out
    assert len(PcapNgReader(str(path)).read_all()) >= 3


def test_run_on_a_pty_talks_to_pyserial_and_ends_with_ctrl_c(nutloop: Nutloop) -> None:
    process = nutloop("run", "--console", "pty")
    line = line_of(process)
    assert line.startswith("console on ") and "Ctrl-C" in line
    with serial.Serial(line.split()[2].rstrip(";"), timeout=PATIENCE) as port:
        port.write(b"\n")
        assert port.read_until(b"nsh> ").endswith(b"nsh> ")
        port.write(b"uname\n")
        assert b"NuttX" in port.read_until(b"NuttX")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == OK


def test_run_serves_rfc2217_clients_and_resets_by_dtr(nutloop: Nutloop) -> None:
    process = nutloop("run", "--console", "rfc2217")
    line = line_of(process)
    assert line.startswith("console on rfc2217://127.0.0.1:")
    with serial.serial_for_url(line.split()[2].rstrip(";"), timeout=PATIENCE) as port:
        port.write(b"\n")
        assert port.read_until(b"nsh> ").endswith(b"nsh> ")
        port.dtr = False
        port.dtr = True
        assert port.read_until(b"NuttShell").endswith(b"NuttShell")
        port.read_until(b"nsh> ")
        port.write(b"poweroff\n")
        assert process.wait(PATIENCE) == OK


def test_run_makes_the_link_that_it_is_told_to(nutloop: Nutloop, tmp_path: Path) -> None:
    process = nutloop("run", "--console", "pty:here")
    assert line_of(process) == "console on here; end with Ctrl-C\n"
    assert (tmp_path / "here").is_symlink()
    second = nutloop("run", "--console", "pty:here")
    assert b"here exists already" in second.communicate(timeout=PATIENCE)[1] and second.returncode == NO_START
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == OK and not (tmp_path / "here").is_symlink()


def test_a_port_that_is_taken_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert exit_code("run", "--console", f"rfc2217:{server.getsockname()[1]}") == NO_START
    assert "cannot be had: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("reset", [True, False])
def test_a_crash_with_an_rfc2217_console_waits_for_dtr(
    reset: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from board import Board

    def handler(_irq: int, _arg: object) -> None:
        raise RuntimeError("bad handler")

    def client(board: Board, url: str) -> None:
        with serial.serial_for_url(url, timeout=PATIENCE) as port:
            port.write(b"x")
            give_up = time.monotonic() + PATIENCE
            while board.kernel.panic is None and time.monotonic() < give_up:
                time.sleep(0.01)
            if not reset:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            port.dtr = False
            port.dtr = True
            port.read_until(b"nsh> ")
            port.write(b"poweroff\r")
            port.read_until(b"poweroff")

    clients: list[threading.Thread] = []
    attach = run._attach

    def attach_and_break(board: Board, arguments: argparse.Namespace) -> Any:
        console = attach(board, arguments)
        board.kernel.irqs.attach(board.uart.irq, handler)
        url = capsys.readouterr().out.split()[2].rstrip(";")
        clients.append(threading.Thread(target=client, args=(board, url)))
        clients[0].start()
        return console

    monkeypatch.setattr(run, "_attach", attach_and_break)
    assert exit_code("run", "--console", "rfc2217") == (OK if reset else FAILED)
    clients[0].join()
    error = capsys.readouterr().err
    assert "the console's DTR resets it" in error and "bad handler" in error
    assert ("the run failed" in error) == (not reset)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("nutloop://board", "a board of another process has to offer its console"),
        ("nosuch", "no board 'nosuch': give one of sim, sim-console, smp4, stm32f7, the path of"),
        ("sim", "miniterm needs a terminal"),
    ],
)
def test_console_says_what_it_cannot_do(nutloop: Nutloop, where: str, why: str) -> None:
    process = nutloop("console", where)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == NO_START and why in error.decode()


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("sim", "nutloop://new/sim?live=1"),
        ("/dev/pts/3", "/dev/pts/3"),
        ("rfc2217://127.0.0.1:2217", "rfc2217://127.0.0.1:2217"),
        ("nutloop://new/stm32f7?seed=3", "nutloop://new/stm32f7?seed=3&live=1"),
        ("nutloop://new", "nutloop://new?live=1"),
    ],
)
def test_console_knows_what_to_open(where: str, name: str) -> None:
    assert port_name(where) == name


def test_console_takes_a_configuration_for_a_board_wherever_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "my board.config"
    path.write_text('CONFIG_NSH_PROMPT_STRING="mine> "\n')
    with serial.serial_for_url(port_name(str(path)), timeout=PATIENCE) as port:
        assert port.read_until(b"mine> ").endswith(b"mine> ")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_terminated_takes_its_terminals_link_away(nutloop: Nutloop, signum: int) -> None:
    process = nutloop("run", "--console", "pty")
    link = Path(line_of(process).split()[2].rstrip(";"))
    assert link.is_symlink()
    process.send_signal(signum)
    assert process.wait(PATIENCE) == OK
    assert not link.is_symlink() and not link.parent.exists()


def test_a_crash_is_told_on_the_pty_to_its_end_before_the_run_fails(nutloop: Nutloop) -> None:
    process = nutloop("run", "--console", "pty", "--set", "TTY_FORCE_PANIC=y")
    with serial.Serial(line_of(process).split()[2].rstrip(";"), timeout=PATIENCE) as port:
        port.write(b"\r")
        port.read_until(b"nsh> ")
        port.write(b"\x1f")
        dump = port.read_until(b"Idle_Task") + port.read_until(b"nsh_main")
        assert b"Assertion failed" in dump and dump.endswith(b"nsh_main")
    assert process.wait(PATIENCE) == FAILED


def test_sigterm_ends_a_background_job_which_ignores_ctrl_c(nutloop: Nutloop) -> None:
    process = nutloop("run", "--console", "pty", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    line_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == OK


def test_a_run_ends_when_its_input_has_ended_and_all_of_it_is_done(nutloop: Nutloop) -> None:
    process = nutloop("run")
    out, err = process.communicate(b"uname\nsleep 1\nping -c 1 127.0.0.1\n", timeout=PATIENCE)
    assert (process.returncode, err) == (OK, b"")
    assert b"NuttX" in out and b"1 received" in out


@pytest.mark.parametrize("script", [b"hello &\n", b"uname &\n", b"ping -c 2 -i 10 127.0.0.1 &\n"])
def test_a_run_ends_well_although_a_background_job_printed_behind_the_prompt(nutloop: Nutloop, script: bytes) -> None:
    process = nutloop("run")
    out, err = process.communicate(script, timeout=PATIENCE)
    assert (process.returncode, err) == (OK, b"")
    assert b"nsh> " not in out.rpartition(b"\n")[2]


def test_a_run_whose_input_ends_while_a_command_wants_more_has_failed(nutloop: Nutloop) -> None:
    process = nutloop("run")
    out, err = process.communicate(b"cat\nuname\n", timeout=PATIENCE)
    assert process.returncode == FAILED
    assert out.endswith(b"cat\r\nuname\r\nuname\r\n")
    assert b"the input has ended, and what runs in the foreground (nsh_main) waits for more" in err


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_run_whose_output_nobody_reads(nutloop: Nutloop, signum: int) -> None:
    process = nutloop("run")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"cat /dev/zero\n")
    process.stdin.flush()
    before, waiting = -1, 0
    while waiting < 10_000 or waiting != before:  # until the pipe is full
        time.sleep(0.05)
        before, waiting = waiting, bytes_in(process.stdout.fileno())
    process.send_signal(signum)
    assert process.wait(PATIENCE) == OK


def test_ctrl_c_twice_is_ctrl_c_once(nutloop: Nutloop) -> None:
    process = nutloop("run", "--console", "pty")
    line_of(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.003)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == OK


def test_a_run_ends_with_its_shell(nutloop: Nutloop) -> None:
    process = nutloop("run")
    assert process.stdin is not None
    process.stdin.write(b"exit\n")
    process.stdin.flush()
    assert process.wait(PATIENCE) == OK


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("boards",), ("--version",), ("run", "--console", "pty")])
def test_output_that_cannot_be_written_is_said(nutloop: Nutloop, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        process = nutloop(*arguments, stdout=full)
        _, error = process.communicate(timeout=PATIENCE)
    assert error == b"nutloop: standard output cannot be written: No space left on device\n"
    assert process.returncode == FAILED


@pytest.mark.parametrize("arguments", [("boards",), ("--version",), ("run", "--console", "pty")])
def test_output_that_nobody_reads_is_nothing_to_talk_about(nutloop: Nutloop, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = nutloop(*arguments, stdout=writer)
    os.close(writer)
    assert process.communicate(timeout=PATIENCE)[1] == b"" and process.returncode == FAILED


def test_closed_standard_streams_are_dev_null(nutloop: Nutloop) -> None:
    process = nutloop("run", preexec_fn=lambda: [os.close(fd) for fd in (0, 1)])
    assert process.wait(PATIENCE) == OK


def test_run_reports_what_went_wrong_and_fails_if_the_board_did(
    nutloop: Nutloop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from board import Board
    from kernel.errors import Panic

    def crash(board: Board, *_: object) -> bool:
        board.kernel.report("the battery is low")
        raise Panic("board crashed in a test")

    monkeypatch.setattr(Board, "run_until", crash)
    assert exit_code("run", "--console", "pty") == FAILED
    error = capsys.readouterr().err
    assert "report: [1.000000] the battery is low" in error
    assert "the run failed: board crashed in a test" in error
