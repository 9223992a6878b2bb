"""RFC 9293, requirement by requirement. What has a theme of its own is in the other test_tcp_*.py."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from stack import Packet, Stack, checksum, error_of, ether, icmp, ip
from tcp_peer import TCP, Peer, accepted, act, connected, listener, listening, rows, states, tcp
from tcp_script import built, called, writes

from kernel.sockbase import AF_INET, IP_TOS, IP_TTL, IPPROTO_IP, SOCK_STREAM


@pytest.fixture
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**{**TCP, **getattr(request, "param", {})}) as stack:
        yield stack


def calls(s: Stack, port: int = 7) -> tuple[list[Any], Peer]:
    """The board calls a peer, who has its SYN; the list gets the errno, or 0, once connect() returns."""
    results: list[Any] = []

    def body(sys: Any) -> None:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        results.append(error_of(sock.connect, ("10.0.1.1", port)) or 0)
        sys.semaphore().wait()

    s.kernel.tasks.create(body, "caller", 50)
    s.later(0.001)
    frame = next(f for f in s.frames() if Packet(f).proto == 6)
    peer = Peer(s, dport=int.from_bytes(frame[34:36], "big"), sport=port)
    peer.iss = int.from_bytes(frame[38:42], "big")
    return results, peer


# Numbers


def test_must_1_a_window_is_unsigned(s: Stack) -> None:
    sock, peer = called(s, window=60000)
    assert sum(len(x.data) for x in writes(s, peer, sock, bytes(70000))) == 60000 // 1460 * 1460


@pytest.mark.parametrize("n", range(1, 8))
def test_must_2_checksums_are_right_for_every_length(s: Stack, n: int) -> None:
    sock, peer = connected(s)
    (segment,) = writes(s, peer, sock, bytes(range(200, 200 + n)))
    assert segment.data == bytes(range(200, 200 + n))  # the checksum was checked on the way


def test_must_3_a_segment_with_a_wrong_checksum_is_dropped(s: Stack) -> None:
    sock, peer = connected(s)
    assert peer.answers("PA", b"hello", sum=0x1234) == []
    assert s.kernel.net.stats.tcp.chkerr == 1 and rows(s)[0].rxsize == 0
    peer.write(b"again")
    assert s.run(lambda sys: sock.recv(10)) == b"again"


def test_must_8_the_first_number_follows_a_clock_of_4_us(s: Stack) -> None:
    listening(s)
    peer = Peer(s)
    numbers = []
    for _ in range(3):
        peer.answer("S", seq=0)
        numbers.append(peer.iss)
        peer.put("R", seq=1)
        s.later(1)
    assert [(b - a) % 2**32 for a, b in itertools.pairwise(numbers)] == [250_000, 250_000]


@pytest.mark.parametrize("isn", [2**32 - 3, 2**32 - 1, 2**31 - 3, 2**31 - 1])
def test_the_peers_numbers_may_wrap_anywhere_in_order_and_out_of_it(isn: int) -> None:
    with Stack(**TCP, NET_TCP_OUT_OF_ORDER=True) as s:
        sock, peer = called(s, isn=isn)
        peer.put("PA", b"e", seq=5)
        peer.put("PA", b"bcd", seq=2)
        peer.take()
        (ack,) = peer.answers("PA", b"a")
        assert ack.ack == 6
        peer.seq = 6
        peer.write(b"fg", "FPA")
        assert s.run(lambda sys: (sock.recv(10), sock.recv(10))) == (b"abcdefg", b"")


@pytest.mark.parametrize("before", [1, 2, 1000, 1460, 2000])
def test_our_numbers_may_wrap_anywhere(s: Stack, before: int) -> None:
    first = Peer(s)
    listening(s)
    first.answer("S", seq=0)
    first.put("R", seq=1)
    s.later((2**32 - before - first.iss) % 2**32 * 4e-6)
    sock = s.keep(lambda sys: listener(sys, 8))
    peer = Peer(s, dport=8)
    peer.answer("S", seq=0)
    peer.put("R", seq=1)
    s.later((2**32 - before - peer.iss) % 2**32 * 4e-6)
    peer.connect()
    assert peer.iss > 2**32 - before - 1000
    client = accepted(s, sock)
    data = bytes(range(256)) * 20
    results = act(s, lambda sys: client.sendall(data))
    assert peer.read() == data
    s.later(0.001)
    assert results == [None]
    act(s, lambda sys: client.close())
    assert peer.take()[0].flags == "FA"


# Opening


@pytest.mark.ipv4
def test_must_10_both_that_call_at_once_may_answer_with_a_syn_ack_alone(s: Stack) -> None:
    results, peer = calls(s)
    both = peer.answer("S", seq=0)
    assert (both.flags, both.seq, both.ack) == ("SA", 0, 1)
    peer.seq = peer.ack = 1
    peer.put("SA", seq=0)
    s.later(0.001)
    assert states(s) == ["ESTABLISHED"] and results == [0]
    assert peer.write(b"x")[-1].ack == 2


@pytest.mark.ipv4
def test_must_11_a_call_of_our_own_that_is_reset_in_syn_rcvd_was_refused(s: Stack) -> None:
    results, peer = calls(s)
    peer.answer("S", seq=0)
    peer.put("R", seq=1)
    s.later(0.001)
    assert results == [errno.ECONNREFUSED] and rows(s) == []


def test_must_11_a_call_from_outside_that_is_reset_in_syn_rcvd_leaves_the_listener_alone(s: Stack) -> None:
    sock = listening(s, backlog=1)
    first = Peer(s)
    first.answer("S", seq=0)
    first.put("R", seq=1)
    Peer(s, sport=1001).connect()
    assert accepted(s, sock).getpeername()[1] == 1001


def test_must_41_listening_elsewhere_leaves_connections_alone(s: Stack) -> None:
    sock, peer = connected(s)
    listening(s, port=8)
    peer.write(b"x")
    assert s.run(lambda sys: sock.recv(1)) == b"x"


def test_must_42_a_listener_takes_calls_while_another_is_half_open(s: Stack) -> None:
    sock = listening(s)
    half = Peer(s)
    half.answer("S", seq=0)
    Peer(s, sport=1001).connect()
    assert states(s) == ["SYN_RCVD", "ESTABLISHED"]
    assert accepted(s, sock).getpeername()[1] == 1001


def test_must_43_a_listener_of_another_address_is_not_called_here(s: Stack) -> None:
    def local(sys: Any) -> Any:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.bind(("127.0.0.1", 7))
        sock.listen(1)
        return sock

    s.keep(local)
    assert Peer(s).answer("S", seq=0).flags == "RA"


def test_must_44_a_call_has_the_address_of_its_interface(s: Stack) -> None:
    calls(s)
    (row,) = rows(s)
    assert (row.laddr, row.raddr) == ("10.0.1.2", "10.0.1.1")


def test_text_that_comes_with_a_syn_may_come_again(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    syn = peer.answer("S", b"early", seq=0)
    assert syn.ack in (1, 6)
    peer.seq = peer.ack = 1
    peer.put("A")
    peer.write(b"early")
    client = accepted(s, sock)
    assert s.run(lambda sys: client.recv(10)) == b"early" and s.leaks() == 0


def test_text_and_fin_may_come_with_the_last_step_of_the_handshake(s: Stack) -> None:
    sock = listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    ack = peer.answer("FPA", b"all", seq=1, ack=1)
    assert ack.ack == 5 and states(s) == ["CLOSE_WAIT"]
    client = accepted(s, sock)
    assert s.run(lambda sys: (client.recv(10), client.recv(10))) == (b"all", b"")


def test_a_board_can_call_itself(s: Stack) -> None:
    def program(sys: Any) -> bytes:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.bind(("127.0.0.1", 9000))
        sock.connect(("127.0.0.1", 9000))
        sock.send(b"hello, me")
        return bytes(sock.recv(100))

    results = act(s, program)
    s.later(1)
    assert results == [b"hello, me"]


# Data


@pytest.mark.parametrize("urgent", [0, 1, 5, 6, 65535])
def test_must_31_urgent_data_of_any_length_is_read_with_the_rest(s: Stack, urgent: int) -> None:
    sock, peer = connected(s)
    (ack,) = peer.answers("PAU", b"hello", urgent=urgent)
    assert ack.ack == 6
    peer.seq = 6
    peer.write(b" world")
    assert s.run(lambda sys: sock.recv(100)) == b"hello world"


def test_must_61_only_the_last_segment_of_what_is_buffered_is_pushed(s: Stack) -> None:
    sock, peer = connected(s)
    segments = writes(s, peer, sock, bytes(4000))
    assert ["P" in x.flags for x in segments] == [False, False, True]


def test_must_58_a_segment_without_text_is_not_acknowledged(s: Stack) -> None:
    _, peer = connected(s)
    assert peer.answers("A") == [] and peer.answers("PA") == []


@pytest.mark.parametrize(
    "pieces",
    [
        [(1, b"abc"), (1, b"ABC")],
        [(1, b"abc"), (2, b"BCd")],
        [(1, b"abcdef"), (3, b"CD")],
        [(1, b"ab"), (1, b"ABcd")],
        [(4, b"def"), (1, b"abcDE")],
        [(4, b"def"), (2, b"bcD"), (1, b"a")],
        [(3, b"c"), (5, b"e"), (2, b"bCdEf"), (1, b"a")],
        [(3, b"cde"), (3, b"CD"), (4, b"DE"), (1, b"ab")],
        [(5, b"ef"), (2, b"bcdE"), (1, b"A"), (1, b"abcdef")],
    ],
)
@built(NET_TCP_OUT_OF_ORDER=True)
def test_segments_that_overlap_give_each_byte_once(s: Stack, pieces: list[tuple[int, bytes]]) -> None:
    """Of bytes that came twice either copy may be read (RFC 9293 3.10.7.4)."""
    sock, peer = connected(s)
    copies: dict[int, set[int]] = {}
    for seq, data in pieces:
        peer.put("PA", data, seq=seq)
        for i, byte in enumerate(data, seq):
            copies.setdefault(i, set()).add(byte)
    assert peer.take()[-1].ack == 1 + len(copies)
    got = s.run(lambda sys: sock.recv(100))
    assert len(got) == len(copies) and all(byte in copies[i] for i, byte in enumerate(got, 1))
    assert s.leaks() == 0


def test_what_lies_behind_the_window_is_cut_off(s: Stack) -> None:
    _sock, peer = connected(s)
    (first,) = peer.write(b"x")
    edge = first.ack + first.window
    peer.put("PA", b"yz", seq=edge - 1)  # its second byte is behind the window
    peer.put("PA", b"nothing", seq=edge)
    assert rows(s)[0].rxsize == 1
    assert peer.take()[-1].ack == 2


def test_a_segment_before_the_window_is_acknowledged_and_not_read_again(s: Stack) -> None:
    _sock, peer = connected(s)
    peer.write(b"abc")
    (ack,) = peer.answers("PA", b"abc", seq=1)
    assert ack.ack == 4 and rows(s)[0].rxsize == 3


# IP and ICMP around it


@pytest.mark.ipv4
def test_must_48_the_type_of_service_is_the_owners_choice_and_that_of_a_listener_its_calls(s: Stack) -> None:
    sock = listening(s)
    s.run(lambda sys: sock.setsockopt(IPPROTO_IP, IP_TOS, 0x28))
    peer = Peer(s)
    peer.put("S", seq=0)
    (frame,) = s.frames()
    assert frame[15] == 0x28 and checksum(frame[14:34]) == 0
    assert sock.getsockopt(IPPROTO_IP, IP_TOS) == 0x28


@pytest.mark.ipv4
def test_must_49_the_time_to_live_is_the_owners_choice(s: Stack) -> None:
    sock, _peer = connected(s)
    s.run(lambda sys: sock.setsockopt(IPPROTO_IP, IP_TTL, 3))
    act(s, lambda sys: sock.send(b"x"))
    (frame,) = s.frames()
    assert Packet(frame).ttl == 3


@pytest.mark.ipv4
def test_must_50_ip_options_are_ignored(s: Stack) -> None:
    sock, peer = connected(s)
    body = tcp(1000, 7, "PA", 5001, peer.iss + 1, b"hello")[20:]
    s.input(ether(ip(body, 6, options=b"\x99\4\0\0\1\1\1\0")))
    s.kernel.net.txavail()
    s.later(0)
    assert peer.take()[0].ack == 6
    assert s.run(lambda sys: sock.recv(10)) == b"hello"


def test_must_55_a_source_quench_does_nothing(s: Stack) -> None:
    sock, _peer = connected(s)
    act(s, lambda sys: sock.send(b"x"))
    (frame,) = s.frames()
    s.input(ether(icmp(4, rest=bytes(4), data=frame[14:])))
    assert states(s) == ["ESTABLISHED"] and s.run(lambda sys: sock.getsockopt(1, 4)) == 0


def test_must_57_a_call_to_everybody_is_not_answered(s: Stack) -> None:
    listening(s)
    for dst in ("10.0.1.255", "255.255.255.255", "224.0.0.1"):
        assert s.answers(ether(tcp(1000, 7, "S", 5000, dst=dst))) == []
        assert s.answers(ether(tcp(1000, 8, "S", 5000, dst=dst))) == []
    assert s.answers(ether(tcp(1000, 7, "S", 5000), dst=b"\xff" * 6)) == []
    assert s.answers(ether(tcp(1000, 7, "S", 5000), dst=b"\1\0\x5e\0\0\1")) == []
    assert rows(s) == [] and s.leaks() == 0


def test_must_63_a_call_from_an_address_that_nobody_can_have_is_not_answered(s: Stack) -> None:
    listening(s)
    for src in ("10.0.1.255", "255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1"):
        assert s.answers(ether(tcp(1000, 7, "S", 5000, src=src))) == []
        assert s.answers(ether(tcp(1000, 8, "S", 5000, src=src))) == []
    assert rows(s) == [] and s.leaks() == 0
