"""Modules that stand in for Python's own, for programs that were written for a host.

``from kernel.bsd import select, socket, time`` instead of ``import select, socket, time``, and the program runs on a
board. Which board that is they know from the task that calls them; called outside of a task they raise RuntimeError.
"""

from __future__ import annotations

from kernel.syscalls import Sys
from kernel.task import this_task


def system() -> Sys:
    """The system calls of the task that runs. Raises RuntimeError outside of a task."""
    task = this_task()
    if task is None:
        raise RuntimeError("this is no task of a board: start the program with board.spawn() or sys.spawn()")
    facade: Sys = task.facade
    return facade
