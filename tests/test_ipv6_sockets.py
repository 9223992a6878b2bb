"""UDP and TCP sockets of AF_INET6: names, families, options, connections that the board makes, ICMPv6 errors."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from stack import BOARD_IP, Stack, error_of, ether, udp
from stack6 import (
    ALL_NODES,
    BOARD,
    HOST,
    TOO_BIG,
    UNREACHABLE,
    Stack6,
    ether6,
    icmp6,
    udp6,
)
from tcp_peer import Peer, act, segment_of, states

from kernel.core import lib
from kernel.fs.procnet import net_tcp, net_udp
from kernel.sockbase import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM
from kernel.tcp import tcp_connections
from kernel.udp import udp_connections

DATA = bytes(range(256)) * 20


@pytest.fixture
def s() -> Any:
    with Stack6() as stack:
        yield stack


# UDP


@pytest.mark.parametrize("size", [0, 1, 2, 133, 134, 135, 1000, 1452])
def test_a_datagram_arrives_as_it_was_given_and_is_answered(s: Stack6, size: int) -> None:
    sock = s.bound6()
    s.input(ether6(udp6(DATA[:size])))
    assert s.run(lambda sys: sock.recvfrom(2000)) == (DATA[:size], (HOST, 1000, 0, 0))
    assert s.run(lambda sys: sock.sendto(DATA[:size], (HOST, 1000))) == size
    (sent,) = s.sent6()
    assert (sent.src, sent.dst, sent.sport, sent.dport, sent.data) == (BOARD, HOST, 7, 1000, DATA[:size])
    assert s.leaks() == 0


@pytest.mark.parametrize("bufsize", [64, 96, 196, 1514])
def test_any_size_of_iob_will_do(bufsize: int) -> None:
    with Stack6(IOB_BUFSIZE=bufsize) as s:
        sock = s.bound6()
        for size in (0, 1, 100, 1452):
            s.input(ether6(udp6(DATA[:size])))
            assert s.run(lambda sys: sock.recvfrom(2000))[0] == DATA[:size]
            s.run(lambda sys, size=size: sock.sendto(DATA[:size], (HOST, 9)))
            (sent,) = s.sent6()
            assert sent.data == DATA[:size]
        assert s.leaks() == 0


def test_before_each_datagram_stand_32_bytes_about_it(s: Stack6) -> None:
    s.bound6()
    s.input(ether6(udp6(b"x" * 10)), ether6(udp6(b"y" * 5)))
    (row,) = udp_connections(s.kernel)
    assert row.rxsize == 2 * 32 + 15  # length, interface, size of the address, sockaddr_in6


def test_datagrams_of_each_family_go_to_sockets_of_their_own(s: Stack6) -> None:
    six = s.bound6(7)
    four = s.keep(lambda sys: _bound(sys, AF_INET, "", 7))
    s.input(ether6(udp6(b"six")), ether(udp(b"four")))
    assert s.run(lambda sys: six.recvfrom(10)) == (b"six", (HOST, 1000, 0, 0))
    assert s.run(lambda sys: four.recvfrom(10)) == (b"four", ("10.0.1.1", 1000))


def _bound(sys: Any, family: int, address: str, port: int) -> Any:
    sock = sys.socket(family, SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def test_a_wildcard_socket_takes_what_is_for_a_group_and_a_bound_one_only_its_own(s: Stack6) -> None:
    everything, own = s.bound6(7), s.bound6(8, BOARD)
    s.input(
        ether6(udp6(b"all", dst=ALL_NODES)), ether6(udp6(b"all", dport=8, dst=ALL_NODES)), ether6(udp6(b"me", dport=8))
    )
    assert s.run(lambda sys: everything.recvfrom(10))[0] == b"all"
    assert s.run(lambda sys: own.recvfrom(10))[0] == b"me"
    assert s.frames() == []


def test_two_sockets_of_a_group_both_get_a_copy(s: Stack6) -> None:
    def make(sys: Any) -> Any:
        sock = sys.socket(AF_INET6, SOCK_DGRAM)
        sock.setsockopt(1, 2, 1)
        sock.bind(("", 7))
        return sock

    socks = [s.keep(make), s.keep(make)]
    s.input(ether6(udp6(b"all", dst=ALL_NODES)))
    assert [s.run(lambda sys, sock=sock: sock.recvfrom(10))[0] for sock in socks] == [b"all", b"all"]
    assert s.leaks() == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (("fc00::9", 7), errno.EADDRNOTAVAIL),
        (("10.0.1.2", 7), errno.EINVAL),
        (("::ffff:10.0.1.2", 7), errno.EINVAL),
        (("fc00::2", 70000), errno.EINVAL),
        (("fc00:2", 7), errno.EINVAL),
        (("fc00::2",), errno.EINVAL),
        ("fc00::2", errno.EINVAL),
    ],
)
def test_names_that_cannot_be_bound(s: Stack6, name: Any, error: int) -> None:
    assert s.run(lambda sys: error_of(sys.socket(AF_INET6, SOCK_DGRAM).bind, name)) == error


def test_an_address_of_the_other_family_is_refused_by_both(s: Stack6) -> None:
    def body(sys: Any) -> list[int | None]:
        six, four = sys.socket(AF_INET6, SOCK_DGRAM), sys.socket(AF_INET, SOCK_DGRAM)
        return [
            error_of(six.sendto, b"x", ("10.0.1.1", 9)),
            error_of(four.sendto, b"x", (HOST, 9)),
            error_of(six.connect, ("::ffff:10.0.1.1", 9)),
        ]

    assert s.run(body) == [errno.EINVAL] * 3


def test_the_same_port_may_be_bound_in_each_family_but_once(s: Stack6) -> None:
    s.bound6(7)
    assert s.run(lambda sys: error_of(_bound, sys, AF_INET6, BOARD, 7)) == errno.EADDRINUSE
    assert s.run(lambda sys: error_of(_bound, sys, AF_INET, "", 7)) is None


def test_a_scope_may_be_named_and_link_local_senders_have_one(s: Stack6) -> None:
    s.device.ip6.set("fe80::22", 64)
    sock = s.bound6()
    s.input(ether6(udp6(b"near", src="fe80::1", dst="fe80::22")))
    data, name = s.run(lambda sys: sock.recvfrom(10))
    assert (data, name) == (b"near", ("fe80::1", 1000, 0, s.eth.index))
    lib.neighbor_set(s.board, s.eth.index, bytes.fromhex("fe80" + "00" * 13 + "01"), b"\2\0\0\0\0\1", 6)
    for to in (name, ("fe80::1%eth0", 1000), ("fe80::1", 1000)):
        assert s.run(lambda sys, to=to: sock.sendto(b"back", to)) == 4
    assert [p.dst for p in s.sent6()] == ["fe80::1"] * 3


def test_a_datagram_to_the_board_itself_comes_back(s: Stack6) -> None:
    sock = s.bound6(7)
    for own in (BOARD, "::1"):
        s.run(lambda sys, own=own: sock.sendto(b"self", (own, 7)))
        assert s.run(lambda sys: sock.recvfrom(10)) == (b"self", (own, 7, 0, 0))
    assert s.frames() == [] and s.leaks() == 0


def test_what_does_not_fit_a_frame_is_emsgsize_without_fragments() -> None:
    with Stack6(NET_IPFRAG=False) as s:
        sock = s.bound6()
        assert s.run(lambda sys: sock.sendto(DATA[:1452], (HOST, 9))) == 1452
        assert s.run(lambda sys: error_of(sock.sendto, DATA[:1453], (HOST, 9))) == errno.EMSGSIZE


def test_hop_limit_and_traffic_class_are_the_owners_choice(s: Stack6) -> None:
    sock = s.bound6()
    lib.udp_set(s.board, sock.conn, lib.SOCK_TTL, 3)
    lib.udp_set(s.board, sock.conn, lib.SOCK_TOS, 0xB8)
    s.run(lambda sys: sock.sendto(b"x", (HOST, 9)))
    (sent,) = s.sent6()
    assert (sent.hops, sent.tos) == (3, 0xB8)


def test_without_buffers_a_send_does_what_it_does_over_ipv4() -> None:
    from stack import hog

    with Stack6(IOB_NBUFFERS=20, IOB_THROTTLE=4) as s:
        sock = s.bound6()
        held = hog(s, 4)
        s.run(lambda sys: sock.setblocking(False))
        assert s.run(lambda sys: error_of(sock.sendto, DATA[:1000], (HOST, 9))) == errno.ENOMEM
        assert s.run(lambda sys: sock.sendto(b"small", (HOST, 9))) == 5
        for iob in held:
            s.kernel.iobs.free(iob)
        s.frames()
        assert s.leaks() == 0


def test_proc_net_udp_lists_ipv4_first(s: Stack6) -> None:
    s.bound6(7, BOARD)
    s.keep(lambda sys: _bound(sys, AF_INET, BOARD_IP, 8))
    lines = net_udp(s.kernel).splitlines()
    assert len(lines) == 3
    assert [row.family for row in udp_connections(s.kernel)] == [AF_INET6, AF_INET]


# TCP


def answered(s: Stack6, options: bytes = b"") -> tuple[list[Any], Peer, Any]:
    """A task that connects to the host's port 80 and returns its socket; the peer that it calls."""
    results = act(s, lambda sys: _connect(sys))
    (frame,) = s.frames()
    syn = segment_of(frame, 0)
    assert syn is not None and syn.flags == "S"
    peer = Peer(s, sport=80, dport=syn.sport, src=HOST)
    peer.six, peer.iss = True, syn.seq
    return results, peer, syn


