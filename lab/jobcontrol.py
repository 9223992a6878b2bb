"""The terminal of a command that a shell may stop and let go on (Ctrl-Z elsewhere, ``kill -TSTP``; ``fg``)."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stoppable(fd: int) -> Iterator[None]:
    """While the process is stopped the terminal is as it was before; then it is again as the process had made it.

    Shells see to the first, but many leave out the second. What is no terminal is left alone.
    """
    if not os.isatty(fd) or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield
        return
    before = termios.tcgetattr(fd)

    def stop(signum: int, _frame: FrameType | None) -> None:
        ours = termios.tcgetattr(fd)
        termios.tcsetattr(fd, termios.TCSANOW, before)
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)  # returns when the process goes on
        signal.signal(signum, stop)
        termios.tcsetattr(fd, termios.TCSANOW, ours)

    old = signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, old)
