"""What a failed assertion prints, in the layout of NuttX's sched/misc/assert.c.

A Python program has no registers, no bytes on a stack and no return addresses: of these nothing is shown. The frames of
Python stand in the backtraces, as ``file:line`` where NuttX has an address.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from greenlet import getcurrent

from kernel.clock import Clock
from kernel.cpuload import percent
from kernel.task import Runner, Task
from kernel.taskinfo import TaskInfo, task_info, task_pids
from kernel.version import RELEASE, SYSNAME, version

if TYPE_CHECKING:
    from kernel.kernel import Kernel

DEPTH = 32  # frames of a backtrace that are printed
ARGS = 63  # characters of a task's arguments that are

_HANDLER = Clock._interrupt.__code__  # what lies below it is the code that was interrupted
_ENTRIES = (_HANDLER, Task.run.__code__)
_NO_TASK = Runner._loop.__code__  # a greenlet whose task has not begun, or has ended


class Frame(NamedTuple):
    """A call: where it is, and the function that makes it. The path is cut to two parts, as NuttX's build has them."""

    path: str
    line: int
    function: str

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Failure:
    """An assertion that failed in task ``pid`` on ``cpu``, or in a handler that interrupted it.

    ``text``: what failed. ``frames``: the way there, innermost first.
    """

    text: str
    frames: list[Frame]
    pid: int
    cpu: int

    @property
    def place(self) -> str:
        """``file:line`` of the assertion, as NuttX prints it where it knows none: ``:0``."""
        return self.frames[0].place if self.frames else ":0"


def frames_of(frame: FrameType | None) -> list[Frame]:
    """``frame`` and its callers, as far as the task's own code goes, or the handler's; innermost first."""
    frames: list[Frame] = []
    while frame is not None and frame.f_code not in _ENTRIES:
        if frame.f_code is _NO_TASK:
            return []
        frames.append(_frame(frame, frame.f_lineno))
        frame = frame.f_back
    return frames


def frames_of_error(error: BaseException) -> list[Frame]:
    """The way to where ``error`` was raised; innermost first."""
    calls = reversed(list(traceback.walk_tb(error.__traceback__)))
    return [_frame(frame, line) for frame, line in calls if frame.f_code not in _ENTRIES]


def _frame(frame: FrameType, line: int) -> Frame:
    return Frame("/".join(frame.f_code.co_filename.split("/")[-2:]), line, frame.f_code.co_name)


def dump_assert_info(kernel: Kernel, failure: Failure) -> Iterator[str]:
    """What failed and where; the lines of a task that dies alone."""
    options = kernel.options
    task = task_info(kernel, failure.pid)
    machine = f"{SYSNAME} {options['LIBC_HOSTNAME']} {RELEASE} {version()} {options['ARCH']}"
    yield f"dump_assert_info: Current Version: {machine}"
    cpu = f"(CPU{failure.cpu})" if kernel.ncpus > 1 else ""
    yield (
        f"dump_assert_info: Assertion failed {failure.text}: at file: {failure.place} task{cpu}: {task.name} "
        f"process: {_process(kernel, task)} {_pointer(0)}"
    )
    yield from sched_dumpstack(failure.pid, failure.frames)


def dump_fatal_info(kernel: Kernel, failure: Failure) -> Iterator[str]:
    """The whole board: the lines that follow if it dies."""
    for cpu in range(kernel.ncpus):
        if cpu != failure.cpu:
            yield f"dump_fatal_info: Dump CPU{cpu}: PAUSED"
    if kernel.options["SCHED_DUMP_TASKS"]:
        yield _title(kernel)
        for pid in task_pids(kernel):
            yield _row(kernel, pid)
    if kernel.options["SCHED_BACKTRACE"]:
        for pid in task_pids(kernel):
            yield from sched_dumpstack(pid, _stack(kernel, failure, pid))


def sched_dumpstack(pid: int, frames: list[Frame]) -> Iterator[str]:
    """A backtrace, in the layout that NuttX has with CONFIG_ALLSYMS."""
    if frames:
        yield "sched_dumpstack: backtrace:"
    for frame in frames[:DEPTH]:
        yield f"sched_dumpstack: [{pid:2}] [<{frame.place}>] {frame.function}"
    if len(frames) > DEPTH:
        yield f"sched_dumpstack: [{pid:2}] and {len(frames) - DEPTH} more"


def _process(kernel: Kernel, task: TaskInfo) -> str:
    leader = kernel.tasks.by_pid.get(task.group)
    return leader.name if leader is not None and task.kind != "Kthread" else "Kernel"


def _pointer(address: int) -> str:
    """As NuttX's libc formats %p."""
    return f"0x{address:x}" if address else "0"


def _title(kernel: Kernel) -> str:
    cpu = "   CPU" if kernel.ncpus > 1 else ""
    used = "      USED   FILLED " if kernel.options["STACK_COLORATION"] else ""
    load = "      CPU" if kernel.options["SCHED_CPULOAD_SYSCLK"] else ""
    return (
        f"dump_tasks:    PID GROUP{cpu} PRI POLICY   TYPE    NPX STATE   EVENT      SIGMASK          STACKBASE"
        f"  STACKSIZE{used}{load}   COMMAND"
    )


def _row(kernel: Kernel, pid: int) -> str:
    task = task_info(kernel, pid)
    cpu = f"  {task.assigned_cpu:4}" if kernel.ncpus > 1 else ""
    filled = task.stack_filled
    used = f"   {task.stack_used:7}   {filled // 10:3}.{filled % 10}%{'!' if filled >= 800 else ' '}"
    columns = used if kernel.options["STACK_COLORATION"] else ""
    columns += f"   {percent(task.load)}" if kernel.options["SCHED_CPULOAD_SYSCLK"] else ""
    state = f"{task.state} {task.event}" if task.event else task.state
    arguments = "".join(f" {word}" for word in task.args)[:ARGS]
    return (
        f"dump_task:    {task.pid:4} {task.group:5}{cpu} {task.priority:3} {task.policy:<8} {task.kind:<7} "
        f"{'P' if task.exiting else '-':<3} {state:<18} {task.sigmask:016x} {_pointer(task.stack_addr)}"
        f"   {task.stack_size:7}{columns}   {task.name}{arguments}"
    )


def _stack(kernel: Kernel, failure: Failure, pid: int) -> list[Frame]:
    """The frames of a task; none for those that the CPUs idle in, which have no code of their own."""
    task = kernel.tasks.by_pid.get(pid)
    if task is None or task.greenlet is None:
        return []
    if task.greenlet is not getcurrent():
        return frames_of(task.greenlet.gr_frame)
    return frames_of(interrupted()) or failure.frames


def interrupted() -> FrameType | None:
    """The code on whose stack the innermost handler runs; None outside handlers."""
    frames = (frame for frame, _ in traceback.walk_stack(None))
    return next((frame.f_back for frame in frames if frame.f_code is _HANDLER), None)
