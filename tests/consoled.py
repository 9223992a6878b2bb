"""What the console tests build on: a board that consists of a kernel, a UART and its driver, without a shell."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from board.config import Config
from board.uart import Uart
from drivers.serial import SerialDriver
from kernel.clock import Clock
from kernel.kernel import Kernel
from kernel.task import Task

US, MS, S = 1_000, 1_000_000, 1_000_000_000
PATIENCE = 60.0  # host seconds until a client gives up; only a failing test waits for it
CHAR = 100 * US  # at 100 kbaud


class Consoled:
    """A board whose console no shell reads; ``heard`` collects what its UART sends."""

    def __init__(self, *, baud: int = 100_000, live: bool = False, driver: bool = True, **options: Any) -> None:
        self.clock = Clock(1, watchdog=0)
        if live:
            self.clock.go_live(0)
        self.kernel = Kernel(self.clock, Config("sim", **options))
        self.uart = Uart(self.clock, self.kernel.board, irq=5, baud=baud)
        self.heard = bytearray()
        self.uart.listeners.append(self.heard.extend)
        if driver:
            self.console = SerialDriver(self.kernel, self.uart)

    def task(self, entry: Callable[[], Any], name: str = "app", priority: int = 100) -> Task:
        """A task that runs ``entry()``; what it raised is in ``kernel.reports``."""
        return self.kernel.tasks.create(lambda _sys: entry(), name, priority, service=True)

    def echo(self) -> Task:
        """A task that sends back whatever it reads, with LF for CR."""

        def main() -> None:
            while data := self.console.read(64):
                self.console.write(data.replace(b"\r", b"\n"))

        return self.task(main, "echo")

    def later(self, ns: int) -> None:
        """Lets ``ns`` pass."""
        self.clock.run(self.clock.now_ns + ns)

    def settle(self) -> None:
        """Lets time pass until nothing can happen any more."""
        self.clock.run(None)

    def close(self) -> None:
        """Ends it."""
        self.kernel.close()
        self.clock.close()

    def __enter__(self) -> Consoled:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def live() -> Iterator[Consoled]:
    """A live console that echoes."""
    with Consoled(live=True, baud=10_000_000) as b:
        b.echo()
        yield b


def until(b: Consoled, condition: Callable[[], bool]) -> None:
    """Lets time pass until a condition holds."""
    for _ in range(6000):
        if condition():
            return
        b.clock.run(b.clock.now_ns + 5 * MS)
    raise AssertionError("it never came true")


def serve(b: Any, client: Callable[[], Any]) -> Any:
    """Runs ``client`` on another thread while the bench runs here; returns what it returned, raises what it raised."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def main() -> None:
        try:
            results.append(client())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=main)
    thread.start()
    while thread.is_alive():
        b.clock.run(b.clock.now_ns + 5 * MS)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
