"""What the TCP tests build on: the other end of a connection, which sends exactly what a test tells it to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import stack6
from stack import BOARD_IP, HOST_IP, Packet, Stack, checksum, ether, ip

from kernel.inet import inet_addr
from kernel.sockbase import AF_INET, AF_INET6, SOCK_STREAM
from kernel.tcp import TcpInfo, tcp_connections

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
TCP = {"NET_TCP": True, "NET_TCP_WRITE_BUFFERS": True}
LETTERS = "FSRPAU"
MASK = 2**32 - 1


FAMILY = [AF_INET]
"""Of the peers and listeners made here: tests/test_tcp_over_ipv6.py changes it."""


def bits(flags: str) -> int:
    """The number of flags given by their letters: "SA" is SYN and ACK."""
    return sum(1 << LETTERS.index(c) for c in flags)


def options_of(raw: bytes) -> dict[int, bytes]:
    """The options of a header by kind. They are well formed and padded with zeros (RFC 9293 MUST-68, MUST-69)."""
    found: dict[int, bytes] = {}
    while raw:
        kind = raw[0]
        if kind == 0:
            assert raw == bytes(len(raw))
            break
        if kind == 1:
            raw = raw[1:]
            continue
        assert 2 <= raw[1] <= len(raw) and kind not in found
        found[kind] = raw[2 : raw[1]]
        raw = raw[raw[1] :]
    return found


class Segment(NamedTuple):
    """A segment that the board sent, whose checksum and lengths were found right."""

    sport: int
    dport: int
    seq: int
    ack: int
    flags: str
    window: int
    options: dict[int, bytes]
    data: bytes
    time: float
    """seconds of the bench's clock when it was taken from the device, not when it was sent"""


def segment_of(frame: bytes, time: float) -> Segment | None:
    """The segment in a frame; None if there is none."""
    if frame[12:14] == b"\x86\xdd":
        packet6 = stack6.Packet6(frame)
        if packet6.proto != 6:
            return None
        tcp, ttl = packet6.payload, packet6.hops
    else:
        packet = Packet(frame)
        if packet.proto != 6:
            return None
        tcp, ttl = packet.payload, packet.ttl
        assert checksum(packet.body[12:20] + struct.pack("!HH", 6, len(tcp)) + tcp) == 0
    sport, dport, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", tcp[:16])
    length = (offset >> 4) * 4
    assert 20 <= length <= len(tcp) and ttl > 0
    options = options_of(tcp[20:length])
    assert flags & SYN or 2 not in options  # MUST-65
    letters = "".join(c for i, c in enumerate(LETTERS) if flags >> i & 1)
    return Segment(sport, dport, seq, ack, letters, window, options, tcp[length:], time)


def tcp(
    sport: int,
    dport: int,
    flags: str,
    seq: int,
    ack: int = 0,
    data: bytes = b"",
    *,
    window: int = 65535,
    options: bytes = b"",
    urgent: int = 0,
    src: str = HOST_IP,
    dst: str = BOARD_IP,
    **change: Any,
) -> bytes:
    """A TCP packet with its IP header. ``offset`` (words) and ``sum`` replace the right values."""
    options += bytes(-len(options) % 4)
    offset, given = change.pop("offset", 5 + len(options) // 4), change.pop("sum", None)
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & MASK, ack & MASK, offset << 4, bits(flags), window, 0, urgent)
    body = head + options + data
    if ":" in src:
        pseudo = stack6.pseudo(src, dst, 6, len(body))
    else:
        pseudo = struct.pack("!IIHH", inet_addr(src), inet_addr(dst), 6, len(body))
    value = checksum(pseudo + body) if given is None else given
    packet = stack6.ip6 if ":" in src else ip
    return packet(body[:16] + struct.pack("!H", value) + body[18:], 6, src=src, dst=dst, **change)


