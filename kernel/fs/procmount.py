"""/proc/fs: what is mounted where, and how full it is. df and mount print these files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kernel.fs.node import Node, TextFile

if TYPE_CHECKING:
    from kernel.kernel import Kernel

UNITS = "BKMGT"
LARGEST = 9999  # what is as large gets the next unit


def procmount(kernel: Kernel) -> dict[str, Node]:
    """The files."""
    return {
        "blocks": TextFile(partial(_blocks, kernel)),
        "mount": TextFile(partial(_mount, kernel)),
        "usage": TextFile(partial(_usage, kernel)),
    }


def _mount(kernel: Kernel) -> str:
    return "".join(f"  {path} type {fstype}\n" for path, fstype, _ in kernel.vfs.mounts())


def _blocks(kernel: Kernel) -> str:
    text = "  Block    Number\n  Size     Blocks       Used   Available Mounted on\n"
    for path, _, u in kernel.vfs.mounts():
        text += f"{u.block:6} {u.blocks:10} {u.blocks - u.available:10}  {u.available:10} {path}\n"
    return text


def _usage(kernel: Kernel) -> str:
    text = "  Filesystem      Size      Used  Available Mounted on\n"
    for path, fstype, u in kernel.vfs.mounts():
        size, available = u.block * u.blocks, u.block * u.available
        text += f"  {fstype:<10} {_human(size)} {_human(size - available)}  {_human(available)} {path}\n"
    return text


def _human(n: int) -> str:
    """A number of bytes in 9 columns; a unit is used for what is a multiple of it, and for what is long."""
    unit = 0
    while n >= LARGEST or (n != 0 and n % 1024 == 0):
        unit += 1
        n >>= 10
    return f"{n:8}{UNITS[unit]}"
