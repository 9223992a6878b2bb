"""What the tests of TCP buffering build on: a pool that is as full as they want it, and a device that asks when told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stack import Stack
from tcp_peer import TCP, Peer, accepted, connected, listening

from kernel.core import lib
from kernel.iob import IobOwner

SMALL: dict[str, Any] = TCP | {"IOB_NBUFFERS": 12, "IOB_THROTTLE": 4, "IOB_BUFSIZE": 196}
"""12 buffers, of which senders leave 4 alone: they can have 8, that is 1568 bytes."""


def hog(s: Stack, leave: int) -> list[int]:
    """Takes all buffers but ``leave``."""
    iobs = []
    while s.kernel.iobs.navail() > leave:
        iob = s.kernel.iobs.tryalloc(owner=IobOwner.TEST << 24)
        assert iob is not None
        iobs.append(iob)
    return iobs


def release(s: Stack, iobs: list[int]) -> None:
    """Gives them back; whoever waited goes on for a millisecond."""
    for iob in iobs:
        s.kernel.iobs.free_chain(iob)
    iobs.clear()
    s.later(0.001)


def holders(s: Stack) -> Counter[tuple[IobOwner, int]]:
    """How many buffers each owner has."""
    return Counter((h.owner, h.instance) for h in s.kernel.iobs.ledger() if h.owner != IobOwner.TEST)


def quiet(s: Stack) -> None:
    """From now on the device asks only in poll()."""
    s.eth.poll = lambda _arg: None  # type: ignore[method-assign]


def poll(s: Stack, n: int = 1000) -> None:
    """The device asks for packets."""
    s.eth.call(lib.netdev_poll, n)


def mute(s: Stack, **peer: Any) -> tuple[Any, Peer]:
    """A connection whose device asks only in poll(); what is written stays in the write buffers."""
    sock, other = connected(s, **peer)
    quiet(s)
    return sock, other


def stream(peer: Peer) -> bytes:
    """What the board sends, acknowledged until nothing more comes; what was sent again counts once."""
    data = b""
    while segments := peer.take():
        for s in segments:
            assert "R" not in s.flags
            if s.seq > peer.ack:
                continue  # behind something that was lost
            end = s.seq + len(s.data) + ("F" in s.flags)
            data += s.data[peer.ack - s.seq :]
            peer.ack = max(peer.ack, end)
        peer.put("A")
    return data


def narrow(s: Stack, window: int) -> tuple[Any, Peer]:
    """A connection whose peer never offers more than ``window``."""
    listener = listening(s)
    peer = Peer(s)
    peer.window = window
    peer.connect()
    return accepted(s, listener), peer
