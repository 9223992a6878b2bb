"""A telnet connection as a terminal line (RFC 854, 857, 858), as NuttX's drivers/net/telnet.c is one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from errno import EINTR, EPIPE
from typing import TYPE_CHECKING

from kernel.fs.devices import OpenConsole
from kernel.kernel import SIGINT
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys
    from kernel.task import Task

ECHO, SUPPRESS_GO_AHEAD = 1, 3
OURS = (ECHO, SUPPRESS_GO_AHEAD)
EOF, SE, BREAK, IP, EC, EL, SB, WILL, WONT, DO, DONT, IAC = 236, 240, 243, 244, 247, 248, 250, 251, 252, 253, 254, 255
CR, LF, NUL, CTRL_C = 0x0D, 0x0A, 0, 3
KEYS = {EOF: 0x04, BREAK: CTRL_C, IP: CTRL_C, EC: 0x7F, EL: 0x15}
"""Commands that stand for what a terminal has a key for."""
OFFER = bytes(byte for option in OURS for byte in (IAC, WILL, option))

RXSIZE = 256  # bytes that may wait to be read


class Decoder:
    """Takes what a client sends apart. Whatever it is: what is kept of it is no more than where it stands."""

    def __init__(self) -> None:
        self._state: Callable[[int], None] = self._data
        self._verb = 0
        self._after_cr = False
        self._keys = bytearray()
        self._answer = bytearray()
        self._agreed = dict.fromkeys(OURS, True)

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What was typed, Enter as CR, and what to answer."""
        for byte in data:
            self._state(byte)
        keys, answer = bytes(self._keys), bytes(self._answer)
        self._keys.clear()
        self._answer.clear()
        return keys, answer

    def _data(self, byte: int) -> None:
        if byte == IAC:
            self._state = self._command
            return
        after_cr, self._after_cr = self._after_cr, byte == CR
        if not (after_cr and byte in (LF, NUL)):
            self._keys.append(byte)

    def _command(self, byte: int) -> None:
        self._state = self._data
        if byte == IAC:
            self._after_cr = False
            self._keys.append(IAC)
        elif byte in (WILL, WONT, DO, DONT):
            self._verb = byte
            self._state = self._option
        elif byte == SB:
            self._state = self._inside
        elif byte in KEYS:
            self._keys.append(KEYS[byte])

    def _option(self, option: int) -> None:
        """Refuses what is not ours; what changes nothing is an answer, and gets none."""
        self._state = self._data
        if self._verb == WILL:
            self._answer += bytes((IAC, DONT, option))
        elif self._verb in (DO, DONT) and option in self._agreed:
            wanted = self._verb == DO
            if self._agreed[option] != wanted:
                self._agreed[option] = wanted
                self._answer += bytes((IAC, WILL if wanted else WONT, option))
        elif self._verb == DO:
            self._answer += bytes((IAC, WONT, option))

    def _inside(self, byte: int) -> None:
        """A subnegotiation: none that we know."""
        if byte == IAC:
            self._state = self._command_inside

    def _command_inside(self, byte: int) -> None:
        if byte == IAC:
            self._state = self._inside
        elif byte == SE:
            self._state = self._data
        else:  # it was never ended: this begins something else
            self._command(byte)


