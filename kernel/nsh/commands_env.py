"""Commands about variables: set, unset, export, env, alias, unalias."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
