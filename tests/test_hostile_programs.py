"""Programs that misbehave: whatever one does, the board goes on or says why not, and nothing is lost."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from greenlet import GreenletExit

from board import Bench, Board
from kernel.errors import BenchError, ContextError, Hang, Panic, TaskExit
from kernel.sockbase import MSG_DONTWAIT


class Speechless(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


ENDS = [ValueError, BaseException, SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit, Speechless, GreenletExit]


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(watchdog=0.3) as b:
        yield b


def well(board: Board) -> bool:
    """The board reaches the host, and every IOB is back."""
    assert board.eth0.host is not None
    board.eth0.host.answers(arp=True, echo=True)
    answered = " 0% packet loss" in board.nsh("ping -c 1 10.0.1.1")
    stats = board.kernel.iobs.getstats()
    return answered and board.kernel.iobs.check() == "" and stats.nfree == stats.ntotal


def first_report(board: Board) -> str:
    return board.reports[0].splitlines()[0].partition("] ")[2]


# Exceptions


@pytest.mark.parametrize("error", ENDS)
def test_a_task_dies_alone_whatever_it_raises(board: Board, error: type[BaseException]) -> None:
    def app(_sys: Any) -> None:
        raise error("x")

    task = board.spawn(app, "unlucky")
    board.run(1)
    assert not task.alive and task.status == 1
    assert first_report(board).startswith(f"task unlucky (pid {task.pid}) raised {error.__name__}(")
    assert "in app" in board.nsh("dmesg")
    assert well(board)


def test_a_task_may_recurse_until_python_stops_it(board: Board) -> None:
    def app(sys: Any) -> Any:
        return app(sys)

    board.spawn(app)
    board.run(1)
    assert "RecursionError" in first_report(board)
    assert well(board)


@pytest.mark.parametrize("error", [*ENDS, TaskExit])
def test_a_worker_outlives_whatever_its_work_raises(board: Board, error: type[BaseException]) -> None:
    ran = []

    def fails(_arg: Any) -> None:
        raise error("x")

    def app(sys: Any) -> None:
        sys.work_queue(sys.LPWORK, sys.work("bad"), fails)
        sys.work_queue(sys.LPWORK, sys.work("good"), ran.append, "good")

    board.spawn(app)
    board.run(1)
    assert ran == ["good"]
    assert first_report(board).startswith(f"work bad on lpwork raised {error.__name__}(")
    assert well(board)


@pytest.mark.parametrize("error", [ValueError, SystemExit, Speechless, TaskExit])
@pytest.mark.parametrize("where", ["timer", "line"])
def test_what_a_handler_raises_is_a_panic_and_reset_helps(board: Board, error: type[BaseException], where: str) -> None:
    def fails(*_args: Any) -> None:
        raise error("x")

    def app(sys: Any) -> None:
        if where == "timer":
            sys.watchdog(fails).start(1)
        else:
            sys.kernel.irqs.attach(9, fails)
            sys.kernel.irqs.enable(9)
            board.irq_line(9).pulse()
        sys.sleep(1)

    board.spawn(app)
    with pytest.raises(Panic, match=f"board crashed in .*{where}.*{error.__name__}"):
        board.run(1)
    with pytest.raises(BenchError, match="'ls' cannot run any more: board crashed"):
        board.nsh("ls", timeout=1)
    board.reset()
    assert well(board)


def test_cleanups_at_exit_may_fail_exit_and_sleep(board: Board) -> None:
    steps = []

    def app(sys: Any) -> None:
        sock = sys.socket()
        sock.bind(("0.0.0.0", 99))
        sys.task.at_exit += [lambda: steps.append("last"), lambda: 1 / 0, lambda: sys.exit(3), lambda: sys.sleep(0.5)]

    task = board.spawn(app)
    board.run(1)
    assert not task.alive and steps == ["last"] and "ZeroDivisionError" in first_report(board)
    assert well(board)


# Code that does not end


def test_a_work_item_that_spins_is_stopped_and_named(board: Board) -> None:
    def spins(_arg: Any) -> None:
        while True:
            pass

    board.spawn(lambda sys: sys.work_queue(sys.LPWORK, sys.work("spinner"), spins))
    with pytest.raises(Hang, match=r"(?s)work spinner on lpwork ran on.*in spins"):
        board.run(1)
    assert well(board)


def test_a_task_that_will_not_unwind_is_left_behind_at_the_end() -> None:
    board = Board()

    def app(sys: Any) -> None:
        while True:
            with suppress(BaseException):
                sys.sleep(1)

    board.spawn(app, "stubborn")
    board.run(1)
    board.close()
    assert "closed although stubborn would not unwind" in board.reports[0]


def test_a_cleanup_that_spins_at_the_end_is_stopped() -> None:
    board = Board(watchdog=0.2)

    def app(sys: Any) -> None:
        try:
            sys.sleep(99)
        finally:
            while True:
                pass

    board.spawn(app, "spinner")
    board.run(1)
    board.close()
    assert "task spinner" in board.reports[0] and "Hang" in board.reports[0]


def test_ctrl_c_while_a_board_closes_is_told_afterwards() -> None:
    board = Board()

    def app(sys: Any) -> None:
        try:
            sys.sleep(99)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    board.spawn(app)
    board.run(1)
    with pytest.raises(KeyboardInterrupt):
        board.close()
    assert board.bench.clock.closed and board.reports == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# Impossible arguments

MISUSE: dict[str, tuple[Callable[[Any], Any], type[BaseException]]] = {
    "sleep -1": (lambda sys: sys.sleep(-1), OSError),
    "sleep nan": (lambda sys: sys.sleep(math.nan), OSError),
    "sleep inf": (lambda sys: sys.sleep(math.inf), OSError),
    "usleep -1": (lambda sys: sys.usleep(-1), OSError),
    "burn -1": (lambda sys: sys.burn(-1), OSError),
    "burn nan": (lambda sys: sys.burn(math.nan), OSError),
    "burn a thousand years": (lambda sys: sys.burn(3e16), OSError),
    "semaphore of -1": (lambda sys: sys.semaphore(-1), OSError),
    "priority 0": (lambda sys: sys.spawn(print, priority=0), OSError),
    "priority 256": (lambda sys: sys.spawn(print, priority=256), OSError),
    "a huge stack": (lambda sys: sys.spawn(print, stack=1 << 50), OSError),
    "a negative stack": (lambda sys: sys.spawn(print, stack=-4096), OSError),
    "kill nobody": (lambda sys: sys.kill(9999), ProcessLookupError),
    "signal 64": (lambda sys: sys.kill(sys.getpid(), 64), OSError),
    "a stranger's mutex": (lambda sys: sys.mutex("it").unlock(), ContextError),
    "the network lock": (lambda sys: sys.net_lock.unlock(), ContextError),
    "an IOB nobody has": (lambda sys: sys.iobs.free(3), ValueError),
    "an IOB that is none": (lambda sys: sys.iobs.free(-1), ValueError),
    "a family": (lambda sys: sys.socket(99), OSError),
    "a port": (lambda sys: sys.socket().bind(("0.0.0.0", 70000)), OSError),
    "a buffer of -1": (lambda sys: sys.socket().recv(-1), OSError),
    "a huge buffer": (lambda sys: sys.socket().recv(1 << 50, MSG_DONTWAIT), BlockingIOError),
    "no buffer": (lambda sys: sys.socket().recv(0, MSG_DONTWAIT), BlockingIOError),
    "run in a task": (lambda sys: sys.kernel.clock.run(None), ContextError),
}


@pytest.mark.parametrize("case", MISUSE)
def test_an_impossible_argument_is_an_error_and_harms_nobody(board: Board, case: str) -> None:
    call, error = MISUSE[case]
    caught: list[BaseException] = []

    def app(sys: Any) -> None:
        with pytest.raises(error) as info:
            call(sys)
        caught.append(info.value)

    task = board.spawn(app)
    board.run(1)
    assert not task.alive and caught and str(caught[0])
    assert well(board)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 1e12])
def test_time_that_cannot_pass_is_refused(board: Board, seconds: float) -> None:
    for wait in (board.run, lambda s: board.run_until(lambda: False, s)):
        with pytest.raises(ValueError, match="is no time that can pass"):
            wait(seconds)
    assert well(board)


def test_a_wait_of_more_ticks_than_there_are_is_refused(board: Board) -> None:
    results = []
    board.spawn(lambda sys: results.append(sys.semaphore(0).wait((1 << 63) - 1)))
    board.run(1)
    assert results == [-22]


def test_a_level_beyond_syslog_s_is_cut_to_one_of_them(board: Board) -> None:
    board.spawn(lambda sys: sys.syslog(99, "odd"))
    board.run(1)
    assert "odd" in board.nsh("dmesg") and board.reports == []


@pytest.mark.parametrize("line", [-1, 0, 4, 32])
def test_lines_that_belong_to_others_cannot_be_driven(board: Board, line: int) -> None:
    with pytest.raises(ValueError, match="take one of 6 to 31"):
        board.irq_line(line)


def test_a_shell_command_is_text(board: Board) -> None:
    with pytest.raises(TypeError, match="a command is a str"):
        board.nsh(b"ls")  # type: ignore[arg-type]


# Things that are gone


def test_a_freed_work_item_does_not_touch_its_number_s_next_owner(board: Board) -> None:
    ran: list[str] = []

    def app(sys: Any) -> None:
        old = sys.work("old")
        sys.work_queue(sys.LPWORK, old, ran.append, "old", 5)
        assert old.free() == 0
        new = sys.work("new")
        sys.work_queue(sys.LPWORK, new, ran.append, "new", 5)
        assert sys.work_queue(sys.LPWORK, old, ran.append, "old") == -22
        assert sys.work_cancel(old) == -22 and old.free() == -22

    board.spawn(app)
    board.run(1)
    assert ran == ["new"] and board.reports == []


def test_a_destroyed_semaphore_does_not_touch_its_number_s_next_owner(board: Board) -> None:
    old = board.kernel.facade(None).semaphore(0)  # type: ignore[arg-type]  # before there is a task
    old.destroy()
    new = board.kernel.facade(None).semaphore(5)  # type: ignore[arg-type]
    assert old.post() == -22
    old.destroy()
    assert new.value == 5


NUMBERS = ("sem.post", "sem.wait", "mutex.lock", "mutex.unlock", "net_lock", "watchdog", "iob")
"""After a reset these may be somebody else's again."""


