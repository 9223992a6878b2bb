"""IPv6 and ICMPv6, and the addresses that eth0 gets at boot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from board.kconfig.option import Option, Value, flag, hexadecimal, integer
from kernel.inet import IN6ADDR_ANY, option_address, pack_ipv6, unpack_address


def address_words(name: str, what: str, default: str, needs: str) -> list[Option]:
    """The eight 16-bit options that NuttX has for one address."""
    packed = pack_ipv6(default)
    words = [int.from_bytes(packed[i : i + 2], "big") for i in range(0, 16, 2)]
    return [
        hexadecimal(f"{name}_{i}", word, f"{what}, word {i} of 8", needs, "NET_IPv6")._replace(high=0xFFFF)
        for i, word in enumerate(words, 1)
    ]


def preflen6(get: Callable[[str], Value]) -> int:
    """The prefix length of eth0's first address."""
    return int.from_bytes(option_address(get, "NETINIT_IPv6NETMASK"), "big").bit_count()


def router6(config: Mapping[str, Value]) -> str:
    """The address of eth0's router, which the host's end of its wire has; ``""`` without IPv6 or a router."""
    packed = option_address(config.__getitem__, "NETINIT_DRIPv6ADDR") if config["NET_IPv6"] else IN6ADDR_ANY
    return unpack_address(packed) if packed != IN6ADDR_ANY else ""


IPV6 = [
    flag("NET_IPv6", False, "IPv6, beside IPv4", "NET"),
    integer("NET_IPv6_NCONF_ENTRIES", 8, "neighbors that are remembered", "NET_IPv6", low=1, high=1024),
    flag("NETDEV_MULTIPLE_IPv6", False, "a device may have several addresses", "NET_IPv6"),
    integer("NETDEV_MAX_IPv6_ADDR", 2, "that many", "NETDEV_MULTIPLE_IPv6", low=2, high=8),
    flag("NET_ICMPv6", False, "ICMPv6: echo replies, errors, neighbor discovery", "NET_IPv6"),
    flag("NET_ICMPv6_NEIGHBOR", False, "a sender waits until its neighbor is found", "NET_ICMPv6"),
    integer("ICMPv6_NEIGHBOR_MAXTRIES", 5, "solicitations before it gives up", "NET_ICMPv6_NEIGHBOR", low=1, high=255),
    integer("ICMPv6_NEIGHBOR_DELAYMSEC", 20, "ms between them", "NET_ICMPv6_NEIGHBOR", low=1, high=60000),
    flag("NET_ICMPv6_AUTOCONF", False, "eth0 makes its addresses itself, with a router's help", "NET_ICMPv6"),
    integer("ICMPv6_AUTOCONF_MAXTRIES", 5, "times that a router is asked", "NET_ICMPv6_AUTOCONF", low=1, high=255),
    integer("ICMPv6_AUTOCONF_DELAYMSEC", 20, "ms between them", "NET_ICMPv6_AUTOCONF", low=1, high=60000),
    flag("NET_ICMPv6_SOCKET", False, "ICMPv6 sockets, for ping6", "NET_ICMPv6"),
    integer("NET_ICMPv6_PREALLOC_CONNS", 4, "that many at a time", "NET_ICMPv6_SOCKET", low=1, high=256),
    integer(
        "NET_ICMPv6_NPOLLWAITERS", 1, "tasks that may poll() one at a time", "NET_ICMPv6_SOCKET", low=1, high=65535
    ),
    *address_words("NETINIT_IPv6ADDR", "IPv6 address of eth0", "fc00::2", "NSH_NETINIT"),
    *address_words("NETINIT_DRIPv6ADDR", "its router", "fc00::1", "NSH_NETINIT"),
    *address_words("NETINIT_IPv6NETMASK", "its mask", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:0", "NSH_NETINIT"),
    integer("NETDB_MAX_IPv6ADDR", 1, "IPv6 addresses of a host that count", "LIBC_NETDB", "NET_IPv6", low=1, high=255),
    flag("NETDB_DNSSERVER_IPv6", False, "the first name server has an IPv6 address", "NETDB_DNSCLIENT", "NET_IPv6"),
    *address_words("NETDB_DNSSERVER_IPv6ADDR", "that address", "fc00::1", "NETDB_DNSSERVER_IPv6"),
]
