"""The host's end of a wire as a scapy socket that drives the simulation.

While scapy listens on it, time on the bench moves: to the next frame, to the call's deadline in virtual seconds, or
until nothing can happen any more, which ends a call at once. So a test that something is not answered within five
seconds takes no time, and no timeout depends on how long scapy needs to build and dissect packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.core import lib
from kernel.errors import BenchError

try:
    from scapy import sendrecv
    from scapy.layers.l2 import Ether
except ImportError as error:
    raise BenchError(f"a wire needs scapy ({error}): `pip install 'nutloop[scapy]'`") from None

from lab import scapynet
from lab.wireview import Line, WireView

if TYPE_CHECKING:
    from board.eth import EthernetPort
    from lab.tapsocket import TapSocket

QUIET = {"threaded": False, "verbose": 0, "chainEX": True, "chainCC": True}  # unless the caller says otherwise


class WireSocket(WireView):
    """A scapy SuperSocket on the host's end of a board's cable. Made by ``b.eth0.wire()``.

    sr() and its kin look only at what arrives after the call; what came before stays for sniff() and recv(), up to 16
    MB. ``outgoing``: it also hears what the host's end sends. Closing it forgets what has arrived; it can be used
    again. Raises BenchError if the cable leads elsewhere.
    """

    _views: type[WireView] = WireView

    def __init__(self, port: EthernetPort, *, outgoing: bool = False) -> None:
        clock, host = port.board.bench.clock, port.host
        self.closed = True
        if port.tap is not None:
            raise BenchError(
                f"{port.board.name}: {port.name} is attached to TAP {port.tap.name}; use capture() or the TAP itself"
            )
        name = host.name if host is not None else "a wire"
        if host is None or lib.port_peer(clock.bench, host.number) <= 0:
            raise BenchError(f"{port.board.name}: {port.name} is plugged into something else than {name}")
        super().__init__(Line(clock, host, outgoing), given=False)
        self._port = port
        self._line.open()
        self.closed = False
        scapynet.register(port)

    @property
    def drops(self) -> int:
        """Frames that were lost because too many unread ones lay before them."""
        return self._line.drops

    def _view(self, timeout: float | None, inter: float = 0.0, *, fresh: bool = False) -> WireView:
        if fresh:
            self._line.set_aside()
        return self._views(self._line, timeout=timeout, inter=inter, fresh=fresh)

    def sr(self, pkt: Any, timeout: float | None = None, inter: float = 0.0, **options: Any) -> Any:
        """Sends packets and matches the answers: (answered, unanswered). Other options are scapy's.

        ``timeout``: virtual seconds after the last packet; None: until nothing can happen any more. ``inter``: virtual
        seconds between two packets.
        """
        with self._view(timeout, inter, fresh=True) as view:
            return sendrecv.sndrcv(view, pkt, **(QUIET | options))

    def sr1(self, pkt: Any, timeout: float | None = None, inter: float = 0.0, **options: Any) -> Any:
        """Sends packets and returns the first answer, None if there is none. See :meth:`sr`."""
        answered, _ = self.sr(pkt, timeout, inter, **options)
        return answered[0][1] if len(answered) else None

    srp, srp1 = sr, sr1

    def sniff(self, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """What has arrived, and what arrives within ``timeout`` virtual seconds or until nothing can happen any more.

        Other options are scapy's (count, prn, lfilter, stop_filter, ...).
        """
        with self._view(timeout) as view:
            return sendrecv.sniff(*args, opened_socket=view, **options)

    def bridge_and_sniff(self, other: Any, timeout: float | None = None, **options: Any) -> Any:
        """Forwards frames between this wire and another of the same bench, and returns them. Other options: scapy's."""
        with self._view(timeout) as view:
            peer = other._view(timeout) if isinstance(other, WireSocket) else other
            return sendrecv.bridge_and_sniff(view, peer, **options)  # type: ignore[arg-type]

    def passive(self) -> TapSocket:
        """A second socket on this wire, with a descriptor, for listeners with a thread of their own (AsyncSniffer)."""
        from lab.tapsocket import TapSocket

        return TapSocket(self._port)

    def close(self) -> None:
        """Forgets what has arrived and stops listening, until it is used again. Idempotent."""
        if hasattr(self, "_line"):  # scapy closes it even if it could not be made
            super().close()
            self._line.close()


class L3View(WireView):
    """A view for packets that begin with IP or IPv6."""

    def send(self, x: Any) -> int:
        """Sends an IP packet in an Ethernet frame to the board, or to whoever has its address."""
        frame = Ether() / x
        length = super().send(frame)
        x.sent_time = frame.sent_time
        return length

    def recv(self, x: int = 65535, **options: Any) -> Any:
        """The next packet without its Ethernet header."""
        packet = super().recv(x, **options)
        if packet is None:
            return None
        inner = packet.payload
        inner.time = packet.time
        return inner


class WireL3Socket(L3View, WireSocket):
    """The same for packets that begin with IP or IPv6: what scapy's send() and sr() use for a board's address."""

    _views = L3View
