"""/proc: files made from live state."""

from collections.abc import Iterator

import pytest

from board import Board
from kernel.fs.node import Directory
from kernel.fs.vfs import fullpath
from kernel.stackmodel import NARROW, WIDE
from kernel.taskinfo import task_info, task_pids

MAY_BE_EMPTY = ("/proc/net/", *(f"/proc/{pid}/group/{file}" for pid in (0, 1, 2, 3, "self") for file in ("fd", "env")))


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        board.boot()
        yield board


def fields(text: str) -> dict[str, str]:
    """Labels and values of a status file; each label stands in 12 columns."""
    return {line[:12].rstrip(): line[12:] for line in text.splitlines()}


def all_files(board: Board, path: str = "/proc") -> list[str]:
    node = board.kernel.vfs.find(path)
    if not isinstance(node, Directory):
        return [path]
    return [found for name in node.entries() for found in all_files(board, f"{path}/{name}")]


def test_every_file_can_be_read(board: Board) -> None:
    files = all_files(board)
    assert {"/proc/version", "/proc/net/eth0", "/proc/0/status", "/proc/self/stack", "/proc/3/group/fd"} <= set(files)
    for path in files:
        with board.kernel.vfs.open(path) as file:
            text = file.read(10000).decode()
        assert text.endswith("\n") or (text == "" and path.startswith(MAY_BE_EMPTY)), path


def test_paths_are_found_whatever_their_slashes(board: Board) -> None:
    for path in ("/proc", "proc/", "//proc//.", "/./proc/"):
        assert isinstance(board.kernel.vfs.find(path), Directory)


