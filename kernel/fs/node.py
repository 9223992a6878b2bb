"""What a path can name: the inodes that file systems are made of.

A file system is its root :class:`Directory`. One that can be written to overrides what makes and removes entries; what
it does not override fails with ENOSYS, as a NuttX file system without that operation does, whether the entry is there
or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from errno import EACCES, ENOENT, ENOSYS
from os import O_ACCMODE, O_RDONLY

from kernel.fs.openfile import OpenFile


class Node:
    """An inode. ``kind``: the letter that ls -l begins with; ``mode``: permission bits; ``unlinks``: unlink() works."""

    kind = "-"
    mode = 0o444
    unlinks = True

    def size(self) -> int:
        """Its bytes, as stat() tells them: 0 for what is made when it is read."""
        return 0

    def removed(self) -> None:
        """It has no name any more: what it takes on the heap goes back, once nobody has it open."""


class File(Node):
    """What can be opened."""

    def open(self, path: str, flags: int) -> OpenFile:
        """Raises OSError."""
        raise NotImplementedError


class KeptFile(File):
    """A file that takes memory until it has neither a name nor anybody who has it open; :meth:`_free` then."""

    def __init__(self) -> None:
        self._openers = 0
        self._has_name = True

    def opened(self) -> None:
        """One more has it open."""
        self._openers += 1

    def closed(self) -> None:
        """One who had it open has not any more."""
        self._openers -= 1
        self._look()

    def removed(self) -> None:
        """It has no name any more."""
        self._has_name = False
        self._look()

    def _look(self) -> None:
        if not self._has_name and self._openers == 0:
            self._free()

    def _free(self) -> None:
        """Gives back what it takes. Idempotent."""
        raise NotImplementedError


class Link(Node):
    """A symbolic link."""

    kind = "l"
    mode = 0o777

    def __init__(self, target: str) -> None:
        self.target = target

    def size(self) -> int:
        """The length of what it says."""
        return len(self.target)


@dataclass(frozen=True)
class Usage:
    """What statfs() tells: a block's size in bytes, and how many blocks there are and are free."""

    block: int = 0
    blocks: int = 0
    available: int = 0


class Directory(Node):
    """What holds others.

    ``fstype``: the name of its file system, as ``mount`` knows it. ``writable``: its entries can be changed.
    ``through_file``: the errno for a path that goes on behind something that is no directory.
    """

    kind = "d"
    fstype = ""
    writable = False
    through_file = ENOENT

    def entries(self) -> dict[str, Node]:
        """What is in it, in the order in which it is listed."""
        raise NotImplementedError

    def find(self, name: str) -> Node | None:
        """One entry, None if there is none of that name."""
        return self.entries().get(name)

    def open(self, path: str, flags: int) -> OpenFile:
        """What open() makes of the directory itself. Raises OSError."""
        raise OSError(ENOENT, f"open {path}: it is a directory")

    def create(self, name: str, mode: int) -> File:
        """Makes an empty file. Raises OSError."""
        raise OSError(ENOENT, f"open {name}: files cannot be made there")

    def attach(self, name: str, node: Node) -> None:
        """Makes something an entry: a device, a link, a pipe, or what was detached elsewhere. Raises OSError."""
        raise OSError(ENOSYS, f"{name} cannot be put there")

    def mkdir(self, name: str, mode: int) -> None:
        """Makes a directory. Raises OSError."""
        raise OSError(ENOSYS, f"mkdir {name}: directories cannot be made there")

    def detach(self, name: str) -> Node:
        """Takes an entry out, to be put elsewhere. Raises OSError."""
        raise OSError(ENOSYS, f"{name} cannot be taken out")

    def unlink(self, name: str) -> None:
        """Removes what is no directory. Raises OSError."""
        raise OSError(ENOSYS, f"unlink {name}: nothing can be removed there")

    def rmdir(self, name: str) -> None:
        """Removes an empty directory. Raises OSError."""
        raise OSError(ENOSYS, f"rmdir {name}: nothing can be removed there")

    def usage(self) -> Usage:
        """What statfs() tells of the file system whose root it is."""
        return Usage()


class TextFile(File):
    """A file whose text is made when it is opened, as those of procfs are."""

    def __init__(self, text: Callable[[], str]) -> None:
        self.text = text

    def open(self, path: str, flags: int) -> OpenFile:
        """Raises OSError (EACCES) for writing."""
        if flags & O_ACCMODE != O_RDONLY:
            raise OSError(EACCES, f"open {path}: it can only be read")
        return OpenText(path, flags, self.text().encode("utf-8", "surrogateescape"))


class OpenText(OpenFile):
    """Reads from a text that stays as it was when the file was opened."""

    def __init__(self, path: str, flags: int, data: bytes) -> None:
        super().__init__(path, flags)
        self._data = data

    def _read(self, n: int) -> bytes:
        data = self._data[self.position : self.position + n]
        self.position += len(data)
        return data

    def size(self) -> int:
        """Its bytes."""
        return len(self._data)


class Listing(Directory):
    """A directory whose entries are made when somebody looks."""

    def __init__(self, entries: Callable[[], dict[str, Node]], fstype: str = "", mode: int = 0o444) -> None:
        self._entries = entries
        self.fstype = fstype
        self.mode = mode

    def entries(self) -> dict[str, Node]:
        """What there is now."""
        return self._entries()
