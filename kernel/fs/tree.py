"""What is in a board's file tree when it has booted: /dev, /proc and /tmp. /bin is binfs.py's."""

from __future__ import annotations

from errno import ENXIO
from functools import partial
from typing import TYPE_CHECKING

from kernel.fs.devices import Device, OpenConsole, OpenLog, OpenNull, OpenSource
from kernel.fs.openfile import OpenFile
from kernel.fs.procfs import procfs
from kernel.fs.tmpfs import TmpFs
from kernel.fs.vfs import Vfs

if TYPE_CHECKING:
    from kernel.kernel import Kernel


def make_tree(kernel: Kernel) -> Vfs:
    """The tree of a kernel, by its configuration."""
    options = kernel.options
    tree = Vfs(kernel.effort.copied)
    tree.root.mkdir("dev", 0o777)
    tree.attach("/dev/null", Device(OpenNull))
    tree.attach("/dev/zero", Device(partial(OpenSource, kernel=kernel, draw=bytes)))
    opened = partial(OpenSource, kernel=kernel, draw=kernel.entropy.randbytes)
    tree.attach("/dev/random", Device(opened, 0o444))
    tree.attach("/dev/urandom", Device(opened))
    for name in ("console", "ttyS0"):
        tree.attach(f"/dev/{name}", Device(partial(_open_console, kernel), unlinks=True))
    if options["RAMLOG_SYSLOG"]:
        tree.attach("/dev/kmsg", Device(partial(_open_log, kernel)))
    if options["FS_PROCFS"]:
        tree.filesystems["procfs"] = partial(procfs, kernel)
        tree.mount("/proc", "procfs")
    if options["FS_TMPFS"]:
        tree.filesystems["tmpfs"] = partial(TmpFs, kernel.heap)
        tree.mount(str(options["LIBC_TMPDIR"]), "tmpfs")
    return tree


def _open_console(kernel: Kernel, path: str, flags: int) -> OpenFile:
    if kernel.console is None:
        raise OSError(ENXIO, f"open {path}: no driver has a console")
    return OpenConsole(kernel.console, path, flags)


def _open_log(kernel: Kernel, path: str, flags: int) -> OpenFile:
    return OpenLog(path, flags, kernel.syslog)
