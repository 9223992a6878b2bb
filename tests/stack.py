"""What the network tests build on: a board without hardware, whose eth0 hands frames over one by one, and packets."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from board.config import Config
from drivers.loopback import LoopbackDriver
from kernel.clock import Clock
from kernel.core import buffer, check, lib
from kernel.inet import ether_aton, inet_addr, pack_ipv4, pack_ipv6
from kernel.iob import IobOwner
from kernel.kernel import Kernel
from kernel.wqueue import LPWORK, Work

BOARD_MAC = ether_aton("02:00:00:00:00:02")
HOST_MAC = ether_aton("02:00:00:00:00:01")
EVERYBODY = b"\xff" * 6
BOARD_IP, HOST_IP = "10.0.1.2", "10.0.1.1"
MTU = [1500]
"""Of the boards made here; a test may change it."""

BOARD_IP6, HOST_IP6 = "fc00::2", "fc00::1"


def checksum(data: bytes) -> int:
    """RFC 1071, the slow way."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ether(payload: bytes, kind: int = 0x0800, dst: bytes = BOARD_MAC, src: bytes = HOST_MAC) -> bytes:
    return dst + src + struct.pack("!H", kind) + payload


def ip(
    payload: bytes,
    proto: int,
    *,
    src: str = HOST_IP,
    dst: str = BOARD_IP,
    options: bytes = b"",
    vhl: int | None = None,
    total: int | None = None,
    frag: int = 0,
    ttl: int = 64,
    bad: int = 0,
) -> bytes:
    """An IPv4 packet; what is not given is right. ``bad`` is added to the checksum."""
    hlen = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBHII",
        0x40 | hlen // 4 if vhl is None else vhl,
        0,
        hlen + len(payload) if total is None else total,
        0x1234,
        frag,
        ttl,
        proto,
        0,
        inet_addr(src),
        inet_addr(dst),
    )
    value = (checksum(head + options) + bad) & 0xFFFF
    return head[:10] + struct.pack("!H", value) + head[12:] + options + payload


def udp(
    data: bytes, dport: int = 7, sport: int = 1000, *, src: str = HOST_IP, dst: str = BOARD_IP, **change: Any
) -> bytes:
    """A UDP packet with its IP header. ``length`` and ``sum`` replace the right values."""
    length, given = change.pop("length", 8 + len(data)), change.pop("sum", None)
    pseudo = struct.pack("!IIHH", inet_addr(src), inet_addr(dst), 17, 8 + len(data))
    head = struct.pack("!HHH", sport, dport, length)
    value = checksum(pseudo + head + b"\0\0" + data) or 0xFFFF
    return ip(head + struct.pack("!H", value if given is None else given) + data, 17, src=src, dst=dst, **change)


def icmp(kind: int, code: int = 0, rest: bytes = b"\0\7\0\3", data: bytes = b"", **change: Any) -> bytes:
    """An ICMP packet with its IP header; ``rest`` are the four bytes after the checksum."""
    given = change.pop("sum", None)
    body = bytes([kind, code]) + b"\0\0" + rest + data
    return ip(body[:2] + struct.pack("!H", checksum(body) if given is None else given) + body[4:], 1, **change)


def arp(
    op: int,
    *,
    sender: str = HOST_IP,
    target: str = BOARD_IP,
    mac: bytes = HOST_MAC,
    head: bytes = b"\0\1\x08\0\6\4",
) -> bytes:
    """An ARP packet without its Ethernet header."""
    fields = struct.pack("!H6sI6sI", op, mac, inet_addr(sender), bytes(6), inet_addr(target))
    return head + fields


def error_of(call: Callable[..., Any], *args: Any) -> int | None:
    """The errno that a call fails with, None if it does not."""
    try:
        call(*args)
    except OSError as error:
        return error.errno
    return None


