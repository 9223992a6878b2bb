"""The trace of a board's core as JSON lines: what happened last, event by event.

Each line is one event: ``t`` virtual ns, ``kind`` (csrc/trace.h), ``task`` the pid of the running task, 0 when idle,
null in an interrupt handler; ``object`` and ``arg`` say what it happened to and depend on the kind.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kernel.core import TRACE_KINDS, lib, trace_records

if TYPE_CHECKING:
    from kernel.kernel import Kernel

_EVENT = struct.Struct("<qHHIq")
_IN_INTERRUPT = 0xFFFF
MOST = 1 << 16


class TraceEvent(NamedTuple):
    """One event of the trace ring. ``task``: None in an interrupt handler."""

    time: int
    kind: str
    task: int | None
    object: int
    arg: int


def trace_events(kernel: Kernel, last: int = MOST) -> Iterator[TraceEvent]:
    """The events that are still in a board's trace ring, oldest first; ``last``: at most so many of the latest."""
    since = max(0, int(lib.trace_head(kernel.board)) - last)
    for time, kind, task, obj, arg in _EVENT.iter_unpack(trace_records(kernel.board, since)):
        name = TRACE_KINDS[kind] if kind < len(TRACE_KINDS) else f"kind{kind}"
        yield TraceEvent(time, name, None if task == _IN_INTERRUPT else task, obj, arg)


def trace_lines(kernel: Kernel, last: int = MOST) -> str:
    """The same as JSON lines."""
    return "".join(json.dumps(_record(event)) + "\n" for event in trace_events(kernel, last))


def _record(event: TraceEvent) -> dict[str, Any]:
    return {"t": event.time, "kind": event.kind, "task": event.task, "object": event.object, "arg": event.arg}
