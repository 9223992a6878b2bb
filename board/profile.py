"""The virtual hardware of a board, read from its configuration: CPUs and their costs, memory, network link, console."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from board.config import PROFILES, Config
from board.kconfig import ConfigError
from kernel.core import COSTS

PS_PER_US = 1_000_000


@dataclass(frozen=True)
class Hardware:
    """What is soldered to the board.

    ``cost_ps`` holds the time of each operation in picoseconds, in the order of ``enum cost`` in csrc/board.h.
    """

    ncpus: int
    cost_ps: tuple[int, ...]
    ram_size: int
    link_mbps: int
    rx_ring: int
    tx_ring: int
    uart_baud: int
    uart_fifo: int

    @property
    def has_costs(self) -> bool:
        """Whether running code takes time at all."""
        return any(self.cost_ps)


def hardware(config: Config) -> Hardware:
    """The hardware that `config` describes."""
    return Hardware(
        ncpus=config.number("SMP_NCPUS") if config.flag("SMP") else 1,
        cost_ps=cost_table(config),
        ram_size=config.number("RAM_SIZE"),
        link_mbps=config.number("LINK_MBPS"),
        rx_ring=config.number("ETH_RX_RING"),
        tx_ring=config.number("ETH_TX_RING"),
        uart_baud=config.number("UART_BAUD"),
        uart_fifo=config.number("UART_FIFO"),
    )


def cost_table(config: Config) -> tuple[int, ...]:
    """The costs in picoseconds: cycles by the CPU's clock, rounded to the nearest."""
    ps_per_cycle = PS_PER_US / Fraction(config["CPU_MHZ"])
    return tuple(round(Fraction(config[f"COST_{what}"]) * ps_per_cycle) for what in COSTS)


def profile_summary(name: str) -> str:
    """What a profile is, in one line: the first comment of its file. Raises ConfigError if there is no such profile."""
    path = PROFILES / f"{name}.defconfig"
    if not path.is_file():
        raise ConfigError(f"no profile {name!r} in {PROFILES}")
    return path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
