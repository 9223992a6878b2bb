"""The table of the shell's commands, in the order in which help lists them, which is that of nshlib/nsh_command.c."""

from __future__ import annotations

from kernel.nsh.command import Command
from kernel.nsh.commands import basic, date, dump, env, file, mount, names, net, proc, route, script, task, tree

ORDER = """
    . [ ? addroute alias unalias arp basename break cat cd cp cmp dirname date delroute df dmesg echo env exec exit expr
    export false fdinfo free help hexdump ifconfig ifdown ifup irqinfo ln ls mkdir mkfifo mkrd mount mv nslookup pidof
    poweroff quit printf ps pwd readlink reboot rm rmdir route set kill pkill sleep usleep source test top time true
    truncate uname umount unset uptime watch xd wait
"""

_MODULES = (basic, date, dump, env, file, mount, names, net, proc, route, script, task, tree)

_BY_NAME = {command.name: command for module in _MODULES for command in module.COMMANDS}

COMMANDS: dict[str, Command] = {name: _BY_NAME[name] for name in ORDER.split() if name in _BY_NAME}
