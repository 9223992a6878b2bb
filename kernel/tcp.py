"""TCP sockets. Receiving reads from the connection's read-ahead chain, sending fills write buffers (csrc/tcp*.c)."""

from __future__ import annotations

from errno import EAGAIN, EINPROGRESS, EINVAL, ENOMEM, ENOPROTOOPT, ENOTCONN
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from kernel.core import ACT_BASE, buffer, check, lib, pids, take_bytes
from kernel.inetsock import OPTIONS, WAIT_IOB, WAIT_NEIGHBOR, WAIT_SND, WAITS, InetSocket
from kernel.sockbase import (
    AF_INET,
    AF_INET6,
    IPPROTO_TCP,
    MSG_DONTWAIT,
    SHUT_RD,
    SHUT_RDWR,
    SO_KEEPALIVE,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_MAXSEG,
    TCP_NODELAY,
    TCP_USER_TIMEOUT,
    Address,
    Socket,
    os_error,
)
from kernel.sockcalls import Buffer
from kernel.sockname import NAME_LEN, name_of, port_of
from kernel.sockopt import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kernel import Kernel

STATES: dict[int, str] = {
    lib.TCP_CLOSED: "CLOSED",
    lib.TCP_ALLOCATED: "ALLOCATED",
    lib.TCP_SYN_RCVD: "SYN_RCVD",
    lib.TCP_SYN_SENT: "SYN_SENT",
    lib.TCP_ESTABLISHED: "ESTABLISHED",
    lib.TCP_FIN_WAIT_1: "FIN_WAIT_1",
    lib.TCP_FIN_WAIT_2: "FIN_WAIT_2",
    lib.TCP_CLOSE_WAIT: "CLOSE_WAIT",
    lib.TCP_CLOSING: "CLOSING",
    lib.TCP_TIME_WAIT: "TIME_WAIT",
    lib.TCP_LAST_ACK: "LAST_ACK",
    lib.TCP_LISTEN: "LISTEN",
}

STATE_NUMBERS = {name: number for number, name in STATES.items()}

KEEPALIVE = {
    (SOL_SOCKET, SO_KEEPALIVE): lib.SOCK_KEEPALIVE,
    (IPPROTO_TCP, TCP_KEEPIDLE): lib.SOCK_KEEPIDLE,
    (IPPROTO_TCP, TCP_KEEPINTVL): lib.SOCK_KEEPINTVL,
    (IPPROTO_TCP, TCP_KEEPCNT): lib.SOCK_KEEPCNT,
}
"""Options that CONFIG_NET_TCP_KEEPALIVE builds in."""

_recv = lib.tcp_recv
_send = lib.tcp_send


class TcpInfo(NamedTuple):
    """A connection as the core knows it; ``conn`` is its number, which owners of IOBs name."""

    conn: int
    state: str
    flags: int
    """enum sock_flag"""
    txsize: int
    """bytes written and not acknowledged"""
    rxsize: int
    """bytes waiting to be read"""
    laddr: str
    lport: int
    raddr: str
    rport: int
    owned: bool
    """a socket has it, or a listener for its next accept(); otherwise it waits for its peer, its owner being gone"""
    timer: int
    """half seconds until it sends something again, or is forgotten"""
    unacked: int
    """sequence numbers sent and not acknowledged"""
    nrtx: int
    """how often that was sent again"""
    family: int


def tcp_connections(kernel: Kernel) -> list[TcpInfo]:
    """All TCP connections of a board, oldest first."""
    board = kernel.board

    def row(conn: int) -> TcpInfo:
        def get(field: int) -> int:
            return int(lib.tcp_get(board, conn, field))

        own, peer = (
            name_of(kernel, take_bytes(lib.tcp_name, board, conn, which, limit=NAME_LEN)) for which in (False, True)
        )
        return TcpInfo(
            conn,
            STATES[get(lib.SOCK_STATE)],
            get(lib.SOCK_FLAGS),
            get(lib.SOCK_TXSIZE),
            get(lib.SOCK_RXSIZE),
            own[0],
            own[1],
            peer[0],
            peer[1],
            bool(get(lib.SOCK_OWNED)),
            get(lib.SOCK_TIMER),
            get(lib.SOCK_UNACKED),
            get(lib.SOCK_NRTX),
            AF_INET if len(own) == 2 else AF_INET6,
        )

    return [row(conn) for conn in pids(lib.tcp_list, board, limit=1 << 16)]


