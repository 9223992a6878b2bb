"""The same seed and the same inputs make the same trace, byte for byte, whatever the process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kernelrig import MS, Rig

from kernel.core import SITES, chooser_script
from kernel.syscalls import SITE_USER
from kernel.wqueue import HPWORK, LPWORK, Work, work_cancel

RANDOM = 1  # CHOOSE_RANDOM


def busy_board(seed: int) -> bytes:
    """Tasks, work, timers and interrupts on two CPUs, with every free choice of them left to the seed."""
    costs = {"SEM": 700, "SWITCH": 350.5, "WORK": 120, "IRQ_ENTER": 90}
    with Rig(seed=seed, ncpus=2, costs=costs, irq_jitter=5000) as rig:
        for site in (SITES.index("eqprio"), SITES.index("irq.jitter"), SITE_USER):
            chooser_script(rig.clock.bench, site, RANDOM, [])
        rig.kernel.explore_ties()
        sem, kernel = rig.sys.semaphore(0), rig.kernel
        works = {f"work {i}": Work(kernel, f"work {i}") for i in range(8)}

        def app(sys: Any) -> None:
            for i in range(60):
                choice = sys.choose(sys.getpid(), 4)
                with sys.net_lock:
                    sys.burn(10 * choice)
                work = works[f"work {(i + choice) % 8}"]
                kernel.work_queue(LPWORK if i % 3 else HPWORK, work, lambda _arg: sem.post(), None, i % 4)
                sem.wait(choice)
                sys.usleep(100 * i)

        def handler(_irq: int, _arg: Any) -> None:
            sem.post()
            work_cancel(works["work 0"])

        rig.line(5, handler)
        for i in range(50):
            rig.pulse_at(i * 3 * MS + 17, 5)
        for i in range(5):
            rig.spawn(app, f"app {i}")
        rig.run()
        assert not rig.kernel.reports
        return rig.trace_bytes()


def _in_a_process_of_its_own(hash_seed: str) -> str:
    code = "import hashlib, test_determinism as t; print(hashlib.sha256(t.busy_board(7)).hexdigest())"
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), *(p for p in sys.path if p), str(here.parent)])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=here, check=True).stdout.strip()


def test_two_processes_with_different_hash_seeds_make_the_same_trace() -> None:
    here = hashlib.sha256(busy_board(7)).hexdigest()
    assert [_in_a_process_of_its_own(seed) for seed in ("1", "2")] == [here, here]


def test_another_seed_makes_another_trace() -> None:
    traces = {busy_board(seed) for seed in (1, 2, 3)}
    assert len(traces) == 3
    assert all(len(trace) > 24 * 3000 for trace in traces)  # there was something to compare
