"""The serial console on a TCP port of this host, for clients of RFC 2217; live benches only.

What a pseudo-terminal cannot carry comes along: break, the modem lines, and DTR, which resets the board. It listens on
the loopback interface alone, since whoever connects has the board's shell.
"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import TYPE_CHECKING

from board.uart import Uart
from kernel.errors import BenchError
from lab.comport import ComPort
from lab.livefd import READ_SIZE, LiveSet, require_live
from lab.paced import PacedOutput, checked
from lab.telnet import BINARY, COM_PORT, ECHO, SUPPRESS_GO_AHEAD, Telnet

if TYPE_CHECKING:
    from board.board import Board

HOST = "127.0.0.1"
OURS = (BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT)  # the shell echoes: a terminal of theirs must not
THEIRS = (BINARY, SUPPRESS_GO_AHEAD, COM_PORT)


class Rfc2217Server:
    """Serves a UART's line to one client after the other; who comes while one is there is told so and sent away.

    ``port``: 0 takes one that is free, ``self.port``. ``baud``: bits per second of what the board prints, its own by
    default, at most 115200. What it prints while nobody is there is not kept. Raises BenchError on a lockstep bench, or
    if the port is not to be had.
    """

    def __init__(self, uart: Uart, *, port: int = 0, baud: int | None = None) -> None:
        require_live(uart.clock, "an RFC 2217 server")
        if not 0 <= port <= 65535:
            raise ValueError(f"{port} is no TCP port: 1 to 65535, or 0 for any that is free")
        self.uart = uart
        self.client: Client | None = None
        self.closed = False
        self._listener = socket.socket()
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.setblocking(False)
            self._listener.bind((HOST, port))
            self._listener.listen()
            self.live = LiveSet(uart.clock, "an RFC 2217 server")
        except OSError as error:
            self._listener.close()
            raise BenchError(f"TCP port {port} of {HOST} cannot be had: {error.strerror}") from error
        except BenchError:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self.url = f"rfc2217://{HOST}:{self.port}"
        self.output = PacedOutput(uart, self._write, baud=baud)
        self.live.watch(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Hangs up and listens no more. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self.client is not None:
            self.client.last_words(self.output.rest())
            self.client.close()
        self.output.close()
        self.live.drop(self._listener.fileno())
        self._listener.close()
        self.live.close()

    def _write(self, data: bytes) -> int:
        return self.client.write(data) if self.client is not None else len(data)

    def _accept(self, _events: int) -> None:
        with contextlib.suppress(OSError):  # he has gone again
            connection, address = self._listener.accept()
            if self.client is not None and self.client.hung_up():
                self.client.close()
            if self.client is None:
                self.output.rest()
                self.client = Client(self, connection, "{}:{}".format(*address))
                self.client.greet()
            else:
                self._refuse(connection, self.client)

    @staticmethod
    def _refuse(connection: socket.socket, client: Client) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            connection.send(f"\r\nThis console is in use by {client.peer}.\r\n".encode())
            connection.shutdown(socket.SHUT_WR)


class Client:
    """The client that is there. ``peer``: his address."""

    def __init__(self, server: Rfc2217Server, connection: socket.socket, peer: str) -> None:
        self._server = server
        self._uart = server.uart
        self._connection = connection
        self._unsent = bytearray()  # what the connection does not take at the moment
        self._gone = False
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = peer
        self._comport = ComPort(self._uart, self._send, purge=server.output.rest, on_suspended=server.output.resume)
        self._telnet = Telnet(
            self._send,
            ours=OURS,
            theirs=THEIRS,
            on_data=self._uart.send,
            on_option=self._on_option,
            on_subnegotiation=self._comport.command,
            on_break=self._uart.send_break,
        )

    def greet(self) -> None:
        """Plugs him in, and says what we would like to speak with him."""
        self._uart.on_drained.append(self._watch)
        self._uart.on_modem.append(self._comport.modem_changed)
        self._uart.plug_in()
        self._server.live.watch(self._connection.fileno(), self._on_event)
        self._telnet.offer((ECHO, SUPPRESS_GO_AHEAD, BINARY), (BINARY, COM_PORT))
        self._server.output.resume()

    def close(self) -> None:
        """Lets go of the line, as a port does that is closed, and of the connection."""
        self._gone = True
        self._server.client = None
        self._server.live.drop(self._connection.fileno())
        self._connection.close()
        self._uart.on_drained.remove(self._watch)
        self._uart.on_modem.remove(self._comport.modem_changed)
        self._uart.dtr = self._uart.rts = False
        self._server.output.resume()

    def hung_up(self) -> bool:
        """Whether he has gone, although there may be something of his to read yet."""
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(0))

    def last_words(self, data: bytes) -> None:
        """Sends what there is room for."""
        with contextlib.suppress(OSError):
            self._connection.send(bytes(self._unsent) + Telnet.escaped(data))

    def write(self, data: bytes) -> int:
        """Sends what the board prints; returns how much of it was taken."""
        if self._unsent or self._comport.suspended:
            return 0
        self._send(Telnet.escaped(data))
        return len(data)

    def _on_option(self, option: int) -> None:
        if option == COM_PORT:
            self._comport.agreed()

    def _send(self, data: bytes) -> None:
        self._unsent += data
        if len(self._unsent) == len(data):
            self._flush()

    def _flush(self) -> None:
        try:
            del self._unsent[: self._connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:  # the next look at the connection finds that he has gone
            self._unsent.clear()
        self._watch()

    def _watch(self) -> None:
        """He is heard while the board takes what he sends and he takes what he is sent: so little has to be kept."""
        if self._gone:
            return
        events = 0
        if self._unsent:
            events = select.EPOLLOUT
        elif not self._uart.out_waiting:
            events = select.EPOLLIN
        self._server.live.watch(self._connection.fileno(), self._on_event, events)

    def _on_event(self, events: int) -> None:
        if self._unsent:
            self._flush()
            if not self._unsent:
                self._server.output.resume()
        if events & ~select.EPOLLOUT and not self._gone:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._connection.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # a connection reset
            data = b""
        if not data:
            self.close()
            return
        self._telnet.feed(data)
        self._watch()


def serve_rfc2217(board: Board, *, port: int = 0, baud: int | None = None) -> str:
    """Serves a board's console to RFC 2217 clients until its bench closes; returns the URL to open.

    See :class:`Rfc2217Server`.
    """
    server = Rfc2217Server(board.uart, port=port, baud=checked(baud))
    board.bench.on_close.append(server.close)
    return server.url
