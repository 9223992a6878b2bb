"""One board's kernel: its part of the core, and the Python objects built on it.

It boots in the order of NuttX's bring-up: memory, IOBs, workers, network; devices and the init task are the board's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from errno import EINTR, EINVAL, ENOSYS
from random import Random
from sys import _getframe
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakSet

from greenlet import getcurrent

from kernel import core
from kernel.assertion import Assertions
from kernel.clock import Clock
from kernel.core import COSTS, SITES, check, is_null, lib, make_board, numbers, pids
from kernel.effort import Effort
from kernel.errors import BenchError, BoardClosed, ContextError, Hang
from kernel.fs.tree import make_tree
from kernel.heap import Heap
from kernel.iob import IobPool
from kernel.irq import Interrupts
from kernel.netdev import Network
from kernel.netlib.leases import Leases
from kernel.netlib.resolver import Resolver
from kernel.netlock import NetLock
from kernel.notifier import Notifiers
from kernel.poll import Pollers
from kernel.raised import handler_hung
from kernel.realtime import Realtime, calendar
from kernel.sched import Explore, Fifo, Policy, RoundRobin
from kernel.sync import Semaphore, Watchdog
from kernel.syscalls import Sys
from kernel.syslog import LOG_WARNING, Syslog
from kernel.task import Task, Tasks
from kernel.wqueue import HPWORK, LPWORK, Work, WorkQueue

if TYPE_CHECKING:
    from kernel.apps import App
    from kernel.console import Console
    from kernel.nsh.edit.history import History
    from kernel.socket import Socket

Options = Mapping[str, Any]
SIGINT, SIGKILL, SIGTERM = 2, 9, 15
PATIENCE = 1000  # waits that tasks of a closed board may still try, before one that does not unwind is left behind


class Kernel:
    """The kernel of one board.

    ``options``: Kconfig names without prefix. ``costs``: picoseconds by name of the operation.
    ``board``: the core's board of an earlier kernel, closed with :meth:`shut_down`, which this one takes over.
    """

    def __init__(
        self,
        clock: Clock,
        options: Options,
        *,
        name: str = "board",
        ncpus: int = 1,
        ram: int = 64 << 20,
        costs: Mapping[str, int] | None = None,
        trace: int = 4096,
        board: Any = None,
    ) -> None:
        self.clock = clock
        self.options = options
        self.name = name
        self.ncpus = ncpus
        self.tick_ns = int(options["USEC_PER_TICK"]) * 1000
        if board is not None:
            check(lib.board_reset(board, ncpus, self.tick_ns), f"reset of {name}")
        self.board: Any = make_board(clock.bench, ncpus, self.tick_ns, trace) if board is None else board
        if is_null(self.board):
            what = f"{ncpus} CPUs, tick of {self.tick_ns} ns, trace of {trace} events"
            raise BenchError(f"board {name} cannot be made: {what}")
        clock.guests[lib.board_id(self.board)] = self
        for what, ps in (costs or {}).items():
            check(lib.board_cost(self.board, COSTS.index(what), ps), f"cost {what}")
        self.delay_irqs(0)
        check(lib.cpuload_init(self.board, int(options.get("SCHED_CPULOAD_TIMECONSTANT", 2)) * 10**9), "CPU load")
        self.mutex_names: dict[int, str] = {}
        self.sem_names: dict[int, str] = {}  # what is waited for at a semaphore
        self.works: dict[int, Work] = {}
        self.wdogs: dict[int, Watchdog] = {}
        self.reports: list[str] = []  # what went wrong on this board, for whoever looks at it afterwards
        self.panic: BenchError | None = None
        self.assertions = Assertions(self)
        self.closed = False
        self._refused = 0
        self.sockets: WeakSet[Socket] = WeakSet()
        self.on_task_gone: list[Callable[[Task], None]] = []
        self._joiners: dict[int, Semaphore] = {}
        self.console: Console | None = None
        self.apps: dict[str, App] = {}  # the built-in programs
        self.history: History | None = None  # of command lines, for all sessions; kernel/nsh/edit/editor.py makes it
        self.booted = False
        self.on_reboot: Callable[[], None] | None = None
        self.on_poweroff: Callable[[], None] | None = None
        self.on_reset: Callable[[], None] | None = None
        self.heap = Heap(ram)
        self.syslog = Syslog(
            lambda: int(lib.board_uptime(self.board)),
            int(options["RAMLOG_BUFSIZE"]) if options["RAMLOG_SYSLOG"] else 0,
            timestamp=bool(options["SYSLOG_TIMESTAMP"]),
            priority=bool(options["SYSLOG_PRIORITY"]),
            cpu=(lambda: int(lib.board_current_cpu(self.board))) if ncpus > 1 else None,
        )
        start = calendar(int(options["START_YEAR"]), int(options["START_MONTH"]), int(options["START_DAY"]))
        self.realtime = Realtime(start, lambda: int(lib.board_uptime(self.board)))
        self.effort = Effort(self, costs or {})
        self.tasks = Tasks(self)
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise

    def _bring_up(self) -> None:
        options = self.options
        self.irqs = Interrupts(self)
        self.use_policy(self._make_policy())
        self.iobs = IobPool(self)
        self.net_lock = NetLock(self, split=options["NET_LOCKS"] == "split")
        self.queues: dict[int, WorkQueue] = {}
        self._start_workers()
        self.notifiers = Notifiers(self)
        self.entropy = Random(f"{self.clock.seed} {lib.board_id(self.board)}")  # all that is random on the board
        self.vfs = make_tree(self)
        self.net = Network(self)
        self.leases = Leases(self)
        self.resolver = Resolver(self)
        self.pollers = Pollers(self)

    def _make_policy(self) -> Policy:
        interval = int(self.options["RR_INTERVAL"])
        return RoundRobin(self, max(1, -(-interval * 1_000_000 // self.tick_ns))) if interval else Fifo(self)

    def use_policy(self, policy: Policy) -> None:
        """From now on ``policy`` decides who runs."""
        self.policy = policy
        lib.sched_policy(self.board, isinstance(policy, Fifo))

    def _start_workers(self) -> None:
        """HPWORK is 0 and LPWORK is 1, each an alias of the other if only one of them is built."""
        o = self.options
        kinds = [
            ("hpwork", o["SCHED_HPWORK"], o["SCHED_HPWORKPRIORITY"], o["SCHED_HPNTHREADS"], o["SCHED_HPWORKSTACKSIZE"]),
            ("lpwork", o["SCHED_LPWORK"], o["SCHED_LPWORKPRIORITY"], o["SCHED_LPNTHREADS"], o["SCHED_LPWORKSTACKSIZE"]),
        ]
        for name, built, priority, nthreads, stack in kinds:
            if built:
                self.queues[len(self.queues)] = WorkQueue(self, name, int(priority), int(nthreads), int(stack))
        if HPWORK in self.queues:
            self.queues.setdefault(LPWORK, self.queues[HPWORK])

    def work_queue(
        self, qid: int | WorkQueue, work: Work, worker: Callable[[Any], None] | None, arg: Any = None, delay: int = 0
    ) -> int:
        """work_queue(): 0, or -EINVAL for an unknown queue, no worker or an impossible delay (ticks).

        ``qid``: HPWORK, LPWORK, or a queue of one's own.
        """
        try:
            queue = self.queues[qid]  # type: ignore[index]  # a queue of one's own is simply not there
        except KeyError:
            if not isinstance(qid, WorkQueue):
                return -EINVAL
            queue = qid
        return queue.queue(work, worker, arg, delay)

    def explore_ties(self, on: bool = True) -> None:
        """Whether the chooser decides which of several equal tasks runs."""
        self.use_policy(Explore(self) if on else self._make_policy())

    def delay_irqs(self, limit_ns: int) -> None:
        """The chooser may let interrupt requests be seen late, by less than ``limit_ns``."""
        lib.board_options(self.board, bool(self.options["PRIORITY_INHERITANCE"]), limit_ns)

    # Guest of the clock

    def irq(self, line: int) -> None:
        """An interrupt."""
        self.irqs.dispatch(line)

    def wdog(self, number: int) -> None:
        """A watchdog of Python's expired."""
        self.wdogs[number].call()

    def where(self, line: int | None = None) -> str:
        """Who is running, or the interrupt ``line``, for a message."""
        if line is not None:
            return f"interrupt line {line} ({self.irqs.name(line)}) of {self.name}"
        pid = lib.board_current(self.board)
        if pid == -2:
            return f"an interrupt handler of {self.name}"
        task = self.tasks.by_pid.get(pid)
        return f"task {task.name} (pid {pid}) of {self.name}" if task else f"the idle task of {self.name}"

    def crash(self, error: BaseException, where: str) -> None:
        """A handler raised: the board is dead from here on; see :meth:`kernel.assertion.Assertions.crash`."""
        self.assertions.crash(error, where)

    def fault(self, what: str) -> NoReturn:
        """A CPU exception in the task that runs, a jump to nowhere for example: the board is dead from here on."""
        self.assertions.fault(what, _getframe(1))

    def hung(self, line: int | None, error: Hang) -> Hang:
        """A handler never returned; see :func:`kernel.raised.handler_hung`."""
        return handler_hung(self, line, error)

    def cannot_wait(self, what: str) -> BaseException:
        """The error for a call that has to wait where that is impossible."""
        if self.closed and getcurrent() is self.clock.host:
            return BenchError(f"{self.name} is off: nobody can {what}")
        if self.closed:
            self._refused += 1
            if self._refused > PATIENCE:
                self.clock.host.switch()  # for good: the host goes on closing the board without this task
            return BoardClosed()
        if threading.get_ident() != self.clock.thread:
            return ContextError(f"another thread cannot {what} on {self.name}: only a task can; use clock.post()")
        remedy = "only a task can wait; use a try-call, or queue work that does it"
        return ContextError(f"{self.where()} cannot {what}: {remedy}")

    # Time

    @property
    def ticks(self) -> int:
        """clock_systime_ticks()."""
        return int(lib.board_ticks(self.board))

    def ms2tick(self, ms: int | None) -> int:
        """MSEC2TICK, rounded up; -1 for None (for ever)."""
        return -1 if ms is None else -(-ms * 1_000_000 // self.tick_ns)

    def ticksleep(self, ticks: int) -> int:
        """Sleeps until now + ``ticks`` + 1. 0, or -EINTR when a signal came."""
        r = lib.nxsched_ticksleep(self.board, ticks)
        if r >= core.ACT_BASE:
            r = self.clock.follow(r)
        if r == -1:
            raise self.cannot_wait("sleep")
        return int(r)

    def burn(self, ns: int) -> None:
        """up_udelay(): the caller computes for so long; interrupts and more important tasks cut in."""
        r = lib.cpu_burn(self.board, ns)
        if r >= core.ACT_BASE:
            self.clock.follow(r)
        elif r == -1:
            raise self.cannot_wait("burn time")
        else:
            check(r, f"burn {ns} ns")

    def choose(self, site: int | str, name: int, n: int) -> int:
        """A free choice: 0..n-1, 0 being what the plain kernel would do."""
        number = SITES.index(site) if isinstance(site, str) else site
        return int(lib.bench_choose(self.clock.bench, number, name, n))

    # Tasks and their ends

    def facade(self, task: Task) -> Sys:
        """What a task's function gets as its argument."""
        return Sys(self, task)

    def kill(self, pid: int, signo: int) -> int:
        """nxsig_kill(): 0, -ESRCH, -EINVAL, or -ENOSYS for a group. SIGKILL unwinds the task; with SIG_DEFAULT so do
        SIGINT and SIGTERM if it has not asked to handle them.
        """
        if pid < 0:
            return -ENOSYS
        task = self.tasks.by_pid.get(pid)
        default = {SIGINT, SIGTERM} if self.options.get("SIG_DEFAULT") else set()
        if task is not None and task.kind != "Kthread" and signo in {SIGKILL} | (default - task.caught):
            return self.tasks.kill(pid)
        if task is not None and signo in task.caught:
            task.signalled.add(signo)
        r: int = lib.nxsig_kill(self.board, pid, signo)
        return self.clock.follow(r) if r >= core.ACT_BASE else r

    def join(self, task: Task, *, interruptible: bool = False) -> int:
        """Waits until a task has ended; returns its status. Raises InterruptedError if a signal may end the wait."""
        waiter = self.tasks.current()
        if waiter is not None:
            waiter.waits_for = task
        while task.alive:
            sem = self._joiners.get(task.pid)
            if sem is None:
                sem = self._joiners[task.pid] = Semaphore(self, what=f"the end of {task.name} (pid {task.pid})")
            if sem.wait(-1, interruptible) == -EINTR:
                raise InterruptedError(EINTR, "waitpid: a signal ended the wait")
        return task.status

    def task_gone(self, task: Task) -> None:
        """Somebody may have waited for it."""
        for call in self.on_task_gone:
            call(task)
        sem = self._joiners.pop(task.pid, None)
        if sem is not None:
            while sem.value < 0:
                sem.post()
            sem.destroy()

    def held_by(self, pid: int) -> list[str]:
        """Names of the mutexes that a task, living or dead, holds."""
        return [self.mutex_names[m] for m in pids(lib.task_held, self.board, pid, limit=64)]

    def report(self, text: str, *, log: bool = True) -> None:
        """Notes something for whoever examines the board afterwards; also warns on the syslog, unless that knows."""
        self.reports.append(f"[{self.clock.now_ns / 1e9:.6f}] {text}")
        if log:
            self.syslog.log(LOG_WARNING, text)

    def task_numbers(self, pid: int) -> list[int]:
        """What the core knows of a task, in the order of task_info() (csrc/task_api.c)."""
        return numbers(lib.task_info, self.board, pid, n=16)

    def task_priority(self, pid: int) -> int:
        """The priority that a task has now; 0 if it is gone."""
        return self.task_numbers(pid)[2] if pid in self.tasks.by_pid else 0

    def halt(self) -> None:
        """Stops all code of the board. A task that calls this never returns from it."""
        lib.board_halt(self.board)
        self.clock.follow(lib.bench_next(self.clock.bench))

    @property
    def gone(self) -> bool:
        """Whether the core's part is not its own any more: nothing can be asked about it."""
        return "board" not in self.__dict__

    def hand_over(self) -> Any:
        """Ends this kernel and gives away the core's board, for the next one."""
        self.shut_down()
        board = self.board
        self._let_go()
        return board

    def _let_go(self) -> None:
        del self.board
        self.__class__ = ClosedKernel

    def shut_down(self) -> None:
        """Unwinds the tasks; the core's board is left for :meth:`hand_over` or :meth:`close`. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.assertions.close()
        lib.board_halt(self.board)
        for socket in self.sockets:
            socket.conn = -1
        stuck = self.tasks.close()
        if stuck:
            self.report(f"closed although {', '.join(stuck)} would not unwind")

    def close(self) -> None:
        """Unwinds the tasks and frees the core's part. Idempotent."""
        self.shut_down()
        if not self.gone:
            self.clock.guests.pop(lib.board_id(self.board), None)
            lib.board_free(self.board)
            self._let_go()


class ClosedKernel(Kernel):
    """A kernel whose board was freed or has another kernel: the core's board is looked for in vain.

    A class of its own because of what __getattr__ costs: where there is one, every attribute is found slowly.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "board":
                raise BenchError(f"{self.name} is closed, or was reset since: this belongs to a boot that is over")
            raise AttributeError(name)
