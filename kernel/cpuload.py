"""How busy the CPUs have been lately (NuttX's sched_cpuload.c): the core measures it, see csrc/cpuload.h."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.core import lib, numbers

if TYPE_CHECKING:
    from kernel.kernel import Kernel

SI_LOAD_SHIFT = 16  # binary places of a load of sysinfo()


def cpu_load(kernel: Kernel, pid: int) -> int:
    """A task's part of the time of all CPUs, in tenths of a percent. Raises OSError (ESRCH)."""
    active, total = _clock_cpuload(kernel, pid)
    return 1000 * active // total if total else 0


def busy(kernel: Kernel) -> int:
    """What the idle tasks have not had of it, in tenths of a percent: /proc/cpuload."""
    loads = [_clock_cpuload(kernel, cpu) for cpu in range(kernel.ncpus)]
    active, total = sum(active for active, _ in loads), loads[0][1]
    return 1000 - 1000 * active // total if total else 0


def sysinfo_load(kernel: Kernel) -> int:
    """The load of sysinfo(), in units of 1/65536: what the first idle task has not had, however many CPUs there are.

    0 if the load is not configured to be measured.
    """
    active, total = _clock_cpuload(kernel, 0)
    if not kernel.options.get("SCHED_CPULOAD_SYSCLK") or not total:
        return 0
    return ((total - active) << SI_LOAD_SHIFT) // total


def percent(tenths: int) -> str:
    """As loads are printed, in 6 columns."""
    return f"{tenths // 10:3}.{tenths % 10}%"


def _clock_cpuload(kernel: Kernel, pid: int) -> tuple[int, int]:
    active, total = numbers(lib.clock_cpuload, kernel.board, pid, n=2)
    return active, total
