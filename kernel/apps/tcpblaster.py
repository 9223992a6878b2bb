"""tcpblaster: one board sends as fast as it can, another counts (nuttx-apps, examples/tcpblaster).

``tcpclient`` sends, ``tcpserver`` takes one connection; both print a line for CONFIG_EXAMPLES_TCPBLASTER_GROUPSIZE
buffers, until the other is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.output import complain
from kernel.apps.tcpserver import listen_on, stream
from kernel.inet import inet_addr, inet_ntoa
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


def network_order(address: int) -> str:
    """An address in hexadecimal, as a little-endian machine shows one that has the network's order."""
    return f"{int.from_bytes(address.to_bytes(4, 'big'), 'little'):08x}"


def server_address(sys: Sys) -> int | None:
    """The one on the command line, or the configured one; None: the command line makes no sense, which is said."""
    arguments = sys.argv[1:]
    try:
        if len(arguments) > 1:
            complain(sys, "ERROR: Too many arguments\n")
        elif arguments:
            return inet_addr(arguments[0])
        else:
            return int(sys.kernel.options["EXAMPLES_TCPBLASTER_SERVERIP"])
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
        sock = stream(sys)
    except OSError as error:
        sys.print(f"client socket failure {error.errno}")
        return 1
    with sock:
        sys.print(f"Connecting to IPv4 Address: {network_order(address)}")
        try:
            sock.connect((inet_ntoa(address), int(sys.kernel.options["EXAMPLES_TCPBLASTER_SERVER_PORTNO"])))
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
    sys.print(f"Binding to IPv4 Address: {network_order(0)}")
    try:
        listener = listen_on(sys, port)
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
