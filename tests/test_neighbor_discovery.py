"""Neighbor discovery (RFC 4861 7.2): answers, questions, what is believed, and senders that wait."""

from __future__ import annotations

import pytest
from stack import BOARD_IP, BOARD_MAC, HOST_MAC, Stack, ether, hog, icmp
from stack6 import (
    ADVERTISE,
    ALL_NODES,
    ANY,
    BOARD,
    ECHO_REPLY,
    ECHO_REQUEST,
    HOST,
    SOLICIT,
    O,
    Packet6,
    S,
    Stack6,
    advertise,
    ether6,
    group_mac,
    icmp6,
    option,
    pton,
    solicit,
    solicited_node,
)

from kernel.core import lib
from kernel.inet import ether_aton
from kernel.neighbor import neighbor_get, neighbor_set, neighbor_table

OTHER_MAC = ether_aton("02:00:00:00:00:77")
AF_INET6: int = lib.NET_AF_INET6


def known(s: Stack6, address: str = HOST) -> bytes | None:
    return neighbor_get(s.kernel, s.device, address)


def fresh(**options: object) -> Stack6:
    return Stack6(known6=False, **options)  # type: ignore[arg-type]


# Answers


def test_a_solicitation_is_answered_and_its_sender_learnt() -> None:
    with fresh() as s:
        (answer,) = s.answers6(solicit())
        assert (answer.type, answer.code, answer.src, answer.dst, answer.hops) == (ADVERTISE, 0, BOARD, HOST, 255)
        assert answer.payload[4:8] == bytes([S | O, 0, 0, 0])
        assert answer.payload[8:] == pton(BOARD) + option(2, BOARD_MAC)
        assert (answer.dst_mac, answer.src_mac) == (HOST_MAC, BOARD_MAC)
        assert known(s) == HOST_MAC and s.leaks() == 0


def test_a_solicitation_for_one_is_answered_too() -> None:
    with fresh() as s:
        (answer,) = s.answers6(solicit(dst=BOARD))
        assert answer.payload[4] == S | O


def test_who_asks_from_nowhere_gets_its_answer_by_the_group_of_all() -> None:
    with fresh() as s:
        (answer,) = s.answers6(solicit(src=ANY))
        assert (answer.dst, answer.dst_mac, answer.payload[4]) == (ALL_NODES, group_mac(ALL_NODES), O)


def test_the_answer_to_one_without_a_link_layer_address_needs_an_entry() -> None:
    with fresh() as s:
        (question,) = s.answers6(solicit(options=b""))
        assert (question.type, question.dst) == (SOLICIT, solicited_node(HOST))
        s.answers6(advertise())
        (answer,) = s.answers6(solicit(options=b""))
        assert answer.type == ADVERTISE


def test_a_link_local_sender_is_a_neighbor() -> None:
    with fresh() as s:
        (answer,) = s.answers6(solicit(src="fe80::1"))
        assert answer.dst == "fe80::1" and known(s, "fe80::1") == HOST_MAC


def test_a_sender_from_another_network_is_answered_but_not_learnt() -> None:
    with fresh() as s:
        s.answers6(solicit(src="2001:db8::1"))
        assert known(s, "2001:db8::1") is None


def test_all_answers_leave_with_small_buffers_too() -> None:
    with fresh(IOB_BUFSIZE=64) as s:
        (answer,) = s.answers6(solicit())
        assert answer.payload[8:] == pton(BOARD) + option(2, BOARD_MAC) and s.leaks() == 0


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(solicit(hops=254), id="came over a router"),
        pytest.param(solicit(code=1), id="code"),
        pytest.param(solicit(bad=1), id="checksum"),
        pytest.param(solicit(options=b"\1\0" + HOST_MAC), id="option without length"),
        pytest.param(solicit(options=b"\1\2" + HOST_MAC), id="option longer than the message"),
        pytest.param(solicit(options=b"\1\1" + HOST_MAC[:4]), id="half an option"),
        pytest.param(solicit("ff02::1", dst=BOARD), id="for a group"),
        pytest.param(solicit(src=ANY, options=option(1)), id="from nowhere with a link-layer address"),
        pytest.param(solicit(src=ANY, dst=BOARD), id="from nowhere to one"),
        pytest.param(solicit("fc00::3", dst=BOARD), id="for somebody else"),
    ],
)
def test_what_is_no_solicitation_is_dropped(packet: bytes) -> None:
    with fresh() as s:
        assert s.answers6(packet) == []
        assert s.kernel.net.stats.icmpv6.drop == 1 and known(s) is None and s.leaks() == 0