class TelnetLine:
    """The line of one session, a Console. A task of its own reads the socket, so that Ctrl-C is heard while others run.

    That task has the socket: when it ends, by :meth:`close`, the connection does. That the client sends no more only
    ends the input.
    """

    def __init__(self, kernel: Kernel, sock: TcpSocket) -> None:
        self._kernel = kernel
        self._sock = sock
        self._received = bytearray()
        self._ended = False  # the client sends no more
        self._gone = False  # nor does it hear
        self._foreground: int | None = None
        self._recvsem = Semaphore(kernel, what="input over telnet")
        self._roomsem = Semaphore(kernel, what="room for what a telnet client sends")
        self._xmitsem = Semaphore(kernel, 1, what="its turn to send over telnet")
        self._task: Task | None = None

    def start(self, priority: int) -> None:
        """Begins to read. Raises OSError (ENOMEM)."""
        self._task = self._kernel.tasks.create(self._receive, "telnet_io", priority, start=False)
        self._sock.give(self._task)
        self._kernel.tasks.start(self._task)

    def close(self) -> None:
        """Ends the connection, after what was written to it."""
        if self._task is not None and self._task.alive:
            self._kernel.tasks.kill(self._task.pid)

    # The task that reads the socket

    def _receive(self, sys: Sys) -> None:
        decoder = Decoder()
        try:
            self._sock.sendall(OFFER)
            while data := self._sock.recv(RXSIZE):
                keys, answer = decoder.feed(data)
                if answer:
                    self._send(answer)
                self._take(keys)
            self._ended = True
            self._wake(self._recvsem)
            self._roomsem.wait(interruptible=False)  # what is still to be written needs the socket
        except InterruptedError:
            pass
        except OSError:
            self._hang_up()
        finally:
            self._ended = self._gone = True
            for sem in (self._recvsem, self._roomsem, self._xmitsem):
                sem.destroy()

    def _take(self, keys: bytes) -> None:
        """Hands over what was typed, as the readers make room for it."""
        if CTRL_C in keys and self._foreground is not None:
            self._kernel.kill(self._foreground, SIGINT)
            keys = keys.replace(bytes((CTRL_C,)), b"")
        while keys:
            room = RXSIZE - len(self._received)
            self._received += keys[:room]
            keys = keys[room:]
            self._wake(self._recvsem)
            if keys:
                self._roomsem.wait(interruptible=False)

    def _hang_up(self) -> None:
        """The connection broke: what runs there hears of it as of Ctrl-C."""
        if self._foreground is not None:
            self._kernel.kill(self._foreground, SIGINT)

    @staticmethod
    def _wake(sem: Semaphore) -> None:
        while sem.value < 0:
            sem.post()

    # What the kernel needs of a console

    def read(self, n: int) -> bytes:
        """Up to n bytes, waiting for the first; b"" at the end. Raises InterruptedError when a signal came."""
        while not self._received and not self._ended:
            if self._recvsem.wait() == -EINTR:
                raise InterruptedError(EINTR, "read: a signal ended the wait for a telnet client")
        data = bytes(self._received[:n])
        del self._received[:n]
        if not self._ended:
            self._wake(self._roomsem)
        return data

    def wait_input(self, ticks: int) -> bool:
        """Whether there is something to read within so many ticks, -1 being for ever. Raises InterruptedError."""
        if not self._received and not self._ended and self._recvsem.wait(ticks) == -EINTR:
            raise InterruptedError(EINTR, "a signal ended the wait for a telnet client")
        return bool(self._received) or self._ended

    def write(self, data: bytes) -> int:
        """Sends all of it, waiting while there is no room. Raises OSError if nobody is there any more."""
        text = data.replace(b"\n", b"\r\n").replace(bytes((IAC,)), bytes((IAC, IAC)))
        self._send(text)
        return len(data)

    def _send(self, data: bytes) -> None:
        """What several tasks send does not mix."""
        if self._gone or self._xmitsem.wait(interruptible=False) < 0:
            raise BrokenPipeError(EPIPE, "write: the telnet client is gone")
        try:
            self._sock.sendall(data)
        finally:
            if not self._gone:
                self._xmitsem.post()

    def puts(self, text: str) -> int:
        """Only the board's own console is polled."""
        return 0

    def set_foreground(self, pid: int | None) -> int | None:
        """Ctrl-C sends SIGINT to that task; None: it is an ordinary character. Returns what it was before."""
        before, self._foreground = self._foreground, pid
        return before

    def drain(self) -> None:
        """What was written is on its way; closing the socket sends it."""


class OpenTelnet(OpenConsole):
    """The line as standard input and output; the last descriptor that is closed ends the connection."""

    def __init__(self, line: TelnetLine) -> None:
        super().__init__(line, "/dev/telnet")
        self._line = line

    def _released(self) -> None:
        with suppress(OSError):
            self._line.close()
