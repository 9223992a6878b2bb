"""Reading a line from a terminal, as NuttX's system/readline and the echo of its serial driver do it together.

It differs in three things: CR LF is one Enter, Enter is Enter in the middle of an escape sequence too, and a sequence
is decoded once (see keys.py). A line that fills CONFIG_LINE_MAX ends there. Other control characters are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from kernel.nsh.edit.complete import complete
from kernel.nsh.edit.editline import BLANK, ERASE_TO_EOL, EditLine
from kernel.nsh.edit.history import History
from kernel.nsh.edit.isearch import ReverseSearch
from kernel.nsh.edit.keys import ESC, Key, KeyDecoder

BS, TAB, LF, CR, CTRL_R, DEL = 0x08, 0x09, 0x0A, 0x0D, 0x12, 0x7F

EDIT_KEYS: dict[bytes, Callable[[EditLine], None]] = {
    b"C": EditLine.right,
    b"D": EditLine.left,
    b"F": EditLine.end,
    b"H": EditLine.home,
    b"1~": EditLine.home,
    b"3~": EditLine.delete_key,
    b"4~": EditLine.end,
    b"1;5C": EditLine.word_right,
    b"1;5D": EditLine.word_left,
    b";5C": EditLine.word_right,
    b";5D": EditLine.word_left,
}
"""CONFIG_READLINE_EDIT, by the name of the key."""

EMACS_KEYS: dict[int, Callable[[EditLine], None]] = {
    0x01: EditLine.home,
    0x02: EditLine.left,
    0x04: EditLine.delete,
    0x05: EditLine.to_end,
    0x06: EditLine.right,
    0x0B: EditLine.kill_to_end,
    0x15: EditLine.kill_to_start,
    0x17: EditLine.kill_word,
}
"""CONFIG_READLINE_EDIT_EMACS, by control character."""


class Stream(Protocol):
    """What a line is read from, and where it is echoed."""

    def read(self, n: int) -> bytes: ...
    def write(self, data: bytes) -> object: ...


class Readline:
    """The line editor of one session.

    ``limit`` is CONFIG_LINE_MAX. ``prompt`` is what a redrawn line begins with; :meth:`read` expects it to be there.
    ``names`` are what Tab completes, in the order in which it lists them. ``edit``, ``emacs`` and ``search`` switch the
    keys of CONFIG_READLINE_EDIT, its _EMACS and its _EMACS_REVERSE_SEARCH. Without ``echo`` typed characters are not
    shown, as when the input is no terminal.

    An LF right after the CR that ended a line belongs to it if it comes within ``gap`` ns, by ``now``, of the editor's
    asking for the next line: one typed in answer to the next prompt comes later and is an Enter of its own.
    """

    def __init__(
        self,
        stdin: Stream,
        stdout: Stream,
        limit: int,
        *,
        prompt: bytes = b"",
        names: Callable[[], Collection[str]] = tuple,
        history: History | None = None,
        edit: bool = True,
        emacs: bool = False,
        search: bool = False,
        echo: bool = True,
        now: Callable[[], int] = int,
        gap: int = 0,
    ) -> None:
        if limit < 2:
            raise ValueError(f"a line of {limit} bytes holds no character beside its end")
        self.prompt = prompt
        self._stdin = stdin
        self._stdout = stdout
        self._room = limit - 1
        self._names = names
        self._history = history
        self._keys = EDIT_KEYS if edit else {}
        self._controls = EMACS_KEYS if emacs else {}
        self._edit = edit
        self._can_search = search
        self._echo = echo
        self._now = now
        self._gap = gap
        self._after_cr = False
        self._start()

    def read(self) -> bytes | None:
        """The next line without its end; None at the end of input."""
        line = self._start()
        line.out += ERASE_TO_EOL
        self._flush()
        asked = self._now()
        while data := self._getc():
            c = data[0]
            after_cr, self._after_cr = self._after_cr, c == CR
            if c == LF and after_cr and self._now() - asked <= self._gap:
                continue
            if c in (CR, LF):
                return self._submit()
            filled = self._take(c)
            self._flush()
            if filled:
                return bytes(line.text)
        return bytes(line.text) or None

    def _start(self) -> EditLine:
        self._line = EditLine(self.prompt, self._room)
        self._decoder = KeyDecoder()
        self._search: ReverseSearch | None = None
        return self._line

    def _submit(self) -> bytes:
        if self._echo:
            self._line.out += b"\n"
            self._flush()
        text = bytes(self._line.text)
        if self._history is not None:
            self._history.add(text)
        return text

    # Keys

    def _take(self, c: int) -> bool:
        """Does what a byte asks for; returns whether it has filled the line."""
        line = self._line
        if self._search:
            self._search_key(c, self._search)
        elif self._decoder.inside:
            if key := self._decoder.feed(c):
                self._press(key)
        elif c == ESC:
            self._decoder.begin()
        elif c in (BS, DEL):
            line.backspace()
        elif c == TAB:
            complete(line, self._names())
        elif c == CTRL_R and self._can_search and self._history:
            self._search = ReverseSearch(self._history, line)
        elif c in self._controls:
            self._controls[c](line)
        elif c >= BLANK:
            self._typed(c)
            line.insert(c)
            return line.full
        return False

    def _search_key(self, c: int, search: ReverseSearch) -> None:
        self._typed(c)
        if search.key(c):
            return
        self._search = None
        if c == ESC:
            self._decoder.begin()

    def _press(self, key: Key) -> None:
        line = self._line
        if key.bare:
            self._typed(key.name[0])
        if key.name in self._keys:
            self._keys[key.name](line)
        elif key.name in (b"A", b"B"):
            if self._history:
                line.show(self._history.older() if key.name == b"A" else self._history.newer())
        elif len(key.name) > 1 and self._edit:
            line.redraw()  # of a key that it does not know NuttX cannot say what the echo has left on the screen

    # Terminal

    def _typed(self, c: int) -> None:
        """The echo of the serial driver: it shows what is no control character."""
        if self._echo and c >= BLANK and c != DEL:
            self._line.out.append(c)

    def _getc(self) -> bytes:
        """One byte; b"" at the end. A signal does not end the line."""
        while True:
            try:
                return self._stdin.read(1)
            except InterruptedError:
                continue

    def _flush(self) -> None:
        """Sends what has to be sent, in one write: nothing of another task's comes between."""
        out = bytes(self._line.out)
        self._line.out.clear()
        if out:
            with suppress(OSError):  # a signal, or nobody takes it; the line itself is safe
                self._stdout.write(out)
