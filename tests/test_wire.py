"""Cables, faults, captures and the host's end of a wire."""

from __future__ import annotations

import pytest
from wired import MS, US, S, arp_request, bench, everything, frame, is_echo_reply, later, ping

from board.wire import FrameFlag, HostEnd
from kernel.clock import Clock

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"


def pair(clock: Clock, *, mbps: int = 10000, latency_ns: int = 0) -> tuple[HostEnd, HostEnd]:
    a = HostEnd(clock, A, 0x0A00000A, mbps=mbps, name="a", arp=False)
    b = HostEnd(clock, B, 0x0A00000B, mbps=mbps, name="b", arp=False)
    a.plug(b, latency_ns)
    return a, b


# Time


@pytest.mark.parametrize(
    ("mbps", "length", "ns"),
    [(10000, 60, 68), (1000, 60, 672), (100, 60, 6720), (100, 1514, 123040), (10, 1514, 1230400)],
)
def test_a_frame_takes_its_wire_time_with_fcs_preamble_and_gap(mbps: int, length: int, ns: int) -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=mbps)
        reader = b.reader()
        start = clock.now_ns
        a.send(frame(length))
        arrival = reader.wait(None)
        assert arrival is not None
        assert arrival.time - start == ns
        assert clock.now_ns == arrival.time


def test_latency_of_the_cable_is_added() -> None:
    with bench() as clock:
        a, b = pair(clock, latency_ns=5 * US)
        reader = b.reader()
        a.send(frame())
        arrival = reader.wait(None)
        assert arrival is not None and arrival.time == 1 * S + 68 + 5 * US


def test_a_port_sends_one_frame_after_the_other() -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=100)
        reader = b.reader()
        for i in range(3):
            a.send(frame(fill=i))
        times = [arrival.time - S for arrival in iter(lambda: reader.wait(None), None)]
        assert times == [6720, 13440, 20160]


def test_the_link_runs_at_the_slower_of_both_ends() -> None:
    with bench() as clock:
        a = HostEnd(clock, A, 1, mbps=1000)
        b = HostEnd(clock, B, 2, mbps=100)
        assert a.link == 0
        a.plug(b)
        assert a.link == b.link == 100


def test_a_reader_does_not_see_a_frame_before_its_last_bit() -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=10)
        reader = b.reader()
        a.send(frame())
        assert reader.poll() is None
        later(clock, 67_199)
        assert reader.poll() is None
        later(clock, 1)
        assert reader.poll() is not None


def test_waiting_ends_at_once_when_nothing_can_come() -> None:
    with bench() as clock:
        _a, b = pair(clock)
        assert b.reader().wait(None) is None
        assert clock.now_ns == S


# Padding and lengths


def test_a_short_frame_is_padded_as_a_nic_does_and_a_raw_one_is_not() -> None:
    with bench() as clock:
        a, b = pair(clock)
        reader = b.reader()
        a.send(frame(42, fill=1))
        a.send(frame(42, fill=1), raw=True)
        a.send(b"\x01" * 10)
        assert [len(data) for data in everything(reader)] == [60, 42, 10]


def test_jumbo_frames_pass_the_wire() -> None:
    with bench() as clock:
        a, b = pair(clock)
        reader = b.reader()
        sizes = [1600, 1601, 9014, 65535]
        for size in sizes:
            a.send(frame(size, fill=size & 255))
        assert everything(reader) == [frame(size, fill=size & 255) for size in sizes]


@pytest.mark.parametrize("data", [b"", b"\0" * 65536])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with bench() as clock:
        a, _b = pair(clock)
        with pytest.raises(OSError, match="1 to 65535 bytes"):
            a.send(data)


# Links


def test_without_a_link_frames_are_lost_and_counted() -> None:
    with bench() as clock:
        a, b = pair(clock)
        reader = b.reader()
        b.up = False
        a.send(frame())
        b.up = True
        a.unplug()
        a.send(frame())
        assert everything(reader) == []
        assert a.counters["tx_nolink"] == 2


def test_pulling_the_cable_cuts_what_is_on_it_but_not_what_has_arrived() -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=100)
        reader = b.reader()
        a.send(frame(fill=1))
        a.send(frame(fill=2))
        later(clock, 6720)
        a.unplug()
        assert everything(reader) == [frame(fill=1)]
        assert b.counters["cut"] == 1