@pytest.mark.parametrize("path", ["/nowhere", "/proc/4711", "/proc/net/eth9"])
def test_what_is_not_there_is_enoent(board: Board, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        board.kernel.vfs.find(path)


def test_a_file_has_no_entries(board: Board) -> None:
    with pytest.raises(FileNotFoundError):
        board.kernel.vfs.find("/proc/version/x")


@pytest.mark.parametrize(
    ("cwd", "path", "full"),
    [
        ("/", "proc", "/proc"),
        ("/a/b", "c", "/a/b/c"),
        ("/a/b", "../../../c/.", "/c"),
        ("/a", "", "/a"),
        ("/a", "/", "/"),
    ],
)
def test_relative_paths_are_made_absolute(cwd: str, path: str, full: str) -> None:
    assert fullpath(cwd, path) == full


def test_tasks_are_listed_by_pid_behind_the_idle_task(board: Board) -> None:
    pids = task_pids(board.kernel)
    assert pids == sorted(pids) and pids[0] == 0
    assert [task_info(board.kernel, pid).name for pid in pids] == ["Idle_Task", "hpwork", "lpwork", "nsh_main"]


def test_a_task_that_is_gone_is_not_found(board: Board) -> None:
    with pytest.raises(ProcessLookupError):
        task_info(board.kernel, 4711)


def test_self_is_whoever_asks(board: Board) -> None:
    assert board.nsh("cat /proc/self/cmdline") == "sh -c cat /proc/self/cmdline\n"


def test_status_shows_what_a_task_waits_for(board: Board) -> None:
    def states() -> dict[str, str]:
        infos = (task_info(board.kernel, pid) for pid in task_pids(board.kernel))
        return {info.name: f"{info.state},{info.event}" for info in infos}

    mutex_holder = board.spawn(lambda sys: (sys.net_lock.lock(), sys.sleep(100)), "holder")
    board.run(0.1)
    board.spawn(lambda sys: sys.net_lock.lock(), "locker")
    board.spawn(lambda sys: sys.semaphore().wait(), "waiter")
    board.spawn(lambda sys: None, "late", priority=1)
    assert states()["late"] == "Ready,"
    board.run(0.1)
    assert states() == {
        "Idle_Task": "Running,",
        "hpwork": "Waiting,Semaphore",
        "lpwork": "Waiting,Semaphore",
        "nsh_main": "Waiting,Semaphore",
        "holder": "Waiting,Signal",
        "locker": f"Waiting,Mutex:{mutex_holder.pid}",
        "waiter": "Waiting,Semaphore",
    }


def test_the_text_of_status_is_that_of_nuttx(board: Board) -> None:
    board.spawn(lambda sys: sys.sleep(100), "sleeper-with-a-long-name", priority=42, args=("a", "b"))
    board.run(0.1)
    pid = task_pids(board.kernel)[-1]
    assert board.nsh(f"cat /proc/{pid}/status") == (
        "Name:       sleeper-with-a-lon\n"
        "Type:       Task\n"
        f"Group:      {pid}\n"
        "State:      Waiting,Signal\n"
        "Flags:      -\n"
        "Priority:   42\n"
        "Scheduler:  SCHED_FIFO\n"
        "SigMask:    0000000000000000\n"
    )
    assert board.nsh(f"cat /proc/{pid}/cmdline") == "sleeper-with-a-long-name a b\n"


def test_status_shows_the_base_priority_if_inheritance_is_configured() -> None:
    with Board(PRIORITY_INHERITANCE=True) as board:
        assert fields(board.nsh("cat /proc/1/status"))["Priority:"] == "224 (224)"


def test_status_and_ps_name_the_policy_and_the_cpu() -> None:
    with Board("smp4", RR_INTERVAL=100) as board:
        board.boot()
        status = fields(board.nsh("cat /proc/self/status"))
        assert status["Scheduler:"] == "SCHED_RR"
        assert status["CPU:"] in "0123"
        assert fields(board.nsh("cat /proc/4/status"))["CPU:"] == "---"
        assert [fields(board.nsh(f"cat /proc/{pid}/status"))["CPU:"] for pid in range(4)] == ["0", "1", "2", "3"]
        title, *rows = board.nsh("ps").splitlines()
        assert title.startswith("  TID   PID  PPID CPU PRI POLICY")
        assert [row.split(maxsplit=13)[-1][-9:] for row in rows[:4]] == [f"CPU{n} IDLE" for n in range(4)]


def test_kernel_threads_are_members_of_the_idle_tasks_group(board: Board) -> None:
    status = fields(board.nsh("cat /proc/2/group/status"))
    assert status["Main task:"] == "0"
    assert status["Members:"] == "3"
    assert board.nsh("cat /proc/2/group/status").endswith("Member IDs: 0 1 2\n")
    assert status["Flags:"] == "0x03"


def test_programs_have_groups_that_may_be_traced(board: Board) -> None:
    assert fields(board.nsh("cat /proc/3/group/status"))["Flags:"] == "0x40"


def test_iobinfo_counts_buffers_in_use(board: Board) -> None:
    iob = board.kernel.iobs.tryalloc()
    assert iob is not None
    row = board.nsh("cat /proc/iobinfo").splitlines()[1]
    assert [int(row[i : i + 10]) for i in range(0, 40, 10)] == [1024, 1023, 0, 1007]
    board.kernel.iobs.free(iob)


def test_udp_sockets_are_listed(board: Board) -> None:
    assert board.nsh("cat /proc/net/udp") == ""
    board.nsh("udpecho 4242 &")
    assert ":4242" in board.nsh("cat /proc/net/udp")


def test_uptime_is_rounded_to_hundredths_of_a_second() -> None:
    with Board(USEC_PER_TICK=1000) as board:
        board.boot()
        board.run(1.234 - board.kernel.ticks / 1000)
        assert board.nsh("cat /proc/uptime") == "      1.23\n"
        board.run(0.002)
        assert board.nsh("cat /proc/uptime") == "      1.24\n"


# Stacks


def test_the_stack_column_is_what_arguments_and_thread_data_leave() -> None:
    assert WIDE.size(67584, []) == 67504
    assert WIDE.size(67584, ["hpwork", "0x4009f240", "0x4009f2c0"]) == 67440
    assert NARROW.size(2048, []) == 2000
    assert WIDE.size(64, []) == 0


def test_stack_use_depends_on_what_a_task_has_done(board: Board) -> None:
    def used(pid: int) -> int:
        return task_info(board.kernel, pid).stack_used

    assert used(2) == WIDE.start + WIDE.wait
    board.nsh("ping -c 1 127.0.0.1")
    assert used(2) == WIDE.start + WIDE.wait + WIDE.work
    pid = board.spawn(lambda sys: sys.sleep(1), "app", priority=1).pid
    assert used(pid) == 0
    board.run(0.1)
    assert used(pid) == WIDE.start + WIDE.calls + WIDE.program


def test_a_full_stack_is_marked() -> None:
    with Board() as board:
        board.boot()
        board.spawn(lambda sys: sys.sleep(1), "narrow", stack=1024)
        board.run(0.1)
        assert "0000912 0000912 100.0%!  0.0% narrow" in board.nsh("ps")
