"""RAM disks: block devices whose sectors are on the board's heap."""

from __future__ import annotations

from errno import EFBIG, EINVAL
from typing import TYPE_CHECKING

from kernel.fs.node import KeptFile
from kernel.fs.openfile import OpenFile

if TYPE_CHECKING:
    from kernel.fs.vfs import Vfs
    from kernel.heap import Heap

MINORS = 256


class RamDisk(KeptFile):
    """``nsectors`` of ``sectsize`` bytes, all zero. Raises OSError (ENOMEM)."""

    kind = "b"
    mode = 0o666

    def __init__(self, heap: Heap, nsectors: int, sectsize: int) -> None:
        super().__init__()
        self._heap = heap
        self._address = heap.malloc(nsectors * sectsize, "RAM disk", lambda: bytes(self.data))
        self.data = bytearray(nsectors * sectsize)

    def size(self) -> int:
        """Its bytes."""
        return len(self.data)

    def open(self, path: str, flags: int) -> OpenFile:
        """As a character device, which is how NuttX lets programs at it (CONFIG_BCH)."""
        self.opened()
        return OpenRamDisk(path, flags, self)

    def _free(self) -> None:
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

    def _released(self) -> None:
        self._disk.closed()


def mkrd(vfs: Vfs, heap: Heap, minor: int, nsectors: int, sectsize: int) -> None:
    """Makes /dev/ram<minor>. Raises OSError (EINVAL, ENOMEM, EEXIST)."""
    if not 0 <= minor < MINORS or nsectors <= 0 or sectsize <= 0:
        raise OSError(EINVAL, f"mkrd: no RAM disk {minor} of {nsectors} sectors of {sectsize} bytes")
    disk = RamDisk(heap, nsectors, sectsize)
    try:
        vfs.attach(f"/dev/ram{minor}", disk)
    except OSError:
        disk.removed()
        raise
