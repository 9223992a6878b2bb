"""Where shells begin: nsh_main, which is the board's first program, sh, and single commands for the host."""

from __future__ import annotations

from os import O_RDWR
from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.fs.openfile import STDERR, STDIN, OpenFile
from kernel.inet import inet_ntoa
from kernel.nsh.command import ARGREQUIRED, OK, SYNTAX, ShellExit
from kernel.nsh.commands.table import COMMANDS
from kernel.nsh.shell import GREETING, Shell
from kernel.syslog import LOG_ERR
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.syscalls import Sys


def nsh_main(sys: Sys) -> int:
    """The init task, and nsh: configures the network, greets, then is a shell on its standard input and output."""
    netinit(sys)
    shell = make_shell(sys)
    shell.tell(GREETING)
    sys.kernel.booted = True
    return _run(shell, sys.argv)


def netinit(sys: Sys) -> None:
    """Brings the network devices up and asks for an address, unless CONFIG_NETINIT_NETLOCAL leaves that to the user."""
    kernel, options = sys.kernel, sys.kernel.options
    if options["NETINIT_DNS"]:
        kernel.resolver.add_nameserver(inet_ntoa(int(options["NETINIT_DNSIPADDR"])))
    if not options["NSH_NETINIT"] or options["NETINIT_NETLOCAL"]:
        return
    for device in kernel.net.devices.values():
        r = device.ifup()
        if r < 0:
            sys.syslog(LOG_ERR, f"netinit: {device.name} does not come up: {r}")
    if options["NET_ICMPv6_AUTOCONF"]:
        _autoconf(sys)
    if options["NETINIT_DHCPC"]:
        try:
            kernel.leases.obtain("eth0")
        except OSError as error:
            sys.syslog(LOG_ERR, f"netinit: {error.strerror}")


def _autoconf(sys: Sys) -> None:
    """Waits for eth0's IPv6 addresses, if there is such a device."""
    from kernel.netlib.autoconf import autoconfigure

    try:
        autoconfigure(sys.kernel, sys.kernel.net.device("eth0"))
    except OSError as error:
        sys.syslog(LOG_ERR, f"netinit: {error.strerror}")


def make_shell(sys: Sys) -> Shell:
    """A shell in the task of ``sys``, with the commands and applications that are configured."""
    options = sys.kernel.options
    commands = {name: c for name, command in COMMANDS.items() if (c := command.configured(options))}
    return Shell(sys, commands, sys.kernel.apps)


def sh_main(sys: Sys) -> int:
    """sh [<script-path>|-c <command>]: a script, one command line, or a shell inside the shell."""
    return _run(make_shell(sys), sys.argv)


def _run(shell: Shell, argv: list[str]) -> int:
    """What the arguments ask for; the exit status."""
    arguments = argv[1:]
    if not arguments:
        shell.session()
        return 0
    if arguments[0] == "-h":
        shell.write(f"Usage: {argv[0]} [<script-path>|-c <command>]\n")
        return 0
    if arguments[0].startswith("-") and arguments[0] != "-c":
        shell.error(argv[0], SYNTAX)
        return 1
    if arguments == ["-c"]:
        shell.error(argv[0], ARGREQUIRED)
        return 1
    try:
        inline = arguments[0] == "-c"
        result = shell.run_line(arguments[1]) if inline else shell.run_script(argv[0], arguments[0])
    except ShellExit:
        return 0
    return 0 if result == OK else 1


SH = App("sh", sh_main)
NSH = App("nsh", nsh_main)


class Output(OpenFile):
    """Keeps what is written to it; nobody types at its other end."""

    def __init__(self) -> None:
        super().__init__("host", O_RDWR)
        self.data = bytearray()

    def _read(self, n: int) -> bytes:
        return b""

    def _write(self, data: bytes) -> int:
        self.data += data
        return len(data)


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
        """Ends it wherever it is, and the programs that it waits for; those in the background go on."""
        task: Task | None = self._task
        while task is not None and task.alive:
            task.kernel.tasks.kill(task.pid)
            task = task.waits_for


def run_command(kernel: Kernel, line: str) -> Job:
    """Starts a task ``sh -c <line>`` for the host, without console; its output is collected.

    Raises ValueError for more than one line: the shell would run the first and drop the rest.
    """
    if "\n" in line.rstrip("\r\n"):
        raise ValueError(f"nsh: {line!r} has more than one line: join commands with ';', or run them one by one")
    task = kernel.tasks.create(sh_main, "sh", SH.priority, args=("-c", line), start=False)
    output = Output()
    for fd in range(STDIN, STDERR + 1):
        task.files.put(fd, output.dup())
    kernel.tasks.start(task)
    return Job(task, output)
