"""What the tests of the TCP RFCs add to the scripted peer: boards built with options, time, timestamps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from stack import Stack
from tcp_peer import Peer, Segment, accepted, act, listening, rows

from kernel.core import lib

MSS = b"\2\4\5\xb4"
M = 1460


def built(**options: Any) -> pytest.MarkDecorator:
    """The board ``s`` of this test is built with these options."""
    return pytest.mark.parametrize("s", [options], ids=[""], indirect=True)


def called(s: Stack, *, options: bytes = MSS, window: int = 65535, **peer: Any) -> tuple[Any, Peer]:
    """A socket of the board, and its peer, who called it with these options."""
    sock = listening(s)
    other = Peer(s, **peer)
    other.window = window
    other.connect(options=options)
    return accepted(s, sock), other


def writes(s: Stack, peer: Peer, sock: Any, data: bytes) -> list[Segment]:
    """The board sends ``data``: what leaves at once."""
    peer.take()
    act(s, lambda sys: sock.send(data))
    return peer.take()


def numbers(segments: list[Segment]) -> list[int]:
    """Which full segments these are, from 0."""
    assert all((x.seq - 1) % M == 0 for x in segments)
    return [(x.seq - 1) // M for x in segments]


def sends(s: Stack, peer: Peer, sock: Any, n: int) -> list[int]:
    """The board gets ``n`` full segments to send: what leaves at once."""
    return numbers(writes(s, peer, sock, bytes(n * M)))


def acks(peer: Peer, n: int, **more: Any) -> list[int]:
    """The peer acknowledges all before segment ``n``: what leaves at once."""
    peer.ack = 1 + n * M
    return numbers(peer.answers("A", **more))


def duplicates(peer: Peer, n: int) -> list[int]:
    """The same acknowledgement ``n`` times: what leaves at once."""
    return [x for _ in range(n) for x in numbers(peer.answers("A"))]


def watch(peer: Peer, seconds: float, step: float = 0.01) -> list[Segment]:
    """What the board sends in the next ``seconds``; the times are right to ``step``."""
    segments: list[Segment] = []
    for _ in range(round(seconds / step)):
        peer.stack.later(step)
        segments += peer.take()
    return segments


def gaps(segments: Iterable[Segment]) -> list[float]:
    """The seconds between each and the next."""
    return [round(b.time - a.time, 2) for a, b in itertools.pairwise(segments)]


def rto(s: Stack) -> float:
    """The retransmission timeout of the only connection in seconds."""
    (row,) = rows(s)
    return float(lib.tcp_get(s.board, row.conn, lib.SOCK_RTO)) / 1e9


def stamp(value: int, echo: int = 0) -> bytes:
    """A timestamp option, padded as RFC 7323 appendix A has it."""
    return b"\1\1\x08\x0a" + (value % 2**32).to_bytes(4, "big") + echo.to_bytes(4, "big")
