"""A first hardware-in-the-loop test: run it with `pytest examples/test_board.py`."""

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether


def test_the_board_answers_ping(board, wire):
    reply = wire.sr1(Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP(), timeout=5)
    assert reply[ICMP].type == 0


@pytest.mark.board(IOB_NBUFFERS=8, IOB_THROTTLE=2)
def test_a_flood_for_a_reader_that_sleeps_is_dropped_and_counted(board, wire, nsh):
    def reader(sys):
        s = sys.socket()
        s.bind(("", 9))
        sys.sleep(3600)

    board.spawn(reader, name="reader")
    for _ in range(20):
        wire.send(Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / UDP(sport=4000, dport=9) / (b"x" * 100))
    board.run(0.1)
    ntotal, nfree, *_ = map(int, nsh("cat /proc/iobinfo").text.split()[4:])
    assert (ntotal, nfree) == (8, 0)
