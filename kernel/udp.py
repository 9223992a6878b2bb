"""UDP sockets. Receiving reads from the connection's read-ahead chain, sending fills a write buffer (csrc/udp*.c)."""

from __future__ import annotations

from errno import EAGAIN, EINVAL, ENETUNREACH, ENOMEM, ENOPROTOOPT, ENOTCONN
from typing import TYPE_CHECKING, Any, NamedTuple

from kernel.arp import arp_send
from kernel.core import ACT_BASE, buffer, check, lib, pids
from kernel.inet import inet_addr, inet_ntoa
from kernel.sockbase import (
    AF_INET,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_UDP,
    MSG_DONTWAIT,
    SO_BINDTODEVICE,
    SO_BROADCAST,
    SO_ERROR,
    SO_RCVBUF,
    SO_RCVTIMEO,
    SO_REUSEADDR,
    SO_SNDBUF,
    SO_SNDTIMEO,
    SOCK_DGRAM,
    SOL_SOCKET,
    Address,
    Socket,
    os_error,
)
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

_WAITS = -1000  # from here down: enum net_wait
_WAIT_ARP: int = lib.NET_WAIT_ARP
_WAIT_SND: int = lib.NET_WAIT_SND
_WAIT_WRB: int = lib.NET_WAIT_WRB
_WAIT_IOB: int = lib.NET_WAIT_IOB
_WAIT_COPY: int = lib.NET_WAIT_COPY

_OPTIONS = {
    (SOL_SOCKET, SO_REUSEADDR): lib.SOCK_REUSE,
    (SOL_SOCKET, SO_BROADCAST): lib.SOCK_BCAST,
    (SOL_SOCKET, SO_RCVBUF): lib.SOCK_RCVBUF,
    (SOL_SOCKET, SO_SNDBUF): lib.SOCK_SNDBUF,
    (IPPROTO_IP, IP_TTL): lib.SOCK_TTL,
}

_BUFSIZES = {
    SO_RCVBUF: ("NET_RECV_BUFSIZE", "NET_MAX_RECV_BUFSIZE"),
    SO_SNDBUF: ("NET_SEND_BUFSIZE", "NET_MAX_SEND_BUFSIZE"),
}
"""Options that hold the size at first, and the largest that may be asked for."""

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


def udp_connections(kernel: Kernel) -> list[UdpInfo]:
    """All UDP connections of a board, oldest first."""
    board = kernel.board
    fields = (lib.SOCK_FLAGS, lib.SOCK_TXSIZE, lib.SOCK_RXSIZE, lib.SOCK_LADDR, lib.SOCK_LPORT, lib.SOCK_RADDR)
    rows = []
    for conn in pids(lib.udp_list, board):
        flags, txsize, rxsize, laddr, lport, raddr = (lib.udp_get(board, conn, field) for field in fields)
        rport, drops = lib.udp_get(board, conn, lib.SOCK_RPORT), lib.udp_get(board, conn, lib.SOCK_DROPS)
        rows.append(UdpInfo(conn, flags, txsize, rxsize, inet_ntoa(laddr), lport, inet_ntoa(raddr), rport, drops))
    return rows


