"""What can go wrong with a board as a whole, as the host sees it."""

from __future__ import annotations

import traceback
from types import FrameType

from greenlet import GreenletExit


def describe(error: BaseException) -> str:
    """repr(), also of an exception whose own raises."""
    try:
        return repr(error)
    except Exception:
        return f"{type(error).__name__}(...)"


def board_trace(error: BaseException) -> str:
    """The traceback as the board's log has it: paths are cut to two parts, so that it is the same on every machine."""
    trace = traceback.TracebackException.from_exception(error)
    link: traceback.TracebackException | None = trace
    while link is not None:
        for frame in link.stack:
            _ = frame.line  # is looked up by the whole path, once
            frame.filename = "/".join(frame.filename.split("/")[-2:])
        link = link.__cause__ or link.__context__
    return "".join(trace.format())


class BenchError(Exception):
    """Base of the errors that a call into a bench raises."""


class Livelock(BenchError):
    """A task entered the kernel again and again without time moving."""


class Hang(BenchError):
    """Code on the board ran on without entering the kernel at all, until the host's watchdog stopped it."""


class Panic(BenchError):
    """The board crashed: an interrupt handler or the kernel itself raised. The cause is chained."""


class ContextError(BenchError):
    """A call that has to wait was made where nobody can: in an interrupt handler, in the idle task, by the host."""


class AssertionFailed(BaseException):
    """Unwinds an interrupt handler in which an assertion failed, at ``frame``; no handler's business to catch."""

    def __init__(self, text: str, frame: FrameType) -> None:
        super().__init__(text)
        self.text = text
        self.frame = frame


class TaskExit(GreenletExit):
    """Unwinds a task that calls exit() or was killed."""


class BoardClosed(GreenletExit):
    """Unwinds the tasks of a board that is being closed."""
