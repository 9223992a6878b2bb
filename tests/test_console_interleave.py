"""Several who write to one console: the shell's echo, tasks in the background, the log."""

from typing import Any

from shell_kit import PROMPT, Terminal

from board import Board

LOG_ERR = 3


def chatter(sys: Any) -> None:
    """Writes a line every 10 ms."""
    for i in range(20):
        sys.print(f"chatter {i}")
        sys.sleep(0.01)


def test_what_a_background_task_prints_comes_between_what_is_typed() -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        board.spawn(chatter, "chatter")
        heard = b"".join(terminal.type(bytes((c,)), 0.02) for c in b"echo typed\r") + terminal.wait()
    assert b"chatter" in heard.partition(b"typed\r\n")[0]
    for i in range(20):
        line = f"chatter {i}\r\n".encode()
        assert heard.count(line) == 1
        heard = heard.replace(line, b"")
    assert heard == b"echo typed\r\ntyped\r\n" + PROMPT


def test_one_write_of_a_task_is_not_torn_by_another_task() -> None:
    def writer(letter: str) -> Any:
        return lambda sys: [sys.write(letter * 600 + "\n") for _ in range(5)]

    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        for letter in "ab":
            board.spawn(writer(letter), letter)
        heard = terminal.wait(1)
    assert sorted(heard.split(b"\r\n")[:-1]) == [b"a" * 600] * 5 + [b"b" * 600] * 5


def test_a_log_line_stands_in_the_middle_of_what_a_task_writes_and_loses_nothing() -> None:
    def talker(sys: Any) -> None:
        sys.write("x" * 2000 + "\n")

    def complainer(sys: Any) -> None:
        sys.sleep(0.01)
        sys.syslog(LOG_ERR, "something is wrong")

    with Board(RAMLOG_SYSLOG=False, UART_BAUD=115200) as board:
        terminal = Terminal(board)
        terminal.wait()
        board.spawn(talker, "talker")
        board.spawn(complainer, "complainer")
        heard = terminal.wait(1)
    assert heard.count(b"something is wrong\r\n") == 1
    before, _, after = heard.partition(b"[")
    assert 0 < len(before) < 2000
    assert before.count(b"x") + after.count(b"x") == 2000


def test_what_a_background_program_prints_stands_behind_the_next_prompt() -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        heard = terminal.type(b"hello &\r")
    start, _, rest = heard.partition(b"]\r\n")
    assert start.startswith(b"hello &\r\nhello [")
    assert rest == PROMPT + b"Hello, World!!\r\n"
