"""What came from a console, as the text that a person would have read, with the way back to the bytes it was.

Terminal control sequences are left out, CR LF is one line end, and what is no UTF-8 is U+FFFD, byte by byte. Whatever
may still be the beginning of something (an escape sequence, a CR, a character of several bytes) is kept back until
more has come.
"""

from __future__ import annotations

import re
from itertools import accumulate

CRLF = rb"\r\n"
SEQUENCE = rb"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]|\x1b[ -/]{0,4}[0-Z\\-~]"  # ECMA-48: CSI, and the short ones
BEGUN = rb"\r\Z|[\xc2-\xdf]\Z|[\xe0-\xef][\x80-\xbf]?\Z|[\xf0-\xf4][\x80-\xbf]{0,2}\Z"
BEGUN_SEQUENCE = rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}|[ -/]{0,4})\Z"
LONGEST_BEGUN = 40  # bytes

_PLAIN = (re.compile(CRLF), re.compile(BEGUN))
_STRIPPED = (re.compile(CRLF + b"|" + SEQUENCE), re.compile(BEGUN + b"|" + BEGUN_SEQUENCE))
_NO_UTF8 = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of a byte


class Heard:
    """Text that grows with the bytes that it is given. ``strip_ansi``: control sequences are no part of it."""

    def __init__(self, data: bytes = b"", *, strip_ansi: bool = True) -> None:
        self.text = ""
        self._ends: list[int] = []  # for each character of the text: where it ends in the bytes
        self._tokens, self._begun = _STRIPPED if strip_ansi else _PLAIN
        self._done = 0  # bytes that have become text
        self.add(data)

    def add(self, data: bytes) -> None:
        """``data``: all bytes so far, the earlier ones again in front."""
        begun = self._begun.search(data, max(self._done, len(data) - LONGEST_BEGUN))
        self._read(data, begun.start() if begun else len(data))

    def finish(self, data: bytes) -> None:
        """The same, and no more will come: what was only begun is text as it is."""
        self._read(data, len(data))

    def end(self, length: int) -> int:
        """How many bytes the first ``length`` characters of the text were."""
        return self._ends[length - 1] if length else 0

    def _read(self, data: bytes, limit: int) -> None:
        for token in self._tokens.finditer(data, self._done, limit):
            self._plain(data[self._done : token.start()])
            self._done = token.end()
            if token.group() == b"\r\n":
                self.text += "\n"
                self._ends.append(self._done)
        self._plain(data[self._done : limit])
        self._done = limit

    def _plain(self, data: bytes) -> None:
        if not data:
            return
        text = data.decode("utf-8", "surrogateescape")
        if len(text) == len(data):
            self._ends += range(self._done + 1, self._done + 1 + len(data))
        else:
            sizes = (1 if "\udc80" <= c <= "\udcff" else len(c.encode()) for c in text)
            self._ends += [self._done + n for n in accumulate(sizes)]
        self.text += _NO_UTF8.sub("\ufffd", text)


def plain_text(data: bytes) -> str:
    """All of ``data`` as a person would have read it."""
    heard = Heard()
    heard.finish(data)
    return heard.text
