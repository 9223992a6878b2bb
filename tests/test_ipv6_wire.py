"""Boards that speak IPv6, on a wire with scapy and on a switch with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import ENETUNREACH
from pathlib import Path
from typing import Any

import pytest
from programs import AF_INET6, SOCK_DGRAM, udp_echo6
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    UDPerror,
)
from scapy.layers.l2 import Ether

from board import Bench, Board
from board.config import Config
from kernel.core import lib
from kernel.neighbor import neighbor_table
from kernel.socket import SO_BINDTODEVICE, SOL_SOCKET

HOST = "02:6e:6c:00:00:00"
SOLICITED, SOLICITED_MAC = "ff02::1:ff00:2", "33:33:ff:00:00:02"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("sim", seed=7) as made:
        yield made


@pytest.fixture
def wire(board: Board) -> Any:
    return board.eth0.wire()


def ping(board: Board, **fields: Any) -> Any:
    return (
        Ether(dst=board.eth0.mac)
        / IPv6(src="fc00::1", dst=board.eth0.ip6)
        / ICMPv6EchoRequest(id=5, data=b"x" * 32, **fields)
    )


def solicit(board: Board, mac: str) -> Any:
    ip = IPv6(src="fc00::1", dst=SOLICITED, hlim=255)
    return Ether(dst=SOLICITED_MAC) / ip / ICMPv6ND_NS(tgt=board.eth0.ip6) / ICMPv6NDOptSrcLLAddr(lladdr=mac)


def neighbors(board: Board) -> dict[str, str]:
    return {row.ipaddr: row.mac.hex(":") for row in neighbor_table(board.kernel, lib.NET_AF_INET6)}


def states(board: Board) -> list[tuple[str, str]]:
    return [(row.address, row.state) for row in board.eth0.ip6_addresses]


def asker(to: str, answers: list[bytes], *texts: bytes) -> Callable[[Any], None]:
    """Sends datagrams to port 7 of a board and keeps what comes back."""

    def app(sys: Any) -> None:
        s = sys.socket(AF_INET6, SOCK_DGRAM)
        for text in texts:
            s.sendto(text, (to, 7))
            answers.append(s.recv(4096))

    return app


# A board and the host's end of its wire


def test_the_first_ping_is_answered_at_once(board: Board, wire: Any) -> None:
    reply = wire.sr1(ping(board, seq=3), timeout=5)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[Ether].dst) == ("fc00::2", "fc00::1", HOST)
    assert (reply[ICMPv6EchoReply].seq, reply[ICMPv6EchoReply].data) == (3, b"x" * 32)
    assert board.now < 1.001
    assert neighbors(board) == {"fc00::1": HOST}


def test_without_that_a_board_asks_who_pings_it_and_the_first_reply_is_lost() -> None:
    with Board("sim", seed=7, IPv6_IPIN=False) as board:
        wire = board.eth0.wire()
        wire.send(ping(board, seq=0))
        (question,) = wire.sniff(timeout=1)
        assert (question[ICMPv6ND_NS].tgt, question[ICMPv6NDOptSrcLLAddr].lladdr) == ("fc00::1", board.eth0.mac)
        assert neighbors(board) == {"fc00::1": HOST}  # nl0 has answered
        assert wire.sr1(ping(board, seq=1), timeout=1)[ICMPv6EchoReply].seq == 1


@pytest.mark.parametrize(("line", "expected"), [("", False), ("CONFIG_NET_ARP_IPIN=y\n", True)])
def test_a_configuration_that_learns_from_packets_of_ipv4_does_so_with_ipv6(
    tmp_path: Path, line: str, expected: bool
) -> None:
    path = tmp_path / ".config"
    path.write_text("CONFIG_NET=y\n" + line)
    assert Config(str(path)).flag("IPv6_IPIN") is expected


@pytest.mark.parametrize(
    ("src", "mac"),
    [("2001:db8::1", HOST), ("fc00::9", "33:33:00:00:00:09"), ("fc00::9", "00:00:00:00:00:00"), ("::", HOST)],
    ids=["another network", "a group", "no address", "nobody"],
)
def test_what_cannot_be_a_neighbor_is_not_learnt(board: Board, wire: Any, src: str, mac: str) -> None:
    packet = ping(board)
    packet[Ether].src, packet[IPv6].src = mac, src
    wire.send(packet)
    board.run(1)
    assert src not in neighbors(board)


@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "33:33:00:00:00:09"])
def test_a_solicitation_does_not_make_a_neighbor_unreachable(board: Board, wire: Any, mac: str) -> None:
    wire.sr1(ping(board), timeout=1)
    wire.send(solicit(board, mac))
    board.run(0.01)
    assert neighbors(board) == {"fc00::1": HOST}
    assert wire.sr1(ping(board), timeout=1) is not None


def test_a_board_answers_who_asks_for_its_address(board: Board, wire: Any) -> None:
    answer = wire.sr1(solicit(board, HOST), timeout=5)
    assert (answer[IPv6].src, answer[IPv6].dst, answer[IPv6].hlim) == ("fc00::2", "fc00::1", 255)
    assert (answer[ICMPv6ND_NA].tgt, answer[ICMPv6ND_NA].S, answer[ICMPv6ND_NA].O) == ("fc00::2", 1, 1)
    assert answer[ICMPv6NDOptDstLLAddr].lladdr == board.eth0.mac


def test_a_board_finds_nl0_by_itself(board: Board, wire: Any) -> None:
    def app(sys: Any) -> None:
        s = sys.socket(AF_INET6, SOCK_DGRAM)
        s.sendto(b"hello", ("fc00::1", 9))
        sys.sleep(0.1)

    board.spawn(app)
    question, datagram = wire.sniff(timeout=1)
    assert question[ICMPv6ND_NS].tgt == "fc00::1"
    assert (datagram.dst, bytes(datagram[UDP].payload)) == (HOST, b"hello")


def test_nl0_answers_a_boards_pings_if_it_is_asked_to(board: Board) -> None:
    def pinger(sys: Any) -> None:
        s = sys.socket(AF_INET6, SOCK_DGRAM, 58)
        s.settimeout(1)
        for size in (0, 56, 3000, 60000):
            s.sendto(b"\x80\0\0\0\0\5\0\1" + bytes(size), ("fc00::1", 0))
            replies.append(len(s.recv(65535)))

    replies: list[int] = []
    assert board.eth0.host is not None
    board.eth0.host.answers(echo=True)
    board.spawn(pinger)
    board.run(5)
    assert replies == [8, 64, 3008, 60008]
    assert board.reports == []


def test_a_port_that_nobody_has_is_told(board: Board, wire: Any) -> None:
    reply = wire.sr1(
        Ether(dst=board.eth0.mac) / IPv6(src="fc00::1", dst=board.eth0.ip6) / UDP(sport=4000, dport=9) / b"anybody?",
        timeout=1,
    )
    assert (reply[ICMPv6DestUnreach].code, reply[UDPerror].dport) == (4, 9)
    assert (reply[IPv6].src, reply[IPv6].dst) == ("fc00::2", "fc00::1")


def test_addresses_are_shown_as_they_are_now(board: Board, wire: Any) -> None:
    assert (board.eth0.ip6, states(board)) == ("fc00::2", [("fc00::2", "ready")])
    addresses = board.kernel.net.device("eth0").ip6

    def change(sys: Any) -> None:
        addresses.add("2001:db8::2", 64)
        sys.sleep(1)
        addresses.remove("fc00::2")
        sys.sleep(1)
        addresses.remove("2001:db8::2")

    board.spawn(change)
    board.run(0.5)
    assert [(row.address, row.preflen) for row in board.eth0.ip6_addresses] == [("fc00::2", 112), ("2001:db8::2", 64)]
    board.run(1)
    assert board.eth0.ip6 == "2001:db8::2"
    board.run(1)
    assert (board.eth0.ip6, board.eth0.ip6_addresses) == ("", [])


def test_a_board_without_ipv6_has_no_address_and_answers_nothing() -> None:
    with Board("sim", NET_IPv6=False) as board:
        wire = board.eth0.wire()
        assert (board.eth0.ip6, board.eth0.ip6_addresses) == ("", [])
        wire.send(Ether(dst=board.eth0.mac) / IPv6(src="fc00::1", dst="fc00::2") / ICMPv6EchoRequest())
        assert len(wire.sniff(timeout=1)) == 0


# Boards on a switch


def test_a_board_talks_to_another_one_by_udp() -> None:
    with Bench(seed=1) as bench:
        left, right = bench.board("left"), bench.board("right")
        bench.switch(left, right)
        wire = left.eth0.wire()
        answers: list[bytes] = []
        texts = (b"one", b"two" * 1000, b"3")
        left.spawn(udp_echo6)
        right.spawn(asker(left.eth0.ip6, answers, *texts))
        seen = wire.sniff(timeout=1)
        assert (left.eth0.ip6, right.eth0.ip6) == ("fc00::2", "fc00::3")
        assert tuple(answers) == texts
        assert [p[ICMPv6ND_NS].tgt for p in seen if ICMPv6ND_NS in p] == ["fc00::2"]


def test_all_boards_on_a_switch_are_reached_from_nl0() -> None:
    with Bench(seed=1) as bench:
        boards = [bench.board() for _ in range(4)]
        bench.switch(*boards)
        wire = boards[0].eth0.wire()
        answered, unanswered = wire.sr(
            [Ether() / IPv6(dst=b.eth0.ip6) / ICMPv6EchoRequest() for b in boards], timeout=1
        )
        assert len(unanswered) == 0
        assert [(reply.src, reply[IPv6].src) for _, reply in answered] == [(b.eth0.mac, b.eth0.ip6) for b in boards]
        wire.send(Ether() / IPv6(dst="ff02::1") / ICMPv6EchoRequest())
        replies = wire.sniff(timeout=1, lfilter=lambda p: ICMPv6EchoReply in p)
        assert sorted(p[IPv6].src for p in replies) == ["fc00::2", "fc00::3", "fc00::4", "fc00::5"]


# Duplicate address detection


def test_an_address_that_nobody_else_has_is_the_boards_after_a_second() -> None:
    with Board("sim", IPv6_DAD=True) as board:
        wire = board.eth0.wire()
        assert states(board) == [("fc00::2", "tentative")]
        (question,) = wire.sniff(timeout=0.5)
        assert (question.dst, question[IPv6].src, question[ICMPv6ND_NS].tgt) == (SOLICITED_MAC, "::", "fc00::2")
        assert wire.sr1(ping(board), timeout=0.2) is None
        board.run(1)
        assert states(board) == [("fc00::2", "ready")]
        assert wire.sr1(ping(board), timeout=0.2) is not None


def test_an_address_is_tested_again_when_the_link_comes_back() -> None:
    with Board("sim", IPv6_DAD=True) as board:
        wire = board.eth0.wire()
        board.run(2)
        board.eth0.link_down()
        board.run(1)
        wire.sniff(timeout=0)
        board.eth0.link_up()
        assert [p[ICMPv6ND_NS].tgt for p in wire.sniff(timeout=0.5)] == ["fc00::2"]
        assert states(board) == [("fc00::2", "tentative")]
        board.run(1)
        assert states(board) == [("fc00::2", "ready")]


def silent(board: Board, wire: Any, address: str) -> bool:
    """Whether a board lets pings and questions for an address pass, and sends nothing itself."""
    errors: list[int | None] = []

    def app(sys: Any) -> None:
        for to in ("fc00::9", "2001:db8::1", "ff02::1"):
            for device in (b"", b"eth0"):
                s = sys.socket(AF_INET6, SOCK_DGRAM)
                s.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, device)
                try:
                    s.sendto(b"hello", (to, 9))
                except OSError as error:
                    errors.append(error.errno)

    board.spawn(app)
    head = Ether(dst=board.eth0.mac) / IPv6(src="fc00::9", dst=address, hlim=255)
    for message in (ICMPv6EchoRequest(), ICMPv6ND_NS(tgt=address), UDP(dport=9)):
        wire.send(head / message)
    heard = [p for p in wire.sniff(timeout=5) if p.src == board.eth0.mac]
    assert errors == [ENETUNREACH] * 6
    return heard == []


def test_a_board_that_is_given_nl0s_address_does_not_use_it() -> None:
    with Board("sim", IPv6_DAD=True, NETINIT_IPv6ADDR_8=1) as board:
        wire = board.eth0.wire(outgoing=True)
        question, answer = wire.sniff(timeout=3)
        assert (question[ICMPv6ND_NS].tgt, answer[ICMPv6ND_NA].tgt) == ("fc00::1", "fc00::1")
        assert (answer.src, answer[IPv6].dst) == (HOST, "ff02::1")
        assert states(board) == [("fc00::1", "duplicate")]
        assert silent(board, wire, "fc00::1")
        assert board.nsh(f"ping -c 1 {board.eth0.ip}").ok


def pair(bench: Bench, seconds: float) -> tuple[Board, Board]:
    """Two boards on a switch that are given fc00::7, the second that many seconds later."""
    first, second = (bench.board(IPv6_DAD=True, NETINIT_IPv6ADDR_8=7 - i) for i in range(2))
    bench.switch(first, second)
    second.power_off()
    bench.run(seconds)
    second.reset()
    bench.run(3)
    return first, second


def test_of_two_boards_with_one_address_the_second_does_not_use_it() -> None:
    with Bench(seed=1) as bench:
        first, second = pair(bench, 2)
        assert (states(first), states(second)) == ([("fc00::7", "ready")], [("fc00::7", "duplicate")])
        wire = first.eth0.wire()
        assert silent(second, wire, "fc00::7")
        assert wire.sr1(Ether() / IPv6(dst="fc00::7") / ICMPv6EchoRequest(), timeout=1).src == first.eth0.mac


def test_of_two_boards_that_want_one_address_at_the_same_time_neither_uses_it() -> None:
    with Bench(seed=1) as bench:
        boards = pair(bench, 0)
        assert [states(board) for board in boards] == [[("fc00::7", "duplicate")]] * 2
        wire = boards[0].eth0.wire()
        assert all(silent(board, wire, "fc00::7") for board in boards)
