"""Names and addresses of hosts for programs: gethostbyname(), getaddrinfo() (NuttX libs/libc/netdb)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.inet import INADDR_LOOPBACK, inet_ntoa, pack_address, unpack_address
from kernel.netlib.hostfile import hostfile_lookup
from kernel.sockbase import AF_UNSPEC, family_of

if TYPE_CHECKING:
    from kernel.kernel import Kernel

HOST_NOT_FOUND = 1  # getaddrinfo() of NuttX gives it as it is, where EAI_AGAIN would be
EAI_FAMILY, EAI_SERVICE = 4, 7
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
    if "." not in text and ":" not in text:
        return None
    try:
        return unpack_address(pack_address(text))
    except OSError:
        return None


def port_number(port: int | str | None) -> int:
    """A port as getaddrinfo() takes it; None: 0. Raises GaiError (EAI_SERVICE): services have no names here."""
    text = str(port or 0)
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise GaiError(EAI_SERVICE, f"{port!r} is no port")
    return int(text)


def gethostbyname(kernel: Kernel, name: str, family: int = AF_UNSPEC) -> list[str]:
    """The addresses of a host, at least one, by what NuttX tries in turn: a number, localhost, the hosts file, the
    cache, DNS. ``family``: only those of AF_INET or of AF_INET6.

    May wait. Raises GaiError (HOST_NOT_FOUND, EAI_FAMILY: none of that family), InterruptedError.
    """
    found = _addresses(kernel, name)
    if family != AF_UNSPEC:
        found = [address for address in found if family_of(address) == family]
    if not found:
        raise GaiError(EAI_FAMILY, f"{name!r} has no address of family {family}")
    return found


def _addresses(kernel: Kernel, name: str) -> list[str]:
    options = kernel.options
    number = numeric_address(name)
    if number is not None and (":" not in number or options["NET_IPv6"]):
        return [number]
    if name == "localhost" and options["NET_LOOPBACK"]:
        return [inet_ntoa(INADDR_LOOPBACK), *(["::1"] if options["NET_IPv6"] else [])]
    if options["NETDB_HOSTFILE"] and (found := hostfile_lookup(kernel, name)):
        return found
    why = "names are not looked up without CONFIG_NETDB_DNSCLIENT"
    if options["NETDB_DNSCLIENT"]:
        try:
            return kernel.resolver.lookup(name)
        except InterruptedError:
            raise
        except OSError as error:
            why = error.strerror or str(error)
    raise GaiError(HOST_NOT_FOUND, f"no address for {name!r}: {why}")