class TcpSocket(InetSocket, kind=SOCK_STREAM, proto=IPPROTO_TCP, option="NET_TCP", families=(AF_INET, AF_INET6)):
    """socket(AF_INET or AF_INET6, SOCK_STREAM).

    What a send that waits does when the pool runs dry half-way is CONFIG of the board: NUTLOOP_TCP_SEND_ALL=n, the
    default, returns the number of bytes that were buffered, as the documents have it; with y it waits for the rest, as
    today's NuttX does. Without CONFIG_NET_TCP_WRITE_BUFFERS a send sends straight from the program's memory.
    """

    _options: ClassVar[dict[tuple[int, int], int]] = {
        **OPTIONS,
        **KEEPALIVE,
        (IPPROTO_TCP, TCP_NODELAY): lib.SOCK_NODELAY,
        (IPPROTO_TCP, TCP_MAXSEG): lib.SOCK_MSS,
        (IPPROTO_TCP, TCP_USER_TIMEOUT): lib.SOCK_USER_TIMEOUT,
    }
    _core_get = lib.tcp_get
    _core_set = lib.tcp_set
    _core_bind = lib.tcp_bind
    _core_name = lib.tcp_name
    _core_pollsetup = lib.tcp_pollsetup
    _reads = "data or a connection"
    _accepted: int | None = None

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_STREAM, proto: int = 0) -> None:
        super().__init__(kernel, family, SOCK_STREAM, IPPROTO_TCP)
        self._buffered = bool(kernel.options.get("NET_TCP_WRITE_BUFFERS", False))
        self._send_all = bool(kernel.options.get("TCP_SEND_ALL", False))

    def _setopt(self, level: int, option: int, value: Value) -> None:
        """TCP_NODELAY, TCP_USER_TIMEOUT (ms; 0: NET_TCP_MAXRTX tries; NuttX has it not), and with
        CONFIG_NET_TCP_KEEPALIVE SO_KEEPALIVE and TCP_KEEPIDLE, _KEEPINTVL (s), _KEEPCNT.
        """
        if (level, option) in KEEPALIVE and not self._kernel.options["NET_TCP_KEEPALIVE"]:
            if level != SOL_SOCKET:
                raise os_error(ENOPROTOOPT, f"setsockopt({level}, {option}) needs CONFIG_NET_TCP_KEEPALIVE")
            Socket._setopt(self, level, option, value)  # SO_KEEPALIVE is there, to no effect, as in NuttX
            return
        super()._setopt(level, option, value)
        self._kernel.net.txavail()

    def _getopt(self, level: int, option: int) -> int | float | tuple[int, int]:
        if (level, option) in KEEPALIVE and not self._kernel.options["NET_TCP_KEEPALIVE"]:
            return Socket._getopt(self, level, option)
        return super()._getopt(level, option)

    def _lingers(self, seconds: int | None) -> None:
        super()._lingers(seconds)
        check(lib.tcp_set(self._board, self.conn, lib.SOCK_LINGER, -1 if seconds is None else seconds), "SO_LINGER")

    def _core_socket(self, board: Any) -> int:
        return int(lib.tcp_socket(board, self.family)) if self._accepted is None else self._accepted

    def _core_close(self) -> int:
        r = self._call(lib.tcp_close, 0)
        self._kernel.net.txavail()
        return r

    # Connections

    def listen(self, backlog: int = 8) -> None:
        """Takes calls; ``backlog`` of them may wait for accept(). Raises OSError: EADDRINUSE, EINVAL (connected)."""
        with self._locked():
            check(lib.tcp_listen(self._board, self.conn, backlog), "listen")

    def accept(self) -> tuple[TcpSocket, Address]:
        """The next connection and its peer. Raises OSError: EAGAIN, EINTR, EINVAL (it does not listen)."""
        flags = MSG_DONTWAIT if self._nonblock else 0
        deadline = self._deadline(self._rcvtimeo)
        with self._locked():
            while (conn := self._call(lib.tcp_accept, flags)) == -EAGAIN:
                if flags:
                    raise BlockingIOError(EAGAIN, "accept: nobody is there")
                self._wait(self._rxsem, deadline, "accept")
        if conn < 0:
            raise os_error(-conn, "accept")
        client: TcpSocket = object.__new__(TcpSocket)
        client._accepted = conn
        TcpSocket.__init__(client, self._kernel, self.family)
        return client, client._name(peer=True)

    def connect(self, address: Address | None) -> None:
        """Calls a peer and waits until it answers.

        Raises OSError: ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL (a broadcast address, port 0),
        EISCONN, EALREADY, EINPROGRESS (nonblocking: wait until it can be written, then ask for SO_ERROR).
        """
        if address is None:
            raise os_error(EINVAL, "connect: a TCP socket cannot be disconnected; close it")
        ip, port = self._pack(address[0]), port_of(address)
        name = f"connect {address}"
        while (r := self._step(lib.tcp_connect, self.conn, ip, port)) == WAIT_NEIGHBOR:
            self._resolve(ip, name)
        check(r, name)
        flags = MSG_DONTWAIT if self._nonblock else 0
        deadline = self._deadline(self._sndtimeo)
        with self._locked():
            while (r := lib.tcp_connected(self._board, self.conn, flags)) == -EAGAIN:
                if flags:
                    raise BlockingIOError(EINPROGRESS, f"{name}: the call is out")
                self._wait(self._sndsem, deadline, name)
        check(r, name)

    def shutdown(self, how: int) -> None:
        """Ends reading (SHUT_RD), writing (SHUT_WR: a FIN follows the data) or both. Raises OSError (ENOTCONN)."""
        if how not in range(SHUT_RD, SHUT_RDWR + 1):
            raise os_error(EINVAL, f"shutdown({how})")
        check(self._step(lib.tcp_shutdown, self.conn, how + 1), "shutdown")

    # Receiving

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Up to ``bufsize`` bytes; waits for the first. b"" when the peer has ended the stream.

        Raises OSError: EAGAIN (nonblocking, or SO_RCVTIMEO is over), EINTR, ECONNRESET, ETIMEDOUT, ENOTCONN.
        """
        if self._nonblock:
            flags |= MSG_DONTWAIT
        lock = self._lock
        lock.conn_dev_lock(self, None)
        try:
            bufsize = self._make_room(bufsize)
            r = _recv(self._board, self.conn, self._pointer, bufsize, flags)
            if r >= ACT_BASE:
                r = self._follow(r)
            if r == -EAGAIN:
                r = self._receive(bufsize, flags)
            if r < 0:
                raise os_error(-r, "recv")
            self._kernel.net.txavail()
            return bytes(self._view[:r])
        finally:
            lock.conn_dev_unlock(self, None)

    def _receive(self, bufsize: int, flags: int) -> int:
        """Waits for what is not there yet; the locks are held."""
        if flags & MSG_DONTWAIT:
            raise BlockingIOError(EAGAIN, "recv: nothing there")
        deadline = self._deadline(self._rcvtimeo)
        r = -EAGAIN
        while r == -EAGAIN:
            self._wait(self._rxsem, deadline, "recv")
            r = self._call(_recv, self._pointer, bufsize, flags)
        return r

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address]:
        """recv(), and the peer."""
        return self.recv(bufsize, flags), self.getpeername()

    # Sending

    def send(self, data: Buffer, flags: int = 0) -> int:
        """Buffers what fits; returns how many bytes that were.

        Without an IOB to begin with it waits, the network lock given up. Raises OSError: EAGAIN (nonblocking, or
        SO_SNDTIMEO is over), EINTR, EPIPE (shut down, or the peer is gone), ECONNRESET, ETIMEDOUT, ENOTCONN.
        Without CONFIG_NET_TCP_WRITE_BUFFERS see _send_unbuffered().
        """
        if type(data) is not bytes:
            data = bytes(data)
        if not self._buffered:
            return self._send_unbuffered(data)
        if self._nonblock:
            flags |= MSG_DONTWAIT
        r = self._step(_send, self.conn, data, len(data), flags)
        if r == len(data):
            return r
        return self._send_waiting(r, data, flags)

    def _send_waiting(self, r: int, data: bytes, flags: int) -> int:
        """A send that could not be done in one go. An error that comes after some of it was taken is left for later."""
        deadline = self._deadline(self._sndtimeo)
        total = 0
        try:
            while r > 0 or self._can_wait(r, total):
                if r <= 0:
                    r = self._after_waiting(r, data[total:], deadline)
                    continue
                total += r
                if total == len(data):
                    break
                r = self._step(_send, self.conn, data[total:], len(data) - total, flags)
            if r < 0 and total == 0:
                raise os_error(-r, "send")
            if r < 0 and self._get(lib.SOCK_STATE) == lib.TCP_CLOSED:  # the core tells it once
                check(lib.tcp_set(self._board, self.conn, lib.SOCK_ERROR, -r), "send")
        except OSError:
            if total == 0:
                raise
        return total

    def _can_wait(self, r: int, total: int) -> bool:
        """Whether there is a wait that answer ``r`` asks for, and this board's sends wait there."""
        return r < WAITS and (total == 0 or self._send_all or r in (WAIT_NEIGHBOR, WAIT_SND))

    def _after_waiting(self, r: int, data: bytes, deadline: int | None) -> int:
        """Waits for what is missing, without locks, and tries again."""
        if r == WAIT_IOB:
            iob = self._lock.iobtimedalloc(self._kernel.net.send_throttled, self._left(deadline), 0)
            if iob is None:
                return -ENOMEM if deadline is None else -EAGAIN
            return self._step(lib.tcp_send_iob, self.conn, data, len(data), iob)
        if r == WAIT_NEIGHBOR:
            self._resolve(self._peer(), "send")
        else:
            self._sleep(self._sndsem if r == WAIT_SND else self._wrbsem, deadline, "send")
        return self._step(_send, self.conn, data, len(data), 0)

    # Sending without write buffers

    def _send_unbuffered(self, data: bytes) -> int:
        """Sends straight from ``data`` and waits until the peer has acknowledged it, as NuttX also when nonblocking.

        SO_SNDTIMEO is the longest wait without any progress. A send that is cut short returns how many bytes have left
        the board; those still arrive, the others were never sent.
        """
        memory = buffer(data)
        while True:
            with self._locked():
                r = self._lend(memory, len(data))
            if r != WAIT_NEIGHBOR:
                return check(r, "send")
            self._resolve(self._peer(), "send")

    def _lend(self, memory: Any, size: int) -> int:
        """The same under the locks: the number of bytes, WAIT_NEIGHBOR or a negative errno."""
        before = -1
        try:
            r = self._until(lambda: self._call(lib.tcp_send_direct, memory, size), WAIT_SND)
            if r == 0:
                before = self._get(lib.SOCK_SENT)
                self._kernel.net.txavail()
                r = self._until(lambda: int(lib.tcp_drained(self._board, self.conn)), -EAGAIN)
            return size if r == 0 else r
        except OSError:
            if before < 0 or self.conn < 0:
                raise
            left = self._get(lib.SOCK_SENT) - before + self._withdraw()
            if left == 0:
                raise
            return left
        finally:  # whatever ends it, a kill too: the core must not look at ``memory`` any more
            self._withdraw()

    def _until(self, attempt: Callable[[], int], waiting: int) -> int:
        """What ``attempt`` answers when that is no longer ``waiting``, for which it waits where senders do.

        SO_SNDTIMEO starts anew with each acknowledgement.
        """
        acked, deadline = -1, None
        while (r := attempt()) == waiting:
            if acked != (now := self._get(lib.SOCK_SENT)):
                acked, deadline = now, self._deadline(self._sndtimeo)
            self._wait(self._sndsem, deadline, "send")
        return r

    def _withdraw(self) -> int:
        """Takes the memory back: how many bytes of it have left the board and are not acknowledged."""
        if self.conn < 0 or self._kernel.closed:
            return 0
        try:
            return self._call(lib.tcp_withdraw)
        finally:
            self._kernel.net.txavail()

    def getpeername(self) -> Address:
        """Raises OSError (ENOTCONN)."""
        if self._get(lib.SOCK_STATE) in (lib.TCP_ALLOCATED, lib.TCP_LISTEN, lib.TCP_SYN_SENT):
            raise os_error(ENOTCONN, "getpeername")
        return super().getpeername()
