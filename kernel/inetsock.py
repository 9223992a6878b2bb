"""What UDP and TCP sockets have in common: names, options, and the steps of a call that takes the locks in between."""

from __future__ import annotations

from abc import abstractmethod
from errno import EINVAL, ENETUNREACH, ENOPROTOOPT, ENOSYS, ENOTCONN
from typing import TYPE_CHECKING, Any, ClassVar

from kernel.core import ACT_BASE, check, lib, take_bytes
from kernel.inet import unpack_address
from kernel.neighbor import resolve
from kernel.sockbase import (
    AF_INET,
    AF_INET6,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_TCLASS,
    IPV6_UNICAST_HOPS,
    IPV6_V6ONLY,
    SO_ACCEPTCONN,
    SO_BINDTODEVICE,
    SO_ERROR,
    SO_LINGER,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_SNDBUF,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    Address,
    Socket,
    os_error,
)
from kernel.sockname import NAME_LEN, name_of, name_text, port_of
from kernel.sockopt import Value
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel

LINGER_MAX = 6553  # s: NuttX counts them in tenths, in 16 bits
WAITS = -1000  # from here down: enum net_wait
WAIT_NEIGHBOR: int = lib.NET_WAIT_NEIGHBOR
WAIT_SND: int = lib.NET_WAIT_SND
WAIT_WRB: int = lib.NET_WAIT_WRB
WAIT_IOB: int = lib.NET_WAIT_IOB

OPTIONS: dict[tuple[int, int], int] = {
    (SOL_SOCKET, SO_REUSEADDR): lib.SOCK_REUSE,
    (SOL_SOCKET, SO_RCVBUF): lib.SOCK_RCVBUF,
    (SOL_SOCKET, SO_SNDBUF): lib.SOCK_SNDBUF,
    (IPPROTO_IP, IP_TTL): lib.SOCK_TTL,
    (IPPROTO_IP, IP_TOS): lib.SOCK_TOS,
}
"""Those of every kind: the core's number of the field."""

OPTIONS6: dict[int, tuple[int, int]] = {
    IPV6_UNICAST_HOPS: (lib.SOCK_TTL, 64),
    IPV6_TCLASS: (lib.SOCK_TOS, 0),
}
"""Of AF_INET6, which has no IP_TTL and IP_TOS: field, and what -1 stands for."""

_BUFSIZES = {
    SO_RCVBUF: ("NET_RECV_BUFSIZE", "NET_MAX_RECV_BUFSIZE"),
    SO_SNDBUF: ("NET_SEND_BUFSIZE", "NET_MAX_SEND_BUFSIZE"),
}
"""Options that hold the size at first, and the largest that may be asked for."""


