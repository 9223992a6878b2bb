"""What the tests of SACK at the sender build on: a peer that tells what it has beyond its acknowledgement."""

from __future__ import annotations

from typing import Any

from stack import Stack
from tcp_peer import Peer, Segment
from tcp_script import MSS, M, called, numbers, sends

SACK: dict[str, Any] = {"NET_TCP_SELECTIVE_ACK": True}
SACKED = MSS + b"\4\2"
Run = tuple[float, float]


def open_to(s: Stack, n: int, **peer: Any) -> tuple[Any, Peer]:
    """A connection that has agreed on SACK and has sent ``n`` full segments, which are in flight."""
    sock, other = called(s, options=SACKED, **peer)
    assert sends(s, other, sock, n) == list(range(n))
    return sock, other


def option(peer: Peer, *runs: Run) -> bytes:
    """A SACK option that names these segments, each run without its last; a fraction is a part of one."""
    ends = [peer.iss + 1 + round(n * M) for run in runs for n in run]
    return bytes([1, 1, 5, 2 + 8 * len(runs)]) + b"".join((n % 2**32).to_bytes(4, "big") for n in ends)


def has(peer: Peer, *runs: Run, **more: Any) -> list[Segment]:
    """The peer repeats its acknowledgement and tells what else it has: what leaves at once."""
    return peer.answers("A", options=option(peer, *runs), **more)


def sack(peer: Peer, *runs: Run, **more: Any) -> list[int]:
    """The same by numbers of full segments."""
    return numbers(has(peer, *runs, **more))
