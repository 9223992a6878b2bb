"""The files of /proc about the machine, the heap, interrupts, and what a task has open."""

from collections.abc import Iterator
from typing import Any

import pytest
from kernelrig import MS, US, Rig, S
from shell_kit import real_session

from board import Board
from kernel.core import lib
from kernel.fs.procsys import cpuinfo, irqs

TITLE = "IRQ HANDLER  ARGUMENT    COUNT    RATE    TIME\n"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        board.boot()
        yield board


def test_proc_lists_what_nuttx_lists_and_in_its_order() -> None:
    real = [line for line in real_session()["ls /proc"].splitlines()[1:] if not line[1].isdigit()]
    with Board("sim-console") as board:
        assert [line for line in board.nsh("ls /proc").splitlines()[1:] if not line[1].isdigit()] == real
    with Board("stm32f7") as other:
        words = other.nsh("ls /proc").split()
    assert words.index("cpuinfo") + 1 == words.index("cpuload") < words.index("iobinfo")
    assert words.index("iobinfo") + 1 == words.index("irqs") == words.index("memdump") - 1


# cpuinfo, tcbinfo


def test_cpuinfo_has_a_paragraph_a_cpu_with_its_clock() -> None:
    with Board("smp4") as board:
        paragraphs = cpuinfo(board.kernel).split("\n\n")
    assert len(paragraphs) == 5 and paragraphs[4] == ""
    assert paragraphs[2] == "processor\t: 2\ncpu MHz\t\t: 800.000\nmodel name\t: nutloop virtual CPU"
    with Rig(CPU_MHZ=33.3333) as rig:
        assert "cpu MHz\t\t: 33.333\n" in cpuinfo(rig.kernel)


def test_tcbinfo_says_that_there_is_no_such_table(board: Board) -> None:
    assert board.nsh("cat /proc/tcbinfo") == "pointer 0 size 0 current regs 0\n"


# irqs


def handler(rig: Rig, ns: int) -> Any:
    return lambda irq, arg: lib.cpu_burn(rig.kernel.board, ns) and None


def test_irqs_shows_count_rate_and_the_longest_time_without_entry_and_exit() -> None:
    with Rig(costs={"IRQ_ENTER": 5000, "IRQ_EXIT": 7000}) as rig:
        times = iter((20 * US, 90 * US, 40 * US))
        rig.line(4, lambda irq, arg: lib.cpu_burn(rig.kernel.board, next(times)) and None)
        for n in range(1, 4):
            rig.pulse_at(n * 100 * MS, 4)
        rig.run(S)
        assert irqs(rig.kernel) == TITLE + "  4 00000000 00000000          3    3.000   90\n"


def test_reading_irqs_begins_a_new_count() -> None:
    with Rig() as rig:
        rig.line(4, handler(rig, 50 * US))
        rig.pulse_at(100 * MS, 4)
        rig.run(S)
        assert irqs(rig.kernel) == TITLE + "  4 00000000 00000000          1    1.000   50\n"
        assert irqs(rig.kernel) == TITLE
        rig.line(4, handler(rig, 10 * US))
        rig.pulse_at(1500 * MS, 4)
        rig.run(4 * S)
        assert irqs(rig.kernel) == TITLE + "  4 00000000 00000000          1    0.250   10\n"


def test_a_rate_has_four_digits_at_most() -> None:
    with Rig() as rig:
        rig.line(4, handler(rig, 0))
        for n in range(200):
            rig.pulse_at(n * US + 1, 4)
        rig.run(MS)
        assert irqs(rig.kernel) == TITLE + "  4 00000000 00000000        200 9999.999    0\n"


def test_irqinfo_prints_irqs_if_they_are_monitored() -> None:
    with Board("stm32f7") as board:
        board.boot()
        board.run(1)
        before = board.nsh("irqinfo")
        assert before.ok and before.text.startswith(TITLE)
        board.nsh("sleep 2")
        [timer] = [line for line in board.nsh("irqinfo").lines[1:] if line.startswith("  0 ")]
        assert int(timer.split()[3]) >= 1
    with Board("sim-console") as board:
        assert board.nsh("irqinfo").text == "nsh: irqinfo: command not found\n"


