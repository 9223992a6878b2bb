"""Frames that nobody should send: each is a counted drop or an answer, and afterwards the board is as it was."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw, raw
from scapy.utils import checksum

from board import Board
from board.wire import Reader, mac_bytes, mac_text
from kernel.iob import IobOwner

HOST, STRANGER = "10.0.1.1", "10.0.1.77"
POOLS: dict[str, dict[str, int]] = {
    "its own pool": {},
    "8 buffers": {"IOB_NBUFFERS": 8, "IOB_THROTTLE": 2},
    "2 buffers": {"IOB_NBUFFERS": 2, "IOB_THROTTLE": 0},
}


def echo(sys: Any) -> None:
    """Echoes whatever comes to port 7, but not to senders without an address: as a destination that is the board."""
    sock = sys.socket()
    sock.bind(("0.0.0.0", 7))
    while True:
        data, sender = sock.recvfrom(2000)
        if sender[0] != "0.0.0.0":
            sock.sendto(data[:1400], sender)


class Target:
    """A booted board with the echo program, and who attacks it."""

    def __init__(self, board: Board) -> None:
        assert board.eth0.host is not None
        self.board = board
        self.host = board.eth0.host
        self.mac, self.ip = board.eth0.mac, board.eth0.ip
        self.host_mac = mac_text(self.host.mac)
        self.app = board.spawn(echo, "echo")
        board.boot()
        self.reader: Reader = self.host.reader()

    def frame(self, *layers: Any, src: str = HOST, dst: str = "", **fields: Any) -> bytes:
        """A frame with an IP header of these fields."""
        packet = Ether(dst=self.mac, src=self.host_mac) / IP(src=src, dst=dst or self.ip, **fields)
        for layer in layers:
            packet /= layer
        return raw(packet)

    def send(self, frame: bytes) -> None:
        self.host.send(frame)

    def answers(self) -> list[Ether]:
        """What the board has sent since the last call."""
        frames = []
        while (arrival := self.reader.poll()) is not None:
            frames.append(Ether(arrival.data))
        return frames

    def introduce(self) -> None:
        """The host's true address, in case somebody lied."""
        mac = self.host_mac
        self.send(raw(Ether(dst=self.mac, src=mac) / ARP(op=1, hwsrc=mac, psrc=HOST, pdst=self.ip)))
        self.board.run(0.1)

    def check(self) -> None:
        """Every IOB is back, the program lives, the board answers a ping and echoes a datagram."""
        self.board.run(200)
        self.introduce()
        self.answers()
        self.send(self.frame(ICMP(id=77), b"alive?"))
        self.board.run(1)
        self.send(self.frame(UDP(sport=4000, dport=7), b"still?"))
        self.board.run(1)
        kinds = [(ICMP in a and a[ICMP].type, UDP in a and bytes(a[UDP].payload)[:6]) for a in self.answers()]
        assert kinds == [(0, False), (False, b"still?")]
        iobs = self.board.kernel.iobs
        stats = iobs.getstats()
        assert iobs.check() == "" and stats.nfree == stats.ntotal, iobs.ledger()
        assert self.app.alive and self.board.reports == []


@pytest.fixture
def target() -> Iterator[Target]:
    with Board() as board:
        yield Target(board)


def lands(t: Target) -> list[bytes]:
    """The board's own addresses, and others that nobody has, as the sender."""
    sources = (t.ip, "127.0.0.1", "10.0.1.255", "255.255.255.255", "224.0.0.1")
    return [t.frame(layer, src=src) for src in sources for layer in (ICMP() / b"x", UDP(sport=7, dport=7) / b"land")]


def bad_headers(t: Target) -> list[bytes]:
    datagram = UDP(sport=7, dport=7) / b"x"
    frames = [t.frame(datagram, version=version) for version in (0, 5, 6, 15)]
    frames += [t.frame(datagram, ihl=ihl) for ihl in (0, 4, 6, 15)]
    frames += [t.frame(datagram, len=length) for length in (0, 19, 20, 27, 30, 1500, 65535)]
    frames += [t.frame(datagram, chksum=0x1234), t.frame(ICMP(chksum=0x1234) / b"x")]
    frames += [t.frame(UDP(sport=7, dport=7, len=length) / b"x") for length in (0, 7, 8, 10, 65535)]
    return [*frames, t.frame(UDP(sport=7, dport=7, chksum=0x1234) / b"x", proto=17)[:34] + bytes(10)]


