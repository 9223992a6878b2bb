"""Commands about files: cat and ls."""

from __future__ import annotations

from errno import EISDIR
from getopt import GetoptError, getopt
from typing import TYPE_CHECKING

from kernel.fs.node import Directory, Node
from kernel.nsh.command import ARGINVALID, OK, TOOMANYARGS, CallFailed, Command, CommandError

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

BUFFER = 1024  # CONFIG_NSH_FILEIOSIZE
END_OF_INPUT = (b"", b"\x04")  # Ctrl-D; a terminal has no other end


def catfile(shell: Shell, command: str, path: str) -> None:
    """Prints a file on behalf of a command. Raises CommandError."""
    name = shell.sys.fullpath(path)
    try:
        file = shell.kernel.vfs.open(name)
    except IsADirectoryError:
        raise CallFailed("read", EISDIR) from None  # NuttX opens a directory, and cannot read it
    except OSError as error:
        if name.startswith("/proc"):
            shell.error(command, f"Could not open {name} (is procfs mounted?)")
        raise CallFailed("open", error.errno or 0) from None
    with file:
        while data := file.read(BUFFER):
            shell.sys.write(data)


def cat(shell: Shell, argv: list[str]) -> int:
    """Prints files, or without any what is typed."""
    for path in argv[1:]:
        catfile(shell, argv[0], path)
    if len(argv) == 1:
        while (data := shell.sys.read(1)) not in END_OF_INPUT:
            shell.sys.write(data)
    return OK


def ls(shell: Shell, argv: list[str]) -> int:
    """Lists a directory, or names a file. -l: mode and size, -s: size, -R: the directories in it too."""
    try:
        given, paths = getopt(argv[1:], "lRsh")
    except GetoptError:
        raise CommandError(ARGINVALID) from None
    if len(paths) > 1:
        raise CommandError(TOOMANYARGS)
    flags = {flag[1:] for flag, _ in given}
    path = shell.sys.fullpath(paths[0] if paths else ".")
    try:
        node = shell.kernel.vfs.find(path)
    except OSError as error:
        raise CallFailed("stat", error.errno or 0) from None
    if isinstance(node, Directory):
        _list(shell, path, node, flags)
    else:
        shell.write(f"{_details(node, flags)} {path}\n")
    return OK


def _list(shell: Shell, path: str, directory: Directory, flags: set[str]) -> None:
    shell.write(f"{path}:\n")
    entries = directory.entries()
    for name, node in entries.items():
        slash = "/" if isinstance(node, Directory) else ""
        shell.write(f"{_details(node, flags)} {name}{slash}\n")
    if "R" in flags:
        for name, node in entries.items():
            if isinstance(node, Directory):
                _list(shell, f"{path.rstrip('/')}/{name}", node, flags)


def _details(node: Node, flags: set[str]) -> str:
    """What stands before the name."""
    text = ""
    if "l" in flags:
        bits = "".join(c if node.mode >> (8 - i) & 1 else "-" for i, c in enumerate("rwxrwxrwx"))
        text += f" {node.kind}{bits}"
    if "l" in flags or "s" in flags:
        text += f"{node.size():12}"
    return text


CAT = Command("cat", cat, "[<path> [<path> [<path> ...]]]", most=None)
LS = Command("ls", ls, "[-lRsh] <dir-path>", most=4)

COMMANDS = (CAT, LS)
