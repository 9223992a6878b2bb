"""The DHCP client (RFC 2131; NuttX netutils/dhcpc): how a lease is asked for and prolonged.

It speaks through a UDP socket that is bound to the device, which may have no address: such a socket hears what is sent
to everybody, and what is sent to an address that the device does not have yet. What comes and is no answer is counted
and passed over, and the wait goes on for what is left of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ECONNREFUSED, ETIMEDOUT
from typing import TYPE_CHECKING

from kernel.inet import INADDR_ANY, INADDR_BROADCAST, inet_ntoa
from kernel.netlib.dhcpmsg import (
    ACK,
    CLIENT_ID,
    DISCOVER,
    ETHERNET,
    HOST_NAME,
    INFINITE,
    NAK,
    OFFER,
    REQ_IPADDR,
    REQ_LIST,
    REQUEST,
    SERVER_ID,
    WANTED,
    Malformed,
    NotOurs,
    Option,
    Reply,
    make_message,
    parse_reply,
)
from kernel.sockbase import SO_BINDTODEVICE, SOL_SOCKET, Socket, SocketTimeout
from kernel.udp import UdpSocket

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

SERVER_PORT, CLIENT_PORT = 67, 68
LONGEST = 1500  # bytes of a message that are looked at
JITTER_MS = 1000  # at most; RFC 2131 4.1
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000


@dataclass(frozen=True)
class Lease:
    """What a server has granted. Addresses are numbers; times are the board's, ns, None for never.

    ``renew``: when its server is asked for more (T1). ``rebind``: when any server is (T2). ``end``: when it is over.
    """

    address: int
    netmask: int
    router: int
    dns: tuple[int, ...]
    server: int
    renew: int | None
    rebind: int | None
    end: int | None


def lease_of(reply: Reply, server: int, asked: int) -> Lease:
    """The lease in an ACK to what was sent at ``asked``, ns. Times that make no sense are RFC 2131's (4.4.5)."""
    if reply.lease == INFINITE:
        return Lease(reply.address, reply.netmask, reply.router, reply.dns, server, None, None, None)
    whole = reply.lease * NS_PER_S
    renew, rebind = reply.t1 * NS_PER_S, reply.t2 * NS_PER_S
    if not 0 < renew < rebind < whole:
        renew, rebind = whole // 2, whole * 7 // 8
    return Lease(
        reply.address, reply.netmask, reply.router, reply.dns, server, asked + renew, asked + rebind, asked + whole
    )


