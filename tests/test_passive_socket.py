"""The passive socket: listeners with a thread of their own, which move no time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scapy.automaton import ATMT, Automaton, select_objects
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether
from scapy.sendrecv import AsyncSniffer

from board import Board
from kernel.errors import BenchError

PATIENCE = 30.0  # host seconds; only a failing test waits so long


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("sim", seed=7) as made:
        yield made


def ping(board: Board, seq: int = 0) -> Any:
    return Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP(id=5, seq=seq)


class Heard:
    """Counts what a sniffer has processed."""

    def __init__(self) -> None:
        self.packets: list[Any] = []
        self._more = threading.Condition()

    def __call__(self, packet: Any) -> None:
        with self._more:
            self.packets.append(packet)
            self._more.notify_all()

    def wait(self, n: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.packets) >= n, PATIENCE)


def test_an_async_sniffer_hears_the_board_in_lockstep(board: Board) -> None:
    wire = board.eth0.wire()
    heard = Heard()
    sniffer = AsyncSniffer(opened_socket=wire.passive(), prn=heard, store=False)
    sniffer.start()
    answered, _ = wire.sr([ping(board, seq) for seq in range(50)], timeout=1)
    heard.wait(50)
    sniffer.stop()
    assert [p[ICMP].seq for p in heard.packets] == list(range(50))
    assert [p.time for p in heard.packets] == [reply.time for _, reply in answered]


def test_a_listener_moves_no_time(board: Board) -> None:
    wire = board.eth0.wire()
    listener = wire.passive()
    wire.send(ping(board))
    assert select_objects([listener], 0) == [] and board.now == 1.0
    board.run(1)
    assert select_objects([listener], 0) == [listener] and listener.pending == 1
    assert listener.recv()[ICMP].type == 0
    assert listener.pending == 0


def test_listening_changes_nothing_on_the_board() -> None:
    times = []
    for listen in (False, True):
        with Board("stm32f7", seed=3) as board:
            wire = board.eth0.wire()
            listener = wire.passive() if listen else None
            answered, _ = wire.sr([ping(board, seq) for seq in range(5)], inter=0.001, timeout=1)
            times.append([float(reply.time) for _, reply in answered])
            assert listener is None or listener.pending == 5
    assert times[0] == times[1]


def test_a_closed_listener_is_at_its_end(board: Board) -> None:
    wire = board.eth0.wire()
    with wire.passive() as listener:
        wire.send(ping(board))
    listener.close()
    with pytest.raises(EOFError):
        listener.recv()
    board.run(1)
    assert listener.pending == 0
    assert wire.sr1(ping(board), timeout=1) is not None


def test_the_end_of_the_bench_ends_the_sniffer_and_leaves_no_descriptors() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with Board("sim", live=True) as board:
        sniffer = AsyncSniffer(opened_socket=board.eth0.wire().passive())
        sniffer.start()
    sniffer.join(PATIENCE)
    assert not sniffer.thread.is_alive()
    assert len(os.listdir("/proc/self/fd")) == before


def test_frames_that_nobody_reads_are_dropped_and_counted(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.tapsocket.LIMIT", 3)
    wire = board.eth0.wire()
    listener = wire.passive()
    wire.sr([ping(board, seq) for seq in range(5)], timeout=1)
    assert (listener.pending, listener.drops) == (3, 2)


def test_another_thread_cannot_send_in_lockstep(board: Board) -> None:
    listener = board.eth0.wire().passive()
    assert _in_thread(lambda: listener.send(b"x" * 60)) is not None
    assert listener.send(ping(board)) == 42
    board.run(1)
    assert listener.recv()[ICMP].type == 0


def _in_thread(call: Callable[[], Any]) -> BenchError | None:
    errors: list[BenchError] = []

    def run() -> None:
        try:
            call()
        except BenchError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return errors[0] if errors else None


class Pinger(Automaton):  # type: ignore[misc]
    """Sends pings, one after the answer to the other."""

    def parse_args(self, board: Board | None = None, times: int = 0, **options: Any) -> None:
        Automaton.parse_args(self, **options)
        self.board, self.left = board, times

    def master_filter(self, packet: Any) -> bool:
        return ICMP in packet and packet[ICMP].type == 0

    @ATMT.state(initial=1)
    def ASKING(self) -> None:
        self.left -= 1
        self.send(ping(self.board, self.left))

    @ATMT.receive_condition(ASKING)
    def answered(self, packet: Any) -> None:
        if self.left:
            raise self.ASKING()
        raise self.DONE()

    @ATMT.state(final=1)
    def DONE(self) -> str:
        return "done"


def test_an_automaton_talks_to_a_live_board() -> None:
    with Board("sim", live=True) as board:
        passive = board.eth0.wire().passive()
        automaton = Pinger(sock=passive, board=board, times=5)
        automaton.runbg()
        assert board.run_until(lambda: not automaton.isrunning(), PATIENCE)
        assert board.eth0.counters["rx_packets"] == 5
        automaton.destroy()
