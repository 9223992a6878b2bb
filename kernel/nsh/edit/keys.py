"""Which key a terminal's escape sequence stands for.

Known are CSI (ESC [, parameters, a final byte), SS3 (ESC O and a byte) and ESC with any other byte. NuttX decodes them
twice, in the serial driver to leave them out of the echo and in readline to act on them, and the two disagree about
rare ones: characters get into the line that the screen does not show. Here is one decoder for both.
"""

from __future__ import annotations

from typing import NamedTuple

ESC = 0x1B
LONGEST = 16  # bytes of a sequence that are kept; no key has that many


class Key(NamedTuple):
    """``name``: what follows ESC [ or ESC O, or the byte after ESC. ``bare``: there was neither [ nor O."""

    name: bytes
    bare: bool = False


class KeyDecoder:
    """Collects one sequence at a time, of any length, in bounded memory."""

    def __init__(self) -> None:
        self._kind = 0  # ESC, or the [ or O after it; 0: no sequence
        self._name = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a sequence has begun, so that the next byte belongs to it."""
        return bool(self._kind)

    def begin(self) -> None:
        """ESC came: a new sequence, whatever was before."""
        self._kind = ESC
        self._name.clear()

    def feed(self, c: int) -> Key | None:
        """The next byte of the sequence; the key if that ends it. What may not be in a sequence ends it too."""
        if c == ESC:
            self.begin()
            return None
        if self._kind == ESC and c in b"[O":
            self._kind = c
            return None
        if len(self._name) < LONGEST:
            self._name.append(c)
        if self._kind == ord("[") and 0x20 <= c <= 0x3F:
            return None
        key = Key(bytes(self._name), self._kind == ESC)
        self._kind = 0
        return key