def test_an_option_of_another_kind_is_passed_over() -> None:
    with fresh() as s:
        assert len(s.answers6(solicit(options=b"\x0e\1" + bytes(6) + option(1)))) == 1
        assert known(s) == HOST_MAC


def test_an_interface_that_resolves_nothing_answers_nothing() -> None:
    with fresh() as s:
        s.device.noarp = True
        assert s.answers6(solicit()) == []


# What is believed


def test_an_advertisement_that_nobody_asked_for_makes_no_entry() -> None:
    with fresh() as s:
        s.answers6(advertise())
        assert known(s) is None and s.leaks() == 0


def test_an_advertisement_overrides_only_if_it_says_so() -> None:
    with fresh() as s:
        s.answers6(solicit())
        s.answers6(advertise(flags=S, mac=OTHER_MAC))
        assert known(s) == HOST_MAC
        s.answers6(advertise(flags=O, mac=OTHER_MAC, dst=ALL_NODES))
        assert known(s) == OTHER_MAC


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(advertise(mac=OTHER_MAC, hops=254), id="came over a router"),
        pytest.param(advertise(mac=OTHER_MAC, code=1), id="code"),
        pytest.param(advertise(mac=OTHER_MAC, bad=1), id="checksum"),
        pytest.param(advertise(mac=OTHER_MAC, dst=ALL_NODES), id="solicited by a group"),
        pytest.param(advertise(mac=b"\1\0\0\0\0\1"), id="group address"),
        pytest.param(advertise(options=b""), id="no address"),
        pytest.param(advertise(options=b"\2\0" + OTHER_MAC), id="option without length"),
        pytest.param(advertise(BOARD, src=HOST, mac=OTHER_MAC), id="for our own address"),
    ],
)
def test_what_is_no_advertisement_changes_nothing(packet: bytes) -> None:
    with fresh() as s:
        s.answers6(solicit())
        assert s.answers6(packet) == []
        assert known(s) == HOST_MAC and s.pings6() and s.leaks() == 0


def test_a_permanent_entry_stays() -> None:
    with fresh() as s:
        neighbor_set(s.kernel, s.device, HOST, HOST_MAC)
        s.answers6(advertise(mac=OTHER_MAC), solicit(options=option(1, OTHER_MAC)))
        assert known(s) == HOST_MAC


def test_the_oldest_neighbor_makes_room_and_none_ages() -> None:
    with fresh(NET_IPv6_NCONF_ENTRIES=2) as s:
        for n in (1, 3, 4):
            s.answers6(solicit(src=f"fc00::{n}"))
            s.later(3600)
        assert [row.ipaddr for row in neighbor_table(s.kernel, AF_INET6)] == ["fc00::4", "fc00::3"]


def test_link_down_forgets_them() -> None:
    with fresh() as s:
        s.answers6(solicit())
        s.eth.ifdown()
        assert neighbor_table(s.kernel, AF_INET6) == []


# Questions


def test_a_packet_without_an_entry_becomes_the_question_if_nobody_waits() -> None:
    with fresh(NET_ICMPv6_NEIGHBOR=False) as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.sendto(b"lost", (HOST, 9)))
        (question,) = s.sent6()
        assert (question.type, question.hops, question.src) == (SOLICIT, 255, BOARD)
        assert (question.dst, question.dst_mac) == (solicited_node(HOST), group_mac(solicited_node(HOST)))
        assert question.payload[8:] == pton(HOST) + option(1, BOARD_MAC)
        s.run(lambda sys: sock.sendto(b"lost, and no second question", (HOST, 9)))
        assert s.frames() == []
        s.answers6(advertise())
        s.run(lambda sys: sock.sendto(b"found", (HOST, 9)))
        (sent,) = s.sent6()
        assert sent.data == b"found" and sent.dst_mac == HOST_MAC and s.leaks() == 0


def test_a_sender_waits_until_its_neighbor_is_known() -> None:
    with fresh() as s:
        sock = s.bound6(1234)
        done: list[int] = []
        s.kernel.tasks.create(lambda sys: done.append(sock.sendto(b"kept", (HOST, 9))), "sender", 50)
        s.later(0.001)
        (question,) = s.sent6()
        assert question.type == SOLICIT and not done
        s.answers6(advertise())
        s.clock.run(None)
        (sent,) = s.sent6()
        assert done == [4] and sent.data == b"kept" and s.leaks() == 0


