"""The NuttShell: reads lines and scripts, and keeps what outlives a command: variables, aliases, ``$?``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from os import O_CLOEXEC, O_RDONLY
from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.environ import HOMEDIR
from kernel.fs.devices import OpenConsole
from kernel.fs.openfile import STDERR, STDIN, STDOUT, OpenFile
from kernel.kernel import SIGINT
from kernel.nsh.command import ERROR, OK, SIGNALRECVD, Command, ShellExit, failed_call
from kernel.nsh.control import NESTING, Control
from kernel.nsh.edit.editor import make_readline
from kernel.nsh.edit.readline import Readline, Stream
from kernel.nsh.line import run_command_line
from kernel.nsh.parse import ParseError, split_command
from kernel.nsh.script import ScriptStream
from kernel.version import RELEASE

if TYPE_CHECKING:
    from kernel.console import Console
    from kernel.syscalls import Sys

GREETING = f"\nNuttShell (NSH) NuttX-{RELEASE}\n"
IFCONFIG_WORDS = 11
JUMP_USEC = 200  # a few lines of a script, on a microcontroller
NESTED_MAX = 32  # lines within lines, by scripts, time and watch: there, one that runs itself ends with the stack


class Shell:
    """One shell, in the task of ``sys``.

    ``variables``: NSH's own (CONFIG_NSH_VARS), beside the environment. ``exit_on_error`` and ``trace`` are set -e and
    set -x. ``control`` knows the nesting of if and while. ``last_pid`` is ``$!``, and ``errno`` why a call failed last.
    """

    def __init__(self, sys: Sys, commands: Mapping[str, Command], apps: Mapping[str, App]) -> None:
        self.sys = sys
        self.kernel = sys.kernel
        self.commands = commands
        self.apps = apps
        self.variables: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.aliases_in_use: set[str] = set()
        self.control = Control(int(self.kernel.options["NSH_NESTDEPTH"]))
        self.failed = False
        self.last_pid = 0
        self.errno = 0
        self.exit_on_error = True
        self.trace = False
        self.console = _console_of(sys)  # whatever its commands have
        self._script: OpenFile | None = None
        self._nested = 0  # scripts, and lines of time and watch, each running in a line of the one before
        self._line_start = 0  # in the script
        self._command_start = 0  # in the line
        sys.signal(SIGINT)  # Ctrl-C ends what the shell does, never the shell

    # Output

    def write(self, text: str | bytes) -> None:
        """Writes to standard output; that nobody takes it is no error, as in NuttX. Raises InterruptedError.

        Bytes of the command line that are no UTF-8 come out as they went in.
        """
        try:
            self.sys.write(text if isinstance(text, bytes) else _bytes(text))
        except InterruptedError:
            raise
        except OSError as error:
            self.errno = error.errno or 0

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
        with suppress(OSError):
            file.write(_bytes(text))

    # Lines

    def session(self) -> None:
        """Reads lines and runs them until the input ends or ``exit`` is typed."""
        files = self.sys.task.files
        stdin, stdout = files.get(STDIN), files.get(STDOUT)
        if stdin is None or stdout is None:
            return
        editor = self._editor(stdin, stdout, echo=stdin.isatty)
        prompt = str(self.kernel.options["NSH_PROMPT_STRING"])
        while True:
            self.tell(prompt)
            with stdin.raw():
                line = editor.read()
            if line is None:
                self.error("nsh_session", "readline failed: 0")
                return
            try:
                self.run_line(line.decode("utf-8", "surrogateescape"))
            except ShellExit:
                return
            with suppress(InterruptedError):
                self._jump(stdin)

    def _editor(self, stdin: Stream, stdout: Stream, *, echo: bool) -> Readline:
        return make_readline(self.kernel, stdin, stdout, lambda: [*self.commands, *sorted(self.apps)], echo=echo)

    def run_line(self, line: str) -> int:
        """Runs the commands of a line; unless ``set +e``, the first one that fails ends it. Raises ShellExit."""
        self.control.jump = None
        result, start = OK, 0
        while start >= 0 and self.control.jump is None:
            try:
                command, start, resumed = split_command(line, start)
            except ParseError as error:
                self.complain(f"{error}\n")
                return ERROR
            self._command_start = len(_bytes(line[:resumed]))
            result = run_command_line(self, command)
            if result != OK and self.exit_on_error:
                return result
        return result

    def run_inner_line(self, command: str, line: str) -> int:
        """Runs a line on behalf of a command. Raises ShellExit."""
        if self._nested == NESTED_MAX:
            return self.error(command, NESTING)
        self._nested += 1
        try:
            return self.run_line(line)
        finally:
            self._nested -= 1

    # Scripts

    def run_script(self, command: str, path: str) -> int:
        """Runs the lines of a file, to its end or to the first that fails; returns ERROR at the end, as NuttX does.

        (There, too, the end of the file is what the last read failed with.) Raises ShellExit.
        """
        if self._nested == NESTED_MAX:
            return self.error(command, NESTING)
        try:
            fd = self._open_script(path)
        except OSError as error:
            return self.error(command, failed_call(error, "open").message(self.strerror))
        files = self.sys.task.files
        outer, self._script = self._script, files[fd]
        self._nested += 1
        try:
            return self._run_lines(command, files[fd])
        finally:
            self._script = outer
            self._nested -= 1
            files.close(fd)

    def _open_script(self, path: str) -> int:
        """A descriptor that what the script starts does not get. Raises OSError."""
        script = self.open(path, O_RDONLY | O_CLOEXEC)
        try:
            return self.sys.task.files.add(script)
        except OSError:
            script.close()
            raise

    def _run_lines(self, command: str, script: OpenFile) -> int:
        stream = ScriptStream(script)
        editor = self._editor(stream, stream, echo=False)
        while True:
            self._line_start = script.position
            data = editor.read()
            if stream.interrupted:
                return self.error(command, SIGNALRECVD)
            if data is None:
                return ERROR
            line = data.decode("utf-8", "surrogateescape")
            if self.trace:
                self.tell(line + stream.line_end)
            result = self.run_line(line)
            try:
                self._jump(script)
            except InterruptedError:
                return self.error(command, SIGNALRECVD)
            if result != OK and self.exit_on_error:
                return result

    def _jump(self, file: OpenFile) -> None:
        """Where a loop begins anew: further up in the file that the lines come from, if it has positions.

        It takes a little time even where code takes none, so that a loop without end does not stop the board's clock.
        Raises InterruptedError.
        """
        if self.control.jump is not None:
            self.kernel.effort.toil(JUMP_USEC)
            with suppress(OSError):
                file.seek(self.control.jump)

    @property
    def place(self) -> int:
        """Where in its script the command stands that is running, for a loop to come back to.

        Without a script, where in its line: the body of a loop that is typed is run once, as in NuttX.
        """
        return self._command_start if self._script is None else self._line_start + self._command_start

    def open(self, path: str, flags: int) -> OpenFile:
        """A file by its path as it was typed. Raises OSError."""
        return self.kernel.vfs.open(self.fullpath(path), flags)

    def fullpath(self, path: str) -> str:
        """An absolute path; an empty one is the home directory."""
        return self.sys.fullpath(path or HOMEDIR)

    # Variables

    @property
    def maxarguments(self) -> int:
        """The most words of a command, its name included: NSH_MAXARGUMENTS, but enough for ifconfig if it is there."""
        most = int(self.kernel.options["NSH_MAXARGUMENTS"])
        return max(most, IFCONFIG_WORDS) if "ifconfig" in self.commands else most

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
            value = self.variables[name] if name in self.variables else self.sys.getenv(name) or ""
        if self.trace:
            self.tell(f"  {name}={value}\n")
        return value

    def set_variable(self, name: str, value: str) -> None:
        """``set``: a variable of NSH's own if there are such, unless it is in the environment already.

        Raises OSError (EINVAL).
        """
        if self.kernel.options["NSH_VARS"] and self.sys.getenv(name) is None:
            name, _, value = f"{name}={value}".partition("=")  # as Environment.setenv() has it
            self.variables.pop(name, None)
            self.variables[name] = value
        else:
            self.sys.setenv(name, value)


def _console_of(sys: Sys) -> Console | None:
    """The terminal line that a task begins with, None if it has none: Ctrl-C there is for what its shell runs."""
    files = (file for fd, file in sys.task.files if fd <= STDERR)
    return next((file.console for file in files if isinstance(file, OpenConsole)), None)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
