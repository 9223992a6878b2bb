"""Duplicate address detection (RFC 4862 5.4): when an address may be used, and who takes it away."""

from __future__ import annotations

from typing import Any

import pytest
from stack import hog
from stack6 import (
    ALL_NODES,
    ANY,
    BOARD,
    ECHO_REQUEST,
    HOST,
    SOLICIT,
    O,
    Stack6,
    advertise,
    group_mac,
    icmp6,
    pton,
    solicit,
    solicited_node,
)

from kernel.fs.procnet import net_device


def states(s: Stack6) -> list[tuple[str, str]]:
    return [(row.address, row.state) for row in s.device.ip6]


def asked(**options: Any) -> Stack6:
    """A board that tests its addresses, the moment after it has asked for its first one."""
    s = Stack6(address="", IPv6_DAD=True, **options)
    s.device.ip6.set(BOARD, 112)
    s.device.ip6.router = HOST
    s.later(0.001)
    return s


def test_an_address_is_asked_for_once_and_ready_a_second_later() -> None:
    with asked() as s:
        assert states(s) == [(BOARD, "tentative")]
        (question,) = s.sent6()
        assert (question.type, question.src, question.dst, question.hops) == (SOLICIT, ANY, solicited_node(BOARD), 255)
        assert question.dst_mac == group_mac(solicited_node(BOARD)) and question.payload[8:] == pton(BOARD)
        s.later(0.99)
        assert states(s) == [(BOARD, "tentative")]
        s.later(0.05)
        assert states(s) == [(BOARD, "ready")] and s.frames() == []
        assert s.pings6() and s.leaks() == 0


def test_a_tentative_address_neither_hears_nor_speaks() -> None:
    with Stack6(address="", IPv6_DAD=True) as s:
        sock = s.bound6(1234)
        s.device.ip6.set(BOARD, 112)
        s.later(0.001)
        s.frames()
        assert s.answers6(icmp6(ECHO_REQUEST), icmp6(ECHO_REQUEST, dst=ALL_NODES), solicit()) == []
        done: list[int | None] = []

        def send(sys: Any) -> None:
            try:
                done.append(sock.sendto(b"x", (HOST, 9)))
            except OSError as error:
                done.append(error.errno)

        s.kernel.tasks.create(send, "sender", 50)
        s.later(0.001)
        assert done == [101] and s.frames() == []


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param(solicit(src=ANY), id="wants it, too"),
        pytest.param(advertise(BOARD, flags=O, dst=ALL_NODES), id="has it"),
    ],
)
def test_whoever_claims_it_keeps_it(claim: bytes) -> None:
    with asked() as s:
        s.frames()
        s.answers6(claim)
        assert states(s) == [(BOARD, "duplicate")]
        s.later(10)
        assert states(s) == [(BOARD, "duplicate")] and s.frames() == []
        assert s.answers6(icmp6(ECHO_REQUEST), solicit()) == []
        assert "inet6 addr: fc00::2/112 duplicate" in net_device(s.kernel, s.device)
        assert s.leaks() == 0


def test_one_who_looks_for_us_is_no_claim() -> None:
    with asked() as s:
        s.answers6(solicit(), advertise(BOARD, flags=O, dst=ALL_NODES, hops=254), solicit("fc00::3", src=ANY))
        s.later(1.1)
        assert states(s) == [(BOARD, "ready")]


def test_an_address_in_use_is_defended_but_not_given_up() -> None:
    with asked() as s:
        s.later(1.1)
        s.frames()
        (answer,) = s.answers6(solicit(src=ANY))
        assert answer.dst == ALL_NODES and states(s) == [(BOARD, "ready")]
        s.answers6(advertise(BOARD, src=HOST, flags=O, dst=ALL_NODES))
        assert states(s) == [(BOARD, "ready")]


def test_the_link_coming_back_starts_over() -> None:
    with asked() as s:
        s.later(1.1)
        s.frames()
        s.eth.ifdown()
        s.later(5)
        s.eth.ifup()
        s.kernel.net.txavail()
        s.later(0.001)
        assert states(s) == [(BOARD, "tentative")] and [p.type for p in s.sent6()] == [SOLICIT]
        s.later(1.1)
        assert states(s) == [(BOARD, "ready")]


def test_a_duplicate_gets_another_chance_when_the_link_comes_back() -> None:
    with asked() as s:
        s.answers6(solicit(src=ANY))
        s.eth.ifdown()
        s.eth.ifup()
        s.kernel.net.txavail()
        s.later(1.1)
        assert states(s) == [(BOARD, "ready")]


def test_an_address_given_while_the_link_is_down_waits_for_it() -> None:
    with Stack6(address="", IPv6_DAD=True) as s:
        s.eth.ifdown()
        s.device.ip6.set(BOARD, 112)
        s.later(10)
        assert states(s) == [(BOARD, "tentative")] and s.frames() == []
        s.eth.ifup()
        s.kernel.net.txavail()
        s.later(1.1)
        assert states(s) == [(BOARD, "ready")]


def test_each_address_is_tested_in_its_own_time() -> None:
    with asked(NETDEV_MAX_IPv6_ADDR=3) as s:
        s.later(0.5)
        s.device.ip6.add("fe80::22", 64)
        s.later(0.7)
        assert states(s) == [(BOARD, "ready"), ("fe80::22", "tentative")]
        s.later(1.5)
        assert states(s) == [(BOARD, "ready"), ("fe80::22", "ready")]
        assert [p.payload[8:] for p in s.sent6()] == [pton(BOARD), pton("fe80::22")]


def test_a_question_without_a_buffer_is_asked_later_and_nothing_is_decided_before() -> None:
    with Stack6(address="", IPv6_DAD=True) as s:
        held = hog(s, 0)
        s.device.ip6.set(BOARD, 112)
        s.later(5)
        assert states(s) == [(BOARD, "tentative")] and s.frames() == []
        for iob in held:
            s.kernel.iobs.free(iob)
        s.later(2.2)
        assert [p.type for p in s.sent6()] == [SOLICIT] and states(s) == [(BOARD, "ready")]


def test_the_loopback_needs_no_test() -> None:
    with asked() as s:
        lo = s.kernel.net.device("lo")
        assert [(row.address, row.preflen, row.state) for row in lo.ip6] == [("::1", 128, "ready")]


def test_without_the_option_an_address_is_ready_at_once() -> None:
    with Stack6() as s:
        assert states(s) == [(BOARD, "ready")]
        assert s.pings6()
