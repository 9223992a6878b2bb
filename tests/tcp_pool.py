"""What the tests of TCP buffering build on: a pool as full as they want it, and a device that asks when told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stack import Stack
from tcp_peer import TCP, Peer, accepted, connected, listening

from kernel.core import lib
from kernel.iob import IobOwner, IobPart

SMALL: dict[str, Any] = TCP | {"IOB_NBUFFERS": 12, "IOB_THROTTLE": 4, "IOB_BUFSIZE": 196}
"""12 buffers, of which senders leave 4 alone: they can have 8, that is 1568 bytes."""


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


def readahead(s: Stack, conn: int) -> list[IobPart]:
    """The buffers of a connection's read-ahead chain, in order."""
    pool = s.kernel.iobs
    mine = [h.iob for h in pool.ledger() if (h.owner, h.instance) == (IobOwner.TCP_READ, conn)]
    longest = max((pool.chain(iob) for iob in mine), key=len, default=[])
    assert len(longest) == len(mine)
    return longest


def window(
    s: Stack, sock: Any, *, rcvbuf: int = 0, scale: int = 0, parked: int = 0, gap: int = 0, mss: int = 1460
) -> int:
    """The window by NuttX's rules, from the pool as it is now. ``parked``: bytes out of order behind ``gap`` others."""
    pool, throttle = s.kernel.iobs, int(s.kernel.options["IOB_THROTTLE"])
    chain = readahead(s, sock.conn)
    unread = sum(part.len for part in chain)
    tail = pool.bufsize - chain[-1].offset - chain[-1].len if chain else 0
    free = pool.getstats().nfree
    if free > throttle:
        size = tail + (free - throttle) * pool.bufsize
    elif not chain and throttle > 0:
        size = min(mss, free * pool.bufsize)
    else:
        size = tail
    if rcvbuf:
        size = min(size, max(0, rcvbuf - unread))
    if parked:
        size = max(size - parked, gap, mss)
    return min(size >> scale, 65535) << scale
