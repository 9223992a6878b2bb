"""What the host's end of a wire answers in IPv6: who has its address, and pings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    PadN,
    defragment6,
    fragment6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from wired import US, S, bench, everything, later

from board import Bench, Board
from board.kconfig import ConfigError
from board.wire import HostEnd
from kernel.clock import Clock

OURS, ASKER = "02:00:00:00:00:0b", "02:00:00:00:00:0a"
OUR_GROUP = "ff02::1:ff00:1"
GROUP, ALL_NODES = "33:33:ff:00:00:01", "33:33:00:00:00:01"


class Ends:
    """A host end that asks, and one that has the address fc00::1."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asker = HostEnd(clock, ASKER, 0x0A00000A, name="asker", arp=False)
        self.ours = HostEnd(clock, OURS, 0x0A00000B, ip6="fc00::1", name="ours")
        self.asker.plug(self.ours)
        self.reader = self.asker.reader()

    def answers(self, *frames: Any) -> list[Any]:
        """What comes back until nothing can happen any more."""
        for frame in frames:
            self.asker.send(bytes(frame))
        return [Ether(data) for data in everything(self.reader)]


@pytest.fixture
def ends() -> Iterator[Ends]:
    with bench() as clock:
        yield Ends(clock)


def solicit(
    *, to: str = GROUP, src: str = "fc00::2", dst: str = OUR_GROUP, hlim: int = 255, tgt: str = "fc00::1", **nd: int
) -> Any:
    ip = IPv6(src=src, dst=dst, hlim=hlim)
    return Ether(dst=to, src=ASKER) / ip / ICMPv6ND_NS(tgt=tgt, **nd) / ICMPv6NDOptSrcLLAddr(lladdr=ASKER)


def probe(*, to: str = GROUP, dst: str = OUR_GROUP, tgt: str = "fc00::1") -> Any:
    """The question of duplicate address detection."""
    return Ether(dst=to, src=ASKER) / IPv6(src="::", dst=dst, hlim=255) / ICMPv6ND_NS(tgt=tgt)


def ping(size: int = 40, *, to: str = OURS, src: str = "fc00::2", dst: str = "fc00::1") -> Any:
    data = bytes(i & 255 for i in range(size))
    return Ether(dst=to, src=ASKER) / IPv6(src=src, dst=dst) / ICMPv6EchoRequest(id=5, seq=7, data=data)


def pieces(packet: Any, identification: int) -> list[Any]:
    """A packet in fragments of 1280 bytes."""
    ether, ip = packet[Ether].copy(), packet[IPv6]
    ether.remove_payload()
    head, icmp = ip.copy(), ip.payload
    head.remove_payload()
    return [ether / f for f in fragment6(head / IPv6ExtHdrFragment(id=identification) / icmp, 1280)]


def sums_are_right(packet: Any) -> bool:
    """Whether scapy computes the checksum that is there."""
    again = packet[IPv6].copy()
    was, again.payload.cksum = again.payload.cksum, None
    return bool(IPv6(bytes(again)).payload.cksum == was)


# Who has its address


@pytest.mark.parametrize(("to", "dst"), [(GROUP, OUR_GROUP), (OURS, "fc00::1")], ids=["group", "single"])
def test_a_solicitation_is_answered_to_who_asked(ends: Ends, to: str, dst: str) -> None:
    (answer,) = ends.answers(solicit(to=to, dst=dst))
    assert (answer.dst, answer.src) == (ASKER, OURS)
    assert (answer[IPv6].src, answer[IPv6].dst, answer[IPv6].hlim) == ("fc00::1", "fc00::2", 255)
    advertisement = answer[ICMPv6ND_NA]
    assert (advertisement.tgt, advertisement.R, advertisement.S, advertisement.O) == ("fc00::1", 0, 1, 1)
    assert answer[ICMPv6NDOptDstLLAddr].lladdr == OURS
    assert sums_are_right(answer)


def test_who_tests_whether_the_address_is_free_is_answered_for_all_to_hear(ends: Ends) -> None:
    (answer,) = ends.answers(probe())
    assert (answer.dst, answer.src) == (ALL_NODES, OURS)
    assert (answer[IPv6].src, answer[IPv6].dst, answer[IPv6].hlim) == ("fc00::1", "ff02::1", 255)
    advertisement = answer[ICMPv6ND_NA]
    assert (advertisement.tgt, advertisement.S, advertisement.O) == ("fc00::1", 0, 1)
    assert answer[ICMPv6NDOptDstLLAddr].lladdr == OURS
    assert sums_are_right(answer)


def test_options_that_it_does_not_know_are_passed_over(ends: Ends) -> None:
    nonce = bytes.fromhex("0e01010203040506")
    assert len(ends.answers(probe() / Raw(nonce), solicit() / Raw(nonce))) == 2


