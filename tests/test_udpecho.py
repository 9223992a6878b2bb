"""The udpecho program."""

from typing import Any

from board import Board
from kernel.nsh import run_command

Heard = list[tuple[bytes, tuple[str, int]]]


def client(heard: Heard, port: int) -> Any:
    """A program that sends three datagrams to this board and keeps what comes back."""

    def main(sys: Any) -> None:
        with sys.socket() as sock:
            sock.settimeout(1)
            for data in (b"one", b"", b"x" * 1400):
                sock.sendto(data, ("127.0.0.1", port))
                heard.append(sock.recvfrom(2048))

    return main


def test_datagrams_come_back_as_they_were_sent() -> None:
    with Board() as board:
        heard: Heard = []
        board.nsh("udpecho &")
        board.spawn(client(heard, 7), "client")
        board.run(1)
        assert heard == [(data, ("127.0.0.1", 7)) for data in (b"one", b"", b"x" * 1400)]


def test_the_port_can_be_chosen() -> None:
    with Board() as board:
        heard: Heard = []
        board.nsh("udpecho 4242 &")
        board.spawn(client(heard, 4242), "client")
        board.run(1)
        assert len(heard) == 3


def test_a_port_that_is_taken_is_an_error() -> None:
    with Board() as board:
        board.nsh("udpecho &")
        assert board.nsh("udpecho") == "ERROR: bind to port 7 failed: 98\n"


def test_a_signal_ends_it_and_frees_its_socket() -> None:
    with Board(SIG_DEFAULT=False) as board:
        board.boot()
        job = run_command(board.kernel, "udpecho")
        board.run(0.1)
        (pid,) = (p for p, task in board.kernel.tasks.by_pid.items() if task.name == "udpecho")
        assert board.nsh(f"kill {pid}") == ""
        assert board.run_until(lambda: job.done, 1)
        assert board.nsh("cat /proc/net/udp") == ""