def _connect(sys: Any) -> Any:
    sock = sys.socket(AF_INET6, SOCK_STREAM)
    sock.connect((HOST, 80))
    sock.give(None)
    return sock


def test_connect_names_the_mss_that_the_headers_leave(s: Stack6) -> None:
    results, peer, syn = answered(s)
    assert syn.options[2] == struct.pack("!H", 1500 - 60)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xa0")
    s.later(0.001)
    (sock,) = results
    assert s.run(lambda sys: sock.getpeername()) == (HOST, 80, 0, 0)
    assert s.run(lambda sys: sock.getsockname())[:2] == (BOARD, syn.sport)
    peer.seq = peer.ack = 1
    peer.take()
    act(s, lambda sys: sock.send(DATA))
    assert [len(x.data) for x in peer.take()] == [1440, 1440, 1440, 800]
    peer.put("RA")
    assert states(s) == []
    s.run(lambda sys: sock.close())
    assert s.leaks() == 0


def test_a_peer_that_names_no_mss_gets_1220_bytes(s: Stack6) -> None:
    results, peer, _ = answered(s)
    peer.put("SA", seq=0, ack=1)
    peer.seq = peer.ack = 1
    s.later(0.001)
    peer.take()
    act(s, lambda sys: results[0].send(DATA[:3000]))
    assert [len(x.data) for x in peer.take()] == [1220, 1220, 560]


