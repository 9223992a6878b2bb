"""ICMP sockets, as ping and ping6 use them: socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), and the same of AF_INET6.

A message is the ICMP header and its data; the checksum is filled in. A request waits in the socket until the device is
polled for it and only then takes buffers; replies with the identifier of the last request are received.
"""

from __future__ import annotations

from errno import EAGAIN, EDESTADDRREQ, ENETUNREACH
from typing import TYPE_CHECKING, Any

from kernel.core import buffer, check, lib
from kernel.inet import unpack_address
from kernel.neighbor import resolve
from kernel.sockbase import (
    AF_INET,
    AF_INET6,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    MSG_DONTWAIT,
    SO_BINDTODEVICE,
    SOCK_DGRAM,
    SOL_SOCKET,
    Address,
    Socket,
    os_error,
)
from kernel.sockcalls import Buffer
from kernel.sockname import NAME_LEN, name_of
from kernel.sockopt import Value
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel


class IcmpSocket(Socket, kind=SOCK_DGRAM, proto=IPPROTO_ICMP, option="NET_ICMP_SOCKET"):
    """socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)."""

    _NAME = "ICMP"

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> None:
        super().__init__(kernel, family, kind, proto)
        rxsem, sndsem = (lib.icmp_get(self._board, self.conn, which) for which in (lib.SOCK_RXSEM, lib.SOCK_SNDSEM))
        self._rxsem = Semaphore(kernel, number=rxsem, what="a message")
        self._sndsem = Semaphore(kernel, number=sndsem, what="room to send")
        self._from = bytearray(NAME_LEN)
        self._from_pointer = buffer(self._from)

    def _setopt(self, level: int, option: int, value: Value) -> None:
        """SO_BINDTODEVICE, and what all sockets have."""
        if (level, option) != (SOL_SOCKET, SO_BINDTODEVICE):
            super()._setopt(level, option, value)
            return
        name = f"setsockopt({level}, {option})"
        check(lib.icmp_set(self._board, self.conn, lib.SOCK_BOUNDIF, self._device_number(value, name)), name)

    def _core_socket(self, board: Any) -> int:
        return int(lib.icmp_socket(board, self.family))

    @property
    def label(self) -> str:
        """ICMP and the number of its connection."""
        return f"{self._NAME} socket {self.conn}"

    def semaphores(self) -> tuple[int, ...]:
        """Readers' and senders'."""
        return self._rxsem.number, self._sndsem.number

    def _pollsetup(self, poller: int, events: int) -> int:
        return int(lib.icmp_pollsetup(self._board, self.conn, poller, events))

    def _ready(self) -> int:
        return int(lib.icmp_get(self._board, self.conn, lib.SOCK_READY))

    def _core_close(self) -> int:
        return self._call(lib.icmp_close)

    def sendto(self, data: Buffer, *args: Any) -> int:
        """Sends a message, waiting until a device has taken it, as NuttX does even if the socket is nonblocking.

        Raises OSError: EINVAL (shorter than its header, or too long for the device), ENETUNREACH (no way there, nobody
        answers ARP, or the device went down), EAGAIN (SO_SNDTIMEO is over), EINTR.
        """
        if not args:
            raise os_error(EDESTADDRREQ, "sendto")
        peer = self._pack(args[-1][0])
        data = bytes(data)
        deadline = self._deadline(self._sndtimeo)
        r = lib.NET_WAIT_NEIGHBOR
        while r == lib.NET_WAIT_NEIGHBOR:
            with self._locked():
                r = self._call(lib.icmp_sendto, data, len(data), peer)
                while r == lib.NET_WAIT_SND:
                    self._wait(self._sndsem, deadline, "sendto")
                    r = self._call(lib.icmp_sendto, data, len(data), peer)
                if r >= 0:
                    self._kernel.net.txavail()
                    self._await_poll(deadline)
            if r == lib.NET_WAIT_NEIGHBOR and resolve(self._kernel, peer, self._boundif) < 0:
                raise OSError(ENETUNREACH, f"sendto: no answer from {unpack_address(peer)} or its router")
        return check(r, "sendto")

    @property
    def _boundif(self) -> int:
        return int(lib.icmp_get(self._board, self.conn, lib.SOCK_BOUNDIF))

    def _await_poll(self, deadline: int | None) -> None:
        while (r := lib.icmp_sent(self._board, self.conn, False)) == -EAGAIN:
            try:
                self._wait(self._sndsem, deadline, "sendto")
            except OSError:
                if self.conn >= 0:
                    lib.icmp_sent(self._board, self.conn, True)
                raise
        check(r, "sendto")

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address]:
        """The next reply, from its ICMP header on, and who sent it; the port is 0.

        Raises OSError: EPROTO (nothing was asked), EAGAIN (nonblocking, or SO_RCVTIMEO is over), EINTR, ENETUNREACH
        (the device went down).
        """
        with self._locked():
            bufsize = self._make_room(bufsize)
            deadline = self._deadline(self._rcvtimeo)
            if self._nonblock:
                flags |= MSG_DONTWAIT
            while (r := self._call(lib.icmp_recvfrom, self._pointer, bufsize, flags, self._from_pointer)) == -EAGAIN:
                if flags & MSG_DONTWAIT:
                    raise os_error(EAGAIN, "recvfrom")
                self._wait(self._rxsem, deadline, "recvfrom")
            check(r, "recvfrom")
            return bytes(self._view[:r]), name_of(self._kernel, bytes(self._from))


class Icmpv6Socket(IcmpSocket, kind=SOCK_DGRAM, proto=IPPROTO_ICMPV6, option="NET_ICMPv6_SOCKET", families=(AF_INET6,)):
    """socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6)."""

    _NAME = "ICMPv6"
