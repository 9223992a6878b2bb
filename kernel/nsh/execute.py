"""Executes a command with its arguments.

A built-in application gets a task of its own and the shell waits for it; the shell's own commands run in its task. An
application wins over a command of the same name, as in NuttX.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOENT
from typing import TYPE_CHECKING

from kernel.apps import App
from kernel.errors import Hang
from kernel.fs.openfile import STDOUT
from kernel.nsh.command import (
    ARGREQUIRED,
    ERROR,
    INTERNALERROR,
    NOTFOUND,
    OK,
    SIGNALRECVD,
    TOOMANYARGS,
    CallFailed,
    Command,
    CommandError,
    ShellExit,
    failed_call,
)
from kernel.nsh.commands.paths import basename
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.nsh.redirect import Redirects
    from kernel.nsh.shell import Shell

START_USEC = 200  # so that programs that start one another without end do not stop the board's clock


def execute(shell: Shell, argv: list[str], redirects: Redirects, background: bool = False) -> int:
    """Runs a command with its streams. OK or ERROR. Raises ShellExit."""
    app = _find_app(shell, argv[0])
    if app is None and background:
        app, argv = shell.apps.get("sh"), ["sh", "-c", " ".join(argv)]
    files = shell.sys.task.files
    try:
        with foreground(shell, shell.sys.getpid()):  # a FIFO may keep it waiting
            streams = redirects.open(shell.open, files.get(STDOUT), errors=app is None)
    except InterruptedError:
        return save_result(shell, failed=shell.error(argv[0], SIGNALRECVD) != OK)
    except OSError as error:
        return save_result(shell, failed=_failed(shell, argv[0], failed_call(error, "open")) != OK)
    task = None
    with files.redirected(streams):
        if app is None:
            result = _run_command(shell, argv)
        else:
            task = _start(shell, app, argv, background)
            result = ERROR if task is None else OK
    if task is not None:
        result = _wait(shell, task, background)
    return save_result(shell, failed=result != OK)


def save_result(shell: Shell, *, failed: bool) -> int:
    """Remembers a result, for the if or while that waits for it or for ``$?``."""
    if shell.control.condition(failed):
        shell.failed = False
        return OK
    shell.failed = failed
    return ERROR if failed else OK


def _find_app(shell: Shell, name: str) -> App | None:
    """An application, by its name or by a path that ends in it; whether there is such a file, NuttX does not ask."""
    return shell.apps.get(name) or shell.apps.get(basename(name))


def _start(shell: Shell, app: App, argv: list[str], background: bool) -> Task | None:
    """Starts an application with the streams that the shell has now. None: there is no room for it."""
    arguments = tuple(word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in argv[1:])
    try:
        tasks = shell.kernel.tasks
        task = tasks.create(app.load(), app.name, app.priority, args=arguments, stack=app.stack, start=False)
    except OSError as error:
        shell.errno = error.errno or 0
        shell.error(argv[0], NOTFOUND)  # NuttX goes on to look for a command of that name
        return None
    task.inherit(shell.sys.task)
    task.background |= background
    tasks.start(task)
    return task


def _wait(shell: Shell, task: Task, background: bool) -> int:
    """Waits for an application unless it is to run beside the shell."""
    shell.last_pid = task.pid
    if background:
        shell.sys.burn(START_USEC)
        shell.tell(f"{task.name} [{task.pid}:{shell.kernel.task_priority(task.pid)}]\n")
        return OK
    with foreground(shell, task.pid):
        status = shell.sys.waitpid(task)
    return OK if status == 0 else ERROR


@contextmanager
def foreground(shell: Shell, pid: int) -> Iterator[None]:
    """Meanwhile Ctrl-C is a signal for that task, if the shell is at a terminal and not in the background."""
    console = shell.console
    if console is None or shell.sys.task.background:
        yield
        return
    outer = console.set_foreground(pid)
    try:
        yield
    finally:
        console.set_foreground(outer)  # the command that runs this one, as watch does, or the shell for the one above


def _run_command(shell: Shell, argv: list[str]) -> int:
    """Runs one of the shell's own commands."""
    name = argv[0]
    shell.errno = ENOENT  # there was no application of that name
    command = shell.commands.get(name)
    if command is not None:
        if len(argv) - 1 < command.least:
            return shell.error(name, ARGREQUIRED)
        if len(argv) - 1 > _most(shell, command):
            return shell.error(name, TOOMANYARGS)
    result = shell.error(name, NOTFOUND) if command is None else _call(shell, command, argv)
    shell.last_pid = shell.sys.getpid()
    return result


def _most(shell: Shell, command: Command) -> int:
    return shell.maxarguments - 1 if command.most is None else command.most


def _call(shell: Shell, command: Command, argv: list[str]) -> int:
    name = argv[0]
    try:
        with foreground(shell, shell.sys.getpid()):
            return command.run(shell, argv)
    except (ShellExit, Hang):
        raise
    except CommandError as error:
        return _failed(shell, name, error)
    except InterruptedError:
        return shell.error(name, SIGNALRECVD)
    except OSError as error:
        return _failed(shell, name, failed_call(error, name))
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        shell.kernel.report(f"shell command {name} raised {error!r}\n{trace}")
        return shell.error(name, INTERNALERROR)


def _failed(shell: Shell, name: str, error: CommandError) -> int:
    if isinstance(error, CallFailed):
        shell.errno = error.errno
        return shell.error(name, error.message(shell.strerror))
    return shell.error(name, str(error))
