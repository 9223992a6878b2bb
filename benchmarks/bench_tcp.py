"""TCP: into and out of a live board over TAP, between two boards in lockstep, and what a connection costs.

The TAP figures are of plain sockets at both ends, in a network namespace that the benchmark makes for itself: the host
writes or reads 64 KiB at a time in a process of its own, a program in Python does on the board. Host and board want a
CPU each. ``cpu_ms_per_mb`` is what the board's process spent on a megabyte.
"""

from __future__ import annotations

import resource
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

from common import figure, in_namespace_or_skip

from board import Bench, Board

BOARD_IP, SWALLOW, TALK = "10.0.1.2", 5001, 5002
CHUNK = bytes(65536)
SECONDS = 1.0
REPEATS = 5
STREAM = 40_000_000  # bytes from board to board
CONNECTIONS = 10_000
NAMESPACE = ("link set lo up", "tuntap add dev tap0 mode tap", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up")
NAMES = ("tcp.in_over_tap", "tcp.out_over_tap")


def listen(sys: Any, port: int, family: int = socket.AF_INET) -> Any:
    """A listening socket of the board."""
    s = sys.socket(family, socket.SOCK_STREAM)
    s.bind(("0.0.0.0" if family == socket.AF_INET else "::", port))
    s.listen()
    return s


def swallow(sys: Any, family: int = socket.AF_INET) -> None:
    """A program on the board that reads whatever comes."""
    s = listen(sys, SWALLOW, family)
    while True:
        client, _ = s.accept()
        while client.recv(len(CHUNK)):
            pass
        client.close()


def talk(sys: Any, family: int = socket.AF_INET) -> None:
    """One that never stops writing."""
    s = listen(sys, TALK, family)
    while True:
        client, _ = s.accept()
        try:
            while True:
                client.send(CHUNK)
        except OSError:
            client.close()


# Over TAP


def client(port: int, address: str = BOARD_IP) -> None:
    """The host's side, for SECONDS: prints megabits per second."""
    with socket.create_connection((address, port)) as s:
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            n += s.send(CHUNK) if port == SWALLOW else len(s.recv(1 << 20))
        if port == SWALLOW:
            s.shutdown(socket.SHUT_WR)
            s.recv(1)  # the board has read everything
        print(n * 8 / (time.perf_counter() - start) / 1e6)


def bench_tap(board: Board, name: str, port: int, nuttx: float, aim: float) -> None:
    """One direction, several connections one after the other."""
    rates, spent = [], []
    for _ in range(REPEATS):
        words = [sys.executable, __file__, "client", str(port)]
        cpu = time.process_time()
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as host:
            while host.poll() is None:
                board.run(0.02)
            assert host.stdout is not None
            rates.append(float(host.stdout.read()))
        spent.append((time.process_time() - cpu) * 1e3 / (rates[-1] * SECONDS / 8))
    more = {"cpu_ms_per_mb": round(statistics.median(spent), 2), "rexmit": board.kernel.net.stats.tcp_rexmit}
    figure(name, statistics.median(rates), "Mbit/s", floor=1000, aim=aim, nuttx=nuttx, **more)


def in_namespace() -> None:
    """Makes the interface and measures both directions."""
    for words in NAMESPACE:
        subprocess.run(["ip", *words.split()], check=True)
    with Board("sim", live=True) as board:
        board.boot()
        board.eth0.attach_tap("tap0")
        board.spawn(swallow, "swallow")
        board.spawn(talk, "talk")
        board.run(0.2)
        bench_tap(board, "tcp.in_over_tap", SWALLOW, nuttx=360, aim=2570)
        bench_tap(board, "tcp.out_over_tap", TALK, nuttx=470, aim=3130)


# In lockstep


def stream(bench: Bench) -> float:
    """Sends STREAM bytes from one board to another; the host's seconds that took."""
    sender, receiver = bench.board("sender"), bench.board("receiver")
    bench.switch(sender, receiver)
    got = 0

    def sink(sys: Any) -> None:
        nonlocal got
        client, _ = listen(sys, SWALLOW).accept()
        while data := client.recv(len(CHUNK)):
            got += len(data)

    def source(sys: Any) -> None:
        s = sys.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.connect((receiver.eth0.ip, SWALLOW))
        left = STREAM
        while left:
            left -= s.send(CHUNK[:left])
        s.close()

    bench.boot()
    receiver.spawn(sink, "sink")
    sender.spawn(source, "source")
    start = time.perf_counter()
    bench.run_until(lambda: got == STREAM, timeout=100)
    assert got == STREAM
    return time.perf_counter() - start


def bench_two_boards() -> None:
    """Payload that goes through two boards and a switch, by second of host time."""
    rates = []
    for _ in range(REPEATS):
        with Bench(seed=1) as bench:
            rates.append(STREAM * 8 / stream(bench) / 1e6)
    figure("tcp.two_boards_in_lockstep", statistics.median(rates), "Mbit/s", floor=300)


def bench_connections() -> None:
    """Connections over the loopback, opened, used and closed one after the other; what they leave behind."""
    done: list[int] = []

    def echo(sys: Any) -> None:
        s = listen(sys, SWALLOW)
        while True:
            client, _ = s.accept()
            while data := client.recv(100):
                client.send(data)
            client.close()

    def calls(sys: Any) -> None:
        for i in range(CONNECTIONS):
            if i in (CONNECTIONS // 10, CONNECTIONS - 1):
                done.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            s = sys.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.connect(("127.0.0.1", SWALLOW))
            s.send(b"%d" % i)
            assert s.recv(100) == b"%d" % i
            s.close()
        done.append(0)

    with Board("sim") as board:
        board.boot()
        free = board.kernel.iobs.getstats().nfree
        board.spawn(echo, "echo")
        start = time.perf_counter()
        board.spawn(calls, "calls")
        board.run_until(lambda: len(done) == 3, timeout=1e6)
        each = (time.perf_counter() - start) / CONNECTIONS * 1e6
        lost = free - board.kernel.iobs.getstats().nfree
    figure("tcp.connection", each, "us", grown_kib=done[1] - done[0], iobs_lost=lost)


def main() -> None:
    """Starts itself anew in a namespace for what needs one."""
    bench_two_boards()
    bench_connections()
    in_namespace_or_skip(__file__, NAMES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(int(sys.argv[2]), *sys.argv[3:])
    else:
        {"namespace": in_namespace}.get(sys.argv[-1], main)()
