"""What the shell's tests build on: somebody who types at a board's console, and a session with the real system."""

from __future__ import annotations

from functools import cache
from os import O_CREAT, O_TRUNC, O_WRONLY
from pathlib import Path

from board import Board

SESSION = Path(__file__).parent / "nuttx-sim-console.txt"
PROMPT = b"nsh> \x1b[K"


@cache
def real_session() -> dict[str, str]:
    """What NuttX's simulator printed, by command; the last one of those that were typed twice."""
    blocks: dict[str, str] = {}
    for block in SESSION.read_text(encoding="utf-8").split("=== ")[1:]:
        command, _, text = block.partition("\n")
        blocks[command] = text
    return blocks


def layout(text: str) -> str:
    """The text with a 9 for every decimal or hexadecimal digit: what has to agree where the numbers cannot."""
    return "".join("9" if c in "0123456789abcdef" else c for c in text)


def put_file(board: Board, path: str, text: str) -> None:
    """Makes a file on a board, which is booted if it was not."""
    board.boot()
    with board.kernel.vfs.open(path, O_WRONLY | O_CREAT | O_TRUNC) as file:
        file.write(text.encode())


class Terminal:
    """The other end of the console of a board that has not booted yet."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._heard = bytearray()
        board.uart.listeners.append(self._heard.extend)
        board.boot()

    def wait(self, seconds: float = 0.2) -> bytes:
        """What the board sends in that time."""
        self.board.run(seconds)
        return self.heard()

    def heard(self) -> bytes:
        """What the board has sent since this was asked last."""
        output = bytes(self._heard)
        self._heard.clear()
        return output

    def type(self, data: bytes, seconds: float = 0.2) -> bytes:
        """Sends characters; returns what comes back in that time."""
        self.board.uart.send(data)
        return self.wait(seconds)
