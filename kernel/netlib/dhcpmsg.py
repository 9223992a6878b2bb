"""DHCP messages (RFC 2131, RFC 2132): what a client sends, and what it believes of what comes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel.inet import INADDR_ANY, inet_ntoa

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)

PAD, SUBNET_MASK, ROUTER, DNS_SERVER, HOST_NAME, NTP_SERVER, REQ_IPADDR = 0, 1, 3, 6, 12, 42, 50
LEASE_TIME, OVERLOAD, MSG_TYPE, SERVER_ID, REQ_LIST = range(51, 56)
T1_TIME, T2_TIME, CLIENT_ID, END = 58, 59, 61, 255

BOOTREQUEST, BOOTREPLY = 1, 2
ETHERNET = b"\x01"  # hardware type, of client identifiers too
COOKIE = bytes((99, 130, 83, 99))
INFINITE = 0xFFFFFFFF  # a lease that never ends
WANTED = bytes((SUBNET_MASK, ROUTER, DNS_SERVER, NTP_SERVER))

_HEADER = struct.Struct("!4BIHH4I16s64s128s")
_FILE_OPTIONS, _SNAME_OPTIONS = 1, 2

Option = tuple[int, bytes]


class NotOurs(Exception):
    """A message that is meant for somebody else, or an answer to something else."""


class Malformed(Exception):
    """A message that contradicts itself or the protocol."""


@dataclass(frozen=True)
class Reply:
    """What a server says. Addresses are numbers in host order, 0 for none; times are seconds, 0 for none."""

    kind: int
    address: int
    server: int
    netmask: int
    router: int
    dns: tuple[int, ...]
    lease: int
    t1: int
    t2: int


def make_message(
    kind: int, xid: int, mac: bytes, options: Sequence[Option], *, secs: int = 0, flags: int = 0, ciaddr: int = 0
) -> bytes:
    """A client's message of a kind, with these options behind its type. ``secs``: since it began to ask."""
    head = _HEADER.pack(
        BOOTREQUEST, ETHERNET[0], len(mac), 0, xid, min(secs, 0xFFFF), flags, ciaddr, 0, 0, 0, mac, b"", b""
    )
    every = [(MSG_TYPE, bytes((kind,))), *options]
    return head + COOKIE + b"".join(bytes((code, len(value))) + value for code, value in every) + bytes((END,))


def is_host(address: int) -> bool:
    """Whether a host can have this address: not 0.x, not 127.x, no group, not everybody."""
    return 0 < address >> 24 < 224 and address >> 24 != 127


def parse_reply(data: bytes, xid: int, mac: bytes) -> Reply:
    """A server's answer to the client of this MAC that asked with this number. Raises NotOurs, Malformed."""
    if len(data) < _HEADER.size + len(COOKIE):
        raise Malformed(f"{len(data)} bytes are less than a header")
    op, _, _, _, got, _, _, _, yiaddr, _, _, chaddr, sname, file = _HEADER.unpack_from(data)
    if op != BOOTREPLY or got != xid or chaddr[: len(mac)] != mac:
        raise NotOurs
    if data[_HEADER.size : _HEADER.size + len(COOKIE)] != COOKIE:
        raise Malformed("BOOTP without DHCP's options")
    options = _options(data[_HEADER.size + len(COOKIE) :], file, sname)
    kind = _number(options, MSG_TYPE, 1)
    if kind not in (OFFER, ACK, NAK):
        raise NotOurs
    netmask = _number(options, SUBNET_MASK)
    if kind != NAK:
        _check_address(yiaddr, netmask)
    routers, servers = _addresses(options, ROUTER), _addresses(options, DNS_SERVER)
    return Reply(
        kind,
        yiaddr,
        _number(options, SERVER_ID),
        netmask,
        routers[0] if routers else INADDR_ANY,
        servers,
        _number(options, LEASE_TIME),
        _number(options, T1_TIME),
        _number(options, T2_TIME),
    )


def _options(field: bytes, file: bytes, sname: bytes) -> dict[int, bytes]:
    """All options; what comes in parts is put together (RFC 3396). Only the options field itself names others."""
    found: dict[int, bytes] = {}
    for code, value in _walk(field):
        found[code] = found.get(code, b"") + value
    overload = _number(found, OVERLOAD, 1)
    if overload > (_FILE_OPTIONS | _SNAME_OPTIONS):
        raise Malformed(f"options in fields {overload}")
    for bit, more in ((_FILE_OPTIONS, file), (_SNAME_OPTIONS, sname)):
        if overload & bit:
            for code, value in _walk(more):
                if code == OVERLOAD:
                    raise Malformed("an overloaded field that names further ones")
                found[code] = found.get(code, b"") + value
    return found


def _walk(field: bytes) -> Iterator[Option]:
    """The options of one field, to its end mark or its end."""
    at = 0
    while at < len(field) and field[at] != END:
        if field[at] == PAD:
            at += 1
            continue
        value = field[at + 2 : at + 2 + field[at + 1]] if at + 1 < len(field) else b""
        if at + 1 >= len(field) or len(value) < field[at + 1]:
            raise Malformed(f"option {field[at]} goes beyond its field")
        yield field[at], value
        at += 2 + len(value)


def _number(options: dict[int, bytes], code: int, size: int = 4) -> int:
    """0 if it is not there."""
    value = options.get(code)
    if value is not None and len(value) != size:
        raise Malformed(f"option {code} has {len(value)} bytes instead of {size}")
    return int.from_bytes(value or b"", "big")


def _addresses(options: dict[int, bytes], code: int) -> tuple[int, ...]:
    """Those of a list that hosts can have."""
    value = options.get(code, b"")
    if len(value) % 4:
        raise Malformed(f"option {code} has {len(value)} bytes, which are no addresses")
    numbers = (int.from_bytes(value[i : i + 4], "big") for i in range(0, len(value), 4))
    return tuple(address for address in numbers if is_host(address))


def _check_address(address: int, netmask: int) -> None:
    hosts = netmask ^ 0xFFFFFFFF
    if netmask and hosts & (hosts + 1):
        raise Malformed(f"{inet_ntoa(netmask)} is no mask")
    whole_network = netmask != 0 and hosts > 1 and address & hosts in (0, hosts)
    if not is_host(address) or whole_network:
        raise Malformed(f"{inet_ntoa(address)} is no address of a host")
