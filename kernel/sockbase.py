"""What all sockets have in common: BSD names, the errno behaviour of NuttX, and how they wait.

A task that calls recv() simply waits. Everything a call does not wait for happens in C (csrc/udp*.c, csrc/tcp*.c)
while it holds the locks of connection and device; whenever it waits, they are given up. Numbers of families, options
and errnos are those of Linux, so that ``from socket import AF_INET`` on the host gives the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from errno import (
    EAFNOSUPPORT,
    EAGAIN,
    EBADF,
    EDOM,
    EINVAL,
    ENOPROTOOPT,
    EPROTONOSUPPORT,
    ETIMEDOUT,
)
from typing import TYPE_CHECKING, Any, ClassVar

from kernel.core import ACT_BASE, buffer, check, lib
from kernel.errors import TaskExit
from kernel.sockcalls import SocketCalls
from kernel.sockname import INET, INET6
from kernel.sockname import Address as Address
from kernel.sockname import os_error as os_error
from kernel.sockopt import Value, pack, unpack
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from types import TracebackType

    from kernel.kernel import Kernel
    from kernel.netlock import HasLock
    from kernel.sync import Mutex
    from kernel.task import Task

AF_UNSPEC, AF_INET, AF_INET6, AF_PACKET = 0, 2, 10, 17
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3
IPPROTO_IP, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, IPPROTO_ICMPV6 = 0, 1, 6, 17, 41, 58
SOL_SOCKET = 1
SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF = 2, 3, 4, 6, 7, 8
SO_KEEPALIVE, SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE, SO_ACCEPTCONN = 9, 13, 20, 21, 25, 30
IP_TOS, IP_TTL = 1, 2
IPV6_UNICAST_HOPS, IPV6_V6ONLY, IPV6_TCLASS = 16, 26, 67
SO_DEBUG, SO_DONTROUTE, SO_OOBINLINE = 1, 5, 10
TCP_NODELAY, TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT = 1, 2, 4, 5, 6, 18
SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2
MSG_PEEK: int = lib.MSG_PEEK
MSG_DONTWAIT: int = lib.MSG_DONTWAIT
"""A nonblocking call, whatever the socket is set to."""

LONGEST = 65535  # bytes that any IPv4 packet holds at most
_BITS = {SO_DEBUG, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE}  # kept, without effect where none is known
_BYTES = (bytes, bytearray, memoryview)


def family_of(address: str) -> int:
    """AF_INET or AF_INET6, by how an address is written."""
    return AF_INET6 if ":" in address else AF_INET


class SocketTimeout(BlockingIOError, TimeoutError):
    """A wait took longer than SO_RCVTIMEO or SO_SNDTIMEO: EAGAIN, as in NuttX, and a TimeoutError, as in Python."""


class Socket(SocketCalls):
    """socket(family, kind, proto): UDP (kernel/udp.py), TCP (kernel/tcp.py), IPPROTO_ICMP for ping (kernel/icmp.py).

    Here is what they have in common: an owner, a lock of their own if locks are split, blocking modes and timeouts.
    Timeouts are seconds, rounded up to 0.1 s as NuttX does; None is for ever. They need CONFIG_NET_SOCKOPTS. Raises
    OSError: EAFNOSUPPORT, EPROTONOSUPPORT (not built in, or none there is), ENOMEM (all of them are in use).
    """

    _kinds: ClassVar[dict[tuple[int, int, int], type[Socket]]] = {}
    option: ClassVar[str] = ""  # CONFIG_... that builds this kind in

    def __init_subclass__(
        cls, kind: int = 0, proto: int = 0, option: str = "", families: tuple[int, ...] = (AF_INET,)
    ) -> None:
        if kind:
            cls._KIND = len(Socket._kinds)
            for family in families:
                Socket._kinds[family, kind, proto] = cls
            cls.option = option

    def __new__(cls, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> Socket:
        if family not in (AF_INET, AF_INET6, AF_PACKET):
            raise os_error(EAFNOSUPPORT, f"socket: family {family}; this board has AF_INET, AF_INET6 and AF_PACKET")
        if family == AF_INET6 and not kernel.options.get("NET_IPv6", True):
            raise os_error(EAFNOSUPPORT, "socket: AF_INET6 needs CONFIG_NET_IPv6")
        wanted = 0 if family == AF_PACKET else proto
        if wanted == 0 and family != AF_PACKET:
            wanted = {SOCK_DGRAM: IPPROTO_UDP, SOCK_STREAM: IPPROTO_TCP}.get(kind, 0)
        found = Socket._kinds.get((family, kind, wanted))
        if found is None:
            raise os_error(EPROTONOSUPPORT, f"socket: type {kind}, protocol {proto}")
        if not kernel.options.get(found.option, True):
            raise os_error(EPROTONOSUPPORT, f"socket: CONFIG_{found.option} is not set")
        return object.__new__(found)

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> None:
        self.family = family
        conn = check(self._core_socket(kernel.board), "socket")
        self._names = INET6 if family == AF_INET6 else INET
        self._pack = self._names.pack
        self._kernel = kernel
        self._board = kernel.board
        self._follow = kernel.clock.follow
        self._lock = kernel.net_lock
        self.type = kind
        self.proto = proto
        self.conn = conn
        """Number of the connection in the core; -1 when closed. IOB owners name it."""
        self.lock: Mutex | None = kernel.net.conn_lock(f"socket {conn}")
        kernel.sockets.add(self)
        self._nonblock = False
        self._bits: frozenset[int] = frozenset()
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

    def _make_room(self, bufsize: int) -> int:
        """How much of a datagram can be taken, for which there is room then. Raises OSError (EINVAL)."""
        if bufsize < 0:
            raise os_error(EINVAL, f"recvfrom: a buffer of {bufsize} bytes")
        bufsize = min(bufsize, LONGEST)
        if bufsize > len(self._room) or self._pointer is None:
            self._grow(bufsize)
        return bufsize

    def _grow(self, size: int) -> None:
        """Room for the next datagram. It is the socket's own: another task may be in the middle of a call."""
        self._room = bytearray(max(size, 2 * len(self._room), 512))
        self._view = memoryview(self._room)
        self._pointer = buffer(self._room)

    # Locks

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.conn_dev_lock(self, None)
        try:
            yield
        finally:
            self._lock.conn_dev_unlock(self, None)

    # For a diagnosis

    @property
    @abstractmethod
    def label(self) -> str:
        """What it is, where it is bound and who its peer is."""

    @abstractmethod
    def semaphores(self) -> tuple[int, ...]:
        """Numbers of the semaphores on which tasks wait for this socket and no other."""

    # For poll()

    @abstractmethod
    def _pollsetup(self, poller: int, events: int) -> int:
        """A poller of the core is woken from now on when something of ``events`` may have come about: 0 or -errno."""

    @abstractmethod
    def _ready(self) -> int:
        """What can be done now without waiting (POLLIN, ...), or -errno."""

    # Ends

    @abstractmethod
    def _core_socket(self, board: Any) -> int:
        """Makes the connection in the core; its number, or a negative errno."""

    @abstractmethod
    def _core_close(self) -> int:
        """Frees it there."""

    def give(self, task: Task | None) -> None:
        """From now on it is another task's, and closed when that ends. None: nobody's, until somebody closes it."""
        if self._owner is not None:
            self._owner.at_exit.remove(self._owner_gone)
        self._owner = task
        if task is not None:
            task.at_exit.append(self._owner_gone)

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
        self._closing = True
        if self.conn < 0 or self._files > 0:
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

    def _timeo(self, value: Value) -> int | None:
        """Milliseconds, in steps of 100, of a timeout in seconds or as (seconds, microseconds)."""
        if isinstance(value, str):
            raise os_error(EINVAL, f"timeout {value!r}")
        if not self._kernel.options.get("NET_SOCKOPTS", True):
            raise os_error(ENOPROTOOPT, "timeouts need CONFIG_NET_SOCKOPTS")
        seconds, micros = value if isinstance(value, tuple) else (0, round(value * 1_000_000))
        if seconds < 0 or micros < 0:
            raise os_error(EDOM, f"timeout {value}")
        return -(-(seconds * 1_000_000 + micros) // 100_000) * 100 or None

    def _wait(
        self,
        sem: Semaphore,
        deadline: int | None,
        what: str,
        driver: HasLock | None = None,
        interruptible: bool = True,
    ) -> None:
        """Waits with the locks given up, the device's too, until ``deadline`` (ns).

        Raises OSError: EAGAIN, EINTR, EBADF (closed).
        """
        ms = None
        if deadline is not None:
            ms = -(-(deadline - self._kernel.clock.now_ns) // 1_000_000)
            if ms <= 0:
                raise SocketTimeout(EAGAIN, f"{what}: timed out")
        r = self._lock.conn_dev_sem_timedwait(sem, interruptible, ms, self, driver)
        if self.conn < 0:
            raise os_error(EBADF, f"{what}: closed by another task")
        if r == -ETIMEDOUT:
            raise SocketTimeout(EAGAIN, f"{what}: timed out")
        if r < 0:
            raise os_error(-r, what)

    def _deadline(self, ms: int | None) -> int | None:
        return None if ms is None else self._kernel.clock.now_ns + ms * 1_000_000

    # Options

    def setsockopt(self, level: int, option: int, value: Value | bytes) -> None:
        """Sets an option: a number, or what kernel/sockopt.py says; bytes are taken as what a C program passes.

        Raises OSError: ENOPROTOOPT (unknown, or not built in), EINVAL, EDOM.
        """
        if not self._kernel.options.get("NET_SOCKOPTS", True):
            raise os_error(ENOPROTOOPT, f"setsockopt({level}, {option}) needs CONFIG_NET_SOCKOPTS")
        self._setopt(level, option, unpack(level, option, bytes(value)) if isinstance(value, _BYTES) else value)

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        """What setsockopt() sets, SO_TYPE, SO_ERROR and SO_ACCEPTCONN; ``buflen``: as that many bytes at most."""
        value = self._getopt(level, option)
        return pack(level, option, value, buflen) if buflen else value

    def _setopt(self, level: int, option: int, value: Value) -> None:
        name = f"setsockopt({level}, {option})"
        if level == SOL_SOCKET and option in _BITS:
            if not isinstance(value, int):
                raise os_error(EINVAL, f"{name}: {value!r}")
            self._bits = self._bits - {option} | ({option} if value else set())
            return
        if level == SOL_SOCKET and option in (SO_TYPE, SO_ERROR, SO_ACCEPTCONN):
            raise os_error(EINVAL, name)
        if level != SOL_SOCKET or option not in (SO_RCVTIMEO, SO_SNDTIMEO):
            raise os_error(ENOPROTOOPT, name)
        ms = self._timeo(value)
        if option == SO_RCVTIMEO:
            self._rcvtimeo = ms
        else:
            self._sndtimeo = ms

    def _device_number(self, value: Value, name: str) -> int:
        """The number of the device that SO_BINDTODEVICE names; "" is any, 0. Raises OSError: ENOPROTOOPT, ENODEV."""
        if not self._kernel.options.get("NET_BINDTODEVICE", True):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_NET_BINDTODEVICE")
        return self._kernel.net.device(str(value)).index if value else 0

    def _getopt(self, level: int, option: int) -> int | float | tuple[int, int]:
        if level == SOL_SOCKET and option == SO_TYPE:
            return self.type
        if level == SOL_SOCKET and option in _BITS:
            return int(option in self._bits)
        if level == SOL_SOCKET and option in (SO_RCVTIMEO, SO_SNDTIMEO):
            return ((self._rcvtimeo if option == SO_RCVTIMEO else self._sndtimeo) or 0) / 1000
        raise os_error(ENOPROTOOPT, f"getsockopt({level}, {option})")
