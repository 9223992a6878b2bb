"""Profiles: the virtual hardware they describe."""

import re
from pathlib import Path

import pytest

from board.config import Config, profile_names
from board.kconfig import MAX_CPUS, ConfigError
from board.profile import cost_table, hardware, profile_summary
from kernel.core import COSTS

CSRC = Path(__file__).parent.parent / "csrc"


def test_profiles_are_listed_by_name() -> None:
    assert profile_names() == ["sim", "sim-console", "smp4", "stm32f7"]


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_says_what_it_is(name: str) -> None:
    assert len(profile_summary(name)) > 20


def test_summary_of_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no profile 'pdp11'"):
        profile_summary("pdp11")


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_has_eth0_at_the_usual_address_and_brings_it_up_but_for_one(name: str) -> None:
    config = Config(name)
    assert (config.number("NETINIT_IPADDR"), config.number("NETINIT_DRIPADDR")) == (0x0A000102, 0x0A000101)
    assert config.flag("NSH_NETINIT")
    assert config.flag("NETINIT_NETLOCAL") == (name == "sim-console")
    assert config.flag("NET_ARP_IPIN")


def test_sim_costs_nothing_and_has_the_pool_of_nuttx_sim() -> None:
    config = Config("sim")
    board = hardware(config)
    assert (board.ncpus, board.has_costs, board.link_mbps) == (1, False, 10000)
    assert [config.number(f"IOB_{name}") for name in ("NBUFFERS", "THROTTLE", "BUFSIZE")] == [1024, 16, 196]


def test_stm32f7_is_one_cpu_with_costs_on_a_100_mbit_link() -> None:
    board = hardware(Config("stm32f7"))
    assert (board.ncpus, board.has_costs, board.link_mbps, board.ram_size) == (1, True, 100, 512 * 1024)
    assert (board.rx_ring, board.tx_ring) == (8, 4)


def test_smp4_has_four_cpus_that_overlap() -> None:
    board = hardware(Config("smp4"))
    assert board.ncpus == 4
    assert all(board.cost_ps)


def test_costs_are_cycles_by_clock_in_picoseconds() -> None:
    config = Config("stm32f7", CPU_MHZ=200, COST_SWITCH=450, COST_COPY="0.5", COST_REG="1/3")
    table = dict(zip(COSTS, cost_table(config), strict=True))
    assert (table["SWITCH"], table["COPY"], table["REG"]) == (2_250_000, 2500, 1667)


def test_single_cpu_ignores_the_number_of_cpus() -> None:
    assert hardware(Config("smp4", SMP=False)).ncpus == 1


def test_cost_names_are_those_of_the_c_core() -> None:
    header = (CSRC / "board.h").read_text()
    body = re.search(r"enum cost\s*\{(.*?)\}", header, re.S)
    assert body is not None
    assert tuple(re.findall(r"COST_(\w+)", body[1])) == COSTS


def test_most_cpus_is_that_of_the_c_core() -> None:
    match = re.search(r"#define NCPUS_MAX\s+(\d+)", (CSRC / "base.h").read_text())
    assert match is not None
    assert int(match[1]) == MAX_CPUS
