"""Commands about file systems: mount, umount, df, mkrd."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
