"""What an option of the configuration is, and the words in which the tables say it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

Value: TypeAlias = bool | int | str | Fraction
Get: TypeAlias = Callable[[str], Value]
Kind: TypeAlias = Literal["bool", "int", "hex", "string", "number", "choice"]

INT_MAX = 2**31 - 1
MAX_CPUS = 8  # NCPUS_MAX in csrc/base.h


class ConfigError(ValueError):
    """A configuration that cannot be used: says what is wrong, in which file and line if any, and what to do."""


class Option(NamedTuple):
    """One option of the configuration.

    ``default`` may be a function of the other options. ``depends`` names options that must all be on (or non-zero): an
    option whose dependencies are not met is off, or at its default. A ``derived`` option follows from others and cannot
    be set. An option that is not ``modelled`` is known only because defaults or refusals of others depend on it.
    """

    name: str
    kind: Kind
    default: Value | Callable[[Get], Value]
    help: str
    depends: tuple[str, ...] = ()
    low: int = 0
    high: int = INT_MAX
    choices: tuple[str, ...] = ()
    derived: bool = False
    modelled: bool = True
    prefix: str = "CONFIG_"


def flag(name: str, default: bool | Callable[[Get], Value], help: str, *depends: str) -> Option:
    """A bool."""
    return Option(name, "bool", default, help, depends)


def integer(
    name: str, default: int | Callable[[Get], Value], help: str, *depends: str, low: int = 0, high: int = INT_MAX
) -> Option:
    """An int from ``low`` to ``high``."""
    return Option(name, "int", default, help, depends, low, high)


def hexadecimal(name: str, default: int, help: str, *depends: str) -> Option:
    """A hex of 32 bits: an address, a mask."""
    return Option(name, "hex", default, help, depends, 0, 0xFFFFFFFF)


def string(name: str, default: str, help: str, *depends: str) -> Option:
    """A string."""
    return Option(name, "string", default, help, depends)


def derived(name: str, value: Callable[[Get], Value], help: str) -> Option:
    """A bool that follows from others."""
    return Option(name, "bool", value, help, derived=True)


def influence(name: str, help: str) -> Option:
    """A bool that the board does not model, but others depend on."""
    return Option(name, "bool", False, help, modelled=False)


def own(
    name: str,
    kind: Kind,
    default: Value | Callable[[Get], Value],
    help: str,
    *choices: str,
    low: int = 0,
    high: int = INT_MAX,
) -> Option:
    """An option of nutloop's own."""
    return Option(name, kind, default, help, (), low, high, choices, prefix="NUTLOOP_")


def default_stack(get: Get) -> Value:
    """The default of a stack's size that has an option of its own."""
    return get("DEFAULT_TASK_STACKSIZE")
