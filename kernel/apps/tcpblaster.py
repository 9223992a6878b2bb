"""tcpblaster: one board sends as fast as it can, another counts (nuttx-apps, examples/tcpblaster).

``tcpclient`` sends, ``tcpserver`` takes one connection; both print a line for CONFIG_EXAMPLES_TCPBLASTER_GROUPSIZE
buffers, until the other is gone. With CONFIG_EXAMPLES_TCPBLASTER_IPv6 they speak IPv6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.output import complain
from kernel.apps.tcpserver import listen_on, stream
from kernel.inet import MAPPED, inet_ntoa, option_address, pack_ipv4, pack_ipv6, unpack_address
from kernel.socket import AF_INET, AF_INET6
from kernel.strftime import strftime

if TYPE_CHECKING:
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys

NS, KB = 1_000_000_000, 1024
FIRST, LAST = 0x20, 0x7E


def payload(size: int) -> bytes:
    """So many printable bytes."""
    text = bytes(range(FIRST, LAST + 1))
    return (text * (size // len(text) + 1))[:size]


class Group:
    """Buffers that went or came since the last line."""

    def __init__(self, sys: Sys, size: int) -> None:
        self._sys = sys
        self._size = size
        self._number = -1
        self._next()

    def _next(self) -> None:
        self._begun_ns = self._sys.now_ns
        self._number += 1
        self.count = self.total = self.partials = self.unsent = 0

    def add(self, n: int) -> bool:
        """Counts a buffer of ``n`` bytes; whether the group is full."""
        self.count += 1
        self.total += n
        return self.count >= self._size

    def line(self, what: str) -> str:
        """What NuttX prints of a full group; the next one begins. ``what`` has places for count, kb and average."""
        now = strftime("%Y-%m-%d %H:%M:%S.000", self._sys.kernel.realtime.now())
        seconds = (self._sys.now_ns - self._begun_ns) / NS
        kb = self.total / KB
        rate = kb / seconds if seconds else float("inf")
        done = what.format(count=self.count, kb=kb, average=kb / self.count)
        text = f"[{now}] {self._number}: {done} in {seconds:6.2f} seconds ({rate:7.1f} KB/second)"
        if self.partials:
            text += f"\nPartial buffers sent: {self.partials} Data not sent: {self.unsent / KB:7.1f} Kb"
        self._next()
        return text


def protocol(sys: Sys) -> tuple[int, str]:
    """The family that they are configured for, and what they call it."""
    return (AF_INET6, "IPv6") if sys.kernel.options["EXAMPLES_TCPBLASTER_IPv6"] else (AF_INET, "IPv4")


def shown(packed: bytes) -> str:
    """An address in hexadecimal, as a little-endian machine shows numbers that have the network's order: IPv4's is one,
    IPv6's are eight.
    """
    if packed[:12] == MAPPED:
        return packed[:11:-1].hex()
    return ":".join(packed[i : i + 2][::-1].hex() for i in range(0, 16, 2))


def server_address(sys: Sys) -> bytes | None:
    """The one on the command line, or the configured one; None: the command line makes no sense, which is said."""
    arguments, options = sys.argv[1:], sys.kernel.options
    ipv6 = protocol(sys)[0] == AF_INET6
    try:
        if len(arguments) > 1:
            complain(sys, "ERROR: Too many arguments\n")
        elif arguments:
            return pack_ipv6(arguments[0]) if ipv6 else pack_ipv4(arguments[0])
        elif ipv6:
            return option_address(options.__getitem__, "EXAMPLES_TCPBLASTER_SERVERIPv6ADDR")
        else:
            return pack_ipv4(inet_ntoa(int(options["EXAMPLES_TCPBLASTER_SERVERIP"])))
    except OSError:
        complain(sys, "ERROR: <server-addr> is invalid\n")
    complain(sys, f"USAGE: {sys.argv[0]} [<server-addr>]\n")
    return None


def client_main(sys: Sys) -> int:
    """tcpclient [<server-addr>]: sends until that fails, as it does in the end."""
    address = server_address(sys)
    if address is None:
        return 1
    try:
        sock = stream(sys, protocol(sys)[0])
    except OSError as error:
        sys.print(f"client socket failure {error.errno}")
        return 1
    with sock:
        sys.print(f"Connecting to {protocol(sys)[1]} Address: {shown(address)}")
        try:
            sock.connect((unpack_address(address), int(sys.kernel.options["EXAMPLES_TCPBLASTER_SERVER_PORTNO"])))
        except OSError as error:
            sys.print(f"client: connect failure: {error.errno}")
            return 1
        sys.print("client: Connected")
        try:
            _send(sys, sock)
        except OSError as error:
            sys.print(f"client: send failed: {error.errno}")
    return 1


def _send(sys: Sys, sock: TcpSocket) -> None:
    """Raises OSError in the end."""
    options = sys.kernel.options
    data = payload(int(options["EXAMPLES_TCPBLASTER_SENDSIZE"]))
    what = f"Sent {{count}} {len(data)}-byte buffers: {{kb:7.1f}}KB (avg {{average:5.1f}} KB)"
    group = Group(sys, int(options["EXAMPLES_TCPBLASTER_GROUPSIZE"]))
    while True:
        n = sock.send(data)
        if n < len(data):
            group.partials += 1
            group.unsent += len(data) - n
        if group.add(n):
            sys.print(group.line(what))


def server_main(sys: Sys) -> int:
    """tcpserver: counts what one client sends, until that is gone."""
    if server_address(sys) is None:
        return 1
    port = int(sys.kernel.options["EXAMPLES_TCPBLASTER_SERVER_PORTNO"])
    family, name = protocol(sys)
    nobody = pack_ipv6("") if family == AF_INET6 else pack_ipv4("")
    sys.print(f"Binding to {name} Address: {shown(nobody)}")
    try:
        listener = listen_on(sys, port, family=family)
    except OSError as error:
        sys.print(f"server: bind failure: {error.errno}")
        return 1
    with listener:
        sys.print(f"server: Accepting connections on port {port}")
        try:
            client, _ = listener.accept()
        except OSError as error:
            sys.print(f"server: accept failure: {error.errno}")
            return 1
        with client:
            sys.print("server: Connection accepted -- receiving")
            try:
                _receive(sys, client)
            except OSError as error:
                sys.print(f"server: recv failed: {error.errno}")
    return 1


def _receive(sys: Sys, client: TcpSocket) -> None:
    """Raises OSError if it does not end well."""
    options = sys.kernel.options
    size = int(options["EXAMPLES_TCPBLASTER_SENDSIZE"])
    what = "Received {count} buffers: {kb:7.1f} KB (buffer averagesize: {average:5.1f} KB)"
    group = Group(sys, int(options["EXAMPLES_TCPBLASTER_GROUPSIZE"]))
    while data := client.recv(size):
        if group.add(len(data)):
            sys.print(group.line(what))
    sys.print("server: The client broke the connection")
