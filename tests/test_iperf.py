"""The iperf program: two boards measure each other, and peers that do not do their part."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from app_kit import SERVER, ask, dial, kill, pair, pids, sockets, start

from board import Board
from kernel.apps.iperfudp import Losses, datagram, fin, server_report
from kernel.kernel import SIGINT
from kernel.nsh import run_command
from kernel.socket import AF_INET, SOCK_DGRAM
from kernel.udp import udp_connections

LINE = re.compile(r" *([\d.]+)- *([\d.]+) sec +(\d+) Bytes +([\d.]+) Mbits/sec")
RATE = 100  # Mbit/s


def lines(text: str) -> list[tuple[float, float, int, float]]:
    """Begin, end, bytes and Mbit/s of every line of a report, the total last."""
    return [(float(a), float(b), int(n), float(mbits)) for a, b, n, mbits in LINE.findall(text)]


def measure(server: Board, client: Board, more: str) -> tuple[str, str]:
    """Runs iperf on both; what they print."""
    job = start(server, f"iperf -s {more}")
    other = start(client, f"iperf -c {SERVER} -t 2 {more}")
    assert client.run_until(lambda: job.done and other.done, 30)
    client.run(2)
    assert server.reports == client.reports == []
    return job.text, other.text


def test_tcp_fills_the_link_and_both_ends_agree() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        got, sent = measure(server, client, "-i 1")
        assert sockets(server) == sockets(client) == []
    assert got.startswith(
        "     IP: 10.0.1.2\n\n mode=tcp-server sip=10.0.1.2:5001,dip=0.0.0.0:5001, interval=1, time=0\n"
    )
    assert sent.startswith("     IP: 10.0.1.3\n\n mode=tcp-client sip=10.0.1.3:5001,dip=10.0.1.2:5001, ")
    assert "\n\n           Interval         Transfer         Bandwidth\n\n   0.00-   1.0" in sent
    assert re.search(r"\naccept: 10\.0\.1\.3:\d+\n", got) and got.endswith("iperf exit\n")
    *parts, total = lines(got)
    assert sum(p[2] for p in parts) == total[2] == lines(sent)[-1][2]
    assert total[:2] == (0, parts[-1][1]) and len(parts) >= 2
    for begin, end, count, mbits in [*parts, total]:
        assert mbits == pytest.approx(count * 8 / 1e6 / (end - begin), abs=count * 8 / 1e6 * 0.01 / (end - begin) ** 2)
    assert total[3] == pytest.approx(RATE * 1460 / 1538, rel=0.05)


def test_udp_fills_the_link_and_both_ends_agree() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        got, sent = measure(server, client, "-u -i 1")
        assert udp_connections(server.kernel) == udp_connections(client.kernel) == []
    assert "\nwant recv=16384\naccept: 10.0.1.3:" in got and "mode=udp-client" in sent
    assert lines(got)[-1][2] == lines(sent)[-1][2] + 1472  # the last one tells the end and is no data to its sender
    assert lines(got)[-1][3] == pytest.approx(RATE * 1472 / 1538, rel=0.05)


def test_time_ends_a_server_whose_client_goes_on() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        job = start(server, "iperf -s -i 1 -t 2")
        start(client, f"iperf -c {SERVER} -t 20")
        assert server.run_until(lambda: job.done, 5)
        assert lines(job.text)[-1][1] == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("more", ["", "-u"])
@pytest.mark.parametrize("side", ["-s", "-c 10.0.1.9", "-c 10.0.1.3"])
def test_a_kill_gives_everything_back(side: str, more: str) -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        start(client, f"iperf -s {more}")
        nused = server.kernel.heap.stats().nused
        job = start(server, f"iperf {side} {more}")
        kill(server, "iperf")
        server.run(10)
        assert job.done and pids(server, "iperf") == pids(server, "iperf_report") == []
        assert sockets(server) == [] and udp_connections(server.kernel) == []
        assert server.reports == [] and server.kernel.heap.stats().nused == nused


def test_ctrl_c_ends_the_measurement_with_its_figures() -> None:
    with pair(LINK_MBPS=RATE) as (server, client):
        job = start(server, "iperf -s")
        other = start(client, f"iperf -c {SERVER}")
        kill(client, "iperf", SIGINT)
        assert client.run_until(lambda: job.done and other.done, 5)
        assert len(lines(job.text)) == len(lines(other.text)) == 2


def test_abort_ends_those_that_run() -> None:
    with Board() as board:
        board.boot()
        jobs = [start(board, "iperf -s"), start(board, "iperf -s -u")]
        assert board.nsh("iperf -a").text == ""
        board.run(0.1)
        assert all(job.done and job.text.endswith("iperf exit\n") for job in jobs)


def test_a_client_that_resets_is_an_error_of_the_server_s() -> None:
    with pair() as (server, client):
        job = start(server, "iperf -s")

        def call(sys: Any) -> None:
            dial(sys, 5001).sendall(b"x")
            sys.sleep(1)

        ask(client, call)
        server.run(1)
        assert job.done and re.search(r"closed by the peer: |tcp server recv error", job.text)
        assert job.text.endswith("iperf exit\n")


def test_a_client_that_falls_silent_is_given_up() -> None:
    with pair() as (server, client):
        job = start(server, "iperf -s")

        def call(sys: Any) -> None:
            dial(sys, 5001).sendall(b"x")
            sys.sleep(60)

        client.spawn(call, name="call")
        server.run(9)
        assert not job.done
        server.run(3)
        assert job.done and "tcp server recv error, error code: 11, reason: Unknown error 11\n" in job.text


def test_nobody_there_is_an_error() -> None:
    with pair() as (_, client):
        reply = client.nsh(f"iperf -c {SERVER} -t 1")
        assert reply.lines[-2:] == [
            "tcp client connect error, error code: 111, reason: Unknown error 111",
            "iperf exit",
        ]


def test_datagrams_of_rubbish_count_as_data_only() -> None:
    with pair() as (server, client):
        job = start(server, "iperf -s -u -i 1 -t 2")

        def rubbish(sys: Any) -> None:
            with sys.socket(AF_INET, SOCK_DGRAM) as sock:
                for data in (b"", b"x", b"\x7f" * 11, b"\x80\0\0\0" + bytes(8), bytes(12)):
                    sock.sendto(data, (SERVER, 5001))

        ask(client, rubbish)
        server.run(5)
        assert job.done and lines(job.text)[-1][2] == 36 - 12  # the fourth one claims to be the last
        assert server.reports == []


def test_the_server_reports_what_was_lost_and_late() -> None:
    losses = Losses()
    assert [losses.take(datagram(n, 0, 100), 0) for n in (1, 2, 5, 4)] == [False] * 4
    assert losses.take(fin(6, 0, 100), 0)
    assert (losses.highest, losses.lost, losses.late, losses.jitter_us) == (6, 1, 1, 0)


@pytest.mark.parametrize(("flags", "place"), [(0, 12), (0x48010078, 16)])
def test_the_report_lies_where_the_client_s_version_looks_for_it(flags: int, place: int) -> None:
    losses = Losses()
    losses.take(datagram(1, 0, 100), 500_000)
    losses.take(datagram(2, 0, 100), 1_300_000)
    last = struct.pack("!iIIII", -3, 0, 0, 0, flags) + bytes(80)
    report = server_report(last, 5_000_000_000, 2_500_000_000, losses)
    assert len(report) == 128 and report[:place] == last[:place]
    told = struct.unpack_from("!IIIIIIIIII", report, place)
    assert told == (0x80000000 | flags & 0x08000000, 1, 705032704, 2, 500_000, 0, 0, 2, 0, 50)


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("iperf", "ERROR: should specific client/server mode"),
        ("iperf -s -c 10.0.1.1", "ERROR: should specific client/server mode"),
        ("iperf -x", 'iperf: invalid option "-x"'),
        ("iperf -s more", 'iperf: unexpected argument "more"'),
        ("iperf -s -p x", 'iperf: invalid argument "x" to option -p|--port=<port>'),
        ("iperf -s -p 65536", 'iperf: invalid argument "65536" to option -p|--port=<port>'),
        ("iperf -s -t -1", 'iperf: invalid argument "-1" to option -t|--time=<time>'),
        ("iperf -c nowhere", 'iperf: invalid argument "nowhere" to option -c|--client=<ip>'),
        ("iperf -s -B x", "ERROR: access IP is 0xffffffff"),
        ("ifconfig eth0 0.0.0.0; iperf -s", "ERROR: access IP is 0x00"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(line: str, first: str) -> None:
    with Board() as board:
        reply = board.nsh(line)
        assert reply.lines[0] == first and not reply.ok
        assert reply.lines[1] == "USAGE: iperf [-suVa] [-c <ip>] [-B <ip>] [-p <port>] [-i <interval>] [-t <time>]"
        assert "  -s, --server         be the server" in reply.lines


def test_another_device_can_be_the_one_it_uses() -> None:
    with Board(NETUTILS_IPERFTEST_DEVNAME="lo") as board:
        reply = board.nsh("iperf --server --port=7 --interval=2 --time=1 --bind 10.0.1.9")
        assert "mode=tcp-server sip=10.0.1.9:7,dip=0.0.0.0:5001, interval=2, time=2" in reply
        assert "tcp server bind error, error code: 99" in reply
        start(board, "iperf -s")
        assert board.nsh("iperf --client=127.0.0.1 --time 1 -i 1").lines[0] == "     IP: 127.0.0.1"


@pytest.mark.parametrize("more", ["", "-u"])
def test_a_board_measures_itself_over_loopback(more: str) -> None:
    with Board(NETUTILS_IPERFTEST_DEVNAME="lo", NET_SEND_BUFSIZE=8192, USEC_PER_TICK=100) as board:
        board.boot()
        got = start(board, f"iperf -s -i 1 {more}")
        sent = run_command(board.kernel, f"iperf -c 127.0.0.1 {more}")
        board.run(0.005)
        board.kernel.kill(pids(board, "iperf")[1], SIGINT)
        assert board.run_until(lambda: got.done and sent.done, 5)
        assert 100 < lines(sent.text)[-1][3] < 100_000
        assert board.reports == []


def test_it_is_there_if_configured() -> None:
    with Board(NETUTILS_IPERF=False) as board:
        assert board.nsh("iperf").text == "nsh: iperf: command not found\n"
