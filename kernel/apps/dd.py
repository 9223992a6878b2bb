"""dd: copies a file sector by sector. What it prints is what NuttX's dd prints (apps/system/dd)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from errno import EINVAL
from os import O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY
from typing import TYPE_CHECKING

from kernel.fs.openfile import STDERR, STDIN, STDOUT, OpenFile
from kernel.nsh.numbers import atoi
from kernel.strerror import UNKNOWN, strerror
from kernel.syslog import LOG_INFO

if TYPE_CHECKING:
    from kernel.syscalls import Sys

UINT32, SIZE = 0xFFFFFFFF, (1 << 64) - 1
USAGE = (
    "usage:\n  dd [if=<infile>] [of=<outfile>] [bs=<sectsize>] [count=<sectors>] [skip=<sectors>] [seek=<sectors>] "
    "[verify] [conv=<nocreat,notrunc>]\n"
)


class Failed(Exception):
    """dd ends; the text is what it complains about on standard error."""


@dataclass
class Plan:
    """The command line. Sizes are in bytes, the rest in sectors."""

    infile: str | None = None
    outfile: str | None = None
    sectsize: int = 512
    nsectors: int = UINT32
    skip: int = 0
    seek: int = 0
    verify: bool = False
    flags: int = O_CREAT | O_TRUNC
    help: bool = False


def parse(arguments: list[str]) -> Plan:
    """Raises Failed."""
    plan = Plan()
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument.startswith("verify"):
            plan.verify = True
        elif argument == "--help":
            plan.help = True
        elif not equals:
            raise Failed(USAGE)
        elif name == "if":
            plan.infile = value
        elif name == "of":
            plan.outfile = value
        elif name == "bs":
            plan.sectsize = atoi(value) & SIZE
        elif name == "count":
            plan.nsectors = atoi(value) & UINT32
        elif name == "skip":
            plan.skip = atoi(value) & UINT32
        elif name == "seek":
            plan.seek = atoi(value) & UINT32
        elif name == "conv":
            plan.flags &= _conversions(value)
        else:
            raise Failed(USAGE)
    return plan


def _conversions(words: str) -> int:
    """What is left of the flags for open(). Raises Failed."""
    left = O_CREAT | O_TRUNC
    for word in words.split(","):
        if word == "notrunc":
            left &= ~O_TRUNC
        elif word == "nocreat":
            left = 0
        else:
            raise Failed(f"dd: unknown conversion '{word}'\n")
    return left


class Copy:
    """One run of dd."""

    def __init__(self, sys: Sys, plan: Plan) -> None:
        self.sys = sys
        self.plan = plan
        self.ended = False

    def strerror(self, error: OSError) -> str:
        """An error's words, if CONFIG_LIBC_STRERROR has them, or else its number."""
        return self._words(error.errno or 0)

    def _words(self, errno: int) -> str:
        return strerror(errno) if self.sys.kernel.options["LIBC_STRERROR"] else f"{UNKNOWN} {errno}"

    def failed(self, what: str, error: OSError) -> Failed:
        """What to raise."""
        return Failed(f"dd: {what}: {self.strerror(error)}\n")

    def run(self) -> None:
        """Copies, says how fast, and compares if that is asked for. Raises Failed."""
        plan = self.plan
        if plan.verify and (plan.infile is None or plan.outfile is None):
            raise Failed(f"dd: invalid parameters: {self._words(EINVAL)}\n{USAGE}")
        heap = self.sys.kernel.heap
        try:
            buffer = heap.malloc(plan.sectsize, "dd buffer")
        except OSError as error:
            raise self.failed("failed to malloc", error) from None
        try:
            source = self._open(plan.infile, O_RDONLY, STDIN)
            target = self._open(plan.outfile, (O_RDWR if plan.verify else O_WRONLY) | plan.flags, STDOUT)
            self._copy(source, target)
            if plan.verify:
                self._verify(source, target)
        finally:
            heap.free(buffer)

    def _open(self, path: str | None, flags: int, otherwise: int) -> OpenFile:
        """A file; without a name the descriptor ``otherwise``. It is closed when the task ends."""
        files = self.sys.task.files
        if path is None:
            return files[otherwise]
        try:
            file = self.sys.kernel.vfs.open(self.sys.fullpath(path), flags)
            files.add(file)
        except OSError as error:
            raise self.failed(f"failed to open '{path}'", error) from None
        return file

    def _copy(self, source: OpenFile, target: OpenFile) -> None:
        plan, clock = self.plan, self.sys.kernel.clock
        self._seek(source, plan.skip, "failed to lseek")
        self._seek(target, plan.seek, "failed to lseek on output")
        begun = clock.now_ns
        sectors = total = 0
        while not self.ended and sectors < plan.nsectors:
            data = self._sector(source)
            if data:
                self._write(target, data)
                sectors += 1
                total += len(data)
        usec = (clock.now_ns - begun) // 1000
        rate = int(total / 1024 / (usec / 1_000_000)) if usec else 0  # what a PC makes of NuttX's division by zero
        self.complain(f"{total} bytes ({sectors} blocks) copied, {usec & UINT32} usec, {rate & UINT32} KB/s\n")

    def _seek(self, file: OpenFile, sectors: int, what: str) -> None:
        if sectors:
            try:
                file.seek(sectors * self.plan.sectsize)
            except OSError as error:
                raise self.failed(what, error) from None

    def _sector(self, source: OpenFile) -> bytes:
        """The next one, shorter if the input ends in it."""
        data = b""
        while True:
            try:
                more = source.read(self.plan.sectsize - len(data))
            except InterruptedError:
                continue
            except OSError as error:
                raise self.failed("failed to read", error) from None
            self.ended = not more
            data += more
            if self.ended or len(data) == self.plan.sectsize:
                return data

    def _write(self, target: OpenFile, data: bytes) -> None:
        try:
            while data:
                data = data[target.write(data) :]
        except OSError as error:
            raise self.failed("failed to write", error) from None

    def _verify(self, source: OpenFile, target: OpenFile) -> None:
        """Reads both files and compares. What follows a file that is too short is not looked at, as in NuttX."""
        for what, file, sectors in (("infd", source, self.plan.skip), ("outfd", target, 0)):
            try:
                file.seek(sectors * self.plan.sectsize)
            except OSError as error:
                raise self.failed(f"failed to {what} lseek", error) from None
        self.ended = False
        sector = 0
        while not self.ended and sector < self.plan.nsectors:
            data = self._sector(source)
            copy = target.read(len(data))
            if len(copy) != len(data):
                self.complain(f"dd: failed to outfd read: {len(copy)}\n")
                return
            if copy != data:
                self.sys.syslog(LOG_INFO, f"infile sector {sector}: {data.hex(' ')}")
                self.sys.syslog(LOG_INFO, f"outfile sector {sector}: {copy.hex(' ')}")
                raise Failed("dd: failed to dd verify: -1\n")
            sector += 1

    def complain(self, text: str) -> None:
        """Writes to standard error."""
        stderr = self.sys.task.files.get(STDERR)
        if stderr is not None:
            with suppress(OSError):
                stderr.write(text.encode())


def main(sys: Sys) -> int:
    """dd [if=] [of=] [bs=] [count=] [skip=] [seek=] [verify] [conv=]."""
    copy = Copy(sys, Plan())
    try:
        copy.plan = parse(sys.argv[1:])
        if copy.plan.help:
            sys.print(USAGE, end="")
        else:
            copy.run()
    except Failed as failure:
        copy.complain(str(failure))
        return 1
    return 0
