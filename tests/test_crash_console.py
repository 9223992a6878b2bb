"""A crash on the console: what it prints, who sees it, and how the board comes back."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import serial
from kernelrig import Rig

from board import Bench, Board
from board.uart import BITS_PER_CHAR
from kernel.errors import ContextError, Panic
from kernel.task import Task
from kernel.taskinfo import task_info
from lab.pty import ConsolePty
from lab.stdio import StdioConsole

PLAIN: dict[str, Any] = {"SYSLOG_TIMESTAMP": False, "SYSLOG_PRIORITY": False}
HERE = r"tests/test_crash_console\.py:\d+"
VERSION = r"dump_assert_info: Current Version: NuttX \S* 13\.0\.1 nutloop-\S+ \w{3} \d\d \d{4} \d\d:\d\d:\d\d \w+"
FRAME = r"sched_dumpstack: \[ *(\d+)\] \[<([^>]+):(\d+)>\] (\S+)"
TITLE = (
    "dump_tasks:    PID GROUP PRI POLICY   TYPE    NPX STATE   EVENT      SIGMASK          STACKBASE  STACKSIZE"
    "      USED   FILLED       CPU   COMMAND"
)
ROW = re.compile(
    r"dump_task:    (?P<pid>[ \d]{4}) (?P<group>[ \d]{5}) (?P<pri>[ \d]{3}) (?P<policy>FIFO|RR) +(?P<type>\w+) +"
    r"(?P<npx>[P-])   (?P<state>.{18}) [0-9a-f]{16} (?P<base>0|0x[0-9a-f]+)   (?P<size>[ \d]{7})"
    r"   (?P<used>[ \d]{7})   [ \d]{3}\.\d%[ !]   (?P<load>[ \d]{3}\.\d)%   (?P<command>.+)"
)
HIT = 6  # the interrupt line whose handler fails


def rigged(b: Board, fail: Callable[[], Any]) -> Board:
    """The board, booted, with a handler on a line that does ``fail()``."""
    b.boot()
    b.run(0.1)
    b.kernel.irqs.attach(HIT, lambda *_: fail(), name="rigged")
    b.kernel.irqs.enable(HIT)
    return b


def no_such_descriptor() -> None:
    raise ValueError("no such descriptor")


def crash(b: Board, seconds: float = 2) -> Panic:
    """Has the interrupt come; returns the Panic."""
    b.irq_line(HIT).pulse()
    with pytest.raises(Panic) as caught:
        b.run(seconds)
    return caught.value


def console_of(b: Board) -> bytearray:
    """What its console sends from now on."""
    heard = bytearray()
    b.uart.listeners.append(heard.extend)
    return heard


def dump(b: Board) -> list[str]:
    """The lines of a crash."""
    heard = console_of(b)
    crash(b)
    assert heard.endswith(b"\r\n")
    return heard.decode().removesuffix("\r\n").split("\r\n")


def rows(lines: list[str]) -> dict[str, re.Match[str]]:
    """The task table by command."""
    found = (ROW.fullmatch(line) for line in lines)
    return {row["command"]: row for row in found if row}


# Layout


def test_every_line_has_nuttxs_layout() -> None:
    with Board("sim", **PLAIN, SCHED_BACKTRACE=False) as b:
        lines = dump(rigged(b, no_such_descriptor))
        assert lines[0] == f"up_exception: PANIC!!! in interrupt handler of line {HIT}"
        assert re.fullmatch(VERSION, lines[1])
        assert re.fullmatch(
            r"dump_assert_info: Assertion failed ValueError\('no such descriptor'\): "
            rf"at file: {HERE} task: Idle_Task process: Kernel 0",
            lines[2],
        )
        assert lines[3] == "sched_dumpstack: backtrace:"
        title = lines.index(TITLE)
        assert all(re.fullmatch(FRAME, line) for line in lines[4:title])
        assert all(ROW.fullmatch(line) for line in lines[title + 1 :])
        assert len(lines) - title - 1 == 4  # idle task, two workers, shell


def test_the_backtrace_leads_from_where_it_was_raised_to_the_handler() -> None:
    with Board("sim", **PLAIN, SCHED_BACKTRACE=False) as b:
        lines = dump(rigged(b, lambda: no_such_descriptor()))
        functions = [match[4] for line in lines if (match := re.fullmatch(FRAME, line))]
        assert functions[:2] == ["no_such_descriptor", "<lambda>"] and "dispatch" in functions
        place = no_such_descriptor.__code__.co_firstlineno + 1
        assert f"[<tests/test_crash_console.py:{place}>] no_such_descriptor" in lines[4]
        assert f"at file: tests/test_crash_console.py:{place} " in lines[2]


def test_the_task_table_is_the_boards_own() -> None:
    with Board("sim", **PLAIN) as b:
        rigged(b, no_such_descriptor)
        mutex_owner = b.spawn(lambda sys: (lock.lock(), sys.sleep(100)), "owner", 180)
        lock = b.kernel.facade(mutex_owner).mutex("lock")
        waiter = b.spawn(lambda sys: lock.lock(), "waiter", 7, args=("one", "two"))
        b.run(0.1)
        before = {task_info(b.kernel, pid).cmdline: task_info(b.kernel, pid) for pid in (0, 1, 2, 3, 4, 5)}
        table = rows(dump(b))
        assert list(table) == list(before)
        for command, row in table.items():
            info = before[command]
            assert [int(row[key]) for key in ("pid", "group", "pri", "size", "used")] == [
                info.pid, info.group, info.priority, info.stack_size, info.stack_used
            ]  # fmt: skip
            assert (row["type"], int(row["base"], 16)) == (info.kind, info.stack_addr)
        loads = {command: round(10 * float(row["load"])) for command, row in table.items()}
        assert loads == {command: info.load for command, info in before.items()} and loads["Idle_Task"] == 1000
        assert table["owner"]["pri"] == "180"
        assert table["owner"]["state"].rstrip() == "Waiting Signal"
        assert table["waiter one two"]["state"].rstrip() == f"Waiting Mutex:{mutex_owner.pid}"
        assert int(table["waiter one two"]["pid"]) == waiter.pid


def test_long_arguments_are_cut_as_nuttx_cuts_them() -> None:
    with Board("sim", **PLAIN) as b:
        rigged(b, no_such_descriptor)
        b.spawn(lambda sys: sys.sleep(9), "much", args=("x" * 100, "y"))
        b.run(0.1)
        assert "much " + "x" * 62 in rows(dump(b))


def test_columns_follow_the_configuration() -> None:
    with Board("sim", **PLAIN, STACK_COLORATION=False, SCHED_CPULOAD_SYSCLK=False) as b:
        text = "\n".join(dump(rigged(b, no_such_descriptor)))
        assert "  STACKBASE  STACKSIZE   COMMAND\n" in text
        assert re.search(r"dump_task: .* 0x[0-9a-f]+   [ \d]{7}   nsh_main$", text, re.M)
    with Board("sim", **PLAIN, SCHED_DUMP_TASKS=False) as b:
        assert "dump_task" not in "\n".join(dump(rigged(b, no_such_descriptor)))


def test_several_cpus_are_told_apart() -> None:
    with Board("smp4", **PLAIN) as b:
        lines = dump(rigged(b, no_such_descriptor))
        assert all(line.startswith("[CPU0] ") for line in lines)
        lines = [line.removeprefix("[CPU0] ") for line in lines]
        assert re.search(r" task\(CPU0\): CPU0 IDLE process: Kernel 0$", lines[2])
        assert [line for line in lines if "Dump CPU" in line] == [
            f"dump_fatal_info: Dump CPU{cpu}: PAUSED" for cpu in (1, 2, 3)
        ]
        title = next(line for line in lines if line.startswith("dump_tasks:"))
        assert title.startswith("dump_tasks:    PID GROUP   CPU PRI ")
        idle = [re.match(r"dump_task: +\d+ +0  ([ \d]{4})   0 ", line) for line in lines if "IDLE" in line]
        assert [int(match[1]) for match in idle if match] == [0, 1, 2, 3]


def test_the_cpu_that_crashed_is_named() -> None:
    with Board("smp4", **PLAIN) as b:
        b.boot()
        heard = console_of(b)

        def burning(sys: Any) -> None:
            sys.burn(1000)

        def failing(sys: Any) -> None:
            sys.burn(100)
            sys.kernel.fault("undefined instruction")

        b.spawn(burning, "burning")
        b.spawn(failing, "failing")
        with pytest.raises(Panic):
            b.run(2)
        text = heard.decode()
        match = re.search(r"task\(CPU(\d)\): failing process: failing 0", text)
        assert match and match[1] != "0"  # that one has the other task
        assert set(re.findall(r"^\[CPU(\d)\] ", text, re.M)) == {match[1]}
        paused = re.findall(r"Dump CPU(\d): PAUSED", text)
        assert sorted([*paused, match[1]]) == ["0", "1", "2", "3"]
        assert re.search(r"dump_task: .* Running .*   burning\r\n", text)


def test_lines_begin_as_those_of_the_log_do() -> None:
    with Board("sim") as b:
        lines = dump(rigged(b, no_such_descriptor))
        assert all(re.match(r"\[ {4}0\.1\d{5}\] \[ ALERT\] (up|dump|sched)_\w+: ", line) for line in lines)
        assert b.kernel.syslog.text().endswith("\n".join(lines) + "\n")


def test_it_is_printed_once_where_the_log_goes_to_the_console_anyway() -> None:
    with Board("sim", RAMLOG_SYSLOG=False) as b:
        assert len([line for line in dump(rigged(b, no_such_descriptor)) if "Assertion failed" in line]) == 1


def test_frameworks_find_their_signatures() -> None:
    with Board("sim") as b:
        heard = console_of(b)
        crash(rigged(b, no_such_descriptor))
        for signature in (b"Assertion failed", b"dump_tasks", b"dump_assert_info", b"PANIC!!!"):
            assert signature in heard


def test_stacks_of_all_tasks_are_an_option() -> None:
    with Board("sim", **PLAIN, SCHED_BACKTRACE=True) as b:
        rigged(b, no_such_descriptor)

        def napping(sys: Any) -> None:
            sys.sleep(50)

        task = b.spawn(napping)
        b.run(0.1)
        lines = dump(b)
        frames = [match for line in lines if (match := re.fullmatch(FRAME, line))]
        assert [m[4] for m in frames if int(m[1]) == task.pid][-1] == "napping"
        assert {int(m[1]) for m in frames} == {0, 1, 2, 3, task.pid}  # 0: the handler's; it interrupted the idle task


def test_the_interrupted_tasks_own_stack_is_shown_without_the_handlers() -> None:
    with Board("sim", **PLAIN, SCHED_BACKTRACE=True) as b:
        rigged(b, no_such_descriptor)
        line = b.irq_line(HIT)

        def computing(sys: Any) -> None:
            line.pulse()
            sys.burn(100)

        task = b.spawn(computing)
        heard = console_of(b)
        with pytest.raises(Panic):
            b.run(1)
        text = heard.decode()
        assert f" task: {task.name} process: {task.name} 0" in text
        last = [m for m in re.finditer(FRAME, text.rpartition("dump_task:")[2]) if int(m[1]) == task.pid]
        assert last[-1][4] == "computing" and "no_such_descriptor" not in [m[4] for m in last]


def test_deep_recursion_is_cut() -> None:
    def endless(n: int = 0) -> int:
        return endless(n + 1)

    with Board("sim", **PLAIN, SCHED_BACKTRACE=False) as b:
        lines = dump(rigged(b, endless))
        assert len(lines) < 60
        assert any(re.fullmatch(r"sched_dumpstack: \[ 0\] and \d+ more", line) for line in lines)


def test_whatever_a_handler_raises_the_dump_stays_in_its_lines() -> None:
    class Odd(Exception):
        def __repr__(self) -> str:
            raise RuntimeError

    class Wordy(Exception):
        def __repr__(self) -> str:
            return "first\nsecond\r\n" + "x" * 1000

    for error, expected in ((Odd(), r"Odd\(\.\.\.\)"), (Wordy(), r"first second x+\.\.\.")):

        def fail(error: Exception = error) -> None:
            raise error

        with Board("sim", **PLAIN) as b:
            line = dump(rigged(b, fail))[2]
            assert re.search(rf"Assertion failed {expected}: at file: {HERE} task: ", line) and len(line) < 400


def test_a_dump_that_fails_says_so_and_the_board_dies_all_the_same() -> None:
    with Board("sim", **PLAIN) as b:
        rigged(b, no_such_descriptor)
        b.spawn(lambda sys: sys.sleep(9), args=(object(),))  # type: ignore[arg-type]
        lines = dump(b)
        assert "Assertion failed ValueError" in lines[2]
        assert lines[-1].startswith("dump_fatal_info: the dump failed: TypeError(")


def test_a_task_that_has_not_begun_has_no_stack() -> None:
    with Board("sim", **PLAIN, SCHED_BACKTRACE=True) as b:
        rigged(b, no_such_descriptor)
        b.spawn(lambda sys: None)  # its greenlet is used again
        b.run(0.1)
        waiting = b.kernel.tasks.create(lambda sys: None, "waiting", start=False)
        lines = dump(b)
        assert rows(lines)["waiting"]["state"].rstrip() == "Inactive"
        assert str(waiting.pid) not in {match[1] for line in lines if (match := re.fullmatch(FRAME, line))}


def test_same_run_prints_the_same_bytes() -> None:
    def run() -> bytes:
        with Board("sim", seed=3) as b:
            heard = console_of(b)
            crash(rigged(b, no_such_descriptor))
            return bytes(heard)

    assert run() == run()


# Whom an assertion ends


def test_an_assertion_in_a_program_ends_the_program_alone() -> None:
    with Board("sim", **PLAIN) as b:
        b.boot()
        b.run(0.1)
        heard = console_of(b)

        def app(sys: Any) -> None:
            sys.ASSERT(True, "that holds")
            try:
                sys.ASSERT(len(sys.argv) > 1, "argc > 1")
            except Exception:
                pytest.fail("no program's business")

        task = b.spawn(app, "checker")
        b.run(1)
        lines = heard.decode().splitlines()
        assert re.fullmatch(VERSION, lines[0])
        assert re.fullmatch(
            rf"dump_assert_info: Assertion failed argc > 1: at file: {HERE} task: checker process: checker 0", lines[1]
        )
        assert re.fullmatch(FRAME, lines[3]) and lines[3].endswith("] app")
        assert len(lines) == 4
        assert (task.alive, task.status, b.kernel.panic) == (False, 1, None)
        assert re.search(rf"task checker \(pid \d+\): assertion failed at {HERE}: argc > 1", b.reports[0])
        assert b.nsh("echo ok") == "ok\n"


def test_panic_in_a_program_is_one_too() -> None:
    with Board("sim", **PLAIN) as b:
        heard = console_of(b)
        b.spawn(lambda sys: sys.PANIC())
        b.run(1)
        assert re.search(rf"Assertion failed panic: at file: {HERE} task: app process: app 0\r\n", heard.decode())
        assert b.kernel.panic is None


def test_an_assertion_in_a_kernel_thread_ends_the_board() -> None:
    with Board("sim", **PLAIN) as b:
        b.boot()
        b.run(0.1)
        heard = console_of(b)

        def app(sys: Any) -> None:
            def worker(_arg: Any) -> None:
                sys.ASSERT(False, "queue != NULL")

            sys.work_queue(sys.LPWORK, sys.work("checked"), worker)

        b.spawn(app)
        with pytest.raises(Panic, match=r"board crashed in task lpwork \(pid 2\): assertion failed at tests/.*: queue"):
            b.run(1)
        lines = heard.decode().splitlines()
        assert re.search(rf"Assertion failed queue != NULL: at file: {HERE} task: lpwork process: Kernel 0$", lines[1])
        assert TITLE in lines
        assert rows(lines)["nsh_main"]
        assert "worker" in b.reports[0]


def test_an_assertion_in_a_handler_ends_the_board_whatever_the_handler_catches() -> None:
    with Board("sim", **PLAIN) as b:
        b.boot()
        sys: Any = b.kernel.facade(b.spawn(lambda sys: None))

        def careless() -> None:
            with contextlib.suppress(Exception):
                sys.ASSERT(False, "ring not full")

        lines = dump(rigged(b, careless))
        assert not any("PANIC!!!" in line for line in lines)
        assert re.search(rf"Assertion failed ring not full: at file: {HERE} task: Idle_Task ", lines[1])
        assert re.fullmatch(FRAME, lines[3]) and lines[3].endswith("] careless")


def test_a_fault_in_a_program_ends_the_board() -> None:
    with Board("sim", **PLAIN) as b:
        heard = console_of(b)
        b.spawn(lambda sys: sys.kernel.fault("jump to 0x1000"), "jumper")
        with pytest.raises(Panic, match="crashed in task jumper"):
            b.run(1)
        text = heard.decode()
        assert re.search(r"up_exception: PANIC!!! jump to 0x1000 in task jumper \(pid 4\)\r\n", text)
        assert re.search(rf"Assertion failed panic: at file: {HERE} task: jumper process: jumper 0\r\n", text)
        assert TITLE in text


def test_a_character_on_the_console_crashes_the_board_if_configured() -> None:
    with Board("sim", **PLAIN, TTY_FORCE_PANIC=True, TTY_FORCE_PANIC_REPEAT_COUNT=3) as b:
        with b.console.open(timeout=1) as port:
            port.read_until(b"nsh> ")
            port.write(b"\x1f\x1fa\x1f\x1f\r")
            port.read_until(b"nsh> ")
            port.write(b"\x1f" * 3)
            with pytest.raises(Panic, match="Force panic by user"):
                port.read_until(b"never")
            text = port.read(1 << 16).decode()
        assert re.search(r"Assertion failed Force panic by user\.: at file: drivers/serial\.py:\d+ task: ", text)
    with Board("sim") as b:
        b.boot()
        b.uart.send(b"\x1f" * 9 + b"\r")
        b.run(1)
        assert b.kernel.panic is None


def test_nothing_of_a_dead_board_runs_and_the_others_go_on() -> None:
    with Bench() as bench:
        left, right = bench.board("left"), bench.board("right")
        rigged(left, no_such_descriptor)
        ticks: list[str] = []
        for b in (left, right):
            b.spawn(lambda sys, name=b.name: [(sys.sleep(0.1), ticks.append(name)) for _ in range(9)])
        with pytest.raises(Panic, match="left crashed"):
            left.irq_line(HIT).pulse()
            bench.run(3)
        bench.run(3)
        assert ticks == ["right"] * 9
        assert right.nsh("echo ok").ok


def test_the_host_cannot_fail_an_assertion_of_the_board() -> None:
    with Rig() as rig, pytest.raises(ContextError, match="no code of board runs"):
        rig.sys.PANIC("mine")


# When the host and the clients hear of it


def test_panic_comes_when_the_text_is_on_the_line() -> None:
    with Board("stm32f7") as b:
        rigged(b, no_such_descriptor)
        heard, start = console_of(b), b.now_ns
        panic = crash(b, 10)
        assert b.kernel.panic is panic and isinstance(panic.__cause__, ValueError)
        assert heard.endswith(b"nsh_main\r\n")
        line_ns = len(heard) * BITS_PER_CHAR * 1_000_000_000 // 115200
        assert line_ns <= b.now_ns - start < line_ns * 1.01
        assert b.run_until(lambda: False, timeout=1) is False


def test_a_host_that_waits_for_less_hears_of_it_at_the_end_of_its_wait() -> None:
    with Board("stm32f7") as b:
        rigged(b, no_such_descriptor)
        heard, start = console_of(b), b.now_ns
        crash(b, 0.01)
        assert b.now_ns == start + 10_000_000
        assert heard.startswith(b"[") and 100 <= len(heard) <= 115200 / BITS_PER_CHAR * 0.01
        b.run(5)
        assert heard.endswith(b"nsh_main\r\n")


def test_what_was_buffered_comes_before_it() -> None:
    with Board("stm32f7", **PLAIN) as b:
        rigged(b, no_such_descriptor)
        line = b.irq_line(HIT)
        b.spawn(lambda sys: (sys.write("x" * 200 + "\n"), line.pulse(), sys.burn(1)))
        heard = console_of(b)
        with pytest.raises(Panic):
            b.run(5)
        assert heard.startswith(b"x" * 200 + b"\r\nup_exception: PANIC!!!")


def test_a_port_in_this_process_reads_all_of_it_and_serves_the_next_boot() -> None:
    with Board("sim") as b:
        port = b.console.open(timeout=1)
        port.read_until(b"nsh> ")
        crash(rigged(b, no_such_descriptor))
        text = port.read(1 << 16)
        assert b"Assertion failed" in text and text.endswith(b"nsh_main\r\n")
        b.reset()
        assert b"NuttShell" in port.read_until(b"nsh> ")
        port.write(b"echo ok\r")
        assert port.read_until(b"nsh> ").endswith(b"echo ok\r\nok\r\nnsh> ")
        assert b.kernel.panic is None and "no such descriptor" in b.reports[0]


def test_standard_output_has_all_of_it_when_the_run_ends() -> None:
    stdin, into = os.pipe()
    out, stdout = os.pipe()
    with Board("sim", live=True) as b:
        console = StdioConsole(b.uart, infd=stdin, outfd=stdout)
        crash(rigged(b, no_such_descriptor), 60)
        text = os.read(out, 1 << 16)
        console.close()
    for fd in (stdin, into, out, stdout):
        os.close(fd)
    assert text.endswith(b"nsh_main\r\n")


def test_the_command_prints_all_of_it_and_fails() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab.cli", "run", "--set", "TTY_FORCE_PANIC=y"],
        input=b"\x1f",
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(rb"Assertion failed Force panic by user\.: at file: drivers/serial\.py:\d+ task: ", done.stdout)
    assert done.stdout.endswith(b"] nsh_main\r\n")
    assert b"Force panic by user" in done.stderr


def test_a_terminal_program_sees_it_and_stays_connected() -> None:
    with Board("sim", live=True) as b:
        pty = ConsolePty(b.uart)
        texts: list[bytes] = []

        def client() -> None:
            with serial.Serial(pty.path, timeout=30) as port:
                texts.append(port.read_until(b"nsh_main\r\n"))
                texts.append(port.read_until(b"nsh> "))
                port.write(b"echo ok\r")
                texts.append(port.read_until(b"nsh> "))

        rigged(b, no_such_descriptor)
        thread = threading.Thread(target=client)
        thread.start()
        crash(b, 60)
        b.run_until(lambda: bool(texts), timeout=60)
        b.reset()
        b.run_until(lambda: not thread.is_alive(), timeout=60)
        thread.join()
        pty.close()
    assert b"Assertion failed" in texts[0] and b"NuttShell" in texts[1] and b"\r\nok\r\n" in texts[2]


# Coming back


@pytest.mark.parametrize("value", [1, 2])
def test_a_board_that_resets_itself_tells_nobody_but_the_reports(value: int) -> None:
    with Board("sim", BOARD_RESET_ON_ASSERT=value) as b:
        port = b.console.open(timeout=1)
        port.read_until(b"nsh> ")
        rigged(b, no_such_descriptor)
        dead = b.kernel
        b.irq_line(HIT).pulse()
        b.run(1)
        text = port.read(1 << 16)
        assert text.index(b"Assertion failed") < text.index(b"nsh_main\r\n") < text.index(b"NuttShell")
        assert b.kernel is not dead and b.kernel.panic is None
        assert len(b.reports) == 1 and "panic in interrupt handler" in b.reports[0]
        port.write(b"echo ok\r")
        assert b"\r\nok\r\n" in port.read_until(b"nsh> ")


def test_an_assertion_in_a_program_resets_the_board_only_if_configured_so() -> None:
    for value, boots in ((1, 1), (2, 2)):
        with Board("sim", BOARD_RESET_ON_ASSERT=value) as b:
            heard = console_of(b)
            b.boot()
            b.spawn(lambda sys: sys.PANIC())
            b.run(1)
            assert heard.count(b"NuttShell") == boots
            assert (b"dump_tasks" in heard) == (boots == 2)


def test_a_command_that_the_reset_cut_short_has_failed() -> None:
    with Board("sim", BOARD_RESET_ON_ASSERT=1) as b:
        rigged(b, no_such_descriptor)
        line = b.irq_line(HIT)
        b.spawn(lambda sys: (sys.sleep(1), line.pulse()))
        reply = b.nsh("sleep 5")
        assert not reply.ok and b.now < 3
        assert b.nsh("echo ok").ok


def test_reset_in_the_middle_of_the_text_is_the_end_of_it() -> None:
    with Board("stm32f7") as b:
        rigged(b, no_such_descriptor)
        heard = console_of(b)
        b.irq_line(HIT).pulse()
        assert b.run_until(lambda: b"PANIC!!!" in heard, timeout=1)
        b.reset()
        b.boot()
        b.run(2)
        assert b"up_exception" in heard and b"dump_task" not in heard and heard.endswith(b"nsh> \x1b[K")


def test_crashes_and_resets_leave_nothing_behind() -> None:
    with Board("sim") as b:
        counts = []
        for _ in range(3):
            crash(rigged(b, no_such_descriptor))
            b.reset()
            counts.append((len(b.bench.clock.events), len(b.bench.clock.crashes), len(b.uart.listeners)))
        assert len(set(counts)) == 1 and counts[0][1] == 0
        assert len(b.reports) == 3


def test_a_board_that_is_switched_off_while_it_prints_says_nothing_more() -> None:
    with Board("stm32f7") as b:
        rigged(b, no_such_descriptor)
        b.irq_line(HIT).pulse()
        assert b.run_until(lambda: b.kernel.panic is not None, timeout=1)
        b.power_off()
        b.run(5)


def test_two_boards_that_crash_are_both_heard_of() -> None:
    with Bench() as bench:
        boards = [rigged(bench.board(name), no_such_descriptor) for name in ("left", "right")]
        for b in boards:
            b.irq_line(HIT).pulse()
        for name in ("left", "right"):
            with pytest.raises(Panic, match=f"{name} crashed"):
                bench.run(1)
        bench.run(1)


def test_tasks_of_a_dead_board_unwind_when_it_is_closed() -> None:
    ended: list[str] = []

    def app(sys: Any) -> None:
        try:
            sys.kernel.fault("undefined instruction")
        finally:
            ended.append("app")

    with Board("sim") as b:
        task: Task = b.spawn(app)
        with pytest.raises(Panic):
            b.run(1)
        assert task.alive and not ended
    assert ended == ["app"]
