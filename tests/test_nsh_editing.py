"""The line editor on the console of a board: its options, and when CR and LF are one Enter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shell_kit import PROMPT, Terminal

from board import Board
from board.kconfig import ConfigError

UP, LEFT, HOME = b"\x1b[A", b"\x1b[D", b"\x1b[H"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        yield terminal


@pytest.mark.parametrize("profile", ["sim", "stm32f7", "smp4"])
@pytest.mark.parametrize("baud", [300, 115200, 10000000])
def test_cr_lf_is_one_enter_at_any_rate_and_length(profile: str, baud: int) -> None:
    with Board(profile, UART_BAUD=baud) as board:
        terminal = Terminal(board)
        terminal.wait(10)
        for n in range(20):  # the FIFO's trigger comes between CR and LF in some of them
            assert terminal.type(b" " * n + b"\r\n", 2) == b" " * n + b"\r\n" + PROMPT


@pytest.mark.parametrize("profile", ["sim", "stm32f7", "smp4"])
@pytest.mark.parametrize("baud", [300, 115200, 10000000])
@pytest.mark.parametrize("prompt", ["nsh> ", ""])
def test_an_lf_in_answer_to_the_prompt_after_a_cr_is_another_enter(profile: str, baud: int, prompt: str) -> None:
    with Board(profile, UART_BAUD=baud, NSH_PROMPT_STRING=prompt) as board:
        heard = bytearray()
        board.uart.listeners.append(heard.extend)
        board.boot()
        board.run(10)
        heard.clear()
        expected = b"\r\n" + prompt.encode() + b"\x1b[K"
        for n, enter in enumerate((b"\r", b"\n", b"\n"), 1):
            board.uart.send(enter)
            assert board.run_until(lambda n=n: bytes(heard) == expected * n, timeout=2)  # type: ignore[misc]


def test_cr_lf_typed_ahead_of_a_running_command_is_one_enter(terminal: Terminal) -> None:
    assert terminal.type(b"sleep 1\r\necho a\r\n", 2) == b"sleep 1\r\n" + PROMPT + b"echo a\r\na\r\n" + PROMPT


def test_cursor_keys_edit_the_command_line(terminal: Terminal) -> None:
    assert terminal.type(b"cho hi" + HOME + b"e").endswith(
        b"\r\x1b[Knsh> cho hi" + LEFT * 6 + b"e\x1b[Kcho hi" + LEFT * 6
    )
    assert terminal.type(b"\r") == b"\r\nhi\r\n" + PROMPT


def test_an_inner_shell_shares_the_history_and_a_reboot_clears_it(terminal: Terminal) -> None:
    terminal.type(b"echo a\rsh\r")
    assert terminal.type(UP + UP + b"\r").endswith(b"nsh> echo a\r\na\r\n" + PROMPT)
    terminal.type(b"exit\r")
    assert terminal.type(UP + UP + b"\r").endswith(b"nsh> echo a\r\na\r\n" + PROMPT)
    terminal.type(b"reboot\r", 1)
    assert terminal.type(UP) == b""


def test_tab_completes_commands_and_programs(terminal: Terminal) -> None:
    assert terminal.type(b"unam\t -r\r") == b"uname -r\r\n13.0.1\r\n" + PROMPT
    assert terminal.type(b"hell\t") == b"hello"


def test_tab_lists_commands_as_help_does_and_then_programs(terminal: Terminal) -> None:
    listed = terminal.type(b"u\t").split(b"\r\n")
    names = [line.strip().decode() for line in listed[1:-1]]
    help_text = terminal.board.nsh("help").split()
    assert listed[0] == b"u" and listed[-1] == b"nsh> u"
    commands = [name for name in terminal.board.nsh("help").split() if name.startswith("u") and name != "usage:"]
    assert sorted(names) == sorted(commands)
    assert names[-1] == "udpecho" and "udpecho" in help_text


def test_options_switch_history_completion_and_editing_off() -> None:
    off = ("READLINE_CMD_HISTORY", "READLINE_TABCOMPLETION", "READLINE_EDIT_EMACS", "READLINE_EDIT")
    with Board(**dict.fromkeys(off, False)) as board:
        terminal = Terminal(board)
        terminal.wait()
        assert terminal.type(b"echo a\r") == b"echo a\r\na\r\n" + PROMPT
        assert terminal.type(UP + b"una\t" + LEFT + HOME + b"\x01me\r") == b"uname\r\nNuttX\r\n" + PROMPT


def test_the_length_of_the_history_is_configurable() -> None:
    with Board(READLINE_CMD_HISTORY_LEN=2, READLINE_CMD_HISTORY_LINELEN=7) as board:
        terminal = Terminal(board)
        terminal.wait()
        terminal.type(b"echo a\recho b\recho cde\r")
        assert terminal.type(UP * 3 + b"\r").endswith(b"nsh> echo b\r\nb\r\n" + PROMPT)
        assert terminal.type(UP * 2 + b"\r").endswith(b"nsh> echo c\r\nc\r\n" + PROMPT)


def test_reverse_search_needs_history() -> None:
    with pytest.raises(ConfigError, match="READLINE_CMD_HISTORY"):
        Board(READLINE_CMD_HISTORY=False, READLINE_EDIT_EMACS_REVERSE_SEARCH=True)
    with Board(READLINE_EDIT_EMACS_REVERSE_SEARCH=False) as board:
        terminal = Terminal(board)
        terminal.wait()
        terminal.type(b"echo a\r")
        assert terminal.type(b"\x12e") == b"e"


@settings(max_examples=15)
@given(st.lists(st.binary(max_size=3) | st.sampled_from([UP, LEFT, b"\x12", b"\t", b"echo ", b"\r"]), max_size=30))
def test_keys_do_the_same_in_one_burst_and_one_by_one(keys: list[bytes]) -> None:
    data = b"".join(keys).replace(b"\n", b"").replace(b"\x03", b"") + b"\r"
    seen = []
    for step in (len(data), 1):
        with Board() as board:
            terminal = Terminal(board)
            terminal.wait()
            seen.append(b"".join(terminal.type(data[i : i + step], 0.01) for i in range(0, len(data), step)))
            assert terminal.type(b"\r\x15echo here\r").endswith(b"here\r\n" + PROMPT)
    assert seen[0] == seen[1]


def test_a_long_flood_without_a_newline_leaves_the_shell_answering(terminal: Terminal) -> None:
    terminal.type(b"x\x1b[;\x00\xff" * 5000, 60)
    terminal.type(b"\r", 5)
    assert terminal.type(b"echo here\r") == b"echo here\r\nhere\r\n" + PROMPT
