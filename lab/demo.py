"""What ``nutloop demo`` shows a newcomer: one board, its shell, its network, and what lockstep time is good for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from board import Board
from kernel.errors import BenchError
from lab.rawframes import RawPeer

if TYPE_CHECKING:
    from serial.serialutil import SerialBase

PROMPT = b"nsh> "
COMMANDS = ("uname -a", "ifconfig eth0", "ps", "free", "udpecho &")
ERASE = "\x1b[K"
WORD = b"hello, board"
UNUSED = "10.0.1.77"
Say = Callable[[str], None]


class Peer(Protocol):
    """Who exchanges frames with the board: scapy, or plain bytes where it is not installed."""

    name: str

    def ping(self, ip: str, timeout: float) -> tuple[str, str | None, float]:
        """What was sent, what came back (None: nothing), and after how many virtual seconds."""
        ...

    def udp(self, ip: str, port: int, data: bytes, timeout: float) -> bytes | None:
        """What came back."""
        ...


class ScapyPeer:
    """The wire as a scapy socket."""

    name = "scapy"

    def __init__(self, board: Board) -> None:
        self._mac = board.eth0.mac
        self._wire = board.eth0.wire()

    def ping(self, ip: str, timeout: float) -> tuple[str, str | None, float]:
        from scapy.layers.inet import ICMP, IP
        from scapy.layers.l2 import Ether

        request = Ether(dst=self._mac) / IP(dst=ip) / ICMP()
        reply = self._wire.sr1(request, timeout=timeout)
        if reply is None:
            return request.summary(), None, 0.0
        return request.summary(), reply.summary(), float(reply.time - request.sent_time)

    def udp(self, ip: str, port: int, data: bytes, timeout: float) -> bytes | None:
        from scapy.layers.inet import IP, UDP
        from scapy.layers.l2 import Ether
        from scapy.packet import Raw

        request: Any = Ether(dst=self._mac) / IP(dst=ip) / UDP(sport=4000, dport=port) / Raw(data)
        reply = self._wire.sr1(request, timeout=timeout)
        return None if reply is None else bytes(reply[UDP].payload)[: len(data)]


def demo(seed: int, say: Say) -> bool:
    """Runs it, saying line by line what happens. Whether all of it went as it should."""
    start = time.perf_counter()
    with Board("sim", seed=seed) as board:
        with board.console.open(timeout=10) as console:
            say("A board that does not exist boots, and its shell answers on the serial port:\n")
            text = _until_prompt(console)
            for command in COMMANDS:
                text += _type(console, command)
            _show(say, text)
        peer = _peer(board)
        good = _ping(say, board, peer) and _echo(say, board, peer) and _silence(say, peer)
        say(f"\n{board.now:.6f} s of virtual time took {time.perf_counter() - start:.2f} s.")
    say("\nNext:  nutloop run                 the same shell, live, on this terminal")
    say("       board.capture('x.pcapng')   in a script: its frames for Wireshark")
    say("       README.md                   a first script and a first test")
    return good


def _peer(board: Board) -> Peer:
    try:
        return ScapyPeer(board)
    except BenchError:  # no scapy
        return RawPeer(board)


def _ping(say: Say, board: Board, peer: Peer) -> bool:
    say(f"\nA ping over its Ethernet, by {peer.name}:\n")
    sent, reply, seconds = peer.ping(board.eth0.ip, 5)
    say(f"    > {sent}")
    say(f"    < {reply or 'no answer'}" + (f"   after {seconds * 1e9:.0f} ns" if reply else ""))
    return reply is not None


def _echo(say: Say, board: Board, peer: Peer) -> bool:
    say("\nA datagram for the udpecho that the shell has started:\n")
    answer = peer.udp(board.eth0.ip, 7, WORD, 5)
    say(f"    > {WORD.decode()}")
    say(f"    < {answer.decode(errors='replace') if answer is not None else 'no answer'}")
    return answer == WORD


def _silence(say: Say, peer: Peer) -> bool:
    say(f"\nIs a ping to {UNUSED}, which is not its address, unanswered for an hour?\n")
    start = time.perf_counter()
    _, reply, _ = peer.ping(UNUSED, 3600)
    say(f"    {'yes' if reply is None else 'no'}; that hour took {(time.perf_counter() - start) * 1e3:.0f} ms")
    return reply is None


def _until_prompt(console: SerialBase) -> str:
    text: str = console.read_until(PROMPT).decode(errors="replace")
    if not text.endswith(PROMPT.decode()):
        raise BenchError(f"the shell gave no prompt; it printed {text!r}")
    return text


def _type(console: SerialBase, command: str) -> str:
    console.write(command.encode() + b"\n")
    return _until_prompt(console)


def _show(say: Say, text: str) -> None:
    """Console output, indented, without the last prompt."""
    for line in text.replace("\r", "").replace(ERASE, "").strip("\n").split("\n")[:-1]:
        say(f"    {line}".rstrip())
