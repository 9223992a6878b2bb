"""The command about names of hosts: nslookup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.netlib.netdb import GaiError, gai_strerror, gethostbyname
from kernel.nsh.command import OK, Command, CommandError

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell


def nslookup(shell: Shell, argv: list[str]) -> int:
    """Prints the addresses of a host."""
    kernel, name = shell.kernel, argv[1]
    try:
        addresses = gethostbyname(kernel, name)
    except GaiError as error:
        number = error.errno or 0
        why = gai_strerror(kernel, number) if kernel.options["NSH_STRERROR"] else number
        raise CommandError(f"getaddrinfo failed: {why}") from None
    for address in addresses:
        shell.write(f"Host: {name} Addr: {address}\n")
    return OK


COMMANDS = (Command("nslookup", nslookup, "<host-name>", least=1, most=1, option="LIBC_NETDB"),)
