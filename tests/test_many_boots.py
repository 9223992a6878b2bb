"""Boards come and go without leaving anything behind."""

from __future__ import annotations

import gc
import os

import pytest

from board import Board


def _resident() -> int:
    """Resident memory of this process, bytes."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.uninstrumented
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc/self/statm to read memory from")
def test_a_thousand_boots_leave_memory_flat() -> None:
    def boot(times: int) -> None:
        for _ in range(times):
            with Board("sim", watchdog=0) as b:
                b.boot()
        gc.collect()

    boot(300)
    before, objects = _resident(), len(gc.get_objects())
    boot(1000)
    assert _resident() - before < 8 << 20
    assert len(gc.get_objects()) - objects < 1000
