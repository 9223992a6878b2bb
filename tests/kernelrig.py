"""What the kernel's tests build on: a kernel without hardware and without a shell, and a log of what happened when."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from board.config import Config
from kernel.clock import Clock
from kernel.core import TRACE_KINDS, lib, trace_records
from kernel.kernel import Kernel
from kernel.task import Task

US, MS, S = 1_000, 1_000_000, 1_000_000_000
TICK = 10 * MS


class TraceEvent(NamedTuple):
    time: int  # ns since boot
    kind: str
    task: int
    object: int
    arg: int


class Rig:
    """One kernel on a clock of its own, or on another rig's with ``clock``.

    ``costs``: nanoseconds by name of the operation; without them code takes no time. ``watchdog``: seconds of host
    time, 0 for none. Keywords are Kconfig options. Ticks last 10 ms.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        watchdog: float = 0,
        livelock: int = 1_000_000,
        ncpus: int = 1,
        costs: Mapping[str, float] | None = None,
        irq_jitter: int = 0,
        name: str = "board",
        **overrides: object,
    ) -> None:
        self._own = clock is None
        self.clock = clock or Clock(seed, watchdog, livelock)
        self.kernel = Kernel(
            self.clock,
            Config("sim", **overrides),
            name=name,
            ncpus=ncpus,
            costs={what: round(ns * 1000) for what, ns in (costs or {}).items()},
        )
        self.kernel.delay_irqs(irq_jitter)
        self.sys: Any = self.kernel.facade(None)  # type: ignore[arg-type]  # makes objects before there is a task
        self.log: list[Any] = []
        self.boot = self.clock.now_ns

    @property
    def now(self) -> int:
        """ns since boot."""
        return self.clock.now_ns - self.boot

    def note(self, word: Any) -> None:
        """Logs a word with the time."""
        self.log.append((self.now, word))

    def words(self) -> list[Any]:
        """The log without the times."""
        return [word for _, word in self.log]

    def spawn(self, app: Callable[[Any], Any], name: str = "app", priority: int = 100, **options: Any) -> Task:
        return self.kernel.tasks.create(app, name, priority, **options)

    def run(self, ns: int | None = None, **how: Any) -> bool:
        """Lets ``ns`` pass; without it, until nothing can happen any more."""
        return self.clock.run(None if ns is None else self.clock.now_ns + ns, **how)

    def at(self, ns: int, call: Callable[[], None]) -> None:
        """Has something happen ``ns`` after boot, as hardware would."""
        from kernel.clock import Event

        Event(self.clock, call).at(self.boot + ns)

    def line(self, irq: int, handler: Callable[..., None], priority: int = 128) -> Callable[[int], None]:
        """Attaches and enables an interrupt line; returns what drives it: 1 up, 0 down, -1 a pulse."""
        self.kernel.irqs.attach(irq, handler, priority=priority)
        self.kernel.irqs.enable(irq)
        board = self.kernel.board
        return lambda level: lib.irq_line_set(board, irq, level) and None

    def pulse_at(self, ns: int, irq: int) -> None:
        """Has a line ask once, ``ns`` after boot."""
        board = self.kernel.board
        self.at(ns, lambda: lib.irq_line_set(board, irq, -1) and None)

    def trace_bytes(self) -> bytes:
        return trace_records(self.kernel.board, 0)

    def trace(self, *kinds: str) -> list[TraceEvent]:
        """What the core recorded, of the given kinds or all."""
        records = struct.iter_unpack("=qHHIq", self.trace_bytes())
        events = [TraceEvent(t - self.boot, TRACE_KINDS[kind], task, o, arg) for t, kind, task, o, arg in records]
        return [event for event in events if not kinds or event.kind in kinds]

    def close(self) -> None:
        self.kernel.close()
        if self._own:
            self.clock.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
