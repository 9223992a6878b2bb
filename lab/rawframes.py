"""Pings and datagrams as plain bytes (RFC 791, 792, 768): what the demo sends where scapy is not installed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from board.wire import NS, Arrival, mac_bytes
from kernel.inet import inet_addr

if TYPE_CHECKING:
    from board.board import Board

ICMP, UDP = 1, 17
ETHERTYPE_IP = b"\x08\x00"
ETH_LEN, IP_LEN = 14, 20


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class RawPeer:
    """The host's end of a board's wire, used directly."""

    name = "plain bytes (scapy is not installed)"

    def __init__(self, board: Board) -> None:
        host = board.eth0.host
        assert host is not None
        self._board = board
        self._host = host
        self._reader = host.reader()

    def ping(self, ip: str, timeout: float) -> tuple[str, str | None, float]:
        """See :class:`lab.demo.Peer`."""
        body = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
        sent = self._board.now_ns
        self._send(ip, ICMP, body[:2] + checksum(body).to_bytes(2, "big") + body[4:])
        reply = self._wait(timeout, lambda data: data[23] == ICMP and data[ETH_LEN + IP_LEN] == 0)
        if reply is None:
            return f"ICMP echo request to {ip}", None, 0.0
        return f"ICMP echo request to {ip}", f"ICMP echo reply from {ip}", (reply.time - sent) / NS

    def udp(self, ip: str, port: int, data: bytes, timeout: float) -> bytes | None:
        """See :class:`lab.demo.Peer`."""
        self._send(ip, UDP, struct.pack("!HHHH", 4000, port, 8 + len(data), 0) + data)
        reply = self._wait(timeout, lambda frame: frame[23] == UDP)
        return None if reply is None else reply.data[ETH_LEN + IP_LEN + 8 :][: len(data)]

    def _send(self, ip: str, protocol: int, body: bytes) -> None:
        length = IP_LEN + len(body)
        head = struct.pack("!BBHHHBBHII", 0x45, 0, length, 1, 0, 64, protocol, 0, self._host.ip, inet_addr(ip))
        head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
        self._host.send(mac_bytes(self._board.eth0.mac) + self._host.mac + ETHERTYPE_IP + head + body)

    def _wait(self, timeout: float, wanted: Callable[[bytes], bool]) -> Arrival | None:
        until = self._board.now_ns + round(timeout * NS)
        while (arrival := self._reader.wait(until)) is not None:
            data = arrival.data
            if data[12:14] == ETHERTYPE_IP and len(data) >= ETH_LEN + IP_LEN + 8 and wanted(data):
                return arrival
        return None
