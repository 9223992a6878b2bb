"""The ping6 command: what it prints, to the byte as NuttX's (apps/system/ping6/ping6.c), and where it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from app_kit import pair

from board import Board
from kernel.nsh import run_command

USAGE = """
Usage: ping6 [-c <count>] [-i <interval>] [-W <timeout>] [-s <size>] <hostname>
       ping6 -h

Where:
  <hostname> is either an IPv6 address or the name of the remote host
   that is requested the ICMPv6 ECHO reply.
  -c <count> determines the number of pings.  Default 10.
  -i <interval> is the default delay between pings (milliseconds).
    Default 1000.
  -W <timeout> is the timeout for wait response (milliseconds).
    Default 1000.
  -s <size> specifies the number of data bytes to be sent.  Default 56.
  -I <interface> is the bind device for traffic
  -h shows this text and exits.
"""


@pytest.fixture
def boards() -> Iterator[tuple[Board, Board]]:
    with pair() as both:
        yield both


@pytest.fixture
def client(boards: tuple[Board, Board]) -> Board:
    """fc00::3, whose neighbor is fc00::2."""
    return boards[1]


def run(board: Board, line: str) -> tuple[str, int]:
    job = run_command(board.kernel, line)
    assert board.run_until(lambda: job.done, 1000)
    return job.text, job.status


def test_replies_and_the_summary_have_the_punctuation_of_nuttx(client: Board) -> None:
    assert run(client, "ping6 -c 2 FC00:0::2") == (
        "PING6 fc00::2: 56 bytes of data\n"
        "56 bytes from fc00::2 icmp_seq=0 time=0.0 ms\n"
        "56 bytes from fc00::2 icmp_seq=1 time=0.0 ms\n"
        "2 packets transmitted, 2 received, 0% packet loss,time 2020 ms\n"
        "rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n",
        0,
    )


def test_what_is_not_answered_is_reported_and_makes_a_failure(boards: tuple[Board, Board]) -> None:
    server, client = boards
    assert run(client, "ping6 -c 1 fc00::2")[1] == 0
    server.nsh("ifdown eth0")
    assert run(client, "ping6 -c 2 -W 300 fc00::2") == (
        "PING6 fc00::2: 56 bytes of data\n"
        "No response from fc00::2: icmp_seq=0 time=300 ms\n"
        "No response from fc00::2: icmp_seq=1 time=300 ms\n"
        "2 packets transmitted, 0 received, 100% packet loss,time 2020 ms\n",
        1,
    )


def test_unlike_ping_it_ends_with_the_first_request_that_cannot_be_sent(client: Board) -> None:
    text, status = run(client, "ping6 -c 3 fc00::77")
    assert text == "PING6 fc00::77: 56 bytes of data\nERROR: sendto failed at seqno 0: 101\n" and status == 1


def test_ctrl_c_ends_it_with_the_summary(client: Board) -> None:
    with client.console.open(timeout=5) as port:
        port.expect_prompt()
        port.sendline("ping6 fc00::2")
        client.run(1.5)
        port.write(b"\x03")
        assert "2 packets transmitted, 2 received, 0% packet loss,time" in port.expect_prompt()


@pytest.mark.parametrize("size", [1, 1452, 1453, 4000])
def test_long_requests_go_and_come_in_fragments(client: Board, size: int) -> None:
    text, status = run(client, f"ping6 -c 1 -s {size} fc00::2")
    assert f"{size} bytes from fc00::2 icmp_seq=0" in text and status == 0


def test_the_loopback_address_is_its_own(client: Board) -> None:
    assert run(client, "ping6 -c 1 -s 8 ::1")[0].startswith("PING6 ::1: 8 bytes of data\n8 bytes from ::1 icmp_seq=0")


def test_it_can_be_bound_to_a_device(client: Board) -> None:
    assert run(client, "ping6 -c 1 -I eth0 fc00::2")[1] == 0
    assert "No response from fc00::2" in run(client, "ping6 -c 1 -I lo fc00::2")[0]
    assert run(client, "ping6 -c 1 -I eth9 fc00::2") == ("ERROR: setsockopt error: 19\n", 1)


@pytest.mark.parametrize("program", ["ping -I eth0 -c 1 127.0.0.1", "ping6 -I eth0 -c 1 ::1"])
def test_without_bindtodevice_it_says_so_and_goes_on(program: str) -> None:
    with Board(NETUTILS_DHCPC=False, NET_BINDTODEVICE=False) as board:
        text, status = run(board, program)
        assert text.startswith("ERROR: Bind to device not supported\nPING") and status == 0


@pytest.mark.parametrize("host", ["10.0.1.1", "fc00::", "fe80::1%eth0", "::ffff:10.0.1.1", "g::1"])
def test_what_is_no_address_of_a_host_is_refused(client: Board, host: str) -> None:
    text, status = run(client, f"ping6 -c 1 {host}")
    assert status == 1 and text.startswith((f"ERROR: ping6_gethostip({host}) failed\n", "PING6 fc00:::"))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ping6", "ERROR: Missing required <ip-address> argument"),
        ("ping6 -c", "ERROR: Missing required argument"),
        ("ping6 -x", "ERROR: Unrecognized option"),
        ("ping6 -c 0 ::1", "ERROR: <count> out of range: 0"),
        ("ping6 -i 70000 ::1", "ERROR: <interval> out of range: 70000"),
        ("ping6 -s x ::1", "ERROR: <size> out of range: 0"),
        ("ping6 -W -1 ::1", "ERROR: Missing required argument"),
    ],
)
def test_wrong_options_show_how_it_is_used(client: Board, line: str, complaint: str) -> None:
    assert run(client, line) == (f"{complaint}\n{USAGE}", 1)


def test_without_names_the_usage_speaks_of_addresses() -> None:
    with Board(NETDB_DNSCLIENT=False) as board:
        text, status = run(board, "ping6 -h")
        assert "<ip-address> is the IPv6 address request the ICMPv6 ECHO reply.\n" in text and status == 0


def test_every_buffer_comes_back(client: Board) -> None:
    for host in ("fc00::2", "fc00::77", "::1"):
        run(client, f"ping6 -c 2 {host}")
    stats = client.kernel.iobs.getstats()
    assert stats.nfree == stats.ntotal


def test_ping6_is_there_only_if_it_is_configured() -> None:
    with Board(SYSTEM_PING6=False) as board:
        assert board.nsh("ping6 ::1") == "nsh: ping6: command not found\n"
