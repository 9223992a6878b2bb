"""The recorded session with NuttX's simulator, typed again at a board's console, command by command.

The table says of every block how closely it has to agree. What the recording does not have is said there, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from shell_kit import PROMPT, SESSION

from board import Board

Compare = Callable[[str, str], None]


def exact(ours: str, real: str) -> None:
    """To the byte, up to the last line end: the recording has kept one of those, whatever a command printed."""
    assert ours.rstrip("\n") == real.rstrip("\n")


def but(*volatile: str) -> Compare:
    """To the byte, but for what these expressions match; they must match equally often on both sides."""

    def compare(ours: str, real: str) -> None:
        for pattern in volatile:
            expression = re.compile(pattern, re.M)
            assert len(expression.findall(ours)) == len(expression.findall(real)), pattern
            ours, real = expression.sub("*", ours), expression.sub("*", real)
        exact(ours, real)

    return compare


def help_layout(ours: str, real: str) -> None:
    """Usage line, headings, columns, order; the commands and programs are those that each of the two has."""
    assert ours.splitlines()[:2] == real.splitlines()[:2]
    tables, real_tables = ours.partition("\nBuiltin Apps:\n"), real.partition("\nBuiltin Apps:\n")
    missing: set[str] = set()
    for mine, other in ((tables[0], real_tables[0]), (tables[2], real_tables[2])):
        names, real_names = columns(mine), columns(other)
        missing.update(set(real_names) - set(names))
        assert [name for name in names if name in real_names] == [name for name in real_names if name in names]
    assert missing == NOT_HERE


def columns(text: str) -> list[str]:
    """The names of a table, column by column, as wide as the longest name needs and as many as 80 characters hold."""
    rows = [line for line in text.splitlines() if line.startswith("    ")]
    width = max(map(len, " ".join(rows).split())) + 4
    cells = [[row[i : i + width] for i in range(4, len(row), width)] for row in rows]
    assert all(cell == f"{cell.strip():<{width}}" for row in cells for cell in row)
    assert all(len(row) <= 80 // width for row in cells)
    names = [row[i].strip() for i in range(len(cells[0])) for row in cells if i < len(row)]
    assert -(-len(names) // (80 // width)) == len(rows)
    return names


NOT_HERE = {
    *("du", "get", "put", "losetup", "nslookup", "wget"),
    *("iperf", "ntpcstart", "ntpcstatus", "ntpcstop", "ostest", "tcpclient", "tcpecho", "telnet", "telnetd"),
}
"""What the recorded system has and the profile does not: more programs, names of hosts, loop devices."""


def ps_layout(ours: str, real: str) -> None:
    """Headings and columns; the idle task, the workers and the shell to the byte, but for pids and addresses."""
    header, *rows = ours.splitlines()
    real_header, *real_rows = real.splitlines()
    assert header == real_header

    def by_name(lines: list[str]) -> dict[str, str]:
        masked = (re.sub(r"0x[0-9a-f]+", "0x*", line) for line in lines)
        return {re.split(r"% {2}", line)[1].split()[0]: line[17:] for line in masked}

    named, real_named = by_name(rows), by_name(real_rows)
    for name in ("Idle_Task", "hpwork", "lpwork", "nsh_main"):
        size = re.compile(r"\b00\d{5}(?= 00\d{5} )")  # a stack's size depends on where the allocator has put it
        assert size.sub("*", named[name]) == size.sub("*", real_named[name])


def same_names(ours: str, real: str) -> None:
    """The same entries, in the same order, but for the numbers of tasks."""
    other = re.compile(r" \d+/$")
    names, real_names = ([line for line in text.splitlines() if not other.match(line)] for text in (ours, real))
    assert names == real_names


MEMINFO = but(r"(?<=^   67108864)(?:[ \d]{10}\d){4}(?:[ \d]{6}\d){2}(?= Umem$)")
RECEIVED = r"(?<=Bytes   \n\t    )[0-9a-f]{8}(?= 0{8} 0{8} [0-9a-f]+ +\n\t    IPv4)"
RX_BYTES = r"(?<= 0{8} 0{8} )[0-9a-f]{1,16} *(?=\n\t    IPv4)"
RX_IPV6 = r"(?<=ARP      Dropped \n\t    0{8} )[0-9a-f]{8}(?= 0{8} 0{8}$)"
ROWS = "Received|Dropped |  Type  "
STAT_IPV6 = rf"(?<=^(?:{ROWS}).{{11}})[0-9a-f]{{4}}|(?<=^(?:{ROWS}).{{35}})[0-9a-f]{{4}}$"
"""What the real one's host has sent by itself: reports of multicast listeners, solicitations of routers."""
HWADDR = r"(?<=HWaddr )[0-9a-f:]{17}"

HOW: dict[str, Compare] = {
    "help": help_layout,
    "uname -a": but(r"(?<=^NuttX  13\.0\.1)(?:-RC0)? \S+ [A-Z][a-z]{2} [ \d]\d \d{4} \d\d:\d\d:\d\d(?= sim sim$)"),
    "free": MEMINFO,
    "cat /proc/meminfo": MEMINFO,
    "ps": ps_layout,
    "ifconfig": but(HWADDR),
    "cat /proc/net/eth0": but(HWADDR, RECEIVED, RX_BYTES, RX_IPV6),
    "cat /proc/net/stat": but(STAT_IPV6),
    "ls /proc": same_names,
    "ls /proc/net": same_names,
    'time "sleep 1"': but(r"(?<=^1\.)\d{4}(?= sec)"),
    "cat /proc/uptime": but(r"^[ \d]{6}\d\.\d\d$"),
    "uptime": but(r"^\d\d:\d\d:\d\d up  \d:\d\d"),
    "ping -c 3 10.0.1.1": but(r"(?<=, time )\d+(?= ms)"),
    "sleep 3 &": but(r"(?<=sh \[)\d+(?=:100\])"),
}
"""By command; what is not here is exact."""


def blocks() -> list[tuple[str, str]]:
    """Commands and what they printed, in the order of the recording."""
    text = SESSION.read_text(encoding="utf-8")
    return [(c, o) for c, _, o in (block.partition("\n") for block in text.split("\n=== ")[1:])]


class Typist:
    """Types at the console and reads up to the next prompt."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._port = board.console.open(timeout=100)
        self._port.read_until(PROMPT)

    def __call__(self, command: str) -> str:
        self._port.write(command.encode() + b"\r")
        answer: bytes = self._port.read_until(PROMPT)
        echo = command.encode() + b"\r\n"
        assert answer.startswith(echo) and answer.endswith(PROMPT)
        return answer[len(echo) : -len(PROMPT)].replace(b"\r\n", b"\n").decode()


@pytest.fixture(scope="module")
def session() -> Iterator[list[tuple[str, str, str]]]:
    """Every command of the recording with what the board prints and what NuttX printed."""
    with Board("sim-console") as board:
        assert board.eth0.host is not None
        board.eth0.host.answers(echo=True)
        typed = Typist(board)
        yield [(command, typed(command), real) for command, real in blocks()]


@pytest.mark.parametrize("number", range(len(blocks())), ids=[command for command, _ in blocks()])
def test_the_board_prints_what_nuttx_printed(session: list[tuple[str, str, str]], number: int) -> None:
    command, ours, real = session[number]
    HOW.get(command, exact)(ours, real)


def test_every_rule_is_for_a_command_of_the_recording() -> None:
    assert set(HOW) <= {command for command, _ in blocks()}
