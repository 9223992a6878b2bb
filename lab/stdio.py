"""The serial console on this process's standard input and output; live benches only.

On a terminal every key goes to the board, Ctrl-C too, so two ways out are kept: Ctrl-] and Ctrl-A x, as in telnet and
QEMU. The terminal is put back as it was, whatever ends the process short of a kill. A pipe or file as input is handed
over as fast as the board reads it; its end leaves the board running.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import TYPE_CHECKING, Any

from board.uart import Uart
from lab.livefd import Feeder, require_live

if TYPE_CHECKING:
    from board.board import Board

QUIT = 0x1D  # Ctrl-]
PREFIX = 0x01  # Ctrl-A
LOOK_MS = 100  # host milliseconds between two looks whether a wait for a reader is still wanted
TYPED_AHEAD = 1 << 16  # bytes from a terminal that may wait for the board: the ways out must be seen all the same

HELP = b"\r\nCtrl-A x  quit\r\nCtrl-A b  send a break\r\nCtrl-A Ctrl-A  send Ctrl-A\r\nCtrl-]    quit\r\n"


class StdioConsole:
    """This process's terminal, or pipes, on a UART's line.

    ``quit`` becomes true when the user wants out or the output is gone, and ends the host's wait. ``ended``: the input
    brings no more. Output is written at once, and waits for a slow reader until :meth:`leave` or Ctrl-C. Raises
    BenchError on a lockstep bench.
    """

    def __init__(self, uart: Uart, *, infd: int = 0, outfd: int = 1) -> None:
        require_live(uart.clock, "the console on standard input and output")
        self._uart = uart
        self._infd = infd
        self._outfd = outfd
        self._room = select.poll()
        self._room.register(outfd, select.POLLOUT)
        self._prefixed = False
        self._saved: list[Any] | None = None
        self.quit = False
        self.ended = False
        self.closed = False
        if sys.stdout is not None:
            sys.stdout.flush()
        terminal = os.isatty(infd)
        if terminal:
            self._saved = termios.tcgetattr(infd)
            atexit.register(self.close)
            tty.setraw(infd)
        self._feeder = Feeder(
            uart,
            infd,
            self._at_end,
            translate=self._keys if terminal else None,
            ahead=TYPED_AHEAD if terminal else 1,
            name="standard input",
        )
        uart.listeners.append(self._on_output)
        uart.plug_in()

    def close(self) -> None:
        """Lets go of the line and puts the terminal back as it was. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._feeder.close()
        self._uart.listeners.remove(self._on_output)
        if self._saved is not None:
            atexit.unregister(self.close)
            with contextlib.suppress(termios.error):  # it may have hung up
                termios.tcsetattr(self._infd, termios.TCSADRAIN, self._saved)

    def __enter__(self) -> StdioConsole:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def leave(self) -> None:
        """Sets ``quit``. May be called by a signal handler."""
        self.quit = True
        self._uart.clock.wake()

    def _at_end(self) -> None:
        self.ended = True
        if self._saved is not None:  # the terminal has gone
            self.leave()

    # Input from a terminal

    def _keys(self, data: bytes) -> bytes:
        """Takes out what is meant for us."""
        keys = bytearray()
        for key in data:
            if self._prefixed:
                self._prefixed = False
                keys += self._command(key)
            elif key == QUIT:
                self.leave()
            elif key == PREFIX:
                self._prefixed = True
            else:
                keys.append(key)
        return bytes(keys)

    def _command(self, key: int) -> bytes:
        """The key after Ctrl-A. Returns what to send to the board."""
        if key in b"xX":
            self.leave()
        elif key in b"bB":
            self._uart.send_break()
        elif key in b"hH?":
            self._on_output(HELP)
        elif key == PREFIX:
            return bytes((PREFIX,))
        else:
            return bytes((PREFIX, key))
        return b""

    # Output

    def _on_output(self, data: bytes) -> None:
        """Never waits inside a write: no signal handler could end that."""
        while data and not self.quit:
            if not self._room.poll(LOOK_MS):
                if self._uart.clock.interrupted:
                    return
                continue
            try:
                data = data[os.write(self._outfd, data[: select.PIPE_BUF]) :]
            except BlockingIOError:  # somebody else made it so, and has been faster
                pass
            except OSError:  # nobody reads any more
                self.leave()


def attach_stdio(board: Board, *, infd: int = 0, outfd: int = 1) -> StdioConsole:
    """The console of a board on standard input and output, until its bench closes. See :class:`StdioConsole`."""
    console = StdioConsole(board.uart, infd=infd, outfd=outfd)
    board.bench.on_close.append(console.close)
    return console
