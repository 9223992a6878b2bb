"""The programs on the board: what a built-in application is. Each has a file of its own here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

Main: TypeAlias = Callable[[Any], int | None]


class App(NamedTuple):
    """A built-in application.

    ``main(sys)`` gets its arguments as ``sys.argv``; returns its exit status, None for 0. As a string it is
    ``module:function``: few programs are run, and those that are not need not be imported. ``stack``: bytes, 0 for
    CONFIG_DEFAULT_TASK_STACKSIZE. ``option``: what has to be configured for it to be there.
    """

    name: str
    main: Main | str
    priority: int = 100
    stack: int = 0
    option: str = ""

    def load(self) -> Main:
        """What its task is to run."""
        if not isinstance(self.main, str):
            return self.main
        module, _, function = self.main.partition(":")
        main: Main = getattr(import_module(module), function)
        return main
