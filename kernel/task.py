"""Tasks: who they are, how they start and how they end.

A task's code runs in a greenlet and simply blocks. Greenlets cost more to make than to switch, so a dead task's is kept
by the clock and given to the next one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from kernel.core import ACT_BASE, KILLED, check, lib
from kernel.environ import HOMEDIR, Environment
from kernel.errors import TaskExit
from kernel.fs.openfile import FileTable
from kernel.raised import task_raised

if TYPE_CHECKING:
    from kernel.clock import Clock
    from kernel.kernel import Kernel


Entry = Callable[[Any], Any]

SERVICE = 1 << 4  # TCB_SERVICE: waiting for ever is its normal state


class Task:
    """One task of a board. ``kind`` is Task, pthread or Kthread, as ps prints it."""

    def __init__(
        self, kernel: Kernel, entry: Entry, name: str, priority: int, *, kind: str, stack: int, args: tuple[str, ...]
    ) -> None:
        self.kernel = kernel
        self.entry = entry
        kept = int(kernel.options["TASK_NAME_SIZE"])
        self.name = name[:kept] if kept else "<noname>"
        self.argv = [name, *args]
        self.kind = kind
        self.args = args
        self.pid = 0
        self.parent = 0
        self.greenlet: greenlet | None = None
        self.stack_size = stack
        self.stack_addr = 0
        self.error: BaseException | None = None
        self.status: int = 0
        self.alive = True
        self.facade: Any = None
        self.files = FileTable()
        self.env = Environment()
        self.env.setenv("PWD", HOMEDIR)  # as the idle task bequeaths it at boot
        self.waits_for: Task | None = None  # the one whose end it waited for last
        self.at_exit: list[Callable[[], None]] = []
        self.background = False  # nobody waits for it at a terminal: Ctrl-C is not for it, nor for what it starts
        self.caught: set[int] = set()  # signals that end its waits with EINTR instead of the task
        self.signalled: set[int] = set()  # those of them that came: a wait may have ended without an error

    def inherit(self, parent: Task) -> None:
        """Gets the open files and the environment of the task that makes it."""
        self.files.inherit(parent.files)
        self.env = Environment(parent.env)
        self.background = parent.background

    def main(self) -> None:
        """The task's whole life, in its greenlet."""
        result = self.run(self.entry, self.facade)
        if isinstance(result, int):
            self.status = result

    def run(self, code: Entry, arg: Any) -> Any:
        """Calls code of the task's, whose end, however it comes about, must hit this task and no other."""
        try:
            return code(arg)  # a plain call: what it puts on the C stack is copied at every switch
        except TaskExit as end:
            self.status = end.args[0] if end.args and isinstance(end.args[0], int) else 1  # 1: it was killed
        except BaseException as error:
            if isinstance(error, GreenletExit) and self.kernel.closed:
                raise
            self.error = error
            self.status = 1
            task_raised(self, error)
        return None

    def stack(self) -> list[str]:
        """Its Python frames, innermost last; empty if it is the running one or has not started."""
        if self.greenlet is None or self.greenlet.gr_frame is None:
            return []
        return traceback.format_stack(self.greenlet.gr_frame)


class RunnerGreenlet(greenlet):
    """The greenlet of a runner."""

    runner: Runner | None = None


def this_task() -> Task | None:
    """The task in whose greenlet this code runs, of whatever board; None in the host's."""
    running = getcurrent()
    runner = running.runner if isinstance(running, RunnerGreenlet) else None
    return runner.task if runner else None


class Runner:
    """A greenlet that runs one task after the other. It is started at once, and waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.task: Task | None = None
        self.greenlet = RunnerGreenlet(self._loop, parent=clock.host)
        self.greenlet.runner = self
        self.greenlet.switch(getcurrent())

    def _loop(self, maker: greenlet) -> None:
        clock = self._clock
        value: int = maker.switch()
        while True:
            task = self.task
            if task is None:
                return
            if value != KILLED:
                task.main()
            if task.kernel.closed:
                return
            self.task = None
            r = task.kernel.tasks.exited(task)
            clock.runners.append(self)
            try:
                value = clock.follow(r)
            except TaskExit:
                value = KILLED


class RunnerMaker:
    """Makes runners, always in the same place.

    A greenlet begins at the depth of recursion of whoever starts it: programs that start the next one and wait for it
    would pile up until Python gives up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.greenlet = greenlet(self._loop, parent=clock.host)

    def make(self) -> Runner:
        """A runner without a task."""
        runner: Runner = self.greenlet.switch(getcurrent())
        return runner

    def _loop(self, customer: greenlet) -> None:
        while True:
            customer = customer.switch(Runner(self._clock))


