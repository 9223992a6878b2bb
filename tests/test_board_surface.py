"""What a test reaches on a board by hand: its cable, its interrupt lines, the priority of its tasks."""

from __future__ import annotations

from errno import ESRCH
from typing import Any

import pytest

from board import Board
from kernel.core import lib


def test_cable_that_is_pulled_takes_the_carrier_away_until_it_is_back() -> None:
    with Board() as board:
        board.boot()
        states = []
        for pull in (board.eth0.link_down, board.eth0.link_up):
            pull()
            board.run(0.1)
            states.append(board.kernel.net.device("eth0").state)
        assert states == ["UP", "RUNNING"]


def test_pulse_on_an_interrupt_line_is_served_once() -> None:
    with Board() as board:
        line, served = board.irq_line(9), []
        board.kernel.irqs.attach(9, lambda irq, _arg: served.append(irq))
        board.kernel.irqs.enable(9)
        line.pulse()
        board.run(0.1)
        line.pulse()
        board.run(0.1)
        assert served == [9, 9]


def test_sched_setpriority_lets_a_task_run_before_its_former_equals() -> None:
    with Board() as board:
        order: list[str] = []
        first = board.spawn(lambda sys: order.append("first"), "first")
        second = board.spawn(lambda sys: order.append("second"), "second")

        def chief(sys: Any) -> None:
            sys.sched_setpriority(second.pid, 120)
            with pytest.raises(OSError) as error:
                sys.sched_setpriority(4000, 120)
            order.append(str(error.value.errno == ESRCH))

        board.spawn(chief, "chief", 200)
        board.run(0.1)
        assert order == ["True", "second", "first"]
        assert not first.alive


@pytest.mark.parametrize(("explore", "calls"), [(False, 1), (True, 11)])
def test_exploring_frames_ends_loops_in_c_after_each_frame(
    explore: bool, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[int] = []

    def receive(*args: Any) -> int:
        answers.append(lib.ethdrv_receive(*args))  # the last one finds the ring empty
        return answers[-1]

    monkeypatch.setattr("drivers.ethernet._receive", receive)
    with Board(ETH_IRQ_FRAMES=10, ETH_IRQ_USEC=1000) as board:
        board.boot()
        board.run(1)
        board.bench.explore_frames(explore)
        answers.clear()
        for _ in range(10):
            board.eth0.host.send(bytes.fromhex(board.eth0.mac.replace(":", "")) + bytes(54))
        board.run(0.1)
        assert len(answers) == calls


def test_a_program_of_ones_own_is_a_command_of_the_shell_even_after_a_reset() -> None:
    def greet(sys: Any) -> int:
        sys.print("hello,", *sys.argv[1:])
        return 3

    with Board() as board:
        board.nsh("echo booted")
        board.builtin(greet, "greet", priority=90)
        for _ in range(2):
            reply = board.nsh("greet you two")
            assert (reply, reply.status) == ("hello, you two\n", 1)
            assert "greet" in board.nsh("ls /bin").split() and "greet" in board.nsh("help").split()
            assert ":90]\n" in board.nsh("greet &")
            board.reset()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 33, "a;b"])
def test_a_program_needs_a_name_that_can_be_typed(name: str) -> None:
    with Board() as board, pytest.raises(ValueError, match="no name of a program"):
        board.builtin(print, name)
