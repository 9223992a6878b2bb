"""The pytest plugin, by running pytest on small test files."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import lab.pytest_plugin
from lab.artifacts import folder_name

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

ROOT = Path(lab.pytest_plugin.__file__).parents[1]
FILES = {"console.txt", "state.txt", "reports.txt", "repro.txt", "trace.jsonl", "wire.pcapng"}

HEAD = """
import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

def ping(board, wire):
    return wire.sr1(Ether(dst=board.eth0.mac) / IP(dst=board.eth0.ip) / ICMP(), timeout=5)
"""

FAILING = (
    HEAD
    + """
@pytest.mark.board(IOB_NBUFFERS=8, IOB_THROTTLE=2)
@pytest.mark.parametrize("word", ["a b/c"])
def test_fails(board, wire, console, nsh, word):
    def bad(sys):
        raise ZeroDivisionError("on purpose")
    board.spawn(bad, name="bad")
    console.write(b"echo typed here\\n")
    console.read_until(b"nsh> ")
    ping(board, wire)
    assert nsh("echo x") == "y"
"""
)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest in a process of its own on a file with this text."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    installed = any(entry.name == "nutloop" for entry in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "lab.pytest_plugin")

    def run_file(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *arguments)

    return run_file


def folders(artifacts: Path) -> list[Path]:
    return [path for path in artifacts.iterdir() if path.is_dir()]


def test_the_fixtures_are_a_board_its_wire_its_console_and_its_shell(run: Run, pytester: pytest.Pytester) -> None:
    result = run(
        HEAD
        + """
def test_board(board, wire, console, nsh):
    assert ping(board, wire)[ICMP].type == 0
    console.write(b"uname\\n")
    assert console.read_until(b"nsh> ").split() == [b"uname", b"NuttX", b"nsh>"]
    assert nsh("echo hi; echo $?") == "hi\\n0\\n"

def test_the_shells_answer(nsh):
    answer = nsh("ifconfig eth0")
    assert answer.ok and answer.status == 0 and answer.text == str(answer)
    assert answer.lines[0].startswith("eth0\\tLink encap:Ethernet") and "10.0.1.2" in answer
    wrong = nsh("cat /nosuch")
    assert not wrong.ok and wrong.lines == ["nsh: cat: open failed: 2"]
    with pytest.raises(TimeoutError):
        nsh("sleep 10", timeout=1)

def test_the_console_is_at_the_prompt(console):
    assert console.command("uname") == "NuttX\\n"
    console.sendline("sleep 100")
    console.expect_none("nsh>", 99)
    assert console.expect_prompt() == "sleep 100\\n"

@pytest.mark.board("stm32f7", NSH_PROMPT_STRING="board$ ")
def test_the_console_has_the_boards_prompt(nsh, console):
    assert nsh("uname").ok
    assert console.command("uname") == "NuttX\\n"

def test_every_test_has_a_board_of_its_own(board):
    assert board.now < 1.1 and board.eth0.counters["rx_packets"] == 0
""",
        "--strict-markers",
    )
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines([f"nutloop: seed 0, artifacts in {pytester.path}/nutloop-artifacts"])
    assert not (pytester.path / "nutloop-artifacts").exists()


def test_markers_configure_the_board_the_closest_one_last(run: Run) -> None:
    run(
        """
import pytest
pytestmark = pytest.mark.board("stm32f7", IOB_NBUFFERS=80, seed=3)

def test_module(board):
    assert (board.config.profile, board.config["IOB_NBUFFERS"], board.bench.seed) == ("stm32f7", 80, 3)

@pytest.mark.board(IOB_NBUFFERS=90)
def test_own(board):
    assert (board.config.profile, board.config["IOB_NBUFFERS"]) == ("stm32f7", 90)

@pytest.mark.board("sim")
class TestClass:
    @pytest.mark.board(seed=4)
    def test_all(self, board):
        assert (board.config.profile, board.config["IOB_NBUFFERS"], board.bench.seed) == ("sim", 80, 4)
"""
    ).assert_outcomes(passed=3)


def test_the_seed_of_the_command_line_wins(run: Run) -> None:
    text = "import pytest\n@pytest.mark.board(seed=3)\ndef test_seed(board):\n    assert board.bench.seed == 9\n"
    result = run(text, "--nutloop-seed=9")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nutloop: seed 9, *"])


def test_a_failure_shows_console_state_and_reports(run: Run, pytester: pytest.Pytester) -> None:
    result = run(FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- board: console -*",
            "[[]*[]] < echo typed here",
            "*- board: state -*",
            "*lpwork: waits for *",
            "IOBs: 8 of 8 free*",
            "lpwork: runs nothing; queued: nothing*",
            "*- board: reports -*",
            "*task bad (pid 4) raised ZeroDivisionError('on purpose')*",
            "artifacts: nutloop-artifacts/*",
        ]
    )


def test_a_failed_expectation_shows_its_reasons_and_none_of_our_frames(run: Run) -> None:
    result = run(
        """
def test_hangs(board, console):
    def hog(sys):
        with sys.kernel.net_lock:
            sys.semaphore().wait()
    board.spawn(hog, name="hog")
    board.run(0.1)
    console.command("ifconfig eth0 mtu 1400")

def test_says_otherwise(console):
    console.sendline("uname")
    console.expect("Nuttx")

def test_says_too_much(console):
    console.sendline("uname")
    console.expect_none("NuttX", 1)
