"""The host's own TCP tools against the board's programs over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots a live board, types a command line there, runs one of the host's
beside it, and prints what both printed; see :func:`main`.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_host_tools import in_a_namespace, may_use_tap, python, unsanitized

HERE = Path(__file__).resolve()
MARK = "\n=== board ===\n"


def beside(line: str, command: str, *tools: str, **options: int) -> tuple[str, str]:
    """Runs ``line`` on a live board at 10.0.1.2 and ``command`` beside it; what the host's and the board's printed.

    ``options`` are those of the board.
    """
    may_use_tap(*tools)
    done = in_a_namespace(*python(), str(HERE), line, command, json.dumps(options))
    assert done.returncode == 0, done.stdout + done.stderr
    host, _, board = done.stdout.partition(MARK)
    return host, board


def test_nc_hears_its_echo() -> None:
    host, board = beside("tcpecho", "(echo hello; sleep 0.3) | nc -N -w 5 10.0.1.2 80", "nc")
    assert host == "hello\n" and board == "Start echo server\n"


def test_nc_gets_a_megabyte_back_unchanged() -> None:
    host, _ = beside("tcpecho", "head -c 1000000 /dev/urandom > $TMP; nc -N -w 5 10.0.1.2 80 < $TMP | cmp - $TMP", "nc")
    assert host == ""


TOTAL = re.compile(r"0\.00- *[\d.]+ sec +(\d+) Bytes +([\d.]+) Mbits/sec\niperf exit\n$")


def total(board: str) -> int:
    """The bytes of the last line of the board's iperf."""
    found = TOTAL.search(board)
    assert found is not None, board
    return int(found[1])


def test_the_host_s_iperf_sends_to_the_board_s() -> None:
    host, board = beside("iperf -s -i 1", "iperf -c 10.0.1.2 -t 1 -f k -y C", "iperf")
    assert total(board) == pytest.approx(int(host.split(",")[7]), rel=0.02)  # the host's does not count its header


def test_the_host_s_iperf_gets_a_report_of_its_datagrams() -> None:
    host, board = beside("iperf -s -u", "iperf -c 10.0.1.2 -u -b 5M -t 1", "iperf")
    report = host.split("Server Report:")[1]
    assert "WARNING" not in host
    found = re.search(r" ([\d.]+) Mbits/sec +([\d.]+) ms +(\d+)/ *(\d+) ", report)
    assert found is not None, report
    assert float(found[1]) == pytest.approx(5.24, rel=0.1) and float(found[2]) < 100
    assert total(board) == (int(found[4]) - int(found[3])) * 1470


def test_the_host_s_iperf_receives_what_the_board_s_sends() -> None:
    host, board = beside("sleep 2; iperf -c 10.0.1.1 -t 1 -i 1", "timeout 10 iperf -s -P 1", "iperf")
    found = re.search(r"0\.0000-[\d.]+ sec +([\d.]+) MBytes", host)
    assert found is not None, host
    assert total(board) == pytest.approx(float(found[1]) * 2**20, rel=0.02)


def test_the_host_s_iperf_hears_where_the_board_s_datagrams_end() -> None:
    host, board = beside(
        "sleep 2; iperf -c 10.0.1.1 -u -t 1 -i 1", "timeout 10 iperf -s -u -P 1", "iperf", LINK_MBPS=10
    )
    found = re.search(r"0\.0000-[\d.]+ sec +([\d.]+) MBytes +([\d.]+) Mbits/sec +[\d.]+ ms +(\d+)/ *(\d+) ", host)
    assert found is not None, host
    assert 5 < float(found[2]) < 20  # the wire's 10, by the clock of a host that may be busy
    assert (int(found[4]) - int(found[3])) * 1472 == pytest.approx(total(board), rel=0.05)


