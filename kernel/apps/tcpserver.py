"""What the TCP servers have in common: they listen, and every connection has a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from errno import ENOMEM
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kernel.errors import TaskExit
from kernel.socket import AF_INET, AF_INET6, SO_KEEPALIVE, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, Socket, TcpSocket
from kernel.syslog import LOG_WARNING

if TYPE_CHECKING:
    from kernel.syscalls import Sys
    from kernel.task import Task

Handler = Callable[[Any, TcpSocket], None]
"""Serves one connection, in a task of its own: gets its ``sys`` and the socket."""


class Crew:
    """Tasks that end when the one that started them leaves the ``with``, however it does."""

    def __init__(self, sys: Sys) -> None:
        self._sys = sys
        self._tasks: list[Task] = []

    def start(self, entry: Callable[[Any], Any], name: str, socket: Socket | None = None) -> Task:
        """Another one; ``socket`` is its own. Raises OSError (ENOMEM)."""
        sys = self._sys
        self._tasks = [task for task in self._tasks if task.alive]
        task = sys.kernel.tasks.create(entry, name, sys.kernel.task_priority(sys.getpid()), start=False)
        task.inherit(sys.task)
        if socket is not None:
            socket.give(task)
        self._tasks.append(task)
        sys.kernel.tasks.start(task)
        return task

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for task in self._tasks:
            if task.alive:
                with suppress(TaskExit):  # who is killed is told so at every call
                    self._sys.kernel.tasks.kill(task.pid)


def stream(sys: Sys, family: int = AF_INET) -> TcpSocket:
    """A TCP socket. Raises OSError (ENOMEM)."""
    sock = sys.socket(family, SOCK_STREAM)
    assert isinstance(sock, TcpSocket)
    return sock


def listen_on(sys: Sys, port: int, backlog: int = 5, family: int = AF_INET) -> TcpSocket:
    """A socket that takes calls, also if connections of an earlier one still linger. Raises OSError (EADDRINUSE)."""
    sock = stream(sys, family)
    try:
        if sys.kernel.options.get("NET_SOCKOPTS"):
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind(("", port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def listen_on_both(sys: Sys, port: int, backlog: int = 5) -> list[TcpSocket]:
    """A socket for IPv4 and, if the board speaks it and has a connection left for it, one for IPv6. Raises OSError."""
    listeners = [listen_on(sys, port, backlog)]
    if sys.kernel.options["NET_IPv6"]:
        try:
            listeners.append(listen_on(sys, port, backlog, AF_INET6))
        except OSError as error:
            if error.errno != ENOMEM:
                listeners[0].close()
                raise
            sys.syslog(LOG_WARNING, f"port {port} is open for IPv4 only: there is no connection left")
    return listeners


def accept(sys: Sys, *listeners: TcpSocket) -> TcpSocket:
    """The next connection. If CONFIG_NET_TCP_KEEPALIVE, a peer that is gone without a word is found out.

    Raises OSError, InterruptedError.
    """
    client = listeners[0].accept()[0] if len(listeners) == 1 else _accept_any(sys, listeners)
    if sys.kernel.options["NET_TCP_KEEPALIVE"] and sys.kernel.options["NET_SOCKOPTS"]:
        client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    return client


def _accept_any(sys: Sys, listeners: Sequence[TcpSocket]) -> TcpSocket:
    """Whoever is heard of may be gone again when it is its turn."""
    for listener in listeners:
        listener.setblocking(False)
    while True:
        for ready in sys.select(listeners)[0]:
            with suppress(BlockingIOError):
                client, _ = ready.accept()
                assert isinstance(client, TcpSocket)
                return client


def serve(sys: Sys, listeners: Sequence[TcpSocket], handler: Handler, name: str, most: int = 0) -> None:
    """Takes calls until a signal comes or a listener fails; closes them then, and all connections.

    ``most``: connections at a time, the others wait; 0: as many as there are. An OSError in ``handler`` ends its
    connection only. Raises OSError.
    """
    places = sys.semaphore(most or 1)

    def connection(client: TcpSocket) -> Callable[[Any], None]:
        def body(own: Sys) -> None:
            if most:
                own.task.at_exit.append(lambda: leave(places))
            with suppress(OSError), client:
                handler(own, client)

        return body

    with ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        crew = stack.enter_context(Crew(sys))
        try:
            while True:
                if most and places.wait() < 0:
                    return
                client = accept(sys, *listeners)
                try:
                    crew.start(connection(client), name, client)
                except OSError as error:
                    client.close()
                    sys.syslog(LOG_WARNING, f"a call is refused: {error}")
                    if most:
                        places.post()
        except InterruptedError:
            return
        finally:
            places.destroy()


def leave(places: Any) -> None:
    """A connection less, if anybody still counts them."""
    if places.number:
        places.post()