class Tasks:
    """The tasks of one board."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._clock = kernel.clock
        self.by_pid: dict[int, Task] = {}

    def create(
        self,
        entry: Entry,
        name: str,
        priority: int = 100,
        *,
        kind: str = "Task",
        stack: int = 0,
        args: tuple[str, ...] = (),
        service: bool = False,
        affinity: int = 0,
        start: bool = True,
    ) -> Task:
        """Makes a task and readies it. ``affinity``: a bit per CPU, 0 for any.

        ``stack``: bytes, taken from the board's heap; 0: CONFIG_DEFAULT_TASK_STACKSIZE.
        Raises OSError (ENOMEM, EINVAL).
        """
        kernel, clock = self._kernel, self._clock
        clock.require_thread()
        stack = stack or int(kernel.options["DEFAULT_TASK_STACKSIZE"])
        task = Task(kernel, entry, name, priority, kind=kind, stack=stack, args=args)
        task.stack_addr = kernel.heap.malloc(stack, f"stack of {name}")
        task.pid = lib.task_create(kernel.board, priority, affinity, SERVICE if service else 0)
        if task.pid < 0:
            kernel.heap.free(task.stack_addr)
            check(task.pid, f"task {name} of priority {priority}")
        current = lib.board_current(kernel.board)
        task.parent = current if current > 0 else 0
        runner = clock.runners.pop() if clock.runners else clock.maker.make()
        runner.task = task
        task.greenlet = runner.greenlet
        slot = lib.task_slot(kernel.board, task.pid)
        clock.switches.extend([clock.host.switch] * (slot + 1 - len(clock.switches)))
        clock.switches[slot] = runner.greenlet.switch
        self.by_pid[task.pid] = task
        task.facade = kernel.facade(task)
        if start:
            self.start(task)
        return task

    def start(self, task: Task) -> None:
        """Readies a task that was created with ``start=False``."""
        r = lib.task_start(self._kernel.board, task.pid)
        if r >= ACT_BASE:
            self._clock.follow(r)

    def exited(self, task: Task) -> int:
        """Ends the running task; returns what the core answers, which is always somebody else's turn."""
        for cleanup in reversed(task.at_exit):
            task.run(lambda call: call(), cleanup)
        task.run(lambda files: files.close_all(), task.files)
        held = self._kernel.held_by(task.pid)
        if held:
            self._kernel.report(f"task {task.name} (pid {task.pid}) ended holding {', '.join(held)}")
        task.alive = False
        task.greenlet = None
        self._kernel.heap.free(task.stack_addr)
        self.by_pid.pop(task.pid, None)
        self._kernel.task_gone(task)
        return int(lib.task_exit(self._kernel.board))

    def current(self) -> Task | None:
        """The task whose code is running, None in the idle task, the host and in interrupt handlers."""
        return self.by_pid.get(lib.board_current(self._kernel.board))

    def kill(self, pid: int) -> int:
        """Makes a task unwind, wherever it waits. 0 or -ESRCH. Raises TaskExit if it is the caller."""
        if pid == lib.board_current(self._kernel.board):
            raise TaskExit
        r = lib.task_kill(self._kernel.board, pid)
        return int(self._clock.follow(r)) if r >= ACT_BASE else int(r)

    def close(self) -> list[str]:
        """Unwinds all tasks from the host; returns the names of those that would not go."""
        stuck = []
        for task in list(self.by_pid.values()):
            g = task.greenlet
            if g is not None and not g.dead:
                with self._clock.watched():
                    g.throw(GreenletExit)
                if not g.dead:
                    stuck.append(task.name)
            task.alive = False
        self.by_pid.clear()
        return stuck
