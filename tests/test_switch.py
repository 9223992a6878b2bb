"""The learning switch between host ends."""

from __future__ import annotations

from wired import S, arp_request, bench, everything, frame

from board.wire import HostEnd, Switch
from kernel.clock import Clock

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"


def switched(clock: Clock, n: int = 3, mbps: int = 10000) -> tuple[Switch, list[HostEnd]]:
    switch = Switch(clock, mbps)
    ends = [
        HostEnd(clock, f"02:00:00:00:00:{0xA + i:02x}", 0x0A00000A + i, name=f"end{i}", arp=False) for i in range(n)
    ]
    for end in ends:
        switch.connect(end)
    return switch, ends


def test_a_switch_floods_what_it_has_not_learnt_and_then_knows() -> None:
    with bench() as clock:
        _switch, (a, b, c) = switched(clock)
        readers = [end.reader() for end in (a, b, c)]
        a.send(frame(dst=B, src=A))
        assert [len(everything(r)) for r in readers] == [0, 1, 1]
        b.send(frame(dst=A, src=B))
        assert [len(everything(r)) for r in readers] == [1, 0, 0]
        a.send(frame(dst=B, src=A))
        assert [len(everything(r)) for r in readers] == [0, 1, 0]


def test_a_switch_floods_broadcasts_to_all_but_their_sender() -> None:
    with bench() as clock:
        _switch, ends = switched(clock, 5)
        readers = [end.reader() for end in ends]
        ends[2].send(frame(dst="ff:ff:ff:ff:ff:ff", src=C))
        assert [len(everything(r)) for r in readers] == [1, 1, 0, 1, 1]


def test_a_switch_stores_and_forwards() -> None:
    with bench() as clock:
        _switch, (a, b) = switched(clock, 2, mbps=100)
        reader = b.reader()
        a.send(frame(dst=B, src=A))
        arrival = reader.wait(None)
        assert arrival is not None and arrival.time == S + 2 * 6720


def test_a_switch_forgets_who_was_behind_a_lost_link() -> None:
    with bench() as clock:
        switch, (a, b, c) = switched(clock)
        reader = c.reader()
        b.send(frame(dst=A, src=B))
        assert len(everything(reader)) == 1
        b.unplug()
        switch.connect(b)
        a.send(frame(dst=B, src=A))
        assert len(everything(reader)) == 1


def test_a_switch_drops_what_a_slow_port_cannot_hold() -> None:
    with bench() as clock:
        switch = Switch(clock)
        fast = HostEnd(clock, A, 1, name="fast")
        slow = HostEnd(clock, B, 2, name="slow")
        switch.connect(fast)
        port = switch.connect(slow, mbps=10)
        reader = slow.reader()
        for _ in range(200):
            fast.send(frame(1514, dst=B, src=A))
        got = len(everything(reader))
        assert 30 < got < 60
        assert port.counters["tx_backlog"] == 200 - got


def test_a_hundred_ends_on_a_switch_resolve_each_other() -> None:
    with bench() as clock:
        switch = Switch(clock)
        ends = [HostEnd(clock, bytes([2, 0, 0, 1, i >> 8, i & 255]), 0x0B000000 + i, name=f"e{i}") for i in range(100)]
        for end in ends:
            switch.connect(end)
        reader = ends[0].reader()
        for i in range(1, 100):
            ends[0].send(arp_request(0x0B000000 + i, sender=ends[0].ip, mac=ends[0].mac.hex(":")))
        replies = everything(reader)
        assert sorted(data[6:12] for data in replies) == [end.mac for end in ends[1:]]
