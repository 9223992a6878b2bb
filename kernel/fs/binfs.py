"""binfs: the built-in programs as files that cannot be read, only run (NuttX's fs/binfs)."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EACCES
from os import O_ACCMODE, O_RDONLY

from kernel.fs.node import Directory, File, Listing, OpenText
from kernel.fs.openfile import OpenFile


class Program(File):
    """A built-in program."""

    mode = 0o111

    def open(self, path: str, flags: int) -> OpenFile:
        """Raises OSError (EACCES) for writing. Nothing can be read: the code is in flash, not in a file."""
        if flags & O_ACCMODE != O_RDONLY:
            raise OSError(EACCES, f"open {path}: a built-in program cannot be written")
        return OpenText(path, flags, b"")


class BinDirectory(Listing):
    """The root."""

    def create(self, name: str, mode: int) -> File:
        """Raises OSError (EACCES)."""
        raise OSError(EACCES, f"open {name}: nothing can be written there")


def binfs(names: Iterable[str]) -> Directory:
    """Its root, with the programs that ``names`` has whenever somebody looks."""
    return BinDirectory(lambda: {name: Program() for name in sorted(names)}, "binfs", 0o555)
