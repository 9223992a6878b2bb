"""Stateless address autoconfiguration (RFC 4862), NuttX's icmpv6_autoconfig(): addresses that a host makes itself.

The link-local address is made of the Ethernet address and tested; then a router is asked, whose advertisement brings
its own address and the prefix of another one. What arrives is handled in csrc/icmpv6_router.c, asked for or not.
"""

from __future__ import annotations

from errno import EADDRINUSE, EEXIST, ETIMEDOUT
from typing import TYPE_CHECKING

from kernel.core import ACT_BASE, buffer, check, lib
from kernel.inet import unpack_address
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

TEST_MS = 5000  # longer than a test takes, unless its queue is blocked or the device never asks


def autoconfigure(kernel: Kernel, device: NetDevice) -> None:
    """Waits until a device that is up has its addresses.

    ICMPv6_AUTOCONF_MAXTRIES times a router is asked, ICMPv6_AUTOCONF_DELAYMSEC apart. Raises OSError: EEXIST (somebody
    has the link-local address; the device has none then), EADDRINUSE (the test did not come to an end), ETIMEDOUT
    (there is no router; the link-local address stays), ENOMEM (the device can have no address more).
    """
    options = kernel.options
    _link_local(kernel, device)
    for _ in range(int(options["ICMPv6_AUTOCONF_MAXTRIES"])):
        with kernel.net.locked(device):
            sem = _sem(kernel, device)
            check(lib.autoconf_solicit(kernel.board, device.index), "router solicitation")
            kernel.net.txavail()
        sem.wait(kernel.ms2tick(int(options["ICMPv6_AUTOCONF_DELAYMSEC"])))
        if lib.autoconf_advertised(kernel.board, device.index):
            return
    raise OSError(ETIMEDOUT, f"{device.name}: no router answers")


def _sem(kernel: Kernel, device: NetDevice) -> Semaphore:
    number = check(lib.autoconf_sem(kernel.board, device.index), f"{device.name}: autoconfiguration")
    return Semaphore(kernel, number=number, what="a router or an address")


def _link_local(kernel: Kernel, device: NetDevice) -> None:
    deadline = kernel.clock.now_ns + TEST_MS * 1_000_000
    with kernel.net.locked(device):
        packed = bytearray(16)
        r = lib.autoconf_linklocal(kernel.board, device.index, buffer(packed))
        check(kernel.clock.follow(r) if r >= ACT_BASE else r, f"{device.name}: link-local address")
        address = unpack_address(bytes(packed))
        device.ip6.hear()
        kernel.net.txavail()
    while True:
        with kernel.net.locked(device):
            state = {row.address: row.state for row in device.ip6}.get(address)
            if state == "duplicate":
                device.ip6.remove(address)
                raise OSError(EEXIST, f"{device.name}: somebody has {address}")
            if state in (None, "ready"):  # a router's may have taken its place
                return
            if kernel.clock.now_ns >= deadline:
                raise OSError(EADDRINUSE, f"{device.name}: nobody can say whether {address} is free")
            sem = _sem(kernel, device)
        sem.wait(kernel.ms2tick(TEST_MS))
