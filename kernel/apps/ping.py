"""ping: asks a host whether it is there, by ICMP. What it prints is what NuttX's ping prints (apps/system/ping)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.ping6 import PING6
from kernel.apps.pinger import Dialect, run
from kernel.socket import AF_INET, IPPROTO_ICMP

if TYPE_CHECKING:
    from kernel.syscalls import Sys

PING = Dialect(
    name="ping",
    family=AF_INET,
    proto=IPPROTO_ICMP,
    request=8,
    reply=0,
    address="<ip-address> is the IPv4 address request the ICMP ECHO reply.",
    hostname="<hostname> is either an IPv4 address or the name of the remote host\n"
    "   that is requested the ICMPv4 ECHO reply.",
    begin="PING {host} {size} bytes of data",
    colon=":",
    comma=", ",
    goes_on=True,
)


def main(sys: Sys) -> int:
    """ping [-c count] [-i interval] [-W timeout] [-s size] [-I interface] <ip-address>.

    A host without an IPv4 address is left to ping6, if that is there; NuttX starts it as another task.
    """
    return run(sys, PING, PING6 if sys.kernel.options["SYSTEM_PING6"] else None)
