"""The line editor, key by key, with a terminal in memory."""

import itertools
import json
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readline_kit import EVERYTHING, LEAST, Typist, session, typed

from kernel.nsh.edit.history import History
from kernel.nsh.edit.readline import Readline

VECTORS = json.loads((Path(__file__).parent / "readline_vectors.txt").read_text(encoding="utf-8"))
"""Rows: all options or none of them, LINE_MAX, keys, output; recorded from NuttX's readline_common.c (nuttx-apps
a71c329cf), compiled behind the serial driver's rules for echo. \\x01 and \\x02 stand around each line that it returned.
The history has 4 lines of 20 bytes."""

UP, DOWN, RIGHT, LEFT, END, HOME = (b"\x1b[" + c for c in (b"A", b"B", b"C", b"D", b"F", b"H"))
DELETE, WORD_LEFT, WORD_RIGHT = b"\x1b[3~", b"\x1b[1;5D", b"\x1b[1;5C"
REDRAW = b"\r\x1b[Knsh> "


@pytest.mark.parametrize(("everything", "limit", "keys", "output"), VECTORS, ids=itertools.count())
def test_sends_and_returns_what_nuttx_does(everything: bool, limit: int, keys: str, output: str) -> None:
    stream = Typist(keys.encode("latin-1"))
    history = History(4, 20) if everything else None
    editor = Readline(stream, stream, limit, history=history, **(EVERYTHING if everything else LEAST))
    while True:
        stream.screen += b"nsh> "
        line = editor.read()
        if line is None:
            break
        stream.screen += b"\1" + line + b"\2"
    assert stream.screen.decode("latin-1") == output


# Enter


@pytest.mark.parametrize("enter", [b"\r", b"\n", b"\r\n"])
def test_cr_lf_and_both_are_one_enter(enter: bytes) -> None:
    assert typed(b"ab" + enter + enter + b"c" + enter) == (
        [b"ab", b"", b"c"],
        b"nsh> ab\r\nnsh> \r\nnsh> c\r\nnsh> ",
    )


def test_only_the_lf_right_after_a_cr_belongs_to_it() -> None:
    assert typed(b"\r\r\n\n\n\r")[0] == 5 * [b""]
    assert typed(b"\r\0\n")[0] == 2 * [b""]


@pytest.mark.parametrize(("delay", "enters"), [(100, 1), (101, 2)])
def test_an_lf_later_than_the_gap_is_an_enter_of_its_own(delay: int, enters: int) -> None:
    time = 1000

    def keys() -> Iterator[int]:
        nonlocal time
        yield from b"\r"
        time += delay
        yield from b"\n"

    stream = Typist(keys())
    assert session(Readline(stream, stream, 80, now=lambda: time, gap=100), stream) == enters * [b""]


def test_an_lf_that_came_while_the_command_ran_belongs_to_its_cr() -> None:
    time = 0
    stream = Typist(b"\r\n")
    editor = Readline(stream, stream, 80, now=lambda: time, gap=100)
    assert editor.read() == b""
    time = 10**9
    assert editor.read() is None


@pytest.mark.parametrize("begun", [b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO"])
def test_enter_in_the_middle_of_an_escape_sequence_is_enter(begun: bytes) -> None:
    assert typed(b"ab" + begun + b"\r")[0] == [b"ab"]
    assert typed(b"ab" + begun + b"\r\nc\n")[0] == [b"ab", b"c"]


def test_the_end_of_input_ends_the_line_and_then_the_session() -> None:
    assert typed(b"a\nbc")[0] == [b"a", b"bc"]


def test_a_line_that_reaches_the_limit_ends_there_and_is_no_history() -> None:
    lines, screen = typed(b"abcdefgh\r" + UP, limit=8)
    assert lines == [b"abcdefg", b"h", b"h"]
    assert screen == b"nsh> abcdefgnsh> h\r\nnsh> " + REDRAW + b"hnsh> "


def test_a_limit_without_room_for_a_character_is_refused() -> None:
    stream = Typist(b"")
    with pytest.raises(ValueError, match="a line of 1 bytes holds no character"):
        Readline(stream, stream, 1)


# Editing


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"abc" + LEFT + b"x", b"abxc"),
        (b"abc" + LEFT * 5 + RIGHT + b"x", b"axbc"),
        (b"abc" + HOME + b"x" + END + b"y", b"xabcy"),
        (b"abc\x1b[1~x\x1b[4~y\x1bOHz\x1bOFw", b"zxabcyw"),
        (b"abc" + LEFT + b"\x7f", b"ac"),
        (b"abc" + HOME + b"\b" + DELETE, b"bc"),
        (b"abc" + DELETE, b"abc"),
        (b"one two  three" + WORD_LEFT * 2 + b"X", b"one Xtwo  three"),
        (b"one two  three" + HOME + WORD_RIGHT * 2 + b"X", b"one two  Xthree"),
        (b"bc\x01a\x05d\x02\x02X\x06Y", b"abXcYd"),
        (b"abcd\x02\x02\x0b", b"ab"),
        (b"abcd\x02\x02\x15", b"cd"),
        (b"abcd\x02\x02\x04\x04\x04", b"ab"),
        (b"one two  \x17X", b"one X"),
    ],
)
def test_keys_edit_the_line(keys: bytes, line: bytes) -> None:
    assert typed(keys + b"\r")[0] == [line]


