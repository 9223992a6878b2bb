"""The door from a board to what stands around it.

Imports run from lab to board, never back, but a user types ``b.eth0.wire()`` and ``b.console.open()``. These functions
hand the board to the right part of lab, which is imported only when one of them is called; so a board boots without
scapy, pyserial or anything else that lab needs. One small module is there from the start: pyserial asks it for URLs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from board.board import Board
    from board.eth import EthernetPort

_urls = import_module("lab.protocol_nutloop")


def announce(board: Board) -> None:
    """From now on URLs may name the board (lab/protocol_nutloop.py)."""
    _urls.announce(board)


def wire(port: EthernetPort, **options: Any) -> Any:
    """A scapy socket on the host's end of the wire (lab/wire.py)."""
    return import_module("lab.wire").WireSocket(port, **options)


def tap(port: EthernetPort, name: str, **options: Any) -> Any:
    """Connects the port to a TAP interface of the host (lab/tap.py)."""
    return import_module("lab.tap").attach_tap(port, name, **options)


def console(board: Board, **options: Any) -> Any:
    """A pyserial object on the board's console (lab/expect.py)."""
    return import_module("lab.expect").open_expect(board, **options)


def url(board: Board) -> str:
    """The name of the board's console for pyserial's serial_for_url() (lab/serialurl.py)."""
    name: str = import_module("lab.serialurl").url_of(board)
    return name


def threaded(board: Board, **options: Any) -> Any:
    """A pyserial object on the board's console for other threads (lab/threadport.py)."""
    return import_module("lab.threadport").open_threaded(board, **options)


def rfc2217(board: Board, **options: Any) -> Any:
    """An RFC 2217 server on the board's console (lab/rfc2217.py)."""
    return import_module("lab.rfc2217").serve_rfc2217(board, **options)


def pty(board: Board, **options: Any) -> Any:
    """A pseudo-terminal on the board's console (lab/pty.py)."""
    return import_module("lab.pty").open_pty(board, **options)


def stdio(board: Board, **options: Any) -> Any:
    """The host's standard streams on the board's console (lab/stdio.py)."""
    return import_module("lab.stdio").attach_stdio(board, **options)


def waits(board: Board) -> str:
    """Who waits for what on a board (lab/state.py)."""
    return str(import_module("lab.state").waits_text(board.kernel))


def capture(board: Board, path: str) -> Any:
    """Writes the board's frames to a pcapng file (lab/capture.py)."""
    return import_module("lab.capture").Capture(board, path)
