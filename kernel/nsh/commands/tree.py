"""Commands that change the file tree: cp, mv, rm, mkdir, rmdir, ln, truncate, mkfifo, and those about paths."""

from __future__ import annotations

from errno import EEXIST, ENOENT
from functools import partial
from os import O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY
from typing import TYPE_CHECKING

from kernel.fs.node import Directory
from kernel.fs.openfile import OpenFile
from kernel.nsh.command import ARGINVALID, ARGREQUIRED, ERROR, OK, SYNTAX, CallFailed, Command, CommandError
from kernel.nsh.commands.file import BUFFER
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.paths import basename, below, dirname, path_of
from kernel.nsh.numbers import strtol

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.fs.vfs import Vfs
    from kernel.nsh.shell import Shell


def _call(name: str, call: Callable[[], None]) -> int:
    """Makes a system call that messages know by ``name``. Raises CallFailed."""
    try:
        call()
    except OSError as error:
        raise CallFailed(name, error.errno or 0) from None
    return OK


# Copying


def cp(shell: Shell, argv: list[str]) -> int:
    """Copies a file, or with -r what is in a directory into another that is there already."""
    given, words = getopt(argv, "r")
    source, target = (path_of(shell, word) for word in ([*words, "", ""])[:2])
    if source == target:
        raise CommandError(SYNTAX)
    if ("r", "") in given:
        _copy_entries(shell, source, target)
    else:
        _copy(shell, source, target)
    return OK


def _copy(shell: Shell, source: str, target: str) -> None:
    vfs = shell.kernel.vfs
    with _open(vfs, "open_rdfd", source, O_RDONLY) as reading:
        if _is_directory(vfs, target):
            target = below(target, basename(source))
        with _open(vfs, "open_wrfd", target, O_WRONLY | O_CREAT | O_TRUNC) as writing:
            while data := reading.read(BUFFER):
                while data:
                    data = data[writing.write(data) :]


def _open(vfs: Vfs, call: str, path: str, flags: int) -> OpenFile:
    try:
        return vfs.open(path, flags)
    except OSError as error:
        raise CallFailed(call, error.errno or 0) from None


def _is_directory(vfs: Vfs, path: str) -> bool:
    try:
        return isinstance(vfs.find(path), Directory)
    except OSError:
        return False


def _copy_entries(shell: Shell, source: str, target: str) -> None:
    vfs = shell.kernel.vfs
    try:
        names = list(vfs.directory(source).entries())
    except OSError as error:
        raise CallFailed("opendir", error.errno or 0) from None
    for name in names:
        path, copy = below(source, name), below(target, name)
        try:
            node = vfs.find(path)
        except OSError as error:
            raise CallFailed("stat", error.errno or 0) from None
        if isinstance(node, Directory):
            _call("mkdir", partial(vfs.mkdir, copy, 0o775))
            _copy_entries(shell, path, copy)
        else:
            _copy(shell, path, copy)


# Names


def mv(shell: Shell, argv: list[str]) -> int:
    """Renames what is not to leave its file system."""
    old, new = path_of(shell, argv[1]), path_of(shell, argv[2])
    return _call("rename", lambda: shell.kernel.vfs.rename(old, new))


def rm(shell: Shell, argv: list[str]) -> int:
    """Removes a file. -r: a directory with what is in it, -f: it does not matter if there is none."""
    given, words = getopt(argv, "rf")
    for letter, unknown in given:
        if letter == "?":
            shell.write(f"Unknown option 0x{ord(unknown):x}\n")
            return ERROR
    force = ("f", "") in given
    if not words:
        if force:
            return OK
        raise CommandError(ARGREQUIRED)
    path = path_of(shell, words[0])
    try:
        if ("r", "") in given:
            _remove(shell.kernel.vfs, path)
        else:
            shell.kernel.vfs.unlink(path)
    except OSError as error:
        if not (force and error.errno == ENOENT):
            raise CallFailed("unlink", error.errno or 0) from None
    return OK


def _remove(vfs: Vfs, path: str) -> None:
    """Raises OSError."""
    node = vfs.find(path, follow=False)
    if isinstance(node, Directory):
        for name in list(node.entries()):
            _remove(vfs, below(path, name))
        vfs.rmdir(path)
    else:
        vfs.unlink(path)