def kept_objects(sys: Any) -> dict[str, Callable[[], Any]]:
    """Calls on everything that a program can hold on to."""
    sock, sem, mutex, work, pool = sys.socket(), sys.semaphore(0), sys.mutex(), sys.work(), sys.iobs
    wdog, queue, lock, bound = sys.watchdog(print), pool.queue(), sys.net_lock, sys.socket()
    bound.bind(("0.0.0.0", 99))
    iob = pool.alloc()
    queue.add(pool.alloc())
    return {
        "sleep": lambda: sys.sleep(1),
        "burn": lambda: sys.burn(1),
        "ticks": lambda: sys.ticks,
        "spawn": lambda: sys.spawn(print),
        "kill": lambda: sys.kill(3),
        "semaphore": lambda: sys.semaphore(),
        "mutex": lambda: sys.mutex(),
        "socket": lambda: sys.socket(),
        "work": lambda: sys.work(),
        "work_queue": lambda: sys.work_queue(sys.LPWORK, work, print),
        "work_cancel": lambda: sys.work_cancel(work),
        "work.free": work.free,
        "sched_yield": sys.sched_yield,
        "syslog": lambda: sys.syslog(3, "x"),
        "sem.post": sem.post,
        "sem.wait": sem.wait,
        "sem.value": lambda: sem.value,
        "mutex.lock": mutex.lock,
        "mutex.unlock": mutex.unlock,
        "mutex.holder": lambda: mutex.holder,
        "net_lock": lock.lock,
        "watchdog": lambda: wdog.start(1),
        "ticks_left": lambda: wdog.ticks_left,
        "sendto": lambda: sock.sendto(b"x", ("10.0.1.1", 9)),
        "recv": lambda: bound.recv(1),
        "getsockname": lambda: bound.getsockname(),
        "setblocking": lambda: sock.setblocking(False),
        "close": sock.close,
        "iob free": lambda: pool.free(iob),
        "iob alloc": lambda: pool.alloc(),
        "iob stats": lambda: pool.getstats(),
        "iob queue": lambda: len(queue),
    }


