"""How programs find the host that somebody has named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import inet_addr, inet_ntoa, pack_ipv6, unpack_address
from kernel.netlib.netdb import EAI_FAMILY, GaiError
from kernel.socket import AF_INET, AF_INET6

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def gethostip(sys: Sys, host: str, family: int = AF_INET) -> str:
    """The address of a host in a family, by name only with CONFIG_LIBC_NETDB. May wait. Raises OSError."""
    if sys.kernel.options["LIBC_NETDB"]:
        return str(sys.getaddrinfo(host, family=family)[0][4][0])
    return inet_ntoa(inet_addr(host)) if family == AF_INET else unpack_address(pack_ipv6(host or "?"))


def anyhostip(sys: Sys, host: str) -> str:
    """Its IPv4 address, which is the one that most of NuttX's programs take; its IPv6 address if it has no other."""
    if ":" in host:
        return gethostip(sys, host, AF_INET6)
    try:
        return gethostip(sys, host)
    except GaiError as error:
        if error.errno != EAI_FAMILY:
            raise
        return gethostip(sys, host, AF_INET6)
