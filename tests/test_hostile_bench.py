"""Power, reset, console and inbox where nobody expects them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from board import Bench, Board
from kernel.errors import BenchError


def test_power_and_reset_in_the_middle_of_traffic() -> None:
    """Two boards flood each other; one of them loses its power, again and again."""

    def flood(sys: Any) -> None:
        sock = sys.socket()
        sock.bind(("0.0.0.0", 9))
        sock.setblocking(False)
        peer = "10.0.1.3" if sys.kernel.name == "here" else "10.0.1.2"
        while True:
            try:
                sock.sendto(bytes(1000), (peer, 9))
                sock.recv(2000)
            except OSError:
                sys.sleep(0)
            sys.burn(20)

    with Bench() as bench:
        here, there = bench.board("here", IOB_NBUFFERS=16, IOB_THROTTLE=4), bench.board("there")
        bench.switch(here, there)
        bench.boot()
        there.spawn(flood)
        for i in range(20):
            here.spawn(flood)
            bench.run(0.0007 * i)
            if i % 3 == 0:
                here.power_off()
                bench.run(0.0005)
            here.reset()
        bench.run(0.1)
        for board in (here, there):
            board.reset()
            bench.boot()
            stats = board.kernel.iobs.getstats()
            assert board.kernel.iobs.check() == "" and stats.nfree == stats.ntotal and board.reports == []
        assert " 0% packet loss" in here.nsh("ping -c 1 10.0.1.3")


def test_a_console_that_is_fed_garbage_is_usable_afterwards() -> None:
    with Board() as board:
        port = board.console.open(timeout=5)
        port.write(random.Random(1).randbytes(100_000))
        board.run(60)
        port.write(b"\x03\r\n\r\n")
        board.run(1)
        port.reset_input_buffer()
        port.write(b"echo well\r\n")
        assert b"\r\nwell\r\n" in port.read(100)
        assert board.reports == []


def test_a_closed_live_bench_has_no_inbox() -> None:
    board = Board(live=True)
    board.run(0.01)
    board.close()
    with pytest.raises(BenchError, match="the bench is closed"):
        board.bench.clock.post(print)
