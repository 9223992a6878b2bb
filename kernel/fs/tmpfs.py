"""tmpfs: files in memory, and the directories they are in (NuttX's fs/tmpfs).

The bytes are real and so is what they take: every object has its block on the board's heap, with the slack that NuttX
gives it, so that ``free`` and ``df`` agree with what is written.
"""

from __future__ import annotations

from errno import EEXIST, ENOENT
from os import O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC

from kernel.fs.node import Directory, File, Node, Usage
from kernel.fs.openfile import OpenFile
from kernel.heap import Heap

FILE_GUARD, FILE_SLACK = 512, 1024  # CONFIG_FS_TMPFS_FILE_ALLOCGUARD and FREEGUARD: bytes beyond what is needed
DIRECTORY_GUARD, DIRECTORY_SLACK = 64, 128
BLOCK = 512  # CONFIG_FS_TMPFS_BLOCKSIZE
DIRENT = 16  # sizes on a machine with 64-bit pointers, bytes
FILE_OBJECT, DIRECTORY_OBJECT, SUPERBLOCK = 56, 56, 40


class _Memory:
    """A block of the heap that follows what it has to hold, not at every step."""

    def __init__(self, heap: Heap, what: str, guard: int, slack: int) -> None:
        self._heap = heap
        self._what = what
        self._guard = guard
        self._slack = slack
        self._address = 0
        self.allocated = 0

    def hold(self, size: int) -> None:
        """Makes room for ``size`` bytes. Raises OSError (ENOMEM), and then has what it had."""
        if size <= self.allocated and self.allocated - size <= self._slack:
            return
        wanted = size + self._guard
        if wanted < self.allocated:
            self.free()
        address = self._heap.malloc(wanted, self._what)
        self.free()
        self._address, self.allocated = address, wanted

    def free(self) -> None:
        """Gives it back."""
        if self._address:
            self._heap.free(self._address)
        self._address = self.allocated = 0


class TmpFile(File):
    """A regular file."""

    mode = 0o777

    def __init__(self, heap: Heap) -> None:
        self._memory = _Memory(heap, "tmpfs file", FILE_GUARD, FILE_SLACK)
        self._object = heap.malloc(FILE_OBJECT, "tmpfs file object")
        self._heap = heap
        self.data = bytearray()
        self._open = 0
        self._unlinked = False

    def size(self) -> int:
        """Its bytes."""
        return len(self.data)

    @property
    def allocated(self) -> int:
        """Bytes of the heap that its data takes."""
        return self._memory.allocated

    def open(self, path: str, flags: int) -> OpenFile:
        """A position in it; O_TRUNC empties it first."""
        if flags & O_TRUNC and flags & O_ACCMODE != O_RDONLY:
            self.truncate(0)
        self._open += 1
        return OpenTmpFile(path, flags, self)

    def truncate(self, size: int) -> None:
        """Makes it so long, with zeros if it was shorter. Raises OSError (ENOMEM)."""
        self._memory.hold(size)
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))

    def write(self, position: int, data: bytes) -> None:
        """Raises OSError (ENOMEM)."""
        if position + len(data) > len(self.data):
            self.truncate(position + len(data))
        self.data[position : position + len(data)] = data

    def closed(self) -> None:
        """One who had it open has not any more."""
        self._open -= 1
        self._release()

    def removed(self) -> None:
        """It has no name any more, and lives as long as somebody has it open."""
        self._unlinked = True
        self._release()

    def _release(self) -> None:
        if self._unlinked and not self._open and self._object:
            self._memory.free()
            self._heap.free(self._object)
            self._object = 0


