"""What the network of a board counts: a device its packets, a protocol what it received, dropped and sent."""

from __future__ import annotations

from typing import NamedTuple


class NetdevStats(NamedTuple):
    """Counters of a device (struct netdev_stats): NuttX's, then seven that only a diagnosis shows."""

    rx_packets: int
    rx_fragments: int
    rx_errors: int
    rx_bytes: int
    rx_ipv4: int
    rx_ipv6: int
    rx_arp: int
    rx_dropped: int
    tx_packets: int
    tx_done: int
    tx_errors: int
    tx_timeouts: int
    tx_bytes: int
    errors: int
    rx_noiob: int
    """frames lost because the IOB pool was empty; NuttX counts them nowhere"""
    tx_noroom: int
    """replies lost because the transmit ring was full"""
    tx_noarp: int
    """packets lost because the address of their next hop was not known"""
    tx_noiob: int
    """packets not sent because the IOB pool was empty"""
    rx_reassembled: int
    """packets put together from fragments"""
    rx_reasm_timeouts: int
    """packets given up because a fragment did not come in time"""
    rx_reasm_evicted: int
    """packets given up because the fragments of younger ones needed the buffers"""


class ProtoStats(NamedTuple):
    """A column of /proc/net/stat. ``typeerr``: unknown protocol or type."""

    recv: int
    drop: int
    chkerr: int
    typeerr: int
    sent: int


class NetStats(NamedTuple):
    """All of /proc/net/stat."""

    ipv4: ProtoStats
    ipv6: ProtoStats
    tcp: ProtoStats
    udp: ProtoStats
    icmp: ProtoStats
    icmpv6: ProtoStats
    vhlerr: int
    fragerr: int
    ipv6_vhlerr: int
    tcp_ackerr: int
    tcp_syndrop: int
    tcp_rst: int
    tcp_synrst: int
    tcp_rexmit: int


def net_stats(values: list[int]) -> NetStats:
    """Of the core's numbers (struct net_stats)."""
    ipv4, ipv6, tcp, udp, icmp, icmpv6 = (ProtoStats(*values[i : i + 5]) for i in range(0, 30, 5))
    return NetStats(ipv4, ipv6, tcp, udp, icmp, icmpv6, *values[30:])


NET_STATS_LEN = 38
"""How many those are."""
