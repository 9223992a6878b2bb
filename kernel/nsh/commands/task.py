"""Commands about tasks and the system: ps, free, kill, uname, uptime, dmesg, reboot, poweroff."""

from __future__ import annotations

from datetime import timedelta
from errno import EINVAL, ENOTTY, ESRCH
from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.cpuload import SI_LOAD_SHIFT, sysinfo_load
from kernel.kernel import SIGTERM
from kernel.nsh.command import ARGINVALID, ERROR, OK, CallFailed, Command, CommandError
from kernel.nsh.commands.file import catfile
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.tasklist import proc_names, proc_task, ps_line, ps_title
from kernel.nsh.numbers import strtol_prefix, wrapped
from kernel.taskinfo import task_info
from kernel.version import RELEASE, SYSNAME, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.nsh.shell import Shell

DIGITS = tuple("0123456789")
SYSLOG_DEVPATH = "/dev/kmsg"


def ps(shell: Shell, argv: list[str]) -> int:
    """All tasks, or those given by pid; words that are no number count for nothing."""
    kernel = shell.kernel
    shell.write(ps_title(kernel))
    if len(argv) > 1:
        for task in [proc_task(shell, word) for word in argv[1:] if word[:1] in DIGITS]:
            if task is not None:
                shell.write(ps_line(kernel, task))
        return OK
    tasks = [task_info(kernel, int(name)) for name in proc_names(shell, argv[0])]  # at one instant: writing takes time
    shell.write("".join(ps_line(kernel, task) for task in tasks))
    return OK


def free(shell: Shell, argv: list[str]) -> int:
    """/proc/meminfo."""
    catfile(shell, argv[0], "/proc/meminfo")
    return OK


def kill(shell: Shell, argv: list[str]) -> int:
    """Sends a signal, SIGTERM if none is given."""
    signo, pid = SIGTERM, argv[-1]
    if len(argv) == 3:
        if not argv[1].startswith("-") or argv[1][1:2] not in DIGITS:
            raise CommandError(ARGINVALID)
        signo = wrapped(strtol_prefix(argv[1][1:]))
    if pid[:1] not in DIGITS:
        raise CommandError(ARGINVALID)
    send_signal(shell, wrapped(strtol_prefix(pid)), signo, argv)
    return OK


def send_signal(shell: Shell, pid: int, signo: int, argv: list[str]) -> None:
    """kill(), for kill and pkill. Raises CommandError; whom NuttX has not found it names by the third word typed."""
    r = shell.kernel.kill(pid, signo)
    if r == -EINVAL:
        raise CommandError(ARGINVALID)
    if r == -ESRCH:
        raise CommandError(f"no such task: {argv[2] if len(argv) == 3 else '(null)'}")
    if r < 0:
        raise CallFailed("kill", -r)


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
    given, _ = getopt(argv, "asorvmpi" + "n" * networked)
    wanted = "".join(letter for letter, _ in given).replace("o", "s") or "s"
    for _ in range(wanted.count("?")):
        shell.error(argv[0], ARGINVALID)
    if "?" in wanted:
        return ERROR
    if "a" in wanted:
        wanted = "snrvmi" if networked else "srvmi"
    shell.write(" ".join(text for letter, text in fields.items() if letter in wanted) + "\n")
    return OK


def uptime(shell: Shell, argv: list[str]) -> int:
    """Time of day, time since boot and load; -p in words, -s when it booted."""
    kernel = shell.kernel
    up = timedelta(seconds=kernel.ticks * kernel.tick_ns // 1_000_000_000)
    option = argv[1] if len(argv) > 1 else None
    if option == "-s":
        shell.write(f"{kernel.realtime.now() - up:%Y-%m-%d %H:%M:%S}\n")
        return OK
    if option not in (None, "-p"):
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
        load = 100 * sysinfo_load(kernel) >> SI_LOAD_SHIFT  # NuttX has one, and shows it three times
        average = ", ".join([f"{load // 100}.{load % 100:02}"] * 3)
        shell.write(f"{kernel.realtime.now():%H:%M:%S} up {days}{hours:2}:{minutes:02}, load average: {average}\n")
    return OK


def dmesg(shell: Shell, argv: list[str]) -> int:
    """The log, if it is kept in RAM; -c also clears it, -C only does that, and needs a word behind it as in NuttX."""
    given, _ = getopt(argv, "cC:")
    option = given[0][0] if given else ""
    if option == "?":
        return ERROR  # and says nothing
    if option == "C":
        shell.open(SYSLOG_DEVPATH, O_RDONLY).close()
    else:
        catfile(shell, argv[0], SYSLOG_DEVPATH)
    if option:
        shell.kernel.syslog.clear()
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
DMESG = Command("dmesg", dmesg, "[-c,--clear |-C,--read-clear]", most=1)
REBOOT = Command("reboot", reboot, most=1)
POWEROFF = Command("poweroff", poweroff, most=1)
QUIT = Command("quit", poweroff, most=1)

COMMANDS = (PS, FREE, KILL, UNAME, UPTIME, DMESG, REBOOT, POWEROFF, QUIT)
