"""Options on a command line, as NuttX's getopt() finds them."""

from __future__ import annotations


def getopt(argv: list[str], letters: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The options in front of the operands, each with its value, and the operands.

    ``letters``: those there are, a ``:`` behind those with a value. What is no option comes as ``?``, with the letter
    as its value; one whose value is missing does too, or as ``:`` if ``letters`` begins with a colon. Unlike POSIX's,
    it takes a value only if that does not begin with a dash, passes over a dash alone, and knows no ``--``.
    """
    missing, letters = (":", letters[1:]) if letters.startswith(":") else ("?", letters)
    given: list[tuple[str, str]] = []
    words = argv[1:]
    while words and words[0].startswith("-"):
        rest = words.pop(0)[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            at = -1 if letter == ":" else letters.find(letter)
            if at < 0:
                given.append(("?", letter))
            elif letters[at + 1 : at + 2] != ":":
                given.append((letter, ""))
            elif rest:
                given.append((letter, rest))
                rest = ""
            elif words and not words[0].startswith("-"):
                given.append((letter, words.pop(0)))
            else:
                given.append((missing, letter))
    return given, words