"""
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            ">*console.command(*",
            "E*lab.expect.ExpectTimeout: board: *nsh> *can never come: nothing can happen any more *",
            "E*last typed, at *: ifconfig eth0 mtu 1400",
            "E*nsh_main: waits for net_lock, held by hog (pid *)",
            "E*hog (pid *) holds net_lock",
            "test_a_failed_*.py:7: ExpectTimeout",
            ">*console.expect(*",
            "E *| uname",
            "E*nearest to 'Nuttx': 'NuttX'",
            ">*console.expect_none(*",
            "E*lab.expect.ExpectError: board: 'NuttX' came, which 'NuttX' forbids, *",
        ]
    )
    assert not [line for line in result.outlines if line.startswith("lab/") or "self._" in line]


def test_a_failure_leaves_files_and_the_command_that_repeats_it(run: Run, pytester: pytest.Pytester) -> None:
    result = run(FAILING, "--nutloop-artifacts=kept", "--nutloop-seed=5")
    [folder] = folders(pytester.path / "kept")
    assert {path.name for path in folder.iterdir()} == FILES
    assert "typed here" in (folder / "console.txt").read_text()
    assert "on purpose" in (folder / "reports.txt").read_text()
    assert "IOBs: 8 of 8" in (folder / "state.txt").read_text()
    kinds = {json.loads(line)["kind"] for line in (folder / "trace.jsonl").read_text().splitlines()}
    assert "switch" in kinds
    from scapy.utils import PcapNgReader

    assert len(PcapNgReader(str(folder / "wire.pcapng")).read_all()) == 2

    repro = (folder / "repro.txt").read_text()
    assert repro.count("\n") == 1
    result.stdout.fnmatch_lines([f"reproduce: {repro.strip().replace('[', '[[]')}"])
    command, test, seed = shlex.split(repro)
    assert (command, seed) == ("pytest", "--nutloop-seed=5")
    before = (folder / "trace.jsonl").read_bytes(), (folder / "wire.pcapng").read_bytes()
    run(FAILING, test, seed, "--nutloop-artifacts=kept").assert_outcomes(failed=1)
    assert ((folder / "trace.jsonl").read_bytes(), (folder / "wire.pcapng").read_bytes()) == before


def test_a_test_that_has_closed_its_board_leaves_files_all_the_same(run: Run, pytester: pytest.Pytester) -> None:
    text = HEAD + "def test_it(board, wire):\n    ping(board, wire)\n    board.close()\n    assert 0\n"
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the board is closed"])
    [folder] = folders(pytester.path / "nutloop-artifacts")
    assert (folder / "wire.pcapng").stat().st_size > 300


def test_keep_leaves_files_of_tests_that_pass(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_good(board):\n    board.run(1)\n", "--nutloop-keep").assert_outcomes(passed=1)
    [folder] = folders(pytester.path / "nutloop-artifacts")
    assert (folder.parent / ".gitignore").read_text() == "*\n"
    assert {path.name for path in folder.iterdir()} == FILES


def test_workers_of_xdist_do_not_get_in_each_others_way(run: Run, pytester: pytest.Pytester) -> None:
    text = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_n(board, n):\n    assert n % 2 == 0\n"
    run(text, "-n", "2").assert_outcomes(passed=3, failed=3)
    names = sorted(path.name.partition("@")[0] for path in folders(pytester.path / "nutloop-artifacts"))
    assert [name[-1] for name in names] == ["1", "3", "5"]


def test_a_configuration_that_is_refused_is_an_error_of_the_test(run: Run) -> None:
    result = run("import pytest\n@pytest.mark.board(IOB_NBUFFER=8)\ndef test_it(board):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["unknown option IOB_NBUFFER; did you mean IOB_NBUFFERS*"])
    result.stdout.no_fnmatch_line("*board/config.py*")


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("'sim', 'smp4'", "*::test_it: marker board takes one profile, and options by name"),
        ("8", "*::test_it: marker board: profile=8 has to be of type str"),
        ("seed='x'", "*::test_it: marker board: seed='x' has to be of type int"),
        ("'nope'", "no profile and no file 'nope'; give one of sim*"),
    ],
)
def test_a_marker_that_makes_no_sense_is_one_line(run: Run, marker: str, text: str) -> None:
    result = run(f"import pytest\n@pytest.mark.board({marker})\ndef test_it(board):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([text])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")
    result.stdout.no_fnmatch_line("*another exception*")


def test_a_folder_for_artifacts_is_taken_from_where_pytest_was_started(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = pytester.mkdir("below")
    monkeypatch.chdir(below)
    where = (f"--rootdir={pytester.path}", str(pytester.path), "--nutloop-artifacts=kept")
    for workers in ((), ("-n", "1")):
        result = run("def test_it(board):\n    assert 0\n", *where, *workers)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"nutloop: seed 0, artifacts in {below}/kept"])
    assert sorted(path.name.partition("@")[2] for path in folders(below / "kept")) == ["", "gw0"]


def test_the_plugin_imports_no_board_before_a_test_needs_one(run: Run) -> None:
    run(
        "import sys\ndef test_it():\n    assert not {'kernel.core', 'scapy', 'serial'} & set(sys.modules)\n"
    ).assert_outcomes(passed=1)


def test_a_folders_name_is_legal_everywhere() -> None:
    assert folder_name("tests/test_a.py::TestB::test_c[x y/z:*]", None) == "tests_test_a.py-TestB-test_c_x_y_z"
    assert folder_name("test_a.py::test_b", "gw3") == "test_a.py-test_b@gw3"
    assert len(folder_name("x" * 500, None)) < 200
