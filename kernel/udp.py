"""UDP sockets. Receiving reads from the connection's read-ahead chain, sending fills a write buffer (csrc/udp*.c)."""

from __future__ import annotations

from contextlib import suppress
from errno import EAGAIN, ENOMEM
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from kernel.core import ACT_BASE, buffer, check, lib, pids, take_bytes
from kernel.inet import unpack_address
from kernel.inetsock import OPTIONS, WAIT_IOB, WAIT_NEIGHBOR, WAIT_SND, WAITS, InetSocket
from kernel.sockbase import (
    AF_INET,
    AF_INET6,
    IPPROTO_UDP,
    MSG_DONTWAIT,
    SO_BROADCAST,
    SOCK_DGRAM,
    SOL_SOCKET,
    Address,
    SocketTimeout,
    os_error,
)
from kernel.sockcalls import Buffer
from kernel.sockname import NAME_LEN, name_of, named, port_of

if TYPE_CHECKING:
    from kernel.kernel import Kernel

_WAIT_COPY: int = lib.NET_WAIT_COPY

_recvfrom = lib.udp_recvfrom
_sendto = lib.udp_sendto


class UdpInfo(NamedTuple):
    """A connection as the core knows it; ``conn`` is its number, which owners of IOBs name."""

    conn: int
    flags: int
    """enum sock_flag, as /proc/net/udp shows it"""
    txsize: int
    """bytes waiting to be sent, headers included"""
    rxsize: int
    """bytes waiting to be read, headers included"""
    laddr: str
    lport: int
    raddr: str
    rport: int
    drops: int
    """datagrams lost because SO_RCVBUF was used up"""
    family: int


def udp_connections(kernel: Kernel) -> list[UdpInfo]:
    """All UDP connections of a board, oldest first."""
    board = kernel.board
    fields = (lib.SOCK_FLAGS, lib.SOCK_TXSIZE, lib.SOCK_RXSIZE, lib.SOCK_DROPS)
    rows = []
    for conn in pids(lib.udp_list, board):
        flags, txsize, rxsize, drops = (lib.udp_get(board, conn, field) for field in fields)
        own, peer = (
            name_of(kernel, take_bytes(lib.udp_name, board, conn, which, limit=NAME_LEN)) for which in (False, True)
        )
        family = AF_INET if len(own) == 2 else AF_INET6
        rows.append(UdpInfo(conn, flags, txsize, rxsize, own[0], own[1], peer[0], peer[1], drops, family))
    return rows


