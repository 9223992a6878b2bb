"""The IPv6 side of a network device: its addresses, its router, and the groups that its controller has to hear."""

from __future__ import annotations

from collections.abc import Iterator
from errno import ENOENT
from typing import TYPE_CHECKING, NamedTuple

from kernel.core import ACT_BASE, check, lib, take_bytes
from kernel.inet import pack_ipv6, unpack_address

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDriver

STATES = {lib.IFADDR_READY: "ready", lib.IFADDR_TENTATIVE: "tentative", lib.IFADDR_DUPLICATE: "duplicate"}
ALL_NODES = bytes.fromhex("333300000001")


class Ifaddr6(NamedTuple):
    """An address. ``state``: ready; tentative (being tested, not used yet); duplicate (somebody else has it)."""

    address: str
    preflen: int
    state: str


def solicited_node(packed: bytes) -> bytes:
    """The group of those who might have an address (RFC 4291 2.7.1)."""
    return bytes.fromhex("ff0200000000000000000001ff") + packed[13:]


def solicited_node_mac(packed: bytes) -> bytes:
    """Its Ethernet address (RFC 2464 7)."""
    return b"\x33\x33" + solicited_node(packed)[12:]


class Ipv6Addresses:
    """Of one device. Changes are for whoever holds its lock. None of it is there without CONFIG_NET_IPv6."""

    def __init__(self, kernel: Kernel, driver: NetDriver) -> None:
        self._kernel = kernel
        self._board = kernel.board
        self._index = driver.index
        self._addmac = getattr(driver, "addmac", None)
        self._rmmac = getattr(driver, "rmmac", None)

    def __iter__(self) -> Iterator[Ifaddr6]:
        for packed, preflen, state in self._raw():
            yield Ifaddr6(unpack_address(packed), preflen, STATES[state])

    def _raw(self) -> list[tuple[bytes, int, int]]:
        rows: list[tuple[bytes, int, int]] = []
        while True:
            try:
                row = take_bytes(lib.netdev_ip6, self._board, self._index, len(rows), limit=18)
            except OSError as error:
                if error.errno == ENOENT:
                    return rows
                raise
            rows.append((row[:16], row[16], row[17]))

    def add(self, address: str, preflen: int) -> None:
        """netdev_ipv6_add(): one more address, or another prefix length of one that it has.

        Raises OSError: EINVAL (no address of a host), ENOMEM (it has CONFIG_NETDEV_MAX_IPv6_ADDR of them, or, without
        CONFIG_NETDEV_MULTIPLE_IPv6, one).
        """
        packed = pack_ipv6(address)
        r = lib.netdev_addip6(self._board, self._index, packed, preflen)
        if r >= ACT_BASE:
            r = self._kernel.clock.follow(r)
        check(r, f"{address}/{preflen}")
        self.hear()
        self._kernel.net.txavail()

    def hear(self) -> None:
        """Tells a controller that is up of the groups it has to hear."""
        if self._addmac is not None and lib.netdev_get(self._board, self._index, lib.NETDEV_FLAGS) & lib.IFF_UP:
            for group in sorted(self.groups()):
                self._addmac(group)

    def groups(self) -> set[bytes]:
        """The Ethernet groups that its controller has to hear; a driver asks when its interface comes up."""
        rows = self._raw()
        return {solicited_node_mac(row[0]) for row in rows} | ({ALL_NODES} if rows else set())

    def remove(self, address: str) -> None:
        """netdev_ipv6_del(). Raises OSError (EADDRNOTAVAIL)."""
        packed = pack_ipv6(address)
        check(lib.netdev_delip6(self._board, self._index, packed), address)
        self._leave(packed)

    def _leave(self, packed: bytes) -> None:
        """The group of an address that is gone is not heard any more, unless another one needs it."""
        if self._rmmac is not None:
            for mac in {solicited_node_mac(packed), ALL_NODES} - self.groups():
                self._rmmac(mac)

    def set(self, address: str, preflen: int) -> None:
        """The first address, as ifconfig sets it (SIOCSLIFADDR). It replaces the one that is there; :: takes it away.

        Raises OSError as add() does; what was there is then there still.
        """
        before = list(self)
        if before and pack_ipv6(before[0].address) == pack_ipv6(address):
            self.add(address, preflen)
            return
        for row in before:
            self.remove(row.address)
        try:
            if any(pack_ipv6(address)):
                self.add(address, preflen)
        except OSError:
            before, rest = [], before
            for row in rest:
                self.add(row.address, row.preflen)
            raise
        finally:
            for row in before[1:]:
                self.add(row.address, row.preflen)

    @property
    def router(self) -> str:
        """The default router; :: if it has none."""
        return unpack_address(take_bytes(lib.netdev_router6, self._board, self._index, limit=16))

    @router.setter
    def router(self, address: str) -> None:
        check(lib.netdev_setrouter6(self._board, self._index, pack_ipv6(address)), f"router {address}")
