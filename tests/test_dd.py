"""dd: copies sectors, and says what NuttX's dd says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from board import Board

USAGE = (
    "usage:\n  dd [if=<infile>] [of=<outfile>] [bs=<sectsize>] [count=<sectors>] [skip=<sectors>] [seek=<sectors>] "
    "[verify] [conv=<nocreat,notrunc>]\n"
)


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(LIBC_STRERROR=True) as board:
        board.nsh("echo -n 0123456789abcdef > /tmp/in")
        yield board


def run(board: Board, line: str) -> tuple[str, int]:
    reply = board.nsh(line)
    return str(reply), reply.status


def copied(nbytes: int, nsectors: int, usec: int = 0, rate: int = 0) -> str:
    """The closing line, on a board where only bytes out of nothing take time."""
    return f"{nbytes} bytes ({nsectors} blocks) copied, {usec} usec, {rate} KB/s\n"


@pytest.mark.parametrize(
    ("arguments", "content", "sectors"),
    [
        ("", "0123456789abcdef", 1),
        ("bs=4", "0123456789abcdef", 4),
        ("bs=5", "0123456789abcdef", 4),
        ("bs=4 count=2", "01234567", 2),
        ("bs=4 skip=3", "cdef", 1),
        ("bs=4 skip=9", "", 0),
        ("bs=2 skip=-1", "", 0),
        ("count=0", "", 0),
        ("bs=0", "", 0),
        ("bs=4 count=1 bs=2", "01", 1),
    ],
)
def test_sectors_are_copied_and_counted(board: Board, arguments: str, content: str, sectors: int) -> None:
    assert run(board, f"dd if=/tmp/in of=/tmp/out {arguments}") == (copied(len(content), sectors), 0)
    assert board.nsh("cat /tmp/out") == content


def test_the_output_is_cut_unless_notrunc(board: Board) -> None:
    board.nsh("echo -n XXXXXXXX > /tmp/out")
    assert run(board, "dd if=/tmp/in of=/tmp/out bs=2 count=1 seek=1 conv=notrunc") == (copied(2, 1), 0)
    assert board.nsh("cat /tmp/out") == "XX01XXXX"
    board.nsh("dd if=/tmp/in of=/tmp/out bs=2 count=1")
    assert board.nsh("cat /tmp/out") == "01"


def test_without_names_it_copies_its_input_to_its_output(board: Board) -> None:
    assert run(board, "dd bs=4 count=1 < /tmp/in") == ("0123" + copied(4, 1), 0)
    assert run(board, "cat /tmp/in | dd bs=3 of=/tmp/out")[1] == 0
    assert board.nsh("cat /tmp/out") == "0123456789abcdef"


def test_what_it_says_is_no_output(board: Board) -> None:
    assert run(board, "dd if=/tmp/in > /tmp/out") == (copied(16, 1), 0)
    assert board.nsh("cat /tmp/out") == "0123456789abcdef"


def test_copying_takes_the_time_that_the_board_takes() -> None:
    with Board("stm32f7") as board:
        board.nsh("dd if=/dev/zero of=/tmp/x count=200")
        words = board.nsh("dd if=/tmp/x bs=1 count=2000 of=/dev/console").split()
        assert words[:6] == ["2000", "bytes", "(2000", "blocks)", "copied,", words[5]]
        usec, rate = int(words[5]), int(words[7])
        assert usec > 0 and rate == int(2000 / 1024 / (usec / 1_000_000))


def test_verify_reads_both_again(board: Board) -> None:
    assert run(board, "dd if=/tmp/in of=/tmp/out bs=4 verify") == (copied(16, 4), 0)
    assert run(board, "dd if=/dev/zero of=/tmp/out count=1 verify") == (copied(512, 1, 200, 2500), 0)
    assert run(board, "dd if=/dev/urandom of=/tmp/out count=1 verify") == (
        copied(512, 1, 200, 2500) + "dd: failed to dd verify: -1\n",
        1,
    )


def test_an_output_that_has_less_to_read_is_complained_about_but_no_failure(board: Board) -> None:
    assert run(board, "dd if=/tmp/in of=/dev/null bs=4 verify") == (copied(16, 4) + "dd: failed to outfd read: 0\n", 0)


def test_verify_finds_what_is_not_where_it_was_written(board: Board) -> None:
    """It compares with the output from its beginning, wherever seek= put the data, as NuttX does."""
    assert run(board, "dd if=/tmp/in of=/tmp/out bs=4 seek=1 verify") == (
        copied(16, 4) + "dd: failed to dd verify: -1\n",
        1,
    )
    assert "infile sector 0: 30 31 32 33" in board.nsh("dmesg")
    assert run(board, "dd if=/tmp/in of=/tmp/out bs=4 skip=2 verify") == (copied(8, 2), 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("if=/tmp/none", "dd: failed to open '/tmp/none': No such file or directory\n"),
        ("if=/tmp/in of=/proc/x", "dd: failed to open '/proc/x': No such file or directory\n"),
        ("if=/tmp/in of=/tmp", "dd: failed to open '/tmp': Invalid argument\n"),
        ("if=/tmp/in of=/tmp/new conv=nocreat", "dd: failed to open '/tmp/new': No such file or directory\n"),
        ("if=/tmp/in of=/dev/ram0 seek=1", "dd: failed to write: File too large\n"),
        ("if=/tmp/in bs=99999999", "dd: failed to malloc: Out of memory\n"),
        ("if=/tmp/in bs=-1", "dd: failed to malloc: Out of memory\n"),
        ("if=/tmp/in conv=ascii", "dd: unknown conversion 'ascii'\n"),
        ("if=/tmp/in conv=notrunc,", "dd: unknown conversion ''\n"),
        ("if=/dev/zero of=/tmp/x", "dd: failed to write: Out of memory\n"),
        ("verify if=/tmp/in", f"dd: invalid parameters: Invalid argument\n{USAGE}"),
        ("/tmp/in", USAGE),
        ("x=1", USAGE),
    ],
)
def test_what_goes_wrong_is_told_and_nothing_is_kept(board: Board, arguments: str, text: str) -> None:
    assert run(board, "mkrd 1") == ("", 0)
    assert run(board, f"dd {arguments}") == (text, 1)
    assert not any(what.startswith("dd ") for _, _, what in board.kernel.heap.blocks())
    assert board.reports == []


def test_errors_have_no_names_by_default() -> None:
    with Board() as board:
        assert run(board, "dd if=/tmp/none") == ("dd: failed to open '/tmp/none': Unknown error 2\n", 1)


def test_help_is_output(board: Board) -> None:
    assert run(board, "dd if=/tmp/none --help") == (USAGE, 0)


def test_a_killed_dd_gives_everything_back(board: Board) -> None:
    before = board.kernel.heap.stats().used
    pid = board.nsh("dd if=/dev/console of=/tmp/in &").split("[")[1].split(":")[0]
    assert board.kernel.heap.stats().used > before
    board.nsh(f"kill -9 {pid}")
    board.run(1)
    board.nsh("echo -n 0123456789abcdef > /tmp/in")
    assert board.kernel.heap.stats().used == before


def test_dd_can_be_left_out() -> None:
    with Board(SYSTEM_DD=False) as board:
        assert run(board, "dd") == ("nsh: dd: command not found\n", 1)
