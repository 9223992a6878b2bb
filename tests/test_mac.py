"""The Ethernet controller against a driver that does nothing but what each test says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from wired import BOARD_MAC, MS, US, S, bench, frame, later

from board.mac import Mac
from board.wire import HostEnd
from drivers.macregs import Bmcr, Bmsr, Cr, PhyReg, Reg, Sr
from kernel.clock import Clock
from kernel.core import lib

IRQ = 5
GROUP = "01:00:5e:00:00:01"


class Rig:
    """A MAC on a board without code, and the host's end of its wire."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.clock = clock
        self.board = lib.board_new(clock.bench, 1, 10 * MS, 64)
        self.mac = Mac(clock, self.board, BOARD_MAC, irq=IRQ, **({"rx_ring": 4, "tx_ring": 4} | options))
        self.host = HostEnd(clock, "02:00:00:00:00:01", 0x0A000101, arp=False)
        self.mac.plug(self.host)
        self.mac.write(Reg.SR, 0x3F)

    def on(self, irqs: int = 0, extra: int = 0) -> None:
        self.mac.write(Reg.IMR, irqs)
        self.mac.write(Reg.CR, Cr.RE | Cr.TE | extra)

    def arrive(self, n: int = 1, **kind: Any) -> None:
        for _ in range(n):
            self.host.send(frame(**kind))
        later(self.clock, MS)

    def status(self) -> Sr:
        return Sr(self.mac.peek(Reg.SR))

    def counted(self, name: str) -> int:
        return self.mac.mac_counters[name]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with bench() as clock:
        r = Rig(clock)
        yield r
        lib.board_free(r.board)


# Receiving


def test_frames_enter_the_ring_and_set_status(rig: Rig) -> None:
    rig.on()
    rig.arrive(3)
    assert rig.mac.peek(Reg.RXREADY) == 3
    assert rig.status() == Sr.RX
    assert rig.counted("rx_frames") == 3


def test_a_full_ring_drops_counts_and_says_so(rig: Rig) -> None:
    rig.on()
    rig.arrive(7)
    assert rig.mac.peek(Reg.RXREADY) == 4
    assert rig.status() == Sr.RX | Sr.RXOVF
    assert rig.counted("rx_overflows") == 3


def test_a_receiver_that_is_off_loses_what_comes(rig: Rig) -> None:
    rig.arrive(2)
    rig.on()
    assert rig.mac.peek(Reg.RXREADY) == 0
    assert rig.counted("rx_off") == 2


@pytest.mark.parametrize(
    ("length", "counter"),
    [
        (59, "rx_runts"),
        (1, "rx_runts"),
        (60, "rx_frames"),
        (1518, "rx_frames"),
        (1519, "rx_giants"),
        (9000, "rx_giants"),
    ],
)
def test_lengths_that_are_no_frame_are_counted(rig: Rig, length: int, counter: str) -> None:
    rig.on()
    rig.host.send(frame(1519)[:length] if length < 1519 else frame(length), raw=True)
    later(rig.clock, MS)
    assert rig.counted(counter) == 1
    assert rig.mac.peek(Reg.RXREADY) == (counter == "rx_frames")


def test_a_frame_with_a_bad_fcs_is_dropped(rig: Rig) -> None:
    rig.on(extra=Cr.PROMISC)
    rig.host.faults(corrupt=1.0, fcs=True)
    rig.arrive()
    assert rig.counted("rx_bad_fcs") == 1
    assert rig.mac.peek(Reg.RXREADY) == 0


@pytest.mark.parametrize(
    ("dst", "control", "taken"),
    [
        (BOARD_MAC, 0, True),
        ("ff:ff:ff:ff:ff:ff", 0, True),
        ("02:00:00:00:00:99", 0, False),
        ("02:00:00:00:00:99", Cr.PROMISC, True),
        (GROUP, 0, False),
        (GROUP, Cr.ALLMULTI, True),
        ("02:00:00:00:00:99", Cr.ALLMULTI, False),
    ],
)
def test_the_address_filter(rig: Rig, dst: str, control: int, taken: bool) -> None:
    rig.on(extra=control)
    rig.arrive(dst=dst)
    assert rig.mac.peek(Reg.RXREADY) == taken
    assert rig.counted("rx_filtered") == (not taken)


def test_each_of_the_eight_filters_takes_its_address(rig: Rig) -> None:
    rig.on()
    for i in range(8):
        group = f"01:00:5e:00:00:{i + 1:02x}"
        rig.mac.write_address(1 + i, bytes.fromhex(group.replace(":", "")))
        rig.arrive(dst=group)
        assert rig.mac.peek(Reg.RXREADY) == 0
        rig.mac.write(Reg.FILTER_EN, 1 << i)
        rig.arrive(dst=group)
        assert rig.mac.peek(Reg.RXREADY) == 1
        rig.mac.write(Reg.CR, Cr.RESET)
        rig.on()


# Interrupts


def test_the_first_arrival_raises_the_line_at_its_time(rig: Rig) -> None:
    rig.on(Sr.RX)
    rig.host.send(frame())
    rig.clock.run(None)
    assert rig.clock.now_ns == S + 68
    assert rig.counted("interrupts") == 1


def test_a_line_that_is_high_makes_no_more_events(rig: Rig) -> None:
    rig.on(Sr.RX)
    for _ in range(3):
        rig.host.send(frame())
    rig.clock.run(None)
    assert rig.clock.now_ns == S + 68
    assert rig.counted("interrupts") == 1


def test_a_masked_arrival_is_no_event_but_is_there_when_somebody_looks(rig: Rig) -> None:
    rig.on(0)
    rig.host.send(frame())
    rig.clock.run(None)
    assert rig.clock.now_ns == S
    later(rig.clock, MS)
    assert rig.mac.read(Reg.SR) == Sr.RX


