"""The wire as a scapy socket that drives the simulation, and nl0 as one of scapy's interfaces."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from scapy.automaton import ObjectPipe
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, ARP_am, Ether, arping
from scapy.packet import Raw
from scapy.sendrecv import bridge_and_sniff, sendp, sndrcv, sniff, sr1, srp, srp1, srpflood

from board import Bench, Board
from board.board import IRQ_ETH
from board.wire import Port
from kernel.errors import BenchError, Panic
from lab.wire import WireSocket

MANY = 3000
conf.verb = 0


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("sim", seed=7) as made:
        yield made


@pytest.fixture
def wire(board: Board) -> WireSocket:
    made: WireSocket = board.eth0.wire()
    return made


def ping(board: Board, seq: int = 0, **fields: Any) -> Any:
    return Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP(id=5, seq=seq, **fields)


def pings(board: Board, n: int) -> list[Any]:
    return [ping(board, seq) for seq in range(n)]


def unanswerable(board: Board) -> Any:
    """A ping for somebody else's Ethernet address."""
    return Ether(dst="02:00:00:00:00:99") / IP(dst=board.eth0.ip) / ICMP()


def greeter(times: int, every: float, whom: str = "10.0.1.1") -> Any:
    """A program that sends a datagram now and then."""

    def app(sys: Any) -> None:
        s = sys.socket()
        for i in range(times):
            s.sendto(b"%d" % i, (whom, 9))
            sys.sleep(every)

    return app


def datagrams(packets: Any) -> list[bytes]:
    return [bytes(p[Raw])[:1] for p in packets if UDP in p]


# sr, sr1


def test_sr1_returns_the_answer_with_virtual_times(board: Board, wire: WireSocket) -> None:
    request = ping(board)
    reply = wire.sr1(request, timeout=5)
    assert reply[ICMP].type == 0
    assert request.sent_time == 1.0
    assert 1.0 < reply.time < 1.001
    assert float(reply.time) == board.now


def test_an_unfinished_packet_gets_the_hosts_address_on_every_machine(board: Board, wire: WireSocket) -> None:
    packet = IP(dst=board.eth0.ip)
    assert packet.src == "10.0.1.1"
    reply = wire.sr1(Ether() / IP(dst=board.eth0.ip) / ICMP(), timeout=1)
    assert (reply[IP].src, reply[IP].dst) == ("10.0.1.2", "10.0.1.1")
    assert reply[Ether].src == board.eth0.mac
    assert bytes.fromhex(reply[Ether].dst.replace(":", "")) == board.eth0.host.mac


def test_a_timeout_is_virtual_seconds_after_the_last_packet(board: Board, wire: WireSocket) -> None:
    assert wire.sr1(unanswerable(board), timeout=5) is None
    assert board.now == 6.0


def test_without_a_timeout_the_call_ends_when_nothing_can_happen(board: Board, wire: WireSocket) -> None:
    assert wire.sr1(unanswerable(board)) is None
    assert board.now < 1.001


@pytest.mark.parametrize("threaded", [False, True])
def test_all_of_many_requests_are_answered(board: Board, wire: WireSocket, threaded: bool) -> None:
    answered, unanswered = wire.sr(pings(board, MANY), timeout=0.01, threaded=threaded)
    assert (len(answered), len(unanswered)) == (MANY, 0)
    assert all(0 < reply.time - request.sent_time < 0.01 for request, reply in answered)


def test_scapys_own_threaded_sender_loses_nothing_however_short_the_timeout(board: Board, wire: WireSocket) -> None:
    for timeout in (1e-4, 0.5):
        answered, _ = sndrcv(wire, pings(board, 200), timeout=timeout, verbose=0)
        assert len(answered) == 200


def test_both_senders_give_the_same_times() -> None:
    times = []
    for threaded in (False, True):
        with Board("sim", seed=7) as board:
            answered, _ = board.eth0.wire().sr(pings(board, 20), timeout=1, threaded=threaded)
            times.append([float(reply.time) for _, reply in answered])
    assert times[0] == times[1]


