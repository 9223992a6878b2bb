"""tcpecho: sends back what it gets (nuttx-apps, examples/tcpecho). A line that says exit ends the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.output import perror
from kernel.apps.tcpserver import listen_on_both, serve

if TYPE_CHECKING:
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys

BUFSIZE = 2048
EXIT = b"exit\r\n"


def echo(_sys: Sys, client: TcpSocket) -> None:
    """One connection. Raises OSError when it breaks."""
    while (data := client.recv(BUFSIZE)) and data != EXIT:
        client.sendall(data)


def main(sys: Sys) -> int:
    """tcpecho: on CONFIG_EXAMPLES_TCPECHO_PORT, of IPv6, too, until a signal comes."""
    options = sys.kernel.options
    sys.print("Start echo server")
    try:
        listeners = listen_on_both(sys, int(options["EXAMPLES_TCPECHO_PORT"]), int(options["EXAMPLES_TCPECHO_BACKLOG"]))
    except OSError as error:
        perror(sys, "ERROR: failed to bind socket.\n", error)
        return 1
    serve(sys, listeners, echo, "tcpecho", int(options["EXAMPLES_TCPECHO_NCONN"]) - 1)
    return 0
