"""docs/shell.md: the commands that it lists are there, and its session is one."""

from __future__ import annotations

import re
from pathlib import Path

from board import Board

PAGE = (Path(__file__).parent.parent / "docs" / "shell.md").read_text(encoding="utf-8")


def listed(heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    table = PAGE.split(heading, 1)[1].split("\n\n", 1)[0]
    cells = (row.split("|")[1] for row in table.splitlines() if row.startswith("|"))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", re.sub(r"\[`[A-Z_]+`\]", "", cell))}


def test_every_command_and_program_is_in_the_tables_and_nothing_else() -> None:
    with Board() as board:
        commands, programs = board.nsh("help").text.split("Builtin Apps:")
    assert listed("| command | differs from NuttX |") == set(commands.split("\n\n", 1)[1].split())
    assert listed("| program | |") == set(programs.split())


def test_everything_in_proc_is_in_the_table() -> None:
    with Board() as board:
        names = set(board.nsh("ls /proc").split()) - {"/proc:"}
    told = PAGE.split("| /proc | |", 1)[1].split("\n\n", 1)[0]
    assert {name for name in names if not name[0].isdigit()} <= set(re.findall(r"`([\w/]+)`", told))


def test_the_session_on_the_page_is_what_the_board_answers() -> None:
    session = re.search(r"(?:^    .*\n)+", PAGE, re.M)
    assert session is not None
    told = re.sub(r"^    ", "", session[0], flags=re.M)
    with Board() as board, board.console.open(timeout=5) as port:
        port.expect_prompt()
        heard = ""
        for command in re.findall(r"^nsh> (.*)$", told, re.M):
            heard += f"nsh> {command}\n{port.command(command)}"
    assert re.sub(r"\[\d+:", "[4:", heard) == told
