"""Two stacks joined by a wire that hypothesis works: whatever happens to frames, buffers and time, streams are true."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stack import BOARD_IP, BOARD_MAC, HOST_IP, Stack
from tcp_peer import TCP, act, listening, rows

from kernel.core import lib
from kernel.inet import pack_ipv4
from kernel.sockbase import AF_INET, SHUT_WR, SOCK_STREAM

HOLES = {"NET_TCP_OUT_OF_ORDER": True, "NET_TCP_SELECTIVE_ACK": True}
OPTIONS: list[dict[str, Any]] = [
    TCP,
    {**TCP, "NET_TCP_DELAYED_ACK": True, "NET_RECV_BUFSIZE": 4000, "NET_SEND_BUFSIZE": 3000},
    {**TCP, **HOLES},
    {**TCP, **HOLES, "TCP_TIMESTAMPS": True, "NET_TCP_CC_NEWRENO": True},
    {**TCP, "IOB_NBUFFERS": 36, "IOB_THROTTLE": 8},
    {**TCP, **HOLES, "IOB_NBUFFERS": 36, "IOB_THROTTLE": 8, "NET_TCP_WINDOW_SCALE": True},
]
CONTENT = random.Random(1).randbytes(1 << 20)
FAREWELL = 400  # rounds on a good wire, a second each, in which everything has to arrive

sides = st.integers(0, 1)


class End:
    """One stack, its socket, and the frames on their way to it."""

    def __init__(self, options: dict[str, Any], name: str) -> None:
        self.stack = Stack(**options)
        self.name = name
        self.sock: Any = None
        self.sent, self.got = 0, bytearray()
        self.ended = self.shut = self.closed = False
        self.error: OSError | None = None
        self.coming: list[bytes] = []
        self.hogged: list[int] = []

    def call(self, function: Any) -> Any:
        """A socket call in a task; None if it would have to wait, or failed: then the error is kept."""
        results = act(self.stack, function)
        if not results:
            return None
        if isinstance(results[0], BlockingIOError):
            return None
        if isinstance(results[0], OSError):
            self.error = self.error or results[0]
            return None
        return results[0]


def kept(s: Stack, make: Callable[[Any], Any]) -> list[Any]:
    """A task that makes something and lives on; the list has it once it is there."""
    made: list[Any] = []

    def body(sys: Any) -> None:
        made.append(make(sys))
        sys.semaphore().wait()

    s.kernel.tasks.create(body, "keeper", 50)
    s.later(0.001)
    return made


class Conversation(RuleBasedStateMachine):
    """What a program does at both ends, and what a wire does between them."""

    @initialize(options=st.sampled_from(OPTIONS))
    def connect(self, options: dict[str, Any]) -> None:
        self.ends = [End(options, "left"), End(options, "right")]
        left, right = self.ends
        right.stack.device.ipaddr = HOST_IP
        lib.neighbor_set(right.stack.board, right.stack.eth.index, pack_ipv4(BOARD_IP), BOARD_MAC, 6)
        listener = listening(left.stack)
        accepting = kept(left.stack, lambda sys: listener.accept()[0])
        connecting = kept(right.stack, self._dial)
        for _ in range(3):
            self._exchange()
        left.sock, right.sock = accepting[0], connecting[0]
        left.stack.run(lambda sys: listener.close())
        for end in self.ends:
            end.sock.setblocking(False)
            end.coming.clear()

    @staticmethod
    def _dial(sys: Any) -> Any:
        sock = sys.socket(AF_INET, SOCK_STREAM)
        sock.connect((BOARD_IP, 7))
        return sock

    def teardown(self) -> None:
        if hasattr(self, "ends"):
            try:
                self._farewell()
            finally:
                for end in self.ends:
                    end.stack.__exit__()

    # The wire

    def _collect(self) -> None:
        for i, end in enumerate(self.ends):
            self.ends[1 - i].coming += end.stack.frames()
            end.stack.kernel.net.txavail()
            end.stack.later(0)
            self.ends[1 - i].coming += end.stack.frames()

    def _exchange(self) -> None:
        """All that is on its way arrives, and what that brings about is on its way."""
        self._collect()
        for end in self.ends:
            frames, end.coming = end.coming, []
            end.stack.input(*frames)
        self._collect()

    def _pick(self, side: int, at: int) -> bytes | None:
        coming = self.ends[side].coming
        return coming.pop(at % len(coming)) if coming else None

    @rule(side=sides, at=st.integers(0, 3), twice=st.booleans())
    def arrive(self, side: int, at: int, twice: bool) -> None:
        frame = self._pick(side, at)
        if frame is not None:
            self.ends[side].stack.input(*[frame] * (1 + twice))
            self._collect()

    @rule(side=sides, at=st.integers(0, 3))
    def lose(self, side: int, at: int) -> None:
        self._pick(side, at)

    @rule(side=sides, at=st.integers(0, 3), bit=st.integers(14 * 8, 60 * 8))
    def corrupt(self, side: int, at: int, bit: int) -> None:
        frame = self._pick(side, at)
        if frame is not None and bit // 8 < len(frame):
            wrong = bytearray(frame)
            wrong[bit // 8] ^= 1 << bit % 8
            self.ends[side].stack.input(bytes(wrong))
            self._collect()

    @rule(side=sides, n=st.integers(1, 20))
    def burst(self, side: int, n: int) -> None:
        end = self.ends[side]
        frames, end.coming = end.coming[:n], end.coming[n:]
        end.stack.input(*frames)
        self._collect()

    @rule()
    def everything_arrives(self) -> None:
        self._exchange()

    @rule(seconds=st.sampled_from([0.02, 0.3, 1, 5]))
    def wait(self, seconds: float) -> None:
        for end in self.ends:
            end.stack.later(seconds)
        self._collect()

    # The programs

    @precondition(lambda self: not all(end.shut or end.closed for end in self.ends))
    @rule(side=sides, n=st.sampled_from([1, 10, 500, 1460, 5000, 20000]))
    def send(self, side: int, n: int) -> None:
        end = self.ends[side]
        if end.shut or end.closed or end.error or end.sent + n > len(CONTENT):
            return
        end.sent += end.call(lambda sys: end.sock.send(CONTENT[end.sent : end.sent + n])) or 0
        self._collect()

    @rule(side=sides, n=st.sampled_from([1, 100, 3000, 50000]))
    def receive(self, side: int, n: int) -> None:
        end = self.ends[side]
        if end.closed or end.ended or end.error:
            return
        data = end.call(lambda sys: end.sock.recv(n))
        if data is not None:
            end.got += data
            end.ended = data == b""
        self._collect()

    @rule(side=sides)
    def shutdown(self, side: int) -> None:
        end = self.ends[side]
        if not (end.shut or end.closed or end.error):
            end.shut = True
            end.call(lambda sys: end.sock.shutdown(SHUT_WR))
            self._collect()

    @precondition(lambda self: any(end.ended for end in self.ends))
    @rule(side=sides)
    def close(self, side: int) -> None:
        """Once it has read everything: to close earlier breaks the connection off, which is another test's matter."""
        end = self.ends[side]
        if end.ended and not end.closed:
            end.closed = True
            end.call(lambda sys: end.sock.close())
            self._collect()

    @rule(side=sides, leave=st.integers(0, 30), throttled=st.booleans())
    def hog(self, side: int, leave: int, throttled: bool) -> None:
        end = self.ends[side]
        while end.stack.kernel.iobs.getstats().nfree > leave:
            iob = int(lib.iobn_tryalloc(end.stack.board, throttled, 1 << 24))
            if iob < 0:
                break
            end.hogged.append(iob)

    @rule(side=sides)
    def release(self, side: int) -> None:
        end = self.ends[side]
        for iob in end.hogged:
            lib.iobn_free(end.stack.board, iob)
        end.hogged.clear()

    # What is true

    @invariant()
    def streams_are_true(self) -> None:
        for i, end in enumerate(getattr(self, "ends", [])):
            other = self.ends[1 - i]
            assert len(end.got) <= other.sent and CONTENT.startswith(end.got)
            assert end.stack.kernel.iobs.check() == ""
            if end.ended and not (end.error or other.error):
                assert len(end.got) == other.sent

    def _farewell(self) -> None:
        """The wire is good, buffers are back: all that was sent arrives, both ends close, nothing is left."""
        for side in (0, 1):
            self.release(side)
            self.shutdown(side)
        for _ in range(FAREWELL):
            for side in (0, 1):
                self.receive(side, 50000)
            self._exchange()
            if all(end.ended or end.error for end in self.ends):
                break
            self.wait(1)
        for i, end in enumerate(self.ends):
            other = self.ends[1 - i]
            assert end.error or other.error or (end.ended and len(end.got) == other.sent), f"{end.name} waits for ever"
            if not end.closed:
                end.closed = True
                end.call(lambda sys, end=end: end.sock.close())
        for _ in range(10):
            self._exchange()
            self.wait(1)
        self.wait(1000)
        for end in self.ends:
            end.stack.frames()
            assert rows(end.stack) == [] and end.stack.leaks() == 0, end.name
            assert end.stack.kernel.net_lock.mutex.holder == -1


@pytest.mark.soak
class TestLongConversation(Conversation.TestCase):
    """The same for minutes."""

    settings = settings(max_examples=1000, stateful_step_count=80, deadline=None)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
