"""The shell's commands about files: what they print, how they fail, and their exit status, as NuttX has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shell_kit import Terminal, put_file, real_session

from board import Board


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def run(board: Board, *lines: str) -> tuple[str, int]:
    """Runs lines that succeed silently and one more; what that one printed, and its status."""
    for line in lines[:-1]:
        assert run(board, line) == ("", 0), line
    reply = board.nsh(lines[-1])
    return str(reply), reply.status


PREPARED = (
    "mkdir /tmp/d",
    "echo one > /tmp/a",
    "echo two > /tmp/d/b",
    "mkdir /pseudo/sub",
    "ln -s /tmp/a /dev/link",
    "ln -s /nowhere /dev/dangling",
    "ln -s /nowhere /links/dangling",
    "mkrd -m 7 4",
    "mkfifo /dev/fifo",
)


@pytest.fixture
def prepared(board: Board) -> Board:
    for line in PREPARED:
        assert run(board, line) == ("", 0), line
    return board


# Compared with the real system


@pytest.mark.parametrize(
    "commands",
    [
        ["ls /", "cat /tmp/none", "ls -l /nofile", "ls -l /tmp", "rm /tmp/zz", "rmdir /tmp/qq"],
        ["help cat"],
    ],
)
def test_commands_print_what_the_real_system_printed(commands: list[str]) -> None:
    with Board("sim-console") as board:
        board.boot()
        for command in commands:
            wanted = "/tmp:\n" if command == "ls -l /tmp" else real_session()[command]
            assert board.nsh(command) == wanted


def test_a_file_and_what_it_takes_look_as_in_the_real_system() -> None:
    with Board("sim-console") as board:
        terminal = Terminal(board)
        terminal.wait()
        for command in (
            "cd /tmp",
            "pwd",
            "echo hi > /tmp/a",
            "cat /tmp/a",
            "ls -l /tmp",
            "hexdump /tmp/a",
            "df",
            "df -h",
        ):
            heard = terminal.type(command.encode() + b"\r").decode().replace("\r\n", "\n")
            printed = heard.partition("\n")[2].rpartition("nsh> ")[0]
            assert printed == real_session()[command].lstrip("\n")


# Wrong arguments and failing calls


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("basename", "basename: missing required argument(s)"),
        ("basename a b c", "basename: too many arguments"),
        ("cat /tmp", "cat: open failed: 22"),
        ("cat /tmp/d", "cat: read failed: 21"),
        ("cat /dev", "cat: open failed: 6"),
        ("cat /bin", "cat: open failed: 2"),
        ("cat /dev/dangling", "cat: open failed: 2"),
        ("cat /tmp/a/x", "cat: open failed: 20"),
        ("cat /dev/null/x", "cat: open failed: 2"),
        ("cd /nowhere", "cd: chdir failed: 2"),
        ("cd /tmp/a", "cd: chdir failed: 20"),
        ("cd /tmp /dev", "cd: too many arguments"),
        ("cmp /tmp/a", "cmp: missing required argument(s)"),
        ("cmp /tmp/a /tmp/b /tmp/c", "cmp: too many arguments"),
        ("cmp /tmp/a /tmp/none", "cmp: open failed: 2"),
        ("cmp /tmp/none /tmp/a", "cmp: open failed: 2"),
        ("cmp /tmp/d /tmp/a", "cmp: read failed: 21"),
        ("cp /tmp/a", "cp: missing required argument(s)"),
        ("cp -r /tmp/a /tmp/b /tmp/c", "cp: too many arguments"),
        ("cp /tmp/a /tmp/a", "cp: syntax error"),
        ("cp /tmp/a /tmp/d/../a", "cp: syntax error"),
        ("cp /tmp/none /tmp/b", "cp: open_rdfd failed: 2"),
        ("cp /tmp/a /none/b", "cp: open_wrfd failed: 2"),
        ("cp /tmp/a /dev", "cp: open_wrfd failed: 2"),
        ("cp /tmp/a /proc/version", "cp: open_wrfd failed: 13"),
        ("cp /tmp/a /bin", "cp: open_wrfd failed: 13"),
        ("cp /tmp/a /dev/random", "cp: open_wrfd failed: 13"),
        ("cp /dev/zero /tmp/x", "cp: write failed: 12"),
        ("cat /dev/zero > /tmp/x", "cat: write failed: 12"),
        ("cp /tmp/d /tmp/x", "cp: read failed: 21"),
        ("cp -r /tmp/a /tmp/d", "cp: opendir failed: 20"),
        ("cp -r /tmp/none /tmp/d", "cp: opendir failed: 2"),
        ("cp -r /tmp /tmp/none", "cp: open_wrfd failed: 2"),
        ("cp -r /links /tmp/d", "cp: stat failed: 2"),
        ("df -h -h", "df: too many arguments"),
        ("dirname", "dirname: missing required argument(s)"),
        ("dirname a b", "dirname: too many arguments"),
        ("echo x > /tmp", "echo: open failed: 22"),
        ("echo x > /tmp/d", "echo: open failed: 21"),
        ("echo x > /dev", "echo: open failed: 6"),
        ("echo x > /x", "echo: open failed: 2"),
        ("echo x > /proc/x", "echo: open failed: 2"),
        ("echo x > /bin/x", "echo: open failed: 13"),
        ("hexdump", "hexdump: missing required argument(s)"),
        ("hexdump /tmp/a skip=1 count=2 3", "hexdump: too many arguments"),
        ("hexdump /tmp/none", "hexdump: open failed: 2"),
        ("hexdump /tmp/d", "hexdump: read failed: 21"),
        ("ln /tmp/a", "ln: missing required argument(s)"),
        ("ln -s /tmp/a /dev/l x", "ln: too many arguments"),
        ("ln -x /tmp/a /dev/l", "ln: argument invalid"),
        ("ln -s /tmp/a /tmp/l", "ln: link failed: 38"),
        ("ln -s /tmp/a /dev/null", "ln: link failed: 17"),
        ("ls -l /dev/dangling", "ls: stat failed: 2"),
        ("ls /tmp/a/x", "ls: stat failed: 20"),
        ("mkdir", "mkdir: missing required argument(s)"),
        ("mkdir -p /x /y", "mkdir: too many arguments"),
        ("mkdir /tmp/d", "/tmp/d: mkdir failed: 17"),
        ("mkdir /tmp/x/y", "/tmp/x/y: mkdir failed: 2"),
        ("mkdir /tmp/a/y", "/tmp/a/y: mkdir failed: 20"),
        ("mkdir /dev/null", "/dev/null: mkdir failed: 17"),
        ("mkdir /proc", "/proc: mkdir failed: 17"),
        ("mkdir /proc/version", "/proc/version: mkdir failed: 38"),
        ("mkdir -p /tmp/a/y/z", "/tmp/a/y: mkdir failed: 20"),
        ("mkfifo", "mkfifo: missing required argument(s)"),
        ("mkfifo /a /b", "mkfifo: too many arguments"),
        ("mkfifo /dev/null", "mkfifo: mkfifo failed: 17"),
        ("mkfifo /tmp/f", "mkfifo: mkfifo failed: 17"),
        ("mkrd", "mkrd: missing required argument(s)"),
        ("mkrd -m 1 -s 1 10 11", "mkrd: too many arguments"),
        ("mkrd 10 11", "mkrd: too many arguments"),
        ("mkrd -m 1", "mkrd: missing required argument(s)"),
        ("mkrd -m", "mkrd: missing required argument(s)"),
        ("mkrd -m 256 10", "mkrd: value out of range"),
        ("mkrd -m -1 10", "mkrd: argument invalid"),
        ("mkrd -x 10", "mkrd: argument invalid"),
        ("mkrd -m 7 10", "mkrd: boardctl(BOARDIOC_MKRD) failed: 1"),
        ("mkrd 0", "mkrd: boardctl(BOARDIOC_MKRD) failed: 1"),
        ("mkrd x", "mkrd: boardctl(BOARDIOC_MKRD) failed: 1"),
        ("mkrd 200000", "mkrd: boardctl(BOARDIOC_MKRD) failed: 1"),
        ("mount /x", "mount: missing required argument(s)"),
        ("mount -t tmpfs", "mount: missing required argument(s)"),
        ("mount -t", "mount: missing required argument(s)"),
        ("mount -x", "mount: argument invalid"),
        ("mount -t tmpfs a b c", "mount: too many arguments"),
        ("mount -t nofs /x", "mount: mount failed: 15"),
        ("mount -t nofs /dev/null /x", "mount: mount failed: 15"),
        ("mount -t vfat /dev/ram7 /x", "mount: mount failed: 19"),
        ("mount -t tmpfs /dev/ram7 /x", "mount: mount failed: 19"),
        ("mount -t tmpfs /tmp", "mount: mount failed: 20"),
        ("mount -t tmpfs /tmp/d", "mount: mount failed: 20"),
        ("mount -t tmpfs /dev/null", "mount: mount failed: 20"),
        ("mount -t tmpfs /", "mount: mount failed: 16"),
        ("mv /tmp/a", "mv: missing required argument(s)"),
        ("mv a b c", "mv: too many arguments"),
        ("mv /tmp/none /tmp/b", "mv: rename failed: 2"),
        ("mv /tmp/a /tmp/none/b", "mv: rename failed: 2"),
        ("mv /tmp/a /a", "mv: rename failed: 2"),
        ("mv /tmp/a /dev", "mv: rename failed: 18"),
        ("mv /dev/null /tmp/null", "mv: rename failed: 18"),
        ("mv /dev/none /dev/x", "mv: rename failed: 2"),
        ("mv /proc/version /tmp/v", "mv: rename failed: 38"),
        ("mv /tmp/d /tmp/d/x", "mv: rename failed: 22"),
        ("mv /pseudo /pseudo/sub", "mv: rename failed: 22"),
        ("pwd x", "pwd: too many arguments"),
        ("readlink", "readlink: missing required argument(s)"),
        ("readlink /tmp/a", "ls: readlink failed: 22"),
        ("readlink /tmp/none", "ls: readlink failed: 2"),
        ("rm", "rm: missing required argument(s)"),
        ("rm -r", "rm: missing required argument(s)"),
        ("rm -r -f /tmp/a", "rm: too many arguments"),
        ("rm /tmp/d", "rm: unlink failed: 21"),
        ("rm /tmp", "rm: unlink failed: 22"),
        ("rm /proc", "rm: unlink failed: 38"),
        ("rm /dev", "rm: unlink failed: 39"),
        ("rm /dev/null", "rm: unlink failed: 6"),
        ("rm /bin/none", "rm: unlink failed: 38"),
        ("rm -r /bin", "rm: unlink failed: 38"),
        ("rm -r /tmp/none", "rm: unlink failed: 2"),
        ("rm -f /dev/null", "rm: unlink failed: 6"),
        ("rmdir", "rmdir: missing required argument(s)"),
        ("rmdir /tmp/a", "rmdir: rmdir failed: 20"),
        ("rmdir /tmp/d", "rmdir: rmdir failed: 16"),
        ("rmdir /pseudo", "rmdir: rmdir failed: 39"),
        ("rmdir /dev/null", "rmdir: rmdir failed: 20"),
        ("rmdir /none", "rmdir: rmdir failed: 2"),
        ("rmdir /tmp", "rmdir: rmdir failed: 16"),
        ("rmdir /proc", "rmdir: rmdir failed: 38"),
        ("truncate -s 1", "truncate: missing required argument(s)"),
        ("truncate -s 1 a b", "truncate: too many arguments"),
        ("truncate -x 1 /tmp/a", "truncate: argument invalid"),
        ("truncate -s 1k /tmp/a", "truncate: argument invalid"),
        ("truncate -s 1 /tmp/d", "truncate: argument invalid"),
        ("truncate -s 1 /dev/null", "truncate: argument invalid"),
        ("truncate -s 1 /x", "truncate: stat failed: 2"),
        ("truncate -s 1 /tmp/a/x", "truncate: stat failed: 20"),
        ("truncate -s 1 /proc/version", "truncate: truncate failed: 13"),
        ("truncate -s -1 /tmp/a", "truncate: truncate failed: 22"),
        ("truncate -s -1 /tmp/n", "truncate: ftruncate failed: 22"),
        ("truncate -s 99999999 /tmp/a", "truncate: truncate failed: 12"),
        ("umount", "umount: missing required argument(s)"),
        ("umount -f", "umount: missing required argument(s)"),
        ("umount -x /tmp", "umount: argument invalid"),
        ("umount /none", "umount: umount failed: 2"),
        ("umount /dev", "umount: umount failed: 22"),
        ("umount /tmp/d", "umount: umount failed: 22"),
        ("xd 0", "xd: missing required argument(s)"),
        ("xd 0 1 2", "xd: too many arguments"),
        ("xd 40000000 4", "xd: no such memory: 40000000"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_nsh(prepared: Board, line: str, text: str) -> None:
    reply = prepared.nsh(line)
    assert (reply.splitlines()[-1], reply.status) == (f"nsh: {text}", 1)
    assert prepared.reports == []


@pytest.mark.parametrize("line", ["xd zz 4", "xd 0 x", "xd 0 -1", "mkdir -p"])
def test_some_commands_fail_without_a_word(board: Board, line: str) -> None:
    assert run(board, line) == ("", 1)


def test_every_wrong_option_is_complained_about(board: Board) -> None:
    assert run(board, "ls -xy") == ("nsh: ls: argument invalid\n" * 2, 1)
    assert run(board, "mkrd -x -m") == ("nsh: mkrd: argument invalid\nnsh: mkrd: missing required argument(s)\n", 1)
    assert run(board, "rm -rx /tmp/a") == ("Unknown option 0x78\n", 1)


def test_errors_are_named_in_nuttx_words_if_configured() -> None:
    with Board(NSH_STRERROR=True) as board:
        assert run(board, "mkdir /proc/x") == ("nsh: /proc/x: mkdir failed: Invalid system call number\n", 1)
        assert run(board, "truncate -s 99999999 /tmp/a")[0].endswith("ftruncate failed: Out of memory\n")


# Listings


def test_ls_tells_mode_size_and_the_newest_file_first(prepared: Board) -> None:
    assert run(prepared, "ls -l /tmp") == ("/tmp:\n -rwxrwxrwx           4 a\n drwxrwxrwx          16 d/\n", 0)
    assert run(prepared, "ls -s /tmp") == ("/tmp:\n           4 a\n          16 d/\n", 0)
    assert run(prepared, "ls /tmp") == ("/tmp:\n a\n d/\n", 0)
    assert run(prepared, "ls -l /tmp/a") == (" -rwxrwxrwx           4 /tmp/a\n", 0)
    assert run(prepared, "ls /tmp/a") == (" /tmp/a\n", 0)
    assert run(prepared, "ls -R /tmp") == ("/tmp:\n a\n d/\n/tmp/d:\n b\n", 0)
    assert run(prepared, "ls -l /bin")[0].splitlines()[1] == " ---x--x--x           0 dd"
    assert " dr-xr-xr-x           0 bin/\n dr--r--r--           0 dev/\n" in run(prepared, "ls -l /")[0]


def test_ls_shows_devices_disks_fifos_and_where_links_point(prepared: Board) -> None:
    listed, status = run(prepared, "ls /dev")
    assert " dangling ->/nowhere\n" in listed and " link ->/tmp/a\n" in listed and " null\n" in listed
    assert status == 0
    assert run(prepared, "rm /dev/dangling", "ls -l /dev")[0].splitlines()[1:] == [
        " crw-rw-rw-           0 console",
        " ?rwxrwxrwx           0 fifo",
        " crw-rw-rw-           0 kmsg",
        " -rwxrwxrwx           4 link ->/tmp/a",
        " crw-rw-rw-           0 null",
        " brw-rw-rw-        2048 ram7",
        " cr--r--r--           0 random",
        " crw-rw-rw-           0 ttyS0",
        " crw-rw-rw-           0 urandom",
        " crw-rw-rw-           0 zero",
    ]


def test_a_dangling_link_ends_a_long_listing(prepared: Board) -> None:
    assert run(prepared, "ls -l /dev") == (
        "/dev:\n crw-rw-rw-           0 console\nnsh: ls: stat failed: 2\n",
        1,
    )


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "           0"),
        (1023, "        1023"),
        (1024, "         1.0K"),
        (1536, "         1.5K"),
        (1048575, "      1023.9K"),
        (1048576, "         1.0M"),
        (15728640, "        15.0M"),
    ],
)
def test_sizes_have_units_if_asked_for(board: Board, size: int, shown: str) -> None:
    assert run(board, f"truncate -s {size} /tmp/f", "ls -sh /tmp/f") == (f"{shown} /tmp/f\n", 0)


# The working directory


def test_cd_goes_home_back_and_up(board: Board) -> None:
    def where(line: str) -> str:
        return str(board.nsh(f"cd /tmp/d; {line}; pwd"))

    run(board, "mkdir /tmp/d")
    assert where("cd ..") == "/tmp\n"
    assert where("cd ../../dev") == "/dev\n"
    assert where("cd") == where("cd ~") == where("cd ''") == "/\n"
    assert where("cd -") == "/\n"
    assert where("cd /dev; cd -") == "/tmp/d\n"
    assert where("cd .") == "/tmp/d\n"
    assert board.nsh("pwd") == "/\n"


def test_cd_through_a_link_ends_where_it_points(board: Board) -> None:
    run(board, "mkdir /tmp/d", "ln -s /tmp/d /link")
    assert run(board, "cd /link; pwd") == ("/tmp/d\n", 0)
    assert run(board, "cd /link; echo x > f; ls") == ("/tmp/d:\n f\n", 0)


# Copying, moving, removing


def test_cp_copies_files_into_files_directories_and_devices(prepared: Board) -> None:
    assert run(prepared, "cp /tmp/a /tmp/c", "cat /tmp/c") == ("one\n", 0)
    assert run(prepared, "cp /tmp/c /tmp/d", "cat /tmp/d/c") == ("one\n", 0)
    assert run(prepared, "cp /tmp/d/b /tmp/c", "cat /tmp/c") == ("two\n", 0)
    assert run(prepared, "cp /tmp/a /dev/null; cp /tmp/a /dev/ram7; hexdump /dev/ram7 count=4") == (
        "/dev/ram7 at 00000000:\n0000: 6f 6e 65 0a                                     one.\n",
        0,
    )
    assert run(prepared, "cp /dev/ram7 /tmp/image", "ls -s /tmp/image") == ("        2048 /tmp/image\n", 0)
    assert run(prepared, "cp /proc/version /tmp/v", "cmp /proc/version /tmp/v") == ("", 0)


def test_cp_recursively_copies_what_is_in_a_directory(prepared: Board) -> None:
    run(prepared, "mkdir /tmp/d/e", "cp /tmp/a /tmp/d/e/deep", "mkdir /tmp/x", "cp -r /tmp/d /tmp/x")
    assert run(prepared, "ls -R /tmp/x") == ("/tmp/x:\n b\n e/\n/tmp/x/e:\n deep\n", 0)
    assert run(prepared, "cat /tmp/x/e/deep") == ("one\n", 0)
    assert run(prepared, "cp -r /tmp/d /tmp/x") == ("nsh: cp: mkdir failed: 17\n", 1)


def test_cp_of_a_directory_into_itself_ends(board: Board) -> None:
    assert run(board, "mkdir /tmp/x", "cp -r /tmp /tmp/x") == ("nsh: cp: mkdir failed: 36\n", 1)
    assert run(board, "rm -r /tmp/x", "ls /tmp") == ("/tmp:\n", 0)


def test_cp_without_a_destination_copies_to_the_home_directory(prepared: Board) -> None:
    assert run(prepared, "cp -r /tmp") == ("nsh: cp: open_wrfd failed: 2\n", 1)


def test_a_full_memory_ends_cp_and_leaves_what_was_copied(board: Board) -> None:
    board.boot()
    assert run(board, "cp /dev/zero /tmp/z") == ("nsh: cp: write failed: 12\n", 1)
    assert int(board.nsh("ls -s /tmp/z").split()[0]) > 60_000_000
    assert run(board, "rm /tmp/z", "df")[0].splitlines()[-1] == "   512          1          0           1 /tmp"


def test_mv_moves_over_files_and_into_directories(prepared: Board) -> None:
    assert run(prepared, "mv /tmp/a /tmp/c", "ls /tmp") == ("/tmp:\n c\n d/\n", 0)
    assert run(prepared, "mv /tmp/c /tmp/d", "ls /tmp/d") == ("/tmp/d:\n c\n b\n", 0)
    assert run(prepared, "mv /tmp/d/b /tmp/d/c", "cat /tmp/d/c") == ("two\n", 0)
    assert run(prepared, "echo new > /tmp/c", "mv /tmp/c /tmp/d") == ("nsh: mv: rename failed: 17\n", 1)
    assert run(prepared, "mv /tmp/c /tmp/c; mv /tmp/none /tmp/none") == ("", 0)
    assert run(prepared, "mv /tmp/d /tmp/e", "cat /tmp/e/c") == ("two\n", 0)


def test_mv_moves_devices_links_and_mount_points_in_the_tree_itself(prepared: Board) -> None:
    assert run(prepared, "mv /dev/link /x/y/link", "cat /x/y/link") == ("one\n", 0)
    assert run(prepared, "mv /dev/zero /dev/null", "ls /dev")[0].count("zero") == 0
    assert run(prepared, "hexdump /dev/null count=2")[0].endswith(
        "0000: 00 00                                           ..\n"
    )
    assert run(prepared, "mv /tmp /memory", "cat /memory/a") == ("one\n", 0)
    assert "  /memory type tmpfs\n" in run(prepared, "mount")[0]


def test_rm_removes_files_links_trees_and_minds_nothing_if_forced(prepared: Board) -> None:
    assert run(prepared, "rm /dev/link", "cat /tmp/a") == ("one\n", 0)
    assert run(prepared, "rm -r /tmp/d", "ls /tmp") == ("/tmp:\n a\n", 0)
    assert run(prepared, "rm -rf /tmp/none; rm -f /tmp/none; rm -f; rm -f /tmp/a; ls /tmp") == ("/tmp:\n", 0)
    assert run(prepared, "rm /pseudo/sub", "rm -r /pseudo", "ls /pseudo") == ("nsh: ls: stat failed: 2\n", 1)


def test_rm_removes_a_device_if_its_driver_lets_it(prepared: Board) -> None:
    assert run(prepared, "rm /dev/fifo", "rm /dev/ram7", "rm /dev/ttyS0", "cat /dev/ttyS0")[1] == 1
    assert run(prepared, "echo still here") == ("still here\n", 0)


def test_rm_takes_one_file_only(board: Board) -> None:
    assert run(board, "echo > /tmp/a", "echo > /tmp/b", "rm /tmp/a /tmp/b", "ls /tmp") == ("/tmp:\n b\n", 0)


def test_mkdir_makes_what_is_on_the_way_if_asked_or_in_the_tree_itself(board: Board) -> None:
    assert run(board, "mkdir -p /tmp/a/b/c", "mkdir -p /tmp/a/b/c", "ls -R /tmp/a") == (
        "/tmp/a:\n b/\n/tmp/a/b:\n c/\n/tmp/a/b/c:\n",
        0,
    )
    assert run(board, "mkdir /x/y/z", "ls -R /x") == ("/x:\n y/\n/x/y:\n z/\n/x/y/z:\n", 0)


def test_cat_copies_every_byte_of_a_file_or_a_pipe_that_is_its_input(board: Board) -> None:
    """A terminal's Ctrl-D among them, which ends nothing there."""
    assert run(board, "printf a \\\\x04 b > /tmp/f", "cat < /tmp/f > /tmp/copy", "cmp /tmp/f /tmp/copy") == ("", 0)
    assert board.nsh("cat /tmp/f | cat").splitlines()[-1] == "a\x04b"


