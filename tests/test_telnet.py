"""The server's end of telnet, and the COM port option on it, byte by byte and without a connection."""

from __future__ import annotations

from consoled import Consoled
from hypothesis import given
from hypothesis import strategies as st

from drivers.uartregs import UartMcr, UartReg
from lab.comport import ComPort
from lab.telnet import BINARY, BREAK, COM_PORT, DO, DONT, ECHO, IAC, LONGEST, SB, SE, WILL, WONT, Telnet

UNKNOWN = 31


class Peer:
    """A telnet server whose answers and findings are kept."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.subs: list[bytes] = []
        self.on: list[int] = []
        self.breaks = 0
        self.got = bytearray()
        self.seen: list[bytes] = []  # data, subnegotiations and breaks, as they came
        self.telnet = Telnet(
            self.sent.extend,
            ours=(BINARY, ECHO, COM_PORT),
            theirs=(BINARY, COM_PORT),
            on_data=self._data,
            on_option=self.on.append,
            on_subnegotiation=self._sub,
            on_break=self._break,
        )

    def _data(self, data: bytes) -> None:
        self.got += data
        self.seen.append(data)

    def _sub(self, sub: bytes) -> None:
        self.subs.append(sub)
        self.seen.append(sub)

    def _break(self) -> None:
        self.breaks += 1
        self.seen.append(b"break")

    def feed(self, *data: int | bytes) -> bytes:
        self.got.clear()
        self.telnet.feed(b"".join(bytes((d,)) if isinstance(d, int) else d for d in data))
        return bytes(self.got)

    def answers(self) -> bytes:
        sent = bytes(self.sent)
        self.sent.clear()
        return sent


def test_data_passes_and_255_is_doubled_on_the_way() -> None:
    peer = Peer()
    assert peer.feed(b"abc", IAC, IAC, b"def") == b"abc\xffdef"
    assert Telnet.escaped(b"a\xffb") == b"a\xff\xffb"


def test_breaks_and_subnegotiations_keep_their_place_among_the_data() -> None:
    peer = Peer()
    peer.feed(b"ab", IAC, BREAK, b"c", IAC, IAC, b"d", IAC, SB, COM_PORT, 12, 2, IAC, SE, b"e")
    assert peer.seen == [b"ab", b"break", b"c\xffd", bytes((COM_PORT, 12, 2)), b"e"]


def test_options_that_are_known_are_agreed_to_once() -> None:
    peer = Peer()
    peer.feed(IAC, DO, ECHO, IAC, WILL, BINARY)
    assert peer.answers() == bytes((IAC, WILL, ECHO, IAC, DO, BINARY))
    assert peer.on == [ECHO, BINARY]
    peer.feed(IAC, DO, ECHO, IAC, WILL, BINARY)
    assert peer.answers() == b""


def test_options_that_are_not_known_are_refused() -> None:
    peer = Peer()
    peer.feed(IAC, DO, UNKNOWN, IAC, WILL, UNKNOWN, IAC, WILL, ECHO)
    assert peer.answers() == bytes((IAC, WONT, UNKNOWN, IAC, DONT, UNKNOWN, IAC, DONT, ECHO))
    peer.feed(IAC, DONT, UNKNOWN, IAC, WONT, UNKNOWN)
    assert peer.answers() == b"" and peer.on == []


def test_the_answer_to_an_offer_is_not_answered() -> None:
    peer = Peer()
    peer.telnet.offer((ECHO,), (COM_PORT,))
    assert peer.answers() == bytes((IAC, WILL, ECHO, IAC, DO, COM_PORT))
    peer.feed(IAC, DO, ECHO, IAC, WILL, COM_PORT)
    assert peer.answers() == b"" and peer.on == [ECHO, COM_PORT]
    peer.feed(IAC, DONT, ECHO)
    assert peer.answers() == bytes((IAC, WONT, ECHO))


def test_cr_nul_is_a_cr_until_the_client_sends_binary_data() -> None:
    peer = Peer()
    assert peer.feed(b"a\r\0b\0\r") == b"a\rb\0\r"
    assert peer.feed(b"\0c\r\n\0") == b"c\r\n\0"
    peer.feed(IAC, WILL, BINARY)
    assert peer.feed(b"a\r\0b") == b"a\r\0b"


def test_subnegotiations_are_handed_over_whole_and_unescaped() -> None:
    peer = Peer()
    assert peer.feed(b"x", IAC, SB, b"\x2c\x01\xff\xff\x00", IAC, SE, b"y") == b"xy"
    assert peer.subs == [b"\x2c\x01\xff\x00"]


def test_what_is_malformed_is_left_out_and_the_rest_understood() -> None:
    peer = Peer()
    assert peer.feed(IAC, SE, IAC, SB, IAC, SE, b"a") == b"a"
    assert peer.feed(IAC, SB, b"never ended", IAC, DO, ECHO, b"b") == b"b"
    assert peer.feed(IAC, SB, b"begun", IAC, SB, b"again", IAC, SE, b"c") == b"c"
    assert peer.subs == [b"again"]
    assert peer.answers() == bytes((IAC, WILL, ECHO))


def test_a_subnegotiation_without_end_is_bounded_and_not_believed() -> None:
    peer = Peer()
    peer.feed(IAC, SB)
    for _ in range(100):
        peer.feed(b"z" * 1000, IAC, IAC)
    assert len(peer.telnet._sub) == LONGEST + 1
    assert peer.feed(IAC, SE, b"after") == b"after"
    assert peer.subs == []


def test_brk_is_a_break() -> None:
    peer = Peer()
    assert peer.feed(b"a", IAC, 243, b"b") == b"ab"
    assert peer.breaks == 1


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200)))
def test_it_does_not_matter_how_the_bytes_are_cut_up(data: bytes, cuts: list[int]) -> None:
    whole, pieces = Peer(), Peer()
    expected = whole.feed(data)
    got, before = b"", 0
    for cut in [*sorted(c for c in cuts if c < len(data)), len(data)]:
        got += pieces.feed(data[before:cut])
        before = cut
    assert got == expected
    assert (pieces.sent, pieces.subs, pieces.on) == (whole.sent, whole.subs, whole.on)


@given(st.binary(max_size=300))
def test_escaped_data_arrives_as_it_was(data: bytes) -> None:
    peer = Peer()
    peer.feed(IAC, WILL, BINARY)
    assert peer.feed(Telnet.escaped(data)) == data


# The COM port option


class Com:
    """A COM port on a board whose driver is up; ``ask`` returns the answers' command numbers and values."""

    def __init__(self, b: Consoled) -> None:
        self.sent = bytearray()
        self.purged = 0
        self.suspensions: list[bool] = []
        self.port = ComPort(
            b.uart,
            self.sent.extend,
            purge=self._purge,
            on_suspended=lambda: self.suspensions.append(self.port.suspended),
        )

    def _purge(self) -> None:
        self.purged += 1

    def ask(self, *sub: int) -> list[tuple[int, bytes]]:
        self.port.command(bytes((COM_PORT, *sub)))
        return self.heard()

    def heard(self) -> list[tuple[int, bytes]]:
        subs: list[bytes] = []
        Telnet(
            lambda _: None,
            ours=(),
            theirs=(),
            on_data=lambda _data: None,
            on_option=lambda _: None,
            on_subnegotiation=subs.append,
            on_break=lambda: None,
        ).feed(bytes(self.sent))
        self.sent.clear()
        assert all(sub[0] == COM_PORT for sub in subs)
        return [(sub[1], sub[2:]) for sub in subs]


