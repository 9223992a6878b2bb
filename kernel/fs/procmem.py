"""/proc/meminfo and /proc/memdump: the heap, as NuttX shows it (fs/procfs/fs_procfsmeminfo.c, mm/mm_heap)."""

from __future__ import annotations

from os import O_ACCMODE, O_RDONLY
from typing import TYPE_CHECKING

from kernel.fs.node import File, OpenText
from kernel.fs.openfile import OpenFile
from kernel.heap import NODE
from kernel.stackmodel import figures
from kernel.syslog import LOG_INFO

if TYPE_CHECKING:
    from kernel.kernel import Kernel

BIGGEST = 30  # CONFIG_MM_HEAP_BIGGEST_COUNT

USAGE = """\
usage: <used/free/orphan/biggest>
used: dump all allocated node
free: dump all free node
orphan: dump allocated free neighbored node
biggest: dump allocated top n node
"""

Blocks = list[tuple[int, int]]
"""Address and size in bytes, the allocator's header included in the size."""


def meminfo(kernel: Kernel) -> str:
    """/proc/meminfo, which is also what free prints."""
    s = kernel.heap.stats()
    widths = (11, 11, 11, 11, 11, 7, 7)
    names = ("total", "used", "free", "maxused", "maxfree", "nused", "nfree")
    head = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    row = "".join(f"{getattr(s, name):{width}}" for name, width in zip(names, widths, strict=True))
    return f"{head} name\n{row} Umem\n"


class MemDump(File):
    """/proc/memdump: says what can be written to it, and writes that to the log."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def open(self, path: str, flags: int) -> OpenFile:
        """For reading, else for writing."""
        if flags & O_ACCMODE == O_RDONLY:
            return OpenText(path, flags, USAGE.encode())
        return OpenMemDump(path, flags, self._kernel)


class OpenMemDump(OpenFile):
    """The first letter of what is written decides; one that is not in the usage dumps what is in use, as in NuttX."""

    def __init__(self, path: str, flags: int, kernel: Kernel) -> None:
        super().__init__(path, flags)
        self._kernel = kernel

    def _write(self, data: bytes) -> int:
        used = [(address, size) for address, size, _ in self._kernel.heap.blocks()]
        free = self._kernel.heap.free_blocks()
        what = data[:1]
        if what == b"f":
            self._dump("Dump all free memory node info", free)
        elif what == b"b":
            biggest = sorted(used, key=lambda block: block[1])[-BIGGEST:]
            self._dump(f"Memdump biggest allocated top {BIGGEST}", biggest)
        elif what == b"o":
            self._dump("Dump allocated orphan nodes", _orphans(used, free))
        else:
            self._dump("Memdump task ALL", used)
        return len(data)

    def _dump(self, title: str, blocks: Blocks) -> None:
        width = 2 * figures(str(self._kernel.options["ARCH"])).pointer + 3
        lines = [title, f"{'Size':>12}{'Overhead':>9}{'Address':>{width}}"]
        lines += [f"{size:12}{NODE:9}{f'0x{address:x}':>{width}}" for address, size in blocks]
        lines += [f"{'Total Blks':>12}{'Total Size':>12}", f"{len(blocks):12}{sum(size for _, size in blocks):12}"]
        for line in lines:
            self._kernel.syslog.log(LOG_INFO, line)


def _orphans(used: Blocks, free: Blocks) -> Blocks:
    """Blocks in use beside a free one."""
    starts, ends = {address for address, _ in free}, {address + size for address, size in free}
    return [(address, size) for address, size in used if address in ends or address + size in starts]
