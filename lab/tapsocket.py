"""A passive scapy socket on a wire, with a real descriptor: for listeners that have a thread of their own.

AsyncSniffer and Automaton wait in a thread, and no thread but the bench's own may move time. So this socket moves
nothing: while the bench runs, frames that arrive go into a pipe, which any thread can select on. In a live bench other
threads may send through it, too; what they send leaves as soon as the bench's thread looks.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from scapy.automaton import ObjectPipe
from scapy.compat import raw
from scapy.layers.l2 import Ether
from scapy.supersocket import SuperSocket

from board.wire import NS, Arrival
from kernel.core import lib
from kernel.errors import BenchError

if TYPE_CHECKING:
    from board.eth import EthernetPort

LIMIT = 32768  # frames that wait to be read; the pipe holds a byte for each, and a full pipe would stop the bench


class TapSocket(SuperSocket):
    """Hears every frame that arrives at the host's end of a wire while the bench runs. Made by ``wire.passive()``.

    ``drops``: frames that came while it held LIMIT unread ones.
    """

    desc = "a listener on a wire to a nutloop board"

    def __init__(self, port: EthernetPort) -> None:
        self.closed = True
        bench, host = port.board.bench, port.host
        if host is None:
            raise BenchError(f"{port.board.name}: {port.name} is not plugged into the host's end of a wire")
        self._clock = bench.clock
        self._host = host
        self.iface = host.name
        self.drops = 0
        self._put = self._taken = 0
        self._reader = host.reader()
        self.ins: Any = ObjectPipe(host.name)
        self.outs: Any = None
        self.closed = False
        lib.host_wait(self._clock.bench, host.number, self._reader.number, True)
        self._clock.on_wake.append(self._drain)
        self._drain()
        bench.on_close.append(self._release)

    @property
    def pending(self) -> int:
        """Frames that have arrived and that nobody has read yet."""
        return self._put - self._taken

    def _drain(self) -> None:
        """Runs whenever a frame has arrived, between two instants."""
        if self.closed:
            self._release()
            return
        while (arrival := self._reader.poll()) is not None:
            if self.pending >= LIMIT:
                self.drops += 1
            else:
                self._put += 1
                self.ins.send(arrival)

    # What scapy calls

    def recv_raw(self, x: int = 65535) -> tuple[Any, bytes | None, float | None]:
        """The next frame and its virtual time; waits for it in real time. Raises EOFError at the end."""
        arrival: Arrival | None = self.ins.recv()
        if arrival is None:
            raise EOFError
        self._taken += 1
        return Ether, arrival.data, arrival.time / NS

    def send(self, x: Any) -> int:
        """Sends a packet or bytes; returns the length.

        Raises BenchError on a thread other than the bench's, unless the bench is live: in lockstep nobody looks.
        """
        frame = raw(x)
        if hasattr(x, "sent_time"):
            x.sent_time = self._clock.now_ns / NS
        if threading.get_ident() == self._clock.thread:
            self._host.send(frame)
        else:
            self._clock.post(partial(self._host.send, frame))
        return len(frame)

    @staticmethod
    def select(sockets: list[Any], remain: float | None = None) -> list[Any]:
        """Those that can be read, waiting ``remain`` seconds of the host's time."""
        ready: list[Any] = ObjectPipe.select(sockets, remain)
        return ready

    def fileno(self) -> int:
        """The descriptor to select on."""
        number: int = self.ins.fileno()
        return number

    def close(self) -> None:
        """Hears no more. Idempotent. On another thread, the bench's own lets go of the wire when it looks next."""
        if self.closed:
            return
        self.closed = True
        self.ins.close()
        if threading.get_ident() == self._clock.thread:
            self._release()

    def _release(self) -> None:
        """Gives back what belongs to the bench, and tells a reader that there is no more. Idempotent.

        The pipe is left to that reader: it may be waiting on the descriptor just now.
        """
        if self._reader.closed:
            return
        self._clock.on_wake.remove(self._drain)
        self._reader.close()
        if not self.closed:
            self.ins.send(None)
