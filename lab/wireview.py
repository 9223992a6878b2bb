"""What one call of scapy hears of a wire, and the select() under all of them, which makes time move.

scapy closes a socket that it has heard to the end, and its timeouts are on the host's clock. So each call that listens
gets a view of the wire with a deadline of its own in virtual time. Where scapy is given the socket itself instead
(``sniff(opened_socket=wire)``, ``srp(..., iface="nl0")``), the call is recognised and its timeout is virtual all the
same; with ``threaded=False`` it is then one on the host's clock as well.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

from scapy.automaton import select_objects
from scapy.compat import raw
from scapy.layers import inet  # noqa: F401  so that packets are dissected
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.supersocket import SuperSocket

from board.wire import NS, Arrival, HostEnd, Reader
from kernel.clock import Clock, Event
from kernel.core import lib
from kernel.errors import BenchError
from lab import scapycall

BARE = ("IP", "IPv6")  # what scapy calls packets that have no Ethernet header yet
SENDER_POLL = 0.001  # host seconds between two looks whether scapy's sending thread is done
LIVE_SLICE_NS = 1_000_000  # live: how long the bench runs between two looks whether it sent more, or says stop


class Line:
    """The frames that arrive at the host's end of a wire, from the first look on, in the order they come.

    ``before``: those that arrived before a call that looks only at what is new.
    """

    def __init__(self, clock: Clock, host: HostEnd, outgoing: bool) -> None:
        self.clock = clock
        self.host = host
        self.before: deque[Arrival] = deque()
        self.arrived: deque[Arrival] = deque()
        self._outgoing = outgoing
        self._reader: Reader | None = None

    def open(self) -> Reader:
        """Listens, if it did not."""
        if self._reader is None:
            self._reader = self.host.reader(outgoing=self._outgoing)
        return self._reader

    def close(self) -> None:
        """Listens no more and forgets. Idempotent."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            self.arrived.clear()
            self.before.clear()

    def fetch(self) -> deque[Arrival]:
        """What has arrived by now."""
        reader = self.open()
        while (arrival := reader.poll()) is not None:
            self.arrived.append(arrival)
        return self.arrived

    def set_aside(self) -> None:
        """A call begins that looks only at what comes from here on."""
        self.before.extend(self.fetch())
        self.arrived.clear()

    def wait(self, waiting: bool) -> None:
        """Whether an arrival ends the host's wait."""
        if not self.clock.closed:
            lib.host_wait(self.clock.bench, self.host.number, self.open().number, waiting)

    @property
    def drops(self) -> int:
        """Frames that were lost because too many unread ones lay before them."""
        return self._reader.drops if self._reader is not None else 0


