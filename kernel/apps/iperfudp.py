"""iperf 2's datagrams: each has a number and a time; a negative number is the last, and is answered with a report."""

from __future__ import annotations

import struct

HEAD = struct.Struct("!iII")  # number, seconds, microseconds
REPORT = struct.Struct("!IIIIIIIIII")
VERSION1, SEQNO64 = 0x80000000, 0x08000000
REPORT_LEN = 128
FIN_TRIES, LINGER = 10, 1  # s
MASK = 0xFFFFFFFF


def datagram(number: int, now_ns: int, size: int) -> bytes:
    """One, filled up with zeros."""
    usec = now_ns // 1000
    return HEAD.pack(number, usec // 1_000_000 & MASK, usec % 1_000_000).ljust(size, b"\0")


def fin(number: int, now_ns: int, size: int) -> bytes:
    """The last one. Its number counts, too."""
    return datagram(-number, now_ns, size)


class Losses:
    """What a server notices: the highest number so far, how many were lost or late, and the jitter (RFC 3550)."""

    def __init__(self) -> None:
        self.highest = 0
        self.lost = 0
        self.late = 0
        self.jitter_us = 0.0
        self._transit_us: int | None = None

    def take(self, data: bytes, now_ns: int) -> bool:
        """Notes a datagram; whether it was the last. One that is too short to have a number counts for nothing."""
        if len(data) < HEAD.size:
            return False
        number, seconds, micros = HEAD.unpack_from(data)
        transit = now_ns // 1000 - seconds * 1_000_000 - micros
        if self._transit_us is not None:
            self.jitter_us += (abs(transit - self._transit_us) - self.jitter_us) / 16
        self._transit_us = transit
        last: bool = number < 0
        number = abs(number)
        if number > self.highest:
            self.lost += number - self.highest - 1
            self.highest = number
        else:
            self.late += 1
            self.lost = max(0, self.lost - 1)
        return last


def server_report(last: bytes, total: int, elapsed_ns: int, losses: Losses) -> bytes:
    """The answer to the last datagram, laid out for the version of iperf 2 that sent it: 2.1 has longer numbers."""
    flags = int.from_bytes(last[16:20], "big") & SEQNO64
    elapsed, jitter = elapsed_ns // 1000, round(losses.jitter_us)
    body = REPORT.pack(
        VERSION1 | flags,
        total >> 32 & MASK,
        total & MASK,
        elapsed // 1_000_000 & MASK,
        elapsed % 1_000_000,
        losses.lost & MASK,
        losses.late & MASK,
        losses.highest & MASK,
        jitter // 1_000_000 & MASK,
        jitter % 1_000_000,
    )
    return (last[: 16 if flags else 12] + body).ljust(REPORT_LEN, b"\0")
