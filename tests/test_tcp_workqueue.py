"""TCP's timers are work items on the low-priority queue: what blocks that queue stops retransmission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stack import Stack
from tcp_peer import TCP, act, connected, states

from kernel.wqueue import LPWORK, Work


@pytest.fixture
def s() -> Iterator[Stack]:
    with Stack(**TCP) as stack:
        yield stack


def block(s: Stack) -> Any:
    """A job on LPWORK that waits; the semaphore that lets it go."""
    sem = s.kernel.facade(None).semaphore()  # type: ignore[arg-type]
    s.kernel.work_queue(LPWORK, Work(s.kernel, "hog"), lambda _: sem.wait())
    s.later(0.1)
    return sem


def test_a_pending_timer_is_a_named_item_of_the_queue(s: Stack) -> None:
    sock, _peer = connected(s)
    act(s, lambda sys: sock.send(b"hello"))
    assert s.kernel.queues[LPWORK].info()["queued"] == [f"tcp timer {sock.conn}"]


def test_a_blocked_queue_stops_retransmission_until_it_goes_on(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.send(b"hello"))
    assert [x.data for x in peer.take()] == [b"hello"]
    sem = block(s)
    s.later(60)
    assert peer.take() == []
    sem.post()
    s.later(0.1)
    assert [x.data for x in peer.take()] == [b"hello"]
    assert s.kernel.net.stats.tcp_rexmit == 1


def test_a_blocked_queue_keeps_the_owner_of_a_dead_connection_waiting(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.send(b"hello"))
    block(s)
    waiting = act(s, lambda sys: sock.recv(10))
    s.later(3600)
    assert waiting == [] and states(s) == ["ESTABLISHED"] and len(peer.take()) == 1


def test_the_item_goes_with_its_connection(s: Stack) -> None:
    sock, peer = connected(s)
    act(s, lambda sys: sock.send(b"hello"))
    peer.put("R")
    assert s.kernel.queues[LPWORK].info()["queued"] == []