@pytest.mark.parametrize("threaded", [False, True])
def test_inter_is_virtual_time_between_packets(board: Board, wire: WireSocket, threaded: bool) -> None:
    answered, _ = wire.sr(pings(board, 4), inter=0.25, timeout=1, threaded=threaded)
    assert [request.sent_time for request, _ in answered] == [1.0, 1.25, 1.5, 1.75]
    assert all(reply.time > request.sent_time for request, reply in answered)


def test_unanswered_packets_are_sent_again(board: Board, wire: WireSocket) -> None:
    board.eth0.host.faults(lose=1.0)
    with wire.passive() as listener:
        _, unanswered = wire.sr(ping(board), timeout=1, retry=2)
        assert len(unanswered) == 1 and listener.pending == 0
    assert board.eth0.host.counters["lost"] == 3
    assert board.now == 4.0


def test_sr_ignores_what_arrived_before_it_and_leaves_it_to_sniff(board: Board, wire: WireSocket) -> None:
    wire.send(ping(board))
    board.run(1)
    reply = wire.sr1(ping(board), timeout=1)
    assert reply.time > 2.0
    assert [float(p.time) < 2.0 for p in wire.sniff(timeout=0)] == [True]


def test_srp_is_sr_on_a_wire(board: Board, wire: WireSocket) -> None:
    assert wire.srp1(ping(board), timeout=1)[ICMP].type == 0
    assert len(wire.srp(pings(board, 3), timeout=1)[0]) == 3


def test_an_ip_packet_without_ethernet_is_refused(board: Board, wire: WireSocket) -> None:
    with pytest.raises(TypeError, match=r"put Ether\(\)/ before IP"):
        wire.sr1(IP(dst=board.eth0.ip) / ICMP(), timeout=1)


def test_a_crash_of_the_board_ends_the_call(board: Board, wire: WireSocket) -> None:
    def handler(irq: int, arg: Any) -> None:
        raise ZeroDivisionError

    board.kernel.irqs.attach(IRQ_ETH, handler)
    with pytest.raises(Panic, match="ZeroDivisionError"):
        wire.sr1(ping(board), timeout=1)


# sniff, recv, send


def test_sniff_returns_what_arrives_within_its_time(board: Board, wire: WireSocket) -> None:
    board.spawn(greeter(5, 1.0))
    packets = wire.sniff(timeout=2.5)
    assert datagrams(packets) == [b"0", b"1", b"2"]
    assert board.now == 3.5
    assert datagrams(wire.sniff()) == [b"3", b"4"]


def test_sniff_counts_and_filters(board: Board, wire: WireSocket) -> None:
    board.spawn(greeter(5, 1.0))
    assert datagrams(wire.sniff(lfilter=lambda p: UDP in p, count=2)) == [b"0", b"1"]
    assert datagrams(wire.sniff(stop_filter=lambda p: UDP in p, timeout=10)) == [b"2"]


def test_recv_lets_time_pass_until_a_frame_is_there(board: Board, wire: WireSocket) -> None:
    wire.send(ping(board))
    assert wire.recv()[ICMP].type == 0
    assert wire.recv() is None


def test_bytes_can_be_sent(board: Board, wire: WireSocket) -> None:
    assert wire.send(bytes(ping(board))) == 42
    assert wire.recv()[ICMP].type == 0
    with pytest.raises(OSError):
        wire.send(b"")


def test_a_closed_wire_forgets_and_can_be_used_again(board: Board, wire: WireSocket) -> None:
    wire.send(ping(board))
    board.run(1)
    wire.close()
    wire.close()
    assert len(wire.sniff(timeout=1)) == 0
    assert wire.sr1(ping(board), timeout=1) is not None


