"""IPv4 addresses as text and as numbers in host order, which is what the core takes and gives."""

from __future__ import annotations

from errno import EINVAL
from functools import lru_cache

INADDR_ANY = 0
INADDR_LOOPBACK = 0x7F000001
INADDR_BROADCAST = 0xFFFFFFFF


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
