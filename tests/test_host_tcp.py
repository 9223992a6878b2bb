"""The host's own TCP, and its tools, against a live board over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots the board with a TCP echo on port 7, runs one shell command of the
host beside it, and prints what the command printed; see :func:`main`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import tcp_echo
from test_host_tools import in_a_namespace, may_use_tap, python, unsanitized

HERE = Path(__file__).resolve()
COPY = "head -c {} /dev/urandom > $d/f; nc -N 10.0.1.2 7 < $d/f > $d/g; cmp $d/f $d/g && echo the same"
ROBUST = ("NET_TCP_SELECTIVE_ACK", "NET_TCP_OUT_OF_ORDER", "NET_TCP_CC_NEWRENO", "NET_TCP_DELAYED_ACK")


WRONG = (
    'ip.src==10.0.1.2 && (ip.checksum.status=="Bad" || tcp.checksum.status=="Bad" || _ws.malformed || ip.ttl==0'
    " || tcp.analysis.retransmission || (tcp.options.mss && !tcp.flags.syn))"
)


def dissect(capture: Path, what: str) -> str:
    """The frames that a display filter of tshark's picks."""
    checks = [word for proto in ("ip", "tcp") for word in ("-o", f"{proto}.check_checksum:TRUE")]
    words = ["tshark", "-r", str(capture), *checks, "-Y", what]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=unsanitized(), check=True)
    return done.stdout


def on_the_host(
    command: str, *tools: str, faults: int = 0, options: tuple[str, ...] = (), capture: Path | None = None
) -> str:
    """Runs ``command`` beside a live board at 10.0.1.2; returns its output, or skips. ``$d`` is an empty directory.

    ``faults``: a seed; each way 3 % of the frames are lost, 20 % overtaken, 1 % come twice, 0.5 % with wrong bits.
    """
    may_use_tap(*tools)
    done = in_a_namespace(*python(), str(HERE), command, str(faults), str(capture or ""), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_netcat_gets_a_megabyte_back_as_it_was() -> None:
    assert "the same" in on_the_host(COPY.format(1_000_000), "nc")


# Without a queue for what comes out of order, NuttX's default, the host's timeouts double for every segment that it has
# to send twice: few bytes take long.


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size,options", [(6_000, ()), (300_000, ROBUST)], ids=["default", "robust"])
def test_a_stream_arrives_intact_through_a_bad_wire(seed: int, size: int, options: tuple[str, ...]) -> None:
    assert "the same" in on_the_host(COPY.format(size), "nc", faults=seed, options=options)


def test_a_dissector_finds_nothing_wrong_with_what_the_board_sent(tmp_path: Path) -> None:
    may_use_tap("tshark")
    capture = tmp_path / "wire.pcapng"
    on_the_host(COPY.format(300_000), "nc", capture=capture)
    assert dissect(capture, "ip.src==10.0.1.2 && tcp.len>0")
    assert dissect(capture, WRONG) == ""


def test_many_connections_at_once_are_served() -> None:
    one = "echo {0} | nc -N 10.0.1.2 7 > $d/{0} &"
    out = on_the_host(" ".join(one.format(i) for i in range(6)) + " wait; cat $d/*", "nc")
    assert sorted(re.findall(r"^\d$", out, re.M)) == [str(i) for i in range(6)]


def test_a_syn_scan_tells_open_ports_from_closed_ones() -> None:
    out = on_the_host("nmap -n -sS -p 7,9 10.0.1.2", "nmap")
    assert re.search(r"^7/tcp +open", out, re.M), out
    assert re.search(r"^9/tcp +closed", out, re.M), out


@pytest.mark.parametrize("scan", ["-sF", "-sN", "-sX"])
def test_scans_without_a_call_find_closed_ports_closed_and_open_ones_silent(scan: str) -> None:
    out = on_the_host(f"nmap -n {scan} -p 7,9 --max-retries 1 10.0.1.2", "nmap")
    assert re.search(r"^7/tcp +open\|filtered", out, re.M), out
    assert re.search(r"^9/tcp +closed", out, re.M), out


def test_nmap_cannot_guess_sequence_numbers() -> None:
    out = on_the_host("nmap -n -v -O -p 7,9 --max-os-tries 1 10.0.1.2", "nmap")
    found = re.search(r"TCP Sequence Prediction: Difficulty=(\d+) \((.*)\)", out)
    assert found and int(found[1]) > 200, out


def test_the_board_answers_while_it_is_flooded_with_calls() -> None:
    flood = "hping3 -q -i u500 -c 2000 --rand-source -S -p 7 10.0.1.2 >/dev/null 2>&1 & "
    out = on_the_host(flood + COPY.format(20_000) + "; ping -c 1 10.0.1.2; wait", "nc", "hping3", "ping")
    assert "the same" in out and "1 received" in out


def main(command: str, faults: int, capture: str, *options: str) -> int:
    """Inside the namespace: a live board on tap0, and the host's side of it configured."""
    from tempfile import TemporaryDirectory

    from board import Board

    with TemporaryDirectory() as folder, Board("sim", live=True, seed=faults, **dict.fromkeys(options, True)) as b:
        tap = b.eth0.attach_tap("tap0")
        for port in (tap, b.eth0.mac_model) if faults else ():
            port.faults(lose=0.03, reorder=0.2, duplicate=0.01, corrupt=0.005)
        if capture:
            b.capture(capture)
        b.spawn(tcp_echo, name="echo")
        for words in ("link set lo up", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        b.boot()
        with subprocess.Popen(
            f"d={folder}; {command}", shell=True, stdout=subprocess.PIPE, text=True, env=unsanitized()
        ) as host:
            if not b.run_until(lambda: host.poll() is not None, 50):
                host.kill()
                print(f"{command} did not end", file=sys.stderr)
                return 1
            assert host.stdout is not None
            print(host.stdout.read())
        print(b.nsh("cat /proc/net/stat"))
        print("\n".join(b.reports), file=sys.stderr)
        return host.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
