"""The clock of a bench, and the one place that obeys the core.

:meth:`Clock.follow` is called with whatever a primitive answered when that was not a plain result. It switches
greenlets, asks the scheduling policy, calls interrupt handlers, and returns when its caller may go on. It runs on the
stack of whoever let time pass: a task, or the host, which is the idle task.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from greenlet import GreenletExit, getcurrent, greenlet

from kernel.core import (
    ACT_BASE,
    ACT_EVENT,
    ACT_HOST,
    ACT_IRQ,
    ACT_PICK,
    ACT_POLL,
    ACT_RUN,
    ACT_RUN16,
    ACT_RUNV,
    ACT_SHIFT,
    ACT_WDOG,
    BENCH_INTERRUPT,
    BENCH_WAKE,
    FAULT_IRQ_STORM,
    HOST_CHECK,
    HOST_DEADLINE,
    HOST_FAULT,
    HOST_INTERRUPT,
    HOST_QUIESCENT,
    HOST_WAKE,
    KILLED,
    check,
    lib,
    make_bench,
)
from kernel.ctrlc import CtrlC
from kernel.errors import BenchError, ContextError, Hang, Livelock, TaskExit
from kernel.inputs import Inputs
from kernel.task import RunnerMaker
from kernel.watchdog import HostWatchdog

if TYPE_CHECKING:
    from kernel.sched import Policy
    from kernel.task import Runner

NS = 1_000_000_000

_LONGEST = 9.2e9  # seconds; what 63 bits of nanoseconds hold
_AFTER_RUN = (ACT_RUN + 1) << ACT_SHIFT
_AFTER_RUN16 = (ACT_RUN16 + 1) << ACT_SHIFT
_PAYLOAD = ACT_BASE - 1
_HANDLED = (ACT_IRQ, ACT_WDOG)
_OVER = (HOST_DEADLINE, HOST_QUIESCENT)


class Guest(Protocol):
    """What the clock needs of a board."""

    board: Any
    policy: Policy

    def irq(self, line: int) -> None: ...
    def wdog(self, number: int) -> None: ...
    def where(self, line: int | None = None) -> str: ...
    def crash(self, error: BaseException, where: str) -> None: ...
    def hung(self, line: int | None, error: Hang) -> Hang: ...


class Event:
    """Something that hardware written in Python will do at a time of its own."""

    __slots__ = ("_bench", "_events", "call", "number")

    def __init__(self, clock: Clock, call: Callable[[], None], housekeeping: bool = False) -> None:
        self._bench = clock.bench
        self.call = call
        self.number: int = lib.pyevent_new(clock.bench, housekeeping)
        self._events = clock.events
        self._events[self.number] = self

    def at(self, time: int) -> None:
        """Happens at ``time`` (ns); moves it if it was set already."""
        lib.pyevent_at(self._bench, self.number, time)

    def cancel(self) -> None:
        """Does not happen after all."""
        lib.pyevent_cancel(self._bench, self.number)

    def free(self) -> None:
        """Gives it back to the core; it cannot be used any more. Not after its clock was closed."""
        lib.pyevent_free(self._bench, self.number)
        del self._events[self.number]


class Clock:
    """Owns the core's ``struct bench``: time, events, choices, and the greenlets of all its tasks.

    ``watchdog``: seconds of host time that code on a board may run without entering the kernel; 0: for ever.
    ``livelock``: kernel entries without time moving after which a run is given up.
    """

    def __init__(self, seed: int, watchdog: float = 10.0, livelock: int = 1_000_000) -> None:
        self.seed = seed
        self.bench: Any = make_bench(seed, livelock)
        self.host: greenlet = getcurrent()
        self.thread = threading.get_ident()
        self.switches: list[Callable[[int], int]] = [self.host.switch]  # by the core's slot numbers
        self.guests: dict[int, Guest] = {}  # by the core's board numbers
        self.events: dict[int, Event] = {}
        self.runners: list[Runner] = []  # greenlets of dead tasks, for the next ones
        self.maker = RunnerMaker(self)
        self.fault: BaseException | None = None
        self.crashes: list[Callable[[], None]] = []  # of boards that are still printing; each call raises
        self.running = False
        self.closed = False
        self.powered = False
        self.live = False
        self.inputs = Inputs()
        self._ended_ns = 0
        self.on_wake: list[Callable[[], None]] = []  # looked at by those who wait beside the host's own call
        self._later: list[Callable[[], None]] = []
        self._ctrl_c = CtrlC(self)
        self._watchdog = HostWatchdog(self, watchdog) if watchdog > 0 else None

    @property
    def interrupted(self) -> bool:
        """Ctrl-C has come, and the host's call has yet to end with it: a model that waits for the host has to stop."""
        return self._ctrl_c.came

    # Time

    @property
    def now_ns(self) -> int:
        """Virtual time, ns. A bench starts at one second; a closed one keeps the time of its end."""
        return self._ended_ns if self.closed else int(lib.bench_now(self.bench))

    def follow(self, r: int) -> int:
        """Does what the core asks until the caller may go on; returns the caller's own result.

        Raises TaskExit in a task that was killed, BoardClosed in one whose board is closed.
        """
        while r >= ACT_BASE:
            if r < _AFTER_RUN:
                r = self.switches[r - ACT_BASE](0)
            elif r < _AFTER_RUN16:
                r = self.switches[r >> 16 & 0x3FF](r & 0xFFFF)
            else:
                r = self._follow_rest(r >> ACT_SHIFT, r & _PAYLOAD)
        if r == KILLED:
            raise TaskExit
        return r

    def _follow_rest(self, kind: int, payload: int) -> int:
        if kind == ACT_RUNV:
            value: int = self.switches[payload](lib.bench_value(self.bench))
            return value
        if kind == ACT_EVENT:
            return self._event(payload)
        if kind == ACT_HOST:
            return payload if getcurrent() is self.host else self.to_host(payload)
        if kind == ACT_POLL:
            return self._poll()
        number, value = payload >> 16, payload & 0xFFFF
        if kind == ACT_PICK:
            return self.guests[number].policy.pick(value)
        if kind in _HANDLED:
            return self._interrupt(number, kind, value)
        return self._core_fault(number, value)

    def to_host(self, reason: int) -> int:
        """Switches to the host's call; returns what the caller is resumed with."""
        result: int = self.host.switch(reason)
        return result

    def _interrupt(self, number: int, kind: int, value: int) -> int:
        guest = self.guests[number]
        try:
            if kind == ACT_IRQ:
                guest.irq(value)
            else:
                guest.wdog(value)
        except Hang as error:
            self.fault = guest.hung(value if kind == ACT_IRQ else None, error)
            lib.bench_attend(self.bench, BENCH_INTERRUPT)
        except BaseException as error:  # a second Ctrl-C too: it must not hit the task on whose stack this runs
            guest.crash(error, f"interrupt handler of line {value}" if kind == ACT_IRQ else "timer")
        return int(lib.irq_return(guest.board))

    def _event(self, value: int) -> int:
        try:
            self.events[value].call()
        except BaseException as error:
            return self.give_up(error)
        return int(lib.bench_next(self.bench))

    def _poll(self) -> int:
        self.running = False  # the watchdog must not count a wait for the outside
        ready = lib.live_poll(self.bench)
        self.running = True
        if ready:
            try:
                self.inputs.take(ready)
            except BaseException as error:  # it must not hit the task on whose stack this runs
                return self.give_up(error)
        return int(lib.bench_next(self.bench))

    def _core_fault(self, number: int, value: int) -> int:
        guest = self.guests.get(number)
        if guest is None:
            return self.give_up(self._livelock("events of the hardware follow one another without end"))
        if value & 0xFF == FAULT_IRQ_STORM:
            where = f"{guest.where(value >> 8)} asks again as soon as its handler returns; the handler has to quiet it"
            return self.give_up(self._livelock(where))
        stack = "".join(traceback.format_stack(limit=12)[:-3])
        what = "goes on and on in the kernel; it has to sleep, wait or burn time"
        error = self._livelock(f"{guest.where()} {what}\n{stack}")
        self.give_up(error)
        raise error  # and when the host lets time pass again, the task that span dies of it

    def _livelock(self, why: str) -> Livelock:
        return Livelock(f"time stands still at {self.now_ns} ns: {why}")

    def give_up(self, error: BaseException) -> int:
        """Hands an error to the host's call. What ran is left as it is, so the host may go on afterwards."""
        self.fault = error
        lib.bench_leave(self.bench)
        if getcurrent() is self.host:
            return HOST_FAULT
        return self.to_host(HOST_FAULT)

    # The host

    def run(self, until: int | None, *, wait: bool = False, look: Callable[[], bool] | None = None) -> bool:
        """Lets time pass until ``until`` (ns; None: for ever). Returns whether something ended it before that.

        ``wait``: a wake-up from a model (a frame at the host's end of a wire, console output) ends it too. ``look``:
        asked whenever time is about to move; a true answer ends it. A bench in which nothing can happen any more ends
        it at once if there is no ``until``, else its clock jumps there. Raises what went wrong on a board, and
        KeyboardInterrupt.
        """
        self.require_host("make its own bench run", "; in a task use sys.sleep()")
        if not self.powered:
            self._power_on()
        deadline = -1 if until is None else until
        self.running = True
        try:
            r = lib.bench_run(self.bench, deadline, until is not None, look is not None)
            while True:
                reason = self.follow(r)
                if reason in _OVER:
                    if look is not None and look():
                        return True
                    for tell in tuple(self.crashes):
                        tell()
                    return False
                if reason == HOST_WAKE:
                    self._do_later()
                    if wait:
                        return True
                if reason == HOST_CHECK and look is not None and look():
                    return True
                if reason == HOST_FAULT or (reason == HOST_INTERRUPT and self.fault is not None):
                    self._raise_fault()
                if reason == HOST_INTERRUPT:
                    self._ctrl_c.came = False
                    raise KeyboardInterrupt
                r = lib.bench_next(self.bench)
        finally:
            self.running = False

    def require_thread(self) -> None:
        """Raises BenchError on another thread than the bench's."""
        if threading.get_ident() != self.thread:
            raise BenchError("the bench was made on another thread: boards run on the thread that made them")

    def require_host(self, what: str, hint: str = "") -> None:
        """Raises BenchError unless the host itself, on the bench's thread and between two runs, is to do ``what``."""
        self.require_thread()
        if self.closed:
            raise BenchError("the bench is closed")
        if getcurrent() is not self.host:
            raise ContextError(f"a task cannot {what}: only the host can{hint}")
        if self.running:
            raise ContextError(f"time passes already: a handler, a model or a predicate cannot {what}")

    def until(self, seconds: float) -> int:
        """The time (ns) so many seconds from now. Raises ValueError for what is no duration, or ends in 292 years."""
        if not 0 <= seconds <= _LONGEST - self.now_ns / NS:
            raise ValueError(f"{seconds} s is no time that can pass; give 0 or more, up to {_LONGEST:.0f}")
        return self.now_ns + round(seconds * NS)

    def wake(self) -> None:
        """Ends the host's wait, if it waits for something to happen: called by models that something did."""
        lib.bench_attend(self.bench, BENCH_WAKE)

    def later(self, call: Callable[[], None]) -> None:
        """The host does this, between two instants, as soon as no task can run: what a board cannot do to itself."""
        self._later.append(call)
        self.wake()

    def _do_later(self) -> None:
        calls, self._later = self._later, []
        for call in [*calls, *self.on_wake]:
            call()

    def post(self, call: Callable[[], None]) -> None:
        """From any thread: the thread that runs the bench makes this call between two instants. Live benches only."""
        if self.closed:
            raise BenchError("the bench is closed")
        self.inputs.post(call)

    def go_live(self, spin_ns: int) -> None:
        """From now on time follows the host's clock. Raises BenchError once time has moved."""
        if self.powered:
            raise BenchError("live has to be chosen before power-on: this bench has already run in lockstep")
        check(lib.live_start(self.bench, spin_ns), "live run")
        self.live = True
        self.inputs.open(self.bench)

    def _raise_fault(self) -> None:
        fault, self.fault = self.fault, None
        if fault is None:
            raise BenchError("a fault without a cause was reported")
        raise fault

    def _power_on(self) -> None:
        self.powered = True
        self._ctrl_c.heed()
        if self._watchdog:
            self._watchdog.start()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around code of a board that runs although time does not pass: the watchdog and Ctrl-C treat it as ever."""
        was, self.running = self.running, True
        try:
            yield
        finally:
            self.running = was

    def close(self) -> None:
        """Frees the bench; its guests have to be gone. Idempotent."""
        if self.closed:
            return
        self.require_host("close its own bench")
        self._ended_ns = self.now_ns
        self.closed = True
        if self._watchdog:
            self._watchdog.stop()
        self._ctrl_c.forget()
        for spare in (self.maker.greenlet, *(runner.greenlet for runner in self.runners)):
            spare.throw(GreenletExit)
        self.runners.clear()
        lib.bench_free(self.bench)
        del self.bench
        self.__class__ = ClosedClock
        self.inputs.close()
        if self._ctrl_c.came:
            raise KeyboardInterrupt

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class ClosedClock(Clock):
    """A clock whose bench has been freed: it is looked for in vain.

    A class of its own because of what __getattr__ costs: where there is one, every attribute is found slowly.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "bench":
                raise BenchError("the bench is closed")
            raise AttributeError(name)