class UdpSocket(Socket, kind=SOCK_DGRAM, proto=IPPROTO_UDP, option="NET_UDP"):
    """socket(AF_INET, SOCK_DGRAM)."""

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> None:
        super().__init__(kernel, family, kind, IPPROTO_UDP)
        self._rxsem = Semaphore(kernel, number=self._get(lib.SOCK_RXSEM), what="a datagram")
        self._sndsem = Semaphore(kernel, number=self._get(lib.SOCK_SNDSEM), what="room to send")
        self._wrbsem = Semaphore(kernel, number=self._get(lib.SOCK_WRBSEM), what="a write buffer")
        self._buffered = bool(kernel.options.get("NET_UDP_WRITE_BUFFERS", False))
        self._drain = bool(kernel.options.get("NET_UDP_NOTIFIER", False))
        sender = bytearray(8)
        self._from = memoryview(sender).cast("I")
        self._from_pointer = buffer(sender)

    def _get(self, what: int) -> int:
        return check(lib.udp_get(self._board, self.conn, what), "socket")

    def _core_socket(self, board: Any) -> int:
        return int(lib.udp_socket(board))

    def _core_close(self) -> int:
        return self._call(lib.udp_close)

    # Names

    def bind(self, address: Address) -> None:
        """Raises OSError: EADDRINUSE, EADDRNOTAVAIL (no interface has that address), EINVAL (bound already)."""
        with self._locked():
            check(lib.udp_bind(self._board, self.conn, inet_addr(address[0]), address[1]), f"bind {address}")

    def connect(self, address: Address | None) -> None:
        """Fixes the peer: nobody else is heard any more, and ICMP errors about it are reported. None: no peer."""
        ip, port = (inet_addr(address[0]), address[1]) if address is not None else (0, 0)
        with self._locked():
            check(lib.udp_connect(self._board, self.conn, ip, port), f"connect {address}")

    def getsockname(self) -> Address:
        """Own address and port."""
        return inet_ntoa(self._get(lib.SOCK_LADDR)), self._get(lib.SOCK_LPORT)

    def getpeername(self) -> Address:
        """Raises OSError (ENOTCONN)."""
        if not self._get(lib.SOCK_FLAGS) & lib.SF_CONNECTED:
            raise os_error(ENOTCONN, "getpeername")
        return inet_ntoa(self._get(lib.SOCK_RADDR)), self._get(lib.SOCK_RPORT)

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
            source = self._from
            return bytes(self._view[:n]), (inet_ntoa(source[0]), source[1])
        finally:
            lock.conn_dev_unlock(self, None)

    # Sending

    def sendto(self, data: bytes, *args: Any) -> int:
        """sendto(data, address) or sendto(data, flags, address): one datagram, whole or not at all. Returns its length.

        Raises OSError: EMSGSIZE (longer than the MTU allows), EISCONN, EDESTADDRREQ, ENETUNREACH (no way there, or
        nobody answers ARP), EHOSTUNREACH (no carrier), EAGAIN, ENOMEM (nonblocking, and the pool had no buffer for
        the rest).
        """
        flags, address = args if len(args) == 2 else (0, *args)
        return self._send(data, flags, inet_addr(address[0]), address[1])

    def send(self, data: bytes, flags: int = 0) -> int:
        """The same, to the peer of connect()."""
        return self._send(data, flags, 0, 0)

    def _send(self, data: bytes, flags: int, ip: int, port: int) -> int:
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

    def _step(self, function: Any, *args: Any) -> int:
        """One step of a send under the locks."""
        with self._locked():
            try:
                r = function(self._board, *args)
                if r >= ACT_BASE:
                    r = self._follow(r)
            finally:  # as in _send()
                self._kernel.net.txavail()
            return int(r)

    def _send_waiting(self, r: int, data: bytes, flags: int, ip: int, port: int) -> int:
        """A send that could not be done in one go: waits, without locks, for what the core says is missing.

        As in NuttX, the first buffer is a throttled one and waited for as long as SO_SNDTIMEO allows; the others are
        not, and for them the sender waits for ever, keeping what it has.
        """
        deadline = self._deadline(self._sndtimeo)
        n = len(data)
        while r < _WAITS:
            if r <= _WAIT_COPY:
                iob = self._lock.ioballoc(False, 0)
                r = -ENOMEM if iob is None else self._step(lib.udp_sendto_more, _WAIT_COPY - r, data, iob)
            elif r == _WAIT_IOB:
                iob = self._lock.iobtimedalloc(True, self._left(deadline), 0)
                if iob is None:
                    r = -ENOMEM if deadline is None else -EAGAIN
                else:
                    r = self._step(lib.udp_sendto_iob, self.conn, data, n, ip, port, iob)
            elif r == _WAIT_ARP:
                peer = ip or self._get(lib.SOCK_RADDR)
                if arp_send(self._kernel, peer) < 0:
                    raise OSError(ENETUNREACH, f"sendto: no answer from {inet_ntoa(peer)} or its router")
                r = self._step(_sendto, self.conn, data, n, ip, port, flags)
            else:
                self._sleep(self._sndsem if r == _WAIT_SND else self._wrbsem, deadline)
                r = self._step(_sendto, self.conn, data, n, ip, port, flags)
        if r < 0:
            raise os_error(-r, "sendto")
        if not self._buffered and not flags & MSG_DONTWAIT:
            self._taken(deadline)
        return r

    def _left(self, deadline: int | None) -> int | None:
        return None if deadline is None else max(0, -(-(deadline - self._kernel.clock.now_ns) // 1_000_000))

    def _sleep(self, sem: Semaphore, deadline: int | None) -> None:
        with self._locked():
            self._wait(sem, deadline, "sendto")

    def _taken(self, deadline: int | None) -> None:
        """Without CONFIG_NET_UDP_WRITE_BUFFERS: waits until a driver has taken everything sent so far."""
        queued = self._get(lib.SOCK_QUEUED)
        with self._locked():
            while lib.udp_sent(self._board, self.conn, queued) == -EAGAIN:
                self._wait(self._sndsem, deadline, "sendto")

    def close(self) -> None:
        """Gives back what it holds, unsent datagrams too; CONFIG_NET_UDP_NOTIFIER waits until those are sent."""
        if self.conn >= 0 and self._drain:
            self._taken(None)
        super().close()

    # Options

    def setblocking(self, flag: bool) -> None:
        """O_NONBLOCK off or on."""
        super().setblocking(flag)
        check(lib.udp_set(self._board, self.conn, lib.SOCK_NONBLOCK, not flag), "setblocking")

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Raises OSError: ENOPROTOOPT (unknown, or not built in), EINVAL.

        SO_RCVTIMEO and SO_SNDTIMEO take seconds or (seconds, microseconds); SO_BINDTODEVICE a name, "" for none.
        """
        built = self._kernel.options
        name = f"setsockopt({level}, {option})"
        if not built.get("NET_SOCKOPTS", True):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_NET_SOCKOPTS")
        if level == SOL_SOCKET and option in (SO_RCVTIMEO, SO_SNDTIMEO):
            super().setsockopt(level, option, value)
            return
        if level == SOL_SOCKET and option == SO_BINDTODEVICE:
            text = value.decode() if isinstance(value, bytes) else value
            index = self._kernel.net.device(text.rstrip("\0")).index if text else 0
            check(lib.udp_set(self._board, self.conn, lib.SOCK_BOUNDIF, index), name)
            return
        field = _OPTIONS.get((level, option))
        if field is None:
            raise os_error(ENOPROTOOPT, name)
        value = int(value)
        if option in (SO_RCVBUF, SO_SNDBUF) and level == SOL_SOCKET:
            value = self._bufsize(*_BUFSIZES[option], value, name)
        check(lib.udp_set(self._board, self.conn, field, value), name)

    def _bufsize(self, default: str, most: str, value: int, name: str) -> int:
        built = self._kernel.options
        if not built.get(default, 0):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_{default}")
        if value < 0:
            raise os_error(EINVAL, f"{name}: {value} bytes")
        limit = int(built.get(most, 0))
        return min(value, limit) if limit else value

    def getsockopt(self, level: int, option: int) -> int | float:
        """What setsockopt() sets, SO_TYPE, and SO_ERROR, which is 0 afterwards. Timeouts in seconds, 0 for none."""
        if level == SOL_SOCKET and option == SO_ERROR:
            error = self._get(lib.SOCK_ERROR)
            lib.udp_set(self._board, self.conn, lib.SOCK_ERROR, 0)
            return error
        field = _OPTIONS.get((level, option))
        return super().getsockopt(level, option) if field is None else self._get(field)
