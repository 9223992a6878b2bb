"""The options nutloop models: NuttX's Kconfig names, types, defaults, ranges and dependencies, and nutloop's own.

An option of NuttX is written ``CONFIG_X=...`` in a file, one of nutloop's own (the virtual hardware, and variants of
the kernel that NuttX has no option for) ``NUTLOOP_X=...``; code and keyword arguments say ``X`` for both. Names,
defaults and ranges of NuttX's options are those of the Kconfig files of NuttX 13.0 (mm/iob, sched, net, drivers, arch,
libs/libc) and nuttx-apps (nshlib, netutils, system, examples). Each subject has a table in a file of its own.
"""

from __future__ import annotations

from board.kconfig.apps import APPS
from board.kconfig.board import BOARD
from board.kconfig.iob import IOB
from board.kconfig.ipv6 import IPV6
from board.kconfig.net import NET
from board.kconfig.netinit import NETINIT
from board.kconfig.option import INT_MAX, MAX_CPUS, ConfigError, Option, Value
from board.kconfig.own import OWN
from board.kconfig.sched import SCHED
from board.kconfig.shell import SHELL
from board.kconfig.system import SYSTEM
from board.kconfig.tcp import TCP

__all__ = ["INT_MAX", "MAX_CPUS", "OPTIONS", "ConfigError", "Option", "Value"]

_TABLES = (BOARD, SCHED, IOB, NET, IPV6, TCP, NETINIT, SHELL, SYSTEM, APPS, OWN)

OPTIONS: dict[str, Option] = {option.name: option for table in _TABLES for option in table}
"""Every option by its name without prefix, in the order in which they are listed."""