def test_truncate_makes_shortens_and_lengthens(board: Board) -> None:
    assert run(board, "truncate -s 0 /tmp/a", "ls -s /tmp/a") == ("           0 /tmp/a\n", 0)
    assert run(board, "echo hello > /tmp/a", "truncate -s 0x2 /tmp/a", "cat /tmp/a") == ("he", 0)
    assert run(board, "truncate -s 04 /tmp/a", "hexdump /tmp/a")[0].endswith(
        "0000: 68 65 00 00                                     he..\n"
    )


# Links and FIFOs


def test_links_are_followed_and_told(board: Board) -> None:
    run(board, "echo x > /tmp/f", "ln -s /tmp /t", "ln /t/f /a/link")
    assert run(board, "cat /t/f; cat /a/link; readlink /t; readlink /a/link") == ("x\nx\n/tmp\n/t/f\n", 0)
    assert run(board, "ln -s /loop /loop", "cat /loop") == ("nsh: cat: open failed: 40\n", 1)


def test_a_fifo_carries_from_one_command_to_another(board: Board) -> None:
    run(board, "mkfifo /dev/f")
    assert run(board, "cat /dev/f &; echo hello > /dev/f; sleep 1")[0].endswith("]\nhello\n")
    assert run(board, "rm /dev/f", "ls /dev/f") == ("nsh: ls: stat failed: 2\n", 1)


