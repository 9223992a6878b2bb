"""Waiting for what a board prints, in virtual time: the console's port, with what pexpect's users know.

Patterns are regular expressions, as text or as bytes. Text patterns see what a person would read (lab/heard.py): no
escape sequences, ``\\n`` for CR LF. Byte patterns see what came. ``^`` and ``$`` are the ends of a line.

Output comes in pieces. A match that ends where the output has got to might become longer, or none, so it counts only
when nothing more has come for a moment (a virtual millisecond, longer on a slow line); expect_exact() need not wait.

What a match took, and what came before it, is read; the rest stays for the next call or for ``read()``. When a wait
fails nothing is taken, and the exception tells what is known: lab/expectreport.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, AnyStr, Generic, TypeAlias, cast

from kernel.clock import Event
from kernel.errors import Panic
from lab.console import ConsolePort
from lab.expectreport import PROMPT_END, Wait, came_report, missing_hints, missing_report
from lab.heard import Heard, plain_text

if TYPE_CHECKING:
    from board.board import Board

ENTER = "\r"
SETTLE_NS = 1_000_000
PAST_LIMIT = 1 << 16  # bytes that were read already and that a failure still knows about

Wanted: TypeAlias = AnyStr | re.Pattern[AnyStr] | Sequence[AnyStr | re.Pattern[AnyStr]]


class ExpectError(AssertionError):
    """The console did not do what was expected of it."""


class ExpectTimeout(ExpectError, TimeoutError):
    """What was expected did not come."""


@dataclass(frozen=True)
class Found(Generic[AnyStr]):
    """A match. ``index``: which of the patterns it was; ``before``: what came before it and was not read yet.

    ``start`` and ``end``: where it was in the bytes that were not read yet; ``is_inside``: more came behind it.
    """

    index: int
    before: AnyStr
    match: re.Match[AnyStr]
    start: int
    end: int
    is_inside: bool

    @property
    def text(self) -> AnyStr:
        """All that matched."""
        return self.match[0]

    def __getitem__(self, group: int | str) -> AnyStr | Any:
        return self.match[group]

    def groups(self) -> tuple[AnyStr | Any, ...]:
        """The groups of the pattern that matched."""
        return self.match.groups()


class ExpectPort(ConsolePort):
    """A port on a board's console that can wait for text.

    ``strip_ansi``: text patterns do not see escape sequences. A ``timeout`` that is not given is the port's own; 0
    looks at what has come already. In lockstep a wait is over at once when nothing can ever happen any more.
    """

    def __init__(self, board: Board, *, strip_ansi: bool = True, **settings: Any) -> None:
        self.strip_ansi = strip_ansi
        self._board = board
        self._past = bytearray()  # read since something was last typed, without having matched; its end
        super().__init__(board.uart, board.name, **settings)

    @property
    def prompt(self) -> bytes:
        """The shell's prompt as it comes on the line."""
        return str(self._board.config["NSH_PROMPT_STRING"]).encode() + PROMPT_END

    def open(self) -> None:
        """See :meth:`lab.console.ConsolePort.open`."""
        super().open()
        self._opened = self._clock.now_ns

    # Waiting

    def expect(self, pattern: Wanted[AnyStr], timeout: float | None = None) -> Found[AnyStr]:
        """Waits until the pattern matches, or one of several: of those that do, the one that begins first.

        Raises ExpectTimeout, ValueError and TypeError for patterns that are none, and what goes wrong on the board.
        """
        __tracebackhide__ = True
        patterns = _compiled(pattern)
        return self._expect(patterns, [one.pattern for one in patterns], timeout, exact=False)

    def expect_exact(self, text: AnyStr | Sequence[AnyStr], timeout: float | None = None) -> Found[AnyStr]:
        """The same for text that stands for itself."""
        __tracebackhide__ = True
        texts: list[AnyStr] = _listed(text, str, bytes)
        return self._expect([re.compile(re.escape(one)) for one in texts], texts, timeout, exact=True)

    def expect_prompt(self, timeout: float | None = None) -> str:
        """Waits for the shell's prompt; returns the text that came before it."""
        __tracebackhide__ = True
        return plain_text(self.expect_exact(self.prompt, timeout).before)

    def expect_none(self, pattern: Wanted[AnyStr], seconds: float) -> None:
        """Lets ``seconds`` pass, in which nothing may match, nor in what came before and was not read. Reads nothing.

        Raises ExpectError as soon as something does.
        """
        __tracebackhide__ = True
        patterns = _compiled(pattern)
        found, wait = self._look(patterns, seconds)
        if found is not None:
            came = self._text(found.text, bytes(self._in[: found.end]))
            raise ExpectError(came_report(self._board, found.text, patterns[found.index].pattern, came, wait))

    # Typing

    def write(self, b: Any, /) -> int:
        """See :meth:`lab.console.ConsolePort.write`."""
        self._past.clear()
        return super().write(b)

    def sendline(self, line: str | bytes = "") -> None:
        """Types a line and presses Enter."""
        self.write((line.encode() if isinstance(line, str) else line) + ENTER.encode())

    def command(self, line: str, timeout: float | None = None) -> str:
        """Types a command at the shell; returns what came between its echo and the next prompt.

        The shell has to be the one that reads. Output that was not read yet is dropped. Whether the command succeeded
        is known by ``command("echo $?")``. Raises ExpectTimeout, and ValueError for what is no line of the shell's.
        """
        __tracebackhide__ = True
        most = self._board.config.number("LINE_MAX") - 2  # the line editor ends a longer one by itself
        if not line.isprintable() or len(line.encode()) > most:
            raise ValueError(f"command: {line!r} is not one line of at most {most} printable characters")
        self.reset_input_buffer()
        self.sendline(line)
        self.expect_exact(f"{line}\n", timeout)
        return self.expect_prompt(timeout)

    # How

    def _expect(
        self, patterns: list[re.Pattern[AnyStr]], wanted: list[AnyStr], timeout: float | None, *, exact: bool
    ) -> Found[AnyStr]:
        """``wanted``: the patterns as they were given."""
        __tracebackhide__ = True
        found, wait = self._look(patterns, self.timeout if timeout is None else timeout, exact=exact)
        if found is None:
            came, past = self._text(wanted[0], bytes(self._in)), self._text(wanted[0], bytes(self._past))
            passed = any(pattern.search(past) for pattern in patterns)
            names = " or ".join(map(repr, wanted))
            hints = missing_hints(wanted, came, exact=exact, passed=passed, lost=self.lost)
            if not passed and self._came_unheard(patterns, wanted[0]):
                hints.append("it came before this port was opened: an Enter, sendline(), gets a new prompt")
            raise ExpectTimeout(missing_report(self._board, names, came, hints, wait))
        self._take(found.start)
        super()._take(found.end - found.start)
        return found

    def _look(
        self, patterns: list[re.Pattern[AnyStr]], timeout: float | None, *, exact: bool = False
    ) -> tuple[Found[AnyStr] | None, Wait]:
        """Waits for a match; returns it, or None, and how the wait went. ``exact``: no match can become longer."""
        __tracebackhide__ = True
        self._check_open()
        clock = self._clock
        clock.require_host("wait for its own console")
        until = None if timeout is None else clock.until(timeout)
        wait = Wait(clock.now_ns, timeout, clock.live)
        heard = Heard(strip_ansi=self.strip_ansi)
        crash: Panic | None = None
        data, found, settled = b"", None, 0
        while True:
            if len(self._in) != len(data):
                data = bytes(self._in)
                heard.add(data)
                found = _search(patterns, heard, data)
                settled = clock.now_ns + self._settle_ns
            if found is not None and (exact or found.is_inside):
                return found, wait
            limit = until if found is None else settled if until is None else min(until, settled)
            try:
                if not self._go_on(limit, wait):
                    break
            except Panic as panic:  # what it printed last may still be on the line
                if panic is not self._board.kernel.panic:
                    raise
                crash = panic
        heard.finish(data)
        found = _search(patterns, heard, data)
        if found is None and crash is not None:
            raise crash
        return found, wait

    @property
    def _settle_ns(self) -> int:
        """After so long a pause the board has no more to say for now: it fills its FIFO as soon as that is empty."""
        uart = self._board.uart
        return SETTLE_NS + 2 * uart.fifo * uart.char_ns

    def _go_on(self, until: int | None, wait: Wait) -> bool:
        """Lets the board run until something happens on the line; False when the wait is over."""
        clock = self._clock
        wait.cancelled = self._cancelled
        wait.quiet_ns = None
        if until is None or wait.cancelled:
            more = self._wait(until)
            if not more and not wait.cancelled:
                wait.quiet_ns = clock.now_ns
            return more
        if clock.now_ns < until:
            with self._alarm(until):
                if self._wait(None):
                    return True
            wait.quiet_ns = clock.now_ns
        return wait.timeout != 0 and self._wait(until)

    @contextmanager
    def _alarm(self, until: int) -> Iterator[None]:
        """Ends a wait that has no deadline at ``until``: such a one notices when nothing can happen any more."""
        event = Event(self._clock, self._clock.wake, housekeeping=True)
        event.at(until)
        try:
            yield
        finally:
            event.free()

    def reset_input_buffer(self) -> None:
        """See :meth:`lab.console.ConsolePort.reset_input_buffer`."""
        self._remember(self._in)
        super().reset_input_buffer()

    def _take(self, n: int) -> bytes:
        data = super()._take(n)
        self._remember(data)
        return data

    def _remember(self, data: bytes | bytearray) -> None:
        self._past += data
        del self._past[:-PAST_LIMIT]

    def _came_unheard(self, patterns: list[re.Pattern[AnyStr]], kind: AnyStr) -> bool:
        """Whether a pattern matches what the board sent before this port listened."""
        before = self._text(kind, self._board.uart.log.output(self._opened))
        return any(pattern.search(before) for pattern in patterns)

    def _text(self, kind: AnyStr, data: bytes) -> AnyStr:
        """``data`` as patterns of that kind see it."""
        if isinstance(kind, bytes):
            return data
        heard = Heard(strip_ansi=self.strip_ansi)
        heard.finish(data)
        return heard.text