def test_an_outgoing_wire_hears_what_the_host_sends(board: Board) -> None:
    wire = board.eth0.wire(outgoing=True)
    wire.send(ping(board))
    assert [p[ICMP].type for p in wire.sniff(timeout=1)] == [8, 0]


def test_two_wires_hear_the_same(board: Board, wire: WireSocket) -> None:
    other = board.eth0.wire()
    wire.send(ping(board))
    assert len(wire.sniff(timeout=1)) == len(other.sniff(timeout=0)) == 1


# scapy's own calls with the wire as their socket


def test_bare_sniff_has_a_virtual_timeout_each_time(board: Board, wire: WireSocket) -> None:
    board.spawn(greeter(6, 1.0))
    assert datagrams(sniff(opened_socket=wire, timeout=2.5)) == [b"0", b"1", b"2"]
    assert board.now == 3.5
    assert datagrams(sniff(opened_socket=wire, timeout=1.0)) == [b"3"]
    assert board.now == 4.5
    assert datagrams(sniff(opened_socket=wire)) == [b"4", b"5"]


def test_sendp_on_a_wire(board: Board, wire: WireSocket) -> None:
    sendp([ping(board, seq) for seq in range(3)], socket=wire)
    assert len(wire.sniff(timeout=1)) == 3


def test_select_serves_foreign_objects_as_well(board: Board, wire: WireSocket) -> None:
    pipe: ObjectPipe[int] = ObjectPipe("control")
    assert WireSocket.select([wire, pipe], 0.5) == []
    assert board.now == 1.5
    pipe.send(1)
    assert WireSocket.select([wire, pipe], 0.5) == [pipe]
    wire.send(ping(board))
    board.run(0.1)
    assert WireSocket.select([pipe, wire], 0.5) == [wire, pipe]
    pipe.recv()
    assert WireSocket.select([pipe], 0) == []
    pipe.close()


def test_wires_of_different_benches_cannot_be_selected_together(board: Board, wire: WireSocket) -> None:
    with Board() as other, pytest.raises(ValueError, match="different benches"):
        WireSocket.select([wire, other.eth0.wire()], 1)


def test_an_answering_machine_serves_the_board(board: Board, wire: WireSocket) -> None:
    board.spawn(greeter(1, 1.0, "10.0.1.66"))
    wire.am(ARP_am, IP_addr="10.0.1.66", ARP_addr="02:00:00:00:00:66")(count=1, verbose=0)
    assert [p[Ether].dst for p in wire.sniff(timeout=1, lfilter=lambda p: UDP in p)] == ["02:00:00:00:00:66"]


def test_bridge_and_sniff_joins_two_cables_of_a_bench() -> None:
    with Bench(seed=1) as bench:
        left, right = bench.board("left"), bench.board("right")
        one, two = left.eth0.wire(), right.eth0.wire()
        left.spawn(greeter(1, 1.0, right.eth0.ip))
        seen = one.bridge_and_sniff(two, timeout=5)
        assert {p.sniffed_on for p in seen} == {"iface1", "iface2"}
        assert any(UDP in p and p[IP].dst == right.eth0.ip for p in seen)
        assert right.eth0.counters["rx_packets"] >= 2
        right.spawn(greeter(1, 1.0, left.eth0.ip))
        assert any(UDP in p and p[IP].dst == left.eth0.ip for p in bridge_and_sniff(one, two, timeout=5))


def test_other_threads_cannot_drive_the_bench(board: Board, wire: WireSocket) -> None:
    errors: list[BaseException] = []

    def drive() -> None:
        for call in (lambda: wire.send(ping(board)), lambda: wire.recv()):
            try:
                call()
            except BenchError as error:
                errors.append(error)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert len(errors) == 2 and "thread" in str(errors[0])


# nl0


def test_nl0_is_an_interface_of_scapy_while_the_bench_is_open() -> None:
    routes = list(conf.route.routes)
    with Board() as board:
        board.eth0.wire()
        assert srp1(ping(board), iface="nl0", timeout=1)[ICMP].type == 0
        assert "nl0" in str(conf.ifaces)
    assert "nl0" not in conf.ifaces.data
    assert conf.route.routes == routes
    assert "10.0.1.2" not in conf.netcache.arp_cache