class OpenTmpFile(OpenFile):
    """A regular file that somebody reads or writes."""

    def __init__(self, path: str, flags: int, file: TmpFile) -> None:
        super().__init__(path, flags)
        self._file = file

    def _read(self, n: int) -> bytes:
        data = bytes(self._file.data[self.position : self.position + n])
        self.position += len(data)
        return data

    def _write(self, data: bytes) -> int:
        if self.flags & O_APPEND:
            self.position = len(self._file.data)
        self._file.write(self.position, data)
        self.position += len(data)
        return len(data)

    def size(self) -> int:
        """Its bytes."""
        return len(self._file.data)

    def truncate(self, size: int) -> None:
        """ftruncate(). Raises OSError (ENOMEM)."""
        self._file.truncate(size)

    def _released(self) -> None:
        self._file.closed()


class TmpDirectory(Directory):
    """A directory. Its entries are an array: what is removed leaves its place to the last one."""

    mode = 0o777
    fstype = "tmpfs"

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._memory = _Memory(heap, "tmpfs directory", DIRECTORY_GUARD, DIRECTORY_SLACK)
        self._object = heap.malloc(DIRECTORY_OBJECT, "tmpfs directory object")
        self._names: list[tuple[str, Node]] = []
        try:
            self._memory.hold(0)
        except OSError:
            heap.free(self._object)
            raise

    @property
    def allocated(self) -> int:
        """Bytes of the heap that its list of entries takes."""
        return self._memory.allocated

    def entries(self) -> dict[str, Node]:
        """What is in it."""
        return dict(self._names)

    def create(self, name: str, mode: int) -> TmpFile:
        """An empty file. Raises OSError (ENOMEM)."""
        file = TmpFile(self._heap)
        try:
            self._append(name, file)
        except OSError:
            file.removed()
            raise
        return file

    def mkdir(self, name: str, mode: int) -> None:
        """An empty directory. Raises OSError (ENOMEM, EEXIST)."""
        if self.find(name) is not None:
            raise OSError(EEXIST, f"mkdir {name}: it is there already")
        directory = TmpDirectory(self._heap)
        try:
            self._append(name, directory)
        except OSError:
            directory.removed()
            raise

    def attach(self, name: str, node: Node) -> None:
        """Takes in what was detached from another directory of the same kind. Raises OSError (ENOSYS) for others."""
        if not isinstance(node, (TmpFile, TmpDirectory)):
            super().attach(name, node)
        self._append(name, node)

    def detach(self, name: str) -> Node:
        """Raises OSError (ENOENT)."""
        names = [entry for entry, _ in self._names]
        if name not in names:
            raise OSError(ENOENT, f"{name}: there is no such file")
        i = names.index(name)
        node = self._names[i][1]
        self._names[i] = self._names[-1]
        self._names.pop()
        self._memory.hold(len(self._names) * DIRENT)
        return node

    def _append(self, name: str, node: Node) -> None:
        self._memory.hold((len(self._names) + 1) * DIRENT)
        self._names.append((name, node))

    def removed(self) -> None:
        """Everything in it, too, goes back to the heap."""
        for _, node in self._names:
            node.removed()
        self._names.clear()
        self._memory.free()
        if self._object:
            self._heap.free(self._object)
            self._object = 0

    def usage(self) -> Usage:
        """All that it has taken from the heap, and how much of that is slack, in blocks."""
        allocated = SUPERBLOCK + DIRECTORY_OBJECT + self.allocated
        available = self.allocated - len(self._names) * DIRENT
        for name, node in self._walk():
            allocated += len(name) + 1
            if isinstance(node, TmpFile):
                allocated += FILE_OBJECT + node.allocated
                available += node.allocated - node.size()
            elif isinstance(node, TmpDirectory):
                allocated += DIRECTORY_OBJECT + node.allocated
                available += node.allocated - len(node._names) * DIRENT
        return Usage(BLOCK, -(-allocated // BLOCK), -(-available // BLOCK))

    def _walk(self) -> list[tuple[str, Node]]:
        found = list(self._names)
        for _, node in self._names:
            if isinstance(node, TmpDirectory):
                found += node._walk()
        return found
