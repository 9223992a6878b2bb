"""udpecho: sends every datagram back to where it came from (RFC 862)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from kernel.socket import AF_INET, AF_INET6, SOCK_DGRAM, Socket

if TYPE_CHECKING:
    from kernel.syscalls import Sys

PORT = 7
NOBODY = ("0.0.0.0", "::")  # a sender that has no address yet; as a destination it would be this board, for ever
LONGEST = 65507  # what a UDP datagram holds at most


def main(sys: Sys) -> int:
    """udpecho [port]: of IPv4 and of IPv6, until a signal comes."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or not all(a.isascii() and a.isdigit() and 0 < int(a) < 65536 for a in arguments):
        sys.print("Usage: udpecho [<port>]")
        return 1
    port = int(arguments[0]) if arguments else PORT
    with ExitStack() as stack:
        socks = []
        for family in (AF_INET, AF_INET6) if sys.kernel.options["NET_IPv6"] else (AF_INET,):
            sock = sys.socket(family, SOCK_DGRAM)
            socks.append(stack.enter_context(sock))
            try:
                sock.bind(("", port))
            except OSError as error:
                sys.print(f"ERROR: bind to port {port} failed: {error.errno}")
                return 1
        while True:
            try:
                for ready in sys.select(socks)[0] if len(socks) > 1 else socks:
                    echo(ready)
            except InterruptedError:
                return 0
            except OSError as error:  # one sender who cannot be answered is no reason to leave the others
                sys.print(f"ERROR: echo failed: {error.errno}")


def echo(sock: Socket) -> None:
    """One datagram. Raises OSError."""
    data, sender = sock.recvfrom(LONGEST)
    if sender[0] not in NOBODY:
        sock.sendto(data, sender)