@pytest.mark.parametrize("end", ["close", "remove", "power_off", "reset"])
def test_whatever_a_program_keeps_is_an_error_after_its_board_s_end(end: str) -> None:
    with Bench() as bench:
        board = bench.board()
        calls: dict[str, Callable[[], Any]] = {}

        def app(sys: Any) -> None:
            calls.update(kept_objects(sys))
            sys.sleep(1000)

        board.spawn(app)
        board.run(1)
        hardware = (board.irq_line(9).pulse, board.eth0.link_down, board.eth0.link_up)
        getattr(board, end)()
        if end == "close":
            bench.close()
        for name, call in calls.items():
            if end == "reset" and name.partition(" ")[0] in NUMBERS:
                continue
            with suppress(OSError, ValueError, BenchError):
                call()
        for drive in hardware:
            with suppress(OSError, BenchError):
                drive()
        if end == "reset":
            assert well(board)


def test_a_closed_board_says_so() -> None:
    board = Board()
    board.run(1)
    board.close()
    for call in (
        lambda: board.run(1),
        lambda: board.nsh("ls"),
        lambda: board.spawn(print),
        board.reset,
        lambda: board.bench.board(),
        lambda: board.capture("x.pcapng"),
        lambda: board.eth0.wire(),
        lambda: board.eth0.host.send(bytes(60)),  # type: ignore[union-attr]
    ):
        with pytest.raises(BenchError, match="closed"):
            call()
    board.close()


