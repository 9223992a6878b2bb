"""What a failed assertion does: NuttX's _assert().

In a program it ends the task. In an interrupt handler or a kernel thread it ends the board, and with
CONFIG_BOARD_RESET_ON_ASSERT the board then starts anew. Its text goes to the log, and to the console even if the log is
kept in RAM: a board that is dead has no ``dmesg``.
"""

from __future__ import annotations

import traceback
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from kernel.assertdump import Failure, dump_assert_info, dump_fatal_info, frames_of, frames_of_error
from kernel.clock import Event
from kernel.core import lib
from kernel.errors import AssertionFailed, BoardClosed, ContextError, Panic, TaskExit, describe
from kernel.syslog import LOG_ALERT
from kernel.taskinfo import running_pid

if TYPE_CHECKING:
    from kernel.kernel import Kernel

LONGEST = 200  # characters of a text in the assertion line


class Assertions:
    """The failed assertions of one kernel; the last one may be that of the board."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._ending: Event | None = None
        self._interrupt: KeyboardInterrupt | None = None  # it hit the board, but was meant for the host

    def failed(self, text: str, frame: FrameType) -> NoReturn:
        """An assertion did not hold in the code that runs, at ``frame``.

        Ends the task, or the board if it is a kernel thread or CONFIG_BOARD_RESET_ON_ASSERT is 2. Raises
        AssertionFailed in a handler, which :meth:`crash` then hears of, and ContextError on the host.
        """
        kernel = self._kernel
        pid = self._whose(text, frame)
        failure = Failure(_one_line(text), frames_of(frame), pid, lib.board_current_cpu(kernel.board))
        task = kernel.tasks.by_pid[pid]
        if task.kind == "Kthread" or int(kernel.options["BOARD_RESET_ON_ASSERT"]) >= 2:
            self._die_in_task(failure)
        self._puts(kernel.syslog.keep(LOG_ALERT, "\n".join(dump_assert_info(kernel, failure))))
        kernel.report(f"task {task.name} (pid {pid}): assertion failed at {failure.place}: {failure.text}", log=False)
        raise TaskExit(1)

    def fault(self, what: str, frame: FrameType) -> NoReturn:
        """The CPU cannot go on with the code at ``frame``: ends the board, whoever runs. Raises as :meth:`failed`."""
        kernel = self._kernel
        pid = self._whose(what, frame)
        failure = Failure("panic", frames_of(frame), pid, lib.board_current_cpu(kernel.board))
        self._die_in_task(failure, f"{_one_line(what)} in {self._task(pid)}")

    def crash(self, error: BaseException, where: str) -> None:
        """A handler raised, or an assertion failed in it: nothing of the board runs any more.

        The host gets its Panic, or the board its reset, when the text is on the line: until then the CPU polls the
        UART. A host that waits for less gets the Panic when its time is over. A KeyboardInterrupt, which was not the
        board's, goes on to the host.
        """
        board = self._kernel.board
        cpu = lib.board_current_cpu(board)
        pid = running_pid(self._kernel, cpu)
        fault = ""
        if isinstance(error, AssertionFailed):
            failure = Failure(_one_line(error.text), frames_of(error.frame), pid, cpu)
        else:
            failure = Failure(_one_line(describe(error)), frames_of_error(error), pid, cpu)
            fault = f"in {where}"
        self._die(failure, fault, where, error)

    def close(self) -> None:
        """What was to follow a crash does not happen any more. Idempotent."""
        if self._ending is None:
            return
        self._ending.free()
        self._ending = None
        if self._tell_host in self._kernel.clock.crashes:
            self._kernel.clock.crashes.remove(self._tell_host)

    def _whose(self, text: str, frame: FrameType) -> int:
        pid: int = lib.board_current(self._kernel.board)
        if pid == -2:
            raise AssertionFailed(text, frame)
        if pid not in self._kernel.tasks.by_pid:
            raise ContextError(f"no code of {self._kernel.name} runs that could fail an assertion: {text}")
        return pid

    def _task(self, pid: int) -> str:
        return f"task {self._kernel.tasks.by_pid[pid].name} (pid {pid})"

    def _die_in_task(self, failure: Failure, fault: str = "") -> NoReturn:
        clock = self._kernel.clock
        self._die(failure, fault, self._task(failure.pid), None)
        clock.follow(lib.bench_next(clock.bench))
        raise BoardClosed  # nobody switches back to a task of a dead board but to unwind it

    def _die(self, failure: Failure, fault: str, where: str, cause: BaseException | None) -> None:
        kernel = self._kernel
        lines = [f"up_exception: PANIC!!! {fault}"] if fault else []
        try:
            lines += dump_assert_info(kernel, failure)
            lines += dump_fatal_info(kernel, failure)
        except Exception as error:  # something is broken, after all: the crash must not get lost in it
            lines.append(f"dump_fatal_info: the dump failed: {_one_line(describe(error))}")
        text = kernel.syslog.keep(LOG_ALERT, "\n".join(lines))
        lib.board_halt(kernel.board)
        for task in kernel.tasks.by_pid.values():
            task.status = 1  # whoever waits for one from outside must not think that it was done
        self._note(failure, where, cause)
        if not self._resets:
            kernel.clock.crashes.append(self._tell_host)
        self._puts(text)
        self._ending = Event(kernel.clock, self._poll)
        self._ending.at(kernel.clock.now_ns)

    @property
    def _resets(self) -> bool:
        """Whether the board starts anew. What the host did to it, the host hears of."""
        kernel = self._kernel
        return bool(kernel.options["BOARD_RESET_ON_ASSERT"]) and kernel.on_reset is not None and self._interrupt is None

    def _note(self, failure: Failure, where: str, cause: BaseException | None) -> None:
        """For the reports, and for the host's call."""
        kernel = self._kernel
        if isinstance(cause, AssertionFailed) or cause is None:
            reason = f"assertion failed at {failure.place}: {failure.text}"
            details = "\n".join(f"  {frame.place} in {frame.function}" for frame in failure.frames)
        else:
            reason, details = describe(cause), "".join(traceback.format_exception(cause))
        kernel.report(f"panic in {where}: {reason}\n{details}", log=False)
        kernel.panic = Panic(f"{kernel.name} crashed in {where}: {reason}")
        kernel.panic.__cause__ = cause
        self._interrupt = cause if isinstance(cause, KeyboardInterrupt) else None

    def _puts(self, text: str) -> int:
        console = self._kernel.console
        return console.puts(text) if console is not None else 0

    def _poll(self) -> None:
        """What the dead board still does: it waits until its text is on the line."""
        kernel = self._kernel
        busy_ns = self._puts("")
        if busy_ns and self._ending is not None:
            self._ending.at(kernel.clock.now_ns + busy_ns)
        elif self._resets and kernel.on_reset is not None:
            self.close()
            kernel.on_reset()
        else:
            self._tell_host()

    def _tell_host(self) -> None:
        self.close()
        error = self._interrupt or self._kernel.panic
        if error is not None:
            raise error


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
