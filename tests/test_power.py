"""Switching boards on and off, and what a board that is off or gone says."""

from __future__ import annotations

import pytest

from board import Bench, Board
from kernel.errors import BenchError
from kernel.wqueue import WorkQueue


def test_a_board_that_is_off_says_so_and_reset_switches_it_on() -> None:
    with Board("sim") as b:
        b.boot()
        b.power_off()
        for use in (b.boot, lambda: b.nsh("ps"), lambda: b.spawn(lambda sys: None)):
            with pytest.raises(BenchError, match="is off"):
                use()
        b.run(1)
        b.reset()
        assert "nsh_main" in b.nsh("ps")


def test_poweroff_at_the_shell_ends_the_command_and_the_board() -> None:
    with Board("sim") as b:
        b.nsh("poweroff")
        with pytest.raises(BenchError, match="is off"):
            b.nsh("ps")
        b.reset()
        assert b.nsh("echo back") == "back\n"


def test_a_board_that_is_off_does_not_answer_and_the_others_go_on() -> None:
    with Bench() as bench:
        left, right = bench.board("left"), bench.board("right")
        bench.switch(left, right)
        assert ", 0% packet loss" in left.nsh(f"ping -c 1 {right.eth0.ip}")
        ip = right.eth0.ip
        right.power_off()
        assert " 100% packet loss" in left.nsh(f"ping -c 1 {ip}")
        right.reset()
        assert ", 0% packet loss" in left.nsh(f"ping -c 1 {ip}")


def test_a_closed_board_is_an_error_not_a_crash() -> None:
    b = Board("sim")
    b.boot()
    device, semaphore = b.kernel.net.device("eth0"), b.kernel.console
    b.close()
    with pytest.raises(BenchError, match="closed"):
        b.nsh("ps")
    with pytest.raises((BenchError, OSError)):
        _ = device.ipaddr
    assert semaphore is not None


def test_lines_of_the_boards_own_devices_cannot_be_had() -> None:
    with Board("sim") as b:
        for number in (0, 4, 5, 32):
            with pytest.raises(ValueError, match="6 to 31"):
                b.irq_line(number)


def test_work_runs_on_a_queue_of_ones_own() -> None:
    with Board("sim") as b:
        ran = []

        def app(sys):  # type: ignore[no-untyped-def]
            queue = WorkQueue(sys.kernel, "adcwork", 150, 1)
            assert sys.work_queue(queue, sys.work(), ran.append, "item") == 0

        b.spawn(app)
        b.run(0.1)
        assert ran == ["item"]
        assert not b.reports
