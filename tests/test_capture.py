"""Captures of a board's frames in pcapng files, and the trace and state that go with them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgReader

from board import Board
from kernel.errors import BenchError
from kernel.poll import POLLIN, POLLPRI
from kernel.socket import AF_INET, SOCK_STREAM
from lab.state import state_text
from lab.tracefile import trace_events, trace_lines

RUN = """
import sys
from board import Board
from lab.tracefile import trace_lines
with Board("stm32f7", seed=11) as board:
    board.bench.choices("wire.drop")
    board.eth0.mac_model.faults(lose=0.5)
    capture = board.capture(sys.argv[1])
    print(board.nsh("ping -c 5 -i 10 10.0.1.1"))
    print(trace_lines(board.kernel))
"""


def ping(board: Board, seq: int = 0) -> Any:
    return Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP(id=5, seq=seq)


def test_a_capture_holds_both_directions_with_virtual_time(tmp_path: Path) -> None:
    path = str(tmp_path / "out.pcapng")
    with Board("sim") as board:
        wire = board.eth0.wire()
        capture = board.capture(path)
        reply = wire.sr1(ping(board), timeout=1)
        assert capture.frames == 0
        capture.flush()
        assert (capture.frames, capture.drops) == (2, 0)
    with PcapNgReader(path) as reader:
        request, answer = reader.read_all()
    assert (request.direction, answer.direction) == (1, 2)
    assert 1.0 < request.time <= answer.time <= reply.time


def test_a_file_opens_at_any_time_and_ends_with_the_bench(tmp_path: Path) -> None:
    path = str(tmp_path / "out.pcapng")
    with Board("sim") as board:
        wire = board.eth0.wire()
        board.capture(path)
        wire.sr1(ping(board), timeout=1)
        board.run(1)
        assert len(PcapNgReader(path).read_all()) == 2
        wire.sr1(ping(board), timeout=1)
    assert len(PcapNgReader(path).read_all()) == 4


def test_a_capture_can_be_ended_and_another_begun(tmp_path: Path) -> None:
    with Board("sim") as board:
        wire = board.eth0.wire()
        for name, n in (("one", 2), ("two", 3)):
            with board.capture(str(tmp_path / name)) as capture:
                wire.sr([ping(board, seq) for seq in range(n)], timeout=1)
            capture.close()
            wire.sr1(ping(board), timeout=1)
            assert len(PcapNgReader(str(tmp_path / name)).read_all()) == 2 * n


def test_what_the_wire_did_to_a_frame_is_a_comment(tmp_path: Path) -> None:
    path = str(tmp_path / "out.pcapng")
    with Board("sim") as board:
        wire = board.eth0.wire()
        board.eth0.mac_model.faults(lose=1.0)
        board.capture(path)
        assert wire.sr1(ping(board), timeout=1) is None
    request, answer = PcapNgReader(path).read_all()
    assert request.comments is None
    assert answer.comments == [b"lost"]


def test_a_capture_moves_no_time_and_ends_no_quiet() -> None:
    with Board("sim") as board:
        board.boot()
        board.capture(os.devnull)
        assert board.run_until(lambda: False) is False
        board.run(10)
        assert board.now < 12


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with Board("sim") as board, pytest.raises(FileNotFoundError, match=r"cannot write the capture .*where\.pcapng: No"):
        board.capture(str(tmp_path / "no" / "where.pcapng"))


def test_wiresharks_tools_read_it_without_complaint(tmp_path: Path, run_tool: Callable[..., str]) -> None:
    path = str(tmp_path / "out.pcapng")
    with Board("sim", name="dut") as board:
        wire = board.eth0.wire()
        board.capture(path)
        wire.sr([ping(board, seq) for seq in range(3)], timeout=1)
    info = run_tool("capinfos", path)
    assert "nanoseconds (9)" in info and "Name = eth0" in info and "Capture hardware:    dut" in info
    fields = run_tool("tshark", "-r", path, "-T", "fields", "-e", "frame.packet_flags_direction", "-e", "icmp.seq")
    assert [line.split("\t")[0][-1] for line in fields.splitlines()].count("2") == 3
    assert "\tn" not in run_tool("tshark", "-r", path, "-z", "expert,error", "-q")


def test_one_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    results = []
    for hashseed in ("1", "2"):
        path = tmp_path / hashseed
        modules = os.pathsep.join(path for path in sys.path if path)
        environment = os.environ | {"PYTHONHASHSEED": hashseed, "PYTHONPATH": modules}
        text = subprocess.run(
            [sys.executable, "-c", RUN, str(path)],
            env=environment,
            capture_output=True,
            check=True,
            timeout=60,
            cwd=tmp_path,
        )
        results.append((text.stdout, path.read_bytes()))
    assert results[0] == results[1]
    assert b"lost" in results[0][1]


def test_the_trace_is_json_lines_in_order_of_time() -> None:
    with Board("stm32f7") as board:
        board.eth0.wire().sr1(ping(board), timeout=1)
        lines = [json.loads(line) for line in trace_lines(board.kernel).splitlines()]
        assert {line["kind"] for line in lines} >= {"switch", "irq.enter", "work.start", "rx", "tx"}
        times = [line["t"] for line in lines]
        assert times == sorted(times) and times[-1] <= board.now_ns
        assert any(line["task"] is None for line in lines)
        assert len(list(trace_events(board.kernel, last=7))) == 7


def test_the_state_names_who_waits_for_whom() -> None:
    with Board("sim", IOB_NBUFFERS=8, IOB_THROTTLE=2) as board:
        wire = board.eth0.wire()

        def holder(sys: Any) -> None:
            with sys.net_lock:
                sys.sleep(100)

        board.spawn(holder, name="holder")
        board.run(1)
        wire.send(ping(board))
        board.run(1)
        text = state_text(board)
    assert "lpwork: waits for net_lock, held by holder (pid 4)" in text
    assert "holder (pid 4) holds net_lock" in text
    assert re.search(r"in holder \(\S*test_capture.py:\d+\) > ", text)
    assert "lpwork: runs eth0 irqwork" in text
    assert "IOBs: 8 of 8 free" in text
    assert state_text(board).endswith("the board is closed\n")


def test_the_state_tells_who_holds_the_iobs_and_who_waits_for_one() -> None:
    with Board("sim", IOB_NBUFFERS=8, IOB_THROTTLE=2) as board:

        def hog(sys: Any) -> None:
            while True:
                sys.kernel.iobs.alloc()

        task = board.spawn(hog, name="hog")
        board.run(1)
        text = state_text(board)
    assert f"8 app {task.pid}" in text
    assert "hog: waits for an IOB" in text
    assert "waiting: 1 unthrottled, 0 throttled" in text


def test_the_state_says_what_tasks_wait_for() -> None:
    with Board() as board:
        board.boot()

        def child(sys: Any) -> None:
            sys.socket().recvfrom(10)

        board.spawn(lambda sys: sys.waitpid(sys.spawn(child, "child")), "parent")
        board.spawn(lambda sys: sys.pipe()[0].read(1), "reader")
        board.spawn(lambda sys: sys.semaphore().wait(), "waiter")
        board.run(1)
        text = state_text(board)
    waits = {"nsh_main": "input on ttyS0", "reader": "something in a pipe", "child": "a datagram of UDP 0.0.0.0:0"}
    for line in (f"{name}: waits for {what}\n" for name, what in waits.items()):
        assert line in text
    assert re.search(r"parent: waits for the end of child \(pid \d+\)", text)
    assert re.search(r"waiter: waits for semaphore \d+", text)


def test_the_state_names_the_sockets_that_tasks_wait_at_and_those_that_hold_buffers() -> None:
    with Board("sim") as board:
        board.boot()

        def server(sys: Any) -> None:
            sock = sys.socket(AF_INET, SOCK_STREAM)
            sock.bind(("", 7))
            sock.listen()
            client, _ = sock.accept()
            sys.poll([(client, POLLPRI), (sock, POLLIN)])

        def caller(sys: Any) -> None:
            sock = sys.socket(AF_INET, SOCK_STREAM)
            sock.connect(("127.0.0.1", 7))
            sock.send(bytes(1000))
            sock.recv(10)

        board.spawn(server, "server")
        board.run(0.1)
        assert "server: waits for data or a connection of TCP 0.0.0.0:7\n" in state_text(board)
        board.spawn(caller, "caller")
        board.run(1)
        text = state_text(board)
    (peer,) = re.findall(r"caller: waits for data or a connection of TCP (127.0.0.1:\d+), peer 127.0.0.1:7\n", text)
    assert f"server: waits for a socket in poll(): TCP 127.0.0.1:7, peer {peer}, TCP 0.0.0.0:7\n" in text
    assert re.search(rf"\d+ tcp_read port 7, peer {peer}\n", text)


def test_the_state_shows_interrupt_lines_and_what_is_requested_on_them() -> None:
    def adc_interrupt(irq: int, arg: Any) -> None:
        pass

    with Board("sim") as board:
        board.boot()
        line = board.irq_line(6)
        board.kernel.irqs.attach(6, adc_interrupt, name="adc_interrupt")
        board.kernel.irqs.enable(6)
        line.pulse()
        board.run(0.1)
        assert "irq 6 adc_interrupt: 1 served\n" in state_text(board)
        board.kernel.irqs.disable(6)
        line.pulse()
        board.run(0.1)
        board.irq_line(7).set(True)
        text = state_text(board)
    assert "irq 6 adc_interrupt: masked, requested, 1 served\n" in text
    assert "irq 7 no handler: masked, requested, 0 served\n" in text
    assert "irq 8" not in text


def test_the_state_names_the_port_whose_datagrams_hold_iobs() -> None:
    def idler(sys: Any) -> None:
        s = sys.socket()
        s.bind(("", 9))
        sys.sleep(100)

    with Board("sim") as board:
        wire = board.eth0.wire()
        board.spawn(idler, name="idler")
        board.run(1)
        wire.send(Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / UDP(sport=5, dport=9) / b"x")
        board.run(1)
        assert "   1 udp_read port 9\n" in state_text(board)


def test_a_closed_bench_does_not_touch_the_file_of_a_capture(tmp_path: Path) -> None:
    kept, none = tmp_path / "kept.pcapng", tmp_path / "none.pcapng"
    kept.write_bytes(b"a capture of yesterday")
    board = Board("sim")
    board.close()
    for path in (kept, none):
        with pytest.raises(BenchError, match="closed"):
            board.capture(str(path))
    assert kept.read_bytes() == b"a capture of yesterday"
    assert not none.exists()
