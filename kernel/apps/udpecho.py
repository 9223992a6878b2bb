"""udpecho: sends every datagram back to where it came from (RFC 862)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.socket import AF_INET, SOCK_DGRAM

if TYPE_CHECKING:
    from kernel.syscalls import Sys

PORT = 7
NOBODY = "0.0.0.0"  # a sender that has no address yet; as a destination it would be this board, for ever
LONGEST = 65507  # what a UDP datagram holds at most


def main(sys: Sys) -> int:
    """udpecho [port]: until a signal comes."""
    arguments = sys.argv[1:]
    if len(arguments) > 1 or not all(a.isascii() and a.isdigit() and 0 < int(a) < 65536 for a in arguments):
        sys.print("Usage: udpecho [<port>]")
        return 1
    port = int(arguments[0]) if arguments else PORT
    with sys.socket(AF_INET, SOCK_DGRAM) as sock:
        try:
            sock.bind(("", port))
        except OSError as error:
            sys.print(f"ERROR: bind to port {port} failed: {error.errno}")
            return 1
        while True:
            try:
                data, sender = sock.recvfrom(LONGEST)
                if sender[0] != NOBODY:
                    sock.sendto(data, sender)
            except InterruptedError:
                return 0
            except OSError as error:  # one sender who cannot be answered is no reason to leave the others
                sys.print(f"ERROR: echo failed: {error.errno}")
