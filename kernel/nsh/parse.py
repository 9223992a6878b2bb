"""The language of a command line: commands, words, quotes and variables.

Parsing and expanding are apart, because ``a; echo $?`` needs the status of ``a`` after the whole line has been parsed.
Quoting is NuttX's (CONFIG_NSH_QUOTE): '...' keeps everything, "..." keeps all but ``$``, a backslash one character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

BLANKS = " \t\n"
OPERATORS = ("2>", ">", "<", "|")

_VARIABLE = re.compile(r"\$(?:\{(\w+|[?!])\}|([A-Za-z_]\w*|[?!]))")


class ParseError(Exception):
    """A line that cannot be run; the text is what NSH prints about it, without line end."""


@dataclass(frozen=True)
class Literal:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True)
class Variable:
    """``$name``. Unquoted, its value is split at blanks into several arguments."""

    name: str
    quoted: bool


@dataclass
class Word:
    """One argument, or with unquoted variables in it any number of them. ``source``: as it was typed."""

    pieces: list[Literal | Variable] = field(default_factory=list)
    quoted: bool = False
    source: str = ""

    def expand(self, lookup: Callable[[str], str]) -> list[str]:
        """The arguments that it stands for now. ``lookup`` gives the value of a variable, "" if there is none."""
        arguments = [""]
        for piece in self.pieces:
            if isinstance(piece, Literal):
                arguments[-1] += piece.text
                continue
            value = lookup(piece.name)
            if piece.quoted:
                arguments[-1] += value
                continue
            parts = re.split(f"[{BLANKS}]+", value)
            arguments[-1] += parts[0]
            arguments += parts[1:]
        return arguments if self.quoted else [argument for argument in arguments if argument]


@dataclass
class Command:
    """A command with its arguments. ``background``: it ended with ``&``."""

    words: list[Word] = field(default_factory=list)
    background: bool = False

    def expand(self, lookup: Callable[[str], str]) -> list[str]:
        """The argument vector."""
        return [argument for word in self.words for argument in word.expand(lookup)]


def parse(line: str) -> list[Command]:
    """The commands of a line; ``;`` separates them and ``#`` begins a comment. Raises ParseError."""
    commands = [Command()]
    for token in _tokens(line):
        if token is None:
            commands.append(Command())
        else:
            commands[-1].words.append(token)
    commands = [command for command in commands if command.words]
    for command in commands:
        _finish(command)
    return commands


def _finish(command: Command) -> None:
    """The operators of a command, which are words of their own."""
    last = command.words[-1]
    if last.source == "&" and len(command.words) > 1:
        command.background = True
        command.words.pop()
    for word in command.words:
        if word.source.startswith(OPERATORS):
            raise ParseError(f"nsh: {command.words[0].source}: syntax error")


def _tokens(line: str) -> Iterator[Word | None]:
    """The words of a line, None for each semicolon."""
    i = 0
    while True:
        while i < len(line) and line[i] in BLANKS:
            i += 1
        if i >= len(line) or line[i] == "#":
            return
        if line[i] == ";":
            yield None
            i += 1
            continue
        word, i = _word(line, i)
        yield word


def _word(line: str, i: int) -> tuple[Word, int]:
    """The word that begins at ``i``, and where it ends."""
    word = Word()
    begin = i
    text = ""

    def flush() -> None:
        nonlocal text
        if text:
            word.pieces.append(Literal(text))
            text = ""

    while i < len(line) and line[i] not in BLANKS and line[i] != ";":
        c = line[i]
        if c == "\\":
            text += line[i + 1 : i + 2]
            i += 2
        elif c in "'\"":
            end = _closing(line, i)
            inside = line[i + 1 : end]
            flush()
            word.pieces += [Literal(inside)] if c == "'" else _double_quoted(inside)
            word.quoted = True
            i = end + 1
        elif match := _VARIABLE.match(line, i):
            flush()
            word.pieces.append(Variable(match[1] or match[2], quoted=False))
            i = match.end()
        elif c == "`":
            raise ParseError("nsh: `: syntax error")
        else:
            text += c
            i += 1
    flush()
    word.source = line[begin:i]
    return word, i


def _closing(line: str, i: int) -> int:
    """Where the quote that opens at ``i`` is closed. Raises ParseError."""
    quote = line[i]
    end = i + 1
    while end < len(line) and line[end] != quote:
        end += 2 if quote == '"' and line[end] == "\\" else 1
    if end >= len(line):
        raise ParseError(f"nsh: {quote}: no matching {quote}")
    return end


def _double_quoted(inside: str) -> list[Literal | Variable]:
    """What stands between double quotes."""
    pieces: list[Literal | Variable] = []
    text = ""
    i = 0
    while i < len(inside):
        if inside[i] == "\\" and inside[i + 1 : i + 2] in ("\\", '"', "$"):
            text += inside[i + 1]
            i += 2
        elif match := _VARIABLE.match(inside, i):
            pieces += [Literal(text), Variable(match[1] or match[2], quoted=True)]
            text = ""
            i = match.end()
        else:
            text += inside[i]
            i += 1
    return [*pieces, Literal(text)]
