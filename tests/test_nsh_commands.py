"""What the shell's commands do, and how they fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from board import Board
from kernel.apps import App
from kernel.nsh import run_command
from kernel.nsh.command import Command
from kernel.nsh.commands.table import COMMANDS


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def spawn_idler(board: Board, name: str = "idler") -> int:
    """A task that sleeps for ever; its pid."""
    return board.spawn(lambda sys: sys.semaphore().wait(), name).pid


# Status


def test_status_is_0_after_success_and_1_after_failure(board: Board) -> None:
    assert run(board, "true") == ("", 0)
    assert run(board, "false") == ("", 1)
    assert run(board, "nosuch") == ("nsh: nosuch: command not found\n", 1)
    assert run(board, "hello") == ("Hello, World!!\n", 0)
    assert run(board, "udpecho zz") == ("Usage: udpecho [<port>]\n", 1)


def run(board: Board, line: str) -> tuple[str, int]:
    board.boot()
    job = run_command(board.kernel, line)
    assert board.run_until(lambda: job.done, 100)
    return job.text, job.status


def test_a_line_ends_at_the_first_command_that_fails(board: Board) -> None:
    assert board.nsh("echo a; echo b") == "a\nb\n"
    assert board.nsh("echo a; false; echo b") == "a\n"


def test_more_than_one_line_is_refused_before_anything_runs(board: Board) -> None:
    with pytest.raises(ValueError, match=r"'ps\\nuname' has more than one line"):
        board.nsh("ps\nuname")
    assert board.nsh("echo a\n") == "a\n"


def test_dollar_question_mark_survives_empty_commands(board: Board) -> None:
    assert board.nsh(";echo $?; ;echo $?") == "0\n0\n"


def test_dollar_exclamation_mark_is_the_last_pid(board: Board) -> None:
    first, second = board.nsh("hello &; echo $!").splitlines()[:2]
    assert first == f"hello [{second}:100]"


# Arguments


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("sleep", "sleep: missing required argument(s)"),
        ("sleep 1 2", "sleep: too many arguments"),
        ("sleep 0", "sleep: argument invalid"),
        ("sleep x", "sleep: argument invalid"),
        ("sleep -1", "sleep: argument invalid"),
        ("usleep 1x", "usleep: argument invalid"),
        ("free now", "free: too many arguments"),
        ("ifup", "ifup: missing required argument(s)"),
        ("kill", "kill: missing required argument(s)"),
        ("kill x", "kill: argument invalid"),
        ("kill -x 1", "kill: argument invalid"),
        ("kill -99 3", "kill: argument invalid"),
        ("kill 9 3", "kill: argument invalid"),
        ("kill 999", "kill: no such task: (null)"),
        ("uname -z", "uname: argument invalid"),
        ("ls -z", "ls: argument invalid"),
        ("ls /proc /", "ls: too many arguments"),
        ("cat /", "cat: open failed: 6"),
        ("cat /proc/version/x", "cat: open failed: 2"),
        ("cat /nofile /proc/version", "cat: open failed: 2"),
        ("ifconfig eth0 10.0.1", "ifconfig: argument invalid"),
        ("ifconfig eth0 netmask", "ifconfig: argument invalid"),
        ("ifconfig eth0 10.0.1.2 10.0.1.3", "ifconfig: argument invalid"),
        ("ifconfig eth0 hw 1:2:3", "ifconfig: argument invalid"),
        ("sh -x", "sh: syntax error"),
        ("sh -c", "sh: missing required argument(s)"),
        ("echo 'a", "': no matching '"),
    ],
)
def test_wrong_arguments_are_refused_in_the_words_of_nsh(board: Board, line: str, text: str) -> None:
    assert board.nsh(line).splitlines()[-1] == f"nsh: {text}"
    assert run(board, line)[1] == 1


def test_a_command_with_more_arguments_than_configured_is_complained_about_twice_and_not_run(board: Board) -> None:
    assert board.nsh("echo 1 2 3 4 5 6 7 8 9 10") == "1 2 3 4 5 6 7 8 9 10\n"
    assert run(board, "echo 1 2 3 4 5 6 7 8 9 10 11") == (2 * "nsh: echo: too many arguments\n", 1)


def test_there_is_room_for_what_ifconfig_takes_wherever_there_is_ifconfig(board: Board) -> None:
    assert board.nsh("ifconfig eth0 10.0.1.3 gw 10.0.1.1 netmask 255.255.255.0 mtu 1400 up") == ""
    assert "inet addr:10.0.1.3 DRaddr:10.0.1.1 Mask:255.255.255.0" in board.nsh("ifconfig eth0")
    with Board(NSH_MAXARGUMENTS=12) as other:
        assert other.nsh("echo 1 2 3 4 5 6 7 8 9 10 11") == "1 2 3 4 5 6 7 8 9 10 11\n"


def test_an_application_gets_more_arguments_than_configured_up_to_what_finds_room(board: Board) -> None:
    board.boot()
    arguments: list[str] = []
    app = App("words", lambda sys: arguments.extend(sys.argv[1:]) or 0)
    board.kernel.apps["words"] = app
    assert run(board, "words 1 2 3 4 5 6 7 8 9 a b") == ("nsh: words: too many arguments\n", 0)
    assert arguments == list("123456789ab")
    arguments.clear()
    assert run(board, "words " + " ".join("123456789abcdef")) == ("nsh: words: too many arguments\n", 0)
    assert arguments == list("123456789abcde")


def test_errors_have_names_if_configured() -> None:
    with Board(NSH_STRERROR=True) as board:
        assert board.nsh("cat /nofile") == "nsh: cat: open failed: No such file or directory\n"


def test_a_missing_proc_file_asks_whether_procfs_is_mounted(board: Board) -> None:
    assert board.nsh("cat /proc/none") == (
        "nsh: cat: Could not open /proc/none (is procfs mounted?)\nnsh: cat: open failed: 2\n"
    )
    assert board.nsh("ifconfig eth7").startswith("nsh: ifconfig: Could not open /proc/net/eth7 (is")


# Commands that go wrong


def broken(shell: Any, argv: list[str]) -> int:
    """A command with a bug."""
    if len(argv) > 1:
        raise OSError(22, "ioctl(3): Invalid argument")
    raise RuntimeError("this command is broken")


@pytest.fixture
def broken_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "broken", Command("broken", broken, most=1))


@pytest.mark.usefixtures("broken_command")
def test_an_oserror_in_a_command_is_a_failed_call(board: Board) -> None:
    assert board.nsh("broken 1") == "nsh: broken: ioctl failed: 22\n"
    assert board.reports == []


@pytest.mark.usefixtures("broken_command")
def test_any_other_error_in_a_command_ends_only_the_command(board: Board) -> None:
    assert run(board, "broken") == ("nsh: broken: Internal error\n", 1)
    assert "RuntimeError('this command is broken')" in board.reports[0]
    assert 'raise RuntimeError("this command is broken")' in board.nsh("dmesg")


def test_an_application_that_dies_fails_and_the_shell_goes_on(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.apps.pinger.parse_options", {}.__getitem__)
    assert run(board, "ping") == ("", 1)
    assert "task ping" in board.reports[0]
    assert board.nsh("echo on") == "on\n"


def test_an_application_gets_text_even_if_something_else_was_typed(board: Board) -> None:
    assert board.nsh("ping \udcff") == "ERROR: ping6_gethostip(\N{REPLACEMENT CHARACTER}) failed\n"


# Text and time


def test_echo_knows_its_options(board: Board) -> None:
    assert board.nsh("echo") == ""
    assert board.nsh("echo -n a b") == "a b"
    assert board.nsh("echo -eE 'a\\x41'") == "a\\x41\n"
    assert board.nsh("echo -Een 'a\\x41'") == "aA"
    assert board.nsh("echo -x -n") == "-x -n\n"
    assert board.nsh("echo - a") == "- a\n"


def test_echo_knows_numbers_and_the_backslash_behind_a_backslash(board: Board) -> None:
    assert board.nsh("echo -e '\\x41\\x4a1\\0101\\018\\\\x'") == "AJ1A\x10\\x\n"
    assert board.nsh("echo -e 'a\\tb\\n\\q'") == "a\\tb\\n\\q\n"
    assert board.nsh('echo -e "a\\\\"') == "a\\\n"
    assert board.nsh("echo -e 'a\\0b' 'c\\xg'") == "a c\n"


def test_sleep_takes_its_seconds_and_usleep_its_microseconds(board: Board) -> None:
    board.boot()
    for line, ticks in (("sleep 2", 201), ("usleep 50000", 6), ("sleep 0x3", 301)):
        begun = board.kernel.ticks
        board.nsh(line)
        assert board.kernel.ticks - begun == ticks


def test_uptime_counts_days_hours_and_minutes(board: Board) -> None:
    board.boot()
    board.run(2 * 86400 + 3 * 3600 + 4 * 60 + 5)
    assert board.nsh("uptime") == "03:04:05 up 2 days,  3:04, load average: 0.00, 0.00, 0.00\n"
    assert board.nsh("uptime -p") == "up 2 days, 3 hours, 4 minutes\n"
    assert board.nsh("uptime -s") == "2018-01-01 00:00:00\n"
    assert board.nsh("uptime -z").startswith("uptime: invalid option -- -z\nUsage:\n")
    assert board.nsh("uptime ''").startswith("uptime: invalid option -- \nUsage:\n")


def test_uname_shows_the_fields_that_are_asked_for_in_its_own_order() -> None:
    with Board("stm32f7") as board:
        assert board.nsh("uname -mn") == "nutloop arm\n"
        assert board.nsh("uname -p") == "unknown\n"
        assert board.nsh("uname -o") == board.nsh("uname -s") == "NuttX\n"
        assert board.nsh("uname -a").startswith("NuttX nutloop 13.0.1 ")
        assert board.nsh("uname -a").endswith(" arm nucleo-f767zi\n")


def test_dmesg_prints_the_log_if_there_is_one(board: Board) -> None:
    board.boot()
    board.kernel.syslog.log(3, "hot")
    assert board.nsh("dmesg").endswith("[ ERROR] hot\n")
    with Board(RAMLOG_SYSLOG=False) as other:
        assert other.nsh("dmesg") == "nsh: dmesg: open failed: 2\n"


# Tasks


def test_kill_ends_a_task_and_tells_of_one_that_is_not_there(board: Board) -> None:
    pid = spawn_idler(board)
    assert "idler" in board.nsh("ps")
    assert board.nsh(f"kill -9 {pid}") == ""
    assert "idler" not in board.nsh("ps")
    assert board.nsh(f"kill -9 {pid}") == f"nsh: kill: no such task: {pid}\n"


def test_a_signal_without_default_action_interrupts_a_sleep() -> None:
    with Board(SIG_DEFAULT=False) as board:
        board.boot()
        job = run_command(board.kernel, "sleep 50")
        board.run(1)
        (pid,) = (p for p, task in board.kernel.tasks.by_pid.items() if task.name == "sh")
        board.nsh(f"kill {pid}")
        assert board.run_until(lambda: job.done, 1)
        assert (job.text, job.status) == ("nsh: sleep: Interrupted by signal\n", 1)


def test_a_background_command_runs_beside_the_shell(board: Board) -> None:
    board.boot()
    begun = board.kernel.ticks
    text = board.nsh("sleep 3 &; echo now")
    assert text.endswith("now\n") and text.startswith("sh [")
    assert board.kernel.ticks == begun
    assert "sh -c sleep 3" in board.nsh("ps")
    board.run(4)
    assert "sh -c sleep 3" not in board.nsh("ps")


def test_a_background_application_keeps_its_own_name(board: Board) -> None:
    pid, text = board.nsh("udpecho &").removeprefix("udpecho [").split(":")
    assert text == "100]\n"
    assert f"{pid:>5} {pid:>5} " in board.nsh("ps")


def test_ps_shows_only_the_tasks_that_are_asked_for(board: Board) -> None:
    lines = board.nsh("ps 0 1").splitlines()
    assert [line.split()[0] for line in lines] == ["TID", "0", "1"]


def test_free_counts_the_stacks_of_tasks(board: Board) -> None:
    before = int(board.nsh("free").splitlines()[1].split()[1])
    board.spawn(lambda sys: sys.sleep(100), "idler", stack=4096)
    after = int(board.nsh("free").splitlines()[1].split()[1])
    assert after - before == 4096 + 8


# Network


def test_ifconfig_sets_an_address_with_its_mask_and_router(board: Board) -> None:
    assert board.nsh("ifconfig eth0 192.168.3.4") == ""
    assert "\tinet addr:192.168.3.4 DRaddr:192.168.3.1 Mask:255.255.255.0\n" in board.nsh("ifconfig eth0")


def test_ifconfig_sets_what_it_is_told(board: Board) -> None:
    assert board.nsh("ifconfig eth0 172.16.5.9 netmask 255.255.0.0 gw 172.16.0.254") == ""
    assert "\tinet addr:172.16.5.9 DRaddr:172.16.0.254 Mask:255.255.0.0\n" in board.nsh("ifconfig eth0")
    assert board.nsh("ifconfig eth0 mtu 1400") == ""
    assert " mtu 1400\n" in board.nsh("ifconfig eth0")
    assert board.nsh("ifconfig eth0 hw 02:00:00:00:00:09; ifconfig eth0").startswith(
        "eth0\tLink encap:Ethernet HWaddr 02:00:00:00:00:09 at "
    )


def test_ifconfig_of_one_device_shows_no_statistics(board: Board) -> None:
    text = board.nsh("ifconfig lo")
    assert text.startswith("lo\tLink encap:Local Loopback at RUNNING mtu 1518\n")
    assert "Received     " not in text


def test_ifconfig_sets_nothing_of_an_unknown_device_and_has_done_its_work(board: Board) -> None:
    assert run(board, "ifconfig eth7 10.0.1.9") == ("", 0)
    assert run(board, "ifconfig eth7 up") == ("", 0)


def test_ifconfig_takes_an_address_without_a_word_before_it_within_its_first_words_only(board: Board) -> None:
    assert board.nsh("ifconfig eth0 netmask 255.255.0.0 10.0.1.7") == ""
    assert "\tinet addr:10.0.1.7 DRaddr:10.0.0.1 Mask:255.255.0.0\n" in board.nsh("ifconfig eth0")
    assert board.nsh("ifconfig eth0 netmask 255.0.0.0 gw 10.0.0.2 10.0.1.8") == "nsh: ifconfig: argument invalid\n"
    assert "\tinet addr:10.0.1.7 " in board.nsh("ifconfig eth0")


def test_ifconfig_refuses_an_mtu_that_the_device_cannot_have(board: Board) -> None:
    assert run(board, "ifconfig eth0 mtu 9000") == ("nsh: ifconfig: argument invalid\n", 1)
    assert board.nsh("ifconfig eth0 mtu 5") == ""
    assert " mtu 1280\n" in board.nsh("ifconfig eth0")


def test_ifconfig_up_wins_over_down(board: Board) -> None:
    assert board.nsh("ifconfig eth0 down") == ""
    assert " at DOWN mtu" in board.nsh("ifconfig eth0")
    assert board.nsh("ifconfig eth0 up down") == ""
    assert " at RUNNING mtu" in board.nsh("ifconfig eth0")


def test_ifup_and_ifdown_say_whether_it_worked(board: Board) -> None:
    assert board.nsh("ifdown eth0") == "ifdown eth0...OK\n"
    assert " at DOWN mtu" in board.nsh("ifconfig eth0")
    assert board.nsh("ifup eth0") == "ifup eth0...OK\n"
    assert " at RUNNING mtu" in board.nsh("ifconfig eth0")
    assert run(board, "ifup eth7") == ("ifup eth7...Failed\n", 1)


def test_the_network_stays_down_at_boot_if_it_is_configured_so() -> None:
    with Board(NETINIT_NETLOCAL=True) as board:
        assert " at DOWN mtu" in board.nsh("ifconfig eth0")


# The host's side


def test_each_command_of_the_host_has_a_shell_of_its_own(board: Board) -> None:
    assert board.nsh("cd /tmp; set a 5; pwd; echo $a") == "/tmp\n5\n"
    assert run(board, "false") == ("", 1)
    assert board.nsh("pwd; echo $a $?") == "/\n 0\n"


def test_a_command_that_does_not_end_is_reported_with_what_it_printed(board: Board) -> None:
    with pytest.raises(TimeoutError, match="so far:\nbefore"):
        board.nsh("echo before; sleep 100", timeout=5)
    assert "sleep" not in board.nsh("ps")


def test_a_command_that_does_not_end_is_reported_with_what_it_waits_for(board: Board) -> None:
    def hog(sys: Any) -> None:
        with sys.net_lock:
            sys.sleep(1000)

    board.spawn(hog, "hog")
    with pytest.raises(TimeoutError, match=r"sh: waits for net_lock, held by hog \(pid \d+\)"):
        board.nsh("ifconfig eth0 mtu 1400", timeout=5)


def test_reboot_ends_the_command_and_starts_the_board_anew(board: Board) -> None:
    board.nsh("ifconfig eth0 10.9.9.9")
    board.nsh("reboot")
    assert "addr:10.0.1.2 " in board.nsh("ifconfig eth0")


def test_poweroff_ends_the_board(board: Board) -> None:
    board.boot()
    job = run_command(board.kernel, "poweroff")
    board.run(1)
    assert job.done
    assert board.kernel.closed


def test_commands_of_a_board_without_power_control_fail(board: Board) -> None:
    board.kernel.on_reboot = board.kernel.on_poweroff = None
    assert board.nsh("reboot") == "nsh: reboot: boardctl failed: 25\n"
    assert board.nsh("poweroff") == "nsh: poweroff: boardctl failed: 25\n"
