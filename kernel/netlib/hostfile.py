"""The hosts file (NuttX lib_parsehostfile.c): lines of an address, a name and aliases; # begins a comment line."""

from __future__ import annotations

from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.inet import inet_addr, inet_ntoa

if TYPE_CHECKING:
    from kernel.kernel import Kernel

LONGEST = 65536  # bytes of it that are read


def hostfile_lookup(kernel: Kernel, name: str) -> str | None:
    """The address of a name in NETDB_HOSTCONF_PATH, None if it is not there. A line that makes no sense is left out."""
    try:
        with kernel.vfs.open(str(kernel.options["NETDB_HOSTCONF_PATH"]), O_RDONLY) as file:
            text = file.read(LONGEST).decode("utf-8", "replace")
    except OSError:  # there is none
        return None
    names = 1 + int(kernel.options["NETDB_MAX_ALTNAMES"])
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#") or name not in words[1 : 1 + names]:
            continue
        try:
            return inet_ntoa(inet_addr(words[0]))
        except OSError:
            continue
    return None
