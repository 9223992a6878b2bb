"""Writes what passes a port to a pcapng file: virtual time in ns, direction, what the wire did to a frame, drop counts.

A file depends on nothing but the run: the same seed gives the same bytes. It opens in Wireshark at any time; what is
still missing is written once a virtual second, by :meth:`Capture.flush`, and when the bench closes.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from board.wire import NS, Captured, Port
from kernel.clock import Event
from kernel.core import lib
from kernel.errors import BenchError
from lab.pcapng import Interface, PcapngWriter

if TYPE_CHECKING:
    from board.board import Board

MEGA = 1_000_000


class PortCapture:
    """A capture of one port, written to a binary stream. One port has one capture at a time.

    ``hardware``: what the file's header names as the captured machine.
    """

    def __init__(self, port: Port, stream: BinaryIO, *, name: str, hardware: str = "", mac: bytes = b"") -> None:
        self._port = port
        self._clock = port.clock
        self._stream = stream
        self._start = port.clock.now_ns
        self._drops = port.capture_drops
        interface = Interface(name, speed=port.link * MEGA, mac=mac)
        self._writer = PcapngWriter(stream, [interface], hardware=hardware)
        self.frames = 0
        self.closed = False
        port.captured()  # what an earlier capture left
        port.capture()
        self._event = Event(self._clock, self._every_second, housekeeping=True)
        self._event.at(self._start + NS)

    @property
    def drops(self) -> int:
        """Frames that are missing in the file: between two writes more came than memory was set aside for."""
        return self._port.capture_drops - self._drops

    def flush(self) -> None:
        """Writes what was captured up to now."""
        if not self.closed:
            for record in sorted(self._port.captured(), key=_time):
                self._write(record)
            self._stream.flush()

    def close(self) -> None:
        """Writes the rest and the counts. Idempotent; the stream stays the caller's."""
        if self.closed:
            return
        self.flush()
        self._writer.statistics(0, self._start, self._clock.now_ns, self.drops)
        self._stream.flush()
        self._port.capture_stop()
        self.closed = True
        self._clock.events.pop(self._event.number, None)
        lib.pyevent_free(self._clock.bench, self._event.number)

    def _every_second(self) -> None:
        self.flush()
        self._event.at(self._clock.now_ns + NS)

    def _write(self, record: Captured) -> None:
        words = record.flags.words()
        self._writer.packet(
            0,
            record.time,
            record.data,
            direction="out" if record.outgoing else "in",
            comments=[words] if words else [],
            original_length=record.length,
        )
        self.frames += 1


def _time(record: Captured) -> int:
    """A frame is recorded when somebody looks, which may be later than it arrived."""
    return record.time


class Capture:
    """A capture of a board's eth0 in a file, ended by :meth:`close` or by its bench. Made by ``b.capture(path)``.

    Directions are the board's: "in" is what it receives. Raises OSError if the file cannot be written,
    BenchError, and leaves files alone, if the bench is closed.
    """

    def __init__(self, board: Board, path: str) -> None:
        if board.bench.clock.closed:
            raise BenchError("the bench is closed")
        self.path = path
        try:
            self._file = open(path, "wb")  # noqa: SIM115 - closed with the bench
        except OSError as error:
            raise OSError(error.errno, f"cannot write the capture {path}: {error.strerror}") from error
        model = board.eth0.mac_model
        self._capture = PortCapture(model, self._file, name=board.eth0.name, hardware=board.name, mac=model.address)
        board.bench.on_close.append(self.close)

    @property
    def frames(self) -> int:
        """Frames in the file up to now."""
        return self._capture.frames

    @property
    def drops(self) -> int:
        """Frames that are missing in it."""
        return self._capture.drops

    def flush(self) -> None:
        """Writes what was captured up to now."""
        self._capture.flush()

    def close(self) -> None:
        """Ends the capture and closes the file. Idempotent."""
        if not self._file.closed:
            self._capture.close()
            self._file.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
