"""tmpfs: files in memory, and the directories they are in (NuttX's fs/tmpfs).

The bytes are real and so is what they take: every object has its block on the board's heap, with the slack that NuttX
gives it, so that ``free`` and ``df`` agree with what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR
from os import O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC

from kernel.fs.node import Directory, KeptFile, Node, Usage
from kernel.fs.openfile import OpenFile
from kernel.heap import Heap

FILE_GUARD, FILE_SLACK = 512, 1024  # CONFIG_FS_TMPFS_FILE_ALLOCGUARD and FREEGUARD: bytes beyond what is needed
DIRECTORY_GUARD = 64  # CONFIG_FS_TMPFS_DIRECTORY_ALLOCGUARD; a directory's list never shrinks
BLOCK = 512  # CONFIG_FS_TMPFS_BLOCKSIZE
DIRENT = 16  # sizes on a machine with 64-bit pointers, bytes
FILE_OBJECT, DIRECTORY_OBJECT, SUPERBLOCK = 80, 72, 48


class _Memory:
    """A block of the heap that is allocated anew when its size changes. ``contents``: the bytes in it."""

    def __init__(self, heap: Heap, what: str, contents: Callable[[], bytes] | None = None) -> None:
        self._heap = heap
        self._what = what
        self._contents = contents
        self._address = 0
        self.allocated = 0

    def reallocate(self, size: int) -> None:
        """Raises OSError (ENOMEM), and then there is what was there."""
        before = self.allocated
        self.free()
        try:
            self._allocate(size)
        except OSError:
            self._allocate(before)
            raise

    def _allocate(self, size: int) -> None:
        if size:
            self._address = self._heap.malloc(size, self._what, self._contents)
            self.allocated = size

    def free(self) -> None:
        """Gives it back."""
        if self._address:
            self._heap.free(self._address)
        self._address = self.allocated = 0


@contextmanager
def _no_memory_for(call: str, path: str) -> Iterator[None]:
    """What the heap refuses meanwhile is an error of that call."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{call} {path}: {error.strerror}") from None


class TmpFile(KeptFile):
    """A regular file. Raises OSError (ENOMEM)."""

    mode = 0o777

    def __init__(self, heap: Heap) -> None:
        super().__init__()
        self.data = bytearray()
        self._memory = _Memory(heap, "tmpfs file", lambda: bytes(self.data))
        self._object = heap.malloc(FILE_OBJECT, "tmpfs file object")
        self._heap = heap

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
        self.opened()
        return OpenTmpFile(path, flags, self)

    def truncate(self, size: int) -> None:
        """Makes it so long, with zeros if it was shorter. Raises OSError (ENOMEM)."""
        if size == len(self.data):
            return
        memory = self._memory
        if size == 0:
            memory.free()
        elif size > memory.allocated or memory.allocated - size > FILE_SLACK:
            memory.reallocate(size + FILE_GUARD)
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))

    def write(self, position: int, data: bytes) -> None:
        """Raises OSError (ENOMEM)."""
        if position + len(data) > len(self.data):
            self.truncate(position + len(data))
        self.data[position : position + len(data)] = data

    def _free(self) -> None:
        if self._object:
            self._memory.free()
            self._heap.free(self._object)
            self._object = 0


class OpenTmpFile(OpenFile):
    """A regular file that somebody reads or writes."""

    def __init__(self, path: str, flags: int, file: TmpFile) -> None:
        super().__init__(path, flags)
        self._file = file
        if flags & O_APPEND and flags & O_ACCMODE != O_RDONLY:
            self.position = file.size()

    def _read(self, n: int) -> bytes:
        data = bytes(self._file.data[self.position : self.position + n])
        self.position += len(data)
        return data

    def _write(self, data: bytes) -> int:
        if self.flags & O_APPEND:
            self.position = len(self._file.data)
        with _no_memory_for("write", self.path):
            self._file.write(self.position, data)
        self.position += len(data)
        return len(data)

    def size(self) -> int:
        """Its bytes."""
        return len(self._file.data)

    def _truncate(self, size: int) -> None:
        self._file.truncate(size)

    def _released(self) -> None:
        self._file.closed()


class OpenTmpDirectory(OpenFile):
    """A directory that was opened as if it were a file. NuttX lets its raw entries be read; here read() fails."""

    def _read(self, n: int) -> bytes:
        raise OSError(EISDIR, f"read {self.path}: it is a directory")


@dataclass(frozen=True)
class _Entry:
    """An entry of a directory, and where on the heap its name is."""

    name: str
    node: TmpFile | TmpDirectory
    address: int

    @property
    def name_size(self) -> int:
        """Bytes that its name takes."""
        return _name_size(self.name)


