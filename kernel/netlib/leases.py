"""The addresses that a board's devices have on loan: taken, prolonged, and given up when they are over.

NuttX's commands take a lease and forget its end (netlib_obtain_ipv4addr); its dhcpc_request_async, which nothing there
calls, takes a new one after half of the time. Here a task of the device, ``dhcpc``, does what RFC 2131 4.4.5 wants:
after T1 it asks the server, after T2 everybody, and at the end the address goes and a new lease is asked for.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from errno import EBUSY, ECONNREFUSED
from typing import TYPE_CHECKING

from kernel.inet import INADDR_ANY, inet_ntoa
from kernel.netlib.dhcpc import NS_PER_MS, NS_PER_S, Dhcpc, Lease
from kernel.sync import Semaphore, Watchdog
from kernel.syslog import LOG_INFO, LOG_WARNING
from kernel.task import Task

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice
    from kernel.syscalls import Sys

PRIORITY = 100
PATIENCE = 60 * NS_PER_S  # between two questions at least, RFC 2131 4.4.5; and before a new lease is tried for
LONGEST_PAUSE = 3600 * NS_PER_S
STEP = 86_400 * NS_PER_S  # longest sleep at a time
NOTHING = "0.0.0.0"


class Keeper:
    """The lease of one device. Its timer does not keep the bench from being quiescent."""

    def __init__(self, kernel: Kernel, device: NetDevice) -> None:
        self._kernel = kernel
        self._device = device
        self._wake = Semaphore(kernel, what=f"the lease of {device.name} to be prolonged")
        self._timer = Watchdog(kernel, self._expired, housekeeping=True)
        self._task: Task | None = None
        self._busy = False
        self.lease: Lease | None = None
        self.counts: Counter[str] = Counter()
        """messages that were passed over, by reason: foreign, malformed, unexpected"""

    def obtain(self) -> None:
        """Takes a lease, instead of the one there is. Raises OSError: EBUSY (another task is about to), and Dhcpc's."""
        if self.lease is None:
            self.forget()  # whoever looks for a new one since the last was over
        if self._busy:
            raise OSError(EBUSY, f"{self._device.name}: a lease is being asked for")
        self._busy = True
        try:
            lease = Dhcpc(self._kernel, self._device, self.counts).obtain()
        finally:
            self._busy = False
        self.forget()
        self._use(lease)
        if lease.end is not None:
            self._task = self._kernel.tasks.create(self._keep, "dhcpc", PRIORITY, service=True)

    def forget(self) -> None:
        """From now on nobody looks after the address."""
        task, self._task = self._task, None
        self.lease = None
        self._timer.cancel()
        if task is not None and task.alive:
            self._kernel.tasks.kill(task.pid)

    def _use(self, lease: Lease) -> None:
        """Sets what the lease says; what it is silent about stays."""
        kernel, device = self._kernel, self._device
        with kernel.net.locked(device):
            device.ipaddr = inet_ntoa(lease.address)
            if lease.netmask:
                device.netmask = inet_ntoa(lease.netmask)
            if lease.router != INADDR_ANY:
                kernel.net.set_dripv4addr(device, inet_ntoa(lease.router))
        if kernel.options["NETDB_DNSCLIENT"]:
            for server in lease.dns[: int(kernel.options["NETDB_DNSSERVER_NAMESERVERS"])]:
                kernel.resolver.add_nameserver(inet_ntoa(server))
        self.lease = lease
        kernel.syslog.log(LOG_INFO, f"dhcpc: {device.name} is {device.ipaddr}")

    def _drop(self, why: str) -> None:
        """The address may not be used any more."""
        kernel, device = self._kernel, self._device
        self.lease = None
        kernel.syslog.log(LOG_WARNING, f"dhcpc: {device.name} gives {device.ipaddr} back: {why}")
        with kernel.net.locked(device):
            kernel.net.set_dripv4addr(device, NOTHING)
            device.ipaddr = NOTHING

    # The task

    def _keep(self, _sys: Sys) -> None:
        """Until a lease never ends."""
        while self.lease is not None and self.lease.end is not None:
            try:
                prolonged = self._prolong(self.lease)
            except ConnectionRefusedError as error:
                prolonged = None
                self._drop(error.strerror or "")
            else:
                if prolonged is None:
                    self._drop("nobody has prolonged the lease")
            self._use(prolonged if prolonged is not None else self._start_again())

    def _prolong(self, lease: Lease) -> Lease | None:
        """Asks as often as RFC 2131 4.4.5 allows, until the lease is over. Raises ConnectionRefusedError."""
        stages = ((lease.renew, lease.rebind, False), (lease.rebind, lease.end, True))
        for begin, end, everybody in stages:
            if begin is None or end is None:
                continue
            self._sleep_until(begin)
            while (left := end - self._now) > 0:
                asked = self._now
                more = self._ask(lease, everybody=everybody)
                if more is not None:
                    return more
                self._sleep_until(min(end, asked + max(left // 2, PATIENCE)))
        return None

    def _ask(self, lease: Lease, *, everybody: bool) -> Lease | None:
        """One question. Trouble with sending is as good as no answer."""
        try:
            return Dhcpc(self._kernel, self._device, self.counts).prolong(lease, everybody=everybody)
        except OSError as error:
            if error.errno == ECONNREFUSED:
                raise
            return None

    def _start_again(self) -> Lease:
        """A new lease, however long it takes; the pauses grow."""
        pause = PATIENCE
        while True:
            with suppress(OSError):
                return Dhcpc(self._kernel, self._device, self.counts).obtain()
            self._sleep_until(self._now + pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @property
    def _now(self) -> int:
        return self._kernel.clock.now_ns

    def _expired(self) -> None:
        self._wake.post()

    def _sleep_until(self, time: int) -> None:
        while (left := min(time - self._now, STEP)) > 0:
            self._timer.start(self._kernel.ms2tick(-(-left // NS_PER_MS)))
            self._wake.wait(-1, False)


class Leases:
    """Those of a board, by the names of devices."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._keepers: dict[str, Keeper] = {}

    def keeper(self, name: str) -> Keeper:
        """Raises OSError (ENODEV)."""
        if name not in self._keepers:
            self._keepers[name] = Keeper(self._kernel, self._kernel.net.device(name))
        return self._keepers[name]

    def obtain(self, name: str) -> None:
        """netlib_obtain_ipv4addr(): gives a device an address by DHCP. For tasks. Raises OSError."""
        self.keeper(name).obtain()

    def forget(self, name: str) -> None:
        """The device has an address of another origin from now on."""
        if name in self._keepers:
            self._keepers[name].forget()