def test_settings_are_acknowledged_and_remembered() -> None:
    with Consoled() as b:
        com = Com(b)
        assert com.ask(1, 0, 0, 0, 0) == [(101, (100_000).to_bytes(4, "big"))]
        assert com.ask(1, 0, 0, 0xFF, 0xFF) == [(101, b"\x00\x00\xff\xff")]
        assert com.ask(1, 0, 0, 0, 0) == [(101, b"\x00\x00\xff\xff")]
        assert b.uart.baud == 100_000
        assert [com.ask(2, 0), com.ask(2, 7), com.ask(2, 0)] == [[(102, b"\x08")], [(102, b"\x07")], [(102, b"\x07")]]
        assert com.ask(3, 3) == [(103, b"\x03")]
        assert com.ask(4, 2) == [(104, b"\x02")]
        assert com.ask(0) == [(100, b"nutloop")]
        assert com.ask(0, 65) == []


def test_settings_that_do_not_exist_are_answered_with_what_is_set() -> None:
    with Consoled() as b:
        com = Com(b)
        assert com.ask(2, 9) == [(102, b"\x08")]
        assert com.ask(3, 77) == [(103, b"\x01")]
        assert com.ask(5, 17) == [(105, b"\x03")]  # flow control by DCD: there is none
        assert com.ask(5, 200) == [(105, b"\x03")]


