"""telnetd: the shell for whoever calls (nuttx-apps, system/telnetd and netutils/telnetd).

Sessions are tasks of their own, as many as there are connections, and go on when the daemon is killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.output import complain
from kernel.apps.tcpserver import accept, listen_on
from kernel.apps.telnetline import OpenTelnet, TelnetLine
from kernel.fs.openfile import STDERR, STDIN, STDOUT
from kernel.nsh.commands.options import getopt
from kernel.nsh.main import make_shell
from kernel.nsh.numbers import atoi
from kernel.nsh.shell import GREETING
from kernel.socket import AF_INET, AF_INET6
from kernel.syslog import LOG_ERR

if TYPE_CHECKING:
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys


def session(sys: Sys) -> None:
    """One shell."""
    shell = make_shell(sys)
    shell.tell(GREETING)
    shell.session()


def start_session(sys: Sys, client: TcpSocket) -> None:
    """A terminal line for a client, and a shell on it. Raises OSError (ENOMEM)."""
    options, tasks = sys.kernel.options, sys.kernel.tasks
    priority = int(options["SYSTEM_TELNETD_SESSION_PRIORITY"])
    stack = int(options["SYSTEM_TELNETD_SESSION_STACKSIZE"])
    line = TelnetLine(sys.kernel, client)
    line.start(priority)
    file = OpenTelnet(line)
    try:
        task = tasks.create(session, "Telnet session", priority, stack=stack, start=False)
    except OSError:
        file.close()
        raise
    task.inherit(sys.task)
    task.background = False
    task.files.put(STDIN, file)
    task.files.put(STDOUT, file.dup())
    task.files.put(STDERR, file.dup())
    tasks.start(task)


def main(sys: Sys) -> int:
    """telnetd [-4|-6] [-p port]: until it is killed."""
    port, family = int(sys.kernel.options["SYSTEM_TELNETD_PORT"]), AF_INET
    families = {"4": AF_INET, **({"6": AF_INET6} if sys.kernel.options["NET_IPv6"] else {})}
    given, _ = getopt(sys.argv, "46p:")
    for flag, value in given:
        if flag == "p":
            port = atoi(value)
        elif flag in families:
            family = families[flag]
        else:
            complain(sys, f"Usage: {sys.argv[0]} [-4|-6] [-p port]\n")
            return 1
    try:
        listener = listen_on(sys, port, family=family)
    except (OSError, OverflowError) as error:
        sys.syslog(LOG_ERR, f"port {port}: {error}")
        return 1
    files = sys.task.files
    for fd in (STDIN, STDOUT, STDERR):
        if files.get(fd) is not None:
            files.close(fd)
    while True:
        try:
            client = accept(sys, listener)
        except InterruptedError:
            continue
        except OSError as error:
            sys.syslog(LOG_ERR, f"accept failed: {error}")
            return 1
        try:
            start_session(sys, client)
        except OSError as error:
            client.close()
            sys.syslog(LOG_ERR, f"no session: {error}")
