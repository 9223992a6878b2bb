"""The consoles of boards by URL, for whatever opens its ports with pyserial's ``serial_for_url()``.

``nutloop://NAME``: the board of this process that has that name. On its bench's own thread it opens as
``b.console.open()`` does, on another one as ``b.console.threaded()``. Boards of one name have numbers, in the order in
which they were made: ``nutloop://NAME?n=2``.

``nutloop://new/PROFILE?KEY=VALUE&...``: a new board, there while the port is open. Names in capitals are Kconfig
options; ``seed=N`` and ``config=FILE`` are those of ``Board()``. It runs in lockstep, whenever the port is waited for;
with ``live=1`` by itself, against the wall clock, and any thread may use the port.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from serial.serialutil import SerialException

from board.uart import Uart
from kernel.errors import BenchError
from lab.console import ConsolePort
from lab.livethread import LiveThread
from lab.protocol_nutloop import living
from lab.serialport import Outlet, UartPort
from lab.threadport import ThreadPort

if TYPE_CHECKING:
    from board.board import Board

NEW = "new"

PortMaker = Callable[..., UartPort]


def url_of(board: Board) -> str:
    """The URL of a board's console, with the board's number if there are others of its name."""
    namesakes = {number: other for number, other in living().items() if other.name == board.name}
    name = quote(board.name, safe="")
    if len(namesakes) == 1 and name != NEW:
        return f"nutloop://{name}"
    return "".join(f"nutloop://{name}?n={number}" for number, other in namesakes.items() if other is board)


def port_maker(url: str) -> PortMaker:
    """What makes the port, closed, when called as pyserial calls a class of its own. Raises SerialException."""
    parts = urlsplit(url)
    path = unquote(parts.path[1:].rstrip("/"))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.netloc == NEW and "n" not in options:
        return _new(url, path or "sim", options)
    number = _number(url, options, "n")
    if path or options:
        raise SerialException(f"{url}: a board that is there already is nutloop://NAME or nutloop://NAME?n=NUMBER")
    return _existing(url, unquote(parts.netloc), number)


# A board that is there


def _existing(url: str, name: str, number: int) -> PortMaker:
    found = [b for n, b in living().items() if b.name == name and number in (0, n)]
    if len(found) > 1:
        raise SerialException(f"{url}: several boards have that name: {', '.join(url_of(b) for b in found)}")
    if not found:
        there = ", ".join(url_of(b) for b in living().values()) or "none"
        raise SerialException(f"{url}: no such board in this process; there is: {there}; nutloop://new/sim makes one")
    board = found[0]
    clock = board.bench.clock
    elsewhere = threading.get_ident() != clock.thread
    if elsewhere and not clock.live:
        raise SerialException(f"{url}: its bench runs in lockstep, on another thread and while that one waits for it")
    return partial(_plugged, board, ThreadPort if elsewhere else ConsolePort)


def _plugged(board: Board, kind: type[UartPort], _none: None, *settings: Any, **named: Any) -> UartPort:
    port = kind(board.uart, None, *settings, **named)
    board.bench.close_with(port)
    return port


# A board of one's own


def _new(url: str, profile: str, options: dict[str, str]) -> PortMaker:
    overrides = {key: value for key, value in options.items() if key.isupper()}
    rest = {key: value for key, value in options.items() if key not in overrides}
    live = _number(url, rest, "live") != 0
    make = partial(_make, url, profile, seed=_number(url, rest, "seed"), config=rest.pop("config", None), **overrides)
    if rest:
        raise SerialException(
            f"{url}: no option {', '.join(rest)}; there is seed, live, config, and Kconfig's own in capitals"
        )
    if live:
        return _maker(ThreadPort, partial(_by_itself, partial(make, live=True)))
    return _maker(ConsolePort, partial(_lockstep, make))


def _maker(port: type[UartPort], outlet: Outlet) -> PortMaker:
    return lambda _none, *settings, **named: port(outlet, None, *settings, **named)


def _number(url: str, options: dict[str, str], key: str) -> int:
    text = options.pop(key, "0")
    try:
        return int(text or "1", 0)
    except ValueError:
        raise SerialException(f"{url}: {key}={text} is no number") from None


def _make(url: str, profile: str, **options: Any) -> Board:
    from board import Board
    from board.kconfig import ConfigError

    try:
        return Board(profile, **options)
    except (ConfigError, BenchError, OSError) as error:
        raise SerialException(f"{url}: {error}") from error


@contextmanager
def _lockstep(make: Callable[[], Board]) -> Iterator[Uart]:
    with make() as board:
        yield board.uart


@contextmanager
def _by_itself(make: Callable[[], Board]) -> Iterator[Uart]:
    with LiveThread(make) as thread:
        yield thread.board.uart