class UdpSocket(InetSocket, kind=SOCK_DGRAM, proto=IPPROTO_UDP, option="NET_UDP", families=(AF_INET, AF_INET6)):
    """socket(AF_INET or AF_INET6, SOCK_DGRAM)."""

    _options: ClassVar[dict[tuple[int, int], int]] = {**OPTIONS, (SOL_SOCKET, SO_BROADCAST): lib.SOCK_BCAST}
    _core_get = lib.udp_get
    _core_set = lib.udp_set
    _core_bind = lib.udp_bind
    _core_name = lib.udp_name
    _core_pollsetup = lib.udp_pollsetup
    _reads = "a datagram"

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> None:
        super().__init__(kernel, family, kind, IPPROTO_UDP)
        self._buffered = bool(kernel.options.get("NET_UDP_WRITE_BUFFERS", False))
        self._drain = bool(kernel.options.get("NET_UDP_NOTIFIER", False))
        self._from = bytearray(NAME_LEN)
        self._from_port = memoryview(self._from).cast("I")
        self._from_host = memoryview(self._from)[:16]
        self._from_pointer = buffer(self._from)

    def _core_socket(self, board: Any) -> int:
        return int(lib.udp_socket(board, self.family))

    def _core_close(self) -> int:
        return self._call(lib.udp_close)

    def connect(self, address: Address | None) -> None:
        """Fixes the peer: nobody else is heard any more, and ICMP errors about it are reported. None: no peer."""
        ip, port = (self._pack(address[0]), port_of(address)) if address is not None else (self._names.nobody, 0)
        with self._locked():
            check(lib.udp_connect(self._board, self.conn, ip, port), f"connect {address}")

    # Receiving

    def _receive(self, size: int, flags: int) -> int:
        """One datagram into the socket's own room, whose locks are held; its length."""
        if self._nonblock:
            flags |= MSG_DONTWAIT
        r = _recvfrom(self._board, self.conn, self._pointer, size, flags, self._from_pointer)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == -EAGAIN:
            if flags & MSG_DONTWAIT:
                raise BlockingIOError(EAGAIN, "recvfrom: nothing there")
            deadline = self._deadline(self._rcvtimeo)
            while r == -EAGAIN:
                self._wait(self._rxsem, deadline, "recvfrom")
                r = self._call(_recvfrom, self._pointer, size, flags, self._from_pointer)
        if r < 0:
            raise os_error(-r, "recvfrom")
        return int(r)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address]:
        """The next datagram and who sent it; what is beyond ``bufsize`` is lost. Waits for one.

        Raises OSError: EAGAIN (nonblocking, or SO_RCVTIMEO is over), EINTR, and what ICMP told a connected socket,
        such as ECONNREFUSED.
        """
        lock = self._lock
        lock.conn_dev_lock(self, None)
        try:
            bufsize = self._make_room(bufsize)
            n = self._receive(bufsize, flags)
            host, port = self._from_host.tobytes(), self._from_port[4]
            sender = (unpack_address(host), port) if self.family == AF_INET else named(self._kernel, host, port)
            return self._view[:n].tobytes(), sender
        finally:
            lock.conn_dev_unlock(self, None)

    # Sending

    def sendto(self, data: Buffer, *args: Any) -> int:
        """sendto(data, address) or sendto(data, flags, address): one datagram, whole or not at all. Returns its length.

        Raises OSError: EMSGSIZE (longer than the MTU allows), EISCONN, EDESTADDRREQ, ENETUNREACH (no way there, or
        nobody answers ARP), EHOSTUNREACH (no carrier), EAGAIN, ENOMEM (nonblocking, and the pool had no buffer for
        the rest).
        """
        flags, address = args if len(args) == 2 else (0, *args)
        return self._send(data, flags, self._pack(address[0]), address[1])

    def send(self, data: Buffer, flags: int = 0) -> int:
        """The same, to the peer of connect()."""
        return self._send(data, flags, self._names.nobody, 0)

    def _send(self, data: Buffer, flags: int, ip: bytes, port: int) -> int:
        if type(data) is not bytes:
            data = bytes(data)
        if self._nonblock:
            flags |= MSG_DONTWAIT
        lock = self._lock
        lock.conn_dev_lock(self, None)
        try:
            try:
                r = _sendto(self._board, self.conn, data, len(data), ip, port, flags)
                if r >= ACT_BASE:
                    r = self._follow(r)
            finally:  # also if the sender is killed now: what it has queued is on its way
                self._kernel.net.txavail()
        finally:
            lock.conn_dev_unlock(self, None)
        if r < 0 or not self._buffered:
            return self._send_waiting(r, data, flags, ip, port)
        return int(r)

    def _send_waiting(self, r: int, data: bytes, flags: int, ip: bytes, port: int) -> int:
        """A send that could not be done in one go: waits, without locks, for what the core says is missing.

        As in NuttX, the first buffer is a throttled one and waited for as long as SO_SNDTIMEO allows; the others are
        not, and for them the sender waits for ever, keeping what it has.
        """
        deadline = self._deadline(self._sndtimeo)
        n = len(data)
        while r < WAITS:
            if r <= _WAIT_COPY:
                iob = self._lock.ioballoc(False, 0)
                r = -ENOMEM if iob is None else self._step(lib.udp_sendto_more, _WAIT_COPY - r, data, iob)
            elif r == WAIT_IOB:
                iob = self._lock.iobtimedalloc(self._kernel.net.send_throttled, self._left(deadline), 0)
                if iob is None:
                    r = -ENOMEM if deadline is None else -EAGAIN
                else:
                    r = self._step(lib.udp_sendto_iob, self.conn, data, n, ip, port, iob)
            elif r == WAIT_NEIGHBOR:
                self._resolve(self._peer() if ip == self._names.nobody else ip, "sendto")
                r = self._step(_sendto, self.conn, data, n, ip, port, flags)
            else:
                self._sleep(self._sndsem if r == WAIT_SND else self._wrbsem, deadline, "sendto")
                r = self._step(_sendto, self.conn, data, n, ip, port, flags)
        if r < 0:
            raise os_error(-r, "sendto")
        if not self._buffered and not flags & MSG_DONTWAIT:
            self._taken(deadline)
        return r

    def _taken(self, deadline: int | None) -> None:
        """Without CONFIG_NET_UDP_WRITE_BUFFERS: waits until a driver has taken everything sent so far."""
        queued = self._get(lib.SOCK_QUEUED)
        with self._locked():
            while lib.udp_sent(self._board, self.conn, queued) == -EAGAIN:
                self._wait(self._sndsem, deadline, "sendto")

    def close(self) -> None:
        """Gives back what it holds, unsent datagrams too; CONFIG_NET_UDP_NOTIFIER waits until those are sent.

        It waits no longer than SO_LINGER says.
        """
        if self.conn >= 0 and self._files == 0 and self._drain:
            with suppress(SocketTimeout):
                self._taken(self._deadline(None if self._linger is None else self._linger * 1000))
        super().close()
