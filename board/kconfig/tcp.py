"""TCP."""

from __future__ import annotations

from board.kconfig.option import flag, integer

TCP = [
    flag("NET_TCP", False, "TCP", "NET", "SCHED_WORKQUEUE"),
    integer("NET_TCP_PREALLOC_CONNS", 8, "TCP connections at a time", "NET_TCP", high=65535),
    integer(
        "NET_TCP_ALLOC_CONNS", 0, "more of them are made as they are needed; 0: they are not", "NET_TCP", high=65535
    ),
    integer("NET_TCP_MAX_CONNS", 0, "and that many in all; 0: 1024", "NET_TCP_ALLOC_CONNS", high=65535),
    integer("NET_TCP_NPOLLWAITERS", 2, "tasks that may poll() a TCP socket at a time", "NET_TCP", low=1, high=65535),
    flag("NET_TCP_CHECKSUMS", True, "TCP checksums are made and checked", "NET_TCP"),
    integer(
        "NET_TCP_RTO",
        3,
        "half seconds until the first retransmission, before a round trip was measured",
        "NET_TCP",
        low=1,
        high=240,
    ),
    flag("NET_TCP_FIXED_RTO", False, "that time does not double", "NET_TCP"),
    integer(
        "NET_TCP_MAXRTX", 8, "retransmissions of data before the connection is given up", "NET_TCP", low=1, high=255
    ),
    integer("NET_TCP_MAXSYNRTX", 5, "the same of a SYN", "NET_TCP", low=1, high=255),
    integer("NET_TCP_WAIT_TIMEOUT", 120, "seconds in TIME_WAIT", "NET_TCP", high=86400),
    integer("NET_TCPBACKLOG_CONNS", 8, "most connections that wait for accept()", "NET_TCP", low=1, high=65535),
    flag("NET_TCP_DELAYED_ACK", False, "every second segment is acknowledged, or after 0.2 s", "NET_TCP"),
    flag("NET_TCP_KEEPALIVE", False, "SO_KEEPALIVE", "NET_TCP"),
    flag("NET_TCP_FAST_RETRANSMIT", True, "three duplicate ACKs retransmit at once", "NET_TCP"),
    flag("NET_TCP_CC_NEWRENO", False, "a congestion window: slow start, congestion avoidance", "NET_TCP"),
    flag(
        "NET_TCP_OUT_OF_ORDER", lambda c: c("NET_TCP_SELECTIVE_ACK"), "segments that come too early are kept", "NET_TCP"
    ),
    integer("NET_TCP_OUT_OF_ORDER_BUFSIZE", 16384, "bytes of them, each connection", "NET_TCP_OUT_OF_ORDER"),
    flag(
        "NET_TCP_SELECTIVE_ACK", False, "the peer is told which, and what it has of ours is not sent again", "NET_TCP"
    ),
    flag("NET_TCP_WINDOW_SCALE", False, "windows above 65535 bytes", "NET_TCP"),
    integer(
        "NET_TCP_WINDOW_SCALE_FACTOR",
        0,
        "ours are counted in units of 2 to the power of this",
        "NET_TCP_WINDOW_SCALE",
        high=14,
    ),
    flag("NET_TCP_WRITE_BUFFERS", False, "send() returns once the data is buffered", "NET_TCP"),
    integer(
        "NET_TCP_NWRBCHAINS", 8, "write buffer heads allocated at boot", "NET_TCP_WRITE_BUFFERS", low=1, high=65535
    ),
    integer(
        "NET_TCP_ALLOC_WRBCHAINS",
        1,
        "heads allocated at a time once those are used; 0: they are a hard limit",
        "NET_TCP_WRITE_BUFFERS",
        high=65535,
    ),
]
