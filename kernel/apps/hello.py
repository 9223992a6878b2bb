"""hello: the first program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps import App

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def main(sys: Sys) -> int:
    """Greets."""
    sys.print("Hello, World!!")
    return 0


HELLO = App("hello", main)
