"""The command ``nutloop console``: pyserial's own terminal, miniterm, on any console that pyserial can open."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from urllib.parse import quote, urlsplit

from serial.tools import miniterm

from board.config import profile_names
from kernel.errors import BenchError
from lab.jobcontrol import stoppable
from lab.run import NoStart
from lab.serialurl import NEW

BAUD = 115200
FATAL = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OPTIONS = ("--raw", "--eol", "CR")  # as a terminal on a serial line: nothing is translated, Enter is CR


def port_name(where: str) -> str:
    """What to open for ``where``: a URL of pyserial's, the path of a device, or a profile, of which a board is made.

    A new board runs by itself, since miniterm has threads. Raises NoStart for a board of another process, and for one
    that there is not.
    """
    if "://" not in where and os.sep in where and not os.path.isfile(where):
        return where
    if "://" not in where:
        if where not in profile_names() and not os.path.exists(where):
            known = ", ".join(profile_names())
            raise NoStart(f"no board {where!r}: give one of {known}, the path of a .config or device, or a URL")
        return f"nutloop://{NEW}/{quote(where)}?live=1"
    parts = urlsplit(where)
    if parts.scheme.lower() != "nutloop":
        return where
    if parts.netloc != NEW:
        raise NoStart(
            f"{where}: a board of another process has to offer its console, `nutloop run --console pty` or "
            "`--console rfc2217`; nutloop://new/PROFILE makes one"
        )
    return parts._replace(query=f"{parts.query}&live=1".lstrip("&")).geturl()


def run_miniterm(where: str, options: Sequence[str]) -> int:
    """Runs miniterm until the user leaves it, with Ctrl-]; returns its exit status: 1 if it could not open the port.

    ``options``: miniterm's, instead of ours. Raises NoStart, and BenchError if the port goes away meanwhile, or for a
    fault of the new board's bench.
    """
    try:
        name = port_name(where)
        if not os.isatty(0):
            raise NoStart("miniterm needs a terminal; `nutloop run` takes a pipe")
        arguments = _arguments("nutloop console", *(options or OPTIONS))
        with _given_back(0), stoppable(0), arguments, _losses() as losses:
            miniterm.main(default_port=name, default_baudrate=BAUD)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except ConnectionError as error:
        raise NoStart(f"{where} hung up at once: is somebody else on it? ({error.strerror})") from error
    except ValueError as error:
        raise NoStart(f"{where}: {error}") from error
    if losses:
        raise BenchError(f"{where} has gone: {losses[0]}")
    return 0


@contextmanager
def _losses() -> Iterator[list[BaseException]]:
    """Collects how miniterm's threads lose the port, which would be a traceback of each; pyserial raises OSErrors."""
    losses: list[BaseException] = []
    before = threading.excepthook

    def hook(what: threading.ExceptHookArgs) -> None:
        if isinstance(what.exc_value, OSError):
            losses.append(what.exc_value)
        else:
            before(what)

    threading.excepthook = hook
    try:
        yield losses
    finally:
        threading.excepthook = before


@contextmanager
def _given_back(fd: int) -> Iterator[None]:
    """A signal that ends this process puts the terminal back as it was: miniterm only does so at its own end."""
    attributes = termios.tcgetattr(fd)

    def die(signum: int, _frame: FrameType | None) -> None:
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)

    heeded = [signum for signum in FATAL if signal.getsignal(signum) is not signal.SIG_IGN]
    before = [signal.signal(signum, die) for signum in heeded]
    try:
        yield
    finally:
        for signum, handler in zip(heeded, before, strict=True):
            signal.signal(signum, handler)


@contextmanager
def _arguments(*argv: str) -> Iterator[None]:
    """miniterm knows no other place to look for its options."""
    before, sys.argv = sys.argv, list(argv)
    try:
        yield
    finally:
        sys.argv = before
