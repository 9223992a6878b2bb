"""What once stopped a TCP connection whose peer was well, or let a peer that is not hold what it should not."""

from __future__ import annotations

import errno
import itertools
import struct
from typing import Any

import pytest
from stack import BOARD_IP, Stack, error_of
from tcp_peer import TCP, Peer, act, connected, listener, listening, rows, states

from kernel.core import lib
from kernel.sockbase import AF_INET, SOCK_STREAM

HOLES: dict[str, Any] = {**TCP, "NET_TCP_OUT_OF_ORDER": True, "NET_TCP_SELECTIVE_ACK": True}
STAMPS: dict[str, Any] = {**TCP, "TCP_TIMESTAMPS": True}
HOUR, DAY = 3600, 86400


def stamp(value: int, echo: int = 0) -> bytes:
    """A timestamp option."""
    return b"\1\1\x08\x0a" + struct.pack("!II", value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def hog(s: Stack, throttled: bool) -> list[int]:
    """Takes every buffer there is; their numbers."""
    taken: list[int] = []
    while (iob := int(lib.iobn_tryalloc(s.board, throttled, 1 << 24))) >= 0:
        taken.append(iob)
    return taken


def give_back(s: Stack, taken: list[int]) -> None:
    for iob in taken:
        lib.iobn_free(s.board, iob)


# Acknowledgements that have to be heard


def test_old_acks_are_not_answered_without_end() -> None:
    with Stack(**TCP) as s:
        _, peer = connected(s)
        peer.write(bytes(100))
        answers = [len(peer.answers("A", seq=1)) for _ in range(100)]
        assert answers[0] == 1 and 1 < sum(answers) < 20
        s.later(1)
        assert len(peer.answers("A", seq=1)) == 1


def test_each_connection_has_its_own_ration_of_such_answers() -> None:
    with Stack(**TCP) as s:
        _, first = connected(s)
        for _ in range(100):
            first.answers("SA")
        second = Peer(s, sport=2000)
        second.connect()
        assert len(second.answers("SA")) == 1


def test_a_socket_that_calls_itself_gets_its_own_bytes() -> None:
    def program(sys: Any) -> bytes:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.bind(("", 4100))
        sock.connect((BOARD_IP, 4100))
        sock.sendall(bytes(range(256)) * 40)
        data = b""
        while len(data) < 10240:
            data += sock.recv(4096)
        sock.close()
        return data

    with Stack(**TCP) as s:
        assert s.run(program) == bytes(range(256)) * 40
        s.later(300)
        assert rows(s) == [] and s.leaks() == 0


def test_an_ack_from_the_end_of_the_window_is_heard() -> None:
    with Stack(**TCP, NET_RECV_BUFSIZE=1000) as s:
        sock, peer = connected(s)
        act(s, lambda sys: sock.send(bytes(500)))
        (segment,) = peer.take()
        peer.put("A", seq=1 + segment.window, ack=501)
        assert segment.window == 1000 and rows(s)[0].txsize == 0


def test_a_fin_at_a_closed_window_is_taken() -> None:
    with Stack(**TCP, NET_RECV_BUFSIZE=1000) as s:
        _, peer = connected(s)
        assert peer.write(bytes(1000))[-1].window == 0
        assert peer.answer("FA").ack == 1002 and states(s) == ["CLOSE_WAIT"]


def test_an_ack_in_a_segment_of_which_nothing_is_new_is_heard() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        peer.write(bytes(100))
        act(s, lambda sys: sock.send(bytes(500)))
        peer.take()
        assert peer.answer("A", bytes(100), seq=1, ack=501).ack == 101
        assert rows(s)[0].txsize == 0


def test_an_ack_that_is_far_too_old_is_not_heard() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        act(s, lambda sys: sock.send(bytes(500)))
        peer.put("A", seq=-100_000, ack=501)
        assert rows(s)[0].txsize == 500


def test_an_ack_has_the_highest_number_also_while_sending_starts_over() -> None:
    with Stack(**TCP, NET_TCP_CC_NEWRENO=True) as s:
        sock, peer = connected(s)
        act(s, lambda sys: sock.send(bytes(2920)))
        assert len(peer.take()) == 2
        s.later(0.6)
        assert [x.seq for x in peer.take()] == [1]  # its congestion window is one segment now
        assert peer.answer("A", b"x").seq == 2921


# Sizes and buffers


@pytest.mark.ipv4
@pytest.mark.parametrize("more", [{}, {"TCP_TIMESTAMPS": True}])
def test_data_with_sack_blocks_fits_the_mtu(more: dict[str, Any]) -> None:
    with Stack(**HOLES, **more) as s:
        sock = listening(s)
        peer = Peer(s)
        stamps = stamp(1) if more else b""
        peer.connect(options=b"\2\4\5\xb4\4\2\1\1" + stamps)
        client = s.keep(lambda sys: sock.accept()[0])
        for i in range(4):
            peer.put("A", b"x" * 10, seq=100 + 50 * i, options=stamps)
        s.frames()
        act(s, lambda sys: client.send(bytes(5000)))
        sizes = [len(frame) for frame in s.frames()]
        assert max(sizes) == 1514 and len(sizes) >= 3


def test_data_out_of_order_takes_nothing_of_what_the_throttle_reserves() -> None:
    with Stack(**HOLES, IOB_NBUFFERS=36, IOB_THROTTLE=8) as s:
        _, peer = connected(s)
        taken = hog(s, throttled=True)
        for i in range(4):
            assert peer.answers("A", bytes(300), seq=1000 + 1000 * i)
            assert s.kernel.iobs.getstats().nfree == 8
        give_back(s, taken)
        assert peer.answers("A", bytes(300), seq=1000)
        assert s.kernel.iobs.getstats().nfree == 34


def test_what_was_sent_behind_a_fin_is_forgotten_when_the_fin_has_its_turn() -> None:
    with Stack(**HOLES) as s:
        _, peer = connected(s)
        peer.answers("A", b"beyond", seq=11)
        assert peer.answers("FA", bytes(9), seq=1)[-1].ack == 11
        assert states(s) == ["CLOSE_WAIT"] and rows(s)[0].rxsize == 9
        assert s.free - s.kernel.iobs.getstats().nfree == 1


def test_an_ack_that_found_no_buffer_goes_out_later() -> None:
    with Stack(**TCP) as s:
        _, peer = connected(s)
        peer.feed("A", b"data")
        taken = hog(s, throttled=False)
        s.kernel.net.txavail()
        s.later(0.01)
        assert peer.take() == []
        give_back(s, taken)
        s.later(0.3)
        assert [x.ack for x in peer.take()] == [5]


# Closed windows


def test_a_window_that_closes_behind_what_is_in_flight_is_asked_about() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        act(s, lambda sys: sock.send(bytes(2920)))
        assert len(peer.take()) == 2
        peer.ack, peer.window = 1461, 0
        peer.put("A")
        for _ in range(600):
            s.later(1)
            if peer.take():
                peer.put("A")
        assert states(s) == ["ESTABLISHED"] and rows(s)[0].txsize == 1460
        peer.window = 65535
        assert [len(x.data) for x in peer.answers("A")] == [1460]


def test_a_window_that_stays_closed_is_asked_about_ever_more_seldom() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        peer.window = 0
        peer.put("A")
        act(s, lambda sys: sock.send(b"data"))
        times = []
        for _ in range(10000):
            s.later(0.1)
            for probe in peer.take():
                times.append(probe.time)
                peer.put("A")
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert 100 < gaps[-1] < 130 and all(b > 0.9 * a for a, b in itertools.pairwise(gaps)) and len(gaps) < 20
        assert states(s) == ["ESTABLISHED"]


def test_a_peer_that_never_opens_its_window_does_not_hold_what_a_closed_socket_left() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        peer.window = 0
        peer.put("A")
        act(s, lambda sys: (sock.send(bytes(5000)), sock.close()))
        for _ in range(1000):
            s.later(1)
            if peer.take():
                peer.put("A")
        assert s.frames() and rows(s) == [] and s.leaks() == 0


def test_a_fin_that_found_no_buffer_to_be_repeated_in_is_repeated_later() -> None:
    with Stack(**TCP) as s:
        sock, peer = connected(s)
        peer.window = 0
        peer.put("A")
        act(s, lambda sys: sock.close())
        assert [x.flags for x in peer.take()] == ["FA"]
        taken = hog(s, throttled=False)
        s.later(10)
        assert peer.take() == []
        give_back(s, taken)
        s.later(10)
        assert {x.flags for x in peer.take()} == {"FA"}
        s.later(2000)
        assert s.frames() and rows(s) == []


# Timestamps


def stamped(s: Stack) -> Peer:
    """A connection with timestamps, whose peer's clock stands at 1000."""
    listening(s)
    peer = Peer(s)
    syn = peer.answer("S", seq=0, options=b"\2\4\5\xb4" + stamp(1000))
    assert 8 in syn.options
    peer.seq = peer.ack = 1
    peer.put("A", options=stamp(1000))
    assert states(s) == ["ESTABLISHED"]
    return peer


@pytest.mark.parametrize("ago", [HOUR * 1000 * 2, 1 << 31, -5])
def test_a_timestamp_that_was_never_ours_does_not_stop_retransmission(ago: int) -> None:
    with Stack(**STAMPS) as s:
        sock = listening(s)
        peer = Peer(s)
        syn = peer.answer("S", seq=0, options=b"\2\4\5\xb4" + stamp(1000))
        clock = struct.unpack("!I", syn.options[8][:4])[0]
        peer.seq = peer.ack = 1
        peer.put("A", options=stamp(1000, clock))
        client = s.keep(lambda sys: sock.accept()[0])
        act(s, lambda sys: client.send(b"one"))
        peer.take()
        peer.ack = 4
        peer.put("A", options=stamp(1001, clock - ago))
        act(s, lambda sys: client.send(b"two"))
        assert len(peer.take()) == 1
        s.later(5)
        assert peer.take()


def test_an_unacceptable_segment_does_not_set_the_clock_by_which_others_are_old() -> None:
    with Stack(**STAMPS) as s:
        peer = stamped(s)
        peer.put("A", b"x", seq=-100_000, options=stamp(1 << 30))
        peer.put("A", b"x", seq=1 << 30, options=stamp(1 << 30))
        peer.put("A", b"data", options=stamp(1001))
        assert rows(s)[0].rxsize == 4


def test_an_old_timestamp_is_an_old_segment() -> None:
    with Stack(**STAMPS) as s:
        peer = stamped(s)
        assert peer.answer("A", b"data", options=stamp(999)).ack == 1
        assert rows(s)[0].rxsize == 0


def test_after_25_idle_days_any_timestamp_will_do() -> None:
    with Stack(**STAMPS) as s:
        peer = stamped(s)
        s.later(25 * DAY)
        peer.put("A", b"data", options=stamp(1000 + 25 * DAY * 1000))
        assert rows(s)[0].rxsize == 4


# Errors that have to come through


def test_a_listener_goes_on_after_a_call_that_found_no_buffers() -> None:
    with Stack(**TCP) as s:
        listening(s)
        taken = hog(s, throttled=False)
        Peer(s).put("S", seq=0)
        give_back(s, taken)
        assert states(s) == []
        Peer(s).connect()


def test_two_listeners_on_a_port_are_refused_also_after_a_flood() -> None:
    with Stack(**TCP) as s:
        listening(s)
        for i in range(50):
            Peer(s, sport=2000 + i).put("S", seq=0)
        assert s.run(lambda sys: error_of(listener, sys)) == errno.EADDRINUSE
