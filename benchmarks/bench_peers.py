"""A board beside other TCP/IP stacks in user space: the same clients, TAP interface and run, stack after stack.

A stack is a process that takes tap0 over, has the same address and serves the same ports: it discards what TCP brings,
sends TCP without an end, counts datagrams and answers pings. Rounds go from stack to stack, to and fro, and a figure is
the median of its rounds; ``low`` and ``high`` are their ends. A peer whose packages are missing is skipped. ``cpu_...``
is what the stack's process spent, which a busy machine disturbs less than it does a rate.
"""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench_tap import Sink, tap_counters
from bench_tcp import BOARD_IP, NAMESPACE, SWALLOW, TALK, listen, swallow, talk
from build_peers import PEERS
from common import figure, in_namespace_or_skip, skipped

from board import Board

Figures = dict[str, float]

BOARD_IP6, HOST_IP6 = "fc00::2", "fc00::1/112"
COUNT = 5003  # a TCP port that says how many datagrams came, and closes
ROUNDS = 6
PINGS = 2000
FLOOD_SECONDS = 1.0
SCALED = {"NET_TCP_WINDOW_SCALE": True, "NET_TCP_WINDOW_SCALE_FACTOR": 2}  # as both peers; NuttX's simulator is without
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Stack:
    """A command that serves tap0 until it is killed, the address it has then, and what is not measured of it."""

    name: str
    version: str
    command: tuple[str, ...]
    address: str = BOARD_IP
    left_out: tuple[str, ...] = ()

    @contextmanager
    def running(self) -> Iterator[int]:
        """Its process, once it answers."""
        with subprocess.Popen(self.command) as process:
            try:
                end = time.monotonic() + 20
                while not self.answers():
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{' '.join(self.command)} does not answer")
                    time.sleep(0.05)
                yield process.pid
            finally:
                process.kill()

    def answers(self) -> bool:
        """Whether it has come up."""
        try:
            self.count()
        except OSError:
            return False
        return True

    def count(self) -> int:
        """Datagrams it has received."""
        with socket.create_connection((self.address, COUNT), timeout=5) as s:
            return int(s.recv(100))


# The board as such a command


def serve_tap(options: dict[str, Any]) -> None:
    """A board on tap0 with all services, over IPv4 and IPv6; runs for ever."""
    sink = Sink()

    def tell_count(sys: Any, family: int) -> None:
        s = listen(sys, COUNT, family)
        while True:
            client, _ = s.accept()
            client.send(str(sink.got).encode())
            client.close()

    with Board("sim", live=True, **options) as board:
        board.boot()
        board.eth0.attach_tap("tap0")
        board.spawn(sink, "sink")
        for family in (socket.AF_INET, socket.AF_INET6):
            for app in (swallow, talk, tell_count):
                board.spawn(partial(app, family=family), app.__name__)
        while True:
            board.run(3600)


# What is measured, of a stack and its process


def cpu_seconds(pid: int) -> float:
    """What a process has used, in user space and in the kernel."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid() makes of a pid; Python does not have it


def tcp(stack: Stack, pid: int, port: int) -> Figures:
    """Megabits a second, by bench_tcp's client."""
    spent = cpu_seconds(pid)
    words = [sys.executable, str(HERE / "bench_tcp.py"), "client", str(port), stack.address]
    rate = float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {"value": rate, "cpu_ms_per_mb": (cpu_seconds(pid) - spent) * 1e3 / (rate / 8)}


def tcp_in(stack: Stack, pid: int) -> Figures:
    """Into the stack."""
    return tcp(stack, pid, SWALLOW)


def tcp_out(stack: Stack, pid: int) -> Figures:
    """Out of it."""
    return tcp(stack, pid, TALK)


