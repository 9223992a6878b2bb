"""TCP between two boards over a wire that loses, reorders, duplicates and corrupts: what arrives is what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from bad_wire import CONFIGURATIONS, FAULTS, exchange

BAD = {"lose": 0.15, "reorder": 0.3, "duplicate": 0.05, "corrupt": 0.02}


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_both_streams_arrive_and_leave_nothing_behind(name: str, seed: int) -> None:
    exchange(seed, 100_000, CONFIGURATIONS[name])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_megabyte_arrives(name: str) -> None:
    wire = exchange(99, 1_000_000, CONFIGURATIONS[name])
    assert wire["lost"] and wire["reordered"] and wire["corrupted"] and wire["rexmit"]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_survived(fault: str) -> None:
    exchange(7, 100_000, CONFIGURATIONS["everything"], {fault: 0.3 if fault == "reorder" else 0.05})


def test_a_good_wire_and_buffers_enough_need_no_retransmission() -> None:
    wire = exchange(1, 20_000, {}, {})
    assert wire["rexmit"] == 0 and wire["lost"] == 0


def test_the_same_seed_makes_the_same_run() -> None:
    name = "small pool, everything"
    assert exchange(11, 60_000, CONFIGURATIONS[name]) == exchange(11, 60_000, CONFIGURATIONS[name])


def test_split_locks_carry_a_stream_as_well() -> None:
    exchange(3, 100_000, {**CONFIGURATIONS["everything"], "NET_LOCKS": "split"})


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1040))
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_megabytes_over_many_seeds(name: str, seed: int) -> None:
    exchange(seed, 2_000_000, CONFIGURATIONS[name])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2100))
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wire_that_hardly_works(name: str, seed: int) -> None:
    options: dict[str, Any] = {**CONFIGURATIONS[name], "NET_TCP_MAXRTX": 30}
    exchange(seed, 60_000, options, BAD)
