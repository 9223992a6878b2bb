"""The shell on the console, character by character."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shell_kit import PROMPT, Terminal

from board import Board


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Board() as board:
        terminal = Terminal(board)
        assert terminal.wait().endswith(PROMPT)
        yield terminal


def answer(terminal: Terminal, line: bytes, seconds: float = 0.2) -> bytes:
    """What a line prints, without its echo and the next prompt."""
    output = terminal.type(line + b"\r", seconds)
    assert output.startswith(line + b"\r\n")
    assert output.endswith(PROMPT)
    return output[len(line) + 2 : -len(PROMPT)]


def test_boot_greets_and_prompts() -> None:
    with Board() as board:
        assert Terminal(board).wait() == b"\r\nNuttShell (NSH) NuttX-13.0.1\r\n" + PROMPT


@pytest.mark.parametrize("enter", [b"\r", b"\n", b"\r\n"])
def test_cr_lf_and_both_together_are_one_enter(terminal: Terminal, enter: bytes) -> None:
    assert terminal.type(enter) == b"\r\n" + PROMPT
    assert terminal.type(b"echo hi" + enter) == b"echo hi\r\nhi\r\n" + PROMPT


def test_every_empty_line_gets_a_prompt(terminal: Terminal) -> None:
    assert terminal.type(b"\r\r\n\n\r") == 4 * (b"\r\n" + PROMPT)


@pytest.mark.parametrize("key", [b"\b", b"\x7f"])
def test_backspace_takes_the_last_character_back(terminal: Terminal, key: bytes) -> None:
    assert terminal.type(b"echo ab" + key + b"c\r") == b"echo ab\b\x1b[Kc\r\nac\r\n" + PROMPT


def test_backspace_on_an_empty_line_does_nothing(terminal: Terminal) -> None:
    assert terminal.type(b"\b\x7f\b") == b""


def test_control_characters_and_keys_that_mean_nothing_are_ignored(terminal: Terminal) -> None:
    keys = b"\0\x03\x04\x07\t\x1b[A\x1b[B\x1b[C\x1b[D\x1b[Z\x1bOP"
    assert terminal.type(keys + b"echo y\r") == b"echo y\r\ny\r\n" + PROMPT


def test_a_line_that_fills_the_limit_runs_at_once(terminal: Terminal) -> None:
    line = b"echo " + b"x" * 74
    assert len(line) == 79  # CONFIG_LINE_MAX less the terminating zero
    assert terminal.type(line) == line + b"x" * 74 + b"\r\n" + PROMPT


def test_bytes_that_are_no_text_pass_through(terminal: Terminal) -> None:
    every = bytes(c for c in range(0x80, 0x100))
    assert answer(terminal, b"echo " + every[:64]) == every[:64] + b"\r\n"
    assert answer(terminal, b"echo " + every[64:]) == every[64:] + b"\r\n"


def test_a_flood_without_line_ends_leaves_the_shell_answering(terminal: Terminal) -> None:
    terminal.type(b"z\x1b\x00\xff[" * 4000, 5)
    terminal.type(b"\r\r", 5)
    assert answer(terminal, b"echo here") == b"here\r\n"


@settings(max_examples=25)
@given(st.binary(max_size=300))
def test_any_bytes_leave_the_shell_answering_and_every_buffer_free(data: bytes) -> None:
    with Board() as board:
        terminal = Terminal(board)
        terminal.type(data + b"\x04\r\x03", 2)
        terminal.type(b"\r", 2)
        assert answer(terminal, b"echo here") == b"here\r\n"
        stats = board.kernel.iobs.getstats()
        assert (stats.nfree, board.reports) == (stats.ntotal, [])


def test_what_is_typed_during_a_command_is_for_the_next_one(terminal: Terminal) -> None:
    assert terminal.type(b"sleep 1\recho a", 0.5) == b"sleep 1\r\n"
    assert terminal.type(b"b\r", 1) == PROMPT + b"echo ab\r\nab\r\n" + PROMPT


def test_ctrl_c_ends_the_foreground_application(terminal: Terminal) -> None:
    terminal.type(b"udpecho\r")
    assert terminal.type(b"\x03").endswith(PROMPT)
    assert b"udpecho" not in answer(terminal, b"ps")
    assert answer(terminal, b"cat /proc/net/udp") == b""


def test_ctrl_c_ends_a_command_of_the_shell_itself(terminal: Terminal) -> None:
    terminal.type(b"sleep 1000\r")
    assert terminal.type(b"\x03") == b"nsh: sleep: Interrupted by signal\r\n" + PROMPT
    assert answer(terminal, b"echo $?") == b"1\r\n"


def test_ctrl_c_at_the_prompt_of_an_inner_shell_does_nothing(terminal: Terminal) -> None:
    terminal.type(b"sh\r")
    assert terminal.type(b"\x03") == b""
    assert answer(terminal, b"echo $?") == b"0\r\n"


def test_a_killed_application_has_failed(terminal: Terminal) -> None:
    terminal.type(b"udpecho\r")
    terminal.type(b"\x03")
    assert answer(terminal, b"echo $?") == b"1\r\n"


def test_ctrl_c_ends_ping_with_its_summary(terminal: Terminal) -> None:
    terminal.type(b"ping 127.0.0.1\r", 1.5)
    assert b"2 packets transmitted, 2 received, 0% packet loss" in terminal.type(b"\x03")


def test_ctrl_c_does_not_reach_a_background_application(terminal: Terminal) -> None:
    assert answer(terminal, b"udpecho &").startswith(b"udpecho [")
    assert terminal.type(b"\x03") == b""
    assert b"udpecho" in answer(terminal, b"ps")


def test_cat_without_files_copies_what_is_typed_until_ctrl_d(terminal: Terminal) -> None:
    assert terminal.type(b"cat\r") == b"cat\r\n"
    assert terminal.type(b"ab\n") == b"ab\r\nab\r\n"
    assert terminal.type(b"\x04") == PROMPT


def test_exit_ends_an_inner_shell_and_then_the_last_one(terminal: Terminal) -> None:
    assert terminal.type(b"sh\r") == b"sh\r\n" + PROMPT
    assert terminal.type(b"exit\r") == b"exit\r\n" + PROMPT
    assert terminal.type(b"exit\r") == b"exit\r\n"
    assert terminal.type(b"echo a\r") == b""


def test_the_prompt_is_configurable() -> None:
    with Board(NSH_PROMPT_STRING="> ") as board:
        assert Terminal(board).wait().endswith(b"\r\n> \x1b[K")


def test_a_reboot_from_the_shell_greets_again(terminal: Terminal) -> None:
    terminal.type(b"reboot")
    assert terminal.type(b"\r", 1).endswith(b"\r\nNuttShell (NSH) NuttX-13.0.1\r\n" + PROMPT)
    assert answer(terminal, b"echo again") == b"again\r\n"