def test_irqs_cannot_be_written() -> None:
    with Board("stm32f7") as board:
        assert board.nsh("echo x > /proc/irqs").text == "nsh: echo: open failed: 13\n"


# memdump


def test_memdump_says_what_can_be_written_to_it(board: Board) -> None:
    text = board.nsh("cat /proc/memdump").lines
    assert text[0] == "usage: <used/free/orphan/biggest>"
    assert [line.split(":")[0] for line in text[1:]] == ["used", "free", "orphan", "biggest"]


def dump(board: Board, what: str) -> list[str]:
    board.nsh("dmesg -c")
    assert board.nsh(f"echo {what} > /proc/memdump").ok
    return [line.partition("] [  INFO] ")[2] for line in board.nsh("dmesg").lines]


def test_memdump_writes_the_blocks_in_use_to_the_log(board: Board) -> None:
    lines = dump(board, "used")
    assert lines[:2] == ["Memdump task ALL", "        Size Overhead            Address"]
    assert lines[-2] == "  Total Blks  Total Size"
    rows = [line.split() for line in lines[2:-2]]
    assert int(lines[-1].split()[0]) == len(rows) > 3
    assert int(lines[-1].split()[1]) == sum(int(row[0]) for row in rows)
    lpwork = board.kernel.tasks.by_pid[2]
    assert f"{lpwork.stack_size + 8:12}{8:9}{f'0x{lpwork.stack_addr:x}':>19}" in lines


def test_memdump_finds_free_blocks_and_what_is_beside_them(board: Board) -> None:
    first, middle, last = (board.kernel.heap.malloc(1000, "test") for _ in range(3))
    board.kernel.heap.free(middle)
    assert any(f" 0x{middle:x}" in line and line.split()[0] == "1008" for line in dump(board, "free"))
    orphans = dump(board, "orphan")
    assert any(f"0x{first:x}" in line for line in orphans) and any(f"0x{last:x}" in line for line in orphans)
    assert not any(f"0x{middle:x}" in line for line in orphans)


def test_memdump_shows_the_biggest_blocks_last(board: Board) -> None:
    big = board.kernel.heap.malloc(5_000_000, "test")
    lines = dump(board, "biggest")
    assert lines[0] == "Memdump biggest allocated top 30"
    assert f"0x{big:x}" in lines[-3]


# A task's own


def test_fd_lists_flags_type_position_and_path(board: Board) -> None:
    def program(sys: Any) -> None:
        file = sys.open("/tmp/data", "w")
        file.write(b"12345")
        sys.open("/dev/zero")
        sys.pipe()
        sys.semaphore().wait()

    pid = board.spawn(program, "opener").pid
    board.run(0.1)
    assert board.nsh(f"cat /proc/{pid}/group/fd").text == (
        "\n"
        "FD  OFLAGS  TYPE POS       PATH           \n"
        "0   577     3    5         /tmp/data     \n"
        "1   2       1    0         /dev/console  \n"
        "2   2       1    0         /dev/console  \n"
        "3   0       1    0         /dev/zero     \n"
        "4   0       a    0         pipe          \n"
        "5   1       a    0         pipe          \n"
    )


def test_fd_of_a_task_without_files_is_empty(board: Board) -> None:
    assert board.nsh("cat /proc/1/group/fd").text == ""
    assert board.nsh("cat /proc/0/group/fd").text == ""


def test_env_lists_the_environment(board: Board) -> None:
    def program(sys: Any) -> None:
        sys.setenv("A", "1")
        sys.setenv("B", "x y")
        sys.semaphore().wait()

    pid = board.spawn(program).pid
    board.run(0.1)
    assert board.nsh(f"cat /proc/{pid}/group/env").text.endswith("A=1\nB=x y\n")
    assert board.nsh("cat /proc/0/group/env").text == ""
