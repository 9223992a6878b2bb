"""What the tests of IPv6 build on: the board of tests/stack.py with an address of that protocol, and its packets."""

from __future__ import annotations

import struct
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Any

from stack import BOARD_IP6, BOARD_MAC, HOST_IP6, HOST_MAC, Stack, checksum, ether

from kernel.neighbor import neighbor_delete

BOARD, HOST = BOARD_IP6, HOST_IP6
ALL_NODES = "ff02::1"
ANY = "::"
UDP, TCP, ICMPV6, NONE = 17, 6, 58, 59
ECHO_REQUEST, ECHO_REPLY, SOLICIT, ADVERTISE = 128, 129, 135, 136
UNREACHABLE, TOO_BIG, TIME_EXCEEDED, PARAM_PROBLEM = 1, 2, 3, 4
HOPOPTS, ROUTING, FRAGMENT, DSTOPTS = 0, 43, 44, 60
S, O = 0x40, 0x20  # noqa: E741  # flags of an advertisement


def pton(address: str) -> bytes:
    return inet_pton(AF_INET6, address)


def solicited_node(address: str) -> str:
    return inet_ntop(AF_INET6, pton("ff02::1:ff00:0")[:13] + pton(address)[13:])


def group_mac(address: str) -> bytes:
    return b"\x33\x33" + pton(address)[12:]


def ip6(
    payload: bytes,
    proto: int,
    *,
    src: str = HOST,
    dst: str = BOARD,
    hops: int = 64,
    version: int = 6,
    plen: int | None = None,
) -> bytes:
    """An IPv6 packet; what is not given is right."""
    length = len(payload) if plen is None else plen
    return struct.pack("!IHBB", version << 28, length, proto, hops) + pton(src) + pton(dst) + payload


def ether6(packet: bytes, dst: bytes | None = None, src: bytes = HOST_MAC) -> bytes:
    """A frame to whom the packet is for."""
    group = packet[24] == 0xFF
    return ether(packet, 0x86DD, dst or (b"\x33\x33" + packet[36:40] if group else BOARD_MAC), src)


def pseudo(src: str, dst: str, proto: int, length: int) -> bytes:
    return pton(src) + pton(dst) + struct.pack("!II", length, proto)


def icmp6_body(kind: int, code: int, rest: bytes, data: bytes, src: str, dst: str, bad: int = 0) -> bytes:
    body = bytes([kind, code]) + b"\0\0" + rest + data
    value = checksum(pseudo(src, dst, ICMPV6, len(body)) + body) + bad & 0xFFFF
    return body[:2] + struct.pack("!H", value) + body[4:]


def icmp6(kind: int, code: int = 0, rest: bytes = b"\0\7\0\3", data: bytes = b"", **change: Any) -> bytes:
    """An ICMPv6 packet; ``bad`` is added to the checksum, the rest as in ip6()."""
    src, dst = change.get("src", HOST), change.get("dst", BOARD)
    return ip6(icmp6_body(kind, code, rest, data, src, dst, change.pop("bad", 0)), ICMPV6, **change)


def udp6_body(data: bytes, dport: int, sport: int, src: str, dst: str) -> bytes:
    head = struct.pack("!HHH", sport, dport, 8 + len(data))
    value = checksum(pseudo(src, dst, UDP, 8 + len(data)) + head + b"\0\0" + data) or 0xFFFF
    return head + struct.pack("!H", value) + data


def udp6(data: bytes, dport: int = 7, sport: int = 1000, **change: Any) -> bytes:
    """A UDP packet; ``sum`` replaces the right value."""
    src, dst, given = change.get("src", HOST), change.get("dst", BOARD), change.pop("sum", None)
    body = udp6_body(data, dport, sport, src, dst)
    if given is not None:
        body = body[:6] + struct.pack("!H", given) + body[8:]
    return ip6(body, UDP, **change)


def extended(packet: bytes, *headers: tuple[int, bytes]) -> bytes:
    """The packet with extension headers: (number, what stands behind its next-header byte)."""
    payload, following = packet[40:], packet[6]
    for number, rest in reversed(headers):
        payload = bytes([following]) + rest + payload
        following = number
    return packet[:4] + struct.pack("!HB", len(payload), following) + packet[7:40] + payload


