"""procfs: files whose text is made from live state when they are opened.

Names, order and layout are NuttX's (fs/procfs). /proc/net is made in procnet.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kernel.core import lib
from kernel.fs.node import Directory, Listing, Node, TextFile
from kernel.fs.procnet import net_device, net_route_ipv4, net_stat, net_udp
from kernel.taskinfo import TaskInfo, task_info, task_pids
from kernel.version import RELEASE, SYSNAME, version

if TYPE_CHECKING:
    from kernel.kernel import Kernel


def procfs(kernel: Kernel) -> Directory:
    """Its root."""
    return Listing(partial(_proc, kernel), "procfs")


def _proc(kernel: Kernel) -> dict[str, Node]:
    tasks: dict[str, Node] = {str(pid): Listing(partial(_task, kernel, pid)) for pid in task_pids(kernel)}
    net: dict[str, Node] = {"net": Listing(partial(_net, kernel))} if kernel.options.get("NET") else {}
    return tasks | {
        "iobinfo": TextFile(partial(iobinfo, kernel)),
        "meminfo": TextFile(partial(meminfo, kernel)),
        **net,
        "self": Listing(partial(_self, kernel)),
        "uptime": TextFile(partial(uptime, kernel)),
        "version": TextFile(partial(_version, kernel)),
    }


def _self(kernel: Kernel) -> dict[str, Node]:
    return _task(kernel, max(0, lib.board_current(kernel.board)))


def _net(kernel: Kernel) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    if kernel.options.get("NET_STATISTICS", True):
        entries["stat"] = TextFile(partial(net_stat, kernel))
    if kernel.options.get("NET_UDP", True):
        entries["udp"] = TextFile(partial(net_udp, kernel))
    entries["route"] = Listing(lambda: {"ipv4": TextFile(partial(net_route_ipv4, kernel))})
    return entries | {d.name: TextFile(partial(net_device, kernel, d)) for d in kernel.net.devices.values()}


def _task(kernel: Kernel, pid: int) -> dict[str, Node]:
    def file(text: Callable[[Kernel, TaskInfo], str]) -> TextFile:
        return TextFile(lambda: text(kernel, task_info(kernel, pid)))

    return {
        "status": file(_status),
        "cmdline": file(_cmdline),
        "stack": file(_stack),
        "group": Listing(lambda: {"status": file(_group_status)}),
    }


def iobinfo(kernel: Kernel) -> str:
    """/proc/iobinfo."""
    s = kernel.iobs.getstats()
    head = "".join(f"{name:>10}" for name in ("ntotal", "nfree", "nwait", "nthrottle"))
    return f"{head}\n{s.ntotal:10}{s.nfree:10}{s.nwait:10}{s.nthrottle:10}\n"


def meminfo(kernel: Kernel) -> str:
    """/proc/meminfo, which is also what free prints."""
    s = kernel.heap.stats()
    widths = (11, 11, 11, 11, 11, 7, 7)
    names = ("total", "used", "free", "maxused", "maxfree", "nused", "nfree")
    head = "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    row = "".join(f"{getattr(s, name):{width}}" for name, width in zip(names, widths, strict=True))
    return f"{head} name\n{row} Umem\n"


def uptime(kernel: Kernel) -> str:
    """/proc/uptime: seconds since boot, in whole ticks."""
    ns = kernel.ticks * kernel.tick_ns
    centis = (ns + 5_000_000) // 10_000_000
    return f"{centis // 100:7}.{centis % 100:02}\n"


def _version(kernel: Kernel) -> str:
    return f"{SYSNAME} version {RELEASE} {version()} {kernel.options['ARCH_BOARD']}:nsh\n"


def _lines(*pairs: tuple[str, object]) -> str:
    return "".join(f"{label + ':':<12}{value}\n" for label, value in pairs)


def _status(kernel: Kernel, task: TaskInfo) -> str:
    cpu = [("CPU", "---" if task.cpu is None else task.cpu)] if kernel.ncpus > 1 else []
    inherit = f" ({task.base_priority})" if kernel.options["PRIORITY_INHERITANCE"] else ""
    return _lines(
        ("Name", task.name[:18]),
        ("Type", task.kind),
        ("Group", task.group),
        *cpu,
        ("State", f"{task.state},{task.event}" if task.event else task.state),
        ("Flags", "P" if task.exiting else "-"),
        ("Priority", f"{task.priority}{inherit}"),
        ("Scheduler", f"SCHED_{task.policy}"),
        ("SigMask", f"{task.sigmask:016x}"),
    )


def _cmdline(kernel: Kernel, task: TaskInfo) -> str:
    return task.cmdline + "\n"


def _stack(kernel: Kernel, task: TaskInfo) -> str:
    used = [("StackUsed", task.stack_used)] if kernel.options["STACK_COLORATION"] else []
    return _lines(
        ("StackAlloc", f"0x{task.stack_addr:x}"),
        ("StackBase", f"0x{task.stack_addr:x}"),
        ("StackSize", task.stack_size),
        *used,
    )


def _group_status(kernel: Kernel, task: TaskInfo) -> str:
    """Threads of a group count; every task of this board is a group of its own, and kernel threads form one."""
    members = [pid for pid in task_pids(kernel) if task_info(kernel, pid).group == task.group]
    return _lines(
        ("Main task", task.group),
        ("Parent", task.parent),
        ("Flags", "0x00" if task.kind == "Task" else "0x02"),
        ("Members", len(members)),
    ) + f"Member IDs: {' '.join(map(str, members))}\n"
