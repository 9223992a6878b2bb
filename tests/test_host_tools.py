"""The host's own network tools against a live board over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots the board, runs one shell command of the host beside it, and prints
what the command printed; see :func:`main`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import udp_echo

HERE = Path(__file__).resolve()
UNSHARE = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]


def may_use_tap(*tools: str) -> None:
    """Skips the test where it cannot have a TAP interface of its own, or one of these programs."""
    for tool in ("unshare", "ip", *tools):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun does not exist or may not be opened by this user")
    probe = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"no network namespace of one's own: {probe.stderr.strip()}")


def unsanitized() -> dict[str, str]:
    """The environment of the host's own programs: the sanitizer is not for them."""
    return {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}


def in_a_namespace(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command whose Python, if it has one, finds the board; the sanitizer is not for the host's tools."""
    env = unsanitized() | {"PYTHONPATH": str(HERE.parent.parent)}
    return subprocess.run([*UNSHARE, *command], capture_output=True, text=True, timeout=60, env=env, check=False)


def python() -> list[str]:
    """This Python, with the sanitizer if this one runs with it."""
    preload = os.environ.get("LD_PRELOAD")
    return ["env", f"LD_PRELOAD={preload}", sys.executable] if preload else [sys.executable]


def on_the_host(command: str, *tools: str, then: str = "true") -> str:
    """Runs ``command`` beside a live board at 10.0.1.2, echo on UDP port 7, and ``then`` in the board's shell.

    Returns their output, or skips.
    """
    may_use_tap(*tools)
    done = in_a_namespace(*python(), str(HERE), command, then)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ping_is_answered() -> None:
    assert "3 received, 0% packet loss" in on_the_host("ping -c 3 -i 0.2 10.0.1.2", "ping")


def test_ping_of_a_whole_frame_is_answered() -> None:
    assert "2 received" in on_the_host("ping -c 2 -i 0.2 -s 1472 -M do 10.0.1.2", "ping")


def test_ping_of_the_longest_packet_there_is_is_answered() -> None:
    out = on_the_host("ping -c 3 -i 0.2 -s 65507 10.0.1.2", "ping")
    assert "3 received, 0% packet loss" in out
    assert "Frg: 0000" in out, out


def test_the_boards_own_ping_of_that_length_is_answered_by_the_host() -> None:
    out = on_the_host("true", then="ping -c 3 -i 200 -s 65507 10.0.1.1")
    assert "3 packets transmitted, 3 received, 0% packet loss" in out
    assert "Frg: 0000" in out, out


def test_arping_is_answered_with_the_boards_address() -> None:
    assert "02:6E:6C:00:01:01" in on_the_host("arping -c 2 -I tap0 10.0.1.2", "arping")


def test_netcat_talks_to_a_program_on_the_board() -> None:
    assert "hello board\n" in on_the_host("echo hello board | nc -u -w 1 10.0.1.2 7", "nc")


def test_nmap_tells_open_ports_from_closed_ones() -> None:
    out = on_the_host("nmap -n -sU -p 7,9,69 --max-retries 2 10.0.1.2", "nmap")
    assert re.search(r"^7/udp +open", out, re.M), out
    assert re.search(r"^9/udp +closed", out, re.M), out


def test_tcpdump_sees_both_directions() -> None:
    if os.getuid() != 0:
        pytest.skip("tcpdump wants to change its user, which a user's own namespace does not allow")
    out = on_the_host(
        "tcpdump -n -l -i tap0 -c 4 icmp & sleep 0.5; ping -c 2 -i 0.2 10.0.1.2 >/dev/null; wait", "tcpdump"
    )
    assert out.count("ICMP echo request") == 2
    assert out.count("ICMP echo reply") == 2


def run_beside(*commands: str, tap: str = "tap0") -> subprocess.CompletedProcess[str]:
    """Runs ``nutloop run --tap`` in a namespace of its own after the first command of the host, beside the others."""
    may_use_tap()
    before, *beside = commands
    nutloop = f"{shlex.join(python())} -m lab.cli run --tap {tap} --console pty"
    script = f"{before}\n{nutloop} & pid=$!\n" + "\n".join(beside) + "\nwait $pid"
    return in_a_namespace("sh", "-c", script)


AWAIT = "until ip link show dev {} 2>/dev/null | grep -q LOWER_UP; do sleep 0.05; done"


def test_an_interface_that_run_creates_is_told_with_what_it_lacks() -> None:
    made = "until ip link show dev typo0 2>/dev/null; do sleep 0.05; done; sleep 0.5; kill $pid"
    done = run_beside("true", made, tap="typo0")
    assert done.returncode == 0
    assert done.stderr == (
        "nutloop: tap typo0 did not exist; created it until this run ends. "
        "It is down: ip addr add 10.0.1.1/24 dev typo0; ip -6 addr add fc00::1/112 dev typo0; ip link set typo0 up\n"
    )


def test_an_interface_that_is_down_is_told() -> None:
    taken = "until grep -qs 'iff:.tap0' /proc/$pid/fdinfo/*; do sleep 0.05; done"
    done = run_beside("ip tuntap add dev tap0 mode tap", taken, "sleep 1; kill $pid")
    assert (done.returncode, done.stderr) == (0, "nutloop: tap tap0 is down: ip link set tap0 up\n")


def test_a_run_whose_interface_disappears_has_failed() -> None:
    up = "ip tuntap add dev tap0 mode tap; ip link set tap0 up"
    done = run_beside(up, AWAIT.format("tap0"), "sleep 0.3; ip link delete tap0")
    assert done.returncode == 1
    assert done.stderr == "nutloop: the run failed: TAP tap0 has disappeared; who deleted it?\n"


def main(command: str, then: str) -> int:
    """Inside the namespace: a live board on tap0, and the host's side of it configured."""
    from board import Board

    with Board("sim", live=True) as b:
        b.eth0.attach_tap("tap0")
        b.spawn(udp_echo, name="echo")
        for words in ("link set lo up", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        b.boot()
        with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True) as host:
            if not b.run_until(lambda: host.poll() is not None, 40):
                host.kill()
                print(f"{command} did not end", file=sys.stderr)
                return 1
            assert host.stdout is not None
            print(host.stdout.read())
        print(b.nsh(then), b.nsh("cat /proc/net/stat"))
        print("\n".join(b.reports), file=sys.stderr)
        return host.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
