"""The same seed gives the same run, byte for byte, whatever else differs between two processes."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import udp_echo

HERE = Path(__file__).resolve()


def digest(seed: int, hashseed: str, folder: Path) -> str:
    """Runs :func:`main` in a process of its own; returns what it printed."""
    env = os.environ | {"PYTHONHASHSEED": hashseed, "PYTHONPATH": str(HERE.parent.parent)}
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(HERE), str(seed)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=120,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", [1, 2])
def test_capture_trace_and_console_are_the_same_in_two_processes(seed: int, tmp_path: Path) -> None:
    first = digest(seed, "1", tmp_path / "one")
    second = digest(seed, "4242", tmp_path / "another")
    assert first == second
    assert len(first.split()) == 4


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    assert digest(1, "1", tmp_path / "one") != digest(2, "1", tmp_path / "two")


def _udp(board: Any, i: int) -> bytes:
    """A datagram from 10.0.1.1:4000 to port 7 of a board, without a UDP checksum."""
    payload = i.to_bytes(4, "big") * (1 + i % 50)
    udp = struct.pack("!HHHH", 4000, 7, 8 + len(payload), 0) + payload
    address = bytes(map(int, board.eth0.ip.split(".")))
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i, 0, 64, 17, 0, bytes((10, 0, 1, 1)), address)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    return bytes.fromhex(board.eth0.mac.replace(":", "")) + board.eth0.host.mac + b"\x08\x00" + header + udp


def main(seed: int) -> None:
    """Two boards, a faulty wire, every site random; prints digests of capture, both traces and a console."""
    from board import Bench
    from kernel.core import SITES, trace_records

    with Bench(seed) as bench:
        left, right = bench.board("left", profile="stm32f7"), bench.board("right", profile="smp4")
        bench.switch(left, right)
        left.capture("left.pcapng")
        left.eth0.host.faults(lose=0.05, duplicate=0.05, reorder=0.1, delay=0.1, corrupt=0.05)
        for site in SITES:
            if site != "alloc.fail":
                bench.choices(site)
        bench.boot()
        left.spawn(udp_echo, name="echo")
        right.spawn(udp_echo, name="echo")
        host = left.eth0.host
        for i in range(200):
            host.send(_udp(left, i))
            host.send(_udp(right, i))
            bench.run(0.0005)
        left.nsh(f"ping -c 3 {right.eth0.ip}")
        left.nsh("ps")
        print(hashlib.sha256(trace_records(left.kernel.board, 0)).hexdigest())
        print(hashlib.sha256(trace_records(right.kernel.board, 0)).hexdigest())
        print(hashlib.sha256(left.uart.log.text().encode()).hexdigest())
    print(hashlib.sha256(Path("left.pcapng").read_bytes()).hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]))
