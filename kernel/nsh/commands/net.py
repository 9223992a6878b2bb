"""Commands about the network: ifconfig, ifup, ifdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.fs.procnet import net_device, net_stat
from kernel.inet import INADDR_ANY, inet_addr, inet_ntoa
from kernel.nsh.command import ARGINVALID, ERROR, OK, Command, CommandError
from kernel.nsh.commands.file import catfile
from kernel.nsh.commands.ifipv6 import set_ipv6
from kernel.nsh.commands.ifsettings import NO_ADDRESS, Settings, parse_settings
from kernel.syslog import LOG_ERR

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice, Network
    from kernel.nsh.shell import Shell

DEFAULT_MASK = "255.255.255.0"


def ifconfig(shell: Shell, argv: list[str]) -> int:
    """Shows all devices and the statistics, or one device; with more words it sets addresses and the like.

    Whether there is a device of that name, and whether it could go up or down, makes no difference then, as in NuttX.
    """
    kernel = shell.kernel
    if len(argv) == 1:
        for each in kernel.net.devices.values():
            shell.write(net_device(kernel, each))
        if kernel.options.get("NET_STATISTICS", True):
            shell.write(net_stat(kernel))
        return OK
    name = argv[1]
    if len(argv) == 2:
        catfile(shell, argv[0], f"/proc/net/{name}")
        return OK
    settings = parse_settings(argv[2:], kernel.options)
    device = next((device for device in kernel.net.devices.values() if device.name == name), None)
    try:
        if device is not None:
            with kernel.net_lock:
                _set_link(device, settings)
        if settings.inet6 and set_ipv6(shell, device, settings) != OK:
            return ERROR
        if device is None:
            return OK
        if not settings.inet6:
            _set_ipv4(kernel, device, settings)
        elif settings.dns is not None:
            kernel.resolver.add_nameserver(settings.dns)
    except OSError:  # an MTU, a MAC, an address or a name server that there cannot be
        raise CommandError(ARGINVALID) from None
    if settings.dhcp:
        _obtain(kernel, name)
    if settings.noarp is not None:
        with kernel.net_lock:
            device.noarp = settings.noarp
    if settings.up is not None:
        _set_up(device, up=settings.up)
    return OK


def _set_link(device: NetDevice, settings: Settings) -> None:
    if settings.mac is not None:
        device.mac = settings.mac
    if settings.mtu is not None:
        device.mtu = settings.mtu


def _set_ipv4(kernel: Kernel, device: NetDevice, settings: Settings) -> None:
    """Raises OSError."""
    if settings.ip is not None:
        kernel.leases.forget(device.name)
    with kernel.net_lock:
        _set_address(kernel.net, device, settings)
    _set_dns(kernel, device, settings)


def _set_address(net: Network, device: NetDevice, settings: Settings) -> None:
    """An address given alone brings a mask and a router with it, as in NuttX."""
    if settings.ip is not None:
        device.ipaddr = settings.ip
    if settings.ip is not None or settings.netmask is not None:
        device.netmask = settings.netmask or DEFAULT_MASK
    if settings.router is not None:
        net.set_dripv4addr(device, settings.router)
    elif settings.ip is not None:
        network = inet_addr(settings.ip) & inet_addr(device.netmask)
        net.set_dripv4addr(device, inet_ntoa(network | 1 if inet_addr(settings.ip) else INADDR_ANY))


def _set_dns(kernel: Kernel, device: NetDevice, settings: Settings) -> None:
    """The router is the name server, too, if none is given with an address."""
    if not kernel.options["NETDB_DNSCLIENT"]:
        return
    if settings.dns is not None:
        kernel.resolver.add_nameserver(settings.dns)
    elif settings.ip is not None and device.draddr != NO_ADDRESS:
        kernel.resolver.add_nameserver(device.draddr)


def _obtain(kernel: Kernel, name: str) -> None:
    """Whether there is a server makes no difference to the command."""
    try:
        kernel.leases.obtain(name)
    except InterruptedError:
        raise
    except OSError as error:
        kernel.syslog.log(LOG_ERR, f"ifconfig: {error.strerror}")


def ifup(shell: Shell, argv: list[str]) -> int:
    """Brings a device up."""
    return _updown(shell, argv, up=True)


def ifdown(shell: Shell, argv: list[str]) -> int:
    """Takes a device down."""
    return _updown(shell, argv, up=False)


def _set_up(device: NetDevice, *, up: bool) -> bool:
    return (device.ifup() if up else device.ifdown()) == 0


def _updown(shell: Shell, argv: list[str], *, up: bool) -> int:
    command, name = argv
    try:
        device = shell.kernel.net.device(name)
        done = _set_up(device, up=up)
    except OSError:
        done = False
    shell.write(f"{command} {name}...{'OK' if done else 'Failed'}\n")
    return OK if done else ERROR


IFCONFIG_USAGE = (
    "[interface [mtu <len>]|[address_family] [[add|del] <ip-address>|dhcp]]"
    "[dr|gw|gateway <dr-address>] [netmask <net-mask>|prefixlen <len>] "
    "[dns <dns-address>] [hw <hw-mac>] [up|down]"
)
IFCONFIG = Command("ifconfig", ifconfig, IFCONFIG_USAGE, most=11, option="NET")
IFUP = Command("ifup", ifup, "<interface>", least=1, most=1, option="NET")
IFDOWN = Command("ifdown", ifdown, "<interface>", least=1, most=1, option="NET")

COMMANDS = (IFCONFIG, IFUP, IFDOWN)
