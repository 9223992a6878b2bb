"""Commands about tasks: ps, kill, pkill, pidof, wait, top, fdinfo, dmesg: what they print, and how they fail."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from shell_kit import PROMPT, Terminal

from board import Board
from kernel.nsh.numbers import atoi

NO_PROC = "Could not open /proc (is procfs mounted?)"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        board.boot()
        yield board


@pytest.fixture
def loaded() -> Iterator[Board]:
    """A board whose CPU load is measured."""
    with Board("stm32f7") as board:
        yield board


def sleeper(board: Board, name: str = "sleeper") -> int:
    """A task that waits for ever; its pid."""
    return board.spawn(lambda sys: sys.semaphore().wait(), name).pid


def said(board: Board, line: str) -> tuple[str, int]:
    reply = board.nsh(line)
    return reply.text, reply.status


def test_atoi_reads_what_a_text_begins_with() -> None:
    assert [atoi(text) for text in ("12", " -3x", "x", "", "+7")] == [12, -3, 0, 0, 7]


# ps


def test_ps_shows_the_tasks_that_are_named_and_passes_over_what_is_no_number(board: Board) -> None:
    title, *rows = board.nsh("ps").lines
    by_pid = {int(row.split()[0]): row for row in rows}
    assert board.nsh("ps 2 all 0").lines == [title, by_pid[2], by_pid[0]]
    assert board.nsh("ps -heap").lines == [title]  # a word, unless the heap keeps records of tasks


def test_ps_complains_about_each_file_of_a_task_that_is_not_there(loaded: Board) -> None:
    with Board("sim-console") as board:
        title = board.nsh("ps -heap").text
        assert said(board, "ps 99") == (title + "nsh: ps: open failed: 2\n" * 4, 0)
        assert said(board, "ps 3x") == (title + "nsh: ps: open failed: 2\n" * 4, 0)
    assert loaded.nsh("ps 99").text.count("nsh: ps: open failed: 2\n") == 5


def test_ps_without_proc_asks_for_it(board: Board) -> None:
    title = board.nsh("ps -heap").text
    board.kernel.vfs.umount("/proc")
    assert said(board, "ps") == (title + f"nsh: ps: {NO_PROC}\nnsh: ps: opendir failed: 2\n", 1)


# kill, pkill, pidof


def test_kill_takes_the_number_that_a_word_begins_with(board: Board) -> None:
    pid = sleeper(board)
    assert said(board, f"kill -9x {pid}y") == ("", 0)
    assert pid not in board.kernel.tasks.by_pid
    assert said(board, "kill -15 99") == ("nsh: kill: no such task: 99\n", 1)
    assert said(board, "kill 99") == ("nsh: kill: no such task: (null)\n", 1)
    assert said(board, "kill -64 3") == ("nsh: kill: argument invalid\n", 1)


def test_pidof_lists_all_tasks_of_a_name(board: Board) -> None:
    first, second = sleeper(board), sleeper(board)
    sleeper(board, "sleeper2")
    assert said(board, "pidof sleeper") == (f"{first} {second} \n", 0)
    assert said(board, "pidof hpwork") == ("1 \n", 0)


def test_pidof_finds_eight_tasks_at_most(board: Board) -> None:
    pids = [sleeper(board) for _ in range(10)]
    assert board.nsh("pidof sleeper").text.split() == [str(pid) for pid in pids[:8]]


def test_pidof_finds_the_shell_twice_because_of_proc_self() -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        assert b"\r\n3 0 \r\n" in terminal.type(b"pidof nsh_main\r")


@pytest.mark.parametrize("command", ["pidof", "pkill"])
def test_a_name_that_no_task_has_is_an_error(board: Board, command: str) -> None:
    assert said(board, command) == (f"nsh: {command}: missing required argument(s)\n", 1)
    assert said(board, f"{command} nobody") == (f"nsh: {command}: no such task: nobody\n", 1)
    board.kernel.vfs.umount("/proc")
    told = f"nsh: pidof: {NO_PROC}\nnsh: pidof: opendir failed: 2\n"
    assert said(board, f"{command} hpwork") == (f"{told}nsh: {command}: no such task: hpwork\n", 1)


def test_pkill_sends_its_signal_to_all_of_a_name(board: Board) -> None:
    pids = {sleeper(board), sleeper(board)}
    other = sleeper(board, "other")
    assert said(board, "pkill sleeper") == ("", 0)
    assert not pids & set(board.kernel.tasks.by_pid) and other in board.kernel.tasks.by_pid
    assert said(board, "pkill -9 other") == ("", 0)
    assert other not in board.kernel.tasks.by_pid


@pytest.mark.parametrize("words", ["-x sleeper", "9 sleeper", "-64 sleeper"])
def test_pkill_refuses_what_is_no_signal(board: Board, words: str) -> None:
    sleeper(board)
    assert said(board, f"pkill {words}") == ("nsh: pkill: argument invalid\n", 1)


# wait


def program(seconds: float, status: int = 0) -> Any:
    def body(sys: Any) -> int:
        sys.sleep(seconds)
        return status

    return body


def test_wait_returns_when_all_tasks_have_ended_with_the_status_of_the_last(board: Board) -> None:
    bad, good = board.spawn(program(1, 3)).pid, board.spawn(program(2)).pid
    began = board.now
    assert said(board, f"wait {good} {bad}") == ("nsh: wait: wait failed: 2\n", 0)  # bad has ended by then
    assert 2 <= board.now - began < 2.1
    assert said(board, f"wait {board.spawn(program(1, 3)).pid}") == ("", 1)
    assert said(board, f"wait {board.spawn(program(1, 3)).pid} {board.spawn(program(2)).pid}") == ("", 0)


def test_wait_passes_over_what_it_cannot_wait_for(board: Board) -> None:
    assert said(board, "wait") == ("", 0)
    assert said(board, "wait x 0") == ("", 0)
    assert said(board, "wait 99 98") == ("nsh: wait: wait failed: 2\n" * 2, 0)
    assert said(board, "sh -c 'wait $!'") == ("", 0)


def test_wait_for_oneself_ends_at_once() -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        assert terminal.type(b"wait 3\r").endswith(PROMPT)


def test_wait_for_an_idle_task_of_another_cpu_fails() -> None:
    with Board("smp4") as board:
        assert said(board, "wait 1") == ("nsh: wait: wait failed: 10\n", 1)


def test_wait_for_a_kernel_thread_fails(board: Board) -> None:
    assert said(board, "wait 1") == ("nsh: wait: wait failed: 10\n", 1)


def test_ctrl_c_ends_wait() -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        pid = sleeper(board)
        assert not terminal.type(f"wait {pid}\r".encode()).endswith(PROMPT)
        assert terminal.type(b"\x03").endswith(b"nsh: wait: wait failed: 4\r\n" + PROMPT)


# top


def screens(output: bytes) -> list[list[str]]:
    """The lines of each screen that top has drawn."""
    return [screen.split("\r\n") for screen in output.decode().split("\x1b[1;1H")[1:]]


@pytest.fixture
def terminal(loaded: Board) -> Terminal:
    terminal = Terminal(loaded)
    terminal.wait()
    return terminal


def test_top_shows_a_summary_and_the_busiest_tasks_first(loaded: Board, terminal: Terminal) -> None:
    def half(sys: Any) -> None:
        while True:
            sys.burn(50_000)
            sys.sleep(0.04)

    loaded.spawn(half, "half")
    loaded.run(3)
    output = terminal.type(b"top -d 1\r", 2.5)
    assert output.startswith(b"top -d 1\r\n\x1b[2J\x1b[1;1H\x1b[Ktop - up 00:00:03\r\n")
    assert len(screens(output)) == 3
    first = screens(output)[0]
    assert first[1] == "\x1b[KTasks: 5 total, 2 running, 3 sleeping"
    assert re.fullmatch(r"\x1b\[K%Cpu\(s\): (49|50)\.[0-9] busy, (49|50)\.[0-9] idle", first[2])
    assert re.fullmatch(r"\x1b\[KMem :   524288 total,    [0-9]{5} used,   [0-9]{6} free", first[3])
    assert first[4] == "\x1b[K"
    assert first[5].startswith("\x1b[K\x1b[1m  TID   PID") and first[6].startswith("\x1b[0m\x1b[K")
    assert {first[6].split()[-1], first[7].split()[-1]} == {"half", "Idle_Task"}
    assert first[11] == "\x1b[Kuse 'q' or Ctrl+c to quit"
    assert first[12] == "\x1b[J"


@pytest.mark.parametrize("key", [b"q", b"\x1b", b"\x03"])
def test_keys_that_end_top(terminal: Terminal, key: bytes) -> None:
    assert not terminal.type(b"top\r").endswith(PROMPT)
    assert not terminal.type(b"x").endswith(PROMPT)  # any other key draws the screen anew
    assert terminal.type(key).endswith(PROMPT)
    assert b"\r\n0\r\n" in terminal.type(b"echo $?\r")


def test_top_waits_three_seconds(terminal: Terminal) -> None:
    assert len(screens(terminal.type(b"top\r", 8.5))) == 3


def test_top_shows_so_many_tasks_or_those_asked_for(terminal: Terminal) -> None:
    [screen] = screens(terminal.type(b"top -n 1\r"))
    assert sum("thread" in line or "Task " in line for line in screen[6:]) == 1
    terminal.type(b"q")
    [screen] = screens(terminal.type(b"top -p 3,x,1 -n 7\r"))
    assert "Tasks: 2 total" in screen[1]
    assert {line.split()[-1] for line in screen[6:8] if "hpwork" not in line} == {"nsh_main"}
    terminal.type(b"q")
    assert b"\r\n1\r\n" in terminal.type(b"echo $?\r")  # NuttX's status of top -p


def test_top_ends_with_a_task_that_is_not_there(loaded: Board) -> None:
    text, status = said(loaded, "top -p 99")
    assert text.partition("\x1b[1;1H")[2] == (
        "nsh: ps: open failed: 2\n" * 5 + "nsh: top: ps_record failed: 2\nnsh: top: nsh_foreach_direntry failed: 2\n"
    )
    assert status == 1
    loaded.kernel.vfs.umount("/proc")
    assert loaded.nsh("top").text.partition("\x1b[1;1H")[2] == (
        f"nsh: top: {NO_PROC}\nnsh: top: opendir failed: 2\nnsh: top: nsh_foreach_direntry failed: 2\n"
    )


@pytest.mark.parametrize("words", ["-x", "-d"])
def test_top_explains_itself_when_it_is_asked_wrongly(loaded: Board, words: str) -> None:
    usage = "Usage: top[ -n <num>] [ -d <delay>][ -p <pidlist>] [ -h ]\n"
    assert said(loaded, f"top {words}") == (usage, 1)


# fdinfo


def test_fdinfo_shows_the_files_of_every_task_or_of_one(board: Board) -> None:
    one = board.nsh("fdinfo 3")
    assert one.ok and one.lines[:2] == ["", "FD  OFLAGS  TYPE POS       PATH           "]
    assert "\npid:2\npid:3" + one.text in board.nsh("fdinfo").text


def test_fdinfo_fails_as_in_nuttx(board: Board) -> None:
    missing = "nsh: fdinfo: Could not open /proc/99/group/fd (is procfs mounted?)\nnsh: fdinfo: open failed: 2\n"
    assert said(board, "fdinfo 99") == (missing, 1)
    assert said(board, "fdinfo self") == ("nsh: fdinfo: not process id failed: 2\n", 1)
    assert said(board, "fdinfo 1 2") == ("nsh: fdinfo: too many arguments\n", 1)
    board.kernel.vfs.umount("/proc")
    assert said(board, "fdinfo") == (f"nsh: fdinfo: {NO_PROC}\nnsh: fdinfo: opendir failed: 2\n", 1)


# dmesg


def test_dmesg_prints_the_log_and_clears_it_if_asked(board: Board) -> None:
    board.spawn(lambda sys: sys.syslog(4, "first"), "app")
    board.run(0.1)
    assert "app: first\n" in board.nsh("dmesg").text
    assert "app: first\n" in board.nsh("dmesg -c").text
    assert said(board, "dmesg") == ("", 0)


@pytest.mark.parametrize("words", ["-C", "-x"])
def test_dmesg_fails_silently_at_what_it_does_not_know(board: Board, words: str) -> None:
    assert said(board, f"dmesg {words}") == ("", 1)


def test_dmesg_without_a_log_cannot_open_it() -> None:
    with Board("sim-console") as board:
        assert said(board, "dmesg") == ("nsh: dmesg: open failed: 2\n", 1)