def test_connect_is_refused_by_a_reset_and_by_an_unreachable_port(s: Stack6) -> None:
    results, peer, _ = answered(s)
    peer.put("RA", seq=0, ack=1)
    s.later(0.001)
    assert results[0].errno == errno.ECONNREFUSED
    results = act(s, lambda sys: _connect(sys))
    (frame,) = s.frames()
    s.input(ether6(icmp6(UNREACHABLE, 4, bytes(4), frame[14:])))
    s.later(0.001)
    assert results[0].errno == errno.ECONNREFUSED and s.leaks() == 0


def test_packet_too_big_makes_segments_smaller_and_below_1280_it_is_not_believed(s: Stack6) -> None:
    results, peer, _ = answered(s)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xa0")
    peer.seq = peer.ack = 1
    s.later(0.001)
    peer.take()
    sock = results[0]
    act(s, lambda sys: sock.send(DATA[:1440]))
    (frame,) = s.frames()
    s.input(ether6(icmp6(TOO_BIG, 0, struct.pack("!I", 1400), frame[14:][:1232])))
    s.kernel.net.txavail()
    s.later(0)
    assert [len(x.data) for x in peer.take()] == [1340, 100]
    s.input(ether6(icmp6(TOO_BIG, 0, struct.pack("!I", 1280), frame[14:][:1232])))
    s.kernel.net.txavail()
    s.later(0)
    assert [len(x.data) for x in peer.take()] == [1220, 220]
    s.input(ether6(icmp6(TOO_BIG, 0, struct.pack("!I", 1279), frame[14:][:1232])))
    s.kernel.net.txavail()
    s.later(0)
    assert peer.take() == [] and s.kernel.net.stats.icmpv6.typeerr == 1


