"""RAM disks: block devices whose sectors are on the board's heap."""

from __future__ import annotations

from errno import EFBIG
from typing import TYPE_CHECKING

from kernel.fs.node import File
from kernel.fs.openfile import OpenFile

if TYPE_CHECKING:
    from kernel.heap import Heap


class RamDisk(File):
    """``nsectors`` of ``sectsize`` bytes. Raises OSError (ENOMEM)."""

    kind = "b"
    mode = 0o666

    def __init__(self, heap: Heap, nsectors: int, sectsize: int) -> None:
        self._heap = heap
        self._address = heap.malloc(nsectors * sectsize, "RAM disk")
        self.data = bytearray(nsectors * sectsize)

    def size(self) -> int:
        """Its bytes."""
        return len(self.data)

    def open(self, path: str, flags: int) -> OpenFile:
        """As a character device, which is how NuttX lets programs at it (CONFIG_BCH)."""
        return OpenRamDisk(path, flags, self)

    def removed(self) -> None:
        """The memory goes back at once."""
        if self._address:
            self._heap.free(self._address)
            self._address = 0


class OpenRamDisk(OpenFile):
    """A position on a RAM disk."""

    def __init__(self, path: str, flags: int, disk: RamDisk) -> None:
        super().__init__(path, flags)
        self._disk = disk

    def _read(self, n: int) -> bytes:
        data = bytes(self._disk.data[self.position : self.position + n])
        self.position += len(data)
        return data

    def _write(self, data: bytes) -> int:
        n = min(len(data), len(self._disk.data) - self.position)
        if n <= 0 < len(data):
            raise OSError(EFBIG, f"write {self.path}: the disk ends there")
        self._disk.data[self.position : self.position + n] = data[:n]
        self.position += n
        return n

    def size(self) -> int:
        """The disk's bytes."""
        return len(self._disk.data)
