"""Commands for scripts: [ test expr printf source . break exec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kernel.nsh.command import ARGINVALID, ERROR, OK, SYNTAX, Command, CommandError
from kernel.nsh.commands.condition import holds
from kernel.nsh.numbers import strtol, wrapped

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell


def test(shell: Shell, argv: list[str]) -> int:
    """Succeeds if an expression is true."""
    return OK if holds(shell, argv[1:]) else ERROR


def bracket(shell: Shell, argv: list[str]) -> int:
    """The same, with a bracket at the end."""
    if argv[-1] != "]":
        raise CommandError(SYNTAX)
    return OK if holds(shell, argv[1:-1]) else ERROR


def expr(shell: Shell, argv: list[str]) -> int:
    """Two numbers and ``+ - * / %``, with the int of C. Its complaints go to standard output, as in NuttX."""
    operands = [0 if word == "" else strtol(word) for word in (argv[1], argv[3])]
    a, b = (None if value is None else wrapped(value) for value in operands)
    operator = argv[2][:1]
    if a is None or b is None:
        return _refuse(shell, f"operand{1 if a is None else 2} invalid")
    if operator not in ("+", "-", "*", "/", "%"):
        return _refuse(shell, "Unknown operator")
    if operator in "/%" and b == 0:
        return _refuse(shell, "operand2 invalid")
    shell.write(f"{wrapped(_calculate(a, operator, b))}\n")
    return OK


def _refuse(shell: Shell, why: str) -> int:
    shell.write(f"{why}\n")
    return ERROR


def _calculate(a: int, operator: str, b: int) -> int:
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b
    if operator == "*":
        return a * b
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)  # C rounds towards zero
    return quotient if operator == "/" else a - quotient * b


def printf(shell: Shell, argv: list[str]) -> int:
    """Its arguments without anything between them.

    Of one that begins with a backslash only the escape counts: n, r, t, or x and a number: its lowest byte, two if it
    has 3 digits, four if it has 7, the lowest first.
    """
    shell.write(b"".join(map(_print, argv[1:])))
    return OK


def _print(word: str) -> bytes:
    if not word.startswith("\\"):
        return word.encode("utf-8", "surrogateescape")
    letter, digits = word[1:2], word[2:]
    if letter != "x":
        return {"n": b"\n", "r": b"\r", "t": b"\t"}.get(letter, b"")
    match = re.match(r"(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)", digits)
    value = int(match[1], 16) if match else 0
    length = 4 if len(digits) >= 7 else 2 if len(digits) >= 3 else min(len(digits), 1)
    return (value & (1 << 8 * length) - 1).to_bytes(length, "little")


def source(shell: Shell, argv: list[str]) -> int:
    """Runs a script in this shell. It has failed when it is over, as in NuttX."""
    return shell.run_script(argv[0], argv[1])


def break_(shell: Shell, argv: list[str]) -> int:
    """Leaves the loop; outside of one it does nothing."""
    shell.control.leave_loop()
    return OK


def exec_(shell: Shell, argv: list[str]) -> int:
    """Jumps to an address. No code of this board has one, so that it crashes there."""
    given = strtol(argv[1])
    if not given:
        raise CommandError(ARGINVALID)
    address = f"{given & (1 << 64) - 1:#x}"
    shell.write(f"Calling {address}\n")
    shell.kernel.fault(f"jump to {address}")


DOT = Command(".", source, "<script-path>", least=1, most=1)
BRACKET = Command("[", bracket, "<expression> ]", least=3, most=None)
BREAK = Command("break", break_)
EXEC = Command("exec", exec_, "<hex-address>", least=1, most=2)
EXPR = Command("expr", expr, "<operand1> <operator> <operand2>", least=3, most=3)
PRINTF = Command("printf", printf, "[\\xNN] [\\n\\r\\t] [<string|$name> [<string|$name>...]]", most=None)
SOURCE = Command("source", source, "<script-path>", least=1, most=1)
TEST = Command("test", test, "<expression>", least=2, most=None)

COMMANDS = (DOT, BRACKET, BREAK, EXEC, EXPR, PRINTF, SOURCE, TEST)
