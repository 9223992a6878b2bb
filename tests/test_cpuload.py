"""CPU load: what tasks and the idle task had of the CPUs lately, to the nanosecond, and where it is shown."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from kernelrig import Rig, S

from board import Board
from kernel.core import lib, numbers
from kernel.cpuload import busy, cpu_load, percent, sysinfo_load
from kernel.taskinfo import task_pids

IDLE = 0


def burner(seconds: float, later: float = 0) -> Callable[[Any], None]:
    """A program that computes for so long, and then waits for ever."""

    def body(sys: Any) -> None:
        if later:
            sys.sleep(later)
        sys.burn(seconds * 1e6)
        sys.semaphore().wait()

    return body


def load(rig: Rig, pid: int) -> tuple[int, int]:
    """Time of a task, and of all, ns."""
    active, total = numbers(lib.clock_cpuload, rig.kernel.board, pid, n=2)
    return active, total


def test_a_task_has_the_time_that_it_burnt_and_the_idle_task_the_rest() -> None:
    with Rig() as rig:
        pid = rig.spawn(burner(0.25)).pid
        rig.run(S)
        assert load(rig, pid) == (S // 4, S)
        assert load(rig, IDLE) == (3 * S // 4, S)
        assert cpu_load(rig.kernel, pid) == 250 and busy(rig.kernel) == 250


def test_a_task_that_computes_is_counted_while_it_does() -> None:
    with Rig() as rig:
        pid = rig.spawn(burner(100)).pid
        rig.run(S // 2)
        assert load(rig, pid) == (S // 2, S // 2)
        assert load(rig, IDLE) == (0, S // 2)


def test_counts_are_halved_after_the_time_constant_and_each_half_of_it_from_then_on() -> None:
    with Rig() as rig:
        pid = rig.spawn(burner(1)).pid
        seen = []
        for _ in range(5):
            rig.run(S)
            seen.append(load(rig, pid)[0])
        assert seen == [S, S // 2, S // 4, S // 8, S // 16]
        assert load(rig, pid)[1] == S
        rig.run(S // 2)
        assert load(rig, pid) == (S // 16, S + S // 2)


def test_the_time_constant_is_configured() -> None:
    with Rig(SCHED_CPULOAD_SYSCLK=True, SCHED_CPULOAD_TIMECONSTANT=10) as rig:
        pid = rig.spawn(burner(1)).pid
        rig.run(9 * S)
        assert load(rig, pid) == (S, 9 * S)
        rig.run(S)
        assert load(rig, pid) == (S // 2, 5 * S)


def test_a_task_that_always_runs_has_everything_however_long_it_takes() -> None:
    with Rig() as rig:
        pid = rig.spawn(burner(100_000)).pid
        rig.run(50_000 * S + 123)
        assert load(rig, pid) == (S - 1 + 123, S + 123)  # each halving rounds down
        assert rig.kernel.task_numbers(pid)[10] == 50_000 * S + 123


def test_what_was_long_ago_is_forgotten() -> None:
    with Rig() as rig:
        pid = rig.spawn(burner(1)).pid
        rig.run(100_000 * S)
        assert load(rig, pid) == (0, S)
        assert load(rig, IDLE) == (S - 1, S)


def test_how_often_one_looks_changes_nothing() -> None:
    def final(looks: int) -> list[tuple[int, int]]:
        with Rig() as rig:
            pids = [IDLE, *(rig.spawn(burner(0.3 * k, later=k)).pid for k in range(1, 5))]
            for _ in range(looks):
                rig.run(12 * S // looks)
                [load(rig, pid) for pid in pids]
            return [load(rig, pid) for pid in pids]

    assert final(1) == final(120) != []


def test_all_loads_together_are_the_total() -> None:
    with Rig(ncpus=2, costs={"SWITCH": 700, "SEM": 300}) as rig:
        for k in range(1, 4):
            rig.spawn(burner(0.2 * k))
        pids = task_pids(rig.kernel)
        for _ in range(7):
            rig.run(S // 3)
            total = load(rig, 0)[1]
            assert abs(sum(load(rig, pid)[0] for pid in pids) - total) <= 4 * len(pids)  # each halving rounds down


def test_one_of_two_cpus_is_half_of_the_load() -> None:
    with Rig(ncpus=2, SCHED_CPULOAD_SYSCLK=True) as rig:
        pid = rig.spawn(burner(100)).pid
        rig.run(S)
        assert cpu_load(rig.kernel, pid) == busy(rig.kernel) == 500
        # As in NuttX, only the first CPU's idle task counts for sysinfo(), whichever is idle.
        assert sysinfo_load(rig.kernel) == 65536 - 65536 * load(rig, IDLE)[0] // (2 * S)


def test_a_pid_that_is_nobodys_has_no_load() -> None:
    with Rig() as rig, pytest.raises(ProcessLookupError):
        cpu_load(rig.kernel, 4711)


def test_percentages_have_six_columns() -> None:
    assert [percent(tenths) for tenths in (0, 7, 123, 1000)] == ["  0.0%", "  0.7%", " 12.3%", "100.0%"]


# Where it is shown


def test_the_load_of_a_board_whose_code_costs_time_is_measured() -> None:
    with Board("stm32f7") as board:
        board.boot()
        pid = board.spawn(burner(0.6, later=0.5), "burner").pid
        board.run(1.5)
        assert board.nsh(f"cat /proc/{pid}/loadavg") in (" 39.9%\n", " 40.0%\n")
        assert board.nsh("cat /proc/cpuload")[:3] == " 40"
        title, *rows = board.nsh("ps").splitlines()
        assert title.endswith(" FILLED    CPU COMMAND")
        [row] = [row for row in rows if row.endswith(" burner")]
        assert re.search(r"[0-9]%  (39\.9|40\.0)% burner$", row)
        assert ", load average: 0.40, 0.40, 0.40\n" in board.nsh("uptime")


def test_where_code_takes_no_time_there_is_no_load() -> None:
    with Board(SCHED_CPULOAD_SYSCLK=True) as board:
        board.boot()
        board.nsh("ping -c 2 127.0.0.1")
        assert board.nsh("cat /proc/cpuload") == "  0.0%\n"
        assert board.nsh("cat /proc/0/loadavg") == "100.0%\n"


def test_nothing_of_it_is_there_unless_configured() -> None:
    with Board("sim-console") as board:
        board.boot()
        assert {"cpuload", "irqs"} & set(board.nsh("ls /proc").split()) == set()
        assert "loadavg" not in board.nsh("ls /proc/3")
        assert not board.nsh("top").ok
