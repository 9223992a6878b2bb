"""Commands about tasks and the system: ps, free, kill, uname, uptime, dmesg, reboot, poweroff."""

from __future__ import annotations

from datetime import datetime, timedelta
from errno import EINVAL, ENOENT, ENOTTY, ESRCH
from getopt import GetoptError, getopt
from typing import TYPE_CHECKING

from kernel.kernel import SIGTERM
from kernel.nsh.command import ARGINVALID, ERROR, OK, CallFailed, Command, CommandError
from kernel.nsh.commands_file import catfile
from kernel.nsh.numbers import strtol
from kernel.taskinfo import TaskInfo, task_info, task_pids
from kernel.version import RELEASE, SYSNAME, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kernel import Kernel
    from kernel.nsh.shell import Shell

START = datetime(2018, 1, 1)  # what the clock says at power-on, as CONFIG_START_YEAR has it: the board has no battery


def ps(shell: Shell, argv: list[str]) -> int:
    """All tasks, or those given by pid."""
    kernel = shell.kernel
    pids = [int(word) for word in argv[1:] if word.isascii() and word.isdigit()] if len(argv) > 1 else task_pids(kernel)
    try:
        tasks = [task_info(kernel, pid) for pid in pids]  # all at one instant: writing may take time
    except OSError:
        raise CallFailed("open", ENOENT) from None
    shell.write(ps_title(kernel) + "".join(ps_line(kernel, task) for task in tasks))
    return OK


def ps_title(kernel: Kernel) -> str:
    """The head of ps."""
    cpu = f"{'CPU':>3} " if kernel.ncpus > 1 else ""
    used = f"{'USED':>7} {'FILLED':>6} " if kernel.options["STACK_COLORATION"] else ""
    return (
        f"{'TID':>5} {'PID':>5} {'PPID':>5} {cpu}{'PRI':>3} {'POLICY':<8} {'TYPE':<7} {'NPX':>3} {'STATE':<8} "
        f"{'EVENT':<9} {'SIGMASK':<16} {'STACK':>7} {used}COMMAND\n"
    )


def ps_line(kernel: Kernel, task: TaskInfo) -> str:
    """One task in ps."""
    cpu = f"{'---' if task.cpu is None else task.cpu:>3} " if kernel.ncpus > 1 else ""
    filled = task.stack_filled
    mark = "!" if filled >= 800 else " "
    used = f"{task.stack_used:07} {filled // 10:3}.{filled % 10}%{mark} " if kernel.options["STACK_COLORATION"] else ""
    return (
        f"{task.pid:5} {task.group:5} {task.parent:5} {cpu}{task.priority:3} {task.policy:<8} {task.kind:<7} "
        f"{'P' if task.exiting else '-':>3} {task.state:<8} {task.event:<9} {task.sigmask:016x} {task.stack_size:07} "
        f"{used}{task.cmdline}\n"
    )


def free(shell: Shell, argv: list[str]) -> int:
    """/proc/meminfo."""
    catfile(shell, argv[0], "/proc/meminfo")
    return OK


def kill(shell: Shell, argv: list[str]) -> int:
    """Sends a signal, SIGTERM if none is given."""
    signo: int | None = SIGTERM
    if len(argv) == 3:
        signo = strtol(argv[1][1:]) if argv[1].startswith("-") and argv[1][1:2].isdigit() else None
    pid = strtol(argv[-1]) if argv[-1][:1].isdigit() else None
    if signo is None or pid is None:
        raise CommandError(ARGINVALID)
    r = shell.kernel.kill(pid, signo)
    if r == -EINVAL:
        raise CommandError(ARGINVALID)
    if r == -ESRCH:
        raise CommandError(f"no such task: {argv[2] if len(argv) == 3 else '(null)'}")  # NuttX prints its third word
    if r < 0:
        raise CallFailed("kill", -r)
    return OK