def option(kind: int, mac: bytes = HOST_MAC) -> bytes:
    """A link-layer address option: 1 of the source, 2 of the target."""
    return bytes([kind, 1]) + mac


def solicit(
    target: str = BOARD, *, src: str = HOST, dst: str | None = None, options: bytes | None = None, **change: Any
) -> bytes:
    """A neighbor solicitation, to the group of the target if nothing else is said."""
    own = (option(1) if src != ANY else b"") if options is None else options
    to = solicited_node(target) if dst is None else dst
    rest = change.pop("rest", bytes(4))
    change.setdefault("hops", 255)
    return icmp6(SOLICIT, change.pop("code", 0), rest, pton(target) + own, src=src, dst=to, **change)


def advertise(
    target: str = HOST,
    *,
    flags: int = S | O,
    src: str | None = None,
    dst: str = BOARD,
    mac: bytes = HOST_MAC,
    **change: Any,
) -> bytes:
    """A neighbor advertisement."""
    own = change.pop("options", option(2, mac))
    change.setdefault("hops", 255)
    rest = bytes([flags, 0, 0, 0])
    return icmp6(ADVERTISE, change.pop("code", 0), rest, pton(target) + own, src=src or target, dst=dst, **change)


class Packet6:
    """A frame of IPv6 that the board sent, taken apart. Checks lengths and checksums as it goes."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.dst_mac, self.src_mac = frame[:6], frame[6:12]
        self.kind = int.from_bytes(frame[12:14], "big")
        self.body = frame[14:]
        if self.kind != 0x86DD:
            return
        assert self.body[0] >> 4 == 6
        assert int.from_bytes(self.body[4:6], "big") + 40 == len(self.body)
        self.tos = int.from_bytes(self.body[:4], "big") >> 20 & 0xFF
        self.proto, self.hops = self.body[6], self.body[7]
        self.src, self.dst = inet_ntop(AF_INET6, self.body[8:24]), inet_ntop(AF_INET6, self.body[24:40])
        self.payload = self.body[40:]
        if self.proto in (UDP, TCP, ICMPV6):
            assert checksum(pseudo(self.src, self.dst, self.proto, len(self.payload)) + self.payload) == 0
        if self.proto == UDP:
            self.sport, self.dport, length = struct.unpack("!HHH", self.payload[:6])
            assert length == len(self.payload) and self.payload[6:8] != b"\0\0"
            self.data = self.payload[8:]
        elif self.proto == ICMPV6:
            self.type, self.code = self.payload[:2]
            self.data = self.payload[8:]
        elif self.proto == TCP:
            self.sport, self.dport, self.seq, self.ack = struct.unpack("!HHII", self.payload[:12])
            self.flags = self.payload[13]
            self.data = self.payload[(self.payload[12] >> 4) * 4 :]


class Stack6(Stack):
    """The board as its neighbors of IPv6 see it. ``address``: its own, or none; ``known6``: it knows the host."""

    def __init__(self, *, known6: bool = True, address: str = BOARD, **options: Any) -> None:
        super().__init__(**options)
        if address != BOARD and self.kernel.options["NET_IPv6"]:
            self.device.ip6.set(address or ANY, 112)
        if not known6 and self.kernel.options["NET_IPv6"]:
            neighbor_delete(self.kernel, self.device, HOST)
        self.clock.run(None)
        self.frames()

    def answers6(self, *packets: bytes) -> list[Packet6]:
        """What it sends when these arrive, each in a frame to whom it is for."""
        self.input(*(ether6(packet) for packet in packets))
        return self.sent6()

    def sent6(self) -> list[Packet6]:
        return [Packet6(frame) for frame in self.frames()]

    def pings6(self) -> bool:
        """Whether it still answers."""
        answers = self.answers6(icmp6(ECHO_REQUEST, data=b"abc"))
        return len(answers) == 1 and answers[0].type == ECHO_REPLY and answers[0].data == b"abc"

    def bound6(self, port: int = 7, address: str = "", kind: int = 2) -> Any:
        """A socket of AF_INET6 that outlives the task that made it; UDP, or with ``kind`` 1 TCP."""

        def make(sys: Any) -> Any:
            sock = sys.socket(AF_INET6, kind)
            sock.bind((address, port))
            return sock

        return self.keep(make)
