"""Commands that look into files and memory: hexdump, xd, cmp."""

from __future__ import annotations

import re
from errno import EFAULT
from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.fs.openfile import OpenFile
from kernel.nsh.command import ERROR, OK, CallFailed, Command, CommandError
from kernel.nsh.commands.file import BUFFER
from kernel.nsh.commands.paths import path_of
from kernel.nsh.numbers import atoi, strtol

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

ROW = 16
TITLE = 31  # characters that hexdump has for what stands above a buffer
ALL = 0xFFFFFFF
CHUNK = 128  # bytes that cmp reads at a time


def dumpbuffer(title: str, data: bytes) -> str:
    """Bytes in hexadecimal and, where they can be shown, as characters."""
    text = f"{title}:\n"
    for i in range(0, len(data), ROW):
        row = data[i : i + ROW]
        shown = "".join(chr(c) if 0x20 <= c <= 0x7E else "." for c in row)
        text += f"{i:04x}: {row.hex(' '):<{3 * ROW}}{shown}\n"
    return text


def _open(shell: Shell, path: str) -> OpenFile:
    try:
        return shell.kernel.vfs.open(path_of(shell, path), O_RDONLY)
    except OSError as error:
        raise CallFailed("open", error.errno or 0) from None


def _read(file: OpenFile, n: int) -> bytes:
    """Unlike elsewhere in the shell, a signal is an error like any other."""
    try:
        return file.read(n)
    except OSError as error:
        raise CallFailed("read", error.errno or 0) from None


def hexdump(shell: Shell, argv: list[str]) -> int:
    """Shows a file buffer by buffer, or a part of it: skip=<bytes>, count=<bytes>."""
    skip, count = 0, ALL
    for word in argv[2:]:
        if word.startswith("skip="):
            skip = atoi(word[5:])
        elif word.startswith("count="):
            count = atoi(word[6:])
    with _open(shell, argv[1]) as file:
        position = 0
        while data := _read(file, BUFFER):
            begin = max(0, skip - position)
            shown = data[begin : begin + max(0, count)]
            if begin < len(data):
                shell.write(dumpbuffer(f"{argv[1]} at {position + begin:08x}"[:TITLE], shown))
                count -= len(shown)
                if count <= 0:
                    break
            position += len(data)
    return OK


def xd(shell: Shell, argv: list[str]) -> int:
    """Shows memory. Only what is kept there can be shown: data of files and RAM disks."""
    address = re.fullmatch(r"(?:0[xX])?([0-9a-fA-F]+)", argv[1])
    n = strtol(argv[2])
    if address is None or n is None or n < 0:
        return ERROR  # without a word, as in NuttX
    try:
        data = shell.kernel.heap.read(int(address[1], 16), n) if n else b""
    except OSError as error:
        if error.errno != EFAULT:
            raise
        raise CommandError(f"no such memory: {argv[1]}") from None
    shell.write(dumpbuffer("Hex dump", data))
    return OK


def cmp(shell: Shell, argv: list[str]) -> int:
    """Compares two files."""
    with _open(shell, argv[1]) as first, _open(shell, argv[2]) as second:
        while True:
            data, other = _read(first, CHUNK), _read(second, CHUNK)
            if data != other:
                # NuttX says how many bytes it had just compared, not where the difference is
                shell.complain(f"files differ: byte {min(len(data), len(other))}\n")
                return ERROR
            if len(data) < CHUNK:
                return OK


CMP = Command("cmp", cmp, "<path1> <path2>", least=2, most=2)
HEXDUMP = Command("hexdump", hexdump, "<file or device> [skip=<bytes>] [count=<bytes>]", least=1, most=3)
XD = Command("xd", xd, "<hex-address> <byte-count>", least=2, most=2)

COMMANDS = (CMP, HEXDUMP, XD)
