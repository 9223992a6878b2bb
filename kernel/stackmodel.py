"""How much of its stack a task has used: a model, because a Python program has no board stack to measure.

See docs/stack-model.md. It depends only on what the task is and has done, never on the host's Python, so that the same
run prints the same numbers everywhere. The figures are those of NuttX's simulator, a 64-bit machine; other
architectures get five eighths of them. Nothing on the board overflows a stack.
"""

from __future__ import annotations

TLS = 80  # thread-local data at the bottom of each stack, bytes
START = 480  # start code and the task's entry
WAIT = 80  # blocking in the kernel
CALLS = 1008  # the deepest system call of a program: a socket or console call
PROGRAM = 320  # a program's own code
SHELL = 1208  # the shell's, which parses and formats
WORK = 1264  # running a work item
BOOT = 4152  # the idle task: the kernel was started on its stack


def stack_size(allocated: int, argv: list[str], *, wide: bool) -> int:
    """What is left of ``allocated`` bytes for the program: thread-local data and the arguments live there too.

    ``wide``: pointers have 8 bytes.
    """
    frame = sum(len(word) + 1 for word in argv) + (8 if wide else 4) * (len(argv) + 1) if argv else 0
    return max(0, allocated - scale(TLS, wide=wide) - -(-frame // 16) * 16)


def scale(used: int, *, wide: bool) -> int:
    """A figure of the 64-bit simulator for the board's own architecture, in whole words of 8 bytes."""
    return used if wide else used * 5 // 8 // 8 * 8


def idle_used() -> int:
    """The idle task."""
    return BOOT + WAIT


def worker_used(items_run: int) -> int:
    """A worker of a work queue: it has waited, and perhaps run items."""
    return START + WAIT + (WORK if items_run else 0)


def program_used(*, shell: bool) -> int:
    """A program that has begun: its own code and the deepest system call."""
    return START + CALLS + (SHELL if shell else PROGRAM)
