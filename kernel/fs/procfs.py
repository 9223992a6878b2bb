"""procfs: files whose text is made from live state when they are opened.

Names, order and layout are NuttX's (fs/procfs). Here are the root and what is about the whole kernel; tasks are in
proctask.py, the machine in procsys.py, the heap in procmem.py, the network in procnet.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kernel.core import lib
from kernel.fs.node import Directory, Listing, Node, TextFile
from kernel.fs.procmem import MemDump, meminfo
from kernel.fs.procmount import procmount
from kernel.fs.procnet import net_device, net_route_ipv4, net_route_ipv6, net_stat, net_tcp, net_udp
from kernel.fs.procsys import cpuinfo, cpuload, irqs, tcbinfo
from kernel.fs.proctask import task_entries
from kernel.taskinfo import task_pids
from kernel.version import RELEASE, SYSNAME, version

if TYPE_CHECKING:
    from kernel.kernel import Kernel


def procfs(kernel: Kernel) -> Directory:
    """Its root."""
    return Listing(partial(_proc, kernel), "procfs")


def _proc(kernel: Kernel) -> dict[str, Node]:
    def file(text: Callable[[Kernel], str]) -> TextFile:
        return TextFile(partial(text, kernel))

    options = kernel.options
    entries: dict[str, Node] = {str(pid): Listing(partial(task_entries, kernel, pid)) for pid in task_pids(kernel)}
    entries["cpuinfo"] = file(cpuinfo)
    if options.get("SCHED_CPULOAD_SYSCLK"):
        entries["cpuload"] = file(cpuload)
    entries["fs"] = Listing(partial(procmount, kernel))
    entries["iobinfo"] = file(iobinfo)
    if options.get("SCHED_IRQMONITOR"):
        entries["irqs"] = file(irqs)
    entries["memdump"] = MemDump(kernel)
    entries["meminfo"] = file(meminfo)
    if options.get("NET"):
        entries["net"] = Listing(partial(_net, kernel))
    entries["self"] = Listing(partial(_self, kernel))
    entries["tcbinfo"] = file(tcbinfo)
    entries["uptime"] = file(uptime)
    entries["version"] = file(_version)
    return entries


def _self(kernel: Kernel) -> dict[str, Node]:
    return task_entries(kernel, max(0, lib.board_current(kernel.board)))


def _net(kernel: Kernel) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    if kernel.options.get("NET_STATISTICS", True):
        entries["stat"] = TextFile(partial(net_stat, kernel))
    if kernel.options.get("NET_TCP", False):
        entries["tcp"] = TextFile(partial(net_tcp, kernel))
    if kernel.options.get("NET_UDP", True):
        entries["udp"] = TextFile(partial(net_udp, kernel))
    if kernel.options.get("NET_ROUTE"):
        tables: dict[str, Node] = {"ipv4": TextFile(partial(net_route_ipv4, kernel))}
        if kernel.options.get("NET_IPv6"):
            tables["ipv6"] = TextFile(partial(net_route_ipv6, kernel))
        entries["route"] = Listing(lambda: tables)
    return entries | {d.name: TextFile(partial(net_device, kernel, d)) for d in kernel.net.devices.values()}


def iobinfo(kernel: Kernel) -> str:
    """/proc/iobinfo."""
    s = kernel.iobs.getstats()
    head = "".join(f"{name:>10}" for name in ("ntotal", "nfree", "nwait", "nthrottle"))
    return f"{head}\n{s.ntotal:10}{s.nfree:10}{s.nwait:10}{s.nthrottle:10}\n"


def uptime(kernel: Kernel) -> str:
    """/proc/uptime: seconds since boot, in whole ticks."""
    ns = kernel.ticks * kernel.tick_ns
    centis = (ns + 5_000_000) // 10_000_000
    return f"{centis // 100:7}.{centis % 100:02}\n"


def _version(kernel: Kernel) -> str:
    return f"{SYSNAME} version {RELEASE} {version()} {kernel.options['ARCH_BOARD']}:nsh\n"
