"""Files of /proc about the machine: cpuinfo, cpuload, irqs, tcbinfo. Layouts are NuttX's."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from kernel.core import lib, numbers
from kernel.cpuload import busy, percent

if TYPE_CHECKING:
    from kernel.kernel import Kernel

NS_PER_S, PS_PER_US, US_PER_S = 1_000_000_000, 1_000_000, 1_000_000
MOST_RATE = 10000  # a second; more is shown as 9999.999


def cpuinfo(kernel: Kernel) -> str:
    """/proc/cpuinfo: a paragraph a CPU, as on ARM, of the lines that are true of a CPU that executes nothing."""
    khz = int(Fraction(str(kernel.options.get("CPU_MHZ", 1000))) * 1000)
    mhz = f"cpu MHz\t\t: {khz // 1000}.{khz % 1000:03}\n"
    return "".join(f"processor\t: {cpu}\n{mhz}model name\t: nutloop virtual CPU\n\n" for cpu in range(kernel.ncpus))


def cpuload(kernel: Kernel) -> str:
    """/proc/cpuload."""
    return percent(busy(kernel)) + "\n"


def irqs(kernel: Kernel) -> str:
    """/proc/irqs: the lines that were served since this was read last; reading it begins a new count.

    A handler's time is the longest it took, in microseconds, without entry and exit. Handlers and their arguments are
    Python objects, or in the core, and have no address on the board: those columns are 0.
    """
    text = "IRQ HANDLER  ARGUMENT    COUNT    RATE    TIME\n"
    for irq, *_ in kernel.irqs.table():
        count, longest_ps, ns = numbers(lib.irq_monitor, kernel.board, irq, n=3)
        if count:
            rate = min(count * NS_PER_S * 1000 // max(ns, kernel.tick_ns), MOST_RATE * 1000 - 1)
            time = longest_ps // PS_PER_US % US_PER_S
            text += f"{irq:3} {0:08x} {0:08x} {count:10} {rate // 1000:4}.{rate % 1000:03} {time:4}\n"
    return text


def tcbinfo(kernel: Kernel) -> str:
    """/proc/tcbinfo: where a debugger finds the table of a TCB's fields. The board's memory has none, nor registers."""
    return "pointer 0 size 0 current regs 0\n"
