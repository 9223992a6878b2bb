"""The hosts file (NuttX lib_parsehostfile.c): lines of an address, a name and aliases; # begins a comment line."""

from __future__ import annotations

from contextlib import suppress
from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.inet import pack_address, unpack_address

if TYPE_CHECKING:
    from kernel.kernel import Kernel

LONGEST = 65536  # bytes of it that are read


def hostfile_lookup(kernel: Kernel, name: str) -> list[str]:
    """The addresses of a name in NETDB_HOSTCONF_PATH, in its order. A line that makes no sense is left out.

    NuttX takes the first line of that name only, so that it has an address of one protocol.
    """
    try:
        with kernel.vfs.open(str(kernel.options["NETDB_HOSTCONF_PATH"]), O_RDONLY) as file:
            text = file.read(LONGEST).decode("utf-8", "replace")
    except OSError:  # there is none
        return []
    names = 1 + int(kernel.options["NETDB_MAX_ALTNAMES"])
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#") or name not in words[1 : 1 + names]:
            continue
        with suppress(OSError):
            found.append(unpack_address(pack_address(words[0])))
    return found
