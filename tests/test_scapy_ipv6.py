"""nl0 as an interface of scapy for IPv6: sources, routes, neighbors, and that all of it goes again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from scapy.config import conf
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import Ether
from scapy.sendrecv import sr1, srp1

from board import Bench, Board
from lab.wire import WireL3Socket, WireSocket

conf.verb = 0

MACHINES: dict[str, list[Any]] = {
    "no IPv6": [],
    "IPv6 to everywhere": [
        ("::1", 128, "::", "lo", ["::1"], 0),
        ("2001:db8::5", 128, "::", "eth9", ["2001:db8::5"], 0),
        ("fe80::5", 128, "::", "eth9", ["fe80::5"], 0),
        ("fe80::", 64, "::", "eth9", ["fe80::5"], 256),
        ("ff00::", 8, "::", "eth9", ["fe80::5"], 250),
        ("::", 0, "fe80::1", "eth9", ["2001:db8::5"], 1024),
    ],
    "the same network": [
        ("fc00::1", 128, "::", "tap0", ["fc00::1"], 0),
        ("fc00::", 112, "::", "tap0", ["fc00::9"], 0),
        ("fe80::9", 128, "::", "tap0", ["fe80::9"], 0),
    ],
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What scapy knows of the host that the test runs on."""
    monkeypatch.setattr(conf.route6, "routes", list(MACHINES[request.param]))
    conf.route6.invalidate_cache()
    yield
    conf.route6.invalidate_cache()


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("sim", seed=7) as made:
        yield made


@pytest.fixture
def wire(board: Board) -> WireSocket:
    made: WireSocket = board.eth0.wire()
    return made


def ping(board: Board) -> Any:
    return IPv6(dst=board.eth0.ip6) / ICMPv6EchoRequest(id=5, data=b"x" * 32)


@pytest.mark.usefixtures("machine")
def test_an_unfinished_packet_gets_the_hosts_address_on_every_machine(board: Board, wire: WireSocket) -> None:
    to = {"dst": board.eth0.mac}
    replies = [
        wire.sr1(Ether(**to) / ping(board), timeout=5),
        wire.sr1(Ether() / ping(board), timeout=5),
        srp1(Ether(**to) / ping(board), iface="nl0", timeout=5),
        sr1(ping(board), timeout=5),
        sr1(ping(board), iface="nl0", timeout=5),
        WireL3Socket(board.eth0).sr1(ping(board), timeout=5),
    ]
    assert [(reply[IPv6].src, reply[IPv6].dst) for reply in replies] == [("fc00::2", "fc00::1")] * 6
    assert [Ether in reply for reply in replies] == [True] * 3 + [False] * 3
    assert all(ICMPv6EchoReply in reply for reply in replies)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("group", ["ff02::1", "ff02::1:ff00:1", "ff02::1:ff00:2"])
def test_a_packet_for_the_boards_groups_gets_it_as_well(board: Board, wire: WireSocket, group: str) -> None:
    assert IPv6(dst=group).src == "fc00::1"


def test_a_board_is_asked_for_its_address_by_an_unfinished_question(board: Board, wire: WireSocket) -> None:
    question = ICMPv6ND_NS(tgt="fc00::2") / ICMPv6NDOptSrcLLAddr(lladdr="02:6e:6c:00:00:00")
    answer = wire.sr1(Ether() / IPv6(dst="ff02::1:ff00:2", hlim=255) / question, timeout=1)
    assert (answer[ICMPv6ND_NA].tgt, answer[IPv6].dst) == ("fc00::2", "fc00::1")


def test_building_a_packet_sends_nothing(board: Board) -> None:
    wire = board.eth0.wire(outgoing=True)
    for packet in (Ether() / ping(board), Ether() / IPv6(dst="fc00::2%nl0") / UDP()):
        assert bytes(packet)[:6].hex(":") == board.eth0.mac
    assert len(wire.sniff(timeout=1)) == 0


def test_an_ipv6_packet_without_ethernet_is_refused(board: Board, wire: WireSocket) -> None:
    with pytest.raises(TypeError, match=r"put Ether\(\)/ before IPv6"):
        wire.sr1(ping(board), timeout=1)


