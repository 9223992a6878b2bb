"""What the tests of DHCP and DNS build on: servers at the host's end of a board's wire, which say what a test wants."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from stack import EVERYBODY, HOST_IP, Packet, ether, udp

from board import Board
from kernel.inet import ether_aton, inet_addr
from kernel.nsh import run_command

OFFERED = "10.0.1.50"
COOKIE = b"\x63\x82\x53\x63"
BOOTP = struct.Struct("!4BIHH4I16s64s128s")


class Datagram(NamedTuple):
    """A UDP datagram from the board, and when it came, s."""

    time: float
    frame: Packet
    data: bytes


Answer = Callable[[Datagram], "Iterable[bytes]"]
"""Makes the frames that are the answer to a datagram."""


class Host:
    """The host's end. ``answers`` has a function for each UDP port; ``heard`` what came to these ports."""

    def __init__(self, board: Board) -> None:
        assert board.eth0.host is not None
        self.board = board
        self.end = board.eth0.host
        self.reader = self.end.reader()
        self.heard: list[Datagram] = []
        self.answers: dict[int, Answer] = {}

    def look(self) -> None:
        """Takes what has come and answers it."""
        while (arrival := self.reader.poll()) is not None:
            packet = Packet(trimmed(arrival.data))
            if packet.proto == 17 and packet.dport in self.answers:
                self.heard.append(Datagram(arrival.time / 1e9, packet, packet.data))
                for frame in self.answers[packet.dport](self.heard[-1]):
                    self.end.send(frame)

    def wait(self, seconds: float) -> None:
        """Serves so long."""
        until = self.board.now + seconds
        self.board.run_until(lambda: self.look() or self.board.now >= until, seconds)

    def nsh(self, line: str, timeout: float = 200) -> tuple[str, int]:
        """Serves while the board runs a command; its text and status."""
        job = run_command(self.board.kernel, line)
        assert self.board.run_until(lambda: self.look() or job.done, timeout), f"{line} goes on"
        return job.text, job.status


def trimmed(frame: bytes) -> bytes:
    """A frame without its padding."""
    return frame[: 14 + int.from_bytes(frame[16:18], "big")] if frame[12:14] == b"\x08\0" else frame


# DHCP


class Dhcp(NamedTuple):
    """A client's message, taken apart."""

    xid: int
    secs: int
    flags: int
    ciaddr: int
    chaddr: bytes
    options: dict[int, bytes]

    @property
    def kind(self) -> int:
        return self.options[53][0]


def dhcp(data: bytes) -> Dhcp:
    """Checks what RFC 2131 says of every message of a client."""
    op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file = BOOTP.unpack_from(
        data
    )
    assert (op, htype, hlen, hops, yiaddr, siaddr, giaddr) == (1, 1, 6, 0, 0, 0, 0)
    assert not any(sname) and not any(file) and not any(chaddr[6:])
    assert data[BOOTP.size : BOOTP.size + 4] == COOKIE and len(data) <= 548
    options, at = {}, BOOTP.size + 4
    while data[at] != 255:
        code, length = data[at], data[at + 1]
        assert code not in options and at + 2 + length < len(data)
        options[code] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return Dhcp(xid, secs, flags, ciaddr, chaddr[:6], options)


def addresses(*texts: str) -> bytes:
    return b"".join(inet_addr(text).to_bytes(4, "big") for text in texts)


def seconds(n: int) -> bytes:
    return n.to_bytes(4, "big")


OPTIONS = {
    54: addresses(HOST_IP),
    51: seconds(600),
    1: addresses("255.255.255.0"),
    3: addresses("10.0.1.1"),
    6: addresses("10.0.1.1"),
}


def encoded(options: dict[int, bytes]) -> bytes:
    return b"".join(bytes((code, len(value))) + value for code, value in options.items())


def reply(
    question: Dhcp,
    kind: int,
    *,
    address: str = OFFERED,
    options: dict[int, bytes] | None = None,
    raw: bytes | None = None,
    xid: int | None = None,
    op: int = 2,
    cookie: bytes = COOKIE,
    sname: bytes = b"",
    file: bytes = b"",
    chaddr: bytes | None = None,
) -> bytes:
    """A server's message. ``options`` change the usual ones, b"" leaves one out; ``raw`` replaces them all."""
    wanted = {code: value for code, value in ({53: bytes((kind,))} | OPTIONS | (options or {})).items() if value}
    head = BOOTP.pack(
        op,
        1,
        6,
        0,
        question.xid if xid is None else xid,
        0,
        question.flags,
        question.ciaddr,
        inet_addr(address),
        inet_addr(HOST_IP),
        0,
        question.chaddr if chaddr is None else chaddr,
        sname,
        file,
    )
    return head + cookie + (encoded(wanted) + b"\xff" if raw is None else raw)


