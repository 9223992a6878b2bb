"""The Ethernet driver: a NuttX network driver of the classic style, for the controller of drivers/macregs.py.

Its life cycle is that of drivers/net/skeleton.c. The interrupt handler masks its own line and queues work; only the
worker and ifup unmask it. What touches every frame is done in C (csrc/ethdrv.c): receive, txdone and poll are loops
that stop at their budget and are called again.

Kept on purpose, because real drivers have it: the TX timeout is queued on the irq work item and so replaces receive
work that is still waiting; txavail is a hint that is dropped while the poll work is queued; the worker unmasks the line
even if the interface went down meanwhile (the controller, reset, raises nothing then).
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EAGAIN, ENOTTY
from typing import TYPE_CHECKING, Any, Protocol

from drivers.macregs import FILTERS, Bmcr, Bmsr, Cr, PhyReg, Reg, Sr
from kernel.core import ACT_BASE, check, lib
from kernel.sync import Mutex, Watchdog
from kernel.syslog import LOG_ERR, LOG_WARNING
from kernel.wqueue import HPWORK, LPWORK, Work, WorkQueue

if TYPE_CHECKING:
    from kernel.kernel import Kernel

TXTIMEOUT_MS = 60_000
TXIDLE_US = 20  # the line tells of sent frames when the transmitter has been idle so long, unless receive work saw them
BUDGET = 1 << 16  # frames a C loop may take in one call; what falls due stops it earlier
ETH_HDRLEN = 14

SIOCGMIIPHY = 0x0724
SIOCGMIIREG = 0x0725
SIOCSMIIREG = 0x0726

IRQS = Sr.RX | Sr.TX | Sr.RXOVF | Sr.LINK | Sr.FATAL

_SR = int(Reg.SR)
_RARE = int(Sr.LINK | Sr.FATAL | Sr.RXOVF)

_receive = lib.ethdrv_receive
_txdone = lib.ethdrv_txdone
_poll = lib.ethdrv_poll


class EthernetPhy(Protocol):
    """Management registers."""

    def read(self, reg: int) -> int: ...
    def write(self, reg: int, value: int) -> None: ...


class EthernetMac(Protocol):
    """The device that this driver is handed. ``number`` names it in the core."""

    number: int
    irq: int
    address: bytes
    tx_ring: int

    @property
    def phy(self) -> EthernetPhy: ...
    def read(self, reg: int) -> int: ...
    def write(self, reg: int, value: int) -> None: ...
    def write_address(self, index: int, mac: bytes) -> None: ...


class EthernetDriver:
    """One interface. Down after initialization. ``lock``: its device lock, where locks are split.

    Options: ETH_QUEUE (LPWORK, HPWORK or THREAD), ETH_THREAD_PRIORITY, ETH_IRQ_FRAMES, ETH_IRQ_USEC, NET_ETH_PKTSIZE,
    NET_PROMISCUOUS. ``budget``: frames per call into C; 1 makes the driver go frame by frame.
    """

    def __init__(self, kernel: Kernel, mac: EthernetMac, name: str = "eth0", *, budget: int = BUDGET) -> None:
        self.kernel = kernel
        self.mac = mac
        self.name = name
        self.budget = budget
        self.lock = Mutex(kernel, f"{name} lock") if kernel.net_lock.split else None
        self.guard = self.lock or kernel.net_lock.mutex  # what conn_dev_lock(None, self) takes
        self.bifup = False
        self.queue = self._choose_queue()
        self.irqwork = Work(kernel, f"{name} irqwork")
        self.pollwork = Work(kernel, f"{name} pollwork")
        self.txtimeout = Watchdog(kernel, self.txtimeout_expiry)
        self._filters: list[bytes | None] = [None] * FILTERS
        self._more_filters: list[bytes] = []
        try:
            kernel.irqs.attach(mac.irq, self.interrupt, name=f"{name}_interrupt")
        except OSError as error:
            raise OSError(EAGAIN, f"{name}: no interrupt line {mac.irq}: {error}") from error
        mtu = min(1500, int(kernel.options["NET_ETH_PKTSIZE"]) - ETH_HDRLEN)
        self.index = check(
            lib.ethdrv_register(
                kernel.board, name.encode(), mtu, mac.number, self.txtimeout.number, kernel.ms2tick(TXTIMEOUT_MS)
            ),
            f"{name}: netdev_register",
        )

    def _choose_queue(self) -> WorkQueue:
        kernel, options = self.kernel, self.kernel.options
        choice = options["ETH_QUEUE"]
        if choice == "THREAD":
            return WorkQueue(kernel, "netthread", int(options["ETH_THREAD_PRIORITY"]), 1, 2048)
        if choice == "HPWORK":
            kernel.syslog.log(
                LOG_WARNING, f"{self.name}: runs on the high priority work queue, which it can keep from everybody else"
            )
        queue = kernel.queues.get(HPWORK if choice == "HPWORK" else LPWORK)
        if queue is None:
            raise ValueError(f"{self.name}: ETH_QUEUE={choice}, but no work queue is built: set SCHED_LPWORK=y")
        return queue

    def _repeat(self, step: Callable[[Any, int, int], int]) -> None:
        r = 1
        while r > 0:
            r = step(self.kernel.board, self.index, self.budget)
            if r >= ACT_BASE:
                r = self.kernel.clock.follow(r)

    def _set(self, field: int, value: int) -> None:
        r = lib.netdev_set(self.kernel.board, self.index, field, value)
        if r >= ACT_BASE:
            self.kernel.clock.follow(r)

    # Interrupt and its work

    def interrupt(self, irq: int, _arg: Any) -> None:
        """The handler: masks its line, takes away the watchdog of a finished transmission, and queues the work."""
        self.kernel.irqs.disable(irq)
        lib.ethdrv_interrupt(self.kernel.board, self.index)
        self.queue.queue(self.irqwork, self.interrupt_work)

    def interrupt_work(self, _arg: Any) -> None:
        """The worker's part: everything that happened, then the line is unmasked."""
        mac = self.mac
        with self.guard:
            status = mac.read(_SR)
            mac.write(_SR, status)
            if status & _RARE and not self._rare(status):
                return
            self.receive()
            self.txdone()
        self.kernel.irqs.enable(mac.irq)

    def _rare(self, status: int) -> bool:
        """What does not happen with every frame. False: the controller is to be reset, the line stays masked."""
        if status & Sr.FATAL:
            self.kernel.syslog.log(LOG_ERR, f"{self.name}: fatal DMA status {status:#x}, resetting")
            self.queue.queue(self.irqwork, self.txtimeout_work)
            return False
        if status & Sr.LINK:
            self._carrier()
        if status & Sr.RXOVF:
            lib.netdev_count_up(self.kernel.board, self.index, lib.NETDEV_RX_ERROR)
        return True

    def receive(self) -> None:
        """Hands every frame in the ring to the stack, which may answer at once."""
        self._repeat(_receive)

    def txdone(self) -> None:
        """Reaps what was sent, and asks the stack for more."""
        self._repeat(_txdone)
        self._repeat(_poll)

    def txpoll(self) -> None:
        """devif_poll() until the stack has nothing more or the ring is full."""
        self._repeat(_poll)

    # Sending

    def txavail(self) -> int:
        """The stack has something to send. A hint, dropped if the work is queued already."""
        if self.pollwork.available:
            self.queue.queue(self.pollwork, self.txavail_work)
        return 0

    def txavail_work(self, _arg: Any) -> None:
        """The poll that txavail asked for."""
        with self.guard:
            if self.bifup:
                self.txpoll()

    def txtimeout_expiry(self) -> None:
        """In the timer interrupt: a frame did not go out. The line stays masked until the work brings it up again."""
        self.kernel.irqs.disable(self.mac.irq)
        self.queue.queue(self.irqwork, self.txtimeout_work)

    def txtimeout_work(self, _arg: Any) -> None:
        """Resets the controller. What was in its rings is lost."""
        with self.guard:
            lib.netdev_count_up(self.kernel.board, self.index, lib.NETDEV_TX_TIMEOUT)
            if self.bifup:
                self._stop()
                self._start()
                self.txpoll()

    # Up and down

    def ifup(self) -> int:
        """Brings the interface up. 0, also if it is up already."""
        with self.guard:
            if not self.bifup:
                self._set(lib.NETDEV_UP, 1)
                self._start()
                self.kernel.net.txavail()  # a carrier may give the stack something to ask
        return 0

    def ifdown(self) -> int:
        """Brings the interface down. 0, also if it is down already. Frames in its rings are lost."""
        with self.guard:
            if self.bifup:
                self._stop()
                self._set(lib.NETDEV_UP, 0)
        return 0

    def _start(self) -> None:
        mac, options = self.mac, self.kernel.options
        mac.phy.write(PhyReg.BMCR, Bmcr.ANENABLE)
        mac.write(Reg.CR, Cr.RESET)
        mac.write_address(0, mac.address)
        device = self.kernel.net.devices.get(self.index)
        for group in sorted(device.ip6.groups()) if device is not None else ():
            self._hear(group)
        self._write_filters()
        mac.write(Reg.RXMIT_N, int(options["ETH_IRQ_FRAMES"]))
        mac.write(Reg.RXMIT_US, int(options["ETH_IRQ_USEC"]))
        mac.write(Reg.TXMIT_N, max(1, mac.tx_ring // 4))
        mac.write(Reg.TXMIT_US, TXIDLE_US)
        mac.write(Reg.IMR, IRQS)
        mac.write(Reg.CR, self._control())
        self.bifup = True
        self.kernel.irqs.enable(mac.irq)
        self._carrier()

    def _stop(self) -> None:
        self.kernel.irqs.disable(self.mac.irq)
        self.txtimeout.cancel()
        self.mac.write(Reg.CR, Cr.RESET)
        self.bifup = False
        self._set(lib.NETDEV_CARRIER, 0)

    def _carrier(self) -> None:
        self.mac.phy.read(PhyReg.BMSR)  # the first read tells of a link that was lost, the second of the present
        up = bool(self.mac.phy.read(PhyReg.BMSR) & Bmsr.LINK)
        self._set(lib.NETDEV_CARRIER, up)

    def _control(self) -> int:
        control = Cr.RE | Cr.TE
        if self.kernel.options["NET_PROMISCUOUS"]:
            control |= Cr.PROMISC
        if self._more_filters:
            control |= Cr.ALLMULTI
        return control

    # Address filter and ioctl

    def addmac(self, mac: bytes) -> int:
        """Takes frames to this group address as well. With more than the filter can hold, it takes all groups."""
        with self.guard:
            self._hear(mac)
            self._write_filters()
        return 0

    def _hear(self, mac: bytes) -> None:
        if mac not in self._filters and None in self._filters:
            self._filters[self._filters.index(None)] = mac
        elif mac not in self._filters and mac not in self._more_filters:
            self._more_filters.append(mac)

    def rmmac(self, mac: bytes) -> int:
        """The reverse."""
        with self.guard:
            if mac in self._more_filters:
                self._more_filters.remove(mac)
            elif mac in self._filters:
                self._filters[self._filters.index(mac)] = self._more_filters.pop() if self._more_filters else None
            self._write_filters()
        return 0

    def _write_filters(self) -> None:
        enabled = 0
        for i, address in enumerate(self._filters):
            if address is not None:
                self.mac.write_address(1 + i, address)
                enabled |= 1 << i
        self.mac.write(Reg.FILTER_EN, enabled)
        if self.bifup:
            self.mac.write(Reg.CR, self._control())

    def ioctl(self, cmd: int, reg: int = 0, value: int = 0) -> int:
        """SIOCGMIIPHY, SIOCGMIIREG and SIOCSMIIREG of the PHY at address 0; anything else is -ENOTTY."""
        if cmd == SIOCGMIIPHY:
            return 0
        if cmd == SIOCGMIIREG:
            return self.mac.phy.read(reg)
        if cmd == SIOCSMIIREG:
            self.mac.phy.write(reg, value)
            return 0
        return -ENOTTY
