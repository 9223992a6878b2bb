"""The consoles of boards by URL, for whatever opens its ports with pyserial's ``serial_for_url()``.

``nutloop://NAME``: a board of this process that was given that URL by ``b.console.url``. On its bench's own thread it
opens as ``b.console.open()`` does, on another one as ``b.console.threaded()``.

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
from urllib.parse import parse_qsl, quote, urlsplit
from weakref import WeakValueDictionary

import serial
from serial.serialutil import SerialException

from board.uart import Uart
from kernel.errors import BenchError
from lab.console import ConsolePort
from lab.livethread import LiveThread
from lab.serialport import Outlet, UartPort
from lab.threadport import ThreadPort

if TYPE_CHECKING:
    from board.board import Board

NEW = "new"

# Of the whole process, since a URL is: whoever opens one has nothing else in his hands. It keeps no board alive.
_published: WeakValueDictionary[str, Board] = WeakValueDictionary()

PortMaker = Callable[..., UartPort]


def register() -> None:
    """Makes ``nutloop://`` known to pyserial. Idempotent."""
    if __package__ not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(__package__)


register()


def publish(board: Board) -> str:
    """The URL of a board's console, the same as long as it lives.

    A name that another living board has is followed by ``.2``, ``.3``, ...
    """
    for name, other in _published.items():
        if other is board:
            return f"nutloop://{name}"
    base = name = quote(board.name, safe="")
    n = 1
    while name == NEW or (name in _published and not _published[name].kernel.gone):
        n += 1
        name = f"{base}.{n}"
    _published[name] = board
    return f"nutloop://{name}"


def port_maker(url: str) -> PortMaker:
    """What makes the port, closed, when called as pyserial calls a class of its own. Raises SerialException."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.netloc == NEW:
        return _new(url, path or "sim", options)
    if path or options:
        raise SerialException(f"{url}: a board that is there already is nutloop://NAME and nothing more")
    return _existing(url, parts.netloc)


# A board that is there


def _existing(url: str, name: str) -> PortMaker:
    board = _published.get(name)
    if board is None or board.kernel.gone:
        names = ", ".join(sorted(n for n, b in _published.items() if not b.kernel.gone)) or "none"
        raise SerialException(
            f"{url}: no board of this process has that URL; b.console.url gives it one. There is: {names}. "
            "nutloop://new/PROFILE makes a board"
        )
    clock = board.bench.clock
    elsewhere = threading.get_ident() != clock.thread
    if elsewhere and not clock.live:
        raise SerialException(f"{url}: its bench runs in lockstep, on another thread and while that one waits for it")
    return partial(_plugged, board, ThreadPort if elsewhere else ConsolePort)


def _plugged(board: Board, kind: type[UartPort], _none: None, *settings: Any, **named: Any) -> UartPort:
    port = kind(board.uart, None, *settings, **named)
    board.bench.on_close.append(port.close)
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
