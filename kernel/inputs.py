"""What a live bench hears from outside: descriptors of the host, and calls from other threads."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Any

from kernel.core import check, lib
from kernel.errors import BenchError


class Inputs:
    """Who is called for which place in the core's poll set.

    ``calls``: by the number of the place. ``spare``: places that nobody uses at the moment.
    """

    def __init__(self) -> None:
        self.calls: dict[int, Callable[[], None]] = {}
        self.spare: list[tuple[int, select.epoll]] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._inbox: int | None = None

    def open(self, bench: Any) -> None:
        """The first place is the inbox's, for other threads."""
        self._inbox = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.calls[check(lib.live_add_fd(bench, self._inbox), "inbox")] = self._take_posted

    def take(self, ready: int) -> None:
        """Calls for the places that are ready, a bit each. Raises what one of the calls raises."""
        while ready:
            index = (ready & -ready).bit_length() - 1
            ready &= ready - 1
            if index in self.calls:  # an earlier one may have closed it
                self.calls[index]()

    def post(self, call: Callable[[], None]) -> None:
        """From any thread: the bench's makes this call."""
        if self._inbox is None:
            raise BenchError(
                "a lockstep bench has no inbox: in it nothing happens while its thread is elsewhere; use live=True"
            )
        self._posted.append(call)
        os.eventfd_write(self._inbox, 1)

    def close(self) -> None:
        """Nothing is heard any more; what was posted is lost."""
        for _, epoll in self.spare:
            epoll.close()
        if self._inbox is not None:
            os.close(self._inbox)
            self._inbox = None

    def _take_posted(self) -> None:
        if self._inbox is not None:
            os.eventfd_read(self._inbox)
        while self._posted:
            self._posted.popleft()()
