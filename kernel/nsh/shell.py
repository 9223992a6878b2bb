"""The NuttShell: reads lines and scripts, and keeps what outlives a command: variables, aliases, ``$?``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.fs.openfile import STDERR, STDIN, STDOUT, OpenFile
from kernel.kernel import SIGINT
from kernel.nsh.command import ERROR, OK, Command, ShellExit, failed_call
from kernel.nsh.control import Control
from kernel.nsh.editor import make_readline
from kernel.nsh.line import run_command_line
from kernel.nsh.parse import ParseError, split_command
from kernel.version import RELEASE

if TYPE_CHECKING:
    from kernel.syscalls import Sys

GREETING = f"\nNuttShell (NSH) NuttX-{RELEASE}\n"


class Shell:
    """One shell, in the task of ``sys``.

    ``variables``: NSH's own (CONFIG_NSH_VARS), beside the environment. ``exit_on_error`` and ``trace`` are set -e and
    set -x. ``control`` knows the nesting of if and while.
    """

    def __init__(self, sys: Sys, commands: Mapping[str, Command], apps: Mapping[str, App]) -> None:
        self.sys = sys
        self.kernel = sys.kernel
        self.commands = commands
        self.apps = apps
        self.variables: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.control = Control(int(self.kernel.options["NSH_NESTDEPTH"]))
        self.failed = False
        self.last_pid = 0
        self.exit_on_error = True
        self.trace = False
        self._script: OpenFile | None = None
        self._line_start = 0  # in the script
        self._command_start = 0  # in the line
        sys.signal(SIGINT)  # Ctrl-C ends what the shell does, never the shell

    # Output

    def write(self, text: str) -> None:
        """Writes to standard output. Bytes of the command line that are no UTF-8 come out as they went in."""
        self.sys.write(text.encode("utf-8", "surrogateescape"))

    def error(self, command: str, tail: str) -> int:
        """Writes an error message of NSH's; returns ERROR."""
        self.complain(f"nsh: {command}: {tail}\n")
        return ERROR

    def complain(self, text: str) -> None:
        """Writes to standard error."""
        stderr = self.sys.task.files.get(STDERR)
        if stderr is not None:
            self._tell(stderr, text)

    def tell(self, text: str) -> None:
        """Writes what no command writes to standard output."""
        stdout = self.sys.task.files.get(STDOUT)
        if stdout is not None:
            self._tell(stdout, text)

    @staticmethod
    def _tell(file: OpenFile, text: str) -> None:
        """A signal that comes too late for the command must not end the shell, nor must a pipe that nobody reads."""
        with suppress(InterruptedError, BrokenPipeError):
            file.write(text.encode("utf-8", "surrogateescape"))

    # Lines

    def session(self) -> None:
        """Reads lines and runs them until the input ends or ``exit`` is typed."""
        files = self.sys.task.files
        stdin, stdout = files.get(STDIN), files.get(STDOUT)
        if stdin is None or stdout is None:
            return
        names = [*self.commands, *sorted(self.apps)]
        editor = make_readline(self.kernel, stdin, stdout, lambda: names, echo=stdin.isatty)
        prompt = str(self.kernel.options["NSH_PROMPT_STRING"])
        while True:
            self.tell(prompt)
            line = editor.read()
            if line is None:
                self.error("nsh_session", "readline failed: 0")
                return
            try:
                self.run_line(line.decode("utf-8", "surrogateescape"))
            except ShellExit:
                return

    @property
    def line_max(self) -> int:
        """CONFIG_LINE_MAX."""
        return int(self.kernel.options["LINE_MAX"])

    def run_line(self, line: str) -> int:
        """Runs the commands of a line; unless ``set +e``, the first one that fails ends it. Raises ShellExit."""
        self.control.jump = None
        result, start = OK, 0
        while start >= 0 and self.control.jump is None:
            self._command_start = start
            try:
                command, start = split_command(line, start)
            except ParseError as error:
                self.complain(f"{error}\n")
                return ERROR
            result = run_command_line(self, command)
            if result != OK and self.exit_on_error:
                return result
        return result

    # Scripts

    def run_script(self, command: str, path: str) -> int:
        """Runs the lines of a file, to its end or to the first that fails; returns ERROR at the end, as NuttX does.

        (There, too, the end of the file is what the last read failed with.) Raises ShellExit.
        """
        try:
            script = self.open(path, O_RDONLY)
        except OSError as error:
            return self.error(command, failed_call(error, "open").message(self.strerror))
        outer, self._script = self._script, script
        try:
            while (line := self._next_line(script)) is not None:
                if self.trace:
                    self.write(line)
                result = self.run_line(line)
                if self.control.jump is not None:
                    script.seek(self.control.jump)
                if result != OK and self.exit_on_error:
                    return result
        finally:
            self._script = outer
            script.close()
        return ERROR

    def _next_line(self, script: OpenFile) -> str | None:
        self._line_start = script.position
        line = b""
        while len(line) + 1 < self.line_max:
            c = script.read(1)
            line += c
            if c in (b"", b"\n"):
                break
        return line.decode("utf-8", "surrogateescape") if line else None

    @property
    def place(self) -> int | None:
        """Where in its script the command stands that is running; None without a script."""
        return None if self._script is None else self._line_start + self._command_start

    def open(self, path: str, flags: int) -> OpenFile:
        """A file by its path as it was typed. Raises OSError."""
        return self.kernel.vfs.open(self.sys.fullpath(path), flags)

    # Variables

    @property
    def strerror(self) -> bool:
        """Whether messages name errors instead of numbering them."""
        return bool(self.kernel.options.get("NSH_STRERROR"))

    def lookup(self, name: str) -> str:
        """The value of a variable, "" if there is none; with ``set -x`` it is shown."""
        if name == "?":
            value = "1" if self.failed else "0"
        elif name == "!":
            value = str(self.last_pid)
        else:
            value = self.variables.get(name) or self.sys.getenv(name) or ""
        if self.trace:
            self.write(f"  {name}={value}\n")
        return value

    def set_variable(self, name: str, value: str) -> None:
        """``set``: a variable of NSH's own if there are such, unless it is in the environment already."""
        if self.kernel.options.get("NSH_VARS") and self.sys.getenv(name) is None:
            if value:
                self.variables[name] = value
            else:
                self.variables.pop(name, None)
        else:
            self.sys.setenv(name, value)
