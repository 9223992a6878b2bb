"""Names and IPv6: what is asked for AAAA, what is believed, in which order, and servers that have an IPv6 address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EADDRNOTAVAIL, EAGAIN, EILSEQ
from itertools import pairwise
from typing import Any

import pytest
from names_kit import DnsServer, Host, a, answer, cname, name, record
from shell_kit import put_file
from stack import error_of

from board import Bench, Board
from board.kconfig import ConfigError
from kernel.inet import pack_ipv6
from kernel.netlib.dnsmsg import AAAA, A, Malformed, NoAddress, make_query, parse_answer
from kernel.netlib.netdb import EAI_FAMILY, GaiError
from kernel.socket import AF_INET, AF_INET6, SOCK_DGRAM

HOST = "www.example.org"
V4, V6 = f"Host: {HOST} Addr: 10.0.1.80\n", f"Host: {HOST} Addr: fc00::80\n"
FAILED = "nsh: nslookup: getaddrinfo failed: 1\n"


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(seed=3) as board:
        board.boot()
        yield board


@pytest.fixture
def host(board: Board) -> Host:
    return Host(board)


def kind(query: bytes) -> int:
    return int.from_bytes(query[-4:-2], "big")


def aaaa(owner: str | bytes, address: str, ttl: int = 60) -> bytes:
    return record(name(owner) if isinstance(owner, str) else owner, pack_ipv6(address), kind=AAAA, ttl=ttl)


def both(query: bytes) -> list[bytes]:
    records = {A: a(HOST, "10.0.1.80"), AAAA: aaaa(HOST, "fc00::80")}
    return [answer(query, records[kind(query)])]


def only(wanted: int, other: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """As ``both``, but the question for the other kind of address is answered differently."""
    return lambda query: both(query) if kind(query) == wanted else other(query)


def nothing(query: bytes) -> list[bytes]:
    return [answer(query)]


def unknown(query: bytes) -> list[bytes]:
    return [answer(query, flags=0x8183)]


def silence(query: bytes) -> list[bytes]:
    return []


def kinds(server: DnsServer) -> list[int]:
    return [kind(query.data) for query in server.queries]


def run(host: Host, program: Callable[[Any], Any]) -> Any:
    """What a program on the board returns, or its error."""
    found: list[Any] = []

    def app(sys: Any) -> None:
        try:
            found.append(program(sys))
        except OSError as error:
            found.append(error)

    host.board.spawn(app)
    host.board.run_until(lambda: host.look() or bool(found), 400)
    return found[0]


# Questions


def test_ipv6_is_asked_for_first_and_both_are_printed(host: Host) -> None:
    server = DnsServer(host, both)
    assert host.nsh(f"nslookup {HOST}") == (V6 + V4, 0)
    assert kinds(server) == [AAAA, A]
    assert server.queries[0].data[2:] == bytes.fromhex("0100 0001 0000 0000 0000") + name(HOST) + b"\0\x1c\0\1"


@pytest.mark.parametrize("other", [nothing, unknown, silence])
def test_one_kind_of_address_is_enough(host: Host, other: Callable[[bytes], list[bytes]]) -> None:
    server = DnsServer(host, only(A, other))
    assert host.nsh(f"nslookup {HOST}") == (V4, 0)
    assert kinds(server) == [AAAA, A]


@pytest.mark.parametrize("other", [nothing, unknown, silence])
def test_a_host_may_have_ipv6_only(host: Host, other: Callable[[bytes], list[bytes]]) -> None:
    server = DnsServer(host, only(AAAA, other))
    assert host.nsh(f"nslookup {HOST}") == (V6, 0)
    assert kinds(server) == [AAAA, A]


def test_both_are_asked_again_as_long_as_nobody_answers(board: Board, host: Host) -> None:
    server = DnsServer(host, silence)
    assert host.nsh(f"nslookup {HOST}") == (FAILED, 1)
    assert kinds(server) == [AAAA, A] * 3
    times = [query.time for query in server.queries] + [board.now]
    assert [round(after - before) for before, after in pairwise(times)] == [5, 5, 10, 10, 20, 20]
    assert run(host, lambda sys: sys.kernel.resolver.lookup(HOST)).errno == EAGAIN


def test_as_in_nuttx_the_last_answer_decides_whether_they_are_asked_again(host: Host) -> None:
    server = DnsServer(host, lambda query: silence(query) if kind(query) == AAAA else nothing(query))
    assert run(host, lambda sys: sys.kernel.resolver.lookup(HOST)).errno == EADDRNOTAVAIL
    assert kinds(server) == [AAAA, A]


def test_what_one_lookup_has_found_is_remembered_for_both(host: Host) -> None:
    server = DnsServer(host, both)
    for _ in range(3):
        assert host.nsh(f"nslookup {HOST}") == (V6 + V4, 0)
    assert kinds(server) == [AAAA, A]


def test_the_shorter_life_counts(board: Board, host: Host) -> None:
    short, long = aaaa(HOST, "fc00::80", ttl=10), a(HOST, "10.0.1.80", ttl=600)
    server = DnsServer(host, lambda query: [answer(query, short if kind(query) == AAAA else long)])
    host.nsh(f"nslookup {HOST}")
    host.wait(11)
    host.nsh(f"nslookup {HOST}")
    assert kinds(server) == [AAAA, A] * 2


def test_as_many_as_the_configuration_says_are_kept() -> None:
    def make(query: bytes) -> list[bytes]:
        six = [aaaa(HOST, f"fc00::{n}") for n in range(1, 6)]
        four = [a(HOST, f"10.0.9.{n}") for n in range(1, 6)]
        return [answer(query, *(six if kind(query) == AAAA else four))]

    with Board(NETDB_MAX_IPv6ADDR=3, NETDB_MAX_IPv4ADDR=2) as board:
        board.boot()
        host = Host(board)
        DnsServer(host, make)
        assert [line.split()[-1] for line in host.nsh(f"nslookup {HOST}")[0].splitlines()] == [
            *("fc00::1", "fc00::2", "fc00::3"),
            *("10.0.9.1", "10.0.9.2"),
        ]


# Answers


def test_an_alias_leads_to_ipv6_addresses_too() -> None:
    query = make_query(7, HOST, AAAA)
    web = "web.example.org"
    data = answer(query, cname(HOST, web), a(web, "6.6.6.6"), aaaa(web, "fc00::9"))
    assert parse_answer(data, query) == (["fc00::9"], 60)


def test_addresses_of_the_other_kind_do_not_count() -> None:
    for wanted, other in ((AAAA, a(HOST, "10.0.1.80")), (A, aaaa(HOST, "fc00::80"))):
        query = make_query(7, HOST, wanted)
        with pytest.raises(NoAddress):
            parse_answer(answer(query, other), query)


@pytest.mark.parametrize("length", [0, 4, 15, 17])
def test_an_address_of_another_length_is_nonsense(length: int) -> None:
    query = make_query(7, HOST, AAAA)
    with pytest.raises(Malformed):
        parse_answer(answer(query, record(name(HOST), bytes(length), kind=AAAA)), query)


def test_an_ipv4_address_in_the_form_of_ipv6_is_none() -> None:
    query = make_query(7, HOST, AAAA)
    mapped = record(name(HOST), bytes(10) + b"\xff\xff\x0a\0\1\1", kind=AAAA)
    assert parse_answer(answer(query, mapped, aaaa(HOST, "fc00::1")), query) == (["fc00::1"], 60)
    with pytest.raises(NoAddress):
        parse_answer(answer(query, mapped), query)


def test_the_answer_to_the_other_question_is_passed_over(host: Host) -> None:
    def make(query: bytes) -> list[bytes]:
        other = make_query(int.from_bytes(query[:2], "big"), HOST, A if kind(query) == AAAA else AAAA)
        return [answer(other, a(HOST, "6.6.6.6"), aaaa(HOST, "fc00::bad")), *both(query)]

    DnsServer(host, make)
    assert host.nsh(f"nslookup {HOST}") == (V6 + V4, 0)
    assert host.board.kernel.resolver.counts["foreign"] == 2


def test_nonsense_about_one_kind_does_not_spoil_the_other(host: Host) -> None:
    DnsServer(host, only(AAAA, lambda query: [answer(query, count=9)]))
    assert host.nsh(f"nslookup {HOST}") == (V6, 0)
    DnsServer(host, lambda query: [answer(query, count=9)])
    assert run(host, lambda sys: sys.kernel.resolver.lookup("other.example.org")).errno == EILSEQ


# Servers with an IPv6 address


def serving(records: Callable[[bytes], list[bytes]]) -> Callable[[Any], None]:
    """A name server on [::]:53."""

    def app(sys: Any) -> None:
        with sys.socket(AF_INET6, SOCK_DGRAM) as sock:
            sock.bind(("", 53))
            while True:
                query, sender = sock.recvfrom(512)
                for data in records(query):
                    sock.sendto(data, sender)

    return app


def test_a_server_may_have_an_ipv6_address() -> None:
    with Bench(seed=1) as bench:
        client = bench.board("client", NETDB_DNSSERVER_IPv6=True, NETDB_DNSSERVER_IPv6ADDR_8=3)
        server = bench.board("server")
        bench.switch(client, server)
        bench.boot()
        assert client.kernel.resolver.servers == ["fc00::3"]
        server.spawn(serving(both))
        assert client.nsh(f"nslookup {HOST}") == V6 + V4
        client.nsh("ifconfig eth0 dns 10.0.1.3")
        assert client.kernel.resolver.servers == ["10.0.1.3"]
        assert client.nsh("ifconfig eth0 inet6 dns fc00:0::3").ok
        assert client.kernel.resolver.servers == ["fc00::3"]
        assert client.nsh(f"nslookup {HOST}") == V6 + V4


@pytest.mark.parametrize("word", ["::", "ff02::1", "10.0.1.1", "x"])
def test_what_can_be_no_servers_address_is_refused(board: Board, word: str) -> None:
    assert board.nsh(f"ifconfig eth0 inet6 dns {word}") == "nsh: ifconfig: argument invalid\n"
    assert board.kernel.resolver.servers == ["10.0.1.1"]


def test_an_address_or_none_is_a_choice() -> None:
    with pytest.raises(ConfigError, match="NETDB_DNSSERVER_IPv6 and NETDB_DNSSERVER_NOADDR are a choice"):
        Board(NETDB_DNSSERVER_IPv6=True, NETDB_DNSSERVER_NOADDR=True)


# Programs


def test_programs_get_rows_of_both_families_or_of_one(host: Host) -> None:
    server = DnsServer(host, both)
    six, four = (AF_INET6, 1, 6, HOST, ("fc00::80", 80)), (AF_INET, 1, 6, HOST, ("10.0.1.80", 80))
    assert run(host, lambda sys: sys.getaddrinfo(HOST, 80, 1, 6)) == [six, four]
    assert run(host, lambda sys: sys.getaddrinfo(HOST, 80, 1, 6, AF_INET)) == [four]
    assert run(host, lambda sys: sys.getaddrinfo(HOST, 80, 1, 6, family=AF_INET6)) == [six]
    assert run(host, lambda sys: sys.gethostbyname(HOST)) == "10.0.1.80"
    assert kinds(server) == [AAAA, A]


def test_no_address_of_that_family_is_an_error_of_its_own(host: Host) -> None:
    DnsServer(host, only(AAAA, nothing))
    for text, family in ((HOST, AF_INET), ("10.0.1.1", AF_INET6), ("fc00::1", AF_INET)):
        error = run(host, lambda sys, n=text, f=family: sys.getaddrinfo(n, family=f))
        assert isinstance(error, GaiError) and error.errno == EAI_FAMILY


def test_numbers_and_localhost_are_not_asked_for(host: Host) -> None:
    server = DnsServer(host, both)
    assert host.nsh("nslookup FC00::0:9") == ("Host: FC00::0:9 Addr: fc00::9\n", 0)
    assert host.nsh("nslookup localhost") == (
        "Host: localhost Addr: 127.0.0.1\nHost: localhost Addr: ::1\n",
        0,
    )
    assert server.queries == []


def test_ping6_of_a_name(host: Host) -> None:
    DnsServer(host, lambda query: [answer(query, aaaa(HOST, "::1"))] if kind(query) == AAAA else nothing(query))
    for program in ("ping6", "ping"):  # which leaves a host without IPv4 to ping6
        text, status = host.nsh(f"{program} -c 1 {HOST}")
        assert text.startswith("PING6 ::1: 56 bytes of data\n56 bytes from ::1 icmp_seq=0 ") and status == 0


def test_a_host_that_nobody_knows_is_asked_for_once_by_ping(host: Host) -> None:
    server = DnsServer(host, unknown)
    assert host.nsh(f"ping {HOST}") == (f"ERROR: ping6_gethostip({HOST}) failed\n", 1)
    assert kinds(server) == [AAAA, A]


def test_the_hosts_file_may_have_both() -> None:
    with Board(NETDB_HOSTFILE=True, NETDB_HOSTCONF_PATH="/tmp/hosts") as board:
        board.boot()
        lines = "10.0.1.7 seven\nfc00::7 seven sept\n::ffff:1.2.3.4 seven\nfc00::8 eight\n"
        put_file(board, "/tmp/hosts", lines)
        assert board.nsh("nslookup seven") == "Host: seven Addr: 10.0.1.7\nHost: seven Addr: fc00::7\n"
        assert board.nsh("nslookup sept") == "Host: sept Addr: fc00::7\n"
        assert board.nsh("ping6 -c 1 eight").text.startswith("PING6 fc00::8: ")


def test_without_ipv6_nobody_asks_for_it() -> None:
    with Board(NET_IPv6=False) as board:
        board.boot()
        host = Host(board)
        server = DnsServer(host, both)
        assert host.nsh(f"nslookup {HOST}") == (V4, 0)
        assert kinds(server) == [A]
        assert error_of(board.kernel.resolver.add_nameserver, "fc00::1") is not None
        assert host.nsh("nslookup localhost") == ("Host: localhost Addr: 127.0.0.1\n", 0)