def test_a_port_takes_one_cable() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        with pytest.raises(OSError, match="cable between c and a"):
            HostEnd(clock, C, 3, name="c").plug(a)


def test_closing_a_port_unplugs_it() -> None:
    with bench() as clock:
        a, b = pair(clock)
        b.close()
        b.close()
        assert a.link == 0
        a.send(frame())
        assert a.counters["tx_nolink"] == 1


# Readers


def test_each_reader_gets_every_frame_from_its_opening_on() -> None:
    with bench() as clock:
        a, b = pair(clock)
        early = b.reader()
        a.send(frame(fill=1))
        later(clock, US)
        late = b.reader()
        a.send(frame(fill=2))
        assert [data[20] for data in everything(early)] == [1, 2]
        assert [data[20] for data in everything(late)] == [2]


def test_a_listener_sees_what_the_host_end_sends_if_it_asks_for_it() -> None:
    with bench() as clock:
        a, b = pair(clock)
        plain, both = a.reader(), a.reader(outgoing=True)
        a.send(frame(fill=1))
        b.send(frame(fill=2))
        later(clock, US)
        seen = [both.poll(), both.poll()]
        assert [(x.outgoing, x.data[20]) for x in seen if x] == [(True, 1), (False, 2)]
        assert everything(plain) == [frame(fill=2)]


def test_a_full_reader_counts_what_it_lost_and_the_others_get_it() -> None:
    with bench() as clock:
        a, b = pair(clock)
        small, large = b.reader(limit=150), b.reader()
        for i in range(5):
            a.send(frame(fill=i))
        assert len(everything(large)) == 5
        assert len(everything(small)) == 2
        assert small.drops == 3


def test_a_closed_reader_is_free_again() -> None:
    with bench() as clock:
        a, b = pair(clock)
        for _ in range(200):
            reader = b.reader()
            a.send(frame())
            assert everything(reader) == [frame()]
            reader.close()
            assert reader.closed


# What the host end answers


def test_the_host_end_answers_arp_for_its_address_only() -> None:
    with bench() as clock:
        a, b = pair(clock)
        b.answers(arp=True)
        reader = a.reader()
        a.send(arp_request(0x0A00000C, sender=a.ip, mac=A))
        a.send(arp_request(b.ip, sender=a.ip, mac=A))
        (reply,) = everything(reader)
        assert reply[:6] == a.mac and reply[6:12] == b.mac
        assert reply[20:22] == b"\0\2"
        assert reply[22:32] == b.mac + b.ip.to_bytes(4, "big")
        assert reply[32:42] == a.mac + a.ip.to_bytes(4, "big")


def test_the_host_end_answers_pings_if_asked_to() -> None:
    with bench() as clock:
        a, b = pair(clock)
        reader = a.reader()
        request = ping(7, 100, src=a.ip, dst=b.ip, to=B, by=A)
        a.send(request)
        later(clock, US)
        b.answers(echo=True)
        a.send(request)
        (reply,) = everything(reader)
        assert is_echo_reply(reply, 7)
        assert reply[42:] == request[42:]
        words = [int.from_bytes(reply[i : i + 2], "big") for i in range(34, len(reply), 2)]
        assert sum(words) % 0xFFFF == 0


def test_the_host_end_answers_a_ping_in_fragments_with_fragments() -> None:
    with bench() as clock:
        a, b = pair(clock)
        reader = a.reader()
        b.answers(echo=True)
        request = ping(7, 100, src=a.ip, dst=b.ip, to=B, by=A)
        first, stray = request[:20] + b"\x20\0" + request[22:], request[:18] + b"\0\7\0\1" + request[22:]
        for fragment in (stray, first, request[:20] + b"\0\1" + request[22:]):
            a.send(fragment)
        one, other = everything(reader)
        assert is_echo_reply(one, 7) and one[20:22] == b"\x20\0"
        assert other[34:] == request[34:] and other[20:22] == b"\0\1" and other[30:34] == request[26:30]


def test_arp_is_answered_while_nobody_waits_for_a_frame() -> None:
    with bench() as clock:
        a, b = pair(clock)
        b.answers(arp=True)
        reader = a.reader()
        a.send(arp_request(b.ip, sender=a.ip, mac=A))
        clock.run(None)
        assert clock.now_ns == S + 68
        later(clock, US)
        assert reader.poll() is not None


