"""strftime() as NuttX has it: a date by a format of its own choice, always in English.

What NuttX does not know (%c, %D, %Z) leaves nothing behind, and three of what it knows are not what the standard says,
here as there: %x counts months from 0, %C counts centuries from 1900, and %r calls the hour of noon 01.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kernel.realtime import seconds

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def strftime(format: str, time: datetime) -> str:
    """``time`` (UTC) in that format."""
    text, i = "", 0
    while i < len(format):
        c = format[i]
        i += 1
        if c != "%":
            text += c
            continue
        while format[i : i + 1] in ("E", "O"):  # asks for other digits or eras, which the language does not have
            i += 1
        make = _CONVERSIONS.get(format[i : i + 1])
        text += make(time) if make else ""
        i += 1
    return text


def _weekday(time: datetime) -> int:
    """0 is Sunday."""
    return time.isoweekday() % 7


def _hour12(time: datetime) -> int:
    return time.hour % 12 or 12


def _yday(time: datetime) -> int:
    """0 is the first of January."""
    return int(time.timetuple().tm_yday) - 1


def _half(time: datetime) -> str:
    return "PM" if time.hour >= 12 else "AM"


_CONVERSIONS: dict[str, Callable[[datetime], str]] = {
    "%": lambda t: "%",
    "A": lambda t: WEEKDAYS[_weekday(t)],
    "B": lambda t: MONTHS[t.month - 1],
    "C": lambda t: f"{(t.year - 1900) // 100:02}",
    "F": lambda t: f"{t.year:04}-{t.month:02}-{t.day:02}",
    "G": lambda t: f"{t.isocalendar()[0]:04}",
    "H": lambda t: f"{t.hour:02}",
    "I": lambda t: f"{_hour12(t):02}",
    "M": lambda t: f"{t.minute:02}",
    "P": lambda t: _half(t).lower(),
    "R": lambda t: f"{t.hour:02}:{t.minute:02}",
    "S": lambda t: f"{t.second:02}",
    "T": lambda t: f"{t.hour:02}:{t.minute:02}:{t.second:02}",
    "U": lambda t: f"{(_yday(t) + 7 - _weekday(t)) // 7:02}",
    "V": lambda t: f"{t.isocalendar()[1]:02}",
    "W": lambda t: f"{(_yday(t) + 7 - t.weekday()) // 7:02}",
    "X": lambda t: f"{t.hour:02}:{t.minute:02}:{t.second:02}",
    "Y": lambda t: f"{t.year:04}",
    "a": lambda t: WEEKDAYS[_weekday(t)][:3],
    "b": lambda t: MONTHS[t.month - 1][:3],
    "d": lambda t: f"{t.day:02}",
    "e": lambda t: f"{t.day:2}",
    "g": lambda t: f"{t.isocalendar()[0] % 100:02}",
    "h": lambda t: MONTHS[t.month - 1][:3],
    "j": lambda t: f"{_yday(t) + 1:03}",
    "k": lambda t: f"{t.hour:2}",
    "l": lambda t: f"{_hour12(t):2}",
    "m": lambda t: f"{t.month:02}",
    "n": lambda t: "\n",
    "p": _half,
    "r": lambda t: f"{1 if t.hour == 12 else t.hour % 12:02}:{t.minute:02}:{t.second:02} {_half(t).lower()}",
    "s": lambda t: str(seconds(t)),
    "t": lambda t: "\t",
    "u": lambda t: str(t.isoweekday()),
    "w": lambda t: str(_weekday(t)),
    "x": lambda t: f"{t.month - 1:02}/{t.day:02}/{t.year:04}",
    "y": lambda t: f"{t.year % 100:02}",
    "z": lambda t: "+0000",
}
