"""An open file, and the table of those that a task has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from errno import EACCES, EBADF, EINVAL, EMFILE, ENOSYS
from os import (
    O_ACCMODE,
    O_APPEND,
    O_CLOEXEC,
    O_CREAT,
    O_EXCL,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
)
from types import TracebackType
from typing import TypeVar

STDIN, STDOUT, STDERR = range(3)
OPEN_MAX = 256  # CONFIG_FDCHECK and the like aside, what NuttX's limits.h allows

MODES = {
    "r": O_RDONLY,
    "r+": O_RDWR,
    "w": O_WRONLY | O_CREAT | O_TRUNC,
    "w+": O_RDWR | O_CREAT | O_TRUNC,
    "a": O_WRONLY | O_CREAT | O_APPEND,
    "a+": O_RDWR | O_CREAT | O_APPEND,
    "x": O_WRONLY | O_CREAT | O_EXCL,
}
"""What fopen() makes of its mode. The numbers of the flags are NuttX's, and so happen to be Linux's."""

Self = TypeVar("Self", bound="OpenFile")


class OpenFile:
    """What open() makes: flags and a position, shared by all descriptors that were duplicated from one another.

    It is closed when the last of them is. A kind of file overrides what it can do; the rest fails as NuttX has it.
    ``copied``: told how many bytes went through it, if somebody wants to know.
    """

    isatty = False

    def __init__(self, path: str, flags: int) -> None:
        self.path = path
        self.flags = flags
        self.position = 0
        self.copied: Callable[[int], None] | None = None
        self._references = 1

    @property
    def edited(self) -> bool:
        """Whether a line editor has it, see :meth:`raw`."""
        return False

    def raw(self) -> AbstractContextManager[None]:
        """For a line editor: meanwhile a terminal neither echoes nor makes lines."""
        return nullcontext()

    # What a kind of file can do

    def _read(self, n: int) -> bytes:
        raise OSError(EBADF, f"read {self.path}: nothing can be read there")

    def _write(self, data: bytes) -> int:
        raise OSError(EBADF, f"write {self.path}: nothing can be written there")

    def size(self) -> int:
        """Its bytes. Raises OSError (ENOSYS) for what is no file but a stream."""
        raise OSError(ENOSYS, f"lseek {self.path}: a stream has no end to count from")

    def _truncate(self, size: int) -> None:
        raise OSError(ENOSYS, f"truncate {self.path}: its size is not to be changed")

    def _released(self) -> None:
        """The last descriptor is gone."""

    # What programs call

    def read(self, n: int) -> bytes:
        """Up to ``n`` bytes, waiting for the first where that makes sense; b"" at the end.

        Raises OSError (EACCES if it is open for writing only), InterruptedError.
        """
        if self.flags & O_ACCMODE == O_WRONLY:
            raise OSError(EACCES, f"read {self.path}: it is open for writing only")
        data = self._read(n) if n > 0 else b""
        if self.copied is not None:
            self.copied(len(data))
        return data

    def write(self, data: bytes) -> int:
        """Writes; returns how many bytes were. Raises OSError (EACCES if it is open for reading only)."""
        if self.flags & O_ACCMODE == O_RDONLY:
            raise OSError(EACCES, f"write {self.path}: it is open for reading only")
        n = self._write(data) if data else 0
        if self.copied is not None:
            self.copied(n)
        return n

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """lseek(): returns the new position. That of a stream can be moved, too, which means nothing.

        Raises OSError (EINVAL, ENOSYS for the end of a stream).
        """
        if whence not in (SEEK_SET, SEEK_CUR, SEEK_END):
            raise OSError(EINVAL, f"lseek {self.path}: {whence} is no place to count from")
        base = {SEEK_SET: 0, SEEK_CUR: self.position}.get(whence)
        position = offset + (self.size() if base is None else base)
        if position < 0:
            raise OSError(EINVAL, f"lseek {self.path}: {position} is no position")
        self.position = position
        return position

    def truncate(self, size: int) -> None:
        """ftruncate(). Raises OSError (EINVAL if it is open for reading only, ENOSYS, ENOMEM)."""
        if size < 0 or self.flags & O_ACCMODE == O_RDONLY:
            raise OSError(EINVAL, f"ftruncate {self.path}: not to {size} bytes, or not through this descriptor")
        self._truncate(size)

    def dup(self: Self) -> Self:
        """One more descriptor shares it."""
        self._references += 1
        return self

    def close(self) -> None:
        """One descriptor less. Idempotent once it is closed."""
        if self._references > 0:
            self._references -= 1
            if self._references == 0:
                self._released()

    @property
    def closed(self) -> bool:
        """Whether no descriptor is left."""
        return self._references == 0

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class FileTable:
    """The descriptors of a task: small numbers, each for an open file."""

    def __init__(self) -> None:
        self._files: dict[int, OpenFile] = {}

    def __getitem__(self, fd: int) -> OpenFile:
        """Raises OSError (EBADF)."""
        try:
            return self._files[fd]
        except KeyError:
            raise OSError(EBADF, f"{fd} is no open file") from None

    def get(self, fd: int) -> OpenFile | None:
        """The open file of a descriptor, None if there is none."""
        return self._files.get(fd)

    def __iter__(self) -> Iterator[tuple[int, OpenFile]]:
        """Descriptors and files, smallest first."""
        return iter(sorted(self._files.items()))

    def add(self, file: OpenFile) -> int:
        """Gives a file the smallest free descriptor. Raises OSError (EMFILE)."""
        fd = next((n for n in range(OPEN_MAX) if n not in self._files), OPEN_MAX)
        if fd == OPEN_MAX:
            raise OSError(EMFILE, f"open {file.path}: all {OPEN_MAX} descriptors are in use")
        self._files[fd] = file
        return fd

    def put(self, fd: int, file: OpenFile) -> None:
        """dup2(): makes ``fd`` stand for ``file``, which it takes over; what it stood for before is closed."""
        before = self._files.pop(fd, None)
        self._files[fd] = file
        if before is not None:
            before.close()

    def close(self, fd: int) -> None:
        """Raises OSError (EBADF)."""
        self[fd].close()
        self._files.pop(fd, None)

    def close_all(self) -> None:
        """The task ends."""
        while self._files:
            self._files.popitem()[1].close()

    def inherit(self, other: FileTable) -> None:
        """Gets the descriptors of the task that started this one, except those that are close-on-exec."""
        for fd, file in other:
            if not file.flags & O_CLOEXEC:
                self.put(fd, file.dup())

    @contextmanager
    def redirected(self, changes: dict[int, OpenFile]) -> Iterator[None]:
        """Meanwhile descriptors stand for other files; those are closed afterwards."""
        saved = {fd: self._files.pop(fd, None) for fd in changes}
        self._files |= changes
        try:
            yield
        finally:
            for fd, before in saved.items():
                if fd in self._files:
                    self._files.pop(fd).close()
                if before is not None:
                    self._files[fd] = before
