"""The table of the programs: each can be run, and none is imported before it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from board.kconfig import OPTIONS
from kernel.apps import App
from kernel.apps.builtin import PROGRAMS

BOOT_AND_RUN = """
import sys
from board import Board

def imported():
    return sorted(name for name in sys.modules if name.startswith("kernel.apps."))

with Board() as board:
    board.boot()
    assert "iperf" in board.nsh("help") and "iperf" in board.nsh("ls /bin")
    print(*imported())
    assert board.nsh("hello") == "Hello, World!!\\n"
    print(*imported())
"""


@pytest.mark.parametrize("app", PROGRAMS, ids=[app.name for app in PROGRAMS])
def test_every_program_is_a_function_and_has_an_option_there_is(app: App) -> None:
    main = app.load()
    assert callable(main) and main.__doc__
    assert not app.option or app.option in OPTIONS


def test_programs_are_listed_by_name_once_each() -> None:
    names = [app.name for app in PROGRAMS]
    assert names == sorted(set(names))


def test_a_program_is_imported_when_it_is_run_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", BOOT_AND_RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "kernel.apps.builtin\nkernel.apps.builtin kernel.apps.hello\n"
