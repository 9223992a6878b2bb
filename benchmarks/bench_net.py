"""UDP echo through the wire in lockstep: raw bytes in and out at the host's end, the program on the board in Python.

Each datagram goes the whole way: wire, receive ring, interrupt, work queue, stack, read-ahead, the program's
recvfrom() and sendto(), write buffer, work queue, transmit ring, wire. What scapy adds is measured apart.
"""

from __future__ import annotations

import socket
import statistics
import struct
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from common import figure, median_seconds, seconds, skipped

from board import Board
from board.wire import Reader, mac_bytes

ROUNDS = 4096
REPEATS = 15
PORT = 7
PAYLOAD = b"e" * 64
FLOOR, AIM = 20_000, 60_000


def echo(sys: Any) -> None:
    """The program on the board."""
    s = sys.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", PORT))
    while True:
        data, sender = s.recvfrom(1500)
        s.sendto(data, sender)


def checksum(header: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total = sum(int.from_bytes(header[i : i + 2], "big") for i in range(0, len(header), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ethernet(board: Board, ethertype: int, payload: bytes) -> bytes:
    """A frame from the host's end to the board."""
    assert board.eth0.host is not None
    return mac_bytes(board.eth0.mac) + board.eth0.host.mac + ethertype.to_bytes(2, "big") + payload


def ipv4(board: Board, protocol: int, payload: bytes) -> bytes:
    """The same with an IPv4 packet in it."""
    assert board.eth0.host is not None
    addresses = board.eth0.host.ip.to_bytes(4, "big") + socket.inet_aton(board.eth0.ip)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + addresses
    return ethernet(board, 0x0800, ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:] + payload)


def datagram(board: Board) -> bytes:
    """A frame to the echo port, without a UDP checksum (RFC 768 allows that)."""
    udp = struct.pack("!HHHH", 40000, PORT, 8 + len(PAYLOAD), 0) + PAYLOAD
    return ipv4(board, socket.IPPROTO_UDP, udp)


def ping(board: Board) -> bytes:
    """An ICMP echo request of the same length."""
    icmp = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + PAYLOAD
    return ipv4(board, socket.IPPROTO_ICMP, icmp[:2] + checksum(icmp).to_bytes(2, "big") + icmp[4:])


def round_trips(send: Callable[[bytes], None], reader: Reader, frame: bytes, at_once: int) -> None:
    """So many frames are on their way at a time. Raises RuntimeError if one is not answered."""
    for _ in range(ROUNDS // at_once):
        for _ in range(at_once):
            send(frame)
        for _ in range(at_once):
            if reader.wait(None) is None:
                raise RuntimeError("a datagram was not echoed")


def bench_echo(name: str, board: Board, at_once: int, **limits: float) -> None:
    """Round trips, ``at_once`` datagrams on their way at a time: the wire of ``sim`` brings one every 100 ns."""
    with board:
        board.boot()
        board.spawn(echo, "echo")
        board.run(1)
        assert board.eth0.host is not None
        send, frame = board.eth0.host.send, datagram(board)
        reader = board.eth0.host.reader()
        send(frame)
        for _ in range(2):  # the board asks for our address, then answers
            reader.wait(board.now_ns + 10**9)
        cpu = time.process_time()
        times = [seconds(lambda: round_trips(send, reader, frame, at_once)) for _ in range(REPEATS)]
        cpu = (time.process_time() - cpu) / (REPEATS * ROUNDS)
    more = {"best": round(ROUNDS / min(times)), "cpu_us_each": round(cpu * 1e6, 2)}
    figure(name, ROUNDS / statistics.median(times), "datagrams/s", **limits, **more)


def bench_stages() -> None:
    """How far a frame gets and what that takes: into the stack and dropped there; answered by the stack."""
    with Board("sim") as board:
        board.boot()
        assert board.eth0.host is not None
        send, run, reader = board.eth0.host.send, board.bench.clock.run, board.eth0.host.reader()
        unknown, request = ethernet(board, 0x88B5, PAYLOAD), ping(board)

        def dropped() -> None:
            for _ in range(ROUNDS):
                send(unknown)
                run(None)

        figure("net.frame_dropped_by_stack", median_seconds(dropped, REPEATS) / ROUNDS * 1e6, "us")
        send(request)
        for _ in range(2):
            reader.wait(board.now_ns + 10**9)
        took = median_seconds(lambda: round_trips(send, reader, request, 1), REPEATS)
        figure("net.ping", took / ROUNDS * 1e6, "us")


def bench_scapy() -> None:
    """The same datagram as a scapy packet: built, dissected, and a round trip by sr1()."""
    if find_spec("scapy") is None:
        skipped("net.udp_echo_by_scapy", "scapy is not installed")
        return
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw

    with Board("sim") as board:
        board.boot()
        board.spawn(echo, "echo")
        wire = board.eth0.wire()
        packet = Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / UDP(sport=40000, dport=PORT) / Raw(PAYLOAD)
        if wire.sr1(packet, timeout=1, verbose=False) is None:
            raise RuntimeError("scapy's datagram was not echoed")
        raw, n = bytes(packet), 500
        for name, call in (
            ("net.scapy_build", lambda: [bytes(packet) for _ in range(n)]),
            ("net.scapy_dissect", lambda: [Ether(raw) for _ in range(n)]),
            ("net.udp_echo_by_scapy_sr1", lambda: [wire.sr1(packet, timeout=1, verbose=False) for _ in range(n)]),
        ):
            figure(name, median_seconds(call) / n * 1e6, "us")


def main() -> None:
    """The figure itself; the same with an interrupt for 32 frames; on a board where every step takes time."""
    bench_echo("net.udp_echo", Board("sim"), 1, floor=FLOOR, aim=AIM)
    bench_echo("net.udp_echo_32_an_interrupt", Board("sim", ETH_IRQ_FRAMES=32, ETH_IRQ_USEC=50), 32)
    bench_echo("net.udp_echo_stm32f7", Board("stm32f7"), 1)
    bench_stages()
    bench_scapy()


if __name__ == "__main__":
    main()
