"""DNS messages (RFC 1035, RFC 3596): the question for a name's addresses, and what is believed of an answer.

Answers are read strictly: pointers in names lead back only, so that they come to an end; an address counts if it
belongs to the name asked for or to one that it is an alias of (CNAME), whatever else the message holds.
"""

from __future__ import annotations

import struct

from kernel.inet import MAPPED, ipv4_bytes, unpack_address

A, CNAME, AAAA, IN = 1, 5, 28, 1
RESPONSE, TRUNCATED, RECURSION_DESIRED, RCODE = 0x8000, 0x0200, 0x0100, 0x000F
LONGEST_NAME, LONGEST_LABEL = 255, 63
POINTER = 0xC0
TTL_MAX = 2**31 - 1  # RFC 2181 8: what is greater is 0

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_LENGTHS = {A: 4, AAAA: 16}


class NotOurs(Exception):
    """Not an answer to the question."""


class Truncated(Exception):
    """The answer did not fit: it can be had by TCP."""


class Refused(Exception):
    """The server says that there is no answer; its argument is the RCODE, 3 being "no such name"."""


class Malformed(Exception):
    """A message that contradicts itself or the protocol."""


class NoAddress(Exception):
    """An answer without an address of that name."""


def encode_name(name: str) -> bytes:
    """A name as messages have it. Raises ValueError for what can be no name."""
    text = name[:-1] if name.endswith(".") else name
    labels = text.encode("ascii", "strict").split(b".")
    if not all(0 < len(label) <= LONGEST_LABEL for label in labels):
        raise ValueError(f"{name!r}: the parts of a name have 1 to {LONGEST_LABEL} characters")
    encoded = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(encoded) > LONGEST_NAME:
        raise ValueError(f"{name!r} is longer than names can be")
    return encoded


def make_query(number: int, name: str, kind: int = A) -> bytes:
    """The question for the addresses of a name: A, those of IPv4, or AAAA. Raises ValueError."""
    head = _HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0)
    return head + encode_name(name) + _QUESTION.pack(kind, IN)


def read_name(data: bytes, at: int) -> tuple[bytes, int]:
    """The name that begins there, in lower case and as messages have it, and where it ends. Raises Malformed."""
    name, begin, end = b"", at, 0
    while True:
        n = _byte(data, at)
        if n >= POINTER:
            target = (n & ~POINTER) << 8 | _byte(data, at + 1)
            if target >= begin:
                raise Malformed(f"a pointer from {at} to {target}")
            end = end or at + 2
            at = begin = target
        elif n > LONGEST_LABEL:
            raise Malformed(f"a label of type {n >> 6}")
        elif len(name) + n + 1 > LONGEST_NAME or at + n >= len(data):
            raise Malformed("a name that is too long")
        elif n == 0:
            return name.lower() + b"\0", end or at + 1
        else:
            name += data[at : at + n + 1]
            at += n + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Malformed("it ends within a name")
    return data[at]


def parse_answer(data: bytes, query: bytes) -> tuple[list[str], int]:
    """The addresses in the answer to a question, in its order, and for how many seconds they hold.

    Raises NotOurs, Truncated, Refused, Malformed, NoAddress.
    """
    if len(data) < _HEADER.size:
        raise NotOurs
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if data[:2] != query[:2] or not flags & RESPONSE:
        raise NotOurs
    at = _HEADER.size
    if questions or not flags & RCODE:  # a server that could not read the question need not repeat it
        at = _same_question(data, query, questions)
    if flags & TRUNCATED:
        raise Truncated
    if flags & RCODE:
        raise Refused(flags & RCODE)
    name, end = read_name(query, _HEADER.size)
    aliases, found = _records(data, at, answers, _QUESTION.unpack_from(query, end)[0])
    lifetime = TTL_MAX
    for _ in range(len(aliases)):
        if name in found or name not in aliases:
            break
        name, ttl = aliases[name]
        lifetime = min(lifetime, ttl)
    if name not in found:
        raise NoAddress
    return [address for address, _ in found[name]], min(lifetime, *(ttl for _, ttl in found[name]))


def _same_question(data: bytes, query: bytes, questions: int) -> int:
    """Where the answers begin."""
    if questions != 1:
        raise NotOurs
    name, at = read_name(data, _HEADER.size)
    asked, end = read_name(query, _HEADER.size)
    if name != asked or data[at : at + _QUESTION.size] != query[end:]:
        raise NotOurs
    return at + _QUESTION.size


Aliases = dict[bytes, tuple[bytes, int]]
Found = dict[bytes, list[tuple[str, int]]]


def _records(data: bytes, at: int, count: int, wanted: int) -> tuple[Aliases, Found]:
    """Aliases and addresses of a kind, by name, each with its TTL."""
    aliases: Aliases = {}
    found: Found = {}
    for _ in range(count):
        name, at = read_name(data, at)
        if at + _RECORD.size > len(data):
            raise Malformed("it ends within a record")
        kind, group, ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + length > len(data):
            raise Malformed("a record that goes beyond the message")
        ttl = ttl if ttl <= TTL_MAX else 0
        if (kind, group) == (wanted, IN):
            if length != _LENGTHS[kind]:
                raise Malformed(f"an address of {length} bytes")
            packed = data[at : at + length]
            if packed[:12] != MAPPED:  # those are IPv4 addresses, of which nobody has asked here
                packed = packed if kind == AAAA else ipv4_bytes(int.from_bytes(packed, "big"))
                found.setdefault(name, []).append((unpack_address(packed), ttl))
        elif (kind, group) == (CNAME, IN):
            target, end = read_name(data, at)
            if end != at + length:
                raise Malformed("an alias that is longer or shorter than its record")
            aliases[name] = (target, ttl)
        at += length
    return aliases, found
