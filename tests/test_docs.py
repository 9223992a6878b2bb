"""The README and docs/ point at things that are there, and their scripts run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from board import Board

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_every_path_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [page.parent / link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    named = re.findall(r"`((?:csrc|kernel|drivers|board|lab|examples|docs)/[\w./]+\.\w+)`", text)
    paths = [ROOT / path for path in named]
    assert not [str(path) for path in links + paths if not path.exists()]


def _blocks(page: Path) -> list[str]:
    """The indented blocks of a page, unindented."""
    blocks = re.findall(r"(?:^(?:    .*|)\n)+", page.read_text(encoding="utf-8"), re.M)
    return [re.sub(r"^    ", "", block, flags=re.M).strip("\n") for block in blocks]


def test_the_readmes_first_script_prints_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("scapy")
    blocks = _blocks(ROOT / "README.md")
    at = next(i for i, block in enumerate(blocks) if "first.pcapng" in block)
    done = subprocess.run(
        [sys.executable, "-c", blocks[at]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == blocks[at + 1].strip()
    assert (tmp_path / "first.pcapng").stat().st_size > 100


def test_the_readmes_session_is_what_the_board_answers() -> None:
    told = next(block for block in _blocks(ROOT / "README.md") if "nsh> hexdump" in block)
    with Board() as board, board.console.open(timeout=5) as port:
        heard = port.expect_prompt().lstrip("\n")
        for command in re.findall(r"^nsh> (.*)$", told, re.M):
            heard += f"nsh> {command}\n{port.command(command)}"
    assert heard == told.partition("\n\n")[2] + "\n"


def test_the_readmes_console_script_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    script = next(block for block in _blocks(ROOT / "README.md") if "port.expect_prompt()" in block)
    with Board() as board:
        exec(script, {"b": board})
    release, *rows = capsys.readouterr().out.splitlines()
    assert release == "13.0.1"
    assert rows[0].startswith("  TID   PID") and "nsh_main" in "\n".join(rows)
