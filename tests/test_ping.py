"""The ping command: what it prints, and what it makes of trouble."""

from collections.abc import Iterator

import pytest

from board import Board
from kernel.apps.pinger import UsageError, parse_options
from kernel.nsh import run_command


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        host_answers(board, True)
        board.boot()
        yield board


def host_answers(board: Board, echo: bool) -> None:
    """Whether 10.0.1.1 replies from now on."""
    assert board.eth0.host is not None
    board.eth0.host.answers(echo=echo)


def run(board: Board, line: str) -> tuple[str, int]:
    job = run_command(board.kernel, line)
    assert board.run_until(lambda: job.done, 1000)
    return job.text, job.status


def test_all_replies_make_a_success(board: Board) -> None:
    text, status = run(board, "ping 10.0.1.1")
    lines = text.splitlines()
    assert len(lines) == 13 and status == 0
    assert lines[-2] == "10 packets transmitted, 10 received, 0% packet loss, time 10100 ms"


def test_sizes_and_times_are_printed_as_nuttx_prints_them(board: Board) -> None:
    text, _ = run(board, "ping -c 1 -s 8 127.0.0.1")
    assert "8 bytes from 127.0.0.1: icmp_seq=0 time=0.0 ms\n" in text
    assert text.endswith("rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n")


def test_no_reply_is_reported_and_makes_a_failure(board: Board) -> None:
    host_answers(board, False)
    text, status = run(board, "ping -c 2 -W 300 10.0.1.1")
    assert text == (
        "PING 10.0.1.1 56 bytes of data\n"
        "No response from 10.0.1.1: icmp_seq=0 time=300 ms\n"
        "No response from 10.0.1.1: icmp_seq=1 time=300 ms\n"
        "2 packets transmitted, 0 received, 100% packet loss, time 2020 ms\n"
    )
    assert status == 1


def test_one_lost_reply_among_others_makes_a_failure_too(board: Board) -> None:
    job = run_command(board.kernel, "ping -c 3 10.0.1.1")
    board.run(0.5)
    host_answers(board, False)
    board.run(1.0)
    host_answers(board, True)
    assert board.run_until(lambda: job.done, 100)
    assert "No response from 10.0.1.1: icmp_seq=1 time=1000 ms\n" in job.text
    assert "3 packets transmitted, 2 received, 33% packet loss" in job.text
    assert job.status == 1


def test_the_interval_is_kept(board: Board) -> None:
    text, _ = run(board, "ping -c 5 -i 100 10.0.1.1")
    assert "5 packets transmitted, 5 received, 0% packet loss, time 550 ms\n" in text


def test_large_requests_are_answered(board: Board) -> None:
    text, status = run(board, "ping -c 1 -s 1472 10.0.1.1")
    assert "1472 bytes from 10.0.1.1" in text and status == 0


def test_a_request_longer_than_the_device_takes_fails_without_fragments() -> None:
    with Board(NET_IPFRAG=False) as board:
        host_answers(board, True)
        board.boot()
        text, status = run(board, "ping -c 1 -s 2000 10.0.1.1")
        assert "ERROR: sendto failed at seqno 0: 22\n" in text and status == 1


@pytest.mark.parametrize("size", [1473, 2952, 2953, 65507])
def test_a_longer_one_goes_and_comes_in_fragments(board: Board, size: int) -> None:
    text, status = run(board, f"ping -c 2 -s {size} 10.0.1.1")
    assert f"{size} bytes from 10.0.1.1: icmp_seq=1" in text and status == 0


def test_what_no_packet_can_hold_is_refused(board: Board) -> None:
    text, status = run(board, "ping -c 1 -s 65508 10.0.1.1")
    assert "ERROR: sendto failed at seqno 0: 90\n" in text and status == 1


def test_without_a_link_nothing_is_sent(board: Board) -> None:
    board.nsh("ifdown eth0")
    text, status = run(board, "ping -c 1 10.0.1.1")
    assert "ERROR: sendto failed at seqno 0: " in text and status == 1


def test_every_buffer_comes_back(board: Board) -> None:
    run(board, "ping -c 3 10.0.1.1")
    run(board, "ping -c 2 10.0.1.77")
    stats = board.kernel.iobs.getstats()
    assert stats.nfree == stats.ntotal


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ping", "ERROR: Missing required <ip-address> argument"),
        ("ping -c", "ERROR: Missing required argument"),
        ("ping -x", "ERROR: Unrecognized option"),
        ("ping -c 0 10.0.1.1", "ERROR: <count> out of range: 0"),
        ("ping -i 70000 10.0.1.1", "ERROR: <interval> out of range: 70000"),
        ("ping -s x 10.0.1.1", "ERROR: <size> out of range: 0"),
        ("ping -W 99999999999 10.0.1.1", "ERROR: <timeout> out of range: 99999999999"),
        ("ping -c -1 10.0.1.1", "ERROR: Missing required argument"),
    ],
)
def test_wrong_options_show_how_it_is_used(board: Board, line: str, complaint: str) -> None:
    text, status = run(board, line)
    assert text.startswith(f"{complaint}\n\nUsage: ping [-c <count>]") and status == 1


def test_numbers_end_where_they_end(board: Board) -> None:
    assert run(board, "ping -c +2x -s ' 8' 10.0.1.1")[0].startswith("PING 10.0.1.1 8 bytes of data\n")
    assert "2 packets transmitted" in run(board, "ping -c 2x 10.0.1.1")[0]


def test_errors_do_not_go_where_the_answers_go(board: Board) -> None:
    board.nsh("ifdown eth0")
    text, _ = run(board, "ping -c 1 10.0.1.1 > /tmp/answers")
    assert text.startswith("ERROR: sendto failed at seqno 0: ") and text.count("\n") == 1
    assert "ERROR" not in board.nsh("cat /tmp/answers").text


def test_help_is_no_failure(board: Board) -> None:
    text, status = run(board, "ping -h")
    assert text.startswith("\nUsage: ping ") and status == 0


def test_a_host_without_an_address_is_left_to_ping6_if_that_is_there(board: Board) -> None:
    assert run(board, "ping example.org") == ("ERROR: ping6_gethostip(example.org) failed\n", 1)
    assert run(board, "ping -c 1 ::1")[0].startswith("PING6 ::1: 56 bytes of data\n")
    with Board(SYSTEM_PING6=False) as alone:
        assert run(alone, "ping example.org") == ("ERROR: ping_gethostip(example.org) failed\n", 1)


def test_ping_is_there_only_if_it_is_configured() -> None:
    with Board(SYSTEM_PING=False) as board:
        assert board.nsh("ping 10.0.1.1") == "nsh: ping: command not found\n"
        assert "ping" not in board.nsh("help").split()


def test_options_have_the_defaults_of_nuttx() -> None:
    options = parse_options(["ping", "10.0.1.1"])
    assert (options.count, options.delay, options.timeout, options.size) == (10, 1000, 1000, 56)
    with pytest.raises(UsageError, match=r"^$"):
        parse_options(["ping", "-h"])
