"""Ethernet outside the boards: ports, cables, switches, what a wire does to frames, captures, and the host's end.

Everything here is a face of the C core's models (csrc/wire.h): a frame takes its wire time, arrives at a virtual
instant and waits there for whoever looks. Times are virtual nanoseconds, rates Mbit/s.
"""

from __future__ import annotations

import struct
from collections import deque
from enum import IntFlag
from typing import NamedTuple

from kernel.clock import Clock
from kernel.core import buffer, check, lib, numbers, take_bytes
from kernel.inet import IN6ADDR_ANY, inet_ntoa, pack_ipv6, unpack_address

_arrival = struct.Struct("<qII").unpack_from  # time, flags, length

NS = 1_000_000_000  # of a second
MILLION = 1_000_000
CAPTURE_LIMIT = 64 << 20  # bytes a capture may hold before it is taken away
READER_LIMIT = 16 << 20  # bytes that may wait for one reader

FAULTS = ("lose", "duplicate", "reorder", "delay", "corrupt")  # enum fault_kind
COUNTERS = (
    "tx_frames",
    "tx_bytes",
    "rx_frames",
    "rx_bytes",
    "tx_nolink",
    "tx_backlog",
    "rx_full",
    "cut",
    "lost",
    "duplicated",
    "reordered",
    "delayed",
    "corrupted",
)  # enum port_stat


class FrameFlag(IntFlag):
    """What happened to a frame on the wire (enum frame_flag)."""

    LOST = 1
    DUPLICATE = 2
    REORDERED = 4
    DELAYED = 8
    CORRUPT = 16
    BAD_FCS = 32
    RAW = 64
    OUTGOING = 128

    def words(self) -> str:
        """A comment for people: ``lost``, ``delayed, corrupt``; empty if nothing happened."""
        told = (self.LOST, self.DUPLICATE, self.REORDERED, self.DELAYED, self.CORRUPT, self.BAD_FCS)
        return ", ".join(str(flag.name).lower().replace("_", " ") for flag in told if flag & self)


_OUTGOING = int(FrameFlag.OUTGOING)  # the highest flag


class Captured(NamedTuple):
    """One record of a capture. ``time``: for what left the port, the start of sending; else the end of arriving."""

    time: int
    port: int
    outgoing: bool
    length: int
    flags: FrameFlag
    data: bytes


class Arrival(NamedTuple):
    """A frame as a reader of the host end gets it. ``outgoing``: the host end sent it itself."""

    time: int
    data: bytes
    outgoing: bool


def mac_text(mac: bytes) -> str:
    """``02:00:00:00:00:01``."""
    return mac.hex(":")


def mac_bytes(mac: str | bytes) -> bytes:
    """The six bytes of an Ethernet address. Raises ValueError."""
    raw = bytes.fromhex(mac.replace(":", "").replace("-", "")) if isinstance(mac, str) else mac
    if len(raw) != 6:
        raise ValueError(f"{mac!r} is no Ethernet address: it has {len(raw)} bytes instead of 6")
    return raw


