"""How many words each command of the shell takes: NuttX's numbers, the command itself not counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from board import Board

MAXARGUMENTS = 15  # more than any command has a number for
ANY = MAXARGUMENTS - 1  # NSH_MAXARGUMENTS counts the command

WORDS: dict[str, tuple[int, int]] = {
    ".": (1, 1),
    "[": (3, ANY),
    "?": (0, 0),
    "addroute": (2, 3),
    "alias": (0, ANY),
    "arp": (0, 5),
    "basename": (1, 2),
    "break": (0, 0),
    "cat": (0, ANY),
    "cd": (0, 1),
    "cmp": (2, 2),
    "cp": (2, 3),
    "date": (0, 3),
    "delroute": (1, 2),
    "df": (0, 1),
    "dirname": (1, 1),
    "dmesg": (0, 1),
    "echo": (0, ANY),
    "env": (0, 0),
    "exec": (1, 2),
    "exit": (0, 0),
    "export": (1, 2),
    "expr": (3, 3),
    "false": (0, 0),
    "fdinfo": (0, 1),
    "free": (0, 0),
    "help": (0, 2),
    "hexdump": (1, 3),
    "ifconfig": (0, 11),
    "ifdown": (1, 1),
    "ifup": (1, 1),
    "irqinfo": (0, 0),
    "kill": (1, 2),
    "ln": (2, 3),
    "ls": (0, 4),
    "mkdir": (1, 2),
    "mkfifo": (1, 1),
    "mkrd": (1, 5),
    "mount": (0, 6),
    "mv": (2, 2),
    "nslookup": (1, 1),
    "pidof": (1, 1),
    "pkill": (1, 2),
    "poweroff": (0, 1),
    "printf": (0, ANY),
    "ps": (0, ANY),
    "pwd": (0, 0),
    "quit": (0, 1),
    "readlink": (1, 1),
    "reboot": (0, 1),
    "rm": (1, 2),
    "rmdir": (1, 1),
    "route": (1, 1),
    "set": (0, 3),
    "sleep": (1, 1),
    "source": (1, 1),
    "test": (2, ANY),
    "time": (1, 1),
    "top": (0, 4),
    "true": (0, 0),
    "truncate": (3, 3),
    "umount": (1, 2),
    "unalias": (0, ANY),
    "uname": (0, 6),
    "unset": (1, 1),
    "uptime": (0, 1),
    "usleep": (1, 1),
    "wait": (0, ANY),
    "watch": (1, 5),
    "xd": (2, 2),
}


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with Board("sim", NSH_MAXARGUMENTS=MAXARGUMENTS) as board:
        yield board


def test_every_command_of_the_board_has_its_numbers_here(board: Board) -> None:
    commands = board.nsh("help").text.partition("\nBuiltin Apps:")[0].split()[5:]
    assert set(commands) == set(WORDS)


@pytest.mark.parametrize("name", [name for name, (least, _) in WORDS.items() if least > 0])
def test_a_word_too_few(board: Board, name: str) -> None:
    reply = board.nsh(" ".join([name, *["1"] * (WORDS[name][0] - 1)]))
    assert (reply.text, reply.status) == (f"nsh: {name}: missing required argument(s)\n", 1)


@pytest.mark.parametrize("name", WORDS)
def test_a_word_too_many(board: Board, name: str) -> None:
    """The command does nothing. Beyond NSH_MAXARGUMENTS the parser has complained, too."""
    most = WORDS[name][1]
    reply = board.nsh(" ".join([name, *["1"] * (most + 1)]))
    complaints = 2 if most == ANY else 1
    assert (reply.text, reply.status) == (f"nsh: {name}: too many arguments\n" * complaints, 1)
