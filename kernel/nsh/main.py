"""Where shells begin: nsh_main, which is the board's first program, sh, and single commands for the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.apps.hello import HELLO
from kernel.apps.ping import PING
from kernel.apps.udpecho import UDPECHO
from kernel.nsh.command import ARGREQUIRED, OK
from kernel.nsh.commands import COMMANDS
from kernel.nsh.shell import GREETING, Shell, ShellExit
from kernel.syslog import LOG_ERR
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.syscalls import Sys


def nsh_main(sys: Sys) -> int:
    """The init task: configures the network, then is a shell on its standard input and output."""
    netinit(sys)
    shell = make_shell(sys)
    shell.write(GREETING)
    sys.kernel.booted = True
    shell.session()
    return 0


def netinit(sys: Sys) -> None:
    """Brings the network devices up, unless CONFIG_NETINIT_NETLOCAL leaves that to the user."""
    options = sys.kernel.options
    if not options["NSH_NETINIT"] or options["NETINIT_NETLOCAL"]:
        return
    for device in sys.kernel.net.devices.values():
        r = device.ifup()
        if r < 0:
            sys.syslog(LOG_ERR, f"netinit: {device.name} does not come up: {r}")


def make_shell(sys: Sys) -> Shell:
    """A shell in the task of ``sys``, with the applications that are configured."""
    options = sys.kernel.options
    apps = {app.name: app for app in (HELLO, PING, SH, UDPECHO) if not app.option or options.get(app.option)}
    commands = {name: c for name, c in COMMANDS.items() if not c.option or options.get(c.option)}
    return Shell(sys, commands, apps)


def sh_main(sys: Sys) -> int:
    """sh [-c <command>]: one command line, or a shell inside the shell."""
    arguments = sys.argv[1:]
    shell = make_shell(sys)
    if not arguments:
        shell.session()
        return 0
    if arguments[0] == "-h":
        shell.write("Usage: sh [-c <command>]\n")
        return 0
    if arguments[0] != "-c":
        shell.error("sh", "syntax error")
        return 1
    if len(arguments) < 2:
        shell.error("sh", ARGREQUIRED)
        return 1
    try:
        return 0 if shell.run_line(arguments[1]) == OK else 1
    except ShellExit:
        return 0


SH = App("sh", sh_main)


class Output:
    """A stream that keeps what is written to it, and at whose other end nobody types."""

    def __init__(self) -> None:
        self.data = bytearray()

    def read(self, n: int) -> bytes:
        """The end of the input."""
        return b""

    def write(self, data: bytes) -> None:
        """Keeps it."""
        self.data += data


class Job:
    """A command line that the host has started; it runs when time passes."""

    def __init__(self, task: Task, output: Output) -> None:
        self._task = task
        self._output = output

    @property
    def done(self) -> bool:
        """Whether it has ended, or its board has."""
        return not self._task.alive

    @property
    def status(self) -> int:
        """Its exit status, 0 or 1; meaningful once it is done."""
        return self._task.status

    @property
    def text(self) -> str:
        """What it has printed so far, lines ending in LF."""
        return self._output.data.decode("utf-8", "replace")

    def abandon(self) -> None:
        """Ends it wherever it is."""
        if self._task.alive:
            self._task.kernel.tasks.kill(self._task.pid)


def run_command(kernel: Kernel, line: str) -> Job:
    """Starts a task ``sh -c <line>`` for the host, without console; its output is collected.

    Raises ValueError for more than one line: the shell would run the first and drop the rest.
    """
    if "\n" in line.rstrip("\r\n"):
        raise ValueError(f"nsh: {line!r} has more than one line: join commands with ';', or run them one by one")
    task = kernel.tasks.create(sh_main, "sh", SH.priority, args=("-c", line), start=False)
    output = Output()
    task.stdin = task.stdout = output
    kernel.tasks.start(task)
    return Job(task, output)
