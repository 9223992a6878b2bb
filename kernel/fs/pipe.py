"""Pipes, and FIFOs, which are pipes with a name (NuttX's drivers/pipes).

A writer waits while the buffer is full, a reader while it is empty; a reader sees the end when no writer is left. Who
opens a FIFO at one end waits for somebody at the other.
"""

from __future__ import annotations

from errno import EAGAIN, EINTR, EPIPE
from os import O_ACCMODE, O_NONBLOCK, O_RDONLY, O_WRONLY
from typing import TYPE_CHECKING

from kernel.fs.node import File
from kernel.fs.openfile import OpenFile
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

PIPE_SIZE = 1024  # CONFIG_DEV_PIPE_SIZE and CONFIG_DEV_FIFO_SIZE, bytes


class Pipe(File):
    """The buffer between the two ends."""

    kind = "?"  # NuttX's ls has no letter for it
    mode = 0o777

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._buffer = bytearray()
        self._readers = self._writers = 0
        self._address = 0  # of the buffer on the heap, and the semaphores, which are there while an end is open
        self._readsem: Semaphore
        self._writesem: Semaphore

    def ends(self) -> tuple[OpenFile, OpenFile]:
        """pipe(): both ends at once, the reading one first. Raises OSError (ENOMEM)."""
        self._count(O_RDONLY, 1)
        self._count(O_WRONLY, 1)
        return OpenPipe("pipe", O_RDONLY, self), OpenPipe("pipe", O_WRONLY, self)

    def open(self, path: str, flags: int) -> OpenFile:
        """Opens one end, or both, and waits until the other has somebody. Raises InterruptedError, OSError (ENOMEM)."""
        file = OpenPipe(path, flags, self)
        try:
            self._count(flags, 1)
        except OSError as error:
            raise OSError(error.errno, f"open {path}: {error.strerror}") from None
        mode = flags & O_ACCMODE
        try:
            while not flags & O_NONBLOCK and mode == O_WRONLY and not self._readers and not self._buffer:
                self._wait(self._writesem, "open")
            while not flags & O_NONBLOCK and mode == O_RDONLY and not self._writers and not self._buffer:
                self._wait(self._readsem, "open")
        except BaseException:
            file.close()
            raise
        return file

    def read(self, n: int, flags: int) -> bytes:
        """What there is, at most ``n`` bytes; b"" if nothing is and nobody is left to write."""
        while not self._buffer:
            if not self._writers:
                return b""
            if flags & O_NONBLOCK:
                raise BlockingIOError(EAGAIN, "read: the pipe is empty")
            self._wait(self._readsem, "read")
        data = bytes(self._buffer[:n])
        del self._buffer[:n]
        _wake(self._writesem)
        return data

    def write(self, data: bytes, flags: int) -> int:
        """All of it, waiting for room; less if a signal, O_NONBLOCK or the end of the last reader cuts it short.

        Raises BrokenPipeError, InterruptedError or BlockingIOError if it was cut short before the first byte.
        """
        done = 0
        try:
            while done < len(data):
                done += self._put(data[done:], flags)
        except (BrokenPipeError, InterruptedError, BlockingIOError):
            if not done:
                raise
        return done

    def _put(self, data: bytes, flags: int) -> int:
        """What finds room now; waits if nothing does."""
        if not self._readers:
            raise BrokenPipeError(EPIPE, "write: nobody is left to read the pipe")
        n = min(len(data), PIPE_SIZE - len(self._buffer))
        if n:
            self._buffer += data[:n]
            _wake(self._readsem)
        elif flags & O_NONBLOCK:
            raise BlockingIOError(EAGAIN, "write: the pipe is full")
        else:
            self._wait(self._writesem, "write")
        return n

    def closed(self, flags: int) -> None:
        """An end is closed; the last one frees the buffer."""
        self._count(flags, -1)
        if not self._readers and not self._writers:
            self._buffer.clear()
            self._kernel.heap.free(self._address)
            self._address = 0
            self._readsem.destroy()
            self._writesem.destroy()

    def _count(self, flags: int, step: int) -> None:
        if not self._address:
            self._address = self._kernel.heap.malloc(PIPE_SIZE, "pipe")
            self._readsem = Semaphore(self._kernel, what="something in a pipe")
            self._writesem = Semaphore(self._kernel, what="room in a pipe")
        mode = flags & O_ACCMODE
        if mode != O_RDONLY:
            self._writers += step
            _wake(self._readsem)
        if mode != O_WRONLY:
            self._readers += step
            _wake(self._writesem)

    @staticmethod
    def _wait(sem: Semaphore, what: str) -> None:
        if sem.wait() == -EINTR:
            raise InterruptedError(EINTR, f"{what}: a signal ended the wait at a pipe")


def _wake(sem: Semaphore) -> None:
    """All of those who wait look again."""
    while sem.value < 0:
        sem.post()


class OpenPipe(OpenFile):
    """One end of a pipe."""

    def __init__(self, path: str, flags: int, pipe: Pipe) -> None:
        super().__init__(path, flags)
        self._pipe = pipe

    def _read(self, n: int) -> bytes:
        return self._pipe.read(n, self.flags)

    def _write(self, data: bytes) -> int:
        return self._pipe.write(data, self.flags)

    def _released(self) -> None:
        self._pipe.closed(self.flags)
