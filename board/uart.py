"""The UART of a board, and the line that leads from it to the bench.

Characters take their time on the line, ten bits each; nothing happens per character, though: the model knows when the
first one began, and works out what has passed whenever somebody looks. Only what a driver can notice is an event: the
receive FIFO half full, an idle line, the last character sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from board.consolelog import ConsoleLog
from drivers.uartregs import CharError, UartMcr, UartMsr, UartReg, UartSr
from kernel.clock import NS, Clock, Event
from kernel.core import lib

BITS_PER_CHAR = 10  # a start bit, eight data bits, no parity, a stop bit


class Uart:
    """``board``: the core's board; ``irq``: its line there; ``baud``: bits per second, 0 for infinitely fast; ``fifo``:
    characters that each FIFO holds.

    ``listeners`` are called with what the board sends, ``on_drained`` when nothing is on its way to it any more,
    ``on_modem`` when the board's own lines change, all from inside events: they must not wait. ``on_reset`` is what the
    other end's DTR is wired to. ``claimed_by``: the port that has asked to be alone on the line. ``overruns`` counts
    characters that found the FIFO full.
    """

    def __init__(
        self, clock: Clock, board: Any, *, irq: int, baud: int = 115200, fifo: int = 16, name: str = "ttyS0"
    ) -> None:
        self.clock = clock
        self.board = board
        self.irq = irq
        self.baud = baud
        self.fifo = fifo
        self.name = name
        self.char_ns = round(BITS_PER_CHAR * NS / baud) if baud else 0
        self.log = ConsoleLog()
        self.listeners: list[Callable[[bytes], None]] = []
        self.on_drained: list[Callable[[], None]] = []
        self.on_modem: list[Callable[[], None]] = []
        self.on_reset: Callable[[], None] | None = None
        self.claimed_by: object | None = None
        self.overruns = 0
        self._handshake = True
        self._trigger = max(1, fifo // 2)
        self._mask = 0
        self._mcr = 0
        self._level = False
        self._tx = bytearray()  # being sent; the first character began at _tx_start
        self._tx_start = 0
        self._rx = bytearray()  # the receive FIFO, and what is wrong with each of its characters
        self._rx_errors = bytearray()
        self._line = bytearray()  # on its way to the board; the first character began at _line_start, unless held
        self._line_errors = bytearray()
        self._line_start = 0
        self._held = False
        self._lost = False  # an overrun that the next character tells of
        self._drained = False  # on_drained has to be called
        self._dtr = self._rts = False
        self._modem_changed = False
        self._tx_event = Event(clock, self._on_sent)
        self._rx_event = Event(clock, self._on_received)

    # The board's side

    def read(self, reg: int) -> int:
        """Reads a register."""
        if reg == UartReg.SR:
            self._send_due()
            self._receive_due()
            return self._status()
        if reg == UartReg.MSR:
            self._modem_changed = False
            self._update()
            return (UartMsr.CTS if self._rts else 0) | (UartMsr.DSR if self._dtr else 0)
        return self._mask if reg == UartReg.IMR else self._mcr

    def write(self, reg: int, value: int) -> None:
        """Writes IMR or MCR; the other registers cannot be written."""
        if reg == UartReg.IMR:
            self._mask = value
        elif reg == UartReg.MCR:
            self._receive_due()
            self._own_lines(value)
        self._receive_next()

    def take(self, n: int) -> tuple[bytes, bytes]:
        """Reads up to ``n`` characters from the receive FIFO; returns them and the CharError of each."""
        self._receive_due()
        chars, errors = bytes(self._rx[:n]), bytes(self._rx_errors[:n])
        del self._rx[:n], self._rx_errors[:n]
        self._receive_next()
        return chars, errors

    def put(self, data: bytes) -> int:
        """Writes to the transmit FIFO; returns how many characters found room."""
        self._send_due()
        n = min(len(data), self.fifo - len(self._tx))
        self._transmit(data[:n])
        return n

    def put_polled(self, data: bytes) -> int:
        """Sends all of ``data``, as a CPU does that writes and polls; returns for how many ns that has it spinning."""
        self._send_due()
        self._transmit(data)
        return max(0, self._tx_start + len(self._tx) * self.char_ns - self.clock.now_ns) if self._tx else 0

    def reset(self) -> None:
        """The chip as after power-on: FIFOs empty, nothing enabled. Who is at the other end stays there."""
        self._send_due()
        self._mask = 0
        self._own_lines(0)
        self._tx.clear()
        self._rx.clear()
        self._rx_errors.clear()
        self._lost = self._modem_changed = False
        self._tx_event.cancel()
        self._receive_next()

    def power_off(self) -> None:
        """The board goes away: from here on the line is dead, and what is sent to it is lost. Idempotent."""
        if self._dead:
            return
        self.reset()
        self.purge()
        self.board = None
        for event in (self._tx_event, self._rx_event):
            event.free()
        for call in tuple(self.on_drained):
            call()

    @property
    def _dead(self) -> bool:
        return self.board is None or self.clock.closed

    # The bench's side

    def send(self, data: bytes, error: int = 0) -> None:
        """Sends characters to the board, behind those that are on their way. ``error``: a CharError to put on each."""
        if data and not self._dead:
            self.log.add(self.clock.now_ns, data, sent=True)
            self._queue(data, error)

    def send_break(self) -> None:
        """A break condition on the line: the board sees one NUL that is none."""
        if not self._dead:
            self._queue(b"\0", CharError.BREAK)

    def purge(self) -> None:
        """Takes back what has not arrived yet."""
        self._receive_due()
        self._drained = self._drained or (bool(self._line) and bool(self.on_drained))
        self._line.clear()
        self._line_errors.clear()
        self._receive_next()

    @property
    def out_waiting(self) -> int:
        """Characters sent to the board that are still on their way."""
        self._receive_due()
        return len(self._line)

    @property
    def queued(self) -> int:
        """The same as of when the model last looked; for threads that must not make it look."""
        return len(self._line)

    @property
    def sending(self) -> bool:
        """Whether the board's transmitter is busy."""
        self._send_due()
        return bool(self._tx)

    @property
    def handshake(self) -> bool:
        """Whether the other end stops while the board's RTS is off. If not, what finds the FIFO full is lost."""
        return self._handshake

    @handshake.setter
    def handshake(self, on: bool) -> None:
        self._receive_due()
        self._handshake = on
        self._receive_next()

    @property
    def rts(self) -> bool:
        """The other end's RTS, which the board sees as CTS."""
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._modem_changed |= on != self._rts
        self._rts = on
        self._update()

    @property
    def dtr(self) -> bool:
        """The other end's DTR, which the board sees as DSR. Its rise resets the board, see :meth:`plug_in`."""
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        rises = on and not self._dtr
        self._modem_changed |= on != self._dtr
        self._dtr = on
        self._update()
        if rises and self.on_reset is not None and not self._dead:
            self.on_reset()

    def plug_in(self, *, dtr: bool = True, rts: bool = True) -> None:
        """Somebody takes the other end, with his lines as they are: that DTR is up now does not reset the board."""
        self._modem_changed |= (dtr, rts) != (self._dtr, self._rts)
        self._dtr, self._rts = dtr, rts
        self._update()

    @property
    def cts(self) -> bool:
        """The board's RTS: it takes characters."""
        self._receive_due()
        return bool(self._mcr & UartMcr.RTS) and not (self._mcr & UartMcr.AUTORTS and len(self._rx) >= self.fifo)

    @property
    def dsr(self) -> bool:
        """The board's DTR: a driver has opened the UART."""
        return bool(self._mcr & UartMcr.DTR)

    def _own_lines(self, mcr: int) -> None:
        changed, self._mcr = mcr != self._mcr, mcr
        if changed:
            for call in tuple(self.on_modem):
                call()

    # Sending

    def _transmit(self, data: bytes) -> None:
        if self.char_ns == 0:
            self._emit(data)
        elif data:
            if not self._tx:
                self._tx_start = self.clock.now_ns
            self._tx += data
            self._plan_tx()
        self._update()

    def _plan_tx(self) -> None:
        """What a polling CPU sends is more than the FIFO holds: the other end hears it bit by bit all the same."""
        self._tx_event.at(self._tx_start + min(len(self._tx), self.fifo) * self.char_ns)

    def _send_due(self) -> None:
        if not self._tx:
            return
        n = min(len(self._tx), (self.clock.now_ns - self._tx_start) // self.char_ns)
        if n:
            data = bytes(self._tx[:n])
            del self._tx[:n]
            self._tx_start += n * self.char_ns
            self._emit(data)

    def _emit(self, data: bytes) -> None:
        if not data:
            return
        self.log.add(self.clock.now_ns, data)
        for listener in tuple(self.listeners):
            listener(data)

    def _on_sent(self) -> None:
        self._send_due()
        if self._tx:
            self._plan_tx()
        self._update()

    # Receiving

    def _queue(self, data: bytes, error: int) -> None:
        self._receive_due()
        if not self._line:
            self._line_start = self.clock.now_ns
        self._line += data
        self._line_errors += bytes((error,)) * len(data)
        self._receive_next()

    @property
    def _flow(self) -> bool:
        """Whether the sender waits for room. An infinitely fast one has to: it would lose all but a FIFO's worth."""
        return self.char_ns == 0 or (self._handshake and bool(self._mcr & UartMcr.AUTORTS))

    def _receive_due(self) -> None:
        """Moves what has arrived by now from the line to the FIFO."""
        if not self._line or self._held:
            return
        due = len(self._line)
        if self.char_ns:
            due = min(due, (self.clock.now_ns - self._line_start) // self.char_ns)
        n = min(due, self.fifo - len(self._rx))
        if n:
            self._rx += self._line[:n]
            self._rx_errors += self._line_errors[:n]
            if self._lost:
                self._rx_errors[-n] |= CharError.OVERRUN
                self._lost = False
        if self._flow:
            due = n
        elif due > n:
            self.overruns += due - n
            self._lost = True
        del self._line[:due], self._line_errors[:due]
        self._drained = not self._line and bool(self.on_drained)
        self._line_start += due * self.char_ns
        self._held = bool(self._line) and self._flow and len(self._rx) >= self.fifo

    def _receive_next(self) -> None:
        """Lets a held sender go on, and plans for when the driver should look."""
        if self._dead:
            return
        if self._held and (len(self._rx) < self.fifo or not self._flow or not self._line):
            self._held = False
            self._line_start = self.clock.now_ns
            self._receive_due()
        if self._drained:
            self._rx_event.at(self.clock.now_ns)
        elif not self._line or self._held:
            self._rx_event.cancel()
        else:
            missing = self._trigger - len(self._rx)
            n = min(len(self._line), missing) if missing > 0 else len(self._line)
            if self._flow:
                n = min(n, self.fifo - len(self._rx))
            self._rx_event.at(self._line_start + n * self.char_ns)
        self._update()

    def _on_received(self) -> None:
        self._receive_due()
        drained, self._drained = self._drained, False
        self._receive_next()
        if drained:
            for call in tuple(self.on_drained):
                call()

    # Interrupt line

    def _status(self) -> int:
        status = 0
        if self._rx and (len(self._rx) >= self._trigger or not self._line or self._held):
            status |= UartSr.RX
        if not self._tx:
            status |= UartSr.TX
        if self._modem_changed:
            status |= UartSr.MODEM
        return status

    def _update(self) -> None:
        level = bool(self._status() & self._mask)
        if level != self._level and not self._dead:
            self._level = level
            lib.irq_line_set(self.board, self.irq, level)
