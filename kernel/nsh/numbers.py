"""Numbers on a command line."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")


def strtol(text: str) -> int | None:
    """strtol() in base 0, if the whole of ``text`` is a number: decimal, 0x hexadecimal or 0 octal. None if not."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    value = int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10)
    return -value if text.startswith("-") else value


def strtol_prefix(text: str) -> int:
    """strtol() in base 0: the number that ``text`` begins with, 0 if it begins with none."""
    match = _NUMBER.match(text)
    return (strtol(match[0]) or 0) if match else 0
