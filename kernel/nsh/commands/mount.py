"""Commands about file systems: mount, umount, df, mkrd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.fs import ramdisk
from kernel.nsh.command import ARGINVALID, ARGREQUIRED, ERROR, OK, TOOMANYARGS, CallFailed, Command, CommandError
from kernel.nsh.commands.file import catfile
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.paths import path_of
from kernel.nsh.numbers import atoi

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

ARGRANGE = "value out of range"
BAD_OPTIONS = {"?": ARGINVALID, ":": ARGREQUIRED}
EPERM = 1  # what NuttX's mkrd makes of boardctl()'s answer, whatever went wrong
SECTSIZE = 512
UINT16, UINT32 = 0xFFFF, 0xFFFFFFFF


def df(shell: Shell, argv: list[str]) -> int:
    """How full the file systems are, in blocks, or with -h in bytes."""
    catfile(shell, argv[0], "/proc/fs/usage" if argv[1:] == ["-h"] else "/proc/fs/blocks")
    return OK


def mount(shell: Shell, argv: list[str]) -> int:
    """Mounts a file system, or lists those that are mounted."""
    if len(argv) == 1:
        catfile(shell, argv[0], "/proc/fs/mount")
        return OK
    given, words = getopt(argv, ":o:t:")
    bad = [BAD_OPTIONS[letter] for letter, _ in given if letter in BAD_OPTIONS]
    for complaint in bad:
        shell.error(argv[0], complaint)
    if bad:
        return ERROR
    fstype = dict(given).get("t")
    if len(words) > 2:
        raise CommandError(TOOMANYARGS)
    if not words or fstype is None:
        raise CommandError(ARGREQUIRED)
    source = path_of(shell, words[0]) if len(words) == 2 else ""
    try:
        shell.kernel.vfs.mount(path_of(shell, words[-1]), fstype, source)
    except OSError as error:
        raise CallFailed("mount", error.errno or 0) from None
    return OK


def umount(shell: Shell, argv: list[str]) -> int:
    """Takes a file system away; -f makes no difference."""
    given, words = getopt(argv, "f")
    if any(letter == "?" for letter, _ in given):
        raise CommandError(ARGINVALID)
    if not words:
        raise CommandError(ARGREQUIRED)
    try:
        shell.kernel.vfs.umount(path_of(shell, words[0]))
    except OSError as error:
        raise CallFailed("umount", error.errno or 0) from None
    return OK


def mkrd(shell: Shell, argv: list[str]) -> int:
    """Makes a RAM disk, /dev/ram0 with sectors of 512 bytes if nothing else is said."""
    given, words = getopt(argv, ":m:s:")
    values = dict(given)
    minor, sectsize = atoi(values.get("m", "0")), atoi(values.get("s", str(SECTSIZE)))
    bad = [_complaint(letter, value, minor) for letter, value in given]
    for complaint in filter(None, bad):
        shell.error(argv[0], complaint)
    if any(bad):
        return ERROR
    if len(words) != 1:
        shell.write(f"nsh: {argv[0]}: {TOOMANYARGS if words else ARGREQUIRED}\n")  # not as an error
        return ERROR
    try:
        ramdisk.mkrd(shell.kernel.vfs, shell.kernel.heap, minor, atoi(words[0]) & UINT32, sectsize & UINT16)
    except OSError:
        raise CallFailed("boardctl(BOARDIOC_MKRD)", EPERM) from None
    return OK


def _complaint(letter: str, value: str, minor: int) -> str:
    """What is wrong with an option, "" if nothing is. For the sector size NuttX looks at the minor number again."""
    if (letter == "m" and not 0 <= atoi(value) <= 255) or (letter == "s" and not 0 <= minor <= 16384):
        return ARGRANGE
    return BAD_OPTIONS.get(letter, "")


DF = Command("df", df, "[-h]", most=1)
MKRD = Command("mkrd", mkrd, "[-m <minor>] [-s <sector-size>] <nsectors>", least=1, most=5)
MOUNT = Command("mount", mount, "[-t <fstype> [-o <options>] [<block-device>] <mount-point>]", most=6)
UMOUNT = Command("umount", umount, "[-f] <dir-path>", least=1, most=2)

COMMANDS = (DF, MKRD, MOUNT, UMOUNT)