def test_ctrl_c_ends_the_wait_at_a_fifo(board: Board) -> None:
    terminal = Terminal(board)
    terminal.type(b"mkfifo /dev/f\r")
    assert b"failed" not in terminal.type(b"cat /dev/f\r")
    assert b"nsh: cat: open failed: 4\r\n" in terminal.type(b"\x03")
    assert b"nsh: hexdump: open failed: 4\r\n" in terminal.type(b"hexdump /dev/f\r") + terminal.type(b"\x03")


# Looking into files and memory


def test_hexdump_shows_buffers_of_1024_bytes(board: Board) -> None:
    run(board, "truncate -s 1040 /tmp/f")
    lines = board.nsh("hexdump /tmp/f").splitlines()
    assert [line for line in lines if ":" in line[5:]] == ["/tmp/f at 00000000:", "/tmp/f at 00000400:"]
    assert lines[64] == "03f0: " + "00 " * 16 + "." * 16
    assert lines[66] == "0000: " + "00 " * 16 + "." * 16
    assert board.nsh("truncate -s 0 /tmp/f; hexdump /tmp/f") == ""


@pytest.mark.parametrize(
    ("options", "title", "shown"),
    [
        ("count=3", "00000000", "abc"),
        ("skip=2 count=2", "00000002", "cd"),
        ("count=2 skip=2", "00000002", "cd"),
        ("skip=4", "00000004", "ef."),
        ("count=0", "00000000", ""),
        ("count=x", "00000000", ""),
        ("other=1 count=2", "00000000", "ab"),
    ],
)
def test_hexdump_shows_a_part(board: Board, options: str, title: str, shown: str) -> None:
    lines = board.nsh(f"echo abcdef > /tmp/f; hexdump /tmp/f {options}").splitlines()
    assert lines[0] == f"/tmp/f at {title}:"
    assert [line[54:] for line in lines[1:]] == ([shown] if shown else [])


