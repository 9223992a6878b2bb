"""How much of its stack a task has used: a model, because a Python program has no board stack to measure.

See docs/stack-model.md. It depends only on what the task is and has done, never on the host's Python, so that the same
run prints the same numbers everywhere. Nothing on the board overflows a stack.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Bytes of stack on one kind of machine."""

    pointer: int
    tls: int  # thread-local data at the bottom of each stack
    start: int  # start code and the task's entry
    wait: int  # blocking in the kernel
    calls: int  # the deepest call into the kernel that a program makes: socket or console
    program: int  # a program's own code
    shell: int  # the shell's, which parses and formats
    work: int  # running a work item
    boot: int  # the idle task: the kernel was started on its stack

    def idle(self) -> int:
        """Used by the idle task."""
        return self.boot + self.wait

    def worker(self, items: int) -> int:
        """Used by a worker of a work queue, which has run ``items`` items."""
        return self.start + self.wait + (self.work if items else 0)

    def task(self, *, shell: bool) -> int:
        """Used by a program that has begun."""
        return self.start + self.calls + (self.shell if shell else self.program)

    def size(self, allocated: int, argv: list[str]) -> int:
        """What is left of ``allocated`` bytes: thread-local data and the arguments live on the stack too."""
        frame = sum(len(word) + 1 for word in argv) + self.pointer * (len(argv) + 1) if argv else 0
        return max(0, allocated - self.tls - -(-frame // 16) * 16)


WIDE = Figures(pointer=8, tls=80, start=480, wait=80, calls=624, program=320, shell=1592, work=1264, boot=4152)
NARROW = Figures(pointer=4, tls=48, start=240, wait=56, calls=424, program=160, shell=592, work=640, boot=376)


def figures(arch: str) -> Figures:
    """Those of an architecture, by its Kconfig name."""
    return WIDE if arch in ("sim", "arm64", "x86_64") else NARROW
