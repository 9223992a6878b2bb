"""The command ``nutloop run``: a live board, its console where somebody wants it, until the run is over."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from board.board import Board
    from lab.stdio import StdioConsole
    from lab.tap import Tap
    from lab.watch import RunWatch


class NoStart(Exception):
    """The board cannot be had; the text says why and what to do."""


def run(arguments: argparse.Namespace) -> bool:
    """Returns whether it ended as it should. Raises NoStart."""
    from kernel.errors import BenchError
    from lab.jobcontrol import stoppable
    from lab.watch import RunWatch

    board = _start(arguments)
    watch = RunWatch(board)
    with stoppable(0), watch.stopped_by(signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        try:
            watch.console = _attach(board, arguments)
            _serve(board, watch, resettable=arguments.console[0] == "rfc2217")
        except KeyboardInterrupt:
            pass  # the way to end it without a terminal
        except BenchError as error:
            watch.failure = str(error)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses Ctrl-C twice means it once
            reports = board.reports
            watch.failure = watch.failure or str(board.kernel.panic or "")
            board.close()  # gives the terminal back before anything is printed
    for report in reports:
        _say(f"report: {report}")
    if watch.failure:
        _say(f"the run failed: {watch.failure}")
        return False
    return True


def _serve(board: Board, watch: RunWatch, *, resettable: bool) -> None:
    """Lets the board run until the run is over. A crash is the end of it unless a client can reset the board."""
    from kernel.errors import Panic

    while not (board.kernel.closed or watch.over):
        try:
            board.run_until(lambda: board.kernel.closed or watch.over)
        except Panic as error:
            if not resettable:
                raise
            _say(f"{error}; the console's DTR resets it")


def _say(text: str) -> None:
    print(f"nutloop: {text}", file=sys.stderr, flush=True)


def _start(arguments: argparse.Namespace) -> Board:
    """A live board with everything but its console attached. Raises NoStart."""
    from board import Board
    from board.kconfig import ConfigError
    from kernel.errors import BenchError

    try:
        board = Board(arguments.profile, config=arguments.config, seed=arguments.seed, live=True, **dict(arguments.set))
    except (ConfigError, BenchError, OSError) as error:
        raise NoStart(_why(error)) from error
    try:
        if arguments.tap:
            _describe(board, board.eth0.attach_tap(arguments.tap))
        elif board.eth0.host is not None:
            board.eth0.host.answers(echo=True)  # the router of a person who tries ping; a test's bench stays silent
        if arguments.capture:
            board.capture(arguments.capture)
    except (BenchError, OSError) as error:
        board.close()
        raise NoStart(_why(error)) from error
    for warning in board.config.warnings:
        _say(f"warning: {warning}")
    if board.config.unmodelled:
        _say(f"not modelled: {', '.join(sorted(board.config.unmodelled))}")
    return board


def _why(error: Exception) -> str:
    """Its text, without "[Errno 2]"."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _describe(board: Board, tap: Tap) -> None:
    """Says what stands between the host and the board: a name nobody had set up, an interface that is down."""
    from board.kconfig.ipv6 import preflen6, router6
    from kernel.inet import inet_ntoa

    config, up = board.config, f"ip link set {tap.name} up"
    if tap.created:
        mask = config.number("NETINIT_NETMASK").bit_count()
        addresses = f"ip addr add {inet_ntoa(config.number('NETINIT_DRIPADDR'))}/{mask} dev {tap.name}"
        if router6(config):
            addresses += f"; ip -6 addr add {router6(config)}/{preflen6(config.__getitem__)} dev {tap.name}"
        _say(f"tap {tap.name} did not exist; created it until this run ends. It is down: {addresses}; {up}")
    elif not tap.enabled:
        _say(f"tap {tap.name} is down: {up}")


def _attach(board: Board, arguments: argparse.Namespace) -> StdioConsole | None:
    """Attaches the console; returns it if it is the one on standard input."""
    from kernel.errors import BenchError

    kind, options = arguments.console
    if kind != "stdio":
        try:
            name = board.console.pty(**options) if kind == "pty" else board.console.rfc2217(**options)
        except BenchError as error:
            raise NoStart(str(error)) from error
        print(f"console on {name}; end with Ctrl-C", flush=True)
        return None
    if os.isatty(0):
        print(f"{board.config.profile}, live; leave with Ctrl-] or Ctrl-A x", file=sys.stderr)
    console: StdioConsole = board.console.stdio()
    return console
