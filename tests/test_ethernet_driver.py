"""The Ethernet driver's life cycle, as NuttX drivers have it, on a board with a wire."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOTTY
from typing import Any

import pytest
from wired import BOARD_MAC, MS, US, S, Wired, arp_request, everything, frame, is_echo_reply, later, ping

from drivers.ethernet import SIOCGMIIPHY, SIOCGMIIREG, SIOCSMIIREG
from drivers.macregs import Cr, PhyReg, Reg, Sr
from kernel.core import lib

UP, RUNNING = 1, 2


# Receiving and answering


def test_arp_and_ping_are_answered() -> None:
    with Wired() as w:
        w.host.send(arp_request())
        w.host.send(ping(3))
        arp, echo = everything(w.reader)
        assert arp[20:22] == b"\0\2" and arp[6:12].hex(":") == BOARD_MAC
        assert is_echo_reply(echo, 3)


def test_going_frame_by_frame_gives_the_same_answers() -> None:
    def answers(budget: int) -> list[bytes]:
        with Wired(budget=budget) as w:
            for seq in range(20):
                w.host.send(ping(seq))
            return everything(w.reader)

    assert answers(1) == answers(1 << 16)
    assert len(answers(1)) == 20


def test_a_burst_that_fits_the_ring_is_one_interrupt() -> None:
    with Wired(ETH_RX_RING=64, ETH_IRQ_FRAMES=64, ETH_IRQ_USEC=100) as w:
        before = w.mac.mac_counters["interrupts"]
        for seq in range(64):
            w.host.send(ping(seq))
        assert len(everything(w.reader)) == 64
        assert w.mac.mac_counters["interrupts"] <= before + 6  # one for what came, the rest for what was sent


def test_unknown_ethertypes_are_counted_as_dropped() -> None:
    with Wired() as w:
        w.host.send(frame(ethertype=0x88B5))
        assert everything(w.reader) == []
        stats = w.statistics()
        assert (stats["rx_packets"], stats["rx_dropped"], stats["errors"]) == (1, 1, 0)


def test_every_frame_is_counted_both_ways() -> None:
    with Wired() as w:
        w.host.send(arp_request())
        w.host.send(ping(1))
        everything(w.reader)
        later(w.clock, MS)
        stats = w.statistics()
        assert (stats["rx_packets"], stats["rx_ipv4"], stats["rx_arp"]) == (2, 1, 1)
        assert (stats["tx_packets"], stats["tx_done"], stats["tx_errors"]) == (2, 2, 0)


def test_a_full_transmit_ring_loses_the_reply_and_the_board_goes_on() -> None:
    with Wired(LINK_MBPS=10, ETH_TX_RING=2) as w:
        w.mac.stall_tx()
        for seq in range(6):
            w.host.send(ping(seq, 1))
        later(w.clock, S)
        w.mac.stall_tx(False)
        assert len(everything(w.reader)) == 2
        assert w.pings(99)


def test_frames_to_others_never_reach_the_stack() -> None:
    with Wired() as w:
        w.host.send(ping(1, to="02:00:00:00:00:77"))
        assert everything(w.reader) == []
        assert w.statistics()["rx_packets"] == 0


def test_a_promiscuous_interface_takes_them() -> None:
    with Wired(NET_PROMISCUOUS=True) as w:
        w.host.send(frame(dst="02:00:00:00:00:77"))
        everything(w.reader)
        assert w.statistics()["rx_packets"] == 1


# Interrupt protocol


def test_the_handler_masks_its_line_and_only_the_worker_unmasks_it() -> None:
    with Wired(SCHED_LPWORKPRIORITY=50) as w:
        lock = w.kernel.net_lock
        seen: list[int] = []

        def holder() -> None:
            lock.lock()
            w.kernel.ticksleep(10)
            seen.append(int(lib.irq_count(w.kernel.board, w.mac.irq)))
            lock.unlock()

        w.kernel.tasks.create(lambda _s: holder(), "holder", 60)
        w.clock.run(w.clock.now_ns + US)
        before = int(lib.irq_count(w.kernel.board, w.mac.irq))
        for seq in range(5):
            w.host.send(ping(seq))
            later(w.clock, MS)
        assert len(everything(w.reader)) == 5
        assert seen == [before + 1]


def test_frames_beyond_the_ring_are_lost_while_the_worker_is_blocked() -> None:
    with Wired(ETH_RX_RING=4) as w:

        def holder() -> None:
            w.kernel.net_lock.lock()
            w.kernel.ticksleep(10)
            w.kernel.net_lock.unlock()

        w.kernel.tasks.create(lambda _s: holder(), "holder", 60)
        w.clock.run(w.clock.now_ns + US)
        for seq in range(10):
            w.host.send(ping(seq))
        replies = everything(w.reader)
        assert [int.from_bytes(data[40:42], "big") for data in replies] == [0, 1, 2, 3]
        assert w.mac.mac_counters["rx_overflows"] == 6
        assert w.statistics()["rx_errors"] == 1


# Up and down


def test_the_interface_is_down_until_ifup() -> None:
    with Wired(up=False) as w:
        assert w.flags() == 0
        assert not w.pings()
        w.call(w.eth.ifup)
        assert w.flags() == UP | RUNNING
        assert w.pings()


def test_ifup_and_ifdown_may_be_repeated() -> None:
    with Wired(up=False) as w:
        assert w.call(w.eth.ifup) == w.call(w.eth.ifup) == [0]
        assert w.pings(1)
        assert w.call(w.eth.ifdown) == w.call(w.eth.ifdown) == [0]
        assert w.flags() == 0
        assert not w.pings(2)
        assert w.call(w.eth.ifup) == [0]
        assert w.pings(3)


def test_ifdown_leaves_the_controller_reset() -> None:
    with Wired() as w:
        assert w.mac.peek(Reg.CR) & (Cr.RE | Cr.TE) == Cr.RE | Cr.TE
        w.call(w.eth.ifdown)
        assert w.mac.peek(Reg.CR) == w.mac.peek(Reg.IMR) == 0


def test_carrier_follows_the_cable() -> None:
    with Wired() as w:
        w.host.up = False
        w.clock.run(None)
        assert w.flags() == UP
        w.host.up = True
        w.clock.run(None)
        assert w.flags() == UP | RUNNING
        assert w.pings()


def test_ifup_does_not_plug_the_cable_in() -> None:
    with Wired() as w:
        w.mac.up = False
        w.call(w.eth.ifdown)
        w.call(w.eth.ifup)
        assert w.flags() == UP
        w.mac.up = True
        w.clock.run(None)
        assert w.flags() == UP | RUNNING


def test_ifup_without_a_cable_waits_for_the_carrier() -> None:
    with Wired(up=False) as w:
        w.mac.unplug()
        w.call(w.eth.ifup)
        assert w.flags() == UP
        w.mac.plug(w.host)
        w.clock.run(None)
        assert w.flags() == UP | RUNNING


# Sending


def test_txavail_is_dropped_while_its_work_is_queued() -> None:
    with Wired() as w:
        ran = []
        poll = w.eth.txavail_work
        w.eth.txavail_work = lambda arg: (ran.append(1), poll(arg))  # type: ignore[method-assign, func-returns-value, assignment]

        def hint_thrice() -> None:
            for _ in range(3):
                w.eth.txavail()

        w.call(hint_thrice, priority=200)
        assert ran == [1]


def test_a_transmission_that_never_ends_is_reset_after_a_minute() -> None:
    with Wired() as w:
        w.mac.stall_tx()
        w.host.send(ping(1))
        start = w.clock.now_ns
        w.clock.run(None)
        assert 60 * S <= w.clock.now_ns - start <= 60 * S + 30 * MS
        stats = w.statistics()
        assert (stats["tx_timeouts"], stats["errors"], stats["tx_done"]) == (1, 1, 0)
        w.mac.stall_tx(False)
        assert w.pings(2)


def test_the_timeout_replaces_receive_work_that_still_waits() -> None:
    with Wired() as w:
        eth = w.eth
        calls: list[str] = []

        def noted(name: str, method: Callable[[Any], None]) -> Callable[[Any], None]:
            def call(arg: Any) -> None:
                calls.append(name)
                method(arg)

            return call

        for name in ("interrupt_work", "txtimeout_work"):
            setattr(eth, name, noted(name, getattr(eth, name)))

        def both() -> None:
            eth.queue.queue(eth.irqwork, eth.interrupt_work)
            eth.txtimeout_expiry()

        w.call(both, priority=200)
        assert calls == ["txtimeout_work"]
        assert w.pings()


def test_a_finished_transmission_leaves_no_watchdog() -> None:
    with Wired() as w:
        assert w.pings()
        w.clock.run(None)
        assert w.eth.txtimeout.ticks_left == 0
        assert w.clock.now_ns < S + 10 * MS


def test_a_fatal_dma_error_resets_the_controller() -> None:
    with Wired() as w:
        w.mac.fatal()
        w.clock.run(None)
        assert "fatal DMA status" in w.kernel.syslog.text()
        assert w.statistics()["tx_timeouts"] == 1
        assert w.pings()


# Filter and ioctl


def test_group_addresses_come_and_go_even_beyond_the_filter() -> None:
    with Wired() as w:
        groups = [bytes([1, 0, 0x5E, 0, 0, i]) for i in range(10)]

        def received(group: bytes) -> bool:
            before = w.statistics()["rx_packets"]
            w.host.send(frame(dst=group.hex(":")))
            everything(w.reader)
            return w.statistics()["rx_packets"] > before

        assert not received(groups[0])
        for group in groups[:8]:
            w.call(w.eth.addmac, group)
        assert all(map(received, groups[:8])) and not received(groups[8])
        for group in groups[8:]:
            w.call(w.eth.addmac, group)
        assert all(map(received, groups))
        assert w.mac.peek(Reg.CR) & Cr.ALLMULTI
        for group in groups[:5]:
            w.call(w.eth.rmmac, group)
        assert not w.mac.peek(Reg.CR) & Cr.ALLMULTI
        assert [received(group) for group in groups] == [False] * 5 + [True] * 5


def test_ioctl_reaches_the_phy_and_refuses_the_rest() -> None:
    with Wired() as w:
        assert w.call(w.eth.ioctl, SIOCGMIIPHY) == [0]
        assert w.call(w.eth.ioctl, SIOCGMIIREG, PhyReg.SR) == [4 | 8]
        assert w.call(w.eth.ioctl, SIOCSMIIREG, PhyReg.BMCR, 1 << 11) == [0]
        assert w.host.link == 0
        assert w.call(w.eth.ioctl, 0x1234) == [-ENOTTY]


# Which queue


@pytest.mark.parametrize(("queue", "name"), [("LPWORK", "lpwork"), ("HPWORK", "hpwork"), ("THREAD", "netthread")])
def test_the_queue_is_configuration(queue: str, name: str) -> None:
    with Wired(ETH_QUEUE=queue) as w:
        assert w.eth.queue.name == name
        assert w.pings()
        assert ("high priority work queue" in w.kernel.syslog.text()) == (queue == "HPWORK")


def test_with_one_queue_only_lpwork_is_that_one() -> None:
    with Wired(SCHED_HPWORK=False) as w:
        assert w.eth.queue.name == "lpwork"
        assert w.pings()


# Time


def test_on_a_board_with_costs_an_answer_takes_longer() -> None:
    def answered_after(profile: str) -> int:
        with Wired(profile=profile, LINK_MBPS=100) as w:
            later(w.clock, MS)
            start = w.clock.now_ns
            w.host.send(ping(1))
            arrival = w.reader.wait(None)
            assert arrival is not None and is_echo_reply(arrival.data)
            return arrival.time - start

    assert answered_after("sim") == 2 * 6720
    assert 2 * 6720 + US < answered_after("stm32f7") < 2 * 6720 + MS


def test_interrupt_status_is_read_once_and_cleared() -> None:
    with Wired() as w:
        assert w.pings()
        w.clock.run(None)
        assert w.mac.peek(Reg.SR) & (Sr.RX | Sr.TX | Sr.LINK) == 0


def test_the_same_seed_gives_the_same_frames_at_the_same_times() -> None:
    def run() -> list[tuple[int, bytes]]:
        with Wired(seed=9) as w:
            w.host.faults(lose=0.2, duplicate=0.1, delay=0.3, corrupt=0.05)
            w.mac.faults(reorder=0.2)
            for seq in range(200):
                w.host.send(ping(seq))
            return [(a.time, a.data) for a in iter(lambda: w.reader.wait(None), None)]

    first = run()
    assert first == run()
    assert 100 < len(first) < 250
