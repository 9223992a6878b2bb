"""What a program gets of what is typed at the console: lines, and their echo."""

from collections.abc import Iterator

import pytest
from shell_kit import PROMPT, Terminal

from board import Board


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Board() as board:
        terminal = Terminal(board)
        terminal.wait()
        yield terminal


def typed(terminal: Terminal, keys: bytes) -> tuple[bytes, bytes]:
    """The echo of what is typed into a file with cat, and the file."""
    terminal.type(b"cat > /tmp/typed\r")
    echo = terminal.type(keys)
    terminal.type(b"\x03")
    with terminal.board.kernel.vfs.open("/tmp/typed") as file:
        return echo, file.read(10000)


@pytest.mark.parametrize("enter", [b"\r", b"\n", b"\r\n"])
def test_enter_is_lf_for_a_program_whatever_is_sent(terminal: Terminal, enter: bytes) -> None:
    assert typed(terminal, b"ab" + enter + enter + b"cd" + enter) == (b"ab\r\n\r\ncd\r\n", b"ab\n\ncd\n")


def test_a_script_can_be_typed_into_a_file_and_run(terminal: Terminal) -> None:
    typed(terminal, b"set a 1\recho ${a}2\r")
    assert terminal.type(b"sh /tmp/typed\r") == b"sh /tmp/typed\r\n12\r\n" + PROMPT


@pytest.mark.parametrize("key", [b"\b", b"\x7f"])
def test_backspace_takes_back_what_the_program_has_not_got_yet(terminal: Terminal, key: bytes) -> None:
    echo, text = typed(terminal, key + b"ax" + key + b"b\r" + key + b"c\r")
    assert text == b"ab\nc\n"
    assert echo == b"ax\b \bb\r\nc\r\n"


def test_control_characters_and_escape_sequences_reach_the_program_unseen(terminal: Terminal) -> None:
    keys = b"a\x01\x1b[1;5Cb\x1bOAc\x1bxd\r"
    assert typed(terminal, keys) == (b"abcxd\r\n", keys.replace(b"\r", b"\n"))


@pytest.mark.parametrize("command", [b"cat > /tmp/a", b"cat /dev/console > /tmp/a"])
def test_ctrl_c_in_the_middle_of_a_line_ends_cat_with_what_was_typed(terminal: Terminal, command: bytes) -> None:
    terminal.type(command + b"\r")
    terminal.type(b"ab\rcd")
    assert terminal.type(b"\x03") == b"nsh: cat: Interrupted by signal\r\n" + PROMPT
    assert terminal.type(b"cat /tmp/a\r") == b"cat /tmp/a\r\nab\r\ncd" + PROMPT


def test_half_a_line_that_cat_takes_from_the_shell_is_no_interruption(terminal: Terminal) -> None:
    terminal.type(b"cat > /tmp/a &\r")
    seen = terminal.type(b"sleep 1 > /dev/null\rab\rcd\r", seconds=2)
    assert b"Interrupted" not in seen
    with terminal.board.kernel.vfs.open("/tmp/a") as file:
        assert file.read(100)


@pytest.mark.parametrize("command", [b"cat > /tmp/a", b"cat /dev/console > /tmp/a"])
def test_ctrl_d_ends_cat_wherever_it_comes(terminal: Terminal, command: bytes) -> None:
    for keys in (b"ab\x04", b"ab\r\x04", b"x" * 1023 + b"\x04", b"x" * 1024 + b"\x04"):
        terminal.type(command + b"\r")
        assert terminal.type(keys).endswith(PROMPT)


def test_bytes_that_are_no_text_pass_through(terminal: Terminal) -> None:
    keys = bytes(range(0x80, 0x100)) + b"\r"
    assert typed(terminal, keys) == (keys + b"\n", keys.replace(b"\r", b"\n"))


def test_a_long_line_comes_in_pieces(terminal: Terminal) -> None:
    _, text = typed(terminal, b"x" * 3000 + b"\r")
    assert text == b"x" * 3000 + b"\n"


def test_a_program_that_reads_characters_gets_them_as_they_are_typed(terminal: Terminal) -> None:
    heard: list[bytes] = []

    def app(sys: object) -> None:
        while (c := sys.read(1)) != b"q":  # type: ignore[attr-defined]
            heard.append(c)

    terminal.board.builtin(app, "keys")
    terminal.type(b"keys\r")
    assert terminal.type(b"ab") == b"ab"
    assert heard == [b"a", b"b"]
    assert terminal.type(b"q") == b"q" + PROMPT


def test_the_editor_of_the_next_prompt_has_its_keys_again(terminal: Terminal) -> None:
    typed(terminal, b"ab\r")
    assert terminal.type(b"echo x\x1b[Dy\r").endswith(b"\r\nyx\r\n" + PROMPT)
