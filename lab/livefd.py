"""Descriptors of the host as inputs of a live bench."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from board.uart import Uart
from kernel.clock import Clock, Event
from kernel.core import check, lib
from kernel.errors import BenchError

READ_SIZE = 4096


def require_live(clock: Clock, what: str) -> None:
    """Raises BenchError if the bench runs in lockstep: nobody looks at descriptors there, and time stands still."""
    if clock.closed:
        raise BenchError(f"{what}: the bench is closed")
    if not clock.live:
        raise BenchError(
            f"{what} needs a live bench, and this one runs in lockstep, where time stands still between two calls: "
            "make it with live=True, or use the in-process console, b.console.open()"
        )


class LiveInput:
    """A descriptor that the bench listens to, and that can be held back while there is no room for what it brings.

    ``readable`` and ``writable`` are called when it is; they must not wait. The descriptor stays its owner's. Between
    it and the bench stands an epoll object, in which it can come and go while the bench's own set stays as it is. What
    epoll does not take, files and /dev/null, is always readable.
    """

    def __init__(
        self,
        clock: Clock,
        fd: int,
        readable: Callable[[], None],
        writable: Callable[[], None] | None = None,
        *,
        name: str = "input",
    ) -> None:
        require_live(clock, name)
        self._clock = clock
        self._fd = fd
        self._readable = readable
        self._writable = writable
        self._wanted = 0  # epoll's events
        self._file: Event | None = None
        self.closed = False
        self._index, self._epoll = self._place(clock, name)
        try:
            self._epoll.register(fd, 0)
            self._epoll.unregister(fd)
        except PermissionError:
            self._file = Event(clock, self._read_file)
        except OSError as error:
            clock.inputs.spare.append((self._index, self._epoll))
            raise BenchError(f"{name}: descriptor {fd} cannot be read: {error}") from error
        clock.inputs.calls[self._index] = self._look
        self.listen()

    @staticmethod
    def _place(clock: Clock, name: str) -> tuple[int, select.epoll]:
        """A place in the bench's poll set, which are few: one that was given back, if there is one."""
        if clock.inputs.spare:
            return clock.inputs.spare.pop()
        epoll = select.epoll()
        try:
            return check(lib.live_add_fd(clock.bench, epoll.fileno()), name), epoll
        except OSError as error:
            epoll.close()
            raise BenchError(f"{name}: this bench has as many inputs as it can listen to") from error

    def listen(self) -> None:
        """Input is welcome (again)."""
        self._want(self._wanted | select.EPOLLIN)

    def hold(self) -> None:
        """No input for now; it waits where it is."""
        self._want(self._wanted & ~select.EPOLLIN)

    def want_room(self, wanted: bool) -> None:
        """Whether ``writable`` is to be called when the descriptor takes output."""
        self._want(self._wanted | select.EPOLLOUT if wanted else self._wanted & ~select.EPOLLOUT)

    def close(self) -> None:
        """Is no input any more. Idempotent."""
        if self.closed:
            return
        self.hold()
        self.want_room(False)
        self.closed = True
        if self._file is not None and not self._clock.closed:
            self._file.free()
        self._clock.inputs.calls.pop(self._index, None)
        if self._clock.closed:
            self._epoll.close()
        else:
            self._clock.inputs.spare.append((self._index, self._epoll))

    def _want(self, events: int) -> None:
        """An unwanted descriptor has to leave the set: a hang-up is reported even to those who asked for nothing."""
        before, self._wanted = self._wanted, events
        if self.closed or events == before:
            return
        if self._file is not None:
            if events and not self._clock.closed:
                self._file.at(self._clock.now_ns)
        elif not events:
            self._epoll.unregister(self._fd)
        elif not before:
            self._epoll.register(self._fd, events)
        else:
            self._epoll.modify(self._fd, events)

    def _look(self) -> None:
        for _, events in self._epoll.poll(0):
            if events & select.EPOLLOUT and self._writable is not None:
                self._writable()
            if events & ~select.EPOLLOUT and self._wanted & select.EPOLLIN:
                self._readable()

    def _read_file(self) -> None:
        if self._wanted & select.EPOLLIN and self._file is not None:
            self._readable()
            if self._wanted & select.EPOLLIN and not self.closed:
                self._file.at(self._clock.now_ns)


class LiveSet:
    """Descriptors that come and go, behind one of the bench's, of which there are few: a server's clients.

    They stay their owners'. The calls must not wait.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        self._watched: dict[int, tuple[int, Callable[[int], None]]] = {}
        self._epoll = select.epoll()
        try:
            self._input = LiveInput(clock, self._epoll.fileno(), self._look, name=name)
        except BenchError:
            self._epoll.close()
            raise

    def watch(self, fd: int, call: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        """Calls ``call(events)`` when one of epoll's ``events``, or a hang-up, has come on ``fd``; 0: not even that.

        Done again with the same descriptor it changes what is waited for.
        """
        before, _ = self._watched.get(fd, (0, call))
        self._watched[fd] = (events, call)
        if events == before:
            return
        if not before:
            self._epoll.register(fd, events)
        elif not events:
            self._epoll.unregister(fd)
        else:
            self._epoll.modify(fd, events)

    def drop(self, fd: int) -> None:
        """Forgets it. Has to be called before it is closed."""
        events, _ = self._watched.pop(fd)
        if events:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Listens to nothing any more. Idempotent."""
        self._input.close()
        self._epoll.close()

    def _look(self) -> None:
        for fd, events in self._epoll.poll(0):
            wanted, call = self._watched.get(fd, (0, None))  # an earlier call may have had it dropped
            if wanted and call is not None:
                call(events)


class Feeder:
    """Hands what a descriptor brings to a UART, as fast as the board takes it.

    ``ahead``: bytes that may be on their way before the descriptor is held back. ``translate`` gets what was read and
    returns what to send. ``at_end`` is called once, when the descriptor brings no more.
    """

    def __init__(
        self,
        uart: Uart,
        fd: int,
        at_end: Callable[[], None],
        *,
        translate: Callable[[bytes], bytes] | None = None,
        writable: Callable[[], None] | None = None,
        ahead: int = 1,
        name: str = "input",
    ) -> None:
        self._uart = uart
        self._fd = fd
        self._at_end = at_end
        self._translate = translate
        self._ahead = ahead
        self.input = LiveInput(uart.clock, fd, self._readable, writable, name=name)
        uart.on_drained.append(self._drained)

    def close(self) -> None:
        """Ends it. Idempotent."""
        if not self.input.closed:
            self.input.close()
            self._uart.on_drained.remove(self._drained)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal behind it is gone
            data = b""
        if not data:
            self.close()
            self._at_end()
            return
        self._uart.send(self._translate(data) if self._translate else data)
        if self._uart.out_waiting >= self._ahead:
            self.input.hold()

    def _drained(self) -> None:
        self.input.listen()