def broken(option: bytes) -> Any:
    ip = IPv6(src="fc00::2", dst=OUR_GROUP, hlim=255)
    return Ether(dst=GROUP, src=ASKER) / ip / ICMPv6ND_NS(tgt="fc00::1") / Raw(option)


def flipped(frame: Any) -> bytes:
    data = bytearray(bytes(frame))
    data[-1] ^= 1
    return bytes(data)


UNANSWERED = {
    "another address": solicit(tgt="fc00::3"),
    "another group": solicit(dst="ff02::1:ff00:3"),
    "all nodes": solicit(to=ALL_NODES, dst="ff02::1"),
    "another host's frame": solicit(to="02:00:00:00:00:0c", dst="fc00::1"),
    "came over a router": solicit(hlim=254),
    "a code": solicit(code=1),
    "a bad checksum": flipped(solicit()),
    "from a group": solicit(src="ff02::5"),
    "from an IPv4 address": solicit(src="::ffff:10.0.1.2"),
    "from no IPv4 address": solicit(src="::ffff:0.0.0.0"),
    "a probe with an address": solicit(src="::"),
    "a probe of one host": probe(to=OURS, dst="fc00::1"),
    "an option without length": broken(bytes.fromhex("0100020000000000")),
    "an option that is cut off": broken(bytes.fromhex("0102020000000000")),
    "half an option": broken(bytes.fromhex("01010200")),
    "another version": bytes(solicit()).replace(b"\x86\xdd\x60", b"\x86\xdd\x40", 1),
    "cut off": bytes(solicit())[:77],
    "no target": bytes(solicit())[:62],
    "no address": bytes(solicit())[:40],
    "no packet": bytes(solicit())[:14],
}


@pytest.mark.parametrize("name", UNANSWERED)
def test_other_solicitations_are_not_answered(ends: Ends, name: str) -> None:
    assert ends.answers(UNANSWERED[name]) == []
    assert len(ends.answers(solicit())) == 1


def test_it_answers_while_nobody_waits_for_a_frame(ends: Ends) -> None:
    ends.asker.send(bytes(solicit()))
    ends.clock.run(None)
    later(ends.clock, US)
    assert ends.clock.now_ns < S + 2 * US
    assert ends.reader.poll() is not None


def test_a_listener_hears_the_question_before_the_answer(ends: Ends) -> None:
    listener = ends.ours.reader(outgoing=True)
    ends.answers(solicit())
    heard = [Ether(data) for data in everything(listener)]
    assert [ICMPv6ND_NS in heard[0], ICMPv6ND_NA in heard[1]] == [True, True]


def test_the_answers_can_be_switched_off(ends: Ends) -> None:
    ends.ours.answers(arp=False)
    assert ends.answers(solicit()) == []


def test_without_an_address_it_answers_nothing(ends: Ends) -> None:
    ends.ours.ip6 = ""
    ends.ours.answers(echo=True)
    assert ends.answers(solicit(), solicit(tgt="::", dst="ff02::1:ff00:0"), ping(), ping(dst="::")) == []
    assert ends.ours.ip6 == ""


def test_the_address_can_be_changed(ends: Ends) -> None:
    ends.ours.ip6 = "2001:DB8::0:77"
    assert ends.ours.ip6 == "2001:db8::77"
    assert ends.answers(solicit()) == []
    assert len(ends.answers(solicit(dst="ff02::1:ff00:77", tgt="2001:db8::77"))) == 1
    assert repr(ends.ours) == "<HostEnd ours 02:00:00:00:00:0b 10.0.0.11 2001:db8::77>"


@pytest.mark.parametrize("address", ["::1", "ff02::1", "::ffff:10.0.1.1", "10.0.1.1", "fc00::1/112", "nonsense"])
def test_what_no_host_can_have_is_refused(ends: Ends, address: str) -> None:
    with pytest.raises(OSError):
        ends.ours.ip6 = address
    assert ends.ours.ip6 == "fc00::1"
    assert len(ends.answers(solicit())) == 1


# Pings


def test_pings_are_answered_if_it_is_asked_to(ends: Ends) -> None:
    assert ends.answers(ping()) == []
    later(ends.clock, US)
    ends.ours.answers(echo=True)
    (reply,) = ends.answers(ping())
    assert (reply.dst, reply.src) == (ASKER, OURS)
    assert (reply[IPv6].src, reply[IPv6].dst) == ("fc00::1", "fc00::2")
    echo = reply[ICMPv6EchoReply]
    assert (echo.id, echo.seq, echo.data) == (5, 7, ping()[ICMPv6EchoRequest].data)
    assert sums_are_right(reply)


@pytest.mark.parametrize("seq", [0, 0x7EFE, 0xFEFF, 0xFFFF])
def test_the_checksum_is_right_whatever_it_was(ends: Ends, seq: int) -> None:
    ends.ours.answers(echo=True)
    requests = [ping(size) for size in range(64)]
    for request in requests:
        request[ICMPv6EchoRequest].seq = seq
    replies = ends.answers(*requests)
    assert len(replies) == 64 and all(map(sums_are_right, replies))


