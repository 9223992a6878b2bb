"""arp, route, addroute, delroute: what they print, how they fail, and that the stack goes by what they set."""

from collections.abc import Iterator

import pytest
from scapy.layers.inet6 import ICMPv6ND_NS
from scapy.layers.l2 import ARP, Ether
from shell_kit import real_session

from board import Board

ROUTES = "SEQ   TARGET          NETMASK         ROUTER          \n"
DEFAULT = ROUTES + "   1. 0.0.0.0         0.0.0.0         10.0.1.1        \n"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(NET_ROUTE=True) as board:
        board.boot()
        yield board


def said(board: Board, line: str) -> tuple[str, int]:
    reply = board.nsh(line)
    return reply.text, reply.status


def asked_for(board: Board, line: str) -> set[str]:
    """The addresses that the board asks for by ARP while a command runs."""
    wire = board.eth0.wire()
    board.nsh(line)
    return {frame[ARP].pdst for frame in wire.sniff(timeout=0.1) if ARP in frame and frame[ARP].op == 1}


# arp


def test_arp_shows_a_host_that_was_talked_to_and_forgets_it(board: Board) -> None:
    assert said(board, "arp -a 10.0.1.1") == ("nsh: arp: no such ARP entry: 10.0.1.1\n", 1)
    board.nsh("ping -c 1 10.0.1.1")
    assert board.eth0.host is not None
    assert said(board, "arp -a 10.0.1.1") == ("HWaddr: 02:6e:6c:00:00:00\n", 0)
    assert said(board, "arp -d 10.0.1.1") == ("", 0)
    assert said(board, "arp -d 10.0.1.1") == ("nsh: arp: no such ARP entry: 10.0.1.1\n", 1)


def test_an_entry_that_was_set_is_used(board: Board) -> None:
    assert said(board, "arp -s 10.0.1.9 02:00:00:00:00:09") == ("", 0)
    assert said(board, "arp -i eth0 -a 10.0.1.9") == ("HWaddr: 02:00:00:00:00:09\n", 0)
    wire = board.eth0.wire()
    board.nsh("ping -c 1 10.0.1.9")
    frames = wire.sniff(timeout=0.1)
    assert {frame[Ether].dst for frame in frames} == {"02:00:00:00:00:09"}


@pytest.mark.parametrize(
    ("words", "tail"),
    [
        ("", "argument invalid"),
        ("10.0.1.1", "argument invalid"),
        ("-z", "argument invalid"),
        ("-i", "argument invalid"),
        ("-a", "missing required argument(s)"),
        ("-d", "missing required argument(s)"),
        ("-s 10.0.1.9", "missing required argument(s)"),
        ("-s 10.0.1.9 02:00", "argument invalid"),
        ("-s nowhere 02:00:00:00:00:09", "argument invalid"),
        ("-a nowhere", "no such ARP entry: nowhere"),
        ("-i lo -a 10.0.1.9", "no such ARP entry: 10.0.1.9"),
        ("-i eth7 -a 10.0.1.9", "ioctl failed: 22"),
        ("-i eth7 -s 10.0.1.9 02:00:00:00:00:09", "ioctl failed: 22"),
        ("-i eth0 -a 1 2 3", "too many arguments"),
    ],
)
def test_arp_fails_as_in_nuttx(words: str, tail: str) -> None:
    with Board(NETLINK_ROUTE=False) as board:
        assert said(board, f"arp {words}") == (f"nsh: arp: {tail}\n", 1)


def test_arp_without_an_address_fails_as_in_the_real_session(board: Board) -> None:
    assert board.nsh("arp -a").text == real_session()["arp -a"]


def test_a_full_table_of_permanent_entries_takes_no_more() -> None:
    with Board(NET_ARPTAB_SIZE=1) as board:
        assert said(board, "arp -s 10.0.1.8 02:00:00:00:00:08") == ("", 0)
        assert said(board, "arp -s 10.0.1.9 02:00:00:00:00:09") == ("nsh: arp: ioctl failed: 28\n", 1)


def test_the_whole_table_is_listed_if_netlink_is_configured() -> None:
    with Board(NETLINK_ROUTE=True) as board:
        board.nsh("arp -s 10.0.1.8 02:00:00:00:00:08")
        board.nsh("arp -s 10.0.1.200 02:00:00:00:00:c8")
        title = "IP Address   Ethernet Address  Interface\n"
        rows = "10.0.1.8     02:00:00:00:00:08 eth0\n10.0.1.200   02:00:00:00:00:c8 eth0\n"
        assert said(board, "arp") == (title + rows, 0)
        assert said(board, "arp -i lo") == (title, 0)


