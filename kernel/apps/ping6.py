"""ping6: the same as ping by ICMPv6, with its own commas and colons (apps/system/ping6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.pinger import Dialect, run
from kernel.socket import AF_INET6, IPPROTO_ICMPV6

if TYPE_CHECKING:
    from kernel.syscalls import Sys

PING6 = Dialect(
    name="ping6",
    family=AF_INET6,
    proto=IPPROTO_ICMPV6,
    request=128,
    reply=129,
    address="<ip-address> is the IPv6 address request the ICMPv6 ECHO reply.",
    hostname="<hostname> is either an IPv6 address or the name of the remote host\n"
    "   that is requested the ICMPv6 ECHO reply.",
    begin="PING6 {host}: {size} bytes of data",
    colon="",
    comma=",",
    goes_on=False,
)


def main(sys: Sys) -> int:
    """ping6 [-c count] [-i interval] [-W timeout] [-s size] [-I interface] <ip-address>."""
    return run(sys, PING6)
