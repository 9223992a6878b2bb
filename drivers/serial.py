"""The serial driver and the console on it: NuttX's upper half (drivers/serial/serial.c) with a 16550-like lower half.

Two circular buffers stand between tasks and the UART's FIFOs; the interrupt handler moves characters between them and
wakes whoever waits. Output is processed (ONLCR: LF becomes CR LF); input is handed on as it comes, since the shell's
readline does the echo and understands CR and LF. While a foreground task is set, Ctrl-C is not input but SIGINT for it.

The receive buffer has flow control (SERIAL_IFLOWCONTROL): when it is full the driver stops reading, the FIFO fills and
the UART takes RTS away. Without it what does not fit is dropped, as in NuttX.
"""

from __future__ import annotations

from errno import EINTR
from sys import _getframe
from typing import TYPE_CHECKING, Any, Protocol

from drivers.uartregs import CharError, UartMcr, UartReg, UartSr
from kernel.core import ACT_BASE, lib
from kernel.errors import AssertionFailed
from kernel.sync import Mutex, Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

SIGINT = 2
CTRL_C = b"\x03"
BUFSIZE = 256  # CONFIG_UART_RXBUFSIZE and CONFIG_UART_TXBUFSIZE; one place stays free, as in any ring
DRAIN_TICKS = 1  # between two looks whether the transmitter is done


class SerialDevice(Protocol):
    """The UART that this driver is handed."""

    irq: int

    def read(self, reg: int) -> int: ...
    def write(self, reg: int, value: int) -> None: ...
    def take(self, n: int) -> tuple[bytes, bytes]: ...
    def put(self, data: bytes) -> int: ...
    def put_polled(self, data: bytes) -> int: ...


