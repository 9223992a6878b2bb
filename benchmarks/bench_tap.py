"""Frames from outside into a live board: a burst into its receive ring, and over TAP a flood, pings and UDP.

What needs a TAP interface runs in a network namespace that the benchmark makes for itself. The other side of it, the
host's own network stack and a program that floods, wants a CPU of its own: with two CPUs, anything else that runs
lowers these figures. ``cpu_us_each`` is what the board's process spent on one datagram, and does not depend on that.
"""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from common import figure, in_namespace_or_skip, skipped

from board import Board
from board.wire import Port, mac_bytes
from kernel.core import lib
from lab.tap import TAP_MBPS

BOARD_IP, PORT = "10.0.1.2", 7
PAYLOAD = b"u" * 64
UDP_SEGMENT = 103  # linux/udp.h; Python has no name for it
BATCH = 64  # datagrams a system call of the flood
BURST = 5000
SECONDS = 2.0
PINGS = 3000
REPEATS = 5
NAMESPACE = ("link set lo up", "tuntap add dev tap0 mode tap", "addr add 10.0.1.1/24 dev tap0")
NAMES = ("tap.burst_into_ring", "tap.ping", "tap.udp_into_socket")


def frame(board: Board) -> bytes:
    """64 bytes of an experimental EtherType, which the stack takes in, looks at, counts and frees."""
    return mac_bytes(board.eth0.mac) + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes(50)


def taken(board: Board) -> int:
    """Frames that entered the receive ring."""
    return board.eth0.mac_model.mac_counters["rx_frames"]


def bench_ring() -> None:
    """64 frames at a time lie ready in a socket pair; only the board's part is timed, down to the freed buffer."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, Board("sim", live=True) as board:
        board.boot()
        clock, data = board.bench.clock, frame(board)
        port = Port(clock, lib.tap_attach(clock.bench, theirs.detach(), TAP_MBPS), "burst")
        board.eth0.mac_model.unplug()
        port.plug(board.eth0.mac_model)
        lib.live_add_port(clock.bench, port.number)
        times, n = [], 0
        for _ in range(2000):
            for _ in range(64):
                mine.send(data)
            start = time.perf_counter()
            lib.tap_take(clock.bench, port.number)
            board.run(1e-6)
            times.append(time.perf_counter() - start)
            n += 64
        figure("ring.burst_into_ring", 64 / statistics.median(times) / 1e3, "kpps", floor=400, lost=n - taken(board))


# In the namespace


def bench_burst(board: Board) -> None:
    """Bursts that wait in tap0 until the board looks, from there to the freed buffer."""
    data, rates, sent = frame(board), [], 0
    first = taken(board)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("tap0", 0))
        for _ in range(20):
            for _ in range(BURST):
                s.send(data)
            before, start, cpu = taken(board), time.perf_counter(), time.process_time()
            while taken(board) - before < BURST and time.perf_counter() - start < 1:
                board.run(0.0001)
            rates.append((taken(board) - before) / (time.perf_counter() - start) / 1e3)
            spent = (time.process_time() - cpu) / BURST * 1e6
            sent += BURST
    figure(
        "tap.burst_into_ring",
        statistics.median(rates),
        "kpps",
        floor=400,
        cpu_us_each=round(spent, 2),
        lost=max(0, sent - taken(board) + first),
    )


def bench_ping(board: Board) -> None:
    """The host's ping, each request as soon as the last was answered."""
    if shutil.which("ping") is None:
        skipped("tap.ping", "ping is not installed")
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        words = ["ping", "-A", "-c", str(PINGS), "-W", "1", BOARD_IP]
        with subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT) as ping:
            while ping.poll() is None:
                board.run(0.05)
        out.seek(0)
        times = [float(ms) for ms in re.findall(r"time=([\d.]+) ms", out.read())]
    times.sort()
    figure(
        "tap.ping",
        statistics.median(times),
        "ms",
        floor=0.1,
        aim=0.05,
        nuttx=9.9,
        p99=times[len(times) * 99 // 100],
        lost=PINGS - len(times),
    )


class Sink:
    """A program on the board that reads datagrams."""

    def __init__(self) -> None:
        self.got = 0

    def __call__(self, sys: Any) -> None:
        """Binds and reads for ever."""
        s = sys.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", PORT))
        while True:
            s.recvfrom(100)
            self.got += 1


def tap_counters() -> tuple[int, int]:
    """Frames for tap0: those that left it, and those that the host's kernel threw away because its queue was full."""
    for line in Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "tap0":
            fields = counters.split()
            return int(fields[9]), int(fields[11])
    return 0, 0


def bench_udp(board: Board) -> None:
    """A flood through the host's stack and tap0 into a socket, from which a program in Python reads every datagram."""
    sink = Sink()
    board.spawn(sink, "sink")
    with subprocess.Popen([sys.executable, __file__, "flood"]) as flood:
        board.run(0.5)
        rates, cpu, offered = [], [], []
        for _ in range(REPEATS):
            got, (_, dropped) = sink.got, tap_counters()
            start, used = time.perf_counter(), time.process_time()
            board.run(SECONDS / REPEATS)
            n, took = sink.got - got, time.perf_counter() - start
            rates.append(n / took / 1e3)
            cpu.append((time.process_time() - used) / max(1, n) * 1e6)
            offered.append((n + tap_counters()[1] - dropped) / took / 1e3)
        flood.terminate()
    counters = board.eth0.counters
    figure(
        "tap.udp_into_socket",
        statistics.median(rates),
        "kpps",
        floor=100,
        aim=400,
        cpu_us_each=round(statistics.median(cpu), 2),
        offered_kpps=round(statistics.median(offered)),
        dropped_by_board=counters["rx_noiob"] + counters["mac_rx_overflows"],
    )


def in_namespace() -> None:
    """Makes the interface and runs everything that needs it."""
    for words in (*NAMESPACE, f"link set tap0 txqueuelen {2 * BURST} up"):
        subprocess.run(["ip", *words.split()], check=True)
    for bench in (bench_burst, bench_ping, bench_udp):
        with Board("sim", live=True) as board:
            board.boot()
            tap = board.eth0.attach_tap("tap0")
            board.run(0.2)
            bench(board)
            tap.close()


# The flood, a process of its own


def flood() -> None:
    """Sends as fast as it can until it is killed; where the kernel can, it cuts one call's data into many datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((BOARD_IP, PORT))
        data = PAYLOAD
        with suppress(OSError):  # needs Linux 6.11 for a device without checksum offload
            s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(PAYLOAD))
            s.send(PAYLOAD * BATCH)
            data = PAYLOAD * BATCH
        while True:
            s.send(data)


def main() -> None:
    """Starts itself anew in a namespace for what needs one."""
    bench_ring()
    in_namespace_or_skip(__file__, NAMES)


if __name__ == "__main__":
    {"flood": flood, "namespace": in_namespace}.get(sys.argv[-1], main)()
