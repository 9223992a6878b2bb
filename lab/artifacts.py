"""What is kept of a test's board when the test fails: files that say what happened, and how to see it again."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lab.capture import PortCapture
from lab.state import state_text
from lab.tracefile import trace_lines

if TYPE_CHECKING:
    from board.board import Board

CONSOLE_LINES = 30  # that a failure report shows
NAME_LIMIT = 120  # characters of a folder's name


class BoardRecord:
    """Watches a board from its first frame on.

    The wire is captured at the host's end, ``nl0``, so that a test's own ``board.capture()`` does not get in its way.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._frames = io.BytesIO()
        host = board.eth0.host
        self._capture = PortCapture(host, self._frames, name=host.name, mac=host.mac) if host is not None else None
        if self._capture is not None:
            board.bench.on_close.append(self._capture.close)

    def sections(self) -> list[tuple[str, str]]:
        """Titles and texts for a failure report."""
        board = self.board
        console = board.uart.log.text(CONSOLE_LINES, sent=True) or "nothing was printed\n"
        sections = [(f"{board.name}: console", console), (f"{board.name}: state", state_text(board))]
        if board.reports:
            sections.append((f"{board.name}: reports", "\n".join(board.reports)))
        return sections

    def save(self, folder: Path, repro: str) -> None:
        """Writes console.txt, state.txt, reports.txt, wire.pcapng, trace.jsonl, repro.txt; older files go."""
        board = self.board
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")  # nothing in there is for a repository
        texts = {
            "console.txt": board.uart.log.text(sent=True),
            "state.txt": state_text(board),
            "reports.txt": "".join(f"{report}\n" for report in board.reports),
            "trace.jsonl": trace_lines(board.kernel) if not board.kernel.gone else "",
            "repro.txt": f"{repro}\n",
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        if self._capture is not None:
            self._capture.close()
            (folder / "wire.pcapng").write_bytes(self._frames.getvalue())


def folder_name(nodeid: str, worker: str | None) -> str:
    """A folder's name for a test: readable, legal everywhere, and no other worker's."""
    name = re.sub(r"[^\w.=-]+", "_", nodeid.replace("::", "-")).strip("_")[-NAME_LIMIT:]
    return f"{name}@{worker}" if worker else name
