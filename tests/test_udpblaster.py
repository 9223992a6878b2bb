"""udpblaster: what it sends, what it prints, and how it ends."""

from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from shell_kit import Terminal

from board import Board
from kernel.apps.udpblaster import payload
from kernel.neighbor import neighbor_set

DATA = 1514 - 14 - 20 - 8


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(LINK_MBPS=100) as board:
        board.boot()
        yield board


def test_it_fills_whole_frames_from_port_5472_to_port_5471(board: Board) -> None:
    wire = board.eth0.wire()
    board.nsh("udpblaster &")
    frames = [frame for frame in wire.sniff(timeout=0.01) if UDP in frame]
    assert len(frames) > 50
    for frame in frames:
        assert (frame[IP].src, frame[UDP].sport) == ("10.0.1.2", 5472)
        assert (frame[IP].dst, frame[UDP].dport) == ("10.0.1.1", 5471)
        assert bytes(frame[UDP].payload) == payload(DATA)


def test_it_keeps_the_wire_busy(board: Board) -> None:
    board.nsh("udpblaster &")
    board.run(0.1)
    before = board.eth0.counters["wire_tx_frames"]
    board.run(1)
    assert board.eth0.counters["wire_tx_frames"] - before == pytest.approx(100e6 / 8 / (1514 + 24), rel=0.01)


def test_it_prints_a_dot_for_ten_thousand_datagrams() -> None:
    with Board() as board:  # 10 Gbit/s: 12 us a frame
        terminal = Terminal(board)
        terminal.wait()
        terminal.type(b"udpblaster &\r", 0.001)
        sent = board.kernel.net.stats.udp.sent
        output = b""
        while b"." not in output:
            output += terminal.wait(0.005)
            assert sent < 20_000
            sent = board.kernel.net.stats.udp.sent
        assert sent >= 10_000


def test_it_ends_when_sending_fails(board: Board) -> None:
    reply = board.nsh("ifdown eth0; udpblaster")
    assert reply.lines[-1] == "ERROR: sendto() failed: 101"
    assert not reply.ok


def test_a_signal_ends_it(board: Board) -> None:
    board.nsh("udpblaster &")
    board.run(0.1)
    assert board.nsh("pkill udpblaster").ok
    board.run(1)  # closing its socket waits until what it sent has left
    assert board.nsh("pidof udpblaster").text == "nsh: pidof: no such task: udpblaster\n"
    assert board.reports == []


def test_an_address_that_is_not_the_boards_cannot_be_sent_from() -> None:
    with Board(EXAMPLES_UDPBLASTER_TARGETIP=0x0A000109) as board:
        assert board.nsh("udpblaster").text == "server: ERROR bind failure: 99\n"


def test_a_port_in_use_cannot_be_sent_from(board: Board) -> None:
    board.nsh("udpecho 5472 &")
    assert board.nsh("udpblaster").text == "server: ERROR bind failure: 98\n"


def test_it_is_there_if_configured() -> None:
    with Board(EXAMPLES_UDPBLASTER=False) as board:
        assert board.nsh("udpblaster").text == "nsh: udpblaster: command not found\n"


def test_it_speaks_ipv6_if_configured_to() -> None:
    with Board(LINK_MBPS=100, EXAMPLES_UDPBLASTER_IPv6=True) as board:
        board.boot()
        wire = board.eth0.wire()
        neighbor_set(board.kernel, board.kernel.net.device("eth0"), "fc00::1", bytes.fromhex("020000000001"))
        board.nsh("udpblaster &")
        frames = [frame for frame in wire.sniff(timeout=0.01) if UDP in frame]
        assert len(frames) > 50
        for frame in frames:
            assert (frame[IPv6].src, frame[UDP].sport) == ("fc00::2", 5472)
            assert (frame[IPv6].dst, frame[UDP].dport) == ("fc00::1", 5471)
            assert bytes(frame[UDP].payload) == payload(DATA - 20)
