"""The command line of iperf, as NuttX's iperf has it."""

from __future__ import annotations

from dataclasses import dataclass
from errno import EINVAL
from getopt import GetoptError, getopt
from typing import TYPE_CHECKING

from kernel.inet import pack_address, unpack_address
from kernel.sockbase import AF_INET, AF_INET6, family_of
from kernel.sockname import name_text

if TYPE_CHECKING:
    from kernel.syscalls import Sys

PORT, INTERVAL, TIME = 5001, 3, 30
NOBODY, NOBODY6 = "0.0.0.0", "::"
UDP_SIZE = {AF_INET: 1472, AF_INET6: 1452}
"""Bytes of a datagram that fills a frame."""

USAGE = "USAGE: {} [-suVa] [-c <ip>] [-B <ip>] [-p <port>] [-i <interval>] [-t <time>]\niperf command:\n"
OPTIONS = (
    ("c", "client", "<ip>", "be the client of the server there"),
    ("s", "server", "", "be the server"),
    ("u", "udp", "", "datagrams instead of a stream"),
    ("V", "ipv6_domain", "", "be a server of IPv6"),
    ("B", "bind", "<ip>", "the board's own address"),
    ("p", "port", "<port>", "the server's port"),
    ("i", "interval", "<interval>", "seconds from one line to the next"),
    ("t", "time", "<time>", "seconds until it ends; 30 for a client"),
    ("a", "abort", "", "end those that run"),
)
"""Letter, long name, what its value is called, and what it means."""


class UsageError(Exception):
    """The command line makes no sense; the text says why."""


@dataclass(frozen=True)
class Plan:
    """The command line. ``interval`` and ``time`` are seconds; a ``time`` of 0 is for ever."""

    server: bool
    udp: bool
    own: str
    peer: str
    port: int
    interval: int
    time: int

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return family_of(self.own)

    @property
    def size(self) -> int:
        """Bytes of a client's datagram."""
        return UDP_SIZE[self.family]

    def describe(self) -> str:
        """As NuttX shows it."""
        mode = f"{'udp' if self.udp else 'tcp'}-{'server' if self.server else 'client'}"
        sport, dport = (self.port, PORT) if self.server else (PORT, self.port)
        ends = f"sip={name_text((self.own, sport))},dip={name_text((self.peer, dport))}, "
        return f"\n mode={mode} {ends}interval={self.interval}, time={self.time}"


def usage(name: str) -> str:
    """What -s, -c and the others are."""
    lines = []
    for letter, long, value, text in OPTIONS:
        lines.append(f"  {f'-{letter}, --{long}' + (f'={value}' if value else ''):<20} {text}\n")
    return USAGE.format(name) + "".join(lines)


def given_options(argv: list[str]) -> dict[str, str]:
    """The options of a command line by letter. Raises UsageError."""
    letters = "".join(letter + (":" if value else "") for letter, _, value, _ in OPTIONS)
    longs = [long + ("=" if value else "") for _, long, value, _ in OPTIONS]
    try:
        found, rest = getopt(argv[1:], letters, longs)
    except GetoptError as error:
        raise UsageError(f'{argv[0]}: invalid option "{"-" if len(error.opt) == 1 else "--"}{error.opt}"') from None
    if rest:
        raise UsageError(f'{argv[0]}: unexpected argument "{rest[0]}"')
    names = {f"--{long}": letter for letter, long, _, _ in OPTIONS}
    return {names.get(name, name[1:]): value for name, value in found}


def number(argv0: str, given: dict[str, str], letter: str, otherwise: int, most: int = 2**31 - 1) -> int:
    """The number that an option has. Raises UsageError."""
    text = given.get(letter)
    if text is None:
        return otherwise
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        long, name = next((long, name) for short, long, name, _ in OPTIONS if short == letter)
        raise UsageError(f'{argv0}: invalid argument "{text}" to option -{letter}|--{long}={name}')
    return value


def make_plan(sys: Sys, given: dict[str, str]) -> Plan:
    """What the options ask for; it is about IPv6 if an address is, or with -V. Raises UsageError."""
    argv0 = sys.argv[0]
    try:
        bound = address(sys, given.get("B"))
    except OSError:
        raise UsageError("ERROR: access IP is 0xffffffff") from None
    try:
        peer = address(sys, given.get("c"))
    except OSError:
        raise UsageError(f'{argv0}: invalid argument "{given["c"]}" to option -c|--client=<ip>') from None
    family = AF_INET6 if "V" in given else family_of(peer or bound or NOBODY)
    own = bound or own_address(sys, family)
    if ("c" in given) == ("s" in given):
        raise UsageError("ERROR: should specific client/server mode")
    if {family} != {family_of(text) for text in (own, peer or own)}:
        raise UsageError("ERROR: addresses of IPv4 and of IPv6 do not go together")
    interval = number(argv0, given, "i", INTERVAL) or INTERVAL
    time = number(argv0, given, "t", 0 if "s" in given else TIME)
    return Plan(
        server="s" in given,
        udp="u" in given,
        own=own,
        peer=peer or (NOBODY6 if family == AF_INET6 else NOBODY),
        port=number(argv0, given, "p", PORT, 65535) or PORT,
        interval=interval,
        time=max(time, interval) if time else 0,
    )


def address(sys: Sys, text: str | None) -> str | None:
    """As it is written in full; of IPv6 only if the board speaks it. Raises OSError."""
    if text is None:
        return None
    packed = pack_address(text or "?")
    if ":" in text and not sys.kernel.options["NET_IPv6"]:
        raise OSError(EINVAL, f"{text}: IPv6 needs CONFIG_NET_IPv6")
    return unpack_address(packed)


def own_address(sys: Sys, family: int) -> str:
    """The one of CONFIG_NETUTILS_IPERFTEST_DEVNAME. Raises UsageError."""
    found = NOBODY
    try:
        device = sys.kernel.net.device(str(sys.kernel.options["NETUTILS_IPERFTEST_DEVNAME"]))
    except OSError:
        pass
    else:
        if family == AF_INET:
            found = device.ipaddr
        elif sys.kernel.options["NET_IPv6"]:
            found = next((row.address for row in device.ip6 if row.state == "ready"), NOBODY)
    if found == NOBODY:
        raise UsageError("ERROR: access IP is 0x00")
    return found