def fragments(t: Target) -> list[bytes]:
    """Overlapping, identical, beyond the end, heads without tails."""
    body = bytes(ICMP(id=1) / bytes(64))
    places = [(1, 0), (1, 0), (1, 1), (0, 1), (0, 8), (1, 8191), (0, 8191), (3, 185), (7, 0)]
    return [t.frame(Raw(body), proto=1, id=i % 2, flags=flags, frag=at) for i, (flags, at) in enumerate(places)]


def lying_errors(t: Target) -> list[bytes]:
    """ICMP errors about what the board has never sent, cut anywhere."""
    quotes = [IP(src=t.ip, dst=STRANGER, ihl=ihl) / UDP(sport=7, dport=9, len=65535) for ihl in (0, 5, 15)]
    quotes += [IP(src=src, dst=STRANGER) / UDP(sport=7, dport=9) for src in (t.ip, HOST, "127.0.0.1")]
    cuts = [raw(quote)[:n] for quote in quotes for n in (0, 1, 8, 19, 20, 27, 28)]
    return [t.frame(ICMP(type=kind, code=3) / Raw(cut)) for kind in (3, 4, 5, 11, 12) for cut in cuts]


def arp_lies(t: Target) -> list[bytes]:
    everybody, fields = "ff:ff:ff:ff:ff:ff", {"psrc": STRANGER, "pdst": t.ip}
    bodies = [ARP(op=op, **fields) for op in (0, 1, 2, 3, 65535)]
    bodies += [ARP(hwlen=n, **fields) for n in (0, 5, 255)] + [ARP(plen=n, **fields) for n in (0, 6, 255)]
    bodies += [ARP(hwtype=6, **fields), ARP(ptype=0x86DD, **fields)]
    bodies += [ARP(op=2, hwsrc=mac, psrc=HOST, pdst=t.ip) for mac in (everybody, t.mac, "01:00:5e:00:00:01")]
    bodies += [ARP(op=2, hwsrc=STRANGER_MAC, psrc=ip, pdst=ip) for ip in (t.ip, "0.0.0.0", "10.0.1.255", "8.8.8.8")]
    return [raw(Ether(dst=dst, src=STRANGER_MAC, type=0x806) / body) for body in bodies for dst in (t.mac, everybody)]


def to_groups(t: Target) -> list[bytes]:
    """Unicast inside of group frames and the other way round; nobody may answer those with an error."""
    frames = []
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", t.mac):
        for dst in ("255.255.255.255", "10.0.1.255", "224.0.0.1", STRANGER, "127.0.0.1", "0.0.0.0"):
            for layer in (ICMP() / b"x", UDP(dport=9999) / b"x", Raw(b"x")):
                frames.append(raw(Ether(dst=mac, src=t.host_mac) / IP(src=HOST, dst=dst) / layer))
    return frames


