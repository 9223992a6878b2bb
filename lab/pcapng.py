"""Writes pcapng: Ethernet frames with virtual time in nanoseconds, direction, comments and drop counts.

The format is that of draft-ietf-opsawg-pcapng, version 1.0, little-endian. A file depends on nothing but what was
captured: no wall clock, no host name, no version, so one run gives the same bytes on any machine.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

Direction: TypeAlias = Literal["unknown", "in", "out"]

LINKTYPE_ETHERNET = 1
SNAPLEN = 0x40000
"""Most bytes of a frame that are written; Wireshark's own limit. Longer ones are cut and keep their original length."""

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE_DESCRIPTION = 1
_INTERFACE_STATISTICS = 5
_ENHANCED_PACKET = 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D

_OPT_COMMENT = 1
_SHB_HARDWARE, _SHB_OS, _SHB_USERAPPL = 2, 3, 4
_IF_NAME, _IF_DESCRIPTION, _IF_MACADDR, _IF_SPEED, _IF_TSRESOL = 2, 3, 6, 8, 9
_EPB_FLAGS = 2
_ISB_STARTTIME, _ISB_ENDTIME, _ISB_IFRECV, _ISB_IFDROP = 2, 3, 4, 5

_TSRESOL_NS = 9  # timestamps count 10^-9 s
_DIRECTION_BITS: dict[Direction, int] = {"unknown": 0, "in": 1, "out": 2}


@dataclass(frozen=True)
class Interface:
    """One captured interface: its name, its rate in bit/s (0: not told) and its MAC address (empty: not told)."""

    name: str
    speed: int = 0
    description: str = ""
    mac: bytes = b""


class PcapngWriter:
    """Writes one section to a binary stream, which stays the caller's to close.

    ``hardware``, ``os`` and ``userappl`` say in the file's header what was captured, where and by what.
    """

    def __init__(
        self,
        stream: BinaryIO,
        interfaces: Sequence[Interface],
        *,
        hardware: str = "",
        os: str = "nutloop",
        userappl: str = "nutloop",
    ) -> None:
        """Writes the section header and the interfaces; packets name an interface by its index in `interfaces`."""
        self._stream = stream
        self._frames = [0] * len(interfaces)
        about = _text(_SHB_HARDWARE, hardware) + _text(_SHB_OS, os) + _text(_SHB_USERAPPL, userappl)
        unknown_length = -1
        self._block(_SECTION_HEADER, struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, unknown_length), about)
        for interface in interfaces:
            self._interface(interface)

    def packet(
        self,
        interface: int,
        ns: int,
        frame: bytes,
        *,
        direction: Direction = "unknown",
        comments: Sequence[str] = (),
        original_length: int | None = None,
    ) -> None:
        """Writes one frame, without FCS.

        `ns` is the virtual time in nanoseconds; `direction` is seen from the interface: "in" is what it receives.
        `original_length` is the length on the wire if the capture kept less. Raises ValueError for an interface or a
        time that the file cannot hold.
        """
        self._check(interface, ns)
        data = frame[:SNAPLEN]
        length = len(frame) if original_length is None else original_length
        header = struct.pack("<IIIII", interface, ns >> 32, ns & 0xFFFFFFFF, len(data), max(length, len(data)))
        options = b"".join(_text(_OPT_COMMENT, comment) for comment in comments)
        if direction != "unknown":
            options += _option(_EPB_FLAGS, struct.pack("<I", _DIRECTION_BITS[direction]))
        self._block(_ENHANCED_PACKET, header + _pad(data), options)
        self._frames[interface] += 1

    def statistics(self, interface: int, start_ns: int, end_ns: int, dropped: int, received: int | None = None) -> None:
        """Writes what happened on an interface between two virtual times, usually once, after its last frame.

        `dropped` counts frames lost for want of room, `received` all that came by, by default those in the file and
        those dropped. Raises ValueError as :meth:`packet` does.
        """
        self._check(interface, start_ns)
        self._check(interface, end_ns)
        if received is None:
            received = self._frames[interface] + dropped
        header = struct.pack("<III", interface, end_ns >> 32, end_ns & 0xFFFFFFFF)
        options = (
            _option(_ISB_STARTTIME, struct.pack("<II", start_ns >> 32, start_ns & 0xFFFFFFFF))
            + _option(_ISB_ENDTIME, struct.pack("<II", end_ns >> 32, end_ns & 0xFFFFFFFF))
            + _option(_ISB_IFRECV, struct.pack("<Q", received))
            + _option(_ISB_IFDROP, struct.pack("<Q", dropped))
        )
        self._block(_INTERFACE_STATISTICS, header, options)

    def _interface(self, interface: Interface) -> None:
        options = _text(_IF_NAME, interface.name) + _text(_IF_DESCRIPTION, interface.description)
        if interface.mac:
            options += _option(_IF_MACADDR, interface.mac)
        if interface.speed:
            options += _option(_IF_SPEED, struct.pack("<Q", interface.speed))
        options += _option(_IF_TSRESOL, bytes([_TSRESOL_NS]))
        self._block(_INTERFACE_DESCRIPTION, struct.pack("<HHI", LINKTYPE_ETHERNET, 0, SNAPLEN), options)

    def _check(self, interface: int, ns: int) -> None:
        if not 0 <= interface < len(self._frames):
            raise ValueError(f"pcapng: no interface {interface}; the file has {len(self._frames)}, counted from 0")
        if not 0 <= ns < 1 << 64:
            raise ValueError(f"pcapng: time {ns} ns does not fit in 64 bits; virtual time is never negative")

    def _block(self, kind: int, body: bytes, options: bytes) -> None:
        if options:
            options += _option(0, b"")  # end of options
        length = 12 + len(body) + len(options)
        self._stream.write(b"".join((struct.pack("<II", kind, length), body, options, struct.pack("<I", length))))


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _pad(value)


def _text(code: int, text: str) -> bytes:
    """A text option, cut to what its 16-bit length can hold; nothing for an empty text."""
    data = text.encode("utf-8")[:0xFFFF]
    return _option(code, data.decode("utf-8", "ignore").encode("utf-8")) if data else b""
