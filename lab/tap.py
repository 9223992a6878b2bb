"""The host's TAP interfaces as wire ends: real frames between the host's kernel and a board in a live run.

A TAP has to exist and to be the user's, once: ``sudo ip tuntap add dev tap0 mode tap user $USER``, then
``sudo ip addr add 10.0.1.1/24 dev tap0``, for IPv6 ``sudo ip -6 addr add fc00::1/112 dev tap0``, and
``sudo ip link set tap0 up``. Without root, in a namespace of one's own:
``unshare -rn``, and the same commands without sudo.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING

from board.wire import Port
from kernel.clock import Clock
from kernel.core import check, lib
from kernel.errors import BenchError

if TYPE_CHECKING:
    from board.eth import EthernetPort

_NO_OPEN, _NO_SETIFF = 1000, 2000  # enum tap_error
TAP_MBPS = 10000
_SIOCGIFFLAGS, _IFF_UP = 0x8913, 1  # linux/sockios.h, linux/if.h
_IFREQ = struct.Struct("16sH22x")


class TapError(BenchError):
    """A TAP interface cannot be had. Says which step was refused, why, and what to do."""


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _explain(name: str, error: int) -> str:
    opening, code = (True, error - _NO_OPEN) if error < _NO_SETIFF else (False, error - _NO_SETIFF)
    what = os.strerror(code)
    if opening:
        where = f"TAP {name}: cannot open /dev/net/tun: {what}"
        if code == errno.ENOENT:
            return (
                f"{where}; the device node is missing: `sudo modprobe tun`, and in a container start it with "
                "`--device /dev/net/tun`"
            )
        if code in (errno.EACCES, errno.EPERM):
            return f"{where}; the device node is not yours to open: `sudo chmod 0666 /dev/net/tun` (the usual mode)"
        if code == errno.ENODEV:
            return f"{where}; the kernel has no TUN/TAP driver: `sudo modprobe tun`"
        return where
    where = f"TAP {name}: /dev/net/tun opens, but TUNSETIFF is refused: {what}"
    if code in (errno.EPERM, errno.EACCES):
        return (
            f"{where}; create the interface for you once: `sudo ip tuntap add dev {name} mode tap user {_user()}`;"
            " or run in a namespace of your own, `unshare -rn`"
        )
    if code == errno.EBUSY:
        return f"{where}; another program has it open: end that one, or take another name"
    if code == errno.EINVAL:
        return f"{where}; {name} exists and is no TAP, or has other flags: `ip tuntap show`, and take another name"
    if code == errno.ENAMETOOLONG:
        return f"{where}; interface names have at most 15 characters"
    return where


class Tap(Port):
    """A TAP interface as the end of a cable, in a live bench.

    Frames from the host arrive at the instant they are read; what a board sends is written at once. ``created``: the
    interface was not there before and goes with this object, which takes the right to make one. Raises TapError.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        if not clock.live:
            raise TapError(f"TAP {name}: the bench runs in lockstep, and the host's kernel cannot wait: use live=True")
        self.created = name not in (interface for _, interface in socket.if_nameindex())
        number = int(lib.tap_open(clock.bench, name.encode(), TAP_MBPS))
        if number <= -_NO_OPEN:
            raise TapError(_explain(name, -number))
        super().__init__(clock, number, name)
        self._index = check(lib.live_add_port(clock.bench, self.number), f"TAP {name}")
        try:
            self._ifindex = socket.if_nametoindex(name)
        except OSError as error:
            self.close()
            raise TapError(f"TAP {name}: the host has no interface of that name: is it a pattern?") from error

    @property
    def enabled(self) -> bool:
        """Whether the host has set its interface up. Raises OSError (ENODEV) if it is gone."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            _, flags = _IFREQ.unpack(fcntl.ioctl(s, _SIOCGIFFLAGS, _IFREQ.pack(self.name.encode(), 0)))
        return bool(flags & _IFF_UP)

    @property
    def gone(self) -> bool:
        """Whether the host's interface was deleted. The link is down then."""
        try:
            socket.if_indextoname(self._ifindex)
        except OSError:
            return True
        return False

    @property
    def drops(self) -> int:
        """Frames that the interface did not take."""
        return int(lib.tap_drops(self.clock.bench, self.number))

    def close(self) -> None:
        """Gives the interface back. Idempotent."""
        if self.number and not self.clock.closed:
            lib.live_remove(self.clock.bench, self._index)
        super().close()


def attach_tap(port: EthernetPort, name: str) -> Tap:
    """Unplugs a board's interface from ``nl0`` and plugs it into the host's TAP interface ``name``.

    Raises TapError if that cannot be had; the old cable is then still plugged in.
    """
    tap = Tap(port.board.bench.clock, name)
    port.mac_model.unplug()
    tap.plug(port.mac_model)
    port.host, port.tap = None, tap
    return tap
