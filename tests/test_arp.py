"""ARP: who is answered, who is learned, how long that lasts (RFC 826, RFC 1122 2.3.2), and how senders wait for it."""

from __future__ import annotations

from errno import ENETUNREACH
from typing import Any

import pytest
from stack import BOARD_MAC, EVERYBODY, HOST_MAC, Packet, Stack, arp, ether, icmp, udp

from kernel.inet import ether_aton
from kernel.neighbor import neighbor_delete, neighbor_get, neighbor_set, neighbor_table

OTHER_MAC = ether_aton("02:00:00:00:00:77")
REQUEST, REPLY = 1, 2


def arp_frame(op: int, **fields: Any) -> bytes:
    return ether(
        arp(op, **fields), 0x0806, dst=EVERYBODY if op == REQUEST else BOARD_MAC, src=fields.get("mac", HOST_MAC)
    )


def known(s: Stack, ipaddr: str = "10.0.1.1") -> bytes | None:
    return neighbor_get(s.kernel, s.device, ipaddr)


def test_request_for_own_address_is_answered_and_the_sender_learned() -> None:
    with Stack(known=False) as s:
        (reply,) = s.answers(arp_frame(REQUEST))
        assert (reply.dst_mac, reply.src_mac, reply.kind) == (HOST_MAC, BOARD_MAC, 0x0806)
        assert reply.body[6:8] == b"\0\2"
        assert reply.body[8:18] == BOARD_MAC + bytes([10, 0, 1, 2])
        assert reply.body[18:28] == HOST_MAC + bytes([10, 0, 1, 1])
        assert len(reply.frame) == 42
        assert known(s) == HOST_MAC
        assert s.leaks() == 0


def test_probe_from_a_host_without_address_is_answered_but_not_learned() -> None:
    with Stack(known=False) as s:
        assert len(s.answers(arp_frame(REQUEST, sender="0.0.0.0"))) == 1
        assert neighbor_table(s.kernel) == []


def test_request_for_another_address_stays_unanswered() -> None:
    with Stack(known=False) as s:
        assert s.answers(arp_frame(REQUEST, target="10.0.1.3")) == []
        assert known(s) is None


def test_whoever_is_known_is_refreshed_by_any_of_its_packets() -> None:
    with Stack(known=False) as s:
        s.answers(arp_frame(REQUEST))
        s.answers(arp_frame(REQUEST, target="10.0.1.3", mac=OTHER_MAC))
        assert known(s) == OTHER_MAC


@pytest.mark.parametrize("gratuitous", [False, True])
def test_announcement_makes_an_entry_only_with_the_option(gratuitous: bool) -> None:
    with Stack(known=False, NET_ARP_GRATUITOUS=gratuitous) as s:
        s.input(arp_frame(REQUEST, sender="10.0.1.9", target="10.0.1.9"))
        assert known(s, "10.0.1.9") == (HOST_MAC if gratuitous else None)


@pytest.mark.parametrize(
    "head",
    [b"\0\6\x08\0\6\4", b"\0\1\x86\xdd\6\4", b"\0\1\x08\0\5\4", b"\0\1\x08\0\6\x10", b"\xff" * 6],
    ids=["hardware", "protocol", "hlen", "plen", "all"],
)
def test_other_hardware_protocol_or_lengths_are_ignored(head: bytes) -> None:
    with Stack(known=False) as s:
        assert s.answers(arp_frame(REQUEST, head=head)) == []
        assert neighbor_table(s.kernel) == []
        assert s.device.stats.rx_dropped == 1
        assert s.leaks() == 0


@pytest.mark.parametrize("op", [0, 3, 8, 0xFFFF])
def test_other_operations_are_ignored(op: int) -> None:
    with Stack(known=False) as s:
        assert s.answers(arp_frame(op)) == []
        assert s.device.stats.rx_dropped == 1


def test_truncated_packet_is_dropped() -> None:
    with Stack(known=False) as s:
        for n in range(28):
            assert s.answers(ether(arp(REQUEST)[:n], 0x0806)) == []
        assert s.device.stats.rx_dropped == 28
        assert s.leaks() == 0


@pytest.mark.parametrize("sender", ["10.0.1.255", "255.255.255.255", "224.0.0.1", "10.0.1.2", "192.168.7.7", "0.0.0.0"])
def test_impossible_senders_are_not_learned(sender: str) -> None:
    with Stack(known=False) as s:
        s.input(arp_frame(REPLY, sender=sender))
        assert neighbor_table(s.kernel) == []


def test_permanent_entry_cannot_be_taken_over() -> None:
    with Stack(known=False) as s:
        neighbor_set(s.kernel, s.device, "10.0.1.1", HOST_MAC)
        s.input(arp_frame(REPLY, mac=OTHER_MAC))
        assert known(s) == HOST_MAC
        neighbor_delete(s.kernel, s.device, "10.0.1.1")
        assert known(s) is None
        with pytest.raises(FileNotFoundError):
            neighbor_delete(s.kernel, s.device, "10.0.1.1")


def test_entry_is_forgotten_after_its_age() -> None:
    with Stack(known=False) as s:
        s.input(arp_frame(REPLY))
        s.later(1199)
        assert known(s) == HOST_MAC
        s.later(2)
        assert known(s) is None


