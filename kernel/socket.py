"""Sockets with BSD names and the errno behaviour of NuttX: UDP here, ICMP in kernel/icmp.py.

A task that calls recv() simply waits. Everything a call does not wait for happens in C (csrc/udp*.c) while it holds
the locks of connection and device; whenever it waits, they are given up. Numbers of families, options and errnos are
those of Linux, so that ``from socket import AF_INET`` on the host gives the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import (
    EAGAIN,
    EBADF,
    EDOM,
    EINVAL,
    ENETUNREACH,
    ENOMEM,
    ENOPROTOOPT,
    ENOTCONN,
    ETIMEDOUT,
)
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from kernel.arp import arp_send
from kernel.core import ACT_BASE, buffer, check, lib
from kernel.errors import TaskExit
from kernel.inet import inet_addr, inet_ntoa
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from types import TracebackType

    from kernel.kernel import Kernel
    from kernel.sync import Mutex

AF_INET = 2
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3
IPPROTO_IP, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP = 0, 1, 6, 17
SOL_SOCKET = 1
SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF = 2, 3, 4, 6, 7, 8
SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE = 20, 21, 25
IP_TTL = 2
MSG_PEEK: int = lib.MSG_PEEK
MSG_DONTWAIT: int = lib.MSG_DONTWAIT
"""A nonblocking call, whatever the socket is set to."""

Address = tuple[str, int]

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

_recvfrom = lib.udp_recvfrom
_sendto = lib.udp_sendto


class SocketTimeout(BlockingIOError, TimeoutError):
    """A wait took longer than SO_RCVTIMEO or SO_SNDTIMEO: EAGAIN, as in NuttX, and a TimeoutError, as in Python."""


def os_error(errno: int, what: str) -> OSError:
    """The OSError of a positive errno."""
    return OSError(errno, f"{what}: {os.strerror(errno)}")


class Socket:
    """What all sockets have: an owner, a lock if locks are split, blocking modes and timeouts.

    Timeouts are seconds, rounded up to 0.1 s as NuttX does; None is for ever. They need CONFIG_NET_SOCKOPTS.
    """

    family = AF_INET

    def __init__(self, kernel: Kernel, kind: int, proto: int, conn: int) -> None:
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self._lock = kernel.net_lock
        self.type = kind
        self.proto = proto
        self.conn = conn
        """Number of the connection in the core; -1 when closed. IOB owners name it."""
        self.lock: Mutex | None = kernel.net.conn_lock(f"socket {conn}")
        self._nonblock = False
        self._rcvtimeo: int | None = None  # ms
        self._sndtimeo: int | None = None
        self._room = bytearray(0)
        self._view = memoryview(self._room)
        self._pointer: Any = None
        self._owner = kernel.tasks.current()
        if self._owner is not None:
            self._owner.at_exit.append(self._owner_gone)

    def _call(self, function: Any, *args: Any) -> int:
        r = function(self._board, self.conn, *args)
        return self._follow(r) if r >= ACT_BASE else int(r)

    def _grow(self, size: int) -> None:
        """Room for the next datagram. It is the socket's own: another task may be in the middle of a call."""
        self._room = bytearray(max(size, 2 * len(self._room), 512))
        self._view = memoryview(self._room)
        self._pointer = buffer(self._room)

    # Locks

    def _unlock_after(self, error: BaseException) -> None:
        """Gives the locks back after an exception. A task killed in its sleep does not have them any more."""
        if isinstance(error, GreenletExit):
            mutex = self.lock or self._lock.mutex
            if mutex.holder != lib.board_current(self._board):
                return
        self._lock.conn_dev_unlock(self, None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.conn_dev_lock(self, None)
        try:
            yield
        except BaseException as error:
            self._unlock_after(error)
            raise
        self._lock.conn_dev_unlock(self, None)

    # Ends

    def _core_close(self) -> int:
        raise NotImplementedError

    def _owner_gone(self) -> None:
        """Its task ends without having closed it."""
        self._owner = None
        try:
            self._release()
        except TaskExit:  # it was killed: told so once more, after the core had closed the socket
            self.conn = -1

    def _release(self) -> None:
        if self.conn >= 0 and self._board is not None and not self._kernel.closed:
            self._core_close()
        self.conn = -1

    def close(self) -> None:
        """Gives back everything the socket holds; whoever waits on it gets EBADF. Closing twice is no error."""
        if self.conn < 0:
            return
        if self._owner is not None:
            self._owner.at_exit.remove(self._owner_gone)
            self._owner = None
        with self._locked():
            self._release()

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # Blocking

    def setblocking(self, flag: bool) -> None:
        """O_NONBLOCK off or on. Blocking also takes timeouts away, as in Python."""
        self._nonblock = not flag
        self._rcvtimeo = self._sndtimeo = None

    def getblocking(self) -> bool:
        """Whether calls may wait."""
        return not self._nonblock

    def settimeout(self, timeout: float | None) -> None:
        """SO_RCVTIMEO and SO_SNDTIMEO at once; 0 makes the socket nonblocking, None lets it wait for ever."""
        if timeout is not None and timeout < 0:
            raise OSError(EINVAL, f"a timeout of {timeout} s: it has to be positive, 0 or None")
        if timeout:
            ms = self._timeo(timeout)
            self._nonblock, self._rcvtimeo, self._sndtimeo = False, ms, ms
        else:
            self.setblocking(timeout is None)

    def gettimeout(self) -> float | None:
        """Seconds that a receive waits at most."""
        if self._nonblock:
            return 0.0
        return None if self._rcvtimeo is None else self._rcvtimeo / 1000

    def _timeo(self, value: Any) -> int | None:
        """Milliseconds, in steps of 100, of a timeout in seconds or as (seconds, microseconds)."""
        if not self._kernel.options.get("NET_SOCKOPTS", True):
            raise os_error(ENOPROTOOPT, "timeouts need CONFIG_NET_SOCKOPTS")
        seconds, micros = value if isinstance(value, tuple) else (0, round(value * 1_000_000))
        if seconds < 0 or micros < 0:
            raise os_error(EDOM, f"timeout {value}")
        return -(-(seconds * 1_000_000 + micros) // 100_000) * 100 or None

    def _wait(self, sem: Semaphore, deadline: int | None, what: str) -> None:
        """Waits with the locks given up, until ``deadline`` (ns). Raises OSError: EAGAIN, EINTR, EBADF (closed)."""
        ms = None
        if deadline is not None:
            ms = -(-(deadline - self._kernel.clock.now_ns) // 1_000_000)
            if ms <= 0:
                raise SocketTimeout(EAGAIN, f"{what}: timed out")
        r = self._lock.conn_dev_sem_timedwait(sem, True, ms, self, None)
        if self.conn < 0:
            raise os_error(EBADF, f"{what}: closed by another task")
        if r == -ETIMEDOUT:
            raise SocketTimeout(EAGAIN, f"{what}: timed out")
        if r < 0:
            raise os_error(-r, what)

    def _deadline(self, ms: int | None) -> int | None:
        return None if ms is None else self._kernel.clock.now_ns + ms * 1_000_000


class UdpSocket(Socket):
    """socket(AF_INET, SOCK_DGRAM). Raises OSError: ENOMEM when all CONFIG_NET_UDP_PREALLOC_CONNS are in use."""

    def __init__(self, kernel: Kernel, kind: int = SOCK_DGRAM, proto: int = IPPROTO_UDP) -> None:
        super().__init__(kernel, kind, proto, check(lib.udp_socket(kernel.board), "socket"))
        self._rxsem = Semaphore(kernel, number=self._get(lib.SOCK_RXSEM))
        self._sndsem = Semaphore(kernel, number=self._get(lib.SOCK_SNDSEM))
        self._wrbsem = Semaphore(kernel, number=self._get(lib.SOCK_WRBSEM))
        self._buffered = bool(kernel.options.get("NET_UDP_WRITE_BUFFERS", False))
        self._drain = bool(kernel.options.get("NET_UDP_NOTIFIER", False))
        sender = bytearray(8)
        self._from = memoryview(sender).cast("I")
        self._from_pointer = buffer(sender)

    def _get(self, what: int) -> int:
        return check(lib.udp_get(self._board, self.conn, what), "socket")

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
        r = _recvfrom(self._board, self.conn, self._pointer, size, flags, self._from_pointer)
        if r >= ACT_BASE:
            r = self._follow(r)
        if r == -EAGAIN:
            if self._nonblock or flags & MSG_DONTWAIT:
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
            if bufsize > len(self._room):
                self._grow(bufsize)
            n = self._receive(bufsize, flags)
            source = self._from
            got = bytes(self._view[:n]), (inet_ntoa(source[0]), source[1])
        except BaseException as error:
            self._unlock_after(error)
            raise
        lock.conn_dev_unlock(self, None)
        return got

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """recvfrom() without the sender."""
        return self.recvfrom(bufsize, flags)[0]

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
            r = _sendto(self._board, self.conn, data, len(data), ip, port, flags)
            if r >= ACT_BASE:
                r = self._follow(r)
            self._kernel.net.txavail()
        except BaseException as error:
            self._unlock_after(error)
            raise
        lock.conn_dev_unlock(self, None)
        if r < 0 or not self._buffered:
            return self._send_waiting(r, data, flags, ip, port)
        return int(r)

    def _step(self, function: Any, *args: Any) -> int:
        """One step of a send under the locks."""
        with self._locked():
            r = function(self._board, *args)
            if r >= ACT_BASE:
                r = self._follow(r)
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
        if not self._buffered:
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
        while self._get(lib.SOCK_SENT) < queued:
            self._sleep(self._sndsem, deadline)

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
            ms = self._timeo(value)
            if option == SO_RCVTIMEO:
                self._rcvtimeo = ms
            else:
                self._sndtimeo = ms
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
            value = self._bufsize("RECV" if option == SO_RCVBUF else "SEND", value, name)
        check(lib.udp_set(self._board, self.conn, field, value), name)

    def _bufsize(self, which: str, value: int, name: str) -> int:
        built = self._kernel.options
        if not built.get(f"NET_{which}_BUFSIZE", 0):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_NET_{which}_BUFSIZE")
        if value < 0:
            raise os_error(EINVAL, f"{name}: {value} bytes")
        limit = int(built.get(f"NET_MAX_{which}_BUFSIZE", 0))
        return min(value, limit) if limit else value

    def getsockopt(self, level: int, option: int) -> int | float:
        """What setsockopt() sets, and SO_TYPE, SO_ERROR. Timeouts in seconds, 0: none. Raises OSError (ENOPROTOOPT)."""
        if level == SOL_SOCKET:
            if option == SO_TYPE:
                return self.type
            if option == SO_ERROR:
                error = self._get(lib.SOCK_ERROR)
                lib.udp_set(self._board, self.conn, lib.SOCK_ERROR, 0)
                return error
            if option in (SO_RCVTIMEO, SO_SNDTIMEO):
                return ((self._rcvtimeo if option == SO_RCVTIMEO else self._sndtimeo) or 0) / 1000
        field = _OPTIONS.get((level, option))
        if field is None:
            raise os_error(ENOPROTOOPT, f"getsockopt({level}, {option})")
        return self._get(field)