def test_control_sets_and_tells_lines_break_and_flow() -> None:
    with Consoled() as b:
        com = Com(b)
        assert com.ask(5, 8) == [(105, b"\x08")] and b.uart.dtr
        assert com.ask(5, 7) == [(105, b"\x08")]
        assert com.ask(5, 9) == [(105, b"\x09")] and not b.uart.dtr
        assert com.ask(5, 11) == [(105, b"\x0b")] and b.uart.rts
        assert com.ask(5, 12) == [(105, b"\x0c")] and com.ask(5, 10) == [(105, b"\x0c")]
        assert com.ask(5, 1) == [(105, b"\x01")] and com.ask(5, 0) == [(105, b"\x01")]
        assert com.ask(5, 15) == [(105, b"\x0f")] and com.ask(5, 13) == [(105, b"\x0f")]
        assert com.ask(5, 3) == [(105, b"\x03")] and com.ask(5, 0) == [(105, b"\x03")]
        assert b.uart.handshake  # always: nothing of what a client sends is lost
        assert com.ask(5, 4) == [(105, b"\x06")]
        assert com.ask(5, 5) == [(105, b"\x05")] and com.ask(5, 4) == [(105, b"\x05")]
        b.settle()
        assert b.console.breaks == 1


def test_modem_state_is_told_when_it_changes_and_when_asked() -> None:
    with Consoled() as b:
        com = Com(b)
        com.port.modem_changed()
        assert com.heard() == []  # he has not agreed to hear of it
        com.port.agreed()
        com.port.agreed()
        assert com.heard() == [(107, bytes((0xB0 | 0x0B,)))]
        assert com.ask(7) == [(107, b"\xb0")]
        b.uart.on_modem.append(com.port.modem_changed)
        b.uart.write(UartReg.MCR, UartMcr.RTS)
        assert com.heard() == [(107, bytes((0x10 | 0x0A,)))]
        assert com.ask(11, 0x10) == [(111, b"\x10")]
        b.uart.write(UartReg.MCR, UartMcr.RTS | UartMcr.DTR)
        assert com.heard() == []
        assert com.ask(6) == [(106, b"\x60")]


def test_purges_and_suspends() -> None:
    with Consoled() as b:
        com = Com(b)
        b.uart.send(b"x" * 100)
        assert com.ask(12, 1) == [(112, b"\x01")] and com.purged == 1 and b.uart.out_waiting == 100
        assert com.ask(12, 3) == [(112, b"\x03")] and com.purged == 2 and b.uart.out_waiting == 0
        assert com.ask(8) == com.ask(9) == []
        assert com.suspensions == [True, False]


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_no_command_can_hurt(commands: list[bytes]) -> None:
    with Consoled() as b:
        com = Com(b)
        for command in commands:
            com.port.command(command)
            com.ask(*command)
        assert com.ask(0) == [(100, b"nutloop")]
