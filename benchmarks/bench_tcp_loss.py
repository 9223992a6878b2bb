"""TCP through a path that loses: goodput in the boards' own time, and how much is sent again for what is lost.

Two boards, 100 Mbit/s and 10 ms there and back between them; the sender loses 3 % of its frames, the receiver none.
Figures are medians of several seeds; they are the same on every machine. ``resent_per_lost``: 1 is what a sender needs
that knows what is missing.
"""

from __future__ import annotations

import socket
import statistics
from typing import Any

from common import figure

from board import Bench, Board

PORT = 5001
SIZE = 3_000_000  # bytes from board to board
CHUNK = bytes(65536)
MBPS, LATENCY_NS, LOSS = 100, 2_500_000, 0.03  # of each of two cables, in each direction
SEEDS = range(1, 10)
KEPT = {"NET_TCP_OUT_OF_ORDER": True}
WINDOW = {**KEPT, "NET_TCP_OUT_OF_ORDER_BUFSIZE": 65536}  # NuttX's default is a quarter of what may be in flight
SACK = {"NET_TCP_SELECTIVE_ACK": True}
NEWRENO = {"NET_TCP_CC_NEWRENO": True}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "nuttx_defaults": {},
    "kept_16k": KEPT,
    "kept_16k.sack": KEPT | SACK,
    "kept_16k.newreno": KEPT | NEWRENO,
    "kept_16k.newreno.sack": KEPT | NEWRENO | SACK,
    "kept_64k": WINDOW,
    "kept_64k.sack": WINDOW | SACK,
    "kept_64k.sack.no_write_buffers": WINDOW | SACK | {"NET_TCP_WRITE_BUFFERS": False},
    "kept_64k.newreno": WINDOW | NEWRENO,
    "kept_64k.newreno.sack": WINDOW | NEWRENO | SACK,
}


def join(bench: Bench, boards: list[Board]) -> None:
    """A switch between them, with cables that take their time."""
    switch = bench.switch(*boards)
    for board in boards:
        board.eth0.mac_model.unplug()
        switch.connect(board.eth0.mac_model, mbps=MBPS, latency_ns=LATENCY_NS)


def run(seed: int, options: dict[str, Any]) -> tuple[float, int, int]:
    """One stream: Mbit/s, frames lost, segments sent again."""
    with Bench(seed) as bench:
        sender, receiver = (bench.board(name, **options) for name in ("sender", "receiver"))
        join(bench, [sender, receiver])
        got, start = 0, 0

        def sink(sys: Any) -> None:
            nonlocal got
            s = sys.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.bind(("0.0.0.0", PORT))
            s.listen()
            client, _ = s.accept()
            while data := client.recv(len(CHUNK)):
                got += len(data)

        def source(sys: Any) -> None:
            nonlocal start
            s = sys.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.connect((receiver.eth0.ip, PORT))
            start = bench.now_ns
            sender.eth0.mac_model.faults(lose=LOSS)
            left = SIZE
            while left:
                left -= s.send(CHUNK[:left])
            s.close()

        bench.boot()
        receiver.spawn(sink, "sink")
        bench.run(0.1)
        sender.spawn(source, "source")
        bench.run_until(lambda: got == SIZE, timeout=10_000)
        assert got == SIZE
        lost, resent = sender.eth0.mac_model.counters["lost"], sender.kernel.net.stats.tcp_rexmit
        return SIZE * 8e3 / (bench.now_ns - start), lost, resent


def main() -> None:
    """Every configuration."""
    for name, options in CONFIGURATIONS.items():
        rates, lost, resent = zip(*(run(seed, options) for seed in SEEDS), strict=True)
        per_lost = statistics.median(r / n for r, n in zip(resent, lost, strict=True))
        more = {"slowest": round(min(rates), 2), "fastest": round(max(rates), 2), "resent_per_lost": round(per_lost, 2)}
        figure(f"tcp.loss_3_percent.{name}", statistics.median(rates), "Mbit/s of virtual time", **more)


if __name__ == "__main__":
    main()
