"""From nothing to the shell's prompt, in this process and as a command; many boards in one process; idle time.

A boot is ``Board()`` until ``nsh> `` has left the serial port, closing not counted. As a command it is the whole life
of ``nutloop run`` up to those characters, the interpreter's start included. NuttX's figure is its simulator, a process.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import figure, median_seconds, skipped

from board import Board

PROMPT = b"nsh> "
BOOTS = 300
COMMANDS = 15
BOARDS = 10_000


def boot() -> float:
    """One board; host seconds to its prompt."""
    start = time.perf_counter()
    with Board("sim") as board:
        if not board.run_until(lambda: PROMPT in board.uart.log.output(), timeout=30):
            raise RuntimeError("no prompt")
        return time.perf_counter() - start


def bench_in_process() -> None:
    """Warm: profiles and modules have been read."""
    times = [boot() for _ in range(BOOTS)]
    figure(
        "boot.in_process",
        statistics.median(times) * 1e3,
        "ms",
        floor=5,
        aim=2,
        nuttx=2.1,
        best=round(min(times) * 1e3, 3),
    )


def command(env: dict[str, str]) -> float:
    """Host seconds from starting ``nutloop run`` to its prompt."""
    words = [sys.executable, "-c", "import sys; from lab.cli import main; sys.exit(main())", "run"]
    start = time.perf_counter()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdin is not None and process.stdout is not None
        seen = b""
        while PROMPT not in seen:
            more = os.read(process.stdout.fileno(), 4096)
            if not more:
                raise RuntimeError(f"no prompt, but {seen!r}")
            seen += more
        took = time.perf_counter() - start
        process.stdin.write(b"poweroff\n")
        process.stdin.close()
        process.stdout.read()
    return took


def bench_command() -> None:
    """With the modules compiled, as they are from the second time on."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as cache:
        env["PYTHONPYCACHEPREFIX"] = cache
        command(env)
        times = [command(env) for _ in range(COMMANDS)]
    figure("boot.command", statistics.median(times) * 1e3, "ms", floor=150, nuttx=2.1, best=round(min(times) * 1e3, 3))


def rss_kib() -> int:
    """Resident memory of this process now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def bench_many() -> None:
    """What 10,000 boots leave behind, after the first hundred have filled the allocators' caches."""
    if not Path("/proc/self/statm").exists():
        skipped("boot.10000_rss_growth", "needs /proc/self/statm")
        return
    for _ in range(100):
        boot()
    gc.collect()
    before, objects, start = rss_kib(), len(gc.get_objects()), time.perf_counter()
    for _ in range(BOARDS):
        boot()
    took = time.perf_counter() - start
    gc.collect()
    figure(
        "boot.10000_rss_growth",
        rss_kib() - before,
        "KiB",
        floor=1024,
        rss_before=before,
        objects_growth=len(gc.get_objects()) - objects,
        ms_each=round(took / BOARDS * 1e3, 3),
    )


def blink(sys: Any) -> None:
    """A task that has something to do once a second."""
    while True:
        sys.sleep(1)


def bench_idle() -> None:
    """Virtual hours of a board that waits at its prompt, and one with a task that wakes up every second."""
    with Board("sim") as board:
        board.boot()
        hour = median_seconds(lambda: board.run(3600))
        figure("idle.hour", hour * 1e3, "ms", floor=10, aim=1, nuttx=3.6e6)
        figure("idle.1000_hours", median_seconds(lambda: board.run(3_600_000), 3), "s", floor=1, nuttx=3.6e6)
        board.spawn(blink, "blink")
        figure("idle.hour_with_a_task_each_second", median_seconds(lambda: board.run(3600)) * 1e3, "ms", nuttx=3.6e6)


def main() -> None:
    """All of them."""
    bench_in_process()
    bench_command()
    bench_many()
    bench_idle()


if __name__ == "__main__":
    main()