STRANGER_MAC = "02:00:00:00:00:66"
FAMILIES: dict[str, Callable[[Target], list[bytes]]] = {
    "land": lands,
    "headers": bad_headers,
    "fragments": fragments,
    "lying errors": lying_errors,
    "ARP lies": arp_lies,
    "groups": to_groups,
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_bad_frames_leaves_no_trace(family: str, pool: str) -> None:
    with Board(**POOLS[pool]) as board:  # type: ignore[arg-type]
        t = Target(board)
        for frame in FAMILIES[family](t):
            t.send(frame)
            board.run(0.001)
        t.check()


@pytest.mark.parametrize("family", ["land", "headers", "fragments", "lying errors", "groups"])
def test_nothing_answers_them(target: Target, family: str) -> None:
    target.introduce()
    target.answers()
    for frame in FAMILIES[family](target):
        target.send(frame)
        target.board.run(0.001)
    wrong = [a.summary() for a in target.answers() if ARP not in a]
    assert wrong == []


@pytest.mark.parametrize("family", ["land", "headers", "fragments"])
def test_all_of_them_are_counted_as_dropped(target: Target, family: str) -> None:
    frames = FAMILIES[family](target)
    for frame in frames:
        target.send(frame)
    target.board.run(0.1)
    stats = target.board.kernel.net.stats
    waiting = sum(holder.owner == IobOwner.REASM for holder in target.board.kernel.iobs.ledger())
    assert (waiting > 0) == (family == "fragments")
    assert stats.ipv4.recv == len(frames) == stats.ipv4.drop + stats.udp.drop + stats.icmp.drop + waiting


def test_a_frame_cut_at_every_length_does_no_harm(target: Target) -> None:
    whole = [target.frame(UDP(sport=9, dport=7) / bytes(40)), target.frame(ICMP() / bytes(40))]
    whole += [raw(Ether(dst=target.mac, src=target.host_mac) / ARP(psrc=HOST, pdst=target.ip)), fragments(target)[2]]
    for frame in whole:
        for n in range(1, len(frame)):
            target.host.send(frame[:n], raw=True)
            target.host.send(frame[:n])  # padded to 60 bytes
        target.board.run(0.1)
    target.check()


@pytest.mark.parametrize("length", [1, 13, 14, 59, 60, 1514, 1515, 1518, 1519, 1536, 9000, 65535])
def test_runts_and_giants_are_the_controller_s_to_count(target: Target, length: int) -> None:
    frame = target.frame(UDP(sport=9, dport=7) / bytes(40)) + bytes(65535)
    for _ in range(100):
        target.host.send(frame[:length], raw=True)
    target.board.run(1)
    counters = target.board.eth0.counters
    assert (counters["mac_rx_runts"] == 100) == (length < 60)
    assert (counters["mac_rx_giants"] == 100) == (length > 1518)
    target.check()


def test_options_of_any_length_are_skipped_or_dropped(target: Target) -> None:
    generator = random.Random(7)
    for ihl in range(5, 16):
        options = generator.randbytes(4 * ihl - 20)
        header = bytearray(target.frame(ihl=ihl, len=4 * ihl + 12, proto=1)[:34] + options)
        header[24:26] = bytes(2)
        header[24:26] = checksum(bytes(header[14:])).to_bytes(2, "big")
        target.send(bytes(header) + bytes(ICMP(id=ihl) / b"data") + bytes(18))
    target.board.run(0.1)
    replies = [a for a in target.answers() if ICMP in a]
    assert [a[ICMP].id for a in replies] == list(range(5, 16)) and all(a[IP].ihl == 5 for a in replies)
    target.check()


def damaged(generator: random.Random, target: Target, frame: bytearray) -> bytes:
    """A frame that was cut, continued or changed, or noise in its place."""
    match generator.randrange(5):
        case 0:
            frame = frame[: generator.randrange(1, len(frame) + 1)]
        case 1:
            frame += generator.randbytes(generator.randrange(1500))
        case 2:
            for _ in range(3):
                frame[generator.randrange(len(frame))] = generator.randrange(256)
        case 3:
            frame = bytearray(mac_bytes(target.mac) + generator.randbytes(generator.randrange(1600)))
    return bytes(frame)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("profile", ["sim", "stm32f7", "smp4"])
def test_random_frames_at_random_times(profile: str, pool: str) -> None:
    with Board(profile, **POOLS[pool]) as board:  # type: ignore[arg-type]
        target = Target(board)
        generator = random.Random(f"{profile} {pool}")
        frames = [frame for family in FAMILIES.values() for frame in family(target)]
        for _ in range(500):
            frame = bytearray(generator.choice(frames))
            target.host.send(damaged(generator, target, frame), raw=generator.random() < 0.5)
            if generator.random() < 0.3:
                board.run(generator.choice([0, 1e-6, 1e-4, 0.01, 1]))
        target.check()


def test_a_wire_that_does_everything_wrong_loses_frames_but_no_buffers() -> None:
    with Board(seed=3, IOB_NBUFFERS=8, IOB_THROTTLE=2) as board:
        target = Target(board)
        for port in (target.host, board.eth0.mac_model):
            port.faults(lose=0.2, duplicate=0.2, reorder=0.2, delay=0.2, corrupt=0.3)
        for i in range(300):
            target.send(target.frame(ICMP(seq=i) / bytes(i * 4)))
            board.run(1e-6)
        board.run(1)
        for port in (target.host, board.eth0.mac_model):
            port.faults()
        assert target.host.counters["lost"] and target.host.counters["corrupted"]
        target.check()


def test_udpecho_does_not_talk_to_itself() -> None:
    """A datagram from 0.0.0.0 to everybody: its answer would come back to the board for ever."""
    with Board(NET_BROADCAST=True) as board:
        board.nsh("udpecho &")
        target = Target.__new__(Target)
        target.board, target.host = board, board.eth0.host  # type: ignore[assignment]
        everybody = "ff:ff:ff:ff:ff:ff"
        packet = Ether(dst=everybody) / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=7, dport=7) / b"loop"
        target.send(raw(packet) + bytes(18))
        board.run(1)
        assert board.eth0.counters["rx_dropped"] == 0 and board.reports == []
