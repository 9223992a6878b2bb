"""What a failed wait for console output tells: what was looked for, what came instead, and what the board waits for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from board.consolelog import LogLine, printable
from kernel.clock import NS
from lab.heard import plain_text
from lab.state import waits_text

if TYPE_CHECKING:
    from board.board import Board

PROMPT_END = b"\x1b[K"  # NSH's line editor clears the rest of the line behind the prompt; nothing else prints that
FIRST_LINES, LAST_LINES = 10, 30  # of what came
LINE_SHOWN = 160  # characters of a line
COMPARED_LINES, COMPARED_CHARS = 300, 200  # in which something similar is looked for
SIMILAR = 0.6  # part of a pattern's text that has to be in a line
FRAGMENT = 3  # characters that have to be together to count
_NO_LITERAL = re.compile(r"\[\^?\]?[^\]]*\]|\\[AbBdDsSwWZ]|\{[\d,]+\}|\(\?(?:P<\w+>|[:=!]|<[=!])|[.^$*+?()|]")


@dataclass
class Wait:
    """How a wait went. ``timeout``: s; ``quiet_ns``: since when nothing can happen any more."""

    start_ns: int
    timeout: float | None
    live: bool
    quiet_ns: int | None = None
    cancelled: bool = False

    def outcome(self) -> str:
        """Why it ended without a match."""
        seconds = "seconds" if self.live else "virtual seconds"
        if self.cancelled:
            return "had not come when cancel_read() ended the wait"
        if self.quiet_ns is not None:
            after = (self.quiet_ns - self.start_ns) / NS
            limit = "" if self.timeout is None else f" (the timeout was {self.timeout:g} {seconds})"
            return (
                f"can never come: nothing can happen any more on this bench, since {self.quiet_ns / NS:.6f} s, "
                f"{after:.6f} s into the wait{limit}"
            )
        return f"did not come within {self.timeout:g} {seconds}" if self.timeout else "is not in what has come"


def missing_report(board: Board, names: str, came: str | bytes, hints: list[str], wait: Wait) -> str:
    """What is called ``names`` did not come. ``came``: what did, and was not read."""
    return "\n".join([f"{board.name}: {names} {wait.outcome()}", _came_text(came), *hints, *_board_text(board)])


def came_report(board: Board, matched: str | bytes, pattern: str | bytes, came: str | bytes, wait: Wait) -> str:
    """``matched`` should not have come. ``came``: what did, up to and with it."""
    when = (board.now_ns - wait.start_ns) / NS
    parts = [f"{board.name}: {matched!r} came, which {pattern!r} forbids, {when:.6f} s into the wait", _came_text(came)]
    return "\n".join(parts + _typed_text(board))


# What came


def _came_text(came: str | bytes) -> str:
    if not came:
        return "nothing came that was not read before"
    unit = "characters" if isinstance(came, str) else "bytes"
    return f"what came and was not read, {len(came)} {unit}:\n{_shortened(_lines(came))}"


def _lines(came: str | bytes) -> list[str]:
    """Lines with control characters made visible; bytes as Python writes them, so that escape sequences are seen."""
    if isinstance(came, bytes):
        return [repr(line)[2:-1] for line in re.findall(rb"[^\n]*\n|[^\n]+", came)]
    return [printable(line.encode()) for line in came.removesuffix("\n").split("\n")]


def _shortened(lines: list[str]) -> str:
    shown = [line if len(line) <= LINE_SHOWN else _middle_left_out(line) for line in lines]
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    if left_out > 0:
        chars = sum(len(line) + 1 for line in lines[FIRST_LINES:-LAST_LINES])
        shown[FIRST_LINES:-LAST_LINES] = [f"... {left_out} lines, {chars} characters left out ..."]
    return "\n".join(f"    | {line}" for line in shown)


def _middle_left_out(line: str) -> str:
    half = LINE_SHOWN // 2
    return f"{line[:half]} ... {len(line) - 2 * half} characters left out ... {line[-half:]}"


# Hints


def missing_hints(
    wanted: list[str] | list[bytes], came: str | bytes, *, exact: bool, passed: bool, lost: int
) -> list[str]:
    """What may have gone wrong. ``exact``: ``wanted`` is plain text; ``passed``: it was read before without having
    been waited for; ``lost``: bytes that the port had no room for.
    """
    text, hints = _as_text(came), []
    if lost:
        hints.append(f"{lost} bytes were lost before: nobody read them in time")
    if passed:
        hints.append("it came earlier: a call before this one read it, on the way to what that call was to read")
    for pattern in map(_as_text, wanted):
        literal = pattern if exact else re.sub(r"\\(.)", r"\1", _NO_LITERAL.sub("", pattern))
        if pattern in text and pattern != literal:
            hints.append(f"{pattern!r} came letter for letter, but it is a regular expression: use expect_exact()")
        elif near := nearest_line(literal, text):
            hints.append(f"nearest to {pattern!r}: {near!r}")
    return hints


def _as_text(data: str | bytes) -> str:
    return data if isinstance(data, str) else plain_text(data)


def nearest_line(literal: str, text: str) -> str:
    """The line of ``text`` that has most of ``literal`` in it, upper and lower case the same; "" if none has enough."""
    best, score = "", SIMILAR
    matcher = SequenceMatcher(None, b=literal.casefold(), autojunk=False)
    for line in text.split("\n")[-COMPARED_LINES:]:
        matcher.set_seq1(line[:COMPARED_CHARS].casefold())
        common = sum(block.size for block in matcher.get_matching_blocks() if block.size >= FRAGMENT)
        if literal and common / len(literal) > score:
            best, score = line, common / len(literal)
    return best.strip()


# The board


def _board_text(board: Board) -> list[str]:
    kernel = board.kernel
    parts = _typed_text(board)
    if kernel.panic is not None:
        parts.append(f"the board has crashed: {kernel.panic}")
    elif kernel.closed:
        parts.append("the board is off")
    else:
        parts.append(waits_text(kernel))
    return parts


def _typed_text(board: Board) -> list[str]:
    """The shell's last prompt, with what was typed at it, and the last line that was sent."""
    log = board.uart.log
    prompt = str(board.config["NSH_PROMPT_STRING"]).encode()
    asked, typed = log.last(prompt + PROMPT_END), log.last(sent=True)
    begin = asked.data.rfind(prompt + PROMPT_END) if asked else 0
    return [_line("last prompt", asked, begin), _line("last typed", typed, 0)]


def _line(what: str, line: LogLine | None, begin: int) -> str:
    if line is None:
        return f"{what}: none"
    text = printable(plain_text(bytes(line.data[begin:])).encode())
    return f"{what}, at {line.time / NS:.6f} s: {text}"
