"""Commands about neighbours and routes: arp, route, addroute, delroute."""

from __future__ import annotations

from errno import EINVAL, ENETUNREACH, ENOENT
from typing import TYPE_CHECKING

from kernel.core import lib
from kernel.inet import ether_aton, ether_ntoa, inet_addr, inet_ntoa, ipv4_bytes, pack_ipv6, unpack_address
from kernel.neighbor import neighbor_delete, neighbor_get, neighbor_set, neighbor_table
from kernel.nsh.command import ARGINVALID, ARGREQUIRED, OK, TOOMANYARGS, CallFailed, Command, CommandError
from kernel.nsh.commands.file import catfile
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.tasklist import PROC

if TYPE_CHECKING:
    from kernel.netdev import NetDevice
    from kernel.nsh.shell import Shell

NOBODY = 0xFFFFFFFF  # INADDR_NONE: what inet_addr() makes of a text that is no address


def arp(shell: Shell, argv: list[str]) -> int:
    """-a shows the Ethernet address of a host, -d forgets it, -s sets it for good; without these the whole table."""
    given, rest = getopt(argv, "adsi:")
    if any(letter == "?" for letter, _ in given):
        raise CommandError(ARGINVALID)
    actions = [letter for letter, _ in given if letter != "i"]
    interface = dict(given).get("i")
    if not actions:
        return _arp_list(shell, interface)
    action = actions[-1]
    if len(rest) < (2 if action == "s" else 1):
        raise CommandError(ARGREQUIRED)
    try:
        _arp_entry(shell, action, rest, interface)
    except OSError as error:
        if error.errno in (ENOENT, ENETUNREACH):
            raise CommandError(f"no such ARP entry: {rest[0]}") from None
        raise CallFailed("ioctl", error.errno or 0) from None
    return OK


def _arp_list(shell: Shell, interface: str | None) -> int:
    if not shell.kernel.options.get("NETLINK_ROUTE"):
        raise CommandError(ARGINVALID)
    shell.write(f"{'IP Address':<12} {'Ethernet Address':<17} Interface\n")
    for entry in neighbor_table(shell.kernel):
        if interface in (None, entry.device):
            shell.write(f"{entry.ipaddr:<12} {ether_ntoa(entry.mac):<17} {entry.device}\n")
    return OK


def _arp_entry(shell: Shell, action: str, words: list[str], interface: str | None) -> None:
    """One entry. Raises OSError (ENOENT if it is not there), and CommandError for a MAC that is none."""
    kernel = shell.kernel
    try:
        mac = ether_aton(words[1]) if action == "s" else b""
    except OSError:
        raise CommandError(ARGINVALID) from None
    address = _inet_addr(words[0])
    if address == NOBODY:
        if action == "s":
            raise CommandError(ARGINVALID)  # NuttX makes an entry for 255.255.255.255
        raise OSError(ENOENT, f"arp: {words[0]} is no address")
    device = _device(shell, address, interface)
    with kernel.net.locked(device):
        if action == "s":
            neighbor_set(kernel, device, inet_ntoa(address), mac)
            return
        if action == "d":
            neighbor_delete(kernel, device, inet_ntoa(address))
            return
        found = neighbor_get(kernel, device, inet_ntoa(address))
    if found is None:
        raise OSError(ENOENT, f"arp: {words[0]} is not known")
    shell.write(f"HWaddr: {ether_ntoa(found)}\n")


def _device(shell: Shell, address: int, interface: str | None) -> NetDevice:
    """The one that is named, or that leads to an address. Raises OSError (EINVAL, ENOENT)."""
    net = shell.kernel.net
    if interface is not None:
        named = [device for device in net.devices.values() if device.name == interface]
        if not named:
            raise OSError(EINVAL, f"arp: no device {interface}")
        return named[0]
    device = net.devices.get(lib.netdev_findby_ripaddr(shell.kernel.board, ipv4_bytes(address)))
    if device is None:
        raise OSError(EINVAL, f"arp: no device leads to {inet_ntoa(address)}")
    return device


def route(shell: Shell, argv: list[str]) -> int:
    """/proc/net/route/ipv4 or ipv6."""
    kinds = ("ipv4", "ipv6") if shell.kernel.options["NET_IPv6"] else ("ipv4",)
    kind = argv[1] if len(argv) == 2 else "ipv4"
    if kind not in kinds:
        raise CommandError(ARGINVALID)
    catfile(shell, argv[0], f"{PROC}/net/route/{kind}")
    return OK


