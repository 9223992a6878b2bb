"""Two boards that speak TCP over one bad wire: both send a stream and check the other's."""

from __future__ import annotations

import hashlib
from typing import Any

from board import Bench, Board
from board.wire import mac_bytes
from kernel.core import check, lib
from kernel.inet import pack_ipv4
from kernel.sockbase import AF_INET, SHUT_WR, SOCK_STREAM
from kernel.tcp import tcp_connections

FAULTS = {"lose": 0.03, "reorder": 0.2, "duplicate": 0.01, "corrupt": 0.005}
TIMESTAMPS = {"TCP_TIMESTAMPS": True}
OUT_OF_ORDER = {"NET_TCP_OUT_OF_ORDER": True, "NET_TCP_SELECTIVE_ACK": True}
SMALL = {"IOB_NBUFFERS": 36, "IOB_THROTTLE": 8}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "NuttX's defaults": {},
    "delayed ACKs": {"NET_TCP_DELAYED_ACK": True},
    "out of order": OUT_OF_ORDER,
    "out of order, NewReno": {**OUT_OF_ORDER, "NET_TCP_CC_NEWRENO": True},
    "out of order, no write buffers": {**OUT_OF_ORDER, "NET_TCP_WRITE_BUFFERS": False},
    "everything": {
        **OUT_OF_ORDER,
        **TIMESTAMPS,
        "NET_TCP_CC_NEWRENO": True,
        "NET_TCP_WINDOW_SCALE": True,
        "NET_TCP_WINDOW_SCALE_FACTOR": 2,
        "NET_TCP_DELAYED_ACK": True,
    },
    "small pool": SMALL,
    "small pool, everything": {**SMALL, **OUT_OF_ORDER, **TIMESTAMPS, "NET_TCP_CC_NEWRENO": True},
}


def stream(name: str, size: int) -> bytes:
    """Bytes of which no two pieces are alike."""
    return hashlib.shake_128(name.encode()).digest(size)


class End:
    """A program that sends one stream and reads another, at the same time, in portions of its own."""

    def __init__(self, board: Board, out: bytes, back: bytes) -> None:
        self.board, self.out, self.back = board, out, back
        self.got = bytearray()
        self.errors: list[str] = []
        self.done = 0

    def _try(self, function: Any, *args: Any) -> None:
        try:
            function(*args)
            self.done += 1
        except OSError as error:
            self.errors.append(f"{self.board.name}: {function.__name__}: {error}")

    def _send(self, sock: Any) -> None:
        at, size = 0, 1
        while at < len(self.out):
            at += sock.send(self.out[at : at + size])
            size = size * 7 % 4999
        sock.shutdown(SHUT_WR)

    def _read(self, sock: Any) -> None:
        size = 1
        while data := sock.recv(size):
            self.got += data
            size = size * 5 % 3989

    def exchange(self, sys: Any, sock: Any) -> None:
        """Both directions; closes the connection."""
        sender = sys.spawn(lambda _sys: self._try(self._send, sock), "sender")
        self._try(self._read, sock)
        sys.waitpid(sender)
        sock.close()
        self.done += 1

    def serve(self, sys: Any) -> None:
        """Takes one call."""
        listener = sys.socket(AF_INET, SOCK_STREAM)
        listener.bind(("", 5001))
        listener.listen(1)
        sock, _ = listener.accept()
        listener.close()
        self.exchange(sys, sock)

    def call(self, sys: Any, address: str) -> None:
        """Makes it."""
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.connect((address, 5001))
        self.exchange(sys, sock)


def introduce(board: Board, other: Board) -> None:
    """A permanent ARP entry: nothing protects an ARP reply from a wire that flips bits."""
    mac = mac_bytes(other.eth0.mac)
    kernel = board.kernel
    check(lib.neighbor_set(kernel.board, kernel.net.device("eth0").index, pack_ipv4(other.eth0.ip), mac, 6), "arp")


def exchange(seed: int, size: int, options: dict[str, Any], faults: dict[str, float] = FAULTS) -> dict[str, int]:
    """One run: fails unless both streams arrive and nothing is left of them. What the wire did, and the time (ms)."""
    with Bench(seed) as bench:
        left, right = (bench.board(name, **options) for name in ("left", "right"))
        bench.switch(left, right)
        bench.boot()
        introduce(left, right)
        introduce(right, left)
        for board in (left, right):
            board.eth0.mac_model.faults(**faults)
        a, b = stream(f"a{seed}", size), stream(f"b{seed}", size // 2)
        ends = End(left, a, b), End(right, b, a)
        left.spawn(ends[0].serve, "server")
        right.spawn(lambda sys: ends[1].call(sys, left.eth0.ip), "client")
        bench.run_until(lambda: all(end.done == 3 or end.errors for end in ends), timeout=7200)
        took = bench.now_ns
        for end in ends:
            assert end.errors == [] and end.done == 3, f"{end.errors}, {len(end.got)} of {len(end.back)} bytes"
            assert hashlib.sha256(end.got).digest() == hashlib.sha256(end.back).digest()
        wire = [board.eth0.mac_model.counters for board in (left, right)]
        rexmit = sum(board.kernel.net.stats.tcp_rexmit for board in (left, right))
        for board in (left, right):
            board.eth0.mac_model.faults()
        bench.run(1000)
        for board in (left, right):
            clean(board)
        assert "3 received" in left.nsh(f"ping -c 3 {right.eth0.ip}")
        counts = {name: sum(w[name] for w in wire) for name in ("tx_frames", "lost", "reordered", "corrupted")}
        return {**counts, "rexmit": rexmit, "ms": took // 1_000_000}


def clean(board: Board) -> None:
    """Nothing is left: no connection, no buffer, no lock, no report of a task that died."""
    assert tcp_connections(board.kernel) == []
    stats = board.kernel.iobs.getstats()
    assert board.kernel.iobs.check() == "" and stats.nfree == stats.ntotal, board.kernel.iobs.ledger()
    assert board.kernel.net_lock.mutex.holder == -1
    assert board.reports == []