def test_nc_feeds_the_tcpserver() -> None:
    _, board = beside("tcpserver", "head -c 1024000 /dev/zero | nc -N -w 5 10.0.1.2 5471", "nc")
    assert board.endswith("server: The client broke the connection\n") and "] 0: Received 50 buffers: " in board


def test_nc_hears_the_tcpclient() -> None:
    host, board = beside("sleep 2; tcpclient", "timeout 10 nc -l 5471 | head -c 1000000 | wc -c", "nc")
    assert host == "1000000\n"
    assert re.search(r"client: Connected\n(?s:.*)client: send failed: (104|32)\n$", board), board


TELNET = "(sleep 0.3; printf 'echo one two\\r'; sleep 0.3; printf 'exit\\r'; sleep 0.3) | telnet 10.0.1.2"


def test_the_host_s_telnet_talks_to_a_shell() -> None:
    host, _ = beside("telnetd &", f"{TELNET} || true", "telnet")
    assert "Connected to 10.0.1.2." in host and "NuttShell (NSH)" in host
    assert "\none two\n" in host.replace("\r", "") and "Connection closed by foreign host." in host


def test_two_telnets_at_a_time_have_a_shell_each() -> None:
    host, _ = beside("telnetd &", f"({TELNET}) & ({TELNET}); wait; true", "telnet")
    assert host.replace("\r", "").count("\none two\n") == 2


def test_curl_and_wget_read_proc() -> None:
    host, _ = beside(
        "webserver &", "curl -sS http://10.0.1.2/proc/version; wget -qO- 10.0.1.2/proc/version", "curl", "wget"
    )
    one, two = host.splitlines()
    assert one == two and one.startswith("NuttX version")


def test_curl_follows_to_a_directory_and_tells_what_is_not_there() -> None:
    curl = "curl -sSL http://10.0.1.2/proc; curl -s -o $TMP -w '%{http_code}' http://10.0.1.2/tmp/nothing; cat $TMP"
    host, _ = beside("webserver &", curl, "curl")
    assert 'href="uptime"' in host and host.endswith("\n404Error 404: Not Found\n")


def test_wget_on_the_board_fetches_from_the_host() -> None:
    serve = f"cd /; exec {shlex.join(python())} -m http.server --bind 10.0.1.1 8000 & sleep 4; kill $!"
    line = "sleep 2; wget -o /tmp/self http://10.0.1.1:8000" + str(HERE) + "; ls -l /tmp"
    host, board = beside(line, serve)
    assert "GET " + str(HERE) in host and f" {HERE.stat().st_size} self\n" in board, host + board


def main(line: str, command: str, options: dict[str, int]) -> int:
    """Inside the namespace: a live board on tap0, and the host's side of it configured."""
    from tempfile import NamedTemporaryFile

    from board import Board
    from kernel.nsh import run_command

    with Board("sim", live=True, **options) as b, NamedTemporaryFile() as temporary:
        b.eth0.attach_tap("tap0")
        for words in ("link set lo up", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        six = "-6 addr add fc00::1/112 dev tap0 nodad"  # a host may do without IPv6: its tests skip
        subprocess.run(["ip", *six.split()], check=False, capture_output=True)
        b.boot()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", ("10.0.1.2", 9))  # from which the board learns the host's address, however busy this is
        b.run(0.2)
        job = run_command(b.kernel, line)
        script = f"TMP={temporary.name}; {command}"
        b.run(0.3)
        pipe, out = subprocess.PIPE, subprocess.STDOUT
        with subprocess.Popen(script, shell=True, stdout=pipe, stderr=out, text=True, env=unsanitized()) as host:
            if not b.run_until(lambda: host.poll() is not None, 40):
                host.kill()
                print(f"{command} did not end", file=sys.stderr)
                return 1
            assert host.stdout is not None
            b.run_until(lambda: job.done, 1)
            print(host.stdout.read(), end=MARK)
        print(job.text, end="")
        print("\n".join(b.reports), file=sys.stderr)
        return host.returncode or bool(b.reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
