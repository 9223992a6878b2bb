"""How programs find the host that somebody has named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import inet_addr, inet_ntoa

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def gethostip(sys: Sys, host: str) -> str:
    """The address of a host, by name only with CONFIG_LIBC_NETDB. May wait. Raises OSError."""
    return sys.gethostbyname(host) if sys.kernel.options["LIBC_NETDB"] else inet_ntoa(inet_addr(host))
