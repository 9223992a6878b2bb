"""Commands that belong to the shell itself: help, echo, sleep, usleep, exit, true, false."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from kernel.nsh.command import ARGINVALID, ERROR, NOTFOUND, OK, Command, CommandError, ShellExit
from kernel.nsh.numbers import strtol

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

HELP_LINELEN, HELP_TABSIZE = 80, 4

FORMS = """NSH command forms:
  [nice [-d <niceness>>]] <cmd> [> <file>|>> <file>] [&]

OR
  if <cmd>
  then
    [sequence of <cmd>]
  else
    [sequence of <cmd>]
  fi

OR
  while <cmd>
  do
    [sequence of <cmd>]
  done

OR
  until <cmd>
  do
    [sequence of <cmd>]
  done

"""
"""What ``help -v`` begins with, to the letter."""

_ESCAPE = re.compile(
    rb"\\(?:0(?P<octal>[0-8]{0,3})|x(?P<hex>[0-9a-fA-F]{0,2})|(?P<itself>[\a\b\f\n\r\v\\]))", re.DOTALL
)


def columns(names: Collection[str]) -> str:
    """A table of names, filled column by column; every cell is padded, so that lines end in blanks."""
    cells = list(names)
    width = max(map(len, cells)) + HELP_TABSIZE
    rows = -(-len(cells) // max(1, HELP_LINELEN // width))
    lines = ("".join(f"{name:<{width}}" for name in cells[row::rows]) for row in range(rows))
    return "".join(f"{'':{HELP_TABSIZE}}{line}\n" for line in lines)


def help_(shell: Shell, argv: list[str]) -> int:
    """What commands there are, or how one is used; -v: how all are used."""
    arguments = argv[1:]
    verbose = arguments[:1] == ["-v"]
    if verbose:
        shell.write(FORMS)
    if arguments[verbose:]:
        name = arguments[verbose]
        command = shell.commands.get(name)
        if command is None:
            shell.error(name, NOTFOUND)
        else:
            shell.write(f"{name} usage:{_usage(command)}")
        return OK
    if verbose:
        shell.write("Where <cmd> is one of:\n" + "".join(map(_usage, shell.commands.values())))
    else:
        shell.write(f"help usage:{_usage(HELP)}\n{columns(shell.commands)}")
    if shell.apps:
        shell.write(f"\nBuiltin Apps:\n{columns(sorted(shell.apps))}")
    return OK


def _usage(command: Command) -> str:
    return f"  {command.name} {command.usage}\n" if command.usage else f"  {command.name}\n"


def echo(shell: Shell, argv: list[str]) -> int:
    """Its arguments. -n: no line end, -e: with escapes, -E: without."""
    words = argv[1:]
    newline, escapes = True, False
    while words and len(words[0]) > 1 and words[0][0] == "-" and set(words[0][1:]) <= set("eEn"):
        for letter in words.pop(0)[1:]:
            newline = newline and letter != "n"
            escapes = letter == "e" or (escapes and letter != "E")
    if words:  # NuttX prints nothing at all, not even a line end, without arguments
        data = [word.encode("utf-8", "surrogateescape") for word in words]
        text = b" ".join(map(_unescape, data) if escapes else data)
        shell.write(text + b"\n" if newline else text)
    return OK


def _unescape(word: bytes) -> bytes:
    """Numbers become characters, and two backslashes one. A zero ends the word.

    That ``\\n`` and its like stay as they are is NuttX's: it looks for the control characters themselves there.
    """

    def replace(match: re.Match[bytes]) -> bytes:
        octal, digits = match["octal"], match["hex"]
        if octal is not None:
            value = 0
            for digit in octal:
                value = 8 * value + digit - ord("0")
            return bytes([value & 0xFF])
        if digits is not None:
            return bytes([int(digits or b"0", 16)])
        return match["itself"]

    return _ESCAPE.sub(replace, word).partition(b"\0")[0]


def _duration(argv: list[str]) -> int:
    value = strtol(argv[1])
    if value is None or value <= 0:
        raise CommandError(ARGINVALID)
    return value % 2**32


def sleep(shell: Shell, argv: list[str]) -> int:
    """Waits for seconds, or until a signal comes."""
    shell.sys.sleep(_duration(argv))
    return OK


def usleep(shell: Shell, argv: list[str]) -> int:
    """The same in microseconds."""
    shell.sys.usleep(_duration(argv))
    return OK


def exit_(shell: Shell, argv: list[str]) -> int:
    """Ends the shell."""
    raise ShellExit


def true(shell: Shell, argv: list[str]) -> int:
    """Succeeds."""
    return OK


def false(shell: Shell, argv: list[str]) -> int:
    """Fails."""
    return ERROR


QUESTION = Command("?", help_)
HELP = Command("help", help_, "[-v] [<cmd>]", most=2)
ECHO = Command("echo", echo, "[-n] [<string|$name> [<string|$name>...]]", most=None)
SLEEP = Command("sleep", sleep, "<sec>", least=1, most=1)
USLEEP = Command("usleep", usleep, "<usec>", least=1, most=1)
EXIT = Command("exit", exit_)
TRUE = Command("true", true)
FALSE = Command("false", false)

COMMANDS = (QUESTION, HELP, ECHO, SLEEP, USLEEP, EXIT, TRUE, FALSE)
