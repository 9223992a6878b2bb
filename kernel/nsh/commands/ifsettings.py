"""What ifconfig is asked to change, read from its words as nshlib/nsh_netcmds.c reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.inet import ether_aton, inet_addr, inet_ntoa, pack_ipv6, unpack_address
from kernel.nsh.command import ARGINVALID, CommandError

MIN_MTU = 1280
NO_ADDRESS = "0.0.0.0"
IPV6_BITS = 128
IPV6_PREFLEN = 64
"""of an address that comes without"""


@dataclass
class Settings:
    """None: it stays as it is. Addresses are of the one protocol that the command is about."""

    inet6: bool = False
    ip: str | None = None
    remove: bool = False
    dhcp: bool = False
    dns: str | None = None
    netmask: str | None = None
    """IPv4's"""
    preflen: int | None = None
    """IPv6's"""
    router: str | None = None
    mac: bytes | None = None
    mtu: int | None = None
    noarp: bool | None = None
    up: bool | None = None


def parse_settings(words: list[str], options: Mapping[str, object]) -> Settings:
    """The words after the device's name. Raises CommandError."""
    settings = Settings()
    rest = enumerate(words, 2)  # as the words of the command line are numbered
    ipv6, several = options["NET_IPv6"], options["NETDEV_MULTIPLE_IPv6"]
    bits: str | None = None

    def value() -> str:
        return next(rest, (0, ""))[1]

    for position, word in rest:
        if word in ("dr", "gw", "gateway"):
            settings.router = value()
        elif word == "netmask":
            settings.netmask = value()
        elif word == "inet" or (word == "inet6" and ipv6):
            settings.inet6 = word == "inet6"
        elif word == "prefixlen" and ipv6:
            bits = value()
            if not bits:
                raise CommandError(ARGINVALID)
        elif word == "hw":
            settings.mac = _mac(value())
        elif word == "mtu":
            settings.mtu = _mtu(value())
        elif word in ("arp", "-arp"):
            settings.noarp = word == "-arp"
        elif word in ("up", "down"):
            settings.up = settings.up or word == "up"  # up wins, wherever it stands
        elif word == "add" or (word == "del" and several):
            settings.remove = word == "del"
        elif word == "dns" and options["NETDB_DNSCLIENT"]:
            settings.dns = value()
        elif settings.ip is None and position <= 4:
            settings.ip = word
        else:
            raise CommandError(ARGINVALID)
    if settings.inet6:
        _make_ipv6(settings, bits)
    else:
        _make_ipv4(settings, bool(options["NETUTILS_DHCPC"]))
    return settings


def _make_ipv4(settings: Settings, dhcpc: bool) -> None:
    settings.dhcp = dhcpc and settings.ip == "dhcp"
    settings.ip = NO_ADDRESS if settings.dhcp else _address(settings.ip)
    settings.router, settings.netmask, settings.dns = map(_address, (settings.router, settings.netmask, settings.dns))


def _address(text: str | None) -> str | None:
    """NuttX takes what is no address for 255.255.255.255 and sets that; here it is an error."""
    if text is None:
        return None
    try:
        return inet_ntoa(inet_addr(text or "?"))
    except OSError:
        raise CommandError(ARGINVALID) from None


def _make_ipv6(settings: Settings, bits: str | None) -> None:
    """The prefix length is that of ``netmask``, ``prefixlen`` or behind the slash, in this order."""
    ip, slash, behind = (settings.ip or "").partition("/")
    mask = settings.netmask
    if mask is not None:
        settings.preflen = _mask_bits(mask)
    elif bits is not None or slash:
        settings.preflen = _bits(behind if bits is None else bits)
    elif settings.ip is not None:
        settings.preflen = IPV6_PREFLEN
    settings.netmask = None
    settings.ip = None if settings.ip is None else _address6(ip)
    settings.router, settings.dns = map(_address6, (settings.router, settings.dns))


def _packed6(text: str) -> bytes:
    try:
        return pack_ipv6(text if ":" in text else "?")
    except OSError:
        raise CommandError(ARGINVALID) from None


def _address6(text: str | None) -> str | None:
    return None if text is None else unpack_address(_packed6(text))


def _mask_bits(text: str) -> int:
    ones = f"{int.from_bytes(_packed6(text), 'big'):0128b}".rstrip("0")
    if "0" in ones:
        raise CommandError(ARGINVALID)
    return len(ones)


def _bits(text: str) -> int:
    """NuttX takes what is no prefix length modulo 256."""
    if not (text.isascii() and text.isdigit() and int(text) <= IPV6_BITS):
        raise CommandError(ARGINVALID)
    return int(text)


def _mac(text: str) -> bytes:
    try:
        return ether_aton(text)
    except OSError:
        raise CommandError(ARGINVALID) from None


def _mtu(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CommandError(ARGINVALID)
    return max(int(text), MIN_MTU)
