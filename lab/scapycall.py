"""Which of scapy's calls uses a wire just now, and with what timeout.

A socket is never told that: scapy keeps timeouts to itself, on the host's clock, and sends from a second thread while
the first one listens. Time on a bench must not move before that sender is done, and timeouts are virtual. So the wire
looks at who called it: AsyncSniffer._run() calls select(), SndRcvHandler._sndrcv_snd() calls send().
"""

from __future__ import annotations

from types import FrameType
from typing import Any, NamedTuple

from scapy.sendrecv import AsyncSniffer, SndRcvHandler

_SNIFF = AsyncSniffer._run.__code__
_SEND = SndRcvHandler._sndrcv_snd.__code__
_DEPTH = 4  # frames between scapy's function and the one that asks


class ScapyCall(NamedTuple):
    """A call that listens. ``sniffer``: whom it belongs to; ``handler``: of sr() and its kin; ``timeout``: seconds."""

    sniffer: Any
    handler: Any
    timeout: float | None

    @property
    def threaded(self) -> bool:
        """Whether another thread sends the packets of this call."""
        return self.handler is not None and bool(self.handler.threaded)

    @property
    def sending(self) -> bool:
        """Whether packets of this call are still to come."""
        return self.handler is not None and not self.handler._send_done

    @property
    def stopped(self) -> bool:
        """Whether the call has been told to end."""
        return self.sniffer is not None and not self.sniffer.continue_sniff


NO_CALL = ScapyCall(None, None, None)


def listening(frame: FrameType | None) -> ScapyCall:
    """The call that ``frame``, which called select(), belongs to; NO_CALL if that is not scapy's."""
    frame = _find(frame, _SNIFF)
    if frame is None:
        return NO_CALL
    local = frame.f_locals
    owner = getattr(local.get("prn"), "__self__", None)
    return ScapyCall(local["self"], owner if isinstance(owner, SndRcvHandler) else None, local.get("timeout"))


def sender(frame: FrameType | None) -> Any:
    """The SndRcvHandler in whose name ``frame`` called send(); None if somebody else did."""
    frame = _find(frame, _SEND)
    return None if frame is None else frame.f_locals["self"]


def _find(frame: FrameType | None, code: Any) -> FrameType | None:
    for _ in range(_DEPTH):
        if frame is None or frame.f_code is code:
            return frame
        frame = frame.f_back
    return None
