"""What programs say about errors."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kernel import strerror
from kernel.fs.openfile import STDERR

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def complain(sys: Sys, text: str) -> None:
    """Writes to standard error; that nobody takes it is no error."""
    stderr = sys.task.files.get(STDERR)
    if stderr is not None:
        with suppress(OSError):
            stderr.write(text.encode("utf-8", "replace"))


def words(sys: Sys, error: OSError) -> str:
    """strerror(): an error's words, if CONFIG_LIBC_STRERROR has them, or else its number."""
    return strerror.words(sys.kernel.options, error)


def perror(sys: Sys, what: str, error: OSError) -> None:
    """perror(): what failed, and why, on standard error."""
    complain(sys, f"{what}: {words(sys, error)}\n")