class Peer:
    """The host's end. Sequence numbers count from 0 on both sides, the SYN being 0."""

    def __init__(self, stack: Stack, *, dport: int = 7, sport: int = 1000, isn: int = 5000, src: str = "") -> None:
        self.stack = stack
        self.six = FAMILY[0] == AF_INET6
        self.sport, self.dport, self.isn, self.src = sport, dport, isn, src or (stack6.HOST if self.six else HOST_IP)
        self.iss = 0
        """the board's initial sequence number"""
        self.seq = 0
        """of the next byte that send() sends"""
        self.ack = 0
        """of the next byte from the board"""
        self.window = 65535

    def put(
        self, flags: str, data: bytes = b"", *, seq: int | None = None, ack: int | None = None, **more: Any
    ) -> None:
        """A segment arrives at the board, whose driver is then asked for more."""
        self.feed(flags, data, seq=seq, ack=ack, **more)
        self.stack.kernel.net.txavail()
        self.stack.later(0)

    def feed(
        self, flags: str, data: bytes = b"", *, seq: int | None = None, ack: int | None = None, **more: Any
    ) -> None:
        """A segment arrives at the board, and more are behind it."""
        seq = self.seq if seq is None else seq
        number = self.iss + (self.ack if ack is None else ack) if "A" in flags else 0
        more.setdefault("window", self.window)
        more["dst"] = stack6.BOARD if self.six else BOARD_IP
        packet = tcp(self.sport, self.dport, flags, self.isn + seq, number, data, src=self.src, **more)
        self.stack.input(ether(packet, 0x86DD if self.six else 0x0800))

    def answers(self, flags: str, data: bytes = b"", **more: Any) -> list[Segment]:
        """What the board sends at once when this arrives."""
        self.put(flags, data, **more)
        return self.take()

    def answer(self, flags: str, data: bytes = b"", **more: Any) -> Segment:
        """The same, of which there is one."""
        (segment,) = self.answers(flags, data, **more)
        return segment

    def take(self) -> list[Segment]:
        """What the board has sent, with numbers that count from 0. Acknowledges nothing."""
        segments = []
        for frame in self.stack.frames():
            s = segment_of(frame, self.stack.clock.now_ns / 1e9)
            if s is None or s.dport != self.sport:
                continue
            if "S" in s.flags:
                self.iss = s.seq
            segments.append(
                s._replace(seq=(s.seq - self.iss) & MASK, ack=(s.ack - self.isn) & MASK if "A" in s.flags else 0)
            )
        return segments

    def connect(self, *, options: bytes = b"\2\4\5\xb4", window: int | None = None) -> Segment:
        """The handshake with a listener. Returns its SYN-ACK."""
        syn = self.answer("S", seq=0, options=options)
        assert (syn.flags, syn.ack) == ("SA", 1)
        self.seq = self.ack = 1
        if window is not None:
            self.window = window
        assert self.answers("A") == []
        return syn

    def accept(self) -> Segment:
        """The handshake with a board that connects. Returns its SYN."""
        (syn,) = self.take()
        assert syn.flags == "S"
        self.ack = 1
        self.put("SA", seq=0, ack=1, options=b"\2\4\5\xb4")
        self.seq = 1
        return syn

    def write(self, data: bytes, flags: str = "PA") -> list[Segment]:
        """Data in order. What the board answers."""
        answers = self.answers(flags, data)
        self.seq += len(data)
        return answers

    def read(self) -> bytes:
        """What the board sends, in order, acknowledged until nothing more comes."""
        data = b""
        while segments := self.take():
            for s in segments:
                assert s.seq == self.ack, "out of order"
                self.ack += len(s.data) + ("F" in s.flags)
                data += s.data
            self.put("A")
        return data


def act(s: Stack, function: Callable[[Any], Any]) -> list[Any]:
    """Runs ``function(sys)`` as a task for a millisecond; the list has its result, or OSError, once it ends."""
    results: list[Any] = []

    def body(sys: Any) -> None:
        try:
            results.append(function(sys))
        except OSError as error:
            results.append(error)

    s.kernel.tasks.create(body, "test", 50)
    s.later(0.001)
    return results


def listener(sys: Any, port: int = 7, backlog: int = 8) -> Any:
    """A listening socket of the task that calls this."""
    sock = sys.socket(FAMILY[0], SOCK_STREAM)
    sock.bind(("", port))
    sock.listen(backlog)
    return sock


def listening(s: Stack, port: int = 7, backlog: int = 8) -> Any:
    """A listening socket that outlives the task that made it."""
    return s.keep(lambda sys: listener(sys, port, backlog))


def accepted(s: Stack, sock: Any) -> Any:
    """The next connection of a listener."""
    return s.keep(lambda sys: sock.accept()[0])


def connected(s: Stack, **peer: Any) -> tuple[Any, Peer]:
    """A socket of the board, and its peer, who called it."""
    sock = listening(s)
    other = Peer(s, **peer)
    other.connect()
    return accepted(s, sock), other


def states(s: Stack) -> list[str]:
    """The states of all connections but listeners."""
    return [row.state for row in rows(s)]


def rows(s: Stack) -> list[TcpInfo]:
    """All connections but listeners."""
    return [row for row in tcp_connections(s.kernel) if row.state != "LISTEN"]
