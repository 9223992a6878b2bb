"""The server's end of a telnet connection (RFC 854, 855, 856): data and commands taken apart, options agreed on.

A client may send anything whatever: what is kept of it is bounded, and what makes no sense is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT = 0, 1, 3, 44
SE, BREAK, SB, WILL, WONT, DO, DONT, IAC = 240, 243, 250, 251, 252, 253, 254, 255
LONGEST = 256  # bytes of a subnegotiation; none that we know has more than five

IAC_BYTE = bytes((IAC,))


class Telnet:
    """One connection. ``send`` gets what to send, ``ours`` and ``theirs`` are the options that each side may have on.

    ``on_data`` gets the data. ``on_option`` is called when an option goes on, ``on_subnegotiation`` with its bytes,
    ``on_break`` for BRK: in the order in which they came, and after the data before them.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        ours: Collection[int],
        theirs: Collection[int],
        on_data: Callable[[bytes], None],
        on_option: Callable[[int], None],
        on_subnegotiation: Callable[[bytes], None],
        on_break: Callable[[], None],
    ) -> None:
        self._send = send
        self._ours = dict.fromkeys(ours, False)  # whether it is on, or has been offered
        self._theirs = dict.fromkeys(theirs, False)
        self._on_data = on_data
        self._on_option = on_option
        self._on_subnegotiation = on_subnegotiation
        self._on_break = on_break
        self._state = self._data
        self._verb = 0
        self._sub = bytearray()
        self._after_cr = False
        self._got = bytearray()

    def offer(self, ours: Collection[int], theirs: Collection[int]) -> None:
        """Says first what we would like: options of our own, and of the client's."""
        for option in ours:
            self._ours[option] = True
            self._send(bytes((IAC, WILL, option)))
        for option in theirs:
            self._theirs[option] = True
            self._send(bytes((IAC, DO, option)))

    def feed(self, data: bytes) -> None:
        """Takes what has come."""
        at = 0
        while at < len(data):
            at = self._state(data, at)
        self._hand_over()

    def _hand_over(self) -> None:
        got, self._got = bytes(self._got), bytearray()
        if got:
            self._on_data(got)

    @staticmethod
    def escaped(data: bytes) -> bytes:
        """Data as it is sent."""
        return data.replace(IAC_BYTE, IAC_BYTE * 2)

    # States: each takes some bytes from a place on, and returns the place behind them

    def _data(self, data: bytes, at: int) -> int:
        end = data.find(IAC_BYTE, at)
        if end < 0:
            end = len(data)
        else:
            self._state = self._command
        self._take(data[at:end])
        return end + (self._state == self._command)

    def _take(self, data: bytes) -> None:
        """Unless the client sends binary data, a CR that is no CR LF comes as CR NUL."""
        if not self._theirs.get(BINARY) and data:
            if self._after_cr:
                data = data.removeprefix(b"\0")
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\0", b"\r")
        self._got += data

    def _command(self, data: bytes, at: int) -> int:
        byte = data[at]
        self._state = self._data
        if byte == IAC:
            self._take(IAC_BYTE)
        elif byte in (WILL, WONT, DO, DONT):
            self._verb = byte
            self._state = self._option
        elif byte == SB:
            self._sub.clear()
            self._state = self._subnegotiation
        elif byte == BREAK:
            self._hand_over()
            self._on_break()
        return at + 1

    def _subnegotiation(self, data: bytes, at: int) -> int:
        end = data.find(IAC_BYTE, at)
        if end < 0:
            end = len(data)
        else:
            self._state = self._command_inside
        self._sub += data[at:end][: LONGEST + 1 - len(self._sub)]
        return end + (self._state == self._command_inside)

    def _command_inside(self, data: bytes, at: int) -> int:
        if data[at] == IAC:
            self._sub += IAC_BYTE[: LONGEST + 1 - len(self._sub)]
            self._state = self._subnegotiation
            return at + 1
        if data[at] != SE:  # it was never ended: this begins something else
            return self._command(data, at)
        self._state = self._data
        if 0 < len(self._sub) <= LONGEST:
            self._hand_over()
            self._on_subnegotiation(bytes(self._sub))
        return at + 1

    def _option(self, data: bytes, at: int) -> int:
        option, verb = data[at], self._verb
        self._state = self._data
        side, yes, no = (self._ours, WILL, WONT) if verb in (DO, DONT) else (self._theirs, DO, DONT)
        wanted = verb in (DO, WILL)
        if option not in side:
            if wanted:
                self._send(bytes((IAC, no, option)))
            return at + 1
        if side[option] != wanted:  # what changes nothing is an answer, and gets none
            side[option] = wanted
            self._send(bytes((IAC, yes if wanted else no, option)))
        if wanted:
            self._on_option(option)
        return at + 1
