"""The host's own tools against the board's programs over TAP and IPv6, as tests/test_host_programs.py does by IPv4."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from test_host_programs import HERE, beside, total
from test_host_tools import python

pytestmark = pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="the host has no IPv6")


def test_the_host_pings_the_board() -> None:
    host, _ = beside("true", "ping -6 -c 3 -i 0.2 fc00::2; ping -6 -c 1 -s 4000 fc00::2", "ping")
    assert "3 received, 0% packet loss" in host and "4008 bytes from fc00::2" in host


def test_the_board_pings_the_host() -> None:
    _, board = beside("ping6 -c 2 fc00::1; ping6 -c 1 -s 4000 fc00::1", "sleep 4")
    assert "2 packets transmitted, 2 received, 0% packet loss,time" in board
    assert "4000 bytes from fc00::1 icmp_seq=0" in board


def test_curl_reads_proc() -> None:
    curl = "curl -gsS http://[fc00::2]/proc/version; curl -sS http://10.0.1.2/proc/version"
    host, _ = beside("webserver &", curl, "curl")
    one, two = host.splitlines()
    assert one == two and one.startswith("NuttX version")


def test_nc_gets_a_megabyte_back_unchanged() -> None:
    command = "head -c 1000000 /dev/urandom > $TMP; nc -N -w 5 fc00::2 80 < $TMP | cmp - $TMP"
    host, _ = beside("tcpecho", command, "nc")
    assert host == ""


def test_the_host_s_iperf_sends_to_the_board_s() -> None:
    host, board = beside("iperf -s -V -i 1", "iperf -V -c fc00::2 -t 1 -f k -y C", "iperf")
    assert total(board) == pytest.approx(int(host.split(",")[7]), rel=0.02)  # the host's does not count its header


def test_the_host_s_iperf_gets_a_report_of_its_datagrams() -> None:
    host, board = beside("iperf -s -u -V", "iperf -V -c fc00::2 -u -b 5M -t 1", "iperf")
    assert "WARNING" not in host
    found = re.search(r" ([\d.]+) Mbits/sec +([\d.]+) ms +(\d+)/ *(\d+) ", host.split("Server Report:")[1])
    assert found is not None, host
    assert float(found[1]) == pytest.approx(5.24, rel=0.1) and total(board) > 0


def test_the_host_s_iperf_receives_what_the_board_s_sends() -> None:
    host, board = beside("sleep 2; iperf -c fc00::1 -t 1 -i 1", "timeout 10 iperf -V -s -P 1", "iperf")
    found = re.search(r"0\.0000-[\d.]+ sec +([\d.]+) MBytes", host)
    assert found is not None, host
    assert total(board) == pytest.approx(float(found[1]) * 2**20, rel=0.02)


def test_wget_on_the_board_fetches_from_the_host() -> None:
    serve = f"cd /; exec {shlex.join(python())} -m http.server --bind fc00::1 8000 & sleep 4; kill $!"
    line = "sleep 2; wget -o /tmp/self http://[fc00::1]:8000" + str(HERE) + "; ls -l /tmp"
    host, board = beside(line, serve)
    assert "GET " + str(HERE) in host and f" {HERE.stat().st_size} self\n" in board, host + board
