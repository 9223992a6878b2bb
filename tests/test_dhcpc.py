"""The DHCP client: the dialogue, its retries, what it makes of bad messages, and how a lease is kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from names_kit import OFFERED, OPTIONS, Dhcp, DhcpServer, Host, addresses, encoded, reply, seconds
from stack import error_of

from board import Board
from board.config import Config
from board.kconfig import ConfigError
from kernel.netdev import Route
from kernel.socket import SO_BINDTODEVICE, SOL_SOCKET

NO_ADDRESS = "0.0.0.0"
SOON = 0.02  # s: less than any wait of the client


@pytest.fixture
def board() -> Iterator[Board]:
    with Board(seed=3) as board:
        board.boot()
        yield board


@pytest.fixture
def host(board: Board) -> Host:
    return Host(board)


def lease(host: Host, line: str = "ifconfig eth0 dhcp") -> None:
    assert host.nsh(line) == ("", 0)


def passed_over(board: Board) -> dict[str, int]:
    """Messages that the client did not want, by reason."""
    return dict(board.kernel.leases.keeper("eth0").counts)


# The dialogue


@pytest.mark.parametrize("unicast", [True, False])
def test_ifconfig_dhcp_takes_address_mask_router_and_name_server(board: Board, host: Host, unicast: bool) -> None:
    options = {1: addresses("255.255.0.0"), 3: addresses("10.0.7.7"), 6: addresses("10.0.9.9")}
    server = DhcpServer(host, unicast=unicast, options=options)
    lease(host)
    assert (board.eth0.ip, board.eth0.netmask, board.eth0.router) == (OFFERED, "255.255.0.0", "10.0.7.7")
    assert board.kernel.resolver.servers == ["10.0.9.9"]
    assert board.kernel.net.routes() == [Route(NO_ADDRESS, NO_ADDRESS, "10.0.7.7")]
    assert server.kinds == [1, 3]
    assert passed_over(board) == {}


def test_discover_and_request_say_who_asks_and_for_what(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    discover, request = server.questions
    mac = bytes.fromhex(board.eth0.mac.replace(":", ""))
    assert discover.chaddr == mac and discover.xid == request.xid
    assert list(discover.options) == [53, 12, 55, 61]
    assert discover.options[12] == b"nuttx" and discover.options[55] == bytes((1, 3, 6, 42))
    assert discover.options[61] == b"\1" + mac
    assert (request.options[50], request.options[54]) == (addresses(OFFERED), addresses("10.0.1.1"))
    assert request.ciaddr == 0 and request.flags == 0


def test_question_goes_from_no_address_to_everybody(host: Host) -> None:
    DhcpServer(host)
    lease(host)
    discover = host.heard[0].frame
    assert (discover.src, discover.dst, discover.sport) == ("0.0.0.0", "255.255.255.255", 68)
    assert discover.dst_mac == b"\xff" * 6


def test_host_name_and_flags_are_configurable() -> None:
    with Board(LIBC_HOSTNAME="pump", NETUTILS_DHCPC_BOOTP_FLAGS=0x8000) as board:
        board.boot()
        host = Host(board)
        server = DhcpServer(host, unicast=False)
        lease(host)
        assert server.questions[0].options[12] == b"pump"
        assert [question.flags for question in server.questions] == [0x8000, 0x8000]


def test_lease_without_mask_router_and_server_leaves_them_as_they_are(board: Board, host: Host) -> None:
    DhcpServer(host, options={1: b"", 3: b"", 6: b""})
    lease(host, "ifconfig eth0 dhcp netmask 255.255.255.128 gw 10.0.1.9 dns 10.0.1.8")
    assert (board.eth0.netmask, board.eth0.router) == ("255.255.255.128", "10.0.1.9")
    assert board.kernel.resolver.servers == ["10.0.1.8"]


def test_first_offer_wins_and_others_are_passed_over(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    other = {54: addresses("10.0.1.77")}

    def two(question: Dhcp) -> list[bytes]:
        if question.kind == 1:
            return [reply(question, 2), reply(question, 2, address="10.0.1.60", options=other)]
        return [reply(question, 2, address="10.0.1.60", options=other), reply(question, 5)]

    server.make = two
    lease(host)
    assert board.eth0.ip == OFFERED
    assert server.questions[1].options[54] == addresses("10.0.1.1")
    assert passed_over(board) == {"unexpected": 2}


def test_every_seed_has_its_own_transaction_numbers() -> None:
    numbers = []
    for seed in (1, 1, 2):
        with Board(seed=seed) as board:
            board.boot()
            host = Host(board)
            server = DhcpServer(host)
            lease(host)
            numbers.append(server.questions[0].xid)
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize(
    "options",
    [
        {"NET_LOCKS": "split"},
        {"ETH_QUEUE": "HPWORK"},
        {"NET_UDP_WRITE_BUFFERS": False},
        {"IOB_NBUFFERS": 12, "IOB_THROTTLE": 2},
    ],
    ids=lambda options: next(iter(options)),
)
def test_lease_is_taken_and_prolonged_however_the_kernel_is_built(options: dict[str, object]) -> None:
    with Board(**options) as board:
        board.boot()
        host = Host(board)
        server = DhcpServer(host)
        lease(host)
        host.wait(310)
        assert (board.eth0.ip, server.kinds) == (OFFERED, [1, 3, 3])
        assert board.reports == []


# Silence, refusal


def test_without_a_server_it_asks_three_times_waiting_longer_each_time(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    server.make = lambda question: []
    begun = board.now
    lease(host)
    assert board.eth0.ip == NO_ADDRESS
    assert server.kinds == [1, 1, 1]
    times = [d.time for d in host.heard] + [board.now]
    waits = [after - before for before, after in pairwise(times)]
    assert times[0] - begun < SOON
    for wait, meant in zip(waits, (3, 6, 12), strict=True):
        assert meant - 1 <= wait <= meant + 1 + 0.2
    assert [q.secs for q in server.questions] == [int(time - times[0]) for time in times[:3]]


def test_lost_offer_is_asked_for_again(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    server.make = lambda question: server.agree(question) if len(host.heard) > 1 else []
    lease(host)
    assert (board.eth0.ip, server.kinds) == (OFFERED, [1, 1, 3])


def test_lost_ack_is_asked_for_again_and_silence_gives_the_address_back(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    server.make = lambda question: server.agree(question) if question.kind == 1 or len(host.heard) == 3 else []
    lease(host)
    assert (board.eth0.ip, server.kinds) == (OFFERED, [1, 3, 3])
    server.make = lambda question: server.agree(question) if question.kind == 1 else []
    lease(host)
    assert (board.eth0.ip, server.kinds[3:]) == (NO_ADDRESS, [1, 3, 3, 3])


def test_nak_ends_it_without_address(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    server.make = lambda question: [reply(question, 2 if question.kind == 1 else 6, address=OFFERED)]
    lease(host)
    assert (board.eth0.ip, server.kinds) == (NO_ADDRESS, [1, 3])


def test_interface_that_is_down_has_no_lease_and_says_nothing(board: Board, host: Host) -> None:
    board.nsh("ifdown eth0")
    server = DhcpServer(host)
    lease(host)
    assert (board.eth0.ip, server.kinds) == (NO_ADDRESS, [])


def test_ctrl_c_ends_the_wait_and_the_socket_is_free_again(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    with board.console.open(timeout=5) as port:
        port.expect_prompt()
        port.write(b"ifconfig eth0 dhcp\r")
        board.run(1)
        port.write(b"\x03")
        port.expect_prompt()
    server.make = server.agree
    lease(host)
    assert board.eth0.ip == OFFERED


# Bad messages: each before the good one, which is taken all the same


def overrun(question: Dhcp, kind: int) -> bytes:
    return reply(question, kind, raw=bytes((53, 1, kind)) + encoded(OPTIONS) + b"\x0c\x20ab")


BAD = {
    "another transaction": (lambda q, k: reply(q, k, xid=q.xid ^ 1), "foreign"),
    "another client": (lambda q, k: reply(q, k, chaddr=b"\2\2\2\2\2\2"), "foreign"),
    "a question": (lambda q, k: reply(q, k, op=1), "foreign"),
    "a type of clients": (lambda q, k: reply(q, 1), "foreign"),
    "an unknown type": (lambda q, k: reply(q, 99), "foreign"),
    "no type": (lambda q, k: reply(q, k, options={53: b""}), "foreign"),
    "nothing": (lambda q, k: b"", "malformed"),
    "half a header": (lambda q, k: reply(q, k)[:100], "malformed"),
    "no cookie": (lambda q, k: reply(q, k)[:236], "malformed"),
    "another cookie": (lambda q, k: reply(q, k, cookie=b"\x63\x82\x53\x64"), "malformed"),
    "an option beyond the end": (overrun, "malformed"),
    "an option without length": (lambda q, k: reply(q, k, raw=bytes((53, 1, k, 54))), "malformed"),
    "two types": (lambda q, k: reply(q, k, raw=bytes((53, 1, k, 53, 1, k, 255))), "malformed"),
    "a long type": (lambda q, k: reply(q, k, options={53: bytes((k, k))}), "malformed"),
    "a short server": (lambda q, k: reply(q, k, options={54: b"\x0a\0\1"}), "malformed"),
    "an uneven router": (lambda q, k: reply(q, k, options={3: b"\x0a\0\1\1\1"}), "malformed"),
    "a mask with holes": (lambda q, k: reply(q, k, options={1: addresses("255.0.255.0")}), "malformed"),
    "no address": (lambda q, k: reply(q, k, address=NO_ADDRESS), "malformed"),
    "a group's address": (lambda q, k: reply(q, k, address="224.0.0.5"), "malformed"),
    "lo's address": (lambda q, k: reply(q, k, address="127.0.0.1"), "malformed"),
    "the network's address": (lambda q, k: reply(q, k, address="10.0.1.0"), "malformed"),
    "everybody's address": (lambda q, k: reply(q, k, address="10.0.1.255"), "malformed"),
    "overload of nothing": (lambda q, k: reply(q, k, options={52: b"\x08"}), "malformed"),
    "overload that names itself": (
        lambda q, k: reply(q, k, options={52: b"\1"}, file=b"\x34\1\3\xff", sname=b"\x34\1\3\xff"),
        "malformed",
    ),
    "overload with an overrun": (
        lambda q, k: reply(q, k, options={52: b"\1"}, file=b"\0" * 120 + b"\x0c\x20"),
        "malformed",
    ),
}


@pytest.mark.parametrize("kind", [2, 5], ids=["offer", "ack"])
@pytest.mark.parametrize("bad", BAD)
def test_bad_message_is_counted_and_the_good_one_behind_it_taken(board: Board, host: Host, bad: str, kind: int) -> None:
    make, reason = BAD[bad]
    server = DhcpServer(host, unicast=False)

    def answer(question: Dhcp) -> list[bytes]:
        good = server.agree(question)
        return [make(question, kind), *good] if question.kind == {2: 1, 5: 3}[kind] else good

    server.make = answer
    lease(host)
    assert (board.eth0.ip, server.kinds) == (OFFERED, [1, 3])
    assert passed_over(board) == {reason: 1}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (2, {"options": {54: b""}}),  # an offer has to say whose it is
        (5, {"address": "10.0.1.51"}),  # not what was asked for
        (5, {"options": {51: b""}}),  # for how long?
        (5, {"options": {51: seconds(0)}}),
    ],
)
def test_message_that_settles_nothing_is_passed_over(
    board: Board, host: Host, kind: int, change: dict[str, object]
) -> None:
    server = DhcpServer(host)

    def answer(question: Dhcp) -> list[bytes]:
        bad = reply(question, kind, **change)  # type: ignore[arg-type]
        return [bad, *server.agree(question)] if question.kind == {2: 1, 5: 3}[kind] else server.agree(question)

    server.make = answer
    lease(host)
    assert board.eth0.ip == OFFERED
    assert passed_over(board) == {"unexpected": 1}


def test_options_in_the_fields_of_names_are_read(board: Board, host: Host) -> None:
    options = {52: b"\3", 1: b"", 3: b""}
    file = encoded({1: addresses("255.255.255.192")}) + b"\xff"
    sname = b"\0\0" + encoded({3: addresses("10.0.1.62")}) + b"\xff"
    DhcpServer(host, options=options, file=file, sname=sname)
    lease(host)
    assert (board.eth0.netmask, board.eth0.router) == ("255.255.255.192", "10.0.1.62")


def test_option_in_two_parts_is_put_together(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    rest = encoded({code: value for code, value in OPTIONS.items() if code != 3})
    split = b"\3\2\x0a\0" + rest + b"\3\2\1\x09\xff"
    server.make = lambda q: [reply(q, q.kind, raw=bytes((53, 1, {1: 2, 3: 5}[q.kind])) + split)]
    lease(host)
    assert board.eth0.router == "10.0.1.9"


def test_any_garbage_in_the_options_leaves_the_client_alive(board: Board, host: Host) -> None:
    server = DhcpServer(host, unicast=False)
    noise = board.kernel.entropy.__class__(5)

    def answer(question: Dhcp) -> list[bytes]:
        kind = {1: 2, 3: 5}[question.kind]
        bad = [reply(question, kind, raw=noise.randbytes(noise.randrange(300))) for _ in range(200)]
        return [*bad, *server.agree(question)]

    server.make = answer
    lease(host)
    assert board.eth0.ip == OFFERED and board.reports == []
    assert sum(passed_over(board).values()) == 400
    assert board.kernel.iobs.check() == ""


# renew, netinit


def test_renew_takes_a_lease_and_says_nothing(board: Board, host: Host) -> None:
    DhcpServer(host)
    assert host.nsh("renew eth0") == ("", 0)
    assert board.eth0.ip == OFFERED


def test_renew_without_a_server_fails_and_the_address_stays(board: Board, host: Host) -> None:
    assert host.nsh("renew eth0") == ("ERROR: netlib_obtain_ipv4addr() failed\n", 1)
    assert board.eth0.ip == "10.0.1.2"


def test_renew_that_fails_leaves_the_lease_in_care(board: Board, host: Host) -> None:
    server = DhcpServer(host, options={51: seconds(200)})
    lease(host)
    server.make = lambda question: []
    assert host.nsh("renew eth0")[1] == 1
    assert board.eth0.ip == OFFERED
    server.make = server.agree
    host.wait(300)
    assert board.eth0.ip == OFFERED and server.kinds[-1] == 3


def test_renew_of_a_device_that_is_not_there_fails(host: Host) -> None:
    assert host.nsh("renew eth7") == ("ERROR: netlib_obtain_ipv4addr() failed\n", 1)


def test_renew_takes_one_argument(host: Host) -> None:
    usage = "ERROR: Invalid number of arguments\nUsage: renew <device-name>\n"
    assert host.nsh("renew") == (usage, 1)
    assert host.nsh("renew eth0 eth1") == (usage, 1)


def test_board_that_boots_with_dhcp_has_its_lease_before_the_prompt() -> None:
    with Board(NETINIT_DHCPC=True) as board:
        host = Host(board)
        DhcpServer(host)
        assert board.run_until(lambda: host.look() or board.kernel.booted, 5)
        assert board.eth0.ip == OFFERED


def test_board_that_boots_with_dhcp_and_finds_no_server_boots_without_address() -> None:
    with Board(NETINIT_DHCPC=True) as board:
        board.boot()
        assert board.eth0.ip == NO_ADDRESS
        assert (board.eth0.netmask, board.eth0.router) == ("255.255.255.0", "10.0.1.1")
        assert "netinit: eth0: no DHCP server answers" in board.nsh("dmesg")


def test_board_that_is_reset_asks_again() -> None:
    with Board(NETINIT_DHCPC=True) as board:
        host = Host(board)
        server = DhcpServer(host)
        board.run_until(lambda: host.look() or board.kernel.booted, 5)
        board.reset()
        assert board.eth0.ip == NO_ADDRESS
        board.run_until(lambda: host.look() or board.kernel.booted, 5)
        assert board.eth0.ip == OFFERED and server.kinds == [1, 3, 1, 3]


def test_dhcp_is_no_word_for_ifconfig_without_the_client() -> None:
    with Board(NETUTILS_DHCPC=False) as board:
        assert board.nsh("ifconfig eth0 dhcp") == "nsh: ifconfig: argument invalid\n"
        assert board.nsh("renew eth0") == "nsh: renew: command not found\n"
        assert board.eth0.ip == "10.0.1.2"
    with pytest.raises(ConfigError, match="NETINIT_DHCPC has no effect without NETUTILS_DHCPC"):
        Config(NETUTILS_DHCPC=False, NETINIT_DHCPC=True)


# Keeping it


def test_lease_is_prolonged_by_its_server_after_half_its_time(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    began = host.heard[1].time
    host.wait(290)
    assert server.kinds == [1, 3]
    host.wait(20)
    assert server.kinds == [1, 3, 3]
    asked = host.heard[2]
    assert abs(asked.time - began - 300) < 0.1
    assert (asked.frame.src, asked.frame.dst) == (OFFERED, "10.0.1.1")
    question = server.questions[2]
    assert question.ciaddr == int.from_bytes(addresses(OFFERED), "big")
    assert 50 not in question.options and 54 not in question.options  # RFC 2131 table 5
    host.wait(3000)
    assert board.eth0.ip == OFFERED
    assert len(server.kinds) == 13


def test_times_of_the_server_are_kept_if_they_make_sense(board: Board, host: Host) -> None:
    server = DhcpServer(host, options={58: seconds(100), 59: seconds(200)})
    lease(host)
    host.wait(110)
    assert len(server.kinds) == 3
    server.usual = {"options": {58: seconds(700), 59: seconds(200)}}
    host.wait(100)
    assert len(server.kinds) == 4
    host.wait(290)
    assert len(server.kinds) == 4
    host.wait(20)
    assert len(server.kinds) == 5
    assert board.eth0.ip == OFFERED


def test_silent_server_is_asked_again_then_everybody_then_the_address_goes(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    began = host.heard[1].time
    server.make = lambda question: []
    host.wait(610)
    asked = [(round(d.time - began), d.frame.dst) for d in host.heard[2:]]
    assert asked[:5] == [
        (300, "10.0.1.1"),
        (413, "10.0.1.1"),  # after half of what is left until T2, 525 s
        (473, "10.0.1.1"),  # but 60 s at least
        (525, "255.255.255.255"),
        (585, "255.255.255.255"),
    ]
    assert board.eth0.ip == NO_ADDRESS
    assert server.kinds[-1] == 1
    server.make = server.agree
    host.wait(200)
    assert board.eth0.ip == OFFERED


def test_nak_to_a_renewal_takes_the_address_away_and_asks_anew(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    server.make = lambda question: [reply(question, 6)] if question.ciaddr else [*server.agree(question)]
    server.usual = {"address": "10.0.1.51"}
    host.wait(310)
    assert server.kinds == [1, 3, 3, 1, 3]
    assert board.eth0.ip == "10.0.1.51"


def test_lease_for_ever_is_never_asked_for_again(board: Board, host: Host) -> None:
    server = DhcpServer(host, options={51: b"\xff\xff\xff\xff"})
    lease(host)
    host.wait(1_000_000)
    assert server.kinds == [1, 3]
    assert "dhcpc" not in board.nsh("ps")


def test_address_that_is_set_by_hand_ends_the_lease(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    assert "dhcpc" in board.nsh("ps")
    board.nsh("ifconfig eth0 10.0.1.2")
    assert "dhcpc" not in board.nsh("ps")
    host.wait(1000)
    assert (board.eth0.ip, len(server.kinds)) == ("10.0.1.2", 2)


def test_waiting_for_the_end_of_a_lease_keeps_no_bench_busy(board: Board, host: Host) -> None:
    DhcpServer(host)
    lease(host)
    before = board.now
    assert not board.run_until(lambda: False)
    assert board.now - before < 1


def test_link_that_is_away_at_renewal_time_costs_nothing_if_it_returns(board: Board, host: Host) -> None:
    server = DhcpServer(host)
    lease(host)
    board.eth0.link_down()
    host.wait(320)
    board.eth0.link_up()
    host.wait(200)
    assert board.eth0.ip == OFFERED
    assert server.kinds == [1, 3, 3]


# What the stack takes for a socket that is bound to a device


def test_datagram_for_another_address_goes_to_bound_sockets_only(board: Board, host: Host) -> None:
    DhcpServer(host)
    message = reply(Dhcp(7, 0, 0, 0, b"\0" * 6, {}), 5)
    frame = DhcpServer(host).frame(message)
    drops = board.kernel.net.stats.ipv4.drop
    host.end.send(frame)
    board.run(0.1)
    assert board.kernel.net.stats.ipv4.drop == drops + 1
    lease(host)
    host.end.send(DhcpServer(host).frame(reply(Dhcp(7, 0, 0, 0, b"\0" * 6, {}), 5, address="10.0.1.99")))
    board.run(0.1)
    assert board.kernel.net.stats.ipv4.drop == drops + 2


def test_bound_socket_hears_what_is_for_others_and_answers_nobody_for_them(board: Board, host: Host) -> None:
    heard = []

    def app(sys) -> None:  # type: ignore[no-untyped-def]
        bound, free = sys.socket(), sys.socket()
        bound.bind(("", 68))
        bound.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, "eth0")
        free.bind(("", 69))
        heard.append(bound.recvfrom(1000))

    board.spawn(app)
    board.run(0.01)
    frame = DhcpServer(host).frame(reply(Dhcp(7, 0, 0, 0, b"\0" * 6, {}), 5))
    other = bytearray(frame)
    other[34 + 2 : 34 + 4] = (69).to_bytes(2, "big")  # a port that only the other socket has
    other[40:42] = b"\0\0"
    sent = board.eth0.counters["tx_packets"]
    host.end.send(bytes(other))
    board.run(0.01)
    assert heard == []
    host.end.send(frame)
    board.run(0.01)
    assert len(heard) == 1 and heard[0][1] == ("10.0.1.1", 67)
    assert board.eth0.counters["tx_packets"] == sent


def test_without_bindtodevice_there_is_no_such_option() -> None:
    with Board(NET_BINDTODEVICE=False) as board:
        board.boot()
        found = []
        board.spawn(lambda s: found.append(error_of(s.socket().setsockopt, SOL_SOCKET, SO_BINDTODEVICE, "eth0")))
        board.run(0.01)
        assert found == [92]
