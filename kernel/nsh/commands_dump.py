"""Commands that look into files and memory: hexdump, xd, cmp."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
