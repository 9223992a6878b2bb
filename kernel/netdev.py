"""The network of a board: its devices, their addresses, the routes between them, and what was counted.

The protocols are C (csrc/net.h); here is what makes and names them. A driver registers itself; from then on the stack
calls its txavail() when there is something to send, and the shell and the profile configure the device by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL, ENODEV, ENOENT
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kernel.core import ACT_BASE, check, lib, numbers, take_bytes
from kernel.inet import MAPPED, ether_ntoa, inet_addr, inet_ntoa, pack_ipv4, pack_ipv6, unpack_address
from kernel.netdev_ipv6 import Ipv6Addresses
from kernel.netstats import NET_STATS_LEN, NetdevStats, NetStats, net_stats
from kernel.sync import Mutex
from kernel.wqueue import LPWORK

if TYPE_CHECKING:
    from kernel.kernel import Kernel

INADDR_ANY = "0.0.0.0"

IFF_UP: int = lib.IFF_UP
IFF_RUNNING: int = lib.IFF_RUNNING
IFF_LOOPBACK: int = lib.IFF_LOOPBACK
IFF_NOARP: int = lib.IFF_NOARP
NROUTES = 8
TCP_CONNS_MAX = 1024  # where the configuration sets no limit

OPTIONS: dict[str, tuple[int, int]] = {
    "NET_UDP_PREALLOC_CONNS": (lib.NETCFG_UDP_PREALLOC_CONNS, 8),
    "NET_ICMP_PREALLOC_CONNS": (lib.NETCFG_ICMP_PREALLOC_CONNS, 4),
    "NET_ARPTAB_SIZE": (lib.NETCFG_ARPTAB_SIZE, 16),
    "NET_UDP_NWRBCHAINS": (lib.NETCFG_UDP_NWRBCHAINS, 8),
    "NET_UDP_ALLOC_WRBCHAINS": (lib.NETCFG_UDP_ALLOC_WRBCHAINS, 1),
    "NET_ARP_MAXAGE": (lib.NETCFG_ARP_MAXAGE, 120),
    "NET_ARP_MAXAGE_UNREACHABLE": (lib.NETCFG_ARP_MAXAGE_UNREACHABLE, 1),
    "NET_ARP_IPIN": (lib.NETCFG_ARP_IPIN, 0),
    "NET_ARP_SEND": (lib.NETCFG_ARP_SEND, 1),
    "NET_ARP_GRATUITOUS": (lib.NETCFG_ARP_GRATUITOUS, 0),
    "NET_RECV_BUFSIZE": (lib.NETCFG_RECV_BUFSIZE, 0),
    "NET_SEND_BUFSIZE": (lib.NETCFG_SEND_BUFSIZE, 0),
    "NET_RECV_PACK": (lib.NETCFG_RECV_PACK, 1),
    "NET_UDP_CHECKSUMS": (lib.NETCFG_UDP_CHECKSUMS, 1),
    "NET_BROADCAST": (lib.NETCFG_BROADCAST, 0),
    "NET_ICMP": (lib.NETCFG_ICMP, 1),
    "NET_DEFAULT_MIN_PORT": (lib.NETCFG_DEFAULT_MIN_PORT, 4096),
    "NET_DEFAULT_MAX_PORT": (lib.NETCFG_DEFAULT_MAX_PORT, 32000),
    "NET_TCP_CHECKSUMS": (lib.NETCFG_TCP_CHECKSUMS, 1),
    "NET_TCP_RTO": (lib.NETCFG_TCP_RTO, 3),
    "NET_TCP_FIXED_RTO": (lib.NETCFG_TCP_FIXED_RTO, 0),
    "NET_TCP_MAXRTX": (lib.NETCFG_TCP_MAXRTX, 8),
    "NET_TCP_MAXSYNRTX": (lib.NETCFG_TCP_MAXSYNRTX, 5),
    "NET_TCP_WAIT_TIMEOUT": (lib.NETCFG_TCP_WAIT_TIMEOUT, 120),
    "NET_TCPBACKLOG_CONNS": (lib.NETCFG_TCPBACKLOG_CONNS, 8),
    "NET_TCP_DELAYED_ACK": (lib.NETCFG_TCP_DELAYED_ACK, 0),
    "NET_TCP_FAST_RETRANSMIT": (lib.NETCFG_TCP_FAST_RETRANSMIT, 1),
    "NET_TCP_CC_NEWRENO": (lib.NETCFG_TCP_CC_NEWRENO, 0),
    "NET_TCP_OUT_OF_ORDER": (lib.NETCFG_TCP_OUT_OF_ORDER, 0),
    "NET_TCP_OUT_OF_ORDER_BUFSIZE": (lib.NETCFG_TCP_OFO_BUFSIZE, 16384),
    "NET_TCP_SELECTIVE_ACK": (lib.NETCFG_TCP_SACK, 0),
    "NET_TCP_WINDOW_SCALE": (lib.NETCFG_TCP_WINDOW_SCALE, 0),
    "NET_TCP_WINDOW_SCALE_FACTOR": (lib.NETCFG_TCP_WINDOW_SCALE_FACTOR, 0),
    "NET_TCP_NWRBCHAINS": (lib.NETCFG_TCP_NWRBCHAINS, 8),
    "NET_TCP_ALLOC_WRBCHAINS": (lib.NETCFG_TCP_ALLOC_WRBCHAINS, 1),
    "TCP_TIMESTAMPS": (lib.NETCFG_TCP_TIMESTAMPS, 0),
    "TCP_NAGLE": (lib.NETCFG_TCP_NAGLE, 0),
    "NET_TCP_NPOLLWAITERS": (lib.NETCFG_TCP_NPOLLWAITERS, 2),
    "NET_UDP_NPOLLWAITERS": (lib.NETCFG_UDP_NPOLLWAITERS, 1),
    "NET_ICMP_NPOLLWAITERS": (lib.NETCFG_ICMP_NPOLLWAITERS, 1),
    "NET_PKT_NPOLLWAITERS": (lib.NETCFG_PKT_NPOLLWAITERS, 2),
    "NET_TCP_WRITE_BUFFERS": (lib.NETCFG_TCP_WRITE_BUFFERS, 0),
    "NET_IPFRAG": (lib.NETCFG_IPFRAG, 0),
    "NET_IPFRAG_REASS_MAXAGE": (lib.NETCFG_IPFRAG_REASS_MAXAGE, 20),
    "NET_IPv6": (lib.NETCFG_IPv6, 0),
    "NET_IPv6_NCONF_ENTRIES": (lib.NETCFG_IPv6_NCONF_ENTRIES, 8),
    "NET_ICMPv6": (lib.NETCFG_ICMPv6, 0),
    "NET_ICMPv6_NPOLLWAITERS": (lib.NETCFG_ICMPv6_NPOLLWAITERS, 1),
    "NET_ICMPv6_NEIGHBOR": (lib.NETCFG_ICMPv6_NEIGHBOR, 0),
    "NET_ICMPv6_AUTOCONF": (lib.NETCFG_ICMPv6_AUTOCONF, 0),
    "IPv6_IPIN": (lib.NETCFG_IPv6_IPIN, 0),
    "IPv6_DAD": (lib.NETCFG_IPv6_DAD, 0),
}
"""Kconfig names: the core's number of the option, and its value where a configuration does not have it."""


