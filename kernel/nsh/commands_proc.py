"""Commands about processes and interrupts: pidof, pkill, wait, top, fdinfo, irqinfo."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
