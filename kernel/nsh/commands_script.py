"""Commands of scripts: test, expr, printf, source, break, time, watch, exec."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
