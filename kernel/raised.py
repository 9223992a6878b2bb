"""What follows when code on a board raises what nobody catches, or never returns: the log and the reports say so.

A handler that raises takes the board with it, see kernel/assertion.py. The rest goes on.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from kernel.core import lib
from kernel.errors import Hang, board_trace, describe
from kernel.syslog import LOG_CRIT, LOG_ERR

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.task import Task
    from kernel.wqueue import Work, WorkQueue


def task_raised(task: Task, error: BaseException) -> None:
    """A task dies of an exception. That it never entered the kernel again is the host's error, too."""
    kernel = task.kernel
    text = "".join(traceback.format_exception(error))
    kernel.syslog.log(LOG_ERR, f"{task.name}[{task.pid}]: died of {describe(error)}\n{board_trace(error)}")
    kernel.report(f"task {task.name} (pid {task.pid}) raised {describe(error)}\n{text}", log=False)
    if isinstance(error, Hang) and not kernel.closed:
        kernel.clock.give_up(_spun(f"task {task.name} (pid {task.pid})", error))


def work_raised(kernel: Kernel, queue: WorkQueue, work: Work, error: BaseException) -> None:
    """A work item raised: its worker goes on, but what it left locked stays locked."""
    text = "".join(traceback.format_exception(error))
    held = kernel.held_by(lib.board_current(kernel.board))
    tail = f"; its worker still holds {', '.join(held)}" if held else ""
    kernel.syslog.log(LOG_CRIT, f"{queue.name}: {work.name} raised {describe(error)}{tail}\n{board_trace(error)}")
    kernel.report(f"work {work.name} on {queue.name} raised {describe(error)}{tail}\n{text}", log=False)
    if isinstance(error, Hang):
        kernel.clock.give_up(_spun(f"work {work.name} on {queue.name}", error))


def handler_hung(kernel: Kernel, line: int | None, error: Hang) -> Hang:
    """A handler never returned and was stopped. Its line is masked from here on.

    Returns the error for the host. ``line``: None for a watchdog's function.
    """
    what = "a watchdog's function" if line is None else f"the handler of line {line}, now masked,"
    if line is not None:
        lib.up_disable_irq(kernel.board, line)
    text = f"{what} ran on without returning and was stopped:\n{_where(error)}"
    kernel.report(text)
    return Hang(text)


def _spun(what: str, error: Hang) -> Hang:
    """The error for the host when its watchdog had to stop something."""
    return Hang(f"{what} ran on without entering the kernel and was stopped:\n{_where(error)}")


def _where(error: Hang) -> str:
    return "".join(traceback.format_exception(error)[-4:])
