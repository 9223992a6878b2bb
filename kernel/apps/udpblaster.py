"""udpblaster: sends datagrams as fast as they are taken, for whoever counts them (nuttx-apps, examples/udpblaster)."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import TYPE_CHECKING

from kernel.inet import inet_ntoa
from kernel.socket import AF_INET, SOCK_DGRAM

if TYPE_CHECKING:
    from kernel.syscalls import Sys

HOST_PORT, TARGET_PORT = 5471, 5472
HEADERS = 14 + 20 + 8  # bytes: Ethernet, IPv4, UDP
PER_DOT, DOTS_PER_LINE = 10_000, 50


def payload(size: int) -> bytes:
    """So many printable bytes."""
    text = (ascii_letters + digits).encode()
    return (text * (size // len(text) + 1))[:size]


def main(sys: Sys) -> int:
    """udpblaster: from EXAMPLES_UDPBLASTER_TARGETIP, which is the board, to ..._HOSTIP, until sending fails."""
    options = sys.kernel.options
    host = (inet_ntoa(int(options["EXAMPLES_UDPBLASTER_HOSTIP"])), HOST_PORT)
    target = (inet_ntoa(int(options["EXAMPLES_UDPBLASTER_TARGETIP"])), TARGET_PORT)
    data = payload(int(options["NET_ETH_PKTSIZE"]) - HEADERS)
    try:
        sock = sys.socket(AF_INET, SOCK_DGRAM)
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
