"""The IPv6 side of ``nl0`` in scapy: its routes, and the boards' addresses in scapy's neighbor cache.

Only a wire whose host's end has an IPv6 address comes here and makes scapy import its IPv6, if it has not done so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scapy.config import conf

from board.kconfig.ipv6 import preflen6
from kernel.inet import pack_ipv6, unpack_address
from kernel.netdev_ipv6 import solicited_node

if TYPE_CHECKING:
    from board.eth import EthernetPort

METRIC = -1  # before what the machine's own routes say; its own addresses have 0
ALL_NODES = "ff02::1"

Route6 = tuple[str, int, str, str, list[str], int]


class Ipv6View:
    """What scapy knows of the IPv6 behind one port. :meth:`show` brings it up to date, :meth:`hide` takes it back.

    Addresses are remembered: a board that is off has none, and may be off when they are to be forgotten.
    """

    def __init__(self, port: EthernetPort) -> None:
        import scapy.layers.inet6  # noqa: F401  makes conf.route6 and the cache

        host = port.host
        assert host is not None
        self._port = port
        self._name = host.name
        self._source = host.ip6
        self._routes: list[Route6] = []
        self._macs: dict[str, str] = {}

    def show(self) -> None:
        """The routes to the boards, and their Ethernet addresses."""
        self._macs.update(self._neighbours())
        groups = [ALL_NODES, *(unpack_address(solicited_node(pack_ipv6(a))) for a in (self._source, *self._macs))]
        net, preflen = self._network()
        for prefix, length in [(net, preflen), *((group, 128) for group in groups)]:
            route = (prefix, length, "::", self._name, [self._source], METRIC)
            if route not in self._routes or route not in conf.route6.routes:
                conf.route6.routes.insert(0, route)
            if route not in self._routes:
                self._routes.append(route)
        conf.route6.invalidate_cache()
        self.teach()

    def teach(self) -> None:
        """What scapy has once a name only is what this port says, not another wire's of the same name."""
        conf.route6.ipv6_ifaces.add(self._name)
        for name, mac in self._macs.items():
            for key in self._keys(name):
                _cache()[key] = mac

    def hide(self) -> None:
        """Takes it all back. Other wires have to :meth:`teach` scapy again."""
        for route in self._routes:
            if route in conf.route6.routes:
                conf.route6.routes.remove(route)
        conf.route6.ipv6_ifaces.discard(self._name)
        conf.route6.invalidate_cache()
        for name in self._macs:
            for key in self._keys(name):
                _cache().pop(key, None)
        self._routes.clear()

    def _keys(self, name: str) -> tuple[str, str]:
        """How the cache knows an address: alone, or with the interface that a call of scapy has named."""
        return name, f"{name}%{self._name}"

    def _network(self) -> tuple[str, int]:
        preflen = preflen6(self._port.board.config.__getitem__)
        hosts = (1 << 128 - preflen) - 1
        net = int.from_bytes(pack_ipv6(self._source), "big") & ~hosts
        return unpack_address(net.to_bytes(16, "big")), preflen

    def _neighbours(self) -> dict[str, str]:
        """The boards' addresses, without those that are somebody else's."""
        boards = self._port.board.bench.boards
        ports = [board.eth0 for board in boards if not board.kernel.closed and board.eth0.driver is not None]
        rows = [(row, port.mac) for port in reversed(ports) for row in port.ip6_addresses]
        return {row.address: mac for row, mac in rows if row.state != "duplicate" and row.address != self._source}


def _cache() -> Any:
    return conf.netcache.in6_neighbor  # type: ignore[attr-defined]
