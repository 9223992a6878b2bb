"""Where pyserial looks when somebody opens ``nutloop://...``: see `lab/serialurl.py`, which does it.

Every board passes by here when it is made, so this imports nothing of weight, and not pyserial. Besides, pyserial takes
an ImportError of this module for an unknown protocol.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from board.board import Board

# pyserial asks for this module in the packages of serial.protocol_handler_packages, of which this one is the first.
sys.modules.setdefault("serial.urlhandler.protocol_nutloop", sys.modules[__name__])

# Of the whole process, since a URL is: whoever opens one has nothing else in his hands. It keeps no board alive.
_boards: WeakValueDictionary[int, Board] = WeakValueDictionary()
_numbers = count(1)


def announce(board: Board) -> None:
    """A board that URLs may name from now on."""
    _boards[next(_numbers)] = board


def living() -> dict[int, Board]:
    """The boards that there are, by number, oldest first."""
    return {number: board for number, board in sorted(_boards.items()) if not board.kernel.gone}


def serial_class_for_url(url: str) -> tuple[str, Any]:
    """pyserial's question: the name of the port, and what makes it. Raises SerialException."""
    from lab.serialurl import port_maker

    return url, port_maker(url)
