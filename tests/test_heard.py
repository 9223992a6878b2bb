"""Console bytes as text, whatever pieces they come in, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.heard import Heard, plain_text

PIECES = [b"\x1b", b"[", b"\x1b[K", b"\x1b[1;31m", b"0" * 33, b"\r", b"\n", b"\r\n", b"\xc3\xa4", b"\xe2\x82\xac"]
PIECES += [b"\xf0\x9f\x98\x80", b"\xc3", b"\xe2\x82", b"\x80", b"\xff", b"\x00", b"text", b" ", b"("]

console_bytes = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=12).map(b"".join)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"nsh> \x1b[K", "nsh> "),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b(B\x1bM\x1b7x", "x"),
        (b"a\r\nb\rc\n", "a\nb\rc\n"),
        (b"\xc3\xa4\xff\xe2\x82", "ä\ufffd\ufffd\ufffd"),
        (b"\x1b\x01\x1b[" + b"1" * 40 + b"m", "\x1b\x01\x1b[" + "1" * 40 + "m"),
    ],
)
def test_text_is_what_a_person_reads(data: bytes, text: str) -> None:
    assert plain_text(data) == text


def test_what_is_only_begun_is_kept_back() -> None:
    for begun in (b"\r", b"\x1b", b"\x1b[", b"\x1b[1;3", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"):
        heard = Heard(b"x" + begun)
        assert heard.text == "x"
        heard.finish(b"x" + begun)
        assert heard.text != "x"


def test_sequences_stay_if_they_are_wanted() -> None:
    assert Heard(b"\x1b[1mx\r\n", strip_ansi=False).text == "\x1b[1mx\n"


@given(data=console_bytes, cuts=st.lists(st.integers(0, 60), max_size=8), strip=st.booleans())
def test_pieces_make_no_difference(data: bytes, cuts: list[int], strip: bool) -> None:
    whole = Heard(strip_ansi=strip)
    whole.finish(data)
    pieces = Heard(strip_ansi=strip)
    for cut in sorted(cuts):
        pieces.add(data[:cut])
    pieces.finish(data)
    assert pieces.text == whole.text


@given(data=console_bytes)
def test_every_beginning_of_the_text_has_its_beginning_of_the_bytes(data: bytes) -> None:
    heard = Heard()
    heard.finish(data)
    for n in range(len(heard.text) + 1):
        assert plain_text(data[: heard.end(n)]) == heard.text[:n]
