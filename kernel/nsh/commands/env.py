"""Commands about variables: set, unset, export, env, alias, unalias."""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING

from kernel.nsh.command import ARGINVALID, ARGREQUIRED, ERROR, OK, CallFailed, Command, CommandError
from kernel.nsh.commands.file import catfile

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

SPACES = " \t\n\v\f\r"  # isspace()


# Variables


def set_(shell: Shell, argv: list[str]) -> int:
    """Shows NSH's variables, sets one, or sets options: -e ends a line at its first error, +e not; -x shows lines."""
    arguments = argv[1:]
    if not arguments:
        return _show(shell)
    if len(arguments) in (1, 3):
        _options(shell, arguments.pop(0))
    if arguments:
        name, value = arguments
        try:
            shell.set_variable(name, value.strip(SPACES))
        except OSError as error:
            raise CallFailed("setenv", error.errno or 0) from None
    return OK


def _show(shell: Shell) -> int:
    if not shell.kernel.options["NSH_VARS"]:
        raise CommandError(ARGREQUIRED)
    shell.write("".join(f"{name}={value}\n" for name, value in shell.variables.items()) + "\n")
    return OK


def _options(shell: Shell, word: str) -> None:
    if len(word) < 2:
        raise CommandError(ARGREQUIRED)
    if word[0] not in "+-":
        raise CommandError(ARGINVALID)
    for letter in word[1:].partition(" ")[0]:
        if letter == "e":
            shell.exit_on_error = word[0] == "-"
        elif letter == "x":
            shell.trace = word[0] == "-"
        else:
            raise CommandError(ARGINVALID)


def unset(shell: Shell, argv: list[str]) -> int:
    """Removes a variable, of NSH's own or of the environment; one that is not there is no error."""
    shell.variables.pop(argv[1], None)
    shell.sys.unsetenv(argv[1])
    return OK


def export(shell: Shell, argv: list[str]) -> int:
    """Makes one of NSH's variables one of the environment, with its value or another."""
    name = argv[1]
    value = argv[2] if len(argv) == 3 else shell.variables.get(name, "")
    try:
        shell.sys.setenv(name, value)
    except OSError as error:
        raise CallFailed("unsetenv", error.errno or EINVAL) from None
    shell.variables.pop(name, None)
    return OK


def env(shell: Shell, argv: list[str]) -> int:
    """The environment, as /proc has it."""
    catfile(shell, argv[0], "/proc/self/group/env")
    return OK


# Aliases


def alias(shell: Shell, argv: list[str]) -> int:
    """Shows all aliases or some, or defines some."""
    result = OK
    for word in argv[1:] or list(shell.aliases):
        name, defines, value = word.partition("=")
        if defines:
            result = _define(shell, name, value)
        elif name in shell.aliases:
            shell.write(f"alias {name}='{shell.aliases[name]}'\n")
        else:
            result = _not_found(shell, argv[0], name)
    return result


def _define(shell: Shell, name: str, value: str) -> int:
    room = len(shell.aliases) < int(shell.kernel.options["NSH_ALIAS_MAX_AMOUNT"])
    if not name or not (room or name in shell.aliases):
        shell.complain(f"alias {name}='{value}' failed\n")
        return ERROR
    shell.aliases[name] = value
    return OK


def unalias(shell: Shell, argv: list[str]) -> int:
    """Forgets aliases; -a: all of them. Without arguments it fails silently, as in NuttX."""
    if len(argv) < 2:
        return ERROR
    if argv[1].startswith("-a"):
        shell.aliases.clear()
        return OK
    result = OK
    for name in argv[1:]:
        if shell.aliases.pop(name, None) is None:
            result = _not_found(shell, argv[0], name)
    return result


def _not_found(shell: Shell, command: str, name: str) -> int:
    shell.complain(f"{command}: {name} not found\n")
    return ERROR


SET = Command("set", set_, "[{+|-}{e|x|xe|ex}] [<name> <value>]", most=3)
UNSET = Command("unset", unset, "<name>", least=1, most=1)
EXPORT = Command("export", export, "[<name> [<value>]]", least=1, most=2, option="NSH_VARS")
ENV = Command("env", env)
ALIAS = Command("alias", alias, "[name[=value] ... ]", most=None, option="NSH_ALIAS")
UNALIAS = Command("unalias", unalias, "[-a] name [name ... ]", most=None, option="NSH_ALIAS")

COMMANDS = (SET, UNSET, EXPORT, ENV, ALIAS, UNALIAS)
