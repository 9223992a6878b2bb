"""The I/O buffer pool: allocate and free, and a full TCP segment into a chain and out again, as loops in C."""

from __future__ import annotations

import statistics

from common import figure

from board import Board
from kernel.core import check, lib

LOOPS = 200_000
REPEATS = 15

# What iob_bench() is to do, by its number (csrc/iob_bench.c): name, floor, aim, NuttX's simulator, NuttX's iob code
# alone without the simulator's interrupt masking; all ns.
ROWS = (
    ("iob.alloc_free", 9, 4, 1157, 9.3),
    ("iob.copyin_1460_free", 100, 60, 5823, 108),
    ("iob.copyin_copyout_1460_free", 120, 80, 5963, 126),
)


def main() -> None:
    """All rows, repeats interleaved so that a busy moment of the machine hits all of them."""
    with Board("sim") as board:
        times: list[list[float]] = [[] for _ in ROWS]
        for _ in range(REPEATS):
            for what, row in enumerate(times):
                row.append(check(lib.iob_bench(board.kernel.board, what, LOOPS), "iob_bench") / LOOPS)
    for (name, floor, aim, nuttx, bare), row in zip(ROWS, times, strict=True):
        others = {"nuttx": nuttx, "nuttx_iob_alone": bare}
        figure(name, statistics.median(row), "ns", floor=floor, aim=aim, best=min(row), **others)


if __name__ == "__main__":
    main()