def test_hexdump_skips_whole_buffers(board: Board) -> None:
    run(board, "truncate -s 3000 /tmp/f")
    assert [line for line in board.nsh("hexdump /tmp/f skip=1500 count=600").splitlines() if " at " in line] == [
        "/tmp/f at 000005dc:",
        "/tmp/f at 00000800:",
    ]
    assert board.nsh("hexdump /tmp/f skip=3000") == ""


def test_hexdump_of_a_long_name_cuts_its_title(board: Board) -> None:
    run(board, "mkdir /tmp/directory", "echo x > /tmp/directory/file")
    assert board.nsh("hexdump /tmp/directory/file").splitlines()[0] == "/tmp/directory/file at 00000000:"[:31] + ":"


def test_cmp_is_silent_about_equal_files_and_tells_how_far_it_came(board: Board) -> None:
    run(board, "echo abc > /tmp/a", "echo abc > /tmp/b", "echo abd > /tmp/c", "echo ab > /tmp/d")
    assert run(board, "cmp /tmp/a /tmp/b") == ("", 0)
    assert run(board, "cmp /tmp/a /tmp/c") == ("files differ: byte 4\n", 1)
    assert run(board, "cmp /tmp/a /tmp/d") == ("files differ: byte 3\n", 1)
    run(board, "truncate -s 128 /tmp/e", "truncate -s 128 /tmp/f")
    assert run(board, "cmp /tmp/e /tmp/f") == ("", 0)
    assert run(board, "truncate -s 130 /tmp/f", "cmp /tmp/e /tmp/f") == ("files differ: byte 0\n", 1)


