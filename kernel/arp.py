"""ARP for senders and for the shell: waiting until an address is known, and the table as it stands.

The table and the protocol are csrc/arp.c. A failed lookup is remembered: for NET_ARP_MAXAGE_UNREACHABLE times 10 s
senders to that address fail at once.
"""

from __future__ import annotations

from errno import EINPROGRESS, ENETUNREACH, ENOENT, ETIMEDOUT
from typing import TYPE_CHECKING, NamedTuple

from kernel.core import ACT_BASE, check, lib, numbers, take_bytes
from kernel.inet import inet_addr, inet_ntoa
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice


class ArpEntry(NamedTuple):
    """A known address. ``age_ns``: since it was last confirmed."""

    ipaddr: str
    mac: bytes
    device: str
    permanent: bool
    age_ns: int


def arp_send(kernel: Kernel, dst: int) -> int:
    """Waits until the next hop towards ``dst`` (host order) is known.

    It asks at most ARP_SEND_MAXTRIES times, ARP_SEND_DELAYMSEC apart, and stops when the product of the two has passed:
    since waits are rounded up to ticks and one more, that is four times, not five, with ticks of 10 ms.

    0, also where no address is needed; -EHOSTUNREACH: no device or router leads there; -ENETUNREACH: it failed a moment
    ago; -ETIMEDOUT: nobody answered. Call it without the network lock: the answer needs it.
    """
    board, net = kernel.board, kernel.net
    device = net.devices.get(lib.netdev_findby_ripv4addr(board, dst))
    with net.locked(device):
        request = lib.arp_begin(board, dst)
    if request <= 0:
        return int(request)
    asking = False
    try:
        sem = Semaphore(kernel, number=lib.arp_sem(board, request), what="an ARP reply")
        for _ in range(net.arp_tries):
            with net.locked(device):
                r = lib.arp_try(board, request, asking)
                net.txavail()
            if r <= 0:
                return int(r)
            asking = asking or r == 1
            sem.wait(kernel.ms2tick(net.arp_delay_ms), interruptible=False)
        return 0 if lib.arp_known(board, request) == 0 else -ETIMEDOUT
    finally:
        lib.arp_end(board, request)


def arp_table(kernel: Kernel) -> list[ArpEntry]:
    """The known addresses, in table order."""
    entries = []
    for i in range(int(kernel.options.get("NET_ARPTAB_SIZE", 16))):
        try:
            ip, mac, device, permanent, age = numbers(lib.arp_info, kernel.board, i, n=5)
        except OSError as error:
            if error.errno != ENOENT:
                raise
            continue
        name = kernel.net.devices[device].name if device in kernel.net.devices else str(device)
        entries.append(ArpEntry(inet_ntoa(ip), mac.to_bytes(6, "big"), name, bool(permanent), age))
    return entries


def arp_get(kernel: Kernel, device: NetDevice, ipaddr: str) -> bytes | None:
    """The Ethernet address of a host, None if it is not known (arp -a)."""
    try:
        return take_bytes(lib.arp_get, kernel.board, device.index, inet_addr(ipaddr), limit=6)
    except OSError as error:
        if error.errno in (ENOENT, ENETUNREACH, EINPROGRESS):
            return None
        raise


def arp_set(kernel: Kernel, device: NetDevice, ipaddr: str, mac: bytes) -> None:
    """Makes an entry that stays (arp -s). Raises OSError: ENOSPC if all entries are such."""
    r = lib.arp_set(kernel.board, device.index, inet_addr(ipaddr), mac, len(mac))
    if r >= ACT_BASE:
        r = kernel.clock.follow(r)
    check(r, f"arp entry for {ipaddr}")


def arp_delete(kernel: Kernel, device: NetDevice, ipaddr: str) -> None:
    """Takes an entry out (arp -d). Raises OSError (ENOENT)."""
    check(lib.arp_remove(kernel.board, device.index, inet_addr(ipaddr)), f"arp entry for {ipaddr}")
