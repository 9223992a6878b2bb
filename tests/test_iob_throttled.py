"""NUTLOOP_IOB_THROTTLED: who leaves the reserve of CONFIG_IOB_THROTTLE buffers alone, and what comes of it.

NuttX throttles senders. Its Kconfig promises the opposite, and that, and both at once, have been tried there.
"""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import Packet, Stack, bound, error_of, ether, hog, udp
from tcp_peer import act, connected
from tcp_pool import SMALL, mute, release

from kernel.sockbase import MSG_DONTWAIT

WHO = ["send", "receive", "both"]


def board(who: str, **options: Any) -> Stack:
    """12 buffers of 196 bytes, 4 of them in reserve."""
    return Stack(**SMALL, IOB_THROTTLED=who, **options)


def test_senders_are_throttled_unless_told_otherwise() -> None:
    with Stack() as s:
        assert s.kernel.options["IOB_THROTTLED"] == "send"


@pytest.mark.parametrize("who,count", [("send", 8), ("receive", 12), ("both", 8)])
def test_a_stream_being_sent_takes_the_reserve_only_if_senders_are_not_throttled(who: str, count: int) -> None:
    with board(who) as s:
        sock, _ = mute(s)
        assert s.run(lambda sys: sock.send(bytes(5000), MSG_DONTWAIT)) == count * 196
        assert s.kernel.iobs.navail() == 12 - count


@pytest.mark.parametrize("who,count", [("send", 12), ("receive", 8), ("both", 8)])
def test_a_flood_being_received_takes_the_reserve_only_if_receivers_are_not_throttled(who: str, count: int) -> None:
    with board(who, NET_RECV_PACK=False) as s:
        s.keep(lambda sys: bound(sys, 9))
        for _ in range(20):
            s.input(ether(udp(b"x", dport=9)))
        assert s.kernel.iobs.navail() == 12 - count
        assert s.device.stats.rx_noiob == 20 - count


@pytest.mark.parametrize("who", WHO)
def test_a_frame_of_several_buffers_keeps_to_the_rule_in_the_middle(who: str) -> None:
    with board(who) as s:
        s.keep(lambda sys: bound(sys, 9))
        held = hog(s, 6)
        s.input(ether(udp(bytes(700), dport=9)))  # 4 buffers
        assert s.kernel.iobs.navail() == (2 if who == "send" else 6)
        release(s, held)


@pytest.mark.parametrize("who,stuck", [("send", True), ("receive", False), ("both", True)])
def test_a_program_that_reads_and_answers_in_one_task_is_stuck_behind_its_own_read_ahead(who: str, stuck: bool) -> None:
    with board(who, NET_RECV_PACK=False) as s:
        sock = s.keep(lambda sys: bound(sys, 9))
        for _ in range(20):
            s.input(ether(udp(b"question", dport=9)))
        results = s.start(lambda sys: sock.sendto(b"answer", ("10.0.1.1", 1000)))
        s.later(3600)
        assert results == ([] if stuck else [6])
        assert [Packet(frame).data for frame in s.frames()] == ([] if stuck else [b"answer"])


@pytest.mark.parametrize("who,stuck", [("send", False), ("receive", True), ("both", True)])
def test_a_stream_that_leaves_nothing_for_its_acknowledgements_never_ends(who: str, stuck: bool) -> None:
    with board(who, IOB_NCHAINS=16) as s:
        sock, peer = connected(s)
        results = act(s, lambda sys: sock.sendall(bytes(5000)))
        heard = 0
        for _ in range(60):
            segments = peer.take()
            for x in segments:
                heard = max(heard, x.seq - 1 + len(x.data))
            peer.put("A", ack=1 + heard)
            s.later(0.1)
        assert (results == [None]) != stuck and (heard == 5000) != stuck
        assert (s.device.stats.rx_noiob > 0) == stuck


def test_receivers_that_are_throttled_offer_no_window_from_the_reserve() -> None:
    for who, offered in (("send", 4 * 196), ("receive", 0)):
        with board(who) as s:
            _, peer = connected(s)
            held = hog(s, 5)
            peer.feed("A", b"", seq=peer.seq - 1)  # asks; the answer is in the fifth
            (ack,) = peer.take()
            assert ack.window == offered
            release(s, held)


@pytest.mark.parametrize("who", WHO)
def test_a_nonblocking_datagram_may_begin_with_the_reserve_whoever_is_throttled(who: str) -> None:
    with board(who) as s:
        sock = s.keep(lambda sys: sys.socket())
        hog(s, 1)
        assert s.run(lambda sys: sock.sendto(b"x", MSG_DONTWAIT, ("10.0.1.1", 9))) == 1
        s.frames()
        hog(s, 0)
        assert s.run(lambda sys: error_of(sock.sendto, b"x", MSG_DONTWAIT, ("10.0.1.1", 9))) == errno.EAGAIN