def test_an_error_about_something_else_breaks_nothing(s: Stack6) -> None:
    results, peer, _ = answered(s)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xa0")
    peer.seq = peer.ack = 1
    s.later(0.001)
    peer.take()
    act(s, lambda sys: results[0].send(b"x"))
    (frame,) = s.frames()
    for change in (
        frame[14:][:8] + bytes(16) + frame[14:][24:],  # another source
        frame[14:][:44] + b"\0\0\0\0" + frame[14:][48:],  # another number
        b"\x40" + frame[15:],
    ):
        s.input(ether6(icmp6(UNREACHABLE, 4, bytes(4), change)))
    assert states(s) == ["ESTABLISHED"]


@pytest.mark.parametrize("to", ["ff02::1", "::ffff:10.0.1.1"])
def test_nobody_connects_to_a_group_or_to_the_other_family(s: Stack6, to: str) -> None:
    expected = errno.EADDRNOTAVAIL if to == "ff02::1" else errno.EINVAL
    assert s.run(lambda sys: error_of(sys.socket(AF_INET6, SOCK_STREAM).connect, (to, 80))) == expected


def test_a_call_for_a_group_is_not_heard(s: Stack6) -> None:
    from tcp_peer import tcp

    act(s, lambda sys: None)
    assert s.answers6(tcp(1000, 7, "S", 5000, src=HOST, dst=ALL_NODES)) == []
    assert s.kernel.net.stats.ipv6.drop == 1


def test_a_listener_of_one_family_refuses_the_other(s: Stack6) -> None:
    from tcp_peer import listening, tcp

    listening(s)
    (reset,) = s.answers6(tcp(1000, 7, "S", 5000, src=HOST, dst=BOARD))
    assert reset.flags == 0x14


def test_a_stream_over_the_loopback_is_whole(s: Stack6) -> None:
    got: list[bytes] = []

    def server(sys: Any) -> None:
        sock = sys.socket(AF_INET6, SOCK_STREAM)
        sock.bind(("::", 80))
        sock.listen()
        conn, peer = sock.accept()
        assert peer[0] == "::1"
        while data := conn.recv(700):
            got.append(data)

    def client(sys: Any) -> None:
        sock = sys.socket(AF_INET6, SOCK_STREAM)
        sock.connect(("::1", 80))
        sock.sendall(DATA * 10)
        sock.close()

    s.kernel.tasks.create(server, "server", 50)
    s.kernel.tasks.create(client, "client", 50)
    s.clock.run(None)
    assert b"".join(got) == DATA * 10 and s.leaks() == 0


def test_proc_net_tcp_and_the_list_know_the_family(s: Stack6) -> None:
    _, peer, _ = answered(s)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xa0")
    (row,) = [row for row in tcp_connections(s.kernel) if row.state == "ESTABLISHED"]
    assert (row.family, row.laddr, row.raddr, row.rport) == (AF_INET6, BOARD, HOST, 80)
    assert f"{HOST}:80" in net_tcp(s.kernel)


def test_first_numbers_depend_on_all_of_an_address() -> None:
    numbers = set()
    for n in range(1, 9):
        with Stack() as s:
            lib.neighbor_set(
                s.board, s.eth.index, bytes.fromhex(f"fc0000000000000{n}0000000000000001"), b"\2\0\0\0\0\1", 6
            )
            act(s, lambda sys, n=n: sys.socket(AF_INET6, SOCK_STREAM).connect((f"fc00:0:0:{n}::1", 80)))
            s.later(0)
            segments = [segment_of(frame, 0) for frame in s.frames()]
            numbers |= {segment.seq for segment in segments if segment}
    assert len(numbers) == 8


