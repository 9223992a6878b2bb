"""What an unlucky or malicious user types: the board goes on, and says what is wrong in NuttX's words."""

from __future__ import annotations

from collections.abc import Iterator
from gc import collect
from weakref import finalize

import pytest
from shell_kit import PROMPT, Terminal, put_file

from board import Board

CTRL_C = b"\x03"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(watchdog=5) as board:
        yield board


def fill_heap(board: Board, left: int = 0) -> None:
    """Takes all of the heap but one piece of about ``left`` bytes."""
    heap = board.kernel.heap
    hole = heap.malloc(left, "hole") if left else 0
    while (largest := heap.stats().maxfree) > 8:
        heap.malloc(largest - 8, "everything else")
    if hole:
        heap.free(hole)


# What has no end


@pytest.mark.parametrize(
    "line",
    [
        "cat /dev/zero > /dev/null",
        "cp /dev/zero /dev/null",
        "dd if=/dev/zero of=/dev/null",
        "dd if=/dev/random of=/dev/null bs=100000",
        "cmp /dev/zero /dev/zero",
        "hexdump /dev/zero > /dev/null",
        "sh /dev/zero",
        "source /dev/zero",
        "cat /dev/zero | cat > /dev/null",
    ],
)
def test_what_never_ends_ends_with_the_time_that_it_was_given(board: Board, line: str) -> None:
    board.boot()
    with pytest.raises(TimeoutError, match="did not end within"):
        board.nsh(line, timeout=0.5)
    board.run(0.1)  # who wrote into a pipe has to notice
    assert board.nsh("echo still here") == "still here\n"
    assert sorted(task.name for task in board.kernel.tasks.by_pid.values()) == ["hpwork", "lpwork", "nsh_main"]
    assert board.reports == []


def test_reading_a_large_file_byte_by_byte_is_no_livelock(board: Board) -> None:
    board.nsh("truncate -s 600000 /tmp/x")
    assert board.nsh("dd if=/tmp/x of=/dev/null bs=1").startswith("600000 bytes (600000 blocks) copied, ")
    assert board.nsh("sh /tmp/x").status == 1
    assert board.reports == []


def test_shells_that_start_the_next_one_in_the_background_do_not_stop_the_clock(board: Board) -> None:
    board.nsh('export a \'sh -c "$a" &\'; sh -c "$a"')
    board.run(1)
    assert board.nsh("echo still here") == "still here\n"
    assert board.reports == []


def test_shells_that_wait_for_the_next_one_end_where_the_heap_does(board: Board) -> None:
    reply = board.nsh('export a \'sh -c "$a"\'; sh -c "$a"')
    assert (reply.text, reply.status) == ("nsh: sh: command not found\n", 1)
    stats = board.kernel.heap.stats()
    assert stats.maxused > stats.total * 0.99 and stats.used < stats.total * 0.01
    assert board.reports == []


@pytest.mark.parametrize("command", ["time", "watch -c 1"])
def test_a_command_that_runs_itself_is_too_deep(board: Board, command: str) -> None:
    reply = board.nsh(f'set a \'{command} "$a"\'; {command} "$a"')
    assert reply.lines[0] == f"nsh: {command.split()[0]}: nesting too deep" and not reply.ok
    assert board.reports == []


# Ctrl-C


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("cat /dev/zero > /dev/null", "cat: Interrupted by signal"),
        ("cp /dev/zero /dev/null", "cp: Interrupted by signal"),
        ("sh /tmp/loop", "sh: Interrupted by signal"),
        ("source /tmp/loop", "source: Interrupted by signal"),
        ("sh /dev/zero", "sh: Interrupted by signal"),
        ("source /dev/console", "source: Interrupted by signal"),
        ("cat < /fifo", "cat: Interrupted by signal"),
        ("echo hi > /fifo", "echo: Interrupted by signal"),
        ("sleep 100 | cat", "cat: Interrupted by signal"),
        ("cat /dev/zero | cat > /dev/null", "cat: Interrupted by signal"),
    ],
)
def test_ctrl_c_gives_the_prompt_back(board: Board, line: str, complaint: str) -> None:
    terminal = Terminal(board)
    put_file(board, "/tmp/loop", "while true; do true; done\n")
    board.nsh("mkfifo /fifo")
    terminal.type(b"true\r")  # Ctrl-C is what it was again when that is over
    assert not terminal.type(line.encode() + b"\r").endswith(PROMPT)
    said = terminal.type(CTRL_C)
    assert f"nsh: {complaint}\r\n{PROMPT.decode('latin-1')}" in said.decode("latin-1")
    assert terminal.type(b"echo well\r").endswith(b"\r\nwell\r\n" + PROMPT)


