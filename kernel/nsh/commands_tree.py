"""Commands that change the file tree: cp, mv, rm, mkdir, rmdir, ln, truncate, mkfifo, and those about paths."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
