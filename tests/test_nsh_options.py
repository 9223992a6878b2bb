"""Options on a command line are found as NuttX's getopt() finds them."""

from __future__ import annotations

import pytest

from board import Board
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
        ("- x", "a", [], ["x"]),
        ("-a - -b x", "ab", [("a", ""), ("b", "")], ["x"]),
        ("-m - x", ":m:", [(":", "m")], ["x"]),
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


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("rm -", "nsh: rm: missing required argument(s)\n"),
        ("umount -", "nsh: umount: missing required argument(s)\n"),
        ("watch -", "nsh: watch: argument invalid\n"),
        ("watch -n -1 ls", "nsh: watch: argument invalid\n"),
        ("date --", "nsh: date: argument invalid\n"),
        ("date - +%y", "18\n"),
        ("arp -- 10.0.1.1", "nsh: arp: argument invalid\n"),
        ("uname - -s", "NuttX\n"),
        ("uname -xy", "nsh: uname: argument invalid\n" * 2),
        ("top --", "Usage: top[ -n <num>] [ -d <delay>][ -p <pidlist>] [ -h ]\n"),
    ],
)
def test_all_commands_find_their_options_in_the_same_way(line: str, text: str) -> None:
    with Board() as board:
        assert board.nsh(line) == text


def test_dmesg_that_only_clears_prints_nothing() -> None:
    with Board() as board:
        board.boot()
        board.kernel.syslog.log(3, "hot")
        assert board.nsh("dmesg -Cx") == ""
        assert board.nsh("dmesg") == ""


@pytest.mark.parametrize("path", ["/bin/hello", "./hello", "/none/hello", "../hello", "hello/"])
def test_a_path_runs_the_program_that_its_last_part_names(path: str) -> None:
    with Board() as board:
        assert board.nsh(path) == "Hello, World!!\n"
