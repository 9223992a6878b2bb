"""The language of a command line: where a command ends, what a word is, and what stands in it.

NSH reads a line the way a person does, from left to right, and runs a command before it has looked at the next one.
Taking words out of the text and expanding them are apart here, because only the shell knows values and can run what is
in back-quotes. Three habits of NuttX's (nshlib/nsh_parse.c) are kept because scripts for real boards meet them: one
single-quoted part keeps the whole word from being expanded, the name after ``$`` goes on to the end of the word unless
it is in braces, and quotes are gone before anybody looks for ``>``, ``|`` or ``&``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BLANKS = " \t\n"
QUOTES = "'\"`"


class ParseError(Exception):
    """A quote or bracket without its partner; the text is what NSH prints about it, without line end."""

    def __init__(self, opening: str, closing: str) -> None:
        super().__init__(f"nsh: {opening}: no matching {closing}")


@dataclass(frozen=True)
class Word:
    """A word without its quotes, back-quotes excepted. Backslashes are still there unless it is ``literal``.

    ``literal``: something in it was in single quotes. ``joined``: something was in double quotes, so that a value with
    blanks stays one argument. ``quoted``: it ends its command, and with a quote: no alias is looked for then. (In NuttX
    any blank behind the word undoes that.)
    """

    text: str
    literal: bool = False
    quoted: bool = False
    joined: bool = False


def find_unescaped(text: str, char: str, start: int = 0) -> int:
    """Where a character stands that no backslash protects; -1 if nowhere."""
    i = start
    while i < len(text):
        if text[i] == char:
            return i
        i += 2 if text[i] == "\\" and char != "\\" else 1
    return -1


def split_command(line: str, start: int) -> tuple[str, int, int]:
    """The command that begins at ``start``; where the next one does, -1 if it is the last; and where its loop begins.

    Commands end at ``;``. A ``#`` outside of quotes ends the search; if it begins a word, the rest is a comment. The
    third is where ``done`` would jump to if the command were a ``while``: behind its last quote, where NuttX resumed
    its search. Raises ParseError for an open quote.
    """
    i = resumed = start
    while i < len(line) and line[i] not in "#\n":
        c = line[i]
        if c == ";":
            return line[start:i], i + 1, resumed
        if c in "'\"":
            if not (i > start and line[i - 1] == "\\"):
                i = find_unescaped(line, c, i + 1)
                if i < 0:
                    raise ParseError(c, c)
            resumed = i + 1
        i += 1
    return line[start:], -1, resumed


class Cursor:
    """Takes one word after the other out of a command."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def rest(self) -> str:
        """What has not been taken."""
        return self.text[self.at :]

    def word(self) -> Word | None:
        """The next word, None at the end or at a comment. Raises ParseError for an open quote."""
        text = self.text
        while self.at < len(text) and text[self.at] in BLANKS:
            self.at += 1
        if self.at >= len(text) or text[self.at] == "#":
            return None
        if text[self.at] == "|":
            self.at += 1
            return Word("|")
        return self._normal()

    def _normal(self) -> Word:
        text, i = self.text, self.at
        out = ""
        literal = joined = quoted = False
        while i < len(text) and text[i] not in BLANKS:
            c = text[i]
            quoted = c in QUOTES
            if c == "\\":
                out += text[i : i + 2]
                i += 2
            elif not quoted:
                out += c
                i += 1
            else:
                end = find_unescaped(text, c, i + 1)
                if end < 0:
                    raise ParseError(c, c)
                literal |= c == "'"
                joined |= c == '"'
                out += text[i : end + 1] if c == "`" else text[i + 1 : end]
                i = end + 1
                if out.endswith("\\"):  # for NuttX the quote has never been there
                    out += text[i : i + 1]
                    i += 1
        self.at = min(i, len(text))
        return Word(out, literal, quoted and i >= len(text), joined)


def expand(word: Word, lookup: Callable[[str], str], run: Callable[[str], str]) -> tuple[str, bool]:
    """What a word stands for, and whether a variable was in it that was not in double quotes.

    ``lookup`` gives the value of a variable, ``run`` the output of a command. Raises ParseError for an open bracket.
    """
    if word.literal:
        return word.text, False
    text, out = word.text, ""
    split = False
    i = 0
    while i < len(text):
        c = text[i]
        if c == "\\":
            out += text[i : i + 2]
            i += 2
        elif c == "`":
            end = find_unescaped(text, "`", i + 1)
            if end < 0:
                raise ParseError("`", "`")
            out += run(text[i + 1 : end])
            i = end + 1
        elif c == "$":
            name, i = _name(text, i + 1)
            out += lookup(name)
            split = not word.joined
        else:
            out += c
            i += 1
    return unescape(out), split


def _name(text: str, i: int) -> tuple[str, int]:
    """The name of a variable that begins at ``i``, behind the dollar sign, and where it ends."""
    if text[i : i + 1] != "{":
        return text[i:], len(text)
    end = find_unescaped(text, "}", i + 1)
    if end < 0:
        raise ParseError("${", "}")
    return text[i + 1 : end], end + 1


def unescape(text: str) -> str:
    """The text without the backslashes that protect a character; ``\\\\`` is one."""
    out = ""
    i = 0
    while i < len(text):
        if text[i] == "\\":
            i += 1
        out += text[i : i + 1]
        i += 1
    return out


def split_value(text: str) -> list[str]:
    """The arguments that the value of an unquoted variable makes: blanks at its ends make empty ones."""
    arguments: list[str] = []
    rest = text
    while True:
        at = next((i for i, c in enumerate(rest) if c in BLANKS), -1)
        if at < 0:
            return [*arguments, rest]
        arguments.append(rest[:at])
        rest = rest[at:].lstrip(BLANKS)
