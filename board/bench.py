"""A test bench: one clock, the boards that share it, and the wires between them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from board.kconfig.ipv6 import router6
from board.wire import HostEnd, Switch
from kernel.clock import NS, Clock
from kernel.core import SITES, chooser_script, lib, set_ask
from kernel.errors import BenchError

if TYPE_CHECKING:
    from board.board import Board
    from kernel.kernel import Kernel

HOST_IP = 0x0A000101  # 10.0.1.1, what NuttX's simulator has for a router
BOOT_LIMIT = 60.0  # virtual seconds; asking for a lease takes its time
SPIN_NS = 100_000  # live: how long to look for more input before sleeping
_MODES = {"default": 0, "random": 1, "scripted": 2, "ask": 3}


class Port(Protocol):
    """What is closed with its bench."""

    def close(self) -> None: ...


class Bench:
    """Owns the time. ``seed`` decides every free choice that is set to random; the same seed makes the same run.

    In lockstep (the default) time moves only inside :meth:`run` and the other calls that wait. With ``live`` it follows
    the host's clock, and a run is not deterministic. ``watchdog``: seconds of host time after which code on a board
    that never enters the kernel is stopped; 0: never. ``livelock``: kernel entries without time moving that end a run.
    """

    def __init__(self, seed: int = 0, *, live: bool = False, watchdog: float = 10.0, livelock: int = 1_000_000) -> None:
        self.seed = seed
        self.live = live
        self.clock = Clock(seed, watchdog, livelock)
        self.boards: list[Board] = []
        self.switches: list[Switch] = []
        self.on_close: list[Callable[[], None]] = []
        self._ports: WeakValueDictionary[int, Port] = WeakValueDictionary()  # by when they came
        self._numbers = count()
        self._ask: Any = None
        self._ties = False
        self._jitter_ns = 0
        if live:
            self.clock.go_live(SPIN_NS)

    # Time

    @property
    def now(self) -> float:
        """Virtual time, s; a bench starts at 1.0."""
        return self.clock.now_ns / NS

    @property
    def now_ns(self) -> int:
        """Virtual time, ns, exact."""
        return self.clock.now_ns

    def boot(self) -> None:
        """Lets time pass until every board has brought its network up. Raises BenchError if one never does."""
        waiting = [board for board in self.boards if not board.kernel.booted and not board.kernel.closed]
        if not waiting or self.run_until(lambda: all(board.kernel.booted for board in waiting), BOOT_LIMIT):
            return
        for board in waiting:
            if not board.kernel.booted:
                why = "; ".join(board.reports) or "its init task has not reached the shell"
                raise BenchError(f"{board.name} did not boot within {BOOT_LIMIT} virtual seconds: {why}")

    def run(self, seconds: float) -> None:
        """Lets that much time pass."""
        self.clock.run(self.clock.until(seconds))

    def run_until(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Lets time pass until ``predicate()``, looked at whenever time is about to move, is true; says whether it was.

        ``timeout``: virtual seconds. Without one it ends when nothing can happen any more.
        """
        if predicate():
            return True
        until = None if timeout is None else self.clock.until(timeout)
        return self.clock.run(until, look=predicate)

    # What stands on the bench

    def board(self, name: str = "", profile: str = "sim", config: str | None = None, **overrides: Any) -> Board:
        """Adds a board with a MAC and, unless configured otherwise, an address of its own: 10.0.1.2, 10.0.1.3, ..."""
        from board.board import Board

        return Board(profile, name=name or f"board{len(self.boards)}", bench=self, config=config, **overrides)

    def switch(self, *boards: Board, name: str = "", mbps: int = 10000) -> Switch:
        """Adds a switch, plugs in the boards and, so that packets can be sent and seen, the host's end of a wire.

        That has the IPv6 address which the first board that speaks IPv6 has for its router.
        """
        switch = Switch(self.clock, mbps, name or f"switch{len(self.switches)}")
        self.switches.append(switch)
        ip6 = next(filter(None, (router6(board.config) for board in boards)), "")
        host = self.host_end(f"nl{len(self.switches) - 1}" if len(self.switches) > 1 else "nl0", ip6=ip6)
        switch.connect(host)
        for board in boards:
            board.eth0.mac_model.unplug()
            switch.connect(board.eth0.mac_model)
            board.eth0.switch, board.eth0.host = switch, host
        return switch

    def host_end(self, name: str, answers_echo: bool = False, *, ip6: str = "") -> HostEnd:
        """A new host's end of a wire: 10.0.1.1, and ``ip6`` if that is given, with a MAC of its own.

        It answers who asks for its addresses and, if asked to, pings. Raises OSError (EINVAL) for a bad address.
        """
        mac = bytes((0x02, 0x6E, 0x6C, 0, 0, len(self.boards) & 0xFF))
        return HostEnd(self.clock, mac, HOST_IP, ip6=ip6, name=name, echo=answers_echo)

    # Choices

    def choices(
        self, site: str, mode: str = "random", script: list[int] | None = None, *, limit_ns: int = 10_000
    ) -> None:
        """How the free choices at a site are made: default (always 0), random (by the seed), scripted, or ask.

        Sites: eqprio, irq.jitter, alloc.fail, wire.drop, wire.dup, wire.reorder, wire.delay, wire.corrupt, port, ipid,
        seq.
        ``limit_ns``: for irq.jitter, requests are seen less than that late.
        """
        if site not in SITES:
            raise ValueError(f"no choice site {site!r}; there is {', '.join(SITES)}")
        if mode not in _MODES:
            raise ValueError(f"no mode {mode!r}; there is {', '.join(_MODES)}")
        chooser_script(self.clock.bench, SITES.index(site), _MODES[mode], script or [])
        if site == "eqprio":
            self._ties = mode != "default"
        if site == "irq.jitter":
            self._jitter_ns = limit_ns if mode != "default" else 0
        for board in self.boards:
            self.prepare(board.kernel)

    def prepare(self, kernel: Kernel) -> None:
        """Makes a kernel ask the chooser where this bench has choices made; called at every boot."""
        kernel.explore_ties(self._ties)
        kernel.delay_irqs(self._jitter_ns)

    def ask(self, answer: Callable[[str, int, int], int] | None) -> None:
        """Who answers the sites in ask mode: ``answer(site, name, n)`` returns 0..n-1."""
        self._ask = set_ask(
            self.clock.bench,
            None if answer is None else lambda s, name, n: answer(SITES[s] if s < len(SITES) else f"user{s}", name, n),
        )

    def explore_frames(self, on: bool = True) -> None:
        """Loops in C stop after each frame and work item, so that more schedules can be reached."""
        lib.bench_set_one_frame(self.clock.bench, on)

    # End

    def close_with(self, port: Port) -> None:
        """Closes a port with the bench, unless it is gone by then: those that were opened and closed do not pile up."""
        self._ports[next(self._numbers)] = port

    def close(self) -> None:
        """Ends all boards and frees everything. Idempotent."""
        if self.clock.closed:
            return
        self.clock.require_host("close its own bench")
        for _, port in sorted(self._ports.items(), reverse=True):
            port.close()
        for call in reversed(self.on_close):
            call()
        self.on_close.clear()
        for board in reversed(self.boards):
            board.remove()
        self.boards.clear()
        self.clock.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
