"""What the benchmarks share: one JSON line a figure, and medians of repeats, since machines are noisy."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    floor: float | None = None,
    aim: float | None = None,
    nuttx: float | None = None,
    **more: object,
) -> None:
    """Prints one figure. ``floor``: what it has to reach; ``nuttx``: what NuttX 13.0.1's simulator does, if it can."""
    line: dict[str, object] = {"name": name, "value": float(f"{value:.4g}"), "unit": unit}
    line |= {"floor": floor, "aim": aim, "nuttx": nuttx}
    print(json.dumps(line | more), flush=True)


def skipped(name: str, reason: str) -> None:
    """Prints that a figure could not be measured here, and why."""
    print(json.dumps({"name": name, "skipped": reason}), flush=True)


def seconds(call: Callable[[], object]) -> float:
    """Host seconds that ``call()`` takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_seconds(call: Callable[[], object], repeats: int = 9) -> float:
    """The median of several runs of :func:`seconds`."""
    return statistics.median(seconds(call) for _ in range(repeats))


def why_not() -> str:
    """Why there can be no namespace with a TAP interface here; empty if there can."""
    for tool in ("unshare", "ip"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun does not exist or may not be opened by this user"
    return ""


def in_namespace_or_skip(program: str, names: Sequence[str]) -> None:
    """Runs a benchmark anew, with the argument "namespace", in one of its own; without one its figures are skipped."""
    reason = why_not()
    unshare = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]
    if not reason:
        probe = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
        reason = probe.stderr.strip()
    if not reason:
        subprocess.run([*unshare, sys.executable, program, "namespace"], check=True)
        return
    for name in names:
        skipped(name, reason)