class Dhcpc:
    """A client for one device. ``counts``: messages that were passed over, by reason: foreign, malformed, unexpected.

    Everything that waits raises InterruptedError when a signal comes.
    """

    def __init__(self, kernel: Kernel, device: NetDevice, counts: Counter[str]) -> None:
        options = kernel.options
        self._kernel = kernel
        self._device = device
        self._mac = device.mac
        self._counts = counts
        self._xid = kernel.entropy.getrandbits(32)
        self._flags = int(options["NETUTILS_DHCPC_BOOTP_FLAGS"]) & 0xFFFF
        self._timeout_ms = int(options["NETUTILS_DHCPC_RECV_TIMEOUT_MS"])
        self._tries = int(options["NETUTILS_DHCPC_RETRIES"])
        name = str(options["LIBC_HOSTNAME"]) or str(options["NETUTILS_DHCPC_HOST_NAME"])
        self._name: list[Option] = [(HOST_NAME, name.encode()[:255])]
        self._client: list[Option] = [(CLIENT_ID, ETHERNET + self._mac)]

    # The dialogues

    def obtain(self) -> Lease:
        """A new lease: DISCOVER, then REQUEST for the first offer. The device's address is left as it was.

        Raises OSError: ETIMEDOUT (no offer, or no answer to the request), ECONNREFUSED (the server takes its offer
        back), and what sending raises.
        """
        started = self._now
        with self._socket() as sock:
            discover: list[Option] = [*self._name, (REQ_LIST, WANTED), *self._client]
            offer = self._ask(sock, DISCOVER, discover, started, self._is_offer)
            wanted = [
                *self._name,
                (SERVER_ID, offer.server.to_bytes(4, "big")),
                (REQ_IPADDR, offer.address.to_bytes(4, "big")),
                *self._client,
            ]
            with self._trying(offer.address):
                asked = self._now
                reply = self._ask(sock, REQUEST, wanted, started, lambda r: self._settles(r, offer.address))
        if reply.kind == NAK:
            raise OSError(ECONNREFUSED, f"{self._device.name}: the server takes its offer back")
        return lease_of(reply, offer.server, asked)

    def prolong(self, lease: Lease, *, everybody: bool) -> Lease | None:
        """Asks once for more time: the lease's server, or every one. None: no answer. Raises OSError (ECONNREFUSED)."""
        asked = self._now
        to = INADDR_BROADCAST if everybody else lease.server
        message = make_message(REQUEST, self._xid, self._mac, [*self._name, *self._client], ciaddr=lease.address)
        with self._socket() as sock:
            sock.sendto(message, (inet_ntoa(to), SERVER_PORT))
            reply = self._answer(sock, self._timeout_ms, lambda r: self._settles(r, lease.address))
        if reply is None:
            return None
        if reply.kind == NAK:
            raise OSError(ECONNREFUSED, f"{self._device.name}: the lease is not prolonged")
        return lease_of(reply, reply.server or lease.server, asked)

    @staticmethod
    def _is_offer(reply: Reply) -> bool:
        return reply.kind == OFFER and reply.server != INADDR_ANY

    @staticmethod
    def _settles(reply: Reply, address: int) -> bool:
        """Whether it is the last word about this address."""
        return reply.kind == NAK or (reply.kind == ACK and reply.address == address and reply.lease > 0)

    # Asking and waiting

    @property
    def _now(self) -> int:
        return self._kernel.clock.now_ns

    def _socket(self) -> Socket:
        sock = UdpSocket(self._kernel)
        try:
            sock.bind(("", CLIENT_PORT))
            sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, self._device.name)
        except OSError:
            sock.close()
            raise
        return sock

    @contextmanager
    def _trying(self, address: int) -> Iterator[None]:
        """Meanwhile the device has the address that it was offered, as in NuttX, so that it hears and answers ARP."""
        before = self._device.ipaddr
        self._set_address(inet_ntoa(address))
        try:
            yield
        finally:
            self._set_address(before)

    def _set_address(self, address: str) -> None:
        with self._kernel.net.locked(self._device):
            self._device.ipaddr = address

    def _ask(
        self, sock: Socket, kind: int, options: list[Option], started: int, fits: Callable[[Reply], bool]
    ) -> Reply:
        """Sends to everybody until an answer fits; each wait is twice as long as the one before, give or take."""
        ms = self._timeout_ms
        for _ in range(self._tries):
            secs = (self._now - started) // NS_PER_S
            message = make_message(kind, self._xid, self._mac, options, secs=secs, flags=self._flags)
            sock.sendto(message, (inet_ntoa(INADDR_BROADCAST), SERVER_PORT))
            jitter = min(JITTER_MS, ms // 3)
            reply = self._answer(sock, ms + self._kernel.entropy.randint(-jitter, jitter), fits)
            if reply is not None:
                return reply
            ms *= 2
        raise OSError(ETIMEDOUT, f"{self._device.name}: no DHCP server answers")

    def _answer(self, sock: Socket, ms: int, fits: Callable[[Reply], bool]) -> Reply | None:
        """The first message within so many milliseconds that fits."""
        deadline = self._now + ms * NS_PER_MS
        while (left := deadline - self._now) > 0:
            sock.settimeout(left / NS_PER_S)
            try:
                data, _ = sock.recvfrom(LONGEST)
                reply = parse_reply(data, self._xid, self._mac)
            except SocketTimeout:
                return None
            except NotOurs:
                self._counts["foreign"] += 1
            except Malformed:
                self._counts["malformed"] += 1
            else:
                if fits(reply):
                    return reply
                self._counts["unexpected"] += 1
        return None