class Packet:
    """A frame that the board sent, taken apart. Checks lengths and checksums as it goes."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.dst_mac, self.src_mac = frame[:6], frame[6:12]
        self.kind = int.from_bytes(frame[12:14], "big")
        self.body = frame[14:]
        self.proto = 0
        if self.kind != 0x0800:
            return
        assert self.body[0] == 0x45 and checksum(self.body[:20]) == 0
        assert int.from_bytes(self.body[2:4], "big") == len(self.body)
        self.ttl, self.proto = self.body[8], self.body[9]
        self.src, self.dst = (".".join(map(str, self.body[i : i + 4])) for i in (12, 16))
        self.payload = self.body[20:]
        if self.proto == 17:
            pseudo = self.body[12:20] + struct.pack("!HH", 17, len(self.payload))
            assert self.payload[6:8] == b"\0\0" or checksum(pseudo + self.payload) == 0
            self.sport, self.dport, length = struct.unpack("!HHH", self.payload[:6])
            assert length == len(self.payload)
            self.data = self.payload[8:]
        elif self.proto == 1:
            assert checksum(self.payload) == 0
            self.type, self.code = self.payload[:2]
            self.data = self.payload[8:]


class SoftDriver:
    """A driver without hardware: frames to be sent wait in the core until the test takes them."""

    def __init__(self, kernel: Kernel, name: str, mac: bytes, depth: int, mtu: int) -> None:
        self.kernel, self.name, self.lock = kernel, name, None
        self.index = check(lib.netdev_soft(kernel.board, name.encode(), mtu, mac, depth), name)
        self.work = Work(kernel, f"{name} poll")
        self.hints = 0

    def call(self, function: Any, *args: Any) -> int:
        return self.kernel.clock.follow(function(self.kernel.board, self.index, *args))

    def ifup(self) -> int:
        return self.call(lib.netdev_set, lib.NETDEV_UP, 1) or self.call(lib.netdev_set, lib.NETDEV_CARRIER, 1)

    def ifdown(self) -> int:
        return self.call(lib.netdev_set, lib.NETDEV_UP, 0)

    def txavail(self) -> int:
        self.hints += 1
        if self.work.available:
            self.kernel.work_queue(LPWORK, self.work, self.poll)
        return 0

    def poll(self, _arg: Any) -> None:
        with self.kernel.net_lock:
            while self.call(lib.netdev_poll, 1000) > 0:
                pass


class Stack:
    """A board with eth0 (10.0.1.2/24 and fc00::2/112, routers .1) that is nothing but its stack, and lo."""

    def __init__(self, *, depth: int = 64, auto: bool = True, known: bool = True, **options: Any) -> None:
        self.clock = Clock(1, watchdog=0)
        self.kernel = Kernel(self.clock, Config("sim", **options))
        self.board = self.kernel.board
        self.eth = SoftDriver(self.kernel, "eth0", BOARD_MAC, depth, MTU[0])
        if not auto:
            self.eth.txavail = lambda: 0  # type: ignore[method-assign]
        self.device = self.kernel.net.register(self.eth)
        self.device.ipaddr, self.device.draddr, self.device.netmask = BOARD_IP, HOST_IP, "255.255.255.0"
        if self.kernel.options["NET_IPv6"]:
            self.device.ip6.set(BOARD_IP6, 112)
            self.device.ip6.router = HOST_IP6
        self.kernel.net.register(LoopbackDriver(self.kernel))
        self.eth.ifup()
        if known:
            for host in (pack_ipv4(HOST_IP), pack_ipv6(HOST_IP6)):
                lib.neighbor_set(self.board, self.eth.index, host, HOST_MAC, 6)
        self.clock.run(None)
        self.free = self.kernel.iobs.getstats().nfree
        self._room = bytearray(2048)

    def input(self, *frames: bytes) -> int:
        """Frames arrive. What the last one answered."""
        r = 0
        for frame in frames:
            r = lib.netdev_input(self.board, self.eth.index, frame, len(frame))
        return int(r)

    def frames(self) -> list[bytes]:
        """What the board has sent."""
        taken = []
        while (n := lib.netdev_take(self.board, self.eth.index, buffer(self._room), len(self._room))) >= 0:
            taken.append(bytes(self._room[:n]))
        return taken

    def answers(self, *frames: bytes) -> list[Packet]:
        """What it sends when these arrive."""
        self.input(*frames)
        return [Packet(frame) for frame in self.frames()]

    def pings(self) -> bool:
        """Whether it still answers."""
        answers = self.answers(ether(icmp(8, data=b"abc")))
        return len(answers) == 1 and answers[0].type == 0 and answers[0].data == b"abc"

    def start(self, function: Callable[..., Any], *args: Any, priority: int = 50) -> list[Any]:
        """Starts ``function(sys, *args)`` as a task; its result, or OSError, appears in the list when it ends."""
        results: list[Any] = []

        def body(sys: Any) -> None:
            try:
                results.append(function(sys, *args))
            except OSError as error:
                results.append(error)

        self.kernel.tasks.create(body, "test", priority)
        self.clock.run(None)
        return results

    def keep(self, make: Callable[[Any], Any]) -> Any:
        """What ``make(sys)`` returns in a task that goes on living: a socket would be closed with it."""
        made: list[Any] = []

        def body(sys: Any) -> None:
            made.append(make(sys))
            sys.semaphore().wait()

        self.start(body)
        return made[0]

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Runs ``function(sys, *args)`` as a task until nothing can happen any more; its result. Raises its OSError."""
        results = self.start(function, *args)
        assert results, "the task did not end"
        if isinstance(results[0], OSError):
            raise results[0]
        return results[0]

    def later(self, seconds: float) -> None:
        self.clock.run(self.clock.now_ns + round(seconds * 1e9))

    def leaks(self) -> int:
        """IOBs that did not come back."""
        assert self.kernel.iobs.check() == ""
        return self.free - self.kernel.iobs.getstats().nfree

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.kernel.close()
        self.clock.close()


def bound(sys: Any, port: int = 7, address: str = "") -> Any:
    """A UDP socket of the task that calls this."""
    sock = sys.socket()
    sock.bind((address, port))
    return sock


def opened(s: Stack, port: int = 7, address: str = "") -> Any:
    """A bound UDP socket that outlives the task that made it."""
    return s.keep(lambda sys: bound(sys, port, address))


def hog(s: Stack, leave: int) -> list[int]:
    """Takes all buffers but ``leave``."""
    iobs = []
    while s.kernel.iobs.navail() > leave:
        iob = s.kernel.iobs.tryalloc(owner=IobOwner.TEST << 24)
        assert iob is not None
        iobs.append(iob)
    return iobs


def waiting(s: Stack) -> int:
    """Buffers that hold fragments."""
    return sum(holder.owner == IobOwner.REASM for holder in s.kernel.iobs.ledger())


def sent(s: Stack) -> list[bytes]:
    """All that the board has to send, however short its device's queue is."""
    frames: list[bytes] = []
    while True:
        s.eth.txavail()
        s.later(0.03)
        more = s.frames()
        if not more:
            return frames
        frames += more
