"""Where the bytes of a TCP connection are, IOB by IOB: each buffer taken and given back, from a board's trace."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from board import Bench
from kernel.iob import IobOwner
from kernel.socket import AF_INET, SOCK_STREAM
from lab.tracefile import TraceEvent, trace_events


def server(sys: Any) -> None:
    """Reads 1460 bytes in two parts and sends 3000, one step a second."""
    listener = sys.socket(AF_INET, SOCK_STREAM)
    listener.bind(("", 7))
    listener.listen()
    client, _ = listener.accept()
    sys.sleep(2)
    client.recv(1000)
    sys.sleep(1)
    client.recv(460)
    sys.sleep(1)
    client.send(bytes(3000))
    sys.sleep(10)


def client(sys: Any, address: str) -> None:
    """Calls, sends 1460 bytes a second later, and reads everything that comes."""
    sock = sys.socket(AF_INET, SOCK_STREAM)
    sock.connect((address, 7))
    sys.sleep(1)
    sock.send(bytes(1460))
    while sock.recv(10000):
        pass
    sys.sleep(10)


def owner(event: TraceEvent) -> str:
    """Who took the buffer of an event, or gave it back."""
    return IobOwner(event.arg >> 24).name


def story(events: list[TraceEvent], free: int) -> Iterator[str]:
    """One line for each run of buffers that the same owner took or gave back, and for each frame and segment."""
    for (kind, who), run in groupby(events, lambda e: (e.kind, owner(e) if e.kind.startswith("iob.") else e.arg)):
        n = len(list(run))
        if kind in ("iob.alloc", "iob.free"):
            n = -n if kind == "iob.alloc" else n
            free += n
            yield f"    {'takes' if n < 0 else 'gives back':10} {abs(n):2}  {who:9}  {free:2} free"
        elif kind == "rx":
            yield f"    a frame of {who} bytes"
        elif kind == "tcp.in":
            yield f"    {who} bytes become read-ahead"
        elif kind == "tx":
            yield "    a frame goes to the transmit ring"


def main() -> None:
    with Bench(seed=1) as bench:
        board = bench.board("board", IOB_NBUFFERS=36, IOB_THROTTLE=8, IOB_BUFSIZE=196)
        other = bench.board("other")
        bench.switch(board, other)
        board.spawn(server, name="server", priority=100)
        other.spawn(lambda sys: client(sys, board.eth0.ip), name="client", priority=100)
        board.run(0.5)  # they are connected
        for step in ("1460 bytes arrive", "recv(1000)", "recv(460)", "send(3000)"):
            since, free = board.now, board.kernel.iobs.getstats().nfree
            board.run(1)
            print(step)
            for line in story([e for e in trace_events(board.kernel) if e.time > since * 1e9], free):
                print(line)


if __name__ == "__main__":
    main()
