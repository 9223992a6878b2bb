"""A line editor with a terminal in memory at its other end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kernel.nsh.edit.history import History
from kernel.nsh.edit.readline import Readline

PROMPT = b"nsh> "
COMMANDS = ["?", "cat", "cd", "date", "dd", "echo", "exit", "help", "hexdump", "ls"]
PROGRAMS = ["dd", "hello", "ping", "ping6", "sh"]

EVERYTHING: dict[str, Any] = {"prompt": PROMPT, "names": lambda: COMMANDS + PROGRAMS, "emacs": True, "search": True}
LEAST: dict[str, Any] = {"edit": False}


class Typist:
    """A stream that gives what is typed byte by byte, and keeps what it is sent as a terminal line would show it."""

    def __init__(self, keys: Iterable[int]) -> None:
        self.keys: Iterator[int] = iter(keys)
        self.screen = bytearray()

    def read(self, n: int) -> bytes:
        """One byte, b"" at the end."""
        assert n == 1
        return bytes(c for c in [next(self.keys, -1)] if c >= 0)

    def write(self, data: bytes) -> None:
        """Output processing as the serial driver has it."""
        self.screen += data.replace(b"\n", b"\r\n")


def session(editor: Readline, stream: Typist) -> list[bytes]:
    """Prompts and reads lines until the input ends."""
    lines = []
    while True:
        stream.write(PROMPT)
        line = editor.read()
        if line is None:
            return lines
        lines.append(line)


def typed(keys: Iterable[int], limit: int = 80, history: bool = True, **options: Any) -> tuple[list[bytes], bytes]:
    """Lines, and all that the terminal was sent, with the prompts but without the ESC [K after each."""
    stream = Typist(keys)
    kept = History() if history else None
    editor = Readline(stream, stream, limit, history=kept, **(options or EVERYTHING))
    lines = session(editor, stream)
    return lines, bytes(stream.screen).replace(b"nsh> \x1b[K", b"nsh> ")
