"""Commands about neighbours and routes: arp, route, addroute, delroute."""

from __future__ import annotations

from kernel.nsh.command import Command

COMMANDS: tuple[Command, ...] = ()
