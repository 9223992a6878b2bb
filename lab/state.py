"""What a board is doing, as text for people: who waits for what and since when, who holds the IOBs, what is queued."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Container
from typing import TYPE_CHECKING

from kernel.core import lib, numbers
from kernel.wqueue import HPWORK, LPWORK
from lab.sockstate import iob_holders, socket_of

if TYPE_CHECKING:
    from board.board import Board
    from kernel.kernel import Kernel
    from kernel.task import Task

NS = 1_000_000_000
STATES = ("Inactive", "Ready", "Running", "Waiting", "Stopped")  # enum task_state
WAIT_SEM, WAIT_MUTEX = 1, 2  # enum wait_kind; whoever waits for a signal sleeps
NOBODY = -1
NIRQS = 32
NO_HANDLER = "no handler"
ENTRY = ("kernel/task.py", "kernel/clock.py")  # how any task starts and waits
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def state_text(board: Board) -> str:
    """Tasks, locks, IOBs, work queues, interrupt lines and counters of a board, now. Says so if the board is closed."""
    kernel = board.kernel
    if kernel.gone:
        return f"{board.name}: the board is closed\n"
    parts = [f"{board.name} at {board.now:.9f} s", tasks_text(kernel), locks_text(kernel), iobs_text(kernel)]
    parts += [queues_text(kernel), irqs_text(kernel), counters_text(board)]
    return "\n".join(part for part in parts if part)


def tasks_text(kernel: Kernel, without: Container[int] = ()) -> str:
    """Every task but those: state, since when, what it waits for, and the Python frames it stands in, innermost last.

    ``without``: pids.
    """
    lines = ["  PID PRI STATE    SINCE/s        COMMAND"]
    for pid in sorted(kernel.tasks.by_pid):
        if pid in without:
            continue
        task = kernel.tasks.by_pid[pid]
        v = kernel.task_numbers(pid)
        since = f"{v[11] / NS:14.9f}" if STATES[v[1]] == "Waiting" else " " * 14
        wait = _wait(kernel, task, v)
        lines.append(f"{pid:5} {v[2]:3} {STATES[v[1]]:<8} {since} {task.name}{': ' + wait if wait else ''}")
        stack = _stack(task)
        if stack:
            lines.append(f"{'':10}in {stack}")
    return "\n".join(lines)


def waits_text(kernel: Kernel) -> str:
    """The tasks that may hold something up, what they wait for, and the locks that are held."""
    tasks = "tasks, but for work queues that have nothing to do:\n" + tasks_text(kernel, without=idle_workers(kernel))
    return "\n".join(part for part in (tasks, locks_text(kernel)) if part)


def idle_workers(kernel: Kernel) -> set[int]:
    """Pids of the work queues' workers that have nothing to do."""
    idle: set[int] = set()
    for queue in kernel.queues.values():
        for task, item in zip(queue.workers, queue.info()["running"], strict=True):
            if item is None and task.alive and kernel.task_numbers(task.pid)[4] == WAIT_SEM:
                idle.add(task.pid)
    return idle


def waiters(kernel: Kernel, what: str) -> list[Task]:
    """The tasks that wait at a semaphore of that name, such as ``input on ttyS0``."""
    waiting = []
    for pid, task in sorted(kernel.tasks.by_pid.items()):
        v = kernel.task_numbers(pid)
        if STATES[v[1]] == "Waiting" and v[4] == WAIT_SEM and kernel.sem_names.get(v[5]) == what:
            waiting.append(task)
    return waiting


def _wait(kernel: Kernel, task: Task, v: list[int]) -> str:
    kind, number, holder = v[4:7]
    if STATES[v[1]] != "Waiting":
        return ""
    if kind == WAIT_MUTEX:
        name = kernel.mutex_names.get(number, f"mutex {number}")
        if holder == NOBODY:
            return f"waits for {name}"
        owner = kernel.tasks.by_pid.get(holder)
        return f"waits for {name}, held by {owner.name if owner else 'a dead task'} (pid {holder})"
    if kind == WAIT_SEM:
        return f"waits for {kernel.sem_names.get(number, f'semaphore {number}')}{socket_of(kernel, number)}"
    return "sleeps"


def _stack(task: Task) -> str:
    frame = task.greenlet.gr_frame if task.greenlet is not None else None
    if frame is None:
        return ""
    calls = [(f.name, _short(f.filename), f.lineno) for f in traceback.extract_stack(frame)]
    return " > ".join(f"{name} ({path}:{line})" for name, path, line in calls if path not in ENTRY)


def _short(path: str) -> str:
    return os.path.relpath(path, ROOT) if path.startswith(ROOT + os.sep) else os.path.basename(path)


def locks_text(kernel: Kernel) -> str:
    """The mutexes that tasks hold; empty if none is held."""
    held = [(task, kernel.held_by(pid)) for pid, task in sorted(kernel.tasks.by_pid.items())]
    return "\n".join(f"{task.name} (pid {task.pid}) holds {', '.join(names)}" for task, names in held if names)


def iobs_text(kernel: Kernel) -> str:
    """How many buffers are free and who waits for one, then who has the others; what is wrong with the pool's books."""
    s = kernel.iobs.getstats()
    lines = [
        f"IOBs: {s.nfree} of {s.ntotal} free (at least {s.lowwater} always were), {s.nthrottle} for throttled callers; "
        f"waiting: {s.nwait} unthrottled, {s.throttle_wait} throttled"
    ]
    names = iob_holders(kernel)
    holders = Counter((holder.owner, holder.instance) for holder in kernel.iobs.ledger())
    for (owner, instance), n in sorted(holders.items()):
        lines.append(f"  {n:4} {owner.name.lower()} {names.get((owner, instance), instance)}")
    fault = kernel.iobs.check()
    return "\n".join(lines + ([f"  {fault}"] if fault else []))


def irqs_text(kernel: Kernel) -> str:
    """The interrupt lines that have a handler, or are requested although they have none."""
    lines = []
    for irq in range(NIRQS):
        enabled, requested, served = numbers(lib.irq_info, kernel.board, irq, n=3)
        name = kernel.irqs.name(irq)
        if name != NO_HANDLER or requested:
            state = ("" if enabled else "masked, ") + ("requested, " if requested else "")
            lines.append(f"irq {irq} {name}: {state}{served} served")
    return "\n".join(lines)


def queues_text(kernel: Kernel) -> str:
    """What each work queue runs and what waits in it."""
    lines = []
    for qid, queue in sorted(kernel.queues.items()):
        if qid == LPWORK and queue is kernel.queues.get(HPWORK):
            continue
        info = queue.info()
        running = ", ".join(name for name in info["running"] if name) or "nothing"
        queued = ", ".join(info["queued"]) or "nothing"
        lines.append(f"{queue.name}: runs {running}; queued: {queued}; {info['ran']} items done")
    return "\n".join(lines)


def counters_text(board: Board) -> str:
    """Counters of eth0 and its wire that are not 0."""
    counted = [f"{name} {value}" for name, value in board.eth0.counters.items() if value]
    return "eth0: " + (", ".join(counted) or "all counters are 0")