def everything() -> tuple[list[Any], set[Any], dict[str, str]]:
    """What scapy knows."""
    return list(conf.route6.routes), set(conf.route6.ipv6_ifaces), dict(conf.netcache.in6_neighbor)


def test_nl0_is_shown_while_the_bench_is_open() -> None:
    before = everything()
    with Board() as board:
        board.eth0.wire()
        assert conf.ifaces.data["nl0"].ips[6] == ["fc00::1"]
        assert ("fc00::", 112, "::", "nl0", ["fc00::1"], -1) in conf.route6.routes
        assert "nl0" in conf.route6.ipv6_ifaces
        assert conf.netcache.in6_neighbor["fc00::2"] == board.eth0.mac
        assert "fc00::1" in str(conf.ifaces) and "nl0" in str(conf.route6)
    assert everything() == before


def test_the_configured_router_and_mask_count() -> None:
    with Board(NETINIT_DRIPv6ADDR_8=0x99, NETINIT_IPv6NETMASK_7=0) as board:
        board.eth0.wire()
        assert ("fc00::", 96, "::", "nl0", ["fc00::99"], -1) in conf.route6.routes
        assert IPv6(dst=board.eth0.ip6).src == "fc00::99"


def test_a_board_without_ipv6_leaves_it_alone() -> None:
    before = everything()
    with Board(NET_IPv6=False) as board:
        board.eth0.wire()
        assert conf.ifaces.data["nl0"].ips[6] == []
        assert everything() == before


def test_a_board_without_ipv6_does_not_load_scapys() -> None:
    program = (
        "import sys\n"
        "from scapy.config import conf\n"
        "conf.ipv6_enabled = False\n"  # else its IPv4 loads it
        "from board import Board\n"
        "for options in ({'NET_IPv6': False}, {}):\n"
        "    with Board(**options) as board:\n"
        "        board.eth0.wire()\n"
        "assert 'scapy.layers.inet' in sys.modules\n"
        "assert not {'scapy.layers.inet6', 'scapy.route6', 'lab.scapynet6'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_boards_that_were_powered_off_are_forgotten_like_any_other() -> None:
    before = everything()
    with Bench() as bench:
        boards = [bench.board(), bench.board()]
        boards[0].eth0.wire()
        assert conf.netcache.in6_neighbor["fc00::3"] == boards[1].eth0.mac
        boards[1].power_off()
        boards[0].eth0.wire()
        boards[0].power_off()
    assert everything() == before


def test_of_several_benches_nl0_is_the_latest_that_is_open() -> None:
    with Board() as first:
        first.eth0.wire()
        alone = everything()
        with Board() as second:
            second.eth0.wire()
            assert sr1(ping(second), timeout=1) is not None
            assert (first.eth0.counters["rx_ipv6"], second.eth0.counters["rx_ipv6"]) == (0, 1)
        assert everything() == alone
        assert sr1(ping(first), timeout=1) is not None
        with Board(NET_IPv6=False) as third:
            third.eth0.wire()
        assert sr1(ping(first), timeout=1) is not None
        assert first.eth0.counters["rx_ipv6"] == 2


def test_routes_that_scapy_was_made_to_read_anew_come_back_with_the_next_wire() -> None:
    before = everything()
    with Board() as board:
        board.eth0.wire()
        conf.route6.resync()
        conf.route.resync()
        conf.netcache.in6_neighbor.flush()
    assert everything() == before
    with Board() as board:
        board.eth0.wire()
        conf.route6.resync()
        conf.route.resync()
        board.eth0.wire()
        assert IPv6(dst=board.eth0.ip6).src == "fc00::1"
        assert sr1(ping(board), timeout=1) is not None
    assert everything() == before


def test_a_live_board_answers_within_wall_clock_time() -> None:
    with Board("sim", live=True) as board:
        answered, _ = board.eth0.wire().sr([Ether() / ping(board) for _ in range(10)], timeout=30)
        assert len(answered) == 10
