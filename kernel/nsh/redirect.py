"""Where a command's standard streams go: ``>``, ``>>``, ``<``, ``2>``, ``2>>``, ``2>&1``, and the ends of pipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import O_APPEND, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY

from kernel.fs.openfile import STDERR, STDIN, STDOUT, OpenFile

REPLACE, APPEND = O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND

OPERATORS = (
    (">>", STDOUT, APPEND),
    (">", STDOUT, REPLACE),
    ("<", STDIN, O_RDONLY),
    ("2>>", STDERR, APPEND),
    ("2>", STDERR, REPLACE),
)
"""What a word may begin with, the descriptor that it is about, and how the file is opened; the longest first."""

JOINED = "2>&1"


@dataclass(frozen=True)
class Target:
    """A file that is still to be opened."""

    path: str
    flags: int


class Redirects:
    """The streams of one command that are not the shell's. The last word about a stream counts."""

    def __init__(self) -> None:
        self.targets: dict[int, Target] = {}
        self.joined = False
        self.pipe_in: OpenFile | None = None
        self.pipe_out: OpenFile | None = None

    def add(self, operator: tuple[str, int, int], path: str) -> None:
        """``operator``: one of OPERATORS."""
        _, fd, flags = operator
        self.targets[fd] = Target(path, flags)

    def open(
        self, opener: Callable[[str, int], OpenFile], stdout: OpenFile | None, *, errors: bool = True
    ) -> dict[int, OpenFile]:
        """Opens everything, by descriptor; ``stdout``: what standard output is without redirection.

        ``errors``: standard error too; NuttX does that for the shell's own commands, and not for applications. Raises
        OSError, and then nothing is open.
        """
        files: dict[int, OpenFile] = {}
        if self.pipe_in is not None:
            files[STDIN] = self.pipe_in.dup()
        if self.pipe_out is not None:
            files[STDOUT] = self.pipe_out.dup()
        try:
            for fd in (STDOUT, STDIN, STDERR) if errors else (STDOUT, STDIN):
                target = self.targets.get(fd)
                if target is None:
                    continue
                file = opener(target.path, target.flags)
                if fd in files:
                    files[fd].close()
                files[fd] = file
        except BaseException:
            for file in files.values():
                file.close()
            raise
        out = files.get(STDOUT, stdout)
        if errors and self.joined and STDERR not in files and out is not None:
            files[STDERR] = out.dup()
        return files

    def close(self) -> None:
        """The shell lets go of the pipes' ends."""
        for end in (self.pipe_in, self.pipe_out):
            if end is not None:
                end.close()
        self.pipe_in = self.pipe_out = None


def operator_of(word: str) -> tuple[str, int, int] | None:
    """The operator that a word begins with."""
    return next((operator for operator in OPERATORS if word.startswith(operator[0])), None)