# Routes


def test_a_route_is_listed_used_and_deleted(board: Board) -> None:
    assert said(board, "delroute 0.0.0.0/0") == ("", 0)
    assert said(board, "route ipv4") == ("", 0)
    assert asked_for(board, "ping -c 1 192.168.5.1") == {"10.0.1.1"}
    assert said(board, "addroute 192.168.5.0/24 10.0.1.50") == ("", 0)
    assert said(board, "route ipv4") == (ROUTES + "   1. 192.168.5.0     255.255.255.0   10.0.1.50       \n", 0)
    assert board.nsh("route ipv4").text == board.nsh("cat /proc/net/route/ipv4").text
    assert asked_for(board, "ping -c 1 192.168.5.1") == {"10.0.1.50"}
    assert said(board, "delroute 192.168.5.0 255.255.255.0") == ("", 0)
    assert said(board, "delroute 192.168.5.0/24") == ("nsh: delroute: delroute failed: 2\n", 1)
    assert board.nsh("route ipv4").text == ""


def test_the_default_route_is_a_devices_router(board: Board) -> None:
    assert said(board, "addroute default 10.0.1.99 eth0") == ("", 0)
    assert " DRaddr:10.0.1.99 " in board.nsh("ifconfig eth0").text
    assert said(board, "route ipv4") == (DEFAULT.replace("10.0.1.1 ", "10.0.1.99"), 0)
    assert asked_for(board, "ping -c 1 192.168.5.1") == {"10.0.1.99"}


def test_the_longest_route_that_matches_is_taken(board: Board) -> None:
    assert said(board, "addroute 192.168.0.0/16 10.0.1.50") == ("", 0)
    assert said(board, "addroute 192.168.5.0/24 10.0.1.51") == ("", 0)
    assert asked_for(board, "ping -c 1 192.168.4.1") == {"10.0.1.50"}
    assert asked_for(board, "ping -c 1 192.168.5.1") == {"10.0.1.51"}
    assert asked_for(board, "ping -c 1 172.16.0.1") == {"10.0.1.1"}


def test_a_router_becomes_the_default_route_wherever_it_is_set(board: Board) -> None:
    assert said(board, "route ipv4") == (DEFAULT, 0)
    assert said(board, "ifconfig eth0 gw 10.0.1.7") == ("", 0)
    assert said(board, "route ipv4") == (DEFAULT.replace("10.0.1.1", "10.0.1.7"), 0)
    assert said(board, "ifconfig eth0 10.0.1.9") == ("", 0)
    assert said(board, "route ipv4") == (DEFAULT, 0)


@pytest.mark.parametrize(
    ("line", "tail"),
    [
        ("addroute", "missing required argument(s)"),
        ("addroute 1.2.3.0 10.0.1.1", "missing required argument(s)"),
        ("addroute 1.2.3.0/24 255.255.255.0 10.0.1.1", "too many arguments"),
        ("addroute 1.2.3.0 255.255.255.0 10.0.1.1 x", "too many arguments"),
        ("addroute 1.2.3.0/33 10.0.1.1", "argument invalid"),
        ("addroute 1.2.3.0/2x 10.0.1.1", "missing required argument(s)"),
        ("addroute net/24 10.0.1.1", "argument invalid"),
        ("addroute 1.2.3.0/24 router", "argument invalid"),
        ("addroute 1.2.3.0 mask 10.0.1.1", "argument invalid"),
        ("addroute 1.2.3.0/24 0.0.0.0", "addroute failed: 22"),
        ("addroute default 10.0.1.1", "missing required argument(s)"),
        ("addroute default router eth0", "argument invalid"),
        ("addroute default 10.0.1.1 eth7", "netlib_set_dripv4addr failed: 19"),
        ("delroute", "missing required argument(s)"),
        ("delroute 1.2.3.0", "missing required argument(s)"),
        ("delroute 1.2.3.0/24 x", "too many arguments"),
        ("delroute 1.2.3.0/33", "argument invalid"),
        ("route", "missing required argument(s)"),
        ("route ipv5", "argument invalid"),
        ("route ipv4 x", "too many arguments"),
    ],
)
def test_routes_fail_as_in_nuttx(board: Board, line: str, tail: str) -> None:
    assert said(board, line) == (f"nsh: {line.split()[0]}: {tail}\n", 1)


def test_the_table_of_routes_fills_up(board: Board) -> None:
    for net in range(7):
        assert board.nsh(f"addroute 192.168.{net}.0/24 10.0.1.50").ok
    assert said(board, "addroute 192.168.8.0/24 10.0.1.50") == ("nsh: addroute: addroute failed: 12\n", 1)