def test_unmasking_a_pending_status_raises_the_line_at_once(rig: Rig) -> None:
    rig.on(0)
    rig.arrive()
    assert rig.counted("interrupts") == 0
    rig.mac.write(Reg.IMR, Sr.RX)
    assert rig.counted("interrupts") == 1


def test_writing_a_one_clears_that_status_bit_only(rig: Rig) -> None:
    rig.on()
    rig.arrive(5)
    rig.mac.write(Reg.SR, Sr.RXOVF)
    assert rig.status() == Sr.RX
    rig.mac.write(Reg.SR, Sr.RX)
    assert rig.status() == 0
    assert rig.mac.peek(Reg.RXREADY) == 4


def test_after_clearing_the_next_arrival_raises_the_line_again(rig: Rig) -> None:
    rig.on(Sr.RX)
    rig.arrive()
    rig.mac.write(Reg.SR, Sr.RX)
    rig.arrive()
    assert rig.counted("interrupts") == 2


def test_receive_mitigation_by_count(rig: Rig) -> None:
    rig.mac.write(Reg.RXMIT_N, 3)
    rig.mac.write(Reg.RXMIT_US, 1000)
    rig.on(Sr.RX)
    for _ in range(4):
        rig.host.send(frame())
    rig.clock.run(None)
    assert rig.clock.now_ns == S + 3 * 68


def test_receive_mitigation_by_time(rig: Rig) -> None:
    rig.mac.write(Reg.RXMIT_N, 3)
    rig.mac.write(Reg.RXMIT_US, 50)
    rig.on(Sr.RX)
    rig.host.send(frame())
    rig.host.send(frame())
    rig.clock.run(None)
    assert rig.clock.now_ns == S + 68 + 50 * US
    assert rig.mac.peek(Reg.RXREADY) == 2


# PHY and link


def test_the_phy_tells_link_and_speed(rig: Rig) -> None:
    assert rig.mac.phy.read(PhyReg.BMSR) & Bmsr.LINK
    assert rig.mac.phy.speed == 10000
    rig.mac.unplug()
    assert rig.mac.phy.speed == 0


def test_a_lost_link_is_latched_until_the_status_is_read(rig: Rig) -> None:
    rig.mac.phy.read(PhyReg.BMSR)
    rig.host.up = False
    rig.host.up = True
    assert not rig.mac.phy.read(PhyReg.BMSR) & Bmsr.LINK
    assert rig.mac.phy.read(PhyReg.BMSR) & Bmsr.LINK


def test_a_link_change_is_an_interrupt(rig: Rig) -> None:
    rig.on(Sr.LINK)
    rig.host.up = False
    assert rig.status() == Sr.LINK
    assert rig.counted("interrupts") == 1


def test_a_phy_that_is_powered_down_has_no_link(rig: Rig) -> None:
    rig.mac.phy.write(PhyReg.BMCR, Bmcr.PDOWN)
    assert rig.host.link == 0
    rig.mac.phy.write(PhyReg.BMCR, Bmcr.RESET)
    assert rig.host.link == 10000
    assert rig.mac.phy.read(PhyReg.BMCR) == Bmcr.ANENABLE


# Registers and faults


def test_a_reset_empties_the_rings_and_masks_everything(rig: Rig) -> None:
    rig.on(Sr.RX)
    rig.arrive(2)
    rig.mac.write(Reg.CR, Cr.RESET)
    assert [rig.mac.peek(r) for r in (Reg.CR, Reg.SR, Reg.IMR, Reg.RXREADY)] == [0, 0, 0, 0]
    assert bytes.fromhex("".join(f"{rig.mac.peek(Reg.ADDR + i):04x}" for i in range(3))) == rig.mac.address


@pytest.mark.parametrize("reg", [Reg.RXLEN, Reg.RXREADY, 1000])
def test_what_cannot_be_written_says_so(rig: Rig, reg: int) -> None:
    with pytest.raises(OSError, match=f"register {int(reg)} cannot be written"):
        rig.mac.write(reg, 1)


def test_power_on_is_a_reset_that_wakes_the_phy(rig: Rig) -> None:
    rig.on(Sr.RX)
    rig.arrive()
    rig.mac.phy.write(PhyReg.BMCR, Bmcr.PDOWN)
    rig.mac.reset()
    assert [rig.mac.peek(r) for r in (Reg.CR, Reg.SR, Reg.RXREADY)] == [0, Sr.LINK, 0]
    assert rig.host.link == 10000


def test_a_fatal_error_stops_dma_until_a_reset(rig: Rig) -> None:
    rig.on(Sr.FATAL)
    rig.mac.fatal()
    assert rig.counted("interrupts") == 1
    rig.mac.write(Reg.SR, Sr.FATAL)
    rig.arrive()
    assert rig.mac.peek(Reg.RXREADY) == 0
    rig.mac.write(Reg.CR, Cr.RESET)
    rig.on()
    rig.arrive()
    assert rig.mac.peek(Reg.RXREADY) == 1


def test_an_impossible_ring_is_refused() -> None:
    with bench() as clock:
        board = lib.board_new(clock.bench, 1, 10 * MS, 64)
        with pytest.raises(OSError, match="eth0"):
            Mac(clock, board, BOARD_MAC, irq=IRQ, rx_ring=0)
        lib.board_free(board)


def test_hardware_outlives_the_board_it_was_on() -> None:
    with bench() as clock:
        r = Rig(clock)
        r.on(Sr.RX)
        lib.board_free(r.board)
        r.host.send(frame())
        clock.run(None)
        assert r.counted("rx_frames") == 1
