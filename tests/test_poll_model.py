"""Whatever happens to sockets and pool, no poller sleeps beside a socket that is ready, and ready means no EAGAIN."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from stack import Stack, error_of, ether, opened, udp
from tcp_peer import TCP, Peer, act, connected, listening

from kernel.poll import POLLERR, POLLHUP, POLLIN, POLLOUT
from kernel.socket import MSG_DONTWAIT, MSG_PEEK

HOST = ("10.0.1.1", 1000)
POOL = {"IOB_NBUFFERS": 24, "IOB_THROTTLE": 6}
OPTIONS = POOL | {"NET_UDP_WRITE_BUFFERS": True, "NET_SEND_BUFSIZE": 1200, "NET_UDP_NPOLLWAITERS": 2}
OVER = POLLERR | POLLHUP


class World:
    """A board with a UDP socket, a listener, a connection with its peer, and tasks that poll for one event each."""

    def __init__(self, s: Stack) -> None:
        self.s = s
        self.udp = opened(s, 9)
        self.listener = listening(s, 80)
        self.tcp, self.peer = connected(s)
        self.held: list[int] = []
        self.callers = 2000
        self.watched = [(self.udp, POLLIN), (self.udp, POLLOUT), (self.listener, POLLIN)]
        self.watched += [(self.tcp, POLLIN), (self.tcp, POLLOUT)]
        self.pollers: list[list[Any]] = [[] for _ in self.watched]
        for i in range(len(self.watched)):
            self.poll(i)

    def poll(self, i: int) -> None:
        self.pollers[i] = act(self.s, lambda sys: sys.poll([self.watched[i]]))

    def do(self, call: Callable[[Any], Any]) -> None:
        assert len(act(self.s, call)) == 1

    def step(self, action: str, n: int) -> None:
        s = self.s
        if action == "datagram":
            s.input(ether(udp(bytes(n), dport=9)))
        elif action == "call":
            self.callers += 1
            peer = Peer(s, dport=80, sport=self.callers)
            peer.put("S", seq=0, options=b"\2\4\5\xb4")
            if any("S" in segment.flags for segment in peer.take()):
                peer.ack = peer.seq = 1
                peer.put("A")
        elif action == "accept":
            self.do(lambda _: self.listener.accept()[0].close() if self.ready(self.listener) else None)
        elif action == "segment":
            for segment in self.peer.write(bytes(n)):
                self.peer.ack = max(self.peer.ack, segment.seq + len(segment.data))
        elif action == "fin":
            self.peer.put("FA")
        elif action == "reset":
            self.peer.put("R")
        elif action == "ack":
            for segment in self.peer.take():
                self.peer.ack = max(self.peer.ack, segment.seq + len(segment.data) + ("F" in segment.flags))
            self.peer.put("A")
        elif action == "recv":
            for sock in (self.udp, self.tcp):
                self.do(lambda _, sock=sock: error_of(sock.recv, n, MSG_DONTWAIT))
        elif action == "send":
            self.do(lambda _: error_of(self.tcp.send, bytes(n), MSG_DONTWAIT))
            self.do(lambda _: error_of(self.udp.sendto, bytes(n), MSG_DONTWAIT, HOST))
        elif action == "take":
            self.held += [iob for _ in range(n % 24) if (iob := s.kernel.iobs.tryalloc()) is not None]
        elif action == "give":
            mine, self.held = self.held[: n % 24], self.held[n % 24 :]
            self.do(lambda sys: [sys.iob_free(iob) for iob in mine])
        s.later(0.001)

    def ready(self, sock: Any) -> int:
        return int(sock._ready())

    def check(self) -> None:
        for i, (sock, events) in enumerate(self.watched):
            now = self.ready(sock) & (events | OVER)
            if self.pollers[i]:
                self.poll(i)
            else:
                assert now == 0 or (now == POLLOUT and self.ready(sock) & OVER), (i, now)
        for sock, busy in ((self.udp, errno.EAGAIN), (self.tcp, errno.EAGAIN)):
            results = act(self.s, lambda _, sock=sock: error_of(sock.recv, 1, MSG_DONTWAIT | MSG_PEEK))
            assert (results[0] == busy) == (not self.ready(sock) & (POLLIN | OVER))


ACTIONS = ("datagram", "call", "accept", "segment", "fin", "reset", "ack", "recv", "send", "take", "give")


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 900)), max_size=25))
def test_no_poller_sleeps_beside_a_ready_socket(steps: list[tuple[str, int]]) -> None:
    with Stack(**TCP, **OPTIONS) as s:
        world = World(s)
        for action, n in steps:
            world.step(action, n)
            world.check()
