"""Commands about processes and interrupts: pidof, pkill, wait, top, fdinfo, irqinfo."""

from __future__ import annotations

from errno import ECHILD
from typing import TYPE_CHECKING

from kernel.kernel import SIGTERM
from kernel.nsh.command import ARGINVALID, ERROR, OK, CallFailed, Command, CommandError
from kernel.nsh.commands.file import catfile
from kernel.nsh.commands.task import DIGITS, send_signal
from kernel.nsh.commands.tasklist import PROC, call_failed, find_tasks, proc_names
from kernel.nsh.commands.top import top
from kernel.nsh.numbers import atoi

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell


def pidof(shell: Shell, argv: list[str]) -> int:
    """The pids of all tasks of a name."""
    pids = find_tasks(shell, argv[1])
    if not pids:
        raise CommandError(f"no such task: {argv[1]}")
    shell.write("".join(f"{pid} " for pid in pids) + "\n")
    return OK


def pkill(shell: Shell, argv: list[str]) -> int:
    """kill by name."""
    signo = SIGTERM
    if len(argv) == 3:
        if not argv[1].startswith("-") or argv[1][1:2] not in DIGITS:
            raise CommandError(ARGINVALID)
        signo = atoi(argv[1][1:])
    pids = find_tasks(shell, argv[-1])
    if not pids:
        raise CommandError(f"no such task: {argv[-1]}")
    for pid in pids:
        if pid:  # 0 is how the shell finds itself a second time; NuttX sends that one to the idle task
            send_signal(shell, pid, signo, argv)
    return OK


def wait(shell: Shell, argv: list[str]) -> int:
    """Waits for tasks to end, one after the other; returns the exit status of the last.

    One that is not there is complained about and forgotten, the shell itself is passed over, as in NuttX.
    """
    status, result = 0, OK
    for word in argv[1:]:
        pid = atoi(word)
        if pid in (0, shell.sys.getpid()):
            continue
        try:
            shell.kernel.vfs.find(f"/proc/{pid}/status")
        except OSError as error:
            call_failed(shell, argv[0], "wait", error)
            continue
        try:
            status, result = _waitpid(shell, pid), OK
        except OSError as error:
            result = call_failed(shell, argv[0], "wait", error)
    return OK if result == OK and status == 0 else ERROR


def _waitpid(shell: Shell, pid: int) -> int:
    task = shell.kernel.tasks.by_pid.get(pid)
    if task is None or task.kind == "Kthread":
        raise OSError(ECHILD, f"waitpid {pid}: idle tasks and kernel threads are nobody's children")
    return shell.kernel.join(task, interruptible=True)


def fdinfo(shell: Shell, argv: list[str]) -> int:
    """The open files of all tasks, or of one."""
    if len(argv) == 2:
        if argv[1][:1] not in DIGITS:
            raise CallFailed("not process id", shell.errno)  # of whatever failed last
        catfile(shell, argv[0], f"{PROC}/{argv[1]}/group/fd")
        return OK
    for name in proc_names(shell, argv[0]):
        shell.write(f"\npid:{name}")
        catfile(shell, argv[0], f"{PROC}/{name}/group/fd")
    return OK


def irqinfo(shell: Shell, argv: list[str]) -> int:
    """/proc/irqs."""
    catfile(shell, argv[0], f"{PROC}/irqs")
    return OK


PIDOF = Command("pidof", pidof, "<name>", least=1, most=1, option="FS_PROCFS")
PKILL = Command("pkill", pkill, "[-<signal>] <name>", least=1, most=2, option="FS_PROCFS")
WAIT = Command("wait", wait, "pid1 [pid2 [pid3] ...]", most=None, option="FS_PROCFS")
TOP = Command("top", top, "[ -n <num> ][ -d <delay>] [ -p <pidlist>] [-h]", most=4, option="SCHED_CPULOAD_SYSCLK")
FDINFO = Command("fdinfo", fdinfo, "[pid]", most=1, option="FS_PROCFS")
IRQINFO = Command("irqinfo", irqinfo, option="SCHED_IRQMONITOR")

COMMANDS = (PIDOF, PKILL, WAIT, TOP, FDINFO, IRQINFO)
