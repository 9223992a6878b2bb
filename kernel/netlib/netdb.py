"""Names and addresses of hosts for programs: gethostbyname(), getaddrinfo() (NuttX libs/libc/netdb)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import INADDR_LOOPBACK, inet_addr, inet_ntoa
from kernel.netlib.hostfile import hostfile_lookup

if TYPE_CHECKING:
    from kernel.kernel import Kernel

HOST_NOT_FOUND = 1  # getaddrinfo() of NuttX gives it as it is, where EAI_AGAIN would be
EAI_SERVICE = 7
_EAI = ("AGAIN", "BADFLAGS", "FAIL", "FAMILY", "MEMORY", "NONAME", "SERVICE", "SOCKTYPE", "SYSTEM", "OVERFLOW")


class GaiError(OSError):
    """A name that stands for no address; ``errno`` is an EAI_... number."""


def gai_strerror(kernel: Kernel, errnum: int) -> str:
    """What NuttX calls such a number: by name only with CONFIG_LIBC_GAISTRERROR."""
    if kernel.options["LIBC_GAISTRERROR"] and 1 <= errnum <= len(_EAI):
        return f"EAI_{_EAI[errnum - 1]}"
    return f"Unknown error {errnum}"


def numeric_address(text: str) -> str | None:
    """The address, written in full, if it is one."""
    if "." not in text:
        return None
    try:
        return inet_ntoa(inet_addr(text))
    except OSError:
        return None


def port_number(port: int | str | None) -> int:
    """A port as getaddrinfo() takes it; None: 0. Raises GaiError (EAI_SERVICE): services have no names here."""
    text = str(port or 0)
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise GaiError(EAI_SERVICE, f"{port!r} is no port")
    return int(text)


def gethostbyname(kernel: Kernel, name: str) -> list[str]:
    """The addresses of a host, by what NuttX tries in turn: a number, localhost, the hosts file, the cache, DNS.

    May wait. Raises GaiError (HOST_NOT_FOUND), InterruptedError.
    """
    options = kernel.options
    number = numeric_address(name)
    if number is not None:
        return [number]
    if name == "localhost" and options["NET_LOOPBACK"]:
        return [inet_ntoa(INADDR_LOOPBACK)]
    if options["NETDB_HOSTFILE"] and (found := hostfile_lookup(kernel, name)) is not None:
        return [found]
    why = "names are not looked up without CONFIG_NETDB_DNSCLIENT"
    if options["NETDB_DNSCLIENT"]:
        try:
            return kernel.resolver.lookup(name)
        except InterruptedError:
            raise
        except OSError as error:
            why = error.strerror or str(error)
    raise GaiError(HOST_NOT_FOUND, f"no address for {name!r}: {why}")
