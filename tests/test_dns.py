"""The DNS client: whom it asks, how often, what it believes, what it remembers; nslookup, ping and programs by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EADDRNOTAVAIL, EAGAIN, EILSEQ, EINVAL, EPROTO
from itertools import pairwise
from typing import Any

import pytest
from names_kit import Datagram, DnsServer, Host, a, addresses, answer, cname, name, record
from shell_kit import put_file
from stack import error_of, ether, udp

from board import Bench, Board
from kernel.netlib.dnscache import DnsCache
from kernel.netlib.dnsmsg import Malformed, NoAddress, encode_name, make_query, parse_answer, read_name
from kernel.netlib.netdb import GaiError

HOST = "www.example.org"
FOUND = f"Host: {HOST} Addr: 10.0.1.80\n"
FAILED = "nsh: nslookup: getaddrinfo failed: 1\n"

Make = Callable[[bytes], list[bytes]]


def ipv4_board(*args: Any, **options: Any) -> Board:
    """It asks one question for a name; those that ask for IPv6 addresses, too, are in test_dns6.py."""
    return Board(*args, NET_IPv6=False, **options)


@pytest.fixture
def board() -> Iterator[Board]:
    with ipv4_board(seed=3) as board:
        board.boot()
        yield board


@pytest.fixture
def host(board: Board) -> Host:
    return Host(board)


def good(query: bytes) -> list[bytes]:
    return [answer(query, a(HOST, "10.0.1.80"))]


def failure(host: Host, hostname: str = HOST) -> int | None:
    """The errno of a lookup."""
    found: list[int | None] = []
    host.board.spawn(lambda sys: found.append(error_of(sys.kernel.resolver.lookup, hostname)))
    host.board.run_until(lambda: host.look() or bool(found), 200)
    return found[0]


# Questions


def test_nslookup_prints_the_address(host: Host) -> None:
    server = DnsServer(host, good)
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
    (query,) = server.queries
    assert query.data[2:] == bytes.fromhex("0100 0001 0000 0000 0000") + name(HOST) + bytes.fromhex("0001 0001")
    assert query.frame.dst == "10.0.1.1"


def test_numbers_and_localhost_are_not_asked_for(host: Host) -> None:
    server = DnsServer(host, good)
    assert host.nsh("nslookup 10.0.1.9") == ("Host: 10.0.1.9 Addr: 10.0.1.9\n", 0)
    assert host.nsh("nslookup localhost") == ("Host: localhost Addr: 127.0.0.1\n", 0)
    assert server.queries == []


def test_silent_server_is_asked_three_times_waiting_twice_as_long_each_time(board: Board, host: Host) -> None:
    server = DnsServer(host, lambda query: [])
    assert host.nsh(f"nslookup {HOST}") == (FAILED, 1)
    times = [query.time for query in server.queries] + [board.now]
    waits = [round(after - before) for before, after in pairwise(times)]
    assert waits == [5, 10, 20]
    assert len({query.data[:2] for query in server.queries}) == 3
    assert failure(host) == EAGAIN


def test_waits_are_limited_by_the_configuration() -> None:
    options = {"NETDB_DNSCLIENT_RECV_TIMEOUT": 8, "NETDB_DNSCLIENT_MAX_TIMEOUT": 6, "NETDB_DNSCLIENT_RETRIES": 2}
    with ipv4_board(**options) as board:
        board.boot()
        host = Host(board)
        server = DnsServer(host, lambda query: [])
        begun = board.now
        host.nsh(f"nslookup {HOST}")
        assert len(server.queries) == 2 and round(board.now - begun) == 14


def test_lost_question_is_asked_again(host: Host) -> None:
    server = DnsServer(host, lambda query: good(query) if len(server.queries) == 2 else [])
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)


def test_second_server_is_asked_if_the_first_does_not_help() -> None:
    with ipv4_board(NETDB_DNSSERVER_NAMESERVERS=2, NETDB_DNSCLIENT_RETRIES=1) as board:
        board.boot()
        board.nsh("arp -s 10.0.1.77 02:00:00:00:00:09")
        board.nsh("ifconfig eth0 dns 10.0.1.77")
        assert board.kernel.resolver.servers == ["10.0.1.1", "10.0.1.77"]
        host = Host(board)
        refused = answer(b"\0\0", flags=0x8185, questions=0, question=b"")
        server = DnsServer(host, lambda q: good(q) if len(server.queries) == 2 else [q[:2] + refused[2:]])
        assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
        assert [query.frame.dst for query in server.queries] == ["10.0.1.1", "10.0.1.77"]


def test_board_without_name_server_knows_no_names() -> None:
    with ipv4_board(NETDB_DNSSERVER_NOADDR=True) as board:
        host = Host(board)
        assert host.nsh(f"nslookup {HOST}") == (FAILED, 1)
        assert failure(host) == EADDRNOTAVAIL


@pytest.mark.parametrize("hostname", ["a..b", ".", "x" * 64, ".".join(["abcdefg"] * 40), "ä.org"])
def test_what_can_be_no_name_is_not_asked_for(host: Host, hostname: str) -> None:
    server = DnsServer(host, good)
    assert failure(host, hostname) == EINVAL
    assert server.queries == []


def test_longest_name_is_asked_for(host: Host) -> None:
    longest = ".".join(["x" * 63] * 3 + ["y" * 61])
    server = DnsServer(host, lambda query: [answer(query, a(b"\xc0\x0c", "10.0.1.81"))])
    assert host.nsh("nslookup localhost")[1] == 0
    assert failure(host, longest) is None
    assert len(server.queries) == 1


# Answers


def chain(query: bytes) -> list[bytes]:
    return [
        answer(
            query,
            cname(HOST, "web.example.org"),
            cname("web.example.org", "n1.example.net"),
            a("n1.example.net", "10.0.1.80"),
        )
    ]


def backwards(query: bytes) -> list[bytes]:
    return [answer(query, a("n1.example.net", "10.0.1.80"), cname(HOST, "n1.example.net"))]


def compressed(query: bytes) -> list[bytes]:
    """The alias is the name asked for with another first part; its tail is a pointer into the question."""
    target = b"\x03n42\xc0\x10"
    at = 12 + len(query[12:]) + 2 + 10  # of the target in the message
    pointer = (0xC000 | at).to_bytes(2, "big")
    return [answer(query, record(b"\xc0\x0c", target, kind=5), a(pointer, "10.0.1.80"))]


def among_others(query: bytes) -> list[bytes]:
    extra = record(name(HOST), b"\4text", kind=16), record(name(HOST), bytes(16), kind=28), a("else.org", "6.6.6.6")
    return [answer(query, *extra, record(name(HOST), addresses("6.6.6.6"), group=3), a(HOST, "10.0.1.80"))]


@pytest.mark.parametrize("make", [chain, backwards, compressed, among_others])
def test_address_is_found_behind_aliases_and_among_others(host: Host, make: Make) -> None:
    DnsServer(host, make)
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)


def test_case_of_letters_makes_no_difference(host: Host) -> None:
    server = DnsServer(host, lambda q: [answer(q, a(HOST.upper(), "10.0.1.80"), question=q[12:-4].upper() + q[-4:])])
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
    assert host.nsh("nslookup WWW.example.org.")[1] == 0
    assert len(server.queries) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda q: answer(q, a(HOST, "6.6.6.6"), number=int.from_bytes(q[:2], "big") ^ 1),
        lambda q: answer(q, a(HOST, "6.6.6.6"), flags=0x0180),
        lambda q: answer(q, a(HOST, "6.6.6.6"), question=name("else.org") + q[-4:]),
        lambda q: answer(q, a(HOST, "6.6.6.6"), question=q[12:-4] + b"\0\x1c\0\1"),
        lambda q: answer(q, a(HOST, "6.6.6.6"), questions=2),
        lambda q: answer(q, a(HOST, "6.6.6.6"), questions=0, question=b""),
        lambda q: q[:2],
        lambda q: b"",
    ],
    ids=["number", "question", "name", "type", "two questions", "no question", "two bytes", "nothing"],
)
def test_answer_to_something_else_is_passed_over(board: Board, host: Host, make: Callable[[bytes], bytes]) -> None:
    DnsServer(host, lambda query: [make(query), *good(query)])
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
    assert board.kernel.resolver.counts == {"foreign": 1}


def test_answer_from_another_host_is_not_heard(host: Host) -> None:
    server = DnsServer(host, good)
    right = server.frames

    def frames(query: Datagram) -> list[bytes]:
        lie = udp(answer(query.data, a(HOST, "6.6.6.6")), query.frame.sport, 53, src="10.0.1.66")
        return [ether(lie, dst=query.frame.src_mac, src=b"\2\0\0\0\0\6"), *right(query)]

    host.answers[53] = frames
    assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)


@pytest.mark.parametrize(
    ("make", "errno"),
    [
        (lambda q: answer(q, flags=0x8183), EPROTO),  # no such name
        (lambda q: answer(q, flags=0x8182), EPROTO),
        (lambda q: answer(q), EADDRNOTAVAIL),
        (lambda q: answer(q, a("else.org", "6.6.6.6")), EADDRNOTAVAIL),
        (lambda q: answer(q, cname(HOST, "else.org"), a(HOST[4:], "6.6.6.6")), EADDRNOTAVAIL),
        (lambda q: answer(q, cname(HOST, "b.org"), cname("b.org", HOST)), EADDRNOTAVAIL),
        (lambda q: answer(q, cname(HOST, HOST)), EADDRNOTAVAIL),
        (lambda q: answer(q, a(HOST, "6.6.6.6"), count=2), EILSEQ),
        (lambda q: answer(q, a(HOST, "6.6.6.6"))[:-1], EILSEQ),
        (lambda q: answer(q, a(HOST, "6.6.6.6"))[:-5], EILSEQ),
        (lambda q: answer(q, record(name(HOST), b"\6\6\6"), count=1), EILSEQ),
        (lambda q: answer(q, record(name(HOST), addresses("6.6.6.6"), length=400)), EILSEQ),
        (lambda q: answer(q, a(b"\xc0" + bytes((len(q),)), "6.6.6.6")), EILSEQ),  # a pointer to itself
        (lambda q: answer(q, a(b"\xc0\xff", "6.6.6.6")), EILSEQ),  # and ahead
        (lambda q: answer(q, a(b"\xff\xff", "6.6.6.6")), EILSEQ),
        (lambda q: answer(q, a(b"\x41a\0", "6.6.6.6")), EILSEQ),  # a label of no known type
        (lambda q: answer(q, a(b"\x3f" * 300, "6.6.6.6")), EILSEQ),
        (lambda q: answer(q, cname(HOST, b"\xc0\x0c\0")), EILSEQ),
        (lambda q: answer(q, count=65535), EILSEQ),
    ],
)
def test_bad_answer_ends_the_lookup(host: Host, make: Callable[[bytes], bytes], errno: int) -> None:
    server = DnsServer(host, lambda query: [make(query)])
    assert failure(host) == errno
    assert len(server.queries) == 1
    assert host.nsh(f"nslookup {HOST}") == (FAILED, 1)


def test_any_garbage_leaves_the_board_alive(board: Board, host: Host) -> None:
    noise = board.kernel.entropy.__class__(5)

    def make(query: bytes) -> list[bytes]:
        return [answer(query, noise.randbytes(noise.randrange(200)), count=noise.randrange(9))]

    server = DnsServer(host, make)
    for _ in range(100):
        assert failure(host) in {EILSEQ, EADDRNOTAVAIL}
    assert len(server.queries) == 100 and board.reports == []
    assert board.kernel.iobs.check() == ""


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_no_part_of_an_answer_is_mistaken_for_it(cut: int) -> None:
    query = make_query(0x1234, HOST)
    whole = compressed(query)[0]
    assert parse_answer(whole, query)[0] == ["10.0.1.80"]
    if cut < len(whole):
        with pytest.raises(Exception) as caught:
            parse_answer(whole[:cut], query)
        assert type(caught.value).__module__ == "kernel.netlib.dnsmsg"


def test_chain_of_pointers_comes_to_an_end() -> None:
    data = b"".join((0xC000 | max(0, at - 2)).to_bytes(2, "big") for at in range(0, 2000, 2))
    with pytest.raises(Malformed):
        read_name(data, 1998)
    with pytest.raises(Malformed, match="a pointer from 2 to 0"):
        read_name(b"\1a\xc0\0", 0)
    steps = b"\1a\0" + b"".join(
        b"\1b" + (0xC000 | (0 if i == 0 else 3 + 4 * (i - 1))).to_bytes(2, "big") for i in range(200)
    )
    assert read_name(steps, 3)[0] == b"\1b\1a\0"
    with pytest.raises(Malformed, match="too long"):
        read_name(steps, len(steps) - 4)


def test_names_are_encoded_and_read_back() -> None:
    assert encode_name("a.bc.") == b"\1a\2bc\0"
    assert read_name(b"..\1A\2bC\0", 2) == (b"\1a\2bc\0", 8)


def test_no_address_at_all_is_told_apart_from_nonsense() -> None:
    query = make_query(1, HOST)
    with pytest.raises(NoAddress):
        parse_answer(answer(query), query)


def test_several_addresses_are_kept_as_far_as_configured() -> None:
    with ipv4_board(NETDB_MAX_IPv4ADDR=2) as board:
        board.boot()
        host = Host(board)
        DnsServer(host, lambda q: [answer(q, *(a(HOST, f"10.0.1.{n}") for n in (80, 81, 82)))])
        text = FOUND + f"Host: {HOST} Addr: 10.0.1.81\n"
        assert host.nsh(f"nslookup {HOST}") == (text, 0)
        assert host.nsh(f"nslookup {HOST}") == (text, 0)


# What is remembered


def test_answer_is_remembered_for_its_time(host: Host) -> None:
    server = DnsServer(host, lambda q: [answer(q, cname(HOST, "b.org", ttl=30), a("b.org", "10.0.1.80", ttl=60))])
    for _ in range(3):
        assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
    assert len(server.queries) == 1
    host.wait(28)
    host.nsh(f"nslookup {HOST}")
    assert len(server.queries) == 1
    host.wait(3)
    host.nsh(f"nslookup {HOST}")
    assert len(server.queries) == 2


@pytest.mark.parametrize("ttl", [0, 0xFFFFFFFF])  # RFC 2181 8: above 2**31 - 1 is 0
def test_answer_for_now_only_is_not_remembered(host: Host, ttl: int) -> None:
    server = DnsServer(host, lambda q: [answer(q, a(HOST, "10.0.1.80", ttl=ttl))])
    for _ in range(2):
        assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)
    assert len(server.queries) == 2


def test_failures_are_not_remembered(host: Host) -> None:
    server = DnsServer(host, lambda q: [answer(q, flags=0x8183)])
    for _ in range(2):
        assert host.nsh(f"nslookup {HOST}") == (FAILED, 1)
    assert len(server.queries) == 2


def test_cache_keeps_the_youngest_and_limits_their_life() -> None:
    cache = DnsCache(2, 100)
    for n, hostname in enumerate("abc"):
        cache.save(hostname, [f"10.0.0.{n}"], 1000, 0)
    assert [cache.find(hostname, 0) for hostname in "abc"] == [None, ["10.0.0.1"], ["10.0.0.2"]]
    assert cache.find("c", 99 * 10**9) is not None and cache.find("c", 100 * 10**9) is None
    forever = DnsCache(1, 0)
    forever.save("a", ["10.0.0.1"], 10**6, 0)
    assert forever.find("a", 10**9 * (10**6 - 1)) == ["10.0.0.1"]
    nothing = DnsCache(0, 100)
    nothing.save("a", ["10.0.0.1"], 60, 0)
    assert nothing.find("a", 0) is None


def test_new_server_makes_the_board_forget_what_the_old_one_said(board: Board, host: Host) -> None:
    DnsServer(host, good)
    host.nsh(f"nslookup {HOST}")
    assert board.kernel.resolver.cache.find(HOST, board.now_ns)
    board.nsh("ifconfig eth0 dns 10.0.1.53")
    assert board.kernel.resolver.servers == ["10.0.1.53"]
    assert board.kernel.resolver.cache.find(HOST, board.now_ns) is None


# Configuration by ifconfig and at boot


def test_address_set_by_hand_makes_its_router_the_name_server(board: Board) -> None:
    board.nsh("ifconfig eth0 192.168.4.9")
    assert board.kernel.resolver.servers == ["192.168.4.1"]
    board.nsh("ifconfig eth0 192.168.4.9 dns 192.168.4.53 gw 192.168.4.2")
    assert board.kernel.resolver.servers == ["192.168.4.53"]


@pytest.mark.parametrize("word", ["", "x", "224.0.0.1", "255.255.255.255", "0.0.0.0"])
def test_what_can_be_no_name_server_is_refused(board: Board, word: str) -> None:
    assert board.nsh(f"ifconfig eth0 dns {word}") == "nsh: ifconfig: argument invalid\n"
    assert board.kernel.resolver.servers == ["10.0.1.1"]


def test_name_server_is_set_at_boot_if_configured() -> None:
    with ipv4_board(NETINIT_DNS=True, NETINIT_DNSIPADDR="10.0.1.44") as board:
        board.boot()
        assert board.kernel.resolver.servers == ["10.0.1.44"]


# The hosts file


def test_hosts_file_comes_before_the_servers(board: Board) -> None:
    text = f"# a comment\n\n10.0.0.1\n10.9.8.7 {HOST} www alias\nnonsense bad\n10.9.8.6\tother # x\n"
    with ipv4_board(NETDB_HOSTFILE=True, NETDB_HOSTCONF_PATH="/tmp/hosts", NETDB_MAX_ALTNAMES=1) as own:
        put_file(own, "/tmp/hosts", text)
        host = Host(own)
        server = DnsServer(host, lambda query: [answer(query, flags=0x8183)])
        assert host.nsh(f"nslookup {HOST}") == (f"Host: {HOST} Addr: 10.9.8.7\n", 0)
        assert host.nsh("nslookup www") == ("Host: www Addr: 10.9.8.7\n", 0)
        assert host.nsh("nslookup other") == ("Host: other Addr: 10.9.8.6\n", 0)
        assert server.queries == []
        for unknown in ("alias", "bad", "10.0.0.1x"):
            assert host.nsh(f"nslookup {unknown}") == (FAILED, 1)
        assert len(server.queries) == 3


def test_missing_hosts_file_is_an_empty_one() -> None:
    with ipv4_board(NETDB_HOSTFILE=True) as board:
        board.boot()
        host = Host(board)
        DnsServer(host, good)
        assert host.nsh(f"nslookup {HOST}") == (FOUND, 0)


# Users


def test_ping_by_name_prints_the_address(board: Board, host: Host) -> None:
    host.end.answers(echo=True)
    DnsServer(host, lambda query: [answer(query, a(HOST, "10.0.1.1"))])
    text, status = host.nsh(f"ping -c 1 {HOST}")
    assert status == 0
    assert text.startswith("PING 10.0.1.1 56 bytes of data\n56 bytes from 10.0.1.1: icmp_seq=0")


def test_ping_of_a_name_that_is_not_known_fails(host: Host) -> None:
    DnsServer(host, lambda query: [answer(query, flags=0x8183)])
    assert host.nsh(f"ping {HOST}") == (f"ERROR: ping_gethostip({HOST}) failed\n", 1)


def test_ctrl_c_ends_a_lookup(board: Board) -> None:
    with board.console.open(timeout=5) as port:
        port.expect_prompt()
        port.write(b"nslookup nobody.home\r")
        board.run(1)
        port.write(b"\x03")
        port.expect_prompt()
    assert board.reports == []


def test_programs_look_names_up(board: Board, host: Host) -> None:
    DnsServer(host, good)
    got: list[object] = []

    def app(sys: Any) -> None:
        got.append(sys.gethostbyname(HOST))
        got.append(sys.getaddrinfo(HOST, "80", 1, 6))
        got.append(sys.getaddrinfo("10.0.1.1"))
        for wrong in ((HOST, "http"), (HOST, 65536)):
            try:
                sys.getaddrinfo(*wrong)
            except GaiError as error:
                got.append(error.errno)

    board.spawn(app)
    host.wait(1)
    assert got == ["10.0.1.80", [(2, 1, 6, HOST, ("10.0.1.80", 80))], [(2, 0, 0, "10.0.1.1", ("10.0.1.1", 0))], 7, 7]


@pytest.mark.parametrize(("gai", "text"), [(True, "EAI_AGAIN"), (False, "Unknown error 1")])
def test_errors_have_names_if_configured(gai: bool, text: str) -> None:
    with ipv4_board(NSH_STRERROR=True, LIBC_GAISTRERROR=gai) as board:
        host = Host(board)
        DnsServer(host, lambda query: [answer(query, flags=0x8183)])
        board.boot()
        assert host.nsh(f"nslookup {HOST}") == (f"nsh: nslookup: getaddrinfo failed: {text}\n", 1)


def test_board_without_netdb_has_no_names() -> None:
    with ipv4_board(LIBC_NETDB=False) as board:
        assert board.nsh("nslookup x") == "nsh: nslookup: command not found\n"
        assert board.nsh("ping x") == "ERROR: ping_gethostip(x) failed\n"
        assert board.nsh("ping -c 1 127.0.0.1").ok


def test_netdb_without_client_knows_numbers_only() -> None:
    with ipv4_board(NETDB_DNSCLIENT=False) as board:
        assert board.nsh("nslookup 10.0.1.9") == "Host: 10.0.1.9 Addr: 10.0.1.9\n"
        assert board.nsh("nslookup x") == FAILED
        assert board.nsh("ifconfig eth0 dns 10.0.1.1") == "nsh: ifconfig: argument invalid\n"


# By TCP: a second board is the server


def name_server(reply: Callable[[bytes, Any], None], *, flags: int = 0x8380) -> Callable[[Any], None]:
    """A program that says by UDP that the answer is too long, and then answers a connection as ``reply`` does."""

    def app(sys: Any) -> None:
        udp_sock, tcp_sock = sys.socket(), sys.socket(2, 1)
        udp_sock.bind(("", 53))
        tcp_sock.bind(("", 53))
        tcp_sock.listen(1)
        query, client = udp_sock.recvfrom(512)
        udp_sock.sendto(answer(query, flags=flags), client)
        with tcp_sock.accept()[0] as sock:
            length = int.from_bytes(sock.recv(2), "big")
            reply(sock.recv(length), sock)

    return app


@pytest.fixture
def boards() -> Iterator[tuple[Board, Board]]:
    with Bench(seed=1) as bench:
        client = bench.board("client", NETDB_DNSSERVER_IPv4ADDR="10.0.1.3", NET_IPv6=False)
        server = bench.board("server")
        bench.switch(client, server)
        bench.boot()
        yield client, server


def test_long_answer_comes_by_tcp(boards: tuple[Board, Board]) -> None:
    client, server = boards

    def reply(query: bytes, sock: Any) -> None:
        long = answer(query, *(record(name(HOST), bytes(200), kind=16) for _ in range(10)), a(HOST, "10.0.1.80"))
        for part in (len(long).to_bytes(2, "big") + long[:500], long[500:]):
            sock.sendall(part)
            server.kernel.ticksleep(5)

    server.spawn(name_server(reply))
    assert client.nsh(f"nslookup {HOST}") == FOUND


@pytest.mark.parametrize(
    "reply",
    [
        lambda q, sock: sock.sendall(b"\1"),
        lambda q, sock: sock.sendall(b"\1\0" + answer(q, a(HOST, "6.6.6.6"))),
        lambda q, sock: sock.sendall(b"\0\x0c" + answer(q, flags=0x8380)[:12]),
        lambda q, sock: None,
    ],
    ids=["half a length", "too short", "truncated again", "nothing"],
)
def test_bad_answer_by_tcp_ends_the_lookup(boards: tuple[Board, Board], reply: Callable[[bytes, Any], None]) -> None:
    client, server = boards
    server.spawn(name_server(reply))
    assert client.nsh(f"nslookup {HOST}") == FAILED
    assert client.reports == []


def test_answer_that_drips_in_is_not_waited_for_for_ever(boards: tuple[Board, Board]) -> None:
    client, server = boards

    def reply(query: bytes, sock: Any) -> None:
        sock.sendall(b"\x04\0")
        for _ in range(1000):
            sock.sendall(b"\0")
            server.kernel.ticksleep(30)

    server.spawn(name_server(reply))
    begun = client.now
    assert client.nsh(f"nslookup {HOST}") == FAILED
    assert client.now - begun < 45


def test_server_without_tcp_is_no_help(boards: tuple[Board, Board]) -> None:
    client, server = boards

    def app(sys: Any) -> None:
        with sys.socket() as sock:
            sock.bind(("", 53))
            query, peer = sock.recvfrom(512)
            sock.sendto(answer(query, flags=0x8380), peer)

    server.spawn(app)
    assert client.nsh(f"nslookup {HOST}") == FAILED
