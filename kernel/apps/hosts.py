"""How programs find the host that somebody has named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import inet_addr, inet_ntoa, pack_ipv6, unpack_address
from kernel.socket import AF_INET

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def gethostip(sys: Sys, host: str, family: int = AF_INET) -> str:
    """The address of a host in a family, by name only with CONFIG_LIBC_NETDB. May wait. Raises OSError."""
    if family != AF_INET:
        return unpack_address(pack_ipv6(host or "?"))
    return sys.gethostbyname(host) if sys.kernel.options["LIBC_NETDB"] else inet_ntoa(inet_addr(host))