# ICMPv6 sockets


def test_an_echo_request_goes_out_and_its_reply_comes_back(s: Stack6) -> None:
    ping = s.keep(lambda sys: sys.socket(AF_INET6, SOCK_DGRAM, 58))
    assert s.run(lambda sys: ping.sendto(b"\x80\0\0\0\0\x2a\0\1" + DATA[:100], (HOST, 0))) == 108
    (request,) = s.sent6()
    assert (request.type, request.payload[4:8], request.data, request.src) == (128, b"\0\x2a\0\1", DATA[:100], BOARD)
    s.input(ether6(icmp6(129, rest=b"\0\x2a\0\1", data=DATA[:100])))
    reply, sender = s.run(lambda sys: ping.recvfrom(1000))
    assert (reply[:2], reply[4:], sender) == (b"\x81\0", b"\0\x2a\0\1" + DATA[:100], (HOST, 0, 0, 0))
    assert s.leaks() == 0


def test_a_reply_to_somebody_elses_request_is_nobodys(s: Stack6) -> None:
    ping = s.keep(lambda sys: sys.socket(AF_INET6, SOCK_DGRAM, 58))
    s.run(lambda sys: ping.sendto(b"\x80\0\0\0\0\x2a\0\1", (HOST, 0)))
    s.frames()
    assert s.answers6(icmp6(129, rest=b"\0\x2b\0\1")) == []
    assert s.kernel.net.stats.icmpv6.typeerr == 1 and s.leaks() == 0


def test_extension_headers_of_a_reply_are_not_read(s: Stack6) -> None:
    from stack6 import DSTOPTS, extended

    ping = s.keep(lambda sys: sys.socket(AF_INET6, SOCK_DGRAM, 58))
    s.run(lambda sys: ping.sendto(b"\x80\0\0\0\0\x2a\0\1", (HOST, 0)))
    s.frames()
    s.input(ether6(extended(icmp6(129, rest=b"\0\x2a\0\1", data=b"data"), (DSTOPTS, b"\0\1\4" + bytes(4)))))
    assert s.run(lambda sys: ping.recvfrom(1000)) == (_reply(b"data"), (HOST, 0, 0, 0))


def _reply(data: bytes) -> bytes:
    return icmp6(129, rest=b"\0\x2a\0\1", data=data)[40:]


def test_the_board_pings_itself(s: Stack6) -> None:
    ping = s.keep(lambda sys: sys.socket(AF_INET6, SOCK_DGRAM, 58))
    for own in ("::1", BOARD):
        s.run(lambda sys, own=own: ping.sendto(b"\x80\0\0\0\0\x2a\0\1me", (own, 0)))
        reply, sender = s.run(lambda sys: ping.recvfrom(1000))
        assert reply[0] == 129 and reply[8:] == b"me" and sender[0] == own
    assert s.frames() == [] and s.leaks() == 0


def test_there_are_so_many_icmpv6_sockets() -> None:
    with Stack6(NET_ICMPv6_PREALLOC_CONNS=2) as s:
        for _ in range(2):
            s.keep(lambda sys: sys.socket(AF_INET6, SOCK_DGRAM, 58))
        assert s.run(lambda sys: error_of(sys.socket, AF_INET6, SOCK_DGRAM, 58)) == errno.ENOMEM
        assert s.run(lambda sys: error_of(sys.socket, AF_INET, SOCK_DGRAM, 1)) is None


def test_without_ipv6_there_are_no_such_sockets() -> None:
    with Stack(NET_IPv6=False) as s:
        assert s.run(lambda sys: error_of(sys.socket, AF_INET6, SOCK_DGRAM)) == errno.EAFNOSUPPORT


def test_link_down_takes_connections_of_both_families(s: Stack6) -> None:
    results, peer, _ = answered(s)
    peer.put("SA", seq=0, ack=1, options=b"\2\4\5\xa0")
    s.later(0.001)
    s.eth.ifdown()
    assert states(s) == []
    assert s.run(lambda sys: error_of(results[0].recv, 1)) == errno.ENETUNREACH
