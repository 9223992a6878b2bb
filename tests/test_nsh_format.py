"""The shell's output against a session with NuttX's simulator: to the byte, or its layout where numbers differ."""

import re
from collections.abc import Iterator

import pytest
from shell_kit import layout, real_session

from board import Board
from kernel.nsh.commands.basic import columns
from kernel.nsh.commands.tasklist import ps_line
from kernel.taskinfo import TaskInfo


@pytest.fixture
def board() -> Iterator[Board]:
    with Board("sim-console", NETINIT_NETLOCAL=False) as board:
        assert board.eth0.host is not None
        board.eth0.host.answers(echo=True)
        yield board


@pytest.mark.parametrize(
    "command",
    [
        "uname",
        "nosuchcmd",
        "cat /tmp/none",
        "ls -l /nofile",
        "ifup eth0",
        "cat /proc/iobinfo",
        "help cat",
        "ping -c 3 10.0.1.1",
        "ping -c 2 10.0.1.77",
        "kill -9 99",
    ],
)
def test_output_is_that_of_nuttx_to_the_byte(board: Board, command: str) -> None:
    assert board.nsh(command) == real_session()[command]


def test_free_has_the_columns_of_nuttx(board: Board) -> None:
    header, row = board.nsh("free").splitlines()
    real_header, real_row = real_session()["free"].splitlines()
    assert header == real_header
    widths = (11, 11, 11, 11, 11, 7, 7)
    for line in (row, real_row):
        cells = [f"{field:>{width}}" for field, width in zip(line.split(), widths, strict=False)]
        assert line == "".join(cells) + " Umem"


def test_meminfo_is_what_free_prints(board: Board) -> None:
    header, row = board.nsh("cat /proc/meminfo").splitlines()
    assert header == board.nsh("free").splitlines()[0]
    assert row.split()[0] == "67108864"


def test_times_are_printed_as_nuttx_prints_them(board: Board) -> None:
    board.run(13.77 - board.kernel.ticks / 100)
    assert board.nsh("cat /proc/uptime") == real_session()["cat /proc/uptime"]
    board.run(14 - board.kernel.ticks / 100)
    assert board.nsh("uptime") == real_session()["uptime"]


def test_ps_has_the_columns_of_nuttx(board: Board) -> None:
    ours = board.nsh("ps").splitlines()
    real = real_session()["ps"].splitlines()
    assert ours[0] == real[0]
    rows = {line.split()[-1] if "0x" not in line else line.split()[-3]: line for line in ours[1:]}
    real_rows = {line.split()[-1] if "0x" not in line else line.split()[-3]: line for line in real[1:]}
    assert rows["Idle_Task"] == real_rows["Idle_Task"]
    for worker in ("hpwork", "lpwork"):
        assert rows[worker][5:].partition("0x")[0] == real_rows[worker][5:].partition("0x")[0]
        assert layout(rows[worker])[5:] == layout(real_rows[worker])[5:]


def test_a_line_of_ps_is_formatted_as_nuttx_formats_it(board: Board) -> None:
    real = real_session()["ps"].splitlines()[-1]
    shell = TaskInfo(
        pid=5,
        name="nsh_main",
        kind="Task",
        args=(),
        group=5,
        parent=0,
        cpu=None,
        state="Running",
        event="",
        priority=100,
        base_priority=100,
        policy="FIFO",
        sigmask=0,
        stack_addr=0,
        stack_size=67464,
        stack_used=2696,
        exiting=False,
        load=0,
    )
    assert ps_line(board.kernel, shell) == real + "\n"


def test_ifconfig_has_the_lines_of_nuttx(board: Board) -> None:
    ours = board.nsh("ifconfig").replace("RUNNING", "DOWN", 1)
    real = real_session()["ifconfig"]
    assert ours[: ours.index(" HWaddr ")] == real[: real.index(" HWaddr ")]
    ours, real = (text[text.index(" at DOWN") :] for text in (ours, real))
    received = re.compile(r"(?<=Bytes   \n\t    )[0-9a-f]{8} 0{8} 0{8} [0-9a-f]{1,16} *(?=\n)")
    assert received.sub("*", ours) == received.sub("*", real)


def test_help_is_laid_out_as_nuttx_lays_it_out() -> None:
    lines = real_session()["help"].splitlines(keepends=True)
    end = lines.index("\n", 2)
    for block in (lines[2:end], lines[end + 2 :]):
        rows = [line.split() for line in block]
        names = [row[i] for i in range(len(rows[0])) for row in rows if i < len(row)]
        assert columns(names) == "".join(block)


def test_help_lists_what_there_is(board: Board) -> None:
    text = board.nsh("help")
    assert text.startswith("help usage:  help [-v] [<cmd>]\n\n    .           ")
    listed = text.split("Builtin Apps:")
    assert {"ps", "free", "ifconfig", "kill", "reboot"} <= set(listed[0].split())
    assert sorted(listed[1].split()) == ["dd", "hello", "inetd", "nsh", "ping", "ping6", "sh", "udpblaster", "udpecho"]
    assert board.nsh("help echo") == "echo usage:  echo [-n] [<string|$name> [<string|$name>...]]\n"
    assert board.nsh("help zzz") == "nsh: zzz: command not found\n"
    verbose = board.nsh("help -v")
    assert "\n  kill [-<signal>] <pid>\n" in verbose
    assert "\n  true\n" in verbose


def test_uname_has_the_fields_of_nuttx(board: Board) -> None:
    ours, real = board.nsh("uname -a"), real_session()["uname -a"]
    assert ours.startswith("NuttX  13.0.1 nutloop-") and real.startswith("NuttX  13.0.1-RC0 ")
    assert len(ours.split()) == len(real.split())
    assert ours.split()[-2:] == real.split()[-2:] == ["sim", "sim"]
    assert board.nsh("cat /proc/version") == f"NuttX version {' '.join(ours.split()[1:-2])} sim:nsh\n"


def test_ls_of_directories_looks_as_in_nuttx(board: Board) -> None:
    ours, real = board.nsh("ls /proc").splitlines(), real_session()["ls /proc"].splitlines()
    assert ours[0] == real[0] == "/proc:"
    names = [line for line in real[1:] if not line[1].isdigit()]
    assert [line for line in ours[1:] if not line[1].isdigit()] == names
    assert ours[1:5] == [" 0/", " 1/", " 2/", " 3/"]
    assert board.nsh("ls /proc/net").splitlines() == real_session()["ls /proc/net"].splitlines()


def test_a_background_command_is_announced_as_in_nuttx(board: Board) -> None:
    assert layout(board.nsh("sleep 3 &")).replace("99", "9") == layout(real_session()["sleep 3 &"]).replace("99", "9")
