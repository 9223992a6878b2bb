"""Names of sockets: addresses, and errors that name the call."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EINVAL
from typing import TYPE_CHECKING, Any, NamedTuple

from kernel.core import lib
from kernel.inet import is_linklocal, pack_ipv4, pack_ipv6, unpack_address

if TYPE_CHECKING:
    from kernel.kernel import Kernel

Address = tuple[Any, ...]
"""(host, port), and with AF_INET6 (host, port, flow information, scope), of which the last two may be left out."""

NAME_LEN = 20
"""Bytes of an address and a port as the core gives them (SOCKNAME_LEN in csrc/inet.h)."""


def os_error(errno: int, what: str) -> OSError:
    """The OSError of a positive errno."""
    return OSError(errno, f"{what}: {os.strerror(errno)}")


class Names(NamedTuple):
    """How a family writes its addresses: to the core and back."""

    nobody: bytes
    """no address given"""
    pack: Callable[[str], bytes]
    """text to what the core takes; raises OSError (EINVAL)"""


INET = Names(pack_ipv4(""), pack_ipv4)


def _pack_scoped(text: str) -> bytes:
    """``"fe80::1%eth0"``: the interface is not needed, since only one leads there."""
    return pack_ipv6(text.partition("%")[0])


INET6 = Names(pack_ipv6(""), _pack_scoped)


def port_of(address: Address) -> int:
    """Raises OSError (EINVAL) for what is no address of a socket."""
    if not isinstance(address, tuple) or not 2 <= len(address) <= 4 or not isinstance(address[1], int):
        raise OSError(EINVAL, f"{address!r} is no address: write (host, port)")
    return address[1]


def name_text(name: Address) -> str:
    """Host and port with a colon between them; of IPv6 with brackets, as in RFC 3986."""
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def name_of(kernel: Kernel, raw: bytes) -> Address:
    """An address as programs see it, of the core's NAME_LEN bytes."""
    return named(kernel, raw[:16], int.from_bytes(raw[16:20], "little"))


def named(kernel: Kernel, packed: bytes, port: int) -> Address:
    """The same of address and port. Link-local addresses have the number of the interface as their scope."""
    text = unpack_address(packed)
    if ":" not in text:
        return text, port
    scope = lib.netdev_findby_ripaddr(kernel.board, packed) if is_linklocal(packed) else 0
    return text, port, 0, max(0, scope)
