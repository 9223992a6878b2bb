"""The DNS client of a board (NuttX lib_dnsquery.c): which servers it asks, how often, and what it remembers.

A server is asked by UDP, with IPv6 first for IPv6 addresses and then for the others. Without any address it is asked
again, NETDB_DNSCLIENT_RETRIES times in all, each wait twice as long as the one before; by TCP if its answer is too long
for UDP; then it is the next one's turn. Datagrams that answer something else are passed over.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from errno import EADDRNOTAVAIL, EAGAIN, EILSEQ, EINVAL, EPROTO
from typing import TYPE_CHECKING

from kernel.inet import MAPPED, inet_ntoa, option_address, pack_address, unpack_address
from kernel.netlib.dhcpmsg import is_host
from kernel.netlib.dnscache import DnsCache
from kernel.netlib.dnsmsg import (
    AAAA,
    TTL_MAX,
    A,
    Malformed,
    NoAddress,
    NotOurs,
    Refused,
    Truncated,
    make_query,
    parse_answer,
)
from kernel.sockbase import SOCK_STREAM, SocketTimeout, family_of
from kernel.tcp import TcpSocket
from kernel.udp import UdpSocket

if TYPE_CHECKING:
    from kernel.kernel import Kernel

PORT = 53
NS_PER_S = 1_000_000_000


class Resolver:
    """The servers of one board, and its cache. ``counts``: datagrams that were passed over, by reason."""

    def __init__(self, kernel: Kernel) -> None:
        options = kernel.options
        self._kernel = kernel
        self._most = int(options["NETDB_DNSSERVER_NAMESERVERS"])
        self._tries = int(options["NETDB_DNSCLIENT_RETRIES"])
        self._wait = int(options["NETDB_DNSCLIENT_RECV_TIMEOUT"])
        self._longest_wait = int(options["NETDB_DNSCLIENT_MAX_TIMEOUT"])
        self._longest = int(options["NETDB_DNSCLIENT_MAXRESPONSE"])
        self._kinds = {A: int(options["NETDB_MAX_IPv4ADDR"])}
        if options["NET_IPv6"]:
            self._kinds = {AAAA: int(options["NETDB_MAX_IPv6ADDR"]), **self._kinds}
        self.servers: list[str] = []
        self.cache = DnsCache(int(options["NETDB_DNSCLIENT_ENTRIES"]), int(options["NETDB_DNSCLIENT_LIFESEC"]))
        self.counts: Counter[str] = Counter()
        if options["NETDB_DNSSERVER_IPv6"]:
            self.add_nameserver(unpack_address(option_address(options.__getitem__, "NETDB_DNSSERVER_IPv6ADDR")))
        elif not options["NETDB_DNSSERVER_NOADDR"]:
            self.add_nameserver(inet_ntoa(int(options["NETDB_DNSSERVER_IPv4ADDR"])))

    def add_nameserver(self, address: str) -> None:
        """dns_add_nameserver(): one more, or instead of the first if there are as many as there may be.

        What the others said is forgotten. Raises OSError (EINVAL) for what can be no server's address.
        """
        if not self._is_server(pack_address(address)):
            raise OSError(EINVAL, f"{address} is no address of a name server")
        if address in self.servers:
            return
        if len(self.servers) < self._most:
            self.servers.append(address)
        else:
            self.servers[0] = address
        self.cache.clear()

    def _is_server(self, packed: bytes) -> bool:
        if packed[:12] == MAPPED:
            return packed[12] == 127 or is_host(int.from_bytes(packed[12:], "big"))
        return AAAA in self._kinds and any(packed) and packed[0] != 0xFF

    def lookup(self, name: str) -> list[str]:
        """The addresses of a name, at least one; those of IPv6 come first. Waits.

        Raises OSError: EINVAL (can be no name), EAGAIN (no server answers), EADDRNOTAVAIL (no server, or no address),
        EPROTO (a server refuses, or does not know the name), EILSEQ (it talks nonsense), EINTR, and what sockets raise.
        """
        key = name.rstrip(".").lower()
        known = self.cache.find(key, self._kernel.clock.now_ns)
        if known is not None:
            return known
        failure = OSError(EADDRNOTAVAIL, f"{name}: there is no name server")
        for server in list(self.servers):
            try:
                addresses, ttl = self._ask(server, name)
            except InterruptedError:
                raise
            except OSError as error:
                failure = error
            else:
                self.cache.save(key, addresses, ttl, self._kernel.clock.now_ns)
                return addresses
        raise failure

    def _ask(self, server: str, name: str) -> tuple[list[str], int]:
        """Addresses and TTL from one server. Raises OSError."""
        by_tcp = False
        attempt = 0
        while attempt < self._tries:
            wait = self._wait << attempt
            if attempt and self._longest_wait:
                wait = min(wait, self._longest_wait)
            addresses: list[str] = []
            ttl = TTL_MAX
            for kind, most in self._kinds.items():
                try:
                    found, lifetime = self._ask_for(kind, server, name, wait, by_tcp)
                except Truncated:
                    if by_tcp:
                        raise OSError(EILSEQ, f"{name}: {server} sends nonsense: too long for TCP") from None
                    by_tcp = True
                    break
                except OSError as error:
                    if isinstance(error, InterruptedError):
                        raise
                    failure = error
                else:
                    addresses += found[:most]
                    ttl = min(ttl, lifetime)
            else:
                if addresses:
                    return addresses, ttl
                if failure.errno != EAGAIN:
                    raise failure
                attempt += 1
        raise failure

    def _ask_for(self, kind: int, server: str, name: str, wait: int, by_tcp: bool) -> tuple[list[str], int]:
        """One question. Raises Truncated, OSError."""
        try:
            query = make_query(self._kernel.entropy.getrandbits(16), name, kind)
            return (self._by_tcp if by_tcp else self._by_udp)(server, query, wait)
        except SocketTimeout:
            raise OSError(EAGAIN, f"{name}: {server} does not answer") from None
        except Refused as error:
            raise OSError(EPROTO, f"{name}: {server} answers with RCODE {error}") from None
        except NoAddress:
            raise OSError(EADDRNOTAVAIL, f"{name}: {server} knows no address") from None
        except (Malformed, NotOurs) as error:
            raise OSError(EILSEQ, f"{name}: {server} sends nonsense: {error}") from None
        except ValueError as error:
            raise OSError(EINVAL, str(error)) from None

    def _by_udp(self, server: str, query: bytes, wait: int) -> tuple[list[str], int]:
        deadline = self._kernel.clock.now_ns + wait * NS_PER_S
        with UdpSocket(self._kernel, family_of(server)) as sock:
            sock.connect((server, PORT))
            sock.settimeout(wait)
            sock.send(query)
            while (left := deadline - self._kernel.clock.now_ns) > 0:
                sock.settimeout(left / NS_PER_S)
                try:
                    return parse_answer(sock.recv(self._longest), query)
                except NotOurs:
                    self.counts["foreign"] += 1
        raise SocketTimeout(EAGAIN, f"{server} does not answer")

    def _by_tcp(self, server: str, query: bytes, wait: int) -> tuple[list[str], int]:
        """Each message has its length before it (RFC 1035 4.2.2)."""
        with closing(TcpSocket(self._kernel, family_of(server), SOCK_STREAM)) as sock:
            deadline = self._kernel.clock.now_ns + wait * NS_PER_S
            sock.settimeout(wait)
            sock.connect((server, PORT))
            sock.sendall(len(query).to_bytes(2, "big") + query)
            length = int.from_bytes(self._exactly(sock, 2, deadline), "big")
            return parse_answer(self._exactly(sock, length, deadline), query)

    def _exactly(self, sock: TcpSocket, n: int, deadline: int) -> bytes:
        data = b""
        while len(data) < n:
            left = deadline - self._kernel.clock.now_ns
            if left <= 0:
                raise SocketTimeout(EAGAIN, "the answer does not end in time")
            sock.settimeout(left / NS_PER_S)
            more = sock.recv(n - len(data))
            if not more:
                raise Malformed("the connection ends within the answer")
            data += more
        return data
