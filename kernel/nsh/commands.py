"""The table of the shell's commands, in the order in which help lists them."""

from __future__ import annotations

from kernel.nsh import commands_basic as basic
from kernel.nsh import commands_file as file
from kernel.nsh import commands_net as net
from kernel.nsh import commands_task as task
from kernel.nsh.command import Command

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        basic.QUESTION,
        file.CAT,
        task.DMESG,
        basic.ECHO,
        basic.EXIT,
        basic.FALSE,
        task.FREE,
        basic.HELP,
        net.IFCONFIG,
        net.IFDOWN,
        net.IFUP,
        file.LS,
        task.POWEROFF,
        task.QUIT,
        task.PS,
        task.REBOOT,
        task.KILL,
        basic.SLEEP,
        basic.USLEEP,
        basic.TRUE,
        task.UNAME,
        task.UPTIME,
    )
}
