"""inetd: the small servers that every test of a network wants: echo, discard and chargen (RFC 862, 863, 864)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kernel.apps.output import complain
from kernel.apps.tcpecho import BUFSIZE
from kernel.apps.tcpserver import Crew, Handler, listen_on, serve
from kernel.nsh.commands.options import getopt
from kernel.socket import AF_INET, AF_INET6, SOCK_DGRAM, Socket

if TYPE_CHECKING:
    from kernel.socket import Address, TcpSocket
    from kernel.syscalls import Sys

ECHO, DISCARD, CHARGEN = 7, 9, 19
RESERVED = 1024  # below are servers: answering what claims to be one's answer would go on for ever
NOBODY = ("0.0.0.0", "::")
LONGEST = 65507  # bytes of a UDP datagram

WIDTH = 72
PRINTABLE = bytes(range(0x20, 0x7F))
LINES = len(PRINTABLE)  # until the first one comes again


def chargen_lines(first: int, count: int) -> bytes:
    """So many lines, each of which begins one character later than the one before."""
    twice = PRINTABLE * 2
    return b"".join(twice[n % LINES :][:WIDTH] + b"\r\n" for n in range(first, first + count))


def tcp_echo(_sys: Sys, client: TcpSocket) -> None:
    """Raises OSError when the connection breaks, as the others do."""
    while data := client.recv(BUFSIZE):
        client.sendall(data)


def tcp_discard(_sys: Sys, client: TcpSocket) -> None:
    """Until the peer ends it."""
    while client.recv(BUFSIZE):
        pass


def tcp_chargen(_sys: Sys, client: TcpSocket) -> None:
    """Until the peer is gone; what it sends is not read."""
    data = chargen_lines(0, LINES)
    while True:
        client.sendall(data)


def udp_echo(data: bytes) -> bytes:
    """The same again."""
    return data


def udp_chargen(_data: bytes) -> bytes:
    """A few lines. RFC 864 wants as many as chance will have."""
    return chargen_lines(0, 6)


TCP: dict[int, Handler] = {ECHO: tcp_echo, DISCARD: tcp_discard, CHARGEN: tcp_chargen}
UDP: dict[int, Callable[[bytes], bytes] | None] = {ECHO: udp_echo, DISCARD: None, CHARGEN: udp_chargen}
NAMES = {ECHO: "echo", DISCARD: "discard", CHARGEN: "chargen"}


def answers(sock: Socket, answer: Callable[[bytes], bytes] | None) -> None:
    """Serves a UDP port until a signal comes. One sender who cannot be answered is no reason to leave the others."""
    while True:
        try:
            data, sender = sock.recvfrom(LONGEST)
            if answer is not None and may_answer(sender):
                sock.sendto(answer(data), sender)
        except InterruptedError:
            return
        except OSError:
            continue


def may_answer(sender: Address) -> bool:
    """Whether somebody is there, and is no server."""
    return bool(sender[0] not in NOBODY and sender[1] >= RESERVED)


def main(sys: Sys) -> int:
    """inetd [-4] [-6]: of IPv4 unless told otherwise, until a signal comes.

    A port that is taken is left out, with a complaint.
    """
    given, rest = getopt(sys.argv, "46")
    letters = [flag for flag, _ in given] or ["4"]
    if rest or not set(letters) <= ({"4", "6"} if sys.kernel.options["NET_IPv6"] else {"4"}):
        complain(sys, f"Usage: {sys.argv[0]} [-4] [-6]\n")
        return 1
    forever = sys.semaphore()
    try:
        with Crew(sys) as crew:
            for letter in sorted(set(letters)):
                _start_all(sys, crew, letter)
            forever.wait()
    finally:
        forever.destroy()
    return 0


def _start_all(sys: Sys, crew: Crew, letter: str) -> None:
    family, suffix = (AF_INET6, "6") if letter == "6" else (AF_INET, "")
    for port, name in NAMES.items():
        _start(sys, crew, f"{name}/tcp{suffix}", partial(tcp_service, sys, port, family))
        if sys.kernel.options["NET_UDP"]:
            _start(sys, crew, f"{name}/udp{suffix}", partial(udp_service, sys, port, family))


Service = tuple[Socket, Callable[[Any], None]]
"""A socket, and what the task does that has it."""


def tcp_service(sys: Sys, port: int, family: int) -> Service:
    """Raises OSError (EADDRINUSE)."""
    listener = listen_on(sys, port, family=family)
    return listener, lambda own: serve(own, [listener], TCP[port], NAMES[port])


def udp_service(sys: Sys, port: int, family: int) -> Service:
    """Raises OSError (EADDRINUSE)."""
    sock = sys.socket(family, SOCK_DGRAM)
    try:
        sock.bind(("", port))
    except OSError:
        sock.close()
        raise
    return sock, lambda _own: answers(sock, UDP[port])


def _start(sys: Sys, crew: Crew, name: str, make: Callable[[], Service]) -> None:
    try:
        sock, entry = make()
        crew.start(entry, name, sock)
    except OSError as error:
        complain(sys, f"inetd: {name}: {error.errno}\n")