class DhcpServer:
    """Offers OFFERED and grants it. ``make`` may be replaced: it gives the messages that answer one of a client."""

    def __init__(self, host: Host, *, unicast: bool = True, **usual: object) -> None:
        self._host = host
        self._unicast = unicast
        self.usual = usual
        self.make: Callable[[Dhcp], Iterable[bytes]] = self.agree
        host.answers[67] = self.answer

    def agree(self, question: Dhcp) -> list[bytes]:
        """OFFER for a DISCOVER, ACK for a REQUEST."""
        return [reply(question, {1: 2, 3: 5}[question.kind], **self.usual)]  # type: ignore[arg-type]

    def answer(self, datagram: Datagram) -> list[bytes]:
        """Frames to the offered address, or to everybody."""
        return [self.frame(message) for message in self.make(dhcp(datagram.data))]

    def frame(self, message: bytes) -> bytes:
        """A message as a server without a neighbour table sends it."""
        mac = ether_aton(self._host.board.eth0.mac)
        host = self._host.end.mac
        if not self._unicast:
            return ether(udp(message, 68, 67, dst="255.255.255.255"), dst=EVERYBODY, src=host)
        yiaddr = int.from_bytes(message[16:20], "big") or int.from_bytes(message[12:16], "big")
        to = ".".join(str(yiaddr >> shift & 255) for shift in (24, 16, 8, 0))
        return ether(udp(message, 68, 67, dst=to if yiaddr else "255.255.255.255"), dst=mac, src=host)

    @property
    def questions(self) -> list[Dhcp]:
        """What clients have said so far."""
        return [dhcp(d.data) for d in self._host.heard if d.frame.dport == 67]

    @property
    def kinds(self) -> list[int]:
        """... and the types of that."""
        return [question.kind for question in self.questions]


# DNS


def name(text: str) -> bytes:
    """A name in a message."""
    return b"".join(bytes((len(part),)) + part.encode() for part in text.split(".")) + b"\0"


def record(
    owner: bytes, data: bytes, *, kind: int = 1, group: int = 1, ttl: int = 60, length: int | None = None
) -> bytes:
    return owner + struct.pack("!HHIH", kind, group, ttl, len(data) if length is None else length) + data


def a(owner: str | bytes, address: str, ttl: int = 60) -> bytes:
    """An address record."""
    return record(name(owner) if isinstance(owner, str) else owner, addresses(address), ttl=ttl)


def cname(owner: str, target: str | bytes, ttl: int = 60) -> bytes:
    """An alias record."""
    return record(name(owner), name(target) if isinstance(target, str) else target, kind=5, ttl=ttl)


def answer(
    query: bytes,
    *records: bytes,
    flags: int = 0x8180,
    number: int | None = None,
    question: bytes | None = None,
    questions: int = 1,
    count: int | None = None,
) -> bytes:
    """An answer to a query; what is not given is right."""
    own = int.from_bytes(query[:2], "big") if number is None else number
    head = struct.pack("!6H", own, flags, questions, len(records) if count is None else count, 0, 0)
    return head + (query[12:] if question is None else question) + b"".join(records)


class DnsServer:
    """``make`` gives the datagrams that answer a query."""

    def __init__(self, host: Host, make: Callable[[bytes], Iterable[bytes]], *, address: str = HOST_IP) -> None:
        self._host = host
        self._address = address
        self.make = make
        host.answers[53] = self.frames

    def frames(self, datagram: Datagram) -> list[bytes]:
        """Frames from the server that was asked."""
        packet = datagram.frame
        mac = ether_aton(self._host.board.eth0.mac)
        return [
            ether(udp(data, packet.sport, 53, src=packet.dst, dst=packet.src), dst=mac, src=self._host.end.mac)
            for data in self.make(datagram.data)
        ]

    @property
    def queries(self) -> list[Datagram]:
        """What was asked so far."""
        return [d for d in self._host.heard if d.frame.dport == 53]
