"""Commands that look at files and directories: cat, ls, cd, pwd."""

from __future__ import annotations

from errno import EINTR
from typing import TYPE_CHECKING

from kernel.environ import HOMEDIR
from kernel.fs.node import Directory, Link, Node
from kernel.fs.openfile import STDIN, OpenFile
from kernel.nsh.command import ARGINVALID, ERROR, OK, TOOMANYARGS, CallFailed, Command, CommandError
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.paths import below, dirname, path_of

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

BUFFER = 1024  # CONFIG_NSH_FILEIOSIZE
CTRL_D = b"\x04"  # a terminal has no other end
UNITS = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def catfile(shell: Shell, command: str, path: str) -> None:
    """Prints a file on behalf of a command. Raises CommandError."""
    name = path_of(shell, path)
    try:
        file = shell.kernel.vfs.open(name)
    except OSError as error:
        if name.startswith("/proc"):
            shell.error(command, f"Could not open {name} (is procfs mounted?)")
        raise CallFailed("open", error.errno or 0) from None
    with file:
        _print(shell, file)


def cat(shell: Shell, argv: list[str]) -> int:
    """Prints files, or without any what is typed."""
    for path in argv[1:]:
        catfile(shell, argv[0], path)
    if len(argv) == 1:
        _print(shell, shell.sys.task.files[STDIN])
    return OK


def _print(shell: Shell, file: OpenFile) -> None:
    """Prints what is left of a file, or what is typed until Ctrl-D. Raises InterruptedError."""
    while True:
        typed = file.isatty and not file.edited
        if not (data := file.read(BUFFER)):
            return
        if typed and data.endswith(CTRL_D):
            shell.sys.write(data.removesuffix(CTRL_D))
            return
        shell.sys.write(data)
        if typed and len(data) < BUFFER and not data.endswith(b"\n"):
            raise InterruptedError(EINTR, "read: a signal ended the line before its end")


# ls


def ls(shell: Shell, argv: list[str]) -> int:
    """Lists a directory, or names a file. -l: mode and size, -s: size, -h: in units, -R: the directories in it too."""
    given, paths = getopt(argv, "lRsh")
    flags = {letter for letter, _ in given}
    if "?" in flags:
        for letter, _ in given:
            if letter == "?":
                shell.error(argv[0], ARGINVALID)
        return ERROR
    if len(paths) > 1:
        raise CommandError(TOOMANYARGS)
    path = path_of(shell, paths[0]) if paths else shell.sys.getcwd()
    node = _stat(shell, path)
    if isinstance(node, Directory):
        _list(shell, path, node, flags)
    else:
        shell.write(f"{_details(node, flags)} {path}\n")
    return OK


def _stat(shell: Shell, path: str) -> Node:
    """What a path names in the end. Raises CommandError."""
    try:
        return shell.kernel.vfs.find(path)
    except OSError as error:
        raise CallFailed("stat", error.errno or 0) from None


def _list(shell: Shell, path: str, directory: Directory, flags: set[str]) -> None:
    shell.write(f"{path}:\n")
    entries = directory.entries()
    for name, node in entries.items():
        if isinstance(node, Link):
            # Mode and size are those of what it points at, and there have to be some if they are asked for
            target = _stat(shell, below(path, name)) if flags & {"l", "s"} else node
            shell.write(f"{_details(target, flags)} {name} ->{node.target}\n")
        else:
            shell.write(f"{_details(node, flags)} {name}{'/' if isinstance(node, Directory) else ''}\n")
    if "R" in flags:
        for name, node in entries.items():
            if isinstance(node, Directory):
                _list(shell, below(path, name), node, flags)


def _details(node: Node, flags: set[str]) -> str:
    """What stands before the name."""
    text = ""
    if "l" in flags:
        bits = "".join(c if node.mode >> (8 - i) & 1 else "-" for i, c in enumerate("rwxrwxrwx"))
        text += f" {node.kind}{bits}"
    if flags & {"l", "s"}:
        text += _human(node.size()) if "h" in flags else f"{node.size():12}"
    return text


def _human(size: int) -> str:
    for unit, letter in UNITS:
        if size >= unit:
            return f"{size // unit:10}.{size % unit * 10 // unit}{letter}"
    return f"{size:12}"


# The working directory


def cd(shell: Shell, argv: list[str]) -> int:
    """Changes the working directory: ~ or nothing is the home directory, - the one before."""
    word = argv[1] if len(argv) > 1 else "~"
    if word == "~":
        path = HOMEDIR
    elif word == "-":
        path = shell.sys.getenv("OLDPWD") or HOMEDIR
    elif word == "..":
        path = dirname(shell.sys.getcwd())
    else:
        path = path_of(shell, word)
    try:
        shell.sys.chdir(path)
    except OSError as error:
        raise CallFailed("chdir", error.errno or 0) from None
    return OK


def pwd(shell: Shell, argv: list[str]) -> int:
    """Prints the working directory."""
    shell.write(f"{shell.sys.getcwd()}\n")
    return OK


CAT = Command("cat", cat, "[<path> [<path> [<path> ...]]]", most=None)
CD = Command("cd", cd, "[<dir-path>|-|~|..]", most=1)
LS = Command("ls", ls, "[-lRsh] <dir-path>", most=4)
PWD = Command("pwd", pwd)

COMMANDS = (CAT, CD, LS, PWD)
