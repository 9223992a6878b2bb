"""What NuttX has no options for: the virtual hardware, and variants of drivers and kernel."""

from __future__ import annotations

from board.kconfig.option import own
from kernel.core import COSTS

OWN = [
    own("CPU_MHZ", "number", 1000, "clock of every CPU, MHz", low=1, high=100000),
    *(own(f"COST_{what}", "number", 0, f"cycles of {what}, see enum cost in csrc/board.h") for what in COSTS),
    own("LINK_MBPS", "int", 10000, "rate of eth0, Mbit/s", low=10, high=10000),
    own("ETH_RX_RING", "int", 64, "receive descriptors", low=2, high=1024),
    own("ETH_TX_RING", "int", 64, "transmit descriptors", low=2, high=1024),
    own("ETH_IRQ_FRAMES", "int", 1, "frames that make a receive interrupt; 1: each", low=1, high=255),
    own("ETH_IRQ_USEC", "int", 0, "or this long after the first of them, us", high=1000000),
    own("UART_BAUD", "int", 10000000, "bits per second on the console line", low=300, high=10000000),
    own("UART_FIFO", "int", 16, "characters in each of its FIFOs", low=1, high=256),
    own("ETH_QUEUE", "choice", "LPWORK", "where eth0's work runs", "LPWORK", "HPWORK", "THREAD"),
    own("ETH_THREAD_PRIORITY", "int", 100, "priority of its thread, with ETH_QUEUE=THREAD", low=1, high=255),
    own("NET_LOCKS", "choice", "global", "one network lock, or one per device and connection", "global", "split"),
    own(
        "IOB_THROTTLED",
        "choice",
        "send",
        "who leaves CONFIG_IOB_THROTTLE buffers alone: senders, as in NuttX, or receivers, or both",
        "send",
        "receive",
        "both",
    ),
    own(
        "IPv6_IPIN",
        "bool",
        lambda get: get("NET_ARP_IPIN"),
        "IPv6 neighbors are learnt from any packet of theirs, too, as in no NuttX; NET_ARP_IPIN is that for IPv4",
    ),
    own("IPv6_DAD", "bool", False, "every IPv6 address is tested for being the only one (RFC 4862), as in no NuttX"),
    own("TCP_SEND_ALL", "bool", False, "a blocking TCP send waits until all is buffered, as in NuttX 13.0"),
    own("TCP_TIMESTAMPS", "bool", False, "TCP timestamps (RFC 7323)"),
    own("TCP_NAGLE", "bool", False, "short segments wait for the last acknowledgement (RFC 896), as in no NuttX"),
    own("IOB_TIMEOUT_LEAK", "bool", False, "a timed-out IOB wait loses a buffer, as in NuttX 13.0"),
]
