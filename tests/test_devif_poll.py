"""devif_poll: in which order a device gets what waits for it, and when it stops asking."""

from __future__ import annotations

from typing import Any

import pytest
from stack import Packet, Stack

from kernel.core import lib
from kernel.socket import AF_INET, IPPROTO_ICMP, SOCK_DGRAM

HOST = ("10.0.1.1", 1000)
ECHO = b"\x08\0\0\0\0\x07\0\1data"


def poll(s: Stack, n: int) -> list[Packet]:
    s.eth.call(lib.netdev_poll, n)
    return [Packet(f) for f in s.frames()]


def background(s: Stack, function: Any) -> None:
    """Starts a task and lets it come as far as it can without time."""
    s.kernel.tasks.create(function, "test", 50)
    s.later(0.001)


def ping(sys: Any) -> None:
    sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP).sendto(ECHO, ("10.0.1.1", 0))


def ask(sys: Any) -> None:
    sys.socket().sendto(b"x", ("10.0.1.9", 9))


def send(n: int) -> Any:
    def body(sys: Any) -> None:
        sock = sys.socket()
        for i in range(n):
            sock.sendto(bytes([i]), HOST)
        sys.semaphore().wait()

    return body


def kinds(packets: list[Packet]) -> list[str]:
    return ["arp" if p.kind == 0x0806 else "udp" if p.proto == 17 else "icmp" for p in packets]


def test_datagrams_come_before_arp_before_pings() -> None:
    with Stack(auto=False) as s:
        background(s, ping)
        background(s, ask)
        background(s, send(2))
        assert kinds(poll(s, 100)) == ["udp", "udp", "arp", "icmp"]
        assert s.device.polltypes == 0


def test_budget_stops_it_and_keeps_the_rest_pending() -> None:
    with Stack(auto=False) as s:
        background(s, ping)
        background(s, send(2))
        assert kinds(poll(s, 1)) == ["udp"]
        assert s.device.polltypes == lib.UDP_POLL | lib.ICMP_POLL
        assert kinds(poll(s, 1)) == ["udp"]
        assert kinds(poll(s, 1)) == ["icmp"]


def test_full_ring_stops_it_and_later_types_are_not_visited() -> None:
    with Stack(auto=False, depth=2) as s:
        background(s, ping)
        background(s, send(3))
        assert s.eth.call(lib.netdev_poll, 100) == 2
        assert s.eth.call(lib.netdev_poll, 100) == 0
        assert s.device.polltypes == lib.UDP_POLL | lib.ICMP_POLL
        assert len(s.frames()) == 2
        assert kinds(poll(s, 100)) == ["udp", "icmp"]


def test_sockets_take_turns() -> None:
    with Stack(auto=False) as s:
        for _ in range(3):
            background(s, send(2))
        assert [p.data[0] for p in poll(s, 100)] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("who,kind", [(ping, "icmp"), (ask, "arp")])
def test_poll_without_a_buffer_is_lost_until_the_next_notification(who: Any, kind: str) -> None:
    with Stack(auto=False, IOB_NBUFFERS=4, IOB_THROTTLE=0) as s:
        background(s, who)
        held = [s.kernel.iobs.tryalloc() for _ in range(4)]
        assert poll(s, 100) == []
        assert s.device.polltypes == 0 and s.device.stats.tx_noiob == 1
        for iob in held:
            assert iob is not None
            s.kernel.iobs.free_chain(iob)
        assert poll(s, 100) == []
        background(s, who if kind == "icmp" else ping)
        if kind == "icmp":
            assert kinds(poll(s, 100)) == ["icmp", "icmp"]
        else:
            s.later(0.05)
            assert "arp" in kinds(poll(s, 100))


def test_interface_that_is_down_is_not_asked() -> None:
    with Stack(auto=False) as s:
        background(s, send(1))
        s.eth.ifdown()
        assert poll(s, 100) == []


def test_sender_tells_the_driver_once_per_datagram() -> None:
    with Stack() as s:
        s.run(lambda sys: [sys.socket().sendto(b"x", HOST) for _ in range(5)])
        assert s.eth.hints == 5
