"""The virtual hardware, and the boards that are made of it: ``from board import Bench, Board``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from board.bench import Bench
    from board.board import Board

__all__ = ["Bench", "Board"]

import_module("lab.protocol_nutloop")  # from now on pyserial knows nutloop://, before there is a board


def __getattr__(name: str) -> Any:
    """Imports on first use, so that a part of this package can be imported without all of it."""
    if name not in __all__:
        raise AttributeError(f"module 'board' has no {name}")
    return getattr(import_module(f"board.{name.lower()}"), name)
