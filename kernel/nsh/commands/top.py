"""top: the busiest tasks, over and over, until q, Escape or Ctrl-C."""

from __future__ import annotations

from errno import ENOENT
from typing import TYPE_CHECKING

from kernel.cpuload import SI_LOAD_SHIFT, sysinfo_load
from kernel.fs.devices import OpenConsole
from kernel.fs.openfile import STDIN
from kernel.nsh.command import ERROR, OK, CallFailed
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.tasklist import proc_names, proc_task, ps_line, ps_title
from kernel.nsh.numbers import atoi
from kernel.taskinfo import TaskInfo, task_info

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

CLEAR, HOME, ERASE_LINE, ERASE_REST, BOLD, PLAIN = (f"\x1b[{code}" for code in ("2J", "1;1H", "K", "J", "1m", "0m"))
QUIT = (b"q", b"\x1b", b"\x03")
RUNNING = ("Running", "Ready", "Pending")
USAGE = "Usage: top[ -n <num>] [ -d <delay>][ -p <pidlist>] [ -h ]\n"
DELAY = 3  # s
DAY = 86400  # s


def top(shell: Shell, argv: list[str]) -> int:
    """-n: how many tasks, -d: seconds between, -p: which. -h asks for heap usage, which is not configured."""
    values = dict(getopt(argv, "d:p:n:h")[0])
    if "?" in values:
        shell.write(USAGE)
        return ERROR
    most = atoi(values["n"]) if "n" in values else None
    delay = atoi(values.get("d", str(DELAY)))
    wanted = [word for word in values["p"].split(",") if word] if "p" in values else None
    shell.write(CLEAR)
    try:
        while True:
            shell.write(HOME)
            shell.write(_screen(shell, _tasks(shell, wanted), most))
            if _key(shell, delay):
                break
    except InterruptedError:
        return OK
    return ERROR if wanted else OK  # in NuttX, too, the list has a length that is taken for a status


def _tasks(shell: Shell, wanted: list[str] | None) -> list[TaskInfo]:
    """The busiest first. Raises CommandError if one cannot be seen."""
    if wanted is None:
        try:
            return _sorted([task_info(shell.kernel, int(name)) for name in proc_names(shell, "top")])
        except CallFailed as error:
            shell.error("top", error.message(shell.strerror))
            raise CallFailed("nsh_foreach_direntry", error.errno) from None
    tasks = []
    for word in filter(str.isdigit, wanted):
        task = proc_task(shell, word)
        if task is None:
            shell.error("top", CallFailed("ps_record", ENOENT).message(shell.strerror))
            raise CallFailed("nsh_foreach_direntry", ENOENT)
        tasks.append(task)
    return _sorted(tasks)


def _sorted(tasks: list[TaskInfo]) -> list[TaskInfo]:
    return sorted(tasks, key=lambda task: -task.load)


def _screen(shell: Shell, tasks: list[TaskInfo], most: int | None) -> str:
    kernel = shell.kernel
    text = "".join(ERASE_LINE + line for line in _summary(shell, tasks))
    text += ERASE_LINE + BOLD + ps_title(kernel) + PLAIN
    text += "".join(ERASE_LINE + ps_line(kernel, task) for task in tasks[:most])
    if isinstance(shell.sys.task.files.get(STDIN), OpenConsole):
        text += ERASE_LINE + "use 'q' or Ctrl+c to quit\n"
    return text + ERASE_REST


def _summary(shell: Shell, tasks: list[TaskInfo]) -> list[str]:
    kernel = shell.kernel
    up = kernel.ticks * kernel.tick_ns // 1_000_000_000
    days = f"{up // DAY}d " if up >= DAY else ""
    running = sum(task.state in RUNNING for task in tasks)
    busy = 1000 * sysinfo_load(kernel) >> SI_LOAD_SHIFT
    idle = 1000 - busy
    heap = kernel.heap.stats()
    return [
        f"top - up {days}{up % DAY // 3600:02}:{up % 3600 // 60:02}:{up % 60:02}\n",
        f"Tasks: {len(tasks)} total, {running} running, {len(tasks) - running} sleeping\n",
        f"%Cpu(s): {busy // 10:2}.{busy % 10} busy, {idle // 10:2}.{idle % 10} idle\n",
        f"Mem : {heap.total:8} total, {heap.used:8} used, {heap.free:8} free\n",
        "\n",
    ]


def _key(shell: Shell, delay: int) -> bool:
    """Waits so many seconds for a key; whether one came that ends top. Raises InterruptedError."""
    stdin = shell.sys.task.files.get(STDIN)
    if not isinstance(stdin, OpenConsole):
        shell.sys.sleep(delay % 2**32)
        return False
    ticks = shell.kernel.ms2tick(delay * 1000 if delay >= 0 else None)
    if not stdin.console.wait_input(ticks):
        return False
    with stdin.raw():
        return shell.sys.read(1) in QUIT
