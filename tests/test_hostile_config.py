"""Configurations that no board can have: refused with the option, the value and what would be right."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from board import Board
from board.kconfig import ConfigError

IMPOSSIBLE: list[dict[str, Any]] = [
    {"IOB_NBUFFERS": 0},
    {"IOB_NBUFFERS": -1},
    {"IOB_NBUFFERS": "many"},
    {"IOB_NBUFFERS": 1e9},
    {"IOB_NBUFFERS": 8},  # with the profile's throttle
    {"IOB_BUFSIZE": 1},
    {"IOB_BUFSIZE": 70000},
    {"SCHED_LPNTHREADS": 0},
    {"SMP_NCPUS": 99},
    {"USEC_PER_TICK": 0},
    {"RAM_SIZE": 0},
    {"RAM_SIZE": 100000},
    {"INIT_PRIORITY": 256},
    {"NETINIT_IPADDR": "1.2.3"},
    {"NETINIT_IPADDR": "127.0.0.1"},
    {"NETINIT_IPADDR": "224.0.0.1"},
    {"NETINIT_IPADDR": "255.255.255.255"},
    {"NETINIT_NETMASK": "255.0.255.0"},
    {"UART_BAUD": 0},
    {"CPU_MHZ": 0},
    {"CPU_MHZ": math.nan},
    {"CPU_MHZ": math.inf},
    {"CPU_MHZ": "nan"},
    {"COST_SEM": -1},
    {"COST_SEM": 1e30},
    {"LINK_MBPS": 0},
    {"ETH_RX_RING": 0},
    {"NET_UDP_PREALLOC_CONNS": 0},
    {"NET_UDP_NWRBCHAINS": 0},
    {"NET_ETH_PKTSIZE": 65535},
    {"NET_DEFAULT_MAX_PORT": 70000},
    {"NET_LOCKS": "none"},
    {"PRIORITY_INHERITANCE": "perhaps"},
]


@pytest.mark.parametrize("overrides", IMPOSSIBLE, ids=str)
def test_an_impossible_value_is_refused_by_name(overrides: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Board(**overrides)
    (name,) = overrides
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["IOB_NBUFERS", "NOSUCH", "CONFIG_NOSUCH"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown option"):
        Board(**{name: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["garbage\n", "CONFIG_IOB_NBUFFERS=lots\n", "\x00\x01\x02", "NUTLOOP_NOSUCH=1\n"])
def test_a_file_that_is_no_configuration_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.config"
    path.write_text("CONFIG_NET=y\n" + text)
    with pytest.raises(ConfigError, match=r"a\.config:2: "):
        Board(str(path))


@pytest.mark.parametrize("path", ["", "nosuch", "/", "/nonexistent/.config"])
def test_a_profile_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"no profile|cannot read"):
        Board(path)


def test_a_board_that_does_not_fit_its_heap_says_what_for() -> None:
    with pytest.raises(OSError, match="no 1000000000 bytes in one piece for stack of nsh_main"):
        Board(INIT_STACKSIZE=10**9)


@pytest.mark.parametrize(
    "overrides",
    [
        {"IOB_NBUFFERS": 2, "IOB_THROTTLE": 0},
        {"IOB_NCHAINS": 0},
        {"USEC_PER_TICK": 1},
        {"SCHED_LPNTHREADS": 64},
        {"NET_IPv6": False, "NET_ETH_PKTSIZE": 590},
        {"ETH_RX_RING": 2, "ETH_TX_RING": 2},
        {"TASK_NAME_SIZE": 0},
        {"NET_LOCKS": "split"},
    ],
    ids=str,
)
def test_the_smallest_possible_board_works(overrides: dict[str, Any]) -> None:
    with Board(**overrides) as board:
        assert board.eth0.host is not None
        board.boot()
        board.eth0.host.answers(arp=True, echo=True)
        assert " 0% packet loss" in board.nsh("ping -c 1 10.0.1.1")
        stats = board.kernel.iobs.getstats()
        assert stats.nfree == stats.ntotal and board.reports == []


def test_an_address_for_nobody_is_possible_for_a_board_that_has_none_yet() -> None:
    with Board(NETINIT_IPADDR="0.0.0.0") as board:
        assert "inet addr:0.0.0.0" in board.nsh("ifconfig eth0")
