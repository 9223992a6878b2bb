"""A board: hardware, drivers and kernel put together and booted."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from board import attach
from board.bench import Bench
from board.config import Config
from board.eth import EthernetPort
from board.kconfig.ipv6 import preflen6, router6
from board.line import IrqLine
from board.mac import Mac
from board.profile import hardware
from board.uart import Uart
from drivers.ethernet import EthernetDriver
from drivers.loopback import LoopbackDriver
from drivers.serial import SerialDriver
from kernel.apps import App
from kernel.apps.builtin import builtin_apps
from kernel.core import COSTS
from kernel.errors import BenchError
from kernel.fs.binfs import binfs
from kernel.fs.devices import use_console
from kernel.fs.openfile import STDOUT
from kernel.inet import inet_ntoa, option_address, unpack_address
from kernel.kernel import Kernel
from kernel.netdev import NetDevice
from kernel.nsh import nsh_main, run_command
from kernel.task import Task

IRQ_ETH, IRQ_UART = 4, 5


class NshReply(str):
    """What a shell command printed, with plain line ends; ``status`` is its exit status, 0 or 1."""

    status: int

    def __new__(cls, text: str, status: int) -> NshReply:
        reply = super().__new__(cls, text)
        reply.status = status
        return reply

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.status == 0

    @property
    def text(self) -> str:
        """The text as a plain string."""
        return str.__str__(self)

    @property
    def lines(self) -> list[str]:
        """Its lines, without line ends."""
        return self.splitlines()


class ConsolePort:
    """The board's serial console as the bench sees it."""

    def __init__(self, board: Board) -> None:
        self._board = board

    @property
    def url(self) -> str:
        """``nutloop://NAME``, by which pyserial's ``serial_for_url()`` opens this console. Of a living board."""
        return attach.url(self._board)

    def open(self, **options: Any) -> Any:
        """A pyserial object, in this process; its timeouts are virtual seconds."""
        return attach.console(self._board, **options)

    def threaded(self, **options: Any) -> Any:
        """A pyserial object for other threads than the bench's. Live benches only."""
        return attach.threaded(self._board, **options)

    def rfc2217(self, **options: Any) -> Any:
        """A TCP port of this host that RFC 2217 clients open, reset by DTR included. Live benches only."""
        return attach.rfc2217(self._board, **options)

    def pty(self, **options: Any) -> Any:
        """A pseudo-terminal that any terminal program opens. Live benches only."""
        return attach.pty(self._board, **options)

    def stdio(self, **options: Any) -> Any:
        """This process's standard input and output. Live benches only."""
        return attach.stdio(self._board, **options)


