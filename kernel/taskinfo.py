"""What can be said of a task, in NuttX's words: the source of ps and of /proc/<pid>."""

from __future__ import annotations

from dataclasses import dataclass
from errno import ESRCH
from typing import TYPE_CHECKING

from kernel.cpuload import cpu_load
from kernel.stackmodel import figures

if TYPE_CHECKING:
    from kernel.kernel import Kernel

_INACTIVE, _READY, _RUNNING, _BLOCKED = range(4)  # enum task_state, csrc/task.h
_SEM, _MUTEX, _SIGNAL = 1, 2, 3  # enum wait_kind, csrc/sem.h
_STATES = {_INACTIVE: "Inactive", _READY: "Ready", _RUNNING: "Running", _BLOCKED: "Waiting"}

_KILLED = 1 << 1  # TCB_KILLED


@dataclass(frozen=True)
class TaskInfo:
    """A task now. ``group``: pid of the task that its threads belong to; kernel threads belong to the idle task."""

    pid: int
    name: str
    kind: str
    args: tuple[str, ...]
    group: int
    parent: int
    cpu: int | None
    """where it runs; None while it does not"""
    state: str
    event: str
    """what it waits for; ``Mutex:<pid>`` names the holder"""
    priority: int
    base_priority: int
    policy: str
    sigmask: int
    stack_addr: int
    stack_size: int
    stack_used: int
    exiting: bool
    assigned_cpu: int = 0
    """where it runs or ran last"""
    load: int = 0
    """its part of the CPU time lately, in tenths of a percent"""

    @property
    def cmdline(self) -> str:
        """Name and arguments."""
        return " ".join((self.name, *self.args))

    @property
    def stack_filled(self) -> int:
        """Used part of the stack in tenths of a percent."""
        return 1000 * self.stack_used // self.stack_size if self.stack_size else 0


def task_pids(kernel: Kernel) -> list[int]:
    """All tasks; those that the CPUs idle in have the first pids."""
    return [*range(kernel.ncpus), *sorted(kernel.tasks.by_pid)]


def task_info(kernel: Kernel, pid: int) -> TaskInfo:
    """Raises OSError (ESRCH)."""
    task = kernel.tasks.by_pid.get(pid)
    idle = task is None and 0 <= pid < kernel.ncpus
    if task is None and not idle:
        raise OSError(ESRCH, f"task_info({pid}): no such task")
    numbers = kernel.task_numbers(pid)
    state, priority, base_priority, waitkind, holder, flags, sigmask, cpu, switches = (
        numbers[i] for i in (1, 2, 3, 4, 6, 7, 8, 9, 13)
    )
    args: tuple[str, ...] = ()
    if task is None:
        name, kind, parent, address = f"CPU{pid} IDLE" if kernel.ncpus > 1 else "Idle_Task", "Kthread", 0, 0
        allocated = int(kernel.options["IDLETHREAD_STACKSIZE"])
    else:
        name, kind, args, parent, address = task.name, task.kind, task.args, task.parent, task.stack_addr
        allocated = task.stack_size
    word = _STATES[state]
    if idle and running_pid(kernel, pid) != pid:  # the core does not write down that an idle task has lost its CPU
        word = "Assigned" if kernel.ncpus > 1 else "Ready"
    event = ""
    if state == _BLOCKED:
        event = {_SEM: "Semaphore", _MUTEX: f"Mutex:{holder}", _SIGNAL: "Signal"}.get(waitkind, "Unlock")
    stack_size = figures(str(kernel.options["ARCH"])).size(allocated, [name, *args] if task else [])
    return TaskInfo(
        pid=pid,
        name=name,
        kind=kind,
        args=args,
        group=0 if kind == "Kthread" else parent if kind == "pthread" else pid,
        parent=0 if kind == "Kthread" else parent,
        cpu=cpu if state == _RUNNING else None,
        state=word,
        event=event,
        priority=priority,
        base_priority=base_priority,
        policy="RR" if int(kernel.options["RR_INTERVAL"]) and not idle else "FIFO",
        sigmask=sigmask & (1 << 64) - 1,
        stack_addr=address,
        stack_size=stack_size,
        stack_used=min(stack_size, _stack_used(kernel, pid, switches)),
        exiting=bool(flags & _KILLED),
        assigned_cpu=cpu,
        load=cpu_load(kernel, pid),
    )


def running_pid(kernel: Kernel, cpu: int) -> int:
    """The task that ``cpu`` runs, or ran when it was interrupted."""
    others = (kernel.task_numbers(pid) for pid in kernel.tasks.by_pid)
    return next((numbers[0] for numbers in others if numbers[1] == _RUNNING and numbers[9] == cpu), cpu)


def _stack_used(kernel: Kernel, pid: int, switches: int) -> int:
    model = figures(str(kernel.options["ARCH"]))
    task = kernel.tasks.by_pid.get(pid)
    if task is None:
        return model.idle()
    for queue in kernel.queues.values():
        if task in queue.workers:
            return model.worker(queue.info()["ran"])
    shell = task.entry.__module__.startswith("kernel.nsh")
    return model.task(shell=shell) if switches else 0
