"""Writes the seeds that fuzzing begins with into a folder: conversations in the language of target.c, one file each."""

from __future__ import annotations

import sys
from pathlib import Path

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MORE = 0x2000
TWICE, FRAGMENTS, REVERSED = 1 << 6, 2 << 6, 3 << 6
SEGMENT, CALL, TIME, RAW, ERROR, HOG, BUSY, LINK = range(8)
SOCKET, LISTEN, ACCEPT, CONNECT, CONNECT_LO, SEND, RECV, CLOSE, SHUTDOWN, SET, PEEK, UDP, BIND = range(13)
STRANGER = 128
MS, MS10, MS200, MS600, S3, S30, S150, S1000 = range(8)


def segment(
    flags: int, length: int = 0, *, who: int = 0, bases: int = 0, scales: int = 0, dseq: int = 0, dack: int = 0
) -> bytes:
    """A segment of connection ``who``, with a window of 65280 bytes."""
    return bytes([SEGMENT, who, flags, bases, scales | 0x20, dseq & 255, dack & 255, length, 255])


def sack(*blocks: tuple[int, int]) -> bytes:
    """An acknowledgement that repeats the last one, with blocks in 128ths of what is in flight."""
    ends = [n for left, right in blocks for n in (left, right - left)]
    return segment(ACK, bases=0x44) + bytes([len(blocks) - 1, *ends])


def call(which: int, handle: int = 0, n: int = 0, *more: int) -> bytes:
    """A socket call of the program."""
    return bytes([CALL, which | handle << 5, n, *more])


def time(which: int) -> bytes:
    """Time passes: one of the constants above."""
    return bytes([TIME, which])


def opened() -> bytes:
    """A peer calls the listener, and handle 1 is the connection."""
    return segment(SYN, who=STRANGER, bases=0x40) + segment(ACK) + call(ACCEPT, 0, 1)


def raw(frame: bytes, how: int = 7) -> bytes:
    """A frame, its Ethernet header and checksums to be filled in."""
    size = len(frame) + 14
    return bytes([RAW, how, size >> 8, size & 255]) + frame


def packet(proto: int, body: bytes, place: int = 0) -> bytes:
    """An IP packet to the board, without checksum. ``place``: flags and offset of a fragment."""
    place_high, place_low = divmod(place, 256)
    head = [0x45, 0, 0, 20 + len(body), 0, 1, place_high, place_low, 64, proto, 0, 0, 10, 0, 1, 1, 10, 0, 1, 2]
    return bytes(head) + body


def packet6(proto: int, body: bytes, target: bytes = b"") -> bytes:
    """An IPv6 packet to the board, or to the group of those who could have ``target``."""
    host, board = bytes.fromhex("fc" + "00" * 14 + "01"), bytes.fromhex("fc" + "00" * 14 + "02")
    group = bytes.fromhex("ff02" + "00" * 9 + "01ff") + target[13:]
    head = bytes([0x60, 0, 0, 0, *divmod(len(body), 256), proto, 255])
    return raw(head + host + (group if target else board) + body, 13)


def six() -> dict[str, bytes]:
    """What only IPv6 has: neighbor discovery, extension headers, fragments of its own kind."""
    board = bytes.fromhex("fc" + "00" * 14 + "02")
    solicit = packet6(58, bytes([135] + [0] * 7) + board + bytes([1, 1, 2, 0, 0, 0, 0, 1]), board)
    advertise = packet6(58, bytes([136, 0, 0, 0, 0x60, 0, 0, 0]) + board + bytes([2, 1, 2, 0, 0, 0, 0, 9]))
    echo = bytes([128, 0, 0, 0, 1, 2, 3, 4]) + b"echo"
    options = bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([58, 0, 0x9E, 4, 0, 0, 0, 0])
    route = bytes([58, 0, 0, 1, 0, 0, 0, 0])
    datagram = bytes([3, 232, 0, 7, 0, 40, 0, 0]) + bytes(32)
    parts = [bytes([17, 0, 0, 8 * n | (n < 3), 0, 0, 0, 7]) + datagram[8 * n : 8 * n + 16] for n in (0, 2, 3, 1)]
    late = packet6(44, bytes([58, 0, 0, 1, 0, 0, 0, 9]) + echo[:8])
    return {
        "solicit": solicit + packet6(58, echo) + advertise + packet6(58, echo),
        "extensions": packet6(0, options + echo) + packet6(43, route + echo) + packet6(99, echo) + packet6(59, b""),
        "fragments6": b"".join(packet6(44, part) for part in parts) + late + time(S3),
        "udp6": packet6(17, datagram) + packet6(17, datagram[:2] + b"\0\x09" + datagram[4:]) + call(UDP, 0, 50),
        "too big": opened() + call(SEND, 1, 254) + bytes([ERROR, 0, 2, 0, 5, 0, 0]) + time(S3),
        "duplicate": packet6(58, bytes([136, 0, 0, 0, 0x20, 0, 0, 0]) + bytes.fromhex("fe80" + "00" * 13 + "02")),
    }


def fragments(body: bytes, *places: int) -> bytes:
    """UDP fragments of 16 bytes each, from these places of a datagram on."""
    ends = len(body) // 8
    return b"".join(raw(packet(17, body[8 * n : 8 * n + 16], n | MORE * (n + 2 < ends)), 3) for n in places)


