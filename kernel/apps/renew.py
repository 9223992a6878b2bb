"""renew: takes a DHCP lease for a device, a new one if it has one (nuttx-apps, system/dhcpc)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.apps.output import complain

if TYPE_CHECKING:
    from kernel.syscalls import Sys


def main(sys: Sys) -> int:
    """renew <device-name>."""
    argv = sys.argv
    if len(argv) != 2:
        complain(sys, "ERROR: Invalid number of arguments\n")
        complain(sys, f"Usage: {argv[0]} <device-name>\n")
        return 1
    try:
        sys.kernel.leases.obtain(argv[1])
    except OSError:
        complain(sys, "ERROR: netlib_obtain_ipv4addr() failed\n")
        return 1
    return 0
