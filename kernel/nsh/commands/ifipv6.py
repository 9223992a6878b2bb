"""What ifconfig does about the IPv6 addresses of a device."""

from __future__ import annotations

from errno import EADDRNOTAVAIL, EEXIST, ENODEV, ENOMEM
from typing import TYPE_CHECKING

from kernel.inet import is_linklocal, pack_ipv6
from kernel.nsh.command import ERROR, OK
from kernel.nsh.commands.ifsettings import Settings
from kernel.sockname import os_error
from kernel.strerror import words

if TYPE_CHECKING:
    from kernel.netdev import NetDevice
    from kernel.netdev_ipv6 import Ipv6Addresses
    from kernel.nsh.shell import Shell


def set_ipv6(shell: Shell, device: NetDevice | None, settings: Settings) -> int:
    """With CONFIG_NETDEV_MULTIPLE_IPv6 an address is one more, or one less, and that can fail; else it is the address.

    As in NuttX what follows a failure is not done. Returns OK or ERROR; raises OSError for what is no host's address.
    """
    several = shell.kernel.options["NETDEV_MULTIPLE_IPv6"]
    if several and settings.ip is not None and not _managed(shell, device, settings):
        return ERROR
    if device is None:
        return OK
    with shell.kernel.net_lock:
        if settings.preflen is not None and not several:
            _replace(device.ip6, settings)
        if settings.router is not None:
            device.ip6.router = settings.router
    return OK


def _replace(addresses: Ipv6Addresses, settings: Settings) -> None:
    """The one address, or only the prefix length of the one that is there."""
    ip = settings.ip or next((row.address for row in addresses), None)
    if ip is not None:
        addresses.set(ip, settings.preflen or 0)


def _managed(shell: Shell, device: NetDevice | None, settings: Settings) -> bool:
    try:
        if device is None:
            raise os_error(ENODEV, "ioctl")
        change = _remove if settings.remove else _add
        with shell.kernel.net_lock:
            change(device.ip6, settings.ip or "", settings.preflen or 0)
    except OSError as error:
        shell.complain(f"Failed to manage IPv6 address: {words(shell.kernel.options, error)}\n")
        return False
    return True


def _remove(addresses: Ipv6Addresses, ip: str, preflen: int) -> None:
    """Raises OSError (EADDRNOTAVAIL), also if it has another prefix length."""
    if not any((row.address, row.preflen) == (ip, preflen) for row in addresses):
        raise os_error(EADDRNOTAVAIL, f"{ip}/{preflen}")
    addresses.remove(ip)


def _add(addresses: Ipv6Addresses, ip: str, preflen: int) -> None:
    """Where there is no room it takes that of the last one of its scope, or of the first (netdev_ipv6_add()).

    Raises OSError: EEXIST, EINVAL.
    """
    rows = list(addresses)
    if any((row.address, row.preflen) == (ip, preflen) for row in rows):
        raise os_error(EEXIST, f"{ip}/{preflen}")
    try:
        addresses.add(ip, preflen)
    except OSError as error:
        if error.errno != ENOMEM or not rows:
            raise
        alike = [row for row in rows if is_linklocal(pack_ipv6(row.address)) == is_linklocal(pack_ipv6(ip))]
        addresses.remove((alike[-1] if alike else rows[0]).address)
        addresses.add(ip, preflen)
