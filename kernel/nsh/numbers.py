"""Numbers on a command line."""

from __future__ import annotations

import re

LONG_MAX = (1 << 63) - 1

_SPACE = r"[ \t\n\v\f\r]*"
_NUMBER = re.compile(_SPACE + r"([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_DECIMAL = re.compile(_SPACE + r"[+-]?[0-9]+")


def strtol(text: str) -> int | None:
    """strtol() in base 0, if the whole of ``text`` is a number: decimal, 0x hexadecimal or 0 octal. None if not."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[2]
    value = int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10)
    return _clamped(-value if match[1] == "-" else value)


def strtol_prefix(text: str) -> int:
    """strtol() in base 0: the number that ``text`` begins with, 0 if it begins with none."""
    match = _NUMBER.match(text)
    return (strtol(match[0]) or 0) if match else 0


def decimal(text: str) -> int:
    """strtol() in base 10: the decimal number that a text begins with, 0 if it begins with none."""
    match = _DECIMAL.match(text)
    return _clamped(int(match[0])) if match is not None else 0


def atoi(text: str) -> int:
    """The same as an int."""
    return wrapped(decimal(text))


def _clamped(value: int) -> int:
    """What strtol() makes of a number that a long cannot hold."""
    return max(-LONG_MAX - 1, min(value, LONG_MAX))


def wrapped(value: int) -> int:
    """What an int holds of it."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)