def test_xd_shows_what_is_kept_in_memory_and_nothing_else(board: Board) -> None:
    run(board, "echo hello > /tmp/a", "mkrd 1", "cp /tmp/a /dev/ram0")
    blocks = {what: address for address, _, what in board.kernel.heap.blocks()}
    file, disk, stack = blocks["tmpfs file"], blocks["RAM disk"], blocks["stack of nsh_main"]
    row = "68 65 6c 6c 6f 0a                               hello."
    assert run(board, f"xd {file:x} 6") == (f"Hex dump:\n0000: {row}\n", 0)
    assert run(board, f"xd 0x{file + 1:x} 4")[0].endswith("ello\n")
    assert run(board, f"xd {disk:X} 512")[0].count("\n") == 33
    assert run(board, f"xd {file:x} 7") == (f"nsh: xd: no such memory: {file:x}\n", 1)
    assert run(board, f"xd {stack:x} 1") == (f"nsh: xd: no such memory: {stack:x}\n", 1)
    assert run(board, f"xd {stack:x} 0") == ("Hex dump:\n", 0)
    assert run(board, "rm /dev/ram0", f"xd {disk:x} 1") == (f"nsh: xd: no such memory: {disk:x}\n", 1)


# Parts of paths


@pytest.mark.parametrize(
    ("path", "base", "directory"),
    [
        ("/a/b.c", "b.c", "/a"),
        ("a/b/", "b", "a"),
        ("a//b", "b", "a"),
        ("//a", "a", "/"),
        ("a", "a", "."),
        ("/", "/", "/"),
        ("///", "/", "/"),
        ("''", ".", "."),
    ],
)
def test_basename_and_dirname_split_a_path(board: Board, path: str, base: str, directory: str) -> None:
    assert run(board, f"basename {path}") == (f"{base}\n", 0)
    assert run(board, f"dirname {path}") == (f"{directory}\n", 0)


