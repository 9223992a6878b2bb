"""Ctrl-R: the newest line of the history that contains what is typed (READLINE_EDIT_EMACS_REVERSE_SEARCH)."""

from __future__ import annotations

from kernel.nsh.edit.editline import ERASE_TO_EOL, EditLine
from kernel.nsh.edit.history import History

ETX, CTRL_G, BS, CTRL_R, ESC, DEL = 0x03, 0x07, 0x08, 0x12, 0x1B, 0x7F


class ReverseSearch:
    """One search, from Ctrl-R to the key that ends it; meanwhile the line is what was found last."""

    def __init__(self, history: History, line: EditLine) -> None:
        self._history = history
        self._line = line
        self._saved = bytes(line.text[: history.width])
        self._saved_cursor = min(line.cursor, len(self._saved))
        self._wanted = bytearray()
        self._number = 0
        line.put(b"")
        self._show(failed=False)

    def key(self, c: int) -> bool:
        """Takes any key but Enter. Returns whether the search goes on; it ends with ESC, which is yet to be used."""
        if c == CTRL_R:
            self._show(failed=not self._find())
        elif c in (BS, DEL):
            self._shorten()
        elif c in (CTRL_G, ETX):
            self._line.put(self._saved)
            self._line.cursor = self._saved_cursor
            self._line.redraw()
            return False
        elif c >= 0x20 and len(self._wanted) < self._history.width:
            self._wanted.append(c)
            self._number = 0
            self._show(failed=not self._find())
        else:
            if c != ESC:
                self._line.redraw()
            return False
        return True

    def _shorten(self) -> None:
        if self._wanted:
            self._wanted.pop()
            self._number = 0
            if self._wanted:
                self._find()
            else:
                self._line.put(b"")
        self._show(failed=bool(self._wanted) and not self._line.text)

    def _find(self) -> bool:
        found = self._history.find(bytes(self._wanted), self._number)
        if found is None:
            return False
        self._number, line = found
        self._line.put(line)
        return True

    def _show(self, failed: bool) -> None:
        label = b"(failed reverse-i-search)`" if failed else b"(reverse-i-search)`"
        self._line.out += b"\r" + ERASE_TO_EOL + label + self._wanted + b"': " + self._line.text
