"""Python's socket module for programs on a board: IPv4, names that are numbers, no default timeout.

What it lacks of the original: address families but AF_INET and AF_PACKET, getaddrinfo() for names, socketpair(),
fromfd(), ancillary data. Timeouts are rounded up to 0.1 s, as NuttX does. The errnos are NuttX's.
"""

from __future__ import annotations

from abc import ABCMeta
from errno import EINVAL
from socket import EAI_FAMILY, EAI_NONAME, gaierror, herror, htonl, htons, inet_aton, inet_ntoa, ntohl, ntohs
from typing import TYPE_CHECKING, Any

from kernel import socket as _socket
from kernel.bsd import system
from kernel.inet import inet_addr
from kernel.inet import inet_ntoa as _text
from kernel.socket import *  # noqa: F403
from kernel.socket import AF_INET, IPPROTO_TCP, IPPROTO_UDP, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET

if TYPE_CHECKING:
    from kernel.socket import Address, Socket

error = OSError
timeout = TimeoutError
has_ipv6 = False
AF_UNSPEC, PF_INET = 0, AF_INET
AI_PASSIVE, AI_NUMERICHOST = 1, 4
INADDR_ANY, INADDR_LOOPBACK, INADDR_BROADCAST = 0, 0x7F000001, 0xFFFFFFFF
SOMAXCONN = 8  # CONFIG_NET_TCPBACKLOG_CONNS is what holds

__all__ = [
    *_socket.__all__,
    "AF_UNSPEC",
    "AI_NUMERICHOST",
    "AI_PASSIVE",
    "EAI_FAMILY",
    "EAI_NONAME",
    "INADDR_ANY",
    "INADDR_BROADCAST",
    "INADDR_LOOPBACK",
    "PF_INET",
    "SOMAXCONN",
    "SocketType",
    "create_connection",
    "create_server",
    "error",
    "gaierror",
    "getaddrinfo",
    "getdefaulttimeout",
    "gethostbyname",
    "gethostname",
    "has_dualstack_ipv6",
    "has_ipv6",
    "herror",
    "htonl",
    "htons",
    "inet_aton",
    "inet_ntoa",
    "inet_ntop",
    "inet_pton",
    "ntohl",
    "ntohs",
    "socket",
    "timeout",
]


class _Socket(ABCMeta):
    """isinstance(s, socket) is true of the sockets that socket() makes."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _socket.Socket)


if TYPE_CHECKING:

    class socket(Socket):
        """As a type checker sees it: any of the kinds."""

        def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: None = None) -> None: ...
        @property
        def label(self) -> str: ...
        def semaphores(self) -> tuple[int, ...]: ...
        def _pollsetup(self, poller: int, events: int) -> int: ...
        def _ready(self) -> int: ...
        def _core_socket(self, board: Any) -> int: ...
        def _core_close(self) -> int: ...

else:

    class socket(metaclass=_Socket):
        """socket(family=AF_INET, type=SOCK_STREAM, proto=0): one of the kinds of kernel/socket.py."""

        def __new__(cls, family: int = -1, type: int = -1, proto: int = -1, fileno: None = None) -> Socket:
            if fileno is not None:
                raise OSError(EINVAL, "a socket cannot be made from a number")
            family, kind = (AF_INET if family < 0 else family), (SOCK_STREAM if type < 0 else type)
            return system().socket(family, kind, max(proto, 0))


SocketType = socket


def create_connection(
    address: Address,
    timeout: float | None = None,
    source_address: Address | None = None,
    *,
    all_errors: bool = False,
) -> Socket:
    """A TCP connection to there. Raises OSError, gaierror."""
    sock = socket(AF_INET, SOCK_STREAM)
    try:
        if timeout is not None:
            sock.settimeout(timeout)
        if source_address is not None:
            sock.bind(source_address)
        sock.connect((gethostbyname(address[0]), address[1]))
    except BaseException:
        sock.close()
        raise
    return sock


def create_server(
    address: Address,
    *,
    family: int = AF_INET,
    backlog: int | None = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> Socket:
    """A TCP socket that listens there. Raises OSError, ValueError."""
    if reuse_port or dualstack_ipv6:
        raise ValueError("this board has neither SO_REUSEPORT nor IPv6")
    sock = socket(family, SOCK_STREAM)
    try:
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(SOMAXCONN if backlog is None else backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def gethostbyname(hostname: str) -> str:
    """The address of a host, which may be "localhost", or is a number already. Raises gaierror."""
    try:
        return _text(inet_addr(hostname))
    except OSError:
        raise gaierror(EAI_NONAME, "Name or service not known") from None


def getaddrinfo(
    host: str | None, port: int | str | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, Address]]:
    """What connects to there, by kind of socket. Raises gaierror: a name, or a service that is no number."""
    if family not in (AF_UNSPEC, AF_INET):
        raise gaierror(EAI_FAMILY, "Address family for hostname not supported")
    default = "0.0.0.0" if flags & AI_PASSIVE else "127.0.0.1"
    address = default if host is None else gethostbyname(host)
    try:
        number = int(port or 0)
    except ValueError:
        raise gaierror(EAI_NONAME, "Name or service not known") from None
    kinds = ((SOCK_STREAM, IPPROTO_TCP), (SOCK_DGRAM, IPPROTO_UDP))
    return [(AF_INET, k, p, "", (address, number)) for k, p in kinds if type in (0, k) and proto in (0, p)]


def gethostname() -> str:
    """The board's (CONFIG_LIBC_HOSTNAME)."""
    return str(system().kernel.options["LIBC_HOSTNAME"])


def getdefaulttimeout() -> None:
    """There is none."""


def has_dualstack_ipv6() -> bool:
    """No."""
    return False


def inet_pton(family: int, address: str) -> bytes:
    """Text to bytes. Raises OSError."""
    if family != AF_INET or address.count(".") != 3:
        raise OSError("illegal IP address string passed to inet_pton")
    return inet_aton(address)


def inet_ntop(family: int, packed: Any) -> str:
    """Bytes to text. Raises OSError, ValueError."""
    if family != AF_INET:
        raise ValueError(f"unknown address family {family}")
    return inet_ntoa(packed)