def conversations() -> dict[str, bytes]:
    """Name and steps."""
    data = segment(ACK | PSH, 100)
    ours = call(SEND, 1, 40)
    peer_closes = segment(FIN | ACK) + call(CLOSE, 1) + segment(ACK)
    we_close = call(CLOSE, 1) + segment(ACK) + segment(FIN | ACK) + time(S150)
    behind = segment(ACK, 50, dseq=100)
    sack_everything = b"".join(segment(ACK, 20, dseq=40 * n) for n in (4, 1, 2, 3))
    lots = call(SEND, 1, 254) * 2
    holes = sack((20, 40)) + sack((60, 70), (20, 40)) + sack((90, 128), (60, 70), (20, 40)) + segment(ACK, bases=8)
    crumbs = [(6 * n, 6 * n + 2) for n in (*range(20, 2, -1), 2, 1)]
    too_many = b"".join(sack(*crumbs[n : n + 3]) for n in range(0, len(crumbs), 3))
    dial = call(SOCKET, 2) + call(CONNECT, 2, 1) + segment(SYN | ACK, dseq=0) + call(SEND, 2, 10)
    echo = packet(1, bytes([8, 0, 0, 0, 1, 2, 3, 4])) + b""
    datagram = packet(17, bytes([3, 232, 0, 7, 0, 12, 0, 0]) + b"abcd")
    short, closed = (bytes([3, 232, 0, port, 0, 48, 0, 0]) + bytes(40) for port in (7, 9))
    land = packet(6, bytes([0, 7, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 255, 255, 0, 0, 0, 0]))
    return {
        "their close": opened() + data + call(RECV, 1, 100) + peer_closes,
        "our close": opened() + ours + segment(ACK) + we_close,
        "out of order": opened() + behind + data + call(RECV, 1, 100) + peer_closes,
        "many holes": opened() + sack_everything + ours + data + call(RECV, 1, 255),
        "their holes": opened() + lots + holes + segment(ACK) + peer_closes,
        "their holes and a timeout": opened() + lots + holes + time(S3) + holes + call(CLOSE, 1) + holes + time(S30),
        "their holes on a small path": opened()
        + lots
        + holes
        + bytes([ERROR, 0, 3, 4, 2, 88, 0])
        + holes
        + segment(ACK),
        "their holes without buffers": opened() + lots + bytes([HOG, 254]) + holes + bytes([HOG, 1]) + holes + time(S3),
        "more holes than we know": opened() + lots + too_many + sack((122, 126)) + too_many + segment(ACK, bases=12),
        "they take back": opened() + lots + sack((1, 128)) + segment(ACK, bases=12) + sack((1, 128)) + segment(ACK),
        "fragments": opened() + segment(ACK | FRAGMENTS, 200) + segment(ACK | REVERSED, 200) + call(RECV, 1, 255),
        "duplicates": opened() + segment(ACK | TWICE, 200) + ours + segment(ACK, dack=0, bases=4) * 4,
        "timeouts": opened() + ours + time(S3) + time(S30) + segment(ACK) + call(CLOSE, 1) + time(S150) + time(S1000),
        "closed window": opened() + bytes([SEGMENT, 0, ACK, 0, 0, 0, 0, 0, 0]) + ours + time(S30) + segment(ACK),
        "dialled": dial + time(MS200) + segment(ACK) + call(SHUTDOWN, 2, 1) + segment(FIN | ACK) + call(CLOSE, 2),
        "both dial": call(SOCKET, 2) + call(CONNECT, 2, 1) + segment(SYN, who=0) + segment(SYN | ACK) + data,
        "loopback": call(SOCKET, 2) + call(CONNECT_LO, 2) + call(ACCEPT, 0, 1) + call(SEND, 2, 40) + call(RECV, 1, 99),
        "itself": call(SOCKET, 2) + call(BIND, 2) + call(CONNECT_LO, 2, 3) + call(SEND, 2, 40) + call(RECV, 2, 255),
        "hog": opened() + bytes([HOG, 254]) + data + ours + bytes([HOG, 1]) + time(S3) + data + ours,
        "busy": opened() + bytes([BUSY, 1]) + ours + data + time(S3) + bytes([BUSY, 0]) + segment(ACK),
        "errors": opened() + ours + bytes([ERROR, 0, 3, 4, 2, 88, 0]) + bytes([ERROR, 0, 3, 1, 0, 0, 0]) + time(S30),
        "link": opened() + ours + data + bytes([LINK, 1]) + call(RECV, 1, 9) + call(CLOSE, 1),
        "reset": opened() + ours + data + segment(RST, dseq=1) + segment(RST) + call(RECV, 1, 9),
        "flood": b"".join(segment(SYN, who=STRANGER + n) for n in range(8)) + time(S150),
        "keep-alive": opened() + call(SET, 1, 0, 3, 1) + call(SET, 1, 0, 4, 9) + time(S30) + segment(ACK) + time(S150),
        "reassembly": fragments(short, 0, 2, 4) + fragments(short, 4, 2, 2, 0) + fragments(closed, 2, 0, 4),
        "overlaps": fragments(short, 0, 1, 4) + fragments(short, 2, 3) + fragments(short, 4, 0) + time(S3),
        "raw": raw(echo) + raw(datagram) + raw(land) + call(UDP, 0, 50),
    }


CONFIGURATIONS = (
    (0, 0, 0),
    (0x1F, 3, 1),
    (0x61, 2, 0),
    (0x0D, 0x11, 3),
    (0x12, 0x66, 0),
    (0x20, 0x83, 1),
    (0x21, 0x81, 3),
    (0x01, 0x80, 0),
    (0x01, 0x03, 0),
    (0x0F, 0x03, 0),
)


def main() -> None:
    """Every conversation with every configuration that differs in kind."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, steps in (conversations() | six()).items():
        for how, how2, how3 in CONFIGURATIONS:
            start = bytes([how, how2, how3])
            (folder / f"{name.replace(' ', '-')}-{start.hex()}").write_bytes(start + steps)


if __name__ == "__main__":
    main()