def test_a_sender_gives_up_after_its_tries() -> None:
    with fresh() as s:
        sock = s.bound6(1234)
        before = s.clock.now_ns
        with pytest.raises(OSError, match="no answer from fc00::1") as raised:
            s.run(lambda sys: sock.sendto(b"lost", (HOST, 9)))
        assert raised.value.errno == 101
        assert [packet.type for packet in s.sent6()] == [SOLICIT] * 5
        assert 100e6 <= s.clock.now_ns - before <= 160e6
        assert s.leaks() == 0


def test_what_is_for_another_network_goes_to_the_router() -> None:
    with Stack6() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.sendto(b"far", ("2001:db8::1", 9)))
        (sent,) = s.sent6()
        assert (sent.dst, sent.dst_mac, sent.src) == ("2001:db8::1", HOST_MAC, BOARD)


def test_without_a_router_there_is_no_way() -> None:
    with Stack6() as s:
        s.device.ip6.router = "::"
        sock = s.bound6(1234)
        with pytest.raises(OSError) as raised:
            s.run(lambda sys: sock.sendto(b"far", ("2001:db8::1", 9)))
        assert raised.value.errno == 101


def test_the_longest_route_wins() -> None:
    with Stack6() as s:
        for n in (3, 4):
            neighbor_set(s.kernel, s.device, f"fc00::{n}", OTHER_MAC[:5] + bytes([n]))
        s.kernel.net.addroute("2001:db8::", "ffff:ffff::", "fc00::3")
        s.kernel.net.addroute("2001:db8:1::", "ffff:ffff:ffff::", "fc00::4")
        sock = s.bound6(1234)
        macs = []
        for to in ("2001:db8::1", "2001:db8:1::1", "2001:db9::1"):
            s.run(lambda sys, to=to: sock.sendto(b"far", (to, 9)))
            macs += [packet.dst_mac for packet in s.sent6()]
        assert macs == [OTHER_MAC[:5] + b"\3", OTHER_MAC[:5] + b"\4", HOST_MAC]
        assert [route.router for route in s.kernel.net.routes6()] == ["fc00::3", "fc00::4"]
        s.kernel.net.delroute("2001:db8::", "ffff:ffff::")
        assert len(s.kernel.net.routes6()) == 1


def test_a_group_needs_no_neighbor() -> None:
    with fresh() as s:
        sock = s.bound6(1234)
        s.run(lambda sys: sock.sendto(b"all", (ALL_NODES, 9)))
        (sent,) = s.sent6()
        assert (sent.dst, sent.dst_mac, sent.data) == (ALL_NODES, group_mac(ALL_NODES), b"all")


def test_a_question_that_finds_no_buffer_is_asked_again() -> None:
    with fresh(IOB_NBUFFERS=40, IOB_THROTTLE=2) as s:
        held = hog(s, 0)
        ping = s.keep(lambda sys: sys.socket(AF_INET6, 2, 58))
        done: list[int] = []
        s.kernel.tasks.create(lambda sys: done.append(ping.sendto(b"\x80\0\0\0\0\1\0\1", (HOST, 0))), "sender", 50)
        s.later(0.001)
        assert s.frames() == [] and not done
        for iob in held:
            s.kernel.iobs.free(iob)
        s.later(0.05)
        assert SOLICIT in [packet.type for packet in s.sent6()]
        s.answers6(advertise())
        s.later(0.1)
        assert done == [8] and [packet.type for packet in s.sent6()] == [ECHO_REQUEST] and s.leaks() == 0


def test_ipv4_and_ipv6_do_not_see_each_others_neighbors() -> None:
    with Stack6() as s:
        assert [row.ipaddr for row in neighbor_table(s.kernel)] == ["10.0.1.1"]
        assert [row.ipaddr for row in neighbor_table(s.kernel, AF_INET6)] == [HOST]
        assert len(s.answers(ether(icmp(8)))) == 1 and BOARD_IP


# Several addresses


def test_each_address_answers_for_itself() -> None:
    with Stack6(NETDEV_MAX_IPv6_ADDR=3) as s:
        s.device.ip6.add("fe80::22", 64)
        s.device.ip6.add("2001:db8::22", 64)
        for own in (BOARD, "fe80::22", "2001:db8::22"):
            (answer,) = s.answers6(solicit(own))
            assert answer.src == own
            (reply,) = s.answers6(icmp6(ECHO_REQUEST, dst=own))
            assert (reply.type, reply.src) == (ECHO_REPLY, own)