def test_a_board_that_was_powered_off_is_forgotten_like_any_other() -> None:
    with Bench() as bench:
        boards = [bench.board(), bench.board()]
        boards[0].eth0.wire()
        assert conf.netcache.arp_cache["10.0.1.3"] == boards[1].eth0.mac
        boards[1].power_off()
        boards[0].eth0.wire()
        boards[0].power_off()
    assert not {"10.0.1.2", "10.0.1.3"} & set(conf.netcache.arp_cache.keys())
    assert "nl0" not in conf.ifaces.data


def test_a_wire_on_a_port_that_has_a_tap_says_where_it_leads(board: Board) -> None:
    board.eth0.tap = Port(board.bench.clock, board.eth0.mac_model.number, "tap0")
    board.eth0.host = None
    with pytest.raises(BenchError, match=r"eth0 is attached to TAP tap0; use capture\(\) or the TAP itself"):
        board.eth0.wire()


def test_srp_on_nl0_answers_all(board: Board, wire: WireSocket) -> None:
    answered, unanswered = srp(pings(board, 300), iface="nl0", timeout=1)
    assert (len(answered), len(unanswered)) == (300, 0)


def test_ip_packets_go_by_route(board: Board, wire: WireSocket) -> None:
    reply = sr1(IP(dst=board.eth0.ip) / ICMP(), timeout=1)
    assert reply[ICMP].type == 0 and Ether not in reply


def test_arping_finds_the_board(board: Board, wire: WireSocket) -> None:
    answered, _ = arping("10.0.1.2", iface="nl0", timeout=1, verbose=0)
    assert [reply[ARP].hwsrc for _, reply in answered] == [board.eth0.mac]


def test_a_filter_that_no_kernel_runs_is_refused(board: Board, wire: WireSocket) -> None:
    with pytest.raises(ValueError, match="lfilter"):
        sniff(iface="nl0", filter="arp", timeout=1)


def test_a_flood_is_refused(board: Board, wire: WireSocket) -> None:
    answered, _ = srpflood(ping(board), iface="nl0", timeout=1, verbose=0)
    assert len(answered) == 0


def test_of_several_benches_nl0_is_the_latest_that_is_open() -> None:
    with Board("sim") as first:
        first.eth0.wire()
        with Board("sim") as second:
            second.eth0.wire()
            srp1(ping(second), iface="nl0", timeout=1)
            assert (first.eth0.counters["rx_packets"], second.eth0.counters["rx_packets"]) == (0, 1)
        srp1(ping(first), iface="nl0", timeout=1)
        assert first.eth0.counters["rx_packets"] == 1
        assert IP(dst="10.0.1.2").src == "10.0.1.1"


def test_a_cable_that_leads_elsewhere_is_no_wire(board: Board) -> None:
    board.boot()
    board.eth0.mac_model.unplug()
    with pytest.raises(BenchError, match="plugged into something else"):
        board.eth0.wire()


def test_a_board_boots_without_scapy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [n for n in sys.modules if n.partition(".")[0] == "scapy" or n in ("lab.wire", "lab.wireview")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scapy", None)
    with Board() as board:
        assert "hpwork" in board.nsh("ps")
        with pytest.raises(BenchError, match=r"pip install 'nutloop\[scapy\]'"):
            board.eth0.wire()


@pytest.mark.parametrize("threaded", [False, True])
def test_a_live_board_answers_within_wall_clock_time(threaded: bool) -> None:
    with Board("sim", live=True) as board:
        answered, _ = board.eth0.wire().sr(pings(board, 10), timeout=30, threaded=threaded)
        assert len(answered) == 10
        assert all(reply.time >= request.sent_time for request, reply in answered)
