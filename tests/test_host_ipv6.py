"""The host's own IPv6, and its tools, against a live board over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots the board, runs one shell command of the host beside it, and prints
what the command printed and how the board is; see :func:`main`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import AF_INET6, SOCK_DGRAM, tcp_echo6, udp_echo6
from test_host_tcp import dissect
from test_host_tools import in_a_namespace, may_use_tap, python

HERE = Path(__file__).resolve()
MARK = "\n=== board ===\n"
IPPROTO_ICMPV6 = 58
WRONG = " || ".join(f'{proto}.checksum.status=="Bad"' for proto in ("tcp", "udp", "icmpv6")) + " || _ws.malformed"


def beside(command: str, *tools: str, capture: Path | None = None, **options: Any) -> tuple[str, dict[str, Any]]:
    """Runs ``command`` beside a live board at fc00::2, which echoes what comes to UDP and TCP port 7, or skips.

    Returns what it printed, and how the board was afterwards. ``$d`` is an empty directory.
    """
    may_use_tap(*tools)
    done = in_a_namespace(*python(), str(HERE), command, str(capture or ""), json.dumps(options))
    assert done.returncode == 0, done.stdout + done.stderr
    printed, _, state = done.stdout.partition(MARK)
    after: dict[str, Any] = json.loads(state)
    assert after["reports"] == [] and after["busy buffers"] == 0, after
    return printed, after


@pytest.mark.parametrize("size", [56, 1452, 3000, 65000, 65527])
def test_pings_of_every_length_are_answered(size: int) -> None:
    out, after = beside(f"ping -6 -c 3 -i 0.2 -s {size} fc00::2", "ping")
    assert "3 received, 0% packet loss" in out
    assert after["counters"]["rx_ipv6"] >= 3 * (1 + size // 1500)


def test_a_ping_for_all_nodes_is_answered_to_a_link_local_address() -> None:
    ready = "until ip -6 addr show dev tap0 scope link -tentative | grep -q fe80; do sleep 0.1; done; "
    out, _ = beside(ready + "ping -6 -c 2 -i 0.2 -I tap0 ff02::1", "ping")
    assert re.search(r"^64 bytes from fc00::2: icmp_seq=1 ", out, re.M), out


def test_the_boards_own_pings_are_answered_by_the_host() -> None:
    _, after = beside("sleep 0.5", pings=[0, 56, 1452, 3000, 65000, 65527])
    assert after["pings"] == [0, 56, 1452, 3000, 65000, 65527]


def test_netcat_talks_to_a_program_on_the_board_by_udp() -> None:
    out, _ = beside("echo hello board | nc -6 -u -w 1 fc00::2 7", "nc")
    assert out == "hello board\n"


def test_netcat_gets_a_long_datagram_back_in_fragments() -> None:
    copy = "head -c 9000 /dev/urandom > $d/f; nc -6 -u -w 1 fc00::2 7 < $d/f > $d/g; cmp $d/f $d/g && echo the same"
    assert beside(copy, "nc")[0] == "the same\n"


def test_netcat_gets_a_megabyte_back_by_tcp_as_it_was() -> None:
    copy = "head -c 1000000 /dev/urandom > $d/f; nc -6 -N fc00::2 7 < $d/f > $d/g; cmp $d/f $d/g && echo the same"
    assert beside(copy, "nc")[0] == "the same\n"


def test_ndisc6_finds_the_boards_ethernet_address() -> None:
    out, _ = beside("ndisc6 fc00::2 tap0", "ndisc6")
    assert "Target link-layer address: 02:6E:6C:00:01:01" in out


def test_rdisc6_finds_no_router() -> None:
    out, _ = beside("rdisc6 -1 -r 1 -w 500 tap0 || true", "rdisc6")
    assert out.endswith("No response.\n")


def test_a_syn_scan_tells_open_ports_from_closed_ones() -> None:
    out, _ = beside("nmap -6 -n -sS -p 7,9 fc00::2", "nmap")
    assert re.search(r"^7/tcp +open", out, re.M), out
    assert re.search(r"^9/tcp +closed", out, re.M), out


def test_a_udp_scan_tells_open_ports_from_closed_ones() -> None:
    out, _ = beside("nmap -6 -n -sU -p 7,9,69 --max-retries 2 fc00::2", "nmap")
    assert re.search(r"^7/udp +open", out, re.M), out
    assert re.search(r"^9/udp +closed", out, re.M), out


def test_what_a_host_says_on_every_link_does_no_harm_and_gets_no_answer(tmp_path: Path) -> None:
    """Its reports of the groups that it hears, its questions for routers and for its own address."""
    may_use_tap("tshark")
    capture = tmp_path / "wire.pcapng"
    _, after = beside("rdisc6 -1 -r 1 -w 1500 tap0; ping -6 -c 1 fc00::2", "ping", "rdisc6", capture=capture)
    for kind in (133, 135, 143):
        assert dissect(capture, f"icmpv6.type=={kind}"), kind
    answers = dissect(capture, "eth.src==02:6e:6c:00:01:01 && icmpv6 && !(icmpv6.type==129) && !(icmpv6.type==136)")
    assert answers == ""
    assert after["addresses"] == [["fc00::2", 112, "ready"]]


def test_a_dissector_finds_nothing_wrong_with_what_the_board_sent(tmp_path: Path) -> None:
    may_use_tap("tshark")
    capture = tmp_path / "wire.pcapng"
    everything = (
        "ping -6 -c 2 -i 0.2 fc00::2; ping -6 -c 2 -i 0.2 -s 3001 fc00::2; ping -6 -c 1 -s 65001 fc00::2;"
        "echo hello | nc -6 -u -w 1 fc00::2 7; echo hello | nc -6 -u -w 1 fc00::2 9;"
        "head -c 300001 /dev/urandom | nc -6 -N fc00::2 7 >/dev/null; nc -6 -z fc00::2 9 || true"
    )
    beside(everything, "ping", "nc", capture=capture)
    mine = "ipv6.src==fc00::2"
    for what in ("tcp.len>0", "udp.dstport", "icmpv6.type==1", "icmpv6.type==129", "icmpv6.type==136", "ipv6.fragment"):
        assert dissect(capture, f"{mine} && {what}"), what
    assert dissect(capture, f"{mine} && ({WRONG})") == ""


def test_the_hosts_detection_of_duplicates_finds_the_board() -> None:
    out, _ = beside("ip -6 addr add fc00::2/112 dev tap0; sleep 1.5; ip -6 addr show dev tap0 dadfailed")
    assert "inet6 fc00::2/112" in out and "dadfailed" in out


def test_the_boards_detection_of_duplicates_finds_the_host() -> None:
    _, after = beside("sleep 1.5", IPv6_DAD=True, NETINIT_IPv6ADDR_8=1)
    assert after["addresses"] == [["fc00::1", 112, "duplicate"]]


def test_an_address_that_no_host_has_stands_a_test() -> None:
    out, after = beside("sleep 1.5; ping -6 -c 1 fc00::2", "ping", IPv6_DAD=True)
    assert "1 received" in out
    assert after["addresses"] == [["fc00::2", 112, "ready"]]


def main(command: str, capture: str, given: str) -> int:
    """Inside the namespace: a live board on tap0, and the host's side of it configured, ready for both protocols."""
    from tempfile import TemporaryDirectory

    from board import Board

    options = json.loads(given)
    sizes = options.pop("pings", [])
    pinged: list[int] = []

    def pinger(sys: Any) -> None:
        s = sys.socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6)
        s.settimeout(5)
        for size in sizes:
            s.sendto(b"\x80\0\0\0\0\5\0\1" + bytes(size), ("fc00::1", 0))
            pinged.append(len(s.recv(65535)) - 8)

    with Board("sim", live=True, **options) as b, TemporaryDirectory() as directory:
        b.eth0.attach_tap("tap0")
        if capture:
            b.capture(capture)
        for program in (udp_echo6, tcp_echo6, pinger):
            b.spawn(program, name=program.__name__)
        for words in ("link set lo up", "addr add fc00::1/112 dev tap0 nodad", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        b.boot()
        command = f"d={directory}\n{command}"
        with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True) as host:
            if not b.run_until(lambda: host.poll() is not None, 40):
                host.kill()
                print(f"{command} did not end", file=sys.stderr)
                return 1
            assert host.stdout is not None
            print(host.stdout.read(), end="")
        stats = b.kernel.iobs.getstats()
        after = {
            "addresses": b.eth0.ip6_addresses,
            "counters": b.eth0.counters,
            "pings": pinged,
            "reports": b.reports,
            "busy buffers": stats.ntotal - stats.nfree,
        }
        print(MARK + json.dumps(after))
        return host.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