class NetDriver(Protocol):
    """What a network driver is to the stack. ``index`` names its device in the core; calls return 0 or -errno."""

    index: int
    name: str
    lock: Mutex | None

    def ifup(self) -> int: ...
    def ifdown(self) -> int: ...
    def txavail(self) -> int: ...


class Route(NamedTuple):
    """A route besides those that the devices' own networks are. Addresses as text."""

    target: str
    netmask: str
    router: str


class NetDevice:
    """A registered device (struct net_driver_s), as ifconfig sees it. Addresses are text."""

    def __init__(self, kernel: Kernel, driver: NetDriver) -> None:
        self._kernel = kernel
        self._board = kernel.board
        self.driver = driver
        self.index = driver.index
        self.name = driver.name
        self.ip6 = Ipv6Addresses(kernel, driver)

    def _get(self, field: int) -> int:
        return check(lib.netdev_get(self._board, self.index, field), self.name)

    def _set(self, field: int, value: int) -> None:
        r = lib.netdev_set(self._board, self.index, field, value)
        if r >= ACT_BASE:
            r = self._kernel.clock.follow(r)
        check(r, f"{self.name}: cannot set this to {value}")
        self._kernel.net.txavail()

    @property
    def ipaddr(self) -> str:
        """Its address; 0.0.0.0 if it has none."""
        return inet_ntoa(self._get(lib.NETDEV_IPADDR))

    @ipaddr.setter
    def ipaddr(self, addr: str) -> None:
        self._set(lib.NETDEV_IPADDR, inet_addr(addr))

    @property
    def draddr(self) -> str:
        """Default router."""
        return inet_ntoa(self._get(lib.NETDEV_DRADDR))

    @draddr.setter
    def draddr(self, addr: str) -> None:
        self._set(lib.NETDEV_DRADDR, inet_addr(addr))

    @property
    def netmask(self) -> str:
        """Network mask."""
        return inet_ntoa(self._get(lib.NETDEV_NETMASK))

    @netmask.setter
    def netmask(self, addr: str) -> None:
        mask = inet_addr(addr)
        hosts = mask ^ 0xFFFFFFFF
        if hosts & (hosts + 1):
            raise OSError(EINVAL, f"{self.name}: {addr} is not a network mask: its ones have to come first")
        self._set(lib.NETDEV_NETMASK, mask)

    @property
    def mtu(self) -> int:
        """Longest IP packet, bytes."""
        return self._get(lib.NETDEV_MTU)

    @mtu.setter
    def mtu(self, mtu: int) -> None:
        self._set(lib.NETDEV_MTU, mtu)

    @property
    def noarp(self) -> bool:
        """Whether it neither asks nor answers (ifconfig -arp)."""
        return bool(self.flags & IFF_NOARP)

    @noarp.setter
    def noarp(self, noarp: bool) -> None:
        self._set(lib.NETDEV_NOARP, noarp)

    @property
    def mac(self) -> bytes:
        """Ethernet address, six bytes."""
        return take_bytes(lib.netdev_mac, self._board, self.index, limit=6)

    @mac.setter
    def mac(self, mac: bytes) -> None:
        check(lib.netdev_setmac(self._board, self.index, mac, len(mac)), f"{self.name}: address {ether_ntoa(mac)}")

    @property
    def flags(self) -> int:
        """IFF_UP, IFF_RUNNING, IFF_LOOPBACK, IFF_NOARP."""
        return self._get(lib.NETDEV_FLAGS)

    @property
    def state(self) -> str:
        """RUNNING (there is a carrier), UP or DOWN, as ifconfig prints it."""
        flags = self.flags
        return "RUNNING" if flags & IFF_RUNNING else "UP" if flags & IFF_UP else "DOWN"

    @property
    def polltypes(self) -> int:
        """What the stack still has to send on it (enum poll_type). Not 0 while the ring is idle: a lost poll."""
        return self._get(lib.NETDEV_POLLTYPES)

    @property
    def stats(self) -> NetdevStats:
        """Its counters now."""
        return NetdevStats(*numbers(lib.netdev_statistics, self._board, self.index, n=len(NetdevStats._fields)))

    def ifup(self) -> int:
        """netdev_ifup(): 0 or what the driver says. For tasks."""
        return self.driver.ifup()

    def ifdown(self) -> int:
        """netdev_ifdown()."""
        return self.driver.ifdown()


