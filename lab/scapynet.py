"""Makes the host's end of a wire, ``nl0``, one of scapy's interfaces: ``srp1(packet, iface="nl0")``, without root.

With it goes a route, so that an unfinished packet to a board gets the source 10.0.1.1 on every machine, and the boards'
addresses in scapy's ARP cache, so that building a packet sends nothing; and the same for IPv6, if ``nl0`` has such an
address (lab/scapynet6.py). All of that is scapy's own state, kept by its interface provider; it appears with the first
``wire()`` of a board and goes when its bench closes. If several benches are open, ``nl0`` is the wire that was made
last.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from scapy.config import conf
from scapy.data import ARPHDR_ETHER
from scapy.interfaces import InterfaceProvider, NetworkInterface

from kernel.inet import inet_addr, inet_ntoa

if TYPE_CHECKING:
    from board.eth import EthernetPort
    from lab.scapynet6 import Ipv6View

UP_AND_RUNNING = 0x1043  # IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST
METRIC = 0  # before what the machine's own routes say

Route = tuple[int, int, str, str, str, int]


class NutloopProvider(InterfaceProvider):
    """scapy's view of all open wires."""

    name = "nutloop"

    def __init__(self) -> None:
        self.ports: list[EthernetPort] = []  # the latest last
        self.routes: dict[int, Route] = {}  # by the port's id()
        self.neighbours: dict[int, dict[str, str]] = {}  # addresses that were told to scapy, by the port's id()
        self.ipv6: dict[int, Ipv6View] = {}  # the same, for ports that have it

    def load(self) -> dict[str, Any]:
        """The interfaces by name."""
        return {_name(port): _interface(self, port) for port in self.ports}

    def port(self, name: str) -> EthernetPort:
        """Whose wire an interface is."""
        return next(port for port in reversed(self.ports) if _name(port) == name)

    def _l2socket(self, dev: Any) -> Any:
        return partial(_open, "WireSocket", self.port(dev.name), False)

    def _l2listen(self, dev: Any) -> Any:
        return partial(_open, "WireSocket", self.port(dev.name), True)

    def _l3socket(self, dev: Any, ipv6: bool) -> Any:
        return partial(_open, "WireL3Socket", self.port(dev.name), False)


def _open(kind: str, port: EthernetPort, listen: bool, **options: Any) -> Any:
    """The socket that a call of scapy asks for. sr() can do without its filter, sniff() cannot."""
    from lab import wire

    if listen and options.get("filter"):
        raise ValueError(f"{_name(port)}: no kernel runs filter={options['filter']!r} here: use lfilter=, a function")
    return getattr(wire, kind)(port, outgoing=listen)


def _provider() -> NutloopProvider | None:
    provider: Any = conf.ifaces.providers.get(NutloopProvider)
    return provider if provider is not None else None


def _arp_cache() -> Any:
    return conf.netcache.arp_cache  # type: ignore[attr-defined]


def _name(port: EthernetPort) -> str:
    return port.host.name if port.host is not None else ""


def _interface(provider: NutloopProvider, port: EthernetPort) -> Any:
    host = port.host
    assert host is not None
    return NetworkInterface(
        provider,
        {
            "name": host.name,
            "network_name": host.name,
            "description": host.name,
            "mac": host.mac.hex(":"),
            "ips": [inet_ntoa(host.ip), *([host.ip6] if host.ip6 else [])],
            "type": ARPHDR_ETHER,
            "flags": UP_AND_RUNNING,
        },
    )


def register(port: EthernetPort) -> None:
    """Shows a port's wire to scapy, or refreshes what scapy knows of it."""
    if NutloopProvider not in conf.ifaces.providers:
        conf.ifaces.register_provider(NutloopProvider)
    provider = _provider()
    assert provider is not None
    if port not in provider.ports:
        port.board.bench.on_close.append(partial(unregister, port))
        provider.ports.append(port)
        conf.ifaces.data[_name(port)] = _interface(provider, port)
        provider.routes[id(port)] = _route(port)
        conf.route.routes.insert(0, provider.routes[id(port)])
        view = _ipv6(port)
        if view is not None:
            provider.ipv6[id(port)] = view
    if provider.routes[id(port)] not in conf.route.routes:  # somebody had them read anew
        conf.route.routes.insert(0, provider.routes[id(port)])
    conf.route.invalidate_cache()
    provider.neighbours.setdefault(id(port), {}).update(_neighbours(port))
    _teach(provider.neighbours[id(port)])
    if id(port) in provider.ipv6:
        provider.ipv6[id(port)].show()


def unregister(port: EthernetPort) -> None:
    """Takes it all back; an earlier wire of that name is what scapy sees then."""
    provider = _provider()
    if provider is None or port not in provider.ports:
        return
    provider.ports.remove(port)
    conf.ifaces.data.pop(_name(port), None)
    conf.ifaces.data.update(provider.load())
    with suppress(ValueError):  # or never came back
        conf.route.routes.remove(provider.routes.pop(id(port)))
    conf.route.invalidate_cache()
    for address in provider.neighbours.pop(id(port)):
        _arp_cache().pop(address, None)
    view = provider.ipv6.pop(id(port), None)
    if view is not None:
        view.hide()
    for other in provider.ports:
        _teach(provider.neighbours[id(other)])
        if id(other) in provider.ipv6:
            provider.ipv6[id(other)].teach()
    if not provider.ports:
        del conf.ifaces.providers[NutloopProvider]


def _route(port: EthernetPort) -> Route:
    host = port.host
    assert host is not None
    mask = inet_addr(port.netmask)
    return (host.ip & mask, mask, "0.0.0.0", host.name, inet_ntoa(host.ip), METRIC)


def _ipv6(port: EthernetPort) -> Ipv6View | None:
    """None, and no import, where ``nl0`` or this machine's Python has no IPv6."""
    if port.host is None or not port.host.ip6 or not conf.ipv6_enabled:
        return None
    from lab.scapynet6 import Ipv6View

    return Ipv6View(port)


def _teach(neighbours: dict[str, str]) -> None:
    cache = _arp_cache()
    for address, mac in neighbours.items():
        cache[address] = mac


def _neighbours(port: EthernetPort) -> dict[str, str]:
    """The boards' addresses, which scapy would otherwise ask for in the middle of building a packet.

    They are remembered: a board that is off has none, and may be off when they are to be forgotten.
    """
    boards = (board for board in port.board.bench.boards if not board.kernel.closed and board.eth0.driver is not None)
    return {board.eth0.ip: board.eth0.mac for board in boards}
