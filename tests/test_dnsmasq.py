"""A live board and dnsmasq: DHCP and DNS over TAP, in a namespace that each test makes for itself.

As a program, inside that namespace, this file boots the board beside dnsmasq, runs lines of the board's shell, and
prints what they printed and what dnsmasq logged.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from test_host_tools import in_a_namespace, may_use_tap, python, unsanitized

from kernel.netlib.dhcpc import Dhcpc

HERE = Path(__file__).resolve()
MANY = [f"10.0.9.{n}" for n in range(1, 61)]  # too many for a datagram of 512 bytes
LOG = "--- dnsmasq\n"
DNSMASQ = """
    dnsmasq -d -C /dev/null -i tap0 --bind-interfaces --no-resolv --no-hosts --log-dhcp
    -F 10.0.1.100,10.0.1.149,2m --dhcp-authoritative --no-ping --local=/lab/ --leasefile-ro
    --host-record=gw.lab,10.0.1.1 --host-record=web.lab,10.0.8.8 --cname=alias.lab,web.lab
"""


def beside_dnsmasq(*lines: str, options: str = "") -> tuple[str, str]:
    """Runs lines of the board's shell; what they printed, and dnsmasq's log."""
    may_use_tap("dnsmasq")
    done = in_a_namespace(*python(), str(HERE), options, *lines)
    assert done.returncode == 0, done.stdout + done.stderr
    printed, log = done.stdout.split(LOG)
    return printed, log


def test_lease_is_taken_and_its_settings_are_used() -> None:
    printed, log = beside_dnsmasq("ifconfig eth0 dhcp", "ifconfig eth0", "ping -c 1 gw.lab", "nslookup web.lab")
    assert re.search(r"inet addr:10\.0\.1\.1[0-9]{2} DRaddr:10\.0\.1\.1 Mask:255\.255\.255\.0", printed)
    assert "1 packets transmitted, 1 received" in printed
    assert "Host: web.lab Addr: 10.0.8.8\n" in printed
    for word in ("DHCPDISCOVER", "DHCPOFFER", "DHCPREQUEST", "DHCPACK"):
        assert re.search(rf"{word}\(tap0\).* 02:6e:6c:00:01:01", log), log
    assert re.search(r"DHCPACK\(tap0\) \S+ \S+ nuttx", log)


def test_renew_gets_the_same_address_again() -> None:
    printed, log = beside_dnsmasq("renew eth0", "ifconfig eth0", "renew eth0", "ifconfig eth0")
    addresses = re.findall(r"inet addr:(\S+)", printed)
    assert len(addresses) == 2 and addresses[0] == addresses[1] != "10.0.1.2"
    assert len(re.findall(r"DHCPACK", log)) == 2


def test_lease_is_prolonged_by_its_server_and_by_any() -> None:
    printed, log = beside_dnsmasq("renew eth0", "prolong server", "prolong everybody")
    assert printed == "for 120 s more\nfor 120 s more\n"
    assert len(re.findall(r"DHCPDISCOVER", log)) == 1
    assert len(re.findall(r"DHCPACK", log)) == 3


def test_alias_long_answer_and_unknown_name() -> None:
    printed, _ = beside_dnsmasq("nslookup alias.lab", "nslookup many.lab", "nslookup none.lab", "segments")
    assert "Host: alias.lab Addr: 10.0.8.8\n" in printed
    assert re.search(r"Host: many\.lab Addr: 10\.0\.9\.\d+\n", printed)
    assert "nsh: nslookup: getaddrinfo failed: 1\n" in printed
    assert re.search(r"^[1-9]\d* by TCP$", printed, re.M)


def test_without_a_free_address_there_is_no_lease() -> None:
    printed, log = beside_dnsmasq("ifconfig eth0 dhcp", "ifconfig eth0", options="--dhcp-ignore=tag:!known")
    assert "inet addr:0.0.0.0" in printed
    assert "DHCPDISCOVER" in log and "DHCPOFFER" not in log


def prolong(sys: Any) -> None:
    """A program of the board: what happens when half of the lease is over, or most of it, now."""
    keeper = sys.kernel.leases.keeper("eth0")
    client = Dhcpc(sys.kernel, sys.kernel.net.device("eth0"), keeper.counts)
    now = sys.now_ns
    more = client.prolong(keeper.lease, everybody=sys.argv[1] == "everybody")
    sys.print(f"for {(more.end - now) // 10**9} s more" if more is not None else "no answer")


def segments(sys: Any) -> None:
    """A program of the board: how many TCP segments it has received."""
    sys.print(f"{sys.kernel.net.stats.tcp.recv} by TCP")


def main(options: str, *lines: str) -> int:
    """Inside the namespace."""
    from board import Board

    with (
        Board("sim", live=True, NETUTILS_DHCPC_RECV_TIMEOUT_MS=1000, NETUTILS_DHCPC_RETRIES=2) as b,
        tempfile.TemporaryFile("w+") as log,
    ):
        b.eth0.attach_tap("tap0")
        for words in ("link set lo up", "addr add 10.0.1.1/24 dev tap0", "link set tap0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        command = [
            *shlex.split(DNSMASQ),
            *(f"--host-record=many.lab,{address}" for address in MANY),
            *options.split(),
        ]
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=unsanitized()) as server:
            b.builtin(prolong, "prolong")
            b.builtin(segments, "segments")
            b.boot()
            b.run_until(lambda: server.poll() is not None or listening(), 10)
            for line in lines:
                print(b.nsh(line), end="")
            server.terminate()
        log.seek(0)
        print(LOG + log.read(), end="")
        print("\n".join(b.reports), file=sys.stderr)
        return 0


def listening() -> bool:
    """Whether somebody in this namespace listens to UDP port 67."""
    return any(line.split()[1].endswith(":0043") for line in Path("/proc/net/udp").read_text().splitlines()[1:])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