def test_masks_are_written_as_bits_or_as_addresses(board: Board) -> None:
    board.nsh("delroute 0.0.0.0 0.0.0.0")
    board.nsh("addroute 192.168.5.0/32 10.0.1.50")
    board.nsh("addroute 0.0.0.0/0 10.0.1.51")
    board.nsh("addroute 172.16.0.0 255.240.0.0 10.0.1.52")
    masks = [line.split()[2] for line in board.nsh("route ipv4").lines[1:]]
    assert masks == ["255.255.255.255", "0.0.0.0", "255.240.0.0"]


def test_routes_of_ipv6_have_a_table_of_their_own(board: Board) -> None:
    assert said(board, "route ipv6") == ("", 0)
    assert said(board, "addroute FC01:0::/16 fc00::50") == ("", 0)
    assert said(board, "addroute fc02:: ffff:8000:: fc00::51") == ("", 0)
    table = (
        "   1. TARGET  fc01::\n      NETMASK ffff::\n      ROUTER  fc00::50\n"
        "   2. TARGET  fc02::\n      NETMASK ffff:8000::\n      ROUTER  fc00::51\n"
    )
    assert said(board, "route ipv6") == (table, 0)
    assert said(board, "cat /proc/net/route/ipv6") == (table, 0)
    assert said(board, "route ipv4") == (DEFAULT, 0)
    assert said(board, "delroute fc01:: ffff::") == ("", 0)
    assert said(board, "delroute fc01::/16") == ("nsh: delroute: delroute failed: 2\n", 1)
    assert said(board, "delroute fc02::/17") == ("", 0)
    assert said(board, "route ipv6") == ("", 0)


def solicited(board: Board, line: str) -> set[str]:
    """The addresses that the board asks its neighbors for while a command runs."""
    wire = board.eth0.wire()
    board.nsh(line)
    return {frame[ICMPv6ND_NS].tgt for frame in wire.sniff(timeout=0.1) if ICMPv6ND_NS in frame}


def test_the_stack_goes_by_the_routes_of_ipv6(board: Board) -> None:
    assert solicited(board, "ping6 -c 1 fc01::1") == {"fc00::1"}
    board.nsh("addroute fc01::/16 fc00::50")
    assert solicited(board, "ping6 -c 1 fc01::1") == {"fc00::50"}
    assert said(board, "addroute default fc00::99 eth0") == ("", 0)
    assert "inet6 DRaddr: fc00::99\n" in board.nsh("ifconfig eth0").text
    assert solicited(board, "ping6 -c 1 fc02::1") == {"fc00::99"}
    assert " DRaddr:10.0.1.1 " in board.nsh("ifconfig eth0").text


@pytest.mark.parametrize(
    ("line", "tail"),
    [
        ("addroute fc01::/129 fc00::50", "argument invalid"),
        ("addroute fc01::/16 10.0.1.50", "argument invalid"),
        ("addroute 192.168.5.0/24 fc00::50", "argument invalid"),
        ("addroute fc01:: 255.0.0.0 fc00::50", "argument invalid"),
        ("addroute fc01:::/16 fc00::50", "argument invalid"),
        ("addroute fc01:: fc00::50", "missing required argument(s)"),
        ("addroute default fc00::1 eth7", "netlib_set_dripv6addr failed: 19"),
        ("addroute default fc00:::1 eth0", "argument invalid"),
        ("delroute fc01::/16 ffff::", "too many arguments"),
    ],
)
def test_routes_of_ipv6_fail_as_in_nuttx(board: Board, line: str, tail: str) -> None:
    assert said(board, line) == (f"nsh: {line.split()[0]}: {tail}\n", 1)


def test_without_ipv6_route_needs_no_word() -> None:
    with Board(NET_ROUTE=True, NET_IPv6=False) as board:
        board.boot()
        assert said(board, "route") == said(board, "route ipv4") == (DEFAULT, 0)
        assert said(board, "route ipv6") == ("nsh: route: argument invalid\n", 1)
        assert said(board, "addroute fc01::/16 fc00::50") == ("nsh: addroute: argument invalid\n", 1)
        assert board.nsh("help route").text == "route usage:  route [ipv4]\n"
        assert board.nsh("ls /proc/net/route").text.split()[1:] == ["ipv4"]


def test_there_are_no_routes_unless_configured() -> None:
    with Board(NET_ROUTE=False) as board:
        assert said(board, "route ipv4") == ("nsh: route: command not found\n", 1)
        assert "route" not in board.nsh("ls /proc/net").text