class Board:
    """One board, on a bench of its own unless ``bench`` is given.

    ``profile``: sim, stm32f7, smp4, or the path of a NuttX .config; ``config``: such a path, with the profile's
    hardware. Keywords are Kconfig options without CONFIG_. Nothing runs before the first call that makes time pass.
    """

    def __init__(
        self,
        profile: str = "sim",
        *,
        name: str = "board",
        seed: int = 0,
        live: bool = False,
        watchdog: float = 10.0,
        bench: Bench | None = None,
        config: str | None = None,
        **overrides: object,
    ) -> None:
        self.config = Config(profile, config=config, **overrides)
        self._own_bench = bench is None
        self.bench = bench if bench is not None else Bench(seed, live=live, watchdog=watchdog)
        self.bench.clock.require_host(f"put {name} on its own bench")
        self.name = name
        self.number = len(self.bench.boards)
        self.hardware = hardware(self.config)
        self._log: list[str] = []  # reports of earlier boots
        self._builtins: dict[str, App] = {}
        try:
            self.kernel = self._make_kernel()
            self._solder()
            self.bench.boards.append(self)
            self._bring_up()
        except BaseException:
            if self._own_bench:
                self.bench.close()
            raise
        attach.announce(self)

    def _solder(self) -> None:
        """The hardware, which outlives every reset, and its cable to the host's end."""
        clock, core, hw = self.bench.clock, self.kernel.board, self.hardware
        address = b"\x02\x6e\x6c\x00" + (0x0101 + self.number).to_bytes(2, "big")
        mac = Mac(clock, core, address, irq=IRQ_ETH, rx_ring=hw.rx_ring, tx_ring=hw.tx_ring, mbps=hw.link_mbps)
        self.eth0 = EthernetPort(self, mac)
        self.uart = Uart(clock, core, irq=IRQ_UART, baud=hw.uart_baud, fifo=hw.uart_fifo)
        self.uart.on_reset = self._reset_by_dtr
        self.console = ConsolePort(self)
        name = "nl0" if self.number == 0 else f"nl0.{self.name}"
        self.eth0.host = self.bench.host_end(name, ip6=router6(self.config))
        self.eth0.host.plug(mac)

    def _make_kernel(self, board: Any = None) -> Kernel:
        hw = self.hardware
        return Kernel(
            self.bench.clock,
            self.config,
            name=self.name,
            ncpus=hw.ncpus,
            ram=hw.ram_size,
            costs=dict(zip(COSTS, hw.cost_ps, strict=True)),
            board=board,
        )

    def _bring_up(self) -> None:
        """Drivers in the order of NuttX's board bring-up, then the init task."""
        kernel = self.kernel
        self.bench.prepare(kernel)
        kernel.console = SerialDriver(kernel, self.uart)
        if self.config.flag("NET_ETHERNET"):
            self.eth0.driver = EthernetDriver(kernel, self.eth0.mac_model, "eth0")
            self._configure(kernel.net.register(self.eth0.driver))
        if self.config.flag("NET_LOOPBACK"):
            kernel.net.register(LoopbackDriver(kernel))
        kernel.apps = builtin_apps(self.config) | self._builtins
        if self.config.flag("FS_BINFS"):
            kernel.vfs.filesystems["binfs"] = partial(binfs, kernel.apps)
            kernel.vfs.mount("/bin", "binfs")
        kernel.on_reset = self._reset_from_inside
        kernel.on_reboot = self._reboot_from_inside
        kernel.on_poweroff = self._poweroff_from_inside
        priority, stack = self.config.number("INIT_PRIORITY"), self.config.number("INIT_STACKSIZE")
        task = kernel.tasks.create(nsh_main, "nsh_main", priority, stack=stack, service=True)
        use_console(task.files, kernel.console)

    def _configure(self, eth0: NetDevice) -> None:
        """Boards of a bench have consecutive addresses. Without NSH_NETINIT eth0 has none until somebody sets it."""
        config = self.config
        eth0.noarp = not config.flag("NET_ARP")
        if config.flag("NSH_NETINIT"):
            if not config.flag("NETINIT_DHCPC"):
                eth0.ipaddr = inet_ntoa(config.number("NETINIT_IPADDR") + self.number)
            eth0.netmask = inet_ntoa(config.number("NETINIT_NETMASK"))
            self.kernel.net.set_dripv4addr(eth0, inet_ntoa(config.number("NETINIT_DRIPADDR")))
            if config.flag("NET_IPv6") and not config.flag("NET_ICMPv6_AUTOCONF"):
                self._configure_ipv6(eth0)

    def _configure_ipv6(self, eth0: NetDevice) -> None:
        get = self.config.__getitem__
        own = int.from_bytes(option_address(get, "NETINIT_IPv6ADDR"), "big") + self.number
        eth0.ip6.set(unpack_address(own.to_bytes(16, "big")), preflen6(get))
        eth0.ip6.router = unpack_address(option_address(get, "NETINIT_DRIPv6ADDR"))

    # Time

    @property
    def now(self) -> float:
        """Virtual time, s."""
        return self.bench.now

    @property
    def now_ns(self) -> int:
        """Virtual time, ns, exact."""
        return self.bench.now_ns

    def boot(self) -> None:
        """Lets time pass until the boards of the bench have their networks up. Raises BenchError if one never does."""
        self._require_power()
        self.bench.boot()

    def run(self, seconds: float) -> None:
        """Lets that much time pass on the whole bench."""
        self.bench.run(seconds)

    def run_until(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """See :meth:`board.bench.Bench.run_until`."""
        return self.bench.run_until(predicate, timeout)

    # Programs and the shell

    def spawn(
        self,
        app: Callable[[Any], Any],
        name: str = "app",
        priority: int = 100,
        *,
        stack: int = 0,
        args: tuple[str, ...] = (),
    ) -> Task:
        """Starts a task on the board: ``app(sys)`` runs when time passes. ``priority``: 1..255.

        ``stack``: bytes; 0: CONFIG_DEFAULT_TASK_STACKSIZE. Raises OSError (ENOMEM, EINVAL).
        """
        self._require_power()
        task = self.kernel.tasks.create(app, name, priority, stack=stack, args=args, start=False)
        if self.kernel.console is not None:
            use_console(task.files, self.kernel.console, STDOUT)
        self.kernel.tasks.start(task)
        return task

    def builtin(self, main: Callable[[Any], int | None], name: str, priority: int = 100, *, stack: int = 0) -> None:
        """Makes a program one of the shell's built-in applications, now and after every reset.

        ``main(sys)`` has its arguments in ``sys.argv`` and returns its exit status; a command of its name gives way.
        Raises ValueError for a name that nobody could type.
        """
        if not re.fullmatch(r"[\w.+-]{1,32}", name):
            raise ValueError(f"builtin: {name!r} is no name of a program: letters, digits, _ . + -, at most 32")
        self._builtins[name] = App(name, main, priority, stack)
        if not self.kernel.closed:
            self.kernel.apps[name] = self._builtins[name]

    def nsh(self, command: str, timeout: float = 60.0) -> NshReply:
        """Runs one shell command and returns what it printed, a string that also has the exit status.

        It has a shell of its own: working directory, variables and ``$?`` end with it.
        ``timeout``: virtual seconds. Raises TimeoutError, which tells what was printed so far and what the board's
        tasks wait for, if it does not end in time, and BenchError if the board is off.
        """
        if not isinstance(command, str):
            raise TypeError(f"nsh: a command is a str, not {command!r}")
        self.boot()
        job = run_command(self.kernel, command)
        self._note(f"(host) nsh> {command}\n")
        if not self.bench.run_until(lambda: job.done, timeout):
            waits = attach.waits(self)
            job.abandon()
            if self.kernel.panic is not None:
                raise BenchError(f"nsh: {command!r} cannot run any more: {self.kernel.panic}") from self.kernel.panic
            so_far = job.text or "(nothing)"
            raise TimeoutError(
                f"nsh: {command!r} did not end within {timeout} virtual seconds; so far:\n{so_far}\n{waits}"
            )
        self._note(job.text)
        return NshReply(job.text, job.status)

    def _note(self, text: str) -> None:
        """What the host does with the shell is told in the console's log, though it did not pass on the line."""
        self.uart.log.note(self.bench.now_ns, text)

    def irq_line(self, number: int) -> IrqLine:
        """A free interrupt line (6..31) for a device of your own; see docs/driver.md."""
        return IrqLine(self.kernel.board, number)

    @property
    def reports(self) -> list[str]:
        """What went wrong on the board, oldest first: tasks that died, panics, locks left held."""
        return self._log + self.kernel.reports

    def capture(self, path: str) -> Any:
        """Writes every frame of eth0 to a pcapng file from now on, until the bench closes."""
        return attach.capture(self, path)

    # Power

    def reset(self) -> None:
        """The reset button: the kernel starts anew, the hardware and who is attached to it stay. Time does not pass."""
        self.bench.clock.require_host(f"reset {self.name}", "; code on the board calls reboot")
        self._restart()

    def _restart(self) -> None:
        core = self.kernel.hand_over()
        self._log += self.kernel.reports
        self.kernel = self._make_kernel(core)
        self.eth0.mac_model.reset()
        self.uart.reset()
        self._bring_up()

    def _reset_by_dtr(self) -> None:
        """The console's DTR is wired to the reset button: its rise starts the board anew, between two instants."""
        if self.bench.clock.running:
            self.bench.clock.later(lambda: None if self.kernel.gone else self._restart())
        else:
            self._restart()

    def _reset_from_inside(self) -> None:
        self.bench.clock.later(self._restart)

    def _reboot_from_inside(self) -> None:
        self._reset_from_inside()
        self.kernel.halt()

    def _poweroff_from_inside(self) -> None:
        self.bench.clock.later(self._switch_off)
        self.kernel.halt()

    def power_off(self) -> None:
        """Switches it off: no code of it runs any more, cable and console stay plugged in. reset() switches it on.

        Idempotent.
        """
        if not self.kernel.closed:
            self.bench.clock.require_host(f"switch {self.name} off", "; code on the board calls poweroff")
            self._switch_off()

    def _switch_off(self) -> None:
        self.kernel.shut_down()
        self.eth0.mac_model.reset()

    def remove(self) -> None:
        """Takes it off the bench for good: its cable and its serial line are dead from then on. Idempotent."""
        if self.kernel.gone:
            return
        self.bench.clock.require_host(f"remove {self.name}")
        self.uart.power_off()
        self.eth0.mac_model.close()
        self.kernel.close()

    def _require_power(self) -> None:
        if self.kernel.gone:
            raise BenchError(f"{self.name} is closed")
        if self.kernel.closed:
            raise BenchError(f"{self.name} is off; reset() switches it on again")

    def close(self) -> None:
        """Ends the board, and its bench if that is its own. Idempotent."""
        if self._own_bench:
            self.bench.close()
        else:
            self.remove()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
