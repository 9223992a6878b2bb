"""Looks after ``nutloop run``: ends what is over and what cannot go on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kernel.clock import NS, Event
from kernel.fs.openfile import STDIN
from lab.state import waiters
from lab.tap import Tap

if TYPE_CHECKING:
    from board.board import Board
    from kernel.task import Task
    from lab.stdio import StdioConsole

LOOK_NS = NS // 4
SHELL = "nsh_main"


class RunWatch:
    """Looks at a live board four times a second.

    The run ends as a shell script does: when the shell has ended, or when its standard input has and it is back at its
    prompt. If then a program still waits for input, the run has failed. ``console``: the one on standard input, if
    there is one. ``failure``: why the run cannot go on; empty while it can.
    """

    def __init__(self, board: Board) -> None:
        self.console: StdioConsole | None = None
        self.failure = ""
        self._board = board
        self._stopped = False
        self._seen = b""  # of the console when it was last looked at
        self._event = Event(board.bench.clock, self._look, housekeeping=True)
        self._event.at(board.now_ns + LOOK_NS)

    @property
    def over(self) -> bool:
        """Whether the run ends here."""
        return self._stopped or (self.console is not None and self.console.quit)

    def stop(self) -> None:
        """Ends the run. May be called by a signal handler."""
        self._stopped = True
        if self.console is not None:
            self.console.leave()  # it may be waiting for whoever reads its output
        self._board.bench.clock.wake()

    @contextmanager
    def stopped_by(self, *signums: int) -> Iterator[None]:
        """These signals end the run, however often they come; one that is ignored, as a shell's background jobs ignore
        Ctrl-C, stays so.
        """
        heeded = [signum for signum in signums if signal.getsignal(signum) is not signal.SIG_IGN]
        before = [signal.signal(signum, lambda *_: self.stop()) for signum in heeded]
        try:
            yield
        finally:
            for signum, handler in zip(heeded, before, strict=True):
                signal.signal(signum, handler)

    def _look(self) -> None:
        tap, kernel = self._board.eth0.tap, self._board.kernel
        if isinstance(tap, Tap) and tap.gone:
            self.failure = f"TAP {tap.name} has disappeared; who deleted it?"
            self.stop()
            return
        if kernel.booted and not kernel.closed and (self._shell_ended() or self._input_ended()):
            self.stop()
            return
        self._event.at(self._board.now_ns + LOOK_NS)

    def _shell_ended(self) -> bool:
        return all(task.name != SHELL for task in self._board.kernel.tasks.by_pid.values())

    def _input_ended(self) -> bool:
        """Whether nobody can type any more, and all that was typed has been done, as far as it can be.

        It has if somebody reads the console and nothing has come from it for a while: the input may end in a command
        that the shell has yet to read.
        """
        before, self._seen = self._seen, self._board.uart.log.output()
        if self.console is None or not self.console.ended or self._seen != before:
            return False
        kernel = self._board.kernel
        readers = waiters(kernel, f"input on {self._board.uart.name}")
        if readers and not any(_at_prompt(task) for task in readers):
            self.failure = f"the input has ended, and what runs in the foreground ({readers[0].name}) waits for more"
        return bool(readers)


def _at_prompt(task: Task) -> bool:
    """Whether a task that reads the console is a shell that waits for a command."""
    stdin = task.files.get(STDIN)
    return stdin is not None and stdin.edited
