"""The lines of ps and top, and finding tasks by what /proc says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.cpuload import percent
from kernel.fs.node import Directory
from kernel.nsh.command import CallFailed, failed_call
from kernel.taskinfo import TaskInfo, task_info

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.nsh.shell import Shell

PROC = "/proc"  # CONFIG_NSH_PROC_MOUNTPOINT
MOST_PIDS = 8  # that pidof and pkill find


def ps_title(kernel: Kernel) -> str:
    """The head of ps."""
    cpu = f"{'CPU':>3} " if kernel.ncpus > 1 else ""
    used = f"{'USED':>7} {'FILLED':>6} " if kernel.options["STACK_COLORATION"] else ""
    load = f"{'CPU':>6} " if kernel.options.get("SCHED_CPULOAD_SYSCLK") else ""
    return (
        f"{'TID':>5} {'PID':>5} {'PPID':>5} {cpu}{'PRI':>3} {'POLICY':<8} {'TYPE':<7} {'NPX':>3} {'STATE':<8} "
        f"{'EVENT':<9} {'SIGMASK':<16} {'STACK':>7} {used}{load}COMMAND\n"
    )


def ps_line(kernel: Kernel, task: TaskInfo) -> str:
    """One task in ps."""
    cpu = f"{'---' if task.cpu is None else task.cpu:>3} " if kernel.ncpus > 1 else ""
    filled = task.stack_filled
    mark = "!" if filled >= 800 else " "
    used = f"{task.stack_used:07} {filled // 10:3}.{filled % 10}%{mark} " if kernel.options["STACK_COLORATION"] else ""
    load = f"{percent(task.load).strip():>5} " if kernel.options.get("SCHED_CPULOAD_SYSCLK") else ""
    return (
        f"{task.pid:5} {task.group:5} {task.parent:5} {cpu}{task.priority:3} {task.policy:<8} {task.kind:<7} "
        f"{'P' if task.exiting else '-':>3} {task.state:<8} {task.event:<9} {task.sigmask:016x} {task.stack_size:07} "
        f"{used}{load}{task.cmdline}\n"
    )


def proc_names(shell: Shell, command: str) -> list[str]:
    """What /proc lists as tasks. Raises CommandError if it is not mounted, having asked the user about that."""
    try:
        entries = shell.kernel.vfs.directory(PROC).entries()
    except OSError as error:
        shell.error(command, f"Could not open {PROC} (is procfs mounted?)")
        raise CallFailed("opendir", error.errno or 0) from None
    return [name for name, node in entries.items() if isinstance(node, Directory) and name.isdigit()]


def proc_task(shell: Shell, name: str) -> TaskInfo | None:
    """The task that is /proc/<name>. None if there is none: then each file that ps reads has been complained about."""
    load = ["loadavg"] if shell.kernel.options.get("SCHED_CPULOAD_SYSCLK") else []
    task = None
    for file in ("status", "group/status", "stack", *load, "cmdline"):
        try:
            shell.kernel.vfs.find(f"{PROC}/{name}/{file}")
            task = task_info(shell.kernel, int(name))
        except OSError as error:
            shell.error("ps", CallFailed("open", error.errno or 0).message(shell.strerror))
    return task


def find_tasks(shell: Shell, name: str) -> list[int]:
    """The pids of tasks of that name, 8 at most, with 0 for the shell itself: /proc/self is one of the directories."""
    try:
        pids = [int(pid) for pid in proc_names(shell, "pidof")]
    except CallFailed as error:
        shell.error("pidof", error.message(shell.strerror))
        return []
    tasks = [task_info(shell.kernel, pid) for pid in pids]
    found = [task.pid for task in tasks if _is_named(task, name)]
    if _is_named(task_info(shell.kernel, shell.sys.getpid()), name):
        found.append(0)
    return found[:MOST_PIDS]


def _is_named(task: TaskInfo, name: str) -> bool:
    """Whether its command line begins with those words."""
    line = task.cmdline + "\n"
    return line.startswith(name) and line[len(name) : len(name) + 1].isspace()


def call_failed(shell: Shell, command: str, call: str, error: OSError) -> int:
    """Complains about a call and lets the command go on; returns ERROR."""
    failed = failed_call(error, call)
    return shell.error(command, CallFailed(call, failed.errno).message(shell.strerror))
