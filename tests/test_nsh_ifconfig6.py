"""ifconfig with inet6: what it sets, and what it says, as nshlib/nsh_netcmds.c does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from board import Board

INVALID = ("nsh: ifconfig: argument invalid\n", 1)
FAILED = "Failed to manage IPv6 address: Unknown error {}\n"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        board.boot()
        yield board


@pytest.fixture
def single() -> Iterator[Board]:
    """A board whose devices have one IPv6 address."""
    with Board(NETDEV_MULTIPLE_IPv6=False) as board:
        board.boot()
        yield board


def said(board: Board, words: str, device: str = "eth0") -> tuple[str, int]:
    reply = board.nsh(f"ifconfig {device} {words}")
    return reply.text, reply.status


def shown(board: Board) -> list[str]:
    return [line.strip() for line in board.nsh("ifconfig eth0").lines if "inet6" in line]


def test_an_address_is_added_and_deleted(board: Board) -> None:
    assert said(board, "inet6 add fc00::5/64") == ("", 0)
    assert shown(board) == ["inet6 addr: fc00::2/112", "inet6 addr: fc00::5/64", "inet6 DRaddr: fc00::1"]
    assert board.nsh("ping6 -c 1 fc00::5").ok
    assert said(board, "inet6 del fc00::5/64") == ("", 0)
    assert shown(board) == ["inet6 addr: fc00::2/112", "inet6 DRaddr: fc00::1"]


@pytest.mark.parametrize(
    ("words", "preflen"),
    [
        ("inet6 fc00::5", 64),
        ("inet6 fc00::5 prefixlen 48", 48),
        ("prefixlen 0 fc00::5 inet6", 0),
        ("inet6 fc00::5/80", 80),
        ("inet6 fc00::5/80 prefixlen 48", 48),
        ("inet6 fc00::5 netmask ffff:ffff:8000:: prefixlen 48", 33),
        ("inet6 FC00:0:0::0005 netmask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128),
    ],
)
@pytest.mark.parametrize("several", [True, False])
def test_the_prefix_length_comes_from_where_it_stands(several: bool, words: str, preflen: int) -> None:
    with Board(NETDEV_MULTIPLE_IPv6=several) as board:
        board.boot()
        assert said(board, words) == ("", 0)
        assert shown(board)[-2] == f"inet6 addr: fc00::5/{preflen}"


def test_the_same_address_may_get_another_prefix_length_but_not_the_same_again(board: Board) -> None:
    assert said(board, "inet6 add fc00::2/112") == (FAILED.format(17), 1)
    assert said(board, "inet6 add fc00::2/64") == ("", 0)
    assert shown(board)[0] == "inet6 addr: fc00::2/64"


def test_where_there_is_no_room_an_address_of_its_scope_makes_some(board: Board) -> None:
    said(board, "inet6 add fe80::7/10")
    said(board, "inet6 add fc00::5/64")
    assert sorted(shown(board)) == ["inet6 DRaddr: fc00::1", "inet6 addr: fc00::5/64", "inet6 addr: fe80::7/10"]
    said(board, "inet6 add fe80::8/10")
    assert sorted(shown(board))[1:] == ["inet6 addr: fc00::5/64", "inet6 addr: fe80::8/10"]


@pytest.mark.parametrize("words", ["inet6 del fc00::3/112", "inet6 del fc00::2/64", "inet6 del fc00::2"])
def test_what_is_not_there_cannot_be_deleted(board: Board, words: str) -> None:
    assert said(board, words) == (FAILED.format(99), 1)
    assert shown(board)[0] == "inet6 addr: fc00::2/112"


def test_no_device_of_that_name_is_an_error_only_where_devices_have_several_addresses(
    board: Board, single: Board
) -> None:
    assert said(board, "inet6 add fc00::5", "eth9") == (FAILED.format(19), 1)
    assert said(single, "inet6 fc00::5", "eth9") == ("", 0)


def test_after_a_failure_nothing_more_is_done(board: Board) -> None:
    assert said(board, "inet6 ff02::1 gw fc00::7 down") == (FAILED.format(22), 1)
    assert shown(board)[-1] == "inet6 DRaddr: fc00::1"
    assert "RUNNING" in board.nsh("ifconfig eth0").text


@pytest.mark.parametrize("word", ["gw", "dr", "gateway"])
def test_the_router_is_set_alone_or_with_an_address(board: Board, word: str) -> None:
    assert said(board, f"inet6 {word} fc00::7") == ("", 0)
    assert shown(board) == ["inet6 addr: fc00::2/112", "inet6 DRaddr: fc00::7"]
    assert said(board, f"inet6 add fe80::5/10 {word} fe80::1") == ("", 0)
    assert shown(board)[-1] == "inet6 DRaddr: fe80::1"
    assert (board.eth0.ip, board.eth0.router) == ("10.0.1.2", "10.0.1.1")


def test_a_device_of_one_address_has_it_replaced(single: Board) -> None:
    assert said(single, "inet6 add fc00::5/64") == ("", 0)
    assert shown(single) == ["inet6 addr: fc00::5/64", "inet6 DRaddr: fc00::1"]
    assert said(single, "inet6 prefixlen 48") == ("", 0)
    assert shown(single)[0] == "inet6 addr: fc00::5/48"
    assert said(single, "inet6 ::") == ("", 0)
    assert shown(single)[0] == "inet6 addr: ::/0"
    assert said(single, "inet6 del fc00::5/48") == INVALID


@pytest.mark.parametrize(
    "words",
    [
        "inet6 fc00:::1",
        "inet6 10.0.1.2",
        "inet6 ::ffff:10.0.1.2",
        "inet6 fc00::5/129",
        "inet6 fc00::5/x",
        "inet6 fc00::5 prefixlen",
        "inet6 fc00::5 prefixlen -1",
        "inet6 fc00::5 netmask ffff::1",
        "inet6 fc00::5 netmask 255.255.255.0",
        "inet6 gw 10.0.1.1",
        "inet6 gw",
        "inet6 dhcp",
        "inet6 fc00::5 fc00::6",
        "fc00::5",
        "prefixlen",
    ],
)
def test_what_is_no_address_is_refused_and_nothing_changes(board: Board, words: str) -> None:
    before = board.nsh("ifconfig eth0").text
    assert said(board, words) == INVALID
    assert board.nsh("ifconfig eth0").text == before


def test_a_small_mtu_becomes_the_smallest_that_ipv6_allows(board: Board) -> None:
    assert said(board, "mtu 600") == ("", 0)
    assert board.nsh("ifconfig eth0").lines[0].endswith("mtu 1280")


def test_without_ipv6_its_words_are_none() -> None:
    with Board(NET_IPv6=False) as board:
        board.boot()
        assert said(board, "inet6 fc00::5") == INVALID
        assert said(board, "10.0.1.2 prefixlen 24") == INVALID
        assert shown(board) == []