def open_expect(board: Board, **settings: Any) -> ExpectPort:
    """A port on a board's console; closed with its bench. ``settings``: those of :class:`ExpectPort` and pyserial."""
    port = ExpectPort(board, **settings)
    board.bench.close_with(port)
    return port


def _listed(pattern: Any, *kinds: type) -> list[Any]:
    """The patterns, of which one may stand alone. Raises ValueError if there are none, TypeError for mixed ones."""
    alone = isinstance(pattern, kinds) or not isinstance(pattern, Sequence)
    patterns = [pattern] if alone else list(pattern)
    if not patterns:
        raise ValueError("nothing is expected: give a pattern")
    found = {type(one.pattern if isinstance(one, re.Pattern) else one) for one in patterns}
    if found not in ({str}, {bytes}) or not all(isinstance(one, kinds) for one in patterns):
        raise TypeError(f"{pattern!r} cannot be expected: patterns are all text or all bytes")
    return patterns


def _compiled(pattern: Wanted[AnyStr]) -> list[re.Pattern[AnyStr]]:
    patterns = _listed(pattern, str, bytes, re.Pattern)
    return [one if isinstance(one, re.Pattern) else re.compile(one, re.MULTILINE) for one in patterns]


def _search(patterns: list[re.Pattern[AnyStr]], heard: Heard, data: bytes) -> Found[AnyStr] | None:
    """The match that begins first; of equals that of the first pattern."""
    is_text = isinstance(patterns[0].pattern, str)
    where = cast(AnyStr, heard.text if is_text else data)
    matches = [(m.start(), i, m) for i, pattern in enumerate(patterns) if (m := pattern.search(where)) is not None]
    if not matches:
        return None
    start, index, match = min(matches, key=lambda found: found[:2])
    end = match.end()
    in_bytes = (heard.end(start), heard.end(end)) if is_text else (start, end)
    return Found(index, where[:start], match, *in_bytes, is_inside=end < len(where))