def udp64(stack: Stack, pid: int) -> Figures:
    """Thousands of datagrams a second that bench_tap's flood gets into its socket."""
    before, idle = stack.count(), sum(tap_counters())
    with subprocess.Popen([sys.executable, str(HERE / "bench_tap.py"), "flood"]) as flood:
        while sum(tap_counters()) < idle + 100:
            time.sleep(0.001)
        start, spent, sent = time.perf_counter(), cpu_seconds(pid), sum(tap_counters())
        time.sleep(FLOOD_SECONDS)
        flood.terminate()
    took, sent = time.perf_counter() - start, sum(tap_counters()) - sent
    time.sleep(0.1)  # what is left in tap0's queue
    got = stack.count() - before
    return {
        "value": got / took / 1e3,
        "offered": sent / took / 1e3,
        "cpu_us_each": (cpu_seconds(pid) - spent) * 1e6 / max(1, got),
    }


def ping(stack: Stack, pid: int) -> Figures:
    """The median round trip in milliseconds, each request as soon as the last was answered."""
    spent = cpu_seconds(pid)
    words = ["ping", "-A", "-c", str(PINGS), "-W", "1", stack.address]
    out = subprocess.run(words, check=False, capture_output=True, text=True).stdout
    times = sorted(float(ms) for ms in re.findall(r"time=([\d.]+) ms", out))
    return {
        "value": statistics.median(times),
        "p99": times[len(times) * 99 // 100],
        "lost": PINGS - len(times),
        "cpu_us_each": (cpu_seconds(pid) - spent) * 1e6 / PINGS,
    }


# Rounds


MEASURES: dict[str, tuple[Callable[[Stack, int], Figures], str]] = {
    "peers.tcp_in": (tcp_in, "Mbit/s"),
    "peers.tcp_out": (tcp_out, "Mbit/s"),
    "peers.udp64_into_socket": (udp64, "kpps"),
    "peers.ping": (ping, "ms"),
}


def stacks() -> list[Stack]:
    """The board, by both protocols and with larger windows, and the peers that can be built here."""
    board, scaled = ((sys.executable, __file__, word) for word in ("board", "scaled"))
    found = [
        Stack("nutloop", "", board),
        Stack("nutloop, IPv6", "", board, BOARD_IP6, left_out=("peers.udp64_into_socket",)),
        Stack("nutloop, windows scaled", "", scaled, left_out=("peers.udp64_into_socket", "peers.ping")),
    ]
    for peer in PEERS:
        if reason := peer.build():
            skipped(f"peers.{peer.name}", reason)
        else:
            found.append(Stack(peer.name, peer.version, (str(peer.program), "tap0", BOARD_IP, str(COUNT))))
    return found


def in_namespace() -> None:
    """Makes the interface, and goes round."""
    compared = stacks()
    names = [name for name in MEASURES if name != "peers.ping" or shutil.which("ping")]
    for words in (*NAMESPACE, f"addr add {HOST_IP6} dev tap0 nodad"):
        subprocess.run(["ip", *words.split()], check=True)
    rounds: dict[tuple[str, Stack], list[Figures]] = {}
    for turn in range(ROUNDS):
        for stack in compared[:: -1 if turn % 2 else 1]:
            with stack.running() as pid:
                for name in names:
                    if name not in stack.left_out:
                        rounds.setdefault((name, stack), []).append(MEASURES[name][0](stack, pid))
    for name, (_, unit) in MEASURES.items():
        for stack in compared:
            if results := rounds.get((name, stack)):
                report(name, stack, results, unit)


def report(name: str, stack: Stack, results: list[Figures], unit: str) -> None:
    """Prints one figure of one stack."""
    medians = {key: statistics.median(result[key] for result in results) for key in results[0]}
    values = [result["value"] for result in results]
    ends = {"low": min(values), "high": max(values)}
    value = medians.pop("value")
    rounded: dict[str, Any] = {key: float(f"{more:.4g}") for key, more in (ends | medians).items()}
    figure(name, value, unit, stack=stack.name, version=stack.version, **rounded)


def main() -> None:
    """Starts itself anew in a namespace."""
    in_namespace_or_skip(__file__, tuple(MEASURES))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["namespace"]:
            in_namespace()
        case ["board"]:
            serve_tap({})
        case ["scaled"]:
            serve_tap(SCALED)
        case _:
            main()
