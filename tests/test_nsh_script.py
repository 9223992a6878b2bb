"""Commands for scripts and about time: [ test expr printf source . break exec date time watch."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shell_kit import Terminal, put_file, real_session

from board import Board
from kernel.errors import Panic
from kernel.realtime import EPOCH, calendar
from kernel.strftime import strftime


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


# test and [


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("a = a", True),
        ("a == b", False),
        ("a != b", True),
        ('"" = ""', True),
        ("1 -eq 0x1", True),
        ("010 -ne 8", False),
        ("-1 -lt 1", True),
        ("2 -lt 2", False),
        ("2 -le 2", True),
        ("3 -gt 2", True),
        ("2 -ge 3", False),
        ("-n a", True),
        ('-n ""', False),
        ('-z ""', True),
        ("-z a", False),
        ("-e /tmp/full", True),
        ("-e /tmp/none", False),
        ('-e ""', True),  # an empty path is the home directory
        ("-f /tmp/full", True),
        ("-f /tmp", False),
        ("-d /tmp", True),
        ("-d /proc", True),
        ("-d /tmp/full", False),
        ("-c /dev/null", True),
        ("-c /tmp/full", False),
        ("-b /dev/null", False),
        ("-s /tmp/full", True),
        ("-s /tmp/empty", False),
        ("-s /tmp/none", False),
        ("-r /proc/version", True),
        ("-w /proc/version", False),
        ("-w /tmp/full", True),
        ("! a = a", False),
        ("! ! a = a", True),
        ("a = a -a b = b", True),
        ("a = a -a b = c", False),
        ("a = b -o b = b", True),
        ("a = b -o b = c", False),
    ],
)
def test_test_says_whether_an_expression_holds(holds: bool, expression: str) -> None:
    with Board(NSH_MAXARGUMENTS=10) as board:
        put_file(board, "/tmp/full", "x")
        put_file(board, "/tmp/empty", "")
        for line in (f"test {expression}", f"[ {expression} ]"):
            reply = board.nsh(line)
            assert (reply, reply.status) == ("", 0 if holds else 1), line


@pytest.mark.parametrize(
    "expression",
    ["1 -eq a", "1 -xx 1", "-q /tmp", "a b c", "1x -lt 2", "a = a b", "a = a -a", "-n = -n", '"" -eq 0', "- 1"],
)
def test_an_expression_without_sense_is_a_syntax_error_of_test(board: Board, expression: str) -> None:
    for line in (f"test {expression}", f"[ {expression} ]"):
        reply = board.nsh(line)
        assert (reply, reply.status) == ("nsh: test: syntax error\n", 1), line


def test_the_contrary_of_an_expression_without_sense_holds(board: Board) -> None:
    reply = board.nsh("test ! 1 -eq a")
    assert (reply, reply.status) == ("nsh: test: syntax error\n", 0)
    assert board.nsh("[ ! a ]").status == 0


def test_brackets_come_in_pairs(board: Board) -> None:
    assert board.nsh("[ 1 -eq 1") == "nsh: [: syntax error\n"
    assert board.nsh("[ a ]") == "nsh: [: missing required argument(s)\n"
    assert board.nsh("test a") == "nsh: test: missing required argument(s)\n"


@given(st.lists(st.sampled_from(["!", "-a", "-o", "=", "-eq", "1", "a", "-n", "-e", "/tmp", "-", "]"]), max_size=5))
def test_any_expression_has_a_value(words: list[str]) -> None:
    with Board() as board:
        reply = board.nsh(f"test {' '.join(words)}")
        assert reply.status in (0, 1)
        assert reply in ("", "nsh: test: syntax error\n", "nsh: test: missing required argument(s)\n")
        assert board.reports == []


# expr


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1 + 2", "3"),
        ("1 - 0x10", "-15"),
        ("-3 * 4", "-12"),
        ("7 / -2", "-3"),
        ("-7 / 2", "-3"),
        ("-7 % 2", "-1"),
        ("7 % -2", "1"),
        ("2147483647 + 1", "-2147483648"),
        ("4294967297 + 0", "1"),
        ('"" + 5', "5"),
        ("8 -x 3", "5"),  # only the first character of an operator counts
    ],
)
def test_expr_calculates_with_the_int_of_c(board: Board, line: str, text: str) -> None:
    reply = board.nsh(f"expr {line}")
    assert (reply, reply.status) == (f"{text}\n", 0)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a + 1", "operand1 invalid"),
        ("1 + 1a", "operand2 invalid"),
        ("1 / 0", "operand2 invalid"),
        ("1 % 0", "operand2 invalid"),
        ("1 ^ 1", "Unknown operator"),
        ('1 "" 1', "Unknown operator"),
    ],
)
def test_expr_complains_on_standard_output(board: Board, line: str, text: str) -> None:
    reply = board.nsh(f"expr {line} 2> /dev/null")
    assert (reply, reply.status) == (f"{text}\n", 1)


def test_expr_takes_two_numbers_and_an_operator(board: Board) -> None:
    assert board.nsh("expr 1 +") == "nsh: expr: missing required argument(s)\n"
    assert board.nsh("expr 1 + 2 3") == "nsh: expr: too many arguments\n"


# printf


def printed(board: Board, words: str) -> bytes:
    """What printf writes, byte by byte."""
    board.nsh(f"printf {words} > /tmp/out")
    with board.kernel.vfs.open("/tmp/out") as file:
        return file.read(1000)


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("a b", b"ab"),
        ("'a\\nb'", b"a\\nb"),
        ("a '\\n' b '\\t' '\\r'", b"a\nb\t\r"),
        ("'\\nrest'", b"\n"),
        ("'\\x41'", b"A"),
        ("'\\xff'", b"\xff"),
        ("'\\x0'", b"\0"),
        ("'\\x142'", b"\x42\x01"),
        ("'\\x41424344'", b"DCBA"),
        ("'\\x1234567'", b"\x67\x45\x23\x01"),
        ("'\\x0x41'", b"\x41\0"),  # four digits are two bytes
        ("'\\x'", b""),
        ("'\\xzz'", b"\0"),
        ("'\\q'", b""),
        ("\\x41", b"x41"),  # without quotes the shell has taken the backslash
        ("", b""),
    ],
)
def test_printf_writes_words_and_escapes(board: Board, words: str, data: bytes) -> None:
    assert printed(board, words) == data


# source, . and break


def test_a_sourced_script_runs_in_the_shell_itself(board: Board) -> None:
    put_file(board, "/tmp/s", "set a 1\necho in\n")
    for command in ("source", "."):
        assert board.nsh(f"set +e; {command} /tmp/s; echo $? $a") == "in\n1 1\n"  # a script that is over has failed
    assert board.nsh("set +e; sh /tmp/s; echo $a") == "in\n\n"


def test_a_script_that_is_not_there_is_a_failed_open(board: Board) -> None:
    for command in ("source", ".", "sh"):
        reply = board.nsh(f"{command} /tmp/none")
        assert (reply, reply.status) == (f"nsh: {command}: open failed: 2\n", 1)
    assert board.nsh("source") == "nsh: source: missing required argument(s)\n"
    assert board.nsh(". a b") == "nsh: .: too many arguments\n"


def test_scripts_run_scripts_until_that_is_too_deep(board: Board) -> None:
    put_file(board, "/tmp/s", "echo -n x\nsource /tmp/s\n")
    assert board.nsh("source /tmp/s; true") == "x" * 32 + "nsh: source: nesting too deep\n"
    assert board.reports == []


def test_break_outside_of_a_loop_does_nothing(board: Board) -> None:
    reply = board.nsh("break; echo on")
    assert (reply, reply.status) == ("on\n", 0)
    assert board.nsh("break 1") == "nsh: break: too many arguments\n"


# exec


@pytest.mark.parametrize(("given", "address"), [("0x1000", "0x1000"), ("16", "0x10"), ("-1", "0xffffffffffffffff")])
def test_exec_jumps_where_no_code_is_and_the_board_crashes(board: Board, given: str, address: str) -> None:
    terminal = Terminal(board)
    terminal.wait()
    with pytest.raises(Panic, match="nsh_main"):
        terminal.type(f"exec {given}\r".encode(), 5)
    text = terminal.heard()
    assert f"\r\nCalling {address}\r\n".encode() in text
    assert f"up_exception: PANIC!!! jump to {address} in task nsh_main".encode() in text
    board.reset()
    assert board.nsh("echo on") == "on\n"


@pytest.mark.parametrize("address", ["0", "zz", "0x10g", '""'])
def test_exec_needs_an_address(board: Board, address: str) -> None:
    assert board.nsh(f"exec {address}") == "nsh: exec: argument invalid\n"


# date


def test_the_clock_begins_at_the_configured_day_and_goes_on() -> None:
    with Board() as board:
        assert board.nsh("date") == "Mon, Jan 01 00:00:00 2018\n"
        board.run(86400 + 3661)
        assert board.nsh("date") == "Tue, Jan 02 01:01:01 2018\n"
    with Board(START_YEAR=2024, START_MONTH=2, START_DAY=29) as board:
        assert board.nsh("date") == "Thu, Feb 29 00:00:00 2024\n"
    with Board(START_MONTH=2, START_DAY=31) as board:
        assert board.nsh("date") == "Sat, Mar 03 00:00:00 2018\n"


def test_date_sets_the_clock_and_uptime_agrees(board: Board) -> None:
    board.run(3600)
    assert board.nsh('date -s "Nov 20 09:25:08 2026"') == ""
    assert board.nsh("date") == "Fri, Nov 20 09:25:08 2026\n"
    board.run(52)
    assert board.nsh("date") == "Fri, Nov 20 09:26:00 2026\n"
    assert board.nsh("uptime") == "09:26:00 up  1:00, load average: 0.00, 0.00, 0.00\n"
    assert board.nsh("uptime -s") == "2026-11-20 08:25:08\n"
    board.reset()
    assert board.nsh("date") == "Mon, Jan 01 00:00:00 2018\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("november 20 9:5:8 2026", "Fri, Nov 20 09:05:08 2026"),
        ("FEB 31 0:0:61 2023", "Fri, Mar 03 00:01:01 2023"),
        ("dec 31 23 59 59 1999 and more", "Fri, Dec 31 23:59:59 1999"),
        ("jan 1x 0:0:0 1970", "Thu, Jan 01 00:00:00 1970"),
    ],
)
def test_date_reads_a_time_as_nuttx_does(board: Board, text: str, shown: str) -> None:
    assert board.nsh(f'date -u -s "{text}"; date') == f"{shown}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nov",
        "Nov 20 09:25:08",
        "Nov 20 09:25 2026",
        "Noi 20 09:25:08 2026",
        "Nov 0 09:25:08 2026",
        "Nov 32 09:25:08 2026",
        "Nov 20 24:25:08 2026",
        "Nov 20 09:60:08 2026",
        "Nov 20 09:25:62 2026",
        "Nov 20 09:25:08 1899",
        "Nov 20 09:25:08 2101",
        "Nov20 09:25:08 2026",
    ],
)
def test_date_refuses_what_is_no_time(board: Board, text: str) -> None:
    reply = board.nsh(f'date -s "{text}"')
    assert (reply, reply.status) == ("nsh: date: argument invalid\n", 1)
    assert board.nsh("date") == "Mon, Jan 01 00:00:00 2018\n"


def test_date_refuses_wrong_arguments(board: Board) -> None:
    assert board.nsh("date -q") == "nsh: date: argument invalid\n"
    assert board.nsh("date -s") == "nsh: date: argument invalid\n"
    assert board.nsh("date now") == "nsh: date: too many arguments\n"
    assert board.nsh("date +%F now") == "nsh: date: too many arguments\n"


def test_date_prints_any_format_up_to_79_characters(board: Board) -> None:
    assert board.nsh("date +%F,%T") == "2018-01-01,00:00:00\n"
    assert board.nsh('date -u "+it is %H:%M"') == "it is 00:00\n"
    with Board(LINE_MAX=200) as wide:
        assert wide.nsh(f"date +{'%F' * 20}") == ("2018-01-01" * 20)[:79] + "\n"


# What Python's own strftime knows, and NuttX has as in the standard
STANDARD = "%a %A %b %B %d %e %F %g %G %H %I %j %m %M %n %p %R %S %t %T %u %U %V %w %W %X %y %Y %%"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31)))
def test_most_conversions_are_those_of_the_standard(time: datetime) -> None:
    for conversion in STANDARD.split():
        if conversion not in ("%X", "%n", "%t"):
            assert strftime(conversion, time) == time.strftime(conversion), conversion
    assert strftime("%s", time) == str((time - EPOCH) // timedelta(seconds=1))
    assert strftime("%k%l%P", time) == f"{time.hour:2}{time.hour % 12 or 12:2}{time:%p}".lower()


def test_some_conversions_are_nuttx_s_own() -> None:
    noon = datetime(2026, 11, 20, 12, 5, 9)
    assert strftime("%x %C %r %X", noon) == "10/20/2026 01 01:05:09 pm 12:05:09"
    assert strftime("%r", noon.replace(hour=0)) == "00:05:09 am"
    assert strftime("[%c%D%Z%q] %z %Ey %OH %", noon) == "[] +0000 26 12 "
    assert strftime("%h%n%t|", noon) == "Nov\n\t|"


def test_days_are_counted_from_the_first_of_their_month() -> None:
    assert calendar(2023, 2, 31) == datetime(2023, 3, 3)
    assert calendar(2024, 2, 31) == datetime(2024, 3, 2)


# time and watch


def test_time_shows_seconds_as_nuttx_shows_them(board: Board) -> None:
    ours, real = board.nsh('time "sleep 1"'), real_session()['time "sleep 1"']
    assert ours == "\n1.0100 sec\n"  # to the next tick but one, by a clock that is exact
    assert len(ours) == len(real) and ours[:5] == real[:5].replace("1.00", "1.01")
    assert board.nsh("time 'usleep 250000; echo a'") == "a\n\n0.2600 sec\n"


def test_time_of_what_fails_is_not_shown(board: Board) -> None:
    reply = board.nsh("time false")
    assert (reply, reply.status) == ("", 1)
    assert board.nsh("time 'echo a; nosuch'") == "a\nnsh: nosuch: command not found\n"
    assert board.nsh("time sleep 1") == "nsh: time: too many arguments\n"
    assert board.nsh("time") == "nsh: time: missing required argument(s)\n"


def test_time_is_what_the_board_needs_for_a_command() -> None:
    with Board("stm32f7") as board:
        seconds = float(board.nsh('time "usleep 1000"').split()[0])
        assert 0.001 <= seconds < 0.1


def test_the_output_of_a_timed_command_is_redirected_with_the_time(board: Board) -> None:
    assert board.nsh("time 'echo a' > /tmp/out; cat /tmp/out; echo b") == "a\n\n0.0000 sec\nb\n"


def test_watch_runs_a_command_so_often_and_so_far_apart(board: Board) -> None:
    board.boot()
    begun = board.now
    assert board.nsh("watch -n 3 -c 2 'echo a'") == "a\na\n"
    assert 6 <= board.now - begun < 6.1
    begun = board.now
    assert board.nsh("watch -c 1 date").status == 0
    assert 2 <= board.now - begun < 2.1
    assert board.nsh("watch -c 0 date") == ""


def test_watch_ends_with_the_command_that_fails_and_says_why(board: Board) -> None:
    reply = board.nsh("watch 'cat /dev/x'")
    assert (reply, reply.status) == ("nsh: cat: open failed: 2\nnsh: watch: cat /dev/x failed: 2\n", 1)
    assert board.nsh("watch 'cat /tmp'").endswith("nsh: watch: cat /tmp failed: 22\n")


def test_watch_ends_with_ctrl_c(board: Board) -> None:
    terminal = Terminal(board)
    terminal.wait()
    assert terminal.type(b"watch 'echo a'\r", 5).count(b"a\r\n") == 3
    assert terminal.type(b"\x03").startswith(b"nsh: watch: Interrupted by signal\r\n")


@pytest.mark.parametrize("line", ["watch -n 1", "watch -q date", "watch -n"])
def test_watch_needs_a_command_and_options_that_it_knows(board: Board, line: str) -> None:
    assert board.nsh(line) == "nsh: watch: argument invalid\n"
