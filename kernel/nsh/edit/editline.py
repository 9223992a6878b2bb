"""The line that is being typed, the cursor in it, and what a VT100 has to be sent to show a change of either.

Every method appends to ``out`` the very bytes that NuttX's readline sends for it. Positions count bytes, as there.
"""

from __future__ import annotations

ERASE_TO_EOL = b"\x1b[K"
LEFT = b"\x1b[D"
RIGHT = b"\x1b[C"
BLANK = 0x20


class EditLine:
    """A line of at most ``room`` bytes after ``prompt``."""

    def __init__(self, prompt: bytes, room: int) -> None:
        self.text = bytearray()
        self.cursor = 0
        self.out = bytearray()
        self.prompt = prompt
        self._room = room

    @property
    def full(self) -> bool:
        """Whether no further byte fits."""
        return len(self.text) >= self._room

    # Changes

    def insert(self, c: int) -> None:
        """Puts a byte that the terminal shows already at the cursor, if it fits."""
        if self.full:
            return
        self.text.insert(self.cursor, c)
        self.cursor += 1
        if self.cursor < len(self.text):
            self._redraw_tail()

    def put(self, text: bytes) -> None:
        """Makes ``text`` the line, as far as it fits, with the cursor behind it, and shows nothing of that."""
        self.text[:] = text[: self._room]
        self.cursor = len(self.text)

    def show(self, text: bytes) -> None:
        """Makes ``text`` the line and redraws it."""
        self.put(text)
        self.redraw()

    def backspace(self) -> None:
        """Takes out the byte before the cursor."""
        if self.cursor:
            self.cursor -= 1
            del self.text[self.cursor]
            self.out += b"\b"
            self._redraw_tail()

    def delete(self) -> None:
        """Ctrl-D: takes out the byte at the cursor."""
        if self.cursor < len(self.text):
            del self.text[self.cursor]
            self._redraw_tail()

    def delete_key(self) -> None:
        """Delete: the same, with the whole line redrawn even if there was nothing to take out."""
        del self.text[self.cursor : self.cursor + 1]
        self.redraw()

    def kill_to_end(self) -> None:
        """Takes out what is at the cursor and after it."""
        del self.text[self.cursor :]
        self.out += ERASE_TO_EOL

    def kill_to_start(self) -> None:
        """Takes out what is before the cursor."""
        self._kill_from(0)

    def kill_word(self) -> None:
        """Takes out the blanks before the cursor and the word before those."""
        self._kill_from(self._word_start())

    def _kill_from(self, start: int) -> None:
        del self.text[start : self.cursor]
        self.cursor = start
        self.redraw()

    # Moves

    def left(self) -> None:
        """One byte to the left."""
        if self.cursor:
            self.cursor -= 1
            self.out += LEFT

    def right(self) -> None:
        """One byte to the right."""
        if self.cursor < len(self.text):
            self.cursor += 1
            self.out += RIGHT

    def to_end(self) -> None:
        """Ctrl-E: to the end, step by step."""
        self.out += RIGHT * (len(self.text) - self.cursor)
        self.cursor = len(self.text)

    def home(self) -> None:
        """To the start."""
        self._move(0)

    def end(self) -> None:
        """End: to the end."""
        self._move(len(self.text))

    def word_left(self) -> None:
        """Over the blanks before the cursor and the word before those."""
        self._move(self._word_start())

    def word_right(self) -> None:
        """Over the rest of the word at the cursor and the blanks after it."""
        text, at = self.text, self.cursor
        while at < len(text) and text[at] != BLANK:
            at += 1
        while at < len(text) and text[at] == BLANK:
            at += 1
        self._move(at)

    def _word_start(self) -> int:
        text, at = self.text, self.cursor
        while at and text[at - 1] == BLANK:
            at -= 1
        while at and text[at - 1] != BLANK:
            at -= 1
        return at

    def _move(self, cursor: int) -> None:
        self.cursor = cursor
        self.redraw()

    # Screen

    def redraw(self) -> None:
        """Prompt and line again from the first column, wherever the terminal's cursor is."""
        back = len(self.text) - self.cursor
        self.out += b"\r" + ERASE_TO_EOL + self.prompt + self.text + LEFT * back

    def _redraw_tail(self) -> None:
        tail = self.text[self.cursor :]
        self.out += ERASE_TO_EOL + tail + LEFT * len(tail)