class Port:
    """One end of a cable. ``number`` names it in the core, ``name`` in captures and reports."""

    def __init__(self, clock: Clock, number: int, name: str) -> None:
        self.clock = clock
        self.number = check(number, name)
        self.name = name
        self._up = True

    @property
    def link(self) -> int:
        """Rate of the link, the slower of both ends; 0 without one."""
        return int(lib.port_speed(self.clock.bench, self.number))

    @property
    def up(self) -> bool:
        """Whether this end is switched on. A frame on its way when the link goes is cut."""
        return self._up

    @up.setter
    def up(self, up: bool) -> None:
        check(lib.port_up(self.clock.bench, self.number, up), self.name)
        self._up = up

    def plug(self, peer: Port, latency_ns: int = 0) -> None:
        """Connects this end with another by a cable of that delay. Raises OSError (EBUSY) if one of them has one."""
        check(
            lib.cable_plug(self.clock.bench, self.number, peer.number, latency_ns),
            f"cable between {self.name} and {peer.name}",
        )

    def unplug(self) -> None:
        """Pulls the cable; nothing if there is none."""
        check(lib.cable_pull(self.clock.bench, self.number), self.name)

    def faults(
        self,
        *,
        lose: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay: float = 0.0,
        corrupt: float = 0.0,
        hold_ns: int = 1_000_000,
        longest_delay_ns: int = 1_000_000,
        fcs: bool = False,
    ) -> None:
        """What happens from now on to frames that leave this port: the probability of each fault, 0..1.

        A reordered frame is held for ``hold_ns``, so that those behind it overtake; a delayed one comes up to
        ``longest_delay_ns`` later; a corrupt one has one bit flipped, which the receiver's MAC notices only with
        ``fcs``. Drawn by the bench's seed. Raises ValueError for what is no probability.
        """
        rates = (lose, duplicate, reorder, delay, corrupt)
        args = (0, 0, hold_ns, longest_delay_ns, int(fcs))
        for name, rate in zip(FAULTS, rates, strict=True):
            if not 0.0 <= rate <= 1.0:
                raise ValueError(f"{self.name}: {name}={rate} is no probability: it has to be between 0 and 1")
        for kind, (rate, arg) in enumerate(zip(rates, args, strict=True)):
            ppm = round(rate * MILLION)
            check(lib.port_fault(self.clock.bench, self.number, kind, ppm, arg), f"{self.name}: {FAULTS[kind]}")

    @property
    def counters(self) -> dict[str, int]:
        """What passed, what got lost and where, what the wire did to it."""
        values = numbers(lib.port_counters, self.clock.bench, self.number, n=len(COUNTERS))
        return dict(zip(COUNTERS, values, strict=True))

    # Capture

    def capture(self, limit: int = CAPTURE_LIMIT, snaplen: int = 65535) -> None:
        """Records from now on what passes this port, up to ``limit`` bytes between two calls of :meth:`captured`."""
        check(lib.capture_on(self.clock.bench, self.number, limit, snaplen), f"capture at {self.name}")

    def capture_stop(self) -> None:
        """Records no more. What was recorded stays until it is taken away."""
        check(lib.capture_off(self.clock.bench, self.number), f"capture at {self.name}")

    def captured(self) -> list[Captured]:
        """Takes away what was recorded up to now."""
        bench = self.clock.bench
        room = check(lib.capture_pending(bench, self.number), f"capture at {self.name}")
        raw = take_bytes(lib.capture_read, bench, self.number, limit=room) if room else b""
        records, at = [], 0
        while at < len(raw):
            time, caplen, length, port, out, flags = struct.unpack_from("<qIIIBB", raw, at)
            at += 24
            records.append(Captured(time, port, bool(out), length, FrameFlag(flags), raw[at : at + caplen]))
            at += caplen
        return records

    @property
    def capture_drops(self) -> int:
        """Frames that a full capture did not record."""
        return int(lib.capture_drops(self.clock.bench, self.number))

    def close(self) -> None:
        """Unplugs and frees it. Idempotent; the bench closes its ports itself."""
        if self.number and not self.clock.closed:
            lib.port_free(self.clock.bench, self.number)
        self.number = 0


class Switch:
    """A learning switch, store and forward, each of whose ports has a rate of its own and a bounded backlog."""

    def __init__(self, clock: Clock, mbps: int = 10000, name: str = "switch") -> None:
        self.clock = clock
        self.mbps = mbps
        self.name = name
        self._number = check(lib.switch_new(clock.bench), name)
        self.ports: list[Port] = []

    def connect(self, device: Port, *, mbps: int | None = None, latency_ns: int = 0) -> Port:
        """Puts a cable between a new port of the switch and a device; returns the switch's port."""
        number = lib.switch_add_port(self.clock.bench, self._number, mbps or self.mbps)
        port = Port(self.clock, number, f"{self.name}.{len(self.ports) + 1}")
        self.ports.append(port)
        port.plug(device, latency_ns)
        return port


