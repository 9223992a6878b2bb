"""The telnetd program: shells over telnet, and clients of all kinds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from app_kit import ask, dial, kill, pair, pids, sockets, start
from stack import Stack
from tcp_peer import TCP, Peer

from board import Board
from kernel.apps.telnetd import main
from kernel.apps.telnetline import Decoder
from kernel.socket import SHUT_WR

PORT = 23
OFFER = b"\xff\xfb\x01\xff\xfb\x03"
PROMPT = b"nsh> \x1b[K"
GREETING = b"\r\nNuttShell (NSH) NuttX-"


class Client:
    """Somebody at a telnet client, in a task of the calling board."""

    def __init__(self, sys: Any) -> None:
        self.sock = dial(sys, PORT)
        self.sock.settimeout(2)

    def until(self, text: bytes) -> bytes:
        """What comes, to the end of ``text``."""
        data = b""
        while not data.endswith(text):
            more = self.sock.recv(1)
            assert more, f"the stream ended after {data!r}"
            data += more
        return data

    def command(self, line: bytes) -> bytes:
        """What is printed for a line that is typed."""
        self.sock.sendall(line + b"\r\0")
        return self.until(PROMPT)


def talk(function: Callable[[Client], Any], **options: Any) -> Any:
    """Runs ``function`` as a client, greeted and prompted, of a board whose telnetd was started."""
    with pair(**options) as (server, client):
        start(server, "telnetd &")
        server.run(0.1)

        def body(sys: Any) -> Any:
            caller = Client(sys)
            greeting = caller.until(PROMPT)
            assert greeting.startswith(OFFER + GREETING), greeting
            return function(caller)

        result = ask(client, body)
        server.run(1)
        assert server.reports == client.reports == []
        return result


def test_a_session_greets_and_runs_commands_and_echoes_what_is_typed() -> None:
    answer = talk(lambda c: c.command(b"echo hello"))
    assert answer == b"echo hello\r\nhello\r\n" + PROMPT


def test_exit_ends_the_connection() -> None:
    with pair() as (server, client):
        start(server, "telnetd &")

        def body(sys: Any) -> bytes:
            c = Client(sys)
            c.until(PROMPT)
            c.sock.sendall(b"exit\r\n")
            data = b""
            while more := c.sock.recv(100):
                data += more
            return data

        assert ask(client, body) == b"exit\r\n"
        server.run(1)
        assert sockets(server) == ["LISTEN"] and pids(server, "Telnet session") == pids(server, "telnet_io") == []


def test_sessions_know_nothing_of_each_other() -> None:
    with pair() as (server, client):
        start(server, "telnetd &")

        def two(sys: Any) -> list[bytes]:
            a, b = Client(sys), Client(sys)
            for c in (a, b):
                c.until(PROMPT)
            a.command(b"set here 1")
            return [b.command(b"echo $here"), a.command(b"echo $here")]

        assert ask(client, two) == [b"echo $here\r\n\r\n" + PROMPT, b"echo $here\r\n1\r\n" + PROMPT]


def test_ctrl_c_ends_what_runs_in_the_session_and_nothing_else() -> None:
    with pair() as (server, client):
        start(server, "telnetd &")
        job = start(server, "sleep 20")

        def body(sys: Any) -> bytes:
            c = Client(sys)
            c.until(PROMPT)
            c.sock.sendall(b"sleep 10\r\0")
            c.until(b"\n")
            sys.sleep(0.1)
            c.sock.sendall(b"\x03")
            return c.until(PROMPT)

        assert ask(client, body, 3) == b"nsh: sleep: Interrupted by signal\r\n" + PROMPT
        assert not job.done


@pytest.mark.parametrize("command", [b"\xff\xf4", b"\xff\xf3"])
def test_interrupt_process_and_break_are_ctrl_c(command: bytes) -> None:
    def body(c: Client) -> bytes:
        c.sock.sendall(b"udpecho\r\0")
        c.until(b"\n")
        c.sock.sendall(command)
        return c.until(PROMPT)

    assert talk(body) == PROMPT


def test_what_a_program_reads_is_a_line() -> None:
    def body(c: Client) -> bytes:
        c.sock.sendall(b"cat\r\n")
        c.until(b"\n")
        c.sock.sendall(b"abx\x7fc\r\0")
        first = c.until(b"abc\r\n")
        c.sock.sendall(b"\x03")
        return first + c.until(PROMPT)

    assert talk(body).startswith(b"abx\b \bc\r\nabc\r\n")


def test_a_byte_ff_is_data_when_doubled_and_is_doubled_when_printed() -> None:
    assert talk(lambda c: c.command(b"echo \xff\xff")) == b"echo \xff\xff\r\n\xff\xff\r\n" + PROMPT


def test_who_ends_his_side_still_hears_the_answer() -> None:
    with pair() as (server, client):
        start(server, "telnetd &")

        def body(sys: Any) -> bytes:
            sock = dial(sys, PORT)
            sock.sendall(b"echo hello\n")
            sock.shutdown(SHUT_WR)
            data = b""
            while more := sock.recv(1000):
                data += more
            return data

        assert b"\r\nhello\r\n" in ask(client, body)
        server.run(1)
        assert sockets(server) == ["LISTEN"]


def test_killing_the_daemon_leaves_the_sessions_and_killing_a_session_ends_its_connection() -> None:
    with pair() as (server, client):
        nused = server.kernel.heap.stats().nused
        start(server, "telnetd &")
        heard: list[bytes] = []

        def body(sys: Any) -> None:
            c = Client(sys)
            heard.append(c.until(PROMPT))
            sys.sleep(0.5)
            heard.append(c.command(b"echo on"))
            c.sock.settimeout(None)
            heard.append(c.sock.recv(100))

        client.spawn(body, name="caller")
        client.run(0.2)
        kill(server, "telnetd")
        client.run(0.5)
        assert heard[1:] == [b"echo on\r\non\r\n" + PROMPT] and sockets(server) == ["ESTABLISHED"]
        kill(server, "Telnet session")
        assert heard[2] == b""
        server.run(5)
        assert sockets(server) == [] and server.kernel.heap.stats().nused == nused and server.reports == []


def call(s: Stack, source: int = 1000) -> Peer:
    """A peer that has called, and heard the greeting."""
    peer = Peer(s, dport=PORT, sport=source)
    assert peer.answer("S", seq=0, options=b"\2\4\5\xb4").flags == "SA"
    peer.seq = peer.ack = 1
    peer.put("A")
    assert peer.read().startswith(OFFER + GREETING)
    return peer


def names(s: Stack) -> list[str]:
    return [task.name for task in s.kernel.tasks.by_pid.values()]


@pytest.mark.parametrize("typed", [b"", b"half a li", b"sleep 1000\r\0", b"while true; do echo x; done\r\0"])
def test_a_client_that_resets_takes_its_session_along(typed: bytes) -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "telnetd", 50)
        s.later(0.01)
        peer = call(s)
        peer.put("PA", typed)
        peer.seq += len(typed)
        s.later(0.1)
        peer.put("R")
        s.later(1)
        assert "Telnet session" not in names(s) and "telnet_io" not in names(s)
        assert call(s, 1001) and s.kernel.reports == []


def test_a_client_that_falls_silent_does_not_stop_the_others() -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "telnetd", 50)
        s.later(0.01)
        first = call(s)
        first.put("PA", b"echo this is never read\r\n", window=0)
        other = call(s, 1001)
        other.put("PA", b"echo hello\r\0")
        other.seq += 12
        assert other.read().endswith(b"hello\r\n" + PROMPT)


@pytest.mark.parametrize("keepalive", [True, False])
def test_a_client_that_is_gone_without_a_word_is_found_out_by_keep_alive(keepalive: bool) -> None:
    with Stack(NET_TCP_KEEPALIVE=keepalive, **TCP) as s:
        s.kernel.tasks.create(main, "telnetd", 50)
        s.later(0.01)
        call(s)
        s.later(3 * 3600)
        assert ("Telnet session" in names(s)) is not keepalive


def test_rubbish_ends_nothing() -> None:
    with Stack(**TCP) as s:
        s.kernel.tasks.create(main, "telnetd", 50)
        s.later(0.01)
        peer = call(s)
        chance = random.Random(7)
        for _ in range(200):
            data = bytes(
                chance.choice([255, 250, 240, 251, 253, 13, 10, 0, 3, chance.randrange(256)]) for _ in range(50)
            )
            peer.put("PA", data)
            peer.seq += len(data)
            peer.read()
        s.later(1)
        assert names(s).count("telnet_io") == 1 and s.kernel.reports == []


def test_options_that_are_not_ours_are_refused_and_answers_get_none() -> None:
    decoder = Decoder()
    assert decoder.feed(b"a\xff\xfd\x1fb\xff\xfb\x18c") == (b"abc", b"\xff\xfc\x1f\xff\xfe\x18")
    assert decoder.feed(b"\xff\xfd\x01\xff\xfd\x03\xff\xfc\x18\xff\xfe\x1f") == (b"", b"")
    assert decoder.feed(b"\xff\xfe\x01\xff\xfe\x01\xff\xfd\x01") == (b"", b"\xff\xfc\x01\xff\xfb\x01")


def test_subnegotiations_are_passed_over_also_if_they_never_end() -> None:
    decoder = Decoder()
    assert decoder.feed(b"a\xff\xfa\x1f\0\x50\xff\xff\0\xff\xf0b") == (b"ab", b"")
    assert decoder.feed(b"\xff\xfa" + bytes(100_000)) == (b"", b"")
    assert decoder.feed(b"\xff\xfd\x18x") == (b"x", b"\xff\xfc\x18")


@pytest.mark.parametrize("cut", range(1, 8))
def test_it_does_not_matter_where_segments_end(cut: int) -> None:
    data = b"a\r\0b\r\nc\xff\xff\xff\xf1d"
    decoder = Decoder()
    assert decoder.feed(data[:cut])[0] + decoder.feed(data[cut:])[0] == b"a\rb\rc\xffd"


def test_enter_is_cr_however_it_is_sent() -> None:
    assert Decoder().feed(b"a\r\nb\r\0c\nd\re") == (b"a\rb\rc\nd\re", b"")


@pytest.mark.parametrize("line", ["telnetd -x", "telnetd -p"])
def test_a_command_line_that_makes_no_sense_is_refused(line: str) -> None:
    with Board() as board:
        reply = board.nsh(line)
        assert reply.text == "Usage: telnetd [-4|-6] [-p port]\n" and not reply.ok


def test_the_port_can_be_chosen_and_one_that_is_taken_is_an_error() -> None:
    with pair() as (server, client):
        start(server, "telnetd -p 2323 &")
        assert not server.nsh("telnetd -p 2323").ok
        assert "port 2323: [Errno 98]" in server.nsh("dmesg")
        assert ask(client, lambda sys: dial(sys, 2323).recv(6)) == OFFER


def test_it_is_there_if_configured() -> None:
    with Board(NETUTILS_TELNETD=False) as board:
        assert board.nsh("telnetd").text == "nsh: telnetd: command not found\n"