# The wrong place


def test_a_task_cannot_end_reset_or_extend_benches(board: Board) -> None:
    errors: list[str] = []
    with Board(name="other") as other:

        def app(sys: Any) -> None:
            for call in (
                board.close,
                board.reset,
                board.power_off,
                board.bench.close,
                lambda: Board(bench=board.bench),
                lambda: board.nsh("ls"),
                other.close,
                other.reset,
                lambda: other.run(1),
            ):
                with pytest.raises(ContextError) as info:
                    call()
                errors.append(str(info.value))
            sys.sleep(0.1)

        other.run(1)
        task = board.spawn(app)
        board.run(1)
        assert not task.alive and len(errors) == 9 and all("only the host can" in text for text in errors)
        assert well(board) and well(other)


def test_a_task_may_have_a_bench_of_its_own(board: Board) -> None:
    said = []

    def app(sys: Any) -> None:
        with Board() as inner:
            said.append(inner.nsh("echo inside"))
        sys.sleep(0.1)
        said.append("outside")

    board.spawn(app)
    board.run(1)
    assert said == ["inside\n", "outside"]
    assert well(board)


def test_another_thread_can_post_but_neither_wait_nor_run(board: Board) -> None:
    things: dict[str, Any] = {}
    woken = []

    def app(sys: Any) -> None:
        things.update(sys=sys, sem=sys.semaphore(0), mutex=sys.mutex())
        woken.append(things["sem"].wait())

    board.spawn(app)
    board.run(1)
    errors: list[BaseException] = []

    def elsewhere() -> None:
        sys = things["sys"]
        calls = [board.close, board.reset, lambda: board.spawn(print), lambda: board.run(1)]
        calls += [lambda: sys.sleep(1), things["mutex"].lock, lambda: sys.socket().sendto(b"x", ("10.0.1.1", 9))]
        for call in calls:
            try:
                call()
            except BenchError as error:
                errors.append(error)
        things["sem"].post()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    board.run(1)
    assert len(errors) == 7 and all("another thread" in str(error) for error in errors) and woken == [0]
    assert well(board)


