"""The pool of I/O buffers."""

from __future__ import annotations

from board.kconfig.option import Get, Value, derived, flag, integer


def _iob_nbuffers(get: Get) -> Value:
    if get("NET_WRITE_BUFFERS"):
        return 36
    return 24 if get("NET_READAHEAD") else 8


IOB = [
    derived("MM_IOB", lambda c: True, "the pool of I/O buffers; the board always has one"),
    integer("IOB_NBUFFERS", _iob_nbuffers, "buffers in the pool", high=65535),
    integer("IOB_BUFSIZE", 196, "bytes of data in a buffer", low=1, high=65535),
    integer(
        "IOB_NCHAINS",
        lambda c: c("IOB_NBUFFERS") if c("NET_READAHEAD") else 0,
        "queue containers; ICMP sockets use them, UDP and TCP do not",
        high=65535,
    ),
    integer(
        "IOB_THROTTLE",
        lambda c: 8 if c("NET_WRITE_BUFFERS") and c("NET_READAHEAD") else 0,
        "buffers that throttled allocations (senders) leave alone; 0 switches throttling off",
        high=65535,
    ),
    flag("IOB_NOTIFIER", False, "work can be queued for when buffers come free", "SCHED_WORKQUEUE"),
    integer("IOB_NOTIFIER_DIV", 4, "only when a multiple of this many are free", "IOB_NOTIFIER", low=1, high=64),
]
