"""/proc/<pid>: what can be read of one task, as NuttX lays it out (fs/procfs/fs_procfsproc.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kernel.cpuload import percent
from kernel.fs.node import Listing, Node, TextFile
from kernel.fs.openfile import OpenFile
from kernel.taskinfo import TaskInfo, task_info, task_pids

if TYPE_CHECKING:
    from kernel.kernel import Kernel

DRIVER, MOUNTPOINT, PIPE = 1, 3, 10  # FSNODEFLAG_TYPE_..., include/nuttx/fs/fs.h
NOCLDWAIT, PRIVILEGED, DUMPABLE = 0x01, 0x02, 0x40  # GROUP_FLAG_..., include/nuttx/sched.h
TYPES = {"c": DRIVER, "b": DRIVER, "p": PIPE}  # a block device is opened through a character driver


def task_entries(kernel: Kernel, pid: int) -> dict[str, Node]:
    """The directory of a task."""

    def file(text: Callable[[Kernel, TaskInfo], str]) -> TextFile:
        return TextFile(lambda: text(kernel, task_info(kernel, pid)))

    load: dict[str, Node] = {"loadavg": file(_loadavg)} if kernel.options.get("SCHED_CPULOAD_SYSCLK") else {}
    return {
        "status": file(_status),
        "cmdline": file(_cmdline),
        **load,
        "stack": file(_stack),
        "group": Listing(lambda: {"status": file(_group_status), "fd": file(_group_fd), "env": file(_group_env)}),
    }


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


def _loadavg(kernel: Kernel, task: TaskInfo) -> str:
    return percent(task.load) + "\n"


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
    return (
        _lines(
            ("Main task", task.group),
            ("Parent", task.parent),
            ("Flags", f"0x{PRIVILEGED | NOCLDWAIT if task.kind == 'Kthread' else DUMPABLE:02x}"),
            ("Members", len(members)),
        )
        + f"Member IDs: {' '.join(map(str, members))}\n"
    )


def _group_fd(kernel: Kernel, task: TaskInfo) -> str:
    """Its open files; empty without any. Each is a table of its own, begun with an empty line."""
    owner = kernel.tasks.by_pid.get(task.pid)
    files = list(owner.files) if owner is not None else []
    if not files:
        return ""
    rows = (f"{fd:<3} {f.flags:<7} {_inode_type(kernel, f):<4x} {f.position:<9} {f.path:<14}\n" for fd, f in files)
    return f"\n{'FD':<3} {'OFLAGS':<7} {'TYPE':<4} {'POS':<9} {'PATH':<14} \n" + "".join(rows)


def _inode_type(kernel: Kernel, file: OpenFile) -> int:
    """What kind of inode it was opened from. A pipe without a name has none that could be found."""
    try:
        node = kernel.vfs.find(file.path)
    except OSError:
        return MOUNTPOINT if file.path.startswith("/") else PIPE
    return TYPES.get(node.kind, MOUNTPOINT)


def _group_env(kernel: Kernel, task: TaskInfo) -> str:
    owner = kernel.tasks.by_pid.get(task.pid)
    return "".join(f"{name}={value}\n" for name, value in owner.env) if owner is not None else ""
