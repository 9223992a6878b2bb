"""The files of /proc/net, to the column as NuttX prints them (net/procfs). Counters are hexadecimal.

A column is there if the configuration has its protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from kernel.inet import ether_ntoa
from kernel.netdev import IFF_LOOPBACK
from kernel.netdev_ipv6 import Ifaddr6
from kernel.sockbase import AF_INET
from kernel.tcp import STATE_NUMBERS, TcpInfo, tcp_connections
from kernel.udp import UdpInfo, udp_connections

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

DASHES = "----"

COLUMNS = (
    ("ipv4", "IPv4", "NET_IPv4"),
    ("ipv6", "IPv6", "NET_IPv6"),
    ("tcp", "TCP", "NET_TCP"),
    ("udp", "UDP", "NET_UDP"),
    ("icmp", "ICMP", "NET_ICMP"),
    ("icmpv6", "ICMPv6", "NET_IPv6"),
)
"""Of /proc/net/stat: field of NetStats, header, and the option that it depends on."""


def _has(kernel: Kernel, option: str) -> bool:
    return bool(kernel.options.get(option, False))


def net_stat(kernel: Kernel) -> str:
    """/proc/net/stat."""
    stats = kernel.net.stats
    columns = [(field, header) for field, header, option in COLUMNS if _has(kernel, option)]
    fields = [field for field, _ in columns]

    def number(value: int) -> str:
        return f"{value & 0xFFFF:04x}"

    def row(label: str, counter: str, dashed: tuple[str, ...] = ()) -> str:
        line = f"{label:<11}"
        for field in fields:
            line += "  " + (DASHES if field in dashed else number(getattr(getattr(stats, field), counter)))
        return line + "\n"

    text = " " * 11 + "".join(f"{header:>7}" if header == "ICMPv6" else f"{header:>6}" for _, header in columns) + "\n"
    text += row("Received", "recv") + row("Dropped", "drop")
    text += f"  IPv4        VHL: {number(stats.vhlerr)}   Frg: {number(stats.fragerr)}\n"
    if "ipv6" in fields:
        text += f"  IPv6        VHL: {number(stats.ipv6_vhlerr)}\n"
    text += row("  Checksum", "chkerr", ("ipv6", "icmp", "icmpv6"))
    if "tcp" in fields:
        text += f"  TCP         ACK: {number(stats.tcp_ackerr)}   SYN: {number(stats.tcp_syndrop)}\n"
        text += f"              RST: {number(stats.tcp_rst)}  {number(stats.tcp_synrst)}\n"
    text += row("  Type", "typeerr", ("tcp", "udp")) + row("Sent", "sent")
    if "tcp" in fields:
        cells = [number(stats.tcp_rexmit) if field == "tcp" else DASHES for field in fields]
        text += "  Rexmit   " + "".join(f"  {cell}" for cell in cells) + "\n"
    return text


def net_device(kernel: Kernel, device: NetDevice) -> str:
    """/proc/net/<device>, which is also a paragraph of ifconfig."""
    s = device.stats
    link = "Local Loopback" if device.flags & IFF_LOOPBACK else f"Ethernet HWaddr {ether_ntoa(device.mac)}"
    ipv6, arp = _has(kernel, "NET_IPv6"), bool(kernel.options.get("NET_ARP", True))
    text = f"{device.name}\tLink encap:{link} at {device.state} mtu {device.mtu}\n"
    text += f"\tinet addr:{device.ipaddr} DRaddr:{device.draddr} Mask:{device.netmask}\n"
    text += _ipv6_addresses(kernel, device) if ipv6 else "\n"
    if not _has(kernel, "NETDEV_STATISTICS"):
        return text
    kinds = (
        [("IPv4", s.rx_ipv4)] + [("IPv6", s.rx_ipv6)] * ipv6 + [("ARP", s.rx_arp)] * arp + [("Dropped", s.rx_dropped)]
    )
    text += "\tRX: Received Fragment Errors   Bytes   \n"
    text += f"\t    {s.rx_packets:08x} {s.rx_fragments:08x} {s.rx_errors:08x} {s.rx_bytes:<16x}\n"
    text += "\t    " + " ".join(f"{name:<8}" for name, _ in kinds) + "\n"
    text += "\t    " + " ".join(f"{count:08x}" for _, count in kinds) + "\n"
    text += "\tTX: Queued   Sent     Errors   Timeouts Bytes   \n"
    text += f"\t    {s.tx_packets:08x} {s.tx_done:08x} {s.tx_errors:08x} {s.tx_timeouts:08x} {s.tx_bytes:<16x} \n"
    return text + f"\tTotal Errors: {s.errors:08x}\n\n"


def _ipv6_addresses(kernel: Kernel, device: NetDevice) -> str:
    """One line each; without CONFIG_NETDEV_MULTIPLE_IPv6 also if there is none. One that is not used says why."""
    rows = list(device.ip6)
    if not rows and not _has(kernel, "NETDEV_MULTIPLE_IPv6"):
        rows = [Ifaddr6("::", 0, "ready")]
    text = ""
    for row in rows:
        text += f"\tinet6 addr: {row.address}/{row.preflen}" + (f" {row.state}" if row.state != "ready" else "") + "\n"
    return text + f"\tinet6 DRaddr: {device.ip6.router}\n\n"


Connection = TypeVar("Connection", TcpInfo, UdpInfo)


def _by_family(connections: Iterable[Connection]) -> list[Connection]:
    return sorted(connections, key=lambda c: c.family)


def _names(c: TcpInfo | UdpInfo) -> str:
    width = 16 if c.family == AF_INET else 23
    return f" {c.laddr:>{width}}:{c.lport:<6} {c.raddr:>{width}}:{c.rport:<6}\n"


def net_tcp(kernel: Kernel) -> str:
    """/proc/net/tcp: empty without connections; listeners and sockets that never connected are not there.

    Those of IPv6 come last.
    """
    connections = _by_family(c for c in tcp_connections(kernel) if c.state not in ("LISTEN", "ALLOCATED"))
    if not connections:
        return ""
    limited = bool(int(kernel.options.get("NET_SEND_BUFSIZE", 0)))
    sizes = "txsz   " if limited else ""
    text = f"TCP sl  st flg ref tmr uack nrt   {sizes}rxsz {'local_address':<23} {'remote_address':<23}\n"
    for i, c in enumerate(connections, 1):
        text += f"    {i:2}: {STATE_NUMBERS[c.state]:02x} {c.flags:3x} {c.owned:3} {c.timer:3} {c.unacked:4} {c.nrtx:3}"
        text += (f" {c.txsize:6}" if limited else "") + f" {c.rxsize:6}"
        text += _names(c)
    return text


def net_udp(kernel: Kernel) -> str:
    """/proc/net/udp: empty without sockets. With write buffers rows have a column that the header names only when
    CONFIG_NET_SEND_BUFSIZE is set, as in NuttX.
    """
    connections = _by_family(udp_connections(kernel))
    if not connections:
        return ""
    sizes = "txsz   " if int(kernel.options.get("NET_SEND_BUFSIZE", 0)) else ""
    text = f"UDP sl  flg   {sizes}rxsz {'local_address':<23} {'remote_address':<23}\n"
    for i, c in enumerate(connections, 1):
        tx = f" {c.txsize:6}" if _has(kernel, "NET_UDP_WRITE_BUFFERS") else ""
        text += f"    {i:2}: {c.flags:3x}{tx} {c.rxsize:6}"
        text += _names(c)
    return text


def net_route_ipv6(kernel: Kernel) -> str:
    """/proc/net/route/ipv6: three lines a route."""
    routes = enumerate(kernel.net.routes6(), 1)
    return "".join(
        f"{i:4}. TARGET  {route.target}\n      NETMASK {route.netmask}\n      ROUTER  {route.router}\n"
        for i, route in routes
    )


def net_route_ipv4(kernel: Kernel) -> str:
    """/proc/net/route/ipv4: empty without routes."""
    routes = kernel.net.routes()
    if not routes:
        return ""
    text = f"{'SEQ':<4}  {'TARGET':<16}{'NETMASK':<16}{'ROUTER':<16}\n"
    for i, route in enumerate(routes, 1):
        text += f"{i:4}. {route.target:<16}{route.netmask:<16}{route.router:<16}\n"
    return text
