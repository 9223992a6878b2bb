"""udpblaster: sends datagrams as fast as they are taken, for whoever counts them (nuttx-apps, examples/udpblaster)."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any

from kernel.inet import inet_ntoa, option_address, unpack_address
from kernel.sockbase import family_of
from kernel.socket import AF_INET, AF_INET6, SOCK_DGRAM

if TYPE_CHECKING:
    from kernel.syscalls import Sys

HOST_PORT, TARGET_PORT = 5471, 5472
HEADERS = {AF_INET: 14 + 20 + 8, AF_INET6: 14 + 40 + 8}  # bytes: Ethernet, IP, UDP
PER_DOT, DOTS_PER_LINE = 10_000, 50


def payload(size: int) -> bytes:
    """So many printable bytes."""
    text = (ascii_letters + digits).encode()
    return (text * (size // len(text) + 1))[:size]


def configured(options: Mapping[str, Any]) -> tuple[str, str]:
    """The board's address, and its peer's."""
    if options["EXAMPLES_UDPBLASTER_IPv6"]:
        names = ("EXAMPLES_UDPBLASTER_TARGETIPv6", "EXAMPLES_UDPBLASTER_HOSTIPv6")
        own, peer = (unpack_address(option_address(options.__getitem__, name)) for name in names)
    else:
        names = ("EXAMPLES_UDPBLASTER_TARGETIP", "EXAMPLES_UDPBLASTER_HOSTIP")
        own, peer = (inet_ntoa(int(options[name])) for name in names)
    return own, peer


def main(sys: Sys) -> int:
    """udpblaster: from EXAMPLES_UDPBLASTER_TARGETIP, which is the board, to ..._HOSTIP, until sending fails.

    With EXAMPLES_UDPBLASTER_IPv6 from ..._TARGETIPv6 to ..._HOSTIPv6.
    """
    options = sys.kernel.options
    own, peer = configured(options)
    host, target, family = (peer, HOST_PORT), (own, TARGET_PORT), family_of(own)
    data = payload(int(options["NET_ETH_PKTSIZE"]) - HEADERS[family])
    try:
        sock = sys.socket(family, SOCK_DGRAM)
    except OSError as error:
        sys.print(f"ERROR: socket() failed: {error.errno}")
        return 1
    with sock:
        try:
            sock.bind(target)
        except OSError as error:
            sys.print(f"server: ERROR bind failure: {error.errno}")
            return 1
        sent = 0
        while True:
            try:
                sock.sendto(data, host)
            except OSError as error:
                sys.print(f"ERROR: sendto() failed: {error.errno}")
                return 1
            sent += 1
            if sent % PER_DOT == 0:
                sys.print(".", end="" if sent % (PER_DOT * DOTS_PER_LINE) else "\n")
