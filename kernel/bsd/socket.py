"""Python's socket module for programs on a board: IPv4 and IPv6, no default timeout.

What it lacks of the original: address families but AF_INET, AF_INET6 and AF_PACKET, sockets that speak both protocols,
names of services, socketpair(), fromfd(), ancillary data. Timeouts are rounded up to 0.1 s, as NuttX does. The errnos
are NuttX's. Names of hosts are looked up as the board is configured to.
"""

from __future__ import annotations

import socket as _host
from abc import ABCMeta
from errno import EAFNOSUPPORT, EINVAL
from socket import EAI_FAMILY, EAI_NONAME, gaierror, herror, htonl, htons, inet_aton, inet_ntoa, ntohl, ntohs
from typing import TYPE_CHECKING, Any

from kernel import socket as _socket
from kernel.bsd import system
from kernel.netlib import netdb
from kernel.sockbase import family_of
from kernel.socket import *  # noqa: F403
from kernel.socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
)

if TYPE_CHECKING:
    from kernel.socket import Address, Socket

error = OSError
timeout = TimeoutError
has_ipv6 = True  # as in Python, whether a board speaks it is found out by asking for a socket (CONFIG_NET_IPv6)
PF_INET, PF_INET6 = AF_INET, AF_INET6
AI_PASSIVE, AI_NUMERICHOST = 1, 4
INADDR_ANY, INADDR_LOOPBACK, INADDR_BROADCAST = 0, 0x7F000001, 0xFFFFFFFF
_HOST = {AF_INET: _host.AF_INET, AF_INET6: _host.AF_INET6}  # the host's numbers, which are its own
SOMAXCONN = 8  # CONFIG_NET_TCPBACKLOG_CONNS is what holds

__all__ = [
    *_socket.__all__,
    "AI_NUMERICHOST",
    "AI_PASSIVE",
    "EAI_FAMILY",
    "EAI_NONAME",
    "INADDR_ANY",
    "INADDR_BROADCAST",
    "INADDR_LOOPBACK",
    "PF_INET",
    "PF_INET6",
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
    """A TCP connection to there, to the first address of the host that takes it. Raises OSError, gaierror."""
    failure: OSError | None = None
    for family, kind, proto, _, peer in getaddrinfo(address[0], address[1], type=SOCK_STREAM):
        try:
            return _connection(socket(family, kind, proto), peer, timeout, source_address)
        except OSError as error:
            failure = error
    assert failure is not None
    raise failure


def _connection(sock: Socket, peer: Address, timeout: float | None, source: Address | None) -> Socket:
    try:
        if timeout is not None:
            sock.settimeout(timeout)
        if source is not None:
            sock.bind(source)
        sock.connect(peer)
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
        raise ValueError("this board has neither SO_REUSEPORT nor sockets that speak IPv4 and IPv6")
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
    """The IPv4 address of a host. Raises gaierror."""
    return _addresses(hostname, AF_INET, 0)[0]


def _addresses(host: str, family: int, flags: int) -> list[str]:
    if host == "":
        host = "0.0.0.0" if family != AF_INET6 else "::"
    number, percent, _ = host.partition("%")
    try:
        if flags & AI_NUMERICHOST and netdb.numeric_address(number) is None:
            raise netdb.GaiError
        return netdb.gethostbyname(system().kernel, number if percent and ":" in number else host, family)
    except InterruptedError:
        raise
    except OSError:
        raise gaierror(EAI_NONAME, "Name or service not known") from None


def getaddrinfo(
    host: str | None, port: int | str | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, Address]]:
    """What connects to there, by address and kind of socket; IPv6 only if the board speaks it.

    Raises gaierror: no such name or service, which has to be a number.
    """
    if family not in (AF_UNSPEC, AF_INET, AF_INET6):
        raise gaierror(EAI_FAMILY, "Address family for hostname not supported")
    try:
        number = int(port or 0)
    except ValueError:
        raise gaierror(EAI_NONAME, "Name or service not known") from None
    found = _own(family, flags) if host is None else _addresses(host, family, flags)
    kinds = ((SOCK_STREAM, IPPROTO_TCP), (SOCK_DGRAM, IPPROTO_UDP))
    return [
        (family_of(ip), k, p, "", (ip, number, 0, 0) if ":" in ip else (ip, number))
        for ip in found
        for k, p in kinds
        if type in (0, k) and proto in (0, p)
    ]


def _own(family: int, flags: int) -> list[str]:
    """This board's addresses in either family, as getaddrinfo() has them for no host; IPv4 first, as in NuttX."""
    four, six = ("0.0.0.0", "::") if flags & AI_PASSIVE else ("127.0.0.1", "::1")
    both = [four, *([six] if system().kernel.options["NET_IPv6"] else [])]
    found = [ip for ip in both if family in (AF_UNSPEC, family_of(ip))]
    if not found:
        raise gaierror(EAI_FAMILY, "Address family for hostname not supported")
    return found


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
    if family not in (AF_INET, AF_INET6):
        raise OSError(EAFNOSUPPORT, f"unknown address family {family}")
    return _host.inet_pton(_HOST[family], address)


def inet_ntop(family: int, packed: Any) -> str:
    """Bytes to text. Raises OSError, ValueError."""
    if family not in (AF_INET, AF_INET6):
        raise ValueError(f"unknown address family {family}")
    return _host.inet_ntop(_HOST[family], packed)