class WireView(SuperSocket):
    """A scapy socket on a line, until a deadline.

    ``timeout``: virtual seconds after the last packet sent; None: until nothing can happen any more. ``inter``: virtual
    seconds between packets. ``fresh``: not what arrived before the call. ``given``: its maker says all that,
    scapy's call is not asked.
    """

    desc = "a wire to a nutloop board"
    nonblocking_socket = True  # it ends by itself: no pipe is needed to wake it

    def __init__(
        self, line: Line, *, timeout: float | None = None, inter: float = 0.0, fresh: bool = False, given: bool = True
    ) -> None:
        self.ins: Any = None
        self.outs: Any = None
        self.iface = line.host.name
        self._line = line
        self._timeout = timeout
        self._gap = round(inter * NS)
        self._fresh = fresh
        self._given = given
        self._sniffer: Any = None  # the call it serves, by which calls are told apart
        self._handler: Any = None
        self._until: int | None = None
        self._ended = False
        self._leaves = 0  # when the last packet leaves, ns
        self._outbox: deque[tuple[int, bytes]] = deque()
        self._event: Event | None = None

    # Sending

    def send(self, x: Any) -> int:
        """Sends a packet or bytes as one frame; returns its length. ``sent_time`` of a packet becomes virtual.

        Raises TypeError for an IP packet without Ethernet header, OSError for an empty or impossibly long frame, and
        BenchError on a thread that is not the bench's, unless scapy's sr() runs it.
        """
        if isinstance(x, Packet) and x.name in BARE:
            raise TypeError(f"a wire carries Ethernet frames: put Ether()/ before {x.name}")
        clock = self._line.clock
        handler = scapycall.sender(sys._getframe(1))
        if handler is not None and handler is not self._handler:
            self._adopt(handler)
        frame = raw(x)
        now = clock.now_ns
        leaves = max(now, self._leaves + self._gap) if self._leaves else now
        self._leaves = leaves
        if hasattr(x, "sent_time"):
            x.sent_time = leaves / NS
        if threading.get_ident() != clock.thread:
            if handler is None:
                raise BenchError(f"{self.iface}: only the bench's own thread sends here; see wire.passive()")
            self._outbox.append((leaves, frame))
        elif leaves > now:
            self._outbox.append((leaves, frame))
            self._flush()
        else:
            self._line.host.send(frame)
        return len(frame)

    def _adopt(self, handler: Any) -> None:
        """A call of scapy's own begins to send: from here on its times are virtual ones."""
        if handler._flood:
            raise BenchError("a flood never stops sending, and time stands still meanwhile: use sr() with a list")
        self._handler, self._until, self._leaves = handler, None, 0
        if self._line.clock.live:
            return
        if handler.timeout is not None:
            self._timeout, handler.timeout = handler.timeout, None
        if handler.inter:
            self._gap, handler.inter = round(handler.inter * NS), 0

    def _flush(self) -> None:
        """Sends what is due, and sets the alarm for the next packet."""
        line = self._line
        while self._outbox and self._outbox[0][0] <= line.clock.now_ns:
            line.host.send(self._outbox.popleft()[1])
        if self._outbox:
            if self._event is None:
                self._event = Event(line.clock, self._flush)
            self._event.at(self._outbox[0][0])

    # Receiving

    def recv_raw(self, x: int = 65535) -> tuple[Any, bytes | None, float | None]:
        """The next frame and its virtual time. Lets time pass until it is there; (None, None, None) if none comes.

        Raises EOFError where select() found that the call is over.
        """
        if self._ended:
            self._forget()
            raise EOFError
        arrival = self._take()
        if arrival is None and self._advance([self], None):
            arrival = self._take()
        if arrival is None:
            return None, None, None
        return Ether, arrival.data, arrival.time / NS

    def _forget(self) -> None:
        self._ended, self._sniffer, self._until = False, None, None

    def _take(self) -> Arrival | None:
        if not self._fresh and self._line.before:
            return self._line.before.popleft()
        arrived = self._line.fetch()
        return arrived.popleft() if arrived else None

    def _ready(self) -> bool:
        return bool(self._line.fetch()) or (bool(self._line.before) and not self._fresh) or self._ended

    @staticmethod
    def select(sockets: list[Any], remain: float | None = None) -> list[Any]:
        """Those of ``sockets`` that have something to read, moving time until there is one.

        Sockets of other kinds are asked without waiting. A wire whose call is over is ready, too: reading it raises
        EOFError. Outside scapy's own calls ``remain`` is virtual seconds after which the answer is [].
        """
        ours = [s for s in sockets if isinstance(s, WireView)]
        others = [s for s in sockets if not isinstance(s, WireView)]
        if not ours:
            return _ready(others)
        call = scapycall.listening(sys._getframe(1))
        for s in ours:
            s._begin(call)
        clock = ours[0]._line.clock
        limit = None if call.sniffer is not None or remain is None else clock.now_ns + round(remain * NS)
        while True:
            ready = [s for s in ours if s._ready()] + _ready(others)
            if ready:
                return ready
            if call.stopped:
                return []
            if call.sending and not clock.live:
                time.sleep(SENDER_POLL)  # time stands still until all its packets are here
                continue
            for s in ours:
                s._flush()
            pause = clock.now_ns + LIVE_SLICE_NS if call.threaded and clock.live else limit
            if not WireView._advance(ours, pause):
                over = [s for s in ours if s._over(pause)]
                if over or pause is limit:
                    return over

    def _begin(self, call: scapycall.ScapyCall) -> None:
        if call.sniffer is not self._sniffer:
            self._forget()
            self._sniffer = call.sniffer
            if not self._given and (call.handler is None or call.handler is not self._handler):
                self._timeout = call.timeout

    def _deadline(self) -> int | None:
        if self._until is None and self._timeout is not None:
            self._until = max(self._line.clock.now_ns, self._leaves) + round(self._timeout * NS)
        return self._until

    def _over(self, limit: int | None) -> bool:
        """Nothing came. Whether this call is over, or only this wait."""
        now = self._line.clock.now_ns
        if self._until is not None:
            self._ended = now >= self._until
        else:
            self._ended = limit is None or now < limit
        return self._ended

    @staticmethod
    def _advance(views: list[WireView], limit: int | None) -> bool:
        """Moves time until a frame is there for one of them. False if their earliest deadline came first."""
        clock = views[0]._line.clock
        if any(view._line.clock is not clock for view in views):
            raise ValueError("these wires belong to different benches, whose times have nothing in common")
        deadlines = [d for view in views if (d := view._deadline()) is not None]
        until = min([*deadlines, limit] if limit is not None else deadlines, default=None)
        for view in views:
            view._line.wait(True)
        try:
            while clock.run(until, wait=True):
                if any(view._ready() for view in views):
                    return True
            return any(view._ready() for view in views)
        finally:
            for view in views:
                view._line.wait(False)

    # The rest of a socket

    def fileno(self) -> int:
        """-1: it has no descriptor. Who needs one uses :meth:`lab.wire.WireSocket.passive`."""
        return -1

    def close(self) -> None:
        """This call is over. Idempotent."""
        self.closed = True
        if self._event is not None:
            clock = self._line.clock
            clock.events.pop(self._event.number, None)
            if not clock.closed:
                lib.pyevent_free(clock.bench, self._event.number)
            self._event = None


def _ready(others: list[Any]) -> list[Any]:
    """Those that can be read now, asked the way each kind wants it."""
    ready = []
    for s in others:
        ask = getattr(s, "select", None)
        if getattr(s, "closed", False) or (ask([s], 0) if ask is not None else select_objects([s], 0)):
            ready.append(s)
    return ready