# Faults


def faulty(seed: int, n: int = 1000, **faults: float) -> tuple[list[bytes], dict[str, int]]:
    with bench(seed) as clock:
        a, b = pair(clock)
        a.faults(**faults)  # type: ignore[arg-type]
        reader = b.reader()
        for i in range(n):
            a.send(frame(64) + i.to_bytes(4, "big"))
        return everything(reader), a.counters


def test_a_rate_of_one_hits_always_and_zero_never() -> None:
    assert faulty(1, lose=1.0)[0] == []
    assert len(faulty(1, duplicate=1.0)[0]) == 2000
    assert faulty(1)[1]["lost"] == 0


def test_faults_come_at_their_rate_by_seed() -> None:
    got, counters = faulty(5, lose=0.1)
    assert counters["lost"] == 1000 - len(got)
    assert 60 < counters["lost"] < 140
    assert got == faulty(5, lose=0.1)[0]
    assert got != faulty(6, lose=0.1)[0]


def test_reordered_frames_are_overtaken_and_all_arrive() -> None:
    got, counters = faulty(3, reorder=0.05)
    order = [int.from_bytes(data[-4:], "big") for data in got]
    assert sorted(order) == list(range(1000))
    assert order != sorted(order)
    assert counters["reordered"] > 0


def test_delayed_frames_come_within_their_longest_delay() -> None:
    with bench(2) as clock:
        a, b = pair(clock)
        a.faults(delay=1.0, longest_delay_ns=3 * MS)
        reader = b.reader()
        delays = []
        for _ in range(50):
            start = clock.now_ns
            a.send(frame())
            arrival = reader.wait(None)
            assert arrival is not None
            delays.append(arrival.time - start - 68)
        assert all(0 < d <= 3 * MS for d in delays)
        assert len(set(delays)) > 40


def test_a_corrupt_frame_has_one_bit_flipped() -> None:
    got, counters = faulty(4, corrupt=1.0)
    assert counters["corrupted"] == 1000
    for i, data in enumerate(got):
        sent = frame(64) + i.to_bytes(4, "big")
        assert sum((x ^ y).bit_count() for x, y in zip(sent, data, strict=True)) == 1


def test_an_impossible_rate_is_refused() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        with pytest.raises(ValueError, match=r"a: lose=1\.5 is no probability"):
            a.faults(lose=1.5)


# Captures


def test_a_capture_has_both_directions_with_their_times() -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=100)
        a.capture()
        a.send(frame(fill=1))
        b.send(frame(fill=2))
        later(clock, MS)
        out, into = a.captured()
        assert (out.outgoing, out.time, out.data) == (True, S, frame(fill=1))
        assert (into.outgoing, into.time, into.data) == (False, S + 6720, frame(fill=2))
        assert a.captured() == []


def test_a_capture_does_not_tell_of_what_has_not_arrived_yet() -> None:
    with bench() as clock:
        a, b = pair(clock, mbps=10)
        b.capture()
        a.send(frame())
        assert b.captured() == []
        later(clock, MS)
        assert len(b.captured()) == 1


def test_a_capture_says_what_the_wire_did() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        a.capture()
        a.faults(lose=1.0)
        a.send(frame())
        (record,) = a.captured()
        assert record.flags & FrameFlag.LOST
        assert record.flags.words() == "lost"


def test_a_capture_cuts_at_its_snap_length_and_keeps_the_true_one() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        a.capture(snaplen=20)
        a.send(frame(1000))
        (record,) = a.captured()
        assert (len(record.data), record.length) == (20, 1000)


def test_a_full_capture_counts_what_it_dropped() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        a.capture(limit=100_000)
        for _ in range(1000):
            a.send(frame(476))
        assert len(a.captured()) == 200
        assert a.capture_drops == 800
        a.send(frame())
        assert len(a.captured()) == 1


def test_a_stopped_capture_records_no_more() -> None:
    with bench() as clock:
        a, _b = pair(clock)
        a.capture()
        a.send(frame(fill=1))
        a.capture_stop()
        a.send(frame(fill=2))
        assert [record.data for record in a.captured()] == [frame(fill=1)]


def test_addresses_are_checked() -> None:
    with bench() as clock, pytest.raises(ValueError, match="no Ethernet address"):
        HostEnd(clock, "02:00:00:00:01", 1)
