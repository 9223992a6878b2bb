"""What every pyserial object on a board's UART is, whoever's time its waits are in: opening, lines, and what came in.

The line has the board's baud rate, eight data bits, no parity and one stop bit; a port can be set to anything else,
which changes nothing. Of the flow controls the hardware one is there: RTS and CTS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, TypeVar

from serial.serialutil import PortNotOpenError, SerialBase, SerialException

from board.uart import Uart
from kernel.clock import Clock

OUT_LIMIT = 4096  # bytes on their way to the board after which write() waits, as a host's tty has it
IN_LIMIT = 1 << 20  # bytes that wait to be read after which more are lost
RTSCTS = 6  # its place among pyserial's positional settings

Outlet = Callable[[], AbstractContextManager[Uart]]
T = TypeVar("T")


class UartPort(SerialBase):
    """One end of a line, a board's UART being the other; a base of the ports that there are.

    ``uart``: a UART, or what provides one as long as the port is open. ``name``: opens it at once; None: as with all
    of pyserial, :meth:`open` does, once ``port`` is set. ``rtscts`` (default True): the sender minds the board's RTS;
    without it what the board has no room for is lost, as on a line with three wires. ``exclusive``: no other port that
    wants to be alone can be opened. ``lost``: bytes that nobody read in time. Other settings are pyserial's.
    """

    _uart: Uart  # while it is open, and after
    _clock: Clock

    def __init__(self, uart: Uart | Outlet, name: str | None = "console", *args: Any, **settings: Any) -> None:
        self._outlet: Outlet = uart if not isinstance(uart, Uart) else lambda: nullcontext(uart)
        self._plug = ExitStack()
        self._in = bytearray()
        self._cancelled = False
        self._dtr_told = False
        self.lost = 0
        if isinstance(uart, Uart):
            self._clock = uart.clock
            if not args:
                settings.setdefault("baudrate", uart.baud)
        if len(args) <= RTSCTS:
            settings.setdefault("rtscts", True)
        super().__init__(None, *args, **settings)
        if name is not None:
            self.port = name
            self.open()

    def _do(self, call: Callable[[], T]) -> T:
        """Does something to the UART, on the thread that may."""
        raise NotImplementedError

    def _tell(self, call: Callable[[], None]) -> None:
        """The same for what needs no waiting for."""
        self._do(call)

    def _changed(self) -> None:
        """Something happened on the line: whoever waits for it may look again."""
        raise NotImplementedError

    # Opening and closing

    def open(self) -> None:
        """Attaches it to the line. That DTR goes up with it does not reset the board.

        Raises SerialException if it is open, if another port has claimed the line, or if there is no board.
        """
        if self.port is None:
            raise SerialException("the port has no name: set .port, or use serial_for_url()")
        if self.is_open:
            raise SerialException(f"{self.port} is open already")
        with ExitStack() as plug:
            self._uart = plug.enter_context(self._outlet())
            self._clock = self._uart.clock
            if self._clock.closed:
                raise SerialException(f"{self.port}: its bench is closed; boards that are gone have no console")
            self._in.clear()
            self._cancelled = False
            self._dtr_told = bool(self.dtr)
            self._do(self._attach)
            self._plug = plug.pop_all()
        self.is_open = True

    def close(self) -> None:
        """Lets go of the line: DTR and RTS go off. Idempotent."""
        if not self.is_open:
            return
        self.is_open = False
        if self._clock.closed:
            self._detach()
        else:
            self._tell(self._detach)
        self._in.clear()
        self._changed()
        self._plug.close()

    def _attach(self) -> None:
        uart = self._uart
        self._claim()
        uart.on_drained.append(self._changed)
        uart.handshake = bool(self.rtscts)
        uart.plug_in(dtr=bool(self.dtr), rts=bool(self.rts))
        uart.listeners.append(self._on_output)

    def _detach(self) -> None:
        uart = self._uart
        uart.listeners.remove(self._on_output)
        uart.on_drained.remove(self._changed)
        if uart.claimed_by is self:
            uart.claimed_by = None
        if not self._clock.closed:
            uart.dtr = uart.rts = False

    def _claim(self) -> None:
        """What ``exclusive`` asks for."""
        uart = self._uart
        if not self.exclusive:
            if uart.claimed_by is self:
                uart.claimed_by = None
        elif uart.claimed_by not in (None, self):
            raise SerialException(f"{self.port}: another port on this line has asked to be alone (exclusive=True)")
        else:
            uart.claimed_by = self

    def _configure(self) -> None:
        self._claim()
        self._uart.handshake = bool(self.rtscts)

    def _reconfigure_port(self) -> None:
        self._do(self._configure)

    def _check_open(self) -> None:
        if not self.is_open:
            raise PortNotOpenError

    # Data

    def _on_output(self, data: bytes) -> None:
        room = IN_LIMIT - len(self._in)
        self._in += data[:room]
        self.lost += max(0, len(data) - room)
        self._changed()

    def _take(self, n: int) -> bytes:
        n = max(0, n)
        data = bytes(self._in[:n])
        del self._in[:n]
        return data

    def _bytes(self, b: Any) -> bytes:
        if isinstance(b, (str, int)):
            raise TypeError(f"{self.port}: a serial port takes bytes, not {type(b).__name__}: encode it")
        return bytes(b)

    @property
    def out_waiting(self) -> int:
        """Bytes written that have not arrived at the board yet."""
        self._check_open()
        return self._do(lambda: self._uart.out_waiting)

    def reset_output_buffer(self) -> None:
        """Takes back what was written and has not arrived yet."""
        self._check_open()
        self._do(self._uart.purge)

    # Lines

    def _update_break_state(self) -> None:
        if self.break_condition:
            self._tell(self._uart.send_break)

    def _update_rts_state(self) -> None:
        on = bool(self.rts)
        self._tell(lambda: setattr(self._uart, "rts", on))

    def _update_dtr_state(self) -> None:
        """DTR is the board's reset line: its rise, and not what it is set to while it is that already, resets."""
        on = bool(self.dtr)
        if on != self._dtr_told:
            self._dtr_told = on
            self._tell(lambda: setattr(self._uart, "dtr", on))

    @property
    def cts(self) -> bool:
        """The board's RTS: it has room."""
        self._check_open()
        return self._do(lambda: self._uart.cts)

    @property
    def dsr(self) -> bool:
        """The board's DTR: its driver is up."""
        self._check_open()
        return self._do(lambda: self._uart.dsr)

    @property
    def ri(self) -> bool:
        """Nobody calls."""
        self._check_open()
        return False

    @property
    def cd(self) -> bool:
        """The same as DSR: there is no modem in between."""
        return self.dsr
