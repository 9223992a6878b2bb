"""Addresses as text, as numbers, and as the core takes them.

An IPv4 address by itself is a number in host order, as in a configuration. The core takes those of both protocols as 16
bytes in network order, IPv4 in the form ::ffff:a.b.c.d (csrc/ipaddr.h).
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL
from functools import lru_cache
from typing import Any

INADDR_ANY = 0
INADDR_LOOPBACK = 0x7F000001
INADDR_BROADCAST = 0xFFFFFFFF

MAPPED = bytes(10) + b"\xff\xff"
"""What the core has before the four bytes of an IPv4 address."""

IN6ADDR_ANY = bytes(16)
IN6ADDR_LOOPBACK = bytes(15) + b"\1"


@lru_cache(maxsize=4096)
def inet_addr(text: str) -> int:
    """``"10.0.1.2"`` -> 0x0a000102. ``""`` is any address, ``"<broadcast>"`` everybody's. Raises OSError (EINVAL)."""
    if text == "":
        return INADDR_ANY
    if text == "<broadcast>":
        return INADDR_BROADCAST
    if text == "localhost":
        return INADDR_LOOPBACK
    parts = text.split(".")
    if len(parts) != 4 or not all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
        raise OSError(
            EINVAL, f"{text!r} is not an IPv4 address: write four numbers below 256; gethostbyname() looks names up"
        )
    return int.from_bytes(bytes(int(p) for p in parts), "big")


@lru_cache(maxsize=4096)
def inet_ntoa(addr: int) -> str:
    """0x0a000102 -> ``"10.0.1.2"``."""
    return f"{addr >> 24 & 255}.{addr >> 16 & 255}.{addr >> 8 & 255}.{addr & 255}"


def ipv4_bytes(addr: int) -> bytes:
    """An IPv4 address as the core takes it."""
    return MAPPED + addr.to_bytes(4, "big")


@lru_cache(maxsize=4096)
def pack_ipv4(text: str) -> bytes:
    """inet_addr() as the core takes it. Raises OSError (EINVAL)."""
    return ipv4_bytes(inet_addr(text))


@lru_cache(maxsize=4096)
def pack_ipv6(text: str) -> bytes:
    """``"fc00::2"`` as the core takes it; ``""`` is any address. Raises OSError (EINVAL), for ::ffff:a.b.c.d, too."""
    if text in ("", "localhost"):
        return IN6ADDR_LOOPBACK if text else IN6ADDR_ANY
    from socket import AF_INET6, inet_pton

    try:
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        packed = MAPPED
    if packed[:12] == MAPPED:
        raise OSError(EINVAL, f"{text!r} is not an IPv6 address, such as fc00::2; getaddrinfo() looks names up")
    return packed


def pack_address(text: str) -> bytes:
    """Either, as it is written. Raises OSError (EINVAL)."""
    return pack_ipv6(text) if ":" in text else pack_ipv4(text)


@lru_cache(maxsize=4096)
def unpack_address(packed: bytes) -> str:
    """What the core gives, as text."""
    if packed[:12] == MAPPED:
        return inet_ntoa(int.from_bytes(packed[12:], "big"))
    from socket import AF_INET6, inet_ntop

    return inet_ntop(AF_INET6, packed)


def option_address(get: Callable[[str], Any], name: str) -> bytes:
    """The address that eight options ``name_1`` to ``name_8`` of 16 bits are."""
    return b"".join(int(get(f"{name}_{i}")).to_bytes(2, "big") for i in range(1, 9))


def is_linklocal(packed: bytes) -> bool:
    """fe80::/10: an address that says nothing without its interface."""
    return packed[0] == 0xFE and packed[1] & 0xC0 == 0x80


def ether_ntoa(mac: bytes) -> str:
    """Six bytes -> ``"42:05:94:a8:38:2a"``."""
    return mac.hex(":")


def ether_aton(text: str) -> bytes:
    """The reverse. Raises OSError (EINVAL)."""
    parts = text.replace("-", ":").split(":")
    try:
        mac = bytes(int(p, 16) for p in parts)
    except ValueError:
        mac = b""
    if len(mac) != 6:
        raise OSError(EINVAL, f"{text!r} is not an Ethernet address: write six hexadecimal bytes, 42:05:94:a8:38:2a")
    return mac
