"""What iperf prints while it measures: a line every few seconds, and one for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.kernel import SIGINT

if TYPE_CHECKING:
    from kernel.apps.tcpserver import Crew
    from kernel.syscalls import Sys
    from kernel.task import Task

NS = 1_000_000_000


class Meter:
    """Counts bytes in ``total``; from :meth:`start` on a task of its own reports them.

    ``interval``: seconds between two lines. ``time``: seconds until it is ``over``, whereupon the measuring task's wait
    ends with EINTR, as it does by Ctrl-C; 0: when that task says so. The last lines end then, where NuttX's task sleeps
    its interval out, and counts the sleep.
    """

    def __init__(self, sys: Sys, crew: Crew, interval: int, time: int) -> None:
        self._sys = sys
        self._crew = crew
        self._interval_ns = interval * NS
        self._time_ns = time * NS
        self._stopped = sys.semaphore()
        self._task: Task | None = None
        self._begun_ns = self._ended_ns = 0
        self.total = 0

    @property
    def started(self) -> bool:
        """Whether it reports."""
        return self._task is not None

    @property
    def over(self) -> bool:
        """Whether to measure no more."""
        return self._ended_ns > 0 or SIGINT in self._sys.task.signalled

    @property
    def elapsed_ns(self) -> int:
        """How long it has measured."""
        return (self._ended_ns or self._sys.now_ns) - self._begun_ns

    def start(self) -> None:
        """The first byte is about to go, or has come. Raises OSError (ENOMEM)."""
        self._begun_ns = self._sys.now_ns
        self._task = self._crew.start(self._report, "iperf_report")

    def stop(self) -> None:
        """That was the last one: ``total`` is what it is. Idempotent."""
        self._ended_ns = self._ended_ns or self._sys.now_ns
        self._stopped.post()

    def finish(self) -> None:
        """Stops, and waits until all is printed."""
        self.stop()
        if self._task is not None:
            self._sys.waitpid(self._task)

    def close(self) -> None:
        """Gives back what it has; its task has ended."""
        self._stopped.destroy()

    def _report(self, sys: Sys) -> None:
        sys.print(f"\n{'Interval':>19} {'Transfer':>16} {'Bandwidth':>17}\n")
        last_ns, last = self._begun_ns, 0
        while not self._ended_ns:
            due = last_ns + self._interval_ns
            if self._time_ns:
                due = min(due, self._begun_ns + self._time_ns)
            self._wait(sys, due)
            if self._time_ns and sys.now_ns >= self._begun_ns + self._time_ns:
                self._time_is_over(sys)
            now_ns, total = self._ended_ns or sys.now_ns, self.total
            if now_ns > last_ns:
                self._line(sys, last_ns, now_ns, total - last)
            last_ns, last = now_ns, total
        if last_ns > self._begun_ns:
            self._line(sys, self._begun_ns, last_ns, last)

    def _wait(self, sys: Sys, until_ns: int) -> None:
        self._stopped.wait(max(0, -(-(until_ns - sys.now_ns) // sys.kernel.tick_ns)), interruptible=False)

    def _time_is_over(self, sys: Sys) -> None:
        """Tells the measuring task, and waits until it has counted what it is just sending."""
        if not self._ended_ns:
            self._ended_ns = sys.now_ns
            sys.kill(self._sys.getpid(), SIGINT)
            self._stopped.wait(interruptible=False)

    def _line(self, sys: Sys, begin_ns: int, end_ns: int, count: int) -> None:
        """One, of what came or went between two times."""
        begin, end = ((t - self._begun_ns) / NS for t in (begin_ns, end_ns))
        mbits = count * 8 / 1_000_000 / (end - begin)
        sys.print(f"{begin:7.2f}-{end:7.2f} sec {count:10} Bytes {mbits:7.2f} Mbits/sec")