@pytest.mark.parametrize(
    ("to", "source"),
    [
        (HOST, BOARD),
        ("fe80::1", "fe80::22"),
        ("2001:db8::1", "2001:db8::22"),
        ("2001:db8:1::1", "2001:db8::22"),
        (ALL_NODES, "fe80::22"),
        ("ff0e::1", BOARD),
    ],
)
def test_the_source_has_the_scope_of_the_destination_and_most_in_common(to: str, source: str) -> None:
    with Stack6(NETDEV_MAX_IPv6_ADDR=3) as s:
        s.device.ip6.add("fe80::22", 64)
        s.device.ip6.add("2001:db8::22", 64)
        for neighbor in ("fe80::1", "2001:db8::1"):
            neighbor_set(s.kernel, s.device, neighbor, HOST_MAC)
        sock = s.bound6(1234)
        s.run(lambda sys: sock.sendto(b"x", (to, 9)))
        (sent,) = s.sent6()
        assert sent.src == source


def test_a_device_has_so_many_addresses_and_no_more() -> None:
    with Stack6(NETDEV_MAX_IPv6_ADDR=2) as s:
        s.device.ip6.add("fe80::22", 64)
        with pytest.raises(OSError) as raised:
            s.device.ip6.add("fe80::23", 64)
        assert raised.value.errno == 12
        s.device.ip6.remove(BOARD)
        s.device.ip6.add("fe80::23", 64)
        assert [row.address for row in s.device.ip6] == ["fe80::22", "fe80::23"]
        assert s.answers6(solicit()) == []
        with pytest.raises(OSError) as raised:
            s.device.ip6.remove(BOARD)
        assert raised.value.errno == 99


@pytest.mark.parametrize("address", ["ff02::1", "::", "::1", "::ffff:10.0.1.2", "10.0.1.2", "fc00::g", ""])
def test_what_is_no_address_of_a_host_is_refused(address: str) -> None:
    with Stack6() as s:
        with pytest.raises(OSError) as raised:
            s.device.ip6.add(address, 64)
        assert raised.value.errno == 22
        assert [row.address for row in s.device.ip6] == [BOARD]


def test_setting_the_first_address_leaves_the_others() -> None:
    with Stack6(NETDEV_MAX_IPv6_ADDR=3) as s:
        s.device.ip6.add("fe80::22", 64)
        s.device.ip6.set("fc00::9", 64)
        assert [(row.address, row.preflen) for row in s.device.ip6] == [("fc00::9", 64), ("fe80::22", 64)]
        s.device.ip6.set("fc00::9", 112)
        assert [(row.address, row.preflen) for row in s.device.ip6] == [("fc00::9", 112), ("fe80::22", 64)]
        with pytest.raises(OSError):
            s.device.ip6.set("ff02::9", 64)
        assert [(row.address, row.preflen) for row in s.device.ip6] == [("fc00::9", 112), ("fe80::22", 64)]
        s.device.ip6.set("::", 0)
        assert [row.address for row in s.device.ip6] == ["fe80::22"]


def test_a_board_without_an_address_says_nothing() -> None:
    with Stack6(address="", known6=False) as s:
        assert s.answers6(solicit(), icmp6(ECHO_REQUEST), icmp6(ECHO_REQUEST, dst=ALL_NODES)) == []
        assert s.kernel.net.stats.ipv6.drop == 3 and s.leaks() == 0


def test_what_the_host_says_by_itself_does_no_harm() -> None:
    """Listener reports behind a router alert, router solicitations, redirects, router advertisements."""
    report = icmp6(143, rest=b"\0\0\0\1", data=b"\4\0\0\0" + pton("ff02::1:ff00:1"), src="fe80::1", dst="ff02::16")
    with Stack6() as s:
        s.input(ether6(report))
        for kind in (130, 131, 132, 133, 134, 137, 143, 200):
            s.input(ether6(icmp6(kind, src="fe80::1", dst=ALL_NODES, hops=255, data=bytes(24))))
        assert [Packet6(frame) for frame in s.frames()] == []
        assert s.leaks() == 0 and s.pings6()


def test_the_ipv4_stack_is_as_it_was() -> None:
    with Stack6() as s, Stack() as other:
        assert s.pings() and other.pings()