class HostEnd(Port):
    """The test bench's own end of a wire: addresses that it answers for, and any number of readers and writers."""

    def __init__(
        self,
        clock: Clock,
        mac: str | bytes,
        ip: int,
        *,
        ip6: str = "",
        mbps: int = 10000,
        name: str = "nl0",
        arp: bool = True,
        echo: bool = False,
    ) -> None:
        self.mac = mac_bytes(mac)
        self.ip = ip
        super().__init__(clock, lib.hostend_new(clock.bench, self.mac, ip, mbps), name)
        self.ip6 = ip6
        self.answers(arp=arp, echo=echo)

    def __repr__(self) -> str:
        addresses = " ".join(filter(None, (mac_text(self.mac), inet_ntoa(self.ip), self.ip6)))
        return f"<{type(self).__name__} {self.name} {addresses}>"

    @property
    def ip6(self) -> str:
        """Its IPv6 address, ``""`` if it has none: then it answers nobody's questions for one.

        Setting it raises OSError (EINVAL) for what no host can have.
        """
        return self._ip6

    @ip6.setter
    def ip6(self, address: str) -> None:
        packed = pack_ipv6(address)
        check(lib.host_ipv6(self.clock.bench, self.number, packed, len(packed)), f"{self.name}: {address}")
        self._ip6 = unpack_address(packed) if packed != IN6ADDR_ANY else ""

    def answers(self, *, arp: bool = True, echo: bool = False) -> None:
        """What it answers itself: who has its addresses (ARP, IPv6's neighbor discovery), and pings to them."""
        check(lib.host_answers(self.clock.bench, self.number, int(arp) | int(echo) << 1), self.name)

    def send(self, frame: bytes, *, raw: bool = False) -> None:
        """Sends a frame as soon as the wire is free. A short one is padded to 60 bytes as any NIC does, unless ``raw``.

        Raises OSError (EINVAL) for an empty frame or one of more than 65535 bytes. Without a link the frame is lost.
        """
        if lib.host_send(self.clock.bench, self.number, frame, len(frame), raw) < 0:
            raise OSError(22, f"{self.name}: a frame has 1 to 65535 bytes, this one has {len(frame)}")

    def reader(self, *, outgoing: bool = False, limit: int = READER_LIMIT) -> Reader:
        """Opens a queue of what arrives from now on; with ``outgoing`` also of what the host end sends."""
        number = check(lib.host_open(self.clock.bench, self.number, outgoing, limit), f"reader of {self.name}")
        return Reader(self, number)


class Reader:
    """One queue of frames at the host's end. Nothing is missed between two calls, up to its limit."""

    def __init__(self, host: HostEnd, number: int) -> None:
        self.host = host
        self.number = number
        self._read: deque[Arrival] = deque()
        self._raw = bytearray(1 << 17)
        self._view = memoryview(self._raw)
        self._pointer = buffer(self._raw)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.number < 0

    def poll(self) -> Arrival | None:
        """The next frame that has arrived by now, without letting time pass."""
        if not self._read:
            self._fill()
        return self._read.popleft() if self._read else None

    def _fill(self) -> None:
        host, raw, view = self.host, self._raw, self._view
        n = lib.host_read(host.clock.bench, host.number, self.number, self._pointer, len(raw))
        if n <= 0:
            check(n, f"reading from {host.name}")
            return
        at = 0
        while at < n:
            time, flags, length = _arrival(raw, at)
            at += 16
            self._read.append(Arrival(time, bytes(view[at : at + length]), flags >= _OUTGOING))
            at += length

    def wait(self, until: int | None) -> Arrival | None:
        """The next frame; lets time pass until it is there, at most to ``until`` (ns) or until nothing can happen."""
        if not self._read:
            clock, number = self.host.clock, self.host.number
            there = lib.host_wait(clock.bench, number, self.number, True)
            try:
                more = there or clock.run(until, wait=True)
                self._fill()
                while more and not self._read:
                    more = clock.run(until, wait=True)
                    self._fill()
            finally:
                if not clock.closed:
                    lib.host_wait(clock.bench, number, self.number, False)
        return self._read.popleft() if self._read else None

    @property
    def drops(self) -> int:
        """Frames that found this queue full."""
        return int(lib.host_drops(self.host.clock.bench, self.host.number, self.number))

    def close(self) -> None:
        """Frees the queue. Idempotent."""
        if self.number >= 0 and not self.host.clock.closed:
            lib.host_close(self.host.clock.bench, self.host.number, self.number)
        self.number = -1