def test_a_command_in_the_background_does_not_take_ctrl_c_from_the_one_in_front(board: Board) -> None:
    terminal = Terminal(board)
    terminal.type(b"sleep 1 &\r")
    terminal.type(b"sleep 100\r", 2)  # meanwhile the first one ends
    assert b"nsh: sleep: Interrupted by signal\r\n" + PROMPT in terminal.type(CTRL_C)


def test_ctrl_c_at_the_prompt_leaves_the_background_alone(board: Board) -> None:
    terminal = Terminal(board)
    terminal.type(b"sleep 1 &\r")
    assert b"Interrupted" not in terminal.type(CTRL_C) + terminal.wait(2)


# No memory


def test_a_pipe_for_which_there_is_no_room_does_not_end_the_shell(board: Board) -> None:
    terminal = Terminal(board)
    board.nsh("mkfifo /fifo")
    terminal.wait()
    fill_heap(board, left=500)
    assert terminal.type(b"ls | cat\r") == b"ls | cat\r\n" + PROMPT
    assert terminal.type(b"cat /fifo\r") == b"cat /fifo\r\nnsh: cat: open failed: 12\r\n" + PROMPT
    assert terminal.type(b"echo hi > /fifo\r") == b"echo hi > /fifo\r\nnsh: echo: open failed: 12\r\n" + PROMPT
    assert terminal.type(b"echo well\r").endswith(b"\r\nwell\r\n" + PROMPT)
    assert board.reports == []


# Nobody reads


@pytest.mark.parametrize("program", ["hello", "ping", "ping -c 1 127.0.0.1", "udpecho x", "dd x", "dd --help", "sh"])
def test_a_program_whose_output_nobody_reads_just_ends(board: Board, program: str) -> None:
    board.nsh(f"{program} | true")
    board.run(3)
    assert board.reports == [] and "died" not in board.nsh("dmesg")


# Numbers


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("kill -9 99999999999999999999", "nsh: kill: kill failed: 38\n"),
        ("kill -9 4294967396", "nsh: kill: no such task: 4294967396\n"),
        ("kill -99999999999999999999 1", "nsh: kill: argument invalid\n"),
        ("sleep 0x100000000", ""),
        ("mkrd 99999999999999999999", "nsh: mkrd: boardctl(BOARDIOC_MKRD) failed: 1\n"),
        ("expr 99999999999999999999 + 1", "0\n"),
    ],
)
def test_numbers_are_no_larger_than_those_of_c(board: Board, line: str, text: str) -> None:
    assert board.nsh(line) == text
    assert board.reports == []


@pytest.mark.parametrize("delay", ["-1", "99999999999999999999"])
def test_top_takes_any_delay(board: Board, delay: str) -> None:
    terminal = Terminal(board)
    assert b"Tasks: " in terminal.type(f"top -d{delay}\r".encode())
    assert terminal.type(b"q").endswith(PROMPT)
    with pytest.raises(TimeoutError):
        board.nsh(f"top -d{delay}", timeout=1)
    assert board.reports == []


# Growth


def test_nothing_grows_with_the_lines_that_were_run(board: Board) -> None:
    terminal = Terminal(board)
    kernel = board.kernel
    lines = ["ls | cat | cat", "cat /dev/zero | hello", "echo `ls`", "sh -c 'time ls' > /tmp/x", "hello &", "${", "'"]

    def everything() -> tuple[int, ...]:
        for line in lines:
            terminal.type(line.encode() + b"\r")
        terminal.type(b"cat /dev/zero | cat\r", 0.05)
        terminal.type(CTRL_C, 1)
        return (
            kernel.heap.stats().used,
            len(kernel.tasks.by_pid),
            len(kernel.sem_names),
            len(kernel.mutex_names),
            len(kernel.wdogs),
            len(kernel.on_task_gone),
            len(board.bench.on_close),
            len(board.bench.clock.runners),
            len(board.bench.clock.events),
            len(list(kernel.tasks.by_pid[3].files)),
        )

    everything()
    first = everything()
    for _ in range(5):
        assert everything() == first
    assert board.reports == []


def test_clients_that_vanish_in_mid_line_leave_nothing_with_the_bench(board: Board) -> None:
    terminal = Terminal(board)
    finalizers = []
    for _ in range(5):
        port = board.console.open()
        port.write(b"echo half a li")
        finalizers.append(finalize(port, int))
        port.close()
        del port
    collect()
    assert not any(finalizer.alive for finalizer in finalizers)
    assert b"well\r\n" + PROMPT in terminal.type(b"\recho well\r")


def test_a_port_is_closed_with_its_bench() -> None:
    with Board() as board:
        port = board.console.open()
        other = board.console.open()
        other.close()
    assert not port.is_open and not other.is_open