def uname(shell: Shell, argv: list[str]) -> int:
    """Fields in a fixed order, whatever the order of the options."""
    options = shell.kernel.options
    networked = bool(options["NET"])
    fields = {
        "s": SYSNAME,
        "n": str(options["LIBC_HOSTNAME"]),
        "r": RELEASE,
        "v": version(),
        "m": str(options["ARCH"]),
        "i": str(options["ARCH_BOARD"]),
        "p": "unknown",
    }
    try:
        given, _ = getopt(argv[1:], "asorvmpi" + "n" * networked)
    except GetoptError:
        raise CommandError(ARGINVALID) from None
    wanted = "".join(flag[1:] for flag, _ in given).replace("o", "s") or "s"
    if "a" in wanted:
        wanted = "snrvmi" if networked else "srvmi"
    shell.write(" ".join(text for letter, text in fields.items() if letter in wanted) + "\n")
    return OK


def uptime(shell: Shell, argv: list[str]) -> int:
    """Time of day, time since boot and load; -p in words, -s when it booted."""
    kernel = shell.kernel
    up = timedelta(seconds=kernel.ticks * kernel.tick_ns // 1_000_000_000)
    option = argv[1] if len(argv) > 1 else ""
    if option == "-s":
        shell.write(f"{START:%Y-%m-%d %H:%M:%S}\n")
        return OK
    if option not in ("", "-p"):
        if option != "-h":
            shell.write(f"uptime: invalid option -- {option}\n")
        shell.write("Usage:\nuptime [options]\nOptions:\n-p, show uptime in pretty format\n")
        shell.write("-h, display this help and exit\n-s, system up since\n")
        return ERROR
    hours, minutes = up.seconds // 3600, up.seconds // 60 % 60
    days = f"{up.days} day{'s' if up.days > 1 else ''}, " if up.days else ""
    if option == "-p":
        words = f"{hours} hour{'s' if hours > 1 else ''}, " if hours else ""
        shell.write(f"up {days}{words}{minutes} minute{'s' if minutes > 1 else ''}\n")
    else:
        # Without CONFIG_SCHED_CPULOAD, which the board does not have, NuttX has no load to show either.
        shell.write(f"{START + up:%H:%M:%S} up {days}{hours:2}:{minutes:02}, load average: 0.00, 0.00, 0.00\n")
    return OK


def dmesg(shell: Shell, argv: list[str]) -> int:
    """The log, if it is kept in RAM."""
    if not shell.kernel.options["RAMLOG_SYSLOG"]:
        raise CallFailed("open", ENOENT)
    shell.write(shell.kernel.syslog.text())
    return OK


def reboot(shell: Shell, argv: list[str]) -> int:
    """Starts the board anew."""
    return _power(shell, shell.kernel.on_reboot)


def poweroff(shell: Shell, argv: list[str]) -> int:
    """Ends the board."""
    return _power(shell, shell.kernel.on_poweroff)


def _power(shell: Shell, action: Callable[[], None] | None) -> int:
    """Does it and waits for the end, as boardctl() does not return either."""
    if action is None:
        raise CallFailed("boardctl", ENOTTY)
    if shell.kernel.console is not None:
        shell.kernel.console.drain()
    action()
    shell.sys.semaphore().wait(interruptible=False)
    return ERROR


PS = Command("ps", ps, "<-heap> <pid1 pid2 ...>", most=None)
FREE = Command("free", free)
KILL = Command("kill", kill, "[-<signal>] <pid>", least=1, most=2)
UNAME = Command("uname", uname, "[-a | -imnoprsv]", most=6)
UPTIME = Command("uptime", uptime, "[-sph]", most=1)
DMESG = Command("dmesg", dmesg)
REBOOT = Command("reboot", reboot, most=1)
POWEROFF = Command("poweroff", poweroff, most=1)
QUIT = Command("quit", poweroff, most=1)

COMMANDS = (PS, FREE, KILL, UNAME, UPTIME, DMESG, REBOOT, POWEROFF, QUIT)