class Network:
    """The network of one board, built as its configuration says. Raises OSError if the core refuses that."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._board = kernel.board
        self.devices: dict[int, NetDevice] = {}
        self._txavail: dict[int, Callable[[], int]] = {}
        for name, (number, default) in OPTIONS.items():
            value = int(kernel.options.get(name, default))
            check(lib.net_config(kernel.board, number, value), f"{name}={value}")
        self.arp_asks = self._asks("ARP_SEND_MAXTRIES", "ARP_SEND_DELAYMSEC", lib.NETCFG_ARP_INPROGRESS)
        self.icmpv6_asks = self._asks(
            "ICMPv6_NEIGHBOR_MAXTRIES", "ICMPv6_NEIGHBOR_DELAYMSEC", lib.NETCFG_ICMPv6_INPROGRESS
        )
        pings = (
            int(kernel.options.get("NET_ICMPv6_PREALLOC_CONNS", 4)) if kernel.options.get("NET_ICMPv6_SOCKET") else 0
        )
        self.config(lib.NETCFG_ICMPv6_PREALLOC_CONNS, pings)
        several = kernel.options.get("NETDEV_MULTIPLE_IPv6")
        self.config(lib.NETCFG_IPv6_MAX_ADDR, int(kernel.options.get("NETDEV_MAX_IPv6_ADDR", 2)) if several else 1)
        self._config_tcp(kernel)
        packet = int(kernel.options.get("NET_PKT_PREALLOC_CONNS", 1)) if kernel.options.get("NET_PKT") else 0
        self.config(lib.NETCFG_PKT_PREALLOC_CONNS, packet)
        throttled = kernel.options.get("IOB_THROTTLED", "send")
        self.send_throttled = throttled != "receive"
        self.config(lib.NETCFG_THROTTLE_SEND, self.send_throttled)
        self.config(lib.NETCFG_THROTTLE_RECEIVE, throttled != "send")
        check(lib.net_initialize(kernel.board), "network: IOBs too small for headers, or ports reversed")
        if LPWORK in kernel.queues:
            check(lib.net_queue(kernel.board, kernel.queues[LPWORK].number), "network: its timers")
        kernel.on_task_gone.append(lambda task: lib.udp_task_gone(kernel.board, task.pid))

    def _asks(self, tries_option: str, delay_option: str, inprogress: int) -> tuple[int, int]:
        """How often senders ask for an address, and how many ms apart."""
        tries = int(self._kernel.options.get(tries_option, 5))
        delay_ms = int(self._kernel.options.get(delay_option, 20))
        self.config(inprogress, tries * delay_ms)
        return tries, delay_ms

    def _config_tcp(self, kernel: Kernel) -> None:
        """How many connections there are: none if TCP is not built in."""
        built = bool(kernel.options.get("NET_TCP", False))
        first = int(kernel.options.get("NET_TCP_PREALLOC_CONNS", 8)) if built else 0
        batch = int(kernel.options.get("NET_TCP_ALLOC_CONNS", 0)) if built else 0
        self.config(lib.NETCFG_TCP_PREALLOC_CONNS, first)
        self.config(lib.NETCFG_TCP_ALLOC_CONNS, batch)
        self.config(lib.NETCFG_TCP_MAX_CONNS, int(kernel.options.get("NET_TCP_MAX_CONNS", 0)) or TCP_CONNS_MAX)

    def conn_lock(self, what: str) -> Mutex | None:
        """The lock of a new connection: its own if locks are split, else None."""
        return Mutex(self._kernel, what) if self._kernel.net_lock.split else None

    def config(self, option: int, value: int) -> None:
        """Changes an option of the core (enum net_option) while the board runs. Raises OSError (EINVAL)."""
        check(lib.net_config(self._board, option, value), f"network option {option}={value}")

    def register(self, driver: NetDriver) -> NetDevice:
        """netdev_register(): the device can be configured, and its driver is told when there is something to send."""
        device = NetDevice(self._kernel, driver)
        self.devices[driver.index] = device
        self._txavail[driver.index] = driver.txavail
        return device

    def device(self, name: str) -> NetDevice:
        """By name (netdev_findbyname()). Raises OSError (ENODEV)."""
        for device in self.devices.values():
            if device.name == name:
                return device
        known = ", ".join(d.name for d in self.devices.values()) or "none"
        raise OSError(ENODEV, f"no network device {name}; there is {known}")

    @contextmanager
    def locked(self, device: NetDevice | None) -> Iterator[None]:
        """Holds the lock of a device, which is the network's unless locks are split."""
        driver = device.driver if device is not None else None
        self._kernel.net_lock.conn_dev_lock(None, driver)
        try:
            yield
        finally:
            self._kernel.net_lock.conn_dev_unlock(None, driver)

    def txavail(self) -> None:
        """Tells the drivers that the stack has marked. For whoever made it queue something, under the lock."""
        marked = lib.net_txavail(self._board)
        while marked:
            bit = marked & -marked
            marked ^= bit
            driver = self._txavail.get(bit.bit_length() - 1)
            if driver is not None:
                driver()

    @property
    def stats(self) -> NetStats:
        """Protocol counters now."""
        return net_stats(numbers(lib.net_statistics, self._board, n=NET_STATS_LEN))

    # Routes

    def addroute(self, target: str, netmask: str, router: str) -> None:
        """A route of either protocol; of IPv6 the mask is written as an address, too.

        Raises OSError: EEXIST, ENOMEM (there is room for 8), EINVAL without a router.
        """
        r = lib.route_add(self._board, _pack(target), _pack_mask(netmask), _pack(router))
        check(r, f"route to {target}")

    def delroute(self, target: str, netmask: str) -> None:
        """Raises OSError (ENOENT)."""
        check(lib.route_del(self._board, _pack(target), _pack_mask(netmask)), f"route to {target}")

    def set_dripv4addr(self, device: NetDevice, router: str) -> None:
        """netlib_set_dripv4addr(): the device's router, with NET_ROUTE also the default route. Raises OSError."""
        device.draddr = router
        if not self._kernel.options.get("NET_ROUTE"):
            return
        with suppress(OSError):  # there may be none
            self.delroute(INADDR_ANY, INADDR_ANY)
        if router != INADDR_ANY:
            self.addroute(INADDR_ANY, INADDR_ANY, router)

    def _routes(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        for i in range(NROUTES):
            try:
                raw = take_bytes(lib.route_info, self._board, i, limit=48)
            except OSError as error:
                if error.errno != ENOENT:
                    raise
            else:
                yield raw[:16], raw[16:32], raw[32:]

    def routes(self) -> list[Route]:
        """The IPv4 routes, as /proc/net/route/ipv4 lists them."""
        rows = (row for row in self._routes() if row[0][:12] == MAPPED)
        return [
            Route(unpack_address(t), inet_ntoa(int.from_bytes(m[12:], "big")), unpack_address(r)) for t, m, r in rows
        ]

    def routes6(self) -> list[Route]:
        """The IPv6 routes; masks are written as addresses."""
        return [Route(*map(unpack_address, row)) for row in self._routes() if row[0][:12] != MAPPED]


def _pack(address: str) -> bytes:
    return pack_ipv6(address) if ":" in address else pack_ipv4(address)


def _pack_mask(mask: str) -> bytes:
    """A mask covers what stands before the four bytes of an IPv4 address."""
    return pack_ipv6(mask) if ":" in mask else b"\xff" * 12 + inet_addr(mask).to_bytes(4, "big")
