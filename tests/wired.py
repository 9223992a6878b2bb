"""What the hardware tests build on: benches with wires, and a board that consists of a kernel, a MAC and its driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from board.config import Config
from board.mac import Mac
from board.profile import hardware
from board.wire import HostEnd, Reader
from drivers.ethernet import EthernetDriver
from kernel.clock import Clock
from kernel.core import COSTS
from kernel.kernel import Kernel

HOST_MAC = "02:00:00:00:00:01"
BOARD_MAC = "02:00:00:00:00:02"
HOST_IP = 0x0A000101
BOARD_IP = 0x0A000102
US, MS, S = 1_000, 1_000_000, 1_000_000_000


def frame(
    length: int = 60, *, dst: str = BOARD_MAC, src: str = HOST_MAC, fill: int = 0, ethertype: int = 0x88B5
) -> bytes:
    """A frame of an experimental EtherType, ``length`` bytes without FCS."""
    head = bytes.fromhex(dst.replace(":", "") + src.replace(":", "")) + ethertype.to_bytes(2, "big")
    return head + bytes([fill]) * (length - len(head))


def arp_request(target: int = BOARD_IP, *, sender: int = HOST_IP, mac: str = HOST_MAC) -> bytes:
    """Who has ``target``? Tell ``sender``."""
    hw = bytes.fromhex(mac.replace(":", ""))
    body = b"\0\1\x08\0\6\4\0\1" + hw + sender.to_bytes(4, "big") + bytes(6) + target.to_bytes(4, "big")
    return b"\xff" * 6 + hw + b"\x08\x06" + body


def _checksum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


def ping(
    seq: int = 1, size: int = 18, *, src: int = HOST_IP, dst: int = BOARD_IP, to: str = BOARD_MAC, by: str = HOST_MAC
) -> bytes:
    """An ICMP echo request with ``size`` bytes of data."""
    icmp = b"\x08\0" + b"\0\0" + b"\x12\x34" + seq.to_bytes(2, "big") + bytes(i & 255 for i in range(size))
    icmp = icmp[:2] + _checksum(icmp) + icmp[4:]
    ip = (
        b"\x45\0"
        + (20 + len(icmp)).to_bytes(2, "big")
        + b"\0\0\0\0\x40\1\0\0"
        + src.to_bytes(4, "big")
        + dst.to_bytes(4, "big")
    )
    ip = ip[:10] + _checksum(ip) + ip[12:]
    return bytes.fromhex(to.replace(":", "") + by.replace(":", "")) + b"\x08\0" + ip + icmp


def is_echo_reply(data: bytes, seq: int | None = None) -> bool:
    """Whether a frame is an ICMP echo reply, to request ``seq`` if given."""
    return (
        data[12:14] == b"\x08\0"
        and data[23] == 1
        and data[34] == 0
        and seq in (None, int.from_bytes(data[40:42], "big"))
    )


def later(clock: Clock, ns: int) -> None:
    """Lets ``ns`` pass."""
    clock.run(clock.now_ns + ns)


def everything(reader: Reader) -> list[bytes]:
    """All frames that come until nothing can happen any more."""
    frames = []
    while (arrival := reader.wait(None)) is not None:
        frames.append(arrival.data)
    return frames


@contextmanager
def bench(seed: int = 1) -> Iterator[Clock]:
    """A bench without boards."""
    clock = Clock(seed, watchdog=0)
    try:
        yield clock
    finally:
        clock.close()


class Wired:
    """A board with eth0 (10.0.1.2/24) on a cable to the host's end nl0 (10.0.1.1)."""

    def __init__(
        self,
        seed: int = 1,
        *,
        up: bool = True,
        budget: int = 1 << 16,
        profile: str = "sim",
        live: bool = False,
        **options: Any,
    ) -> None:
        self.clock = Clock(seed, watchdog=0)
        if live:
            self.clock.go_live(100 * US)
        config = Config(profile, **options)
        costs = dict(zip(COSTS, hardware(config).cost_ps, strict=True))
        self.kernel = Kernel(self.clock, config, costs=costs)
        self.mac = Mac(
            self.clock,
            self.kernel.board,
            BOARD_MAC,
            irq=5,
            rx_ring=config.number("ETH_RX_RING"),
            tx_ring=config.number("ETH_TX_RING"),
            mbps=config.number("LINK_MBPS"),
        )
        self.host = HostEnd(self.clock, HOST_MAC, HOST_IP)
        self.mac.plug(self.host)
        self.eth = EthernetDriver(self.kernel, self.mac, budget=budget)
        self.device = self.kernel.net.register(self.eth)
        self.device.ipaddr, self.device.draddr, self.device.netmask = "10.0.1.2", "10.0.1.1", "255.255.255.0"
        self.reader = self.host.reader()
        if up:
            self.call(self.eth.ifup)

    def call(self, function: Any, *args: Any, priority: int = 50) -> list[Any]:
        """Runs ``function`` as a task until it is done and nothing more happens; returns a list with its result."""
        results: list[Any] = []
        self.kernel.tasks.create(lambda _sys: results.append(function(*args)), "caller", priority)
        self.clock.run(None, look=(lambda: bool(results)) if self.clock.live else None)
        return results

    def statistics(self) -> dict[str, int]:
        """The interface's counters by name."""
        return self.device.stats._asdict()

    def flags(self) -> int:
        """IFF_UP is 1, IFF_RUNNING 2."""
        return self.device.flags

    def pings(self, seq: int = 1) -> bool:
        """Whether the board answers a ping."""
        self.host.send(ping(seq))
        return any(is_echo_reply(data, seq) for data in everything(self.reader))

    def __enter__(self) -> Wired:
        return self

    def __exit__(self, *_: object) -> None:
        self.kernel.close()
        self.clock.close()