def test_a_ping_in_fragments_is_answered_with_fragments(ends: Ends) -> None:
    ends.ours.answers(echo=True)
    replies = ends.answers(*pieces(ping(3000), 77))
    assert len(replies) == 3 and {reply[IPv6ExtHdrFragment].id for reply in replies} == {77}
    whole = IPv6(bytes(defragment6([reply[IPv6] for reply in replies])))
    assert whole[ICMPv6EchoReply].data == ping(3000)[ICMPv6EchoRequest].data
    assert sums_are_right(whole)


def test_a_fragment_that_belongs_to_no_ping_is_not_answered(ends: Ends) -> None:
    ends.ours.answers(echo=True)
    ours, other = pieces(ping(3000), 77), pieces(ping(3000), 78)
    assert len(ends.answers(other[1], ours[0], other[2], ours[1])) == 2


def test_pings_of_both_kinds_do_not_mix(ends: Ends) -> None:
    ends.ours.answers(echo=True)
    first, second, third = pieces(ping(3000), 77)
    v4 = bytes.fromhex("02000000000b02000000000a0800 4500001c 004d2000 40010000 0a00000a 0a00000b 0800f7ff00000000")
    replies = ends.answers(first, v4, second, third)
    assert [IPv6 in reply for reply in replies] == [True, False, True, True]


HEAD = Ether(dst=OURS, src=ASKER) / IPv6(src="fc00::2", dst="fc00::1")
IGNORED = {
    "another address": ping(dst="fc00::3"),
    "another host's frame": ping(to="02:00:00:00:00:0c"),
    "all nodes": ping(to=ALL_NODES, dst="ff02::1"),
    "from nobody": ping(src="::"),
    "from a group": ping(src="ff02::5"),
    "from an IPv4 address": ping(src="::ffff:10.0.1.2"),
    "cut off": bytes(ping())[:61],
    "nothing in it": bytes(ping())[:54],
    "a reply": HEAD / ICMPv6EchoReply(),
    "options before it": HEAD / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))]) / ICMPv6EchoRequest(),
    "no fragment behind its header": HEAD / IPv6ExtHdrFragment(nh=58),
    "half a fragment header": bytes(HEAD / IPv6ExtHdrFragment(nh=58))[:58],
}


@pytest.mark.parametrize("name", IGNORED)
def test_other_packets_are_not_answered(ends: Ends, name: str) -> None:
    ends.ours.answers(echo=True)
    assert ends.answers(IGNORED[name]) == []
    assert len(ends.answers(ping())) == 1


# On a bench


def test_nl0_has_the_address_of_the_boards_router() -> None:
    with Board("sim") as board, Board("sim", NETINIT_DRIPv6ADDR_8=0x99) as other:
        assert board.eth0.host is not None and other.eth0.host is not None
        assert (board.eth0.host.ip6, other.eth0.host.ip6) == ("fc00::1", "fc00::99")
        assert repr(board.eth0.host) == "<HostEnd nl0 02:6e:6c:00:00:00 10.0.1.1 fc00::1>"


@pytest.mark.parametrize(
    "options", [{"NET_IPv6": False}, {"NETINIT_DRIPv6ADDR_1": 0, "NETINIT_DRIPv6ADDR_8": 0}], ids=str
)
def test_nl0_has_none_if_the_board_has_no_ipv6_or_no_router(options: dict[str, Any]) -> None:
    with Board("sim", **options) as board:
        assert board.eth0.host is not None and board.eth0.host.ip6 == ""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"NETINIT_DRIPv6ADDR_1": 0xFF02}, r"NETINIT_DRIPv6ADDR \(ff02::1\) is no address of a router"),
        ({"NETINIT_DRIPv6ADDR_1": 0}, r"NETINIT_DRIPv6ADDR \(::1\) is no address of a router"),
        ({"NETINIT_DRIPv6ADDR_1": 0x1FC00}, "NETINIT_DRIPv6ADDR_1=130048 is out of range"),
        ({"NETINIT_IPv6ADDR_8": 0x10000}, "NETINIT_IPv6ADDR_8=65536 is out of range"),
    ],
)
def test_a_router_that_no_host_can_be_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Board("sim", **options)


def test_nl0_of_a_switch_has_that_of_the_first_board_with_ipv6() -> None:
    with Bench() as bench:
        old = bench.board("old", NET_IPv6=False)
        new = bench.board("new")
        bench.switch(old, new)
        assert old.eth0.host is new.eth0.host and new.eth0.host is not None
        assert new.eth0.host.ip6 == "fc00::1"
        bench.switch()
        assert [end.ip6 for end in (new.eth0.host, bench.host_end("nl9"))] == ["fc00::1", ""]
