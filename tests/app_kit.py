"""What the tests of the network programs build on: two boards on a switch, and programs that call servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from board import Bench, Board
from kernel.kernel import SIGKILL
from kernel.nsh.main import Job, run_command
from kernel.sockbase import family_of
from kernel.socket import SOCK_STREAM
from kernel.tcp import tcp_connections

SERVER, SERVER6 = "10.0.1.2", "fc00::2"


@contextmanager
def pair(**options: Any) -> Iterator[tuple[Board, Board]]:
    """A board to be the server, at 10.0.1.2, and one to call it, at 10.0.1.3, both with these options."""
    with Bench(1) as bench:
        server = bench.board("server", **options)
        client = bench.board("client", **options)
        bench.switch(server, client)
        server.boot()
        client.boot()
        yield server, client


def start(board: Board, line: str) -> Job:
    """A command line that runs beside the test, and has had a moment to begin."""
    job = run_command(board.kernel, line)
    board.run(0.1)
    return job


def pids(board: Board, name: str) -> list[int]:
    """The tasks of that name, oldest first."""
    return [pid for pid, task in board.kernel.tasks.by_pid.items() if task.name == name]


def kill(board: Board, name: str, signo: int = SIGKILL) -> None:
    """Kills the oldest task of that name."""
    board.kernel.kill(pids(board, name)[0], signo)
    board.run(0.1)


def dial(sys: Any, port: int, address: str = SERVER) -> Any:
    """A connection."""
    sock = sys.socket(family_of(address), SOCK_STREAM)
    sock.connect((address, port))
    return sock


def receive(sock: Any, n: int = 1 << 30) -> bytes:
    """``n`` bytes, or all there are until the stream ends."""
    data = b""
    while len(data) < n and (more := sock.recv(65536)):
        data += more
    return data


def ask(board: Board, function: Callable[[Any], Any], seconds: float = 60) -> Any:
    """Runs ``function(sys)`` as a task of a board to its end; what it returns, or the OSError it raises."""
    results: list[Any] = []

    def body(sys: Any) -> None:
        try:
            results.append(function(sys))
        except OSError as error:
            results.append(error)

    board.spawn(body, name="asker")
    assert board.run_until(lambda: bool(results), seconds), "the task did not end"
    return results[0]


def sockets(board: Board) -> list[str]:
    """The states of the connections that a socket has."""
    return [row.state for row in tcp_connections(board.kernel) if row.owned]