def addroute(shell: Shell, argv: list[str]) -> int:
    """addroute <target>/<bits> <router>, <target> <netmask> <router>, or default <router> <interface>."""
    if argv[1] == "default":
        return _default_route(shell, argv)
    target, netmask, rest = _destination(shell, argv, behind=1)
    router = _pton(shell, rest[0], like=target)
    try:
        shell.kernel.net.addroute(target, netmask, router)
    except OSError as error:
        raise CallFailed("addroute", error.errno or 0) from None
    return OK


def _default_route(shell: Shell, argv: list[str]) -> int:
    """Of IPv6 it is nothing but the device's router."""
    if len(argv) < 4:
        raise CommandError(ARGREQUIRED)
    router = _pton(shell, argv[2])
    version = 6 if ":" in router else 4
    try:
        device = shell.kernel.net.device(argv[3])
    except OSError as error:
        raise CallFailed(f"netlib_set_dripv{version}addr", error.errno or 0) from None
    with shell.kernel.net.locked(device):
        if version == 6:
            device.ip6.router = router
        else:
            shell.kernel.net.set_dripv4addr(device, router)
    return OK


def delroute(shell: Shell, argv: list[str]) -> int:
    """delroute <target>/<bits>, or <target> <netmask>."""
    target, netmask, _ = _destination(shell, argv, behind=0)
    try:
        shell.kernel.net.delroute(target, netmask)
    except OSError as error:
        raise CallFailed("delroute", error.errno or 0) from None
    return OK


def _destination(shell: Shell, argv: list[str], behind: int) -> tuple[str, str, list[str]]:
    """Target, netmask, and the ``behind`` words after them. Raises CommandError."""
    address, slash, bits = argv[1].partition("/")
    words = argv[2:]
    if slash and (bits == "" or (bits.isascii() and bits.isdigit())):
        shift = int(bits or "0")
        if shift and len(words) != behind:
            raise CommandError(TOOMANYARGS)
        target = _pton(shell, address)
        return target, _netmask(shift, 128 if ":" in target else 32), words
    if len(words) != behind + 1:
        raise CommandError(ARGREQUIRED)
    target = _pton(shell, argv[1])
    return target, _pton(shell, words[0], like=target), words[1:]


def _netmask(ones: int, size: int) -> str:
    """As an address of so many bits. Raises CommandError."""
    if ones > size:
        raise CommandError(ARGINVALID)
    mask = (1 << size) - (1 << size - ones)
    return inet_ntoa(mask) if size == 32 else unpack_address(mask.to_bytes(16, "big"))


def _pton(shell: Shell, text: str, like: str = "") -> str:
    """inet_pton(): the text, if it is an address, and of the protocol of ``like``. Raises CommandError."""
    if ":" in (like or text) and shell.kernel.options["NET_IPv6"]:
        try:
            return unpack_address(pack_ipv6(text if ":" in text else "?"))
        except OSError:
            raise CommandError(ARGINVALID) from None
    if text != "255.255.255.255" and _inet_addr(text) == NOBODY:
        raise CommandError(ARGINVALID)
    return text


def _inet_addr(text: str) -> int:
    """inet_addr() of libc: of four numbers; NOBODY for everything else."""
    try:
        return inet_addr(text) if text[:1].isdigit() else NOBODY
    except OSError:
        return NOBODY


ARP_USAGE = "[-i <ifname>] [-a <ipaddr>|-d <ipaddr>|-s <ipaddr> <hwaddr>]"
ARP = Command("arp", arp, ARP_USAGE, most=5, option="NET_ARP")
ROUTE6 = Command("route", route, "ipv4|ipv6", least=1, most=1, option="NET_IPv6")
ROUTE = Command("route", route, "[ipv4]", most=1, option="NET_ROUTE", variant=ROUTE6)
ADDROUTE = Command("addroute", addroute, "<target> [<netmask>] <router>", least=2, most=3, option="NET_ROUTE")
DELROUTE = Command("delroute", delroute, "<target> [<netmask>]", least=1, most=2, option="NET_ROUTE")

COMMANDS = (ARP, ROUTE, ADDROUTE, DELROUTE)
