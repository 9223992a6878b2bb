"""What a shell command is, and how it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel.strerror import strerror as text_of

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

OK, ERROR = 0, -1

ARGINVALID = "argument invalid"
ARGREQUIRED = "missing required argument(s)"
TOOMANYARGS = "too many arguments"
SYNTAX = "syntax error"
NOTFOUND = "command not found"
SIGNALRECVD = "Interrupted by signal"
INTERNALERROR = "Internal error"

Run = Callable[["Shell", list[str]], int]


@dataclass(frozen=True)
class Command:
    """A command of the shell itself, which runs in the shell's task.

    ``run(shell, argv)`` returns OK or ERROR, or raises. ``usage``: its arguments as ``help`` shows them. ``least`` and
    ``most``: how many arguments it takes, without its name; None: as many as a line may have. ``option``: what has to
    be configured for it to be there. ``variant``: takes its place if that one's option is configured, too.
    """

    name: str
    run: Run
    usage: str = ""
    least: int = 0
    most: int | None = 0
    option: str = ""
    variant: Command | None = None

    def configured(self, options: Mapping[str, object]) -> Command | None:
        """The command as a board has it; None: it has not."""
        if self.option and not options.get(self.option):
            return None
        return (self.variant and self.variant.configured(options)) or self


class ShellExit(Exception):
    """The ``exit`` command."""


class CommandError(Exception):
    """Ends a command; the text is the tail of NSH's message, after ``nsh: <command>: ``."""


class CallFailed(CommandError):
    """A system call failed in a command, with a positive ``errno``."""

    def __init__(self, call: str, errno: int) -> None:
        super().__init__(call)
        self.call = call
        self.errno = errno

    def message(self, strerror: bool) -> str:
        """The tail of the message: with the error's number or, if CONFIG_NSH_STRERROR is set, its text."""
        return f"{self.call} failed: {text_of(self.errno) if strerror else self.errno}"


def failed_call(error: OSError, command: str) -> CallFailed:
    """The message for an OSError that a command did not handle: its text begins with the name of the call."""
    name = re.match(r"\w+", error.strerror or "")
    return CallFailed(name[0] if name else command, error.errno or 0)
