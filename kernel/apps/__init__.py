"""The programs on the board: what a built-in application is. Each has a file of its own here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class App:
    """A built-in application. ``main(sys)`` gets its arguments as ``sys.argv``; returns its exit status, None for 0.

    ``stack``: bytes, 0 for CONFIG_DEFAULT_TASK_STACKSIZE. ``option``: what has to be configured for it to be there.
    """

    name: str
    main: Callable[[Any], int | None]
    priority: int = 100
    stack: int = 0
    option: str = ""
