"""TCP peers that nobody wants: whatever they send, the board goes on serving others and has all it had at the end."""

from __future__ import annotations

import errno
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stack import BOARD_IP, HOST_IP, Stack, checksum, error_of, ether, icmp, ip
from tcp_peer import MASK, TCP, Peer, accepted, act, connected, listening, rows, states

from kernel.inet import inet_addr
from kernel.sockbase import AF_INET, SO_KEEPALIVE, SO_SNDTIMEO, SOCK_STREAM, SOL_SOCKET

EVERYTHING: dict[str, Any] = {
    **TCP,
    "NET_TCP_OUT_OF_ORDER": True,
    "NET_TCP_SELECTIVE_ACK": True,
    "TCP_TIMESTAMPS": True,
    "NET_TCP_WINDOW_SCALE": True,
    "NET_TCP_WINDOW_SCALE_FACTOR": 3,
    "NET_TCP_CC_NEWRENO": True,
    "NET_TCP_DELAYED_ACK": True,
}
BOARDS: dict[str, dict[str, Any]] = {
    "default": TCP,
    "everything": EVERYTHING,
    "36 buffers": {**EVERYTHING, "IOB_NBUFFERS": 36, "IOB_THROTTLE": 8},
}


@pytest.fixture(params=BOARDS)
def s(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack(**BOARDS[request.param]) as stack:
        yield stack


def echo(s: Stack, port: int = 80) -> None:
    """A server that echoes; each of its connections has a task."""

    def serve(sock: Any) -> Callable[[Any], None]:
        def body(_sys: Any) -> None:
            try:
                while data := sock.recv(512):
                    sock.sendall(data)
            except OSError:
                pass
            sock.close()

        return body

    def server(sys: Any) -> None:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.bind(("", port))
        sock.listen(8)
        while True:
            client, _ = sock.accept()
            sys.spawn(serve(client), "echo", 50)

    s.kernel.tasks.create(server, "server", 60)
    s.later(0.001)


def served(s: Stack, sport: int, port: int = 80) -> bool:
    """Whether a caller gets its bytes back."""
    s.frames()
    peer = Peer(s, sport=sport, dport=port)
    peer.connect()
    peer.put("PA", b"anybody there?")
    peer.seq += 14
    s.later(0.001)
    data = b"".join(x.data for x in peer.take())
    peer.ack += len(data)
    peer.put("FA")
    peer.seq += 1
    s.later(0.001)
    peer.ack += 1
    peer.put("A")
    return data == b"anybody there?"


def peace(s: Stack) -> None:
    """Everybody has gone: it answers a ping and a call, and in the end nothing is left of any connection."""
    s.later(10_000)
    s.frames()
    assert s.pings()
    assert served(s, 60_000)
    s.later(1000)
    s.frames()
    assert rows(s) == [] and s.leaks() == 0


def segment(raw: bytes, src: str = HOST_IP) -> bytes:
    """A frame with these bytes for a segment, whose checksum is made right."""
    pseudo = struct.pack("!IIHH", inet_addr(src), inet_addr(BOARD_IP), 6, len(raw))
    head = raw[:16] + b"\0\0" + raw[18:]
    value = struct.pack("!H", checksum(pseudo + head))
    return ether(ip(raw[:16] + value + raw[18:], 6, src=src))


# A connection in each state


def dialled(s: Stack) -> tuple[Any, Peer]:
    """A task that calls, and the peer that has got its SYN."""
    s.frames()
    act(s, lambda sys: error_of(sys.socket(AF_INET, SOCK_STREAM).connect, (HOST_IP, 9)))
    (frame,) = s.frames()
    peer = Peer(s, dport=int.from_bytes(frame[34:36], "big"), sport=9)
    peer.iss, peer.ack = int.from_bytes(frame[38:42], "big"), 1
    return None, peer


def half_open(s: Stack) -> tuple[Any, Peer]:
    sock = listening(s)
    peer = Peer(s)
    peer.answer("S", seq=0)
    peer.seq = peer.ack = 1
    return sock, peer


def with_data(s: Stack) -> tuple[Any, Peer]:
    """Established, bytes waiting at both ends."""
    sock, peer = connected(s)
    peer.write(bytes(100))
    act(s, lambda sys: sock.send(bytes(1000)))
    s.frames()
    return sock, peer


def closing(*steps: str) -> Callable[[Stack], tuple[Any, Peer]]:
    """A connection after these steps: the board's close, the peer's ACK of it, the peer's FIN."""

    def make(s: Stack) -> tuple[Any, Peer]:
        sock, peer = connected(s)
        for step in steps:
            if step == "close":
                act(s, lambda sys: sock.close())
            elif step == "ack":
                peer.ack += 1
                peer.put("A")
            else:
                peer.put("FA")
                peer.seq += 1
        s.frames()
        return (None if "close" in steps else sock), peer

    return make


STATES: dict[str, Callable[[Stack], tuple[Any, Peer]]] = {
    "SYN_RCVD": half_open,
    "SYN_SENT": dialled,
    "ESTABLISHED": with_data,
    "FIN_WAIT_1": closing("close"),
    "FIN_WAIT_2": closing("close", "ack"),
    "CLOSE_WAIT": closing("fin"),
    "CLOSING": closing("close", "fin"),
    "TIME_WAIT": closing("close", "ack", "fin"),
    "LAST_ACK": closing("fin", "close"),
}


def near(random: random.Random, number: int) -> int:
    """A number at, about, or anywhere from another."""
    away = random.choice((0, 0, 0, 1, -1, 2, 100, -100, 1460, 65535, 1 << 20, 1 << 31, random.getrandbits(32)))
    return (number + away) & MASK


def mutated(random: random.Random, peer: Peer) -> bytes:
    """A segment that could nearly be one of this peer's."""
    options = random.choice((b"", b"", b"", random.randbytes(4 * random.randrange(11))))
    offset = 5 + len(options) // 4 if random.random() < 0.95 else random.randrange(16)
    flags = random.choice((16, 16, 16, 24, 17, 2, 4, 20, 0, 63, random.randrange(256)))
    seq, ack = near(random, peer.isn + peer.seq), near(random, peer.iss + peer.ack)
    window, urgent = random.choice((0, 1, 1460, 65535)), random.choice((0, 0, 65535))
    head = struct.pack("!HHIIBBHHH", peer.sport, peer.dport, seq, ack, offset << 4, flags, window, 0, urgent)
    return segment(head + options + random.randbytes(random.choice((0, 0, 1, 100, 1400))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("state", STATES)
def test_mutations_of_a_conversation_in_every_state(s: Stack, state: str, seed: int) -> None:
    echo(s)
    source = random.Random(f"{state} {seed}")
    sock, peer = STATES[state](s)
    assert states(s) == [state]
    for i in range(150):
        s.input(mutated(source, peer))
        if i % 3 == 0:
            s.kernel.net.txavail()
            s.later(source.choice((0, 0, 0.01, 0.3, 3)))
            s.frames()
    if sock is not None:
        act(s, lambda sys: sock.close())
    peace(s)


def test_a_connection_whose_peer_answers_nonsense_ends(s: Stack) -> None:
    sock, peer = with_data(s)
    source = random.Random(1)
    act(s, lambda sys: sock.close())
    for _ in range(2000):
        s.later(1)
        if s.frames():
            s.input(mutated(source, peer))
    assert rows(s) == []


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_as_tcp(s: Stack, seed: int) -> None:
    echo(s)
    source = random.Random(seed)
    for _ in range(500):
        raw = source.randbytes(source.choice((0, 1, 19, 20, 21, 40, 60, 100, 1480)))
        s.input(ether(ip(raw, 6)) if source.random() < 0.3 or len(raw) < 20 else segment(raw))
        s.frames()
    peace(s)


def test_a_segment_cut_at_every_length(s: Stack) -> None:
    echo(s)
    whole = struct.pack("!HHIIBBHHH", 1000, 80, 1, 0, 0xF0, 2, 65535, 0, 0) + bytes([2, 4, 5, 180] * 10) + bytes(20)
    for length in range(len(whole)):
        s.input(ether(ip(whole[:length], 6)))
        if length >= 20:
            s.input(segment(whole[:length]))
        s.frames()
    peace(s)


def test_option_soup(s: Stack) -> None:
    echo(s)
    source = random.Random(5)
    kinds = (0, 1, 2, 3, 4, 5, 8, 8, 5, 254, 19, 29)
    for i in range(600):
        soup = b""
        while len(soup) < 40:
            kind = source.choice(kinds)
            soup += bytes([kind, source.choice((0, 1, 2, 3, 4, 6, 10, 18, 34, 40, 255))]) + source.randbytes(
                source.randrange(12)
            )
        head = struct.pack("!HHIIBBHHH", 1000 + i, 80, i, 0, 0xF0, 2, 65535, 0, 0)
        s.input(segment(head + soup[:40]))
        for frame in s.frames():
            assert len(frame) <= 1514
    peace(s)


def test_options_of_a_peer_that_wants_the_impossible(s: Stack) -> None:
    """An MSS of 1, a window shifted by 255, SACK blocks the wrong way round."""
    sock = listening(s)
    peer = Peer(s)
    peer.connect(options=b"\2\4\0\1\3\3\xff\1\4\2\1\1")
    client = accepted(s, sock)
    act(s, lambda sys: client.send(bytes(1000)))
    for _ in range(50):
        blocks = struct.pack("!BBBBIIII", 1, 1, 5, 18, MASK, 0, peer.iss, peer.iss - 5)
        peer.put("A", options=blocks, window=1)
        assert all(0 < len(x.data) <= 88 or x.flags == "A" for x in peer.take())
        s.later(0.1)
    act(s, lambda sys: client.close())
    s.later(10_000)
    assert rows(s) == []


# Streams


def pattern(n: int) -> bytes:
    return random.Random(3).randbytes(n)


@pytest.mark.parametrize("seed", range(5))
def test_overlapping_segments_in_any_order_make_one_stream(s: Stack, seed: int) -> None:
    source = random.Random(seed)
    sock, peer = connected(s)
    data, got = pattern(20_000), bytearray()

    def reader(_sys: Any) -> None:
        while part := sock.recv(1000):
            got.extend(part)

    s.kernel.tasks.create(reader, "reader", 50)
    s.later(0)
    done = 0
    for _ in range(100_000):
        if done == len(data):
            break
        at = max(0, done + source.randrange(-2000, 3000))
        piece = data[at : at + source.randrange(1, 1400)]
        for x in peer.answers("A", piece, seq=1 + at) if piece else []:
            done = max(done, x.ack - 1)
    peer.put("FA", seq=1 + len(data))
    s.later(0.1)
    assert bytes(got) == data


def test_a_lie_about_bytes_that_were_received_changes_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    peer.write(b"truth")
    peer.put("PA", b"lies!", seq=1)
    peer.put("PA", b"lies! and more", seq=1)
    assert s.run(lambda sys: sock.recv(100)) == b"truth and more"


@pytest.mark.parametrize("before", [1, 100, 1460, 3000])
def test_both_streams_cross_the_end_of_the_sequence_numbers(s: Stack, before: int) -> None:
    first = Peer(s)
    sock = listening(s)
    begun = s.clock.now_ns
    first.connect()
    first.put("R")
    assert rows(s) == []
    s.later((2**32 - before - first.iss) * 4e-6 - (s.clock.now_ns - begun) / 1e9)  # its clock ticks every 4 us
    peer = Peer(s, isn=2**32 - before)
    peer.connect()
    assert (2**32 - peer.iss) % 2**32 <= before + 1000
    client = accepted(s, sock)
    data = pattern(6000)
    act(s, lambda sys: client.sendall(data))
    assert peer.read() == data
    for i in range(0, 6000, 600):
        peer.write(data[i : i + 600])
        assert s.run(lambda sys: client.recv(600)) == data[i : i + 600]
    act(s, lambda sys: client.close())
    assert peer.take()[-1].flags == "FA"


# Floods


def test_a_thousand_half_open_connections() -> None:
    with Stack(**TCP, NET_TCP_ALLOC_CONNS=1, NET_TCP_MAX_CONNS=1100) as s:
        echo(s)
        for i in range(1000):
            Peer(s, sport=10_000 + i, dport=80).answers("S", seq=0)
        assert len(rows(s)) == 1000 and s.leaks() == 0
        assert served(s, 50_000)
        s.later(300)
        s.frames()
        assert rows(s) == [] and s.leaks() == 0


def test_a_flood_of_calls_from_everywhere_keeps_nobody_out(s: Stack) -> None:
    echo(s)
    source = random.Random(9)
    old = Peer(s, sport=900, dport=80)
    old.connect()
    for round_ in range(20):
        for _ in range(50):
            src = f"10.0.1.{source.randrange(3, 250)}"
            Peer(s, sport=source.randrange(1024, 65536), dport=80, src=src).feed("S", seq=0)
        s.frames()
        assert served(s, 2000 + round_)
        old.put("PA", b"x")
        old.seq += 1
        s.later(0.001)
        assert b"".join(x.data for x in old.take()) == b"x"
        old.ack += 1
        old.put("A")
    old.put("FA")
    old.seq += 1
    peace(s)


def test_a_flood_of_fins_acks_and_resets_for_nobody_is_answered_and_forgotten(s: Stack) -> None:
    echo(s)
    for i in range(1000):
        for flags in ("A", "FA", "SA", "R", ""):
            Peer(s, sport=1024 + i, dport=1 + i).feed(flags)
        s.frames()
    assert rows(s) == [] and served(s, 50_000)
    peace(s)


def test_resets_that_are_guessed_break_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    source = random.Random(2)
    answers = 0
    for _ in range(2000):
        guess = source.getrandbits(32) or 1
        answers += len(peer.answers("R", seq=1 + guess))
    for away in (-1, 1, 100, -100):
        peer.put("R", seq=1 + away)
    assert states(s) == ["ESTABLISHED"] and answers < 30
    peer.put("R")
    assert s.run(lambda sys: error_of(sock.recv, 1)) == errno.ECONNRESET


def test_syns_into_a_connection_break_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    answers = sum(len(peer.answers("S", seq=away)) for away in range(-500, 500))
    assert 1 <= answers < 30
    peer.write(b"still")
    assert s.run(lambda sys: sock.recv(9)) == b"still"


def test_icmp_errors_about_what_is_not_in_flight_break_nothing(s: Stack) -> None:
    sock, peer = connected(s)
    source = random.Random(4)
    for _ in range(500):
        seq = (peer.iss + source.choice((0, 1, 2, -1, source.getrandbits(32)))) & MASK
        quote = ip(struct.pack("!HHI", peer.dport, peer.sport, seq), 6, src=BOARD_IP, dst=HOST_IP)
        rest = struct.pack("!HH", 0, source.choice((0, 1, 68, 576)))
        s.input(ether(icmp(3, source.randrange(16), rest=rest, data=quote)))
    act(s, lambda sys: sock.send(bytes(1400)))
    assert [len(x.data) for x in peer.take()] == [1400]


# Peers that do nothing


def test_slow_lorises_hold_a_buffer_for_each_byte_they_ignore_and_keep_nobody_out() -> None:
    with Stack(**TCP, NET_TCP_ALLOC_CONNS=1, NET_TCP_MAX_CONNS=200, depth=1000) as s:
        echo(s)
        lorises = [Peer(s, sport=3000 + i, dport=80) for i in range(100)]
        for peer in lorises:
            peer.connect()
        for round_ in range(5):
            for peer in lorises:
                peer.put("PA", b"x")
                peer.seq += 1
                s.frames()
            s.later(10)
            s.frames()
            assert served(s, 40_000 + peer.seq)
            s.frames()
            assert s.leaks() <= (round_ + 1) * len(lorises)
        s.later(2000)
        s.frames()
        assert s.leaks() == 0 and served(s, 50_000)


def test_readers_that_never_read_hold_no_more_than_their_share() -> None:
    with Stack(**TCP, NET_SEND_BUFSIZE=2000, NET_TCP_ALLOC_CONNS=1) as s:
        echo(s)
        for i in range(20):
            peer = Peer(s, sport=3000 + i, dport=80)
            peer.connect()
            peer.window = 0
            for at in range(0, 4000, 500):
                peer.put("PA", bytes(500), seq=1 + at)
            s.later(0.01)
            s.frames()
            assert served(s, 40_000 + i)
        s.later(2000)
        s.frames()
        assert s.leaks() == 0 and rows(s) == []


def test_a_peer_that_vanishes_is_given_up(s: Stack) -> None:
    sock, _ = connected(s)
    results = s.start(lambda sys: error_of(sock.recv, 1))
    act(s, lambda sys: sock.send(b"hello?"))
    s.later(1000)
    s.frames()
    assert results == [errno.ETIMEDOUT] and s.leaks() == 0


def test_a_peer_that_vanishes_in_silence_is_found_out_by_keepalive() -> None:
    with Stack(**TCP, NET_TCP_KEEPALIVE=True) as s:
        sock, _ = connected(s)
        s.run(lambda sys: sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1))
        results = s.start(lambda sys: error_of(sock.recv, 1))
        s.later(3 * 3600)
        s.frames()
        assert results == [errno.ETIMEDOUT] and s.leaks() == 0


def test_a_sender_with_a_timeout_is_not_held_by_a_closed_window() -> None:
    with Stack(**TCP, NET_SEND_BUFSIZE=1000) as s:
        sock, peer = connected(s)
        peer.window = 0
        peer.put("A")
        s.run(lambda sys: sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 5.0))
        results = s.start(lambda sys: (sock.send(bytes(1000)), error_of(sock.send, b"x")))
        for _ in range(60):
            s.later(0.1)
            if peer.take():
                peer.put("A")
        assert results == [(1000, errno.EAGAIN)]
