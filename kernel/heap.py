"""The modelled heap of a board: where stacks, queues, buffer pools and connections come from.

What exists is its bookkeeping: addresses, sizes, fragmentation, high-water mark. The addresses are what the board
prints as pointers, and the sums are what ``free`` shows. Bytes it has only where who allocated them keeps some.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from errno import EFAULT, EINVAL, ENOMEM

ALIGN = 8
NODE = 8  # allocator's header in front of each block, bytes


@dataclass
class HeapStats:
    """The columns of /proc/meminfo, bytes and counts."""

    total: int
    used: int
    free: int
    maxused: int
    maxfree: int
    nused: int
    nfree: int


class Heap:
    """First fit over a sorted free list, neighbours merged on free."""

    def __init__(self, size: int, base: int = 0x40000000) -> None:
        self.size = size
        self.base = base
        self._free: list[tuple[int, int]] = [(base, size)]  # (address, size), by address
        self._used: dict[int, tuple[int, str]] = {}  # address -> (size, what for)
        self._contents: dict[int, Callable[[], bytes]] = {}  # address behind the header -> the bytes there
        self._in_use = 0
        self._max_used = 0

    def malloc(self, size: int, what: str, contents: Callable[[], bytes] | None = None) -> int:
        """Takes ``size`` bytes and returns their address. ``contents``: what is in them, if anything real is.

        Raises OSError (ENOMEM, EINVAL).
        """
        if size < 0:
            raise OSError(EINVAL, f"{size} bytes for {what}: no block can be so small")
        need = -(-(size + NODE) // ALIGN) * ALIGN
        for i, (address, room) in enumerate(self._free):
            if room >= need:
                if room == need:
                    del self._free[i]
                else:
                    self._free[i] = (address + need, room - need)
                self._used[address] = (need, what)
                self._in_use += need
                self._max_used = max(self._max_used, self._in_use)
                if contents is not None:
                    self._contents[address + NODE] = contents
                return address + NODE
        raise OSError(ENOMEM, f"the board's heap has no {size} bytes in one piece for {what}: {self.describe()}")

    def free(self, address: int) -> None:
        """Gives a block back. Raises ValueError if there is none at that address."""
        start = address - NODE
        if start not in self._used:
            raise ValueError(f"free(0x{address:x}): no block of the board's heap begins there")
        size, _ = self._used.pop(start)
        self._contents.pop(address, None)
        self._in_use -= size
        i = bisect_left(self._free, (start, 0))
        if i < len(self._free) and start + size == self._free[i][0]:
            size += self._free.pop(i)[1]
        if i > 0 and sum(self._free[i - 1]) == start:
            start, before = self._free.pop(i - 1)
            size += before
        insort(self._free, (start, size))

    def read(self, address: int, n: int) -> bytes:
        """``n`` bytes of one block. Raises OSError (EFAULT) where there are none, or not so many."""
        for start, contents in self._contents.items():
            data = contents()
            if start <= address and address + n <= start + len(data):
                return data[address - start : address - start + n]
        raise OSError(EFAULT, f"0x{address:x}: no {n} bytes of the board's memory are kept there")

    def stats(self) -> HeapStats:
        """What ``free`` prints."""
        return HeapStats(
            total=self.size,
            used=self._in_use,
            free=self.size - self._in_use,
            maxused=self._max_used,
            maxfree=max((size for _, size in self._free), default=0),
            nused=len(self._used),
            nfree=len(self._free),
        )

    def blocks(self) -> list[tuple[int, int, str]]:
        """Address, size and purpose of every block in use, by address."""
        return [(address + NODE, size, what) for address, (size, what) in sorted(self._used.items())]

    def free_blocks(self) -> list[tuple[int, int]]:
        """Address and size of every free block, by address. The size is with the allocator's header, as in blocks()."""
        return [(address + NODE, size) for address, size in self._free]

    def describe(self) -> str:
        """One line for an error message."""
        s = self.stats()
        return f"{s.used} of {s.total} bytes in use, largest free block {s.maxfree}"