class InetSocket(Socket):
    """A socket that has a connection of the core. ``_core_get`` and ``_core_set`` read and write its fields."""

    _options: ClassVar[dict[tuple[int, int], int]] = OPTIONS
    _core_get: ClassVar[Any]
    _core_set: ClassVar[Any]
    _core_name: ClassVar[Any]
    _core_bind: ClassVar[Any]
    _core_pollsetup: ClassVar[Any]
    _linger: int | None = None  # s
    _reads: ClassVar[str]
    """what a reader waits for"""

    def __init__(self, kernel: Kernel, family: int = AF_INET, kind: int = SOCK_DGRAM, proto: int = 0) -> None:
        super().__init__(kernel, family, kind, proto)
        self._rxsem = Semaphore(kernel, number=self._get(lib.SOCK_RXSEM), what=self._reads)
        self._sndsem = Semaphore(kernel, number=self._get(lib.SOCK_SNDSEM), what="room to send")
        self._wrbsem = Semaphore(kernel, number=self._get(lib.SOCK_WRBSEM), what="a write buffer")

    def _get(self, what: int) -> int:
        return check(type(self)._core_get(self._board, self.conn, what), "socket")

    @property
    def label(self) -> str:
        """Such as ``TCP 10.0.1.2:7, peer 10.0.1.1:1000``."""
        kind = "TCP" if self.type == SOCK_STREAM else "UDP"
        if self.conn < 0:
            return f"{kind}, closed"
        own, peer = self._name(peer=False), self._name(peer=True)
        return f"{kind} {name_text(own)}" + (f", peer {name_text(peer)}" if peer[1] else "")

    def semaphores(self) -> tuple[int, ...]:
        """Readers' and senders'."""
        return self._rxsem.number, self._sndsem.number

    def _pollsetup(self, poller: int, events: int) -> int:
        return int(type(self)._core_pollsetup(self._board, self.conn, poller, events))

    def _ready(self) -> int:
        return int(type(self)._core_get(self._board, self.conn, lib.SOCK_READY))

    # Names

    def bind(self, address: Address) -> None:
        """Raises OSError: EADDRINUSE, EADDRNOTAVAIL (no interface has that address), EINVAL (bound already)."""
        with self._locked():
            r = type(self)._core_bind(self._board, self.conn, self._pack(address[0]), port_of(address))
            check(r, f"bind {address}")

    def _name(self, peer: bool) -> Address:
        raw = take_bytes(type(self)._core_name, self._board, self.conn, peer, limit=NAME_LEN)
        return name_of(self._kernel, raw)

    def getsockname(self) -> Address:
        """Own address and port."""
        return self._name(peer=False)

    def getpeername(self) -> Address:
        """Raises OSError (ENOTCONN)."""
        if not self._get(lib.SOCK_FLAGS) & lib.SF_CONNECTED:
            raise os_error(ENOTCONN, "getpeername")
        return self._name(peer=True)

    # Steps

    def _step(self, function: Any, *args: Any) -> int:
        """One step of a call under the locks."""
        with self._locked():
            try:
                r = function(self._board, *args)
                if r >= ACT_BASE:
                    r = self._follow(r)
            finally:  # also if the caller is killed now: what it has queued is on its way
                self._kernel.net.txavail()
            return int(r)

    def _left(self, deadline: int | None) -> int | None:
        return None if deadline is None else max(0, -(-(deadline - self._kernel.clock.now_ns) // 1_000_000))

    def _sleep(self, sem: Semaphore, deadline: int | None, what: str) -> None:
        with self._locked():
            self._wait(sem, deadline, what)

    def _peer(self) -> bytes:
        """The peer's address as the core has it."""
        return take_bytes(type(self)._core_name, self._board, self.conn, True, limit=NAME_LEN)[:16]

    def _resolve(self, ip: bytes, what: str) -> None:
        """Waits until the neighbor there is known. Raises OSError (ENETUNREACH)."""
        if resolve(self._kernel, ip, self._get(lib.SOCK_BOUNDIF)) < 0:
            raise OSError(ENETUNREACH, f"{what}: no answer from {unpack_address(ip)} or its router")

    @abstractmethod
    def _core_socket(self, board: Any) -> int: ...

    @abstractmethod
    def _core_close(self) -> int: ...

    # Options

    def setblocking(self, flag: bool) -> None:
        """O_NONBLOCK off or on."""
        super().setblocking(flag)
        check(type(self)._core_set(self._board, self.conn, lib.SOCK_NONBLOCK, not flag), "setblocking")

    def _setopt(self, level: int, option: int, value: Value) -> None:
        name = f"setsockopt({level}, {option})"
        if level == SOL_SOCKET and option == SO_BINDTODEVICE:
            device = self._device_number(value, name)
            check(type(self)._core_set(self._board, self.conn, lib.SOCK_BOUNDIF, device), name)
            return
        if level == SOL_SOCKET and option == SO_LINGER:
            self._set_linger(value, name)
            return
        field = self._field(level, option)
        if field is None:
            super()._setopt(level, option, value)
            return
        if isinstance(value, (str, tuple)):
            raise os_error(EINVAL, f"{name}: {value!r}")
        value = int(value)
        if level == IPPROTO_IPV6:
            value = self._ipv6_value(option, value, name)
            if option == IPV6_V6ONLY:
                return
        if option in (SO_RCVBUF, SO_SNDBUF) and level == SOL_SOCKET:
            value = self._bufsize(*_BUFSIZES[option], value, name)
        check(type(self)._core_set(self._board, self.conn, field, value), name)

    def _field(self, level: int, option: int) -> int | None:
        """The core's number of an option, 0 for IPV6_V6ONLY, which it does not have; None: it is none of these."""
        if level == IPPROTO_IPV6 and self.family == AF_INET6:
            return 0 if option == IPV6_V6ONLY else OPTIONS6[option][0] if option in OPTIONS6 else None
        return None if level == IPPROTO_IP and self.family == AF_INET6 else self._options.get((level, option))

    def _ipv6_value(self, option: int, value: int, name: str) -> int:
        """An AF_INET6 socket never speaks IPv4, as in NuttX, where IPV6_V6ONLY cannot be set at all (ENOSYS)."""
        if option == IPV6_V6ONLY and not value:
            raise os_error(ENOSYS, f"{name}: a socket of AF_INET6 speaks IPv6 only")
        return OPTIONS6[option][1] if value == -1 and option in OPTIONS6 else value

    def _set_linger(self, value: Value, name: str) -> None:
        if not self._kernel.options.get("NET_SOLINGER", False):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_NET_SOLINGER")
        if not isinstance(value, tuple) or not 0 <= value[1] <= LINGER_MAX:
            raise os_error(EINVAL, f"{name}: {value!r} is not (on, seconds)")
        self._lingers(value[1] if value[0] else None)

    def _lingers(self, seconds: int | None) -> None:
        self._linger = seconds

    def _bufsize(self, default: str, most: str, value: int, name: str) -> int:
        built = self._kernel.options
        if not built.get(default, 0):
            raise os_error(ENOPROTOOPT, f"{name} needs CONFIG_{default}")
        if value < 0:
            raise os_error(EINVAL, f"{name}: {value} bytes")
        limit = int(built.get(most, 0))
        return min(value, limit) if limit else value

    def _getopt(self, level: int, option: int) -> int | float | tuple[int, int]:
        if level == SOL_SOCKET and option == SO_ERROR:
            error = self._get(lib.SOCK_ERROR)
            type(self)._core_set(self._board, self.conn, lib.SOCK_ERROR, 0)
            return error
        if level == SOL_SOCKET and option == SO_LINGER and self._kernel.options.get("NET_SOLINGER", False):
            return (0, 0) if self._linger is None else (1, self._linger)
        if level == SOL_SOCKET and option == SO_ACCEPTCONN:
            return int(bool(self._get(lib.SOCK_FLAGS) & lib.SF_LISTENING))
        field = self._field(level, option)
        if level == IPPROTO_IPV6 and field == 0:
            return 1
        return super()._getopt(level, option) if field is None else self._get(field)
