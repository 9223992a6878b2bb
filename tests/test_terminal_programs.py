"""Real terminal programs on the console: pexpect as frameworks use it, picocom and miniterm in a terminal of tmux's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consoled import PATIENCE, serve

from board import Bench, Board
from lab.livethread import LiveThread

ROOT = Path(__file__).parent.parent
NUTLOOP = [sys.executable, "-m", "lab.cli"]
PROMPT = "nsh> "


@pytest.fixture
def pexpect() -> Any:
    """The module; skips the test where it is not installed."""
    return pytest.importorskip("pexpect", reason="pexpect is not installed")


def environment() -> dict[str, str]:
    """For programs of ours that run elsewhere."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]), "TERM": "xterm"}


@pytest.fixture
def spawn(pexpect: Any) -> Iterator[Callable[..., Any]]:
    """Starts nutloop on a terminal of pexpect's, as a framework starts a simulator."""
    started = []

    def start(*arguments: str) -> Any:
        child = pexpect.spawn(
            NUTLOOP[0], [*NUTLOOP[1:], *arguments], env=environment(), timeout=PATIENCE, encoding="utf-8"
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


# pexpect


def test_pexpect_drives_a_run_as_a_framework_does(spawn: Callable[..., Any]) -> None:
    child = spawn("run")
    child.expect_exact(PROMPT)
    child.sendline("uname -s")
    child.expect(r"\nNuttX\r\n")
    child.expect_exact(PROMPT)
    child.send("sleep 100\r")
    child.expect_exact("sleep 100")
    child.sendcontrol("c")
    child.expect_exact(PROMPT)
    child.sendline("poweroff")
    child.wait()
    assert child.exitstatus == 0


def test_pexpect_leaves_a_run_by_its_escape_key(pexpect: Any, spawn: Callable[..., Any]) -> None:
    child = spawn("run", "--profile", "stm32f7")
    child.expect_exact(PROMPT)
    child.sendcontrol("]")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


def test_pexpect_terminates_a_run(pexpect: Any, spawn: Callable[..., Any]) -> None:
    child = spawn("run")
    child.expect_exact(PROMPT)
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_console_that_is_terminated_puts_the_terminal_back(spawn: Callable[..., Any], signum: int) -> None:
    child = spawn("console", "sim")
    before = termios.tcgetattr(child.child_fd)
    child.expect_exact(PROMPT)
    give_up = time.monotonic() + PATIENCE
    while termios.tcgetattr(child.child_fd) == before and time.monotonic() < give_up:
        time.sleep(0.01)
    assert termios.tcgetattr(child.child_fd) != before
    child.kill(signum)
    child.wait()
    assert child.signalstatus == signum
    assert termios.tcgetattr(child.child_fd) == before


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("verb", ["run", "console"])
def test_a_command_that_was_stopped_takes_its_terminal_again(pexpect: Any, verb: str) -> None:
    with pexpect.spawn("bash", ["--norc"], env=environment(), timeout=PATIENCE, encoding="utf-8") as shell:
        shell.sendline(f"(echo pid $BASHPID; exec {' '.join(NUTLOOP)} {verb})")
        shell.expect(r"pid (\d+)\r")
        pid = int(shell.match.group(1))
        shell.expect_exact(PROMPT)
        shell.send("echo on''ce\r")  # the terminal may have become raw a moment after the prompt
        shell.expect_exact("\nonce")
        raw = termios.tcgetattr(shell.child_fd)
        os.kill(pid, signal.SIGTSTP)
        shell.expect_exact("Stopped")
        assert termios.tcgetattr(shell.child_fd) != raw
        shell.sendline("fg")
        shell.expect_exact("lab.cli")
        give_up = time.monotonic() + PATIENCE
        while termios.tcgetattr(shell.child_fd) != raw and time.monotonic() < give_up:
            time.sleep(0.01)
        shell.send("echo b''ack\r")
        shell.expect_exact("\nback")
        assert termios.tcgetattr(shell.child_fd) == raw
        shell.sendcontrol("]")
        shell.sendline("exit")
        shell.expect(pexpect.EOF)


def test_a_run_on_pipes_ends_with_its_input(pexpect: Any) -> None:
    from pexpect.popen_spawn import PopenSpawn

    child = PopenSpawn([*NUTLOOP, "run"], env=environment(), timeout=PATIENCE, encoding="utf-8")
    child.expect_exact(PROMPT)
    child.sendline("echo over a pipe")
    child.expect_exact("\nover a pipe")
    child.sendeof()
    child.expect(pexpect.EOF)
    assert child.wait() == 0


def test_pexpect_drives_the_pty_of_a_live_board(pexpect: Any) -> None:
    from pexpect.fdpexpect import fdspawn

    def client() -> None:
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        child = fdspawn(fd, timeout=PATIENCE, encoding="utf-8")
        child.send("\r")
        child.expect_exact(PROMPT)
        for line_end in ("\r", "\n", "\r\n"):
            child.send(f"echo ended by {line_end!r}{line_end}")
            child.expect_exact("\nended by ")
            child.expect_exact(PROMPT)
        child.send("echo half a li")
        child.close()

    with Board("sim", live=True) as b:
        link = b.console.pty()
        serve(b.bench, client)
        serve(b.bench, client)


def test_pexpect_talks_to_several_boards_at_once(pexpect: Any) -> None:
    from pexpect.fdpexpect import fdspawn

    with Bench(live=True) as bench:
        boards = [bench.board(f"b{i}") for i in range(4)]
        links = [b.console.pty() for b in boards]

        def client() -> None:
            children = [fdspawn(os.open(link, os.O_RDWR | os.O_NOCTTY), timeout=PATIENCE) for link in links]
            for i, child in enumerate(children):
                child.send(f"echo I am b{i}\r")
            for i, child in enumerate(children):
                child.expect_exact(f"\nI am b{i}\r\n")
                child.close()

        serve(bench, client)
        assert [f"I am b{i}" in b.uart.log.text() for i, b in enumerate(boards)] == [True] * 4


# Terminals


class Terminal:
    """A terminal of tmux's in which a program runs."""

    def __init__(self, folder: str, *command: str) -> None:
        self._tmux = ["tmux", "-f", os.devnull, "-S", os.path.join(folder, "tmux")]
        if command[0] == sys.executable and "LD_PRELOAD" in os.environ:  # a sanitizer's: for our core, not for tmux
            command = ("env", f"LD_PRELOAD={os.environ['LD_PRELOAD']}", *command)
        line = " ".join(f"'{word}'" for word in command)
        self._run("new-session", "-d", "-x", "100", "-y", "50", f"{line}; echo status $?; exec sleep 1000")

    def _run(self, *arguments: str) -> str:
        mine = environment()
        mine.pop("LD_PRELOAD", None)
        done = subprocess.run(
            [*self._tmux, *arguments], env=mine, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def type(self, *keys: str) -> None:
        """Presses keys, by tmux's names: Enter, Up, C-c; other words are typed as they are."""
        self._run("send-keys", *keys)

    def shows(self, text: str) -> str:
        """Waits until the screen shows a text; returns the screen."""
        give_up = time.monotonic() + PATIENCE
        screen = ""
        while time.monotonic() < give_up:
            screen = self._run("capture-pane", "-p")
            if text in screen:
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{text!r} never showed; the screen:\n{screen.rstrip()}")

    def close(self) -> None:
        """Ends the program and tmux."""
        self._run("kill-server")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Opens terminals; skips the test where tmux is not installed."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    opened: list[Terminal] = []
    with tempfile.TemporaryDirectory(prefix="nutloop-") as folder:  # a short name: it becomes a socket's

        def start(*command: str) -> Terminal:
            if shutil.which(command[0]) is None:
                pytest.skip(f"{command[0]} is not installed")
            opened.append(Terminal(folder, *command))
            return opened[-1]

        yield start
        for one in opened:
            one.close()


def test_miniterm_opens_a_board_of_its_own(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(*NUTLOOP, "console", "nutloop://new/stm32f7?READLINE_CMD_HISTORY=y&seed=7")
    assert "NuttShell" in screen.shows(PROMPT.strip())
    screen.type("echo one", "Enter")
    screen.shows("\none")
    screen.type("echo twx", "BSpace", "o", "Enter")
    screen.shows("\ntwo")
    screen.type("Up", "Up", "Left", "Left", "Left", "n", "Enter")
    screen.shows("\nnone")
    screen.type("sleep 1000", "Enter")
    screen.shows("sleep 1000")
    screen.type("C-c")
    screen.type("echo on", "Enter")
    screen.shows("\non")
    screen.type("C-t", "C-d")
    screen.shows("DTR inactive")
    screen.type("C-t", "C-d")
    screen.shows("DTR active")
    screen.type("echo reset", "Enter")
    assert screen.shows("\nreset").count("NuttShell") == 2
    screen.type("C-]")
    screen.shows("status 0")


def test_miniterm_says_why_a_board_cannot_be_had(terminal: Callable[..., Terminal]) -> None:
    text = terminal(*NUTLOOP, "console", "stm32").shows("status")
    assert "give one of sim" in text.replace("\n", "") and "status 3" in text


@pytest.mark.parametrize("kind", ["pty", "rfc2217"])
def test_miniterm_opens_the_console_of_another_process(
    kind: str, terminal: Callable[..., Terminal], spawn: Callable[..., Any]
) -> None:
    run = spawn("run", "--console", kind)
    run.expect(r"console on (\S+);")
    screen = terminal(*NUTLOOP, "console", run.match.group(1))
    screen.shows("Miniterm on")
    screen.type("Enter")
    screen.shows(PROMPT.strip())
    screen.type("echo here", "Enter")
    screen.shows("\nhere")
    screen.type("C-]")
    screen.shows("status 0")
    run.sendintr()
    run.wait()
    assert run.exitstatus == 0


def test_picocom_on_the_pty(terminal: Callable[..., Terminal]) -> None:
    links: list[str] = []

    def make() -> Board:
        board = Board("sim", live=True)
        links.append(board.console.pty())
        return board

    with LiveThread(make):
        screen = terminal("picocom", "--nolock", "-b", "115200", links[0])
        screen.shows("Terminal ready")
        screen.type("Enter")
        screen.shows(PROMPT.strip())
        screen.type("echo picocom", "Enter")
        screen.shows("\npicocom")
        screen.type("C-a", "C-x")
        screen.shows("status 0")


@pytest.mark.parametrize("kind", ["pty", "rfc2217"])
def test_a_console_whose_board_goes_away_says_so(kind: str, spawn: Callable[..., Any]) -> None:
    run = spawn("run", "--console", kind)
    run.expect(r"console on (\S+);")
    console = spawn("console", run.match.group(1))
    console.expect_exact("Miniterm on")
    console.send("\r")
    console.expect_exact(PROMPT)
    run.kill(signal.SIGTERM)
    console.expect(r"nutloop: .* has gone: ")
    console.wait()
    assert console.exitstatus == 1 and "Traceback" not in console.before


def test_a_console_that_is_in_use_says_so(spawn: Callable[..., Any]) -> None:
    run = spawn("run", "--console", "rfc2217")
    run.expect(r"console on rfc2217://(\S+):(\d+);")
    host, port = run.match.groups()
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as first:
        first.recv(1)
        second = spawn("console", f"rfc2217://{host}:{port}")
        second.expect("is somebody else on it|does not seem to support RFC2217")  # as its connection ends soon or late
        second.wait()
        assert second.exitstatus == 3


def test_a_url_that_pyserial_does_not_know_is_no_traceback(spawn: Callable[..., Any]) -> None:
    child = spawn("console", "bogus://somewhere")
    child.expect_exact("nutloop: bogus://somewhere: invalid URL")
    child.wait()
    assert child.exitstatus == 3
