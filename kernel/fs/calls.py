"""The system calls about files, of one task. Relative paths begin at its PWD."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOENT, ENOTDIR
from os import SEEK_SET
from types import TracebackType
from typing import TYPE_CHECKING

from kernel.fs.node import Directory
from kernel.fs.openfile import MODES, STDIN, STDOUT, FileTable, OpenFile
from kernel.fs.pipe import Pipe
from kernel.fs.vfs import fullpath

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.task import Task


class FileHandle:
    """A descriptor of a task, as its program holds it. Its calls raise OSError (EBADF once it is closed)."""

    def __init__(self, files: FileTable, fd: int) -> None:
        self._files = files
        self._fd = fd

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def read(self, n: int) -> bytes:
        """Up to ``n`` bytes, waiting for the first where that makes sense; b"" at the end."""
        return self._files[self._fd].read(n)

    def write(self, data: bytes) -> int:
        """Writes; returns how many bytes were."""
        return self._files[self._fd].write(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """lseek(): returns the new position."""
        return self._files[self._fd].seek(offset, whence)

    def truncate(self, size: int) -> None:
        """ftruncate()."""
        self._files[self._fd].truncate(size)

    def close(self) -> None:
        """Gives the descriptor back. Idempotent."""
        if self._fd >= 0:
            self._files.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileHandle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Its lines, each with its end."""
        rest = b""
        while data := self.read(512):
            *lines, rest = (rest + data).split(b"\n")
            yield from (line + b"\n" for line in lines)
        if rest:
            yield rest


class FileCalls:
    """Part of what a task sees as ``sys``. Failures are OSErrors with NuttX's errno numbers."""

    kernel: Kernel
    task: Task

    def open(self, path: str, mode: str = "r") -> FileHandle:
        """Opens a file, for bytes: ``read(n)``, ``write(data)``, ``seek()``, ``close()``, or in a ``with``.

        ``mode``: r, r+, w, w+, a, a+ or x, as in fopen(). Raises OSError, and ValueError for another mode.
        """
        if mode not in MODES:
            raise ValueError(f"open {path}: mode {mode!r} is none of {', '.join(MODES)}")
        return self._own(self.kernel.vfs.open(self.fullpath(path), MODES[mode]))

    def pipe(self) -> tuple[FileHandle, FileHandle]:
        """pipe(): the end to read from and the end to write to."""
        reading, writing = Pipe(self.kernel).ends()
        return self._own(reading), self._own(writing)

    def _own(self, file: OpenFile) -> FileHandle:
        """Closed when the task ends, if not before."""
        try:
            return FileHandle(self.task.files, self.task.files.add(file))
        except OSError:
            file.close()
            raise

    def read(self, n: int = 1) -> bytes:
        """Reads up to n bytes of standard input, waiting for the first; b"" at its end."""
        stdin = self.task.files.get(STDIN)
        return stdin.read(n) if stdin is not None else b""

    def write(self, data: bytes | str) -> None:
        """Writes to standard output; nowhere if the task has none."""
        stdout = self.task.files.get(STDOUT)
        rest = data.encode() if isinstance(data, str) else data
        while stdout is not None and rest:
            rest = rest[stdout.write(rest) :]

    def print(self, *words: object, sep: str = " ", end: str = "\n") -> None:
        """printf() to standard output: that nobody takes it is no error. Raises InterruptedError."""
        try:
            self.write(sep.join(str(w) for w in words) + end)
        except InterruptedError:
            raise
        except OSError:
            pass

    # Names

    def fullpath(self, path: str) -> str:
        """The absolute path that a path stands for. Raises OSError (ENOENT) for an empty one."""
        if not path:
            raise OSError(ENOENT, "an empty path names nothing")
        return fullpath(self.getcwd(), path)

    def getcwd(self) -> str:
        """The working directory: the environment's PWD, or the root."""
        return self.task.env.getenv("PWD") or "/"

    def chdir(self, path: str) -> None:
        """Changes PWD, without links in it, and sets OLDPWD. Raises OSError (ENOENT, ENOTDIR)."""
        target = self.fullpath(path)
        if not isinstance(self.kernel.vfs.find(target), Directory):
            raise OSError(ENOTDIR, f"chdir {path}: it is no directory")
        self.task.env.setenv("OLDPWD", self.getcwd())
        self.task.env.setenv("PWD", self.kernel.vfs.realpath(target))

    def listdir(self, path: str = ".") -> list[str]:
        """The names in a directory, in its order. Raises OSError."""
        return list(self.kernel.vfs.directory(self.fullpath(path)).entries())

    def unlink(self, path: str) -> None:
        """Removes a file's name. Raises OSError."""
        self.kernel.vfs.unlink(self.fullpath(path))

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Raises OSError."""
        self.kernel.vfs.mkdir(self.fullpath(path), mode)

    def rmdir(self, path: str) -> None:
        """Raises OSError."""
        self.kernel.vfs.rmdir(self.fullpath(path))

    def rename(self, old: str, new: str) -> None:
        """Raises OSError."""
        self.kernel.vfs.rename(self.fullpath(old), self.fullpath(new))

    def symlink(self, target: str, path: str) -> None:
        """Raises OSError (ENOSYS where the file system has no links)."""
        self.kernel.vfs.symlink(target, self.fullpath(path))

    def mkfifo(self, path: str) -> None:
        """Makes a pipe with a name. Raises OSError (EEXIST also where a mounted file system has no place for one)."""
        self.kernel.vfs.attach(self.fullpath(path), Pipe(self.kernel))

    # Environment

    def getenv(self, name: str) -> str | None:
        """The value of a variable of the environment; None if it is not set."""
        return self.task.env.getenv(name)

    def setenv(self, name: str, value: str) -> None:
        """Sets it; an empty value removes it, as in NuttX. Raises OSError (EINVAL)."""
        self.task.env.setenv(name, value)

    def unsetenv(self, name: str) -> None:
        """Removes it, if it is there. Raises OSError (EINVAL)."""
        self.task.env.unsetenv(name)
