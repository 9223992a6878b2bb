"""The one binding to the C core.

Any layer may import ``lib`` from here and call its functions; ``ffi`` stays inside this file. Calls take and give
integers: objects of the core are numbers, and an answer is either a plain result (negative errno on failure) or, from
:data:`ACT_BASE` up, something that :meth:`kernel.clock.Clock.follow` has to do first.
"""

from __future__ import annotations

import os
import warnings
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from kernel import _core
    from kernel._core import ffi, lib
except ImportError as error:
    raise ImportError(
        f"nutloop: the C core is not built for this Python ({error}); run `make core` in the checkout, "
        "or `pip install -e .` (after a plain install, start Python outside the checkout or with -P)"
    ) from error


def _warn_if_stale(built: Path, sources: Path) -> None:
    """In a checkout whose C files are newer than the core that was made of them, nothing fits and little says why."""
    made = built.stat().st_mtime
    newer = [path.name for path in sources.glob("*.[ch]") if path.stat().st_mtime > made]
    if newer:
        text = f"nutloop: the C core is older than {min(newer)} in csrc/; run `make core`"
        warnings.warn(text, RuntimeWarning, stacklevel=3)


_warn_if_stale(Path(_core.__file__), Path(__file__).parent.parent / "csrc")

__all__ = ["ACT_BASE", "KILLED", "Ask", "check", "lib", "numbers", "pids", "set_ask", "take_bytes"]

ACT_SHIFT = 26
ACT_BASE = 1 << ACT_SHIFT

(ACT_RUN, ACT_RUN16, ACT_RUNV, ACT_PICK, ACT_IRQ, ACT_WDOG, ACT_EVENT, ACT_HOST, ACT_POLL, ACT_FAULT) = range(1, 11)
(HOST_DEADLINE, HOST_QUIESCENT, HOST_CHECK, HOST_WAKE, HOST_INTERRUPT) = range(1, 6)
HOST_FAULT = 100  # Python's own: an error waits in Clock.fault
(FAULT_LIVELOCK, FAULT_IRQ_STORM) = (1, 2)
BENCH_INTERRUPT, BENCH_WAKE = 1, 4

KILLED = -9999  # a task resumed with this has to unwind

COSTS = (
    "CALL",
    "SEM",
    "WORK",
    "SWITCH",
    "IRQ_ENTER",
    "IRQ_EXIT",
    "WDOG",
    "IOB",
    "COPY",
    "CSUM",
    "FRAME",
    "REG",
)
"""Operations that cost time, in the order of ``enum cost`` (csrc/board.h)."""

SITES = (
    "eqprio",
    "irq.jitter",
    "alloc.fail",
    "wire.drop",
    "wire.dup",
    "wire.reorder",
    "wire.delay",
    "wire.corrupt",
    "port",
    "ipid",
    "seq",
)
"""Choice sites of the C core, in the order of ``enum site`` (csrc/chooser.h). Python may add more, up to 32."""

TRACE_KINDS = (
    "none",
    "boot",
    "task.start",
    "task.exit",
    "switch",
    "ready",
    "block",
    "irq.enter",
    "irq.exit",
    "sem.post",
    "lock",
    "unlock",
    "work.queue",
    "work.cancel",
    "work.start",
    "work.end",
    "wdog",
    "iob.alloc",
    "iob.free",
    "iob.wait",
    "iob.fail",
    "rx",
    "rx.drop",
    "tx",
    "tx.done",
    "udp.in",
    "udp.drop",
    "tcp.in",
    "tcp.rexmit",
    "ip6.duplicate",
)

Ask = Callable[[int, int, int], int]
"""Answers a choice: (site, name, n) -> 0..n-1."""


def check(result: int, what: str) -> int:
    """Returns ``result``, or raises OSError with its errno and ``what`` if it is negative."""
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")
    return result


def numbers(call: Callable[..., int], *args: Any, n: int) -> list[int]:
    """Calls ``call(*args, int64_t *out, n)``, which fills n numbers, and returns them. Raises OSError."""
    out = array("q", bytes(8 * n))
    check(call(*args, ffi.from_buffer("int64_t[]", out), n), getattr(call, "__name__", "core call"))
    return out.tolist()


def pids(call: Callable[..., int], *args: Any, limit: int = 4096) -> list[int]:
    """Calls ``call(*args, int32_t *out, limit)``, which returns how many numbers it stored, and returns those."""
    out = array("i", bytes(4 * limit))
    k = check(call(*args, ffi.from_buffer("int32_t[]", out), limit), "core call")
    return out[:k].tolist()


def take_bytes(call: Callable[..., int], *args: Any, limit: int) -> bytes:
    """Calls ``call(*args, uint8_t *out, limit)``, which returns a length; returns that many bytes. Raises OSError."""
    out = bytearray(limit)
    k = check(call(*args, ffi.from_buffer("uint8_t[]", out), limit), "core call")
    return bytes(memoryview(out)[:k])


def buffer(data: bytes | bytearray) -> Any:
    """A pointer to the bytes of ``data`` for a ``uint8_t *`` parameter, good while ``data`` lives unresized."""
    return ffi.from_buffer("uint8_t[]", data)


def trace_records(board: Any, since: int) -> bytes:
    """The trace events from number ``since`` on that are still in the ring, 24 bytes each (csrc/trace.h)."""
    n = lib.trace_head(board) - since
    if n <= 0:
        return b""
    out = bytearray(24 * n)
    k = lib.trace_read(board, since, ffi.from_buffer("uint8_t[]", out), n)
    return bytes(memoryview(out)[: 24 * k])


def chooser_script(bench: Any, site: int, mode: int, script: list[int]) -> int:
    """Sets how a choice site decides (``enum choose_mode``); returns 0 or a negative errno."""
    values = array("I", script)
    return int(lib.bench_chooser_set(bench, site, mode, ffi.from_buffer("uint32_t[]", values), len(script)))


_NULL = ffi.NULL


def make_bench(seed: int, livelock: int) -> Any:
    """A new bench of the core. What lib.bench_free() leaves of it, an empty shell, is freed with the last reference."""
    return ffi.gc(lib.bench_new(seed & (2**64 - 1), livelock), lib.bench_drop)


def make_board(bench: Any, ncpus: int, tick_ns: int, trace: int) -> Any:
    """A new board of the core, or NULL; the same with lib.board_free(). It keeps its bench."""

    def drop(board: Any, bench: Any = bench) -> None:
        lib.board_drop(board)

    board = lib.board_new(bench, ncpus, tick_ns, trace)
    return board if is_null(board) else ffi.gc(board, drop)


def is_null(pointer: Any) -> bool:
    """Whether the core returned no object."""
    return bool(pointer == _NULL)


def set_ask(bench: Any, ask: Ask | None) -> Any:
    """Lets ``ask`` answer the sites in ask mode. Returns a handle that has to live as long as it may be called.

    An exception in ``ask`` cannot cross C: the choice is then 0 and the exception is printed by the interpreter.
    """
    if ask is None:
        lib.bench_chooser_ask(bench, _NULL)
        return None
    callback = ffi.callback("uint32_t(void *, uint32_t, uint32_t, uint32_t)", lambda _b, s, n, k: ask(s, n, k), error=0)
    lib.bench_chooser_ask(bench, callback)
    return callback
