"""The COM port control option of telnet (RFC 2217): a client's commands to a serial line, done on a board's UART.

Baud rate, data size, parity, stop bits and flow control are acknowledged as they are asked for, since clients refuse to
work with a server that sets anything else, and change nothing: the line has the board's own rate, 8N1, and RTS and CTS.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from board.uart import Uart
from lab.paced import FASTEST
from lab.telnet import COM_PORT, IAC, SB, SE, Telnet

SIGNATURE = b"nutloop"
ANSWER = 100  # what is added to a command's number in its answer


class Command(IntEnum):
    """What a client asks for."""

    SIGNATURE = 0
    SET_BAUDRATE = 1
    SET_DATASIZE = 2
    SET_PARITY = 3
    SET_STOPSIZE = 4
    SET_CONTROL = 5
    NOTIFY_LINESTATE = 6
    NOTIFY_MODEMSTATE = 7
    FLOWCONTROL_SUSPEND = 8
    FLOWCONTROL_RESUME = 9
    SET_LINESTATE_MASK = 10
    SET_MODEMSTATE_MASK = 11
    PURGE_DATA = 12


class Control(IntEnum):
    """Values of SET_CONTROL. What is not here is answered with what is set."""

    REQ_FLOW = 0
    NO_FLOW = 1
    SOFTWARE_FLOW = 2
    HARDWARE_FLOW = 3
    REQ_BREAK = 4
    BREAK_ON = 5
    BREAK_OFF = 6
    REQ_DTR = 7
    DTR_ON = 8
    DTR_OFF = 9
    REQ_RTS = 10
    RTS_ON = 11
    RTS_OFF = 12
    REQ_FLOW_IN = 13
    NO_FLOW_IN = 14
    SOFTWARE_FLOW_IN = 15
    HARDWARE_FLOW_IN = 16


class ModemState(IntEnum):
    """Bits of a notification; a line's change is told four bits lower."""

    CTS = 16
    DSR = 32
    CD = 128


class Purge(IntEnum):
    """Which data to throw away: bits."""

    FROM_BOARD = 1
    TO_BOARD = 2


LINE_EMPTY = 64 + 32  # line state: the transmitter has nothing left to send
SIZES = {Command.SET_DATASIZE: (5, 8), Command.SET_PARITY: (1, 5), Command.SET_STOPSIZE: (1, 3)}


class ComPort:
    """One client's control of a line.

    ``send`` gets what to send him, ``purge`` throws away what he has yet to get. ``suspended``: he wants no data now;
    ``on_suspended`` is called when that changes.
    """

    def __init__(
        self,
        uart: Uart,
        send: Callable[[bytes], None],
        *,
        purge: Callable[[], object],
        on_suspended: Callable[[], None],
    ) -> None:
        self._uart = uart
        self._send = send
        self._purge = purge
        self._on_suspended = on_suspended
        self._baud = uart.baud or FASTEST
        self._settings = {Command.SET_DATASIZE: 8, Command.SET_PARITY: 1, Command.SET_STOPSIZE: 1}
        self._flow, self._flow_in = Control.HARDWARE_FLOW, Control.HARDWARE_FLOW_IN
        self._break = False
        self._told: int | None = None  # the modem state that he knows; None: he has not agreed to hear of it
        self._mask = 0xFF
        self.suspended = False

    def agreed(self) -> None:
        """He knows this option: from here on he hears of the board's modem lines, first what they are."""
        if self._told is None:
            self._tell_modem_state(forced=True)

    def modem_changed(self) -> None:
        """The board's modem lines may have changed."""
        if self._told is not None:
            self._tell_modem_state()

    def command(self, sub: bytes) -> None:
        """A subnegotiation. One that is no command of this option, or not a whole one, is left out."""
        if len(sub) < 2 or sub[0] != COM_PORT or sub[1] > max(Command):
            return
        command, values = Command(sub[1]), sub[2:]
        if command == Command.SIGNATURE:
            if not values:  # else it is his, and no question
                self._answer(command, SIGNATURE)
        elif command == Command.SET_BAUDRATE:
            if len(values) == 4:
                self._baud = int.from_bytes(values, "big") or self._baud
                self._answer(command, self._baud.to_bytes(4, "big"))
        elif command == Command.NOTIFY_LINESTATE:
            self._answer(command, bytes((LINE_EMPTY,)))
        elif command == Command.NOTIFY_MODEMSTATE:
            self._tell_modem_state(forced=True)
        elif command in (Command.FLOWCONTROL_SUSPEND, Command.FLOWCONTROL_RESUME):
            self.suspended = command == Command.FLOWCONTROL_SUSPEND
            self._on_suspended()
        elif len(values) == 1:
            self._set(command, values[0])

    def _set(self, command: Command, value: int) -> None:
        if command == Command.SET_CONTROL:
            value = self._control(value)
        elif command == Command.SET_MODEMSTATE_MASK:
            self._mask = value
        elif command == Command.PURGE_DATA:
            if value & Purge.FROM_BOARD:
                self._purge()
            if value & Purge.TO_BOARD:
                self._uart.purge()
        elif command in SIZES:
            low, high = SIZES[command]
            if low <= value <= high:
                self._settings[command] = value
            value = self._settings[command]
        self._answer(command, bytes((value,)))

    def _control(self, value: int) -> int:
        """Does it; returns what is so afterwards."""
        uart = self._uart
        if Control.NO_FLOW <= value <= Control.HARDWARE_FLOW:
            self._flow = Control(value)
        elif Control.NO_FLOW_IN <= value <= Control.HARDWARE_FLOW_IN:
            self._flow_in = Control(value)
        elif value in (Control.BREAK_ON, Control.BREAK_OFF):
            self._break = value == Control.BREAK_ON
            if self._break:
                uart.send_break()
        elif value in (Control.DTR_ON, Control.DTR_OFF):
            uart.dtr = value == Control.DTR_ON
        elif value in (Control.RTS_ON, Control.RTS_OFF):
            uart.rts = value == Control.RTS_ON
        if Control.REQ_BREAK <= value <= Control.BREAK_OFF:
            return Control.BREAK_ON if self._break else Control.BREAK_OFF
        if Control.REQ_DTR <= value <= Control.DTR_OFF:
            return Control.DTR_ON if uart.dtr else Control.DTR_OFF
        if Control.REQ_RTS <= value <= Control.RTS_OFF:
            return Control.RTS_ON if uart.rts else Control.RTS_OFF
        if Control.REQ_FLOW_IN <= value <= Control.HARDWARE_FLOW_IN:
            return self._flow_in
        return self._flow

    def _tell_modem_state(self, *, forced: bool = False) -> None:
        uart = self._uart
        state = (ModemState.CTS if uart.cts else 0) | (ModemState.DSR | ModemState.CD if uart.dsr else 0)
        changed = state ^ (self._told or 0)
        if forced or changed & self._mask:
            self._answer(Command.NOTIFY_MODEMSTATE, bytes(((state | changed >> 4) & self._mask,)))
        self._told = state

    def _answer(self, command: Command, value: bytes) -> None:
        head = bytes((IAC, SB, COM_PORT, command + ANSWER))
        self._send(head + Telnet.escaped(value) + bytes((IAC, SE)))
