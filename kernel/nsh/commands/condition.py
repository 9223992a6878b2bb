"""The expressions of ``test`` and ``[`` (nshlib/nsh_test.c)."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING

from kernel.fs.node import Node
from kernel.nsh.command import SYNTAX
from kernel.nsh.numbers import strtol

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

INTEGERS: dict[str, Callable[[int, int], bool]] = {"-eq": eq, "-ge": ge, "-gt": gt, "-le": le, "-lt": lt, "-ne": ne}

FILES: dict[str, Callable[[Node], bool]] = {
    "-b": lambda node: node.kind == "b",
    "-c": lambda node: node.kind == "c",
    "-d": lambda node: node.kind == "d",
    "-e": lambda node: True,
    "-f": lambda node: node.kind == "-",
    "-r": lambda node: node.mode & 0o444 != 0,
    "-s": lambda node: node.size() > 0,
    "-w": lambda node: node.mode & 0o222 != 0,
}
"""What can be asked of a file; a file that is not there has nothing of it."""


class ConditionError(Exception):
    """An expression that makes no sense."""


def holds(shell: Shell, words: list[str]) -> bool:
    """Whether an expression is true. One that makes no sense is complained about, and false."""
    try:
        return _holds(shell, words)
    except ConditionError:
        shell.error("test", SYNTAX)
        return False


def _holds(shell: Shell, words: list[str]) -> bool:
    """``-a`` and ``-o`` have no precedence: what is right of them is one expression."""
    if not words or words == ["!"]:
        raise ConditionError
    if words[0] == "!":
        return not holds(shell, words[1:])
    value, rest = _simple(shell, words)
    if not rest:
        return value
    if rest[0] == "-a":
        return value and holds(shell, rest[1:])
    if rest[0] == "-o":
        return value or holds(shell, rest[1:])
    raise ConditionError


def _simple(shell: Shell, words: list[str]) -> tuple[bool, list[str]]:
    """The value of what the words begin with, and the other words."""
    if words[0].startswith("-"):
        if len(words) < 2:
            raise ConditionError
        unary = _unary(shell, words[0], words[1])
        if unary is not None:
            return unary, words[2:]
    if len(words) < 3:
        raise ConditionError
    return _binary(*words[:3]), words[3:]


def _unary(shell: Shell, operator: str, word: str) -> bool | None:
    """None: there is no such operator."""
    if operator == "-n":
        return word != ""
    if operator == "-z":
        return word == ""
    ask = FILES.get(operator)
    if ask is None:
        return None
    try:
        return ask(shell.kernel.vfs.find(shell.fullpath(word)))
    except OSError:
        return False


def _binary(left: str, operator: str, right: str) -> bool:
    if operator in ("=", "=="):
        return left == right
    if operator == "!=":
        return left != right
    a, b, compare = strtol(left), strtol(right), INTEGERS.get(operator)
    if a is None or b is None or compare is None:
        raise ConditionError
    return compare(a, b)