def test_basename_takes_a_suffix_off_but_never_the_whole_name(board: Board) -> None:
    assert board.nsh("basename /a/b.c .c") == "b\n"
    assert board.nsh("basename /a/b.c .d") == "b.c\n"
    assert board.nsh("basename .c .c") == ".c\n"


# File systems


def test_mount_lists_mounts_and_umount_takes_them_away(board: Board) -> None:
    board.boot()
    assert run(board, "mount") == ("  /bin type binfs\n  /proc type procfs\n  /tmp type tmpfs\n", 0)
    before = board.kernel.heap.stats().used
    assert run(board, "mount -t tmpfs /mnt/x", "echo x > /mnt/x/f", "ls /mnt/x") == ("/mnt/x:\n f\n", 0)
    assert "  /mnt/x type tmpfs\n" in run(board, "mount")[0]
    assert run(board, "umount -f /mnt/x", "ls /mnt") == ("/mnt:\n", 0)
    assert board.kernel.heap.stats().used == before
    assert (
        run(board, "umount /bin", "mount -t binfs -o any none /bin", "ls -s /bin/hello")[0]
        == "           0 /bin/hello\n"
    )


@pytest.mark.parametrize(
    ("nsectors", "shown"),
    [
        (0, "        1K        0B         1K"),
        (1, "     1536B      512B         1K"),
        (18, "       10K        9K         1K"),
        (19, "       10K     9728B         1K"),
        (1998, "     1000K      999K         1K"),
        (2046, "        1M     1023K         1K"),
        (19996, "        9M     9998K         1K"),
    ],
)
def test_df_uses_a_unit_for_what_is_a_multiple_of_it_and_for_what_is_long(
    board: Board, nsectors: int, shown: str
) -> None:
    run(board, f"truncate -s {nsectors * 512 + 3} /tmp/a")
    assert board.nsh("df -h").splitlines()[-1] == f"  tmpfs     {shown} /tmp"


