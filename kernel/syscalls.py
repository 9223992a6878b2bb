"""What a program on the board sees: the argument of every task function.

Names are NuttX's and POSIX's; times are seconds unless the name says otherwise. Failures raise OSError with NuttX's
errno numbers, which are Linux's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from errno import EINVAL
from sys import _getframe
from typing import TYPE_CHECKING, Any, NoReturn

from kernel.core import ACT_BASE, SITES, check, lib
from kernel.errors import TaskExit
from kernel.fs.calls import FileCalls
from kernel.iob import IobPool
from kernel.netlib import netdb
from kernel.netlock import NetLock
from kernel.sockbase import family_of
from kernel.socket import AF_INET, SOCK_DGRAM, Address, Socket
from kernel.sync import Mutex, Semaphore, Watchdog
from kernel.task import Task
from kernel.wqueue import HPWORK, LPWORK, Work, WorkQueue, work_cancel, work_cancel_sync

if TYPE_CHECKING:
    from kernel.kernel import Kernel

NS = 1_000_000_000
SIGTERM = 15
SITE_USER = len(SITES)  # first choice site after the core's own


class Sys(FileCalls):
    """The system calls of one task."""

    HPWORK = HPWORK
    LPWORK = LPWORK

    def __init__(self, kernel: Kernel, task: Task) -> None:
        self.kernel = kernel
        self.task = task

    # Time

    @property
    def now(self) -> float:
        """Virtual time, s."""
        return self.kernel.clock.now_ns / NS

    @property
    def now_ns(self) -> int:
        """Virtual time, ns."""
        return self.kernel.clock.now_ns

    @property
    def ticks(self) -> int:
        """clock_systime_ticks(): system ticks since boot."""
        return self.kernel.ticks

    def sleep(self, seconds: float) -> None:
        """Sleeps at least that long: until tick now+N+1. Raises InterruptedError when a signal came."""
        self._ticksleep(-(-self._ns(seconds, NS) // self.kernel.tick_ns))

    def usleep(self, usec: int) -> None:
        """The same in microseconds."""
        self._ticksleep(-(-self._ns(usec, 1000) // self.kernel.tick_ns))

    @staticmethod
    def _ns(time: float, unit: int) -> int:
        """A duration in ns. Raises OSError (EINVAL) for what is none."""
        if not 0 <= time * unit < 1 << 62:
            raise OSError(EINVAL, f"{time} is no time that can pass")
        return round(time * unit)

    def _ticksleep(self, ticks: int) -> None:
        check(self.kernel.ticksleep(ticks), "sleep")

    def burn(self, usec: float) -> None:
        """up_udelay(): computes for so long, a million seconds at most. Interrupts and more important tasks cut in."""
        self.kernel.burn(self._ns(usec, 1000))

    def choose(self, name: int, n: int) -> int:
        """A free choice of the program's own, 0..n-1, 0 by default: exploration and replay decide it."""
        return self.kernel.choose(SITE_USER, name, n)

    # Tasks and signals

    def getpid(self) -> int:
        """This task's pid."""
        return self.task.pid

    @property
    def argv(self) -> list[str]:
        """Its name and arguments."""
        return list(self.task.argv)

    def spawn(
        self,
        entry: Callable[[Any], Any],
        name: str = "task",
        priority: int = 100,
        args: tuple[str, ...] = (),
        stack: int = 0,
    ) -> Task:
        """task_create(): starts another task, with this one's open files and environment.

        ``stack``: bytes; 0: CONFIG_DEFAULT_TASK_STACKSIZE. Raises OSError (ENOMEM, EINVAL).
        """
        task = self.kernel.tasks.create(entry, name, priority, args=args, stack=stack, start=False)
        task.inherit(self.task)
        self.kernel.tasks.start(task)
        return task

    def waitpid(self, task: Task) -> int:
        """Waits until a task has ended; returns its status."""
        return self.kernel.join(task)

    def kill(self, pid: int, signo: int = SIGTERM) -> None:
        """Sends a signal: it ends an interruptible wait of the task with EINTR; SIGKILL ends the task. Raises ESRCH."""
        check(self.kernel.kill(pid, signo), f"kill({pid})")

    def signal(self, signo: int) -> None:
        """signal() with a handler: from now on it ends this task's waits with EINTR, not the task. Except SIGKILL."""
        self.task.caught.add(signo)

    def exit(self, status: int = 0) -> None:
        """Ends this task."""
        raise TaskExit(status)

    def sched_yield(self) -> None:
        """Lets equals go first."""
        r = lib.sched_rotate(self.kernel.board, lib.board_current_cpu(self.kernel.board))
        if r >= ACT_BASE:
            self.kernel.clock.follow(r)

    def sched_setpriority(self, pid: int, priority: int) -> None:
        """sched_setparam(): a task's own priority, 1..255, from now on. Raises OSError (ESRCH, EINVAL)."""
        r = lib.sched_setpriority(self.kernel.board, pid, priority)
        check(self.kernel.clock.follow(r) if r >= ACT_BASE else r, f"priority {priority} for pid {pid}")

    def sched_lock(self) -> None:
        """No other task runs on this CPU until sched_unlock(), unless this one waits. Nests up to 127."""
        check(lib.sched_lock(self.kernel.board), "sched_lock")

    def sched_unlock(self) -> None:
        """The reverse."""
        r = lib.sched_unlock(self.kernel.board)
        if r >= ACT_BASE:
            self.kernel.clock.follow(r)

    # Objects

    def semaphore(self, count: int = 0) -> Semaphore:
        """nxsem_init(): its calls return 0 or a negative errno."""
        return Semaphore(self.kernel, count)

    def mutex(self, name: str = "mutex") -> Mutex:
        """nxrmutex_init(): re-entrant, usable in a ``with``."""
        return Mutex(self.kernel, name)

    def watchdog(self, call: Callable[[], None]) -> Watchdog:
        """A wdog_s: ``call`` runs in the timer interrupt."""
        return Watchdog(self.kernel, call)

    def work(self, name: str = "work") -> Work:
        """A work_s."""
        return Work(self.kernel, name)

    def work_queue(
        self, qid: int | WorkQueue, work: Work, worker: Callable[[Any], None] | None, arg: Any = None, delay: int = 0
    ) -> int:
        """work_queue(): ``worker(arg)`` on HPWORK or LPWORK after ``delay`` ticks. 0 or -EINVAL."""
        return self.kernel.work_queue(qid, work, worker, arg, delay)

    def work_cancel(self, work: Work) -> int:
        """work_cancel(): 0 whether it was queued or not."""
        return work_cancel(work)

    def work_cancel_sync(self, work: Work) -> int:
        """work_cancel_sync(): also waits for a callback that is running."""
        return work_cancel_sync(work)

    # Buffers and the network lock, by NuttX's names

    @property
    def iobs(self) -> IobPool:
        """The I/O buffers, with every chain operation (kernel/iob.py)."""
        return self.kernel.iobs

    def iob_alloc(self, throttled: bool = False) -> int | None:
        """Takes a buffer, waiting as long as it takes."""
        return self.kernel.iobs.alloc(throttled)

    def iob_tryalloc(self, throttled: bool = False) -> int | None:
        """Takes a buffer if there is one, else None. Allowed in interrupt handlers."""
        return self.kernel.iobs.tryalloc(throttled)

    def iob_timedalloc(self, throttled: bool, ms: int) -> int | None:
        """Waits at most so many milliseconds."""
        return self.kernel.iobs.timedalloc(throttled, ms)

    def iob_free(self, iob: int) -> int | None:
        """Gives one buffer back; returns the next of its chain, None if it was the last."""
        return self.kernel.iobs.free(iob)

    def iob_notifier_setup(self, qid: int, worker: Callable[[Any], None], arg: Any = None) -> int:
        """Queues ``worker(arg)`` once buffers come free, instead of waiting; returns a key."""
        return self.kernel.notifiers.iob_setup(qid, worker, arg)

    @property
    def net_lock(self) -> NetLock:
        """The network lock: ``sys.net_lock()``, or ``with sys.net_lock:``."""
        return self.kernel.net_lock

    def net_trylock(self) -> int:
        """0, or -EAGAIN if somebody else holds it."""
        return self.kernel.net_lock.trylock()

    def net_unlock(self) -> int:
        """Gives back one level."""
        return self.kernel.net_lock.unlock()

    def net_breaklock(self) -> int:
        """Gives back all levels; returns how many."""
        return self.kernel.net_lock.breaklock()

    def net_restorelock(self, count: int) -> None:
        """Takes that many levels again."""
        self.kernel.net_lock.restorelock(count)

    def net_ioballoc(self, throttled: bool = False) -> int | None:
        """iob_alloc() that gives the network lock up while it waits."""
        return self.kernel.net_lock.ioballoc(throttled, 0)

    def net_sem_wait(self, sem: Semaphore) -> int:
        """Waits with the network lock given up: net_lockedwait() in the documents. 0 or a negative errno."""
        return self.kernel.net_lock.sem_wait(sem)

    def net_sem_timedwait(self, sem: Semaphore, ms: int) -> int:
        """The same for at most so many milliseconds: net_timedwait() in the documents."""
        return self.kernel.net_lock.sem_timedwait(sem, ms)

    net_lockedwait = net_sem_wait
    net_timedwait = net_sem_timedwait

    # Sockets and the log

    def socket(self, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> Socket:
        """socket(): closed by itself when the task ends."""
        return Socket(self.kernel, family, kind, proto)  # type: ignore[abstract]  # makes one of the kind asked for

    def poll(self, watched: Sequence[tuple[Socket, int]], timeout_ms: int | None = None) -> list[tuple[Socket, int]]:
        """poll(): the sockets that are ready, each with its POLLIN, POLLOUT, POLLERR, POLLHUP; see kernel/poll.py."""
        return self.kernel.pollers.poll(watched, timeout_ms)

    def select(
        self,
        readers: Iterable[Socket],
        writers: Iterable[Socket] = (),
        broken: Iterable[Socket] = (),
        timeout: float | None = None,
    ) -> tuple[list[Socket], list[Socket], list[Socket]]:
        """select(): which of them can be read, written, or are in error."""
        return self.kernel.pollers.select(readers, writers, broken, timeout)

    def gethostbyname(self, name: str) -> str:
        """The IPv4 address of a host, as text. May wait for name servers. Raises GaiError, which is an OSError."""
        return netdb.gethostbyname(self.kernel, name, AF_INET)[0]

    def getaddrinfo(
        self, host: str, port: int | str | None = None, kind: int = 0, proto: int = 0, family: int = 0
    ) -> list[tuple[int, int, int, str, Address]]:
        """A row for each address of a host: family, ``kind``, ``proto``, its name, and what connect() takes.

        ``family``: 0 for both. Raises GaiError: HOST_NOT_FOUND, EAI_FAMILY, EAI_SERVICE (``port`` is no number).
        """
        number = netdb.port_number(port)
        found = netdb.gethostbyname(self.kernel, host, family)
        return [(family_of(ip), kind, proto, host, (ip, number)) for ip in found]

    def syslog(self, level: int, text: str) -> None:
        """syslog(): levels 0 (EMERG) to 7 (DEBUG)."""
        self.kernel.syslog.log(level, f"{self.task.name}: {text}")

    # Assertions: they end a program, and the board if they fail in a handler or a kernel thread; see docs/crash.md

    def ASSERT(self, condition: object, text: str = "") -> None:
        """ASSERT(): fails unless ``condition`` is true. ``text`` says in the dump what was expected."""
        if not condition:
            self.kernel.assertions.failed(text, _getframe(1))

    def PANIC(self, text: str = "panic") -> NoReturn:
        """PANIC(): an assertion that always fails."""
        self.kernel.assertions.failed(text, _getframe(1))