def _name_size(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape")) + 1


class TmpDirectory(Directory):
    """A directory. Its entries are an array that is read from its end: what is removed leaves its place to the last.

    Raises OSError (ENOMEM).
    """

    mode = 0o777
    fstype = "tmpfs"
    writable = True
    through_file = ENOTDIR

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._memory = _Memory(heap, "tmpfs directory")
        self._object = heap.malloc(DIRECTORY_OBJECT, "tmpfs directory object")
        self._list: list[_Entry] = []

    def size(self) -> int:
        """Bytes of its entries."""
        return len(self._list) * DIRENT

    def open(self, path: str, flags: int) -> OpenFile:
        """For reading only, and read() fails then. Raises OSError (EISDIR)."""
        if flags & O_ACCMODE != O_RDONLY:
            raise OSError(EISDIR, f"open {path}: it is a directory")
        return OpenTmpDirectory(path, flags)

    def entries(self) -> dict[str, Node]:
        """What is in it, the newest first as long as nothing was removed."""
        return {entry.name: entry.node for entry in reversed(self._list)}

    def find(self, name: str) -> Node | None:
        """One entry."""
        return next((entry.node for entry in self._list if entry.name == name), None)

    def create(self, name: str, mode: int) -> TmpFile:
        """An empty file. Raises OSError (ENOMEM)."""
        with _no_memory_for("open", name):
            file = TmpFile(self._heap)
            self._adopt(name, file)
        return file

    def mkdir(self, name: str, mode: int) -> None:
        """An empty directory. Raises OSError (ENOMEM, EEXIST)."""
        if self.find(name) is not None:
            raise OSError(EEXIST, f"mkdir {name}: it is there already")
        self._adopt(name, TmpDirectory(self._heap))

    def _adopt(self, name: str, node: TmpFile | TmpDirectory) -> None:
        """Takes in what was made for it, which goes again if there is no room."""
        try:
            self._append(name, node)
        except OSError:
            node.removed()
            raise

    def attach(self, name: str, node: Node) -> None:
        """Takes in what was detached from another directory of the same kind. Raises OSError (ENOSYS) for others."""
        if not isinstance(node, (TmpFile, TmpDirectory)):
            super().attach(name, node)
        else:
            self._append(name, node)

    def _append(self, name: str, node: TmpFile | TmpDirectory) -> None:
        address = self._heap.malloc(_name_size(name), "tmpfs name")
        needed = self.size() + DIRENT
        if needed > self._memory.allocated:
            try:
                self._memory.reallocate(needed + DIRECTORY_GUARD)
            except OSError:
                self._heap.free(address)
                raise
        self._list.append(_Entry(name, node, address))

    def detach(self, name: str) -> Node:
        """Raises OSError (ENOENT)."""
        return self._take(self._index(name, "rename")).node

    def unlink(self, name: str) -> None:
        """Raises OSError (ENOENT, EISDIR)."""
        i = self._index(name, "unlink")
        if isinstance(self._list[i].node, TmpDirectory):
            raise OSError(EISDIR, f"unlink {name}: it is a directory")
        self._take(i).node.removed()

    def rmdir(self, name: str) -> None:
        """Raises OSError (ENOENT, ENOTDIR, EBUSY if something is in it)."""
        i = self._index(name, "rmdir")
        node = self._list[i].node
        if not isinstance(node, TmpDirectory):
            raise OSError(ENOTDIR, f"rmdir {name}: it is no directory")
        if node._list:
            raise OSError(EBUSY, f"rmdir {name}: something is in it")
        self._take(i).node.removed()

    def _index(self, name: str, call: str) -> int:
        for i, entry in enumerate(self._list):
            if entry.name == name:
                return i
        raise OSError(ENOENT, f"{call} {name}: there is no such file")

    def _take(self, i: int) -> _Entry:
        entry, self._list[i] = self._list[i], self._list[-1]
        self._list.pop()
        self._heap.free(entry.address)
        return entry

    def removed(self) -> None:
        """Everything in it, too, goes back to the heap."""
        while self._list:
            self._take(-1).node.removed()
        self._memory.free()
        if self._object:
            self._heap.free(self._object)
            self._object = 0

    def walk(self) -> Iterator[_Entry]:
        """Every entry below it."""
        for entry in self._list:
            yield entry
            if isinstance(entry.node, TmpDirectory):
                yield from entry.node.walk()

    @property
    def allocated(self) -> int:
        """Bytes of the heap that its list of entries takes."""
        return self._memory.allocated


class TmpFs(TmpDirectory):
    """The root directory of a file system."""

    def __init__(self, heap: Heap) -> None:
        super().__init__(heap)
        try:
            self._superblock = heap.malloc(SUPERBLOCK, "tmpfs")
        except OSError:
            super().removed()
            raise

    def open(self, path: str, flags: int) -> OpenFile:
        """Raises OSError (EINVAL), which is what NuttX has for the root."""
        raise OSError(EINVAL, f"open {path}: it is the root of a file system")

    def removed(self) -> None:
        """The file system is not mounted any more."""
        super().removed()
        if self._superblock:
            self._heap.free(self._superblock)
            self._superblock = 0

    def usage(self) -> Usage:
        """All that it has taken from the heap, and how much of that is slack, in blocks."""
        allocated = SUPERBLOCK + DIRECTORY_OBJECT + self.allocated
        available = self.allocated - self.size()
        for entry in self.walk():
            node = entry.node
            allocated += entry.name_size + (FILE_OBJECT if isinstance(node, TmpFile) else DIRECTORY_OBJECT)
            allocated += node.allocated
            available += node.allocated - node.size()
        return Usage(BLOCK, -(-allocated // BLOCK), -(-available // BLOCK))
