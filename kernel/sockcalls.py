"""Calls of a socket that are made of others, as Python's sockets have them; and what kinds that lack a call answer."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable
from errno import EAGAIN, EDESTADDRREQ, EINVAL, EOPNOTSUPP
from typing import TYPE_CHECKING, Any, cast

from kernel.sockname import Address, os_error

if TYPE_CHECKING:
    from kernel.sockbase import Socket

Buffer = bytes | bytearray | memoryview
_AT_ONCE = 65536  # bytes that sendall() copies for one try


class SocketCalls(ABC):
    """Every kind of socket has all of these; a kind overrides what it can do."""

    conn: int
    _files = 0  # made by makefile() and still open
    _closing = False

    def bind(self, address: Any) -> None:
        """Takes a local address and port, 0 for a free one."""
        raise os_error(EOPNOTSUPP, "bind")

    def connect(self, address: Address | None) -> None:
        """Fixes the peer; None frees it again."""
        raise os_error(EOPNOTSUPP, "connect")

    def connect_ex(self, address: Address) -> int:
        """connect() that returns the errno."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or 0
        return 0

    def listen(self, backlog: int = 8) -> None:
        """Takes calls."""
        raise os_error(EOPNOTSUPP, "listen")

    def accept(self) -> tuple[Socket, Address]:
        """The next call."""
        raise os_error(EOPNOTSUPP, "accept")

    def shutdown(self, how: int) -> None:
        """Ends one direction or both."""
        raise os_error(EOPNOTSUPP, "shutdown")

    def getsockname(self) -> Address:
        """Own address and port."""
        raise os_error(EOPNOTSUPP, "getsockname")

    def getpeername(self) -> Address:
        """The peer of connect()."""
        raise os_error(EOPNOTSUPP, "getpeername")

    # Receiving

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """The next datagram and who sent it; what is beyond ``bufsize`` is lost. Waits for one."""
        raise os_error(EOPNOTSUPP, "recvfrom")

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """recvfrom() without the sender."""
        return self.recvfrom(bufsize, flags)[0]

    def recv_into(self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> int:
        """recv() into a buffer, ``nbytes`` at most, 0: as many as it has room for; how many came."""
        view, size = _room(buffer, nbytes)
        data = self.recv(size, flags)
        view[: len(data)] = data
        return len(data)

    def recvfrom_into(self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """recvfrom() into a buffer."""
        view, size = _room(buffer, nbytes)
        data, sender = self.recvfrom(size, flags)
        view[: len(data)] = data
        return len(data), sender

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, Any]:
        """recvfrom() in the form that also has ancillary data and flags, of which there are none."""
        data, sender = self.recvfrom(bufsize, flags)
        return data, [], 0, sender

    # Sending

    def send(self, data: Buffer, flags: int = 0) -> int:
        """Sends to the peer of connect(); how many bytes were taken."""
        raise os_error(EDESTADDRREQ, "send")

    def sendto(self, data: Buffer, *args: Any) -> int:
        """sendto(data, address) or sendto(data, flags, address): one datagram. Returns its length."""
        raise os_error(EOPNOTSUPP, "sendto")

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """All of it, however often it has to wait."""
        sent = self.send(data, flags)
        rest = memoryview(data).cast("B")[sent:]
        while rest:
            rest = rest[self.send(bytes(rest[:_AT_ONCE]), flags) :]

    def sendmsg(
        self, buffers: Iterable[Buffer], ancdata: Iterable[Any] = (), flags: int = 0, address: Any = None
    ) -> int:
        """The buffers joined, by send(), or by sendto() if there is an address. Raises OSError (EINVAL: ancdata)."""
        if list(ancdata):
            raise os_error(EINVAL, "sendmsg: ancillary data")
        data = b"".join(buffers)
        return self.send(data, flags) if address is None else self.sendto(data, flags, address)

    # As a file

    def fileno(self) -> int:
        """A number that no other open socket of the board has; -1 when closed."""
        return -1 if self.conn < 0 else 3 + 4 * self.conn + self._KIND

    _KIND = 0

    def makefile(
        self,
        mode: str = "r",
        buffering: int = -1,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """The stream as a file, as open() would make it: "r", "w", "rw", each with "b" or as text.

        The socket stays open until it and all its files are closed. Raises ValueError.
        """
        if not set(mode) <= set("rwb"):
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        reading, writing = "r" in mode or "w" not in mode, "w" in mode
        raw = SocketFile(self, reading, writing)
        if buffering == 0:
            if "b" not in mode:
                raise ValueError("unbuffered streams must be binary")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering < 0 else buffering
        file: io.BufferedRWPair | io.BufferedReader | io.BufferedWriter
        if reading and writing:
            file = io.BufferedRWPair(raw, raw, size)
        else:
            file = io.BufferedReader(raw, size) if reading else io.BufferedWriter(raw, size)
        if "b" in mode:
            return file
        return io.TextIOWrapper(cast("Any", file), encoding or "utf-8", errors, newline)

    @abstractmethod
    def close(self) -> None:
        """Gives the socket up."""

    def _file_closed(self) -> None:
        self._files -= 1
        if self._closing and self._files == 0:
            self.close()


class SocketFile(io.RawIOBase):
    """What makefile() reads from and writes to."""

    def __init__(self, sock: SocketCalls, reading: bool, writing: bool) -> None:
        super().__init__()
        self._sock = sock
        self._reading, self._writing = reading, writing
        sock._files += 1

    def readable(self) -> bool:
        """Whether it was made to be read."""
        return self._reading and not self.closed

    def writable(self) -> bool:
        """Whether it was made to be written."""
        return self._writing and not self.closed

    def readinto(self, buffer: Any) -> int | None:
        """None: nothing there on a nonblocking socket. Raises OSError, TimeoutError among them."""
        if not self._reading:
            raise io.UnsupportedOperation("not readable")
        try:
            return self._sock.recv_into(buffer)
        except OSError as error:
            if _would_block(error):
                return None
            raise

    def write(self, data: Any) -> int | None:
        """None: no room on a nonblocking socket. Raises OSError, TimeoutError among them."""
        if not self._writing:
            raise io.UnsupportedOperation("not writable")
        try:
            return self._sock.send(data)
        except OSError as error:
            if _would_block(error):
                return None
            raise

    def fileno(self) -> int:
        """The socket's."""
        return self._sock.fileno()

    def close(self) -> None:
        """Lets go of the socket, which is closed now if its owner did so before."""
        if not self.closed:
            super().close()
            self._sock._file_closed()


def _would_block(error: OSError) -> bool:
    return error.errno == EAGAIN and not isinstance(error, TimeoutError)


def _room(buffer: bytearray | memoryview, nbytes: int) -> tuple[memoryview, int]:
    view = memoryview(buffer).cast("B")
    if nbytes < 0 or nbytes > len(view):
        raise ValueError("nbytes is greater than the length of the buffer" if nbytes > 0 else "negative buffersize")
    return view, nbytes or len(view)
