"""hello: the first program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def main(sys: Sys) -> int:
    """Greets."""
    sys.print("Hello, World!!")
    return 0
