"""What the benchmarks share: one JSON line a figure, and medians of repeats, since machines are noisy."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable


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
