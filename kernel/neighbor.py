"""Neighbors for senders and for the shell: waiting until an address is known, and the tables as they stand.

The tables are csrc/neighbor.c; ARP fills that of IPv4, neighbor discovery that of IPv6. A failed lookup of ARP is
remembered: for NET_ARP_MAXAGE_UNREACHABLE times 10 s senders to that address fail at once.
"""

from __future__ import annotations

import struct
from errno import EINPROGRESS, EINVAL, ENETUNREACH, ENOENT, ETIMEDOUT
from typing import TYPE_CHECKING, NamedTuple

from kernel.core import ACT_BASE, check, lib, take_bytes
from kernel.inet import MAPPED, pack_address, unpack_address
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

_ENTRY = struct.Struct("=16s6sBBq")


class Neighbor(NamedTuple):
    """A known address. ``age_ns``: since it was last confirmed."""

    ipaddr: str
    mac: bytes
    device: str
    permanent: bool
    age_ns: int


def resolve(kernel: Kernel, dst: bytes, boundif: int = 0) -> int:
    """Waits until the next hop towards ``dst``, an address as the core has it, is known.

    NuttX's arp_send() and icmpv6_neighbor(). It asks at most ARP_SEND_MAXTRIES times, ARP_SEND_DELAYMSEC apart, and
    stops when the product of the two has passed: since waits are rounded up to ticks and one more, that is four times,
    not five, with ticks of 10 ms. Neighbor discovery asks ICMPv6_NEIGHBOR_MAXTRIES times, ICMPv6_NEIGHBOR_DELAYMSEC
    apart, whatever time that takes.

    ``boundif``: the device that the sender is bound to (SO_BINDTODEVICE); 0: none. 0, also where no address is needed;
    -EHOSTUNREACH: no device or router leads there; -ENETUNREACH: it failed a moment ago; -ETIMEDOUT: nobody answered.
    Call it without the network lock: the answer needs it.
    """
    board, net = kernel.board, kernel.net
    device = net.devices.get(boundif or lib.netdev_findby_ripaddr(board, dst))
    with net.locked(device):
        request = lib.neighbor_begin(board, dst, boundif)
    if request <= 0:
        return int(request)
    tries, delay_ms = net.arp_asks if dst[:12] == MAPPED else net.icmpv6_asks
    asking = False
    try:
        sem = Semaphore(kernel, number=lib.neighbor_sem(board, request), what="an ARP reply")
        for _ in range(tries):
            with net.locked(device):
                r = lib.neighbor_try(board, request, asking)
                net.txavail()
            if r <= 0:
                return int(r)
            asking = asking or r == 1
            sem.wait(kernel.ms2tick(delay_ms), interruptible=False)
        return 0 if lib.neighbor_known(board, request) == 0 else -ETIMEDOUT
    finally:
        lib.neighbor_end(board, request)


def neighbor_table(kernel: Kernel, family: int = lib.NET_AF_INET) -> list[Neighbor]:
    """The known addresses of a family, in table order."""
    entries: list[Neighbor] = []
    i = 0
    while True:
        try:
            raw = take_bytes(lib.neighbor_info, kernel.board, family, i, limit=_ENTRY.size)
        except OSError as error:
            if error.errno == EINVAL:
                return entries
            if error.errno != ENOENT:
                raise
        else:
            ip, mac, device, permanent, age = _ENTRY.unpack(raw)
            name = kernel.net.devices[device].name if device in kernel.net.devices else str(device)
            entries.append(Neighbor(unpack_address(ip), mac, name, bool(permanent), age))
        i += 1


def neighbor_get(kernel: Kernel, device: NetDevice, ipaddr: str) -> bytes | None:
    """The Ethernet address of a host, None if it is not known (arp -a)."""
    try:
        return take_bytes(lib.neighbor_get, kernel.board, device.index, pack_address(ipaddr), limit=6)
    except OSError as error:
        if error.errno in (ENOENT, ENETUNREACH, EINPROGRESS):
            return None
        raise


def neighbor_set(kernel: Kernel, device: NetDevice, ipaddr: str, mac: bytes) -> None:
    """Makes an entry that stays (arp -s). Raises OSError: ENOSPC if all entries are such."""
    r = lib.neighbor_set(kernel.board, device.index, pack_address(ipaddr), mac, len(mac))
    if r >= ACT_BASE:
        r = kernel.clock.follow(r)
    check(r, f"entry for {ipaddr}")


def neighbor_delete(kernel: Kernel, device: NetDevice, ipaddr: str) -> None:
    """Takes an entry out (arp -d). Raises OSError (ENOENT)."""
    check(lib.neighbor_remove(kernel.board, device.index, pack_address(ipaddr)), f"entry for {ipaddr}")
