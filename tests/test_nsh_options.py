"""Options on a command line are found as NuttX's getopt() finds them."""

from __future__ import annotations

import pytest

from kernel.nsh.commands.options import getopt
from kernel.nsh.numbers import atoi


@pytest.mark.parametrize(
    ("words", "letters", "given", "rest"),
    [
        ("", "ab", [], []),
        ("x -a", "ab", [], ["x", "-a"]),
        ("-a -b x", "ab", [("a", ""), ("b", "")], ["x"]),
        ("-ab x", "ab", [("a", ""), ("b", "")], ["x"]),
        ("-axb", "ab", [("a", ""), ("?", "x"), ("b", "")], []),
        ("-m 5 x", "m:", [("m", "5")], ["x"]),
        ("-m5 x", "m:", [("m", "5")], ["x"]),
        ("-am5 x", "am:", [("a", ""), ("m", "5")], ["x"]),
        ("-m", "m:", [("?", "m")], []),
        ("-m", ":m:", [(":", "m")], []),
        ("-m -1 x", ":m:a", [(":", "m"), ("?", "1")], ["x"]),
        ("- x", "a", [("?", "")], ["x"]),
        ("-- x", "a", [("?", "-")], ["x"]),
        ("-: x", "a:", [("?", ":")], ["x"]),
    ],
)
def test_options_come_before_operands(words: str, letters: str, given: list[tuple[str, str]], rest: list[str]) -> None:
    assert getopt(["command", *words.split()], letters) == (given, rest)


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), (" 12x", 12), ("-3", -3), ("+4", 4), ("x", 0), ("", 0), ("0x10", 0), ("-", 0)]
)
def test_atoi_reads_the_number_that_a_text_begins_with(text: str, value: int) -> None:
    assert atoi(text) == value
