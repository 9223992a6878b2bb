"""eth0 of a board as the bench sees it: the controller, its driver, and what its cable leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from board import attach
from board.mac import Mac
from board.wire import HostEnd, Port, Switch, mac_text
from drivers.ethernet import EthernetDriver
from kernel.netdev_ipv6 import Ifaddr6

if TYPE_CHECKING:
    from board.board import Board


class EthernetPort:
    """A network interface. Until something else is plugged in, its cable leads to the host's end, ``nl0``."""

    def __init__(self, board: Board, mac: Mac, name: str = "eth0") -> None:
        self.board = board
        self.name = name
        self.mac_model = mac
        self.driver: EthernetDriver | None = None  # made anew at every boot, if NET_ETHERNET is set
        self.host: HostEnd | None = None
        self.tap: Port | None = None  # the host's interface, if the cable leads there instead
        self.switch: Switch | None = None

    @property
    def mac(self) -> str:
        """Its Ethernet address, ``02:00:00:00:00:01``."""
        return mac_text(self.mac_model.address)

    @property
    def ip(self) -> str:
        """Its IPv4 address now. This and the next two raise OSError (ENODEV) if the board is built without Ethernet."""
        return self.board.kernel.net.device(self.name).ipaddr

    @property
    def netmask(self) -> str:
        """Its network mask now."""
        return self.board.kernel.net.device(self.name).netmask

    @property
    def router(self) -> str:
        """Its default router now."""
        return self.board.kernel.net.device(self.name).draddr

    @property
    def ip6(self) -> str:
        """Its first IPv6 address now, ``""`` if it has none. Raises OSError (ENODEV) as ``ip`` does."""
        return next((row.address for row in self.ip6_addresses), "")

    @property
    def ip6_addresses(self) -> list[Ifaddr6]:
        """All of its IPv6 addresses now: address, prefix length, and state (ready, tentative, duplicate)."""
        return list(self.board.kernel.net.device(self.name).ip6)

    @property
    def counters(self) -> dict[str, int]:
        """Counters of the device and, with a prefix, of the controller and its end of the cable."""
        device = self.board.kernel.net.device(self.name).stats._asdict() if self.driver is not None else {}
        mac = {f"mac_{name}": value for name, value in self.mac_model.mac_counters.items()}
        return device | mac | {f"wire_{name}": value for name, value in self.mac_model.counters.items()}

    def link_up(self) -> None:
        """Plugs the cable back in, as the PHY sees it."""
        self.mac_model.up = True

    def link_down(self) -> None:
        """The PHY loses its link; frames on their way are cut."""
        self.mac_model.up = False

    def wire(self, **options: Any) -> Any:
        """A scapy SuperSocket on the host's end of this cable, with ``send``, ``sr1``, ``sniff``... Boots the board."""
        self.board.boot()
        return attach.wire(self, **options)

    def attach_tap(self, name: str, **options: Any) -> Any:
        """Connects it to the host's TAP interface ``name`` instead of ``nl0``. Live benches only.

        Raises an error that names the remedy if the TAP cannot be opened.
        """
        return attach.tap(self, name, **options)