def test_a_mount_covers_what_was_there(board: Board) -> None:
    assert run(board, "mkdir /mnt/below", "mount -t tmpfs /mnt", "ls /mnt") == ("/mnt:\n", 0)
    assert run(board, "umount /mnt", "ls /mnt") == ("/mnt:\n below/\n", 0)


def test_without_procfs_there_is_nothing_to_list(board: Board) -> None:
    hint = "Could not open /proc/fs/blocks (is procfs mounted?)"
    assert run(board, "umount /proc", "df") == (f"nsh: df: {hint}\nnsh: df: open failed: 2\n", 1)
    assert run(board, "mount")[1] == 1


def test_cat_passes_on_every_byte_that_comes_through_a_pipe(board: Board) -> None:
    put_file(board, "/tmp/x", "a\x04b")
    assert board.nsh("cat /tmp/x | cat").endswith("\na\x04b")


def test_a_ram_disk_has_sectors_and_goes_when_it_is_removed(board: Board) -> None:
    board.boot()
    before = board.kernel.heap.stats().used
    assert run(board, "mkrd -m 5 -s 256 10", "ls -l /dev/ram5") == (" brw-rw-rw-        2560 /dev/ram5\n", 0)
    assert run(board, "cp /dev/zero /dev/ram5") == ("nsh: cp: write failed: 27\n", 1)
    assert run(board, "rm /dev/ram5", "cat /dev/ram5") == ("nsh: cat: open failed: 2\n", 1)
    assert board.kernel.heap.stats().used == before


# Time


def test_copying_takes_the_time_that_the_profile_says() -> None:
    with Board(COST_COPY=1000, CPU_MHZ=1000) as board:
        board.boot()
        begun = board.kernel.clock.now_ns
        assert run(board, "cp /proc/version /tmp/v; ls -s /tmp/v")[1] == 0
        size = int(board.nsh("ls -s /tmp/v").split()[0])
        assert board.kernel.clock.now_ns - begun == 2 * size * 1000


def test_others_run_beside_an_endless_copy_where_copying_takes_time() -> None:
    with Board(COST_COPY=1000, RR_INTERVAL=10) as board:
        board.nsh("cp /dev/zero /dev/null &")
        assert run(board, "echo still here") == ("still here\n", 0)