class SerialDriver:
    """One serial port, open from the start because it is the console.

    ``read`` and ``write`` are for tasks and may wait; ``puts`` is for everybody, and for syslog, unless that goes to
    memory (RAMLOG_SYSLOG). ``received``, ``sent`` and the other counters count characters.
    """

    def __init__(
        self, kernel: Kernel, uart: SerialDevice, name: str = "ttyS0", *, rxsize: int = BUFSIZE, txsize: int = BUFSIZE
    ) -> None:
        options = kernel.options
        self.kernel = kernel
        self.uart = uart
        self.name = name
        self.received = self.sent = self.dropped = 0
        self.framing_errors = self.parity_errors = self.breaks = self.overruns = 0
        self._iflow = bool(options.get("SERIAL_IFLOWCONTROL"))
        self._reg_ns = round(float(options.get("COST_REG", 0)) * 1000 / float(options.get("CPU_MHZ", 1000)))
        self._rxroom = rxsize - 1
        self._txroom = txsize - 1
        self._recv = bytearray()
        self._xmit = bytearray()
        self._recvsem = Semaphore(kernel, what=f"input on {name}")
        self._xmitsem = Semaphore(kernel, what=f"room to send on {name}")
        self._xmitlock = Mutex(kernel, f"{name} xmit")
        self._foreground: int | None = None
        self._panic_char = int(options["TTY_FORCE_PANIC_CHAR"]) if options.get("TTY_FORCE_PANIC") else None
        self._panic_repeat = int(options.get("TTY_FORCE_PANIC_REPEAT_COUNT", 1))
        self._panic_count = 0
        if not options.get("RAMLOG_SYSLOG"):
            kernel.syslog.console = self.puts
        kernel.irqs.attach(uart.irq, self.interrupt, name="uart_interrupt")
        uart.write(UartReg.MCR, UartMcr.DTR | UartMcr.RTS | (UartMcr.AUTORTS if self._iflow else 0))
        self._mask = 0
        self._enable(UartSr.RX)
        kernel.irqs.enable(uart.irq)

    # Tasks

    def read(self, n: int) -> bytes:
        """Up to ``n`` characters, waiting for the first; b"" if the console goes away. Raises InterruptedError."""
        if n <= 0:
            return b""
        while not self._recv:
            r = self._recvsem.wait()
            if r == -EINTR:
                raise InterruptedError(EINTR, f"{self.name}: a signal ended the read")
            if r < 0:
                return b""
        data = bytes(self._recv[:n])
        del self._recv[:n]
        self._enable(UartSr.RX)  # the handler masks it when the buffer is full
        self._charge(1)
        return data

    def wait_input(self, ticks: int) -> bool:
        """poll(POLLIN): whether there is something to read within so many ticks; -1: however long it takes.

        Raises InterruptedError.
        """
        if not self._recv and self._recvsem.wait(ticks) == -EINTR:
            raise InterruptedError(EINTR, f"{self.name}: a signal ended the wait")
        return bool(self._recv)

    def write(self, data: bytes) -> int:
        """Writes all of ``data``, waiting while the transmit buffer is full; no other task's output comes between.

        Returns its length. Raises InterruptedError when a signal ends the wait; what was not buffered by then is lost.
        """
        text = data.replace(b"\n", b"\r\n")
        with self._xmitlock:
            done = 0
            while done < len(text):
                room = self._txroom - len(self._xmit)
                if room > 0:
                    self._xmit += text[done : done + room]
                    done += room
                    self._enable(UartSr.TX)
                    self._charge(1)
                    continue
                r = self._xmitsem.wait()
                if r == -EINTR:
                    raise InterruptedError(EINTR, f"{self.name}: a signal ended the write")
                if r < 0:
                    break
        return len(data)

    def drain(self) -> None:
        """tcdrain(): waits until everything written is on the line. Raises InterruptedError on a signal."""
        while self._xmit or not self.uart.read(UartReg.SR) & UartSr.TX:
            if self.kernel.ticksleep(DRAIN_TICKS) == -EINTR:
                raise InterruptedError(EINTR, f"{self.name}: a signal ended the drain")

    def set_foreground(self, pid: int | None) -> int | None:
        """TIOCSCTTY: Ctrl-C sends SIGINT to that task. None: it is a character like any other.

        Returns what it was before.
        """
        before, self._foreground = self._foreground, pid
        return before

    # Everybody

    def puts(self, text: str) -> int:
        """up_nputs(): prints at once, even in a handler, behind what is buffered. The caller polls meanwhile.

        Returns for how many ns.
        """
        pending, ahead = text.encode("utf-8", "backslashreplace").replace(b"\n", b"\r\n"), bytes(self._xmit)
        self._xmit.clear()
        self.sent += len(ahead) + len(pending)
        spinning = self.uart.put_polled(ahead + pending)
        self._wake(self._xmitsem)
        self._burn(spinning)
        return spinning

    # Interrupt

    def interrupt(self, irq: int, _arg: Any) -> None:
        """The handler: receives and transmits until the UART wants nothing any more."""
        uart = self.uart
        while status := uart.read(UartReg.SR) & self._mask:
            self._charge(1)
            if status & UartSr.RX:
                self._recvchars()
            if status & UartSr.TX:
                self._xmitchars()

    def _recvchars(self) -> None:
        room = self._rxroom - len(self._recv)
        if room == 0 and self._iflow:
            self._disable(UartSr.RX)
            return
        chars, errors = self.uart.take(room if self._iflow else self._rxroom)
        self._charge(len(chars))
        if any(errors):
            chars = self._good(chars, errors)
        if self._panic_char is not None:
            self._check_panic(chars)
        interrupted = self._foreground is not None and CTRL_C in chars
        if interrupted:
            chars = chars.replace(CTRL_C, b"")
        self.received += len(chars)
        self.dropped += max(0, len(chars) - room)
        self._recv += chars[:room]
        if self._recv:
            self._wake(self._recvsem)
        if interrupted and self._foreground is not None:
            self.kernel.kill(self._foreground, SIGINT)

    def _check_panic(self, chars: bytes) -> None:
        """CONFIG_TTY_FORCE_PANIC: a character, repeated, crashes a board on which nothing else answers."""
        for c in chars:
            self._panic_count = self._panic_count + 1 if c == self._panic_char else 0
            if self._panic_count >= self._panic_repeat:
                raise AssertionFailed("Force panic by user.", _getframe())

    def _good(self, chars: bytes, errors: bytes) -> bytes:
        """Counts what is wrong, and leaves out what is damaged. An overrun lost others, not the one it is marked on."""
        self.framing_errors += sum(bool(e & CharError.FRAMING) for e in errors)
        self.parity_errors += sum(bool(e & CharError.PARITY) for e in errors)
        self.breaks += sum(bool(e & CharError.BREAK) for e in errors)
        self.overruns += sum(bool(e & CharError.OVERRUN) for e in errors)
        return bytes(c for c, e in zip(chars, errors, strict=True) if not e & ~CharError.OVERRUN)

    def _xmitchars(self) -> None:
        n = self.uart.put(bytes(self._xmit))
        del self._xmit[:n]
        self.sent += n
        self._charge(n)
        if not self._xmit:
            self._disable(UartSr.TX)
        self._wake(self._xmitsem)

    @staticmethod
    def _wake(sem: Semaphore) -> None:
        while sem.value < 0:
            sem.post()

    # Registers

    def _enable(self, bits: int) -> None:
        if bits & ~self._mask:
            self._mask |= bits
            self.uart.write(UartReg.IMR, self._mask)

    def _disable(self, bits: int) -> None:
        self._mask &= ~bits
        self.uart.write(UartReg.IMR, self._mask)

    def _charge(self, accesses: int) -> None:
        """Each register access has its cost (COST_REG), paid by whoever runs."""
        if self._reg_ns:
            self._burn(accesses * self._reg_ns)

    def _burn(self, ns: int) -> None:
        r = lib.cpu_burn(self.kernel.board, ns)  # the host, which can pay nothing, gets an errno
        if r >= ACT_BASE:
            self.kernel.clock.follow(r)