def test_a_task_of_another_board_cannot_wait_here_but_can_post() -> None:
    with Bench() as bench:
        here, there = bench.board("here"), bench.board("there")
        bench.switch(here, there)
        things: dict[str, Any] = {}
        woken = []

        def owner(sys: Any) -> None:
            things.update(sys=sys, sem=sys.semaphore(0), mutex=sys.mutex())
            woken.append(things["sem"].wait())

        def stranger(sys: Any) -> None:
            sys.sleep(0.1)
            for call in (things["sem"].wait, things["mutex"].lock, lambda: things["sys"].sleep(1)):
                with pytest.raises(ContextError, match="of here cannot"):
                    call()
            things["sem"].post()

        here.spawn(owner)
        there.spawn(stranger)
        bench.run(1)
        assert woken == [0] and here.reports == there.reports == []
        assert " 0% packet loss" in here.nsh("ping -c 1 10.0.1.3")


# Crowds


def test_a_thousand_tasks_that_start_one_after_the_other(board: Board) -> None:
    done = []
    for i in range(1000):
        board.spawn(lambda sys: (sys.sleep(0.01), done.append(1)), f"t{i}", stack=256)
    board.run(1)
    assert len(done) == 1000
    assert well(board)


def test_every_process_id_can_be_taken_but_no_more() -> None:
    with Board(RAM_SIZE=1 << 28) as board:
        errors: list[OSError] = []

        def app(sys: Any) -> None:
            try:
                while True:
                    sys.spawn(lambda sys: sys.sleep(1), "t", 50, stack=8)
            except OSError as error:
                errors.append(error)

        board.spawn(app)
        board.run(0.5)
        assert isinstance(errors[0], BlockingIOError)
        board.run(5)
        assert well(board)


def test_a_full_heap_is_an_error_and_comes_back(board: Board) -> None:
    errors: list[OSError] = []

    def app(sys: Any) -> None:
        try:
            while True:
                sys.spawn(lambda sys: sys.sleep(1), "t", stack=1 << 20)
        except OSError as error:
            errors.append(error)

    board.spawn(app)
    before = board.kernel.heap.stats().used
    board.run(0.5)
    assert "the board's heap has no 1048576 bytes in one piece" in str(errors[0])
    board.run(5)
    assert board.kernel.heap.stats().used < before
    assert well(board)


@pytest.mark.parametrize("step", range(0, 40, 2))
def test_a_sender_can_be_killed_at_any_moment(step: int) -> None:
    with Board("stm32f7", IOB_NBUFFERS=8, IOB_THROTTLE=2) as board:

        def app(sys: Any) -> None:
            with sys.socket() as sock:
                while True:
                    sock.sendto(bytes(1400), ("10.0.1.1", 9))
                    iob = sys.iobs.alloc(True)
                    sys.iobs.copyin(iob, bytes(300))
                    sys.iobs.free_chain(iob)

        task = board.spawn(app)
        board.boot()
        board.run(step * 13e-6)
        board.kernel.kill(task.pid, 9)
        board.run(3)
        assert not task.alive and board.kernel.net_lock.mutex.holder == -1
        assert well(board)