def test_backspace_at_the_end_erases_one_column() -> None:
    assert typed(b"\bab\x7fc\r") == ([b"ac"], b"nsh> ab\b\x1b[Kc\r\nnsh> ")


def test_what_follows_the_cursor_is_written_again() -> None:
    assert typed(b"abc" + LEFT + b"x")[1] == b"nsh> abc\x1b[Dx\x1b[Kc\x1b[Dnsh> "


def test_control_keys_need_emacs_keys_and_cursor_keys_need_editing() -> None:
    assert typed(b"ab\x01\x02" + LEFT + b"x\r", edit=True)[0] == [b"axb"]
    assert typed(b"ab" + LEFT + HOME + DELETE + b"x\r", edit=False) == ([b"abx"], b"nsh> abx\r\nnsh> ")


@pytest.mark.parametrize("key", [b"\x1b[15~", b"\x1b[1;2C", b"\x1b[Z", b"\x1bOP", b"\x1b[?1;2c", b"\x1b\x1b[Z"])
def test_other_keys_put_nothing_into_the_line(key: bytes) -> None:
    assert typed(b"a" + key + b"b\r")[0] == [b"ab"]


def test_bytes_that_are_no_text_pass_and_control_characters_do_not() -> None:
    assert typed(bytes(range(0x80, 0x100)) + b"\r", limit=200)[0] == [bytes(range(0x80, 0x100))]
    assert typed(b"a\0\x03\x07\x1a\x1fb\r") == ([b"ab"], b"nsh> ab\r\nnsh> ")
    assert typed("größe\r".encode())[0] == ["größe".encode()]


def test_without_echo_only_what_is_redrawn_shows() -> None:
    assert typed(b"ab\x01\r", echo=False, emacs=True)[1] == b"nsh> \r\x1b[Kab\x1b[D\x1b[Dnsh> "


# History


def test_up_and_down_walk_through_earlier_lines() -> None:
    lines, screen = typed(b"one\rtwo\r" + UP + UP + UP + DOWN + DOWN + DOWN + UP + b"!\r")
    assert lines == [b"one", b"two", b"two!"]
    walk = b"".join(REDRAW + line for line in (b"two", b"one", b"one", b"two", b"", b"", b"two"))
    assert screen == b"nsh> one\r\nnsh> two\r\nnsh> " + walk + b"!\r\nnsh> "


def test_the_same_line_again_and_empty_ones_are_kept_once() -> None:
    assert typed(b"one\rtwo\rtwo\r\r\r" + UP + UP + b"\r")[0][-1] == b"one"


def test_history_is_bounded_in_lines_and_in_their_length() -> None:
    history = History(2, 5)
    for line in (b"one", b"two", b"a long one"):
        history.add(line)
    assert [history.older() for _ in range(3)] == [b"a lo", b"two", b"two"]
    assert [history.newer() for _ in range(2)] == [b"a lo", b""]


def test_a_history_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a history of 0 lines"):
        History(0, 80)


def test_up_without_history_does_nothing() -> None:
    assert typed(UP + DOWN + b"a\r") == ([b"a"], b"nsh> a\r\nnsh> ")
    assert typed(b"a\r" + UP + b"\r", history=False) == ([b"a", b""], b"nsh> a\r\nnsh> \r\nnsh> ")


def test_sessions_with_one_history_share_their_lines() -> None:
    history = History()
    for keys, line in ((b"one\r", b"one"), (UP + b"\r", b"one")):
        stream = Typist(keys)
        assert Readline(stream, stream, 80, history=history).read() == line


def label(wanted: bytes, found: bytes, failed: bytes = b"") -> bytes:
    return b"\r\x1b[K(" + failed + b"reverse-i-search)`" + wanted + b"': " + found


