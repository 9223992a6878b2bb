"""Live benches: time follows the host's clock, and other threads can reach the bench through its inbox."""

from __future__ import annotations

import os
import threading
import time

import pytest

from board import Bench, Board
from kernel.errors import BenchError


def test_live_time_follows_the_hosts_clock() -> None:
    host = time.monotonic()
    with Bench(live=True) as bench:  # whose time begins here, not with the first run
        virtual = bench.now
        bench.run(0.05)
        assert bench.now - virtual >= 0.05
        assert time.monotonic() - host >= 0.05


def test_a_call_posted_by_another_thread_is_made_on_the_benchs_thread() -> None:
    with Bench(live=True) as bench:
        made_by: list[int] = []
        thread = threading.Timer(0.02, bench.clock.post, [lambda: made_by.append(threading.get_ident())])
        thread.start()
        assert bench.run_until(lambda: bool(made_by), timeout=20)
        thread.join()
        assert made_by == [threading.get_ident()]


def test_a_lockstep_bench_has_no_inbox_and_says_what_to_do() -> None:
    with Bench() as bench, pytest.raises(BenchError, match="live=True"):
        bench.clock.post(lambda: None)


def test_a_predicate_is_looked_at_again_while_a_live_bench_idles() -> None:
    with Bench(live=True) as bench:
        end = time.monotonic() + 0.05
        assert bench.run_until(lambda: time.monotonic() > end, timeout=5)


def test_a_live_bench_keeps_no_descriptors_when_it_is_closed() -> None:
    before = os.listdir("/proc/self/fd")
    with Board("sim", live=True) as b:
        b.console.pty()
        b.console.rfc2217()
        b.run(0.01)
    assert os.listdir("/proc/self/fd") == before
