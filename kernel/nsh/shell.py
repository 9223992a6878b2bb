"""The NuttShell: runs command lines and keeps what outlives one, such as ``$?``.

A built-in application gets a task of its own and the shell waits for it; the shell's own commands run in its task. An
application wins over a command of the same name, as in NuttX.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.errors import Hang
from kernel.kernel import SIGINT
from kernel.nsh.command import (
    ARGREQUIRED,
    ERROR,
    INTERNALERROR,
    NOTFOUND,
    OK,
    SIGNALRECVD,
    TOOMANYARGS,
    CallFailed,
    Command,
    CommandError,
    failed_call,
)
from kernel.nsh.parse import ParseError, parse
from kernel.nsh.readline import Readline
from kernel.version import RELEASE

if TYPE_CHECKING:
    from kernel.syscalls import Sys

GREETING = f"\nNuttShell (NSH) NuttX-{RELEASE}\n"


class ShellExit(Exception):
    """The ``exit`` command."""


class Shell:
    """One shell, in the task of ``sys``."""

    def __init__(self, sys: Sys, commands: Mapping[str, Command], apps: Mapping[str, App]) -> None:
        self.sys = sys
        self.kernel = sys.kernel
        self.commands = commands
        self.apps = apps
        self.cwd = "/"
        self.variables: dict[str, str] = {}
        self.failed = False
        self.last_pid = 0
        sys.signal(SIGINT)  # Ctrl-C ends what the shell does, never the shell

    # Output

    def write(self, text: str) -> None:
        """Writes to standard output. Bytes of the command line that are no UTF-8 come out as they went in."""
        self.sys.write(text.encode("utf-8", "surrogateescape"))

    def error(self, command: str, tail: str) -> int:
        """Writes an error message of NSH's; returns ERROR."""
        self._tell(f"nsh: {command}: {tail}\n")
        return ERROR

    def _tell(self, text: str) -> None:
        """Writes what no command writes: a signal that comes too late for the command must not end the shell."""
        with suppress(InterruptedError):
            self.write(text)

    # Lines

    def session(self) -> None:
        """Reads lines and runs them until the input ends or ``exit`` is typed."""
        stdin, stdout = self.sys.task.stdin, self.sys.task.stdout
        if stdin is None or stdout is None:
            return
        editor = Readline(stdin, stdout, int(self.kernel.options["LINE_MAX"]))
        prompt = str(self.kernel.options["NSH_PROMPT_STRING"])
        while True:
            self._tell(prompt)
            line = editor.read()
            if line is None:
                self.error("nsh_session", "readline failed: 0")
                return
            try:
                self.run_line(line.decode("utf-8", "surrogateescape"))
            except ShellExit:
                return

    def run_line(self, line: str) -> int:
        """Runs the commands of a line; the first one that fails ends it, as NSH's default ``set -e`` has it.

        Raises ShellExit.
        """
        try:
            commands = parse(line)
        except ParseError as error:
            self._tell(f"{error}\n")
            self.failed = True
            return ERROR
        for command in commands:
            argv = command.expand(self._lookup)
            if argv and self._execute(argv, command.background) != OK:
                return ERROR
        return OK

    def _lookup(self, name: str) -> str:
        if name == "?":
            return "1" if self.failed else "0"
        if name == "!":
            return str(self.last_pid)
        return self.variables.get(name, "")

    # Commands

    def _execute(self, argv: list[str], background: bool) -> int:
        limit = int(self.kernel.options["NSH_MAXARGUMENTS"])
        if len(argv) > limit:
            self.error(argv[0], TOOMANYARGS)  # and goes on with what fits NuttX's vector, as that does
            argv = argv[: limit + 4]
        app = self.apps.get(argv[0])
        if app is None and background:
            app, argv = self.apps["sh"], ["sh", "-c", " ".join(argv)]
        result = self._run_app(app, argv, background) if app else self._run_command(argv)
        self.failed = result != OK
        return result

    def _run_app(self, app: App, argv: list[str], background: bool) -> int:
        sys = self.sys
        arguments = tuple(word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in argv[1:])
        try:
            task = sys.spawn(app.main, app.name, app.priority, arguments, app.stack)
        except OSError as error:
            return self._failed(argv[0], CallFailed("task_create", error.errno or 0))
        self.last_pid = task.pid
        if background:
            self._tell(f"{app.name} [{task.pid}:{app.priority}]\n")
            return OK
        with self._foreground(task.pid):
            status = sys.waitpid(task)
        return OK if status == 0 else ERROR

    @contextmanager
    def _foreground(self, pid: int) -> Iterator[None]:
        """Meanwhile Ctrl-C is a signal for that task."""
        console = self.kernel.console
        if console is None or self.sys.task.stdin is not console:
            yield
            return
        console.set_foreground(pid)
        try:
            yield
        finally:
            console.set_foreground(None)

    def _run_command(self, argv: list[str]) -> int:
        name = argv[0]
        command = self.commands.get(name)
        if command is None:
            return self.error(name, NOTFOUND)
        if len(argv) - 1 < command.least:
            return self.error(name, ARGREQUIRED)
        if command.most is not None and len(argv) - 1 > command.most:
            return self.error(name, TOOMANYARGS)
        self.last_pid = self.sys.getpid()
        try:
            with self._foreground(self.last_pid):
                return command.run(self, argv)
        except (ShellExit, Hang):
            raise
        except CommandError as error:
            return self._failed(name, error)
        except InterruptedError:
            return self.error(name, SIGNALRECVD)
        except OSError as error:
            return self._failed(name, failed_call(error, name))
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            self.kernel.report(f"shell command {name} raised {error!r}\n{trace}")
            return self.error(name, INTERNALERROR)

    def _failed(self, name: str, error: CommandError) -> int:
        if isinstance(error, CallFailed):
            return self.error(name, error.message(bool(self.kernel.options.get("NSH_STRERROR"))))
        return self.error(name, str(error))
