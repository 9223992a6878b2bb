"""pytest plugin ``nutloop``: a board for every test that asks for one, and its state where a test fails.

Fixtures: ``board`` (booted, in lockstep), ``wire`` (a scapy socket), ``console`` (a pyserial object), ``nsh`` (runs one
shell command, returns its text). ``@pytest.mark.board("stm32f7", IOB_NBUFFERS=8, IOB_THROTTLE=2)`` says which board; on
a class or module it holds for all tests there, and a test's own marker changes it.

Nothing of a board is imported before a test needs it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from board.board import Board, NshReply
    from lab.artifacts import BoardRecord
    from lab.expect import ExpectPort
    from lab.wire import WireSocket

FOLDER = "nutloop-artifacts"
KINDS: dict[str, type] = {"profile": str, "seed": int, "live": bool, "config": str}  # in a marker

_record: pytest.StashKey[BoardRecord] = pytest.StashKey()
_failed: pytest.StashKey[bool] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nutloop", "virtual boards")
    group.addoption(
        "--nutloop-seed",
        type=int,
        metavar="N",
        help="seed of every board's free choices (default: the marker's, else 0)",
    )
    group.addoption(
        "--nutloop-artifacts",
        metavar="DIR",
        help="where failed tests leave console, wire, trace and state of their board "
        f"(default: {FOLDER} in pytest's rootdir)",
    )
    group.addoption("--nutloop-keep", action="store_true", help="keep them for tests that pass, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "board(profile='sim', *, seed, live, config, **options): the board that the fixture `board` boots; "
        "options are NuttX's, without CONFIG_",
    )


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("--nutloop-seed")
    return f"nutloop: seed {0 if seed is None else seed}, artifacts in {_artifacts(config)}"


@pytest.fixture
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A booted board, alone on a bench; ``@pytest.mark.board(...)`` configures it."""
    from board import Board
    from board.kconfig import ConfigError
    from lab.artifacts import BoardRecord

    refused = ""
    try:
        made = Board(**_configuration(request.node))
    except ConfigError as error:
        refused = str(error)
    if refused:  # outside of the handler: pytest would show both errors
        pytest.fail(refused, pytrace=False)
    with made:
        request.node.stash[_record] = BoardRecord(made)
        made.boot()
        yield made
        if request.config.getoption("--nutloop-keep") and not request.node.stash.get(_failed, False):
            request.node.stash[_record].save(_folder(request.node), _repro(request.node))


@pytest.fixture
def wire(board: Board) -> WireSocket:
    """A scapy socket on the host's end of the board's cable. Needs scapy."""
    socket: WireSocket = board.eth0.wire()
    return socket


@pytest.fixture
def console(board: Board) -> Iterator[ExpectPort]:
    """A pyserial object on the board's console, at the prompt, that has ``expect``, ``sendline`` and ``command``.

    Its timeouts are virtual seconds, 10 unless changed.
    """
    with board.console.open(timeout=10) as port:
        if not board.run_until(lambda: port.prompt in board.uart.log.output(), timeout=10):
            port.expect_prompt(timeout=0)  # fails, and tells why
        port.reset_input_buffer()
        yield port


@pytest.fixture
def nsh(board: Board) -> Callable[..., NshReply]:
    """``nsh("ps")`` runs one shell command on the board; returns what it printed, with its exit status."""
    return board.nsh


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    record = item.stash.get(_record, None)
    if record is None or call.when == "teardown" or not report.failed:
        return report
    item.stash[_failed] = True
    folder, repro = _folder(item), _repro(item)
    try:
        report.sections += record.sections()
        record.save(folder, repro)
    except Exception as error:  # the test's own failure must not be hidden by this one
        report.sections.append(("nutloop", f"the board's state cannot be shown: {error!r}"))
    report.sections.append(("nutloop", f"artifacts: {os.path.relpath(folder)}\nreproduce: {repro}"))
    return report


def _configuration(item: pytest.Item) -> dict[str, Any]:
    """Arguments of Board() from all markers, the closest last, and the command line."""
    arguments: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("board"))):
        if len(marker.args) > 1:
            pytest.fail(f"{item.nodeid}: marker board takes one profile, and options by name", pytrace=False)
        arguments |= {"profile": marker.args[0]} if marker.args else {}
        arguments |= marker.kwargs
    for name, kind in KINDS.items():
        if not isinstance(arguments.get(name, kind()), kind):
            text = f"{item.nodeid}: marker board: {name}={arguments[name]!r} has to be of type {kind.__name__}"
            pytest.fail(text, pytrace=False)
    seed = item.config.getoption("--nutloop-seed")
    return arguments if seed is None else arguments | {"seed": seed}


def _artifacts(config: pytest.Config) -> Path:
    """Where the artifacts go. A path that was typed means what it means to the shell it was typed in."""
    given = config.getoption("--nutloop-artifacts")
    return Path(os.path.abspath(config.invocation_params.dir / given)) if given else config.rootpath / FOLDER


def _folder(item: pytest.Item) -> Path:
    from lab.artifacts import folder_name

    return _artifacts(item.config) / folder_name(item.nodeid, os.environ.get("PYTEST_XDIST_WORKER"))


def _repro(item: pytest.Item) -> str:
    """A command that runs the test again, the same way, from the directory that pytest was started in."""
    path, _, names = item.nodeid.partition("::")
    place = os.path.relpath(item.config.rootpath / path, item.config.invocation_params.dir)
    seed = item.stash[_record].board.bench.seed
    return f"pytest {shlex.quote(f'{place}::{names}')} --nutloop-seed={seed}"