def mkdir(shell: Shell, argv: list[str]) -> int:
    """Makes a directory. -p: those on the way, too, and it may be there already."""
    given, words = getopt(argv, "p")
    if not words:
        return ERROR
    path = path_of(shell, words[0])
    parents = ("p", "") in given
    slashes = [i for i, c in enumerate(path) if c == "/" and i > 0] if parents else []
    for end in [*slashes, len(path)]:
        try:
            shell.kernel.vfs.mkdir(path[:end])
        except OSError as error:
            if error.errno != EEXIST or not parents:  # NuttX names the directory here, not the command
                return shell.error(path[:end], CallFailed("mkdir", error.errno or 0).message(shell.strerror))
    return OK


def rmdir(shell: Shell, argv: list[str]) -> int:
    """Removes an empty directory."""
    path = path_of(shell, argv[1])
    return _call("rmdir", lambda: shell.kernel.vfs.rmdir(path))


def ln(shell: Shell, argv: list[str]) -> int:
    """Makes a symbolic link, with -s and without: there are no others."""
    if len(argv) == 4 and argv[1] != "-s":
        raise CommandError(ARGINVALID)
    target, link = path_of(shell, argv[-2]), path_of(shell, argv[-1])
    return _call("link", lambda: shell.kernel.vfs.symlink(target, link))


def readlink(shell: Shell, argv: list[str]) -> int:
    """Prints what a symbolic link says."""
    try:
        target = shell.kernel.vfs.readlink(path_of(shell, argv[1]))
    except OSError as error:  # NuttX blames ls
        return shell.error("ls", CallFailed("readlink", error.errno or 0).message(shell.strerror))
    shell.write(f"{target}\n")
    return OK


def mkfifo(shell: Shell, argv: list[str]) -> int:
    """Makes a pipe with a name."""
    path = path_of(shell, argv[1])
    return _call("mkfifo", lambda: shell.sys.mkfifo(path))


# Sizes


def truncate(shell: Shell, argv: list[str]) -> int:
    """Gives a file a size; makes it if there is none."""
    length = strtol(argv[2])
    if argv[1] != "-s" or length is None:
        raise CommandError(ARGINVALID)
    path, vfs = path_of(shell, argv[3]), shell.kernel.vfs
    try:
        node = vfs.find(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise CallFailed("stat", error.errno or 0) from None
        with _open(vfs, "stat", path, O_WRONLY | O_CREAT | O_TRUNC) as file:
            return _call("ftruncate", lambda: file.truncate(length)) if length else OK
    if node.kind != "-":
        raise CommandError(ARGINVALID)
    with _open(vfs, "truncate", path, O_WRONLY) as file:
        return _call("truncate", lambda: file.truncate(length))


# Parts of paths


def basename_(shell: Shell, argv: list[str]) -> int:
    """Prints the last part of a path, without a suffix."""
    name = basename(argv[1])
    if len(argv) > 2 and argv[2] and name != argv[2]:
        name = name.removesuffix(argv[2])
    shell.write(f"{name}\n")
    return OK


def dirname_(shell: Shell, argv: list[str]) -> int:
    """Prints the rest of it."""
    shell.write(f"{dirname(argv[1])}\n")
    return OK


BASENAME = Command("basename", basename_, "<path> [<suffix>]", least=1, most=2)
CP = Command("cp", cp, "[-r] <source-path> <dest-path>", least=2, most=3)
DIRNAME = Command("dirname", dirname_, "<path>", least=1, most=1)
LN = Command("ln", ln, "[-s] <target> <link>", least=2, most=3)
MKDIR = Command("mkdir", mkdir, "[-p] <path>", least=1, most=2)
MKFIFO = Command("mkfifo", mkfifo, "<path>", least=1, most=1)
MV = Command("mv", mv, "<old-path> <new-path>", least=2, most=2)
READLINK = Command("readlink", readlink, "<link>", least=1, most=1)
RM = Command("rm", rm, "[-rf] <file-path>", least=1, most=2)
RMDIR = Command("rmdir", rmdir, "<dir-path>", least=1, most=1)
TRUNCATE = Command("truncate", truncate, "-s <length> <file-path>", least=3, most=3)

COMMANDS = (BASENAME, CP, DIRNAME, LN, MKDIR, MKFIFO, MV, READLINK, RM, RMDIR, TRUNCATE)
