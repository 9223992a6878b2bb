"""Tab completion as CONFIG_READLINE_TABCOMPLETION has it: names of commands, at the start of a line, nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.nsh.edit.editline import EditLine


def complete(line: EditLine, names: Iterable[str]) -> None:
    """Completes the line to the only name that begins with it; of several, shows them and completes what they share.

    The line is compared as a whole, wherever the cursor is, and what is added comes where the cursor is, as in NuttX.
    """
    typed = bytes(line.text)
    if not typed:
        return
    matches = [name for name in (name.encode() for name in names) if name.startswith(typed)]
    if len(matches) == 1 and matches[0] != typed:
        line.put(matches[0])
        line.out += line.text[len(typed) :]
    elif len(matches) > 1:
        line.put(_shared(min(matches), max(matches)))
        line.out += b"\n" + b"".join(b"  " + name + b"\n" for name in matches) + line.prompt + line.text


def _shared(first: bytes, last: bytes) -> bytes:
    """What both begin with, and all names between them in the alphabet."""
    n = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:n]
