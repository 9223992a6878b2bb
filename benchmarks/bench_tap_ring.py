"""Frames from the host into a board's receive ring: how many a second survive, one JSON line a figure.

The board runs live and its driver hands every frame to the stack. ``burst``: 64 frames lie ready in a socket pair, and
only taking them in is timed. ``socket``: a child process floods the socket pair, all the time. ``tap``: 5000 frames
wait in a TAP interface, in a network namespace of its own; left out where that may not be.

NuttX's simulator takes one frame per 10 ms poll from its TAP, lwIP with its TAP driver about 470 kpps (64-byte UDP).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from multiprocessing import Process

from board import Board
from board.wire import Port, mac_bytes
from kernel.core import lib
from lab.tap import TAP_MBPS

FLOOR_KPPS = 400
SECONDS = 2.0
SIZE = 64


def report(what: str, kpps: float, lost: int) -> None:
    """One figure."""
    figure = {"bench": f"tap_ring.{what}", "value": round(kpps), "unit": "kpps", "floor": FLOOR_KPPS, "lost": lost}
    print(json.dumps(figure), flush=True)


def frame(board: Board) -> bytes:
    """A frame of an experimental EtherType, which the stack takes in, looks at, counts and frees."""
    return mac_bytes(board.eth0.mac) + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes(SIZE - 14)


def taken(board: Board) -> int:
    """Frames that entered the ring."""
    return board.eth0.mac_model.mac_counters["rx_frames"]


def flood(fd: int, data: bytes) -> None:
    """Writes ``data`` as fast as the other side takes it, until it is gone."""
    with socket.socket(fileno=fd) as s:
        try:
            while True:
                s.send(data)
        except OSError:
            return


def plug(board: Board, fd: int) -> Port:
    """The descriptor as the other end of the board's cable."""
    clock = board.bench.clock
    port = Port(clock, lib.tap_attach(clock.bench, fd, TAP_MBPS), "flood")
    board.eth0.mac_model.unplug()
    port.plug(board.eth0.mac_model)
    lib.live_add_port(clock.bench, port.number)
    return port


def timed(board: Board, what: str) -> None:
    """Runs the board for a while under flood and reports."""
    board.run(0.2)
    before, start = taken(board), time.perf_counter()
    board.run(SECONDS)
    kpps = (taken(board) - before) / (time.perf_counter() - start) / 1000
    report(what, kpps, board.eth0.mac_model.mac_counters["rx_overflows"])


def bench_burst() -> None:
    """Only what taking in costs."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, Board("sim", live=True) as board:
        board.boot()
        clock, data = board.bench.clock, frame(board)
        port = plug(board, theirs.detach())
        spent, n = 0.0, 0
        for _ in range(2000):
            for _ in range(64):
                mine.send(data)
            start = time.perf_counter()
            lib.tap_take(clock.bench, port.number)
            board.run(1e-6)
            spent += time.perf_counter() - start
            n += 64
        report("burst", taken(board) / spent / 1000, n - taken(board))


def bench_socket() -> None:
    """A flood through a socket pair."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Board("sim", live=True) as board:
        board.boot()
        child = Process(target=flood, args=(mine.fileno(), frame(board)), daemon=True)
        child.start()
        mine.close()
        plug(board, theirs.detach())
        timed(board, "socket")
    child.terminate()
    child.join()


def bench_tap() -> None:
    """Bursts of 5000 frames that wait in tap0. Runs in a namespace of its own."""
    for words in ("tuntap add dev tap0 mode tap", "link set tap0 txqueuelen 10000 up"):
        subprocess.run(["ip", *words.split()], check=True)
    with Board("sim", live=True) as board, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        board.boot()
        board.eth0.attach_tap("tap0")
        s.bind(("tap0", 0))
        data, spent, n = frame(board), 0.0, 0
        for _ in range(40):
            for _ in range(5000):
                s.send(data)
            n += 5000
            start = time.perf_counter()
            board.run_until(lambda n=n: taken(board) >= n, timeout=1)  # type: ignore[misc]
            spent += time.perf_counter() - start
        report("tap", taken(board) / spent / 1000, n - taken(board))


def main() -> None:
    """All three."""
    bench_burst()
    bench_socket()
    if not (shutil.which("unshare") and shutil.which("ip") and os.access("/dev/net/tun", os.R_OK | os.W_OK)):
        print("tap_ring.tap: left out, needs unshare, ip and /dev/net/tun", file=sys.stderr)
        return
    done = subprocess.run(["unshare", "-rn", sys.executable, __file__, "tap"], check=False)
    if done.returncode:
        print("tap_ring.tap: left out, no namespace may be made here", file=sys.stderr)


if __name__ == "__main__":
    bench_tap() if sys.argv[1:] == ["tap"] else main()
