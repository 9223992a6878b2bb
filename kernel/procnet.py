"""The files of /proc/net, to the column as NuttX prints them (net/procfs). Counters are hexadecimal.

A column is there if the configuration has its protocol: CONFIG_NET_IPv6 and CONFIG_NET_TCP decide about columns of a
protocol that this board does not speak, whose numbers then stay 0 (but IPv6 frames that came are counted).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import ether_ntoa
from kernel.netdev import IFF_LOOPBACK
from kernel.udp import udp_connections

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

DASHES = "----"


def _has(kernel: Kernel, option: str) -> bool:
    return bool(kernel.options.get(option, False))


def _row(label: str, cells: list[str]) -> str:
    return f"{label:<11}" + "".join(f"  {cell}" for cell in cells) + "\n"


def net_stat(kernel: Kernel) -> str:
    """/proc/net/stat."""
    stats = kernel.net.stats
    columns = ["ipv4", "ipv6", "tcp", "udp", "icmp", "icmpv6"]
    missing = ({"ipv6", "icmpv6"} if not _has(kernel, "NET_IPv6") else set()) | (
        {"tcp"} if not _has(kernel, "NET_TCP") else set()
    )
    names = {
        "ipv4": "  IPv4",
        "ipv6": "  IPv6",
        "tcp": "   TCP",
        "udp": "   UDP",
        "icmp": "  ICMP",
        "icmpv6": " ICMPv6",
    }

    def row(label: str, counter: str, dashed: tuple[str, ...] = ()) -> str:
        cells = []
        for name in columns:
            if name in missing:
                continue
            value = getattr(getattr(stats, name), counter) if name != "icmpv6" else 0
            cells.append(DASHES if name in dashed else f"{value & 0xFFFF:04x}")
        return _row(label, cells)

    text = " " * 11 + "".join(names[name] for name in columns if name not in missing) + "\n"
    text += row("Received", "recv") + row("Dropped", "drop")
    text += f"  IPv4        VHL: {stats.vhlerr & 0xFFFF:04x}   Frg: {stats.fragerr & 0xFFFF:04x}\n"
    if "ipv6" not in missing:
        text += f"  IPv6        VHL: {stats.ipv6_vhlerr & 0xFFFF:04x}\n"
    text += row("  Checksum", "chkerr", ("ipv6", "icmp", "icmpv6"))
    if "tcp" not in missing:
        text += f"  TCP         ACK: {stats.tcp_ackerr & 0xFFFF:04x}   SYN: {stats.tcp_syndrop & 0xFFFF:04x}\n"
        text += f"              RST: {stats.tcp_rst & 0xFFFF:04x}  {stats.tcp_synrst & 0xFFFF:04x}\n"
    text += row("  Type", "typeerr", ("tcp", "udp")) + row("Sent", "sent")
    if "tcp" not in missing:
        cells = [f"{stats.tcp_rexmit & 0xFFFF:04x}" if n == "tcp" else DASHES for n in columns if n not in missing]
        text += _row("  Rexmit", cells)
    return text


def net_device(kernel: Kernel, device: NetDevice) -> str:
    """/proc/net/<device>, which is also a paragraph of ifconfig."""
    s = device.stats
    link = "Local Loopback" if device.flags & IFF_LOOPBACK else f"Ethernet HWaddr {ether_ntoa(device.mac)}"
    ipv6, arp = _has(kernel, "NET_IPv6"), bool(kernel.options.get("NET_ARP", True))
    text = f"{device.name}\tLink encap:{link} at {device.state} mtu {device.mtu}\n"
    text += f"\tinet addr:{device.ipaddr} DRaddr:{device.draddr} Mask:{device.netmask}\n\n"
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


def net_udp(kernel: Kernel) -> str:
    """/proc/net/udp: empty without sockets. With write buffers rows have a column that the header names only when
    CONFIG_NET_SEND_BUFSIZE is set, as in NuttX.
    """
    connections = udp_connections(kernel)
    if not connections:
        return ""
    sizes = "txsz   " if int(kernel.options.get("NET_SEND_BUFSIZE", 0)) else ""
    text = f"UDP sl  flg   {sizes}rxsz {'local_address':<23} {'remote_address':<23}\n"
    for i, c in enumerate(connections, 1):
        tx = f" {c.txsize:6}" if _has(kernel, "NET_UDP_WRITE_BUFFERS") else ""
        text += f"    {i:2}: {c.flags:3x}{tx} {c.rxsize:6}"
        text += f" {c.laddr:>16}:{c.lport:<6} {c.raddr:>16}:{c.rport:<6}\n"
    return text


def net_route_ipv4(kernel: Kernel) -> str:
    """/proc/net/route/ipv4: empty without routes."""
    routes = kernel.net.routes()
    if not routes:
        return ""
    text = f"{'SEQ':<4}  {'TARGET':<16}{'NETMASK':<16}{'ROUTER':<16}\n"
    for i, route in enumerate(routes, 1):
        text += f"{i:4}. {route.target:<16}{route.netmask:<16}{route.router:<16}\n"
    return text