def test_oldest_entry_makes_room() -> None:
    with Stack(known=False, NET_ARPTAB_SIZE=4) as s:
        for i in range(5):
            s.input(arp_frame(REPLY, sender=f"10.0.1.{10 + i}"))
            s.later(1)
        assert [e.ipaddr for e in neighbor_table(s.kernel)] == ["10.0.1.14", "10.0.1.11", "10.0.1.12", "10.0.1.13"]


@pytest.mark.parametrize("ipin", [False, True])
def test_ip_packets_teach_addresses_only_with_the_option(ipin: bool) -> None:
    with Stack(known=False, NET_ARP_IPIN=ipin) as s:
        (answer,) = s.answers(ether(icmp(8)))
        assert known(s) == (HOST_MAC if ipin else None)
        assert answer.kind == (0x0800 if ipin else 0x0806)  # unresolved: the reply's buffer becomes the question
        assert s.device.stats.tx_noarp == (0 if ipin else 1)
        assert s.leaks() == 0


def test_unresolved_host_is_asked_for_once_then_left_alone() -> None:
    with Stack(known=False, NET_ARP_IPIN=False) as s:
        assert len(s.answers(*[ether(icmp(8))] * 5)) == 1
        s.later(5)
        assert s.answers(ether(icmp(8))) == []
        s.later(6)
        assert len(s.answers(ether(icmp(8)))) == 1
        assert s.leaks() == 0


@pytest.mark.parametrize("locks", ["global", "split"])
def test_sender_waits_for_the_answer(locks: str) -> None:
    def send(sys: Any) -> float:
        begin = sys.now
        assert sys.socket().sendto(b"hello", ("10.0.1.9", 9)) == 5
        return float(sys.now - begin)

    with Stack(known=False, NET_LOCKS=locks) as s:
        results: list[Any] = []
        s.kernel.tasks.create(lambda sys: results.append(send(sys)), "sender", 50)
        s.later(0.001)
        (request,) = (Packet(f) for f in s.frames())
        assert request.dst_mac == EVERYBODY and request.body[24:28] == bytes([10, 0, 1, 9])
        s.input(arp_frame(REPLY, sender="10.0.1.9", mac=OTHER_MAC))
        s.clock.run(None)
        (packet,) = (Packet(f) for f in s.frames())
        assert (packet.dst_mac, packet.data) == (OTHER_MAC, b"hello")
        assert results[0] < 0.02


def test_second_sender_joins_the_request_of_the_first() -> None:
    def send(sys: Any) -> int:
        return int(sys.socket().sendto(b"hello", ("10.0.1.9", 9)))

    with Stack(known=False) as s:
        done: list[Any] = []
        for _ in range(3):
            s.kernel.tasks.create(lambda sys: done.append(send(sys)), "sender", 50)
        s.later(0.001)
        assert len(s.frames()) == 1
        s.input(arp_frame(REPLY, sender="10.0.1.9", mac=OTHER_MAC))
        s.clock.run(None)
        assert done == [5, 5, 5] and len(s.frames()) == 3


def test_host_that_does_not_answer_is_unreachable_at_once_the_next_time() -> None:
    def send(sys: Any) -> tuple[int, float]:
        begin = sys.now
        with pytest.raises(OSError) as error, sys.socket() as sock:
            sock.sendto(b"hello", ("10.0.1.9", 9))
        return int(error.value.errno or 0), float(sys.now - begin)

    with Stack() as s:
        first = s.run(send)
        assert first[0] == ENETUNREACH and 0.1 <= first[1] < 0.2
        assert 4 <= len(s.frames()) <= 5
        assert s.run(send) == (ENETUNREACH, 0.0)
        assert s.frames() == []
        assert s.leaks() == 0


def test_foreign_networks_go_through_the_router() -> None:
    with Stack() as s:
        s.run(lambda sys: sys.socket().sendto(b"far", ("8.8.8.8", 53)))
        (packet,) = (Packet(f) for f in s.frames())
        assert (packet.dst_mac, packet.dst) == (HOST_MAC, "8.8.8.8")


def test_route_names_another_router() -> None:
    with Stack() as s:
        neighbor_set(s.kernel, s.device, "10.0.1.50", OTHER_MAC)
        s.kernel.net.addroute("192.168.0.0", "255.255.0.0", "10.0.1.50")
        s.run(lambda sys: sys.socket().sendto(b"far", ("192.168.3.4", 53)))
        assert Packet(s.frames()[0]).dst_mac == OTHER_MAC
        s.kernel.net.delroute("192.168.0.0", "255.255.0.0")
        s.run(lambda sys: sys.socket().sendto(b"far", ("192.168.3.4", 53)))
        assert Packet(s.frames()[0]).dst_mac == HOST_MAC


def test_datagrams_to_groups_need_no_resolution() -> None:
    def send(sys: Any) -> None:
        sock = sys.socket()
        for dst in ("255.255.255.255", "10.0.1.255", "239.129.2.3"):
            sock.sendto(b"all", (dst, 9))

    with Stack(known=False) as s:
        s.run(send)
        assert [f[:6].hex() for f in s.frames()] == ["ff" * 6, "ff" * 6, "01005e010203"]


def test_interface_without_arp_neither_answers_nor_asks() -> None:
    with Stack(known=False) as s:
        s.device.noarp = True
        assert s.answers(arp_frame(REQUEST)) == []
        assert s.answers(ether(udp(b"x"))) == []
        assert s.leaks() == 0


def test_lost_carrier_clears_the_table() -> None:
    with Stack(known=False) as s:
        s.input(arp_frame(REPLY))
        s.eth.ifdown()
        assert neighbor_table(s.kernel) == []