def test_ctrl_r_finds_the_newest_line_and_then_older_ones() -> None:
    lines, screen = typed(b"ls a\rcat\rls b\r\x12ls\x12\r")
    assert lines[-1] == b"ls a"
    expected = label(b"", b"") + b"l" + label(b"l", b"ls b") + b"s" + label(b"ls", b"ls b") + label(b"ls", b"ls a")
    assert screen.endswith(expected + b"\r\nnsh> ")


@pytest.mark.parametrize("cancel", [b"\x07", b"\x03"])
def test_a_cancelled_search_brings_the_line_back(cancel: bytes) -> None:
    lines, screen = typed(b"one\rabc" + LEFT + b"\x12o" + cancel + b"x\r")
    assert lines[-1] == b"abxc"
    assert label(b"o", b"one") + REDRAW + b"abc\x1b[D" in screen


def test_a_search_that_finds_nothing_says_so_and_can_be_shortened() -> None:
    lines, screen = typed(b"one\r\x12ox\x7f\x05!\r")
    assert lines[-1] == b"one!"
    assert label(b"ox", b"one", b"failed ") + label(b"o", b"one") + REDRAW + b"one!\r\n" in screen


# Completion


def test_tab_completes_the_only_name() -> None:
    assert typed(b"hex\t /\r") == ([b"hexdump /"], b"nsh> hexdump /\r\nnsh> ")


def test_tab_lists_several_names_and_adds_what_they_share() -> None:
    assert typed(b"p\t\t\r") == (
        [b"ping"],
        b"nsh> p\r\n  ping\r\n  ping6\r\nnsh> ping\r\n  ping\r\n  ping6\r\nnsh> ping\r\nnsh> ",
    )


@pytest.mark.parametrize("keys", [b"", b"zz", b"cat ", b"hexdump", b"cat he"])
def test_tab_does_nothing_where_there_is_nothing_to_complete(keys: bytes) -> None:
    assert typed(keys + b"\t\r") == ([keys], b"nsh> " + keys + b"\r\nnsh> ")


def test_a_completed_name_stays_within_the_limit() -> None:
    assert typed(b"hex\t\r", limit=6)[0] == [b"hexdu"]


# Whatever comes

KEYS = st.lists(st.binary(max_size=8) | st.sampled_from([UP, LEFT, HOME, DELETE, b"\x1b[", b"\x12", b"\t", b"h"]))
SHOWN = re.compile(rb"(?:[\x20-\x7e\x80-\xff\r\n\b]|\x1b\[[KCD])*")


@given(KEYS, st.integers(2, 40))
def test_any_input_ends_and_shows_nothing_but_text_and_cursor_moves(keys: list[bytes], limit: int) -> None:
    lines, screen = typed(b"".join(keys), limit)
    assert SHOWN.fullmatch(screen)
    for line in lines:
        assert len(line) < limit
        assert not re.search(rb"[\x00-\x1f\x7f]", line)


@given(KEYS)
def test_after_any_input_and_an_enter_the_next_line_is_read(keys: list[bytes]) -> None:
    assert typed(b"".join(keys) + b"\recho here\r")[0][-1] == b"echo here"


@pytest.mark.parametrize("flood", [b"\x1b[;", b";", b"\x1b", b"\x1b[;[", b"\x12z", b"z", b"\x1b[A\x1b[H"])
def test_a_flood_does_not_grow_memory(flood: bytes) -> None:
    def peak(times: int) -> int:
        tracemalloc.start()
        stream = Typist(c for _ in range(times) for c in flood)
        stream.write = lambda data: None  # type: ignore[method-assign]
        editor = Readline(stream, stream, 80, history=History(), **EVERYTHING)
        while editor.read() is not None:
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(500)
    assert peak(20_000) < peak(500) + 10_000


class Signalled(Typist):
    """Every other call is ended by a signal."""

    calls = 0

    def _maybe(self, call: Callable[[Any], Any], argument: Any) -> Any:
        self.calls += 1
        if self.calls % 2:
            raise InterruptedError
        return call(argument)

    def read(self, n: int) -> bytes:
        data: bytes = self._maybe(super().read, n)
        return data

    def write(self, data: bytes) -> None:
        self._maybe(super().write, data)


def test_signals_lose_nothing_of_the_line() -> None:
    stream = Signalled(b"abc" + LEFT + b"x\r")
    assert Readline(stream, stream, 80).read() == b"abxc"
